//! What it costs one server thread that many clients are connected, all of them silent but one, or all of them busy.
//!
//! The server is a process with one thread, which runs a task of tokio for each connection: it answers each message with
//! the same bytes. The measuring process is the active client, or all of them; up to a thousand sit in one process, the
//! others in processes of their own. Every client has had one answer before the clock starts.
//!
//! What the server costs is read from outside, in `/proc`.

use crate::case::{Case, Contender, Task};
use crate::link::{unsupported, Ticket};
use crate::local_socket::{recv_all, send_all};
use crate::measure::{phases, to_f64, warm_up};
use crate::named_pipe;
use crate::process::{self, Peers, Role};
use std::future::Future;
use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tong::pipe::{PipeClient, PipeEnd, PipeServer, PipeType, ReadMode};
use tong::tokio::PipeListener;
use tong::PipeName;

/// Clients in one process at most.
const TOGETHER: usize = 1000;

/// How long a silent server is watched.
const SILENCE: Duration = Duration::from_millis(250);

/// A client's end.
trait Client: Sized {
    /// A name for a server that no other process of the run uses.
    fn place() -> String;
    fn connect(name: &str, case: &Case) -> io::Result<Self>;
    fn send(&mut self, message: &[u8], case: &Case) -> io::Result<()>;
    fn recv(&mut self, buf: &mut [u8]) -> io::Result<()>;
}

/// Seconds per message, processor seconds per second, or bytes per client.
pub(crate) fn sample(case: &Case, server_processors: &[usize]) -> io::Result<f64> {
    match case.contender {
        Contender::TokioStream => sample_clients::<UnixStream>(case, server_processors),
        Contender::TokioPipe => sample_clients::<PipeClient>(case, server_processors),
        other => Err(unsupported(other, case.task)),
    }
}

/// The server, or some silent clients.
pub(crate) fn peer(case: &Case, role: Role, ticket: Ticket) -> io::Result<()> {
    let name = ticket.names.first().ok_or(io::ErrorKind::InvalidInput)?;
    match (case.contender, role) {
        (Contender::TokioStream, Role::Server) => serve(serve_streams(name, case.message_len)),
        (Contender::TokioStream, _) => keep_still::<UnixStream>(case, name),
        (Contender::TokioPipe, Role::Server) => serve(serve_pipes(name, case)),
        (Contender::TokioPipe, _) => keep_still::<PipeClient>(case, name),
        (other, _) => Err(unsupported(other, case.task)),
    }
}

fn sample_clients<C: Client>(case: &Case, server_processors: &[usize]) -> io::Result<f64> {
    let name = C::place();
    let ticket = || Ticket {
        fds: Vec::new(),
        names: vec![name.clone()],
    };
    let mut server = Peers::spawn(case, server_processors, vec![(Role::Server, ticket())])?;
    server.ready()?;
    let pid = server.ids().next().ok_or(io::ErrorKind::NotFound)?;
    let before = resident(pid)?;
    let others =
        (0..case.writers.saturating_sub(1) / TOGETHER).map(|_| (Role::Bystanders, ticket()));
    let mut others = Peers::spawn(case, server_processors, others.collect())?;
    others.ready()?;
    let mut buf = vec![8; case.message_len];
    let here = (case.writers - 1) % TOGETHER + 1;
    let mut clients = greeted::<C>(case, &name, here, &mut buf)?;
    match case.task {
        Task::ClientsTurns => turns(case, &mut clients[here - 1], &mut buf),
        Task::ClientsRounds => rounds(case, &mut clients, &mut buf),
        Task::ClientsIdle => idle_load(pid),
        _ => {
            let bytes = resident(pid)?.saturating_sub(before);
            Ok(to_f64(bytes) / to_f64(u64::try_from(case.writers).map_err(io::Error::other)?))
        }
    }
}

/// So many clients, each of which has had its first answer.
fn greeted<C: Client>(case: &Case, name: &str, count: usize, buf: &mut [u8]) -> io::Result<Vec<C>> {
    (0..count)
        .map(|_| {
            let mut client = C::connect(name, case)?;
            client.send(buf, case)?;
            client.recv(buf)?;
            Ok(client)
        })
        .collect()
}

/// A thousand clients of the memory task.
fn keep_still<C: Client>(case: &Case, name: &str) -> io::Result<()> {
    let clients = greeted::<C>(case, name, TOGETHER, &mut vec![9; case.message_len])?;
    process::serve(|_| Ok(()))?;
    drop(clients);
    Ok(())
}

