//! Section 1: the object.

use std::collections::VecDeque;
use std::time::Duration;

use tong::{ErrorKind, MailslotClient, MailslotName, MailslotServer};

use super::{drain, kind, next, pair, pattern, LIMIT};
use crate::support::{self, Actor, Watchdog};

#[test]
fn m1_1_messages_come_out_in_the_order_in_which_they_went_in() {
    let _watchdog = Watchdog::new("m1_1", LIMIT);
    let (server, client) = pair("m1_1");
    for number in 0..1000u32 {
        client.send(&number.to_le_bytes()).unwrap();
    }
    let expected: Vec<_> = (0..1000u32)
        .map(|number| number.to_le_bytes().to_vec())
        .collect();
    assert_eq!(drain(&server), expected);
}

#[test]
fn m1_2_each_write_is_one_message_never_merged_never_split() {
    let _watchdog = Watchdog::new("m1_2", LIMIT);
    let (server, client) = pair("m1_2");
    let messages = [
        pattern(1),
        pattern(2),
        Vec::new(),
        pattern(100_000),
        Vec::new(),
        pattern(3),
    ];
    for message in &messages {
        client.send(message).unwrap();
    }
    assert_eq!(server.info().unwrap().message_count, 6);
    assert_eq!(drain(&server), messages);
}

/// The order in which two processes write, by turns that the test gives.
const TURNS: [usize; 12] = [0, 1, 0, 0, 1, 1, 1, 0, 1, 0, 0, 1];

fn writers_in_turn(name: &MailslotName) -> [Actor; 2] {
    ["a", "b"].map(|who| {
        let messages: Vec<String> = (0..6).map(|number| format!("{who}{number}")).collect();
        let mut args = vec![name.path()];
        args.extend(messages.iter().map(String::as_str));
        let mut writer = Actor::start("write_in_turn", &args);
        writer.expect("open");
        writer
    })
}

#[test]
fn m1_3_messages_of_two_processes_come_out_in_the_order_of_the_writes() {
    let _watchdog = Watchdog::new("m1_3", LIMIT);
    let name = support::name("m1_3");
    let server = MailslotServer::create(&name).unwrap();
    let mut writers = writers_in_turn(&name);
    let mut sent = [0; 2];
    let mut expected = Vec::new();
    for who in TURNS {
        writers[who].go();
        writers[who].expect("sent");
        expected.push(format!("{}{}", ["a", "b"][who], sent[who]).into_bytes());
        sent[who] += 1;
    }
    assert_eq!(drain(&server), expected);
}

#[test]
fn m1_3_order_across_processes_holds_while_the_reader_reads_some_of_it() {
    let _watchdog = Watchdog::new("m1_3 reading", LIMIT);
    let name = support::name("m1_3-reading");
    let server = MailslotServer::create(&name).unwrap();
    let mut writers = writers_in_turn(&name);
    let (mut expected, mut got) = (Vec::new(), Vec::new());
    let mut sent = [0; 2];
    for (turn, who) in TURNS.into_iter().enumerate() {
        writers[who].go();
        writers[who].expect("sent");
        expected.push(format!("{}{}", ["a", "b"][who], sent[who]).into_bytes());
        sent[who] += 1;
        if turn % 3 == 2 {
            got.extend([next(&server), next(&server)]);
        }
    }
    got.extend(drain(&server));
    assert_eq!(got, expected);
}

/// A mailslot beside a plain queue that says what must come out of it.
struct Compared {
    server: MailslotServer,
    clients: Vec<MailslotClient>,
    queue: VecDeque<Vec<u8>>,
    random: fastrand::Rng,
}

impl Compared {
    /// Writes a message of up to `most` bytes; returns whether the quota allowed it.
    fn write(&mut self, most: usize) -> bool {
        let message = pattern(self.random.usize(..most));
        let client = &self.clients[self.random.usize(..self.clients.len())];
        let written = client.send(&message).is_ok();
        if written {
            self.queue.push_back(message);
        }
        written
    }

