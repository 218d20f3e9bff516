//! Waits over objects of all sorts at once: shared objects, processes, threads, mailslots, any descriptor (W-23, W-155).

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use tong::wait::{self, Fd, Waitable};
use tong::{Due, MailslotClient, MailslotServer, Process, Reset, Thread, Timer};

use super::{
    auto, blocked, clean, index, mutex, other_thread_gets, semaphore, timed_out, LONG, NOW, SHORT,
};
use crate::support::{name, namespace, open_descriptors, Actor, Watchdog};

/// One object of each sort, none of them signaled.
struct Mixture {
    event: tong::Event,
    semaphore: tong::Semaphore,
    timer: Timer,
    mutex: tong::Mutex,
    gate: tong::Event,
    thread: Thread,
    actor: Actor,
    process: Process,
    server: MailslotServer,
    near: UnixStream,
    far: UnixStream,
    /// Owns the mutex until it is told to let go.
    owner: Option<std::thread::JoinHandle<()>>,
    let_go: tong::Event,
}

const EVENT: usize = 0;
const SEMAPHORE: usize = 1;
const TIMER: usize = 2;
const MUTEX: usize = 3;
const THREAD: usize = 4;
const PROCESS: usize = 5;
const MAILSLOT: usize = 6;
const DESCRIPTOR: usize = 7;

impl Mixture {
    fn new(test: &str) -> Mixture {
        namespace();
        let (event, gate, let_go) = (auto(false), auto(false), auto(false));
        let mutex = mutex();
        let owned = auto(false);
        let owner = std::thread::spawn({
            let (mutex, owned, let_go) = (mutex.clone(), owned.clone(), let_go.clone());
            move || {
                let guard = mutex.lock().unwrap();
                owned.set().unwrap();
                let_go.wait(None).unwrap();
                drop(guard);
            }
        });
        owned.wait(LONG).unwrap();
        let thread = Thread::spawn({
            let gate = gate.clone();
            move || {
                gate.wait(None).unwrap();
                1
            }
        })
        .unwrap();
        let actor = Actor::start("player", &[]);
        let process = Process::open(actor.pid().unsigned_abs()).unwrap();
        let (near, far) = UnixStream::pair().unwrap();
        Mixture {
            event,
            semaphore: semaphore(0, 9),
            timer: Timer::new(Reset::Auto).unwrap(),
            mutex,
            gate,
            thread,
            actor,
            process,
            server: MailslotServer::create(&name(test)).unwrap(),
            near,
            far,
            owner: Some(owner),
            let_go,
        }
    }

    fn signal(&mut self, place: usize) {
        match place {
            EVENT => self.event.set().unwrap(),
            SEMAPHORE => drop(self.semaphore.release(1).unwrap()),
            TIMER => self.timer.set(Due::After(Duration::ZERO), None).unwrap(),
            MUTEX => self.let_go.set().unwrap(),
            THREAD => self.gate.set().unwrap(),
            PROCESS => self.actor.child.kill().unwrap(),
            MAILSLOT => {
                let client = MailslotClient::open(self.server.name()).unwrap();
                client.send(b"message").unwrap();
            }
            _ => self.near.write_all(b"x").unwrap(),
        }
    }

    /// Takes back what a wait takes nothing from, where that is possible.
    fn unsignal(&mut self, place: usize) {
        match place {
            MUTEX => self.mutex.release().unwrap(),
            MAILSLOT => drop(self.server.recv_vec(NOW).unwrap()),
            DESCRIPTOR => self.far.read_exact(&mut [0]).unwrap(),
            _ => {}
        }
    }
}

impl Drop for Mixture {
    fn drop(&mut self) {
        let _ = self.gate.set();
        let _ = self.let_go.set();
        let _ = self.owner.take().map(std::thread::JoinHandle::join);
    }
}

