//! The arguments of `tong run`, `tong wait` and `tong handles`.

use crate::time;
use std::ffi::OsString;
use std::time::Duration;

pub(super) const WAIT_CODES: &str = "\
Objects, and when they are signaled:
  event:NAME      it is set; the wait resets an auto event
  mutex:NAME      it is free; the wait acquires it, and this command releases it before it ends
  semaphore:NAME  its count is above 0; the wait lowers it
  timer:NAME      it is due; the wait resets an auto timer
  pid:N           the process with that id has ended
  mailslot:NAME   a message lies in it unread; it stays there

Exit codes:
    0  an object ended the wait (with --which: see there), or all of them
    2  an object is not written as it should be, or --which is given with more than 62 objects
    3  one of the objects does not exist
    6  the time allowed has passed
    9  one of the mailslots is gone
   10  the wait ended with an abandoned mutex: its last owner ended without releasing it
   11  a name belongs to an object of another kind
More exit codes: see tong --help, or tong(1).";

pub(super) const RUN_CODES: &str = "\
Exit codes:
  That of PROGRAM if it is at most 255. Of a larger one the low 8 bits, or 1 if these are 0.
  124  PROGRAM still runs after the time allowed, or was ended by --kill
  125  tong itself failed
  126  PROGRAM cannot be run
  127  PROGRAM was not found

The whole code is printed on standard error: as a number without sign, and in hexadecimal. A program that a signal \
ended has the code that Windows has for such an end, 0xc0000005 for a segmentation fault.";

#[derive(Debug, clap::Args)]
pub(crate) struct RunArgs {
    /// Wait for at most this long; the program is left running then, unless --kill is given
    #[arg(short, long, value_name = "MS", value_parser = time::duration)]
    pub(crate) timeout: Option<Duration>,
    /// When the time has passed, end the program, with exit code 258
    #[arg(short, long, requires = "timeout")]
    pub(crate) kill: bool,
    /// Print one JSON object at the end: pid, running, exit_code, hex, timed_out
    #[arg(long)]
    pub(crate) json: bool,
    /// Do not print the exit code on standard error
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// The program: a path, or a name that is looked for in PATH
    pub(crate) program: OsString,
    /// Its arguments, as they are
    #[arg(
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "ARGS"
    )]
    pub(crate) args: Vec<OsString>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct WaitArgs {
    /// Wait until all objects are signaled at once
    #[arg(short, long, conflicts_with = "which")]
    pub(crate) all: bool,
    /// Wait for at most this long, then end with exit code 6
    #[arg(short, long, value_name = "MS", value_parser = time::duration)]
    pub(crate) timeout: Option<Duration>,
    /// End with exit code 64 if the first object ended the wait, 65 for the second, and so on
    #[arg(short, long)]
    pub(crate) which: bool,
    /// Print one JSON object: ended_by, index, abandoned, exit_code, timed_out
    #[arg(long)]
    pub(crate) json: bool,
    /// What to wait for: event:NAME, mutex:NAME, semaphore:NAME, timer:NAME, pid:N or mailslot:NAME
    #[arg(required = true, value_name = "OBJECT")]
    pub(crate) objects: Vec<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct HandlesArgs {
    /// The id of the process
    pub(crate) pid: u32,
    /// Print one JSON object a line
    #[arg(long)]
    pub(crate) json: bool,
}
