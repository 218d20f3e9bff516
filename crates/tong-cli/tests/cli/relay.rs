//! `tong relay`: whole streams and messages through chains of it, ends of data, many clients, signals and deaths.

use crate::place::{eventually, finish, first_line, signal, start, Place, Ran, Running, PATIENCE};
use serde_json::json;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::{Command, Stdio};
use std::thread;

/// Starts a relay that can be interrupted: a test runner in the background may have SIGINT ignored.
pub(crate) fn start_relay(place: &Place, args: &[&str]) -> Running {
    let by = ["env", "--default-signal=INT"];
    start(&mut place.tong_by(&by, &[&["relay"], args].concat()))
}

/// A path of this test's own, as an argument.
pub(crate) fn at(place: &Place, kind: &str, file: &str) -> String {
    format!("{kind}:{}", place.dir.path().join(file).display())
}

/// Waits until a file is there.
pub(crate) fn await_file(place: &Place, file: &str) {
    let path = place.dir.path().join(file);
    eventually("the file is there", || path.exists());
}

fn sum_of(data: &[u8]) -> String {
    let mut child = Command::new("sha256sum")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("sha256sum");
    child
        .stdin
        .take()
        .expect("a pipe")
        .write_all(data)
        .expect("it reads");
    let out = child.wait_with_output().expect("it ends").stdout;
    String::from_utf8(out).expect("text")
}

/// Bytes that look different everywhere.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let words = std::iter::repeat_with(next).take(len.div_ceil(8));
    let mut bytes: Vec<u8> = words.flat_map(u64::to_le_bytes).collect();
    bytes.truncate(len);
    bytes
}

/// Runs a relay with this on its standard input, which may be larger than what fits between the processes.
fn feed(place: &Place, args: &[&str], input: Vec<u8>) -> Ran {
    let mut running = start(
        place
            .tong(&[&["relay"], args].concat())
            .stdin(Stdio::piped()),
    );
    let mut stdin = running.child.stdin.take().expect("a pipe");
    let feeder = thread::spawn(move || stdin.write_all(&input));
    let ran = finish(running);
    feeder.join().expect("no panic").expect("all is read");
    ran
}

#[test]
fn a_hundred_mebibytes_go_through_sockets_and_the_end_of_them_brings_the_answer_back() {
    let place = Place::new();
    let (one, two) = (
        at(&place, "unix-listen", "one"),
        at(&place, "unix-listen", "two"),
    );
    let summer = start_relay(&place, &[&two, "exec:sha256sum"]);
    await_file(&place, "two");
    let middle = start_relay(&place, &[&one, &at(&place, "unix", "two"), "--json"]);
    await_file(&place, "one");
    let data = noise(100 << 20);
    let expected = sum_of(&data);
    let ran = feed(&place, &["stdio", &at(&place, "unix", "one")], data).expect_code(0);
    assert_eq!(ran.text(), expected);
    let summary = finish(middle).expect_code(0).json().remove(0);
    assert_eq!(summary["a_to_b"]["bytes"], json!(100 << 20));
    assert_eq!(summary["b_to_a"]["bytes"], json!(expected.len()));
    assert_eq!(summary["connections"], json!(1));
    finish(summer).expect_code(0);
    assert!(
        !place.dir.path().join("one").exists(),
        "its socket is removed"
    );
}

/// P10.1: what the client wrote is all read, although it leaves right after.
#[test]
fn a_hundred_mebibytes_go_through_byte_and_message_pipes() {
    for kind in ["--byte", "--message"] {
        let place = Place::new();
        let exec = format!(
            "exec:sh -c 'sha256sum > {}/sum'",
            place.dir.path().display()
        );
        let server = start_relay(&place, &["pipe-listen:x", &exec, kind]);
        let data = noise(100 << 20);
        let expected = sum_of(&data);
        let ran = feed(
            &place,
            &["stdio", "pipe:x", "--wait", "30s", "--json"],
            data,
        );
        let summary: serde_json::Value =
            serde_json::from_str(ran.expect_code(0).err.trim()).expect("a summary");
        assert_eq!(summary["a_to_b"]["bytes"], json!(100 << 20));
        finish(server).expect_code(0);
        let sum = fs::read_to_string(place.dir.path().join("sum")).expect("a sum");
        assert_eq!(sum, expected);
    }
}

