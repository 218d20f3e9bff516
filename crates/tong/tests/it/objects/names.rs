//! Names of events, mutexes, semaphores and timers (H-43 to H-46, H-88 to H-101, H-108, H-109).

use std::time::Duration;

use tong::{ErrorKind, Event, Made, Mutex, ObjectName, Reset, Semaphore, Timer};

use crate::puppet::{fresh_root, Puppet};
use crate::support::{eventually, namespace, Watchdog};
use crate::waits::{object_files, object_name, player, timed_out, NOW};

/// Creates one object of each kind, and opens it, as commands to a player.
const KINDS: [(&[&str], &str); 4] = [
    (&["event", "x", "auto", "0"], "open-event"),
    (&["mutex", "x"], "open-mutex"),
    (&["semaphore", "x", "1", "5"], "open-semaphore"),
    (&["timer", "x", "auto"], "open-timer"),
];

/// H-88, H-90: one space of names for all kinds. A name of another kind is refused, and what has it stays untouched.
#[test]
fn kinds_share_one_space_of_names() {
    let root = fresh_root();
    let (mut one, mut other) = (player(root.path()), player(root.path()));
    for (create, _) in KINDS {
        assert_eq!(one.must(create), "New");
        for (second, open) in KINDS {
            if second[0] == create[0] {
                assert_eq!(other.must(second), "Existing", "H-91");
                assert_eq!(other.must(&[open, "x"]), "");
                other.must(&["close", "x"]);
            } else {
                assert_eq!(other.fails(second), "WrongKind", "{second:?} on {create:?}");
                assert_eq!(
                    other.fails(&[open, "x"]),
                    "WrongKind",
                    "{open} on {create:?}"
                );
            }
        }
        if create[0] == "semaphore" {
            assert_eq!(one.must(&["peek", "x"]), "1", "untouched");
        }
        one.must(&["close", "x"]);
        assert!(object_files(root.path()).is_empty(), "after {create:?}");
    }
}

/// H-91, H-94, H-98: new, existing, not there.
#[test]
fn creators_learn_whether_it_existed() {
    let root = fresh_root();
    let (mut one, mut other) = (player(root.path()), player(root.path()));
    for (create, open) in KINDS {
        assert_eq!(other.fails(&[open, "x"]), "NotFound", "H-98");
        assert_eq!(one.must(create), "New", "H-94");
        assert_eq!(other.must(create), "Existing", "H-91");
        one.must(&["close", "x"]);
        assert_eq!(one.must(create), "Existing", "the other has it");
        one.must(&["close", "x"]);
        other.must(&["close", "x"]);
        assert_eq!(other.fails(&[open, "x"]), "NotFound", "H-45");
    }
}

/// H-43, H-44, H-45: the name goes with the last handle, however that process ends, and not before.
#[test]
fn name_goes_with_the_last_handle() {
    let _watchdog = Watchdog::new("name_goes_with_the_last_handle", Duration::from_secs(60));
    let root = fresh_root();
    let mut user = player(root.path());
    for (create, open) in KINDS {
        let (mut one, mut two) = (player(root.path()), player(root.path()));
        one.must(create);
        two.must(create);
        one.actor.kill();
        assert_eq!(user.must(&[open, "x"]), "");
        user.must(&["close", "x"]);
        two.actor.kill();
        assert_eq!(user.fails(&[open, "x"]), "NotFound");
        assert_eq!(user.must(create), "New");
        user.must(&["close", "x"]);
        assert!(object_files(root.path()).is_empty());
    }
}

/// H-44, H-48: a wait goes on when other handles are closed, and the name goes with the last one. In Rust a wait borrows
/// its handle, so that one is the last; C programs can close it during the wait.
#[test]
fn pending_wait_keeps_the_object_and_not_the_name() {
    let _watchdog = Watchdog::new("pending_wait_keeps_the_object", Duration::from_secs(60));
    let name = object_name("pending_wait");
    let (event, _) = Event::create(&name, Reset::Auto, false).unwrap();
    std::thread::scope(|scope| {
        let waiting = Event::open(&name).unwrap();
        let waiter = scope.spawn(move || waiting.wait(Some(Duration::from_millis(400))));
        eventually("it waits", || event.waiters() == 1);
        drop(event);
        // The waiter's own handle is one, so the name is there as long as it waits.
        let (same, made) = Event::create(&name, Reset::Auto, false).unwrap();
        assert_eq!(made, Made::Existing);
        drop(same);
        assert!(timed_out(waiter.join().unwrap()));
    });
    assert_eq!(Event::open(&name).unwrap_err().kind(), ErrorKind::NotFound);
}

/// H-46: what is created anew under the name starts as its creator says.
#[test]
fn state_goes_with_the_last_handle() {
    let name = object_name("state_goes");
    let (event, _) = Event::create(&name, Reset::Manual, true).unwrap();
    drop(event);
    let (event, made) = Event::create(&name, Reset::Auto, false).unwrap();
    assert_eq!((made, event.reset_mode()), (Made::New, Reset::Auto));
    assert!(!event.is_signaled());
    drop(event);
    let (semaphore, made) = Semaphore::create(&name, 2, 7).unwrap();
    assert_eq!((made, semaphore.count()), (Made::New, 2));
    drop(semaphore);
    let (mutex, made) = Mutex::create(&name, true).unwrap();
    assert_eq!(made, Made::New);
    drop(mutex);
    // Owned, by this very thread, is what is gone.
    let (mutex, made) = Mutex::create(&name, false).unwrap();
    assert_eq!((made, mutex.owner()), (Made::New, None));
    drop(mutex);
    let (timer, made) = Timer::create(&name, Reset::Manual).unwrap();
    assert_eq!(made, Made::New);
    assert!(!timer.is_signaled());
}

