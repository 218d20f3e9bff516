//! Patterns, and the files that match them.
//!
//! | in a pattern | matches |
//! |---|---|
//! | `*` | any characters of one name, or none |
//! | `?` | one character |
//! | `[abc]`, `[a-z]`, `[!a-z]` | one of these characters; one that is not among them |
//!
//! A name that begins with a period is matched only by a pattern that does. Case counts, as it does for the files. Names
//! that are not UTF-8 are left out: they could not be passed on as they are. A `\` between names is a separator.

use std::fs;
use std::path::{Path, PathBuf};

/// Stands before a character of a pattern that is not special. It cannot be in the name of a file, nor in an argument.
const EXACT: char = '\0';

/// Appends a text in which nothing is special to a pattern.
pub(super) fn escape_into(pattern: &mut String, text: &str) {
    for character in text.chars() {
        // A separator is one in quotes, too.
        if character != '/' {
            pattern.push(EXACT);
        }
        pattern.push(character);
    }
}

/// Is anything special in it?
pub(super) fn is_pattern(pattern: &str) -> bool {
    pieces(pattern).any(|piece| matches!(piece, Piece::Any | Piece::One | Piece::Set(..)))
}

/// The files that match, sorted.
pub(super) fn matches(pattern: &str) -> Vec<String> {
    let components: Vec<String> = components(pattern);
    let (start, rest) = match components.split_first() {
        Some((first, rest)) if first.is_empty() => ("/".to_owned(), rest),
        _ => (String::new(), &components[..]),
    };
    let mut found = vec![start];
    for (index, component) in rest.iter().enumerate() {
        let is_last = index + 1 == rest.len();
        found = found
            .iter()
            .flat_map(|base| step(base, component, is_last))
            .collect();
    }
    found.sort();
    found
}

/// The names between separators; the first is empty if the pattern begins at the root.
fn components(pattern: &str) -> Vec<String> {
    let mut components = vec![String::new()];
    let mut is_exact = false;
    for character in pattern.chars() {
        let is_separator = character == '/' || character == '\\' && !is_exact;
        is_exact = character == EXACT;
        if is_separator {
            components.push(String::new());
        } else if let Some(last) = components.last_mut() {
            last.push(character);
        }
    }
    // Several separators in a row count as one; one at the end asks for directories.
    let last = components.len() - 1;
    let mut index = 0;
    components.retain(|component| {
        let keep = !component.is_empty() || index == 0 || index == last;
        index += 1;
        keep
    });
    components
}

/// The paths that one more component leads to.
fn step(base: &str, component: &str, is_last: bool) -> Vec<String> {
    let place = if base.is_empty() { "." } else { base };
    if component.is_empty() {
        // What the pattern ends in: a separator.
        return match Path::new(place).is_dir() {
            true => vec![format!("{}/", base.trim_end_matches('/'))],
            false => Vec::new(),
        };
    }
    if !is_pattern(component) {
        let name: String = component.chars().filter(|it| *it != EXACT).collect();
        let path = join(base, &name);
        let exists = fs::symlink_metadata(&path).is_ok();
        return if exists { vec![path] } else { Vec::new() };
    }
    let hidden_too = pieces(component).next() == Some(Piece::Exactly('.'));
    let entries = fs::read_dir(place).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    names
        .filter(|name| hidden_too || !name.starts_with('.'))
        .filter(|name| is_match(component, name))
        .map(|name| join(base, &name))
        .filter(|path| is_last || PathBuf::from(path).is_dir())
        .collect()
}

fn join(base: &str, name: &str) -> String {
    match base {
        "" => name.to_owned(),
        _ if base.ends_with('/') => format!("{base}{name}"),
        _ => format!("{base}/{name}"),
    }
}

/// A piece of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Piece<'a> {
    Exactly(char),
    Any,
    One,
    /// The characters between the brackets, and whether those are the ones that do not match.
    Set(&'a str, bool),
}

fn pieces(pattern: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = pattern;
    std::iter::from_fn(move || {
        let mut characters = rest.chars();
        let first = characters.next()?;
        let behind = characters.as_str();
        let (piece, left) = match first {
            EXACT => {
                let exact = characters.next().unwrap_or(EXACT);
                (Piece::Exactly(exact), characters.as_str())
            }
            '*' => (Piece::Any, behind),
            '?' => (Piece::One, behind),
            '[' => set(behind).unwrap_or((Piece::Exactly('['), behind)),
            _ => (Piece::Exactly(first), behind),
        };
        rest = left;
        Some(piece)
    })
}

