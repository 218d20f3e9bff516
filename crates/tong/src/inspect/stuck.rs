//! Finding the threads that wait for each other.
//!
//! At first every thread that may be stuck is taken for stuck. Then those are let go that something outside of the stuck
//! ones can still give what they wait for; each of them lets others go, until nobody is left to tell. Among those who are
//! left each waits for another one, so walking from one to the next ends in a ring. All of it takes as long as there are
//! waits and things waited for.

use std::collections::HashMap;

use super::{Awaited, Deadlock, PipeWait, View, Waiting};
use crate::namespace::{About, PipeInstance, ThreadId};

/// Who must act before a wait can end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Need {
    /// The thread of this wait.
    Thread(usize),
    /// Any thread of this process.
    Process(u32),
    /// Nobody in particular.
    Anybody,
}

/// The rings, each once, by their first wait.
pub(super) fn rings(view: &View) -> Vec<Deadlock> {
    let mut search = Search::new(view);
    search.let_go();
    let mut rings = search.rings();
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

struct Search<'a> {
    view: &'a View,
    stuck: Vec<bool>,
    /// What each wait needs.
    needs: Vec<Vec<Need>>,
    /// Of a wait for all: how many of its needs are those of stuck ones.
    hopeless: Vec<usize>,
    /// Who needs the thread of each wait.
    of_thread: Vec<Vec<usize>>,
    /// Who needs each process.
    of_process: HashMap<u32, Vec<usize>>,
    /// The waits of each process that are stuck.
    waits_of: HashMap<u32, usize>,
}

