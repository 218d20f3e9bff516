//! What the registry promises, within one process; `tests/it/pipe_names.rs` has other processes too.

use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use tong_sys::{bell, socket};

use super::*;
use crate::object::pipe::options::WaitTime;
use crate::{Access, ErrorKind};

/// The directory of this process's namespace; it stays, as temporary files do.
fn root() -> &'static PathBuf {
    static ROOT: OnceLock<PathBuf> = OnceLock::new();
    ROOT.get_or_init(|| {
        if let Some(dir) = std::env::var_os("TONG_DIR") {
            return dir.into();
        }
        let dir = std::env::temp_dir().join(format!("tong-registry-{}", std::process::id()));
        std::env::set_var("TONG_DIR", &dir);
        dir
    })
}

fn name(test: &str) -> PipeName {
    root();
    PipeName::short(&format!("{test}-{}", std::process::id())).unwrap()
}

fn options() -> PipeOptions {
    PipeOptions::new()
}

fn create(name: &PipeName) -> Instance {
    Instance::create(name, &options()).unwrap()
}

fn refused(name: &PipeName, options: &PipeOptions) -> ErrorKind {
    Instance::create(name, options).unwrap_err().kind()
}

const ANY: Wanted = Wanted {
    read: None,
    write: None,
};

fn connect(name: &PipeName) -> OwnedFd {
    Opened::connect(name, ANY).unwrap().into_parts().0
}

fn no_connect(name: &PipeName) -> ErrorKind {
    Opened::connect(name, ANY).unwrap_err().kind()
}

/// Whether the connection leads to the instance: what is sent there arrives.
fn leads_to(client: &OwnedFd, instance: &Instance) -> bool {
    let Some(server) = instance.accept().unwrap() else {
        return false;
    };
    socket::send(client, b"x", &[]).unwrap();
    socket::receive_plain(&server, &mut [0; 4]).unwrap() == Some(1)
}

