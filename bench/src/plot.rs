//! The figures as a picture: a panel of bars per group, drawn as plain SVG.
//!
//! Bars are medians on a linear scale from zero, so that their lengths compare like the figures do; the whisker is the
//! range of the samples, the dashed line tong's goal.

use crate::report::{factor, Figure, Outcome, Report};
use std::fmt::Write as _;
use std::io;
use std::path::Path;

const WIDTH: u32 = 980;
const LABELS: u32 = 390;
const BARS: u32 = 420;
const ROW: u32 = 20;
const HEAD: u32 = 64;
/// Title above and gap below the bars of a panel.
const PANEL: u32 = 44;

/// Writes the picture of a report.
pub(crate) fn write(report: &Report, path: &Path) -> io::Result<()> {
    std::fs::write(path, draw(report))
}

fn draw(report: &Report) -> String {
    let mut body = String::new();
    let mut y = HEAD;
    for (index, line) in report.machine.lines().iter().enumerate() {
        text(
            &mut body,
            16,
            24 + 18 * u32::try_from(index).unwrap_or(0),
            "start",
            "head",
            line,
        );
    }
    for outcome in &report.outcomes {
        y = panel(&mut body, outcome, y);
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {y}\" width=\"{WIDTH}\" height=\"{y}\">\n\
         <style>{STYLE}</style>\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n{body}</svg>\n"
    )
}

const STYLE: &str = "text{font:12px sans-serif;fill:#333}.head{font-size:13px;fill:#666}.title{font-weight:bold;\
                     font-size:13px}.base{fill:#9aa7b5}.near{fill:#c9d1da}.tong{fill:#2f7f6f}\
                     .whisker{stroke:#222;stroke-width:1}.goal{stroke:#c2410c;stroke-width:1.5;stroke-dasharray:4 3}";

/// Draws one group from `y` down and returns where the next begins.
fn panel(body: &mut String, outcome: &Outcome, y: u32) -> u32 {
    let goal = outcome
        .goal_text()
        .map(|goal| format!(" (goal: {goal})"))
        .unwrap_or_default();
    text(
        body,
        16,
        y + 16,
        "start",
        "title",
        &format!("{}{goal}", outcome.title),
    );
    let top = y + 26;
    let scale = Scale::of(outcome);
    let mut row = top;
    for (index, figure) in outcome.figures.iter().enumerate() {
        bar(body, outcome, figure, &scale, row, index == 0);
        row += ROW;
    }
    if let Some(x) = goal_line(outcome, &scale) {
        line(body, "goal", (x, f64::from(top)), (x, f64::from(row)));
    }
    y + PANEL + (row - top)
}

/// Where a value lies on the panel's axis.
struct Scale {
    largest: f64,
}

impl Scale {
    /// The axis ends at the largest median: a single disturbed sample should not squeeze all bars.
    fn of(outcome: &Outcome) -> Scale {
        let medians = outcome
            .figures
            .iter()
            .filter_map(|figure| figure.spread)
            .map(|spread| spread.median);
        Scale {
            largest: medians.fold(f64::MIN_POSITIVE, f64::max),
        }
    }

    fn x(&self, value: f64) -> f64 {
        f64::from(LABELS) + f64::from(BARS) * (value / self.largest).min(1.05)
    }
}

fn goal_line(outcome: &Outcome, scale: &Scale) -> Option<f64> {
    let value = outcome.goal? * outcome.figures.first()?.spread?.median;
    (value <= scale.largest).then(|| scale.x(value))
}

fn bar(
    body: &mut String,
    outcome: &Outcome,
    figure: &Figure,
    scale: &Scale,
    y: u32,
    baseline: bool,
) {
    let label = format!(
        "{} ({})",
        figure.case.contender.label(),
        figure.case.circumstances()
    );
    text(body, LABELS - 8, y + 13, "end", "label", &label);
    let Some(spread) = figure.spread.filter(|_| figure.failure.is_none()) else {
        text(body, LABELS, y + 13, "start", "label", "no figure");
        return;
    };
    let class = match (baseline, figure.case.contender.is_tong()) {
        (_, true) => "tong",
        (true, false) => "base",
        (false, false) => "near",
    };
    let width = scale.x(spread.median) - f64::from(LABELS);
    // Writing into a string cannot fail.
    let _ = writeln!(
        body,
        "<rect class=\"{class}\" x=\"{LABELS}\" y=\"{}\" width=\"{width:.1}\" height=\"14\"/>",
        y + 2
    );
    let middle = f64::from(y + 9);
    line(
        body,
        "whisker",
        (scale.x(spread.min), middle),
        (scale.x(spread.max), middle),
    );
    let ratio = figure
        .ratio
        .filter(|_| !baseline)
        .map(|ratio| format!("  {}", factor(ratio.median)))
        .unwrap_or_default();
    let value = format!("{}{ratio}", outcome.unit.show(spread.median));
    text(body, LABELS + BARS + 30, y + 13, "start", "label", &value);
}

fn line(body: &mut String, class: &str, from: (f64, f64), to: (f64, f64)) {
    let ((x1, y1), (x2, y2)) = (from, to);
    let _ = writeln!(
        body,
        "<line class=\"{class}\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"/>"
    );
}

fn text(body: &mut String, x: u32, y: u32, anchor: &str, class: &str, content: &str) {
    let content = content
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    let _ = writeln!(
        body,
        "<text class=\"{class}\" x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\">{content}</text>"
    );
}
