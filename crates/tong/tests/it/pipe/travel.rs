//! Ends that several processes hold, by inheritance and duplication.

use std::time::Duration;

use tong::handle::{
    duplicate, DuplicateRights, Handle, Object, Party, Rights, Source, Table, Wish,
};
use tong::pipe::{PipeClient, PipeEnd, ReadMode};
use tong::{ErrorKind, Inherit, Process};

use super::{messages, name, pair, read_as, LIMIT};
use crate::process::actor;
use crate::support::{args, eventually, say, wait_for_go, Actor, Watchdog};

const ALL: Rights = Rights::from_bits(0x001F_01FF);

/// Puts an end into the table of this process, to be inherited.
fn inheritable(object: Object) -> Handle {
    Table::of_process().insert(object, ALL, true).unwrap()
}

/// Starts a child that inherits `handle` and does `deed` with it.
fn heir(handle: Handle, deed: &str) -> Process {
    actor("pipe_heir", &[&handle.raw().to_string(), deed])
        .inherit(Inherit::Listed(vec![handle]))
        .spawn()
        .unwrap()
}

fn end_of(handle: Handle) -> PipeEnd {
    match Table::of_process().get(handle).unwrap().object() {
        Object::PipeServer(server) => server.end().clone(),
        Object::PipeClient(client) => client.end().clone(),
        other => panic!("{other:?} is no pipe's end"),
    }
}

/// What a child does with the end that it inherited.
pub(crate) fn role_pipe_heir() {
    let args = args();
    let handle = Handle::from_raw(args[0].parse().unwrap());
    let object = Table::of_process().get(handle).unwrap();
    let Object::PipeServer(server) = object.object() else {
        return client_deeds(&end_of(handle), &args[1]);
    };
    match args[1].as_str() {
        "serve" => {
            match server.connect() {
                Err(error) if error.kind() != ErrorKind::PipeConnected => panic!("{error}"),
                _ => {}
            }
            echo(server);
        }
        "echo" => echo(server),
        "half" => {
            let mut buf = [0; 8];
            while let Ok(received) = server.receive(&mut buf) {
                assert_eq!(received.bytes, 8);
                server.send(&buf).unwrap();
            }
        }
        "bytes" => read_as(server, ReadMode::Byte),
        "disconnect" => server.disconnect().unwrap(),
        "relisten" => {
            server.disconnect().unwrap();
            server.connect_timeout(Duration::from_secs(30)).unwrap();
            echo(server);
        }
        "hold" => std::thread::sleep(LIMIT),
        other => panic!("what is {other}?"),
    }
}

fn client_deeds(end: &PipeEnd, deed: &str) {
    match deed {
        "write" => {
            end.send(b"from the child").unwrap();
        }
        "hold" => std::thread::sleep(LIMIT),
        other => panic!("what is {other}?"),
    }
}

fn echo(end: &PipeEnd) {
    let mut buf = [0; 64];
    while let Ok(received) = end.receive(&mut buf) {
        end.send(&buf[..received.bytes]).unwrap();
    }
}

fn ask(client: &PipeClient, question: &[u8]) -> Vec<u8> {
    let mut answer = [0; 64];
    let received = client.transact(question, &mut answer).unwrap();
    answer[..received.bytes].to_vec()
}

fn message_client(name: &tong::PipeName) -> PipeClient {
    PipeClient::options()
        .read_mode(ReadMode::Message)
        .open(name)
        .unwrap()
}

