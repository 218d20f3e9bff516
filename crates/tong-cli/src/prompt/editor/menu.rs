//! Menus, and that they are only there while they have something to offer.
//!
//! An open menu takes the next Enter for itself. One that has nothing to choose from would do so for no reason.

use super::has_colours;
use nu_ansi_term::{Color, Style};
use reedline::{
    ColumnarMenu, Completer, Editor, ListMenu, Menu, MenuBuilder, MenuEvent, Painter, Suggestion,
};

/// The names by which keys open them.
pub(super) const COMPLETIONS: &str = "completions";
pub(super) const HISTORY: &str = "history";

/// What could come next.
pub(super) fn completions() -> Box<dyn Menu> {
    let chosen = Style::new().reverse();
    let menu = ColumnarMenu::default()
        .with_name(COMPLETIONS)
        .with_marker("> ")
        .with_text_style(Style::new())
        .with_selected_text_style(chosen)
        .with_match_text_style(Style::new().bold())
        .with_selected_match_text_style(chosen.bold())
        .with_description_text_style(told());
    Box::new(Useful(menu))
}

/// The lines of earlier times.
pub(super) fn history() -> Box<dyn Menu> {
    let menu = ListMenu::default()
        .with_name(HISTORY)
        .with_marker("> ")
        .with_text_style(Style::new())
        .with_selected_text_style(Style::new().reverse())
        .with_description_text_style(told());
    Box::new(Useful(menu))
}

/// What is told about a suggestion.
fn told() -> Style {
    match has_colours() {
        true => Style::new().fg(Color::DarkGray),
        false => Style::new(),
    }
}

/// A menu that closes when it has nothing to offer.
struct Useful<M>(M);

impl<M: Menu> Useful<M> {
    fn close_if_empty(&mut self) {
        if self.0.is_active() && self.0.get_values().is_empty() {
            self.0.menu_event(MenuEvent::Deactivate);
        }
    }
}

impl<M: Menu> Menu for Useful<M> {
    fn update_values(&mut self, editor: &mut Editor, completer: &mut dyn Completer) {
        self.0.update_values(editor, completer);
        self.close_if_empty();
    }

    fn update_working_details(
        &mut self,
        editor: &mut Editor,
        completer: &mut dyn Completer,
        painter: &Painter,
    ) {
        self.0.update_working_details(editor, completer, painter);
        self.close_if_empty();
    }

    fn can_partially_complete(
        &mut self,
        is_updated: bool,
        editor: &mut Editor,
        completer: &mut dyn Completer,
    ) -> bool {
        self.0.can_partially_complete(is_updated, editor, completer)
    }

    fn name(&self) -> &str {
        self.0.name()
    }

    fn indicator(&self) -> &str {
        self.0.indicator()
    }

    fn is_active(&self) -> bool {
        self.0.is_active()
    }

    fn menu_event(&mut self, event: MenuEvent) {
        self.0.menu_event(event);
    }

    fn can_quick_complete(&self) -> bool {
        self.0.can_quick_complete()
    }

    fn replace_in_buffer(&self, editor: &mut Editor) {
        self.0.replace_in_buffer(editor);
    }

    fn menu_required_lines(&self, columns: u16) -> u16 {
        self.0.menu_required_lines(columns)
    }

    fn menu_string(&self, lines: u16, has_colours: bool) -> String {
        self.0.menu_string(lines, has_colours)
    }

    fn min_rows(&self) -> u16 {
        self.0.min_rows()
    }

    fn get_values(&self) -> &[Suggestion] {
        self.0.get_values()
    }

    fn set_cursor_pos(&mut self, position: (u16, u16)) {
        self.0.set_cursor_pos(position);
    }
}
