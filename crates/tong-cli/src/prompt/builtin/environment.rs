//! `set`: environment variables, by Windows' rules for their names.

use super::{take_json, Context};
use crate::exit::{Code, Failure};
use crate::text;
use serde::Serialize;
use std::ffi::{OsStr, OsString};
use tong::environment;

/// A variable as `--json` prints it.
#[derive(Serialize)]
struct Record {
    name: String,
    value: String,
}

/// `set`, `set PREFIX`, `set NAME=VALUE`, `set NAME=`.
pub(super) fn set(context: &mut Context<'_>, arguments: &[String]) -> Result<u32, Failure> {
    let text = arguments.join(" ");
    if let Some((name, value)) = split(&text) {
        let name = OsStr::new(name.trim());
        match value.is_empty() {
            true => environment::remove(name)?,
            false => environment::set(name, OsStr::new(value))?,
        }
        return Ok(0);
    }
    let (as_json, rest) = take_json("set", arguments)?;
    let prefix = rest.join(" ");
    let shown: Vec<_> = environment::all()
        .into_iter()
        .filter(|(name, _)| is_shown(name, &prefix))
        .collect();
    if shown.is_empty() && !prefix.is_empty() {
        let why = format!("no variable's name begins with {prefix}");
        return Err(Failure::Own(Code::NotFound, why));
    }
    for (name, value) in shown {
        let [name, value] = [name, value].map(|it| it.to_string_lossy().into_owned());
        match as_json {
            true => context.print_json(&Record { name, value })?,
            false => {
                let line = format!("{name}={value}");
                context.print(&format!("{}\n", text::line(line.as_bytes())))?;
            }
        }
    }
    Ok(0)
}

/// A name and a value. A name may begin with a `=`, so that one does not end it.
fn split(text: &str) -> Option<(&str, &str)> {
    let at = text.char_indices().skip(1).find(|(_, it)| *it == '=')?.0;
    Some((&text[..at], &text[at + 1..]))
}

/// Hidden variables are shown only to whoever asks for them.
fn is_shown(name: &OsString, prefix: &str) -> bool {
    let name = name.to_string_lossy().to_uppercase();
    match prefix.is_empty() {
        true => !name.starts_with('='),
        false => name.starts_with(&prefix.to_uppercase()),
    }
}
