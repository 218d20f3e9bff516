//! Screens that are kept: `golden/NAME.txt` is what the test of that name saw when a person last looked at it.
//!
//! `TONG_BLESS=1 cargo test -p tong-cli --test cli` writes them anew; look at the difference before it is committed.

use std::path::PathBuf;

/// Compares what is shown with what is kept.
#[track_caller]
pub(crate) fn check(name: &str, shown: &str) {
    let path = path(name);
    if std::env::var_os("TONG_BLESS").is_some_and(|value| value == "1") {
        std::fs::write(&path, shown).expect("the kept screen can be written");
        return;
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    if kept == shown {
        return;
    }
    let line = kept
        .lines()
        .zip(shown.lines())
        .take_while(|(kept, shown)| kept == shown)
        .count();
    panic!(
        "golden/{name}.txt differs from line {} on; TONG_BLESS=1 keeps what is shown now.\n\
         ---- kept:\n{kept}\n---- shown:\n{shown}",
        line + 1
    );
}

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/cli/golden")
        .join(format!("{name}.txt"))
}

/// Puts a word in the place of what is different each time.
///
/// A pattern is a text in which `#` stands for a number and `*` for anything without blanks
/// and without what follows it in the pattern. So that columns stay where
/// they are, the blanks of the next gap (two or more) make up for the difference in width; a pattern that begins
/// with two blanks is the right end of a column, and those before it do.
pub(crate) fn mask(text: &str, masks: &[(&str, &str)]) -> String {
    let mut masked = text.to_owned();
    for (pattern, word) in masks {
        let lines: Vec<String> = masked
            .split('\n')
            .map(|line| mask_line(line, pattern, word))
            .collect();
        masked = lines.join("\n");
    }
    masked
}

fn mask_line(line: &str, pattern: &str, word: &str) -> String {
    let (mut masked, mut rest) = (String::new(), line.to_owned());
    let is_right = pattern.starts_with("  ");
    while let Some(at) = rest.char_indices().map(|(at, _)| at).find(|at| {
        let is_inside = rest[..*at].ends_with(|c: char| c.is_ascii_digit());
        !(pattern.starts_with('#') && is_inside) && matched(&rest[*at..], pattern).is_some()
    }) {
        let length = matched(&rest[at..], pattern).expect("a match");
        let wider = width(&rest[at..at + length]) - width(word);
        masked.push_str(&rest[..at]);
        let mut after = rest[at + length..].to_owned();
        if is_right {
            stretch_end(&mut masked, wider);
        } else {
            stretch_gap(&mut after, wider);
        }
        masked.push_str(word);
        rest = after;
    }
    masked + &rest
}

fn width(text: &str) -> isize {
    isize::try_from(text.chars().count()).expect("a line is short")
}

/// How many bytes at the start of the text are as the pattern says.
fn matched(text: &str, pattern: &str) -> Option<usize> {
    let mut rest = text;
    let mut parts = pattern.chars().peekable();
    while let Some(part) = parts.next() {
        let next = parts.peek().copied();
        let length = match part {
            '#' => run(rest, |c| c.is_ascii_digit())?,
            '*' => run(rest, |c| !c.is_whitespace() && Some(c) != next)?,
            _ => rest.starts_with(part).then_some(part.len_utf8())?,
        };
        rest = &rest[length..];
    }
    Some(text.len() - rest.len())
}

fn run(text: &str, is_in: impl Fn(char) -> bool) -> Option<usize> {
    let length = text.find(|c| !is_in(c)).unwrap_or(text.len());
    (length > 0).then_some(length)
}

/// Makes the first gap wider or narrower; one blank always stays.
fn stretch_gap(text: &mut String, by: isize) {
    let Some(at) = text.find("  ") else {
        return;
    };
    let gap = text[at..].len() - text[at..].trim_start_matches(' ').len();
    let wanted = gap.saturating_add_signed(by).max(1);
    text.replace_range(at..at + gap, &" ".repeat(wanted));
}

fn stretch_end(text: &mut String, by: isize) {
    let blanks = text.len() - text.trim_end_matches(' ').len();
    let wanted = blanks.saturating_add_signed(by);
    text.truncate(text.len() - blanks);
    text.push_str(&" ".repeat(wanted));
}

/// Makes every gap inside a line two blanks wide, for tables whose columns are as wide as what is in them.
pub(crate) fn squeeze(text: &str) -> String {
    let lines: Vec<String> = text
        .split('\n')
        .map(|line| {
            let body = line.trim_start_matches(' ');
            let cells = body.split("  ").map(str::trim).filter(|c| !c.is_empty());
            let cells: Vec<&str> = cells.collect();
            format!("{}{}", &line[..line.len() - body.len()], cells.join("  "))
        })
        .collect();
    lines.join("\n")
}

#[test]
fn masks_keep_columns() {
    assert_eq!(
        mask("│ pid 12345 cat    │ 7", &[("pid #", "pid PID")]),
        "│ pid PID cat      │ 7"
    );
    assert_eq!(mask("│12  │", &[("#", "PIDS")]), "│PIDS │");
    assert_eq!(mask("a      123  b", &[("  #", "  PID")]), "a      PID  b");
    assert_eq!(mask("a     1234  b", &[("  #", "  PID")]), "a      PID  b");
    assert_eq!(
        mask(
            "in /tmp/x1/y at 12:30:59",
            &[("/tmp/*/", "DIR/"), ("#:#:#", "TIME")]
        ),
        "in DIR/y at TIME"
    );
    assert_eq!(mask("1 22", &[("#", "N")]), "N N");
}

#[test]
fn tables_are_squeezed() {
    assert_eq!(squeeze("  a    b c   d\n\ne  f"), "  a  b c  d\n\ne  f");
}
