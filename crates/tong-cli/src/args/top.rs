//! The command line of `tong top`.

use crate::time;
use std::time::Duration;

pub(super) const TOP_KEYS: &str = "\
Keys:
  1, 2, 3, Tab     objects, processes, who waits on whom
  arrows, PageUp/Down, Home/End
                   choose a line; a line stays chosen wherever it moves to
  Enter, Esc       open what is chosen, and go back
  /                show only lines with these words, as you type; Esc shows all again
  s, r             sort by the next column, and the other way round
  f                follow the traffic of a mailslot or pipe
  k                kill the process that is chosen (asks first)
  p                pause; + and - look more or less often
  ?, q             help, quit

Deadlocks, threads that wait for each other in a ring, are red and come first.

Exit codes and names: see tong --help, or tong(1).";

/// `tong top`.
#[derive(Debug, clap::Args)]
pub(crate) struct TopArgs {
    /// Look every so often
    #[arg(short, long, value_name = "TIME", value_parser = interval, default_value = "1s")]
    pub(crate) interval: Duration,
    /// End after N looks
    #[arg(short = 'n', long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,
    /// Print tables, one after the other, rather than draw a screen; so it is without a terminal
    #[arg(long)]
    pub(crate) plain: bool,
    /// Print one JSON object for each look: objects, processes, waits, deadlocks
    #[arg(long, conflicts_with = "plain")]
    pub(crate) json: bool,
    /// Begin with this view; with --plain, print only its table
    #[arg(long, value_enum)]
    pub(crate) view: Option<Pane>,
    /// Show only objects, processes and waits with all of these words in their line
    #[arg(
        long,
        value_name = "WORDS",
        default_value = "",
        hide_default_value = true
    )]
    pub(crate) filter: String,
}

/// What the screen shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Pane {
    /// The named objects.
    Objects,
    /// The processes that use tong.
    Processes,
    /// Who waits on whom.
    Waits,
}

/// Reads a length of time that a screen can keep up with.
fn interval(text: &str) -> Result<Duration, String> {
    let time = time::duration(text)?;
    match (Duration::from_millis(20)..=Duration::from_secs(86_400)).contains(&time) {
        true => Ok(time),
        false => Err("from 20ms to 1d are possible".to_owned()),
    }
}
