//! `help`: tells about the built-ins and the language.

use super::{usage, Context, NAMES};
use crate::exit::Failure;
use crate::prompt::language::SYNTAX;

pub(super) fn run(context: &mut Context<'_>, arguments: &[String]) -> Result<u32, Failure> {
    match arguments {
        [] => {
            for (name, _, help) in NAMES {
                context.print(&format!("{name:<9} {help}\n"))?;
            }
        }
        [name] if name.eq_ignore_ascii_case("syntax") => context.print(SYNTAX)?,
        [name] => {
            let row = NAMES
                .iter()
                .find(|(known, ..)| known.eq_ignore_ascii_case(name));
            let (_, usage, help) =
                row.ok_or_else(|| usage("help", &format!("there is no built-in {name}")))?;
            context.print(&format!("{usage}\n{help}\n"))?;
        }
        _ => return Err(usage("help", "there is one name at most")),
    }
    Ok(0)
}
