//! Opens a mailslot and writes messages to it: its arguments, or else each line of standard input.
//!
//! ```text
//! cargo run -p tong --example mailslot_client -- box hello "how are you?" exit
//! ```
//!
//! A write never waits for the reader: this program can be gone before the first of its messages is read.

use std::io::BufRead;
use std::process::ExitCode;

use tong::{ErrorKind, MailslotClient, MailslotName};

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let name = args.next().unwrap_or_else(|| "box".to_owned());
    match write(&name, args.collect()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn write(name: &str, messages: Vec<String>) -> Result<(), Box<dyn std::error::Error>> {
    let client = MailslotClient::open(&MailslotName::short(name)?)?;
    if messages.is_empty() {
        for line in std::io::stdin().lock().lines() {
            send(&client, &line?)?;
        }
    }
    for message in &messages {
        send(&client, message)?;
    }
    Ok(())
}

/// Sends one message. One that is too long is reported and left out; the next may fit.
fn send(client: &MailslotClient, message: &str) -> tong::Result<()> {
    match client.send(message.as_bytes()) {
        Err(error) if matches!(error.kind(), ErrorKind::MessageTooLong { .. }) => {
            eprintln!("{error}");
            Ok(())
        }
        result => result,
    }
}
