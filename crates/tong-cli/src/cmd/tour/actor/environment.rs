//! Environment variables, of a worker and of the programs that it starts.

use super::worker::myself;
use super::{tell, PATIENCE};
use crate::exit::Failure;
use crate::output;
use serde::{Deserialize, Serialize};
use std::ffi::OsStr;
use tong::{environment, pipe, Result};

/// What a worker may be told to do with variables.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in super::super) enum Mooding {
    /// Set a variable.
    Set(String, String),
    /// Report a variable.
    Show(String),
    /// Report a text in which `%NAME%` stands for variables.
    Expand(String),
    /// Start a program that says what it knows of this variable, and report that. It may be given another value.
    AskChild(String, Option<String>),
}

pub(super) fn work(order: &Mooding) -> Result<()> {
    match order {
        Mooding::Set(name, value) => {
            environment::set(OsStr::new(name), OsStr::new(value))?;
            tell(&format!("sets {name}={value}"));
        }
        Mooding::Show(name) => tell(&value(name)),
        Mooding::Expand(text) => {
            let text = environment::expand(OsStr::new(text));
            tell(&text.to_string_lossy());
        }
        Mooding::AskChild(name, other) => ask_child(name, other.as_deref())?,
    }
    Ok(())
}

fn ask_child(name: &str, other: Option<&str>) -> Result<()> {
    let (reader, its_output) = pipe::anonymous(0)?;
    let mut options = myself("mood", name);
    if let Some(other) = other {
        options = options.env(name, other);
    }
    let child = options.stdout(its_output.to_fd()?).spawn()?;
    drop(its_output);
    let mut said = [0; 64];
    let len = reader.receive(&mut said)?;
    tell(&format!("child: {}", String::from_utf8_lossy(&said[..len])));
    child.wait(Some(PATIENCE))
}

fn value(name: &str) -> String {
    let value = environment::get(OsStr::new(name));
    value.map_or("not set".to_owned(), |value| {
        value.to_string_lossy().into_owned()
    })
}

/// Says what this process knows of a variable.
pub(super) fn tell_mood(name: &str) -> std::result::Result<(), Failure> {
    output::print(&value(name))
}
