//! The columns and orders of the three lists.

use super::columns::{
    age, busy, dash_is_faint, faint, flow, natural, nothing, number, short_number, sorted, usual,
    words, zero_is_faint, Column, Columns, Tone, ANY,
};
use super::list::Line;
use super::look::{Mood, Object, Process};
use super::waits::{thread, Wait};
use crate::text;
use std::cmp::Ordering;

impl Line for Object {
    type Key = super::look::ObjectKey;
    const SORTS: &'static [&'static str] = &[
        "name", "kind", "owner", "waiters", "queued", "traffic", "age",
    ];

    fn key(&self) -> Self::Key {
        self.key.clone()
    }

    fn text(&self, text: &mut String) {
        for part in [self.key.0, &self.short, &self.state, &self.owner] {
            text.push_str(part);
            text.push(' ');
        }
    }

    fn order(&self, other: &Object, sort: usize) -> Ordering {
        let traffic = |object: &Object| object.rate.map_or(-1.0, |rate| rate.bytes());
        let first = match sort {
            1 => self.key.0.cmp(other.key.0),
            2 => other.owner_pid.cmp(&self.owner_pid),
            3 => other.waiters.cmp(&self.waiters),
            4 => other.queued.cmp(&self.queued),
            5 => traffic(other).total_cmp(&traffic(self)),
            6 => other.key.2.cmp(&self.key.2),
            _ => Ordering::Equal,
        };
        first.then_with(|| natural(&self.short, &other.short))
    }
}

impl Columns for Object {
    const COLUMNS: &'static [Column] = &[
        sorted(words("KIND", 9, 9, 0), 1),
        sorted(words("NAME", 10, ANY, 0), 0),
        words("STATE", 12, 22, 1),
        sorted(words("OWNER", 11, 24, 2), 2),
        sorted(number("WAIT", 4, 3), 3),
        sorted(number("QUEUED", 8, 5), 4),
        sorted(number("IN/S", 8, 4), 5),
        number("OUT/S", 8, 7),
        number("MSG/S", 5, 6),
        number("OPEN", 4, 9),
        sorted(number("AGE", 6, 8), 6),
    ];

    fn cell(&self, column: usize) -> (String, Tone) {
        let rate = |of: fn(&super::rates::Rate) -> f64, text: fn(f64) -> String| match self.rate {
            Some(rate) => flow(of(&rate), text),
            None => nothing(),
        };
        match column {
            0 => usual(self.key.0),
            1 => usual(&self.short),
            2 => (
                self.state.clone(),
                match self.mood {
                    Mood::Usual => Tone::Usual,
                    Mood::Lively => Tone::Lively,
                    Mood::Broken => Tone::Bad,
                },
            ),
            3 => dash_is_faint(&self.owner),
            4 => self
                .waiters
                .map_or_else(nothing, |count| busy(count as u64)),
            5 if !self.carries => nothing(),
            5 => self
                .queued
                .map_or(("?".to_owned(), Tone::Faint), |bytes| match bytes {
                    0 => faint("0"),
                    _ => (text::size(bytes), Tone::Lively),
                }),
            6 => rate(|rate| rate.bytes_in, text::amount),
            7 => rate(|rate| rate.bytes_out, text::amount),
            8 if self.key.0 != "mailslot" => nothing(),
            8 => rate(|rate| rate.messages, short_number),
            9 => usual(&self.holders.to_string()),
            _ => faint(&age(self.key.2)),
        }
    }
}

impl Line for Process {
    type Key = super::look::ProcessKey;
    const SORTS: &'static [&'static str] = &[
        "pid", "command", "handles", "objects", "waits", "memory", "age",
    ];

    fn key(&self) -> Self::Key {
        self.key
    }

    fn text(&self, text: &mut String) {
        text.push_str(&format!("{} {} {}", self.key.0, self.command, self.user));
    }

    fn order(&self, other: &Process, sort: usize) -> Ordering {
        let first = match sort {
            1 => self.command.cmp(&other.command),
            2 => other.handles.cmp(&self.handles),
            3 => other.objects.cmp(&self.objects),
            4 => other.waits.cmp(&self.waits),
            5 => other.memory.cmp(&self.memory),
            6 => other.key.1.cmp(&self.key.1),
            _ => Ordering::Equal,
        };
        first.then_with(|| self.key.0.cmp(&other.key.0))
    }
}

