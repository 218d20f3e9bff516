//! What is drawn: nodes and the lines between them, whatever they are drawn as.

use std::collections::BTreeSet;
use std::time::Duration;

/// A namespace at one moment.
#[derive(Clone, Debug, Default)]
pub(super) struct Picture {
    /// The directory of the namespace.
    pub(super) place: String,
    /// Processes by id, then objects by name, then those without a name.
    pub(super) nodes: Vec<Node>,
    pub(super) edges: Vec<Edge>,
    pub(super) waits: Vec<Wait>,
    pub(super) rings: Vec<Ring>,
    /// How many processes use tong, but have to do with nothing here.
    pub(super) bystanders: usize,
}

/// A process or an object.
#[derive(Clone, Debug)]
pub(super) struct Node {
    /// Its id, if it is a process.
    pub(super) pid: Option<i32>,
    /// `process`, `mutex`, ...
    pub(super) kind: String,
    /// The program, or the object's name; a sign such as `#0a1b2c` if it has none.
    pub(super) name: String,
    /// Its state in a few words.
    pub(super) state: String,
    /// Nobody keeps it alive.
    pub(super) is_dead: bool,
    /// It is part of a deadlock.
    pub(super) is_stuck: bool,
}

impl Node {
    pub(super) fn is_process(&self) -> bool {
        self.pid.is_some()
    }

    /// What it is called in a sentence. Others may have made up the name, so it has no power over a terminal.
    pub(super) fn title(&self) -> String {
        let name = self.shown_name();
        match self.pid {
            Some(pid) => format!("{pid} {name}"),
            None => format!("{} {name}", self.kind),
        }
    }

    pub(super) fn shown_name(&self) -> String {
        crate::text::line(self.name.as_bytes())
    }
}

/// How a process and something else have to do with each other. Of two nodes only the strongest counts, but that a
/// process waits is always told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Link {
    /// The process has it open.
    Opens,
    /// The process writes to the mailslot, or is a client of the pipe.
    Uses,
    /// The process reads the mailslot, or is a server of the pipe.
    Serves,
    /// A thread of the process owns the mutex.
    Owns,
    /// A thread of the process waits for it.
    Waits,
}

impl Link {
    pub(super) const ALL: [Link; 5] = [
        Link::Waits,
        Link::Owns,
        Link::Serves,
        Link::Uses,
        Link::Opens,
    ];

    pub(super) fn word(self) -> &'static str {
        match self {
            Link::Opens => "opens",
            Link::Uses => "uses",
            Link::Serves => "serves",
            Link::Owns => "owns",
            Link::Waits => "waits",
        }
    }
}

/// A line between a process and something else.
#[derive(Clone, Debug)]
pub(super) struct Edge {
    /// Index of the process's node.
    pub(super) process: usize,
    /// Index of the other node, which may be a process that is waited for.
    pub(super) other: usize,
    pub(super) link: Link,
    /// More about it: which thread, which handles.
    pub(super) label: String,
    /// It is part of a deadlock.
    pub(super) is_stuck: bool,
}

/// A thread that waits.
#[derive(Clone, Debug)]
pub(super) struct Wait {
    /// Index of its process's node.
    pub(super) process: usize,
    /// The thread's id.
    pub(super) tid: i32,
    /// What it waits for, in words and, if that is in the picture, by its node.
    pub(super) awaited: Vec<(String, Option<usize>)>,
    /// How many things it waits for, known or not.
    pub(super) count: u32,
    pub(super) all: bool,
    pub(super) waited: Duration,
    pub(super) has_deadline: bool,
}

/// Threads that wait for each other.
#[derive(Clone, Debug)]
pub(super) struct Ring {
    pub(super) steps: Vec<Step>,
    /// One of them has a deadline.
    pub(super) will_end: bool,
}

/// One of those in a ring.
#[derive(Clone, Debug)]
pub(super) struct Step {
    /// Index of the process's node.
    pub(super) process: usize,
    pub(super) tid: i32,
    /// What it waits for that the next one has: in words, and the node if there is one.
    pub(super) awaited: (String, Option<usize>),
}

