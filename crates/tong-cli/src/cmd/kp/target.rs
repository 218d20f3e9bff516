//! Which processes are meant.

use crate::exit::{Code, Failure};
use std::time::Duration;

/// Start times are told in hundredths of a second.
const PRECISION: Duration = Duration::from_millis(5);

/// What a word of the command line means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// The process with this id, if it started then.
    Process { pid: u32, started: Option<Duration> },
    /// All that run a program of this name.
    Name(String),
}

impl Target {
    /// Reads the word. What can be no process is refused before anything is done.
    pub(super) fn parse(text: &str) -> Result<Target, Failure> {
        let (id, started) = match text.split_once('@') {
            Some((id, started)) => (id, Some(started)),
            None => (text, None),
        };
        let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if text.is_empty() {
            return Err(wrong("an empty word names no process".to_owned()));
        }
        if id.is_empty() || !is_number(id) {
            return Ok(Target::Name(text.to_owned()));
        }
        let Some(pid) = id.parse().ok().filter(|pid| *pid > 0) else {
            return Err(wrong(format!("{id} is no process id")));
        };
        let started = started.map(|text| {
            let seconds = text.parse().ok();
            let time = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
            time.ok_or_else(|| wrong(format!("{text} is no time in seconds, such as 5678.90")))
        });
        let started = started.transpose()?;
        Ok(Target::Process { pid, started })
    }
}

fn wrong(text: String) -> Failure {
    Failure::Own(Code::Usage, text)
}

/// Is it the same moment, as far as such times are told?
pub(super) fn is_same(one: Duration, other: Duration) -> bool {
    one.abs_diff(other) < PRECISION
}

/// Does a program have this name? As on Windows, case does not matter, and `.exe` may be left out or added.
pub(super) fn is_called(program: &str, name: &str) -> bool {
    let bare = |text: &str| {
        let lower = text.to_lowercase();
        lower
            .strip_suffix(".exe")
            .map_or(lower.clone(), str::to_owned)
    };
    bare(program) == bare(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// P-106: a zero pid is refused before any call.
    #[test]
    fn words_are_ids_or_names() {
        let process = |pid, started| Target::Process { pid, started };
        let name = |text: &str| Target::Name(text.to_owned());
        for (text, expected) in [
            ("1234", Some(process(1234, None))),
            (
                "12@5.5",
                Some(process(12, Some(Duration::from_millis(5_500)))),
            ),
            ("sleep", Some(name("sleep"))),
            ("7z", Some(name("7z"))),
            ("a@b", Some(name("a@b"))),
            ("@5", Some(name("@5"))),
            ("0", None),
            ("4294967296", None),
            ("12@", None),
            ("12@-1", None),
            ("12@nan", None),
            ("", None),
        ] {
            assert_eq!(Target::parse(text).ok(), expected, "{text}");
        }
    }

    #[test]
    fn names_are_compared_as_windows_does() {
        assert!(is_called("sleep", "Sleep") && is_called("adder.exe", "ADDER"));
        assert!(is_called("adder", "adder.exe"));
        assert!(!is_called("sleeper", "sleep") && !is_called("sleep", "leep"));
    }
}
