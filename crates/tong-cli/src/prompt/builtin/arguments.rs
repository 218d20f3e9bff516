//! Reading the arguments of built-ins whose command line is defined like those of tong.

use super::Context;
use crate::args::Args;
use crate::exit::{Code, Failure};
use clap::{Command, CommandFactory, Parser};
use std::io;
use std::path::Path;

/// The definition of a built-in's command line, if it has one.
pub(crate) fn command(name: &str) -> Option<Command> {
    let name = name.to_ascii_lowercase();
    match name.as_str() {
        "dir" => Some(super::dir::DirArgs::command()),
        "sort" => Some(super::sort::SortArgs::command()),
        "type" => Some(super::type_::TypeArgs::command()),
        "tong" => Some(Args::command()),
        "handles" | "kp" | "lp" => Args::command().find_subcommand(name).cloned(),
        "objects" => Args::command().find_subcommand("ls").cloned(),
        _ => None,
    }
}

/// Reads the arguments; `None` if they only ask for help, which is then given.
///
/// Switches of Windows, such as `/R`, are written as flags first, in any case, unless a file has that name.
pub(super) fn arguments<A: Parser>(
    context: &mut Context<'_>,
    words: &[String],
    switches: &[(&str, &str)],
) -> Result<Option<A>, Failure> {
    let flag = |word: &String| {
        let folded = word.to_ascii_lowercase();
        let known = switches.iter().find(|(switch, _)| *switch == folded);
        match known {
            Some((_, flag)) if !Path::new(word).exists() => (*flag).to_owned(),
            None if word == "/?" => "--help".to_owned(),
            _ => word.clone(),
        }
    };
    match A::try_parse_from(words.iter().map(flag)) {
        Ok(args) => Ok(Some(args)),
        Err(answer) if answer.use_stderr() => {
            let text = answer.to_string();
            let text = text.trim_end().trim_start_matches("error: ");
            Err(Failure::Own(Code::Usage, text.to_owned()))
        }
        Err(help) => {
            context.print_styled(&help.render().ansi().to_string())?;
            Ok(None)
        }
    }
}

/// The code for a file that cannot be used.
pub(super) fn code_of(error: &io::Error) -> u32 {
    let code = match error.kind() {
        io::ErrorKind::NotFound => Code::NotFound,
        io::ErrorKind::PermissionDenied => Code::Denied,
        _ => Code::Other,
    };
    Failure::Own(code, String::new()).number().into()
}
