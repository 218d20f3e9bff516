//! What the keys are.

use super::super::model::{Mode, Model};
use super::super::page::Page;
use super::{after, below, Canvas};
use crate::args::Pane;
use ratatui::layout::Rect;
use ratatui::style::Style;

/// Keys and what they do; without a key, an explanation.
const TEXT: [(&str, &str); 26] = [
    ("1 2 3  Tab", "objects, processes, who waits on whom"),
    ("↑ ↓", "choose a line; it stays chosen wherever it moves to"),
    ("PgUp PgDn", "a page up or down"),
    ("Home End", "the first or the last line; also g and G"),
    (
        "Enter →",
        "open what is chosen: who has an object, the handles of a process",
    ),
    ("Esc ←", "back"),
    ("/", "show only lines with these words; Esc shows all again"),
    ("s  r", "sort by the next column; the other way round"),
    ("f", "follow the traffic of a mailslot or pipe"),
    ("k", "kill the chosen process; asks first"),
    ("p  Space", "pause and go on"),
    ("+  -", "look more often, less often"),
    ("Ctrl-L", "draw the screen anew"),
    ("Ctrl-Z", "stop for now; fg comes back"),
    ("q  Ctrl-C", "quit"),
    ("", ""),
    ("", "WAIT    threads that wait for the object"),
    ("", "QUEUED  bytes that nobody has read yet"),
    (
        "",
        "IN/S    bytes a second to the server, OUT/S to the clients",
    ),
    ("", "MSG/S   messages a second"),
    ("", "OPEN    processes that have it open"),
    ("", "OWNS    mutexes that the process owns"),
    ("", ""),
    (
        "",
        "Red: deadlocks, in which each waits for what the next one has.",
    ),
    (
        "",
        "Cost: the part of one processor that this screen takes.",
    ),
    ("", "Nothing is asked of the programs that are watched."),
];
/// Keys have so many columns.
const KEYS: u16 = 13;

impl Canvas<'_> {
    /// The help from a line on; returns the line that it really began with.
    pub(super) fn help(&mut self, area: Rect, line: usize) -> usize {
        let most = TEXT.len().saturating_sub(area.height.into());
        let line = line.min(most);
        let mut rest = area;
        for (key, text) in &TEXT[line..] {
            self.put(after(rest, 1), key, self.palette.key());
            self.put(after(rest, KEYS.min(rest.width / 3)), text, Style::new());
            rest = below(rest, 1);
        }
        line
    }
}

/// The keys that matter most where one is.
pub(super) fn hints(model: &Model) -> Vec<(&'static str, &'static str)> {
    if let Mode::Help(_) = model.mode {
        return vec![("any key", "goes back"), ("↑ ↓", "scroll")];
    }
    let mut hints = match (model.pages.last(), model.pane) {
        (Some(Page::Object(page)), _) => {
            let mut hints = vec![("Esc", "back"), ("Enter", "process"), ("k", "kill it")];
            if matches!(page.key.0, "mailslot" | "pipe") {
                hints.insert(1, ("f", "follow"));
            }
            hints
        }
        (Some(Page::Process(_)), _) => {
            vec![
                ("Esc", "back"),
                ("Enter", "object"),
                ("k", "kill"),
                ("/", "filter"),
            ]
        }
        (Some(Page::Follow(_)), _) => vec![("Esc", "back"), ("+ -", "faster, slower")],
        (None, Pane::Objects) => {
            vec![
                ("Enter", "open"),
                ("/", "filter"),
                ("s", "sort"),
                ("f", "follow"),
            ]
        }
        (None, Pane::Processes) => {
            vec![
                ("Enter", "handles"),
                ("/", "filter"),
                ("s", "sort"),
                ("k", "kill"),
            ]
        }
        (None, Pane::Waits) => {
            vec![
                ("Enter", "open"),
                ("/", "filter"),
                ("s", "sort"),
                ("k", "kill"),
            ]
        }
    };
    if model.filter().is_some_and(|filter| !filter.is_empty()) {
        hints.insert(0, ("Esc", "all"));
    }
    hints.extend([("p", "pause"), ("?", "help"), ("q", "quit")]);
    hints
}
