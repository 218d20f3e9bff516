//! What a program prints for a terminal: text, and how it is to look.

/// A piece of a line that looks one way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) style: Style,
    pub(super) text: String,
}

/// How characters look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Style {
    pub(super) is_bold: bool,
    pub(super) is_dim: bool,
    /// One of the eight colours that every terminal has.
    pub(super) colour: Option<u8>,
}

/// The lines of a text as runs.
pub(super) fn lines(text: &str) -> Vec<Vec<Run>> {
    let mut style = Style::default();
    text.lines().map(|line| runs(line, &mut style)).collect()
}

/// The text alone.
pub(super) fn plain(text: &str) -> String {
    let of_line = |line: Vec<Run>| line.into_iter().map(|run| run.text).collect::<String>();
    let lines: Vec<String> = lines(text).into_iter().map(of_line).collect();
    let end = if text.ends_with('\n') { "\n" } else { "" };
    lines.join("\n") + end
}

fn runs(line: &str, style: &mut Style) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let mut pieces = line.split("\x1b[");
    let first = pieces.next().unwrap_or("");
    push(&mut runs, *style, first);
    for piece in pieces {
        let end = piece.find(|c: char| c.is_ascii_alphabetic());
        let end = end.unwrap_or(piece.len());
        let (codes, rest) = piece.split_at(end);
        // Only changes of style are drawn; whatever else there is moves no text here.
        if rest.starts_with('m') {
            style.apply(codes);
        }
        push(&mut runs, *style, rest.get(1..).unwrap_or(""));
    }
    runs
}

fn push(runs: &mut Vec<Run>, style: Style, text: &str) {
    match runs.last_mut() {
        _ if text.is_empty() => {}
        Some(last) if last.style == style => last.text.push_str(text),
        _ => runs.push(Run {
            style,
            text: text.to_owned(),
        }),
    }
}

impl Style {
    fn apply(&mut self, codes: &str) {
        for code in codes.split(';') {
            match code.parse::<u8>().unwrap_or(0) {
                0 => *self = Style::default(),
                1 => self.is_bold = true,
                2 => self.is_dim = true,
                22 => (self.is_bold, self.is_dim) = (false, false),
                code @ 30..=37 => self.colour = Some(code - 30),
                code @ 90..=97 => self.colour = Some(code - 90),
                39 => self.colour = None,
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn styles_are_taken_from_the_text() {
        let text = "a\x1b[1m\x1b[36mb\x1b[0mc\x1b[2Kd\x1b[2me\n\x1b[22mf\n";
        let cyan = Style {
            is_bold: true,
            colour: Some(6),
            ..Style::default()
        };
        let dim = Style {
            is_dim: true,
            ..Style::default()
        };
        let run = |style, text: &str| Run {
            style,
            text: text.to_owned(),
        };
        let none = Style::default();
        let first = vec![
            run(none, "a"),
            run(cyan, "b"),
            run(none, "cd"),
            run(dim, "e"),
        ];
        assert_eq!(lines(text), [first, vec![run(none, "f")]]);
        assert_eq!(plain(text), "abcde\nf\n");
    }
}
