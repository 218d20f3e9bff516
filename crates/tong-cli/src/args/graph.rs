//! The command line of `tong graph`.

use std::path::PathBuf;

pub(super) const GRAPH: &str = "\
Formats:
  text  sections for deadlocks, processes and objects, to be read, compared, or put into a bug report
  svg   a picture: processes at the sides, objects in the middle; light or dark as its viewer wishes
  dot   for Graphviz
  json  one object: place, nodes, edges, waits, deadlocks

Lines of the picture:
  from a process to what it waits for; from a mutex to its owner; from a client to its pipe or mailslot;
  without an arrow to what a process serves or has open. What is red waits for itself in a ring.

Exit codes:
    0  drawn
    3  nothing there has this id or name
More exit codes: see tong --help, or tong(1).";

/// `tong graph`.
#[derive(Debug, clap::Args)]
pub(crate) struct GraphArgs {
    /// What to draw it as (without it: as the ending of FILE says, else text)
    #[arg(short, long, value_enum)]
    pub(crate) format: Option<Format>,
    /// Write to FILE instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Draw only this process and what it is connected with (may be given several times)
    #[arg(short, long, value_name = "PID")]
    pub(crate) pid: Vec<i32>,
    /// Draw only objects and programs with this in their name, and what they are connected with (case does not matter;
    /// may be given several times)
    #[arg(short, long, value_name = "TEXT")]
    pub(crate) name: Vec<String>,
}

/// What the picture is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// Text.
    Text,
    /// Scalable vector graphics.
    Svg,
    /// The language of Graphviz.
    Dot,
    /// One JSON object.
    Json,
}