/// The files that the namespace has for a pipe.
fn files(name: &PipeName) -> Vec<String> {
    let stem = stem(name);
    std::fs::read_dir(root().join("pipe"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|file| file.starts_with(&stem))
        .collect()
}

fn page(name: &PipeName) -> PathBuf {
    root().join("pipe").join(stem(name))
}

/// P3.1, P5.1: from the creation on, without any act of the server.
#[test]
fn client_is_connected_before_the_server_looks() {
    let name = name("connected");
    let server = create(&name);
    assert!(server.accept().unwrap().is_none(), "nobody is there");
    let client = connect(&name);
    socket::send(&client, b"early", &[]).unwrap();
    drop(client);
    let met = server.accept().unwrap().unwrap();
    let mut bytes = [0; 8];
    assert_eq!(socket::receive_plain(&met, &mut bytes).unwrap(), Some(5));
    assert!(server.listener().is_none());
    assert!(server.accept().unwrap().is_none());
}

/// P5.2, P5.3, P5.5, P9.8, P8.7.
#[test]
fn instance_serves_one_client_until_it_listens_again() {
    let name = name("one");
    assert_eq!(no_connect(&name), ErrorKind::NotFound);
    let server = create(&name);
    let first = connect(&name);
    assert_eq!(no_connect(&name), ErrorKind::PipeBusy);
    assert!(leads_to(&first, &server));
    assert_eq!(no_connect(&name), ErrorKind::PipeBusy);
    drop(first);
    assert_eq!(no_connect(&name), ErrorKind::PipeBusy);
    server.set_disconnected();
    assert_eq!(no_connect(&name), ErrorKind::PipeBusy);
    server.listen_again().unwrap();
    let second = connect(&name);
    assert!(leads_to(&second, &server));
    drop(server);
    assert_eq!(no_connect(&name), ErrorKind::NotFound);
}

/// P5.4, P8.7.
#[test]
fn instance_that_has_listened_longest_is_taken() {
    let name = name("order");
    let servers: Vec<Instance> = (0..4).map(|_| create(&name)).collect();
    let clients: Vec<OwnedFd> = (0..3).map(|_| connect(&name)).collect();
    for (client, server) in clients.iter().zip(&servers) {
        assert!(leads_to(client, server));
    }
    for again in [2, 0, 1] {
        servers[again].listen_again().unwrap();
        servers[again].listen_again().unwrap();
    }
    for expected in [3, 2, 0, 1] {
        assert!(leads_to(&connect(&name), &servers[expected]));
    }
    assert_eq!(no_connect(&name), ErrorKind::PipeBusy);
}

/// P9.6.
#[test]
fn instance_that_stopped_listening_takes_nobody() {
    let name = name("stopped");
    let server = create(&name);
    assert!(server.stop_listening().unwrap().is_none());
    assert_eq!(no_connect(&name), ErrorKind::PipeBusy);
    server.listen_again().unwrap();
    let client = connect(&name);
    let slipped_in = server.stop_listening().unwrap();
    drop(slipped_in.expect("it was in before"));
    assert!(bell::hung_up(&client));
}

/// P4.1, P4.8, P4.10.
#[test]
fn first_instance_fixes_what_the_pipe_is() {
    let name = name("first");
    let mut first = options();
    first
        .pipe_type(PipeType::Message)
        .max_instances(Some(3))
        .default_timeout(Duration::from_micros(1_500));
    let one = Instance::create(&name, &first).unwrap();
    let mut other = options();
    other
        .max_instances(Some(9))
        .default_timeout(Duration::from_secs(9))
        .access(Access::Everyone)
        .in_quota(7)
        .out_quota(0);
    let two = Instance::create(&name, &other).unwrap();
    for attributes in [one.attributes(), two.attributes()] {
        assert_eq!(attributes.pipe_type, PipeType::Message);
        assert_eq!(attributes.max_instances, Some(3));
        assert_eq!(attributes.default_timeout, Duration::from_millis(2));
        assert_eq!(attributes.openness, Openness::Private);
        assert_eq!(attributes.name, name);
    }
    let quotas = |inbound, outbound| Quotas { inbound, outbound };
    assert_eq!(two.quotas(), quotas(7, 0));
    let opened = [(), ()].map(|()| Opened::connect(&name, ANY).unwrap());
    assert_eq!(opened[0].quotas(), one.quotas());
    assert_eq!(opened[1].quotas(), quotas(7, 0));
    assert_eq!(opened[0].server_pid(), std::process::id());
    assert_eq!(opened[0].attributes(), one.attributes());
}

/// P4.5, P4.7, P4.11, P4.12, P4.13, P3.5, P3.4.
#[test]
fn refusals_come_in_order() {
    let name = name("refusals");
    let mut both = options();
    both.max_instances(Some(1))
        .first_instance(true)
        .direction(Direction::Inbound);
    let server = Instance::create(&name, &both).unwrap();
    assert_eq!(refused(&name, &both), ErrorKind::PipeBusy);
    assert_eq!(
        refused(&name, both.max_instances(None)),
        ErrorKind::PipeBusy
    );
    assert_eq!(refused(&name, &options()), ErrorKind::PipeBusy);
    for bad in [Some(0), Some(256)] {
        assert_eq!(
            refused(&name, both.max_instances(bad)),
            ErrorKind::InvalidParameter
        );
    }
    let mut mode = options();
    mode.read_mode(crate::channel::conduit::ReadMode::Message);
    assert_eq!(refused(&name, &mode), ErrorKind::InvalidParameter);
    drop(server);

    let mut two = options();
    two.max_instances(Some(255)).direction(Direction::Outbound);
    let _server = Instance::create(&name, &two).unwrap();
    assert_eq!(_server.attributes().max_instances, None);
    assert_eq!(refused(&name, &options()), ErrorKind::AccessDenied);
    let second = Instance::create(&name, &two);
    assert!(second.is_ok(), "the flag of the first does not stop others");
    assert_eq!(
        refused(&name, two.first_instance(true)),
        ErrorKind::AccessDenied
    );
}

/// P5.6, P5.7, P5.8.
#[test]
fn refused_access_uses_up_no_instance() {
    let read = Wanted {
        read: Some(true),
        write: Some(false),
    };
    let write = Wanted {
        read: Some(false),
        write: Some(true),
    };
    let none = Wanted {
        read: Some(false),
        write: Some(false),
    };
    for (direction, allowed, denied) in [
        (Direction::Inbound, write, read),
        (Direction::Outbound, read, write),
    ] {
        let name = name(&format!("access-{direction:?}"));
        let mut options = options();
        let _server = Instance::create(&name, options.direction(direction)).unwrap();
        for _ in 0..2 {
            let error = Opened::connect(&name, denied).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::AccessDenied);
        }
        Opened::connect(&name, allowed).unwrap();
        assert_eq!(no_connect(&name), ErrorKind::PipeBusy);
        let error = Opened::connect(&name, denied).unwrap_err();
        assert_eq!(
            error.kind(),
            ErrorKind::AccessDenied,
            "also when all are busy"
        );
        let _another = Instance::create(&name, &options).unwrap();
        Opened::connect(&name, none).unwrap();
        assert_eq!(no_connect(&name), ErrorKind::PipeBusy, "it took one");
    }
}