/// P1.3, P10.1: both directions of a pipe at once, more than its quotas hold.
#[test]
fn both_directions_of_a_pipe_carry_much_at_once() {
    let place = Place::new();
    let server = start_relay(&place, &["pipe-listen:x", "exec:cat", "--buffer", "4096"]);
    let data = noise(8 << 20);
    let expected = data.clone();
    let ran = feed(
        &place,
        &["stdio", "pipe:x", "--wait", "30s", "--linger", "5s"],
        data,
    )
    .expect_code(0);
    assert!(ran.out == expected, "{} bytes", ran.out.len());
    finish(server).expect_code(0);
}

/// P11.5, P12.1: messages of any length, the empty one included, stay what they are.
#[test]
fn messages_keep_their_boundaries_from_a_mailslot_through_pipes_to_a_mailslot() {
    let place = Place::new();
    let reader = place.start_reader(&["out", "--count", "4", "--json"]);
    let last = start_relay(&place, &["pipe-listen:x", "mailslot:out", "--message"]);
    let first = start_relay(&place, &["mailslot:in", "pipe:x", "--wait", "30s"]);
    let ms = PATIENCE.as_millis().to_string();
    let long = "x".repeat(60_000);
    place
        .run(&[
            "mailslot", "write", "in", "--wait", &ms, "one", "", &long, "end",
        ])
        .expect_code(0);
    let records = finish(reader).expect_code(0).json();
    let bytes: Vec<_> = records.iter().map(|it| it["bytes"].clone()).collect();
    assert_eq!(bytes, [3, 0, 60_000, 3].map(|len| json!(len)));
    signal(&first, "INT");
    finish(first);
    finish(last).expect_code(0);
}

#[test]
fn lines_become_messages_and_messages_lines() {
    let place = Place::new();
    let reader = place.start_reader(&["box", "--count", "3"]);
    let input = b"one\ntwo\nlast without end".to_vec();
    feed(&place, &["stdio", "mailslot:box", "--lines"], input).expect_code(0);
    assert_eq!(
        finish(reader).expect_code(0).text(),
        "one\ntwo\nlast without end\n"
    );
    let mut printer = start_relay(&place, &["mailslot:box", "stdio", "--lines"]);
    let ms = PATIENCE.as_millis().to_string();
    place
        .run(&["mailslot", "write", "box", "--wait", &ms, "hello", "you"])
        .expect_code(0);
    let lines = [(); 2].map(|()| first_line(&mut printer));
    assert_eq!(lines, ["hello", "you"]);
    signal(&printer, "INT");
    finish(printer);
}

#[test]
fn each_of_many_clients_has_a_connection_of_its_own() {
    let place = Place::new();
    let many = start_relay(
        &place,
        &[
            "--many",
            &at(&place, "unix-listen", "s"),
            "exec:cat",
            "--json",
        ],
    );
    await_file(&place, "s");
    let connect = || UnixStream::connect(place.dir.path().join("s")).expect("a server");
    let mut clients: Vec<_> = (0..10).map(|_| connect()).collect();
    for (number, client) in clients.iter_mut().enumerate() {
        writeln!(client, "client {number}").expect("it reads");
    }
    for (number, mut client) in clients.into_iter().enumerate().rev() {
        client
            .shutdown(std::net::Shutdown::Write)
            .expect("a half-close");
        let mut answer = String::new();
        client.read_to_string(&mut answer).expect("an answer");
        assert_eq!(answer, format!("client {number}\n"));
    }
    signal(&many, "INT");
    let ran = finish(many);
    let summary = &ran.json()[0];
    assert_eq!(
        (&summary["connections"], &summary["failed"]),
        (&json!(10), &json!(0))
    );
    assert_eq!(summary["signal"], json!("SIGINT"));
    assert!(
        !place.dir.path().join("s").exists(),
        "its socket is removed"
    );
}

