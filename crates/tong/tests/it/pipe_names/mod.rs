//! Pipes by name, with other processes: who has the name, who gets in, and what is left when a process is killed.
//!
//! The rules of sections 2 and 3 to 5 that one process can check stand beside `name/pipe.rs` and `object/pipe/registry.rs`.

mod death;
mod list;
mod player;
mod processes;
mod steps;

use std::path::Path;
use std::time::Duration;

pub(crate) use death::role_serve_named_pipe;
pub(crate) use player::role_name_player;
pub(crate) use steps::role_step_pipe;

/// Longer than any of these tests takes on the slowest machine.
const LIMIT: Duration = Duration::from_secs(240);

/// What is in the directory of the pipes, sorted.
fn files(root: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(root.join("pipe"))
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}
