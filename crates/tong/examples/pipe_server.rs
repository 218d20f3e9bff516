//! Serves a pipe of messages: answers each with the same bytes, one client after the other.
//!
//! `cargo run --example pipe_server`, and in another terminal `cargo run --example pipe_client`.

use tong::pipe::{PipeServer, PipeType, ReadMode};
use tong::{ErrorKind, PipeName};

fn main() -> tong::Result<()> {
    let server = PipeServer::options()
        .pipe_type(PipeType::Message)
        .read_mode(ReadMode::Message)
        .create(&PipeName::short("echo")?)?;
    println!("waiting for clients of {}", server.name().full());
    loop {
        match server.connect() {
            Ok(()) => {}
            // It is here already, or was: what it wrote before it went is served all the same.
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::PipeConnected | ErrorKind::PipeClosing
                ) => {}
            Err(error) => return Err(error),
        }
        println!("process {} came", server.client_process_id()?);
        if let Err(error) = serve(&server) {
            println!("{error}");
        }
        server.disconnect()?;
    }
}

/// Answers until the client closes.
fn serve(server: &PipeServer) -> tong::Result<()> {
    let mut request = vec![0; 64 << 10];
    loop {
        match server.receive(&mut request) {
            Ok(received) => server.send(&request[..received.bytes])?,
            Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(()),
            Err(error) => return Err(error),
        };
    }
}
