//! `tong relay`: joins two ends.

use super::note;
use super::pipe::options;
use crate::args::RelayArgs;
use crate::exit::{complain, Code, Failure};
use crate::output;
use crate::relay::address::Address;
use crate::relay::door::{self, Crowd, Door, Host};
use crate::relay::lines::Form;
use crate::relay::live::{attend, Show};
use crate::relay::open::{open, Opened, Side};
use crate::relay::session::{self, Ending, Manner};
use crate::relay::tally::{Meter, Tally};
use crate::relay::{End, Stop};
use crate::signals::Signals;
use serde::Serialize;
use std::io::{self, IsTerminal, Write};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tong::pipe::PipeOptions;

/// What `--json` prints.
#[derive(Serialize)]
struct Summary<'a> {
    a: &'a str,
    b: &'a str,
    connections: u64,
    failed: u64,
    a_to_b: Direction,
    b_to_a: Direction,
    seconds: f64,
    /// The signal that ended it, if one did.
    signal: Option<&'static str>,
}

#[derive(Serialize)]
struct Direction {
    bytes: u64,
    /// Messages, or pieces of a stream as they were read.
    chunks: u64,
}

/// A relay, as it was asked for.
struct Relay {
    near: Address,
    far: Address,
    manner: Manner,
    wait: Duration,
    options: PipeOptions,
    /// The far side's door, if it is one: it stays open from one connection to the next.
    far_door: Mutex<Option<Box<dyn Door>>>,
    quiet: bool,
    tally: Arc<Tally>,
}

pub(crate) fn run(args: &RelayArgs) -> Result<(), Failure> {
    let signals = Signals::catch()?;
    let relay = Arc::new(Relay::new(args)?);
    let (stop, tally) = (Stop::new()?, Arc::clone(&relay.tally));
    let show = Show::on_terminal(&tally, args.quiet || relay.shares_terminal());
    let (worker, many, until) = (Arc::clone(&relay), args.many, stop.clone());
    let attended = attend(&signals, &stop, show, move || match many {
        true => worker.serve_many(&until),
        false => worker.serve_one(&until),
    })?;
    if args.json {
        let signal = attended.signal.map(|signal| signal.as_str());
        let (near, far) = (args.near.to_string_lossy(), args.far.to_string_lossy());
        relay.sum_up([&near, &far], signal)?;
    }
    attended.conclude().map(drop)
}

impl Relay {
    fn new(args: &RelayArgs) -> Result<Relay, Failure> {
        let (near, far) = (Address::parse(&args.near)?, Address::parse(&args.far)?);
        let usage = |why: &str| Err(Failure::Own(Code::Usage, why.to_owned()));
        if args.many && !near.is_listening() {
            return usage(
                "--many needs an A that clients come to: pipe-listen, unix-listen or tcp-listen",
            );
        }
        let is_stdio = |end: &Address| matches!(end, Address::Stdio);
        if is_stdio(&near) && is_stdio(&far) || args.many && is_stdio(&far) {
            return usage("standard streams can only be one end of one connection");
        }
        Ok(Relay {
            near,
            far,
            manner: Manner {
                lines: args.lines.then_some(Form::Exact),
                empty_ends: args.half_close,
                linger: Some(args.linger),
            },
            wait: args.wait.unwrap_or_default(),
            options: options(&args.make),
            far_door: Mutex::new(None),
            quiet: args.quiet,
            tally: Tally::new(),
        })
    }

    /// Would the rate stand in the middle of what goes through?
    fn shares_terminal(&self) -> bool {
        let is_stdio = self.has_stdio();
        is_stdio && (io::stdout().is_terminal() || io::stdin().is_terminal())
    }

    fn has_stdio(&self) -> bool {
        matches!(self.near, Address::Stdio) || matches!(self.far, Address::Stdio)
    }

