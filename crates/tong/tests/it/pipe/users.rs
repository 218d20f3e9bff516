//! Pipes of several users: who gets in, and that it makes no difference to what the ends do.

use std::time::Duration;

use crate::puppet::Puppet;
use crate::support::Watchdog;
use crate::users::{Machine, ANN, BOB, CHOIR};

const LIMIT: Duration = Duration::from_secs(90);

fn pipe(puppet: &mut Puppet, words: &[&str]) -> String {
    puppet.must(&[&["pipe"], words].concat())
}

fn refused(puppet: &mut Puppet, words: &[&str]) -> String {
    puppet.fails(&[&["pipe"], words].concat())
}

/// P3.8, P4.3: the default is the creator's user.
#[test]
fn private_pipe_is_not_there_for_others() {
    const TEST: &str = "private_pipe_is_not_there_for_others";
    let _watchdog = Watchdog::new(TEST, LIMIT);
    let Some(machine) = Machine::new(TEST) else {
        return;
    };
    let mut ann = machine.ann();
    pipe(&mut ann, &["create", "box", "message"]);
    let mut bob = machine.bob();
    assert_eq!(refused(&mut bob, &["open", "box"]), "NotFound");
    assert_eq!(refused(&mut bob, &["wait", "box"]), "NotFound");
    // Bob's own of that name is another one.
    pipe(&mut bob, &["create", "box"]);
    assert_eq!(pipe(&mut bob, &["instances", "s0"]), "1");
    // Bob knows the place, and says it is his.
    let mut bold = machine.user(BOB, &[], &machine.root_of(ANN));
    for command in [["open", "box"], ["create", "box"], ["wait", "box"]] {
        let kind = refused(&mut bold, &command);
        assert!(
            ["AccessDenied", "Foreign"].contains(&kind.as_str()),
            "{command:?}: {kind}"
        );
    }
    assert_eq!(pipe(&mut ann, &["instances", "s0"]), "1");
}

/// P4.2, P5.1, P21.1: clients of all users, instances of one.
#[test]
fn pipe_for_everyone_is_opened_by_everyone_and_served_by_its_owner() {
    const TEST: &str = "pipe_for_everyone_is_opened_by_everyone_and_served_by_its_owner";
    let _watchdog = Watchdog::new(TEST, LIMIT);
    let Some(machine) = Machine::new(TEST) else {
        return;
    };
    machine.administrator().must(&["init-global"]);
    let mut ann = machine.ann();
    for _ in 0..2 {
        pipe(
            &mut ann,
            &["create", "box", "message", "everyone", "quota=20"],
        );
    }
    let mut bob = machine.bob();
    assert_eq!(
        refused(&mut bob, &["create", "box", "everyone"]),
        "AccessDenied"
    );
    pipe(&mut bob, &["open", "box"]);
    let id = bob.must(&["pid"]);
    assert_eq!(
        pipe(&mut ann, &["ids", "s0"]),
        format!("{id} {}", ann.must(&["pid"]))
    );
    assert_eq!(pipe(&mut ann, &["peer", "s0"]), BOB.to_string());
    assert_eq!(pipe(&mut bob, &["peer", "c0"]), ANN.to_string());
    assert_eq!(pipe(&mut bob, &["instances", "c0"]), "2");
    // Each side sleeps while it waits for the other.
    ann.begin(&["pipe", "recv", "s0", "64"]);
    std::thread::sleep(Duration::from_millis(50));
    pipe(&mut bob, &["send", "c0", "hello"]);
    assert_eq!(ann.answer().unwrap(), "hello");
    bob.begin(&["pipe", "transact", "c0", "question"]);
    assert_eq!(pipe(&mut ann, &["recv", "s0", "64"]), "question");
    std::thread::sleep(Duration::from_millis(50));
    pipe(&mut ann, &["send", "s0", "answer"]);
    assert_eq!(bob.answer().unwrap(), "answer");
    // A write that waits for its reader, and a flush.
    bob.begin(&["pipe", "send", "c0", "more than twenty bytes are in this"]);
    std::thread::sleep(Duration::from_millis(50));
    pipe(&mut ann, &["recv", "s0", "64"]);
    bob.answer().unwrap();
    pipe(&mut bob, &["send", "c0", "x"]);
    bob.begin(&["pipe", "flush", "c0"]);
    std::thread::sleep(Duration::from_millis(50));
    pipe(&mut ann, &["recv", "s0", "64"]);
    bob.answer().unwrap();
    // Thrown out while it waits.
    bob.begin(&["pipe", "recv", "c0", "64"]);
    std::thread::sleep(Duration::from_millis(50));
    pipe(&mut ann, &["disconnect", "s0"]);
    assert_eq!(bob.answer().unwrap_err().kind, "NotConnected");
}

