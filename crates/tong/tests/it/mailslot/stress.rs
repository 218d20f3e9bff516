//! Processes that write as fast as they can, and processes that are killed while they do.
//!
//! With `TONG_STRESS=1` in the environment there is ten times as much of everything, and figures are printed; that is
//! meant for `--release --nocapture`, by hand.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use tong::{ErrorKind, MailslotClient, MailslotName, MailslotServer};
use tong_sys::clock;

use super::kind;
use crate::support::{self, Actor, Watchdog};

const WRITERS: u32 = 8;
/// Longest message, and beyond.
const BUFFER: usize = 256 << 10;

fn big() -> bool {
    std::env::var_os("TONG_STRESS").is_some_and(|value| value == "1")
}

fn limit() -> Duration {
    Duration::from_secs(if big() { 3600 } else { 240 })
}

/// What a message of the flood says in its first 24 bytes.
#[derive(Clone, Copy)]
struct Head {
    writer: u32,
    number: u32,
    /// When its own write began, and when the one before it had returned.
    started_ns: u64,
    previous_ended_ns: u64,
}

impl Head {
    const LEN: usize = 24;

    fn write_to(self, message: &mut [u8]) {
        message[..4].copy_from_slice(&self.writer.to_le_bytes());
        message[4..8].copy_from_slice(&self.number.to_le_bytes());
        message[8..16].copy_from_slice(&self.started_ns.to_le_bytes());
        message[16..24].copy_from_slice(&self.previous_ended_ns.to_le_bytes());
    }

    fn read_from(message: &[u8]) -> Head {
        let half = |at: usize| u32::from_le_bytes(message[at..at + 4].try_into().unwrap());
        let whole = |at: usize| u64::from_le_bytes(message[at..at + 8].try_into().unwrap());
        Head {
            writer: half(0),
            number: half(4),
            started_ns: whole(8),
            previous_ended_ns: whole(16),
        }
    }
}

/// Composes message `number` of a writer but for its head: mostly short, now and then long, never the same.
fn compose(writer: u32, number: u32, message: &mut Vec<u8>) {
    let mut random = fastrand::Rng::with_seed(u64::from(writer) << 32 | u64::from(number));
    let len = match random.u32(..512) {
        0 => random.usize(..200_000),
        1..=31 => random.usize(..8192),
        _ => random.usize(..512),
    };
    message.clear();
    message.resize(Head::LEN, 0);
    let start = random.u64(..);
    for word in 0..(len as u64).div_ceil(8) {
        message.extend(
            start
                .wrapping_add(word.wrapping_mul(0x9e37_79b9_7f4a_7c15))
                .to_le_bytes(),
        );
    }
    message.truncate(Head::LEN + len);
}

/// Writes the message, again and again while the quota is used up; returns when the last write began.
fn send(client: &MailslotClient, message: &mut [u8], head: Head) {
    loop {
        Head {
            started_ns: clock::now_ns(),
            ..head
        }
        .write_to(message);
        match client.send(message) {
            Ok(()) => return,
            Err(error) if error.kind() == ErrorKind::QueueFull => {
                thread::sleep(Duration::from_micros(200))
            }
            Err(error) => panic!("{error}"),
        }
    }
}

/// Writes as many messages as it is told to.
pub(crate) fn role_flood() {
    let args = support::args();
    let client = MailslotClient::open(&MailslotName::short(&args[0]).unwrap()).unwrap();
    let (writer, count) = (args[1].parse().unwrap(), args[2].parse().unwrap());
    support::say("open");
    support::wait_for_go();
    let mut message = Vec::new();
    let mut previous_ended_ns = 0;
    for number in 0..count {
        compose(writer, number, &mut message);
        send(
            &client,
            &mut message,
            Head {
                writer,
                number,
                started_ns: 0,
                previous_ended_ns,
            },
        );
        previous_ended_ns = clock::now_ns();
    }
}

