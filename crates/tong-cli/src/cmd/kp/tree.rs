//! Processes with all that they started.
//!
//! A process that runs may start another one at any moment, which would get away. So each is stopped first, the list is
//! taken again, and that goes on until nothing new is found. Ended are only those that were held when they were stopped.

use super::victim::{Refusal, Victim};
use crate::cmd::lp::Creators;
use crate::exit::Failure;
use std::collections::HashSet;
use std::thread;
use std::time::{Duration, Instant};
use tong::process::list::{self, Listed};

/// How long to wait for processes to stop. One that the kernel holds on to does nothing meanwhile.
const PATIENCE: Duration = Duration::from_millis(500);
/// How often to look for new ones. Whatever still starts processes then is not stopped by us, but may belong to others.
const ROUNDS: usize = 50;

/// Processes that are held, with those below them.
#[derive(Debug, Default)]
pub(super) struct Family {
    pub(super) members: Vec<Victim>,
    /// Those below that may not be ended.
    pub(super) refused: Vec<Refusal>,
}

impl Family {
    /// Adds everything that the members have started, and what that has; says whether there was anything.
    pub(super) fn extend(&mut self) -> Result<bool, Failure> {
        let before = self.members.len();
        for listed in self.below()? {
            match Victim::hold(listed.pid, Some(listed.started)) {
                Ok(victim) => self.members.push(victim),
                Err(refusal) => self.refused.push(refusal),
            }
        }
        Ok(self.members.len() > before)
    }

    /// Stops all of them, and what they start meanwhile.
    pub(super) fn freeze(&mut self) -> Result<(), Failure> {
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
        let is_member = |index: &usize| members.contains(&identity(&all[*index]));
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