/// P4.4, P4.6, P1.8, P7.4.
#[test]
fn count_is_that_of_the_server_ends() {
    let name = name("count");
    let first = create(&name);
    let (_client, view) = Opened::connect(&name, ANY).unwrap().into_parts();
    let rest: Vec<Instance> = (0..700).map(|_| create(&name)).collect();
    assert_eq!((first.count(), view.count()), (701, 701));
    drop(rest);
    assert_eq!((first.count(), view.count()), (1, 1));
    drop(first);
    assert_eq!(view.count(), 0);
    let _next = create(&name);
    assert_eq!(view.count(), 0, "that is another pipe");
}

/// P4.14, P1.8.
#[test]
fn name_is_free_after_the_last_server_end_is_closed() {
    let name = name("free");
    let old = create(&name);
    let client = connect(&name);
    drop(old);
    assert!(bell::hung_up(&client));
    assert_eq!(files(&name), [""; 0]);
    let mut other = options();
    other.first_instance(true).direction(Direction::Inbound);
    let new = Instance::create(&name, &other).unwrap();
    assert_eq!(new.attributes().direction, Direction::Inbound);
    let wanted = Wanted {
        read: Some(true),
        write: None,
    };
    let error = Opened::connect(&name, wanted).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AccessDenied);
    assert!(leads_to(&connect(&name), &new));
}

#[test]
fn making_and_closing_leaves_no_file_and_no_descriptor() {
    let name = name("loop");
    drop(create(&name));
    for round in 0..1000 {
        let server = create(&name);
        if round % 2 == 0 {
            let client = connect(&name);
            assert!(leads_to(&client, &server));
        }
        if round % 4 == 0 {
            server.listen_again().unwrap();
        }
    }
    assert_eq!(files(&name), [""; 0]);
}

/// P2.6.
#[test]
fn case_does_not_matter() {
    let name = name("Case");
    let _server = create(&name);
    let other = PipeName::parse(&name.full().to_uppercase()).unwrap();
    let second = create(&other);
    assert_eq!(second.count(), 2);
    connect(&other);
}

/// P19.1, P19.2, P19.3, P19.4.
#[test]
fn wait_ends_at_once_with_an_instance_and_without_a_pipe() {
    let name = name("wait");
    let kind = |time| wait_for_instance(&name, time).map_err(|error| error.kind());
    assert_eq!(kind(WaitTime::Forever), Err(ErrorKind::NotFound));
    let mut options = options();
    options.default_timeout(Duration::from_millis(80));
    let _server = Instance::create(&name, &options).unwrap();
    assert_eq!(kind(WaitTime::For(Duration::ZERO)), Ok(()));
    assert_eq!(kind(WaitTime::Forever), Ok(()));
    connect(&name);
    let started = Instant::now();
    assert_eq!(kind(WaitTime::Default), Err(ErrorKind::TimedOut));
    assert!(started.elapsed() >= Duration::from_millis(80));
    let moment = WaitTime::For(Duration::from_millis(1));
    assert_eq!(kind(moment), Err(ErrorKind::TimedOut));
}

