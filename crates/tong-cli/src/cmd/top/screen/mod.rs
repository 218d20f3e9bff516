//! Drawing: from the model to cells, and nothing else.
//!
//! The first line says where and at what cost, the second which list, the last what keys do; between them is a list or a
//! page. Everything is also told by words, because colours may be off. A screen that is too small shows less, in order:
//! first go the columns that matter least, then the lines around the list.

mod follow;
mod help;
mod page;
mod style;
mod table;
#[cfg(test)]
mod tests;

use super::columns::Columns;
use super::list::{Line as _, List};
use super::look::{Object, Process};
use super::model::{Mode, Model};
use super::page::Page;
use super::waits::{Ring, Wait};
use crate::args::Pane;
use crate::text;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use ratatui::Frame;
use std::time::Duration;
pub(super) use style::Palette;
use unicode_width::UnicodeWidthStr;

/// So many deadlocks are told in words above the waits.
const STORIES_MAX: usize = 3;

/// Draws everything.
pub(super) fn draw(frame: &mut Frame<'_>, model: &mut Model, palette: Palette) {
    let area = frame.area();
    let cursor = paint(frame.buffer_mut(), area, model, palette);
    if let Some(cursor) = cursor {
        frame.set_cursor_position(cursor);
    }
}

/// Draws everything into a buffer, and says where the cursor is to be, if one types.
fn paint(buffer: &mut Buffer, area: Rect, model: &mut Model, palette: Palette) -> Option<Position> {
    let mut canvas = Canvas { buffer, palette };
    let [top, second, body, bottom] = rows(area);
    canvas.title(top, model);
    canvas.tabs(second, model);
    model.height = usize::from(body.height.saturating_sub(1)).max(1);
    match (&model.mode, model.pages.is_empty()) {
        (Mode::Help(line), _) => {
            let line = *line;
            model.mode = Mode::Help(canvas.help(body, line));
        }
        (_, false) => canvas.page(body, model),
        (_, true) => canvas.pane(body, model),
    }
    canvas.footer(bottom, model)
}

/// The two lines on top, what is between, and the line at the bottom. A very low screen does without the lines.
fn rows(area: Rect) -> [Rect; 4] {
    let has_tabs = area.height >= 4;
    let has_edges = area.height >= 3;
    let line = |y: u16, is_there: bool| Rect {
        y,
        height: u16::from(is_there),
        ..area
    };
    let above = u16::from(has_edges) + u16::from(has_tabs);
    let body = Rect {
        y: area.y + above,
        height: area.height - above - u16::from(has_edges),
        ..area
    };
    [
        line(area.y, has_edges),
        line(area.y + 1, has_tabs),
        body,
        line(area.bottom().saturating_sub(1), has_edges),
    ]
}

/// What is drawn on.
struct Canvas<'a> {
    buffer: &'a mut Buffer,
    palette: Palette,
}

