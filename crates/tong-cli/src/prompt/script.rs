//! Commands from a file, an argument or standard input.

use super::language::{self, Lexed, Open, Problem};
use super::{Outcome, Shell};
use crate::exit::{Code, Failure};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::path::Path;

/// Runs a whole text; `name` is what it is called in messages. Nothing of it runs if it means nothing somewhere.
pub(crate) fn run_text(shell: &mut Shell, text: &str, name: &str) -> Result<u32, Failure> {
    let lexed = language::lex(text);
    let steps = open_quote(&lexed)
        .map_or_else(|| language::parse(text), Err)
        .map_err(|problem| {
            let line = text[..problem.at].matches('\n').count() + 1;
            let why = format!("{name}, line {line}: {}", problem.what);
            Failure::Own(Code::Usage, why)
        })?;
    Ok(match shell.run_steps(&steps, text) {
        Outcome::Exit(code) => code,
        Outcome::GoOn => shell.last_code(),
    })
}

/// In a script a quote that is not closed is a mistake, not one up to the end of the file.
fn open_quote(lexed: &Lexed) -> Option<Problem> {
    match lexed.open {
        Some(Open::Quote(mark, at)) => Some(Problem {
            at,
            what: format!("the quotation mark {mark} has no partner"),
        }),
        _ => None,
    }
}

/// Runs a file.
pub(crate) fn run_file(shell: &mut Shell, file: &Path) -> Result<u32, Failure> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| Failure::Io(format!("cannot read {}", file.display()), error))?;
    // Editors of Windows put it there.
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    run_text(shell, text, &file.display().to_string())
}

/// Runs what comes on standard input, line by line, as it comes.
///
/// Only whole lines are read ahead, because the programs that are run read the same input.
pub(crate) fn run_input(shell: &mut Shell) -> Result<u32, Failure> {
    let failed = |error| Failure::Io("cannot read standard input".to_owned(), error);
    let input = io::stdin().as_fd().try_clone_to_owned().map_err(failed)?;
    let mut input = File::from(input);
    let (mut pending, mut first_line) = (String::new(), 1);
    loop {
        let line = read_line(&mut input).map_err(failed)?;
        let is_end = line.is_empty();
        pending.push_str(&String::from_utf8_lossy(&line));
        if !is_end && !language::is_complete(&pending) {
            continue;
        }
        let lines = pending.matches('\n').count();
        let text = std::mem::take(&mut pending);
        let name = format!("standard input, from line {first_line} on");
        match run_piece(shell, &text, &name)? {
            Outcome::Exit(code) => return Ok(code),
            Outcome::GoOn if is_end => return Ok(shell.last_code()),
            Outcome::GoOn => first_line += lines,
        }
    }
}

fn run_piece(shell: &mut Shell, text: &str, name: &str) -> Result<Outcome, Failure> {
    let steps = open_quote(&language::lex(text)).map_or_else(|| language::parse(text), Err);
    let steps =
        steps.map_err(|problem| Failure::Own(Code::Usage, format!("{name}: {}", problem.what)))?;
    Ok(shell.run_steps(&steps, text))
}

/// Reads up to the end of a line and not a byte further.
fn read_line(input: &mut File) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    let mut byte = [0];
    while line.last() != Some(&b'\n') {
        match input.read(&mut byte) {
            Ok(0) => break,
            Ok(_) => line.push(byte[0]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(line)
}