/// Writes numbers, each through another of many clients of its own.
pub(crate) fn role_number_through_many() {
    let args = support::args();
    let name = MailslotName::short(&args[0]).unwrap();
    let count: u32 = args[2].parse().unwrap();
    let clients: Vec<_> = (0..args[1].parse().unwrap())
        .map(|_| MailslotClient::open(&name).unwrap())
        .collect();
    let mut random = fastrand::Rng::with_seed(13);
    for number in 0..count {
        let client = &clients[random.usize(..clients.len())];
        client.send(&number.to_le_bytes()).unwrap();
        // Bursts, in between which the reader catches up, so that it looks while the next one begins; or even sleeps.
        match random.u32(..4000) {
            0 => thread::sleep(Duration::from_micros(random.u64(..200))),
            1..=1000 => spin(random.u64(..3000)),
            _ => {}
        }
    }
}

fn spin(nanoseconds: u64) {
    let until = clock::now_ns() + nanoseconds;
    while clock::now_ns() < until {
        std::hint::spin_loop();
    }
}

/// Writes messages until it is killed, and notes in a file, after each, how many writes have returned.
pub(crate) fn role_flood_until_killed() {
    let args = support::args();
    let writer = args[1].parse().unwrap();
    let returned = File::create(&args[2]).unwrap();
    let client = MailslotClient::open(&MailslotName::short(&args[0]).unwrap()).unwrap();
    let mut message = Vec::new();
    for number in 0.. {
        compose(writer, number, &mut message);
        send(
            &client,
            &mut message,
            Head {
                writer,
                number,
                started_ns: 0,
                previous_ended_ns: 0,
            },
        );
        returned
            .write_all_at(&(u64::from(number) + 1).to_le_bytes(), 0)
            .unwrap();
    }
}

/// What the reader knows of the messages that came.
#[derive(Default)]
struct Ledger {
    /// How many messages of each writer have come.
    counts: Vec<u32>,
    /// For the last message of each writer: the latest start of all messages that came before it.
    latest_before: Vec<u64>,
    latest_start: u64,
    bytes: u64,
    expected: Vec<u8>,
}

impl Ledger {
    fn new(writers: u32) -> Ledger {
        let writers = writers as usize;
        Ledger {
            counts: vec![0; writers],
            latest_before: vec![0; writers],
            ..Ledger::default()
        }
    }

    /// Checks that the message is whole and the next of its writer.
    fn note(&mut self, message: &[u8]) -> Head {
        let head = Head::read_from(message);
        let count = &mut self.counts[head.writer as usize];
        assert_eq!(
            head.number, *count,
            "writer {}: lost, doubled or out of order",
            head.writer
        );
        *count += 1;
        compose(head.writer, head.number, &mut self.expected);
        assert_eq!(
            message.len(),
            self.expected.len(),
            "writer {}, message {}",
            head.writer,
            head.number
        );
        let same = message[Head::LEN..] == self.expected[Head::LEN..];
        assert!(
            same,
            "writer {}, message {} is torn",
            head.writer, head.number
        );
        self.bytes += message.len() as u64;
        head
    }

    /// Checks that nothing came before a message that was written after it: the write of one began when the write of the
    /// other had returned. When a write returned stands in the next message of the same writer.
    fn note_order(&mut self, head: Head) {
        let before = &mut self.latest_before[head.writer as usize];
        if head.number > 0 {
            let late = before.saturating_sub(head.previous_ended_ns);
            assert!(
                late == 0,
                "message {} of writer {} came behind one written {late} ns later",
                head.number - 1,
                head.writer
            );
        }
        *before = self.latest_start;
        self.latest_start = self.latest_start.max(head.started_ns);
    }
}

fn start_flood(name: &MailslotName, count: u32) -> Vec<Actor> {
    let mut writers: Vec<Actor> = (0..WRITERS)
        .map(|writer| {
            Actor::start(
                "flood",
                &[name.path(), &writer.to_string(), &count.to_string()],
            )
        })
        .collect();
    for writer in &mut writers {
        writer.expect("open");
    }
    writers
}