    fn read_until(&mut self, left: usize) {
        while self.queue.len() > left {
            let expected = self.queue.pop_front().unwrap();
            assert!(
                next(&self.server) == expected,
                "{} bytes were expected",
                expected.len()
            );
        }
    }
}

#[test]
fn m1_1_m1_2_m1_3_bursts_and_trickles_of_any_size_come_out_as_out_of_a_plain_queue() {
    let _watchdog = Watchdog::new("plain queue", LIMIT);
    for seed in 0..6 {
        let name = support::name(&format!("plain-queue-{seed}"));
        let server = MailslotServer::options()
            .quota_bytes(512 << 10)
            .create(&name)
            .unwrap();
        let clients = (0..=seed % 3)
            .map(|_| MailslotClient::open(&name).unwrap())
            .collect();
        let random = fastrand::Rng::with_seed(seed);
        let mut both = Compared {
            server,
            clients,
            queue: VecDeque::new(),
            random,
        };
        for _ in 0..12 {
            let most = [20, 2000, 30_000][both.random.usize(..3)];
            let burst = both.random.usize(..600);
            let _ = (0..burst).all(|_| both.write(most));
            let lag = both.random.usize(..12);
            for _ in 0..both.random.usize(..6000) {
                both.read_until(lag);
                assert!(both.write(1200), "a nearly empty queue takes it");
            }
            assert_eq!(
                both.server.info().unwrap().message_count,
                both.queue.len() as u64
            );
        }
        both.read_until(0);
        assert_eq!(both.server.info().unwrap().next_len, None);
    }
}

#[test]
fn m1_4_message_stays_when_its_writer_closes_exits_or_is_killed() {
    let _watchdog = Watchdog::new("m1_4", LIMIT);
    let (server, client) = pair("m1_4");
    client.send(b"closed").unwrap();
    drop(client);
    let mut exits = Actor::start("write", &[server.name().path(), "exited"]);
    exits.expect("written");
    exits.go();
    exits.finish();
    let mut dies = Actor::start("write", &[server.name().path(), "killed", ""]);
    dies.expect("written");
    dies.kill();
    assert_eq!(server.info().unwrap().message_count, 4);
    assert_eq!(drain(&server), [&b"closed"[..], b"exited", b"killed", b""]);
    support::eventually("nobody is left", || server.info().unwrap().writers == 0);
}

#[test]
fn m1_5_write_says_queued_and_nothing_of_being_read() {
    let _watchdog = Watchdog::new("m1_5", LIMIT);
    let (server, client) = pair("m1_5");
    client.send(b"read").unwrap();
    assert_eq!(next(&server), b"read");
    client.send(b"discarded unread").unwrap();
    drop(server);
    assert_eq!(kind(client.send(b"too late")), ErrorKind::Closed);
}

#[test]
fn m1_6_mailslot_lives_with_its_last_server_handle_and_clients_do_not_count() {
    let _watchdog = Watchdog::new("m1_6", LIMIT);
    let (first, client) = pair("m1_6");
    let second = first.clone();
    client.send(b"kept").unwrap();
    drop(first);
    assert_eq!(next(&second), b"kept");
    MailslotClient::open(client.name()).unwrap();
    drop(second);
    assert_eq!(
        kind(MailslotClient::open(client.name())),
        ErrorKind::NotFound
    );
}

#[test]
fn m1_7_when_the_last_server_handle_goes_messages_name_and_clients_go() {
    let _watchdog = Watchdog::new("m1_7", LIMIT);
    let (server, client) = pair("m1_7");
    client.send(b"unread").unwrap();
    // This one is not taken in yet, for the server has done nothing since.
    let late = MailslotClient::open(client.name()).unwrap();
    late.send(b"unread too").unwrap();
    drop(server);
    assert_eq!(kind(client.send(b"")), ErrorKind::Closed);
    assert_eq!(kind(late.send(b"")), ErrorKind::Closed);
    assert_eq!(
        kind(MailslotClient::open(client.name())),
        ErrorKind::NotFound
    );
    let again = MailslotServer::create(client.name()).unwrap();
    assert_eq!(drain(&again), [] as [Vec<u8>; 0]);
}

