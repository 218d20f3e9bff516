//! Draws lines of a terminal as an SVG that needs nothing else: no fonts, no scripts.
//!
//! Every run of text is given its width, so that columns stay columns whatever font there is; lines and corners are drawn
//! as lines, so that they meet. Lines appear one after the other, unless the watcher wants no motion; where
//! nothing can move all of them are there. The colours suit a dark and a light surrounding.

use std::fmt::Write as _;

use super::ansi::{Run, Style};

/// The size of a character.
const WIDTH: f64 = 8.0;
const HEIGHT: f64 = 18.0;
/// From the top of a character's place to the line that it stands on.
const BASE: f64 = 13.5;
/// Around the text, and above it for the bar of the window.
const MARGIN: f64 = 16.0;
const BAR: f64 = 38.0;
/// Where the lines begin that make up this character's picture: up, down, left and right of its middle.
const LINES: [(char, [bool; 4]); 6] = [
    ('│', [true, true, false, false]),
    ('─', [false, false, true, true]),
    ('┬', [false, true, true, true]),
    ('┴', [true, false, true, true]),
    ('┌', [false, true, false, true]),
    ('└', [true, false, false, true]),
];
/// Seconds from one line to the next, and before a line that begins something new.
const STEP: f64 = 0.12;
const BREAK: f64 = 0.7;

