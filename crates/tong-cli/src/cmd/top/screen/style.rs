//! Colours and other emphasis. Without colours nothing is lost: whatever has one also has a word for it.

use super::super::columns::Tone;
use ratatui::style::{Color, Modifier, Style};

/// How things look, with colours or without.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Palette {
    pub(in super::super) has_colors: bool,
}

impl Palette {
    /// With colours, unless the environment says no.
    pub(in super::super) fn of_environment() -> Palette {
        let is_unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Palette {
            has_colors: !is_unwanted,
        }
    }

    fn colored(self, color: Color) -> Style {
        match self.has_colors {
            true => Style::new().fg(color),
            false => Style::new(),
        }
    }

    /// The line on top.
    pub(super) fn bar(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    /// The list that is shown.
    pub(super) fn current(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD | Modifier::UNDERLINED)
    }

    pub(super) fn header(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    /// The column that is sorted by.
    pub(super) fn sorted(self) -> Style {
        self.header().add_modifier(Modifier::UNDERLINED)
    }

    pub(super) fn chosen(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    pub(super) fn faint(self) -> Style {
        Style::new().add_modifier(Modifier::DIM)
    }

    pub(super) fn key(self) -> Style {
        self.colored(Color::Cyan).add_modifier(Modifier::BOLD)
    }

    pub(super) fn bad(self) -> Style {
        self.colored(Color::Red).add_modifier(Modifier::BOLD)
    }

    pub(super) fn warning(self) -> Style {
        self.colored(Color::Yellow)
    }

    pub(super) fn question(self) -> Style {
        self.bad().add_modifier(Modifier::REVERSED)
    }

    /// Bars of a picture.
    pub(super) fn bars(self) -> Style {
        self.colored(Color::Green)
    }

    pub(super) fn tone(self, tone: Tone) -> Style {
        match tone {
            Tone::Usual => Style::new(),
            Tone::Faint => self.faint(),
            Tone::Lively => self.colored(Color::Green),
            Tone::Bad => self.bad(),
        }
    }
}
