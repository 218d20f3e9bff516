//! A list as a table that fits the screen.

use super::super::columns::{Column, Columns, Tone, ANY};
use super::super::list::List;
use super::{below, Canvas};
use ratatui::layout::Rect;
use unicode_width::UnicodeWidthStr;

/// Where a table's lines begin.
pub(super) fn below_header(area: Rect) -> Rect {
    below(area, 1)
}

impl Canvas<'_> {
    /// A head and the lines around the chosen one.
    pub(super) fn table<L: Columns>(&mut self, area: Rect, list: &mut List<L>, lines: &[L]) {
        // With one line only, that of the list matters more.
        let has_header = area.height > 1;
        let fitted = fit(L::COLUMNS, area.width);
        if has_header {
            for (index, place) in &fitted {
                let column = &L::COLUMNS[*index];
                let style = match column.sort == Some(list.sort) {
                    true => self.palette.sorted(),
                    false => self.palette.header(),
                };
                self.cell(place.in_line(area), column, column.title, style);
            }
        }
        let mut rest = below(area, u16::from(has_header));
        for (is_chosen, line) in list.on_screen(rest.height.into(), lines) {
            let row = Rect { height: 1, ..rest };
            for (index, place) in &fitted {
                let (text, tone) = line.cell(*index);
                let tone = if line.is_bad() { Tone::Bad } else { tone };
                let style = self.palette.tone(tone);
                self.cell(place.in_line(row), &L::COLUMNS[*index], &text, style);
            }
            if is_chosen {
                self.buffer.set_style(row, self.palette.chosen());
            }
            rest = below(rest, 1);
        }
    }

    fn cell(&mut self, area: Rect, column: &Column, text: &str, style: ratatui::style::Style) {
        let width = u16::try_from(text.width()).unwrap_or(u16::MAX);
        let indent = match column.is_number {
            true => area.width.saturating_sub(width),
            false => 0,
        };
        self.put(super::after(area, indent), text, style);
    }
}

/// Where a column is in a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    x: u16,
    width: u16,
}

impl Place {
    fn in_line(self, line: Rect) -> Rect {
        Rect {
            x: line.x + self.x,
            width: self.width,
            height: 1,
            ..line
        }
    }
}

/// A screen of so many columns has none to spare for a blank at its edge.
const NARROW: u16 = 20;

/// Which columns fit, and where. Depends on nothing but the width, so that columns stand still when lines change.
fn fit(columns: &[Column], width: u16) -> Vec<(usize, Place)> {
    // A blank on the left, and one between two columns.
    let needed = |chosen: &[usize]| -> u16 {
        let widths = chosen.iter().map(|index| columns[*index].least);
        widths.sum::<u16>() + u16::try_from(chosen.len()).unwrap_or(0)
    };
    let mut chosen: Vec<usize> = (0..columns.len()).collect();
    while needed(&chosen) > width && chosen.len() > 1 {
        let highest = chosen
            .iter()
            .copied()
            .max_by_key(|index| columns[*index].rank);
        chosen.retain(|index| Some(*index) != highest);
    }
    let mut widths: Vec<u16> = chosen.iter().map(|index| columns[*index].least).collect();
    let mut spare = width.saturating_sub(needed(&chosen));
    // A cell or a few for each that wants more, until nobody does.
    loop {
        let before = spare;
        for (place, index) in chosen.iter().enumerate() {
            let most = columns[*index].most;
            // Names have no end, so they get more than others.
            let wanted = if most == ANY { 3 } else { 1 };
            let more = spare.min(wanted).min(most - widths[place]);
            widths[place] += more;
            spare -= more;
        }
        if spare == before {
            break;
        }
    }
    let mut x = u16::from(width > NARROW);
    let place = |(index, width): (usize, u16)| {
        let place = Place { x, width };
        x += width + 1;
        (index, place)
    };
    let fitted: Vec<_> = chosen.into_iter().zip(widths).map(place).collect();
    fitted
        .into_iter()
        .map(|(index, place)| {
            let room = width.saturating_sub(place.x);
            let width = place.width.min(room);
            (index, Place { width, ..place })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::super::look::{Object, Process};
    use super::super::super::waits::Wait;
    use super::*;

    fn check(columns: &[Column]) {
        let mut count = 0;
        for width in 1..250 {
            let fitted = fit(columns, width);
            assert!(!fitted.is_empty() && fitted.len() >= count, "{width}");
            count = fitted.len();
            let mut free = 0;
            for (index, place) in &fitted {
                assert!(place.x >= free, "{width}: columns do not touch");
                let end = place.x + place.width;
                free = end + 1;
                assert!(end <= width.max(place.x), "{width}: {index}");
            }
        }
        assert_eq!(count, columns.len(), "a wide screen has them all");
    }

    #[test]
    fn columns_fit_any_screen_and_more_come_with_width() {
        check(Object::COLUMNS);
        check(Process::COLUMNS);
        check(Wait::COLUMNS);
    }

    #[test]
    fn eighty_columns_show_what_matters_most() {
        let titles: Vec<&str> = fit(Object::COLUMNS, 80)
            .iter()
            .map(|(index, _)| Object::COLUMNS[*index].title)
            .collect();
        let expected = [
            "KIND", "NAME", "STATE", "OWNER", "WAIT", "QUEUED", "IN/S", "MSG/S",
        ];
        assert_eq!(titles, expected);
    }
}
