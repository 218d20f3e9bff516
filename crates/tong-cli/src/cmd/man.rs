//! `tong man`: the manual pages, made from the same definitions as the help.

use crate::args::{Args, ManArgs};
use crate::exit::Failure;
use crate::{output, text};
use clap::CommandFactory;
use clap_mangen::Man;
use std::fs;
use std::io::{self, IsTerminal};
use std::path::Path;

pub(crate) fn run(args: &ManArgs) -> Result<(), Failure> {
    match &args.dir {
        Some(dir) => write_all(dir),
        None => print_main(),
    }
}

/// Prints the page of `tong` itself.
fn print_main() -> Result<(), Failure> {
    let mut page = Vec::new();
    let rendered = Man::new(Args::command()).manual("tong").render(&mut page);
    rendered.map_err(|error| Failure::Io("cannot make the manual page".to_owned(), error))?;
    output::print_raw(&page)?;
    if io::stdout().is_terminal() {
        super::note(
            false,
            "that is the source of the page; to read it: tong man | man -l -",
        );
    }
    Ok(())
}

/// Writes a page for every command and says where.
fn write_all(dir: &Path) -> Result<(), Failure> {
    let failure = |error| {
        Failure::Io(
            format!("cannot write manual pages to {}", dir.display()),
            error,
        )
    };
    fs::create_dir_all(dir).map_err(failure)?;
    let mut command = Args::command();
    command.build();
    let pages = write_pages(&command, dir).map_err(failure)?;
    super::note(
        false,
        &format!("wrote {} to {}", text::count(pages, "page"), dir.display()),
    );
    Ok(())
}

/// Writes the pages of a command and of those below it; returns how many.
fn write_pages(command: &clap::Command, dir: &Path) -> io::Result<u64> {
    Man::new(command.clone()).manual("tong").generate_to(dir)?;
    let mut pages = 1;
    for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
        pages += write_pages(sub, dir)?;
    }
    Ok(pages)
}
