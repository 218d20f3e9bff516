//! How things look and work at a terminal, which the program `script` stands in for.

use crate::place::{first_line, start, Place, Running, PATIENCE};
use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::time::Instant;

/// Starts a command line of ours at a terminal of its own.
fn at_terminal(place: &Place, line: &str) -> Running {
    let program = env!("CARGO_BIN_EXE_tong");
    let mut command = Command::new("script");
    command
        .args(["-qefc", &format!("exec {program} {line}"), "/dev/null"])
        .env("TONG_DIR", place.dir.path().join("names"))
        .env("HOME", place.dir.path())
        .env_remove("XDG_STATE_HOME")
        .env("TERM", "xterm-256color")
        .env_remove("NO_COLOR")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    start(&mut command)
}

/// Types at the terminal.
fn type_in(running: &mut Running, keys: &[u8]) {
    let stdin = running.child.stdin.as_mut().expect("a pipe");
    stdin.write_all(keys).expect("it reads");
}

/// Waits until the terminal shows this.
fn await_text(running: &mut Running, text: &str) {
    let stdout = running.child.stdout.as_mut().expect("a pipe");
    let (mut shown, mut byte) = (Vec::new(), [0]);
    while !shown.ends_with(text.as_bytes()) {
        let count = stdout.read(&mut byte).expect("its output");
        assert!(count == 1, "{:?}", String::from_utf8_lossy(&shown));
        shown.push(byte[0]);
    }
}

/// What the terminal shows until the command has ended, and how it ended.
fn rest(mut running: Running) -> (String, Option<i32>) {
    let begun = Instant::now();
    let mut shown = Vec::new();
    let stdout = running.child.stdout.as_mut().expect("a pipe");
    stdout.read_to_end(&mut shown).expect("its output");
    assert!(begun.elapsed() < PATIENCE, "it ends");
    let code = running.child.wait().expect("it ends").code();
    (String::from_utf8_lossy(&shown).into_owned(), code)
}

#[test]
fn the_head_of_a_list_is_bold_and_an_empty_list_is_explained() {
    let place = Place::new();
    let (shown, code) = rest(at_terminal(&place, "ls"));
    assert!(
        shown.contains("no objects in") && code == Some(0),
        "{shown:?}"
    );
    let _keeper = place.keep("event", "ready", &[]);
    let (shown, _) = rest(at_terminal(&place, "ls"));
    assert!(
        shown.contains("\x1b[1mKIND") && shown.contains("ready"),
        "{shown:?}"
    );
}

/// The terminal sends the interrupt to both; the program ends by it, and we tell so.
#[test]
fn ctrl_c_goes_to_the_program_that_runs() {
    let place = Place::new();
    let mut running = at_terminal(&place, "run cat");
    type_in(&mut running, b"up\n");
    // The terminal's echo, and then the program's own line: it runs.
    for _ in 0..2 {
        assert!(first_line(&mut running).contains("up"));
    }
    type_in(&mut running, b"\x03");
    let (shown, code) = rest(running);
    assert!(shown.contains("0xc000013a, ended by Ctrl-C"), "{shown:?}");
    assert_eq!(code, Some(0x3a), "{shown:?}");
}

/// Ctrl-C releases a held mutex rather than abandoning it, and ends the command as Ctrl-C does.
#[test]
fn ctrl_c_releases_a_held_mutex() {
    let place = Place::new();
    let _keeper = place.keep("mutex", "build", &[]);
    let mut running = at_terminal(&place, "mutex hold build");
    assert!(first_line(&mut running).contains("holding mutex build"));
    type_in(&mut running, b"\x03");
    let (_, code) = rest(running);
    assert_eq!(code, Some(130));
    let info = place.info("mutex", "build");
    assert_eq!(
        (&info["signaled"], &info["abandoned"]),
        (&true.into(), &false.into())
    );
}

/// A person types lines, and sees the answers and who is there.
#[test]
fn a_pipe_is_talked_to_at_a_terminal() {
    let place = Place::new();
    let server = crate::pipe::serve(&place, &["--echo", "--message"]);
    let mut running = at_terminal(&place, "pipe connect x");
    assert!(first_line(&mut running).contains(r"connected to pipe:\\.\pipe\x"));
    type_in(&mut running, b"hello\n");
    for _ in 0..2 {
        assert!(first_line(&mut running).contains("hello"));
    }
    type_in(&mut running, b"\x04");
    let (_, code) = rest(running);
    assert_eq!(code, Some(0));
    drop(server);
}

#[test]
fn a_server_at_a_terminal_says_who_comes_and_goes() {
    let place = Place::new();
    let mut running = at_terminal(&place, "pipe serve x --echo --count 1");
    assert!(first_line(&mut running).contains("Ctrl-C ends"));
    let ran = place.run_with_input(&["pipe", "connect", "x", "--linger", "3s"], b"hello");
    ran.expect_code(0);
    let (shown, code) = rest(running);
    assert!(
        shown.contains("client 1 came: process")
            && shown.contains("client 1 left: 5 bytes came, 5 went"),
        "{shown:?}"
    );
    assert_eq!(code, Some(0));
}

#[test]
fn a_relay_at_a_terminal_shows_its_rate_unless_it_is_quiet() {
    let place = Place::new();
    let ends = "exec:yes \"exec:sh -c 'head -c 300000000 >/dev/null; sleep 1.2'\"";
    for (flag, is_shown) in [("", true), ("--quiet", false)] {
        let (shown, code) = rest(at_terminal(&place, &format!("relay {ends} {flag}")));
        let has_rate = shown.contains("iB/s (") && shown.contains("1 open, 1 in all");
        assert_eq!(has_rate, is_shown, "{flag} {shown:?}");
        // The far program does not read to the end of what never ends.
        assert_eq!(code, Some(9), "{shown:?}");
    }
}

/// The editor asks where the cursor is; `script` does not know.
#[test]
fn a_prompt_at_a_terminal_that_does_not_answer_takes_plain_lines() {
    let place = Place::new();
    let mut running = at_terminal(&place, "prompt");
    await_text(&mut running, "lines are plain from here on");
    type_in(&mut running, b"echo 'still\nalive'\nexit 7\n");
    let (shown, code) = rest(running);
    assert!(shown.contains("> still\r\nalive\r\n"), "{shown:?}");
    assert_eq!(code, Some(7));
}
