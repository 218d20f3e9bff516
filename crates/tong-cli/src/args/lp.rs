//! The command line of `tong lp`.

pub(super) const MORE: &str = "\
Columns:
  HANDLES    how many handles the process has, if it uses tong and may be looked into; else -
  SIGNALED   whether waits on the process are over: yes once it has ended
With --long also processor time, age, priority and state.

The parent is the process that created it, as far as it is known: programs that tong started name their creator also \
after it ended. Memory is what the process has in memory now, shared parts included.

Exit codes and names: see tong --help, or tong(1).";

/// `tong lp`.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct LpArgs {
    /// Show only these: a process id, or part of a program's name; with * and ?, the whole name. Case does not matter
    #[arg(value_name = "PATTERN")]
    pub(crate) patterns: Vec<String>,
    /// Show the processes under those that created them
    #[arg(short, long)]
    pub(crate) tree: bool,
    /// Sort by this; numbers of which most matters come largest first
    #[arg(short, long, value_name = "KEY", value_enum, default_value_t)]
    pub(crate) sort: SortKey,
    /// Sort the other way round
    #[arg(short, long)]
    pub(crate) reverse: bool,
    /// Show also processes that have ended and that nobody has waited for, and threads of the kernel
    #[arg(short, long)]
    pub(crate) all: bool,
    /// Show only processes of this user: a name or an id
    #[arg(short, long, value_name = "USER")]
    pub(crate) user: Option<String>,
    /// Show only processes that use tong, as far as they can be looked into
    #[arg(long)]
    pub(crate) tong: bool,
    /// Show more columns
    #[arg(short, long, conflicts_with = "json")]
    pub(crate) long: bool,
    /// Print one JSON object a line, with all there is to know
    #[arg(long)]
    pub(crate) json: bool,
}

/// What to sort by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum SortKey {
    /// The process id
    #[default]
    Pid,
    /// The creator's process id
    Parent,
    /// The user's name
    User,
    /// The program's name
    Program,
    /// Memory, most first
    Memory,
    /// Processor time, most first
    Cpu,
    /// Number of threads, most first
    Threads,
    /// Number of handles, most first
    Handles,
    /// When it started, latest first
    Started,
}
