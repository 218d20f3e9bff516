//! The line editor: commands from a person at a terminal.
//!
//! | module | what |
//! |---|---|
//! | `line` | the editor itself, made of the parts below: keys, menus, hints |
//! | `plain` | lines as the terminal edits them, where the editor cannot work |
//! | `banner` | what stands before the cursor |
//! | `colours` | the line in colours while it is written |
//! | `menu` | the menus it opens |
//! | `complete` | what could come next |
//! | `history` | the lines of earlier times, kept in a file |
//!
//! The editor needs a terminal that answers where its cursor is and that both shows and takes all three streams. A terminal
//! that says it is `dumb`, or one that does not answer, gets plain lines: same prompt, same history, no keys but those of
//! the terminal. Without colours (`NO_COLOR`) there are no hints either, because they would look like what was typed.

mod banner;
mod colours;
mod complete;
mod history;
mod line;
mod menu;
mod plain;

use super::{Outcome, Shell};
use crate::exit::{complain, Failure};
use banner::Banner;
use history::Kept;
use line::Line;
use plain::Plain;
use std::io::{self, IsTerminal};

/// What a person has entered.
enum Entered {
    /// A whole input, which may have several lines.
    Text(String),
    /// Nothing; what was begun is thrown away.
    Nothing,
    /// There is no more.
    End,
    /// The terminal does not do what this way of reading needs.
    Unfit(String),
}

/// Reads and runs what a person enters, until they leave. Returns the code to end with.
///
/// # Errors
/// The terminal cannot be read.
pub(crate) fn interact(shell: &mut Shell) -> Result<u32, Failure> {
    // Without it there is only no end with the terminal.
    let _ = crate::signals::end_with_terminal();
    let (mut kept, inputs) = Kept::open();
    let mut line = is_fit().then(|| Line::new(&inputs));
    shell.history = inputs;
    let mut plain = Plain;
    greet(line.is_some());
    loop {
        shell.tell_ended_jobs();
        let banner = Banner::of(shell.last_code());
        let entered = match &mut line {
            Some(line) => line.read(&banner, shell)?,
            None => plain.read(&banner, shell)?,
        };
        match entered {
            Entered::Text(text) => {
                if is_worth_keeping(&text) {
                    note(shell, &text);
                    kept.add(&text);
                }
                if let Outcome::Exit(code) = shell.run_line(&text) {
                    return Ok(code);
                }
            }
            Entered::Nothing => {}
            Entered::End if shell.may_leave() => return Ok(shell.last_code()),
            Entered::End => {}
            Entered::Unfit(why) => {
                complain(&format!("{why}: lines are plain from here on"));
                line = None;
            }
        }
    }
}

/// Tells newcomers the few things that lead to all others.
fn greet(has_keys: bool) {
    let version = env!("CARGO_PKG_VERSION");
    let keys = if has_keys { "Tab completes, " } else { "" };
    let quiet = anstyle::Style::new().dimmed();
    let text = format!("tong {version}: help tells what there is, {keys}Ctrl-D leaves");
    anstream::eprintln!("{quiet}{text}{quiet:#}");
}

/// Can the editor work here?
fn is_fit() -> bool {
    let is_terminal =
        io::stdin().is_terminal() && io::stdout().is_terminal() && io::stderr().is_terminal();
    let kind = std::env::var("TERM").unwrap_or_default();
    is_terminal && !matches!(kind.as_str(), "" | "dumb")
}

/// Are there to be colours?
fn has_colours() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// A line that begins with a blank is a secret.
fn is_worth_keeping(text: &str) -> bool {
    !text.starts_with([' ', '\t']) && !text.trim().is_empty()
}

fn note(shell: &mut Shell, text: &str) {
    if shell.history.last().is_none_or(|last| last != text) {
        shell.history.push(text.to_owned());
    }
}