/// Has `wait` done with the eight objects in their order.
fn with_all<R>(mixture: &Mixture, wait: impl FnOnce(&[&dyn Waitable]) -> R) -> R {
    wait(&[
        &mixture.event,
        &mixture.semaphore,
        &mixture.timer,
        &mixture.mutex,
        &mixture.thread,
        &mixture.process,
        &mixture.server,
        &Fd::of(&mixture.far),
    ])
}

/// W-23, W-155: any of them ends a wait for any, whether it was signaled before or while the thread slept.
#[test]
fn every_sort_of_object_ends_a_wait_for_any() {
    let _watchdog = Watchdog::new("every_sort_ends_a_wait_for_any", Duration::from_secs(120));
    for asleep in [false, true] {
        for place in [
            EVENT, SEMAPHORE, TIMER, MAILSLOT, DESCRIPTOR, MUTEX, THREAD, PROCESS,
        ] {
            let mut mixture = Mixture::new("ends_a_wait_for_any");
            assert!(timed_out(with_all(&mixture, |all| wait::any(all, SHORT))));
            let trigger = mixture.event.clone();
            let woken = if asleep {
                // The waiter is this thread, because the mutex would be its own.
                let waiting = std::thread::scope(|scope| {
                    let (near, server) = (mixture.near.try_clone().unwrap(), mixture.server.name());
                    let (semaphore, timer) = (&mixture.semaphore, &mixture.timer);
                    let (let_go, gate) = (&mixture.let_go, &mixture.gate);
                    let pid = nix::unistd::Pid::from_raw(mixture.actor.pid());
                    scope.spawn(move || {
                        let mut near = near;
                        blocked(&trigger, 1);
                        std::thread::sleep(Duration::from_millis(15));
                        match place {
                            EVENT => trigger.set().unwrap(),
                            SEMAPHORE => drop(semaphore.release(1).unwrap()),
                            TIMER => timer
                                .set(Due::After(Duration::from_millis(1)), None)
                                .unwrap(),
                            MUTEX => let_go.set().unwrap(),
                            THREAD => gate.set().unwrap(),
                            PROCESS => {
                                nix::sys::signal::kill(pid, nix::sys::signal::SIGKILL).unwrap();
                            }
                            MAILSLOT => {
                                let client = MailslotClient::open(server).unwrap();
                                client.send(b"message").unwrap();
                            }
                            _ => near.write_all(b"x").unwrap(),
                        }
                    });
                    with_all(&mixture, |all| wait::any(all, LONG))
                });
                index(waiting)
            } else {
                mixture.signal(place);
                index(with_all(&mixture, |all| wait::any(all, LONG)))
            };
            assert_eq!(woken, place, "asleep: {asleep}");
            if place == MUTEX {
                assert!(!other_thread_gets(&mixture.mutex));
            }
            mixture.unsignal(place);
            // What has ended stays signaled, and the mutex is free.
            let stays = [THREAD, PROCESS, MUTEX].contains(&place);
            let again = with_all(&mixture, |all| wait::any(all, NOW));
            assert_eq!(timed_out(again), !stays, "after place {place}");
            assert_eq!(mixture.event.waiters(), 0);
        }
    }
}

/// W-23, W-30, W-31: a wait for all is over when the last sort of object is there, and took nothing before.
#[test]
fn every_sort_of_object_is_needed_for_all() {
    let _watchdog = Watchdog::new("every_sort_is_needed_for_all", Duration::from_secs(120));
    for last in [
        EVENT, SEMAPHORE, TIMER, MUTEX, THREAD, PROCESS, MAILSLOT, DESCRIPTOR,
    ] {
        let mut mixture = Mixture::new("needed_for_all");
        for place in (0..8).filter(|place| *place != last) {
            mixture.signal(place);
        }
        assert!(
            timed_out(with_all(&mixture, |all| wait::all(all, SHORT))),
            "{last}"
        );
        // Nothing was taken.
        for place in [EVENT, SEMAPHORE, TIMER]
            .into_iter()
            .filter(|place| *place != last)
        {
            let one: &dyn Waitable = match place {
                EVENT => &mixture.event,
                SEMAPHORE => &mixture.semaphore,
                _ => &mixture.timer,
            };
            assert_eq!(index(wait::any(&[one], NOW)), 0, "without {last}");
            mixture.signal(place);
        }
        mixture.signal(last);
        clean(with_all(&mixture, |all| wait::all(all, LONG)));
        assert!(!mixture.event.is_signaled() && !mixture.timer.is_signaled());
        assert_eq!(mixture.semaphore.count(), 0);
        assert!(!other_thread_gets(&mixture.mutex));
        mixture.mutex.release().unwrap();
    }
}