/// P25.1, P25.2, P25.8, P1.6: the parent's handle is closed, the child serves on, and the name lives as long as the child.
#[test]
fn child_serves_with_the_end_that_it_inherited() {
    let _watchdog = Watchdog::new("child_serves_with_the_end_that_it_inherited", LIMIT);
    let name = name("heir-serves");
    let handle = inheritable(Object::PipeServer(messages().create(&name).unwrap()));
    let child = heir(handle, "serve");
    Table::of_process().close(handle).unwrap();
    let client = message_client(&name);
    assert_eq!(ask(&client, b"who?"), b"who?");
    assert_eq!(
        client.server_process_id().unwrap(),
        std::process::id(),
        "P21.2"
    );
    child.terminate(0).unwrap();
    child.wait(Some(LIMIT)).unwrap();
    assert_eq!(
        client.receive(&mut [0; 8]).unwrap_err().kind(),
        ErrorKind::BrokenPipe
    );
    eventually("the name goes with the last holder", || {
        PipeClient::open(&name).is_err_and(|error| error.kind() == ErrorKind::NotFound)
    });
}

/// P25.6, P10.10: an end counts as open while any process holds it.
#[test]
fn other_holder_keeps_the_end_open() {
    let _watchdog = Watchdog::new("other_holder_keeps_the_end_open", LIMIT);
    let (server, client) = pair("heir-holds", &messages());
    let handle = inheritable(Object::PipeServer(server));
    let child = heir(handle, "hold");
    Table::of_process().close(handle).unwrap();
    client.send(b"to nobody").unwrap();
    assert_eq!(
        client
            .receive_timeout(&mut [0; 8], Duration::from_millis(200))
            .unwrap_err()
            .kind(),
        ErrorKind::TimedOut
    );
    child.terminate(0).unwrap();
    assert_eq!(
        client.receive(&mut [0; 8]).unwrap_err().kind(),
        ErrorKind::BrokenPipe
    );
}

/// P25.3, P11.7: what one holder reads is gone for the other, and nothing is lost, torn or doubled.
#[test]
fn two_processes_read_one_end() {
    const COUNT: u64 = 10_000;
    let _watchdog = Watchdog::new("two_processes_read_one_end", LIMIT);
    let (server, client) = pair("heirs-read", &messages());
    let handle = inheritable(Object::PipeServer(server.clone()));
    let child = heir(handle, "half");
    let reader = std::thread::spawn(move || {
        let mut buf = [0; 8];
        let mut own = 0;
        while server.receive(&mut buf).is_ok() {
            own += 1;
            if server.send(&buf).is_err() {
                break;
            }
        }
        own
    });
    let asker = client.clone();
    let writer = std::thread::spawn(move || {
        for number in 0..COUNT {
            asker.send(&number.to_le_bytes()).unwrap();
        }
    });
    let mut seen = vec![0u8; usize::try_from(COUNT).unwrap()];
    for _ in 0..COUNT {
        let mut buf = [0; 8];
        assert_eq!(client.receive(&mut buf).unwrap().bytes, 8);
        seen[usize::try_from(u64::from_le_bytes(buf)).unwrap()] += 1;
    }
    writer.join().unwrap();
    assert!(seen.iter().all(|count| *count == 1));
    drop(client);
    let own: u64 = reader.join().unwrap();
    Table::of_process().close(handle).unwrap();
    child.wait(Some(LIMIT)).unwrap();
    assert!(own <= COUNT);
}

/// P25.3: a change of modes through one handle shows through the other.
#[test]
fn mode_that_the_child_sets_is_the_parents() {
    let (server, _client) = pair("heir-modes", &messages());
    let handle = inheritable(Object::PipeServer(server.clone()));
    assert_eq!(server.modes().unwrap().read, ReadMode::Message);
    heir(handle, "bytes").wait(Some(LIMIT)).unwrap();
    assert_eq!(server.modes().unwrap().read, ReadMode::Byte);
    Table::of_process().close(handle).unwrap();
}

