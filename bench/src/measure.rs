//! The tasks that every link can do, and what a sample is.
//!
//! A sample repeats its task in phases of growing length until one lasts about as long as the case asks; only that
//! last phase counts. So caches are warm, page faults over, and the count fits a contender of any speed.

use crate::case::{Case, Task};
use crate::link::{dispatch, Link, WithLink};
use crate::process::{self, Orders, Peers, Role};
use crate::{clients, connect, crowd, sync, wine};
use std::hint::black_box;
use std::io;
use std::time::{Duration, Instant};

/// Long enough for any receiver to give up spinning and fall asleep.
const PAUSE: Duration = Duration::from_micros(200);

/// Takes one sample of `case`: seconds per round trip, message, copy or connection.
pub(crate) fn sample(case: &Case) -> io::Result<f64> {
    let (reader, writers) = places(case)?;
    process::settle(&reader)?;
    match case.task {
        Task::RoundTrip | Task::PausedRoundTrip | Task::Stream => {
            dispatch(case, Reader { writers: &writers })
        }
        Task::WriteRead => dispatch(case, BothEnds),
        Task::Memcpy => copies(case),
        Task::Connect | Task::FirstMessage => connect::sample(case, &writers),
        Task::NameToMessage => connect::sample_names(case),
        Task::CrowdStream | Task::CrowdTurns | Task::CrowdIdle => crowd::sample(case, &writers),
        Task::LocalCall(_) => wine::sample(case),
        task if task.is_for_clients() => clients::sample(case, &writers),
        _ => sync::sample(case),
    }
}

/// Plays the part of a peer until the measuring process has had enough.
pub(crate) fn peer(mut orders: Orders) -> io::Result<()> {
    process::settle(&orders.processors)?;
    let case = orders.case.clone();
    match case.task {
        Task::RoundTrip | Task::PausedRoundTrip | Task::Stream => dispatch(
            &case,
            Writer {
                orders: &mut orders,
            },
        ),
        Task::Connect | Task::FirstMessage => connect::peer(&case, orders.take_ticket()?),
        Task::CrowdStream | Task::CrowdTurns | Task::CrowdIdle => {
            let role = orders.role;
            crowd::peer(&case, role, orders.take_ticket()?)
        }
        task if task.is_for_clients() => {
            let role = orders.role;
            clients::peer(&case, role, orders.take_ticket()?)
        }
        _ => Ok(()),
    }
}

/// The processors of the reader and of the writers.
///
/// Who blocks on two processors is bound to neither alone: a library that spins only if another processor is there
/// would see one and never spin, and the figure would not be what programs get.
fn places(case: &Case) -> io::Result<(Vec<usize>, Vec<usize>)> {
    match (case.cores, process::processors()?.as_slice()) {
        (1, [only, ..]) => Ok((vec![*only], vec![*only])),
        (_, [first, second, ..]) if case.is_pinned() => Ok((vec![*first], vec![*second])),
        (_, [first, second, ..]) => Ok((vec![*first, *second], vec![*first, *second])),
        _ => Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "this needs two processors, and only one may be used",
        )),
    }
}

/// Runs `phase` with growing counts until it lasts long enough, and returns what the last one measured.
pub(crate) fn phases(
    case: &Case,
    mut phase: impl FnMut(u64) -> io::Result<f64>,
) -> io::Result<f64> {
    let enough = Duration::from_millis(u64::from(case.sample_ms));
    let mut count = 8;
    loop {
        let start = Instant::now();
        let figure = phase(count)?;
        let room = enough.as_secs_f64() / start.elapsed().as_secs_f64();
        if room < 2.0 {
            return Ok(figure);
        }
        // The first phases mostly measure the start, so none is trusted with more than this.
        let growth = [32, 16, 8, 4, 2]
            .into_iter()
            .find(|&growth| f64::from(growth) <= room);
        count *= u64::from(growth.unwrap_or(2u32));
    }
}

/// A count as a number to divide by.
pub(crate) fn to_f64(count: u64) -> f64 {
    // Counts stay far below 2^32 in the seconds that a sample may take; a larger one would only blur the figure.
    u32::try_from(count).map_or(f64::from(u32::MAX), f64::from)
}

/// How many of `count` repetitions pass before the clock starts.
pub(crate) fn warm_up(count: u64) -> u64 {
    count / 16 + 1
}

/// The measuring side.
struct Reader<'a> {
    writers: &'a [usize],
}

impl WithLink for Reader<'_> {
    type Out = f64;

    fn run<L: Link>(self, case: &Case) -> io::Result<f64> {
        let (mut link, tickets) = L::create(case)?;
        let tickets = tickets
            .into_iter()
            .map(|ticket| (Role::Writer, ticket))
            .collect();
        let mut peers = Peers::spawn(case, self.writers, tickets)?;
        peers.ready()?;
        link.complete()?;
        let writers = u64::try_from(case.writers).map_err(io::Error::other)?;
        let mut buf = vec![1; case.message_len];
        phases(case, |count| {
            peers.go(count)?;
            match case.task {
                Task::RoundTrip => round_trips(&mut link, count, &mut buf),
                Task::PausedRoundTrip => paused_round_trips(&mut link, count, &mut buf),
                _ => stream(&mut link, count * writers, &mut buf),
            }
        })
    }
}