/// P19.5, P19.6, P10.15 for a client of another user.
#[test]
fn strangers_wait_for_instances_and_learn_of_deaths() {
    const TEST: &str = "strangers_wait_for_instances_and_learn_of_deaths";
    let _watchdog = Watchdog::new(TEST, LIMIT);
    let Some(machine) = Machine::new(TEST) else {
        return;
    };
    machine.administrator().must(&["init-global"]);
    let (mut ann, mut bob) = (machine.ann(), machine.bob());
    pipe(&mut ann, &["create", "box", "message", "everyone"]);
    pipe(&mut bob, &["open", "box"]);
    assert_eq!(refused(&mut bob, &["open", "box"]), "PipeBusy");
    bob.begin(&["pipe", "wait", "box"]);
    std::thread::sleep(Duration::from_millis(50));
    pipe(&mut ann, &["create", "box", "message", "everyone"]);
    bob.answer().unwrap();
    pipe(&mut bob, &["open", "box"]);
    pipe(&mut ann, &["send", "s1", "last words"]);
    // Bob dies: Ann's instance is hers again.
    let mut visitor = machine.bob();
    pipe(&mut ann, &["create", "box", "message", "everyone"]);
    pipe(&mut visitor, &["open", "box"]);
    pipe(&mut visitor, &["send", "c0", "I was here"]);
    visitor.actor.kill();
    assert_eq!(pipe(&mut ann, &["recv", "s2", "64"]), "I was here");
    assert_eq!(refused(&mut ann, &["recv", "s2", "64"]), "BrokenPipe");
    // Ann dies while Bob waits for a word.
    bob.begin(&["pipe", "recv", "c0", "64"]);
    std::thread::sleep(Duration::from_millis(50));
    ann.actor.kill();
    assert_eq!(bob.answer().unwrap_err().kind, "BrokenPipe");
    assert_eq!(pipe(&mut bob, &["recv", "c1", "64"]), "last words");
    assert_eq!(refused(&mut bob, &["recv", "c1", "64"]), "BrokenPipe");
    assert_eq!(refused(&mut bob, &["wait", "box"]), "NotFound");
}

/// P4.3 with a group.
#[test]
fn pipe_for_a_group_is_for_its_members() {
    const TEST: &str = "pipe_for_a_group_is_for_its_members";
    let _watchdog = Watchdog::new(TEST, LIMIT);
    let Some(machine) = Machine::new(TEST) else {
        return;
    };
    machine.administrator().must(&["init-global"]);
    let mut ann = machine.user(ANN, &[CHOIR], &machine.root_of(ANN));
    let group = format!("group={CHOIR}");
    pipe(&mut ann, &["create", "box", "message", &group]);
    let mut stranger = machine.bob();
    assert_eq!(refused(&mut stranger, &["open", "box"]), "AccessDenied");
    let mut member = machine.user(BOB, &[CHOIR], &machine.root_of(BOB));
    pipe(&mut member, &["open", "box"]);
    pipe(&mut member, &["send", "c0", "in tune"]);
    assert_eq!(pipe(&mut ann, &["recv", "s0", "64"]), "in tune");
}
