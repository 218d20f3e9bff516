//! Two server processes with eight instances of one pipe, thirty-two clients, and somebody who kills them.
//!
//! `TONG_CROWD_SECONDS` says for how long; with `TONG_STRESS=1` it is ten minutes, and no call may take more than a second,
//! which asks for a machine that does little else.

use std::fs;
use std::time::{Duration, Instant};

use crate::process::{Room, Running};
use crate::tree::{Tree, Way};

const PIPE: &str = r"\\.\pipe\crowd";
const SERVERS: usize = 2;
const INSTANCES_EACH: &str = "4";
const CLIENTS: usize = 32;

/// What there is to be had, and how to start it.
struct Crowd<'a> {
    room: &'a Room,
    server: std::path::PathBuf,
    client: std::path::PathBuf,
    limit: String,
    started: u32,
}

impl Crowd<'_> {
    fn server(&self) -> Running {
        let args = [PIPE, INSTANCES_EACH, &self.limit];
        self.room.start(&self.server, &args)
    }

    fn client(&mut self) -> Running {
        self.started += 1;
        let seed = self.started.to_string();
        self.room.start(&self.client, &[PIPE, &seed, &self.limit])
    }
}

/// The duration, and the most milliseconds that a call may take.
fn measure() -> (Duration, &'static str) {
    let stress = std::env::var_os("TONG_STRESS").is_some_and(|value| value == "1");
    let seconds = std::env::var("TONG_CROWD_SECONDS");
    let seconds = match seconds.ok().and_then(|text| text.parse().ok()) {
        Some(seconds) => seconds,
        None if stress => 600,
        None => 12,
    };
    let limit = if stress { "1000" } else { "20000" };
    (Duration::from_secs(seconds), limit)
}

/// A number below `limit` that nobody expects.
fn chance(state: &mut u64, limit: usize) -> usize {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    usize::try_from(*state >> 33).unwrap() % limit
}

/// Looks for one that has ended by itself, which it does only with a complaint.
#[track_caller]
fn all_are_well(running: &mut Vec<Running>) {
    if let Some(which) = running.iter_mut().position(|one| !one.is_running()) {
        panic!("{:?}", running.remove(which).finish(""));
    }
}

/// P4.5, P5.3, P8.5, P10.1, P10.14, P10.15, P17.1, P19.5: each reply belongs to its request, no call hangs, no instance is
/// lost, and when all have left nothing stays, whoever was killed at whatever moment.
#[test]
fn crowd_of_clients_is_served_whoever_is_killed() {
    let Some(tree) = Tree::find("crowd_of_clients_is_served_whoever_is_killed") else {
        return;
    };
    let way = Way::ALL[0];
    let room = Room::new(&tree);
    let (time, limit) = measure();
    let mut crowd = Crowd {
        room: &room,
        server: tree.build("crowd_server.c", way),
        client: tree.build("crowd_client.c", way),
        limit: limit.to_owned(),
        started: 0,
    };
    let mut servers: Vec<_> = (0..SERVERS).map(|_| crowd.server()).collect();
    let mut clients: Vec<_> = (0..CLIENTS).map(|_| crowd.client()).collect();
    let mut state = u64::from(std::process::id()) << 20 | 1;
    let end = Instant::now() + time;
    while Instant::now() < end {
        let pause = 5 + chance(&mut state, 120);
        std::thread::sleep(Duration::from_millis(pause.try_into().unwrap()));
        all_are_well(&mut servers);
        all_are_well(&mut clients);
        match chance(&mut state, 6) {
            0 => {
                servers.swap_remove(chance(&mut state, SERVERS)).kill();
                servers.push(crowd.server());
            }
            _ => {
                clients.swap_remove(chance(&mut state, CLIENTS)).kill();
                clients.push(crowd.client());
            }
        }
    }
    let mut answered = 0;
    for client in clients {
        let ended = client.finish("");
        assert_eq!(ended.code, Some(0), "{ended:?}");
        let number = ended.output.split(' ').next().unwrap();
        answered += number.parse::<u64>().unwrap();
    }
    assert!(answered > 0, "nobody was answered");
    let filled = room.start(&crowd.client, &[PIPE, "fill", limit]).finish("");
    filled.is(0, "8 of 8\n");
    for server in servers {
        server.finish("").is(0, "");
    }
    let left: Vec<_> = fs::read_dir(room.names("pipe"))
        .map(|entries| entries.map(|entry| entry.unwrap().file_name()).collect())
        .unwrap_or_default();
    assert!(left.is_empty(), "left behind: {left:?}");
    room.tong(&["ls"]).finish("").is(0, "");
}
