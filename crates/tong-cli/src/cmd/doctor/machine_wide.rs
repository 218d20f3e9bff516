//! The machine-wide directory, for names that users share.

use super::directory::{look, Rule, Standing};
use super::files;
use super::finding::{quoted, Finding};
use nix::unistd::{faccessat, AccessFlags};
use std::path::Path;
use tong::namespace::Place;

const GROUP: &str = "machine-wide";
const CHECK: &str = "directory";
const INIT: &str = "sudo tong global init";

pub(super) fn check() -> Vec<Finding> {
    let root = Place::machine_wide();
    let shown = root.display();
    match look(&root, Rule::MachineWide) {
        Standing::Good => {}
        Standing::Absent => {
            let found = format!("{shown} is not there: names are not shared with other users");
            return vec![
                Finding::ok(GROUP, CHECK, found).advise(format!("{INIT}, if they are to be"))
            ];
        }
        bad => return bad.complaint(GROUP, CHECK).into_iter().collect(),
    }
    let problems: Vec<Finding> = Place::parts(&root)
        .iter()
        .filter_map(|part| problem(part))
        .collect();
    if !problems.is_empty() {
        return problems;
    }
    let passing = files::mount_of(&root).is_some_and(|mount| mount.fs_type == "tmpfs");
    let found = match passing {
        true => format!("{shown} is ready, until the machine is started anew"),
        false => format!("{shown} is ready"),
    };
    vec![Finding::ok(GROUP, CHECK, found)]
}

/// What is wrong with the directory of one kind of names.
fn problem(part: &Path) -> Option<Finding> {
    match look(part, Rule::MachineWide) {
        Standing::Absent => {
            let found = format!("{} is missing", part.display());
            Some(Finding::warning(GROUP, CHECK, found).advise(INIT))
        }
        Standing::Good => {
            let mode = AccessFlags::W_OK | AccessFlags::X_OK;
            let flags = nix::fcntl::AtFlags::AT_EACCESS;
            let error = faccessat(nix::fcntl::AT_FDCWD, part, mode, flags).err()?;
            let found = format!(
                "nothing can be made in {}: {}",
                part.display(),
                error.desc()
            );
            Some(
                Finding::error(GROUP, CHECK, found)
                    .advise(format!("sudo chmod 1777 {}", quoted(part))),
            )
        }
        bad => bad.complaint(GROUP, CHECK),
    }
}
