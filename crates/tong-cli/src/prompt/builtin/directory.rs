//! `cd` and `pwd`.

use super::{take_json, usage, Context};
use crate::exit::{Code, Failure};
use crate::prompt::path_of;
use crate::text;
use serde::Serialize;
use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use tong::environment;

/// What `--json` prints.
#[derive(Serialize)]
struct Record {
    directory: String,
}

/// `cd [DIRECTORY | -]`: without one, shows the current directory, as in `cmd`.
pub(super) fn cd(context: &mut Context<'_>, arguments: &[String]) -> Result<u32, Failure> {
    // `/d` asks for a change of drive, too.
    let arguments = match arguments {
        [flag, rest @ ..] if flag.eq_ignore_ascii_case("/d") => rest,
        _ => arguments,
    };
    match arguments {
        [] => pwd(context, &[]),
        [target] if target == "-" => {
            let previous = context.shell.previous.clone().ok_or_else(|| {
                Failure::Own(
                    Code::NotFound,
                    "there was no other directory yet".to_owned(),
                )
            })?;
            go(context, &previous)?;
            pwd(context, &[])
        }
        [target] => go(context, &path_of(target)).map(|()| 0),
        _ => Err(usage(
            "cd",
            "there is one directory at most; quote a name with blanks",
        )),
    }
}

fn go(context: &mut Context<'_>, target: &Path) -> Result<(), Failure> {
    let before = env::current_dir().ok();
    env::set_current_dir(target)
        .map_err(|error| Failure::Io(format!("cannot go to {}", target.display()), error))?;
    context.shell.previous = before;
    // Programs that look at it want to find where they are.
    let name = OsStr::new("PWD");
    if environment::get(name).is_some() {
        environment::set(name, here()?.as_os_str())?;
    }
    Ok(())
}

/// `pwd`.
pub(super) fn pwd(context: &mut Context<'_>, arguments: &[String]) -> Result<u32, Failure> {
    let (as_json, rest) = take_json("pwd", arguments)?;
    if !rest.is_empty() {
        return Err(usage("pwd", "it takes no arguments"));
    }
    let directory = here()?.display().to_string();
    match as_json {
        true => context.print_json(&Record { directory })?,
        false if context.is_terminal => {
            context.print(&format!("{}\n", text::line(directory.as_bytes())))?;
        }
        false => context.print(&format!("{directory}\n"))?,
    }
    Ok(0)
}

fn here() -> Result<PathBuf, Failure> {
    let here = env::current_dir();
    here.map_err(|error| Failure::Io("cannot tell the current directory".to_owned(), error))
}