/// P3.7.
#[test]
fn default_time_out_of_zero_is_50_ms() {
    let name = name("fifty");
    let _server = create(&name);
    connect(&name);
    let started = Instant::now();
    assert!(wait_for_instance(&name, WaitTime::Default).is_err());
    assert!(started.elapsed() >= Duration::from_millis(50));
}

/// Starts waiters of the pipe, lets them sleep, does `what`, and returns how they ended.
fn woken(name: &PipeName, what: impl FnOnce()) -> Vec<std::result::Result<(), ErrorKind>> {
    let waiters: Vec<_> = (0..4)
        .map(|_| {
            let name = name.clone();
            std::thread::spawn(move || {
                wait_for_instance(&name, WaitTime::Forever).map_err(|error| error.kind())
            })
        })
        .collect();
    std::thread::sleep(Duration::from_millis(30));
    assert!(waiters.iter().all(|waiter| !waiter.is_finished()));
    what();
    waiters.into_iter().map(|one| one.join().unwrap()).collect()
}

/// P19.5, P19.6, P19.7.
#[test]
fn all_waiters_end_with_an_instance_or_with_the_pipe() {
    let name = name("waiters");
    let first = create(&name);
    connect(&name);
    let mut second = None;
    let ends = woken(&name, || second = Some(create(&name)));
    assert_eq!(ends, [Ok(()); 4]);
    connect(&name);
    drop(first.accept().unwrap());
    let ends = woken(&name, || {
        first.set_disconnected();
        std::thread::sleep(Duration::from_millis(150));
        first.listen_again().unwrap();
    });
    assert_eq!(ends, [Ok(()); 4]);
    connect(&name);
    drop(second);
    let ends = woken(&name, || drop(first));
    assert_eq!(ends, [Err(ErrorKind::NotFound); 4]);
}

#[test]
fn one_client_gets_in_for_each_instance_however_many_try() {
    let name = name("herd");
    let servers: Vec<Instance> = (0..20).map(|_| create(&name)).collect();
    let clients: Vec<OwnedFd> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let opened = (0..20).map(|_| Opened::connect(&name, ANY));
                    opened
                        .filter_map(|opened| opened.ok().map(Opened::into_parts))
                        .map(|(socket, _)| socket)
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap())
            .collect()
    });
    assert_eq!(clients.len(), 20, "none is missed, none has two");
    assert!(servers
        .iter()
        .all(|server| server.accept().unwrap().is_some()));
}

/// P4.2, within one process: the parcel keeps the end alive, and so does whoever takes it up.
#[test]
fn end_lives_as_long_as_somebody_holds_it() {
    let name = name("travel");
    let first = create(&name);
    first
        .modes_word()
        .store(5, tong_sys::map::Ordering::Relaxed);
    let parcel = first.export().unwrap();
    let slot = first.slot();
    drop(first);
    let second = Instance::import(parcel).unwrap();
    assert_eq!((second.slot(), second.count()), (slot, 1));
    let modes = second.modes_word().load(tong_sys::map::Ordering::Relaxed);
    assert_eq!(modes, 5);
    let client = connect(&name);
    assert!(leads_to(&client, &second));
    drop(second);
    assert_eq!(files(&name), [""; 0]);
}