impl<'a> Search<'a> {
    fn new(view: &'a View) -> Search<'a> {
        let threads = by_thread(view);
        let needs: Vec<Vec<Need>> = view
            .waits
            .iter()
            .map(|wait| needs(wait, view, &threads))
            .collect();
        let mut search = Search {
            view,
            stuck: view.waits.iter().map(may_be_stuck).collect(),
            needs,
            hopeless: vec![0; view.waits.len()],
            of_thread: vec![Vec::new(); view.waits.len()],
            of_process: HashMap::new(),
            waits_of: HashMap::new(),
        };
        for (index, wait) in view.waits.iter().enumerate() {
            if search.stuck[index] {
                *search.waits_of.entry(process_of(wait)).or_default() += 1;
            }
        }
        for (index, needs) in search.needs.iter().enumerate() {
            for need in needs {
                match need {
                    Need::Thread(thread) => search.of_thread[*thread].push(index),
                    Need::Process(process) => {
                        search.of_process.entry(*process).or_default().push(index);
                    }
                    Need::Anybody => {}
                }
            }
        }
        search
    }

    fn is_hopeless(&self, need: Need) -> bool {
        match need {
            Need::Thread(wait) => self.stuck[wait],
            Need::Process(process) => self.is_wholly_stuck(process),
            Need::Anybody => false,
        }
    }

    /// Are all threads of the process stuck that could do something?
    fn is_wholly_stuck(&self, process: u32) -> bool {
        let stuck = self.waits_of.get(&process).copied().unwrap_or(0);
        let able = self.view.able_threads.get(&process);
        able.is_some_and(|able| stuck > 0 && stuck >= *able as usize)
    }

    /// Lets everybody go who can go on.
    fn let_go(&mut self) {
        let mut free: Vec<usize> = Vec::new();
        for (index, wait) in self.view.waits.iter().enumerate() {
            let needs = self.needs[index].iter();
            let hopeless = needs.filter(|need| self.is_hopeless(**need)).count();
            self.hopeless[index] = hopeless;
            let can_end = match wait.all {
                true => hopeless == 0,
                false => hopeless < self.needs[index].len(),
            };
            if !self.stuck[index] || can_end {
                free.push(index);
            }
        }
        let mut told: Vec<bool> = vec![false; self.stuck.len()];
        while let Some(index) = free.pop() {
            if std::mem::replace(&mut told[index], true) {
                continue;
            }
            free.extend(self.tell(index));
        }
    }

    /// The thread of this wait can go on; returns the waits that can end because of that.
    fn tell(&mut self, index: usize) -> Vec<usize> {
        let process = process_of(&self.view.waits[index]);
        let was_whole = self.is_wholly_stuck(process);
        let was_stuck = std::mem::replace(&mut self.stuck[index], false);
        if was_stuck {
            *self.waits_of.entry(process).or_default() -= 1;
        }
        let mut hopeful: Vec<usize> = Vec::new();
        if was_stuck {
            hopeful.extend(&self.of_thread[index]);
        }
        if was_whole && !self.is_wholly_stuck(process) {
            hopeful.extend(self.of_process.get(&process).into_iter().flatten());
        }
        hopeful.retain(|wait| {
            let hopeless = &mut self.hopeless[*wait];
            *hopeless = hopeless.saturating_sub(1);
            !self.view.waits[*wait].all || *hopeless == 0
        });
        hopeful
    }

    /// The wait of the next one that has to act; `first_of` has the first stuck wait of each process.
    fn next(&self, index: usize, first_of: &HashMap<u32, usize>) -> Option<usize> {
        let need = self.needs[index]
            .iter()
            .find(|need| self.is_hopeless(**need))?;
        match need {
            Need::Thread(wait) => Some(*wait),
            Need::Process(process) => first_of.get(process).copied(),
            Need::Anybody => None,
        }
    }

    /// Walks from each stuck one to the next, over none twice.
    fn rings(&self) -> Vec<Vec<usize>> {
        let (mut rings, mut first_of) = (Vec::new(), HashMap::new());
        for (index, wait) in self.view.waits.iter().enumerate() {
            if self.stuck[index] {
                first_of.entry(process_of(wait)).or_insert(index);
            }
        }
        // Which walk came by, counted from 1.
        let mut walks = vec![0; self.stuck.len()];
        for (walk, start) in (1..).zip((0..self.stuck.len()).filter(|wait| self.stuck[*wait])) {
            let (mut path, mut at) = (Vec::new(), Some(start));
            while let Some(wait) = at.filter(|wait| walks[*wait] == 0) {
                walks[wait] = walk;
                path.push(wait);
                at = self.next(wait, &first_of);
            }
            let closed = at.filter(|wait| walks[*wait] == walk);
            let begin = closed.and_then(|end| path.iter().position(|wait| *wait == end));
            if let Some(begin) = begin {
                rings.push(from_smallest(path.split_off(begin)));
            }
        }
        rings
    }
}

/// Turns a ring so that its smallest index comes first.
fn from_smallest(mut ring: Vec<usize>) -> Vec<usize> {
    let smallest = ring.iter().enumerate().min_by_key(|(_, wait)| **wait);
    let first = smallest.map_or(0, |(place, _)| place);
    ring.rotate_left(first);
    ring
}

/// The wait of each thread. Threads of several PID namespaces may have equal ids; nobody knows which is meant then.
fn by_thread(view: &View) -> HashMap<ThreadId, Option<usize>> {
    let mut threads = HashMap::new();
    for (index, wait) in view.waits.iter().enumerate() {
        threads
            .entry(wait.thread)
            .and_modify(|known| *known = None)
            .or_insert(Some(index));
    }
    threads
}

fn process_of(wait: &Waiting) -> u32 {
    u32::try_from(wait.thread.pid).unwrap_or(0)
}

fn may_be_stuck(wait: &Waiting) -> bool {
    let knows_all = wait.awaited.len() >= wait.count as usize;
    // Who waits for nothing but Ctrl-C is about to go on when somebody wants it to.
    let waits_for_more = !wait.awaited.iter().all(is_for_signals);
    wait.may_be_stuck && waits_for_more && (wait.all || knows_all)
}

/// A descriptor for signals, such as Ctrl-C: somebody may end a deadlock that way, but none of those in it will.
fn is_for_signals(awaited: &Awaited) -> bool {
    matches!(awaited, Awaited::Descriptor { what, .. } if what == "anon_inode:[signalfd]")
}

fn needs(wait: &Waiting, view: &View, threads: &HashMap<ThreadId, Option<usize>>) -> Vec<Need> {
    let relied_on = wait
        .awaited
        .iter()
        .filter(|awaited| !is_for_signals(awaited));
    let need = |awaited: &Awaited| match awaited {
        Awaited::Process(process) => Need::Process(*process),
        Awaited::Pipe { .. } => other_end(wait, awaited, view).map_or(Need::Anybody, Need::Process),
        awaited => {
            let thread = view.who_must_act(awaited);
            // Who waits for its own mutex has just been given it.
            let other = thread.filter(|it| *it != wait.thread || is_thread(awaited));
            let known = other.and_then(|thread| *threads.get(&thread)?);
            known.map_or(Need::Anybody, Need::Thread)
        }
    };
    relied_on.map(need).collect()
}

fn is_thread(awaited: &Awaited) -> bool {
    matches!(awaited, Awaited::Thread(_))
}

/// The process without which this wait at a pipe cannot end: it alone has the other end, and neither is there anything to
/// read, nor has the other side anything left to read.
fn other_end(wait: &Waiting, awaited: &Awaited, view: &View) -> Option<u32> {
    let Awaited::Pipe {
        object,
        slot,
        server,
        what,
        peer,
    } = awaited
    else {
        return None;
    };
    let About::Pipe { instances, .. } = &view.objects.get(*object)?.about else {
        return None;
    };
    let is_it = |instance: &&PipeInstance| instance.slot == *slot;
    let instance = instances.iter().find(is_it)?;
    let [coming, going] = match server {
        true => [instance.queued_in?, instance.queued_out?],
        false => [instance.queued_out?, instance.queued_in?],
    };
    let waits = match what {
        PipeWait::Read => coming == 0,
        PipeWait::Write => going > 0,
        PipeWait::Connect => false,
    };
    peer.filter(|_| waits && instance.is_private && wait.is_older_than_walk)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handle::{Kind, ObjectId};
    use crate::namespace::{Entry, InstanceState, State};
    use crate::pipe::{Direction, PipeType};
    use std::time::{Duration, Instant, SystemTime};

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
            may_be_stuck: true,
            is_older_than_walk: true,
        }
    }

    fn rings_of(waits: Vec<Waiting>) -> Vec<Vec<usize>> {
        let view = View {
            taken: Instant::now(),
            objects: Vec::new(),
            processes: Vec::new(),
            waits,
            able_threads: HashMap::from([(1, 1)]),
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

    /// A pipe between two processes, with so much queued to the server.
    fn pipe(server: i32, client: i32, queued_in: u64, is_private: bool) -> Entry {
        let instance = PipeInstance {
            slot: 0,
            state: InstanceState::Connected,
            server_pid: server,
            client_pid: Some(client),
            in_quota: 0,
            out_quota: 0,
            queued_in: Some(queued_in),
            queued_out: Some(0),
            memory: 1,
            is_private,
        };
        Entry {
            kind: "pipe",
            name: String::new(),
            state: State::Live,
            uid: 0,
            owner_pid: Some(server),
            program: None,
            created: SystemTime::UNIX_EPOCH,
            holders: Vec::new(),
            traffic: None,
            about: About::Pipe {
                pipe_type: PipeType::Byte,
                direction: Direction::Duplex,
                max_instances: None,
                default_timeout: Duration::ZERO,
                instances: vec![instance],
            },
        }
    }

    /// The first thread of a process that reads what the other one never writes.
    fn reader(pid: u32, peer: u32) -> Waiting {
        let awaited = Awaited::Pipe {
            object: 0,
            slot: 0,
            server: pid < peer,
            what: PipeWait::Read,
            peer: Some(peer),
        };
        let pid = i32::try_from(pid).unwrap();
        Waiting {
            thread: ThreadId { pid, tid: pid },
            ..wait(0, false, vec![awaited])
        }
    }

    #[test]
    fn both_ends_of_a_pipe_read_for_ever_unless_there_is_something_or_somebody_else() {
        // More threads of one of them, something to read, another process with an end.
        let cases = [
            (1, 0, true, 1),
            (2, 0, true, 0),
            (1, 5, true, 0),
            (1, 0, false, 0),
        ];
        for (threads, queued, is_private, rings) in cases {
            let view = View {
                taken: Instant::now(),
                objects: vec![pipe(7, 8, queued, is_private)],
                processes: Vec::new(),
                waits: vec![reader(7, 8), reader(8, 7)],
                able_threads: HashMap::from([(7, 1), (8, threads)]),
            };
            assert_eq!(
                view.deadlocks().len(),
                rings,
                "{threads} {queued} {is_private}"
            );
        }
    }

    #[test]
    fn a_mutex_that_was_just_handed_over_and_a_wait_for_nothing_are_no_rings() {
        assert!(rings_of(vec![wait(10, false, vec![mutex_of(10)])]).is_empty());
        let mut sleeps = wait(10, false, Vec::new());
        sleeps.count = 0;
        let waits = vec![
            wait(20, false, vec![mutex_of(30), mutex_of(10)]),
            wait(30, false, vec![mutex_of(20)]),
            Waiting {
                may_be_stuck: false,
                ..sleeps
            },
        ];
        assert!(rings_of(waits).is_empty());
    }

    /// Each waits for the one before, and the first for something that comes.
    #[test]
    fn a_long_queue_is_gone_through_once() {
        let mut waits = vec![wait(1, false, vec![event()])];
        waits.extend((2..20_000).map(|tid| wait(tid, false, vec![mutex_of(tid - 1)])));
        assert!(rings_of(waits.clone()).is_empty());
        waits[0] = wait(1, false, vec![mutex_of(19_999)]);
        assert_eq!(rings_of(waits).len(), 1);
    }
}
