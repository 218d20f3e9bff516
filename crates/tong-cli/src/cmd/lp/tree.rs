//! Processes under those that created them.
//!
//! An id that a process names as its creator's may have become that of a stranger. A process is only put under one that
//! started no later than itself; all others begin a tree of their own.

use std::collections::HashMap;
use tong::process::list::Listed;

/// Who created whom, of those that are still there.
#[derive(Debug)]
pub(in crate::cmd) struct Creators {
    /// Index of the creator.
    of: Vec<Option<usize>>,
    children: Vec<Vec<usize>>,
}

impl Creators {
    /// Among these processes, which need not be in order.
    pub(in crate::cmd) fn among<'a>(
        processes: impl Iterator<Item = &'a Listed> + Clone,
    ) -> Creators {
        let by_pid: HashMap<u32, (usize, &Listed)> = processes
            .clone()
            .enumerate()
            .map(|(index, process)| (process.pid, (index, process)))
            .collect();
        let creator = |process: &Listed| {
            let (index, creator) = by_pid.get(&process.parent)?;
            let is_older = creator.started <= process.started && creator.pid != process.pid;
            is_older.then_some(*index)
        };
        let of: Vec<_> = processes.map(creator).collect();
        let mut children = vec![Vec::new(); of.len()];
        for (index, creator) in of.iter().enumerate() {
            if let Some(creator) = creator {
                children[*creator].push(index);
            }
        }
        Creators { of, children }
    }

    /// Whether the creator of the process at this index is there.
    pub(super) fn has(&self, index: usize) -> bool {
        self.of[index].is_some()
    }

    /// The processes that this one created, in order.
    pub(in crate::cmd) fn children(&self, index: usize) -> &[usize] {
        &self.children[index]
    }

    /// Marks also the creators of those that are marked, and theirs.
    pub(super) fn mark_creators(&self, marked: &mut [bool]) {
        for start in 0..marked.len() {
            let mut at = start;
            while marked[at] {
                match self.of[at] {
                    Some(creator) if !marked[creator] => {
                        marked[creator] = true;
                        at = creator;
                    }
                    _ => break,
                }
            }
        }
    }
}

/// A place in the tree.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) index: usize,
    pub(super) depth: usize,
    /// The lines that lead to it.
    pub(super) branch: String,
}

/// The processes as a tree, from top to bottom.
pub(super) fn places(creators: &Creators) -> Vec<Place> {
    let mut walk = Walk {
        creators,
        seen: vec![false; creators.of.len()],
        places: Vec::with_capacity(creators.of.len()),
    };
    let is_root = |index: &usize| !creators.has(*index);
    let all = || 0..creators.of.len();
    // Then what no root leads to: processes that started at the same moment may name each other, if they lie.
    for index in all().filter(is_root).chain(all()) {
        walk.visit(index);
    }
    walk.places
}

struct Walk<'a> {
    creators: &'a Creators,
    seen: Vec<bool>,
    places: Vec<Place>,
}

impl Walk<'_> {
    /// Goes through the tree of one process. Not by recursion: whoever starts processes decides on the depth.
    fn visit(&mut self, root: usize) {
        let mut next = vec![Place {
            index: root,
            depth: 0,
            branch: String::new(),
        }];
        while let Some(place) = next.pop() {
            if std::mem::replace(&mut self.seen[place.index], true) {
                continue;
            }
            let children = self.creators.children(place.index);
            let trunk = continued(&place.branch);
            for (number, child) in children.iter().enumerate().rev() {
                let is_last = number + 1 == children.len();
                next.push(Place {
                    index: *child,
                    depth: place.depth + 1,
                    branch: format!("{trunk}{}", if is_last { LAST } else { BRANCH }),
                });
            }
            self.places.push(place);
        }
    }
}

const BRANCH: &str = "├─ ";
const LAST: &str = "└─ ";

/// What stands below a branch.
fn continued(branch: &str) -> String {
    match branch.strip_suffix(BRANCH) {
        Some(before) => format!("{before}│  "),
        None => match branch.strip_suffix(LAST) {
            Some(before) => format!("{before}   "),
            None => String::new(),
        },
    }
}
