//! Processes, with real ones: this test binary in a role, and ordinary programs.

mod codes;
mod control;
mod open;
mod start;

pub(crate) use codes::role_exit;
pub(crate) use control::role_pause;
pub(crate) use open::{role_hold_child, role_leave_child, role_watch};
pub(crate) use start::{role_have_handles, role_show_start, role_start_many, role_use_handles};

use std::fs::File;
use std::io::{Read, Seek};
use std::os::fd::OwnedFd;
use std::time::Duration;

use tong::{Process, ProcessOptions, Stream};

use crate::support::namespace;

/// Far more than any process here takes.
const LONG: Option<Duration> = Some(Duration::from_secs(60));

/// This binary as a process of tong's own, in a role.
pub(crate) fn actor(role: &str, args: &[&str]) -> ProcessOptions {
    let options = ProcessOptions::new(std::env::current_exe().unwrap()).args([
        "--exact",
        "support::actor",
        "--nocapture",
        "--test-threads=1",
    ]);
    // The harness talks, too.
    with_role(options.stdout(Stream::Null), role, args)
}

fn with_role(options: ProcessOptions, role: &str, args: &[&str]) -> ProcessOptions {
    options
        .env("TONG_DIR", namespace())
        .env("TONG_TEST_ROLE", role)
        .env("TONG_TEST_ARGS", args.join("\u{1f}"))
}

/// An ordinary program.
fn shell(script: &str) -> ProcessOptions {
    ProcessOptions::new("sh").args(["-c", script])
}

/// Waits for the end, and returns the exit code.
#[track_caller]
fn code_of(process: &Process) -> u32 {
    process.wait(LONG).unwrap();
    process.exit_code().unwrap().expect("it has ended")
}

/// Runs a program, and returns what it wrote.
#[track_caller]
fn output_of(options: ProcessOptions) -> String {
    let mut file = tempfile::tempfile().unwrap();
    let process = options.stdout(file.try_clone().unwrap()).spawn().unwrap();
    assert_eq!(code_of(&process), 0);
    read(&mut file)
}

fn read(file: &mut File) -> String {
    file.rewind().unwrap();
    let mut text = String::new();
    file.read_to_string(&mut text).unwrap();
    text
}

/// Runs an actor, and returns the lines that it said.
#[track_caller]
fn said_by(options: ProcessOptions) -> Vec<String> {
    let output = output_of(options);
    let said = output.lines().filter_map(|line| line.split_once("@@ "));
    said.map(|(_, said)| said.to_owned()).collect()
}

fn pipe() -> (File, OwnedFd) {
    let (reader, writer) = nix::unistd::pipe().unwrap();
    (reader.into(), writer)
}

/// What the system says of the process with this id: `R`, `S`, `T`, `Z`; `None` if there is none.
fn state(pid: u32) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}
