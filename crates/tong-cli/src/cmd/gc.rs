//! `tong gc`: removes what crashed programs left behind.
//!
//! Normally there is nothing: whoever uses a name next cleans up after its dead owner.

use super::note;
use crate::args::GcArgs;
use crate::exit::Failure;
use crate::{output, text};
use serde::Serialize;
use tong::namespace::{Leftover, Namespace};

/// A leftover as `--json` prints it.
#[derive(Serialize)]
struct Record {
    /// `dead` (of ours) or `foreign` (not ours, never removed).
    state: &'static str,
    /// The object's name, or the path of a file that is not ours.
    name: String,
    removed: bool,
}

pub(crate) fn run(args: &GcArgs) -> Result<(), Failure> {
    let namespace = Namespace::current()?;
    let leftovers: Vec<_> = namespace
        .gc(args.dry_run)?
        .iter()
        .map(|leftover| record(leftover, args))
        .collect();
    if leftovers.is_empty() {
        note(
            false,
            &format!("nothing is left over in {}", namespace.root().display()),
        );
    }
    leftovers.iter().try_for_each(|record| {
        if args.json {
            output::print_json(record)
        } else {
            show(record)
        }
    })
}

fn record(leftover: &Leftover, args: &GcArgs) -> Record {
    match leftover {
        Leftover::Dead { name } => Record {
            state: "dead",
            name: name.clone(),
            removed: !args.dry_run,
        },
        Leftover::Foreign { path } => Record {
            state: "foreign",
            name: path.display().to_string(),
            removed: false,
        },
        other => Record {
            state: "unknown",
            name: format!("{other:?}"),
            removed: false,
        },
    }
}

fn show(record: &Record) -> Result<(), Failure> {
    let what = match (record.state, record.removed) {
        ("dead", true) => "removed what is left of",
        ("dead", false) => "would remove what is left of",
        _ => "left alone, because it is not tong's:",
    };
    output::print(&format!("{what} {}\n", text::line(record.name.as_bytes())))
}
