//! Every rule of Windows' behaviour that tong follows is named by a test or explained in `docs/differences.md`.
//!
//! A test names a rule in its name (`m7_8_..`, `m11_1_to_m11_7_..`) or in the comment on it (`M7.8`, `P13.3`, `A7`, `H-33 to H-35`);
//! a program in C anywhere. The table names it in its first column. Tables of contents do not count.

use std::collections::BTreeSet;
use std::fs;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

/// One rule: the letter of its book, its section (0 in a book without any) and its number.
type Rule = (char, u32, u32);

/// The books with sections: mailslots and named pipes, each section with its numbers.
type Sections = &'static [(u32, RangeInclusive<u32>)];
const SECTIONED: [(char, Sections); 2] = [('M', &MAILSLOTS), ('P', &PIPES)];

const MAILSLOTS: [(u32, RangeInclusive<u32>); 12] = [
    (1, 1..=10),
    (2, 1..=11),
    (3, 1..=8),
    (4, 1..=11),
    (5, 1..=7),
    (6, 1..=10),
    (7, 1..=15),
    (7, 20..=27),
    (8, 1..=8),
    (9, 1..=12),
    (10, 1..=6),
    (11, 1..=12),
];

const PIPES: [(u32, RangeInclusive<u32>); 29] = [
    (1, 1..=8),
    (2, 1..=15),
    (3, 1..=13),
    (4, 1..=14),
    (5, 1..=15),
    (6, 1..=7),
    (7, 1..=6),
    (8, 1..=14),
    (9, 1..=10),
    (10, 1..=15),
    (11, 1..=14),
    (12, 1..=10),
    (13, 1..=14),
    (14, 1..=14),
    (15, 1..=8),
    (16, 1..=14),
    (17, 1..=15),
    (18, 1..=10),
    (19, 1..=8),
    (20, 1..=19),
    (21, 1..=10),
    (22, 1..=15),
    (22, 20..=27),
    (22, 30..=37),
    (22, 40..=49),
    (23, 1..=9),
    (24, 1..=4),
    (25, 1..=8),
    // Anonymous pipes, whose rules are written `A7`.
    (ANONYMOUS, 1..=20),
];

/// The section of the book of pipes whose rules have a letter of their own.
const ANONYMOUS: u32 = 26;

/// The books without sections: handles, names, files and the last error; processes; waits and what can be waited for.
const BOOKS: [(char, RangeInclusive<u32>); 3] = [('H', 1..=152), ('P', 1..=132), ('W', 1..=155)];

/// Rules that ask something of programs and nothing of tong: when to read the last error.
const FOR_PROGRAMS: [Rule; 1] = [('H', 0, 147)];

#[test]
fn every_rule_is_tested_or_explained() {
    let known = known();
    let mut found: BTreeSet<Rule> = FOR_PROGRAMS.into_iter().collect();
    found.extend(tested());
    found.extend(explained());
    let missing: Vec<_> = known.difference(&found).map(show).collect();
    assert!(
        missing.is_empty(),
        "neither tested nor explained: {missing:?}"
    );
}

#[test]
fn no_rule_is_named_that_does_not_exist() {
    let known = known();
    let strange: Vec<_> = (tested().union(&explained()))
        .filter(|rule| !known.contains(rule))
        .map(show)
        .collect();
    assert!(strange.is_empty(), "no such rules: {strange:?}");
}

/// The rules of one book that a list names: single ones, and all between two that `to` or `...` joins.
#[test]
fn lists_of_rules_are_understood() {
    let rules = |text: &str| {
        named(text)
            .into_iter()
            .map(|rule| show(&rule))
            .collect::<Vec<_>>()
    };
    assert_eq!(rules("M7.8, H-4 and MD5.1"), ["H-4", "M7.8"]);
    assert_eq!(rules("P-3, W-41"), ["P-3", "W-41"]);
    assert_eq!(
        rules("H-9 to H-11, M1.1 ... M1.3"),
        ["H-9", "H-10", "H-11", "M1.1", "M1.2", "M1.3"]
    );
    assert_eq!(rules("read_m7_8"), [""; 0]);
    assert_eq!(rules("P-13, P13.3, AB7 and A7"), ["P-13", "P13.3", "A7"]);
    assert_eq!(rules("A2 to A4, P26.1"), ["A2", "A3", "A4"]);
    let name = spelled_out("m11_1_to_m11_3_m2_9_reading");
    assert_eq!(rules(&name), ["M2.9", "M11.1", "M11.2", "M11.3"]);
}

