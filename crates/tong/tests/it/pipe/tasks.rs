//! Pipes under tokio: many connections on one thread, nothing lost when a future is dropped (demand S3).

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tong::pipe::{PipeClient, ReadMode};
use tong::tokio::{PipeListener, PipeStream};
use tong::{ErrorKind, PipeName};

use super::{bytes, messages, name, with_quota, LIMIT};
use crate::support::{args, pattern, say, wait_for_go, works, Actor, Watchdog};

/// A runtime of the simplest kind: all tasks on this thread.
fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

/// Polls once, as a runtime would, and drops the future.
fn poll_once<T>(future: impl Future<Output = T>) -> Poll<T> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

async fn message_client(name: &PipeName) -> PipeStream {
    let mut options = PipeClient::options();
    options.read_mode(ReadMode::Message);
    loop {
        match PipeStream::connect_with(name, &options) {
            Err(error) if error.kind() == ErrorKind::PipeBusy => tokio::task::yield_now().await,
            connected => return connected.unwrap(),
        }
    }
}

#[test]
fn bytes_flow_both_ways_at_once() {
    const LEN: usize = 4 << 20;
    let _watchdog = Watchdog::new("bytes_flow_both_ways_at_once", LIMIT);
    let name = name("tasks-bytes");
    runtime().block_on(async {
        let listener = PipeListener::bind(&name, &bytes()).unwrap();
        let client = PipeStream::connect(&name).unwrap();
        let server = listener.accept().await.unwrap();
        let sent = pattern(LEN);
        let move_bytes = |stream: PipeStream| {
            let sent = sent.clone();
            async move {
                let (mut reader, mut writer) = tokio::io::split(stream);
                let mut got = vec![0; LEN];
                let (read, written) =
                    tokio::join!(reader.read_exact(&mut got), writer.write_all(&sent));
                read.unwrap();
                written.unwrap();
                assert!(got == sent);
                writer.shutdown().await.unwrap();
                // Both halves live until the other end has read everything.
                reader.unsplit(writer)
            }
        };
        let (client, server) = tokio::join!(move_bytes(client), move_bytes(server));
        drop(client);
        let mut server = server;
        assert_eq!(server.read(&mut [0; 8]).await.unwrap(), 0, "the end");
    });
}

/// P11.6, P17.1: messages keep their borders, and a transaction is awaited.
#[test]
fn messages_are_awaited_one_by_one() {
    let _watchdog = Watchdog::new("messages_are_awaited_one_by_one", LIMIT);
    let name = name("tasks-messages");
    runtime().block_on(async {
        let listener = PipeListener::bind(&name, &messages()).unwrap();
        let serving = async {
            let client = listener.accept().await.unwrap();
            let mut request = [0; 4];
            let first = client.recv(&mut request).await.unwrap();
            assert_eq!((first.bytes, first.more), (4, true));
            let rest = client.recv(&mut request).await.unwrap();
            assert_eq!((&request[..rest.bytes], rest.more), (&b"ion"[..], false));
            client.send(b"answer").await.unwrap();
            client.flush_read().await.unwrap();
            assert_eq!(
                client.recv(&mut request).await.unwrap_err().kind(),
                ErrorKind::BrokenPipe
            );
        };
        let asking = async {
            let client = message_client(&name).await;
            let mut answer = [0; 16];
            let received = client.transact(b"quesion", &mut answer).await.unwrap();
            assert_eq!(&answer[..received.bytes], b"answer");
        };
        tokio::join!(serving, asking);
    });
}

