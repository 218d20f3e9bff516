//! Seeing processes, waits and traffic from outside.

use std::time::{Duration, Instant};

use tong::handle::Kind;
use tong::inspect::{Awaited, Inspector, PipeWait, View, Waiting};
use tong::namespace::ThreadId;
use tong::{
    wait, Event, MailslotClient, MailslotServer, Mutex, ObjectName, PipeClient, PipeName,
    PipeServer, Process, Reset, Thread,
};

use crate::support::{self, eventually, name, waiting, Actor};

/// A name that no other test uses.
fn object(test: &str) -> ObjectName {
    support::namespace();
    ObjectName::parse(&format!("{test}-{}", std::process::id())).unwrap()
}

/// A thread of this process that waits, as a view shows it.
fn own_wait(view: &View, is_it: impl Fn(&Waiting) -> bool) -> Option<&Waiting> {
    let own = i32::try_from(std::process::id()).unwrap();
    view.waits
        .iter()
        .filter(|it| it.thread.pid == own)
        .find(|it| is_it(it))
}

/// Looks until something is seen.
fn look_for(what: &str, is_seen: impl Fn(&View) -> bool) -> View {
    let mut inspector = Inspector::new().unwrap();
    let started = Instant::now();
    loop {
        let view = inspector.look().unwrap();
        if is_seen(&view) {
            return view;
        }
        assert!(
            started.elapsed() < Duration::from_secs(30),
            "not seen in 30 s: {what}\n{:#?}",
            view.waits
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Owns the first mutex, and when told to, waits for the second.
pub(crate) fn role_want_both() {
    let args = support::args();
    let mutex = |index: usize| {
        let name = ObjectName::parse(&args[index]).unwrap();
        Mutex::create(&name, false).unwrap().0
    };
    let (first, second) = (mutex(0), mutex(1));
    let _ = first.acquire(None).unwrap();
    support::say("owns");
    support::wait_for_go();
    let _ = second.acquire(Some(Duration::from_secs(60)));
}

/// Two processes, each of which owns the mutex that the other waits for.
#[test]
fn a_deadlock_of_two_processes_is_seen_with_both_sides() {
    let names = ["ring-one", "ring-two"].map(|it| object(it).as_str().to_owned());
    let mut actors = [
        Actor::start("want_both", &[&names[0], &names[1]]),
        Actor::start("want_both", &[&names[1], &names[0]]),
    ];
    actors.iter_mut().for_each(|actor| actor.expect("owns"));
    let pids = [actors[0].pid(), actors[1].pid()];
    let of_both = |view: &View| {
        let of = |pid: i32| view.waits.iter().any(|wait| wait.thread.pid == pid);
        of(pids[0]) && of(pids[1])
    };
    actors[0].go();
    let view = look_for("one waits", |view| {
        view.waits.iter().any(|wait| wait.thread.pid == pids[0])
    });
    let has_ring = |view: &View| {
        view.deadlocks().into_iter().find(|deadlock| {
            deadlock
                .ring
                .iter()
                .any(|wait| pids.contains(&view.waits[*wait].thread.pid))
        })
    };
    assert_eq!(has_ring(&view), None, "the owner still runs");

    actors[1].go();
    let view = look_for("the ring", |view| has_ring(view).is_some());
    let ring = has_ring(&view).unwrap();
    assert!(ring.will_end, "both have a deadline");
    let mut threads: Vec<i32> = ring
        .ring
        .iter()
        .map(|wait| view.waits[*wait].thread.pid)
        .collect();
    threads.sort_unstable();
    let mut expected = pids;
    expected.sort_unstable();
    assert_eq!(threads, expected);
    for wait in &ring.ring {
        let [Awaited::Named(index)] = view.waits[*wait].awaited[..] else {
            panic!("{:?}", view.waits[*wait]);
        };
        assert!(names.contains(&view.objects[index].name));
    }

    actors[0].kill();
    look_for("the survivor owns both", |view| {
        !of_both(view) && has_ring(view).is_none()
    });
}

/// The wait table for objects without names is chosen by the first of them in a process, so this needs one of its own.
#[test]
fn a_wait_for_objects_without_names_tells_kinds_and_the_owner_of_a_mutex() {
    Actor::start("see_unnamed", &[]).finish();
}

/// Sees a wait of its own.
pub(crate) fn role_see_unnamed() {
    let mutex = std::sync::Arc::new(Mutex::new(false).unwrap());
    let event = std::sync::Arc::new(Event::new(Reset::Manual, false).unwrap());
    let _ = mutex.acquire(None).unwrap();
    let (m, e) = (mutex.clone(), event.clone());
    let waiter = waiting(move || wait::any(&[&*m, &*e], Some(Duration::from_secs(60))));
    let is_it = |wait: &Waiting| {
        matches!(
            wait.awaited[..],
            [
                Awaited::Unnamed {
                    kind: Kind::Mutex,
                    owner: Some(_),
                    ..
                },
                Awaited::Unnamed {
                    kind: Kind::Event,
                    owner: None,
                    ..
                }
            ]
        )
    };
    let view = look_for("the wait", |view| own_wait(view, is_it).is_some());
    let seen = own_wait(&view, is_it).unwrap();
    assert_eq!((seen.count, seen.all, seen.has_deadline), (2, false, true));
    let Awaited::Unnamed {
        owner: Some(owner), ..
    } = &seen.awaited[0]
    else {
        panic!("{seen:?}");
    };
    let own = rustix_thread_id();
    assert_eq!((owner.pid, owner.tid), (seen.thread.pid, own));
    event.set().unwrap();
    waiter.join().unwrap().unwrap();
    let thread = seen.thread;
    look_for("the wait's end", |view| {
        view.waits.iter().all(|wait| wait.thread != thread)
    });
    mutex.release().unwrap();
}

/// The kernel's number of the calling thread.
fn rustix_thread_id() -> i32 {
    let link = std::fs::read_link("/proc/thread-self").unwrap();
    link.file_name().unwrap().to_str().unwrap().parse().unwrap()
}

#[test]
fn waits_for_a_process_and_for_a_thread_lead_to_these() {
    Actor::start("see_process_and_thread", &[]).finish();
}

/// Sees two waits of its own.
pub(crate) fn role_see_process_and_thread() {
    // Whoever waits for processes alone is seen where objects are used.
    let _object = Event::new(Reset::Auto, false).unwrap();
    let mut actor = Actor::start("pause", &[]);
    let pid = u32::try_from(actor.pid()).unwrap();
    let process = Process::open(pid).unwrap();
    let waiter = waiting(move || process.wait(Some(Duration::from_secs(60))));
    let is_it = |wait: &Waiting| wait.awaited == [Awaited::Process(pid)];
    look_for("the wait for the process", |view| {
        own_wait(view, is_it).is_some()
    });
    actor.kill();
    waiter.join().unwrap().unwrap();

    let stop = std::sync::Arc::new(Event::new(Reset::Manual, false).unwrap());
    let until = stop.clone();
    let thread = Thread::spawn(move || {
        let _ = until.wait(None);
        0
    })
    .unwrap();
    let waiter = waiting(move || wait::any(&[&thread], Some(Duration::from_secs(60))));
    let is_it = |wait: &Waiting| matches!(wait.awaited[..], [Awaited::Thread(_)]);
    let view = look_for("the wait for the thread", |view| {
        own_wait(view, is_it).is_some()
    });
    let [Awaited::Thread(ThreadId { pid, tid })] = own_wait(&view, is_it).unwrap().awaited[..]
    else {
        panic!("not a thread");
    };
    assert!(std::path::Path::new(&format!("/proc/{pid}/task/{tid}")).exists());
    stop.set().unwrap();
    waiter.join().unwrap().unwrap();
}

#[test]
fn a_wait_for_many_knows_all_that_have_names() {
    let events: Vec<Event> = (0..5)
        .map(|number| Event::create(&object(&format!("many{number}")), Reset::Auto, false))
        .map(|made| made.unwrap().0)
        .collect();
    let last = Event::open(&object("many4")).unwrap();
    let waiter = waiting(move || {
        let all: Vec<&dyn wait::Waitable> = events
            .iter()
            .map(|event| event as &dyn wait::Waitable)
            .collect();
        wait::any(&all, Some(Duration::from_secs(60)))
            .unwrap()
            .index
    });
    let is_it = |wait: &Waiting| wait.count == 5 && wait.awaited.len() == 5;
    look_for("the wait", |view| own_wait(view, is_it).is_some());
    last.set().unwrap();
    assert_eq!(waiter.join().unwrap(), 4);
}

#[test]
fn processes_that_use_tong_are_listed_with_their_handles() {
    let mutex = object("held-mutex");
    let actor = {
        let mut actor = Actor::start("want_both", &[mutex.as_str(), mutex.as_str()]);
        actor.expect("owns");
        actor
    };
    let pid = u32::try_from(actor.pid()).unwrap();
    let view = look_for("the holder", |view| {
        view.processes.iter().any(|user| user.process.pid == pid)
    });
    let user = view
        .processes
        .iter()
        .find(|user| user.process.pid == pid)
        .unwrap();
    assert_eq!(user.handles, None, "it uses objects without handles");
    let own = std::process::id();
    assert!(
        view.processes.iter().all(|user| user.process.pid != own),
        "looking makes no user"
    );
}

/// Totals grow by what is written, also when the writer is gone and another has come.
#[test]
fn traffic_of_mailslots_and_pipes_is_counted_over_all_writers() {
    let slot = name("counted");
    let server = MailslotServer::create(&slot).unwrap();
    let full_name = slot.to_string();
    let pipe = PipeName::short(&format!("counted-{}", std::process::id())).unwrap();
    let pipe_server = PipeServer::options().create(&pipe).unwrap();

    let mut inspector = Inspector::new().unwrap();
    let mut traffic = |name: &str| {
        // The walk through the descriptors is not made at each look.
        std::thread::sleep(Duration::from_millis(1));
        let view = inspector.look().unwrap();
        let entry = view
            .objects
            .iter()
            .find(|entry| entry.name == name)
            .unwrap();
        entry.traffic.unwrap()
    };
    assert_eq!(traffic(&full_name).messages, 0);
    for writer in 1..=3 {
        let client = MailslotClient::open(&slot).unwrap();
        client.send(b"12345").unwrap();
        client.send(b"67890").unwrap();
        eventually("the messages are counted", || {
            traffic(&full_name).messages == 2 * writer
        });
        drop(client);
        let mut message = [0; 8];
        for _ in 0..2 {
            assert_eq!(server.recv(&mut message).unwrap(), 5);
        }
    }
    assert!(traffic(&full_name).bytes_in >= 30);

    let client = PipeClient::open(&pipe).unwrap();
    client.send(&[1; 700]).unwrap();
    let mut bytes = [0; 1024];
    assert_eq!(pipe_server.receive(&mut bytes).unwrap().bytes, 700);
    pipe_server.send(&[2; 50]).unwrap();
    eventually("the pipe's bytes are counted", || {
        let pipe = traffic(&pipe.to_string());
        (pipe.bytes_in, pipe.bytes_out) == (700, 50)
    });
}

/// Opens a pipe and reads from it, with no other thread around: nothing will ever come.
pub(crate) fn role_read_pipe() {
    let name = PipeName::short(&support::args()[0]).unwrap();
    let client = PipeClient::open(&name).unwrap();
    support::say("opened");
    let _ = client.receive(&mut [0; 16]);
}

/// Calls that sleep by themselves are seen as well, with what they are about and who is on the other side.
#[test]
fn calls_on_mailslots_and_pipes_that_sleep_are_seen_with_the_other_side() {
    let slot = name("slept-on");
    let server = MailslotServer::create(&slot).unwrap();
    let writer = MailslotClient::open(&slot).unwrap();
    let receiver = waiting(move || server.recv(&mut [0; 8]));
    let is_named = |view: &View, wait: &Waiting, name: &str| match wait.awaited[..] {
        [Awaited::Named(object)] => view.objects[object].name == name,
        _ => false,
    };
    look_for("the receiver", |view| {
        own_wait(view, |wait| is_named(view, wait, &slot.full())).is_some()
    });
    writer.send(b"up").unwrap();
    assert_eq!(receiver.join().unwrap().unwrap(), 2);

    let short = format!("slept-on-{}", std::process::id());
    let pipe = PipeName::short(&short).unwrap();
    let server = PipeServer::options().create(&pipe).unwrap();
    let connecting = waiting(move || {
        server.connect().unwrap();
        server
    });
    look_for("the server that listens", |view| {
        let connects = |wait: &Waiting| {
            matches!(
                wait.awaited[..],
                [Awaited::Pipe {
                    server: true,
                    what: PipeWait::Connect,
                    peer: None,
                    ..
                }]
            )
        };
        own_wait(view, connects).is_some()
    });
    let mut actor = Actor::start("read_pipe", &[&short]);
    actor.expect("opened");
    let client = u32::try_from(actor.pid()).unwrap();
    let server = connecting.join().unwrap();
    let reading = waiting(move || server.receive(&mut [0; 8]).map(|received| received.bytes));
    let own = std::process::id();
    let view = look_for("both sides that read", |view| {
        let reads = |side: bool, process: u32, other: u32| {
            view.waits.iter().any(|wait| {
                let reads = matches!(
                    wait.awaited[..],
                    [Awaited::Pipe { server, what: PipeWait::Read, peer, .. }]
                        if server == side && peer == Some(other)
                );
                reads && u32::try_from(wait.thread.pid) == Ok(process)
            })
        };
        reads(true, own, client) && reads(false, client, own)
    });
    // Other threads of this process could still write.
    let of_client = |wait: &usize| u32::try_from(view.waits[*wait].thread.pid) == Ok(client);
    assert!(!view
        .deadlocks()
        .iter()
        .any(|deadlock| deadlock.ring.iter().any(of_client)));
    actor.kill();
    reading.join().unwrap().unwrap_err();
}
