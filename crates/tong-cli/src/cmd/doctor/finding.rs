//! What a check found.

use serde::{Deserialize, Serialize};
use std::path::Path;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Level {
    Ok,
    /// Something will be slow, will not work between some processes, or may break later.
    Warning,
    /// Something does not work.
    Error,
}

impl Level {
    pub(super) fn word(self) -> &'static str {
        match self {
            Level::Ok => "ok",
            Level::Warning => "warning",
            Level::Error => "error",
        }
    }
}

/// One finding, as `--json` prints it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Finding {
    pub(super) group: String,
    /// What was looked at.
    pub(super) check: String,
    pub(super) level: Level,
    /// What it is like.
    pub(super) found: String,
    /// What to do about it.
    pub(super) advice: Option<String>,
}

impl Finding {
    pub(super) fn ok(group: &str, check: &str, found: impl Into<String>) -> Finding {
        Finding {
            group: group.to_owned(),
            check: check.to_owned(),
            level: Level::Ok,
            found: found.into(),
            advice: None,
        }
    }

    pub(super) fn warning(group: &str, check: &str, found: impl Into<String>) -> Finding {
        Finding {
            level: Level::Warning,
            ..Finding::ok(group, check, found)
        }
    }

    pub(super) fn error(group: &str, check: &str, found: impl Into<String>) -> Finding {
        Finding {
            level: Level::Error,
            ..Finding::ok(group, check, found)
        }
    }

    pub(super) fn advise(self, advice: impl Into<String>) -> Finding {
        Finding {
            advice: Some(advice.into()),
            ..self
        }
    }
}

/// A path as it is written in a shell's command line.
pub(super) fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+:@%".contains(&byte);
    match text.bytes().all(plain) && !text.is_empty() {
        true => text,
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_can_be_pasted_into_a_shell() {
        assert_eq!(quoted(Path::new("/run/tong-0")), "/run/tong-0");
        assert_eq!(quoted(Path::new("/a b/$c")), "'/a b/$c'");
        assert_eq!(quoted(Path::new("/it's")), r"'/it'\''s'");
    }

    #[test]
    fn errors_are_worse_than_warnings() {
        assert!(Level::Ok < Level::Warning && Level::Warning < Level::Error);
    }
}
