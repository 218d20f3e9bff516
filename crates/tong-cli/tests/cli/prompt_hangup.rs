//! A prompt whose terminal goes away.

use crate::place::{Place, PATIENCE};
use nix::pty::openpty;
use std::fs::File;
use std::io::{Read, Write};
use std::process::Stdio;
use std::time::{Duration, Instant};

/// Who ignores SIGHUP, or is the first process of a container, is not ended by the kernel then.
#[test]
fn a_prompt_that_ignores_the_hangup_ends_with_its_terminal_all_the_same() {
    let place = Place::new();
    let pty = openpty(None, None).expect("a pseudo terminal");
    let end = || Stdio::from(pty.slave.try_clone().expect("a copy"));
    let mut command = place.tong_by(&["env", "--ignore-signal=HUP"], &["prompt"]);
    command.env("HOME", place.dir.path()).env("TERM", "xterm");
    let mut prompt = command
        .stdin(end())
        .stdout(end())
        .stderr(end())
        .spawn()
        .expect("env");
    drop(command);
    drop(pty.slave);

    let mut terminal = File::from(pty.master);
    terminal.write_all(b"pwd\r").expect("it is there");
    let mut first = [0; 1];
    terminal
        .read_exact(&mut first)
        .expect("the prompt shows something");
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
