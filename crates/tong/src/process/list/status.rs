//! A line of `/proc/PID/stat`, taken apart.
//!
//! # References
//! Linux: proc_pid_stat(5).

use std::str::SplitAsciiWhitespace;
use std::time::Duration;

use super::{Priority, State};

/// Set among the flags of a thread that is the kernel's own: `PF_KTHREAD`.
const KERNEL_THREAD: u32 = 0x0020_0000;

/// What matters of the line.
#[derive(Debug)]
pub(super) struct Status<'a> {
    pub(super) name: &'a [u8],
    pub(super) state: State,
    pub(super) parent: u32,
    pub(super) is_kernel: bool,
    pub(super) processor_time: Duration,
    pub(super) priority: Priority,
    pub(super) threads: u32,
    pub(super) started: Duration,
    pub(super) memory: u64,
}

impl<'a> Status<'a> {
    /// Reads the line `PID (NAME) STATE PARENT ...`. The name may hold anything, parentheses too.
    pub(super) fn parse(line: &'a [u8]) -> Option<Status<'a>> {
        let start = line.iter().position(|byte| *byte == b'(')? + 1;
        let end = line.iter().rposition(|byte| *byte == b')')?;
        let name = line.get(start..end)?;
        let mut fields = Fields {
            rest: std::str::from_utf8(&line[end + 1..])
                .ok()?
                .split_ascii_whitespace(),
            next: 3,
        };
        let letter = *fields.find(3)?.as_bytes().first()?;
        let parent = fields.find(4)?.parse().ok()?;
        let flags: u32 = fields.find(9)?.parse().ok()?;
        let in_program: u64 = fields.find(14)?.parse().ok()?;
        let in_kernel: u64 = fields.find(15)?.parse().ok()?;
        let scheduled: i64 = fields.find(18)?.parse().ok()?;
        let nice = fields.find(19)?.parse().ok()?;
        let threads = fields.find(20)?.parse().ok()?;
        let started: u64 = fields.find(22)?.parse().ok()?;
        let pages: u64 = fields.find(24)?.parse().ok()?;
        Some(Status {
            name,
            state: state(letter, threads),
            parent,
            is_kernel: flags & KERNEL_THREAD != 0,
            processor_time: time(in_program.saturating_add(in_kernel)),
            priority: match scheduled {
                ..0 => Priority::RealTime,
                0.. => Priority::Nice(nice),
            },
            threads,
            started: time(started),
            memory: pages.saturating_mul(rustix::param::page_size() as u64),
        })
    }
}

/// Fields of the line, which are asked for in ascending order of their numbers in the manual.
struct Fields<'a> {
    rest: SplitAsciiWhitespace<'a>,
    next: usize,
}

impl<'a> Fields<'a> {
    fn find(&mut self, number: usize) -> Option<&'a str> {
        let skipped = number - self.next;
        self.next = number + 1;
        self.rest.nth(skipped)
    }
}

/// What a letter means.
fn state(letter: u8, threads: u32) -> State {
    match letter {
        // Its first thread has ended, and others go on; what they do is not told here.
        b'Z' | b'X' | b'x' if threads > 1 => State::Running,
        b'Z' | b'X' | b'x' => State::Ended,
        b'S' => State::Sleeping,
        b'D' => State::Blocked,
        b'T' | b't' => State::Stopped,
        b'I' => State::Idle,
        _ => State::Running,
    }
}

/// A number of clock ticks as a time.
fn time(ticks: u64) -> Duration {
    let per_second = rustix::param::clock_ticks_per_second().max(1);
    let nanoseconds = (ticks % per_second) * 1_000_000_000 / per_second;
    Duration::from_secs(ticks / per_second) + Duration::from_nanos(nanoseconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &[u8] =
        b"42 (a) (b c) S 7 42 42 0 -1 4194560 1 2 3 4 250 150 7 8 20 -5 3 0 12345 99 6 1844674 \n";

    #[test]
    fn status_is_found_behind_any_name() {
        let status = Status::parse(LINE).unwrap();
        assert_eq!(status.name, b"a) (b c");
        assert_eq!((status.parent, status.threads), (7, 3));
        assert_eq!(status.priority, Priority::Nice(-5));
        assert_eq!(status.state, State::Sleeping);
        assert_eq!(status.started, time(12_345));
        assert_eq!(status.processor_time, time(400));
        assert_eq!(status.memory, 6 * rustix::param::page_size() as u64);
        assert!(!status.is_kernel);
    }

    #[test]
    fn broken_status_is_none() {
        for len in 0..LINE.len() - 6 {
            if let Some(status) = Status::parse(&LINE[..len]) {
                assert_eq!(status.parent, 7, "cut off behind {len} bytes");
            }
        }
        assert!(Status::parse(b") (").is_none());
    }

    #[test]
    fn threads_of_the_kernel_are_known_by_their_flags() {
        let line = "2 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0 0 9 0 0 20 0 1 0 4 0 0 1 ";
        assert!(Status::parse(line.as_bytes()).unwrap().is_kernel);
    }

    /// P-99.
    #[test]
    fn ended_process_is_one_without_running_threads() {
        assert_eq!(state(b'Z', 1), State::Ended);
        assert_ne!(state(b'Z', 2), State::Ended);
        assert_eq!(state(b'T', 1), State::Stopped);
    }
}