/// P9.1, P25.3: the child disconnects; the client and the parent's end both know, and a read of the parent that waits ends.
#[test]
fn disconnect_by_the_child_is_everybodys() {
    let _watchdog = Watchdog::new("disconnect_by_the_child_is_everybodys", LIMIT);
    let (server, client) = pair("heir-throws-out", &messages());
    let handle = inheritable(Object::PipeServer(server.clone()));
    let waiting = server.clone();
    let reader = std::thread::spawn(move || waiting.receive(&mut [0; 8]).unwrap_err().kind());
    heir(handle, "disconnect").wait(Some(LIMIT)).unwrap();
    let gone = |end: &PipeEnd| end.receive(&mut [0; 8]).unwrap_err().kind();
    assert_eq!(gone(&client), ErrorKind::NotConnected);
    assert_eq!(gone(&server), ErrorKind::NotConnected);
    assert_eq!(reader.join().unwrap(), ErrorKind::NotConnected);
    assert_eq!(
        server.disconnect().unwrap_err().kind(),
        ErrorKind::NotConnected,
        "P9.5"
    );
    Table::of_process().close(handle).unwrap();
}

/// P8.7, P25.8: the child disconnects and listens again; the parent finds the new client at its own handle.
#[test]
fn client_that_the_child_let_in_is_the_parents_too() {
    let _watchdog = Watchdog::new("client_that_the_child_let_in_is_the_parents_too", LIMIT);
    let name = name("heir-relistens");
    let server = messages().create(&name).unwrap();
    let first = message_client(&name);
    let handle = inheritable(Object::PipeServer(server.clone()));
    assert_eq!(
        server.connect().unwrap_err().kind(),
        ErrorKind::PipeConnected
    );
    let child = heir(handle, "relisten");
    tong::pipe::wait(&name, tong::pipe::WaitTime::Forever).unwrap();
    let second = message_client(&name);
    assert_eq!(ask(&second, b"again"), b"again");
    assert_eq!(
        first.receive(&mut [0; 8]).unwrap_err().kind(),
        ErrorKind::NotConnected
    );
    child.terminate(0).unwrap();
    child.wait(Some(LIMIT)).unwrap();
    second.send(b"to the parent").unwrap();
    let mut buf = [0; 32];
    assert_eq!(server.receive(&mut buf).unwrap().bytes, 13);
    Table::of_process().close(handle).unwrap();
}

/// P25.7: an inherited client end is no new client.
#[test]
fn child_writes_as_the_client_that_it_inherited() {
    let (server, client) = pair("heir-client", &messages());
    let handle = inheritable(Object::PipeClient(client.clone()));
    heir(handle, "write").wait(Some(LIMIT)).unwrap();
    let mut buf = [0; 32];
    assert_eq!(server.receive(&mut buf).unwrap().bytes, 14);
    assert_eq!(
        server.client_process_id().unwrap(),
        std::process::id(),
        "P21.2"
    );
    assert_eq!(server.instances().unwrap(), 1);
    client.send(b"still open").unwrap();
    assert_eq!(server.receive(&mut buf).unwrap().bytes, 10);
    Table::of_process().close(handle).unwrap();
}

/// P25.3, P25.8: a running process is given the end.
#[test]
fn end_is_given_to_a_running_process() {
    let _watchdog = Watchdog::new("end_is_given_to_a_running_process", LIMIT);
    let name = name("given");
    let server = messages().create(&name).unwrap();
    let mut servant = Actor::start("pipe_servant", &[]);
    servant.expect("ready");
    let target = Process::open(servant.pid().try_into().unwrap()).unwrap();
    let own = inheritable(Object::PipeServer(server));
    let given = duplicate(
        Party::This,
        Source::Handle(own),
        Party::Process(&target),
        Wish {
            rights: DuplicateRights::Same,
            inherit: false,
            close_source: true,
        },
    )
    .unwrap();
    // Before the servant reads: a read of an end that nobody has opened fails.
    let client = message_client(&name);
    servant.tell(&given.raw().to_string());
    assert_eq!(ask(&client, b"hello"), b"hello");
    servant.kill();
    assert_eq!(
        client.receive(&mut [0; 8]).unwrap_err().kind(),
        ErrorKind::BrokenPipe
    );
}

pub(crate) fn role_pipe_servant() {
    let _ = Table::of_process();
    say("ready");
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
    let handle = Handle::from_raw(line.trim().parse().unwrap());
    echo(&end_of(handle));
    wait_for_go();
}
