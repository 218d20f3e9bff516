//! `type`: writes out files.
//!
//! Into a file or pipe go the bytes as they are. On a terminal text is made readable: UTF-16 with its mark is decoded, as
//! Windows' own `type` does, and control characters show as escapes, so that a file cannot take the terminal over.

use super::{arguments, Context};
use crate::exit::Failure;
use crate::prompt::path_of;
use crate::text;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};

/// The most bytes of a line that are shown at once.
const PIECE_MAX: u64 = 64 << 10;

/// How UTF-16 with the low byte first begins, and UTF-8 by programs that mark it.
const UTF16_MARK: &[u8] = b"\xff\xfe";
const UTF8_MARK: &[u8] = b"\xef\xbb\xbf";

/// The command line.
#[derive(Debug, clap::Parser)]
#[command(name = "type", no_binary_name = true, about = "Write out files")]
pub(super) struct TypeArgs {
    /// The files; without any, or for -, standard input
    #[arg(value_name = "FILE")]
    files: Vec<String>,
    /// Write the bytes as they are on a terminal, too
    #[arg(long)]
    raw: bool,
}

pub(super) fn run(context: &mut Context<'_>, words: &[String]) -> Result<u32, Failure> {
    let Some(args) = arguments::<TypeArgs>(context, words, &[])? else {
        return Ok(0);
    };
    let input = ["-".to_owned()];
    let named = match args.files.is_empty() {
        true => &input[..],
        false => &args.files[..],
    };
    let is_readable = context.is_terminal && !args.raw;
    let mut code = 0;
    for name in named {
        match open(context, name) {
            Ok(mut reader) => {
                if let Err(error) = write_out(context, &mut reader, is_readable)? {
                    code = refuse(context, name, &error);
                }
            }
            Err(error) => code = refuse(context, name, &error),
        }
    }
    Ok(code)
}

fn refuse(context: &mut Context<'_>, name: &str, error: &io::Error) -> u32 {
    let name = if name == "-" { "standard input" } else { name };
    context.complain(&format!("cannot read {name}: {error}"));
    super::code_of(error)
}

fn open(context: &mut Context<'_>, name: &str) -> io::Result<Box<dyn BufRead>> {
    if name == "-" {
        let input = std::mem::replace(&mut context.input, Box::new(io::empty()));
        return Ok(Box::new(BufReader::new(input)));
    }
    let file = File::open(path_of(name))?;
    Ok(Box::new(BufReader::new(file)))
}

/// Writes out all of it. The inner error is one of reading.
fn write_out(
    context: &mut Context<'_>,
    reader: &mut dyn BufRead,
    is_readable: bool,
) -> Result<io::Result<()>, Failure> {
    if is_readable {
        return match reader.fill_buf().map(|start| start.starts_with(UTF16_MARK)) {
            Ok(true) => utf16(context, reader),
            Ok(false) => lines(context, reader),
            Err(error) => Ok(Err(error)),
        };
    }
    loop {
        let bytes = match reader.fill_buf() {
            Ok([]) => return Ok(Ok(())),
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Ok(Err(error)),
        };
        context.print_raw(bytes)?;
        let length = bytes.len();
        reader.consume(length);
    }
}

fn lines(context: &mut Context<'_>, reader: &mut dyn BufRead) -> Result<io::Result<()>, Failure> {
    let mut is_first = true;
    loop {
        let mut line = Vec::new();
        match reader.take(PIECE_MAX).read_until(b'\n', &mut line) {
            Ok(0) => return Ok(Ok(())),
            Ok(_) => {}
            Err(error) => return Ok(Err(error)),
        }
        let mark = if is_first { UTF8_MARK } else { &[] };
        let line = line.strip_prefix(mark).unwrap_or(&line);
        context.print(&readable(line))?;
        is_first = false;
    }
}

fn utf16(context: &mut Context<'_>, reader: &mut dyn BufRead) -> Result<io::Result<()>, Failure> {
    let mut bytes = Vec::new();
    if let Err(error) = reader.read_to_end(&mut bytes) {
        return Ok(Err(error));
    }
    let units = bytes[UTF16_MARK.len()..]
        .chunks_exact(2)
        .map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    let decoded: String = char::decode_utf16(units)
        .map(|character| character.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect();
    for line in decoded.split_inclusive('\n') {
        context.print(&readable(line.as_bytes()))?;
    }
    Ok(Ok(()))
}

/// A line, or the part of one, that does nothing to the terminal but show itself.
fn readable(line: &[u8]) -> String {
    match line.strip_suffix(b"\n") {
        Some(line) => text::line(line.strip_suffix(b"\r").unwrap_or(line)) + "\n",
        None => text::line(line),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_readable_and_end_as_they_did() {
        assert_eq!(readable(b"a\tb\r\n"), "a\tb\n");
        assert_eq!(readable(b"\x1b[2J\n"), "\\x1b[2J\n");
        assert_eq!(readable(b"no end"), "no end");
        assert_eq!(readable(b"\n"), "\n");
    }
}
