//! The ends of a relay as people write them: `pipe:NAME`, `tcp:HOST:PORT` and so on.

use crate::cmd::{mailslot_name, pipe_name};
use crate::exit::{Code, Failure};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use tong::{MailslotName, PipeName};

/// An end that can be opened.
#[derive(Clone, Debug)]
pub(crate) enum Address {
    Pipe(PipeName),
    PipeListen(PipeName),
    Mailslot(MailslotName),
    Unix(PathBuf),
    UnixListen(PathBuf),
    /// Host and port.
    Tcp(String),
    /// Address and port.
    TcpListen(String),
    Stdio,
    /// Program and arguments.
    Exec(Vec<OsString>),
    Fifo(PathBuf),
}

const KINDS: &str =
    "pipe:NAME, pipe-listen:NAME, mailslot:NAME, unix:PATH, unix-listen:PATH, tcp:HOST:PORT, \
                     tcp-listen:PORT, stdio, exec:PROGRAM or fifo:PATH";

impl Address {
    /// Reads an end as it is written on the command line.
    pub(crate) fn parse(written: &OsStr) -> Result<Address, Failure> {
        if written == "stdio" || written == "-" {
            return Ok(Address::Stdio);
        }
        let bytes = written.as_bytes();
        let shown = written.to_string_lossy();
        let usage = |why: &str| Failure::Own(Code::Usage, format!("{shown}: {why}"));
        let colon = bytes.iter().position(|byte| *byte == b':');
        let colon = colon.ok_or_else(|| usage(&format!("an end is written as {KINDS}")))?;
        let (kind, rest) = (&bytes[..colon], &bytes[colon + 1..]);
        if rest.is_empty() {
            return Err(usage("something is missing behind the colon"));
        }
        let path = || PathBuf::from(OsStr::from_bytes(rest));
        let text = || {
            std::str::from_utf8(rest).map_err(|_| usage("what is behind the colon must be UTF-8"))
        };
        match kind {
            b"pipe" => Ok(Address::Pipe(pipe_name(text()?)?)),
            b"pipe-listen" => Ok(Address::PipeListen(pipe_name(text()?)?)),
            b"mailslot" => Ok(Address::Mailslot(mailslot_name(text()?)?)),
            b"unix" => Ok(Address::Unix(path())),
            b"unix-listen" => Ok(Address::UnixListen(path())),
            b"tcp" if has_host_and_port(text()?) => Ok(Address::Tcp(text()?.to_owned())),
            b"tcp" => Err(usage(
                "a host and a port are expected, such as tcp:localhost:80",
            )),
            b"tcp-listen" => listen_address(text()?)
                .map(Address::TcpListen)
                .ok_or_else(|| usage("a port is expected, or an address and a port")),
            b"exec" => words(rest)
                .map(Address::Exec)
                .ok_or_else(|| usage("a quotation mark is not closed, or there is no program")),
            b"fifo" => Ok(Address::Fifo(path())),
            _ => Err(usage(&format!("the kind must be one of {KINDS}"))),
        }
    }

    /// Does it wait for others to come?
    pub(crate) fn is_listening(&self) -> bool {
        matches!(
            self,
            Address::PipeListen(_) | Address::UnixListen(_) | Address::TcpListen(_)
        )
    }
}

fn has_host_and_port(text: &str) -> bool {
    text.rsplit_once(':')
        .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
}

/// Address and port to listen at: only for this machine, unless an address says otherwise.
fn listen_address(text: &str) -> Option<String> {
    match text.parse::<u16>() {
        Ok(port) => Some(format!("127.0.0.1:{port}")),
        Err(_) => has_host_and_port(text).then(|| text.to_owned()),
    }
}

/// The words of a command line; quotation marks of both kinds keep blanks in a word.
fn words(line: &[u8]) -> Option<Vec<OsString>> {
    let mut words = Vec::new();
    let mut word: Option<Vec<u8>> = None;
    let mut quote = None;
    for byte in line {
        match (quote, byte) {
            (Some(open), byte) if open == *byte => quote = None,
            (Some(_), byte) => word.get_or_insert_default().push(*byte),
            (None, b'\'' | b'"') => {
                quote = Some(*byte);
                word.get_or_insert_default();
            }
            (None, byte) if byte.is_ascii_whitespace() => words.extend(word.take()),
            (None, byte) => word.get_or_insert_default().push(*byte),
        }
    }
    words.extend(word);
    let is_complete = quote.is_none() && !words.is_empty();
    is_complete.then(|| words.into_iter().map(OsString::from_vec).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Address, Failure> {
        Address::parse(OsStr::new(text))
    }

    #[test]
    fn each_kind_of_end_has_its_form() {
        assert!(matches!(parse("stdio"), Ok(Address::Stdio)));
        assert!(matches!(parse("-"), Ok(Address::Stdio)));
        assert!(matches!(parse("tcp:[::1]:80"), Ok(Address::Tcp(to)) if to == "[::1]:80"));
        assert!(
            matches!(parse("tcp-listen:80"), Ok(Address::TcpListen(at)) if at == "127.0.0.1:80")
        );
        assert!(
            matches!(parse("tcp-listen:0.0.0.0:0"), Ok(Address::TcpListen(at)) if at == "0.0.0.0:0")
        );
        assert!(
            matches!(parse("unix:/a b"), Ok(Address::Unix(path)) if path.as_os_str() == "/a b")
        );
        for bad in [
            "",
            "box",
            "tcp:80",
            "tcp:host",
            "tcp:host:x",
            "tcp-listen:x",
            "exec:",
            "exec: ",
            "exec:'a",
            "door:x",
            "fifo:",
        ] {
            let failure = parse(bad).err();
            assert!(
                matches!(failure, Some(Failure::Own(Code::Usage, _))),
                "{bad}"
            );
        }
    }

    #[test]
    fn a_command_line_is_cut_at_blanks_that_are_not_quoted() {
        let split = |text: &str| words(text.as_bytes());
        let of = |words: &[&str]| Some(words.iter().map(OsString::from).collect());
        assert_eq!(split("sort -r  -n"), of(&["sort", "-r", "-n"]));
        assert_eq!(split("sh -c 'a \"b\"; c'"), of(&["sh", "-c", "a \"b\"; c"]));
        assert_eq!(split("a\"b c\"d ''"), of(&["ab cd", ""]));
    }
}
