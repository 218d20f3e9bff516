//! Section 3: CreateMailslot.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use tong::{ErrorKind, MailslotClient, MailslotName, MailslotServer};

use super::{drain, kind, next, pair, LIMIT};
use crate::support::{self, Actor, Watchdog};

#[test]
fn m3_1_new_mailslot_can_be_read_and_is_empty() {
    let _watchdog = Watchdog::new("m3_1", LIMIT);
    let server = MailslotServer::create(&support::name("m3_1")).unwrap();
    assert_eq!(server.info().unwrap().message_count, 0);
    assert_eq!(kind(server.try_recv(&mut [0; 8])), ErrorKind::TimedOut);
}

#[test]
fn m3_3_second_create_fails_and_leaves_the_first_untouched() {
    let _watchdog = Watchdog::new("m3_3", LIMIT);
    let name = support::name("m3_3");
    let first = MailslotServer::options()
        .max_message_len(50)
        .create(&name)
        .unwrap();
    let client = MailslotClient::open(&name).unwrap();
    client.send(b"before").unwrap();
    let other_case = MailslotName::short(&name.path().to_uppercase()).unwrap();
    for name in [&name, &other_case] {
        let mut other = MailslotServer::options();
        other.max_message_len(7).read_timeout(Some(Duration::ZERO));
        assert_eq!(kind(other.create(name)), ErrorKind::AlreadyExists);
    }
    let info = first.info().unwrap();
    assert_eq!((info.max_message_len, info.read_timeout), (50, None));
    client.send(b"after").unwrap();
    assert_eq!(drain(&first), [&b"before"[..], b"after"]);
}

#[test]
fn m3_3_name_that_another_process_serves_is_taken() {
    let _watchdog = Watchdog::new("m3_3 process", LIMIT);
    let name = support::name("m3_3-process");
    let mut server = Actor::start("serve_and_tell", &[name.path()]);
    server.expect("serving");
    assert_eq!(
        kind(MailslotServer::create(&name)),
        ErrorKind::AlreadyExists
    );
    MailslotClient::open(&name)
        .unwrap()
        .send(b"still here")
        .unwrap();
    server.expect("still here");
}

#[test]
fn m3_3_of_many_processes_that_create_one_name_one_wins() {
    let _watchdog = Watchdog::new("m3_3 race", LIMIT);
    let name = support::name("m3_3-race");
    let mut actors: Vec<Actor> = (0..6)
        .map(|_| Actor::start("try_to_serve", &[name.path()]))
        .collect();
    for actor in &mut actors {
        actor.expect("ready");
    }
    actors.iter_mut().for_each(Actor::go);
    let mut said: Vec<String> = actors.iter_mut().map(Actor::line).collect();
    said.sort();
    assert_eq!(
        said,
        [
            "AlreadyExists",
            "AlreadyExists",
            "AlreadyExists",
            "AlreadyExists",
            "AlreadyExists",
            "won"
        ]
    );
}

/// Creates the mailslot when told to, and says how that went.
pub(crate) fn role_try_to_serve() {
    let name = MailslotName::short(&support::args()[0]).unwrap();
    support::say("ready");
    support::wait_for_go();
    let server = MailslotServer::create(&name);
    match &server {
        Ok(_) => support::say("won"),
        Err(error) => support::say(&format!("{:?}", error.kind())),
    }
    support::wait_for_go();
}

#[test]
fn m3_4_largest_message_is_any_size_or_what_was_given() {
    let _watchdog = Watchdog::new("m3_4", LIMIT);
    for limit in [0, 1, 424, u32::MAX] {
        let name = support::name(&format!("m3_4-{limit}"));
        let server = MailslotServer::options()
            .max_message_len(limit)
            .create(&name)
            .unwrap();
        let client = MailslotClient::open(&name).unwrap();
        assert_eq!(server.info().unwrap().max_message_len, limit);
        assert_eq!(client.max_message_len(), limit);
        let result = client.send(&[1; 425]);
        assert_eq!(
            result.is_ok(),
            matches!(limit, 0 | u32::MAX),
            "limit {limit}"
        );
    }
}

