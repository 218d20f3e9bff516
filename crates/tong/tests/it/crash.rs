//! Death at any moment: the name is usable at once, nothing piles up, and there are never two of one name.
//!
//! Sources: design 1 (promise 1) and 3; demand F1, F3, F4, F5; eclipse-iceoryx/iceoryx2#1584 and #1578 (a crash in the
//! middle of a step), EtanHey/cmuxlayer#532 (two of one name), eProsima/Fast-DDS#2790, eclipse-zenoh/zenoh#2787 and
//! GameNative/proton-wine#33 (restarts that fill the machine), the iceoryx2 FAQ (a zombie that counts as alive).
//!
//! Where a number of rounds matters, `TONG_STRESS=1` asks for the full one.

use std::time::{Duration, Instant};

use nix::sys::ptrace;
use nix::sys::signal::{kill, Signal};
use nix::sys::wait::{waitpid, WaitPidFlag, WaitStatus};
use nix::unistd::Pid;
use tong::{MailslotClient, MailslotName, MailslotServer};

use crate::puppet::{files, fresh_root, Holdings, Puppet};
use crate::support::{self, eventually, skip, Actor, Watchdog};

/// How many rounds: few in everyday tests, all of them when asked for.
fn rounds(everyday: u32, all: u32) -> u32 {
    if std::env::var_os("TONG_STRESS").is_some() {
        all
    } else {
        everyday
    }
}

/// Lets a random time pass, without giving the processor away.
fn spin_up_to(most: Duration) {
    let until = Instant::now() + most.mul_f64(fastrand::f64());
    while Instant::now() < until {
        std::hint::spin_loop();
    }
}

/// Nothing is lost but what the allocator keeps for later.
#[track_caller]
fn assert_nothing_lost(before: Holdings, after: Holdings, rounds: u32) {
    assert_eq!(
        before.descriptors, after.descriptors,
        "descriptors after {rounds} rounds"
    );
    assert!(
        after.mappings <= before.mappings + 4,
        "{before:?} became {after:?} in {rounds} rounds"
    );
    assert!(
        after.resident <= before.resident + (4 << 20),
        "{before:?} became {after:?} in {rounds} rounds"
    );
}

/// The 10,000 rounds: three processes create, open, write, and one of them is killed at a random instant.
///
/// A fourth, the survivor, has a mailslot of its own into which the writers write too, and uses the name of the dead.
#[test]
fn killed_at_random_instants_three_processes_leave_nothing() {
    let rounds = rounds(300, 10_000);
    let _watchdog = Watchdog::new(
        "killed_at_random_instants",
        Duration::from_secs(60 + u64::from(rounds) / 5),
    );
    let root = fresh_root();
    let start = || Puppet::at(root.path());
    let mut survivor = start();
    survivor.must(&["create", "steady"]);
    // The first times make room for what stays.
    survivor.must(&["use", "box"]);
    survivor.must(&["loop", "open", "20"]);
    let before = survivor.holdings();
    let mut actors = [start(), start(), start()];
    let (mut visits, mut served) = (0, 0);
    for round in 0..rounds {
        let victim = fastrand::usize(..3);
        let away = if fastrand::bool() { "steady" } else { "box" };
        actors[0].begin(&["serve-once", "box"]);
        actors[1].begin(&["visit", "box"]);
        actors[2].begin(&["visit", away]);
        spin_up_to(Duration::from_micros(600));
        actors[victim].actor.kill();
        for (index, actor) in actors
            .iter_mut()
            .enumerate()
            .filter(|(index, _)| *index != victim)
        {
            let count: u32 = actor
                .answer()
                .unwrap_or_else(|error| panic!("round {round}: {error:?}"))
                .parse()
                .unwrap();
            if index == 0 {
                served += count;
            } else {
                visits += count;
            }
        }
        survivor
            .use_name("box")
            .unwrap_or_else(|error| panic!("round {round}, victim {victim}: {error:?}"));
        while survivor.ask(&["recv", "0"]).is_ok() {}
        actors[victim] = start();
    }
    drop(actors);
    survivor.must(&["use", "box"]);
    while survivor.ask(&["recv", "0"]).is_ok() {}
    eventually("the survivor has let go of all writers", || {
        survivor.must(&["writers"]) == "0"
    });
    assert_nothing_lost(before, survivor.holdings(), rounds);
    assert!(
        visits > 0 && served > 0,
        "{visits} visits, {served} served: the rounds did nothing"
    );
    assert_eq!(
        files(root.path()).len(),
        2,
        "besides the survivor's own mailslot"
    );
    survivor.must(&["close"]);
    // The next user of the name cleaned up after each death; gc found nothing to do.
    assert_eq!(survivor.must(&["gc"]), "");
    assert!(files(root.path()).is_empty());
}

