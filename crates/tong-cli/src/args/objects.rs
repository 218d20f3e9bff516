//! The arguments of `tong event`, `tong mutex`, `tong semaphore` and `tong timer`.

use super::SEE_EXIT_CODES;
use crate::time;
use clap::Subcommand;
use std::ffi::OsString;
use std::time::Duration;
use tong::Due;

#[derive(Debug, Subcommand)]
pub(crate) enum EventCommand {
    /// Create an event and keep it
    ///
    /// An object lives as long as a process has it open. This command keeps it until Ctrl-C (or SIGTERM), until
    /// PROGRAM ends, until the time of --hold has passed, or, if standard input is a pipe, until that ends. Programs that
    /// opened it meanwhile keep it after that. If the event exists already it is opened as it is.
    #[command(after_help = SEE_EXIT_CODES)]
    Create(CreateEvent),
    /// Signal an event: releases who waits
    #[command(after_help = SEE_EXIT_CODES)]
    Set(ActArgs),
    /// Clear an event
    #[command(after_help = SEE_EXIT_CODES)]
    Reset(ActArgs),
    /// Release those who wait at this moment, and clear the event
    #[command(after_help = SEE_EXIT_CODES)]
    Pulse(ActArgs),
    /// Wait until an event is signaled; resets an auto event
    #[command(after_help = SEE_EXIT_CODES)]
    Wait(AwaitArgs),
    /// Show the state of an event
    #[command(after_help = SEE_EXIT_CODES)]
    Info(LookArgs),
}

#[derive(Debug, Subcommand)]
pub(crate) enum MutexCommand {
    /// Create a mutex, which nobody owns, and keep it
    ///
    /// An object lives as long as a process has it open. This command keeps it until Ctrl-C (or SIGTERM), until
    /// PROGRAM ends, until the time of --hold has passed, or, if standard input is a pipe, until that ends.
    #[command(after_help = SEE_EXIT_CODES)]
    Create(CreateMutex),
    /// Acquire a mutex, run PROGRAM or wait, and release it
    ///
    /// Makes the mutex if there is none. Without PROGRAM it is held until Ctrl-C (or SIGTERM), until the time of --hold
    /// has passed, or, if standard input is a pipe, until that ends. With PROGRAM, this command ends as tong run does.
    ///
    /// If the last owner ended without releasing the mutex, this says so (abandoned): what the mutex guards may be
    /// half-changed. Without PROGRAM the exit code is 10 then.
    #[command(after_help = SEE_EXIT_CODES)]
    Hold(HoldArgs),
    /// Show the state of a mutex, its owner, and who waits
    #[command(after_help = SEE_EXIT_CODES)]
    Info(LookArgs),
}

#[derive(Debug, Subcommand)]
pub(crate) enum SemaphoreCommand {
    /// Create a semaphore and keep it
    ///
    /// An object lives as long as a process has it open. This command keeps it until Ctrl-C (or SIGTERM), until
    /// PROGRAM ends, until the time of --hold has passed, or, if standard input is a pipe, until that ends.
    #[command(after_help = SEE_EXIT_CODES)]
    Create(CreateSemaphore),
    /// Wait until the count is above 0, and lower it
    ///
    /// A semaphore has no owner: what was acquired stays so until somebody releases it.
    #[command(after_help = SEE_EXIT_CODES)]
    Acquire(AwaitArgs),
    /// Raise the count; prints what it was before
    ///
    /// If the count would pass its maximum, it stays as it is, and the exit code is 7.
    #[command(after_help = SEE_EXIT_CODES)]
    Release(ReleaseArgs),
    /// Show the state of a semaphore
    #[command(after_help = SEE_EXIT_CODES)]
    Info(LookArgs),
}

#[derive(Debug, Subcommand)]
pub(crate) enum TimerCommand {
    /// Create a timer and keep it
    ///
    /// An object lives as long as a process has it open. This command keeps it until Ctrl-C (or SIGTERM), until
    /// PROGRAM ends, until the time of --hold has passed, or, if standard input is a pipe, until that ends.
    #[command(after_help = SEE_EXIT_CODES)]
    Create(CreateTimer),
    /// Set a timer: clears it, and replaces its schedule
    #[command(after_help = SEE_EXIT_CODES)]
    Set(SetTimer),
    /// Stop a timer; it stays signaled if it is
    #[command(after_help = SEE_EXIT_CODES)]
    Cancel(ActArgs),
    /// Wait until a timer is due; resets an auto timer
    #[command(after_help = SEE_EXIT_CODES)]
    Wait(AwaitArgs),
    /// Show the state of a timer
    #[command(after_help = SEE_EXIT_CODES)]
    Info(LookArgs),
}

