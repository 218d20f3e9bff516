//! The traffic of one mailslot or pipe, as pictures.

use super::super::columns::short_number;
use super::super::look::{Object, ObjectKey};
use super::super::rates::{Rates, Sample};
use super::{after, below, Canvas};
use crate::text;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::widgets::{RenderDirection, Sparkline, Widget};

/// A picture is no higher than this.
const HEIGHT_MAX: u16 = 9;

/// One thing that changes with time.
struct Series {
    title: &'static str,
    of: fn(&Sample) -> f64,
    text: fn(f64) -> String,
    /// What has come together since the object was made.
    total: Option<String>,
}

impl Canvas<'_> {
    /// Pictures of what went in, what went out, and what is unread.
    pub(super) fn follow(
        &mut self,
        area: Rect,
        key: &ObjectKey,
        object: Option<&Object>,
        rates: &Rates,
    ) {
        if rates.samples(key).next().is_none() {
            let why = match object {
                Some(object) if object.entry.as_ref().is_some_and(|it| it.traffic.is_none()) => {
                    "Its traffic cannot be seen from here."
                }
                _ => "Rates are known from the second look on.",
            };
            self.note(area, &[why]);
            return;
        }
        let all = series(key, rates);
        let count = u16::try_from(all.len()).unwrap_or(1);
        let height = (area.height / count).clamp(1, HEIGHT_MAX);
        let mut rest = area;
        for series in &all {
            let part = Rect {
                height: height.min(rest.height),
                ..rest
            };
            self.series(part, series, key, rates);
            rest = below(rest, height);
        }
    }

    fn series(&mut self, area: Rect, series: &Series, key: &ObjectKey, rates: &Rates) {
        let width = usize::from(area.width.saturating_sub(2));
        // The newest is at the right end.
        let values: Vec<f64> = rates
            .samples(key)
            .rev()
            .take(width)
            .map(series.of)
            .collect();
        let most = values.iter().copied().fold(0.0, f64::max);
        let now = values.first().copied().unwrap_or(0.0);
        let text = series.text;
        let mut line = format!("{} now, {} at most", text(now), text(most));
        if let Some(total) = &series.total {
            line.push_str(&format!(", {total} in all"));
        }
        let line_area = after(area, 1);
        let rest = self.put(line_area, series.title, self.palette.header());
        self.put(after(rest, 1), &line, Style::new());
        let picture = Rect {
            x: area.x + 1,
            width: area.width.saturating_sub(2),
            ..below(area, 1)
        };
        // A line of air between two pictures, where there is room.
        let height = picture.height - u16::from(picture.height > 2);
        Sparkline::default()
            .data(values.iter().map(|value| scaled(*value, most)))
            .max(SCALE)
            .direction(RenderDirection::RightToLeft)
            .style(self.palette.bars())
            .render(Rect { height, ..picture }, self.buffer);
    }
}

/// Bars are drawn as parts of this.
const SCALE: u64 = 1000;

/// A value as a part of the highest. The least that is not nothing can be seen.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "from 0 to the scale"
)]
fn scaled(value: f64, most: f64) -> u64 {
    match value > 0.0 {
        true => ((value / most * SCALE as f64) as u64).clamp(SCALE / 50, SCALE),
        false => 0,
    }
}

fn series(key: &ObjectKey, rates: &Rates) -> Vec<Series> {
    let total = rates.total(key).unwrap_or_default();
    let into = Series {
        title: match key.0 {
            "mailslot" => "written ",
            _ => "to the server ",
        },
        of: |sample| sample.rate.bytes_in,
        text: text::rate,
        total: Some(text::size(total.bytes_in)),
    };
    let second = match key.0 {
        "mailslot" => Series {
            title: "messages",
            of: |sample| sample.rate.messages,
            text: |number| format!("{}/s", short_number(number)),
            total: Some(total.messages.to_string()),
        },
        _ => Series {
            title: "to the clients",
            of: |sample| sample.rate.bytes_out,
            text: text::rate,
            total: Some(text::size(total.bytes_out)),
        },
    };
    let unread = Series {
        title: "unread  ",
        of: |sample| sample.queued as f64,
        text: text::amount,
        total: None,
    };
    vec![into, second, unread]
}