/// What [`role_step`] does in small steps.
const SCENARIOS: &[&str] = &[
    "create and close",
    "open, write and leave",
    "open the dead",
    "clean up",
];

/// In an actor: does what its argument says in one thread that a tracer can stop at every system call.
pub(crate) fn role_step() {
    let scenario = support::args().remove(0);
    let name = MailslotName::short("box").unwrap();
    let namespace = tong::Namespace::current().unwrap();
    support::say(&nix::unistd::gettid().to_string());
    support::wait_for_go();
    match scenario.as_str() {
        "create and close" => {
            let server = MailslotServer::create(&name).unwrap();
            let _ = server.try_recv(&mut [0; 8]);
            drop(server);
        }
        "open, write and leave" => {
            let client = MailslotClient::open(&name).unwrap();
            client.send(b"one").unwrap();
            client.send(b"two").unwrap();
        }
        "open the dead" => drop(MailslotClient::open(&name).unwrap_err()),
        _ => drop(namespace.gc(false).unwrap()),
    }
}

/// Runs the traced thread up to its `count`th stop at a system call's begin or end; `false` if it ended before.
pub(crate) fn run_to_stop(thread: Pid, count: u32) -> bool {
    let mut stops = 0;
    let mut signal = None;
    while stops < count {
        ptrace::syscall(thread, signal.take()).unwrap();
        match waitpid(thread, Some(WaitPidFlag::__WALL)).unwrap() {
            WaitStatus::PtraceSyscall(_) => stops += 1,
            WaitStatus::Stopped(_, Signal::SIGSTOP) => {}
            WaitStatus::Stopped(_, other) => signal = Some(other),
            WaitStatus::PtraceEvent(..) => {}
            _ => return false,
        }
    }
    true
}

/// Attaches to the thread; `false` if that is not allowed here.
pub(crate) fn attach(thread: Pid) -> bool {
    if ptrace::attach(thread).is_err() {
        return false;
    }
    waitpid(thread, Some(WaitPidFlag::__WALL)).unwrap();
    ptrace::setoptions(thread, ptrace::Options::PTRACE_O_TRACESYSGOOD).unwrap();
    true
}

/// Demand 7, first row: killed at the begin and at the end of every system call of create, open, write, close and clean.
#[test]
fn killed_at_every_step_nothing_is_left_and_nobody_is_blocked() {
    const TEST: &str = "killed_at_every_step_nothing_is_left_and_nobody_is_blocked";
    let _watchdog = Watchdog::new(TEST, Duration::from_secs(300));
    for scenario in SCENARIOS {
        let root = fresh_root();
        let place = format!("TONG_DIR={}", root.path().display());
        let mut user = Puppet::at(root.path());
        let mut server = Puppet::at(root.path());
        let mut step = 1;
        loop {
            match *scenario {
                "open, write and leave" => drop(server.must(&["create", "box"])),
                "open the dead" | "clean up" => {
                    let mut dead = Puppet::at(root.path());
                    dead.must(&["create", "box"]);
                    dead.actor.kill();
                }
                _ => {}
            }
            let mut actor = Actor::start_by(&["env", &place], "step", &[scenario]);
            let thread = Pid::from_raw(actor.line().parse().unwrap());
            if !attach(thread) {
                return skip(TEST, "needs the right to trace a child");
            }
            actor.go();
            let stopped = run_to_stop(thread, step);
            // Stopped in the middle, it is in nobody's way who wants another name.
            user.use_name("another")
                .unwrap_or_else(|error| panic!("{scenario}, step {step}: {error:?}"));
            if stopped {
                let _ = kill(Pid::from_raw(actor.pid()), Signal::SIGKILL);
                let _ = waitpid(thread, Some(WaitPidFlag::__WALL));
            }
            let _ = actor.child.wait();
            if *scenario == "open, write and leave" {
                // Whole messages, in order, and the mailslot as before.
                let mut got = Vec::new();
                while let Ok(message) = server.ask(&["recv", "0"]) {
                    got.push(message);
                }
                assert!(
                    ["one", "two"].starts_with(&got.iter().map(String::as_str).collect::<Vec<_>>()),
                    "{got:?}"
                );
                eventually("the dead writer is forgotten", || {
                    server.must(&["writers"]) == "0"
                });
                server.must(&["close"]);
            } else if step % 2 == 0 {
                assert_eq!(
                    user.fails(&["open", "box"]),
                    "NotFound",
                    "{scenario}, step {step}"
                );
            }
            user.use_name("box")
                .unwrap_or_else(|error| panic!("{scenario}, step {step}: {error:?}"));
            assert!(
                files(root.path()).is_empty(),
                "{scenario}, step {step}: {:?}",
                files(root.path())
            );
            assert_eq!(user.must(&["gc"]), "", "{scenario}, step {step}");
            if !stopped {
                break;
            }
            step += 1;
        }
        assert!(
            step > 10,
            "{scenario} has {step} steps only: was it traced?"
        );
    }
}

