//! Which processes are shown, and in which order.

use super::users::{self, Users};
use super::Row;
use crate::args::{LpArgs, SortKey};
use crate::exit::Failure;
use std::cmp::{Ordering, Reverse};

/// What a process must be like to be shown.
#[derive(Debug)]
pub(super) struct Wanted {
    patterns: Vec<Pattern>,
    user: Option<u32>,
    tong: bool,
}

/// What a pattern of the command line means.
#[derive(Debug, PartialEq, Eq)]
enum Pattern {
    Pid(u32),
    /// A part of the name, in lower case.
    Part(String),
    /// All of the name, in lower case, with `*` and `?`.
    Whole(Vec<char>),
}

impl Wanted {
    pub(super) fn of(args: &LpArgs) -> Result<Wanted, Failure> {
        let user = args.user.as_deref().map(users::id).transpose()?;
        Ok(Wanted {
            patterns: args.patterns.iter().map(|text| Pattern::of(text)).collect(),
            user,
            tong: args.tong,
        })
    }

    pub(super) fn has(&self, row: &Row) -> bool {
        let process = &row.process;
        let by_pattern = self.patterns.is_empty()
            || self
                .patterns
                .iter()
                .any(|pattern| pattern.fits(process.pid, &process.program));
        by_pattern
            && self.user.is_none_or(|user| user == process.uid)
            && (!self.tong || row.handles.is_some())
    }
}

impl Pattern {
    fn of(text: &str) -> Pattern {
        if let Ok(pid) = text.parse() {
            return Pattern::Pid(pid);
        }
        let lower = text.to_lowercase();
        match lower.contains(['*', '?']) {
            true => Pattern::Whole(lower.chars().collect()),
            false => Pattern::Part(lower),
        }
    }

    fn fits(&self, pid: u32, program: &str) -> bool {
        match self {
            Pattern::Pid(wanted) => *wanted == pid,
            Pattern::Part(part) => program.to_lowercase().contains(part),
            Pattern::Whole(pattern) => {
                let name: Vec<char> = program.to_lowercase().chars().collect();
                fits(pattern, &name)
            }
        }
    }
}

/// Does the pattern fit all of the name? `*` stands for any characters, `?` for one.
fn fits(pattern: &[char], name: &[char]) -> bool {
    let (mut at, mut rest) = (0, 0);
    // Where to go on if it does not fit: behind the last star, which then takes one character more.
    let mut retry = None;
    while rest < name.len() {
        match pattern.get(at) {
            Some('*') => {
                retry = Some((at + 1, rest + 1));
                at += 1;
            }
            Some(wanted) if *wanted == '?' || *wanted == name[rest] => {
                (at, rest) = (at + 1, rest + 1);
            }
            _ => {
                let Some((behind, next)) = retry else {
                    return false;
                };
                (at, rest) = (behind, next);
                retry = Some((behind, next + 1));
            }
        }
    }
    pattern[at..].iter().all(|character| *character == '*')
}

/// Puts rows in order. Those that are alike stay in the order of their ids.
pub(super) fn sort(rows: &mut [Row], args: &LpArgs, users: &Users) {
    let order = |one: &Row, other: &Row| {
        let order = compare(one, other, args.sort, users);
        match args.reverse {
            true => order.reverse(),
            false => order,
        }
    };
    rows.sort_by(order);
}

fn compare(one: &Row, other: &Row, key: SortKey, users: &Users) -> Ordering {
    let (this, that) = (&one.process, &other.process);
    match key {
        SortKey::Pid => this.pid.cmp(&that.pid),
        SortKey::Parent => this.parent.cmp(&that.parent),
        SortKey::User if this.uid == that.uid => Ordering::Equal,
        SortKey::User => users.name(this.uid).cmp(&users.name(that.uid)),
        SortKey::Program => {
            let key = |name: &str| name.to_lowercase();
            key(&this.program).cmp(&key(&that.program))
        }
        SortKey::Memory => Reverse(this.memory).cmp(&Reverse(that.memory)),
        SortKey::Cpu => Reverse(this.processor_time).cmp(&Reverse(that.processor_time)),
        SortKey::Threads => Reverse(this.threads).cmp(&Reverse(that.threads)),
        SortKey::Handles => Reverse(one.handles).cmp(&Reverse(other.handles)),
        SortKey::Started => Reverse(this.started).cmp(&Reverse(that.started)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_and_marks_stand_for_the_whole_name() {
        let chars = |text: &str| text.chars().collect::<Vec<_>>();
        for (pattern, name, expected) in [
            ("*", "", true),
            ("s*p", "sleep", true),
            ("s*p", "sleeper", false),
            ("?leep", "sleep", true),
            ("?leep", "leep", false),
            ("*e*e*", "sleep", true),
            ("*ee", "sleep", false),
            ("*p*pp", "appp", true),
            ("", "x", false),
        ] {
            assert_eq!(
                fits(&chars(pattern), &chars(name)),
                expected,
                "{pattern} {name}"
            );
        }
    }

    #[test]
    fn patterns_are_ids_parts_or_whole_names_in_any_case() {
        assert_eq!(Pattern::of("12"), Pattern::Pid(12));
        assert!(Pattern::of("LEE").fits(1, "sleep"));
        assert!(!Pattern::of("12").fits(1, "a12"));
        assert!(Pattern::of("Sl*").fits(1, "sleep"));
        assert!(!Pattern::of("lee*").fits(1, "sleep"));
    }
}
