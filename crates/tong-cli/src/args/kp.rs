//! The command line of `tong kp`.

use crate::time;
use std::time::Duration;

pub(super) const MORE: &str = "\
Processes:
  1234          the process with this id
  1234@5678.90  the same, but only if it started at that time (started_s of lp --json)
  NAME          every process of yours that runs a program of this name; case does not matter

A process is held by a descriptor from before it is looked at until it has ended, so no other one is ended in its place, \
however late the answer to a question comes. It ends at once: none of its code runs any more. Its children run on, unless \
--tree is given.

If there are several processes, or one belongs to another user, nothing is ended without a question: at a terminal it is \
asked, elsewhere --yes must be given. The first process of the system, threads of the kernel and this command itself are \
refused.

Exit codes:
    0  all of them were ended
    1  the answer was no
    2  a process is not written as it should be, or --yes is missing
    3  there is no such process
    5  it may not be ended, or had ended already
    6  it had not ended when the time allowed was over
Of several failures the first counts. More exit codes: see tong --help, or tong(1).";

/// `tong kp`.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct KpArgs {
    /// The processes: ids, or names of programs
    #[arg(required = true, value_name = "PROCESS")]
    pub(crate) processes: Vec<String>,
    /// The exit code that they end with: up to 4294967295, also hexadecimal, such as 0xc000013a
    #[arg(short, long, value_name = "CODE", default_value = "1", value_parser = exit_code)]
    pub(crate) code: u32,
    /// Do not ask
    #[arg(short, long)]
    pub(crate) yes: bool,
    /// End also their children, and the children of these
    #[arg(short, long)]
    pub(crate) tree: bool,
    /// By name, end processes of this user instead of your own: a name or an id
    #[arg(short, long, value_name = "USER", conflicts_with = "all_users")]
    pub(crate) user: Option<String>,
    /// By name, end processes of all users
    #[arg(short, long)]
    pub(crate) all_users: bool,
    /// Wait at most this long for the end of each
    #[arg(short, long, value_name = "MS", default_value = "5s", value_parser = time::duration)]
    pub(crate) wait: Duration,
    /// Print one JSON object a line: pid, program, outcome, exit_code, hex, message
    #[arg(long)]
    pub(crate) json: bool,
}

/// Reads an exit code.
fn exit_code(text: &str) -> Result<u32, String> {
    let read = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => u32::from_str_radix(digits, 16),
        None => text.parse(),
    };
    read.map_err(|_| "give a number from 0 to 4294967295, or 0x0 to 0xffffffff".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_have_32_bits_and_two_spellings() {
        let texts = ["0", "1", "4294967295", "0xC000013A", "0Xff"];
        let codes = texts.map(|text| exit_code(text).ok());
        assert_eq!(codes, [0, 1, u32::MAX, 0xC000_013A, 255].map(Some));
        for text in ["", "-1", "4294967296", "0x", "0x1ffffffff", "one"] {
            assert!(exit_code(text).is_err(), "{text}");
        }
    }
}
