//! The command line: every command and flag, defined once.
//!
//! Help, completions and man pages are made from these definitions.

mod doctor;
mod graph;
mod kp;
mod lp;
mod objects;
mod pipe;
mod program;
mod prompt;
mod top;

pub(crate) use doctor::DoctorArgs;
pub(crate) use graph::{Format, GraphArgs};
pub(crate) use kp::KpArgs;
pub(crate) use lp::{LpArgs, SortKey};
pub(crate) use objects::{
    ActArgs, AwaitArgs, CreateEvent, CreateMutex, CreateSemaphore, CreateTimer, EventCommand,
    HoldArgs, KeepArgs, LookArgs, MakeArgs, MutexCommand, ReleaseArgs, SemaphoreCommand, SetTimer,
    TimerCommand,
};
pub(crate) use pipe::{
    CallArgs, ConnectArgs, MakePipe, PipeCommand, PipeInfoArgs, PipeLsArgs, RelayArgs, ServeArgs,
    WaitForArgs,
};
pub(crate) use program::{HandlesArgs, RunArgs, WaitArgs};
pub(crate) use prompt::{PromptArgs, PromptBuiltinArgs};
pub(crate) use top::{Pane, TopArgs};

use crate::{exit, time};
use clap::{Parser, Subcommand};
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

const ABOUT: &str = "Windows inter-process communication as a native, daemonless Linux library";

const LONG_ABOUT: &str = "\
Windows inter-process communication as a native, daemonless Linux library.

This command makes and uses the objects of the library at the prompt and in scripts. Programs that use the library, \
from Rust or C, see the same objects.";

const SEE_EXIT_CODES: &str = "Exit codes and names: see tong --help, or tong(1).";

/// What the end of `tong --help` says.
fn after_help() -> String {
    let codes = exit::table();
    format!(
        "\
Names:
  A short name such as box stands for \\\\.\\mailslot\\box, or \\\\.\\pipe\\box. Full names may be
  written with slashes, //./pipe/box, because shells eat backslashes. Case does not matter.
  Events, mutexes, semaphores and timers share one space of plain names such as ready, in which
  case matters. A name in the machine-wide directory is written 'Global\\NAME', in quotes.

Times:
  Milliseconds, or numbers with units: 500ms, 1.5s, 1m30s, 2h.

{codes}
Environment:
  TONG_DIR         the directory that holds the names (made with mode 0700 if missing)
  XDG_RUNTIME_DIR  without TONG_DIR, its subdirectory tong; without both, /dev/shm/tong-UID
  TONG_GLOBAL_DIR  the machine-wide directory (without it, /run/tong)
  NO_COLOR         if set and not empty, no colours

Try:
  tong tour                        processes talk, wait and die before your eyes
  tong mailslot read box           in one terminal
  tong mailslot write box hello    in another
  tong pipe serve chat --echo      in one terminal
  tong pipe connect chat           in another
  tong mutex hold build -- make    one at a time
  tong wait event:ready pid:1234   whichever comes first"
    )
}

