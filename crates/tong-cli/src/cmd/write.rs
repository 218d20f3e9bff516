//! `tong mailslot write`: queues messages at a mailslot.

use super::{mailslot_name, note};
use crate::args::WriteArgs;
use crate::exit::{complain, Code, Failure};
use crate::text;
use std::io::{self, BufRead, IsTerminal, Read};
use std::os::unix::ffi::OsStrExt;
use std::thread;
use std::time::{Duration, Instant};
use tong::{ErrorKind, MailslotClient, MailslotName};

/// How often `--wait` looks whether the mailslot exists.
const LOOK_EVERY: Duration = Duration::from_millis(5);

pub(crate) fn run(args: &WriteArgs) -> Result<(), Failure> {
    let name = mailslot_name(&args.name)?;
    let client = open(&name, args.wait.unwrap_or(Duration::ZERO))?;
    let mut writer = Writer {
        client,
        utf16: args.utf16,
        sent: 0,
        bytes: 0,
    };
    let outcome = writer.send_all(args);
    writer.say_how_many(args, outcome.is_err());
    outcome
}

/// Opens the mailslot, looking for it again until `wait` has passed.
fn open(name: &MailslotName, wait: Duration) -> Result<MailslotClient, Failure> {
    let start = Instant::now();
    loop {
        match MailslotClient::open(name) {
            Err(error) if error.kind() == ErrorKind::NotFound && start.elapsed() < wait => {}
            result => return Ok(result?),
        }
        thread::sleep(LOOK_EVERY.min(wait.saturating_sub(start.elapsed())));
    }
}

/// The open mailslot, and what was queued so far.
struct Writer {
    client: MailslotClient,
    utf16: bool,
    sent: u64,
    bytes: u64,
}

impl Writer {
    /// Queues the messages from wherever the flags say they come.
    fn send_all(&mut self, args: &WriteArgs) -> Result<(), Failure> {
        if !args.messages.is_empty() {
            return args
                .messages
                .iter()
                .try_for_each(|message| self.send(message.as_bytes()));
        }
        let mut input = io::stdin().lock();
        if input.is_terminal() {
            note(args.quiet, "type messages, one a line; Ctrl-D ends");
        }
        if args.whole {
            let mut message = Vec::new();
            input.read_to_end(&mut message).map_err(unreadable)?;
            return self.send(&message);
        }
        self.send_each(&mut input, if args.null { 0 } else { b'\n' })
    }

    /// Queues what stands between the ends; the last message may lack its end.
    fn send_each(&mut self, input: &mut impl BufRead, end: u8) -> Result<(), Failure> {
        let mut message = Vec::new();
        while input.read_until(end, &mut message).map_err(unreadable)? > 0 {
            let body = message.strip_suffix(&[end]).unwrap_or(&message);
            self.send(body)?;
            message.clear();
        }
        Ok(())
    }

    /// Queues one message.
    fn send(&mut self, message: &[u8]) -> Result<(), Failure> {
        let len = if self.utf16 {
            let wide = std::str::from_utf8(message)
                .map(text::to_utf16)
                .map_err(|_| not_text(self.sent))?;
            self.client.send(&wide)?;
            wide.len()
        } else {
            self.client.send(message)?;
            message.len()
        };
        self.sent += 1;
        self.bytes += len as u64;
        Ok(())
    }

    /// Says how many messages were queued: at a terminal, and to everyone after a failure in the middle.
    fn say_how_many(&self, args: &WriteArgs, has_failed: bool) {
        let (sent, bytes) = (
            text::count(self.sent, "message"),
            text::count(self.bytes, "byte"),
        );
        if has_failed && self.sent > 0 {
            complain(&format!(
                "{sent} ({bytes}) went out to {} before this failure:",
                self.client.name()
            ));
        } else if !has_failed {
            note(
                args.quiet,
                &format!("sent {sent} ({bytes}) to {}", self.client.name()),
            );
        }
    }
}

fn unreadable(error: io::Error) -> Failure {
    Failure::Io("cannot read standard input".to_owned(), error)
}

fn not_text(sent: u64) -> Failure {
    let number = sent + 1;
    Failure::Own(
        Code::Usage,
        format!("message {number} is not UTF-8 text, which --utf16 needs; write it without"),
    )
}
