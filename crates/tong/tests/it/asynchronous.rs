//! Mailslots under tokio: awaited reads, on one thread, that lose nothing when they are cancelled (demand S3).

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tong::{ErrorKind, MailslotClient};

use crate::support::{self, Actor, Watchdog};

/// A runtime of the simplest kind, and a mailslot registered with it.
fn server(test: &str) -> (tokio::runtime::Runtime, tong::tokio::MailslotServer) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let server = tong::MailslotServer::create(&support::name(test)).unwrap();
    let server = {
        let _inside = runtime.enter();
        tong::tokio::MailslotServer::new(server).unwrap()
    };
    (runtime, server)
}

#[test]
fn awaited_read_ends_when_another_process_writes() {
    let _watchdog = Watchdog::new("awaited_read", Duration::from_secs(60));
    let (runtime, server) = server("awaited");
    let name = server.get_ref().name().path().to_owned();
    runtime.block_on(async {
        let reading = async {
            let mut buf = [0; 8];
            let len = server.recv(&mut buf).await.unwrap();
            assert_eq!(&buf[..len], b"one");
            assert_eq!(server.recv_vec().await.unwrap(), b"two");
        };
        let writing = tokio::task::spawn_blocking(move || {
            let mut writer = Actor::start("write", &[&name, "one", "two"]);
            writer.expect("written");
            writer
        });
        reading.await;
        writing.await.unwrap().finish();
    });
}

#[test]
fn read_dropped_at_any_await_point_loses_no_message() {
    let _watchdog = Watchdog::new("dropped_read", Duration::from_secs(60));
    let (runtime, server) = server("dropped");
    let client = MailslotClient::open(server.get_ref().name()).unwrap();
    runtime.block_on(async {
        let mut context = Context::from_waker(Waker::noop());
        for number in 0..200u32 {
            let mut buf = [0; 4];
            {
                // Dropped before the message, after it, or once it has been received.
                let mut read = pin!(server.recv(&mut buf));
                assert!(read.as_mut().poll(&mut context).is_pending());
                if number % 3 == 1 {
                    client.send(&number.to_le_bytes()).unwrap();
                }
                if number % 3 == 2 {
                    client.send(&number.to_le_bytes()).unwrap();
                    // The reactor turns, so that the future is woken and dropped all the same.
                    tokio::task::yield_now().await;
                }
            }
            if number % 3 == 0 {
                client.send(&number.to_le_bytes()).unwrap();
            }
            let len = server.recv(&mut buf).await.unwrap();
            assert_eq!((len, u32::from_le_bytes(buf)), (4, number));
        }
        assert_eq!(server.info().unwrap().message_count, 0);
    });
}

#[test]
fn timed_out_reads_leave_later_messages_alone() {
    let _watchdog = Watchdog::new("timed_out_reads", Duration::from_secs(60));
    let (runtime, server) = server("timeout");
    let client = MailslotClient::open(server.get_ref().name()).unwrap();
    runtime.block_on(async {
        for number in 0..20u8 {
            let early = tokio::time::timeout(Duration::from_millis(2), server.recv_vec()).await;
            assert!(early.is_err(), "nothing was written yet");
            client.send(&[number]).unwrap();
            assert_eq!(server.recv_vec().await.unwrap(), [number]);
        }
    });
}

#[test]
fn one_thread_awaits_many_mailslots_and_many_messages() {
    let _watchdog = Watchdog::new("many_mailslots", Duration::from_secs(60));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let servers: Vec<_> = (0..50)
        .map(|number| {
            tong::MailslotServer::create(&support::name(&format!("many-{number}"))).unwrap()
        })
        .collect();
    let clients: Vec<_> = servers
        .iter()
        .map(|server| MailslotClient::open(server.name()).unwrap())
        .collect();
    let writer = std::thread::spawn(move || {
        for number in 0..100u32 {
            for client in &clients {
                client.send(&number.to_le_bytes()).unwrap();
            }
        }
    });
    runtime.block_on(async {
        let mut readers = tokio::task::JoinSet::new();
        for server in servers {
            let server = tong::tokio::MailslotServer::new(server).unwrap();
            readers.spawn(async move {
                for number in 0..100u32 {
                    assert_eq!(server.recv_vec().await.unwrap(), number.to_le_bytes());
                }
            });
        }
        while let Some(read) = readers.join_next().await {
            read.unwrap();
        }
    });
    writer.join().unwrap();
}

#[test]
fn closing_the_mailslot_ends_an_awaited_read() {
    let _watchdog = Watchdog::new("closing_awaited", Duration::from_secs(60));
    let (runtime, server) = server("closed");
    runtime.block_on(async {
        let mut read = pin!(server.recv_vec());
        let mut context = Context::from_waker(Waker::noop());
        assert!(matches!(read.as_mut().poll(&mut context), Poll::Pending));
        server.get_ref().close();
        assert_eq!(read.await.unwrap_err().kind(), ErrorKind::Closed);
    });
}
