//! Who removes files of a namespace that are in use.

use super::files;
use super::finding::Finding;
use std::path::{Path, PathBuf};
use tong::namespace::{Chosen, Place};

const GROUP: &str = "namespace";

/// Warns of cleaners that do not know that files are in use.
pub(super) fn check(place: &Place) -> Option<Finding> {
    const CHECK: &str = "cleaners";
    let root = &place.root;
    if root.starts_with("/tmp") || root.starts_with("/var/tmp") {
        let found = "services with PrivateTmp= see another /tmp, and what is old there is removed";
        return Some(
            Finding::warning(GROUP, CHECK, found)
                .advise("set TONG_DIR to a directory outside of /tmp, such as one in /run"),
        );
    }
    if place.chosen == Chosen::RunTime {
        let found = "the directory is removed when you log out for the last time; processes that go on publish their names again";
        return Some(
            Finding::ok(GROUP, CHECK, found)
                .advise("loginctl enable-linger, if programs are to go on after that"),
        );
    }
    let has_systemd = Path::new("/run/systemd/system").exists();
    if root.starts_with("/dev/shm")
        && has_systemd
        && !nix::unistd::geteuid().is_root()
        && removes_ipc()
    {
        let found =
            "systemd empties /dev/shm of your files when you log out for the last time (RemoveIPC)";
        return Some(Finding::warning(GROUP, CHECK, found).advise(
            "set TONG_DIR to a directory elsewhere; or RemoveIPC=no in /etc/systemd/logind.conf",
        ));
    }
    None
}

/// Whether logind is left at removing what a user has in shared memory.
fn removes_ipc() -> bool {
    const MAIN: &str = "/etc/systemd/logind.conf";
    let mut settings = files::text(MAIN).unwrap_or_default();
    for place in ["/usr/lib", "/run", "/etc"] {
        let dir = format!("{place}/systemd/logind.conf.d");
        let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
        let mut more: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
        more.sort();
        for text in more.iter().filter_map(files::text) {
            settings.push('\n');
            settings.push_str(&text);
        }
    }
    // The last one counts.
    let mut settings = settings.lines().rev();
    let set = settings.find_map(|line| line.trim().strip_prefix("RemoveIPC="));
    !set.is_some_and(|value| ["no", "false", "off", "0"].contains(&value.trim()))
}
