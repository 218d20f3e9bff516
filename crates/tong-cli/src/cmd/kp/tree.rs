//! Processes with all that they started.
//!
//! A process that runs may start another one at any moment, which would get away. So each is stopped first, the list is
//! taken again, and that goes on until nothing new is found. Ended are only those that were held when they were stopped.

use super::victim::{Refusal, Victim, Why};
use crate::cmd::lp::Creators;
use crate::exit::Failure;
use nix::sys::signal::{SigSet, SigmaskHow, Signal};
use std::collections::HashSet;
use std::thread;
use std::time::{Duration, Instant};
use tong::process::list::{self, Listed};

/// How long to wait for processes to stop. One that the kernel holds on to does nothing meanwhile.
const PATIENCE: Duration = Duration::from_millis(500);
/// How often to look for new ones. Whatever still starts processes then is not stopped by us, but may belong to others.
const ROUNDS: usize = 50;

/// Processes that are held, with those below them.
#[derive(Debug)]
pub(super) struct Family {
    pub(super) members: Vec<Victim>,
    /// Those below that may not be ended.
    pub(super) refused: Vec<Refusal>,
    /// Whether this process belongs to them, which ends by itself then.
    pub(super) itself: bool,
    may_have_itself: bool,
    is_frozen: bool,
}

/// The signals by which people and systems end or stop programs, held back until this is dropped.
pub(super) struct Held(SigSet);

impl Held {
    /// Holds them back. Call it before anything else: threads that run already would still get them.
    pub(super) fn back() -> Held {
        let mut set = SigSet::empty();
        for signal in [
            Signal::SIGINT,
            Signal::SIGTERM,
            Signal::SIGHUP,
            Signal::SIGQUIT,
            Signal::SIGTSTP,
        ] {
            set.add(signal);
        }
        // Fails for sets that there are not.
        let before = set.thread_swap_mask(SigmaskHow::SIG_BLOCK);
        Held(before.unwrap_or_else(|_| SigSet::empty()))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let _ = self.0.thread_set_mask();
    }
}

/// Who was stopped and is not ended goes on.
impl Drop for Family {
    fn drop(&mut self) {
        if self.is_frozen {
            self.members.iter().for_each(Victim::thaw);
        }
    }
}

impl Family {
    /// One without members; `may_have_itself` says whether this process may become one.
    pub(super) fn new(may_have_itself: bool) -> Family {
        Family {
            members: Vec::new(),
            refused: Vec::new(),
            itself: false,
            may_have_itself,
            is_frozen: false,
        }
    }

    /// Does it have this process already?
    pub(super) fn has(&self, pid: u32) -> bool {
        self.members.iter().any(|it| it.listed().pid == pid)
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.members.len() + usize::from(self.itself)
    }

    /// Takes hold of a process, and adds it if it is not there.
    pub(super) fn take(&mut self, pid: u32, started: Option<Duration>) -> Result<(), Refusal> {
        match Victim::hold(pid, started) {
            Ok(_) if self.has(pid) => Ok(()),
            Ok(victim) => {
                self.members.push(victim);
                Ok(())
            }
            Err(refusal) if refusal.why == Why::Itself && self.may_have_itself => {
                self.itself = true;
                Ok(())
            }
            Err(refusal) => Err(refusal),
        }
    }

    /// Adds everything that the members have started, and what that has; says whether there was anything.
    pub(super) fn extend(&mut self) -> Result<bool, Failure> {
        let before = self.members.len();
        for listed in self.below()? {
            if let Err(refusal) = self.take(listed.pid, Some(listed.started)) {
                self.refused.push(refusal);
            }
        }
        Ok(self.members.len() > before)
    }

    /// Stops all of them, and what they start meanwhile.
    pub(super) fn freeze(&mut self) -> Result<(), Failure> {
        self.is_frozen = true;
        let mut frozen = 0;
        for _ in 0..ROUNDS {
            let running = &self.members[frozen..];
            running.iter().for_each(Victim::freeze);
            await_stop(running);
            frozen = self.members.len();
            if !self.extend()? {
                break;
            }
        }
        Ok(())
    }

    /// The processes below the members, without these, from top to bottom.
    fn below(&self) -> Result<Vec<Listed>, Failure> {
        let all = list::processes()?;
        let creators = Creators::among(all.iter());
        let identity = |listed: &Listed| (listed.pid, listed.started);
        let members = self.members.iter().map(|victim| identity(victim.listed()));
        let members: HashSet<_> = members.collect();
        let is_itself = |listed: &Listed| self.itself && listed.pid == std::process::id();
        let is_member = |index: &usize| {
            let listed = &all[*index];
            is_itself(listed) || members.contains(&identity(listed))
        };
        let mut reached: Vec<usize> = (0..all.len()).filter(is_member).collect();
        let mut seen: HashSet<usize> = reached.iter().copied().collect();
        let (roots, mut next) = (reached.len(), 0);
        while let Some(index) = reached.get(next).copied() {
            let children = creators.children(index).iter().copied();
            reached.extend(children.filter(|child| seen.insert(*child)));
            next += 1;
        }
        let found = reached
            .into_iter()
            .skip(roots)
            .map(|index| all[index].clone());
        let is_refused = |listed: &Listed| self.refused.iter().any(|it| it.pid == listed.pid);
        Ok(found.filter(|listed| !is_refused(listed)).collect())
    }
}

fn await_stop(victims: &[Victim]) {
    let begun = Instant::now();
    while !victims.iter().all(Victim::is_frozen) && begun.elapsed() < PATIENCE {
        thread::sleep(Duration::from_millis(1));
    }
}
