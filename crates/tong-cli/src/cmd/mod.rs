//! The commands, a file each.

pub(crate) mod completions;
pub(crate) mod gc;
pub(crate) mod global;
pub(crate) mod info;
pub(crate) mod ls;
pub(crate) mod man;
pub(crate) mod read;
pub(crate) mod tour;
pub(crate) mod write;

use crate::exit::{Code, Failure};
use std::io::IsTerminal;
use tong::MailslotName;

/// Reads a mailslot's name as people write it at a prompt.
fn mailslot_name(text: &str) -> Result<MailslotName, Failure> {
    // What a shell leaves of \\.\mailslot\box without quotes or in double ones would be a valid short name.
    if text.starts_with(r"\.") && text.to_ascii_lowercase().contains("mailslot") {
        let why = format!("the shell took backslashes out of the name {text}; write //./mailslot/NAME, or just NAME");
        return Err(Failure::Own(Code::Usage, why));
    }
    Ok(MailslotName::short(text)?)
}

/// Tells the person at the terminal what is going on; scripts and logs are not told.
fn note(quiet: bool, text: &str) {
    if !quiet && std::io::stderr().is_terminal() {
        crate::exit::complain(text);
    }
}
