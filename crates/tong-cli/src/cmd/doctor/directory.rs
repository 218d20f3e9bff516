//! A directory that should be of a certain owner and mode: what stands there, judged as the library judges it.

use super::finding::{quoted, Finding};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Who owns it and may use it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    /// The caller owns it and nobody else has any access.
    Private,
    /// The administrator (or the caller) owns it, and nobody can remove what is not theirs.
    MachineWide,
}

/// What stands there.
#[derive(Debug)]
pub(super) enum Standing {
    Absent,
    Good,
    /// Why it cannot be used, and what to do.
    Bad(String, String),
}

impl Standing {
    /// The finding about something bad.
    pub(super) fn complaint(self, group: &str, check: &str) -> Option<Finding> {
        match self {
            Standing::Bad(found, advice) => {
                Some(Finding::error(group, check, found).advise(advice))
            }
            Standing::Absent | Standing::Good => None,
        }
    }
}

pub(super) fn look(path: &Path, rule: Rule) -> Standing {
    let meta = match path.symlink_metadata() {
        Ok(meta) => meta,
        Err(error) if error.kind() == ErrorKind::NotFound => return Standing::Absent,
        Err(error) => {
            let found = format!("{} cannot be looked at: {error}", path.display());
            return Standing::Bad(found, elsewhere(rule));
        }
    };
    let shown = path.display();
    if !meta.is_dir() {
        let what = match meta.is_symlink() {
            true => "a link, which is not followed",
            false => "not a directory",
        };
        let away = format!("move it away: mv {0} {0}.old", quoted(path));
        return Standing::Bad(format!("{shown} is {what}"), away);
    }
    let me = nix::unistd::geteuid().as_raw();
    let is_owned = meta.uid() == me || (rule == Rule::MachineWide && meta.uid() == 0);
    if !is_owned {
        let (owner, found) = match rule {
            Rule::Private => (
                me,
                format!("{shown} belongs to user {}, not to {me}", meta.uid()),
            ),
            Rule::MachineWide => (
                0,
                format!(
                    "{shown} belongs to user {}, not to the administrator",
                    meta.uid()
                ),
            ),
        };
        let sudo = if me == 0 { "" } else { "sudo " };
        let advice = format!(
            "{}; or {sudo}chown {owner} {}",
            elsewhere(rule),
            quoted(path)
        );
        return Standing::Bad(found, advice);
    }
    judge_mode(path, meta.mode() & 0o7777, rule)
}

fn judge_mode(path: &Path, mode: u32, rule: Rule) -> Standing {
    let (is_good, problem, right) = match rule {
        Rule::Private => (mode & 0o777 == 0o700, "it must be closed to others", "700"),
        Rule::MachineWide => (
            mode & 0o022 == 0 || mode & 0o1000 != 0,
            "others could remove what is not theirs",
            "1777",
        ),
    };
    if is_good {
        return Standing::Good;
    }
    let sudo = match rule {
        Rule::MachineWide if !nix::unistd::geteuid().is_root() => "sudo ",
        _ => "",
    };
    Standing::Bad(
        format!("{} has mode {mode:04o}: {problem}", path.display()),
        format!("{sudo}chmod {right} {}", quoted(path)),
    )
}

fn elsewhere(rule: Rule) -> String {
    match rule {
        Rule::Private => "set TONG_DIR to a directory of your own".to_owned(),
        Rule::MachineWide => {
            "set TONG_GLOBAL_DIR to a directory that the administrator made".to_owned()
        }
    }
}
