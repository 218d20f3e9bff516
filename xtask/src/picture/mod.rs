//! `cargo xtask picture`: the tour as README.md shows it.
//!
//! The tour is run as at a terminal with colours. A part of what it printed is kept, as it was, in `xtask/data/tour.ansi`,
//! and drawn as `docs/tour.svg`. A test draws it again, so the picture cannot become another than what is kept.

mod ansi;
mod svg;

use std::fs;

use crate::command::{Failure, Outcome, Program};
use crate::tree::Tree;

/// The scene that is shown, with the table at the end.
const SCENE: &str = "mutexes";
/// How the line above a scene, and that above the table, begin and go on.
const RULE: &str = "── ";
const TABLE: &str = "SCENE  ";
/// What is read aloud to those who do not see it.
const TITLE: &str = "tong tour";
const DESCRIPTION: &str =
    "A terminal. Processes take turns with a mutex whose owner is killed; then a table of all scenes of the tour.";

/// Takes the tour and draws it, or only draws what is kept of the last time.
pub(crate) fn run(tree: &Tree, only_draw: bool) -> Outcome<()> {
    let (kept, drawn) = (tree.transcript(), tree.picture());
    if !only_draw {
        let printed = Program::cargo(tree.root())
            .args(["run", "--quiet", "-p", "tong-cli", "--"])
            .args(["tour", "--fast"])
            .env("CLICOLOR_FORCE", "1")
            .output()?;
        let part = part(&printed)?;
        fs::write(&kept, part).map_err(|error| Failure::file("write", &kept, &error))?;
    }
    let transcript =
        fs::read_to_string(&kept).map_err(|error| Failure::file("read", &kept, &error))?;
    fs::write(&drawn, draw(&transcript)).map_err(|error| Failure::file("write", &drawn, &error))?;
    println!("{}", drawn.display());
    Ok(())
}

fn draw(transcript: &str) -> String {
    svg::draw(&ansi::lines(transcript), TITLE, DESCRIPTION)
}

/// The scene that is shown, and all from the table on.
fn part(printed: &str) -> Outcome<String> {
    let lines: Vec<&str> = printed.lines().collect();
    let plain: Vec<String> = lines.iter().map(|line| ansi::plain(line)).collect();
    let is_ours = |line: &String| line.starts_with(RULE) && line.contains(&format!(" {SCENE} "));
    let missing = |what: &str| Failure::new(format!("the tour printed no {what}"));
    let first = plain.iter().position(is_ours);
    let first = first.ok_or_else(|| missing("scene of that name"))?;
    let rest = plain.iter().skip(first + 1);
    let length = rest.take_while(|line| !line.starts_with(RULE)).count();
    let table = plain
        .iter()
        .position(|line| line.trim_start().starts_with(TABLE));
    let table = table.ok_or_else(|| missing("table"))?;
    let scene = &lines[first..(first + 1 + length).min(table)];
    let end = scene.iter().rposition(|line| !line.is_empty()).unwrap_or(0);
    let shown = [&scene[..=end], &[""], &lines[table..]].concat();
    Ok(shown.join("\n") + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_picture_is_drawn_from_what_is_kept() {
        let tree = Tree::find();
        let kept = fs::read_to_string(tree.transcript()).expect("a transcript");
        let drawn = fs::read_to_string(tree.picture()).expect("a picture");
        assert!(
            draw(&kept) == drawn,
            "docs/tour.svg is another picture; draw it with: cargo xtask picture --again"
        );
        assert!(drawn.len() < 100_000, "{} bytes", drawn.len());
    }

    #[test]
    fn the_scene_and_the_table_are_cut_out() {
        let printed = "── 1 of 2 ── \x1b[1mother\x1b[0m ──\nno\n\n\x1b[1m── 2 of 2 ── mutexes\x1b[0m ──\nyes\n\n          \
                       SCENE  FACTS\nok\n";
        let shown = part(printed).expect("both are there");
        assert_eq!(
            ansi::plain(&shown),
            "── 2 of 2 ── mutexes ──\nyes\n\n          SCENE  FACTS\nok\n"
        );
        assert!(part("nothing").is_err());
    }
}
