//! The arguments of `tong pipe` and `tong relay`.

use super::{AccessArgs, SEE_EXIT_CODES};
use crate::time;
use clap::Subcommand;
use std::ffi::OsString;
use std::time::Duration;

#[derive(Debug, Subcommand)]
pub(crate) enum PipeCommand {
    /// Create a pipe and serve its clients: with our standard streams, an echo, or a program for each
    ///
    /// Without --echo and --exec one client after the other gets what comes on standard input, and what it writes is
    /// printed. On a pipe that carries messages each line of input is one, and each that is received is printed as a line,
    /// in which control characters and bytes that are not UTF-8 are escapes such as \n and \xff; --json and --raw are exact.
    ///
    /// The pipe lives as long as this command runs; several can serve the same one.
    #[command(after_help = SEE_EXIT_CODES)]
    Serve(ServeArgs),
    /// Open a pipe, and join it with our standard streams
    ///
    /// Ends when the server closes or disconnects the pipe. A pipe cannot be told that our input has ended: then this
    /// ends when the server has read everything and nothing has come back for the time of --linger.
    ///
    /// On a pipe that carries messages each line of input is one, and each that is received is printed as a line, in which
    /// control characters and bytes that are not UTF-8 are escapes such as \n and \xff; --json and --raw are exact.
    #[command(after_help = SEE_EXIT_CODES)]
    Connect(ConnectArgs),
    /// Send one message to a pipe, and print the answer
    #[command(after_help = SEE_EXIT_CODES)]
    Call(CallArgs),
    /// Wait until an instance of a pipe is free for a client
    ///
    /// The instance is not taken, so somebody else may be faster.
    #[command(after_help = SEE_EXIT_CODES)]
    Wait(WaitForArgs),
    /// List the pipes: instances in use, type, direction, unread bytes, the processes at both ends
    #[command(after_help = SEE_EXIT_CODES)]
    Ls(PipeLsArgs),
    /// Show the state of a pipe and of each of its instances
    ///
    /// The pipe is looked at from outside, so this also works when its server hangs.
    #[command(after_help = SEE_EXIT_CODES)]
    Info(PipeInfoArgs),
}

