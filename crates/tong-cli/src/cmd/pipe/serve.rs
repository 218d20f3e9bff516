//! `tong pipe serve`: a pipe whose clients get our standard streams, an echo, or a program each.

use super::super::record::Body;
use super::super::{note, pipe_name};
use super::options;
use crate::args::ServeArgs;
use crate::cmd::keep::input_ends;
use crate::exit::{complain, Failure};
use crate::output;
use crate::relay::door::{self, Crowd, Host};
use crate::relay::lines::{EndByEmpty, Form, FromLines, ToLines, UntilEmpty};
use crate::relay::live::attend;
use crate::relay::pipe::Instance;
use crate::relay::session::{self, Ending, Manner};
use crate::relay::tally::{Meter, Tally};
use crate::relay::{program, stream, End, Fault, Got, Sink, Source, Stop, Told};
use crate::signals::Signals;
use serde::Serialize;
use std::ffi::OsString;
use std::fs;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tong::pipe::Direction;

/// Something that happened, as `--json` prints it.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
enum Happened<'a> {
    Listening {
        name: &'a str,
        instances: u32,
    },
    Connected {
        client: u64,
        pid: Option<u32>,
        program: Option<String>,
    },
    Received {
        client: u64,
        #[serde(flatten)]
        body: Body<'a>,
    },
    Left {
        client: u64,
        bytes_in: u64,
        bytes_out: u64,
        chunks_in: u64,
        chunks_out: u64,
        error: Option<String>,
    },
}

/// What each client gets.
enum Offer {
    Echo,
    Program(Vec<OsString>),
    Streams(Mutex<Streams>),
}

/// Our standard streams, which serve one client at a time.
struct Streams {
    input: Arc<Mutex<Box<dyn Source>>>,
    has_ended: Arc<AtomicBool>,
}

/// Serves the clients of a pipe.
struct Server {
    offer: Offer,
    manner: Manner,
    has_messages: bool,
    count: Option<u64>,
    json: bool,
    quiet: bool,
    come: AtomicU64,
    left: AtomicU64,
    tally: Arc<Tally>,
}

pub(super) fn run(args: &ServeArgs) -> Result<(), Failure> {
    let signals = Signals::catch()?;
    let name = pipe_name(&args.name)?;
    let mut options = options(&args.make);
    options.first_instance(args.first);
    let door = Instance::create(&name, &options, direction(args), 1)?;
    let server = Arc::new(Server::new(args, door.has_messages()?)?);
    if args.json {
        output::print_json(&Happened::Listening {
            name: &name.full(),
            instances: args.instances,
        })?;
    }
    note(args.quiet, &format!("serving {}; Ctrl-C ends", name.full()));
    let stop = Stop::new()?;
    let until = stop.clone();
    let crowd = Crowd::AtMost(args.instances as usize);
    let attended = attend(&signals, &stop, None, move || {
        door::serve(Box::new(door), crowd, server, &until)
    })?;
    attended.conclude().map(drop)
}

fn direction(args: &ServeArgs) -> Direction {
    match (args.inbound, args.outbound) {
        (true, _) => Direction::Inbound,
        (_, true) => Direction::Outbound,
        _ => Direction::Duplex,
    }
}

impl Server {
    fn new(args: &ServeArgs, has_messages: bool) -> Result<Server, Failure> {
        let offer = match (args.echo, args.exec.is_empty()) {
            (true, _) => Offer::Echo,
            (false, false) => Offer::Program(args.exec.clone()),
            (false, true) => Offer::Streams(Mutex::new(Streams::new(has_messages && !args.raw)?)),
        };
        let form = match offer {
            Offer::Program(_) => Form::Exact,
            _ => Form::Visible,
        };
        Ok(Server {
            offer,
            manner: Manner {
                lines: (!args.raw).then_some(form),
                empty_ends: args.half_close,
                linger: args.linger,
            },
            has_messages,
            count: args.count,
            json: args.json,
            quiet: args.quiet,
            come: AtomicU64::new(0),
            left: AtomicU64::new(0),
            tally: Tally::new(),
        })
    }

    /// Joins a client with what it gets.
    fn attend_to(
        &self,
        guest: End,
        client: u64,
        meters: (Arc<Meter>, Arc<Meter>),
        stop: &Stop,
    ) -> Result<Ending, Failure> {
        match &self.offer {
            Offer::Echo => echo(guest, self.manner, &meters, stop),
            Offer::Program(words) => {
                session::run(guest, program::start(words)?, self.manner, meters, stop)
            }
            Offer::Streams(streams) => {
                let streams = lock(streams);
                if stop.is_set() {
                    return Ok(Ending::quiet());
                }
                let far = self.streams(&streams, client)?;
                let ending = session::run(guest, far, self.manner, meters, stop);
                // What comes from a pipe or a file has an end, and then there is nothing left to serve with.
                if streams.has_ended.load(Relaxed) && input_ends() {
                    stop.set();
                }
                ending
            }
        }
    }

    /// Our own side, for one client.
    fn streams(&self, streams: &Streams, client: u64) -> Result<End, Failure> {
        let mut end = stream::standard()?;
        end.source = Some(Box::new(Shared {
            input: Arc::clone(&streams.input),
            has_ended: Arc::clone(&streams.has_ended),
        }));
        // Input is cut into messages already, and output is brought into its form here.
        end.has_messages = self.has_messages;
        end.sink = Some(match (self.json, self.manner.lines) {
            (true, _) => Box::new(Events { client }),
            (false, Some(form)) if self.has_messages => Box::new(ToLines {
                to: Box::new(Output),
                form,
            }),
            _ => Box::new(Output),
        });
        Ok(end)
    }

