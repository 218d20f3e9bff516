//! `dir`: lists directories and files.
//!
//! A file that is named is listed as itself, a directory by what is in it, under a heading if there are several. What cannot be
//! listed is told and does not keep the others from being listed.

mod entry;

use super::{arguments, Context};
use crate::exit::Failure;
use crate::prompt::path_of;
use crate::text;
use anstyle::{AnsiColor, Style};
use entry::{Entry, Kind};
use std::cmp::Reverse;
use std::io;
use std::path::Path;

/// The command line.
#[derive(Debug, clap::Parser)]
#[command(
    name = "dir",
    no_binary_name = true,
    about = "List directories and files"
)]
#[command(after_help = "/A is --all, /B is --bare, as in cmd.")]
pub(super) struct DirArgs {
    /// Directories and files; without any, the current directory
    #[arg(value_name = "FILE")]
    files: Vec<String>,
    /// Show also names that begin with a dot
    #[arg(short, long)]
    all: bool,
    /// Show nothing but names
    #[arg(short, long, conflicts_with = "json")]
    bare: bool,
    /// Sort by this
    #[arg(short, long, value_name = "KEY", value_enum, default_value_t)]
    sort: Key,
    /// Sort the other way round
    #[arg(short, long)]
    reverse: bool,
    /// Print one JSON object a line: name, path, type, size_bytes, modified, mode, uid, gid, target
    #[arg(long)]
    json: bool,
}

/// What to sort by.
#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
enum Key {
    /// By name, whatever the case
    #[default]
    Name,
    /// Largest first, directories last
    Size,
    /// Latest first
    Time,
    /// Directories, then the others by the ends of their names
    Type,
}

pub(super) fn run(context: &mut Context<'_>, words: &[String]) -> Result<u32, Failure> {
    let switches = [("/a", "--all"), ("/b", "--bare")];
    let Some(args) = arguments::<DirArgs>(context, words, &switches)? else {
        return Ok(0);
    };
    let here = [".".to_owned()];
    let named = match args.files.is_empty() {
        true => &here[..],
        false => &args.files[..],
    };
    let mut code = 0;
    let (mut files, mut directories) = (Vec::new(), Vec::new());
    for name in named {
        match Entry::look(Path::new(name), &path_of(name)) {
            Ok(entry) if entry.is_directory() => directories.push(name),
            Ok(entry) => files.push(entry),
            Err(error) => code = refuse(context, name, &error),
        }
    }
    if !files.is_empty() {
        show(context, &args, files)?;
    }
    let has_headings = named.len() > 1 && !args.json && !args.bare;
    for name in directories {
        match inside(Path::new(name), args.all) {
            Ok(entries) => {
                if has_headings {
                    context.print(&format!("\n{}:\n", text::line(name.as_bytes())))?;
                }
                show(context, &args, entries)?;
            }
            Err(error) => code = refuse(context, name, &error),
        }
    }
    Ok(code)
}

/// Says that this one cannot be listed; returns the code for it.
fn refuse(context: &mut Context<'_>, name: &str, error: &io::Error) -> u32 {
    context.complain(&format!("cannot list {name}: {error}"));
    super::code_of(error)
}

/// What is in a directory.
fn inside(name: &Path, has_hidden: bool) -> io::Result<Vec<Entry>> {
    let place = path_of(&name.to_string_lossy());
    let mut entries = Vec::new();
    for found in place.read_dir()? {
        let found = found?.file_name();
        let is_hidden = found.as_encoded_bytes().starts_with(b".");
        if has_hidden || !is_hidden {
            // One that has gone since is not there.
            entries.extend(Entry::look(Path::new(&found), &place.join(&found)).ok());
        }
    }
    Ok(entries)
}

fn show(context: &mut Context<'_>, args: &DirArgs, mut entries: Vec<Entry>) -> Result<(), Failure> {
    sort(&mut entries, args.sort);
    if args.reverse {
        entries.reverse();
    }
    if args.json {
        return entries
            .iter()
            .try_for_each(|entry| context.print_json(&entry.record()));
    }
    let row = if args.bare { bare } else { detailed };
    let mut shown = String::new();
    if context.is_terminal && !args.bare && !entries.is_empty() {
        let bold = Style::new().bold();
        shown = format!(
            "{bold}{:<10}  {:>9}  {:<16}  NAME{bold:#}\n",
            "MODE", "SIZE", "MODIFIED"
        );
    }
    entries.iter().for_each(|entry| shown.push_str(&row(entry)));
    if context.is_terminal && !args.bare {
        shown.push_str(&summary(&entries));
    }
    context.print_styled(&shown)
}

fn sort(entries: &mut [Entry], key: Key) {
    entries.sort_by_cached_key(|entry| entry.name.to_string_lossy().to_lowercase());
    match key {
        Key::Name => {}
        Key::Size => {
            entries.sort_by_key(|entry| (entry.is_directory(), Reverse(entry.size())));
        }
        Key::Time => entries.sort_by_key(|entry| Reverse(entry.modified())),
        Key::Type => entries.sort_by_cached_key(|entry| {
            let ending = Path::new(&entry.name).extension();
            (
                !entry.is_directory(),
                ending.map(|it| it.to_ascii_lowercase()),
            )
        }),
    }
}

fn bare(entry: &Entry) -> String {
    format!("{}\n", text::line(entry.name.as_encoded_bytes()))
}

fn detailed(entry: &Entry) -> String {
    let (quiet, look) = (Style::new().dimmed(), look(entry));
    let size = match entry.kind() {
        Kind::Directory => "<DIR>".to_owned(),
        Kind::Link => "<LINK>".to_owned(),
        Kind::File => text::size(entry.size()),
        Kind::Other(word) => format!("<{}>", word.to_uppercase()),
    };
    let name = text::line(entry.name.as_encoded_bytes());
    let end = if entry.kind() == Kind::Directory {
        "/"
    } else {
        ""
    };
    let target = entry.target.as_ref().map(|target| {
        let target = text::line(target.as_os_str().as_encoded_bytes());
        format!(" -> {target}")
    });
    format!(
        "{quiet}{}{quiet:#}  {size:>9}  {:<16}  {look}{name}{look:#}{end}{}\n",
        entry.mode(),
        entry.local_time(),
        target.unwrap_or_default(),
    )
}

fn look(entry: &Entry) -> Style {
    let colour = |colour: AnsiColor| Style::new().fg_color(Some(colour.into())).bold();
    match entry.kind() {
        Kind::Directory => colour(AnsiColor::Blue),
        Kind::Link => colour(AnsiColor::Cyan),
        Kind::File if entry.is_executable() => colour(AnsiColor::Green),
        Kind::File => Style::new(),
        Kind::Other(_) => colour(AnsiColor::Yellow),
    }
}

/// How many there are, and how large they are together.
fn summary(entries: &[Entry]) -> String {
    let directories = entries.iter().filter(|entry| entry.is_directory()).count();
    let files = entries.len() - directories;
    let bytes = entries
        .iter()
        .filter(|entry| entry.kind() == Kind::File)
        .map(Entry::size)
        .sum();
    let quiet = Style::new().dimmed();
    let directories = match directories {
        1 => "1 directory".to_owned(),
        _ => format!("{directories} directories"),
    };
    format!(
        "{quiet}{}, {directories}, {}{quiet:#}\n",
        text::count(files as u64, "file"),
        text::size(bytes),
    )
}