/// H-49: each open is closed for itself, also in one process; a clone shares its open.
#[test]
fn each_open_is_closed_for_itself() {
    let name = object_name("each_open");
    let (one, _) = Event::create(&name, Reset::Auto, false).unwrap();
    let two = Event::open(&name).unwrap();
    let clone = two.clone();
    drop(one);
    drop(two);
    assert!(Event::open(&name).is_ok());
    drop(clone);
    assert_eq!(Event::open(&name).unwrap_err().kind(), ErrorKind::NotFound);
}

/// H-95: objects without a name are new each time.
#[test]
fn unnamed_objects_never_collide() {
    namespace();
    let events: Vec<Event> = (0..200)
        .map(|_| Event::new(Reset::Auto, false).unwrap())
        .collect();
    events[77].set().unwrap();
    let signaled = events.iter().filter(|event| event.is_signaled()).count();
    assert_eq!(signaled, 1);
    assert!(events.iter().all(|event| event.name().is_none()));
    assert!(!events[0].same_object(&events[1]));
}

/// H-100: names compare exactly.
#[test]
fn names_compare_exactly() {
    let root = fresh_root();
    let (mut one, mut other) = (player(root.path()), player(root.path()));
    let names = [
        "Foo",
        "foo",
        "FOO",
        "fo\u{f6}",
        "foo\u{308}",
        "foo ",
        " foo",
        "foo.",
    ];
    for name in names {
        assert_eq!(one.must(&["event", name, "auto", "0"]), "New", "{name:?}");
    }
    assert_eq!(other.fails(&["open-event", "fOO"]), "NotFound");
    one.must(&["set", "foo"]);
    for name in names {
        other.must(&["open-event", name]);
        let signaled = other.must(&["peek", name]);
        assert_eq!(signaled, (name == "foo").to_string(), "{name:?}");
    }
}

/// H-101, H-103 to H-105, H-107: the prefixes, and what is none.
#[test]
fn prefixes_lead_to_directories() {
    let root = fresh_root();
    let mut user = player(root.path());
    assert_eq!(user.must(&["event", "X", "auto", "1"]), "New");
    user.must(&["open-event", r"Local\X"]);
    assert_eq!(user.must(&["peek", r"Local\X"]), "true", "one object");
    assert_eq!(
        user.must(&["event", r"Global\X", "auto", "0"]),
        "New",
        "another one"
    );
    assert_eq!(user.must(&["peek", r"Global\X"]), "false");
    for (name, kind) in [
        (r"local\X", "PathNotFound"),
        (r"GLOBAL\X", "PathNotFound"),
        (r"a\b", "PathNotFound"),
        (r"Local\a\b", "PathNotFound"),
        (r"X\", "PathNotFound"),
        (r"\X", "BadPath"),
        ("Local", "WrongKind"),
        ("Global", "WrongKind"),
        ("", "WrongKind"),
    ] {
        assert_eq!(user.fails(&["open-event", name]), kind, "{name:?}");
        if !name.is_empty() {
            assert_eq!(user.fails(&["mutex", name]), kind, "{name:?}");
        }
    }
}

/// H-108, H-109, demand N15: any characters, and a thousand of them and more.
#[test]
fn names_of_any_characters_and_length() {
    let root = fresh_root();
    let (mut one, mut other) = (player(root.path()), player(root.path()));
    let long = "n".repeat(1_000);
    let longest = "\u{20ac}".repeat(32_766);
    let names = [
        "a b",
        "a/b",
        "../../x",
        "C:",
        "*?",
        "\u{1F980}",
        ".",
        "..",
        "CON",
        &long,
        &longest,
    ];
    for name in names {
        assert_eq!(
            one.must(&["semaphore", name, "1", "5"]),
            "New",
            "{name:.20?}"
        );
        other.must(&["open-semaphore", name]);
        other.must(&["wait", name, "0"]);
        assert_eq!(one.must(&["release", name]), "0", "{name:.20?}");
        one.must(&["close", name]);
        other.must(&["close", name]);
    }
    assert!(object_files(root.path()).is_empty());
    let other_long = "n".repeat(999) + "m";
    one.must(&["event", &long, "auto", "1"]);
    assert_eq!(other.must(&["event", &other_long, "auto", "0"]), "New");
    let too_long = "n".repeat(32_767);
    let error = ObjectName::parse(&too_long).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidName);
    let mut third: Puppet = player(root.path());
    third.must(&["open-event", &long]);
    assert_eq!(third.must(&["peek", &long]), "true");
}

/// The object says its own name.
#[test]
fn object_knows_its_name() {
    let name = object_name("object_knows_its_name");
    let (event, _) = Event::create(&name, Reset::Auto, false).unwrap();
    assert_eq!(event.name(), Some(&name));
    assert_eq!(Event::open(&name).unwrap().name(), Some(&name));
    assert!(!timed_out(event.set().and_then(|()| event.wait(NOW))));
}
