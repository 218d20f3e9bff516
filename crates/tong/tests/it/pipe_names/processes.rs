//! Instances of one pipe in several processes.

use std::time::Duration;

use super::player::Player;
use super::{files, LIMIT};
use crate::puppet::fresh_root;
use crate::support::Watchdog;

/// P4.2, P4.4 to P4.6, P5.4, P4.12, P4.13.
#[test]
fn processes_share_a_pipe_and_its_count() {
    let _watchdog = Watchdog::new("processes_share_a_pipe", LIMIT);
    let root = fresh_root();
    let (mut one, mut two, mut client) = (
        Player::at(root.path()),
        Player::at(root.path()),
        Player::at(root.path()),
    );
    one.must("create x max=3");
    two.must("create x max=200");
    assert_eq!(one.must("count"), "2");
    assert_eq!(two.must("count"), "2");
    assert_eq!(two.fails("create x first"), "AccessDenied");
    assert_eq!(two.fails("create x in"), "AccessDenied");
    one.must("create x");
    assert_eq!(
        two.fails("create x first"),
        "PipeBusy",
        "the count comes first"
    );
    // The oldest first: of one, of two, of one again.
    client.must("open x");
    client.must("greet 1st");
    assert_eq!(one.must("met"), "1st");
    client.must("open x");
    client.must("greet 2nd");
    assert_eq!(two.must("met"), "2nd");
    client.must("open x");
    client.must("greet 3rd");
    assert_eq!(client.must("client-count"), "3");
    assert_eq!(client.fails("open x"), "PipeBusy");
    two.must("close 0");
    assert_eq!(
        (one.must("count"), client.must("client-count")),
        ("2".into(), "2".into())
    );
    one.must("close 0");
    assert_eq!(client.must("client-count"), "0");
    assert_eq!(client.fails("open x"), "NotFound");
    assert!(files(root.path()).is_empty());
    two.must("create x first in");
    assert_eq!(client.must("client-count"), "0", "that is another pipe");
}

/// P19.5, P19.6, P19.7, P8.7: waiters in another process.
#[test]
fn waiters_are_released_by_other_processes() {
    let _watchdog = Watchdog::new("waiters_are_released", LIMIT);
    let root = fresh_root();
    let (mut server, mut client) = (Player::at(root.path()), Player::at(root.path()));
    let mut waiters = [Player::at(root.path()), Player::at(root.path())];
    assert_eq!(waiters[0].fails("wait x forever"), "NotFound");
    server.must("create x");
    client.must("open x");
    assert_eq!(waiters[0].fails("wait x 1"), "TimedOut");
    let pause = || std::thread::sleep(Duration::from_millis(50));
    waiters
        .iter_mut()
        .for_each(|one| one.begin("wait x forever"));
    pause();
    server.must("serve");
    for waiter in &mut waiters {
        waiter.answer().unwrap();
    }
    client.must("open x");
    waiters.iter_mut().for_each(|one| one.begin("wait x 60000"));
    pause();
    server.must("create x");
    for waiter in &mut waiters {
        waiter.answer().unwrap();
    }
    client.must("open x");
    waiters
        .iter_mut()
        .for_each(|one| one.begin("wait x forever"));
    pause();
    server.must("close 0");
    for waiter in &mut waiters {
        assert_eq!(waiter.answer().unwrap_err(), "NotFound");
    }
}

/// P4.11, P4.12: of several that want to be the first, one is.
#[test]
fn one_of_many_makes_the_first_instance() {
    let _watchdog = Watchdog::new("one_of_many", LIMIT);
    let root = fresh_root();
    let mut makers = [(); 3].map(|()| Player::at(root.path()));
    for round in 0..200 {
        makers
            .iter_mut()
            .for_each(|one| one.begin("create x first"));
        let outcomes: Vec<_> = makers.iter_mut().map(Player::answer).collect();
        let made = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
        assert_eq!(made, 1, "round {round}: {outcomes:?}");
        assert!(outcomes.iter().flatten().all(String::is_empty));
        makers.iter_mut().for_each(|one| one.begin("close 0"));
        makers
            .iter_mut()
            .for_each(|one| drop(one.answer().unwrap()));
        assert!(files(root.path()).is_empty(), "round {round}");
    }
}
