//! The columns and orders of what pages list: handles, and the parties around an object.

use super::columns::{dash_is_faint, number, sorted, usual, words, Column, Columns, Tone, ANY};
use super::list::Line;
use super::page::{HandleRow, Party};
use super::waits::thread;
use std::cmp::Ordering;

impl Line for HandleRow {
    type Key = u32;
    const SORTS: &'static [&'static str] = &["handle", "kind", "name"];

    fn key(&self) -> u32 {
        self.value
    }

    fn text(&self, text: &mut String) {
        let HandleRow {
            value,
            kind,
            name,
            rights,
            ..
        } = self;
        text.push_str(&format!("{value:#x} {kind} {name} {rights}"));
    }

    fn order(&self, other: &HandleRow, sort: usize) -> Ordering {
        let first = match sort {
            1 => self.kind.cmp(&other.kind),
            2 => self.name.cmp(&other.name),
            _ => Ordering::Equal,
        };
        first.then_with(|| self.value.cmp(&other.value))
    }
}

impl Columns for HandleRow {
    const COLUMNS: &'static [Column] = &[
        sorted(number("HANDLE", 8, 0), 0),
        sorted(words("KIND", 10, 16, 0), 1),
        sorted(words("NAME", 12, ANY, 0), 2),
        words("RIGHTS", 16, 60, 1),
        words("FLAGS", 7, 16, 2),
    ];

    fn cell(&self, column: usize) -> (String, Tone) {
        match column {
            0 => usual(&format!("{:#x}", self.value)),
            1 => usual(&self.kind),
            2 => dash_is_faint(&self.name),
            3 => usual(&self.rights),
            _ => dash_is_faint(self.flags),
        }
    }
}

impl Line for Party {
    type Key = (&'static str, i32, i32, u32);
    const SORTS: &'static [&'static str] = &["role", "process", "program"];

    fn key(&self) -> Self::Key {
        (self.role, self.pid, self.tid, self.instance)
    }

    fn text(&self, text: &mut String) {
        let Party {
            role,
            pid,
            program,
            about,
            ..
        } = self;
        text.push_str(&format!("{role} {pid} {program} {about}"));
    }

    fn order(&self, other: &Party, sort: usize) -> Ordering {
        let first = match sort {
            1 => self.pid.cmp(&other.pid),
            2 => self.program.cmp(&other.program),
            _ => Ordering::Equal,
        };
        first.then_with(|| self.place.cmp(&other.place))
    }
}

impl Columns for Party {
    const COLUMNS: &'static [Column] = &[
        sorted(words("ROLE", 8, 8, 0), 0),
        sorted(words("PROCESS", 7, 17, 0), 1),
        sorted(words("PROGRAM", 8, 24, 1), 2),
        words("", 12, ANY, 2),
    ];

    fn cell(&self, column: usize) -> (String, Tone) {
        match column {
            0 => usual(self.role),
            1 if self.tid == 0 => usual(&self.pid.to_string()),
            1 => usual(&thread((self.pid, self.tid))),
            2 => usual(&self.program),
            _ => usual(&self.about),
        }
    }
}
