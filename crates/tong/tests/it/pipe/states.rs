//! Section 7: what every operation does in every state, cell by cell.
//!
//! A cell says what the operation comes to: `T`, with the bytes that it brought if it reads; the number of the error as
//! the specification has it; or `pends`. A row of the specification that depends on the wait mode is two rows here.

use tong::pipe::{PipeClient, PipeEnd, PipeServer, PipeType};
use tong::ErrorKind;

use super::op::{begin, Begun, Op};
use super::stage::{client_stage, server_stage, By, Stage, State};
use super::{kinds, never_wait, LIMIT};
use crate::support::{waiting, Watchdog};

/// The number that the specification has for a kind of error.
fn code(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::AccessDenied => "F 5",
        ErrorKind::BrokenPipe => "F 109",
        ErrorKind::BadPipe => "F 230",
        ErrorKind::PipeBusy => "F 231",
        ErrorKind::PipeClosing | ErrorKind::PipeEmpty => "F 232",
        ErrorKind::NotConnected => "F 233",
        ErrorKind::PipeConnected => "F 535",
        ErrorKind::PipeListening => "F 536",
        ErrorKind::NotFound => "F 1168",
        other => panic!("no operation of the table gives {other:?}"),
    }
}

fn plain<T>(result: tong::Result<T>) -> String {
    match result {
        Ok(_) => "T".to_owned(),
        Err(error) => code(error.kind()).to_owned(),
    }
}

/// What a start comes to, which must be the same as what the call that waits comes to.
fn started(begun: Result<Begun, ErrorKind>, end: &PipeEnd) -> String {
    match begun {
        Ok(Begun::Now(outcome, _)) => match outcome.error {
            None => "T".to_owned(),
            Some(ErrorKind::MoreData) => "F 234".to_owned(),
            Some(kind) => code(kind).to_owned(),
        },
        Ok(Begun::Pending(op)) => {
            stop(op, end);
            "pends".to_owned()
        }
        Err(kind) => code(kind).to_owned(),
    }
}

fn stop(op: Op, end: &PipeEnd) {
    op.waits();
    assert!(op.cancel(end));
    assert_eq!(op.wrote(), Err(ErrorKind::Canceled));
}

/// What is done, whether something is queued, what it comes to in each state, and how it is done.
type Row<const N: usize> = (&'static str, bool, [&'static str; N], fn(&Stage) -> String);

fn read_of(end: &PipeEnd) -> String {
    let started = started(begin(64, |completion| end.start_receive(completion)), end);
    let mut room = [0; 64];
    let tried = match end.try_receive(&mut room) {
        Ok(_) => "T",
        Err(error) if error.kind() == ErrorKind::PipeEmpty && started == "pends" => "pends",
        Err(error) => code(error.kind()),
    };
    assert_eq!(tried, started, "both ways to read agree");
    started
}

/// Reads once, and once more by half.
fn read_queued(end: &PipeEnd) -> String {
    let mut room = [0; 3];
    let first = end.receive(&mut room).unwrap();
    assert_eq!(&room, b"dat");
    let mut rest = [0; 8];
    let second = end.receive(&mut rest).unwrap();
    assert_eq!(&rest[..second.bytes], b"a");
    assert!(!second.more);
    match first.more {
        true => "F 234, T".to_owned(),
        false => "T, T".to_owned(),
    }
}

fn read_nowait(end: &PipeEnd) -> String {
    never_wait(end, true);
    let read = started(begin(64, |completion| end.start_receive(completion)), end);
    assert_eq!(plain(end.receive(&mut [0; 64])), read);
    read
}

/// As [`read_nowait`] for an end whose modes cannot be set any more.
fn read_mute(end: &PipeEnd) -> String {
    let read = started(begin(64, |completion| end.start_receive(completion)), end);
    assert_eq!(plain(end.receive(&mut [0; 64])), read);
    read
}

fn write_of(end: &PipeEnd) -> String {
    let write = started(begin(0, |completion| end.start_send(b"x", completion)), end);
    assert_eq!(plain(end.send(b"x")), write);
    write
}

fn peek_of(end: &PipeEnd) -> String {
    let mut room = [0; 64];
    match end.peek(&mut room) {
        Ok(peeked) => format!("T {} {}", peeked.bytes, peeked.available),
        Err(error) => code(error.kind()).to_owned(),
    }
}

fn transact_of(end: &PipeEnd) -> String {
    let start = || begin(8, |completion| end.start_transact(b"?", completion));
    match start() {
        Err(kind) => {
            let blocking = end.transact(b"?", &mut [0; 8]);
            assert_eq!(plain(blocking), code(kind));
            code(kind).to_owned()
        }
        Ok(begun) => started(Ok(begun), end),
    }
}