/// The colours of a dark window first, as not everything that shows pictures can tell which it should be.
const STYLE: &str = "\
text{font:13.3px ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono','Liberation Mono',monospace;fill:currentColor}
path{stroke:currentColor;stroke-width:1.3;fill:none}.b{font-weight:700}.d{opacity:.65}.t{font-family:system-ui,sans-serif}
.w{fill:#171a21;stroke:#3b4252}.n{color:#d5dae3}.t{color:#8b93a5}.c0{color:#7d8597}.c1{color:#ff7b80}.c2{color:#7ddc92}
.c3{color:#f2c869}.c4{color:#79b8ff}.c5{color:#dba5f7}.c6{color:#63d3dc}.c7{color:#fff}
.r{animation:a .2s both}@keyframes a{from{opacity:0}}
@media (prefers-color-scheme:light){
.w{fill:#fcfcfd;stroke:#d0d7de}.n{color:#24292f}.t{color:#6a737d}.c0{color:#57606a}.c1{color:#c21c28}.c2{color:#157a34}
.c3{color:#8a5d00}.c4{color:#0759bd}.c5{color:#7a3fd1}.c6{color:#12707a}.c7{color:#24292f}}
@media (prefers-reduced-motion:reduce){.r{animation:none}}
";

/// Draws the lines in a window with this title.
pub(super) fn draw(lines: &[Vec<Run>], title: &str, description: &str) -> String {
    let columns = lines.iter().map(|line| columns(line)).max().unwrap_or(0);
    let width = number(columns) * WIDTH + 2.0 * MARGIN;
    let height = number(lines.len()) * HEIGHT + BAR + MARGIN;
    let mut svg = head(width, height, title, description);
    let mut seconds = 0.0;
    for (row, line) in lines.iter().enumerate() {
        if begins_something(line) && row > 0 {
            seconds += BREAK;
        }
        let top = BAR + number(row) * HEIGHT;
        svg.push_str(&draw_line(line, top, seconds));
        seconds += STEP;
    }
    svg.push_str("</svg>\n");
    svg
}

/// The window.
fn head(width: f64, height: f64, title: &str, description: &str) -> String {
    let (title, description) = (escaped(title), escaped(description));
    let mut head = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
         role=\"img\" aria-labelledby=\"t d\">\n<title id=\"t\">{title}</title>\n<desc id=\"d\">{description}</desc>\n\
         <style>\n{STYLE}</style>\n"
    );
    let (w, h) = (width - 1.0, height - 1.0);
    let _ = writeln!(
        head,
        "<rect class=\"w\" x=\".5\" y=\".5\" width=\"{w}\" height=\"{h}\" rx=\"9\"/>"
    );
    for (place, colour) in [(20, "#ff5f57"), (38, "#febc2e"), (56, "#28c840")] {
        let _ = writeln!(
            head,
            "<circle cx=\"{place}\" cy=\"18\" r=\"5.5\" fill=\"{colour}\"/>"
        );
    }
    let middle = width / 2.0;
    let _ = writeln!(
        head,
        "<text class=\"t\" x=\"{middle}\" y=\"22.5\" text-anchor=\"middle\">{title}</text>"
    );
    head
}

/// Whether this line is a scene's, an act's or the table's first.
fn begins_something(line: &[Run]) -> bool {
    let first = line.first().filter(|run| run.style.is_bold);
    first.is_some()
}

fn columns(line: &[Run]) -> usize {
    line.iter().map(|run| run.text.chars().count()).sum()
}

/// A line, which appears after some seconds.
fn draw_line(line: &[Run], top: f64, seconds: f64) -> String {
    let (mut words, mut column) = (String::new(), 0);
    let mut lines = String::new();
    for run in line {
        let class = class(run.style);
        for piece in pieces(&run.text) {
            let left = MARGIN + number(column) * WIDTH;
            column += piece.chars().count();
            match piece.chars().next().and_then(strokes) {
                Some(strokes) => {
                    let path = path(piece, strokes, left, top);
                    let _ = write!(lines, "<path class=\"{class}\" d=\"{path}\"/>");
                }
                None => words.push_str(&word(piece, &class, left, top + BASE)),
            }
        }
    }
    if words.is_empty() && lines.is_empty() {
        return String::new();
    }
    let delay = rounded(seconds);
    format!("<g class=\"r\" style=\"animation-delay:{delay}s\">{lines}{words}</g>\n")
}

/// Cuts a text into what is drawn as lines, each character or row of them for itself, and words with single blanks.
fn pieces(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let (mut start, mut before) = (0, None);
    for (at, character) in text.char_indices() {
        let kind = kind(character);
        // A single blank belongs to the words around it.
        let is_gap = kind == Kind::Blank && !text[at..].starts_with("  ");
        let goes_on = match before {
            None => true,
            Some(Kind::Word) => kind == Kind::Word || is_gap,
            Some(Kind::Blank) => kind == Kind::Blank,
            Some(Kind::Rule) => kind == Kind::Rule,
            Some(Kind::Line) => false,
        };
        if !goes_on {
            pieces.push(&text[start..at]);
            start = at;
        }
        before = Some(match (goes_on, before, kind) {
            (true, Some(Kind::Word), Kind::Blank) => Kind::Word,
            _ => kind,
        });
    }
    pieces.push(&text[start..]);
    pieces
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Blank,
    Word,
    /// A row of these is one line.
    Rule,
    Line,
}

fn kind(character: char) -> Kind {
    match character {
        ' ' => Kind::Blank,
        '─' => Kind::Rule,
        _ if strokes(character).is_some() => Kind::Line,
        _ => Kind::Word,
    }
}

fn strokes(character: char) -> Option<[bool; 4]> {
    let row = LINES.iter().find(|(drawn, _)| *drawn == character)?;
    Some(row.1)
}

/// The lines of a character, or of a row of the same.
fn path(piece: &str, [up, down, left, right]: [bool; 4], x: f64, y: f64) -> String {
    let length = number(piece.chars().count()) * WIDTH;
    let (middle, half) = (rounded(x + WIDTH / 2.0), rounded(y + HEIGHT / 2.0));
    let mut path = String::new();
    if left || right {
        let from = if left { rounded(x) } else { middle.clone() };
        let to = if right {
            rounded(x + length)
        } else {
            middle.clone()
        };
        let _ = write!(path, "M{from} {half}H{to}");
    }
    if up || down {
        let from = if up { rounded(y) } else { half.clone() };
        let to = if down { rounded(y + HEIGHT) } else { half };
        let _ = write!(path, "M{middle} {from}V{to}");
    }
    path
}

/// A word, as wide as it is at a terminal; nothing for blanks.
fn word(piece: &str, class: &str, x: f64, y: f64) -> String {
    let text = piece.trim_end();
    if text.is_empty() {
        return String::new();
    }
    let (x, y) = (rounded(x), rounded(y));
    let length = rounded(number(text.chars().count()) * WIDTH);
    let text = escaped(text);
    format!(
        "<text class=\"{class}\" x=\"{x}\" y=\"{y}\" textLength=\"{length}\" lengthAdjust=\"spacingAndGlyphs\">{text}</text>"
    )
}

fn class(style: Style) -> String {
    let mut class = match style.colour {
        Some(colour) => format!("c{colour}"),
        None => "n".to_owned(),
    };
    if style.is_bold {
        class.push_str(" b");
    }
    if style.is_dim {
        class.push_str(" d");
    }
    class
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// A number of things, none of which is large.
fn number(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

/// A number to two digits, without those that say nothing.
fn rounded(number: f64) -> String {
    let text = format!("{number:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(text: &str) -> Run {
        Run {
            style: Style::default(),
            text: text.to_owned(),
        }
    }

    #[test]
    fn lines_are_cut_out_of_words() {
        assert_eq!(
            pieces("a b  │─── ┬ x"),
            ["a b", "  ", "│", "───", " ", "┬", " ", "x"]
        );
        assert_eq!(pieces("one"), ["one"]);
    }

    #[test]
    fn text_cannot_leave_its_element() {
        let svg = draw(&[vec![run("<script> & co")]], "a<b", "d");
        assert!(
            svg.contains("&lt;script&gt; &amp; co") && svg.contains("a&lt;b"),
            "{svg}"
        );
        assert!(!svg.contains("<script"), "{svg}");
    }

    #[test]
    fn a_word_is_as_wide_as_its_columns() {
        let svg = draw(&[vec![run("ab  cd")]], "t", "d");
        assert!(svg.contains(r#"x="16" y="51.5" textLength="16""#), "{svg}");
        assert!(svg.contains(r#"x="48" y="51.5" textLength="16""#), "{svg}");
    }
}
