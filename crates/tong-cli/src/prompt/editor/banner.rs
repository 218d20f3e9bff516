//! What stands before the cursor: `tong ~/work> `, and the code of the last command if that was not 0.

use super::has_colours;
use nu_ansi_term::{Color, Style};
use reedline::{Prompt, PromptEditMode, PromptHistorySearch, PromptHistorySearchStatus};
use std::borrow::Cow;
use std::path::{Component, Path, PathBuf};

/// The most characters of a directory. Half of a narrow terminal stays for what is typed.
const DIRECTORY_MAX: usize = 32;

/// Stands before the second and later lines of an input.
pub(super) const CONTINUED: &str = "  > ";

/// The texts of one prompt.
pub(super) struct Banner {
    directory: String,
    last_code: u32,
    has_colours: bool,
}

impl Banner {
    pub(super) fn of(last_code: u32) -> Banner {
        let home = tong::environment::get("HOME".as_ref()).map(PathBuf::from);
        let directory = match std::env::current_dir() {
            Ok(here) => shortened(&here, home.as_deref()),
            Err(_) => "(removed)".to_owned(),
        };
        Banner {
            directory,
            last_code,
            has_colours: has_colours(),
        }
    }

    /// All of it, without colours.
    pub(super) fn plain(&self) -> String {
        format!("tong {}{}> ", self.directory, self.code())
    }

    fn code(&self) -> String {
        match self.last_code {
            0 => String::new(),
            code => format!(" [{}]", short_code(code)),
        }
    }

    fn painted(&self, style: Style, text: &str) -> String {
        match self.has_colours && !text.is_empty() {
            true => style.paint(text).to_string(),
            false => text.to_owned(),
        }
    }
}

/// Codes that programs choose are small; the large ones are known in hexadecimal.
fn short_code(code: u32) -> String {
    match code {
        0..=0xffff => code.to_string(),
        _ => format!("{code:#010x}"),
    }
}

/// The directory with `~` for the home directory and without its first parts if it is long.
fn shortened(here: &Path, home: Option<&Path>) -> String {
    let home = home.filter(|home| home.parent().is_some());
    let shown = match home.and_then(|home| here.strip_prefix(home).ok()) {
        Some(inside) if inside.as_os_str().is_empty() => "~".to_owned(),
        Some(inside) => format!("~/{}", inside.display()),
        None => here.display().to_string(),
    };
    let shown = crate::text::line(shown.as_bytes());
    if shown.chars().count() <= DIRECTORY_MAX {
        return shown;
    }
    let parts: Vec<String> = Path::new(&shown)
        .components()
        .filter(|part| !matches!(part, Component::RootDir))
        .map(|part| part.as_os_str().to_string_lossy().into_owned())
        .collect();
    let mut tail = String::new();
    for part in parts.iter().rev() {
        let longer = tail.chars().count() + part.chars().count() + 1;
        if !tail.is_empty() && longer + 3 > DIRECTORY_MAX {
            break;
        }
        tail = format!("/{part}{tail}");
    }
    format!("...{tail}")
}

impl Prompt for Banner {
    fn render_prompt_left(&self) -> Cow<'_, str> {
        let quiet = Style::new().dimmed();
        let directory = Style::new().fg(Color::Cyan).bold();
        let code = Style::new().fg(Color::Red).bold();
        let left = format!(
            "{} {}{}",
            self.painted(quiet, "tong"),
            self.painted(directory, &self.directory),
            self.painted(code, &self.code()),
        );
        left.into()
    }

    fn render_prompt_right(&self) -> Cow<'_, str> {
        "".into()
    }

    fn render_prompt_indicator(&self, _: PromptEditMode) -> Cow<'_, str> {
        "> ".into()
    }

    fn render_prompt_multiline_indicator(&self) -> Cow<'_, str> {
        CONTINUED.into()
    }

    fn render_prompt_history_search_indicator(&self, search: PromptHistorySearch) -> Cow<'_, str> {
        let found = match search.status {
            PromptHistorySearchStatus::Passing => "",
            PromptHistorySearchStatus::Failing => "nothing like ",
        };
        format!(" (search: {found}{})> ", search.term).into()
    }

    fn get_prompt_color(&self) -> crossterm::style::Color {
        crossterm::style::Color::Reset
    }

    fn get_prompt_multiline_color(&self) -> Color {
        Color::Default
    }

    fn get_indicator_color(&self) -> crossterm::style::Color {
        crossterm::style::Color::Reset
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_directory_is_short() {
        let home = Some(Path::new("/home/ann"));
        for (here, shown) in [
            ("/home/ann", "~"),
            ("/home/ann/src", "~/src"),
            ("/home/anna", "/home/anna"),
            ("/", "/"),
            (
                "/home/ann/a-long-name-of-a-directory/another-long-one/x",
                ".../another-long-one/x",
            ),
            (
                "/srv/one-name-that-is-longer-than-all-that-can-be-shown",
                ".../one-name-that-is-longer-than-all-that-can-be-shown",
            ),
            ("/srv/a\x1b[2J", r"/srv/a\x1b[2J"),
        ] {
            assert_eq!(shortened(Path::new(here), home), shown);
        }
        assert_eq!(shortened(Path::new("/x"), Some(Path::new("/"))), "/x");
    }

    #[test]
    fn codes_are_short_or_hexadecimal() {
        let codes = [1, 9009, 0xC000_0005, u32::MAX].map(short_code);
        assert_eq!(codes, ["1", "9009", "0xc0000005", "0xffffffff"]);
    }
}