/// The command line.
#[derive(Debug, Parser)]
#[command(name = "tong", version, about = ABOUT, long_about = LONG_ABOUT, after_help = after_help())]
#[command(
    arg_required_else_help = true,
    disable_help_subcommand = true,
    max_term_width = 100
)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Create, write to and look at mailslots
    #[command(subcommand)]
    Mailslot(MailslotCommand),
    /// Serve, open, call, wait for and list pipes
    #[command(subcommand)]
    Pipe(PipeCommand),
    /// Join two ends: pipes, mailslots, sockets, FIFOs, programs, our standard streams
    ///
    /// What comes out of A goes into B, and back where both can. On a terminal the rate is shown.
    #[command(after_help = pipe::RELAY_ENDS)]
    Relay(RelayArgs),
    /// Create, signal, clear, wait for and look at events
    #[command(subcommand)]
    Event(EventCommand),
    /// Create, hold and look at mutexes
    #[command(subcommand)]
    Mutex(MutexCommand),
    /// Create, acquire, release and look at semaphores
    #[command(subcommand)]
    Semaphore(SemaphoreCommand),
    /// Create, set, stop, wait for and look at timers
    #[command(subcommand)]
    Timer(TimerCommand),
    /// Wait for any or all of several objects
    ///
    /// Prints the object that ended the wait. Several kinds can be mixed. All objects must exist. With --all nothing is
    /// taken until all can be taken together.
    #[command(after_help = program::WAIT_CODES)]
    Wait(WaitArgs),
    /// Start a program, wait for it, and tell its 32-bit exit code
    ///
    /// The program is found as a shell finds it. It gets the standard streams of this command, and no other descriptor
    /// unless it uses tong. Ctrl-C reaches the program and not this command; other requests to end are passed on to it.
    #[command(after_help = program::RUN_CODES)]
    Run(RunArgs),
    /// Work at a prompt that starts programs as Windows does: handles inherit, exit codes have 32 bits
    ///
    /// At a terminal it reads what a person enters; otherwise it runs a text, a file, or what comes on standard input. Ctrl-C
    /// ends what runs and not the prompt. If the prompt itself is killed, no program of a pipeline in the foreground stays
    /// behind; what runs in the background does.
    #[command(after_help = prompt::AFTER_HELP)]
    Prompt(PromptArgs),
    /// Ends a pipeline of the prompt if that is killed
    #[command(hide = true)]
    PromptKeeper,
    /// A built-in of the prompt as a process of its own
    #[command(hide = true)]
    PromptBuiltin(PromptBuiltinArgs),
    /// List the running processes, as a table or a tree
    #[command(after_help = lp::MORE)]
    Lp(LpArgs),
    /// End processes, by id or by name, and tell what happened
    #[command(after_help = kp::MORE)]
    Kp(KpArgs),
    /// Watch the objects, the processes and who waits on whom, live
    ///
    /// Objects with state, owner, waiters, queues and rates; processes with their handles; threads that wait, deadlocks in
    /// red. Nothing is asked of the programs that are watched. Without a terminal, tables are printed one after the other.
    #[command(after_help = top::TOP_KEYS)]
    Top(TopArgs),
    /// Draw the namespace: processes, handles, objects, who waits on what
    ///
    /// For documentation and for bug reports. Everything is looked at from outside, so processes that hang are drawn too.
    #[command(after_help = graph::GRAPH)]
    Graph(GraphArgs),
    /// Check what tong needs of this machine, and say what to do about each finding
    ///
    /// Looks at the kernel, limits, the namespace, the machine-wide directory, containers, what crashes left over, and
    /// processors. What can be tried is tried for real, in a process of its own. Nothing is made or changed: a namespace
    /// that does not exist yet still does not exist afterwards.
    #[command(after_help = doctor::DOCTOR)]
    Doctor(DoctorArgs),
    /// List the objects: kind, name, state, owner, who waits, who has it open
    Ls(LsArgs),
    /// Show the handles of a process: value, kind, name, rights, flags
    ///
    /// The table is read from outside, so this also works when the process hangs. Only programs that use tong have one,
    /// and only processes of the same user can be looked into. A handle that another process put into the table shows as
    /// soon as its own process uses any handle.
    #[command(after_help = SEE_EXIT_CODES)]
    Handles(HandlesArgs),
    /// Remove what crashed programs left behind, and say what it was
    ///
    /// Normally there is nothing: whoever uses a name next cleans up after its dead owner. Files that are not tong's
    /// are named, but never removed.
    Gc(GcArgs),
    /// Set up the machine-wide directory for names that users share
    #[command(subcommand)]
    Global(GlobalCommand),
    /// Print a completion script for a shell
    Completions(CompletionsArgs),
    /// Print the manual page, or write all manual pages to a directory
    Man(ManArgs),
    /// Watch real processes talk, wait for each other, die, and leave nothing behind
    ///
    /// A scene for each thing that tong can do, in less than a minute. The processes of a scene live in a namespace of
    /// their own. What they do is checked on the way, and summed up at the end; the exit code is 1 if anything is not as it
    /// should be. At a terminal the space bar, Enter, n and the right arrow go on with the next scene, q ends the tour.
    Tour(TourArgs),
    /// A process of the tour
    #[command(hide = true)]
    TourActor(ActorArgs),
}

#[derive(Debug, Subcommand)]
pub(crate) enum MailslotCommand {
    /// Create a mailslot and print what is written to it, one message a line
    ///
    /// The mailslot lives as long as this command runs. In plain output, control characters and bytes that are not
    /// UTF-8 are shown as escapes such as \n and \xff; --json and --raw are exact. A message that is taken from the
    /// queue is printed at once.
    #[command(after_help = SEE_EXIT_CODES)]
    Read(ReadArgs),
    /// Write messages to a mailslot: each argument, or each line of standard input
    ///
    /// A write never waits for the reader: messages are queued, and stay queued after this command ended. If the
    /// queue is full, nothing of that message is queued, and the exit code is 7.
    #[command(after_help = SEE_EXIT_CODES)]
    Write(WriteArgs),
    /// Show the state of a mailslot
    ///
    /// The mailslot is looked at from outside, so this also works when its owner hangs.
    #[command(after_help = SEE_EXIT_CODES)]
    Info(InfoArgs),
}

#[derive(Debug, Subcommand)]
pub(crate) enum GlobalCommand {
    /// Make the machine-wide directory (once, as an administrator)
    Init,
}

