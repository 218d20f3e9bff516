//! Which scenes are played: all, or those that the command line asks for.

use super::scene::{Scene, SCENES};
use crate::args::TourArgs;
use crate::exit::{Code, Failure};
use anstyle::{Effects, Style};

const BOLD: Style = Style::new().effects(Effects::BOLD);

/// The scenes of this tour, in their order, and whether they are played.
pub(super) struct Choice(Vec<(&'static Scene, bool)>);

impl Choice {
    /// Reads `--only` and `--skip`. Scenes that were not asked for by `--only` do not belong to this tour at all.
    pub(super) fn read(args: &TourArgs) -> Result<Choice, Failure> {
        let (only, skip) = (numbers(&args.only)?, numbers(&args.skip)?);
        let scenes = SCENES.iter().enumerate();
        let chosen: Vec<_> = scenes
            .filter(|(number, _)| only.is_empty() || only.contains(number))
            .map(|(number, scene)| (scene, !skip.contains(&number)))
            .collect();
        match chosen.iter().any(|(_, is_played)| *is_played) {
            true => Ok(Choice(chosen)),
            false => Err(Failure::Own(
                Code::Usage,
                "no scene is left to play: --skip takes out all of them".to_owned(),
            )),
        }
    }

    pub(super) fn scenes(&self) -> impl Iterator<Item = (&'static Scene, bool)> + '_ {
        self.0.iter().copied()
    }

    pub(super) fn played(&self) -> impl Iterator<Item = &'static Scene> + '_ {
        self.scenes()
            .filter_map(|(scene, is_played)| is_played.then_some(scene))
    }
}

/// The places of scenes that are given by name, the beginning of a name, or number.
fn numbers(texts: &[String]) -> Result<Vec<usize>, Failure> {
    texts.iter().map(|text| number(text)).collect()
}

fn number(text: &str) -> Result<usize, Failure> {
    let wrong = || {
        let names: Vec<_> = SCENES.iter().map(|scene| scene.name).collect();
        let why = format!(
            "no scene is called {text:?}; there are 1 to {}, or: {}",
            SCENES.len(),
            names.join(", ")
        );
        Failure::Own(Code::Usage, why)
    };
    if let Ok(number) = text.parse::<usize>() {
        let place = number.checked_sub(1).filter(|at| *at < SCENES.len());
        return place.ok_or_else(wrong);
    }
    let asked = text.to_lowercase();
    let is_it = |scene: &Scene| scene.name == asked;
    let begins = |scene: &Scene| scene.name.starts_with(&asked);
    let place = SCENES.iter().position(is_it).or_else(|| {
        let mut places = (0..SCENES.len()).filter(|at| begins(&SCENES[*at]));
        places.next().filter(|_| places.next().is_none())
    });
    place.filter(|_| !asked.is_empty()).ok_or_else(wrong)
}

/// A table of all scenes.
pub(super) fn list() -> String {
    let mut text = format!("{BOLD}{:>2}  {:<12}  ABOUT{BOLD:#}\n", "NO", "SCENE");
    for (number, scene) in (1..).zip(SCENES) {
        text.push_str(&format!(
            "{number:>2}  {:<12}  {}\n",
            scene.name, scene.about
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Option<&'static str> {
        number(text).ok().map(|at| SCENES[at].name)
    }

    #[test]
    fn scenes_are_found_by_number_name_and_the_beginning_of_a_name() {
        assert_eq!(name("1"), Some(SCENES[0].name));
        for scene in SCENES {
            assert_eq!(name(scene.name), Some(scene.name));
        }
        assert_eq!(name("MAIL"), Some("mailslots"));
        for wrong in ["0", "99", "", "nothing", "m"] {
            assert_eq!(name(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn every_line_of_the_list_fits_a_terminal() {
        for line in anstream::adapter::strip_str(&list()).to_string().lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
    }
}
