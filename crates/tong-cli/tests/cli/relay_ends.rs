//! The ends of `tong relay`: each kind, and what is said when one cannot be used.

use crate::place::{finish, start, Place};
use crate::relay::{at, await_file, start_relay};
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::process::{Command, Stdio};

#[test]
fn a_tcp_port_is_reached_and_served() {
    let place = Place::new();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let to = format!("tcp:{}", listener.local_addr().expect("an address"));
    // A port that was free a moment ago.
    let free = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = free.local_addr().expect("an address").port();
    drop(free);
    let relay = start_relay(&place, &[&format!("tcp-listen:{port}"), &to]);
    let mut client = loop {
        if let Ok(client) = TcpStream::connect(("127.0.0.1", port)) {
            break client;
        }
    };
    let (mut server, _) = listener.accept().expect("the relay connects");
    client.write_all(b"ping").expect("it reads");
    client
        .shutdown(std::net::Shutdown::Write)
        .expect("a half-close");
    let mut asked = String::new();
    server.read_to_string(&mut asked).expect("a question");
    server.write_all(b"pong").expect("it reads");
    drop(server);
    let mut answer = String::new();
    client.read_to_string(&mut answer).expect("an answer");
    assert_eq!((&*asked, &*answer), ("ping", "pong"));
    drop(client);
    finish(relay).expect_code(0);
}

#[test]
fn fifos_are_read_and_written() {
    let place = Place::new();
    for name in ["in", "out"] {
        let path = place.dir.path().join(name);
        let made = Command::new("mkfifo").arg(path).status();
        assert!(made.expect("mkfifo").success());
    }
    let (from, to) = (at(&place, "fifo", "in"), at(&place, "fifo", "out"));
    let relay = start_relay(&place, &[&from, &to]);
    fs::write(place.dir.path().join("in"), "through two FIFOs").expect("a reader");
    let text = fs::read_to_string(place.dir.path().join("out")).expect("a writer");
    assert_eq!(text, "through two FIFOs");
    finish(relay).expect_code(0);
}

#[test]
fn a_program_may_be_the_near_end() {
    let place = Place::new();
    let ran = place.run(&["relay", "exec:printf 'a b\\n'", "exec:sh -c 'cat >&2'"]);
    assert_eq!(ran.err, "a b\n");
    ran.code.filter(|code| *code == 0).expect("success");
}

/// A program whose reader has gone still does all of its work.
#[test]
fn a_program_is_not_cut_off_in_the_middle_of_its_work() {
    let place = Place::new();
    let done = place.dir.path().join("done");
    let exec = format!(
        "exec:sh -c 'while read line; do echo $line; sleep 0.1; done; echo done > {}'",
        done.display()
    );
    let relay = start_relay(&place, &[&at(&place, "unix-listen", "s"), &exec]);
    await_file(&place, "s");
    let mut client =
        std::os::unix::net::UnixStream::connect(place.dir.path().join("s")).expect("a server");
    client.write_all(b"1\n2\n3\n4\n").expect("it reads");
    drop(client);
    finish(relay);
    assert_eq!(fs::read_to_string(done).expect("a file"), "done\n");
}

#[test]
fn the_abstract_namespace_of_unix_sockets_is_reached() {
    let place = Place::new();
    let name = format!("@tong-test-{}", std::process::id());
    let server = start_relay(&place, &[&format!("unix-listen:{name}"), "exec:cat"]);
    let args = ["relay", "stdio", &format!("unix:{name}"), "--wait", "30s"];
    let ran = place.run_with_input(&args, b"hello").expect_code(0);
    assert_eq!(ran.text(), "hello");
    finish(server).expect_code(0);
}

