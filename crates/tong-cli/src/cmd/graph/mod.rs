//! `tong graph`: the namespace as a picture.
//!
//! What was seen (`gather.rs`) becomes a [`picture::Picture`], which each format draws in its way. The same picture is
//! drawn the same way each time, so that pictures can be compared.

mod dot;
mod gather;
mod json;
mod layout;
mod picture;
mod svg;
mod text;

use crate::args::{Format, GraphArgs};
use crate::exit::{Code, Failure};
use crate::output;
use gather::Tables;
use picture::{Node, Picture};
use std::path::Path;
use tong::inspect::{Inspector, View};
use tong::Namespace;

pub(crate) fn run(args: &GraphArgs) -> Result<(), Failure> {
    let picture = wanted(look()?, args)?;
    let format = args
        .format
        .unwrap_or_else(|| by_ending(args.output.as_deref()));
    let drawing = match format {
        Format::Text => text::draw(&picture, &machine()),
        Format::Svg => svg::draw(&picture),
        Format::Dot => dot::draw(&picture),
        Format::Json => json(&picture)?,
    };
    match &args.output {
        None => output::print(&drawing),
        Some(file) => {
            let plain = anstream::adapter::strip_str(&drawing).to_string();
            let failed = |error| Failure::Io(format!("cannot write {}", file.display()), error);
            std::fs::write(file, plain).map_err(failed)
        }
    }
}

/// The picture of the namespace of this process.
fn look() -> Result<Picture, Failure> {
    let namespace = Namespace::current()?;
    let place = namespace.root().display().to_string();
    let view = Inspector::of(namespace).look()?;
    Ok(gather::picture(place, &view, &tables(&view)))
}

/// Nobody could read the values of more handles in a picture.
const HANDLES_MAX: u32 = 4096;

/// The handle tables, as far as they can be read: a process may have ended, or hide.
fn tables(view: &View) -> Tables {
    let is_fit = |handles: u32| handles <= HANDLES_MAX;
    let owners = view
        .processes
        .iter()
        .filter(|user| user.handles.is_some_and(is_fit));
    let pids = owners.map(|user| user.process.pid);
    pids.filter_map(|pid| {
        let rows = tong::handle::read_table(pid).ok()?;
        Some((i32::try_from(pid).ok()?, rows))
    })
    .collect()
}

/// The part of the picture that was asked for.
fn wanted(picture: Picture, args: &GraphArgs) -> Result<Picture, Failure> {
    if args.pid.is_empty() && args.name.is_empty() {
        return Ok(picture.without_bystanders());
    }
    let is_wanted = |node: &Node| {
        let name = node.name.to_lowercase();
        let by_name = args
            .name
            .iter()
            .any(|part| name.contains(&part.to_lowercase()));
        by_name || node.pid.is_some_and(|pid| args.pid.contains(&pid))
    };
    let part = picture.around(is_wanted);
    match part.nodes.is_empty() {
        false => Ok(part),
        true => Err(Failure::Own(
            Code::NotFound,
            "nothing in the namespace has that id or name; tong graph without --pid and --name shows all".to_owned(),
        )),
    }
}

fn by_ending(file: Option<&Path>) -> Format {
    let ending = file.and_then(|file| file.extension()?.to_str());
    match ending {
        Some("svg") => Format::Svg,
        Some("dot" | "gv") => Format::Dot,
        Some("json") => Format::Json,
        _ => Format::Text,
    }
}

fn json(picture: &Picture) -> Result<String, Failure> {
    let text = serde_json::to_string(&json::record(picture));
    let failed = |error: serde_json::Error| Failure::Io("cannot draw".to_owned(), error.into());
    Ok(format!("{}\n", text.map_err(failed)?))
}

/// What a bug report should say about the machine.
fn machine() -> String {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    format!(
        "tong {} on Linux {}, {}",
        env!("CARGO_PKG_VERSION"),
        release.trim(),
        picture::plural(processors, "processor", "processors")
    )
}
