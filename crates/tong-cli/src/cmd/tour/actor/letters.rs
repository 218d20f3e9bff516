//! Those who read and write a mailslot.

use super::{failed, now_ns, orders, report, Did, Event, Order, PATIENCE};
use crate::exit::Failure;
use crate::output;
use tong::{MailslotClient, MailslotName, MailslotServer};

pub(super) fn receive(name: &MailslotName) -> Result<(), Failure> {
    let server = match MailslotServer::create(name) {
        Ok(server) => server,
        Err(error) => return report(failed(&error)),
    };
    report(Did::Create)?;
    for order in orders() {
        match order {
            Order::Read(count) => read(&server, count)?,
            Order::Count => report(match server.info() {
                Ok(info) => Did::Count(info.message_count),
                Err(error) => failed(&error),
            })?,
            Order::Open | Order::Send(_) | Order::Work(_) => {}
        }
    }
    Ok(())
}

/// Reads messages until `count` have come or one fails to.
fn read(server: &MailslotServer, count: usize) -> Result<(), Failure> {
    for _ in 0..count {
        match server.recv_vec(Some(PATIENCE)) {
            Ok(message) => report(Did::Read(String::from_utf8_lossy(&message).into_owned()))?,
            Err(error) => return report(failed(&error)),
        }
    }
    Ok(())
}

pub(super) fn send(name: &MailslotName) -> Result<(), Failure> {
    let mut client = None;
    for order in orders() {
        match (order, &client) {
            (Order::Open, _) => match MailslotClient::open(name) {
                Ok(opened) => {
                    client = Some(opened);
                    report(Did::Open)?;
                }
                Err(error) => report(failed(&error))?,
            },
            (Order::Send(messages), Some(client)) => send_all(client, messages)?,
            _ => {}
        }
    }
    Ok(())
}

/// Sends each message; ends at the first that cannot be sent.
fn send_all(client: &MailslotClient, messages: Vec<String>) -> Result<(), Failure> {
    for message in messages {
        // The time is taken before the write, because the reader may be faster than our return from it.
        let at_ns = now_ns();
        match client.send(message.as_bytes()) {
            Ok(()) => output::print_json(&Event {
                at_ns,
                did: Did::Send(message),
            })?,
            Err(error) => return report(failed(&error)),
        }
    }
    Ok(())
}