fn flush_of(end: &PipeEnd) -> String {
    plain(end.flush())
}

/// A flush with something unread behind it.
fn flush_unread(end: &PipeEnd, peer: &PipeEnd) -> String {
    end.send(b"x").unwrap();
    let twin = end.clone();
    let flush = waiting(move || twin.flush());
    assert!(!flush.is_finished());
    peer.receive(&mut [0; 8]).unwrap();
    format!("waits, {}", plain(flush.join().unwrap()))
}

fn queries(end: &PipeEnd) -> String {
    let info = plain(end.info());
    assert_eq!(plain(end.instances()), info);
    let Ok(modes) = end.modes() else {
        assert_ne!(info, "T");
        let modes = tong::pipe::Modes {
            read: tong::pipe::ReadMode::Byte,
            nowait: false,
        };
        assert_eq!(plain(end.set_modes(modes)), info);
        return info;
    };
    let mut other = modes;
    other.nowait = true;
    end.set_modes(other).unwrap();
    assert_eq!(end.modes().unwrap(), other);
    info
}

const SERVER_STATES: [State; 4] = [
    State::Listening,
    State::Connected,
    State::Closing,
    State::Disconnected,
];

const QUEUED: &[u8] = b"data";

/// Rows of the server's table.
const SERVER: &[Row<4>] = &[
    (
        "connect",
        false,
        ["pends", "F 535", "F 232", "pends"],
        |stage| connect_of(stage.server()),
    ),
    (
        "connect, no wait",
        false,
        ["F 536", "F 535", "F 232", "F 536"],
        |stage| {
            never_wait(stage.server(), true);
            plain(stage.server().connect())
        },
    ),
    (
        "read, data queued",
        true,
        ["-", "as its type", "as its type", "-"],
        |stage| read_queued(stage.server()),
    ),
    (
        "read, nothing queued",
        false,
        ["F 536", "pends", "F 109", "F 233"],
        |stage| read_of(stage.server()),
    ),
    (
        "read, nothing queued, no wait",
        false,
        ["F 536", "F 232", "F 109", "F 233"],
        |stage| read_nowait(stage.server()),
    ),
    ("write", false, ["F 536", "T", "F 232", "F 233"], |stage| {
        write_of(stage.server())
    }),
    (
        "peek, data queued",
        true,
        ["-", "T 4 4", "T 4 4", "-"],
        |stage| peek_of(stage.server()),
    ),
    (
        "peek, nothing queued",
        false,
        ["F 230", "T 0 0", "F 109", "F 230"],
        |stage| peek_of(stage.server()),
    ),
    (
        "transact",
        false,
        ["F 230", "as its type", "F 230", "F 230"],
        |stage| transact_of(stage.server()),
    ),
    ("flush", false, ["-", "waits, T", "-", "-"], |stage| {
        flush_unread(stage.server(), stage.client())
    }),
    (
        "flush, nothing unread",
        false,
        ["T", "T", "T", "T"],
        |stage| flush_of(stage.server()),
    ),
    ("disconnect", false, ["T", "T", "T", "F 233"], |stage| {
        let first = plain(stage.server().disconnect());
        assert_eq!(plain(stage.server().disconnect()), "F 233");
        first
    }),
    (
        "disconnect, data queued",
        true,
        ["-", "T", "T", "-"],
        |stage| plain(stage.server().disconnect()),
    ),
    (
        "info, modes, instances",
        false,
        ["T", "T", "T", "T"],
        |stage| queries(stage.server()),
    ),
    (
        "client's process id",
        false,
        ["F 1168", "T", "T", "F 1168"],
        |stage| plain(stage.server().client_process_id()),
    ),
    (
        "server's process id",
        false,
        ["T", "T", "T", "T"],
        |stage| plain(stage.server().server_process_id()),
    ),
    (
        "a client opens",
        false,
        ["T", "F 231", "F 231", "F 231"],
        |stage| plain(PipeClient::open(stage.server().name())),
    ),
];

fn connect_of(server: &PipeServer) -> String {
    let connect = started(
        begin(0, |completion| server.start_connect(completion)),
        server,
    );
    if connect == "pends" {
        // It went to listening, if it was not there.
        PipeClient::open(server.name()).unwrap();
    }
    connect
}

const CLIENT_STATES: [State; 3] = [State::Connected, State::Closing, State::Disconnected];

