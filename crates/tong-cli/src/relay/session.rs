//! One connection: two ends joined until both directions have ended.
//!
//! An end of data is passed on where the other side can be told (a socket's half-close, the end of a program's input), and
//! the way back stays open as long as it likes. Where it cannot be told, as with pipes, the connection is over when
//! everything was read there and nothing has come back for the time of the linger.

use super::lines::{EndByEmpty, Form, FromLines, ToLines, UntilEmpty};
use super::stream::Nowhere;
use super::tally::Meter;
use super::{End, Fault, Got, Sink, Source, Stop, Told};
use crate::exit::Failure;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// How long threads may take that were cut off; those that still do not come back are left to the end of the process.
const CUT_OFF: Duration = Duration::from_secs(2);

/// What a program may print to nobody, and for how long, after it was fed last.
const DRAINED_BYTES: usize = 16 << 20;
const DRAINED_TIME: Duration = Duration::from_secs(1);

/// How two ends are joined.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Manner {
    /// Between messages and bytes, each line is a message, and a message is written in this form.
    pub(crate) lines: Option<Form>,
    /// An empty message is the end of a direction.
    pub(crate) empty_ends: bool,
    /// How long a connection stays quiet before it is over, once one direction has ended and the other side cannot be
    /// told; `None` for ever.
    pub(crate) linger: Option<Duration>,
}

/// How a connection ended.
#[derive(Debug)]
pub(crate) struct Ending {
    /// What went wrong first.
    pub(crate) failure: Option<Failure>,
    /// Something came out of one end that the other did not take any more: the label of that one.
    pub(crate) refused_by: Option<String>,
    pub(crate) was_stopped: bool,
}

/// How one direction ended.
enum Way {
    Ended(Told),
    /// The source is gone in both directions.
    SourceGone,
    /// The sink is gone; something was left that it did not take.
    SinkGone,
    Stopped,
    Failed(Failure),
}

/// Joins two ends until both directions have ended, or `stop` comes. `meters` count what goes from `near` to `far`, and back.
pub(crate) fn run(
    mut near: End,
    mut far: End,
    manner: Manner,
    meters: (Arc<Meter>, Arc<Meter>),
    stop: &Stop,
) -> Result<Ending, Failure> {
    fit(&mut near, &mut far, manner);
    let own = Stop::new()?;
    let keepers = [Arc::clone(&near.keeper), Arc::clone(&far.keeper)];
    let cut = {
        let (own, keepers) = (own.clone(), keepers.clone());
        move || {
            own.set();
            keepers.iter().for_each(|keeper| keeper.cut());
        }
    };
    let hooked = {
        let (cut, keepers) = (cut.clone(), keepers.clone());
        stop.on_stop(move || {
            keepers.iter().for_each(|keeper| keeper.interrupt());
            cut();
        })
    };
    let (tell, heard) = mpsc::channel();
    let labels = [far.label.clone(), near.label.clone()];
    let drained = [near.is_drained, far.is_drained];
    let ways = [
        (near.source, far.sink, near.is_drained, &meters.0),
        (far.source, near.sink, far.is_drained, &meters.1),
    ];
    for (index, (source, sink, is_drained, meter)) in ways.into_iter().enumerate() {
        let (tell, own, meter) = (tell.clone(), own.clone(), Arc::clone(meter));
        let other = Arc::clone(if index == 0 { &meters.1 } else { &meters.0 });
        thread::spawn(move || {
            let drain = is_drained.then(|| Drain::new(other));
            let way = carry(source, sink, drain, &meter, &own);
            let _ = tell.send((index, way));
        });
    }
    drop(tell);
    let mut ending = Ending::quiet();
    let watch = Watch {
        heard: &heard,
        meters: [&meters.0, &meters.1],
        drained,
        labels: &labels,
    };
    watch.await_end(manner.linger, &mut ending);
    ending.was_stopped |= stop.is_set();
    // Whatever still goes on is over now.
    cut();
    drop(hooked);
    while let Ok((index, way)) = heard.recv_timeout(CUT_OFF) {
        ending.note(way, &labels[index], true);
    }
    keepers.iter().for_each(|keeper| keeper.part());
    Ok(ending)
}

/// What can be seen of the two directions, the one from near to far first.
struct Watch<'a> {
    heard: &'a Receiver<(usize, Way)>,
    meters: [&'a Meter; 2],
    /// The direction's source is to be read to its end in any case.
    drained: [bool; 2],
    /// The direction's sink.
    labels: &'a [String; 2],
}

