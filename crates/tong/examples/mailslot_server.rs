//! Creates a mailslot and prints every message that is written to it, until one says `exit`.
//!
//! ```text
//! cargo run -p tong --example mailslot_server -- box
//! ```
//!
//! Write to it with the example `mailslot_client`, with `tong mailslot write box hello`, or with a C program that opens
//! `\\.\mailslot\box`. Kill it and start it again: the name is free at once.

use std::process::ExitCode;

use tong::{ErrorKind, MailslotName, MailslotServer};

/// No message is longer than this; whoever writes a longer one is told so.
const LONGEST: u32 = 424;

fn main() -> ExitCode {
    let name = std::env::args().nth(1).unwrap_or_else(|| "box".to_owned());
    match serve(&name) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            eprintln!("another server has that name already; see `tong ls`");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(name: &str) -> tong::Result<()> {
    let server = MailslotServer::options()
        .max_message_len(LONGEST)
        .create(&MailslotName::short(name)?)?;
    println!("reading {}", server.name());

    let mut message = [0; LONGEST as usize];
    loop {
        let len = server.recv(&mut message)?;
        let message = &message[..len];
        if message == b"exit" {
            return Ok(());
        }
        let unread = server.info()?.message_count;
        println!(
            "{} ({len} bytes, {unread} more unread)",
            String::from_utf8_lossy(message)
        );
    }
}