/// The other side.
struct Writer<'a> {
    orders: &'a mut Orders,
}

impl WithLink for Writer<'_> {
    type Out = ();

    fn run<L: Link>(self, case: &Case) -> io::Result<()> {
        let mut link = L::join(case, self.orders.take_ticket()?)?;
        let mut buf = vec![2; case.message_len];
        process::serve(|count| {
            for _ in 0..count {
                match case.task {
                    Task::RoundTrip => {
                        receive(&mut link, &mut buf)?;
                        link.send(black_box(&buf))?;
                    }
                    Task::PausedRoundTrip => {
                        receive(&mut link, &mut buf)?;
                        stamp(&mut buf, pause());
                        link.send(black_box(&buf))?;
                    }
                    _ => link.send(black_box(&buf))?,
                }
            }
            Ok(())
        })
    }
}

/// Both sides in one thread.
struct BothEnds;

impl WithLink for BothEnds {
    type Out = f64;

    fn run<L: Link>(self, case: &Case) -> io::Result<f64> {
        let (mut reader, tickets) = L::create(case)?;
        let ticket = tickets.into_iter().next();
        let mut writer = L::join(case, ticket.ok_or(io::ErrorKind::InvalidInput)?)?;
        reader.complete()?;
        let mut buf = vec![1; case.message_len];
        phases(case, |count| {
            let warm = warm_up(count);
            let mut start = Instant::now();
            for done in 0..count {
                if done == warm {
                    start = Instant::now();
                }
                writer.send(black_box(&buf))?;
                receive(&mut reader, &mut buf)?;
            }
            Ok(start.elapsed().as_secs_f64() / to_f64(count - warm))
        })
    }
}

/// Receives one message and makes the compiler believe that somebody reads it. Without that it drops the copy out of a
/// bare ring, and the baseline gets twice as fast as anything that works.
fn receive<L: Link>(link: &mut L, buf: &mut [u8]) -> io::Result<()> {
    link.recv(buf)?;
    black_box(buf);
    Ok(())
}

/// The mean time of a round trip.
fn round_trips<L: Link>(link: &mut L, count: u64, buf: &mut [u8]) -> io::Result<f64> {
    let warm = warm_up(count);
    let mut start = Instant::now();
    for done in 0..count {
        if done == warm {
            start = Instant::now();
        }
        link.send(black_box(buf))?;
        receive(link, buf)?;
    }
    Ok(start.elapsed().as_secs_f64() / to_f64(count - warm))
}

/// The median time of a round trip without the pauses. The median, because a disturbed wake costs a hundred others.
fn paused_round_trips<L: Link>(link: &mut L, count: u64, buf: &mut [u8]) -> io::Result<f64> {
    let mut times = Vec::new();
    for _ in 0..count {
        pause();
        stamp(buf, Duration::ZERO);
        let start = Instant::now();
        link.send(black_box(buf))?;
        receive(link, buf)?;
        times.push(start.elapsed().saturating_sub(stamped(buf)));
    }
    times.sort_unstable();
    Ok(times[times.len() / 2].as_secs_f64())
}

/// The mean time per message received.
fn stream<L: Link>(link: &mut L, count: u64, buf: &mut [u8]) -> io::Result<f64> {
    let warm = warm_up(count);
    let mut start = Instant::now();
    for done in 0..count {
        if done == warm {
            start = Instant::now();
        }
        receive(link, buf)?;
    }
    Ok(start.elapsed().as_secs_f64() / to_f64(count - warm))
}

/// Copies a message back and forth between two private buffers.
fn copies(case: &Case) -> io::Result<f64> {
    let source = vec![3u8; case.message_len];
    let mut target = vec![4u8; case.message_len];
    phases(case, |count| {
        let start = Instant::now();
        for _ in 0..count {
            target.copy_from_slice(black_box(&source));
            black_box(&mut target);
        }
        Ok(start.elapsed().as_secs_f64() / to_f64(count))
    })
}

/// Lets the other side fall asleep, staying awake itself; returns how long it took.
fn pause() -> Duration {
    let start = Instant::now();
    while start.elapsed() < PAUSE {
        std::hint::spin_loop();
    }
    start.elapsed()
}

/// Writes a pause into a message, plus one, because an eventfd cannot carry zero.
fn stamp(buf: &mut [u8], pause: Duration) {
    let nanos = u64::try_from(pause.as_nanos()).unwrap_or(0) + 1;
    buf[..8].copy_from_slice(&nanos.to_ne_bytes());
}

fn stamped(buf: &[u8]) -> Duration {
    let mut word = [0; 8];
    word.copy_from_slice(&buf[..8]);
    Duration::from_nanos(u64::from_ne_bytes(word) - 1)
}
