//! The command line of `tong prompt`.

use std::path::PathBuf;

pub(super) const AFTER_HELP: &str = "\
At the prompt:
  help           lists the built-ins
  help syntax    tells how commands, pipes, redirections, quotes and variables are written

Exit codes:
  That of the last command, or of exit, with 32 bits for those who ask tong, as tong run does. Others see the low \
8 bits, or 1 if these are 0 and the code is not.";

/// `tong prompt`.
#[derive(Debug, clap::Args)]
pub(crate) struct PromptArgs {
    /// Run this text and end
    #[arg(short, long, value_name = "TEXT")]
    pub(crate) command: Option<String>,
    /// End at the first command that fails, unless && or || follows it
    #[arg(short = 'e', long)]
    pub(crate) stop_at_failure: bool,
    /// A file of commands to run
    #[arg(value_name = "FILE")]
    pub(crate) script: Option<PathBuf>,
    /// Its arguments, which are %1, %2 and so on there
    #[arg(
        value_name = "ARGUMENT",
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    pub(crate) arguments: Vec<String>,
}

/// A built-in of the prompt as a process of its own.
#[derive(Debug, clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct PromptBuiltinArgs {
    pub(crate) name: String,
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) arguments: Vec<String>,
}
