//! `dir`: lists directories and files.

use super::{take_json, Context};
use crate::exit::Failure;
use crate::prompt::path_of;
use crate::text;
use serde::Serialize;

#[derive(Serialize)]
struct Record {
    name: String,
}

pub(super) fn run(context: &mut Context<'_>, arguments: &[String]) -> Result<u32, Failure> {
    let (as_json, rest) = take_json("dir", arguments)?;
    let names = if rest.is_empty() { vec!["."] } else { rest };
    for name in names {
        let entries = std::fs::read_dir(path_of(name))
            .map_err(|error| Failure::Io(format!("cannot list {name}"), error))?;
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            match as_json {
                true => context.print_json(&Record { name })?,
                false => context.print(&format!("{}\n", text::line(name.as_bytes())))?,
            }
        }
    }
    Ok(0)
}