/// A wait for all that sleeps is woken by a descriptor that completes it.
#[test]
fn descriptor_completes_a_wait_for_all_that_sleeps() {
    let _watchdog = Watchdog::new("descriptor_completes_a_wait", Duration::from_secs(60));
    let event = auto(false);
    let (mut near, mut far) = UnixStream::pair().unwrap();
    for _ in 0..50 {
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| clean(wait::all(&[&Fd::of(&far), &event], LONG)));
            blocked(&event, 1);
            event.set().unwrap();
            near.write_all(b"x").unwrap();
            waiter.join().unwrap();
        });
        far.read_exact(&mut [0]).unwrap();
        assert!(!event.is_signaled());
    }
}

/// Only descriptors, only objects, and both, from many threads at once: each wait hears its own.
#[test]
fn many_threads_wait_for_mixtures_at_once() {
    let _watchdog = Watchdog::new("many_threads_wait_for_mixtures", Duration::from_secs(120));
    let rounds = 40;
    std::thread::scope(|scope| {
        for thread in 0..8 {
            scope.spawn(move || {
                let event = auto(false);
                let (mut near, mut far) = UnixStream::pair().unwrap();
                for round in 0..rounds {
                    let by_descriptor = (thread + round) % 2 == 0;
                    let expected = std::thread::scope(|scope| {
                        let (event, near) = (&event, &mut near);
                        scope.spawn(move || {
                            std::thread::sleep(Duration::from_micros(200));
                            match by_descriptor {
                                true => near.write_all(b"x").unwrap(),
                                false => event.set().unwrap(),
                            }
                        });
                        index(wait::any(&[event, &Fd::of(&far)], LONG))
                    });
                    assert_eq!(expected, usize::from(by_descriptor));
                    if by_descriptor {
                        far.read_exact(&mut [0]).unwrap();
                    }
                }
            });
        }
    });
}

/// A thousand objects of which some are descriptors, and no descriptor more afterwards than before.
#[test]
fn long_mixed_lists_leave_no_descriptors() {
    let _watchdog = Watchdog::new("long_mixed_lists", Duration::from_secs(120));
    let events: Vec<_> = (0..600).map(|_| auto(false)).collect();
    let mut pairs: Vec<_> = (0..100).map(|_| UnixStream::pair().unwrap()).collect();
    let run = |pairs: &mut Vec<(UnixStream, UnixStream)>, place: usize| {
        let fars: Vec<UnixStream> = pairs
            .iter()
            .map(|(_, far)| far.try_clone().unwrap())
            .collect();
        let fds: Vec<Fd<'_>> = fars.iter().map(Fd::of).collect();
        let mut all = super::list(&events);
        all.extend(fds.iter().map(|fd| fd as &dyn Waitable));
        assert!(timed_out(wait::any(&all, Some(Duration::from_millis(2)))));
        pairs[place].0.write_all(b"x").unwrap();
        assert_eq!(index(wait::any(&all, LONG)), 600 + place);
        pairs[place].1.read_exact(&mut [0]).unwrap();
    };
    run(&mut pairs, 0);
    let before = open_descriptors();
    for place in [1, 50, 99, 7] {
        run(&mut pairs, place);
    }
    // Other tests of this process open and close theirs meanwhile, but not hundreds.
    let after = open_descriptors();
    assert!(after < before + 60, "{before} became {after}");
}