/// F4, cmuxlayer#532: two creators race for the name of a third that is just dying or closing.
#[test]
fn racing_creators_and_a_dying_owner_never_make_two_of_one_name() {
    let rounds = rounds(500, 2_000);
    let _watchdog = Watchdog::new("racing_creators", Duration::from_secs(300));
    let root = fresh_root();
    let start = || Puppet::at(root.path());
    let (mut one, mut two, mut writer) = (start(), start(), start());
    let mut owner = start();
    let (mut wins, mut early) = (0, 0);
    for round in 0..rounds {
        owner.must(&["create", "box"]);
        let killed = fastrand::bool();
        if !killed {
            owner.begin(&["close"]);
            spin_up_to(Duration::from_micros(60));
        }
        one.begin(&["create", "box"]);
        spin_up_to(Duration::from_micros(40));
        two.begin(&["create", "box"]);
        if killed {
            spin_up_to(Duration::from_micros(100));
            owner.actor.kill();
            owner = start();
        } else {
            owner.answer().unwrap();
        }
        let made: Vec<bool> = [&mut one, &mut two]
            .map(|creator| match creator.answer() {
                Ok(_) => true,
                Err(error) if error.kind == "AlreadyExists" => false,
                Err(error) => panic!("round {round}: {error:?}"),
            })
            .to_vec();
        assert_ne!(made, [true, true], "round {round}: two of one name");
        if made == [false, false] {
            // Both came while the owner lived.
            early += 1;
            one.must(&["create", "box"]);
        } else {
            wins += 1;
        }
        let holder = if made[1] { &mut two } else { &mut one };
        writer.must(&["open", "box"]);
        writer.must(&["send", "to the one"]);
        assert_eq!(
            holder.must(&["recv", "5000"]),
            "to the one",
            "round {round}"
        );
        holder.must(&["close"]);
        assert!(
            files(root.path()).is_empty(),
            "round {round}: {:?}",
            files(root.path())
        );
    }
    assert!(
        wins > 0,
        "of {rounds} rounds {early} came too early, so nothing raced"
    );
}

/// The other way round: a crowd that creates and closes without pause agrees at every moment on who has the name.
#[test]
fn crowd_of_creators_has_one_owner_at_a_time() {
    let _watchdog = Watchdog::new("crowd_of_creators", Duration::from_secs(120));
    let root = fresh_root();
    let mut crowd: Vec<Puppet> = (0..4).map(|_| Puppet::at(root.path())).collect();
    for round in 0..rounds(200, 5_000) {
        for creator in &mut crowd {
            creator.begin(&["create", "box"]);
        }
        let made: Vec<usize> = crowd
            .iter_mut()
            .enumerate()
            .filter_map(|(index, creator)| match creator.answer() {
                Ok(_) => Some(index),
                Err(error) if error.kind == "AlreadyExists" => None,
                Err(error) => panic!("round {round}: {error:?}"),
            })
            .collect();
        assert_eq!(made.len(), 1, "round {round}");
        crowd[made[0]].must(&["close"]);
    }
    assert!(files(root.path()).is_empty());
}

/// iceoryx2 FAQ: a parent that does not collect its dead child keeps nothing alive.
#[test]
fn zombie_owner_is_dead() {
    let _watchdog = Watchdog::new("zombie_owner_is_dead", Duration::from_secs(60));
    let root = fresh_root();
    let (mut owner, mut writer) = (Puppet::at(root.path()), Puppet::at(root.path()));
    owner.must(&["create", "box"]);
    writer.must(&["open", "box"]);
    writer.must(&["send", "x"]);
    owner.actor.child.kill().unwrap();
    let status = format!("/proc/{}/stat", owner.actor.pid());
    eventually("the owner is a zombie", || {
        std::fs::read_to_string(&status).unwrap().contains(") Z ")
    });
    eventually("it is seen as dead", || writer.ask(&["send", "x"]).is_err());
    assert_eq!(writer.fails(&["send", "x"]), "Closed");
    assert_eq!(writer.fails(&["open", "box"]), "NotFound");
    writer.must(&["use", "box"]);
    assert!(
        std::fs::read_to_string(&status).unwrap().contains(") Z "),
        "still not collected"
    );
    assert!(files(root.path()).is_empty());
}

