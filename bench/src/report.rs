//! From samples to figures: medians, spreads, ratios, and the table and JSON file that show them.

use crate::case::{Case, Group, Unit};
use crate::machine::Machine;
use comfy_table::{presets, CellAlignment, Table};
use serde::Serialize;
use std::fs::File;
use std::io;
use std::path::Path;

/// Median and extremes of some samples.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Spread {
    /// `None` if there are no samples.
    pub(crate) fn of(samples: &[f64]) -> Option<Spread> {
        let mut sorted = samples.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        let (min, max) = (*sorted.first()?, *sorted.last()?);
        let half = sorted.len() / 2;
        let median = if sorted.len() % 2 == 1 {
            sorted[half]
        } else {
            (sorted[half - 1] + sorted[half]) / 2.0
        };
        Some(Spread { median, min, max })
    }
}

/// A ratio as text: "1.25 x", or "1/20 x" where two digits would not say much.
pub(crate) fn factor(ratio: f64) -> String {
    if ratio < 0.095 {
        format!("1/{:.0} x", 1.0 / ratio)
    } else {
        format!("{ratio:.2} x")
    }
}

/// One contender's result.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Figure {
    #[serde(flatten)]
    pub(crate) case: Case,
    /// One sample per round, in the group's unit.
    pub(crate) samples: Vec<f64>,
    pub(crate) spread: Option<Spread>,
    /// Ratios to the baseline's sample of the same round.
    pub(crate) ratio: Option<Spread>,
    /// Whether the goal is met; `None` if it is not meant for this contender.
    pub(crate) reached: Option<bool>,
    /// Why there is no figure.
    pub(crate) failure: Option<String>,
}

impl Figure {
    pub(crate) fn new(case: Case) -> Figure {
        Figure {
            case,
            samples: Vec::new(),
            spread: None,
            ratio: None,
            reached: None,
            failure: None,
        }
    }

    fn conclude(&mut self, group: &Group, baseline: &[f64], is_baseline: bool) {
        self.spread = Spread::of(&self.samples);
        let ratios: Vec<f64> = self
            .samples
            .iter()
            .zip(baseline)
            .map(|(sample, base)| sample / base)
            .collect();
        self.ratio = Spread::of(&ratios);
        let meant = self.case.contender.is_tong() && !is_baseline;
        self.reached = group
            .goal
            .zip(self.ratio)
            .filter(|_| meant)
            .map(|(goal, ratio)| {
                if group.unit.less_is_better() {
                    ratio.median <= goal
                } else {
                    ratio.median >= goal
                }
            });
    }
}

/// A group's results; the first figure is the baseline.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Outcome {
    pub(crate) id: &'static str,
    pub(crate) title: String,
    pub(crate) unit: Unit,
    pub(crate) goal: Option<f64>,
    pub(crate) figures: Vec<Figure>,
}

impl Outcome {
    pub(crate) fn new(group: &Group, mut figures: Vec<Figure>) -> Outcome {
        let baseline = figures
            .first()
            .map(|figure| figure.samples.clone())
            .unwrap_or_default();
        for (index, figure) in figures.iter_mut().enumerate() {
            figure.conclude(group, &baseline, index == 0);
        }
        let (id, title, unit, goal) = (group.id, group.title.clone(), group.unit, group.goal);
        Outcome {
            id,
            title,
            unit,
            goal,
            figures,
        }
    }

    /// "at most 1.25 x bare ring" and the like, or nothing.
    pub(crate) fn goal_text(&self) -> Option<String> {
        let baseline = self.figures.first()?.case.contender.label();
        let bound = if self.unit.less_is_better() {
            "at most"
        } else {
            "at least"
        };
        self.goal
            .map(|goal| format!("{bound} {} {baseline}", factor(goal)))
    }

    fn table(&self) -> Table {
        let mut table = Table::new();
        table.load_preset(presets::NOTHING);
        table.set_header(["  contender", "how", "median", "spread", "ratio", "goal"]);
        for figure in &self.figures {
            table.add_row(self.row(figure));
        }
        // Fixed widths, so that the tables of all groups line up.
        for (index, width) in [31, 38, 11, 25, 9, 12].into_iter().enumerate() {
            if let Some(column) = table.column_mut(index) {
                column.set_constraint(comfy_table::ColumnConstraint::LowerBoundary(
                    comfy_table::Width::Fixed(width),
                ));
                if (2..5).contains(&index) {
                    column.set_cell_alignment(CellAlignment::Right);
                }
            }
        }
        table
    }

