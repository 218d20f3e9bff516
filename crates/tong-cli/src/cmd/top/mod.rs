//! `tong top`: the namespace, live.
//!
//! ```text
//! live     waits for keys, signals and the next look       terminal  taken, and given back on every way out
//! keys     bytes of the terminal as keys                   control   what each key does
//! model    what the screen is about: look, lists, pages    list      filter, order, and what is chosen
//! look     a view as rows           rates  how fast        page, parties  what is opened
//! screen/  draws the model          columns                plain     the same without a screen
//! ```
//!
//! Only `live` and `terminal` touch the terminal, only `kp` touches another process, when a person has said yes. All else
//! is made from one [`View`](tong::inspect::View), which asks nobody.

mod columns;
mod control;
mod cost;
mod keys;
mod known;
mod list;
mod lists;
mod live;
mod look;
mod model;
mod page;
mod page_rows;
mod parties;
mod plain;
mod rates;
#[cfg(test)]
mod samples;
mod screen;
mod terminal;
mod waits;

use crate::args::TopArgs;
use crate::exit::Failure;
use std::io::{self, IsTerminal};
use tong::Namespace;

pub(crate) fn run(args: &TopArgs) -> Result<(), Failure> {
    if args.plain || args.json || !has_screen() {
        return plain::run(args);
    }
    live::run(args)
}

/// Is there somebody who reads a screen and types, at a terminal that can do more than print?
fn has_screen() -> bool {
    let is_dumb = std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
    io::stdin().is_terminal() && io::stdout().is_terminal() && !is_dumb
}

/// The directory of the names, for people.
fn place() -> Result<String, Failure> {
    let namespace = Namespace::current()?;
    Ok(look::shown(&namespace.root().display().to_string()))
}