/// Who may open what is created.
#[derive(Debug, clap::Args)]
pub(crate) struct AccessArgs {
    /// Every user of the machine may open it, in the machine-wide directory
    #[arg(long, conflicts_with = "group")]
    pub(crate) everyone: bool,
    /// Members of the group with this id may open it, in the machine-wide directory
    #[arg(long, value_name = "GID")]
    pub(crate) group: Option<u32>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ReadArgs {
    /// The mailslot to create: a short name, or a full one such as //./mailslot/box
    pub(crate) name: String,
    /// End after N messages
    #[arg(short = 'n', long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,
    /// Wait at most MS milliseconds for each message, then end with exit code 6
    #[arg(short, long, value_name = "MS", value_parser = time::duration)]
    pub(crate) timeout: Option<Duration>,
    /// Let writers write messages of at most BYTES (0: of any size)
    #[arg(short, long, value_name = "BYTES", default_value_t = 0)]
    pub(crate) max_message: u32,
    /// Let each writer have at most BYTES unread in the queue (without it, 64 MiB)
    #[arg(long, value_name = "BYTES")]
    pub(crate) quota: Option<u64>,
    #[command(flatten)]
    pub(crate) access: AccessArgs,
    /// Print each message as a line of JSON: number, time, bytes, and message or base64
    #[arg(long, conflicts_with = "raw")]
    pub(crate) json: bool,
    /// Print the bytes of the messages as they are, with nothing between them
    #[arg(long)]
    pub(crate) raw: bool,
    /// Take the messages for UTF-16 text, as programs built with UNICODE write them
    #[arg(long, conflicts_with = "raw")]
    pub(crate) utf16: bool,
    /// Say nothing but the messages and errors
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct WriteArgs {
    /// The mailslot to write to: a short name, or a full one such as //./mailslot/box
    pub(crate) name: String,
    /// The messages; without any, they come from standard input
    #[arg(value_name = "MESSAGE")]
    pub(crate) messages: Vec<OsString>,
    /// Messages on standard input end with a NUL byte instead of a line feed
    #[arg(short = '0', long, conflicts_with_all = ["messages", "whole"])]
    pub(crate) null: bool,
    /// All of standard input is one message
    #[arg(long, conflicts_with = "messages")]
    pub(crate) whole: bool,
    /// Write text as UTF-16, as programs built with UNICODE read it
    #[arg(long)]
    pub(crate) utf16: bool,
    /// Wait up to MS milliseconds for the mailslot to be created
    #[arg(short, long, value_name = "MS", value_parser = time::duration)]
    pub(crate) wait: Option<Duration>,
    /// Say nothing but errors
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct InfoArgs {
    /// The mailslot: a short name, or a full one such as //./mailslot/box
    pub(crate) name: String,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct LsArgs {
    /// Print one JSON object a line
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct GcArgs {
    /// Only say what would be removed
    #[arg(short = 'n', long)]
    pub(crate) dry_run: bool,
    /// Print one JSON object a line
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    pub(crate) shell: clap_complete::Shell,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ManArgs {
    /// Write a page for each command into this directory, which is made if missing
    pub(crate) dir: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct TourArgs {
    /// One line of text for each thing that happens, without lanes, colours and keys
    #[arg(long)]
    pub(crate) plain: bool,
    /// No pauses
    #[arg(long)]
    pub(crate) fast: bool,
    /// List the scenes: number, name, what they are about
    #[arg(short, long)]
    pub(crate) list: bool,
    /// Play only these scenes, given by number, name or the beginning of a name
    #[arg(short, long, value_name = "SCENE,...", value_delimiter = ',')]
    pub(crate) only: Vec<String>,
    /// Leave these scenes out
    #[arg(short, long, value_name = "SCENE,...", value_delimiter = ',')]
    pub(crate) skip: Vec<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ActorArgs {
    #[arg(value_enum)]
    pub(crate) role: Role,
    /// What the role works on: the mailslot's name, the directory to remove, the range to add up, the variable
    pub(crate) subject: OsString,
}

/// What a process of the tour does.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum Role {
    /// Creates the mailslot and reads when told to.
    Receiver,
    /// Opens the mailslot and sends what it is told to.
    Sender,
    /// Removes the tour's directory when the tour is over, however it ended.
    Broom,
    /// Uses objects of all kinds as it is told to.
    Worker,
    /// Adds up a range of numbers; the sum is its exit code.
    Adder,
    /// Does nothing until the one who started it ends.
    Sitter,
    /// Joins two ends until the one who started it ends.
    Relay,
    /// Says what it knows of a variable of its environment.
    Mood,
    /// Uses the handles that it was given.
    Guest,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn definitions_do_not_contradict_each_other() {
        Args::command().debug_assert();
    }
}