/// How long something is kept.
#[derive(Debug, clap::Args)]
pub(crate) struct KeepArgs {
    /// Keep it for at most this long (0: not at all); a PROGRAM that runs longer is left running, with exit code 124
    #[arg(long, value_name = "TIME", value_parser = time::duration)]
    pub(crate) hold: Option<Duration>,
    /// Run this meanwhile, end with it, and with its exit code
    #[arg(last = true, value_name = "PROGRAM")]
    pub(crate) program: Vec<OsString>,
}

/// What all objects are created with.
#[derive(Debug, clap::Args)]
pub(crate) struct MakeArgs {
    /// The object's name
    pub(crate) name: String,
    /// End with exit code 4 if the name exists already
    #[arg(long)]
    pub(crate) new: bool,
    /// Print one JSON object when the object is there: kind, name, and whether it is new
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) keep: KeepArgs,
}

#[derive(Debug, clap::Args)]
pub(crate) struct CreateEvent {
    #[command(flatten)]
    pub(crate) make: MakeArgs,
    /// The event stays signaled until it is reset, and releases all who wait
    #[arg(short, long)]
    pub(crate) manual: bool,
    /// The event is signaled from the start
    #[arg(short, long)]
    pub(crate) signaled: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct CreateMutex {
    #[command(flatten)]
    pub(crate) make: MakeArgs,
}

#[derive(Debug, clap::Args)]
pub(crate) struct CreateSemaphore {
    #[command(flatten)]
    pub(crate) make: MakeArgs,
    /// The largest count
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) max: u32,
    /// The count at the start (without it, the largest)
    #[arg(long, value_name = "N")]
    pub(crate) initial: Option<u32>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct CreateTimer {
    #[command(flatten)]
    pub(crate) make: MakeArgs,
    /// The timer stays signaled until it is set anew, and releases all who wait
    #[arg(short, long)]
    pub(crate) manual: bool,
    /// Set it: due so long from now (2s), at a date and time (2030-01-31T08:00:00Z), or at @SECONDS since 1970
    #[arg(long, value_name = "TIME", value_parser = time::due)]
    pub(crate) due: Option<Due>,
    /// Due again each time so much later
    #[arg(long, value_name = "TIME", value_parser = time::duration, requires = "due")]
    pub(crate) every: Option<Duration>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct SetTimer {
    /// The timer's name
    pub(crate) name: String,
    /// When it is due: so long from now (2s), at a date and time (2030-01-31T08:00:00Z), or at @SECONDS since 1970
    #[arg(value_name = "TIME", value_parser = time::due)]
    pub(crate) due: Due,
    /// Due again each time so much later
    #[arg(long, value_name = "TIME", value_parser = time::duration)]
    pub(crate) every: Option<Duration>,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct HoldArgs {
    /// The mutex's name
    pub(crate) name: String,
    /// Wait for the mutex for at most this long, then end with exit code 6
    #[arg(short, long, value_name = "MS", value_parser = time::duration)]
    pub(crate) timeout: Option<Duration>,
    /// Print one JSON object when the mutex is acquired: name, and whether it was abandoned
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) keep: KeepArgs,
}

/// A call that needs only a name.
#[derive(Debug, clap::Args)]
pub(crate) struct ActArgs {
    /// The object's name
    pub(crate) name: String,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// A look at one object.
#[derive(Debug, clap::Args)]
pub(crate) struct LookArgs {
    /// The object's name
    pub(crate) name: String,
    /// Print one JSON object, as tong ls does
    #[arg(long)]
    pub(crate) json: bool,
}

/// A wait for one object.
#[derive(Debug, clap::Args)]
pub(crate) struct AwaitArgs {
    /// The object's name
    pub(crate) name: String,
    /// Wait for at most this long, then end with exit code 6
    #[arg(short, long, value_name = "MS", value_parser = time::duration)]
    pub(crate) timeout: Option<Duration>,
    /// Print one JSON object, as tong wait does
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ReleaseArgs {
    /// The semaphore's name
    pub(crate) name: String,
    /// Raise the count by N
    #[arg(value_name = "N", default_value_t = 1)]
    pub(crate) count: u32,
    /// Print one JSON object: the count before
    #[arg(long)]
    pub(crate) json: bool,
}
