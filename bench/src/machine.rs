//! Where and on what the figures were taken; without it they mean nothing.

use serde::Serialize;
use std::fs;
use std::process::Command;

/// The head of every report.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Machine {
    processor: String,
    /// Processors this run may use.
    cores: usize,
    kernel: String,
    /// The commit, with `+` if the tree has changes.
    commit: String,
    /// Load averages of the last 1, 5 and 15 minutes before the run.
    load: String,
    /// Seconds since 1970.
    taken_at: u64,
}

impl Machine {
    pub(crate) fn look() -> Machine {
        let kernel = rustix::system::uname();
        let now = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default();
        Machine {
            processor: processor(),
            cores: crate::process::processors().map_or(0, |cores| cores.len()),
            kernel: format!(
                "{} {}",
                kernel.sysname().to_string_lossy(),
                kernel.release().to_string_lossy()
            ),
            commit: commit(),
            load: load(),
            taken_at: now.as_secs(),
        }
    }

    /// The head as lines of text.
    pub(crate) fn lines(&self) -> [String; 2] {
        [
            format!("{}, {} cores, {}", self.processor, self.cores, self.kernel),
            format!("commit {}, load average {}", self.commit, self.load),
        ]
    }
}

impl Machine {
    /// Whether others kept a processor busy in the last minute: spinners then lose their turn in mid-message, and no
    /// figure for two processors can be trusted.
    pub(crate) fn is_busy(&self) -> bool {
        let last_minute: Option<f64> = self
            .load
            .split(' ')
            .next()
            .and_then(|load| load.parse().ok());
        last_minute.is_some_and(|load| load > 0.5)
    }
}

/// The model as the kernel names it; ARM machines have no such line.
fn processor() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| {
        line.strip_prefix("model name")?
            .trim_start()
            .strip_prefix(':')
    });
    model.map_or_else(
        || std::env::consts::ARCH.to_owned(),
        |model| model.trim().to_owned(),
    )
}

fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').take(3).collect::<Vec<_>>().join(" ")
}

fn commit() -> String {
    let Some(hash) = git(&["rev-parse", "--short", "HEAD"]) else {
        return "unknown".to_owned();
    };
    let changed = git(&["status", "--porcelain", "--untracked-files=no"])
        .is_some_and(|list| !list.is_empty());
    if changed {
        format!("{hash}+")
    } else {
        hash
    }
}

/// What git says here, or `None` where there is no git or no repository.
fn git(args: &[&str]) -> Option<String> {
    let output = Command::new("git").args(args).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