    fn tell_come(&self, client: u64, pid: Option<u32>) -> Result<(), Failure> {
        let program = pid.and_then(program_of);
        if self.json {
            return output::print_json(&Happened::Connected {
                client,
                pid,
                program,
            });
        }
        let who = match (pid, program) {
            (Some(pid), Some(program)) => format!(": process {pid} ({program})"),
            (Some(pid), None) => format!(": process {pid}"),
            _ => String::new(),
        };
        note(self.quiet, &format!("client {client} came{who}"));
        Ok(())
    }

    fn tell_left(
        &self,
        client: u64,
        meters: &(Arc<Meter>, Arc<Meter>),
        failure: Option<&Failure>,
    ) -> Result<(), Failure> {
        let (came, went) = meters;
        if self.json {
            return output::print_json(&Happened::Left {
                client,
                bytes_in: came.bytes(),
                bytes_out: went.bytes(),
                chunks_in: came.chunks(),
                chunks_out: went.chunks(),
                error: failure.map(Failure::text),
            });
        }
        if let Some(failure) = failure {
            complain(&format!("client {client}: {}", failure.text()));
        }
        let text = format!(
            "client {client} left: {} bytes came, {} went",
            came.bytes(),
            went.bytes()
        );
        note(self.quiet, &text);
        Ok(())
    }
}

impl Host for Server {
    fn serve(&self, guest: End, stop: &Stop) {
        let client = self.come.fetch_add(1, Relaxed) + 1;
        let meters = self.tally.meters();
        let told = self.tell_come(client, guest.peer);
        let outcome = self.attend_to(guest, client, meters.clone(), stop);
        let failure = match outcome {
            Ok(ending) => {
                // Without a reader of our output there is nobody to serve for.
                if ending.refused_by.as_deref() == Some("stdio") {
                    stop.set();
                }
                ending.failure
            }
            Err(failure) => Some(failure),
        };
        let told = told.and_then(|()| self.tell_left(client, &meters, failure.as_ref()));
        let left = self.left.fetch_add(1, Relaxed) + 1;
        if told.is_err() || Some(left) == self.count {
            stop.set();
        }
    }
}

impl Streams {
    fn new(cuts_lines: bool) -> Result<Streams, Failure> {
        let source = stream::standard()?.source;
        let source = source.unwrap_or_else(|| Box::new(Nothing));
        let source: Box<dyn Source> = match cuts_lines {
            true => Box::new(FromLines::new(source)),
            false => source,
        };
        Ok(Streams {
            input: Arc::new(Mutex::new(source)),
            has_ended: Arc::default(),
        })
    }
}

/// A source that has ended.
struct Nothing;

impl Source for Nothing {
    fn next(&mut self, _: &mut Vec<u8>, _: &Stop) -> Result<Got, Failure> {
        Ok(Got::End)
    }
}

/// Our input, of which the next client gets what the one before did not.
struct Shared {
    input: Arc<Mutex<Box<dyn Source>>>,
    has_ended: Arc<AtomicBool>,
}

impl Source for Shared {
    fn next(&mut self, chunk: &mut Vec<u8>, stop: &Stop) -> Result<Got, Failure> {
        let got = lock(&self.input).next(chunk, stop)?;
        if got == Got::End {
            self.has_ended.store(true, Relaxed);
        }
        Ok(got)
    }
}

/// Our output, which stays open for the next client.
struct Output;

impl Sink for Output {
    fn put(&mut self, chunk: &[u8]) -> Result<(), Fault> {
        output::print_raw(chunk).map_err(unprinted)
    }

    fn finish(&mut self) -> Result<Told, Fault> {
        Ok(Told::Yes)
    }
}

/// Prints what a client sends as lines of JSON.
struct Events {
    client: u64,
}

impl Sink for Events {
    fn put(&mut self, chunk: &[u8]) -> Result<(), Fault> {
        output::print_json(&Happened::Received {
            client: self.client,
            body: Body::of(chunk),
        })
        .map_err(unprinted)
    }

    fn finish(&mut self) -> Result<Told, Fault> {
        Ok(Told::Yes)
    }
}

fn unprinted(failure: Failure) -> Fault {
    match failure {
        Failure::ReaderGone => Fault::Gone,
        failure => Fault::Failed(failure),
    }
}

/// Sends back whatever comes.
fn echo(
    mut guest: End,
    manner: Manner,
    meters: &(Arc<Meter>, Arc<Meter>),
    stop: &Stop,
) -> Result<Ending, Failure> {
    let (Some(mut source), Some(mut sink)) = (guest.source.take(), guest.sink.take()) else {
        return Ok(Ending::quiet());
    };
    if manner.empty_ends {
        source = Box::new(UntilEmpty(source));
        sink = Box::new(EndByEmpty(sink));
    }
    let keeper = Arc::clone(&guest.keeper);
    let _hooked = stop.on_stop(move || keeper.cut());
    let mut chunk = Vec::new();
    let mut ending = Ending::quiet();
    while source.next(&mut chunk, stop)? == Got::Data {
        meters.0.add(chunk.len());
        match sink.put(&chunk) {
            Ok(()) => meters.1.add(chunk.len()),
            Err(Fault::Gone) => return Ok(ending),
            Err(Fault::Failed(failure)) => {
                ending.failure = Some(failure);
                return Ok(ending);
            }
        }
    }
    let _ = sink.finish();
    Ok(ending)
}

/// The name of the program that a process runs.
fn program_of(pid: u32) -> Option<String> {
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
    Some(name.trim_end().to_owned())
}

fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