/// Lets 8 processes write and reads it all; the reader pauses every so many messages.
fn flood(test: &str, quota: u64, pause_every: u64) {
    let count = if big() { 200_000 } else { 20_000 };
    let name = support::name(test);
    let server = MailslotServer::options()
        .quota_bytes(quota)
        .create(&name)
        .unwrap();
    let mut writers = start_flood(&name, count);
    let started = Instant::now();
    writers.iter_mut().for_each(Actor::go);
    let mut ledger = Ledger::new(WRITERS);
    let mut buf = vec![0; BUFFER];
    for received in 0..u64::from(WRITERS) * u64::from(count) {
        let len = server.recv_timeout(&mut buf, limit()).unwrap();
        let head = ledger.note(&buf[..len]);
        ledger.note_order(head);
        if received % pause_every == pause_every - 1 {
            thread::sleep(Duration::from_millis(3));
        }
    }
    report(test, &ledger, started);
    writers.iter_mut().for_each(Actor::finish);
    assert_eq!(kind(server.try_recv(&mut [])), ErrorKind::TimedOut);
    assert_eq!(server.info().unwrap().writers, 0);
}

fn report(test: &str, ledger: &Ledger, started: Instant) {
    if big() {
        let messages: u64 = ledger.counts.iter().map(|count| u64::from(*count)).sum();
        let seconds = started.elapsed().as_secs_f64();
        let mib = ledger.bytes as f64 / f64::from(1 << 20);
        println!(
            "{test}: {messages} messages, {mib:.0} MiB in {seconds:.1} s: {:.0} messages/s, {:.0} MiB/s",
            messages as f64 / seconds,
            mib / seconds
        );
    }
}

#[test]
fn m1_3_eight_processes_write_and_nothing_is_lost_doubled_torn_or_out_of_order() {
    let _watchdog = Watchdog::new("flood", limit());
    flood("flood", 64 << 20, u64::MAX);
}

#[test]
fn m1_3_m6_6_eight_processes_at_their_quota_lose_nothing_either() {
    let _watchdog = Watchdog::new("flood at quota", limit());
    flood("flood-quota", 256 << 10, 2000);
}

#[test]
fn m1_3_order_of_writes_is_kept_across_many_clients_to_the_nanosecond() {
    let _watchdog = Watchdog::new("numbers", limit());
    let count: u32 = if big() { 3_000_000 } else { 400_000 };
    for clients in [2, 8, 40] {
        let name = support::name(&format!("numbers-{clients}"));
        let server = MailslotServer::create(&name).unwrap();
        let args = [name.path(), &clients.to_string(), &count.to_string()];
        let mut writer = Actor::start("number_through_many", &args);
        let mut buf = [0; 4];
        for number in 0..count {
            assert_eq!(server.recv_timeout(&mut buf, limit()).unwrap(), 4);
            let got = u32::from_le_bytes(buf);
            assert_eq!(got, number, "out of order with {clients} clients");
        }
        writer.finish();
    }
}

/// Reads until an empty message comes; returns whose messages came, and which.
fn read_until_empty(server: &MailslotServer) -> Vec<(u32, u32)> {
    let mut got = Vec::new();
    let (mut buf, mut expected) = (vec![0; BUFFER], Vec::new());
    loop {
        let len = server.recv(&mut buf).unwrap();
        if len == 0 {
            return got;
        }
        let Head { writer, number, .. } = Head::read_from(&buf);
        compose(writer, number, &mut expected);
        assert!(
            buf[Head::LEN..len] == expected[Head::LEN..],
            "writer {writer}, message {number} is torn"
        );
        got.push((writer, number));
    }
}

