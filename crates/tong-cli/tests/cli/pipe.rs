//! `tong pipe serve`, `connect`, `call` and `wait`.

use crate::place::{eventually, finish, first_line, signal, start, Place, Running, PATIENCE};
use serde_json::{json, Value};
use std::io::{Read, Write};
use std::process::Stdio;
use std::thread;

/// Starts `tong pipe serve x --json` with these arguments, and waits until the pipe is there.
pub(crate) fn serve(place: &Place, args: &[&str]) -> Running {
    serve_with(place, args, Stdio::null())
}

fn serve_with(place: &Place, args: &[&str], stdin: Stdio) -> Running {
    let by = ["env", "--default-signal=INT"];
    let all = [&["pipe", "serve", "x", "--json"], args].concat();
    let mut running = start(place.tong_by(&by, &all).stdin(stdin));
    let said = next(&mut running);
    assert_eq!(
        (&said["event"], &said["name"]),
        (&json!("listening"), &json!(r"\\.\pipe\x"))
    );
    running
}

/// The next thing that a server says.
fn next(running: &mut Running) -> Value {
    let line = first_line(running);
    serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line:?}"))
}

/// Starts a client whose input is ours to write.
fn connect(place: &Place, args: &[&str]) -> Running {
    let ms = PATIENCE.as_millis().to_string();
    let all = [&["pipe", "connect", "x", "--wait", &ms], args].concat();
    start(place.tong(&all).stdin(Stdio::piped()))
}

fn write(running: &mut Running, text: &str) {
    let stdin = running.child.stdin.as_mut().expect("a pipe");
    stdin.write_all(text.as_bytes()).expect("it reads");
}

/// What comes back from an echo of this, which is so long. Nobody can tell when a slow server has answered all, so the
/// client is killed rather than left to its linger.
fn echoed(place: &Place, args: &[&str], input: &[u8], len: usize) -> Vec<u8> {
    let mut client = connect(place, &[args, &["--linger", "1m"]].concat());
    let mut stdin = client.child.stdin.take().expect("a pipe");
    stdin.write_all(input).expect("it reads");
    drop(stdin);
    let mut out = vec![0; len];
    let stdout = client.child.stdout.as_mut().expect("a pipe");
    stdout.read_exact(&mut out).expect("an echo");
    out
}

/// P11.1, P7.2: bytes come back as they were written.
#[test]
fn an_echo_gives_back_bytes() {
    let place = Place::new();
    let _server = serve(&place, &["--echo"]);
    let bytes = b"hello\xff\0 you";
    assert_eq!(echoed(&place, &[], bytes, bytes.len()), bytes);
}

/// P11.5, P12.3: each line is a message, the empty one too, and each message a line.
#[test]
fn an_echo_gives_back_messages_and_each_is_a_line() {
    let place = Place::new();
    let _server = serve(&place, &["--echo", "--message"]);
    let input = b"one\n\nthree \x1b\nlast without end";
    let lines = "one\n\nthree \\x1b\nlast without end\n";
    let out = echoed(&place, &[], input, lines.len());
    assert_eq!(String::from_utf8(out).expect("text"), lines);
    assert_eq!(echoed(&place, &["--raw"], b"a\nb\n", 4), b"a\nb\n");

    let mut client = connect(&place, &["--json"]);
    write(&mut client, "one\n\n");
    let records = [(); 2].map(|()| next(&mut client));
    assert_eq!(
        records.each_ref().map(|it| it["message"].clone()),
        ["one", ""]
    );
    assert_eq!(records[1]["number"], 2);
}

#[test]
fn a_call_is_one_message_and_one_answer() {
    let place = Place::new();
    let mut server = serve(
        &place,
        &["--message", "--exec", "sed", "-u", "s/^/you said /"],
    );
    let ran = place.run(&["pipe", "call", "x", "hello", "--timeout", "30s"]);
    assert_eq!(ran.expect_code(0).text(), "you said hello\n");
    let ran = place.run_with_input(&["pipe", "call", "x", "-t", "30s", "--json"], b"hi");
    assert_eq!(
        ran.expect_code(0).json(),
        [json!({"bytes": 11, "message": "you said hi"})]
    );
    let ran = place.run(&["pipe", "call", "x", "", "-t", "30s", "--raw"]);
    assert_eq!(ran.expect_code(0).text(), "you said ");
    let events: Vec<_> = (0..4).map(|_| next(&mut server)).collect();
    assert_eq!(
        (
            &events[0]["event"],
            &events[0]["client"],
            &events[0]["program"]
        ),
        (&json!("connected"), &json!(1), &json!("tong"))
    );
    assert_eq!(
        (
            &events[1]["event"],
            &events[1]["bytes_in"],
            &events[1]["bytes_out"]
        ),
        (&json!("left"), &json!(5), &json!(14))
    );
    assert_eq!(events[2]["client"], json!(2));
}