impl Columns for Process {
    const COLUMNS: &'static [Column] = &[
        sorted(number("PID", 7, 0), 0),
        sorted(words("COMMAND", 24, ANY, 0), 1),
        words("USER", 6, 12, 7),
        number("PARENT", 7, 9),
        sorted(number("HANDLES", 7, 1), 2),
        sorted(number("OBJECTS", 7, 3), 3),
        number("OWNS", 4, 4),
        sorted(number("WAITS", 5, 2), 4),
        number("THREADS", 7, 8),
        number("CPU", 5, 6),
        sorted(number("MEMORY", 8, 5), 5),
        sorted(number("AGE", 6, 10), 6),
    ];

    fn cell(&self, column: usize) -> (String, Tone) {
        match column {
            0 => usual(&self.key.0.to_string()),
            1 => usual(&self.command),
            2 => faint(&self.user),
            3 => faint(&self.parent.to_string()),
            4 => self
                .handles
                .map_or_else(nothing, |count| usual(&count.to_string())),
            5 => zero_is_faint(self.objects),
            6 => zero_is_faint(self.owns),
            7 if self.is_stuck => (self.waits.to_string(), Tone::Bad),
            7 => busy(self.waits as u64),
            8 => faint(&self.threads.to_string()),
            9 if self.is_suspended => usual("stops"),
            9 => match self.load {
                Some(load) if load >= 0.0005 => (format!("{:.1}", load * 100.0), Tone::Lively),
                Some(_) => faint("0"),
                None => nothing(),
            },
            10 => usual(&text::amount(self.memory as f64)),
            _ => faint(&self.age.map_or("?".to_owned(), text::age)),
        }
    }

    fn is_bad(&self) -> bool {
        self.is_stuck
    }
}

impl Line for Wait {
    type Key = super::look::ThreadKey;
    const SORTS: &'static [&'static str] = &["rings", "time", "thread", "target"];

    fn key(&self) -> Self::Key {
        self.key
    }

    fn text(&self, text: &mut String) {
        let Wait {
            key: (pid, tid),
            program,
            target,
            held_by,
            ..
        } = self;
        text.push_str(&format!("{pid}/{tid} {program} {target} {held_by}"));
        if self.ring.is_some() {
            text.push_str(" deadlock");
        }
    }

    fn order(&self, other: &Wait, sort: usize) -> Ordering {
        let ring = |wait: &Wait| wait.ring.unwrap_or((usize::MAX, 0));
        let first = match sort {
            0 => ring(self).cmp(&ring(other)),
            1 => other.waited.cmp(&self.waited),
            3 => self.target.cmp(&other.target),
            _ => Ordering::Equal,
        };
        first.then_with(|| self.key.cmp(&other.key))
    }
}

impl Columns for Wait {
    const COLUMNS: &'static [Column] = &[
        sorted(words("", 2, 2, 0), 0),
        sorted(words("THREAD", 9, 15, 1), 2),
        words("PROGRAM", 8, 12, 3),
        sorted(words("WAITS FOR", 14, ANY, 0), 3),
        words("HELD BY", 14, 30, 2),
        sorted(number("SINCE", 8, 4), 1),
        words("UNTIL", 8, 8, 5),
    ];

    fn cell(&self, column: usize) -> (String, Tone) {
        let (pid, tid) = self.key;
        match column {
            0 => (self.bracket().to_owned(), Tone::Bad),
            1 => usual(&thread((pid, tid))),
            2 => usual(&self.program),
            3 => usual(&self.target),
            4 => dash_is_faint(&self.held_by),
            5 => usual(&text::span(self.waited)),
            _ if self.has_deadline => faint("time-out"),
            _ => usual("for ever"),
        }
    }

    fn is_bad(&self) -> bool {
        self.ring.is_some()
    }
}