/// P13.3: a send waits for its quota, and one that is dropped meanwhile has sent nothing.
#[test]
fn futures_dropped_while_they_wait_have_taken_and_sent_nothing() {
    let _watchdog = Watchdog::new("futures_dropped", LIMIT);
    let name = name("tasks-dropped");
    runtime().block_on(async {
        let listener = PipeListener::bind(&name, &with_quota(messages(), 10)).unwrap();
        assert!(poll_once(listener.accept()).is_pending());
        let client = message_client(&name).await;
        let server = listener.accept().await.unwrap();
        assert!(poll_once(server.recv(&mut [0; 8])).is_pending());
        client.send(b"12345678").await.unwrap();
        assert!(poll_once(client.send(b"too much")).is_pending());
        let mut buf = [0; 16];
        for _ in 0..3 {
            assert_eq!(server.peek(&mut buf).unwrap().available, 8);
        }
        let sending = client.send(b"in time");
        let reading = async {
            tokio::task::yield_now().await;
            assert_eq!(server.recv(&mut buf).await.unwrap().bytes, 8);
            assert_eq!(server.recv(&mut buf).await.unwrap().bytes, 7);
        };
        let (sent, ()) = tokio::join!(sending, reading);
        sent.unwrap();
        assert!(poll_once(server.recv(&mut buf)).is_pending());
    });
}

/// A message that is larger than the quota waits until nothing is unread, and then goes.
#[test]
fn message_beyond_the_quota_goes_when_the_queue_is_empty() {
    let _watchdog = Watchdog::new("message_beyond_the_quota", LIMIT);
    let name = name("tasks-large");
    runtime().block_on(async {
        let listener = PipeListener::bind(&name, &with_quota(messages(), 10)).unwrap();
        let client = message_client(&name).await;
        let server = listener.accept().await.unwrap();
        client.send(b"x").await.unwrap();
        let large = pattern(1 << 20);
        let mut buf = vec![0; 1 << 20];
        let reading = async {
            assert_eq!(server.recv(&mut buf).await.unwrap().bytes, 1);
            assert_eq!(server.recv(&mut buf).await.unwrap().bytes, 1 << 20);
        };
        let (sent, ()) = tokio::join!(client.send(&large), reading);
        sent.unwrap();
        assert!(buf == large);
    });
}

/// P9.1: a client that is disconnected while it waits is told so.
#[test]
fn disconnected_task_is_told() {
    let _watchdog = Watchdog::new("disconnected_task_is_told", LIMIT);
    let name = name("tasks-disconnect");
    let server = messages().create(&name).unwrap();
    runtime().block_on(async {
        let client = message_client(&name).await;
        server.peek(&mut []).unwrap();
        let mut buf = [0; 8];
        let waiting = client.recv(&mut buf);
        let throwing = async {
            tokio::task::yield_now().await;
            server.disconnect().unwrap();
        };
        let (received, ()) = tokio::join!(waiting, throwing);
        assert_eq!(received.unwrap_err().kind(), ErrorKind::NotConnected);
    });
}

/// A thread that blocks at the other end is served like a task.
#[test]
fn blocking_client_of_a_listening_task() {
    let _watchdog = Watchdog::new("blocking_client_of_a_listening_task", LIMIT);
    let name = name("tasks-and-threads");
    runtime().block_on(async {
        let listener = PipeListener::bind(&name, &messages()).unwrap();
        let asking = tokio::task::spawn_blocking(move || {
            let client = PipeClient::options()
                .read_mode(ReadMode::Message)
                .open(&name)
                .unwrap();
            for number in 0..1000u32 {
                let mut answer = [0; 4];
                client.transact(&number.to_le_bytes(), &mut answer).unwrap();
                assert_eq!(answer, number.to_le_bytes());
            }
        });
        let server = listener.accept().await.unwrap();
        let mut buf = [0; 4];
        while let Ok(received) = server.recv(&mut buf).await {
            server.send(&buf[..received.bytes]).await.unwrap();
        }
        asking.await.unwrap();
    });
}

/// Clients that one process of the test has.
const CROWD: usize = 1000;