/// P11.6: an answer that is longer than any buffer of ours comes whole.
#[test]
fn a_long_message_is_called_and_answered_whole() {
    let place = Place::new();
    let _server = serve(&place, &["--message", "--echo"]);
    let long = "0123456789".repeat(100_000);
    let args = ["pipe", "call", "x", "--timeout", "30s", "--raw"];
    let ran = place.run_with_input(&args, long.as_bytes()).expect_code(0);
    assert!(ran.text() == long, "{} bytes", ran.out.len());
}

#[test]
fn a_call_of_utf16_is_answered_in_utf16() {
    let place = Place::new();
    let _server = serve(&place, &["--message", "--echo"]);
    let args = ["pipe", "call", "x", "통 \u{1f4ec}", "--utf16", "-t", "30s"];
    assert_eq!(place.run(&args).expect_code(0).text(), "통 \u{1f4ec}\n");
}

/// P5.2, P5.3, P19: no pipe, no free instance, no answer.
#[test]
fn what_cannot_be_called_is_told_apart() {
    let place = Place::new();
    for args in [
        &["pipe", "call", "x", "hi", "--timeout", "50"][..],
        &["pipe", "connect", "x", "--wait", "50"],
        &["pipe", "wait", "x"],
        &["pipe", "info", "x"],
    ] {
        place.run(args).expect_code(3);
    }
    let _server = serve(&place, &["--message"]);
    place
        .run(&["pipe", "wait", "x"])
        .code
        .filter(|code| *code == 0)
        .expect("free");
    // It answers nothing.
    let ran = place
        .run(&["pipe", "call", "x", "hi", "--timeout", "200"])
        .expect_code(6);
    assert!(ran.err.contains("200 ms"), "{ran:?}");
    let client = connect(&place, &[]);
    eventually("the instance is taken", || {
        place.run(&["pipe", "connect", "x"]).code == Some(12)
    });
    place
        .run(&["pipe", "call", "x", "hi", "--timeout", "100"])
        .expect_code(6);
    let ran = place
        .run(&["pipe", "wait", "x", "--timeout", "100"])
        .expect_code(6);
    assert!(ran.err.contains("100 ms"), "{ran:?}");
    drop(client);
    place
        .run(&["pipe", "wait", "x", "--timeout", "30s"])
        .expect_code(0);
}

/// P4.4, P8.7: a client that waits gets the instance of the one that leaves.
#[test]
fn clients_wait_their_turn_when_all_instances_are_taken() {
    let place = Place::new();
    let _server = serve(&place, &["--echo", "--instances", "2"]);
    thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                let mut client = connect(&place, &["--linger", "0"]);
                write(&mut client, "mine\n");
                assert_eq!(first_line(&mut client), "mine");
                finish(client).expect_code(0);
            });
        }
    });
}

#[test]
fn standard_streams_serve_one_client_after_the_other() {
    let place = Place::new();
    let mut server = serve_with(&place, &["--message", "--count", "2"], Stdio::piped());
    for number in [1, 2] {
        let mut client = connect(&place, &[]);
        assert_eq!(next(&mut server)["client"], json!(number));
        write(&mut client, "ping\n");
        let received = next(&mut server);
        assert_eq!(
            (&received["event"], &received["message"], &received["bytes"]),
            (&json!("received"), &json!("ping"), &json!(4))
        );
        write(&mut server, &format!("pong {number}\nagain\n"));
        assert_eq!(first_line(&mut client), format!("pong {number}"));
        assert_eq!(first_line(&mut client), "again");
        finish(client).expect_code(0);
        assert_eq!(next(&mut server)["event"], json!("left"));
    }
    finish(server).expect_code(0);
}

#[test]
fn what_clients_send_is_printed_as_lines_or_as_it_is() {
    for (flags, printed) in [
        (&["--message"][..], "one\n\\x1b\n"),
        (&["--message", "--raw"], "one\x1b"),
        (&[], "one\n\x1b\n"),
    ] {
        let place = Place::new();
        let args = [&["pipe", "serve", "x", "--count", "1"], flags].concat();
        let server = start(&mut place.tong(&args));
        let args = ["pipe", "connect", "x", "--wait", "30000", "--linger", "0"];
        place.run_with_input(&args, b"one\n\x1b\n").expect_code(0);
        assert_eq!(finish(server).expect_code(0).text(), printed, "{flags:?}");
    }
}