fn known() -> BTreeSet<Rule> {
    let sectioned = SECTIONED.iter().flat_map(|(book, sections)| {
        let rules = move |(section, numbers): &(u32, RangeInclusive<u32>)| {
            let section = *section;
            numbers.clone().map(move |number| (*book, section, number))
        };
        sections.iter().flat_map(rules)
    });
    let others = (BOOKS.iter())
        .flat_map(|(book, numbers)| numbers.clone().map(move |number| (*book, 0, number)));
    sectioned.chain(others).collect()
}

fn show(rule: &Rule) -> String {
    match rule {
        (book, 0, number) => format!("{book}-{number}"),
        ('P', ANONYMOUS, number) => format!("A{number}"),
        (book, section, number) => format!("{book}{section}.{number}"),
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What `docs/differences.md` has in its first column.
fn explained() -> BTreeSet<Rule> {
    let table = read(&root().join("docs/differences.md"));
    let first_cells = (table.lines()).filter_map(|line| line.strip_prefix('|')?.split('|').next());
    first_cells.flat_map(named).collect()
}

fn tested() -> BTreeSet<Rule> {
    let mut rules = BTreeSet::new();
    let crates = root().join("crates");
    for path in files(&crates) {
        let text = fs::read(&path).unwrap();
        let text = String::from_utf8_lossy(&text);
        let file = path.strip_prefix(&crates).unwrap();
        let is_test = |part: &str| file.iter().any(|name| name == part);
        match file.extension().and_then(|extension| extension.to_str()) {
            // This file names rules only to speak of them.
            _ if is_test("coverage.rs") => {}
            Some("c" | "cpp") if is_test("tests") => rules.extend(named(&text)),
            Some("rs") if is_test("tests") || is_test("tests.rs") => rules.extend(in_rust(&text)),
            Some("rs") => {
                let tests = text
                    .split_once("#[cfg(test)]")
                    .map_or("", |(_, tests)| tests);
                rules.extend(in_rust(tests));
            }
            _ => {}
        }
    }
    rules
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| match path.is_dir() {
            true => files(&path),
            false => vec![path],
        })
        .collect()
}

/// The rules in names of tests and in the comments on them.
fn in_rust(text: &str) -> BTreeSet<Rule> {
    let line_names = |line: &str| {
        let line = line.trim();
        let function = line.strip_prefix("async ").unwrap_or(line);
        match function
            .strip_prefix("fn ")
            .and_then(|rest| rest.split_once('('))
        {
            Some((name, _)) => named(&spelled_out(name)),
            None if line.starts_with("///") => named(line),
            None => BTreeSet::new(),
        }
    };
    text.lines().flat_map(line_names).collect()
}

/// The rules that a piece of text names.
fn named(text: &str) -> BTreeSet<Rule> {
    let mut rules = BTreeSet::new();
    let mut from: Option<Rule> = None;
    let mut is_range = false;
    for word in words(text) {
        let Some(rule) = parse(word) else {
            is_range = matches!(word, "to" | "...");
            continue;
        };
        match from {
            Some((book, section, first)) if is_range && (book, section) == (rule.0, rule.1) => {
                rules.extend((first..=rule.2).map(|number| (book, section, number)));
            }
            _ => {
                rules.insert(rule);
            }
        }
        from = Some(rule);
        is_range = false;
    }
    rules
}

/// The words of a text, as far as they can matter here.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| c.is_whitespace() || "(),;:/*\"'`".contains(c))
        .map(|word| match word {
            "..." => word,
            _ => word.trim_end_matches('.'),
        })
        .filter(|word| !word.is_empty())
}

/// The rules in the name of a test, as text has them: `M7.8 M7.9 read` for `m7_8_m7_9_read`.
fn spelled_out(name: &str) -> String {
    let mut text = String::new();
    let mut section = None;
    for part in name.split('_') {
        match (
            section,
            part.strip_prefix('m').unwrap_or_default().parse::<u32>(),
        ) {
            (_, Ok(number)) => section = Some(number),
            (Some(of), _) if part.parse::<u32>().is_ok() => {
                text.push_str(&format!("M{of}.{part} "));
                section = None;
            }
            _ => text.push_str(&format!("{part} ")),
        }
    }
    text
}

fn parse(word: &str) -> Option<Rule> {
    for (book, _) in BOOKS {
        if let Some(number) = word
            .strip_prefix(book)
            .and_then(|rest| rest.strip_prefix('-'))
        {
            return Some((book, 0, number.parse().ok()?));
        }
    }
    if let Some(number) = word.strip_prefix('A') {
        return Some(('P', ANONYMOUS, number.parse().ok()?));
    }
    let (book, _) = SECTIONED.iter().find(|(book, _)| word.starts_with(*book))?;
    let (section, number) = word[1..].split_once('.')?;
    let rule = (*book, section.parse().ok()?, number.parse().ok()?);
    (rule.1 != ANONYMOUS || *book != 'P').then_some(rule)
}
