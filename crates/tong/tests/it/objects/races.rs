//! Names that many want at once, and that come and go: one object at a time, and nothing left.
//!
//! Sources: demand F1, F3, F4; EtanHey/cmuxlayer#532 (two of one name), eProsima/Fast-DDS#2790, eclipse-zenoh/zenoh#2787
//! and GameNative/proton-wine#33 (restarts that fill the machine). Rules H-43 to H-46, H-99.

use std::time::{Duration, Instant};

use tong::{Event, Made, Mutex, ObjectName, Reset, Semaphore};

use crate::puppet::{fresh_root, Puppet};
use crate::support::{self, Actor, Watchdog};
use crate::waits::{object_files, object_name, player, rounds};

fn spin_up_to(most: Duration) {
    let until = Instant::now() + most.mul_f64(fastrand::f64());
    while Instant::now() < until {
        std::hint::spin_loop();
    }
}

/// In an actor: creates each of so many names as soon as the gate opens, keeps them, and says for how many it was first.
pub(crate) fn role_race_for_object() {
    let args = support::args();
    let (prefix, count): (&str, u32) = (&args[0], args[1].parse().unwrap());
    let parse = |text: String| ObjectName::parse(&text).unwrap();
    let (gate, _) = Event::create(&parse(format!("{prefix}-gate")), Reset::Manual, false).unwrap();
    support::say("ready");
    gate.wait(None).unwrap();
    let mut kept = Vec::new();
    let mut first = Vec::new();
    for number in 0..count {
        let name = parse(format!("{prefix}-{number}"));
        let (semaphore, made) = Semaphore::create(&name, 0, 1_000).unwrap();
        if made == Made::New {
            first.push(number.to_string());
        }
        // Everybody meets in the one object.
        let _ = semaphore.release(1).unwrap();
        kept.push(semaphore);
    }
    support::say(&first.join(" "));
    support::wait_for_go();
}

/// H-99: of many processes that create the same names at once, each name has exactly one that was first.
#[test]
fn each_name_has_one_first_creator() {
    let _watchdog = Watchdog::new("each_name_has_one_first_creator", Duration::from_secs(120));
    let crowd = 12;
    let count = rounds(60, 400);
    let prefix = object_name("race");
    let (gate, _) = Event::create(
        &ObjectName::parse(&format!("{prefix}-gate")).unwrap(),
        Reset::Manual,
        false,
    )
    .unwrap();
    let args = [prefix.as_str(), &count.to_string()];
    let mut actors: Vec<Actor> = (0..crowd)
        .map(|_| Actor::start("race_for_object", &args))
        .collect();
    for actor in &mut actors {
        actor.expect("ready");
    }
    gate.set().unwrap();
    let mut first: Vec<u32> = Vec::new();
    let mut winners = 0;
    for actor in &mut actors {
        let line = actor.line();
        let won: Vec<u32> = line
            .split_whitespace()
            .map(|word| word.parse().unwrap())
            .collect();
        winners += u32::from(!won.is_empty());
        first.extend(won);
    }
    first.sort_unstable();
    assert_eq!(first, (0..count).collect::<Vec<_>>(), "each once");
    println!("{winners} of {crowd} were first somewhere");
    for number in 0..count {
        let name = ObjectName::parse(&format!("{prefix}-{number}")).unwrap();
        assert_eq!(
            Semaphore::open(&name).unwrap().count(),
            crowd,
            "all in one object"
        );
    }
    for actor in &mut actors {
        actor.go();
        actor.finish();
    }
}

/// H-99 among the threads of one process.
#[test]
fn each_name_has_one_first_creator_among_threads() {
    let _watchdog = Watchdog::new("one_first_creator_among_threads", Duration::from_secs(60));
    for round in 0..100 {
        let name = object_name(&format!("thread-race-{round}"));
        let made = std::thread::scope(|scope| {
            let creators = [(); 6].map(|()| scope.spawn(|| Mutex::create(&name, true).unwrap()));
            creators.map(|creator| creator.join().unwrap())
        });
        let new = made.iter().filter(|(_, made)| *made == Made::New).count();
        assert_eq!(new, 1, "round {round}");
        assert!(made.iter().all(|(mutex, _)| mutex.same_object(&made[0].0)));
    }
}

