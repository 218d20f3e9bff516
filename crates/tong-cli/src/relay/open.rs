//! Opening an end that somebody else serves, or a door that others come to.

use super::address::Address;
use super::door::Door;
use super::{mailslot, pipe, program, socket, stream, End};
use crate::exit::{Code, Failure};
use std::thread;
use std::time::{Duration, Instant};
use tong::pipe::{Direction, PipeOptions};

/// How often an end is tried again that is not there yet.
const TRY_EVERY: Duration = Duration::from_millis(20);

/// How many pipe instances listen while others serve, so that clients who come together all find one.
const SPARE_INSTANCES: usize = 4;

/// On which side of a relay an end stands: what goes only one way is read on the near side, and written to on the far one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Near,
    Far,
}

/// What others come to is waited at; everything else is opened.
pub(crate) enum Opened {
    End(End),
    Door(Box<dyn Door>),
}

/// Opens an end; a pipe is created with these options. One that is not there yet, or has no place free, is tried again until `wait` has passed.
pub(crate) fn open(
    address: &Address,
    side: Side,
    wait: Duration,
    options: &PipeOptions,
) -> Result<Opened, Failure> {
    let end = |end: Result<End, Failure>| end.map(Opened::End);
    match address {
        Address::PipeListen(name) => {
            let door = pipe::Instance::create(name, options, Direction::Duplex, SPARE_INSTANCES)?;
            Ok(Opened::Door(Box::new(door)))
        }
        Address::UnixListen(path) => socket::listen_unix(path).map(Opened::Door),
        Address::TcpListen(at) => socket::listen_tcp(at).map(Opened::Door),
        Address::Pipe(name) => end(pipe::open(name, wait)),
        Address::Mailslot(name) if side == Side::Near => end(mailslot::read(name)),
        Address::Mailslot(name) => end(again(wait, || mailslot::write(name))),
        Address::Unix(path) => end(again(wait, || socket::connect_unix(path))),
        Address::Tcp(to) => end(again(wait, || socket::connect_tcp(to))),
        Address::Stdio => end(stream::standard()),
        Address::Exec(words) => end(program::start(words)),
        Address::Fifo(path) => end(again(wait, || stream::fifo(path, side == Side::Near))),
    }
}

/// Tries until it succeeds, fails for good, or the time has passed.
fn again(wait: Duration, open: impl Fn() -> Result<End, Failure>) -> Result<End, Failure> {
    let start = Instant::now();
    loop {
        match open() {
            Err(failure)
                if failure.number() == Code::NotFound.number() && start.elapsed() < wait => {}
            outcome => return outcome,
        }
        thread::sleep(TRY_EVERY.min(wait.saturating_sub(start.elapsed())));
    }
}

/// Nobody is there.
pub(crate) fn missing(label: &str, hint: &str) -> Failure {
    Failure::Own(Code::NotFound, format!("there is no {label}; {hint}"))
}
