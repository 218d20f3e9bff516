//! What the system is asked once, because the answer stays: the names of users, and the command lines of processes.

use super::look::{shown, ProcessKey};
use crate::cmd::lp::Users;
use std::collections::{HashMap, HashSet};
use std::fs;
use tong::process::list::{self, Listed};

/// A command line is cut off behind so many bytes.
const COMMAND_MAX: usize = 500;

/// Answers that were given.
#[derive(Debug, Default)]
pub(super) struct Known {
    users: Users,
    /// With the program that had this command line: a process may become another program.
    commands: HashMap<ProcessKey, (String, String)>,
}

impl Known {
    /// The name of a user, or the number if it has none.
    pub(super) fn user(&self, uid: u32) -> String {
        shown(&self.users.name(uid))
    }

    /// The command line of a process: its program without directory, and its arguments.
    pub(super) fn command(&mut self, process: &Listed) -> String {
        let key = (process.pid, process.started);
        match self.commands.get(&key) {
            Some((program, command)) if *program == process.program => command.clone(),
            _ => {
                let command = command(process);
                let entry = (process.program.clone(), command.clone());
                self.commands.insert(key, entry);
                command
            }
        }
    }

    /// Forgets the processes that are no more.
    pub(super) fn keep(&mut self, processes: impl Iterator<Item = ProcessKey>) {
        let alive: HashSet<ProcessKey> = processes.collect();
        if alive.len() < self.commands.len() {
            self.commands.retain(|key, _| alive.contains(key));
        }
    }
}

fn command(process: &Listed) -> String {
    let mut line = fs::read(format!("/proc/{}/cmdline", process.pid)).unwrap_or_default();
    line.truncate(COMMAND_MAX);
    let mut command = shown(&process.program);
    let line = line.strip_suffix(b"\0").unwrap_or(&line);
    for argument in line.split(|byte| *byte == 0).skip(1) {
        command.push(' ');
        command.push_str(&shown(&String::from_utf8_lossy(argument)));
    }
    command
}

/// The program of a process of which nothing else matters.
pub(super) fn program(pid: u32) -> Option<String> {
    let found = list::find(pid).ok()??;
    Some(shown(&found.program))
}
