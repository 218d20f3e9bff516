//! A prompt whose terminal goes away.

use crate::place::{Place, PATIENCE};
use nix::fcntl::OFlag;
use nix::pty::{grantpt, posix_openpt, ptsname_r, unlockpt};
use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// Who ignores SIGHUP, or is the first process of a container, is not ended by the kernel then.
#[test]
fn a_prompt_that_ignores_the_hangup_ends_with_its_terminal_all_the_same() {
    let place = Place::new();
    let (mut terminal, slave) = pseudo_terminal();
    let end = || Stdio::from(slave.try_clone().expect("a copy"));
    let mut command = place.tong_by(&["env", "--ignore-signal=HUP"], &["prompt"]);
    command.env("HOME", place.dir.path()).env("TERM", "xterm");
    let mut prompt = command
        .stdin(end())
        .stdout(end())
        .stderr(end())
        .spawn()
        .expect("env");
    drop(command);
    drop(slave);

    // What the prompt itself shows, not the terminal's echo.
    let mut shown = Vec::new();
    while !shown.windows(4).any(|part| part == b"tong") {
        let mut byte = [0];
        terminal.read_exact(&mut byte).expect("the prompt is there");
        shown.extend(byte);
    }
    drop(terminal);

    let begun = Instant::now();
    let status = loop {
        if let Some(status) = prompt.try_wait().expect("a child") {
            break status;
        }
        assert!(begun.elapsed() < PATIENCE, "it ends with its terminal");
        std::thread::sleep(Duration::from_millis(10));
    };
    assert!(!status.success(), "{status}");
}

/// Both ends of a terminal. What other tests start at this moment gets neither, or the terminal would outlive its end.
fn pseudo_terminal() -> (File, File) {
    let flags = OFlag::O_RDWR | OFlag::O_NOCTTY;
    let master = posix_openpt(flags | OFlag::O_CLOEXEC).expect("a pseudo terminal");
    grantpt(&master).expect("it is ours");
    unlockpt(&master).expect("it is ours");
    let slave = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(OFlag::O_NOCTTY.bits())
        .open(ptsname_r(&master).expect("it has a name"))
        .expect("its other end");
    (File::from(OwnedFd::from(master)), slave)
}
