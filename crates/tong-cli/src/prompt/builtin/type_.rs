//! `type`: writes out files.

use super::Context;
use crate::exit::Failure;
use crate::prompt::path_of;
use std::io;

pub(super) fn run(context: &mut Context<'_>, arguments: &[String]) -> Result<u32, Failure> {
    let failed = |name: &str, error| Failure::Io(format!("cannot write out {name}"), error);
    if arguments.is_empty() {
        io::copy(&mut context.input, &mut context.output)
            .map_err(|error| failed("input", error))?;
    }
    for name in arguments {
        let copied = std::fs::File::open(path_of(name))
            .and_then(|mut file| io::copy(&mut file, &mut context.output));
        copied.map_err(|error| failed(name, error))?;
    }
    Ok(0)
}
