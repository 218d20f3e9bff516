//! Where messages meet bytes: a message for each line, and the empty message that stands for the end.

use super::{Fault, Got, Sink, Source, Stop, Told};
use crate::exit::Failure;
use crate::text;

/// How a message is written as a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// As it is, with a line feed behind it.
    Exact,
    /// With control characters and bytes that are not UTF-8 as escapes, for people.
    Visible,
}

/// Makes a message of each line of a stream; the last may lack its line feed.
pub(crate) struct FromLines {
    from: Box<dyn Source>,
    held: Vec<u8>,
    /// Where in `held` the next line begins, and up to where there is no line feed.
    begin: usize,
    seen: usize,
    end: Option<Got>,
}

impl FromLines {
    pub(crate) fn new(from: Box<dyn Source>) -> FromLines {
        FromLines {
            from,
            held: Vec::new(),
            begin: 0,
            seen: 0,
            end: None,
        }
    }

    /// The next line that is complete.
    fn line(&mut self) -> Option<&[u8]> {
        let found = self.held[self.seen..]
            .iter()
            .position(|byte| *byte == b'\n');
        let Some(len) = found else {
            self.seen = self.held.len();
            return None;
        };
        let line = self.begin..self.seen + len;
        self.begin = line.end + 1;
        self.seen = self.begin;
        Some(&self.held[line])
    }

    /// Takes in what came, in place of the lines that were handed out.
    fn take_in(&mut self, came: &[u8]) {
        self.held.drain(..self.begin);
        self.seen -= self.begin;
        self.begin = 0;
        self.held.extend_from_slice(came);
    }
}

impl Source for FromLines {
    fn next(&mut self, chunk: &mut Vec<u8>, stop: &Stop) -> Result<Got, Failure> {
        loop {
            if let Some(line) = self.line() {
                chunk.clear();
                chunk.extend_from_slice(line);
                return Ok(Got::Data);
            }
            if let Some(end) = self.end {
                return Ok(end);
            }
            match self.from.next(chunk, stop)? {
                Got::Data => self.take_in(chunk),
                Got::Stopped => return Ok(Got::Stopped),
                end => {
                    self.end = Some(end);
                    if self.begin < self.held.len() {
                        self.take_in(b"\n");
                    }
                }
            }
        }
    }
}

/// Writes each message as a line of a stream.
pub(crate) struct ToLines {
    pub(crate) to: Box<dyn Sink>,
    pub(crate) form: Form,
}

impl Sink for ToLines {
    fn put(&mut self, chunk: &[u8]) -> Result<(), Fault> {
        match self.form {
            Form::Exact => self.to.put(&[chunk, b"\n"].concat()),
            Form::Visible => self.to.put(format!("{}\n", text::line(chunk)).as_bytes()),
        }
    }

    fn finish(&mut self) -> Result<Told, Fault> {
        self.to.finish()
    }
}

/// Takes an empty message for the end.
pub(crate) struct UntilEmpty(pub(crate) Box<dyn Source>);

impl Source for UntilEmpty {
    fn next(&mut self, chunk: &mut Vec<u8>, stop: &Stop) -> Result<Got, Failure> {
        match self.0.next(chunk, stop)? {
            Got::Data if chunk.is_empty() => Ok(Got::End),
            got => Ok(got),
        }
    }
}

/// Tells the end by an empty message.
pub(crate) struct EndByEmpty(pub(crate) Box<dyn Sink>);

impl Sink for EndByEmpty {
    fn put(&mut self, chunk: &[u8]) -> Result<(), Fault> {
        // It would be the end, and nothing is what it says.
        match chunk.is_empty() {
            true => Ok(()),
            false => self.0.put(chunk),
        }
    }

    fn finish(&mut self) -> Result<Told, Fault> {
        self.0.put(&[])?;
        self.0.finish()?;
        Ok(Told::Yes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives out these pieces, and ends.
    struct Pieces(Vec<&'static [u8]>);

    impl Source for Pieces {
        fn next(&mut self, chunk: &mut Vec<u8>, _: &Stop) -> Result<Got, Failure> {
            if self.0.is_empty() {
                return Ok(Got::End);
            }
            *chunk = self.0.remove(0).to_vec();
            Ok(Got::Data)
        }
    }

    fn all(mut source: impl Source) -> Vec<String> {
        let (stop, mut chunk, mut seen) = (Stop::new().expect("fds"), Vec::new(), Vec::new());
        while source.next(&mut chunk, &stop).expect("data") == Got::Data {
            seen.push(String::from_utf8(chunk.clone()).expect("text"));
        }
        seen
    }

    #[test]
    fn lines_are_messages_however_the_bytes_are_cut() {
        let pieces = vec![&b"on"[..], b"e\ntwo\n\nth", b"r", b"ee\n", b"rest"];
        let seen = all(FromLines::new(Box::new(Pieces(pieces))));
        assert_eq!(seen, ["one", "two", "", "three", "rest"]);
        assert!(all(FromLines::new(Box::new(Pieces(Vec::new())))).is_empty());
        let ended = all(FromLines::new(Box::new(Pieces(vec![b"a\n"]))));
        assert_eq!(ended, ["a"]);
    }

    #[test]
    fn an_empty_message_may_stand_for_the_end() {
        let pieces = vec![&b"one"[..], b"", b"two"];
        assert_eq!(all(UntilEmpty(Box::new(Pieces(pieces)))), ["one"]);
    }
}
