//! `cargo xtask test` and `ci`: the steps in their order.
//!
//! The installed tree comes first, because tests of the C ABI and of the command use it
//! (`TONG_C_PREFIX`). A failing step does not stop the others: the table at the end shows all of them.

use std::ffi::OsString;

use crate::args::SuiteOptions;
use crate::c_test;
use crate::command::{Failure, Outcome, Program};
use crate::header;
use crate::install;
use crate::lint;
use crate::report::{Counts, Report};
use crate::tree::Tree;

/// Everything CI checks.
pub(crate) fn ci(tree: &Tree, options: &SuiteOptions) -> Outcome<()> {
    let mut report = Report::start(tree.made("skipped"))?;
    report.step("format", |_| lint::format(tree));
    report.step("clippy", |_| lint::clippy(tree));
    report.step("doc", |_| lint::doc(tree));
    tests(tree, options, &mut report);
    report.finish(options.no_skips)
}

/// All tests.
pub(crate) fn test(tree: &Tree, options: &SuiteOptions) -> Outcome<()> {
    let mut report = Report::start(tree.made("skipped"))?;
    tests(tree, options, &mut report);
    report.finish(options.no_skips)
}

/// The models alone.
pub(crate) fn loom(tree: &Tree) -> Outcome<()> {
    loom_counted(tree, &mut Counts::default())
}

/// The fuzzer, built in the release profile.
pub(crate) fn fuzz(tree: &Tree, seconds: u64) -> Outcome<()> {
    Program::cargo(tree.root())
        .args(["run", "--release", "-p", "tong-fuzz", "--"])
        .args(["--seconds".to_owned(), seconds.to_string()])
        .run()
}

/// The benchmarks, built in the release profile. The comparison with Wine needs an installed tree; where none can be made
/// the other benchmarks do without, and that one says why it is left out.
pub(crate) fn bench(tree: &Tree, args: &[OsString]) -> Outcome<()> {
    if let Err(error) = install::install(tree, &tree.c_prefix()) {
        eprintln!("no tree to compile C programs against: {error}");
    }
    Program::cargo(tree.root())
        .env("TONG_C_PREFIX", tree.c_prefix())
        .args(["run", "--release", "-p", "tong-bench", "--"])
        .args(args)
        .run()
}

fn tests(tree: &Tree, options: &SuiteOptions, report: &mut Report) {
    let log = report.skip_log().to_path_buf();
    let cargo_test = |args: &[&str], counts: &mut Counts| {
        Program::cargo(tree.root())
            .env("TONG_C_PREFIX", tree.c_prefix())
            .env("TONG_SKIP_LOG", &log)
            .args(["test", "--no-fail-fast"])
            .args(args)
            .run_seen(|line| counts.add_line(line))
    };
    report.step("install", |_| install::install(tree, &tree.c_prefix()));
    report.step("cargo test", |counts| cargo_test(&["--workspace"], counts));
    report.step("all features", |counts| {
        cargo_test(&["-p", "tong", "--all-features"], counts)
    });
    report.step("header", |counts| header::check(tree, counts));
    report.step("c programs", |counts| c_test::check(tree, &log, counts));
    report.step("fuzz", |_| fuzz(tree, options.fuzz_seconds));
    report.step("loom", |counts| loom_counted(tree, counts));
}

/// The flag changes every crate, hence the build directory of its own; the models are far too slow
/// without optimization. Tests that are no models are compiled out by the flag.
fn loom_counted(tree: &Tree, counts: &mut Counts) -> Outcome<()> {
    let models = tree.root().join("crates/tong/tests/loom.rs");
    let targets: &[&str] = if models.is_file() {
        &["--lib", "--test", "loom"]
    } else {
        &["--lib"]
    };
    Program::cargo(tree.root())
        .env("RUSTFLAGS", "--cfg loom")
        .env("CARGO_TARGET_DIR", tree.loom_target())
        .args(["test", "--release", "-p", "tong"])
        .args(targets)
        .run_seen(|line| counts.add_line(line))?;
    if counts.passed == 0 {
        return Err(Failure::new("no model was run; is the flag spelled right?"));
    }
    Ok(())
}