fn turns<C: Client>(case: &Case, client: &mut C, buf: &mut [u8]) -> io::Result<f64> {
    phases(case, |count| {
        let warm = warm_up(count);
        let mut start = Instant::now();
        for done in 0..count {
            if done == warm {
                start = Instant::now();
            }
            client.send(buf, case)?;
            client.recv(buf)?;
        }
        Ok(start.elapsed().as_secs_f64() / to_f64(count - warm))
    })
}

/// The mean time per message and answer if all clients send at once.
fn rounds<C: Client>(case: &Case, clients: &mut [C], buf: &mut [u8]) -> io::Result<f64> {
    let each = u64::try_from(clients.len()).map_err(io::Error::other)?;
    phases(case, |count| {
        let start = Instant::now();
        let rounds = count.div_ceil(each);
        for _ in 0..rounds {
            for client in &mut *clients {
                client.send(buf, case)?;
            }
            for client in &mut *clients {
                client.recv(buf)?;
            }
        }
        Ok(start.elapsed().as_secs_f64() / to_f64(rounds * each))
    })
}

/// The processor time per second that the server takes while nobody says anything.
fn idle_load(pid: u32) -> io::Result<f64> {
    let (start, spent) = (Instant::now(), time_on_processor(pid)?);
    std::thread::sleep(SILENCE);
    let spent = time_on_processor(pid)?.saturating_sub(spent);
    Ok(Duration::from_nanos(spent).as_secs_f64() / start.elapsed().as_secs_f64())
}

/// Nanoseconds that a process with one thread has run.
fn time_on_processor(pid: u32) -> io::Result<u64> {
    number_in(&format!("/proc/{pid}/schedstat"), 0)
}

/// Bytes of memory of a process, shared and private, as the kernel counts them.
fn resident(pid: u32) -> io::Result<u64> {
    let pages = number_in(&format!("/proc/{pid}/statm"), 1)?;
    Ok(pages * u64::try_from(rustix::param::page_size()).map_err(io::Error::other)?)
}

fn number_in(path: &str, index: usize) -> io::Result<u64> {
    let text = std::fs::read_to_string(path)?;
    let number = text.split_ascii_whitespace().nth(index);
    let number = number.and_then(|number| number.parse().ok());
    number.ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// Runs a server in this thread until the measuring process has had enough.
fn serve(server: impl Future<Output = io::Result<()>>) -> io::Result<()> {
    std::thread::spawn(|| {
        // The end of the input, or an error, says the same.
        let _ = io::stdin().read(&mut [0; 64]);
        std::process::exit(0);
    });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    runtime.block_on(server)
}

async fn serve_streams(path: &str, message_len: usize) -> io::Result<()> {
    let listener = tokio::net::UnixListener::bind(path)?;
    println!("ready");
    loop {
        let (mut stream, _) = listener.accept().await?;
        tokio::spawn(async move {
            let mut buf = vec![0; message_len];
            // An error is a client that has left.
            while stream.read_exact(&mut buf).await.is_ok() {
                if stream.write_all(&buf).await.is_err() {
                    return;
                }
            }
        });
    }
}

async fn serve_pipes(name: &str, case: &Case) -> io::Result<()> {
    let mut options = PipeServer::options();
    options
        .pipe_type(PipeType::Message)
        .read_mode(ReadMode::Message);
    let listener = PipeListener::bind(&PipeName::parse(name)?, &options)?;
    println!("ready");
    loop {
        let client = listener.accept().await?;
        let mut buf = vec![0; case.message_len];
        tokio::spawn(async move {
            // An error is a client that has left.
            while let Ok(received) = client.recv(&mut buf).await {
                if client.send(&buf[..received.bytes]).await.is_err() {
                    return;
                }
            }
        });
    }
}

impl Client for PipeClient {
    fn place() -> String {
        named_pipe::unique_name("clients")
    }

    fn connect(name: &str, case: &Case) -> io::Result<Self> {
        named_pipe::open(name, case)
    }

    fn send(&mut self, message: &[u8], _case: &Case) -> io::Result<()> {
        PipeEnd::send(self, message)?;
        Ok(())
    }

    fn recv(&mut self, buf: &mut [u8]) -> io::Result<()> {
        self.receive(buf)?;
        Ok(())
    }
}

impl Client for UnixStream {
    fn place() -> String {
        let path = crate::connect::socket_path("clients");
        path.to_string_lossy().into_owned()
    }

    fn connect(name: &str, _case: &Case) -> io::Result<Self> {
        UnixStream::connect(name)
    }

    fn send(&mut self, message: &[u8], case: &Case) -> io::Result<()> {
        send_all(self, message, case)
    }

    fn recv(&mut self, buf: &mut [u8]) -> io::Result<()> {
        recv_all(self, buf)
    }
}
