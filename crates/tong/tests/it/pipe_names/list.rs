//! Pipes as `Namespace::list` and `Namespace::gc` see them.

use std::time::Duration;

use tong::namespace::{About, Entry, InstanceState, Leftover, PipeInstance, State};
use tong::pipe::{Direction, PipeClient, PipeServer, PipeType};
use tong::{Namespace, PipeName};

use super::player::Player;
use super::{files, LIMIT};
use crate::puppet::fresh_root;
use crate::support::{self, Watchdog};

fn name(test: &str) -> PipeName {
    support::namespace();
    PipeName::short(&format!("{test}-{}", std::process::id())).unwrap()
}

/// The list's entry of the pipe.
fn listed(name: &PipeName) -> Option<Entry> {
    let list = Namespace::current().unwrap().list().unwrap();
    list.into_iter()
        .find(|entry| entry.kind == "pipe" && entry.name == name.full())
}

fn instances(name: &PipeName) -> Vec<PipeInstance> {
    match listed(name).unwrap().about {
        About::Pipe { instances, .. } => instances,
        other => panic!("{other:?}"),
    }
}

#[test]
fn list_shows_the_pipe_and_the_states_of_its_instances() {
    let _watchdog = Watchdog::new("list_shows_the_pipe", LIMIT);
    let name = name("Listed");
    assert!(listed(&name).is_none());
    let mut options = PipeServer::options();
    options
        .pipe_type(PipeType::Message)
        .max_instances(Some(7))
        .default_timeout(Duration::from_secs(3))
        .in_quota(10)
        .out_quota(20);
    let servers = [(); 2].map(|()| options.create(&name).unwrap());
    let entry = listed(&name).unwrap();
    let own = i32::try_from(std::process::id()).unwrap();
    assert_eq!((entry.state, entry.owner_pid), (State::Live, Some(own)));
    assert_eq!(entry.holders, [own]);
    let About::Pipe {
        pipe_type,
        direction,
        max_instances,
        default_timeout,
        instances: seen,
    } = entry.about
    else {
        panic!("a pipe");
    };
    assert_eq!(
        (pipe_type, direction),
        (PipeType::Message, Direction::Duplex)
    );
    assert_eq!(
        (max_instances, default_timeout),
        (Some(7), Duration::from_secs(3))
    );
    assert_eq!(seen.len(), 2);
    for instance in &seen {
        assert_eq!(instance.state, InstanceState::Listening);
        assert_eq!((instance.in_quota, instance.out_quota), (10, 20));
        assert_eq!((instance.server_pid, instance.client_pid), (own, None));
        assert_eq!(instance.queued_in, None);
    }

    let client = PipeClient::open(&name).unwrap();
    client.send(b"four").unwrap();
    client.send(b"1").unwrap();
    assert!(servers[0].connect().is_err(), "there is one");
    servers[0].send(b"seven b").unwrap();
    let [first, second] = instances(&name).try_into().unwrap();
    assert_eq!(first.state, InstanceState::Connected);
    assert_eq!(second.state, InstanceState::Listening);
    assert_eq!(first.client_pid, Some(own));
    assert_eq!((first.queued_in, first.queued_out), (Some(5), Some(7)));
    servers[0].receive(&mut [0; 2]).unwrap();
    assert_eq!(instances(&name)[0].queued_in, Some(3));

    drop(client);
    assert_eq!(instances(&name)[0].state, InstanceState::Closing);
    servers[0].disconnect().unwrap();
    let first = &instances(&name)[0];
    assert_eq!(first.state, InstanceState::Disconnected);
    assert_eq!((first.client_pid, first.queued_in), (None, None));
    drop(servers);
    assert!(listed(&name).is_none());
}

#[test]
fn dead_pipes_are_listed_as_such_and_cleaned_up() {
    let _watchdog = Watchdog::new("dead_pipes_are_listed", LIMIT);
    let root = fresh_root();
    let namespace = Namespace::at(root.path()).unwrap();
    let mut dead = Player::at(root.path());
    dead.must("create x");
    dead.must("create x");
    dead.must("create y");
    assert_eq!(namespace.gc(true).unwrap(), []);
    dead.actor.kill();
    let list = namespace.list().unwrap();
    let states: Vec<_> = list
        .iter()
        .map(|entry| (&*entry.name, entry.state))
        .collect();
    let expected = [(r"\\.\pipe\x", State::Dead), (r"\\.\pipe\y", State::Dead)];
    assert_eq!(states, expected);
    for dry_run in [true, false] {
        let mut left = namespace.gc(dry_run).unwrap();
        left.sort_by_key(|leftover| format!("{leftover:?}"));
        let dead = |name: &str| Leftover::Dead { name: name.into() };
        assert_eq!(left, expected.map(|(name, _)| dead(name)), "{dry_run}");
    }
    assert!(files(root.path()).is_empty());
}

#[test]
fn foreign_things_among_the_pipes_are_told_of_and_left_alone() {
    let _watchdog = Watchdog::new("foreign_things_among_the_pipes", LIMIT);
    let root = fresh_root();
    let namespace = Namespace::at(root.path()).unwrap();
    let dir = root.path().join("pipe");
    let stem = "0123456789abcdef0123456789abcdef";
    std::fs::write(dir.join("letter"), "dear all").unwrap();
    std::fs::create_dir(dir.join(format!("{stem}.00000001.0"))).unwrap();
    std::fs::write(dir.join(stem), "mine").unwrap();
    for dry_run in [true, false] {
        let left = namespace.gc(dry_run).unwrap();
        assert_eq!(left.len(), 3, "{left:?}");
        let foreign = |one: &Leftover| matches!(one, Leftover::Foreign { .. });
        assert!(left.iter().all(foreign));
    }
    assert_eq!(files(root.path()).len(), 3);
}

/// A door whose page was removed: while its server lives it is left, then it goes.
#[test]
fn door_without_a_page_goes_when_its_server_has_gone() {
    let _watchdog = Watchdog::new("door_without_a_page", LIMIT);
    let root = fresh_root();
    let namespace = Namespace::at(root.path()).unwrap();
    let mut server = Player::at(root.path());
    server.must("create x");
    let page = files(root.path()).remove(0);
    std::fs::remove_file(root.path().join("pipe").join(page)).unwrap();
    assert_eq!(namespace.gc(false).unwrap(), []);
    server.actor.kill();
    assert_eq!(namespace.gc(false).unwrap().len(), 1);
    assert!(files(root.path()).is_empty());
}