impl Watch<'_> {
    /// Waits until there is no reason to go on.
    fn await_end(&self, linger: Option<Duration>, ending: &mut Ending) {
        let Ok((first, way)) = self.heard.recv() else {
            return;
        };
        let other = 1 - first;
        let second = match &way {
            Way::Failed(_) | Way::Stopped => None,
            Way::SourceGone if !self.drained[other] => None,
            Way::Ended(Told::Yes) | Way::SourceGone => Some(None),
            Way::Ended(Told::No) | Way::SinkGone => Some(linger),
        };
        // A side that is gone takes nothing more, which is no news then.
        let is_gone = matches!(way, Way::SourceGone);
        ending.note(way, &self.labels[first], false);
        let second = second.and_then(|linger| self.await_quiet(other, linger));
        if let Some(way) = second {
            ending.note(way, &self.labels[other], is_gone);
        }
    }

    /// Waits for the end of a direction, but no longer than nothing goes through for this time.
    fn await_quiet(&self, direction: usize, linger: Option<Duration>) -> Option<Way> {
        let Some(linger) = linger else {
            return self.heard.recv().ok().map(|(_, way)| way);
        };
        let meter = self.meters[direction];
        let mut seen = meter.chunks();
        loop {
            match self.heard.recv_timeout(linger) {
                Ok((_, way)) => return Some(way),
                Err(RecvTimeoutError::Timeout) if meter.chunks() != seen => seen = meter.chunks(),
                Err(_) => return None,
            }
        }
    }
}

impl Ending {
    /// A connection of which nothing is to be said.
    pub(crate) fn quiet() -> Ending {
        Ending {
            failure: None,
            refused_by: None,
            was_stopped: false,
        }
    }

    /// Takes in how a direction ended; what goes wrong when the connection is over is no news, unless something was
    /// left over by it.
    fn note(&mut self, way: Way, sink: &str, is_over: bool) {
        match way {
            Way::Stopped => self.was_stopped = self.was_stopped || !is_over,
            Way::Ended(_) | Way::SourceGone => {}
            Way::SinkGone => {
                self.refused_by.get_or_insert_with(|| sink.to_owned());
            }
            Way::Failed(_) if is_over => {}
            Way::Failed(failure) => {
                self.failure.get_or_insert(failure);
            }
        }
    }
}

/// Puts between the ends what makes them fit.
fn fit(near: &mut End, far: &mut End, manner: Manner) {
    if manner.empty_ends {
        for end in [&mut *near, &mut *far] {
            if end.has_messages {
                end.source = end.source.take().map(|it| Box::new(UntilEmpty(it)) as _);
                end.sink = end.sink.take().map(|it| Box::new(EndByEmpty(it)) as _);
            }
        }
    }
    let (Some(form), true) = (manner.lines, near.has_messages != far.has_messages) else {
        return;
    };
    let stream = if near.has_messages { far } else { near };
    stream.source = stream
        .source
        .take()
        .map(|it| Box::new(FromLines::new(it)) as _);
    stream.sink = stream
        .sink
        .take()
        .map(|to| Box::new(ToLines { to, form }) as _);
}

/// Takes what a program prints when nobody wants it any more, because a program that writes to a closed pipe is killed
/// before its work is done. One that never ends is not waited for: what it prints without being fed has a limit.
struct Drain {
    /// What goes into the program.
    fed: Arc<Meter>,
    seen: u64,
    since: Instant,
    bytes: usize,
}

impl Drain {
    fn new(fed: Arc<Meter>) -> Drain {
        Drain {
            seen: u64::MAX,
            since: Instant::now(),
            bytes: 0,
            fed,
        }
    }

    /// Drops so many bytes; `false` if that was too much.
    fn drop(&mut self, len: usize) -> bool {
        let now = self.fed.chunks();
        if now != self.seen {
            (self.seen, self.since, self.bytes) = (now, Instant::now(), 0);
        }
        self.bytes += len;
        self.bytes < DRAINED_BYTES && self.since.elapsed() < DRAINED_TIME
    }
}

/// Carries what comes out of the source into the sink. A direction that does not exist has ended from the start; what
/// has no sink is dropped, so that its sender is not held up and its end is seen.
fn carry(
    source: Option<Box<dyn Source>>,
    sink: Option<Box<dyn Sink>>,
    mut drain: Option<Drain>,
    meter: &Meter,
    stop: &Stop,
) -> Way {
    let Some(mut source) = source else {
        return Way::Ended(Told::Yes);
    };
    let mut sink = sink.unwrap_or_else(|| Box::new(Nowhere));
    let mut chunk = Vec::new();
    let mut is_lost = false;
    loop {
        match source.next(&mut chunk, stop) {
            Ok(Got::Data) if !is_lost => match sink.put(&chunk) {
                Ok(()) => meter.add(chunk.len()),
                Err(Fault::Gone) => is_lost = true,
                Err(Fault::Failed(failure)) => return Way::Failed(failure),
            },
            Ok(Got::Data) => {}
            Ok(_) if is_lost => return Way::SinkGone,
            Ok(Got::End) => return finish(&mut *sink, false),
            Ok(Got::Gone) => return finish(&mut *sink, true),
            Ok(Got::Stopped) => return Way::Stopped,
            Err(failure) => return Way::Failed(failure),
        }
        let goes_on = |drain: &mut Drain| drain.drop(chunk.len());
        if is_lost && !drain.as_mut().is_some_and(goes_on) {
            return Way::SinkGone;
        }
    }
}

/// Tells the sink that nothing more comes.
fn finish(sink: &mut dyn Sink, is_gone: bool) -> Way {
    match sink.finish() {
        Ok(_) if is_gone => Way::SourceGone,
        Ok(told) => Way::Ended(told),
        // It took everything that there was.
        Err(Fault::Gone) => Way::Ended(Told::No),
        Err(Fault::Failed(failure)) => Way::Failed(failure),
    }
}