impl Picture {
    pub(super) fn processes(&self) -> impl Iterator<Item = (usize, &Node)> {
        let nodes = self.nodes.iter().enumerate();
        nodes.filter(|(_, node)| node.is_process())
    }

    pub(super) fn objects(&self) -> impl Iterator<Item = (usize, &Node)> {
        let nodes = self.nodes.iter().enumerate();
        nodes.filter(|(_, node)| !node.is_process())
    }

    /// A thread in words: its process, and its own id unless it is the first.
    pub(super) fn thread(&self, process: usize, tid: i32) -> String {
        let node = &self.nodes[process];
        match node.pid == Some(tid) {
            true => node.title(),
            false => format!("{}, thread {tid},", node.title()),
        }
    }

    /// What there is, in numbers.
    pub(super) fn counts(&self) -> String {
        let mut parts = vec![
            plural(self.processes().count(), "process", "processes"),
            plural(self.objects().count(), "object", "objects"),
            plural(self.waits.len(), "wait", "waits"),
        ];
        if !self.rings.is_empty() {
            parts.push(plural(self.rings.len(), "deadlock", "deadlocks"));
        }
        parts.join(", ")
    }

    /// Adds a line, unless a stronger one is there already.
    pub(super) fn link(&mut self, process: usize, other: usize, link: Link, label: &str) {
        let same_pair = |edge: &&mut Edge| edge.process == process && edge.other == other;
        let mut edges = self.edges.iter_mut().filter(same_pair);
        let label = label.to_owned();
        // A wait stands beside what else there is, but for that the process has it open, which goes without saying.
        let rival = edges.find(|edge| {
            edge.link == link
                || edge.link == Link::Opens
                || link == Link::Opens
                || (edge.link != Link::Waits && link != Link::Waits)
        });
        match rival {
            Some(edge) if edge.link >= link => join(&mut edge.label, &label),
            Some(edge) => {
                edge.link = link;
                join(&mut edge.label, &label);
            }
            None => self.edges.push(Edge {
                process,
                other,
                link,
                label,
                is_stuck: false,
            }),
        }
    }

    /// Marks what is part of a ring.
    pub(super) fn mark_stuck(&mut self) {
        for ring in &self.rings {
            for (index, step) in ring.steps.iter().enumerate() {
                let next = &ring.steps[(index + 1) % ring.steps.len()];
                self.nodes[step.process].is_stuck = true;
                let Some(awaited) = step.awaited.1 else {
                    continue;
                };
                self.nodes[awaited].is_stuck = true;
                for edge in self.edges.iter_mut().filter(|edge| edge.other == awaited) {
                    let waits = edge.link == Link::Waits && edge.process == step.process;
                    let has = matches!(edge.link, Link::Owns | Link::Serves | Link::Uses)
                        && edge.process == next.process;
                    edge.is_stuck |= waits || has;
                }
            }
        }
    }

    /// The part of the picture that has to do with some of its nodes: they, what they are connected with, and who owns
    /// that or waits for it.
    pub(super) fn around(&self, is_wanted: impl Fn(&Node) -> bool) -> Picture {
        let mut kept: BTreeSet<usize> = (0..self.nodes.len())
            .filter(|index| is_wanted(&self.nodes[*index]))
            .collect();
        for links in [&Link::ALL[..], &[Link::Waits, Link::Owns]] {
            let before = kept.clone();
            for edge in self.edges.iter().filter(|edge| links.contains(&edge.link)) {
                if before.contains(&edge.process) || before.contains(&edge.other) {
                    kept.extend([edge.process, edge.other]);
                }
            }
        }
        self.only(&kept)
    }

    /// The picture without processes that have to do with nothing in it: they may belong to another namespace.
    pub(super) fn without_bystanders(&self) -> Picture {
        let mut kept: BTreeSet<usize> = self.objects().map(|(index, _)| index).collect();
        kept.extend(
            self.edges
                .iter()
                .flat_map(|edge| [edge.process, edge.other]),
        );
        kept.extend(self.waits.iter().map(|wait| wait.process));
        Picture {
            bystanders: self.nodes.len() - kept.len(),
            ..self.only(&kept)
        }
    }