#[test]
fn m7_15_each_message_of_eight_processes_goes_to_exactly_one_of_four_readers() {
    let _watchdog = Watchdog::new("flood readers", limit());
    let count = if big() { 200_000 } else { 10_000 };
    let name = support::name("flood-readers");
    let server = MailslotServer::create(&name).unwrap();
    let mut writers = start_flood(&name, count);
    let readers = [(); 4].map(|()| {
        let server = server.clone();
        thread::spawn(move || read_until_empty(&server))
    });
    writers.iter_mut().for_each(Actor::go);
    writers.iter_mut().for_each(Actor::finish);
    let last = MailslotClient::open(&name).unwrap();
    readers.iter().for_each(|_| last.send(b"").unwrap());
    let mut got = Vec::new();
    for part in readers.map(|reader| reader.join().unwrap()) {
        for writer in 0..WRITERS {
            assert!(
                part.iter().filter(|(from, _)| *from == writer).is_sorted(),
                "writer {writer}"
            );
        }
        got.extend(part);
    }
    got.sort_unstable();
    let expected = (0..WRITERS).flat_map(|writer| (0..count).map(move |number| (writer, number)));
    assert!(
        got.into_iter().eq(expected),
        "something was lost or doubled"
    );
}

/// A writer that is going to be killed, and the file in which it notes how many of its writes have returned.
struct Doomed {
    actor: Actor,
    returned: PathBuf,
}

impl Doomed {
    fn start(name: &MailslotName, writer: u32) -> Doomed {
        let returned = support::namespace().join(format!("returned-{}-{writer}", name.path()));
        let args = [name.path(), &writer.to_string(), returned.to_str().unwrap()];
        Doomed {
            actor: Actor::start("flood_until_killed", &args),
            returned,
        }
    }

    /// How many writes returned before it was killed; none if it did not come so far.
    fn returned(&self) -> u32 {
        let noted = fs::read(&self.returned).unwrap_or_default();
        noted
            .try_into()
            .map_or(0, u64::from_le_bytes)
            .try_into()
            .unwrap()
    }
}

impl Drop for Doomed {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.returned);
    }
}

/// Kills each writer after a random time while the main thread reads.
fn kill_at_random(mut doomed: Vec<Doomed>, seed: u64) -> thread::JoinHandle<Vec<Doomed>> {
    thread::spawn(move || {
        let mut random = fastrand::Rng::with_seed(seed);
        for writer in &mut doomed {
            thread::sleep(Duration::from_micros(random.u64(..30_000)));
            writer.actor.kill();
        }
        doomed
    })
}

#[test]
fn m1_4_m1_8_m6_7_every_message_whose_write_returned_is_read_though_its_writer_is_killed() {
    let _watchdog = Watchdog::new("killed writers", limit());
    let name = support::name("killed");
    let server = MailslotServer::options()
        .quota_bytes(4 << 20)
        .create(&name)
        .unwrap();
    let started = Instant::now();
    let (mut all, mut buf) = (Ledger::new(WRITERS), vec![0; BUFFER]);
    for round in 0..if big() { 250 } else { 8 } {
        let killer = kill_at_random(
            (0..WRITERS)
                .map(|writer| Doomed::start(&name, writer))
                .collect(),
            round,
        );
        let mut ledger = Ledger::new(WRITERS);
        while !killer.is_finished() || server.info().unwrap().message_count > 0 {
            let Ok(len) = server.recv_timeout(&mut buf, Duration::from_millis(5)) else {
                continue;
            };
            ledger.note(&buf[..len]);
        }
        let killed = killer.join().unwrap();
        assert_eq!(
            server.info().unwrap().writers,
            0,
            "round {round}: the dead are forgotten"
        );
        for (writer, (read, killed)) in ledger.counts.iter().zip(&killed).enumerate() {
            let returned = killed.returned();
            let complete = (returned..=returned + 1).contains(read);
            assert!(
                complete,
                "round {round}, writer {writer}: {read} read, {returned} writes returned"
            );
            all.counts[writer] += read;
        }
        all.bytes += ledger.bytes;
    }
    report("killed", &all, started);
}
