//! `cargo xtask lint` and `doc`: what the compiler and its companions can judge.

use crate::command::{Outcome, Program};
use crate::tree::Tree;

/// Formatting, then clippy over everything; warnings are errors.
pub(crate) fn run(tree: &Tree) -> Outcome<()> {
    format(tree)?;
    clippy(tree)
}

/// Checks that the sources are formatted as rustfmt does by default.
pub(crate) fn format(tree: &Tree) -> Outcome<()> {
    Program::cargo(tree.root())
        .args(["fmt", "--all", "--check"])
        .run()
}

/// Clippy over all targets and features.
pub(crate) fn clippy(tree: &Tree) -> Outcome<()> {
    Program::cargo(tree.root())
        .args(["clippy", "--workspace", "--all-targets", "--all-features"])
        .args(["--", "-D", "warnings"])
        .run()
}

/// The documentation of the libraries. The command is left out: its page would overwrite that of the
/// library, which has the same name.
pub(crate) fn doc(tree: &Tree) -> Outcome<()> {
    Program::cargo(tree.root())
        .env("RUSTDOCFLAGS", "-D warnings")
        .args(["doc", "--workspace", "--exclude", "tong-cli"])
        .args(["--no-deps", "--all-features"])
        .run()
}
