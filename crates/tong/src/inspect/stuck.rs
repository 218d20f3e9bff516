//! Finding the threads that wait for each other.
//!
//! At first every waiting thread is taken for stuck. Then those are let go that something outside of the stuck ones can
//! still give what they wait for, again and again until nobody is let go any more. Among those who are left, each waits
//! for another one, so walking from one to the next ends in a ring.

use std::collections::HashMap;

use super::{Awaited, Deadlock, View, Waiting};

/// The rings, each once, by their first wait.
pub(super) fn rings(view: &View) -> Vec<Deadlock> {
    let stuck = stuck(view);
    let mut rings: Vec<Vec<usize>> = Vec::new();
    for start in (0..view.waits.len()).filter(|wait| stuck[*wait]) {
        if let Some(ring) = ring_from(start, view, &stuck) {
            if !rings.contains(&ring) {
                rings.push(ring);
            }
        }
    }
    rings.sort_unstable();
    let will_end = |ring: &[usize]| ring.iter().any(|wait| view.waits[*wait].has_deadline);
    rings
        .into_iter()
        .map(|ring| Deadlock {
            will_end: will_end(&ring),
            ring,
        })
        .collect()
}

/// For each wait, whether its thread is stuck.
fn stuck(view: &View) -> Vec<bool> {
    let mut stuck = vec![true; view.waits.len()];
    loop {
        let free: Vec<usize> = (0..stuck.len())
            .filter(|index| stuck[*index] && can_end(*index, view, &stuck))
            .collect();
        if free.is_empty() {
            return stuck;
        }
        free.iter().for_each(|index| stuck[*index] = false);
    }
}

fn can_end(index: usize, view: &View, stuck: &[bool]) -> bool {
    let wait = &view.waits[index];
    // Who waits for nothing but Ctrl-C is about to go on when somebody wants it to.
    if wait.awaited.iter().all(is_for_signals) {
        return true;
    }
    let mut next = next(wait, view, stuck);
    match wait.all {
        true => next.all(|next| next.is_none()),
        false => wait.awaited.len() < wait.count as usize || next.any(|next| next.is_none()),
    }
}

/// For each thing that is waited for, the wait of the stuck thread that would have to give it.
fn next<'a>(
    wait: &'a Waiting,
    view: &'a View,
    stuck: &'a [bool],
) -> impl Iterator<Item = Option<usize>> + 'a {
    let relied_on = wait
        .awaited
        .iter()
        .filter(|awaited| !is_for_signals(awaited));
    relied_on.map(|awaited| {
        if let Awaited::Pipe { peer, .. } = awaited {
            return wholly_stuck((*peer)?, view, stuck);
        }
        let thread = view.who_must_act(awaited)?;
        let waits = |wait: &Waiting| wait.thread == thread;
        let index = view.waits.iter().position(waits)?;
        stuck[index].then_some(index)
    })
}

/// A descriptor for signals, such as Ctrl-C: somebody may end a deadlock that way, but none of those in it will.
fn is_for_signals(awaited: &Awaited) -> bool {
    matches!(awaited, Awaited::Descriptor { what, .. } if what == "anon_inode:[signalfd]")
}

/// The first wait of a process whose threads are all stuck: any of them could serve a pipe.
fn wholly_stuck(pid: u32, view: &View, stuck: &[bool]) -> Option<usize> {
    let user = view.processes.iter().find(|user| user.process.pid == pid)?;
    let is_stuck = |(index, wait): &(usize, &Waiting)| {
        stuck[*index] && u32::try_from(wait.thread.pid) == Ok(pid)
    };
    let mut waits = view.waits.iter().enumerate().filter(is_stuck);
    let (first, _) = waits.next()?;
    let threads = usize::try_from(user.process.threads).ok()?;
    (1 + waits.count() >= threads).then_some(first)
}

