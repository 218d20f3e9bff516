//! `tong pipe call`: one message, one answer.

use super::super::pipe_name;
use super::super::record::Body;
use crate::args::CallArgs;
use crate::exit::{Code, Failure};
use crate::relay::pipe::open_client;
use crate::{output, text};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::time::{Duration, Instant};
use tong::pipe::{PipeClient, PipeType};
use tong::{ErrorKind, PipeName};

/// How much of an answer is read at once.
const PIECE_BYTES: usize = 64 << 10;
/// A time that is as good as for ever.
const AGES: Duration = Duration::from_secs(u32::MAX as u64);

pub(super) fn run(args: &CallArgs) -> Result<(), Failure> {
    let name = pipe_name(&args.name)?;
    let message = message(args)?;
    let start = Instant::now();
    let left = || {
        args.timeout
            .map(|timeout| timeout.saturating_sub(start.elapsed()))
    };
    let opened = open_client(&name, args.timeout.unwrap_or(AGES));
    let (client, is_read, is_written) = match opened {
        Err(failure) if is_busy(&failure) => return Err(too_late(&name, args)),
        opened => opened?,
    };
    if !is_read || !is_written || client.info()?.pipe_type != PipeType::Message {
        let why = format!(
            "{} does not carry messages both ways; use tong pipe connect",
            name.full()
        );
        return Err(Failure::Own(Code::Usage, why));
    }
    client.send(&message)?;
    let answer = receive(&client, left)?.ok_or_else(|| too_late(&name, args))?;
    show(&answer, args)
}

fn is_busy(failure: &Failure) -> bool {
    matches!(failure, Failure::Tong(error) if error.kind() == ErrorKind::PipeBusy)
}

/// The message, from wherever it comes.
fn message(args: &CallArgs) -> Result<Vec<u8>, Failure> {
    let bytes = match &args.message {
        Some(message) => message.as_bytes().to_vec(),
        None => {
            let mut bytes = Vec::new();
            let read = io::stdin().lock().read_to_end(&mut bytes);
            read.map_err(|error| Failure::Io("cannot read standard input".to_owned(), error))?;
            bytes
        }
    };
    if !args.utf16 {
        return Ok(bytes);
    }
    std::str::from_utf8(&bytes)
        .map(text::to_utf16)
        .map_err(|_| {
            let why = "the message is not UTF-8 text, which --utf16 needs".to_owned();
            Failure::Own(Code::Usage, why)
        })
}

/// Receives one message, whole; `None` if none comes in time.
fn receive(
    client: &PipeClient,
    left: impl Fn() -> Option<Duration>,
) -> Result<Option<Vec<u8>>, Failure> {
    let (mut answer, mut piece) = (Vec::new(), vec![0; PIECE_BYTES]);
    loop {
        let received = match client.receive_timeout(&mut piece, left().unwrap_or(AGES)) {
            Err(error) if error.kind() == ErrorKind::TimedOut => return Ok(None),
            received => received?,
        };
        answer.extend_from_slice(&piece[..received.bytes]);
        if !received.more {
            return Ok(Some(answer));
        }
    }
}

fn too_late(name: &PipeName, args: &CallArgs) -> Failure {
    let ms = args.timeout.unwrap_or_default().as_millis();
    Failure::Own(
        Code::TimedOut,
        format!("{} gave no answer within {ms} ms", name.full()),
    )
}

/// Prints the answer in the form that was asked for.
fn show(answer: &[u8], args: &CallArgs) -> Result<(), Failure> {
    if args.raw {
        return output::print_raw(answer);
    }
    let wide = args.utf16.then(|| text::from_utf16(answer)).flatten();
    if args.json {
        let decoded = match args.utf16 {
            true => wide.as_deref(),
            false => std::str::from_utf8(answer).ok(),
        };
        return output::print_json(&Body::new(answer, decoded));
    }
    let shown = wide.as_ref().map_or(answer, |wide| wide.as_bytes());
    output::print(&format!("{}\n", text::line(shown)))
}