#[test]
fn m3_5_read_timeout_is_none_some_or_for_ever() {
    let _watchdog = Watchdog::new("m3_5", LIMIT);
    let times = [
        Some(Duration::ZERO),
        Some(Duration::from_millis(1)),
        Some(Duration::from_millis(0xffff_fffe)),
        None,
    ];
    for time in times {
        let name = support::name("m3_5");
        let server = MailslotServer::options()
            .read_timeout(time)
            .create(&name)
            .unwrap();
        assert_eq!(server.info().unwrap().read_timeout, time);
    }
    let odd = MailslotServer::options()
        .read_timeout(Some(Duration::from_nanos(1)))
        .create(&support::name("m3_5"));
    let rounded = odd.unwrap().info().unwrap().read_timeout;
    assert_eq!(
        rounded,
        Some(Duration::from_millis(1)),
        "never less than asked for"
    );
}

#[test]
fn m3_6_no_program_that_we_start_inherits_a_descriptor() {
    let _watchdog = Watchdog::new("m3_6", LIMIT);
    const CLOSE_ON_EXEC: u32 = 0o2_000_000;
    let (server, client) = pair("m3_6");
    client.send(b"x").unwrap();
    assert_eq!(next(&server), b"x");
    let mut ours = 0;
    for fd in fs::read_dir("/proc/self/fd").unwrap() {
        let fd = fd.unwrap();
        let Ok(target) = fs::read_link(fd.path()) else {
            continue;
        };
        let target = target.to_string_lossy().into_owned();
        let is_ours = ["/memfd:tong", "socket:", "anon_inode:[event"]
            .iter()
            .any(|start| target.starts_with(start))
            || Path::new(&target).starts_with(support::namespace());
        let info = Path::new("/proc/self/fdinfo").join(fd.file_name());
        let Ok(info) = fs::read_to_string(info) else {
            continue;
        };
        if is_ours {
            let flags = info
                .lines()
                .find_map(|line| line.strip_prefix("flags:"))
                .unwrap();
            let flags = u32::from_str_radix(flags.trim(), 8).unwrap();
            assert!(flags & CLOSE_ON_EXEC != 0, "{target} would be inherited");
            ours += 1;
        }
    }
    assert!(ours >= 8, "only {ours} descriptors were looked at");
}

#[test]
fn m3_7_by_default_only_the_creators_user_may_open() {
    let _watchdog = Watchdog::new("m3_7", LIMIT);
    let server = MailslotServer::create(&support::name("m3_7")).unwrap();
    let mailslots = support::namespace().join("mailslot");
    for dir in [support::namespace(), &mailslots] {
        assert_eq!(
            fs::metadata(dir).unwrap().permissions().mode() & 0o777,
            0o700
        );
    }
    for file in fs::read_dir(mailslots).unwrap() {
        // Another test's file may be gone by now.
        let Ok(meta) = file.unwrap().metadata() else {
            continue;
        };
        assert_eq!(meta.permissions().mode() & 0o177, 0);
    }
    drop(server);
}

#[test]
fn m3_8_name_is_free_at_once_though_old_clients_are_open_and_they_stay_apart() {
    let _watchdog = Watchdog::new("m3_8", LIMIT);
    let (old_server, old_client) = pair("m3_8");
    let name = old_server.name().clone();
    drop(old_server);
    for round in 0..20u32 {
        let server = MailslotServer::create(&name).unwrap();
        let client = MailslotClient::open(&name).unwrap();
        assert_eq!(kind(old_client.send(b"old")), ErrorKind::Closed);
        client.send(&round.to_le_bytes()).unwrap();
        assert_eq!(drain(&server), [round.to_le_bytes()]);
    }
}
