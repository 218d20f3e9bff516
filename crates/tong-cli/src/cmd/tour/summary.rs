//! The table at the end of the tour: each mechanism, what was seen of it, and whether that is as it should be.

use super::facts::Facts;
use super::scene::Scene;
use crate::exit::{Code, Failure};
use crate::output;
use crate::text::count;
use anstyle::{AnsiColor, Effects, Style};

const BOLD: Style = Style::new().effects(Effects::BOLD);
const DIM: Style = Style::new().effects(Effects::DIMMED);
const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default().effects(Effects::BOLD);

const HEAD: &str = "WHAT WAS SEEN";

/// How a scene ended.
pub(super) enum End {
    /// It was seen to its end: what, in a few words.
    Seen(String),
    /// The watcher skipped the rest.
    Skipped,
    /// The watcher wanted to see no more of the tour.
    Quit,
}

/// The scenes so far.
#[derive(Default)]
pub(super) struct Summary {
    rows: Vec<Row>,
}

struct Row {
    scene: &'static str,
    /// `None` if it was skipped.
    seen: Option<String>,
    facts: Facts,
}

impl Row {
    /// The first column: how it is, and in which style that is said.
    fn verdict(&self) -> (&'static str, Style) {
        match &self.seen {
            _ if self.facts.wrong().next().is_some() => ("FAILED", BAD),
            Some(_) => ("ok", GOOD),
            None => ("skipped", DIM),
        }
    }

    fn facts(&self) -> String {
        let (all, wrong) = (self.facts.count(), self.facts.wrong().count());
        match (all, wrong) {
            (0, _) => "-".to_owned(),
            (_, 0) => all.to_string(),
            _ => format!("{wrong} of {all} wrong"),
        }
    }
}

impl Summary {
    pub(super) fn add(&mut self, scene: &'static Scene, end: End, facts: Facts) {
        let seen = match end {
            End::Seen(seen) => Some(seen),
            End::Skipped | End::Quit => None,
        };
        self.rows.push(Row {
            scene: scene.name,
            seen,
            facts,
        });
    }

    /// A scene that was not played.
    pub(super) fn skip(&mut self, scene: &'static Scene) {
        self.add(scene, End::Skipped, Facts::default());
    }

    /// Prints the table; fails if something was not as expected.
    pub(super) fn conclude(&self, is_plain: bool) -> Result<(), Failure> {
        output::print(&format!("\n{}{}", self.table(), self.wrong()))?;
        let all: usize = self.rows.iter().map(|row| row.facts.count()).sum();
        let failed: usize = self.rows.iter().map(|row| row.facts.wrong().count()).sum();
        if failed > 0 {
            let text = format!("{failed} of {all} facts of the tour are not as they should be");
            return Err(Failure::Own(Code::Other, text));
        }
        let skipped = self.rows.iter().filter(|row| row.seen.is_none()).count();
        let seen = self.rows.len() - skipped;
        let mut line = format!(
            "{} seen, {} as they should be",
            count(seen as u64, "scene"),
            count(all as u64, "fact")
        );
        if skipped > 0 {
            line.push_str(&format!(", {} skipped", count(skipped as u64, "scene")));
        }
        let dash = if is_plain { "" } else { "\n" };
        output::print(&format!("{dash}{line}\n"))
    }

    fn table(&self) -> String {
        let seen = self.rows.iter().filter_map(|row| row.seen.as_deref());
        let width = seen.map(|seen| seen.chars().count()).max().unwrap_or(0);
        let width = width.max(HEAD.len());
        let mut text = format!(
            "{BOLD}{:<8}  {:<12}  {HEAD:<width$}  FACTS{BOLD:#}\n",
            "", "SCENE"
        );
        for row in &self.rows {
            let (verdict, style) = row.verdict();
            let seen = row.seen.as_deref().unwrap_or("-");
            text.push_str(&format!(
                "{style}{verdict:<8}{style:#}  {:<12}  {seen:<width$}  {}\n",
                row.scene,
                row.facts()
            ));
        }
        text
    }

    /// What is not as it should be, one thing a line.
    fn wrong(&self) -> String {
        let mut text = String::new();
        for row in &self.rows {
            for fact in row.facts.wrong() {
                text.push_str(&format!(
                    "{BAD}FAILED{BAD:#}  {}: {}: expected {}, seen {}\n",
                    row.scene, fact.what, fact.expected, fact.seen
                ));
            }
        }
        text
    }
}
