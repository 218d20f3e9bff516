//! Sends messages through a pipe and waits for each answer: `cargo run --release --example pipe_client -- 100000`.

use std::time::Instant;

use tong::pipe::{Modes, PipeClient, ReadMode};
use tong::PipeName;

fn main() -> tong::Result<()> {
    let rounds: u32 = std::env::args()
        .nth(1)
        .and_then(|number| number.parse().ok())
        .unwrap_or(3);
    let client = PipeClient::open(&PipeName::short("echo")?)?;
    client.set_modes(Modes {
        read: ReadMode::Message,
        nowait: false,
    })?;
    let (request, mut answer) = ([7; 64], [0; 64]);
    let started = Instant::now();
    for _ in 0..rounds {
        let received = client.transact(&request, &mut answer)?;
        assert_eq!(answer[..received.bytes], request);
    }
    println!("{rounds} answers, {:?} each", started.elapsed() / rounds);
    Ok(())
}