/// P4.3: without a machine-wide directory, others cannot be let in.
#[test]
fn letting_others_in_needs_the_machine_wide_directory() {
    let place = Place::new();
    for flags in [&["--everyone"][..], &["--group", "0"]] {
        for kind in [&["pipe", "serve", "x"][..], &["mailslot", "read", "x"]] {
            let mut command = place.tong(&[kind, flags].concat());
            let missing = place.dir.path().join("missing");
            let ran = finish(start(command.env("TONG_GLOBAL_DIR", missing))).expect_code(3);
            assert!(ran.err.contains("machine-wide"), "{ran:?}");
        }
    }
    place
        .run(&["pipe", "serve", "x", "--everyone", "--group", "0"])
        .expect_code(2);
}

#[test]
fn input_from_a_file_is_served_and_ends_with_its_client() {
    let place = Place::new();
    let mut server = start(
        place
            .tong(&["pipe", "serve", "x", "--linger", "100"])
            .stdin(Stdio::piped()),
    );
    write(&mut server, "all there is");
    drop(server.child.stdin.take());
    let mut client = connect(&place, &[]);
    let out = client.child.stdout.as_mut().expect("a pipe");
    let mut text = String::new();
    out.read_to_string(&mut text).expect("text");
    assert_eq!(text, "all there is");
    drop(client);
    finish(server).expect_code(0);
}

#[test]
fn a_program_serves_each_client_and_ends_with_it() {
    let place = Place::new();
    let mut server = serve(
        &place,
        &[
            "-i",
            "3",
            "--message",
            "--exec",
            "sh",
            "-c",
            "while read x; do echo $$ $x; done",
        ],
    );
    let mut clients: Vec<_> = (0..3).map(|_| connect(&place, &[])).collect();
    let mut pids = Vec::new();
    for client in &mut clients {
        write(client, "hello\n");
        let line = first_line(client);
        let (pid, rest) = line.split_once(' ').expect("two words");
        assert_eq!(rest, "hello");
        pids.push(pid.to_owned());
    }
    pids.sort();
    pids.dedup();
    assert_eq!(pids.len(), 3, "{pids:?}");
    clients.into_iter().for_each(|client| drop(finish(client)));
    for _ in 0..6 {
        next(&mut server);
    }
    for pid in pids {
        let path = format!("/proc/{pid}");
        assert!(!std::path::Path::new(&path).exists(), "it has ended");
    }
}

/// P4.12: with --first somebody else's pipe is not joined; without, the pipe gets one more instance.
#[test]
fn several_commands_serve_one_pipe_unless_told_otherwise() {
    let place = Place::new();
    let _one = serve(&place, &["--echo"]);
    place.run(&["pipe", "serve", "x", "--first"]).expect_code(5);
    let _two = serve(&place, &["--echo"]);
    let mut clients = [connect(&place, &[]), connect(&place, &[])];
    for client in &mut clients {
        write(client, "hello\n");
        assert_eq!(first_line(client), "hello");
    }
}

/// P5.6: a pipe that goes one way is opened for that way.
#[test]
fn one_way_pipes_are_read_or_written() {
    let place = Place::new();
    let mut server = serve(&place, &["--message", "--inbound"]);
    let ran = place.run_with_input(&["pipe", "connect", "x", "--linger", "50"], b"up\n");
    assert_eq!(ran.expect_code(0).out, b"");
    assert_eq!(next(&mut server)["event"], json!("connected"));
    assert_eq!(next(&mut server)["message"], json!("up"));
    drop(server);
    let mut server = serve_with(&place, &["--message", "--outbound"], Stdio::piped());
    let mut client = connect(&place, &[]);
    write(&mut server, "down\n");
    assert_eq!(first_line(&mut client), "down");
    let ran = place.run(&["pipe", "call", "x", "hi", "-t", "10"]);
    assert!(matches!(ran.code, Some(2 | 5 | 6)), "{ran:?}");
}

/// Docker's and other Go programs' way to say that no more comes.
#[test]
fn an_empty_message_ends_the_input_of_a_program() {
    let place = Place::new();
    let _server = serve(&place, &["-m", "--half-close", "--exec", "sort"]);
    let args = ["pipe", "connect", "x", "--half-close"];
    let ran = place.run_with_input(&args, b"b\na\n").expect_code(0);
    assert_eq!(ran.text(), "a\nb\n");
}