/// After the server ended in whatever way: everything of M1.7 is so, and the name is free.
fn assert_gone(name: &MailslotName, client: &MailslotClient) {
    assert_eq!(kind(client.send(b"late")), ErrorKind::Closed);
    assert_eq!(kind(MailslotClient::open(name)), ErrorKind::NotFound);
    let server = MailslotServer::create(name).unwrap();
    assert_eq!(server.info().unwrap().message_count, 0);
    assert_eq!(kind(client.send(b"late")), ErrorKind::Closed);
    let fresh = MailslotClient::open(name).unwrap();
    fresh.send(b"fresh").unwrap();
    assert_eq!(drain(&server), [b"fresh"]);
}

#[test]
fn m1_8_killed_server_leaves_no_name_that_opens_or_blocks() {
    let _watchdog = Watchdog::new("m1_8 kill", LIMIT);
    let name = support::name("m1_8-kill");
    for _ in 0..10 {
        let mut server = Actor::start("serve", &[name.path()]);
        server.expect("serving");
        let client = MailslotClient::open(&name).unwrap();
        client.send(b"unread").unwrap();
        server.kill();
        assert_gone(&name, &client);
    }
}

#[test]
fn m1_8_server_that_exits_without_closing_leaves_nothing() {
    let _watchdog = Watchdog::new("m1_8 exit", LIMIT);
    for how in ["close", "leak"] {
        let name = support::name(&format!("m1_8-{how}"));
        let mut server = Actor::start("serve", &[name.path(), how]);
        server.expect("serving");
        let client = MailslotClient::open(&name).unwrap();
        client.send(b"unread").unwrap();
        server.go();
        server.finish();
        assert_gone(&name, &client);
    }
}

#[test]
fn m1_8_name_of_a_killed_server_can_be_created_before_anybody_opens_it() {
    let _watchdog = Watchdog::new("m1_8 create", LIMIT);
    let name = support::name("m1_8-create");
    let mut dead = Actor::start("serve", &[name.path()]);
    dead.expect("serving");
    dead.kill();
    let server = MailslotServer::create(&name).unwrap();
    MailslotClient::open(&name).unwrap().send(b"new").unwrap();
    assert_eq!(next(&server), b"new");
}

#[test]
fn m1_9_mailslot_is_made_on_this_machine_only() {
    let _watchdog = Watchdog::new("m1_9", LIMIT);
    for elsewhere in [r"\\server\mailslot\m1_9", r"\\*\mailslot\m1_9"] {
        let refused = kind(MailslotName::parse_for_create(elsewhere));
        assert_eq!(refused, ErrorKind::InvalidName, "{elsewhere}");
    }
}

#[test]
fn m1_10_timeout_limit_and_queue_are_shared_by_all_server_handles() {
    let _watchdog = Watchdog::new("m1_10", LIMIT);
    let name = support::name("m1_10");
    let first = MailslotServer::options()
        .max_message_len(9)
        .create(&name)
        .unwrap();
    let second = first.clone();
    second
        .set_read_timeout(Some(Duration::from_millis(40)))
        .unwrap();
    MailslotClient::open(&name).unwrap().send(b"one").unwrap();
    assert_eq!(first.info().unwrap(), second.info().unwrap());
    assert_eq!(
        first.info().unwrap().read_timeout,
        Some(Duration::from_millis(40))
    );
    assert_eq!(first.info().unwrap().max_message_len, 9);
    assert_eq!(next(&second), b"one");
    assert_eq!(first.info().unwrap().message_count, 0);
}
