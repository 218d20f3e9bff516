//! A prompt whose terminal goes away.

use crate::place::{Place, PATIENCE};
use nix::fcntl::OFlag;
use nix::pty::{grantpt, posix_openpt, ptsname_r, unlockpt};
use nix::sys::signal::{kill, Signal};
use nix::sys::termios::tcgetattr;
use nix::unistd::Pid;
use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// A prompt at this terminal, which it has begun to use; the first words of `by` start it.
fn start_at((terminal, slave): (&mut File, &File), place: &Place, by: &[&str]) -> Child {
    let end = || Stdio::from(slave.try_clone().expect("a copy"));
    let mut command = place.tong_by(by, &["prompt"]);
    command
        .env("HOME", place.dir.path())
        .env("TERM", "xterm")
        .stdin(end())
        .stdout(end())
        .stderr(end());
    let prompt = command.spawn().expect("env");
    // What the prompt itself shows, not the terminal's echo.
    let mut shown = Vec::new();
    while !shown.windows(4).any(|part| part == b"tong") {
        let mut byte = [0];
        terminal.read_exact(&mut byte).expect("the prompt is there");
        shown.extend(byte);
    }
    prompt
}

fn wait_for_end(mut prompt: Child) -> ExitStatus {
    let begun = Instant::now();
    loop {
        if let Some(status) = prompt.try_wait().expect("a child") {
            return status;
        }
        assert!(begun.elapsed() < PATIENCE, "it ends");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Who ignores SIGHUP, or is the first process of a container, is not ended by the kernel then.
#[test]
fn a_prompt_that_ignores_the_hangup_ends_with_its_terminal_all_the_same() {
    let place = Place::new();
    let (mut terminal, slave) = pseudo_terminal();
    let prompt = start_at(
        (&mut terminal, &slave),
        &place,
        &["env", "--ignore-signal=HUP"],
    );
    drop(slave);
    drop(terminal);
    let status = wait_for_end(prompt);
    assert!(!status.success(), "{status}");
}

/// While a line is edited the terminal does not show what is typed by itself.
#[test]
fn a_prompt_that_is_asked_to_end_leaves_the_terminal_as_it_was() {
    let place = Place::new();
    let (mut terminal, slave) = pseudo_terminal();
    let before = tcgetattr(&slave).expect("a terminal").local_flags;
    let prompt = start_at((&mut terminal, &slave), &place, &["env"]);
    let begun = Instant::now();
    while tcgetattr(&slave).expect("a terminal").local_flags == before {
        assert!(begun.elapsed() < PATIENCE, "it edits");
        std::thread::sleep(Duration::from_millis(10));
    }
    let pid = Pid::from_raw(prompt.id().try_into().expect("an id"));
    kill(pid, Signal::SIGTERM).expect("it is there");
    // It waits until the terminal has taken what it writes.
    let mut rest = terminal.try_clone().expect("a copy");
    std::thread::spawn(move || std::io::copy(&mut rest, &mut std::io::sink()));
    let status = wait_for_end(prompt);
    assert_eq!(status.signal(), Some(Signal::SIGTERM as i32));
    assert_eq!(tcgetattr(&slave).expect("a terminal").local_flags, before);
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
