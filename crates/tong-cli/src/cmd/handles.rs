//! `tong handles`: the handle table of a process, seen from outside.

mod names;

use super::ls::{shown, table};
use super::note;
use crate::args::HandlesArgs;
use crate::exit::Failure;
use crate::output;
use serde::Serialize;
use tong::handle::{read_table, Row};

const HEADER: [&str; 6] = ["HANDLE", "KIND", "NAME", "RIGHTS", "", "FLAGS"];

/// A handle as `--json` prints it.
#[derive(Serialize)]
struct Record {
    value: u32,
    hex: String,
    kind: String,
    name: Option<String>,
    rights: String,
    rights_names: Vec<String>,
    inherit: bool,
    protect_from_close: bool,
}

pub(crate) fn run(args: &HandlesArgs) -> Result<(), Failure> {
    let rows = read_table(args.pid)?;
    if args.json {
        return rows
            .iter()
            .map(record)
            .try_for_each(|record| output::print_json(&record));
    }
    if rows.is_empty() {
        note(false, &format!("process {} has no handles", args.pid));
        return Ok(());
    }
    let lines: Vec<_> = rows.iter().map(line).collect();
    output::print(&format!("{}\n", table(&HEADER, &lines, &[0])))
}

fn record(row: &Row) -> Record {
    let rights = row.granted.bits();
    Record {
        value: row.handle.raw(),
        hex: format!("{:#x}", row.handle.raw()),
        kind: row.kind.to_string(),
        name: row.name.clone(),
        rights: format!("0x{rights:08x}"),
        rights_names: names::of(row.kind, rights),
        inherit: row.flags.inherit,
        protect_from_close: row.flags.protect_from_close,
    }
}

/// A handle as a line of a table.
pub(super) fn line(row: &Row) -> [String; 6] {
    let record = record(row);
    let flags = match (record.inherit, record.protect_from_close) {
        (false, false) => "-",
        (true, false) => "inherit",
        (false, true) => "protect",
        (true, true) => "inherit, protect",
    };
    [
        record.hex,
        record.kind,
        record.name.as_deref().map_or("-".to_owned(), shown),
        record.rights,
        record.rights_names.join(" "),
        flags.to_owned(),
    ]
}
