//! The command line of `tong doctor`.

pub(super) const DOCTOR: &str = "\
Levels:
  ok       as it should be
  warning  tong works, but something will be slow, will not work between some processes, or may break later
  error    something of tong does not work until this is mended

Exit codes:
    0  no errors; there may be warnings
    1  at least one error
More exit codes: see tong --help, or tong(1).";

/// `tong doctor`.
#[derive(Debug, clap::Args)]
pub(crate) struct DoctorArgs {
    /// Print one JSON object a line: group, check, level, found, and advice or null
    #[arg(long)]
    pub(crate) json: bool,
    /// Leave out what is as it should be
    #[arg(short, long)]
    pub(crate) quiet: bool,
}