/// P8: nothing of ours is put over, into or behind what stands at a pipe's name.
#[test]
fn whatever_else_stands_at_the_name_is_left_alone() {
    type Put = fn(&std::path::Path);
    let things: [(&str, Put); 5] = [
        ("link", |path| {
            std::os::unix::fs::symlink("/etc/hostname", path).unwrap();
        }),
        ("directory", |path| std::fs::create_dir(path).unwrap()),
        ("socket", |path| {
            drop(std::os::unix::net::UnixListener::bind(path).unwrap());
        }),
        ("file", |path| {
            std::fs::write(path, "something important").unwrap();
        }),
        ("zeros", |path| {
            std::fs::write(path, vec![0; 1 << 20]).unwrap();
        }),
    ];
    drop(create(&name("before")));
    for (what, put) in things {
        let name = name(&format!("hostile-{what}"));
        let page = page(&name);
        put(&page);
        let before = std::fs::symlink_metadata(&page).unwrap();
        assert_eq!(refused(&name, &options()), ErrorKind::Foreign, "{what}");
        let kind = no_connect(&name);
        assert!(
            matches!(kind, ErrorKind::Foreign | ErrorKind::NotFound),
            "{what}: {kind:?}"
        );
        let after = std::fs::symlink_metadata(&page).unwrap();
        assert_eq!(
            (before.len(), before.modified().unwrap()),
            (after.len(), after.modified().unwrap())
        );
        let _ = std::fs::remove_file(&page);
        let _ = std::fs::remove_dir(&page);
        drop(create(&name));
    }
}

#[test]
fn thing_at_a_door_costs_its_slot_only() {
    let name = name("door");
    let first = create(&name);
    let tag = files(&name)
        .into_iter()
        .find_map(|file| file.strip_suffix(".0").map(str::to_owned))
        .unwrap();
    std::fs::create_dir(root().join("pipe").join(format!("{tag}.1"))).unwrap();
    let second = create(&name);
    assert_eq!(second.slot(), 2);
    connect(&name);
    assert!(leads_to(&connect(&name), &second));
    drop(first);
    std::fs::remove_dir(root().join("pipe").join(format!("{tag}.1"))).unwrap();
    assert_eq!(create(&name).slot(), 0);
    assert_eq!(create(&name).slot(), 0);
}

#[test]
fn pages_of_the_dead_are_replaced() {
    let name = name("dead");
    let server = create(&name);
    // As if the process had been killed: the files stay, and nobody holds their locks.
    let (page, saved) = (page(&name), root().join(format!("saved-{}", stem(&name))));
    std::fs::copy(&page, &saved).unwrap();
    drop(server);
    std::fs::rename(&saved, &page).unwrap();
    assert_eq!(no_connect(&name), ErrorKind::NotFound);
    assert_eq!(files(&name), [""; 0], "who finds it dead removes it");
    let mut other = options();
    let server = Instance::create(&name, other.first_instance(true)).unwrap();
    assert!(leads_to(&connect(&name), &server));
}

/// A cleaner has removed the page: the old instances go on beside the new pipe, and take nothing of it with them.
#[test]
fn pipe_whose_page_was_removed_is_replaced() {
    let name = name("removed");
    let old = create(&name);
    let client = connect(&name);
    std::fs::remove_file(page(&name)).unwrap();
    assert_eq!(no_connect(&name), ErrorKind::NotFound);
    let new = Instance::create(&name, options().first_instance(true)).unwrap();
    assert_eq!((old.count(), new.count()), (1, 1));
    assert!(leads_to(&client, &old));
    drop(old);
    assert!(leads_to(&connect(&name), &new));
    drop(new);
    assert_eq!(files(&name), [""; 0]);
}

/// The sparse file grows with the slots.
#[test]
fn many_instances_have_room_and_few_take_little() {
    let name = name("many");
    let first = create(&name);
    let len = || std::fs::metadata(page(&name)).unwrap().len();
    assert!(len() < 64 << 10);
    let more: Vec<Instance> = (0..600).map(|_| create(&name)).collect();
    assert!(len() < 256 << 10);
    let clients: Vec<OwnedFd> = (0..601).map(|_| connect(&name)).collect();
    for (client, server) in clients.iter().zip([&first].into_iter().chain(&more)) {
        assert!(leads_to(client, server));
    }
}