/// Fast-DDS#2790, zenoh#2787, proton-wine#33: 2,000 quick restarts in one process leave it as it was.
#[test]
fn restart_loops_keep_files_descriptors_and_memory_constant() {
    let _watchdog = Watchdog::new("restart_loops", Duration::from_secs(240));
    let root = fresh_root();
    let mut user = Puppet::at(root.path());
    user.must(&["create", "steady"]);
    for what in ["create", "use", "open", "fail"] {
        user.must(&["loop", what, "50"]);
        let before = user.holdings();
        user.must(&["loop", what, &rounds(2_000, 10_000).to_string()]);
        assert_nothing_lost(before, user.holdings(), 2_000);
        assert_eq!(files(root.path()).len(), 2, "after {what}");
    }
}

/// The same with a process each, which ends without closing anything.
#[test]
fn restarted_processes_leave_nothing() {
    let _watchdog = Watchdog::new("restarted_processes", Duration::from_secs(240));
    let root = fresh_root();
    let mut survivor = Puppet::at(root.path());
    survivor.must(&["create", "steady"]);
    survivor.must(&["loop", "open", "10"]);
    let before = survivor.holdings();
    let rounds = rounds(100, 2_000);
    for round in 0..rounds {
        let mut short_lived = Puppet::at(root.path());
        short_lived.must(&["create", "box"]);
        short_lived.must(&["open", "steady"]);
        short_lived.must(&["send", &round.to_string()]);
        short_lived.actor.kill();
        assert_eq!(survivor.must(&["recv", "5000"]), round.to_string());
    }
    eventually("all writers are forgotten", || {
        survivor.must(&["writers"]) == "0"
    });
    assert_nothing_lost(before, survivor.holdings(), rounds);
    assert_eq!(
        files(root.path()).len(),
        4,
        "the survivor's two, and the last dead one's"
    );
    survivor.must(&["use", "box"]);
    assert_eq!(files(root.path()).len(), 2);
}

fn signal(puppet: &Puppet, signal: Signal) {
    kill(Pid::from_raw(puppet.actor.pid()), signal).unwrap();
}

/// F1's cousin: a process that is merely stopped holds nothing that others need.
#[test]
fn stopped_processes_block_nobody() {
    let _watchdog = Watchdog::new("stopped_processes_block_nobody", Duration::from_secs(60));
    let root = fresh_root();
    let start = || Puppet::at(root.path());
    let (mut server, mut asleep, mut awake, mut user) = (start(), start(), start(), start());
    server.must(&["create", "box"]);
    asleep.must(&["open", "box"]);
    asleep.must(&["send", "before the stop"]);
    signal(&asleep, Signal::SIGSTOP);
    awake.must(&["open", "box"]);
    awake.must(&["send", "past the stopped one"]);
    assert_eq!(server.must(&["recv", "5000"]), "before the stop");
    assert_eq!(server.must(&["recv", "5000"]), "past the stopped one");
    // Now the server: writers go on, new ones come in, its name stays taken, other names are free.
    signal(&server, Signal::SIGSTOP);
    awake.must(&["send", "queued"]);
    user.must(&["open", "box"]);
    user.must(&["send", "queued too"]);
    assert_eq!(user.fails(&["create", "box"]), "AlreadyExists");
    user.must(&["use", "another"]);
    assert_eq!(user.must(&["gc"]), "");
    assert!(user.must(&["ls"]).contains("box"));
    signal(&asleep, Signal::SIGCONT);
    asleep.must(&["send", "and I"]);
    signal(&server, Signal::SIGCONT);
    for expected in ["queued", "queued too", "and I"] {
        assert_eq!(server.must(&["recv", "5000"]), expected);
    }
    // Killed while stopped, it is as dead as any other.
    signal(&server, Signal::SIGSTOP);
    server.actor.kill();
    assert_eq!(awake.fails(&["send", "x"]), "Closed");
    user.must(&["use", "box"]);
    assert!(files(root.path()).is_empty());
}
