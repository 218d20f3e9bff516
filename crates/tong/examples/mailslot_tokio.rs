//! Awaits the messages of a mailslot beside other work, until one says `exit`.
//!
//! ```text
//! cargo run -p tong --features tokio --example mailslot_tokio -- box
//! ```
//!
//! The receive in the `select!` below is dropped every time the clock ticks first. That loses nothing: a receive takes a
//! message only when it completes.

use std::process::ExitCode;
use std::time::Duration;

use tong::tokio::MailslotServer;
use tong::MailslotName;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let name = std::env::args().nth(1).unwrap_or_else(|| "box".to_owned());
    match serve(&name).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(name: &str) -> tong::Result<()> {
    let server = tong::MailslotServer::create(&MailslotName::short(name)?)?;
    println!("reading {}", server.name());
    let server = MailslotServer::new(server)?;

    let mut clock = tokio::time::interval(Duration::from_secs(5));
    let mut count = 0;
    loop {
        tokio::select! {
            message = server.recv_vec() => {
                let message = message?;
                if message == b"exit" {
                    return Ok(());
                }
                count += 1;
                println!("{}", String::from_utf8_lossy(&message));
            }
            _ = clock.tick() => {
                println!("{count} messages so far, {} writers", server.info()?.writers);
            }
        }
    }
}
