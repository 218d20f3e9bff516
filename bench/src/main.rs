//! Measures tong against the machine and its neighbours, side by side in one run.
//!
//! `cargo xtask bench` runs this. Each sample is taken by real processes, pinned to processors; the contenders of a
//! task take turns; what counts is the ratio to the task's baseline, not the time. Nothing here asserts: a goal that
//! is missed is a line in the table.
//!
//! `plan` says what is measured, `run` takes the samples through `process`, `measure`, `connect`, `crowd`, `clients` and
//! `wine`; a file each for the contenders, which all answer to `link::Link`; `report` and `plot` show the outcome.

mod anonymous;
mod cacheline;
mod case;
mod channel;
mod clients;
mod connect;
mod crowd;
mod eventfd;
mod link;
mod local_socket;
mod machine;
mod mailslot;
mod measure;
mod mq;
mod named_pipe;
mod pipe;
mod pipe_handles;
mod plan;
mod plot;
mod process;
mod report;
mod ring;
mod run;
mod servo_channel;
mod shared;
mod sockets;
mod sync;
mod wine;

use clap::{Parser, Subcommand};
use std::fs::Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Measures tong against the machine and its neighbours, side by side in one run
#[derive(Debug, Parser)]
#[command(name = "tong-bench", version)]
struct Args {
    /// Takes fewer and shorter samples: under 20 seconds in all
    #[arg(long)]
    quick: bool,
    /// Takes this many samples of each case
    #[arg(long, value_name = "COUNT")]
    rounds: Option<usize>,
    /// Measures only the tasks whose word or title contains this
    #[arg(long, value_name = "SUBSTRING")]
    only: Option<String>,
    /// Lists the tasks and measures nothing
    #[arg(long)]
    list: bool,
    /// Writes every sample as JSON to this file [default: bench-results/latest.json]
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Writes a plot to this file [default: bench-results/latest.svg]
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    #[command(subcommand)]
    part: Option<Part>,
}

/// What the benchmark starts itself as.
#[derive(Debug, Subcommand)]
enum Part {
    #[command(hide = true)]
    Measure { case: String },
    #[command(hide = true)]
    Peer { orders: String },
}

fn main() -> ExitCode {
    let args = Args::parse();
    let outcome = match &args.part {
        Some(Part::Measure { case }) => measure_one(case),
        Some(Part::Peer { orders }) => be_peer(orders),
        None => run_all(&args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn measure_one(case: &str) -> io::Result<()> {
    println!("{}", measure::sample(&serde_json::from_str(case)?)?);
    Ok(())
}

fn be_peer(orders: &str) -> io::Result<()> {
    measure::peer(serde_json::from_str(orders)?)
}

fn run_all(args: &Args) -> io::Result<()> {
    let wanted = |group: &case::Group| {
        let Some(part) = args.only.as_deref() else {
            return true;
        };
        group.id.contains(part) || group.title.contains(part)
    };
    let mut groups: Vec<_> = plan::groups().into_iter().filter(wanted).collect();
    if groups.is_empty() {
        return Err(io::Error::other(
            "no task has that in its word or title; --list shows them",
        ));
    }
    if args.list {
        for group in &groups {
            println!("{:22}{}", group.id, group.title);
        }
        return Ok(());
    }
    let (rounds, sample_ms) = if args.quick { (3, 20) } else { (9, 100) };
    let effort = run::Effort {
        rounds: args.rounds.unwrap_or(rounds),
        sample_ms,
    };
    let machine = machine::Machine::look();
    let root = private_root()?;
    let programs = tempfile::Builder::new().prefix("tong-bench-").tempdir()?;
    let skipped = prepare_wine(&mut groups, programs.path());
    let outcomes = run::all(&groups, effort, root.path().as_os_str());
    wine::finish(programs.path());
    let report = report::Report {
        machine,
        rounds: effort.rounds,
        sample_ms,
        outcomes,
    };
    report.print();
    if let Some(why) = skipped {
        println!("{why}");
    }
    let json = output(args.json.as_deref(), "latest.json")?;
    report.write_json(&json)?;
    let svg = output(args.svg.as_deref(), "latest.svg")?;
    plot::write(&report, &svg)?;
    println!("Written: {} and {}", json.display(), svg.display());
    Ok(())
}

/// Makes what the comparison with Wine needs. Where that cannot be had, its groups are left out, and the reason is said
/// at once and returned for the end of the report.
fn prepare_wine(groups: &mut Vec<case::Group>, place: &Path) -> Option<String> {
    if !groups.iter().any(|group| group.id.starts_with("wine-")) {
        return None;
    }
    let why = wine::prepare(place).err()?;
    let why = format!(
        "SKIPPED: the comparison with Wine, which needs wine, x86_64-w64-mingw32-gcc and an installed tree: {why}"
    );
    eprintln!("{why}");
    groups.retain(|group| !group.id.starts_with("wine-"));
    Some(why)
}

/// A fresh directory of mode 0700 for tong's objects, in memory like the usual place for them.
fn private_root() -> io::Result<tempfile::TempDir> {
    let mut builder = tempfile::Builder::new();
    builder
        .prefix("tong-bench-")
        .permissions(Permissions::from_mode(0o700));
    builder
        .tempdir_in("/dev/shm")
        .or_else(|_| builder.tempdir())
}

/// The file asked for, or one in `bench-results` of the workspace (of the current directory without cargo).
fn output(asked: Option<&Path>, usual: &str) -> io::Result<PathBuf> {
    if let Some(path) = asked {
        return Ok(path.to_owned());
    }
    let package = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let workspace = package
        .as_deref()
        .and_then(Path::parent)
        .unwrap_or(Path::new("."));
    let directory = workspace.join("bench-results");
    std::fs::create_dir_all(&directory)?;
    Ok(directory.join(usual))
}
