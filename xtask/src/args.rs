//! What may be written after `cargo xtask`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// The project's own tasks.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) task: Task,
}

/// One task.
#[derive(Debug, Subcommand)]
pub(crate) enum Task {
    /// Everything CI checks: lint, documentation, tests.
    Ci(SuiteOptions),
    /// All tests: Rust, C, header, a short fuzz run, loom.
    Test(SuiteOptions),
    /// Format and clippy, warnings as errors.
    Lint,
    /// The documentation of all crates, warnings as errors.
    Doc,
    /// Build everything and lay it out for use under a prefix.
    Install {
        /// Directory that gets `bin`, `lib`, `include` and `share`.
        #[arg(long, value_name = "DIR")]
        prefix: PathBuf,
    },
    /// Build libtong.so and libtong.a only.
    Lib,
    /// Compare the C headers with the export list and with what libtong.so exports.
    Header,
    /// Install into a scratch prefix, then compile and run the C programs against it.
    CTest,
    /// The model checks of the lock-free parts.
    Loom,
    /// Random operation sequences and hostile peers.
    Fuzz {
        /// How long to go on.
        #[arg(long, value_name = "N", default_value_t = 60)]
        seconds: u64,
    },
    /// The benchmarks, side by side with the machine's own means.
    Bench {
        /// Passed on; `cargo xtask bench -- --help` lists them.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
    /// Take the tour, and draw it as the picture in README.md.
    Picture {
        /// Only draw what was kept of the last time.
        #[arg(long)]
        again: bool,
    },
}

/// How strict and how long a run of all tests is.
#[derive(Debug, clap::Args)]
pub(crate) struct SuiteOptions {
    /// Fail if any test had to be skipped.
    #[arg(long)]
    pub(crate) no_skips: bool,
    /// Seconds of fuzzing.
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub(crate) fuzz_seconds: u64,
}