/// F4, cmuxlayer#532: two creators race for the name of a third that is just dying or closing. They meet in one object.
#[test]
fn racing_creators_and_a_dying_last_owner_meet_in_one_object() {
    let rounds = rounds(300, 5_000);
    let limit = Duration::from_secs(120 + u64::from(rounds) / 5);
    let _watchdog = Watchdog::new("racing_creators_and_a_dying_owner", limit);
    let root = fresh_root();
    let start = || player(root.path());
    let (mut one, mut two) = (start(), start());
    let mut owner = start();
    let create = ["semaphore", "x", "5", "10"];
    let (mut anew, mut kills) = (0, 0);
    for round in 0..rounds {
        // Three marks the dying one's object, five a new one.
        owner.must(&["semaphore", "x", "3", "10"]);
        let killed = fastrand::u32(..4) == 0;
        if !killed {
            owner.begin(&["close", "x"]);
            spin_up_to(Duration::from_micros(60));
        }
        one.begin(&create);
        spin_up_to(Duration::from_micros(40));
        two.begin(&create);
        if killed {
            kills += 1;
            spin_up_to(Duration::from_micros(100));
            owner.actor.kill();
            owner = start();
        } else {
            owner.answer().unwrap();
        }
        let made: Vec<String> = [&mut one, &mut two]
            .map(|creator| {
                creator
                    .answer()
                    .unwrap_or_else(|error| panic!("round {round}: {error:?}"))
            })
            .to_vec();
        assert_ne!(made, ["New", "New"], "round {round}: two of one name");
        let (here, there) = (one.must(&["peek", "x"]), two.must(&["peek", "x"]));
        let expected = if made.contains(&"New".to_owned()) {
            "5"
        } else {
            "3"
        };
        anew += u32::from(expected == "5");
        assert_eq!(
            [here, there],
            [expected, expected],
            "round {round}, {made:?}"
        );
        one.must(&["wait", "x", "0"]);
        assert_eq!(
            two.must(&["release", "x"]),
            (expected.parse::<u32>().unwrap() - 1).to_string()
        );
        one.must(&["close", "x"]);
        two.must(&["close", "x"]);
        assert!(object_files(root.path()).is_empty(), "round {round}");
    }
    println!("{anew} of {rounds} were made anew, {kills} by a kill");
    assert!(
        anew > 0 && anew < rounds,
        "{anew} of {rounds}: nothing raced"
    );
}

/// F3: Fast-DDS#2790, zenoh#2787, proton-wine#33: restarts of everything in one process leave it as it was.
#[test]
fn restart_loops_keep_files_descriptors_and_memory_constant() {
    let _watchdog = Watchdog::new("restart_loops_of_objects", Duration::from_secs(240));
    let root = fresh_root();
    let mut user = player(root.path());
    user.must(&["event", "steady", "auto", "0"]);
    for what in ["event", "mutex", "unnamed", "thread", "time-out", "fail"] {
        user.must(&["churn", what, "50"]);
        let before = user.holdings();
        user.must(&["churn", what, &rounds(300, 10_000).to_string()]);
        let after = user.holdings();
        assert_eq!(before.descriptors, after.descriptors, "{what}");
        assert!(
            after.mappings <= before.mappings + 4,
            "{what}: {before:?}, {after:?}"
        );
        assert!(
            after.resident <= before.resident + (4 << 20),
            "{what}: {before:?}, {after:?}"
        );
        assert_eq!(object_files(root.path()).len(), 1, "{what}");
    }
    let table = std::fs::metadata(root.path().join("waits")).unwrap();
    let memory = std::os::unix::fs::MetadataExt::blocks(&table) * 512;
    assert!(
        memory <= 64 << 10,
        "the wait table has grown to {memory} bytes"
    );
}

/// The same with a process each, which is killed with everything open, as owner and as waiter.
#[test]
fn restarted_processes_leave_nothing() {
    let rounds = rounds(60, 10_000);
    let limit = Duration::from_secs(240 + u64::from(rounds) / 5);
    let _watchdog = Watchdog::new("restarted_processes_of_objects", limit);
    let root = fresh_root();
    let mut survivor: Puppet = player(root.path());
    survivor.must(&["event", "steady", "auto", "0"]);
    survivor.must(&["mutex", "steady-mutex"]);
    survivor.must(&["churn", "thread", "20"]);
    let before = survivor.holdings();
    for _ in 0..rounds {
        let mut short_lived = player(root.path());
        short_lived.must(&["event", "x", "manual", "0"]);
        short_lived.must(&["open-event", "steady"]);
        short_lived.must(&["open-mutex", "steady-mutex"]);
        short_lived.must(&["wait", "steady-mutex", "1000"]);
        short_lived.begin(&["any", "30000", "steady", "x"]);
        support::eventually("it waits", || survivor.must(&["waiters", "steady"]) == "1");
        short_lived.actor.kill();
        assert_eq!(
            survivor.must(&["wait", "steady-mutex", "1000"]),
            "0 abandoned"
        );
        survivor.must(&["release", "steady-mutex"]);
    }
    let after = survivor.holdings();
    assert_eq!(before.descriptors, after.descriptors);
    assert!(
        after.mappings <= before.mappings + 4,
        "{before:?}, {after:?}"
    );
    assert!(
        after.resident <= before.resident + (4 << 20),
        "{before:?}, {after:?}"
    );
    assert_eq!(
        object_files(root.path()).len(),
        3,
        "the survivor's two, and the last dead one's"
    );
    assert_eq!(survivor.must(&["event", "x", "auto", "0"]), "New");
    survivor.must(&["close", "x"]);
    assert_eq!(object_files(root.path()).len(), 2);
    let table = std::fs::metadata(root.path().join("waits")).unwrap();
    let memory = std::os::unix::fs::MetadataExt::blocks(&table) * 512;
    assert!(
        memory <= 64 << 10,
        "the wait table has grown to {memory} bytes"
    );
    for file in ["steady", "steady-mutex"] {
        survivor.must(&["close", file]);
    }
    assert!(object_files(root.path()).is_empty());
}