#[test]
fn a_listening_unix_socket_is_for_its_user_only_and_replaces_a_dead_one() {
    let place = Place::new();
    let path = place.dir.path().join("s");
    let listen = at(&place, "unix-listen", "s");
    let first = start_relay(&place, &[&listen, "exec:cat"]);
    await_file(&place, "s");
    let mode = fs::metadata(&path).expect("a socket").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let ran = place.run(&["relay", &listen, "exec:cat"]).expect_code(4);
    assert!(ran.err.contains("taken"), "{ran:?}");
    crate::place::signal(&first, "KILL");
    finish(first);
    assert!(fs::symlink_metadata(&path)
        .expect("left")
        .file_type()
        .is_socket());
    let second = start_relay(&place, &[&listen, "exec:cat"]);
    let mut client = loop {
        if let Ok(client) = std::os::unix::net::UnixStream::connect(&path) {
            break client;
        }
    };
    client.write_all(b"x").expect("it reads");
    assert_eq!(client.read(&mut [0; 8]).expect("an echo"), 1);
    drop(client);
    finish(second).expect_code(0);
    fs::write(&path, "mine").expect("a file");
    place.run(&["relay", &listen, "exec:cat"]).expect_code(4);
    assert_eq!(fs::read_to_string(&path).expect("untouched"), "mine");
}

#[test]
fn what_is_not_there_gives_exit_code_3_and_a_hint() {
    let place = Place::new();
    let (unix, fifo) = (at(&place, "unix", "none"), at(&place, "fifo", "none"));
    for (end, hint) in [
        (&*unix, "--wait"),
        (&fifo, "mkfifo"),
        ("pipe:none", r"\\.\pipe\none"),
        ("tcp:127.0.0.1:1", "nobody listens"),
    ] {
        let ran = place.run(&["relay", "stdio", end]).expect_code(3);
        assert!(ran.err.contains(hint), "{ran:?}");
    }
    place
        .run(&["relay", "stdio", "mailslot:none"])
        .expect_code(3);
    place
        .run(&["relay", "stdio", &unix, "--wait", "50"])
        .expect_code(3);
    let ran = place
        .run(&["relay", "stdio", "exec:no-such-program"])
        .expect_code(127);
    assert!(ran.err.contains("PATH"), "{ran:?}");
    place
        .run(&["relay", "stdio", "exec:/dev/null"])
        .expect_code(126);
}

#[test]
fn command_lines_that_make_no_sense_give_exit_code_2() {
    let place = Place::new();
    for args in [
        &["relay"][..],
        &["relay", "stdio"],
        &["relay", "stdio", "stdio"],
        &["relay", "stdio", "door:x"],
        &["relay", "stdio", "tcp:nowhere"],
        &["relay", "--many", "stdio", "pipe:x"],
        &["relay", "--many", "pipe-listen:x", "stdio"],
        &["relay", "stdio", "pipe:"],
        &["relay", "stdio", "exec:'x"],
    ] {
        let ran = place.run(args);
        assert_eq!(ran.code, Some(2), "{ran:?}");
    }
}

#[test]
fn a_client_that_cannot_be_served_does_not_end_the_others() {
    let place = Place::new();
    let many = start_relay(
        &place,
        &[
            "--many",
            &at(&place, "unix-listen", "s"),
            &at(&place, "unix", "later"),
        ],
    );
    await_file(&place, "s");
    let ask = || {
        let args = ["relay", "stdio", &at(&place, "unix", "s")];
        place.run_with_input(&args, b"hello")
    };
    assert_eq!(ask().out, b"");
    let later = start_relay(&place, &[&at(&place, "unix-listen", "later"), "exec:cat"]);
    await_file(&place, "later");
    assert_eq!(ask().expect_code(0).text(), "hello");
    finish(later).expect_code(0);
    crate::place::signal(&many, "INT");
    let ran = finish(many);
    assert!(
        ran.err.contains("lost") && ran.err.contains("later"),
        "{ran:?}"
    );
}

/// A reader of our output that goes away ends the relay quietly.
#[test]
fn an_output_that_nobody_reads_is_no_error() {
    let place = Place::new();
    let mut running = start(
        place
            .tong(&["relay", "exec:yes", "stdio"])
            .stdin(Stdio::null()),
    );
    drop(running.child.stdout.take());
    let ran = finish(running);
    assert_eq!((ran.code, &*ran.err), (Some(0), ""));
}