/// What npiperelay is used for: a Unix socket for every client of which a pipe is opened.
#[test]
fn clients_of_a_unix_socket_reach_a_pipe_and_those_of_a_pipe_a_unix_socket() {
    let place = Place::new();
    let server = start(&mut place.tong(&["pipe", "serve", "x", "--echo", "-i", "3"]));
    place.run(&["pipe", "wait", "x"]).code.expect("it ends");
    let to_pipe = start_relay(
        &place,
        &[
            "--many",
            &at(&place, "unix-listen", "s"),
            "pipe:x",
            "--wait",
            "30s",
        ],
    );
    await_file(&place, "s");
    let from_pipe = start_relay(
        &place,
        &["--fork", "pipe-listen:y", &at(&place, "unix", "s")],
    );
    let clients = (0..3).map(|number| {
        let text = format!("hello {number}\n");
        let args = ["pipe", "connect", "y", "--wait", "30000"];
        let mut running = start(place.tong(&args).stdin(Stdio::piped()));
        let stdin = running.child.stdin.as_mut().expect("a pipe");
        stdin.write_all(text.as_bytes()).expect("it reads");
        (running, text)
    });
    for (mut running, text) in clients.collect::<Vec<_>>() {
        assert_eq!(format!("{}\n", first_line(&mut running)), text);
    }
    drop((server, to_pipe, from_pipe));
}

#[test]
fn the_death_of_either_side_ends_the_relay() {
    let place = Place::new();
    for dies in ["server", "client"] {
        let listener = UnixListener::bind(place.dir.path().join(dies)).expect("a path");
        let mut client = start(
            place
                .tong(&["relay", "pipe-listen:x", &at(&place, "unix", dies)])
                .stdin(Stdio::null()),
        );
        let mut peer = start(
            place
                .tong(&["pipe", "connect", "x", "--wait", "30000"])
                .stdin(Stdio::piped()),
        );
        let (mut socket, _) = listener.accept().expect("the relay connects");
        // The kernel lets it in a moment before it knows that itself.
        let stdin = peer.child.stdin.as_mut().expect("a pipe");
        stdin.write_all(b"x\n").expect("it reads");
        socket.read_exact(&mut [0; 2]).expect("it writes");
        let code = if dies == "client" {
            signal(&peer, "KILL");
            finish(client).code
        } else {
            drop(socket);
            let code = client.child.wait().expect("it ends").code();
            assert_eq!(finish(peer).code, Some(0));
            code
        };
        assert_eq!(code, Some(0), "{dies}");
    }
}

/// Leaves neither a name nor a socket, and ends as Ctrl-C ends programs.
#[test]
fn ctrl_c_leaves_nothing_behind() {
    let place = Place::new();
    for many in [&[][..], &["--many"]] {
        let listen = at(&place, "unix-listen", "s");
        let relay = start_relay(&place, &[many, &["pipe-listen:x", &listen]].concat());
        let client = start(
            place
                .tong(&["pipe", "connect", "x", "--wait", "30000"])
                .stdin(Stdio::piped()),
        );
        await_file(&place, "s");
        signal(&relay, "INT");
        assert_eq!(crate::place::ending_signal(relay), Some(2), "{many:?}");
        assert_eq!(finish(client).code, Some(0));
        assert!(!place.dir.path().join("s").exists());
        assert_eq!(place.run(&["gc"]).expect_code(0).text(), "");
    }
}

#[test]
fn docker_style_empty_messages_end_a_direction() {
    let place = Place::new();
    let server = start_relay(
        &place,
        &["pipe-listen:x", "exec:sort", "--message", "--half-close"],
    );
    let args = ["stdio", "pipe:x", "--wait", "30s", "--half-close"];
    let ran = feed(&place, &args, b"b\nc\na\n".to_vec()).expect_code(0);
    assert_eq!(ran.text(), "a\nb\nc\n");
    finish(server).expect_code(0);
}