/// 10,000 clients of ten processes are served by one thread, and an idle one costs it less than 16 KiB.
#[test]
fn ten_thousand_clients_are_served_by_one_thread() {
    let _watchdog = Watchdog::new("ten_thousand_clients", Duration::from_secs(300));
    // As many descriptors as the system allows without a privilege.
    let launcher = ["sh", "-c", "ulimit -n $(ulimit -Hn) && exec \"$0\" \"$@\""];
    let enough = ["sh", "-c", "test $(ulimit -Hn) -gt 10200"];
    let crowds = if works(&enough) { 10 } else { 1 };
    if crowds < 10 {
        crate::support::skip(
            "ten_thousand_clients_are_served_by_one_thread",
            "10,000 descriptors are not allowed here; 1,000 clients are tried instead",
        );
    }
    let name = name("tasks-crowd");
    let mut server = Actor::start_by(&launcher, "pipe_task_server", &[name.path()]);
    server.expect("listening");
    let mut clients: Vec<Actor> = (0..crowds)
        .map(|_| Actor::start_by(&launcher, "pipe_task_crowd", &[name.path()]))
        .collect();
    for client in &mut clients {
        client.expect("all answered");
    }
    server.go();
    let line = server.line();
    let [clients_seen, idle_bytes, descriptors] = line
        .split(' ')
        .map(|number| number.parse::<usize>().unwrap())
        .collect::<Vec<_>>()[..]
    else {
        panic!("{line}");
    };
    eprintln!("{clients_seen} clients: {idle_bytes} bytes and {descriptors} hundredths of a descriptor for each");
    assert_eq!(clients_seen, crowds * CROWD);
    assert!(idle_bytes < 16 << 10);
    for client in &mut clients {
        client.go();
        client.expect("all answered again");
        client.finish();
    }
    server.go();
    server.expect("nobody left");
    server.finish();
}

/// Answers clients on one thread, and says how many there are and what each costs.
pub(crate) fn role_pipe_task_server() {
    let name = PipeName::short(&args()[0]).unwrap();
    let before = resident();
    let count = std::rc::Rc::new(std::cell::Cell::new((0usize, 0usize)));
    let runtime = runtime();
    let tasks = tokio::task::LocalSet::new();
    let (told, asked) = tokio::sync::oneshot::channel();
    let seen = count.clone();
    let serving = tasks.run_until(async move {
        let listener = PipeListener::bind_with_backlog(&name, &messages(), 64).unwrap();
        say("listening");
        std::thread::spawn(move || {
            wait_for_go();
            let _ = told.send(());
        });
        let mut asked = pin!(asked);
        loop {
            let client = tokio::select! {
                client = listener.accept() => client.unwrap(),
                _ = &mut asked => break,
            };
            seen.set((seen.get().0 + 1, seen.get().1 + 1));
            let seen = seen.clone();
            tokio::task::spawn_local(async move {
                let mut buf = [0; 64];
                while let Ok(received) = client.recv(&mut buf).await {
                    client.send(&buf[..received.bytes]).await.unwrap();
                }
                seen.set((seen.get().0, seen.get().1 - 1));
            });
        }
        let clients = seen.get().0;
        let idle = (resident() - before) / clients;
        let descriptors = crate::support::open_descriptors() * 100 / clients;
        say(&format!("{clients} {idle} {descriptors}"));
        let (told, asked) = tokio::sync::oneshot::channel();
        std::thread::spawn(move || {
            wait_for_go();
            let _ = told.send(());
        });
        let _ = asked.await;
        while seen.get().1 > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        say("nobody left");
    });
    runtime.block_on(serving);
}

/// Opens many clients and asks by each of them, twice.
pub(crate) fn role_pipe_task_crowd() {
    let name = PipeName::short(&args()[0]).unwrap();
    runtime().block_on(async {
        let mut clients = Vec::new();
        for _ in 0..CROWD {
            clients.push(message_client(&name).await);
        }
        ask_all(&clients).await;
        say("all answered");
        wait_for_go();
        ask_all(&clients).await;
        say("all answered again");
        wait_for_go();
    });
}

async fn ask_all(clients: &[PipeStream]) {
    for (number, client) in clients.iter().enumerate() {
        let mut answer = [0; 64];
        let request = number.to_le_bytes();
        let received = client.transact(&request, &mut answer).await.unwrap();
        assert_eq!(answer[..received.bytes], request);
    }
}

/// Bytes of memory that this process has, shared ones included.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    let kib: usize = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kib << 10
}