impl Canvas<'_> {
    /// Writes a text at the left of an area, cut off with `…` where it ends. Returns what is left of the area.
    fn put(&mut self, area: Rect, text: &str, style: Style) -> Rect {
        if area.is_empty() {
            return area;
        }
        let width = usize::from(area.width);
        let mut end = area.x;
        if text.width() <= width {
            (end, _) = self.buffer.set_stringn(area.x, area.y, text, width, style);
        } else {
            (end, _) = self.buffer.set_stringn(end, area.y, text, width - 1, style);
            (end, _) = self.buffer.set_stringn(end, area.y, "…", 1, style);
        }
        after(area, end - area.x)
    }

    /// Writes a text at the right end of an area, if it fits. Returns what is left of the area.
    fn put_right(&mut self, area: Rect, text: &str, style: Style) -> Rect {
        let width = u16::try_from(text.width()).unwrap_or(u16::MAX);
        let Some(left) = area.width.checked_sub(width).filter(|_| !area.is_empty()) else {
            return area;
        };
        self.buffer
            .set_stringn(area.x + left, area.y, text, width.into(), style);
        Rect {
            width: left.saturating_sub(1),
            ..area
        }
    }

    fn title(&mut self, area: Rect, model: &Model) {
        self.buffer.set_style(area, self.palette.bar());
        let how_often = match model.is_paused {
            true => "paused".to_owned(),
            false => format!("every {}", interval(model.interval)),
        };
        let cost = model.cost.map_or(String::new(), |part| {
            format!(", cost {:.1} %", part * 100.0)
        });
        let style = match model.is_paused {
            true => self.palette.warning().patch(self.palette.bar()),
            false => self.palette.bar(),
        };
        let rest = self.put_right(area, &format!("{how_often}{cost} "), style);
        let rest = self.put(rest, " tong top ", self.palette.bar());
        self.put(rest, &model.place, self.palette.bar());
    }

    fn tabs(&mut self, area: Rect, model: &Model) {
        let rings = model.look.rings.len() as u64;
        let panes = [
            (Pane::Objects, "1 Objects", model.look.objects.len()),
            (Pane::Processes, "2 Processes", model.look.processes.len()),
            (Pane::Waits, "3 Waits", model.look.waits.len()),
        ];
        let mut rest = area;
        for (pane, title, count) in panes {
            let is_it = pane == model.pane;
            let style = match (is_it, pane == Pane::Waits && rings > 0) {
                (true, false) => self.palette.current(),
                (true, true) => self.palette.bad().patch(self.palette.current()),
                (false, true) => self.palette.bad(),
                (false, false) => Style::new(),
            };
            // Narrow screens get just the names.
            let label = match area.width {
                ..60 => format!(" {title} "),
                _ => format!(" {title} {count} "),
            };
            rest = self.put(rest, &label, style);
        }
        if rings > 0 {
            let text = format!(" {}", text::count(rings, "deadlock"));
            rest = self.put(rest, &text, self.palette.bad());
        }
        if model.pages.is_empty() {
            let (sort, is_reversed) = model.sorting();
            let turned = if is_reversed { ", reversed" } else { "" };
            let style = self.palette.faint();
            self.put_right(rest, &format!("by {sort}{turned} "), style);
        }
    }

    fn pane(&mut self, area: Rect, model: &mut Model) {
        let look = &model.look;
        match model.pane {
            Pane::Objects if look.objects.is_empty() => self.welcome(area, &model.place),
            Pane::Objects => self.list(area, &mut model.objects, &look.objects),
            Pane::Processes if look.processes.is_empty() => {
                self.note(area, &["No process uses tong here."]);
            }
            Pane::Processes => self.list(area, &mut model.processes, &look.processes),
            Pane::Waits if look.waits.is_empty() => {
                self.note(area, &["No thread waits for anything here."]);
            }
            Pane::Waits => {
                let area = self.stories(area, &look.rings);
                self.list(area, &mut model.waits, &look.waits);
            }
        }
    }

    /// A list, or why it is empty.
    fn list<L: Columns>(&mut self, area: Rect, list: &mut List<L>, lines: &[L]) {
        self.table(area, list, lines);
        if list.counts().0 == 0 {
            let why = format!("No line has all of these words: {}", list.filter.trim());
            self.note(table::below_header(area), &[&why, "Esc shows all again."]);
        }
    }

    /// The deadlocks in words, as far as there is room.
    fn stories(&mut self, area: Rect, rings: &[Ring]) -> Rect {
        let room = usize::from(area.height.saturating_sub(4)).min(STORIES_MAX);
        let mut rest = area;
        for ring in rings.iter().take(room) {
            let end = match ring.will_end {
                true => "until a time-out",
                false => "for ever",
            };
            let story = format!(" deadlock of {} {end}: {}", ring.len, ring.story);
            self.put(rest, &story, self.palette.bad());
            rest = below(rest, 1);
        }
        rest
    }

    fn welcome(&mut self, area: Rect, place: &str) {
        let first = format!("There are no objects in {place}.");
        self.note(
            area,
            &[
                &first,
                "",
                "Try, in another terminal:",
                "  tong event create ready",
                "  tong mailslot read box",
                "  tong pipe serve chat --echo",
                "",
                "They appear here at once. ? explains the keys.",
            ],
        );
    }

    /// A few lines where a list would be.
    fn note(&mut self, area: Rect, lines: &[&str]) {
        let has_room = usize::from(area.height) > lines.len() + 1;
        let mut rest = below(area, u16::from(has_room));
        for line in lines {
            let indented = after(rest, 2.min(rest.width / 10));
            self.put(indented, line, Style::new());
            rest = below(rest, 1);
        }
    }

    /// The line at the bottom; the place of the cursor if one types there.
    fn footer(&mut self, area: Rect, model: &Model) -> Option<Position> {
        if let Mode::Kill(question) = &model.mode {
            self.buffer.set_style(area, self.palette.question());
            self.put(area, &format!(" {question}"), self.palette.question());
            return None;
        }
        if let Mode::Filter(_) = model.mode {
            let filter = model.filter().unwrap_or_default();
            let (shown, all) = counts(model);
            let keys = format!("{shown} of {all}  Enter keeps it, Esc does not ");
            let rest = self.put_right(area, &keys, self.palette.faint());
            let rest = self.put(rest, &format!(" /{filter}"), Style::new());
            return Some(Position::new(
                rest.x.min(area.right().saturating_sub(1)),
                area.y,
            ));
        }
        if let Some(message) = &model.message {
            let style = match message.is_bad {
                true => self.palette.bad(),
                false => self.palette.warning(),
            };
            self.put(area, &format!(" {}", message.text), style);
            return None;
        }
        let mut rest = self.put_right(area, &place_in_list(model), self.palette.faint());
        let filter = model.filter().unwrap_or_default();
        if !filter.is_empty() && matches!(model.mode, Mode::Browse) {
            let text = format!(" filter: {} ", filter.trim());
            rest = self.put(rest, &text, self.palette.warning());
        }
        for (key, what) in help::hints(model) {
            // Half a hint is none.
            let width = key.width() + what.width() + 3;
            if width > usize::from(rest.width) {
                continue;
            }
            rest = self.put(rest, &format!(" {key} "), self.palette.key());
            rest = self.put(rest, &format!("{what} "), Style::new());
        }
        None
    }
}