    /// The picture with only these nodes.
    fn only(&self, kept: &BTreeSet<usize>) -> Picture {
        let new = |old: usize| kept.iter().position(|index| *index == old);
        let awaited = |(text, node): &(String, Option<usize>)| (text.clone(), node.and_then(new));
        let edge = |edge: &Edge| {
            Some(Edge {
                process: new(edge.process)?,
                other: new(edge.other)?,
                ..edge.clone()
            })
        };
        let wait = |wait: &Wait| {
            Some(Wait {
                process: new(wait.process)?,
                awaited: wait.awaited.iter().map(awaited).collect(),
                ..wait.clone()
            })
        };
        let step = |step: &Step| {
            Some(Step {
                process: new(step.process)?,
                awaited: awaited(&step.awaited),
                ..step.clone()
            })
        };
        let ring = |ring: &Ring| {
            Some(Ring {
                steps: ring.steps.iter().map(step).collect::<Option<_>>()?,
                ..ring.clone()
            })
        };
        Picture {
            place: self.place.clone(),
            nodes: kept
                .iter()
                .map(|index| self.nodes[*index].clone())
                .collect(),
            edges: self.edges.iter().filter_map(edge).collect(),
            waits: self.waits.iter().filter_map(wait).collect(),
            rings: self.rings.iter().filter_map(ring).collect(),
            bystanders: self.bystanders,
        }
    }
}

/// Appends to a label, unless that is in it.
fn join(label: &mut String, more: &str) {
    if more.is_empty() || label.split(", ").any(|part| part == more) {
        return;
    }
    if !label.is_empty() {
        label.push_str(", ");
    }
    label.push_str(more);
}

pub(super) fn plural(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

#[cfg(test)]
pub(super) mod samples;

#[cfg(test)]
mod tests {
    use super::samples::*;
    use super::*;

    #[test]
    fn a_stronger_link_takes_the_place_of_a_weaker_one_and_a_wait_stands_beside_it() {
        let mut picture = Picture {
            nodes: vec![process(1, "one"), object("mutex", "m", "owned")],
            ..Picture::default()
        };
        picture.link(0, 1, Link::Opens, "0x4");
        picture.link(0, 1, Link::Owns, "");
        picture.link(0, 1, Link::Opens, "0x8");
        picture.link(0, 1, Link::Waits, "thread 2");
        let links: Vec<_> = picture
            .edges
            .iter()
            .map(|edge| (edge.link, edge.label.as_str()))
            .collect();
        assert_eq!(links, [(Link::Owns, "0x4, 0x8"), (Link::Waits, "thread 2")]);
    }

    #[test]
    fn what_is_in_a_ring_is_stuck_and_nothing_else() {
        let mut picture = deadlock();
        picture.nodes.push(process(13, "third"));
        picture.link(4, 2, Link::Waits, "");
        picture.mark_stuck();
        let stuck = picture.edges.iter().filter(|edge| edge.is_stuck);
        assert_eq!(stuck.count(), 4);
        assert!(!picture.nodes[4].is_stuck && picture.nodes[3].is_stuck);
    }

    #[test]
    fn a_part_keeps_what_it_is_connected_with_and_who_is_in_the_way() {
        let mut picture = deadlock();
        picture.nodes.push(object("event", "far", "signaled"));
        picture.nodes.push(process(14, "elsewhere"));
        picture.link(5, 4, Link::Opens, "");
        let part = picture.around(|node| node.pid == Some(11));
        let titles: Vec<_> = part.nodes.iter().map(Node::title).collect();
        assert_eq!(titles, ["11 left", "12 right", "mutex a", "mutex b"]);
        assert_eq!(
            (part.edges.len(), part.waits.len(), part.rings.len()),
            (4, 2, 1)
        );
        assert!(picture.around(|_| false).nodes.is_empty());
    }
}