/// P10.1, P10.15: the client gets what was written, and ends; the name is free.
#[test]
fn a_killed_server_ends_its_clients_and_frees_the_name() {
    let place = Place::new();
    let mut server = serve_with(&place, &[], Stdio::piped());
    let mut client = connect(&place, &[]);
    write(&mut server, "last words");
    next(&mut server);
    signal(&server, "KILL");
    finish(server);
    let out = client.child.stdout.as_mut().expect("a pipe");
    let mut text = String::new();
    out.read_to_string(&mut text).expect("text");
    let code = client.child.wait().expect("it ends").code();
    assert_eq!(code, Some(0));
    assert!(matches!(&*text, "last words" | ""), "{text}");
    place.run(&["pipe", "connect", "x"]).expect_code(3);
    let _next = serve(&place, &["--echo", "--first"]);
    assert_eq!(echoed(&place, &[], b"hello", 5), b"hello");
}

/// P10.14, P8.5: the server goes on after a client that was killed.
#[test]
fn a_killed_client_frees_its_instance() {
    let place = Place::new();
    let mut server = serve(&place, &["--echo"]);
    for _ in 0..3 {
        let mut client = connect(&place, &[]);
        write(&mut client, "hello\n");
        assert_eq!(first_line(&mut client), "hello");
        signal(&client, "KILL");
        finish(client);
        assert_eq!(next(&mut server)["event"], json!("connected"));
        assert_eq!(next(&mut server)["event"], json!("left"));
    }
}

#[test]
fn ctrl_c_ends_a_server_and_leaves_nothing_behind() {
    let place = Place::new();
    let offers: [&[&str]; 3] = [&[], &["--echo"], &["--exec", "cat"]];
    for offer in offers {
        let args = [&["--instances", "3"], offer].concat();
        let server = serve(&place, &args);
        let client = connect(&place, &[]);
        eventually("the client is in", || {
            place.run(&["pipe", "ls", "--json"]).json()[0]["in_use"] == json!(1)
        });
        signal(&server, "INT");
        assert_eq!(crate::place::ending_signal(server), Some(2), "{offer:?}");
        assert_eq!(finish(client).code, Some(0), "{offer:?}");
        assert_eq!(place.run(&["gc"]).expect_code(0).text(), "", "{offer:?}");
        assert_eq!(place.run(&["ls"]).expect_code(0).text(), "");
    }
}

#[test]
fn ctrl_c_ends_a_client_as_shells_expect() {
    let place = Place::new();
    let _server = serve(&place, &["--echo"]);
    let by = ["env", "--default-signal=INT"];
    let args = ["pipe", "connect", "x"];
    let mut client = start(place.tong_by(&by, &args).stdin(Stdio::piped()));
    write(&mut client, "hello\n");
    assert_eq!(first_line(&mut client), "hello");
    signal(&client, "INT");
    assert_eq!(crate::place::ending_signal(client), Some(2));
}

#[test]
fn names_and_command_lines_that_make_no_sense_give_exit_code_2() {
    let place = Place::new();
    for args in [
        &["pipe"][..],
        &["pipe", "serve"],
        &["pipe", "serve", ""],
        &["pipe", "serve", r"\.pipex"],
        &["pipe", "serve", "x", "--message", "--byte"],
        &["pipe", "serve", "x", "--echo", "--exec", "cat"],
        &["pipe", "serve", "x", "--instances", "0"],
        &["pipe", "serve", "x", "--half-close"],
        &["pipe", "serve", "x", "--inbound", "--echo"],
        &["pipe", "connect", "x", "--json", "--raw"],
        &["pipe", "call", "x", "hi", "--timeout", "soon"],
    ] {
        let ran = place.run(args);
        assert_eq!(ran.code, Some(2), "{ran:?}");
    }
    let _server = serve(&place, &["--echo"]);
    let ran = place.run(&["pipe", "call", "x", "hi"]).expect_code(2);
    assert!(ran.err.contains("tong pipe connect"), "{ran:?}");
}

#[test]
fn a_reader_that_goes_away_ends_a_client_quietly() {
    let place = Place::new();
    let _server = serve(&place, &["--exec", "yes"]);
    let mut client = connect(&place, &[]);
    drop(client.child.stdout.take());
    let stdin = client.child.stdin.take();
    let code = client.child.wait().expect("it ends").code();
    drop(stdin);
    assert_eq!(code, Some(0));
    assert_eq!(finish(client).err, "");
}
