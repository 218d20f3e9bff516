//! `cargo xtask`: everything one does with this repository besides compiling it.
//!
//! Each task is a module named after it; [`command`] runs other programs, [`report`] keeps the table of
//! steps that ends every longer task. Nothing here is needed to use tong: the crates build with cargo
//! alone, and what the tasks need beyond it (a C compiler, `pkg-config`, ...) they look for, and skip
//! loudly what cannot run without.

mod args;
mod c_program;
mod c_test;
mod command;
mod describe;
mod export_list;
mod header;
mod install;
mod installed_tree;
mod library;
mod lint;
mod picture;
mod report;
mod suite;
mod tree;

use std::process::ExitCode;

use clap::Parser as _;

use args::{Args, Task};
use command::Outcome;
use tree::Tree;

fn main() -> ExitCode {
    match run(&Args::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("\nxtask: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: &Task) -> Outcome<()> {
    let tree = Tree::find();
    match task {
        Task::Ci(options) => suite::ci(&tree, options),
        Task::Test(options) => suite::test(&tree, options),
        Task::Lint => lint::run(&tree),
        Task::Doc => lint::doc(&tree),
        Task::Install { prefix } => install::run(&tree, prefix),
        Task::Lib => library::run(&tree),
        Task::Header => header::run(&tree),
        Task::CTest => c_test::run(&tree),
        Task::Loom => suite::loom(&tree),
        Task::Fuzz { seconds } => suite::fuzz(&tree, *seconds),
        Task::Bench { args } => suite::bench(&tree, args),
        Task::Picture { again } => picture::run(&tree, *again),
    }
}