/// A length of time, in whole seconds if it is so many.
fn interval(time: Duration) -> String {
    match time.subsec_nanos() {
        0 if time.as_secs() < 120 => format!("{} s", time.as_secs()),
        _ => text::span(time),
    }
}

/// Which line is chosen, and of how many.
fn place_in_list(model: &Model) -> String {
    if matches!(model.mode, Mode::Help(_)) || matches!(model.pages.last(), Some(Page::Follow(_))) {
        return String::new();
    }
    let (place, (shown, all)) = position(model);
    match shown == all {
        true => format!("{place}/{all} "),
        false => format!("{place}/{shown} of {all} "),
    }
}

/// How many lines are shown, and of how many.
fn counts(model: &Model) -> (usize, usize) {
    position(model).1
}

fn position(model: &Model) -> (usize, (usize, usize)) {
    fn of<L: super::list::Line>(list: &List<L>) -> (usize, (usize, usize)) {
        (list.place(), list.counts())
    }
    match (model.pages.last(), model.pane) {
        (Some(Page::Object(page)), _) => of(&page.list),
        (Some(Page::Process(page)), _) => of(&page.list),
        (Some(Page::Follow(_)), _) => (0, (0, 0)),
        (None, Pane::Objects) => of(&model.objects),
        (None, Pane::Processes) => of(&model.processes),
        (None, Pane::Waits) => of(&model.waits),
    }
}

impl Model {
    /// What the list is sorted by.
    fn sorting(&self) -> (&'static str, bool) {
        match self.pane {
            Pane::Objects => (Object::SORTS[self.objects.sort], self.objects.is_reversed),
            Pane::Processes => (
                Process::SORTS[self.processes.sort],
                self.processes.is_reversed,
            ),
            Pane::Waits => (Wait::SORTS[self.waits.sort], self.waits.is_reversed),
        }
    }
}

/// An area without its first lines.
fn below(area: Rect, lines: u16) -> Rect {
    let lines = lines.min(area.height);
    Rect {
        y: area.y + lines,
        height: area.height - lines,
        ..area
    }
}

/// An area without its first columns.
fn after(area: Rect, columns: u16) -> Rect {
    let columns = columns.min(area.width);
    Rect {
        x: area.x + columns,
        width: area.width - columns,
        ..area
    }
}
