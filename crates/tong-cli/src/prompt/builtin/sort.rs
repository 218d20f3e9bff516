//! `sort`: sorts lines.

use super::Context;
use crate::exit::Failure;
use crate::prompt::path_of;
use std::fs::File;
use std::io::Read;

pub(super) fn run(context: &mut Context<'_>, arguments: &[String]) -> Result<u32, Failure> {
    let failed = |name: &str, error| Failure::Io(format!("cannot read {name}"), error);
    let mut text = Vec::new();
    if arguments.is_empty() {
        let read = context.input.read_to_end(&mut text);
        read.map_err(|error| failed("input", error))?;
    }
    for name in arguments {
        let read = File::open(path_of(name)).and_then(|mut file| file.read_to_end(&mut text));
        read.map_err(|error| failed(name, error))?;
    }
    let mut lines: Vec<&[u8]> = text.split_inclusive(|byte| *byte == b'\n').collect();
    lines.sort_unstable();
    context.print_raw(&lines.concat())?;
    Ok(0)
}