    fn row(&self, figure: &Figure) -> [String; 6] {
        let name = format!("  {}", figure.case.contender.label());
        let how = figure.case.circumstances();
        let Some(spread) = figure.spread.filter(|_| figure.failure.is_none()) else {
            return [
                name,
                how,
                "none (*)".into(),
                String::new(),
                String::new(),
                String::new(),
            ];
        };
        let show = |value| self.unit.show(value);
        let ratio = figure
            .ratio
            .map(|ratio| factor(ratio.median))
            .unwrap_or_default();
        let goal = match figure.reached {
            Some(true) => "reached",
            Some(false) => "NOT reached",
            None => "",
        };
        let range = format!("{} - {}", show(spread.min), show(spread.max));
        [name, how, show(spread.median), range, ratio, goal.into()]
    }
}

/// Everything that one run found.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) machine: Machine,
    pub(crate) rounds: usize,
    pub(crate) sample_ms: u32,
    pub(crate) outcomes: Vec<Outcome>,
}

impl Report {
    /// Prints the tables, one per group.
    pub(crate) fn print(&self) {
        for line in self.machine.lines() {
            println!("{line}");
        }
        if self.machine.is_busy() {
            println!("THE MACHINE WAS BUSY: figures for two cores mean little; measure again when it is idle");
        }
        println!(
            "{} rounds of {} ms; median, smallest - largest; ratio: median of each round's\n",
            self.rounds, self.sample_ms
        );
        for outcome in &self.outcomes {
            let goal = outcome
                .goal_text()
                .map(|goal| format!("  [goal: {goal}]"))
                .unwrap_or_default();
            println!("{}{goal}\n{}", outcome.title, outcome.table().trim_fmt());
            for (figure, why) in outcome
                .figures
                .iter()
                .filter_map(|figure| Some((figure, figure.failure.as_ref()?)))
            {
                println!(
                    "   (*) {}, {}: {why}",
                    figure.case.contender.label(),
                    figure.case.circumstances()
                );
            }
            println!();
        }
    }

    /// Writes everything, every sample included, as JSON.
    pub(crate) fn write_json(&self, path: &Path) -> io::Result<()> {
        serde_json::to_writer_pretty(File::create(path)?, self)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan;

    fn group(id: &str) -> Group {
        plan::groups()
            .into_iter()
            .find(|group| group.id == id)
            .unwrap()
    }

    /// The group's outcome if the first contenders yield these samples.
    fn outcome(id: &str, samples: &[&[f64]]) -> Outcome {
        let group = group(id);
        let mut figures: Vec<Figure> = group.cases.iter().cloned().map(Figure::new).collect();
        for (figure, samples) in figures.iter_mut().zip(samples) {
            figure.samples = samples.to_vec();
        }
        Outcome::new(&group, figures)
    }

    #[test]
    fn median_is_the_middle_or_between_the_two_in_the_middle() {
        assert_eq!(Spread::of(&[3.0, 1.0, 2.0]).unwrap().median, 2.0);
        assert_eq!(Spread::of(&[4.0, 1.0, 2.0, 3.0]).unwrap().median, 2.5);
        assert!(Spread::of(&[]).is_none());
    }

    #[test]
    fn ratio_is_taken_within_each_round() {
        // The machine is ten times slower in the second round; the ratio does not notice.
        let outcome = outcome(
            "round-trip-slept-1",
            &[&[1.0, 10.0, 1.0], &[1.1, 11.0, 1.1]],
        );
        let ratio = outcome.figures[1].ratio.unwrap();
        assert!((ratio.median - 1.1).abs() < 1e-9 && (ratio.max - 1.1).abs() < 1e-9);
    }

    #[test]
    fn goal_is_an_upper_bound_for_times_and_a_lower_bound_for_rates() {
        let times = outcome("round-trip-slept-1", &[&[1.0], &[1.1], &[1.2], &[0.5]]);
        let reached: Vec<_> = times.figures.iter().map(|figure| figure.reached).collect();
        assert_eq!(reached[..4], [None, Some(true), Some(false), None]);
        let rates = outcome("rate-1", &[&[1.0], &[0.9], &[0.5]]);
        let reached: Vec<_> = rates.figures.iter().map(|figure| figure.reached).collect();
        assert_eq!(reached[..3], [None, Some(true), Some(false)]);
    }

    #[test]
    fn ratios_far_below_one_are_shown_as_fractions() {
        assert_eq!(factor(1.25), "1.25 x");
        assert_eq!(factor(0.05), "1/20 x");
    }

    #[test]
    fn every_group_has_a_name_of_its_own_and_something_to_compare() {
        let groups = plan::groups();
        let mut names: Vec<_> = groups.iter().map(|group| group.id).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), groups.len());
        assert!(groups.iter().all(|group| group.cases.len() > 1));
    }
}
