//! An opened object or process.

use super::super::model::Model;
use super::super::page::{Facts, Page};
use super::{after, below, Canvas};
use ratatui::layout::Rect;
use ratatui::style::Style;

/// Labels have so many columns.
const LABEL: u16 = 11;

impl Canvas<'_> {
    /// The page on top.
    pub(super) fn page(&mut self, area: Rect, model: &mut Model) {
        let (look, rates) = (&model.look, &model.rates);
        let height = match model.pages.last_mut() {
            Some(Page::Object(page)) => {
                let heading = format!("{} {}", page.key.0, super::super::look::shown(&page.key.1));
                let area = self.heading(area, &heading, page.is_gone);
                let area = self.facts(area, &page.facts);
                self.table(area, &mut page.list, &page.parties);
                if page.parties.is_empty() {
                    self.note(
                        super::table::below_header(area),
                        &["Nobody that can be seen from here has it open."],
                    );
                }
                area.height
            }
            Some(Page::Process(page)) => {
                let heading = format!("process {} {}", page.key.0, page.program);
                let area = self.heading(area, &heading, page.is_gone);
                let area = self.facts(area, &page.facts);
                match &page.why_none {
                    Some(why) => self.note(area, &[why]),
                    None if page.handles.is_empty() => self.note(area, &["no handles"]),
                    None => self.table(area, &mut page.list, &page.handles),
                }
                area.height
            }
            Some(Page::Follow(key)) => {
                let object = look.object(key);
                let heading = format!("{} {}", key.0, super::super::look::shown(&key.1));
                let area = self.heading(area, &heading, object.is_none());
                self.follow(area, key, object, rates);
                area.height
            }
            None => area.height,
        };
        model.height = usize::from(height.saturating_sub(1)).max(1);
    }

    fn heading(&mut self, area: Rect, text: &str, is_gone: bool) -> Rect {
        let rest = self.put(after(area, 1), text, self.palette.header());
        if is_gone {
            self.put(
                rest,
                "  gone: this is what was seen last",
                self.palette.bad(),
            );
        }
        below(area, 1)
    }

    /// Labels and what they are about, as many as leave room for a few lines of the list.
    fn facts(&mut self, area: Rect, facts: &Facts) -> Rect {
        let most = usize::from(area.height.saturating_sub(4));
        let mut rest = area;
        for (label, text) in facts.iter().take(most) {
            self.put(after(rest, 1), label, self.palette.faint());
            self.put(after(rest, LABEL), text, Style::new());
            rest = below(rest, 1);
        }
        // A blank line, if there is room for one.
        below(rest, u16::from(most > facts.len()))
    }
}
