//! What the tour promised, and what was seen.

use crate::exit::{Code, Failure};
use crate::output;
use anstyle::{AnsiColor, Style};
use comfy_table::{presets, Table};

/// The promises, each with what was expected and what was seen.
#[derive(Default)]
pub(super) struct Facts {
    rows: Vec<Fact>,
}

struct Fact {
    what: &'static str,
    expected: String,
    seen: String,
}

impl Facts {
    /// Notes what should be and what is.
    pub(super) fn check(
        &mut self,
        what: &'static str,
        expected: impl ToString,
        seen: impl ToString,
    ) {
        self.rows.push(Fact {
            what,
            expected: expected.to_string(),
            seen: seen.to_string(),
        });
    }

    /// Prints all of it; fails if something was not as expected.
    pub(super) fn conclude(&self, is_plain: bool) -> Result<(), Failure> {
        output::print(&format!("\n{}\n", self.table(is_plain)))?;
        match self.rows.iter().filter(|fact| !fact.holds()).count() {
            0 => Ok(()),
            failed => {
                let (failed, all) = (failed, self.rows.len());
                Err(Failure::Own(
                    Code::Other,
                    format!("{failed} of {all} facts of the tour are not as they should be"),
                ))
            }
        }
    }

    fn table(&self, is_plain: bool) -> String {
        let mut table = Table::new();
        table.load_preset(presets::NOTHING);
        table.set_header(["", "fact", "expected", "seen"]);
        for fact in &self.rows {
            let sign = match (fact.holds(), is_plain) {
                (true, true) => "ok",
                (true, false) => "✓",
                (false, true) => "FAILED",
                (false, false) => "✗",
            };
            table.add_row([sign, fact.what, &fact.expected, &fact.seen]);
        }
        // Colours come after the widths are settled, so that they do not count as text.
        let (good, bad) = (AnsiColor::Green.on_default(), AnsiColor::Red.on_default());
        let paint = |sign: &str, style: Style| format!("{style}{sign}{style:#}");
        table
            .trim_fmt()
            .replace('✓', &paint("✓", good))
            .replace('✗', &paint("✗", bad))
    }
}

impl Fact {
    fn holds(&self) -> bool {
        self.expected == self.seen
    }
}