/// The set that a text begins with, behind its opening bracket, and what follows it.
fn set(text: &str) -> Option<(Piece<'_>, &str)> {
    let (is_negated, inner) = match text.strip_prefix(['!', '^']) {
        Some(inner) => (true, inner),
        None => (false, text),
    };
    // The first character is one of the set even if it is a closing bracket.
    let first = inner.chars().next()?.len_utf8();
    let len = first + inner[first..].find(']')?;
    let is_plain = !inner[..len].contains(EXACT);
    is_plain.then(|| (Piece::Set(&inner[..len], is_negated), &inner[len + 1..]))
}

fn in_set(set: &str, wanted: char) -> bool {
    let characters: Vec<char> = set.chars().collect();
    let mut index = 0;
    while let Some(first) = characters.get(index) {
        match characters.get(index + 1..index + 3) {
            Some(['-', last]) => {
                if (*first..=*last).contains(&wanted) {
                    return true;
                }
                index += 3;
            }
            _ if *first == wanted => return true,
            _ => index += 1,
        }
    }
    false
}

/// Does a name match? Goes back only to the last `*`, so that no pattern takes long.
fn is_match(pattern: &str, name: &str) -> bool {
    let pieces: Vec<Piece<'_>> = pieces(pattern).collect();
    let name: Vec<char> = name.chars().collect();
    let (mut piece, mut at) = (0, 0);
    let mut back: Option<(usize, usize)> = None;
    while at < name.len() {
        let fits = match pieces.get(piece) {
            Some(Piece::Any) => {
                back = Some((piece, at));
                piece += 1;
                continue;
            }
            Some(Piece::One) => true,
            Some(Piece::Exactly(wanted)) => *wanted == name[at],
            Some(Piece::Set(set, is_negated)) => in_set(set, name[at]) != *is_negated,
            None => false,
        };
        match (fits, back) {
            (true, _) => (piece, at) = (piece + 1, at + 1),
            (false, Some((star, from))) => {
                back = Some((star, from + 1));
                (piece, at) = (star + 1, from + 1);
            }
            (false, None) => return false,
        }
    }
    pieces[piece..].iter().all(|piece| *piece == Piece::Any)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_matches_a_pattern_as_a_whole() {
        for (pattern, name) in [
            ("*.txt", "a.txt"),
            ("a*b*c", "a-b-b-c"),
            ("?", "통"),
            ("[a-c]x", "bx"),
            ("[!a-c]x", "dx"),
            ("[]]", "]"),
            ("[a", "[a"),
            ("**", ""),
        ] {
            assert!(is_match(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [
            ("*.txt", "a.text"),
            ("?", ""),
            ("[a-c]", "d"),
            ("a*b", "a-b-c"),
        ] {
            assert!(!is_match(pattern, name), "{pattern} {name}");
        }
    }

    #[test]
    fn what_was_quoted_is_not_special() {
        let mut pattern = String::new();
        escape_into(&mut pattern, "a*");
        assert!(!is_pattern(&pattern));
        pattern.push('*');
        assert!(is_pattern(&pattern) && is_match(&pattern, "a*b") && !is_match(&pattern, "ab"));
    }

    #[test]
    fn files_are_found_on_every_level() {
        let place = tempfile::tempdir().unwrap();
        for path in ["x/one.txt", "y/two.txt", "y/.three.txt"] {
            let path = place.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let base = place.path().to_str().unwrap();
        let found = |pattern: &str| -> Vec<String> {
            let full = format!("{base}/{pattern}");
            let cut = |path: String| path[base.len() + 1..].to_owned();
            matches(&full).into_iter().map(cut).collect()
        };
        assert_eq!(found("*/*.txt"), ["x/one.txt", "y/two.txt"]);
        assert_eq!(found(r"?\.t*"), ["y/.three.txt"]);
        assert_eq!(found("*/"), ["x/", "y/"]);
        assert_eq!(found("z*"), [""; 0]);
    }
}