    /// Joins the two ends once.
    fn serve_one(&self, stop: &Stop) -> Result<(), Failure> {
        let near = match self.open(&self.near, Side::Near)? {
            Opened::End(end) => Some(end),
            Opened::Door(mut door) => {
                note(
                    self.quiet,
                    &format!("waiting at {}; Ctrl-C ends", door.label()),
                );
                door.accept(stop)?
            }
        };
        let Some(near) = near else {
            return Ok(());
        };
        let Some(far) = self.open_far(stop)? else {
            return Ok(());
        };
        let ending = self.join(near, far, stop)?;
        match (ending.failure, ending.refused_by) {
            (Some(failure), _) => Err(failure),
            (None, Some(label)) if label == "stdio" => Err(Failure::ReaderGone),
            (None, Some(label)) if !ending.was_stopped => Err(refused(&label)),
            _ => Ok(()),
        }
    }

    /// Joins each who comes with a far end of its own.
    fn serve_many(self: Arc<Relay>, stop: &Stop) -> Result<(), Failure> {
        let Opened::Door(door) = self.open(&self.near, Side::Near)? else {
            return Ok(());
        };
        note(
            self.quiet,
            &format!("waiting at {}; Ctrl-C ends", door.label()),
        );
        door::serve(door, Crowd::Any, self, stop)
    }

    fn open(&self, address: &Address, side: Side) -> Result<Opened, Failure> {
        open(address, side, self.wait, &self.options)
    }

    /// Opens the far end, or waits for somebody to come to it.
    fn open_far(&self, stop: &Stop) -> Result<Option<End>, Failure> {
        if !self.far.is_listening() {
            return match self.open(&self.far, Side::Far)? {
                Opened::End(end) => Ok(Some(end)),
                Opened::Door(mut door) => door.accept(stop),
            };
        }
        let mut kept = self.far_door.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.is_none() {
            if let Opened::Door(door) = self.open(&self.far, Side::Far)? {
                note(
                    self.quiet,
                    &format!("waiting at {}; Ctrl-C ends", door.label()),
                );
                *kept = Some(door);
            }
        }
        // The next one needs a door that this one's connection does not occupy.
        let mut door = match kept.take() {
            Some(door) => door,
            None => return Ok(None),
        };
        let come = door.accept(stop)?;
        if come.is_some() {
            *kept = Some(door.another()?);
        }
        Ok(come)
    }

    fn join(&self, near: End, far: End, stop: &Stop) -> Result<Ending, Failure> {
        let tally = &self.tally;
        tally.begun.fetch_add(1, Relaxed);
        tally.open.fetch_add(1, Relaxed);
        let meters: (Arc<Meter>, Arc<Meter>) = tally.meters();
        let ending = session::run(near, far, self.manner, meters, stop);
        tally.open.fetch_sub(1, Relaxed);
        if !matches!(&ending, Ok(ending) if ending.failure.is_none()) {
            tally.failed.fetch_add(1, Relaxed);
        }
        ending
    }

    /// Says what went through.
    fn sum_up(&self, ends: [&str; 2], signal: Option<&'static str>) -> Result<(), Failure> {
        let tally = &self.tally;
        let direction = |meter: &Meter| Direction {
            bytes: meter.bytes(),
            chunks: meter.chunks(),
        };
        let summary = Summary {
            a: ends[0],
            b: ends[1],
            connections: tally.begun.load(Relaxed),
            failed: tally.failed.load(Relaxed),
            a_to_b: direction(&tally.there),
            b_to_a: direction(&tally.back),
            seconds: tally.elapsed().as_secs_f64(),
            signal,
        };
        if !self.has_stdio() {
            return output::print_json(&summary);
        }
        let line = serde_json::to_string(&summary).unwrap_or_default();
        // A message that cannot be written is lost, as all others.
        let _ = writeln!(io::stderr(), "{line}");
        Ok(())
    }
}

impl Host for Relay {
    fn serve(&self, guest: End, stop: &Stop) {
        let label = guest.label.clone();
        let outcome = match self.open_far(stop) {
            Ok(Some(far)) => self.join(guest, far, stop).map(|ending| ending.failure),
            Ok(None) => return,
            Err(failure) => {
                self.tally.failed.fetch_add(1, Relaxed);
                Err(failure)
            }
        };
        // One connection that fails is no reason to end all others.
        if let Ok(Some(failure)) | Err(failure) = outcome {
            if !self.quiet {
                complain(&format!("a client of {label} was lost:"));
                failure.report();
            }
        }
    }
}

fn refused(label: &str) -> Failure {
    Failure::Own(
        Code::Closed,
        format!("{label} was closed before it took everything"),
    )
}