/// The ring that a walk from this wait ends in, from its smallest index on.
fn ring_from(start: usize, view: &View, stuck: &[bool]) -> Option<Vec<usize>> {
    let (mut path, mut seen) = (Vec::new(), HashMap::new());
    let mut at = start;
    while !seen.contains_key(&at) {
        seen.insert(at, path.len());
        path.push(at);
        at = next(&view.waits[at], view, stuck).flatten().next()?;
    }
    let mut ring = path.split_off(seen[&at]);
    let smallest = ring.iter().enumerate().min_by_key(|(_, wait)| **wait)?.0;
    ring.rotate_left(smallest);
    Some(ring)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handle::{Kind, ObjectId};
    use crate::inspect::{PipeWait, User};
    use crate::namespace::ThreadId;
    use crate::process::list;
    use std::time::{Duration, Instant};

    fn thread(tid: i32) -> ThreadId {
        ThreadId { pid: 1, tid }
    }

    fn mutex_of(tid: i32) -> Awaited {
        Awaited::Unnamed {
            kind: Kind::Mutex,
            id: ObjectId([1, 2]),
            owner: Some(thread(tid)),
        }
    }

    fn event() -> Awaited {
        Awaited::Unnamed {
            kind: Kind::Event,
            id: ObjectId([3, 4]),
            owner: None,
        }
    }

    fn descriptor(what: &str) -> Awaited {
        Awaited::Descriptor {
            number: 3,
            what: what.to_owned(),
        }
    }

    fn wait(tid: i32, all: bool, awaited: Vec<Awaited>) -> Waiting {
        Waiting {
            thread: thread(tid),
            count: u32::try_from(awaited.len()).unwrap(),
            awaited,
            all,
            waited: Duration::ZERO,
            has_deadline: false,
        }
    }

    fn rings_of(waits: Vec<Waiting>) -> Vec<Vec<usize>> {
        let view = View {
            taken: Instant::now(),
            objects: Vec::new(),
            processes: Vec::new(),
            waits,
        };
        view.deadlocks().into_iter().map(|it| it.ring).collect()
    }

    /// The command waits for Ctrl-C in whatever it does, and who waits for nothing else is not stuck.
    #[test]
    fn waiting_for_signals_as_well_makes_nobody_free() {
        let ring = |what: &str| {
            rings_of(vec![
                wait(1, false, vec![mutex_of(2), descriptor(what)]),
                wait(2, false, vec![mutex_of(1), descriptor(what)]),
            ])
        };
        assert_eq!(ring("anon_inode:[signalfd]"), [[0, 1]]);
        assert!(ring("socket:[4711]").is_empty());
        let only = vec![descriptor("anon_inode:[signalfd]")];
        assert!(rings_of(vec![wait(1, false, only)]).is_empty());
    }

    #[test]
    fn two_that_want_each_others_mutex_are_a_ring() {
        let waits = vec![
            wait(10, false, vec![mutex_of(20)]),
            wait(20, false, vec![mutex_of(10)]),
        ];
        assert_eq!(rings_of(waits), [[0, 1]]);
    }

    #[test]
    fn who_waits_for_a_ring_is_not_in_it() {
        let waits = vec![
            wait(5, false, vec![mutex_of(10)]),
            wait(10, false, vec![mutex_of(20)]),
            wait(20, false, vec![mutex_of(10)]),
        ];
        assert_eq!(rings_of(waits), [[1, 2]]);
    }

    #[test]
    fn a_wait_for_any_has_a_way_out_and_a_wait_for_all_has_none() {
        let pair = |all| {
            vec![
                wait(10, all, vec![mutex_of(20), event()]),
                wait(20, false, vec![mutex_of(10)]),
            ]
        };
        assert!(rings_of(pair(false)).is_empty());
        assert_eq!(rings_of(pair(true)), [[0, 1]]);
    }

    #[test]
    fn an_owner_that_runs_and_an_unknown_thing_make_nobody_stuck() {
        assert!(rings_of(vec![wait(10, false, vec![mutex_of(20)])]).is_empty());
        let mut unknown = wait(10, false, vec![mutex_of(20)]);
        unknown.count = 2;
        assert!(rings_of(vec![unknown, wait(20, false, vec![mutex_of(10)])]).is_empty());
    }

    #[test]
    fn a_thread_that_waits_for_its_own_process_is_a_ring_of_one() {
        let own = Awaited::Process(1);
        let waits = vec![wait(1, false, vec![own])];
        assert_eq!(rings_of(waits), [[0]]);
    }

    #[test]
    fn rings_that_do_not_meet_are_told_apart() {
        let waits = vec![
            wait(1, false, vec![mutex_of(2)]),
            wait(2, false, vec![mutex_of(1)]),
            wait(3, false, vec![Awaited::Thread(thread(4))]),
            wait(4, true, vec![mutex_of(5), event()]),
            wait(5, false, vec![mutex_of(3)]),
        ];
        assert_eq!(rings_of(waits), vec![vec![0, 1], vec![2, 3, 4]]);
    }

    /// A process with this many threads, which reads what the other one never writes.
    fn reader(pid: u32, threads: u32, peer: u32) -> (User, Waiting) {
        let mut process = list::find(std::process::id()).unwrap().unwrap();
        (process.pid, process.threads) = (pid, threads);
        let awaited = Awaited::Pipe {
            object: 0,
            slot: 0,
            server: pid < peer,
            what: PipeWait::Read,
            peer: Some(peer),
        };
        let pid = i32::try_from(pid).unwrap();
        let wait = Waiting {
            thread: ThreadId { pid, tid: pid },
            ..wait(0, false, vec![awaited])
        };
        let handles = None;
        (User { process, handles }, wait)
    }

    #[test]
    fn both_ends_of_a_pipe_read_for_ever_unless_another_thread_can_write() {
        for (threads, rings) in [(1, 1), (2, 0)] {
            let (users, waits) = [reader(7, 1, 8), reader(8, threads, 7)].into_iter().unzip();
            let view = View {
                taken: Instant::now(),
                objects: Vec::new(),
                processes: users,
                waits,
            };
            assert_eq!(view.deadlocks().len(), rings, "{threads} threads");
        }
    }
}
