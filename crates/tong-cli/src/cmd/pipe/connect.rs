//! `tong pipe connect`: our standard streams, joined with a pipe.

use super::super::record::{Body, Record};
use super::super::{note, pipe_name};
use crate::args::ConnectArgs;
use crate::exit::{Code, Failure};
use crate::output;
use crate::relay::lines::Form;
use crate::relay::live::attend;
use crate::relay::session::{self, Manner};
use crate::relay::tally::Tally;
use crate::relay::{pipe, stream, End, Fault, Sink, Stop, Told};
use crate::signals::Signals;
use std::time::Duration;

pub(super) fn run(args: &ConnectArgs) -> Result<(), Failure> {
    let signals = Signals::catch()?;
    let name = pipe_name(&args.name)?;
    let (stop, tally) = (Stop::new()?, Tally::new());
    let manner = Manner {
        lines: (!args.raw).then_some(Form::Visible),
        empty_ends: args.half_close,
        linger: Some(args.linger),
    };
    let (as_json, quiet) = (args.json, args.quiet);
    let wait = args.wait.unwrap_or(Duration::ZERO);
    let until = stop.clone();
    let attended = attend(&signals, &stop, None, move || {
        let far = pipe::open(&name, wait)?;
        note(quiet, &format!("connected to {}", far.label));
        let near = streams(&far, as_json)?;
        session::run(near, far, manner, tally.meters(), &until)
    })?;
    let Some(ending) = attended.conclude()? else {
        return Ok(());
    };
    match (ending.failure, ending.refused_by) {
        (Some(failure), _) => Err(failure),
        (None, Some(label)) if label == "stdio" => Err(Failure::ReaderGone),
        (None, Some(label)) => {
            let why = format!("{label} was closed before it took everything");
            Err(Failure::Own(Code::Closed, why))
        }
        (None, None) => Ok(()),
    }
}

/// Our own side.
fn streams(far: &End, as_json: bool) -> Result<End, Failure> {
    let mut near = stream::standard()?;
    if as_json {
        // Lines of input are messages of their own then, so that nothing is to be fitted.
        near.source = near
            .source
            .take()
            .map(|from| fit_input(from, far.has_messages));
        near.has_messages = far.has_messages;
        near.sink = Some(Box::new(Records { count: 0 }));
    }
    Ok(near)
}

fn fit_input(
    from: Box<dyn crate::relay::Source>,
    has_messages: bool,
) -> Box<dyn crate::relay::Source> {
    match has_messages {
        true => Box::new(crate::relay::lines::FromLines::new(from)),
        false => from,
    }
}

/// Prints what comes as lines of JSON.
struct Records {
    count: u64,
}

impl Sink for Records {
    fn put(&mut self, chunk: &[u8]) -> Result<(), Fault> {
        self.count += 1;
        let record = Record::now(self.count, Body::of(chunk));
        output::print_json(&record).map_err(|failure| match failure {
            Failure::ReaderGone => Fault::Gone,
            failure => Fault::Failed(failure),
        })
    }

    fn finish(&mut self) -> Result<Told, Fault> {
        Ok(Told::Yes)
    }
}