/// How a pipe is created.
#[derive(Debug, clap::Args)]
pub(crate) struct MakePipe {
    /// The pipe that is created carries messages; each keeps its length
    #[arg(short, long, conflicts_with = "byte")]
    pub(crate) message: bool,
    /// The pipe that is created carries bytes (the default)
    #[arg(long)]
    pub(crate) byte: bool,
    /// In each direction of the pipe BYTES may be unread before writers have to wait
    #[arg(long, value_name = "BYTES", default_value_t = 65536)]
    pub(crate) buffer: u32,
    #[command(flatten)]
    pub(crate) access: AccessArgs,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ServeArgs {
    /// The pipe to create: a short name, or a full one such as //./pipe/chat
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) make: MakePipe,
    /// Serve N clients at once; the standard streams still serve one after the other
    #[arg(short, long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=254))]
    pub(crate) instances: u32,
    /// Clients only write
    #[arg(long, conflicts_with_all = ["outbound", "echo", "exec"])]
    pub(crate) inbound: bool,
    /// Clients only read
    #[arg(long, conflicts_with_all = ["echo", "exec"])]
    pub(crate) outbound: bool,
    /// Fail with exit code 5 if the pipe exists already
    #[arg(long)]
    pub(crate) first: bool,
    /// Send back whatever comes
    #[arg(long, conflicts_with = "exec")]
    pub(crate) echo: bool,
    /// Start PROGRAM for each client: what the client writes is its input, what it prints goes back. Messages and lines
    /// correspond, unless --raw is given: then each piece of output, as it is read, is a message. Programs that keep back what they print, such as tr, need stdbuf -oL. Must come last
    #[arg(long, num_args = 1.., allow_hyphen_values = true, value_name = "PROGRAM")]
    pub(crate) exec: Vec<OsString>,
    /// End after N clients have left
    #[arg(short = 'n', long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,
    /// Leave a client that was sent everything and has been quiet for so long; without it, it must leave by itself
    #[arg(long, value_name = "TIME", value_parser = time::duration)]
    pub(crate) linger: Option<Duration>,
    /// An empty message is the end of input, both ways, as in Docker and other Go programs
    #[arg(long, requires = "message")]
    pub(crate) half_close: bool,
    /// Print a line of JSON for each thing that happens: clients that come and go, and what is received
    #[arg(long, conflicts_with = "raw")]
    pub(crate) json: bool,
    /// Print the bytes of messages as they are, with nothing between them
    #[arg(long)]
    pub(crate) raw: bool,
    /// Say nothing but what is received and errors
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ConnectArgs {
    /// The pipe to open: a short name, or a full one such as //./pipe/chat
    pub(crate) name: String,
    /// Wait up to MS milliseconds for the pipe to be created and to have an instance free
    #[arg(short, long, value_name = "MS", value_parser = time::duration)]
    pub(crate) wait: Option<Duration>,
    /// When our input has ended and was read, end after so long without an answer
    #[arg(long, value_name = "TIME", value_parser = time::duration, default_value = "1s")]
    pub(crate) linger: Duration,
    /// An empty message is the end of input, both ways, as in Docker and other Go programs
    #[arg(long)]
    pub(crate) half_close: bool,
    /// Print each message as a line of JSON: number, time, bytes, and message or base64
    #[arg(long, conflicts_with = "raw")]
    pub(crate) json: bool,
    /// Take each piece of input for a message, and print messages with nothing between them
    #[arg(long)]
    pub(crate) raw: bool,
    /// Say nothing but what is received and errors
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct CallArgs {
    /// The pipe to call: a short name, or a full one such as //./pipe/chat
    pub(crate) name: String,
    /// The message; without it, all of standard input is the message
    pub(crate) message: Option<OsString>,
    /// Wait at most MS milliseconds for an instance and the answer, then end with exit code 6
    #[arg(short, long, value_name = "MS", value_parser = time::duration)]
    pub(crate) timeout: Option<Duration>,
    /// Write text as UTF-16, and take the answer for that, as programs built with UNICODE do
    #[arg(long, conflicts_with = "raw")]
    pub(crate) utf16: bool,
    /// Print one JSON object: bytes, and message or base64
    #[arg(long, conflicts_with = "raw")]
    pub(crate) json: bool,
    /// Print the bytes of the answer as they are, without a line feed
    #[arg(long)]
    pub(crate) raw: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct WaitForArgs {
    /// The pipe: a short name, or a full one such as //./pipe/chat
    pub(crate) name: String,
    /// Wait for at most this long, then end with exit code 6; without it, for ever
    #[arg(short, long, value_name = "MS", value_parser = time::duration)]
    pub(crate) timeout: Option<Duration>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct PipeLsArgs {
    /// Print one JSON object a line
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct PipeInfoArgs {
    /// The pipe: a short name, or a full one such as //./pipe/chat
    pub(crate) name: String,
    /// Print one JSON object, as tong pipe ls does
    #[arg(long)]
    pub(crate) json: bool,
}

pub(super) const RELAY_ENDS: &str = "\
Ends:
  pipe:NAME            opens a pipe as a client
  pipe-listen:NAME     creates a pipe, and waits for a client
  mailslot:NAME        as A, creates a mailslot and reads it; as B, writes to one
  unix:PATH            connects to a Unix socket; unix:@NAME to an abstract one
  unix-listen:PATH     makes one that only this user can open, and waits for a client
  tcp:HOST:PORT        connects to a TCP port
  tcp-listen:PORT      waits for a client from this machine; ADDRESS:PORT also from others
  stdio, or -          our standard streams
  exec:PROGRAM ARGS    starts a program, for its input and output; quotes keep blanks together
  fifo:PATH            as A, reads a FIFO; as B, writes to one

Examples:
  tong relay --many unix-listen:/tmp/agent.sock pipe:openssh-ssh-agent
  tong relay --many tcp-listen:8080 pipe:web
  tong relay mailslot:log exec:'tee -a log.txt' --lines
  tong relay --many pipe-listen:x unix:/tmp/CoreFxPipe_x

The last reaches a pipe called x of a .NET program, which on Linux is a Unix socket of that name that carries bytes.

Messages between pipes and mailslots stay as they are. Exit codes: see tong --help, or tong(1).";

#[derive(Debug, clap::Args)]
pub(crate) struct RelayArgs {
    /// One end, such as unix-listen:/tmp/x.sock
    #[arg(value_name = "A")]
    pub(crate) near: OsString,
    /// The other end, such as pipe:x
    #[arg(value_name = "B")]
    pub(crate) far: OsString,
    /// Go on after the first client of A: each gets a connection to B of its own, many at once
    #[arg(long, visible_alias = "fork")]
    pub(crate) many: bool,
    /// Try for up to MS milliseconds to open what is not there yet
    #[arg(short, long, value_name = "MS", value_parser = time::duration)]
    pub(crate) wait: Option<Duration>,
    /// When one side has sent all, and the other cannot be told so (a pipe), end after so long without an answer
    #[arg(long, value_name = "TIME", value_parser = time::duration, default_value = "1s")]
    pub(crate) linger: Duration,
    /// Between messages and bytes, each line is a message; without it, each piece as it is read
    #[arg(short, long)]
    pub(crate) lines: bool,
    /// An empty message is the end of a direction, as in Docker and other Go programs
    #[arg(long)]
    pub(crate) half_close: bool,
    #[command(flatten)]
    pub(crate) make: MakePipe,
    /// Print one JSON object at the end: both ends, connections, and bytes and chunks both ways
    ///
    /// It goes to standard error if one of the ends is stdio.
    #[arg(long)]
    pub(crate) json: bool,
    /// Show neither the rate nor who comes and goes
    #[arg(short, long)]
    pub(crate) quiet: bool,
}