/// Rows of the client's table.
const CLIENT: &[Row<3>] = &[
    (
        "read, data queued",
        true,
        ["as its type", "as its type", "-"],
        |stage| read_queued(stage.client()),
    ),
    (
        "read, nothing queued",
        false,
        ["pends", "F 109", "F 233"],
        |stage| read_of(stage.client()),
    ),
    (
        "read, data was queued",
        true,
        ["-", "-", "F 233"],
        |stage| read_mute(stage.client()),
    ),
    (
        "read, nothing queued, no wait",
        false,
        ["F 232", "F 109", "-"],
        |stage| read_nowait(stage.client()),
    ),
    ("write", false, ["T", "F 232", "F 233"], |stage| {
        write_of(stage.client())
    }),
    (
        "peek, data queued",
        true,
        ["T 4 4", "T 4 4", "F 233"],
        |stage| peek_of(stage.client()),
    ),
    (
        "peek, nothing queued",
        false,
        ["T 0 0", "F 109", "F 233"],
        |stage| peek_of(stage.client()),
    ),
    (
        "transact",
        false,
        ["as its type", "F 230", "F 233"],
        |stage| transact_of(stage.client()),
    ),
    ("flush", false, ["waits, T", "-", "-"], |stage| {
        flush_unread(stage.client(), stage.server())
    }),
    (
        "flush, nothing unread",
        false,
        ["T", "T", "F 233"],
        |stage| flush_of(stage.client()),
    ),
    (
        "info, modes, instances",
        false,
        ["T", "T", "F 233"],
        |stage| queries(stage.client()),
    ),
    ("process ids", false, ["T", "T", "F 233"], |stage| {
        let ids = plain(stage.client().client_process_id());
        assert_eq!(plain(stage.client().server_process_id()), ids);
        ids
    }),
];

/// What a cell says for a pipe of that type.
fn expected(what: &str, cell: &'static str, pipe_type: PipeType) -> &'static str {
    match (cell, what, pipe_type) {
        ("as its type", "transact", PipeType::Byte) => "F 230",
        ("as its type", "transact", PipeType::Message) => "pends",
        ("as its type", _, PipeType::Byte) => "T, T",
        ("as its type", _, PipeType::Message) => "F 234, T",
        (cell, ..) => cell,
    }
}

/// Plays all cells of a table whose states can be reached `by`; says what is wrong.
fn play<const N: usize>(
    side: &str,
    by: By,
    states: [State; N],
    rows: &[Row<N>],
    stage: impl Fn(&tong::pipe::PipeOptions, State, By, &[u8], &str) -> Stage,
) {
    let mut wrong = Vec::new();
    for (options, pipe_type) in kinds().iter().zip([PipeType::Byte, PipeType::Message]) {
        for (number, (what, data, cells, operation)) in rows.iter().enumerate() {
            for (state, cell) in states.into_iter().zip(cells) {
                if *cell == "-" || !by.reaches(state) {
                    continue;
                }
                let test = format!("p7-{side}-{by:?}-{pipe_type:?}-{number}-{state:?}");
                let queued = if *data { QUEUED } else { &[] };
                let stage = stage(options, state, by, queued, &test);
                let (came, cell) = (operation(&stage), expected(what, cell, pipe_type));
                if came != cell {
                    wrong.push(format!(
                        "{pipe_type:?}, {what}, {state:?}: {came}, not {cell}"
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{side}\n{}", wrong.join("\n"));
}

/// P7.1 ... P7.6.
#[test]
fn server_does_in_each_state_what_the_table_says() {
    let _watchdog = Watchdog::new("p7 server", LIMIT);
    play("server", By::Calls, SERVER_STATES, SERVER, server_stage);
}

/// P7.3 and section 7 for a server that has never looked at its client before the operation.
#[test]
fn server_that_never_looked_does_the_same() {
    let _watchdog = Watchdog::new("p7 server blind", LIMIT);
    play("server", By::Blind, SERVER_STATES, SERVER, server_stage);
}

/// P10.15 and the column CLOSING of section 7.
#[test]
fn server_whose_client_was_killed_does_the_same() {
    let _watchdog = Watchdog::new("p7 server kill", LIMIT);
    play("server", By::Kill, SERVER_STATES, SERVER, server_stage);
}

/// P7.3 ... P7.5.
#[test]
fn client_does_in_each_state_what_the_table_says() {
    let _watchdog = Watchdog::new("p7 client", LIMIT);
    play("client", By::Calls, CLIENT_STATES, CLIENT, client_stage);
}

/// Section 7 for the client of a server that has never looked.
#[test]
fn client_of_a_server_that_never_looked_does_the_same() {
    let _watchdog = Watchdog::new("p7 client blind", LIMIT);
    play("client", By::Blind, CLIENT_STATES, CLIENT, client_stage);
}

/// P10.15 and the column CLOSING of section 7.
#[test]
fn client_whose_server_was_killed_does_the_same() {
    let _watchdog = Watchdog::new("p7 client kill", LIMIT);
    play("client", By::Kill, CLIENT_STATES, CLIENT, client_stage);
}
