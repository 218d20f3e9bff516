//! `echo`, `cls` and `rem`.

use super::Context;
use crate::exit::Failure;

/// To the upper left, and everything away, what has scrolled off too.
const CLEAR: &str = "\x1b[H\x1b[2J\x1b[3J";

/// `echo [TEXT...]`: the arguments with a blank between them.
pub(super) fn echo(context: &mut Context<'_>, arguments: &[String]) -> Result<u32, Failure> {
    context.print(&format!("{}\n", arguments.join(" ")))?;
    Ok(0)
}

/// `cls`.
pub(super) fn cls(context: &mut Context<'_>, _: &[String]) -> Result<u32, Failure> {
    if context.is_terminal {
        context.print(CLEAR)?;
    }
    Ok(0)
}

/// `rem`, which never comes this far as a comment, but may be the value of a variable.
pub(super) fn rem(_: &mut Context<'_>, _: &[String]) -> Result<u32, Failure> {
    Ok(0)
}
