//! `tong completions`: a script that teaches a shell our commands and flags.

use crate::args::{Args, CompletionsArgs};
use crate::exit::Failure;
use crate::output;
use clap::CommandFactory;

pub(crate) fn run(args: &CompletionsArgs) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(
        args.shell,
        &mut visible(&Args::command()),
        "tong",
        &mut script,
    );
    output::print_raw(&script)
}

/// The command without its hidden parts, which completion scripts would offer.
fn visible(command: &clap::Command) -> clap::Command {
    let shown = command
        .get_subcommands()
        .filter(|sub| !sub.is_hide_set())
        .cloned();
    clap::Command::new("tong")
        .args(command.get_arguments().cloned())
        .subcommands(shown)
}
