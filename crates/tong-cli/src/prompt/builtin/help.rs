//! `help`: tells about the built-ins, the keys and the language.

use super::{command, usage, Context, NAMES};
use crate::exit::Failure;
use crate::prompt::language::SYNTAX;
use anstyle::{AnsiColor, Style};
use serde::Serialize;

/// The keys of the line editor.
const KEYS: &[(&str, &str)] = &[
    (
        "Tab, Shift-Tab",
        "complete the word; the next, the one before",
    ),
    (
        "Right, End",
        "take over the grey suggestion; Alt-Right takes one word",
    ),
    ("Up, Down", "earlier lines, beginning with what is written"),
    (
        "Ctrl-R",
        "search in earlier lines; again for one before that",
    ),
    ("F7", "choose from earlier lines"),
    ("Alt-Enter", "go on with this input in another line"),
    ("Ctrl-A, Ctrl-E", "to the start, to the end"),
    (
        "Alt-B, Alt-F",
        "a word back, a word on; also Ctrl-Left, Ctrl-Right",
    ),
    (
        "Ctrl-W, Ctrl-U",
        "cut the word before, the line up to here; Ctrl-K: from here",
    ),
    ("Ctrl-Y", "put back what was cut"),
    ("Ctrl-Z, Ctrl-G", "undo, redo"),
    ("Ctrl-L", "clear the screen"),
    (
        "Ctrl-C",
        "throw the line away; while a program runs, end that",
    ),
    ("Ctrl-D", "on an empty line, leave the prompt"),
];

/// A built-in, as `--json` prints it.
#[derive(Serialize)]
struct Record {
    name: &'static str,
    usage: &'static str,
    help: &'static str,
}

pub(super) fn run(context: &mut Context<'_>, arguments: &[String]) -> Result<u32, Failure> {
    let words: Vec<String> = arguments
        .iter()
        .map(|word| word.to_ascii_lowercase())
        .collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        [] => context.print_styled(&overview())?,
        ["--json"] => {
            for (name, usage, help) in NAMES {
                context.print_json(&Record { name, usage, help })?;
            }
        }
        ["syntax"] => context.print(SYNTAX)?,
        ["keys"] => context.print_styled(&keys())?,
        [name] => {
            let text = about(name).ok_or_else(|| unknown(name))?;
            context.print_styled(&text)?;
        }
        _ => return Err(usage("help", "there is one name at most")),
    }
    Ok(0)
}

fn unknown(name: &str) -> Failure {
    let what = format!("there is no built-in {name}; help lists them, and programs have --help");
    usage("help", &what)
}

fn heading() -> Style {
    Style::new().bold().underline()
}

fn name_style() -> Style {
    Style::new().fg_color(Some(AnsiColor::Cyan.into())).bold()
}

/// All built-ins in a table, and where there is more.
fn overview() -> String {
    let (head, name) = (heading(), name_style());
    let mut text = format!("{head}Built-ins{head:#}\n");
    for (builtin, _, help) in NAMES {
        text.push_str(&format!("  {name}{builtin:<9}{name:#} {help}\n"));
    }
    text.push_str(&format!(
        "\n{head}More{head:#}\n  \
         {name}help NAME{name:#}    how a built-in is used, also: NAME --help\n  \
         {name}help keys{name:#}    the keys of the line editor\n  \
         {name}help syntax{name:#}  pipes, redirections, quotes, variables\n\n\
         Everything else is a program, as in cmd: a | b, a > file, a && b, start a.\n"
    ));
    text
}

fn keys() -> String {
    let (head, name) = (heading(), name_style());
    let mut text = format!("{head}Keys{head:#}\n");
    for (key, help) in KEYS {
        text.push_str(&format!("  {name}{key:<15}{name:#} {help}\n"));
    }
    text
}

/// How a built-in is used.
fn about(name: &str) -> Option<String> {
    let (name, usage, help) = NAMES.iter().find(|(known, ..)| *known == name)?;
    if let Some(mut command) = command(name) {
        return Some(command.render_help().ansi().to_string());
    }
    let head = heading();
    let mut help = help.chars();
    let first: String = help
        .next()
        .into_iter()
        .flat_map(char::to_uppercase)
        .collect();
    Some(format!(
        "{first}{}\n\n{head}Usage:{head:#} {usage}\n",
        help.as_str()
    ))
}

/// The same for those that do not read their arguments in the way of tong's commands. `echo` has nothing but text.
pub(super) fn short(name: &str) -> Option<String> {
    let has_own = command(name).is_some() || name.eq_ignore_ascii_case("echo");
    if has_own {
        None
    } else {
        about(&name.to_ascii_lowercase())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_is_told_about_and_fits_on_a_terminal() {
        for (name, ..) in NAMES {
            assert!(
                about(name).is_some_and(|text| text.contains("Usage:")),
                "{name}"
            );
        }
        for line in (overview() + &keys() + SYNTAX).lines() {
            let line = anstream::adapter::strip_str(line).to_string();
            assert!(line.chars().count() <= 100, "{line}");
        }
        assert!(about("no-such-name").is_none());
    }
}
