//! The editor itself: keys, hints, and when an input is whole.

use super::banner::Banner;
use super::colours::Colours;
use super::complete::{Completions, Known};
use super::history::INPUTS_MAX;
use super::{has_colours, menu, Entered};
use crate::exit::Failure;
use crate::prompt::language::is_complete;
use crate::prompt::Shell;
use nu_ansi_term::{Color, Style};
use reedline::{
    default_emacs_keybindings, DefaultHinter, EditCommand, Emacs, FileBackedHistory, History,
    HistoryItem, KeyCode, KeyModifiers, Keybindings, Reedline, ReedlineEvent, ReedlineMenu, Signal,
    SimpleMatchHighlighter, ValidationResult, Validator,
};
use std::sync::{Arc, Mutex, PoisonError};

/// Lines with help.
pub(super) struct Line {
    editor: Reedline,
    known: Arc<Mutex<Known>>,
}

impl Line {
    /// An editor that remembers these inputs, the oldest first.
    pub(super) fn new(inputs: &[String]) -> Line {
        let known = Arc::default();
        let mut editor = Reedline::create()
            .with_history(Box::new(remembered(inputs)))
            .with_history_exclusion_prefix(Some(" ".to_owned()))
            .with_completer(Box::new(Completions::new(Arc::clone(&known))))
            .with_quick_completions(true)
            .with_partial_completions(true)
            .with_menu(ReedlineMenu::EngineCompleter(menu::completions()))
            .with_menu(ReedlineMenu::HistoryMenu(menu::history()))
            .with_edit_mode(Box::new(Emacs::new(keys())))
            .with_validator(Box::new(Whole))
            .use_bracketed_paste(true);
        if has_colours() {
            let hint = DefaultHinter::default().with_style(Style::new().fg(Color::DarkGray));
            editor = editor
                .with_hinter(Box::new(hint))
                .with_highlighter(Box::new(Colours::default()));
        } else {
            // Not without its escapes, which also show what is chosen: these are no colours.
            editor = editor.with_highlighter(Box::new(SimpleMatchHighlighter::default()));
        }
        Line { editor, known }
    }

    /// Reads one whole input.
    pub(super) fn read(&mut self, banner: &Banner, shell: &Shell) -> Result<Entered, Failure> {
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Known::of(shell);
        match self.editor.read_line(banner) {
            Ok(Signal::Success(text)) if text.trim().is_empty() => Ok(Entered::Nothing),
            Ok(Signal::Success(text)) => Ok(Entered::Text(text)),
            Ok(Signal::CtrlD) => Ok(Entered::End),
            Ok(_) => Ok(Entered::Nothing),
            Err(error) => Ok(Entered::Unfit(format!(
                "the terminal does not tell where its cursor is ({error})"
            ))),
        }
    }
}

/// The inputs of earlier times, for the keys that look for them.
fn remembered(inputs: &[String]) -> FileBackedHistory {
    let mut history = FileBackedHistory::new(INPUTS_MAX).unwrap_or_default();
    for input in inputs {
        // In memory nothing can fail.
        let _ = history.save(HistoryItem::from_command_line(input));
    }
    history
}

/// The usual keys, and some that hands know from elsewhere.
fn keys() -> Keybindings {
    let mut keys = default_emacs_keybindings();
    let none = KeyModifiers::NONE;
    let first_that_works = ReedlineEvent::UntilFound;
    keys.add_binding(
        none,
        KeyCode::Tab,
        first_that_works(vec![
            ReedlineEvent::Menu(menu::COMPLETIONS.to_owned()),
            ReedlineEvent::MenuNext,
        ]),
    );
    keys.add_binding(
        KeyModifiers::SHIFT,
        KeyCode::BackTab,
        ReedlineEvent::MenuPrevious,
    );
    // The list of earlier lines, as in a Windows console.
    keys.add_binding(
        none,
        KeyCode::F(7),
        first_that_works(vec![
            ReedlineEvent::Menu(menu::HISTORY.to_owned()),
            ReedlineEvent::MenuPageNext,
        ]),
    );
    keys.add_binding(
        KeyModifiers::ALT,
        KeyCode::Enter,
        ReedlineEvent::Edit(vec![EditCommand::InsertNewline]),
    );
    // There is no file to edit the line in.
    keys.remove_binding(KeyModifiers::CONTROL, KeyCode::Char('o'));
    keys
}

/// Tells whether an input needs another line.
struct Whole;

impl Validator for Whole {
    fn validate(&self, text: &str) -> ValidationResult {
        match is_complete(text) {
            true => ValidationResult::Complete,
            false => ValidationResult::Incomplete,
        }
    }
}
