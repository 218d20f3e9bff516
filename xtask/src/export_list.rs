//! The list of names that libtong.so exports: the linker's version script `exports.map`.
//!
//! Plain names only, no patterns, so that a name appears in the library because somebody wrote it down.

use std::collections::BTreeSet;

/// Names of functions, in alphabetical order.
pub(crate) type Names = BTreeSet<String>;

/// The names of an export list.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct ExportList {
    pub(crate) names: Names,
    /// Those that no header declares on purpose: marked `/* undeclared: reason */` in their line.
    undeclared: Names,
}

impl ExportList {
    /// Reads a version script.
    pub(crate) fn read(text: &str) -> Self {
        let mut list = Self::default();
        let mut global = false;
        let mut comment = false;
        for line in text.lines() {
            for word in code(line, &mut comment).split([' ', '\t', ';', '{', '}']) {
                match word {
                    "" => {}
                    "global:" => global = true,
                    "local:" => global = false,
                    name if global => list.add(name, line.contains("/* undeclared:")),
                    _ => {}
                }
            }
        }
        list
    }

    /// Those that a header has to declare.
    pub(crate) fn declared(&self) -> Names {
        self.names.difference(&self.undeclared).cloned().collect()
    }

    fn add(&mut self, name: &str, undeclared: bool) {
        self.names.insert(name.to_owned());
        if undeclared {
            self.undeclared.insert(name.to_owned());
        }
    }
}

/// A line without its comments; `comment` tells whether one is open from line to line.
fn code(line: &str, comment: &mut bool) -> String {
    let mut code = String::new();
    let mut rest = line;
    loop {
        let (mark, other) = if *comment { ("*/", "") } else { ("/*", rest) };
        let Some((before, after)) = rest.split_once(mark) else {
            let plain = other.split('#').next().unwrap_or_default();
            code.push_str(plain);
            return code;
        };
        if !*comment {
            code.push_str(before);
        }
        *comment = !*comment;
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(names: &[&str]) -> Names {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn an_export_list_is_read_with_its_exceptions() {
        let text = "/* What the library\n * promises: */\nTONG_0 {\n  global:\n    CloseHandle; ReadFile;\n    \
                    # files\n    main; /* undeclared: calls wmain */\n  local:\n    *;\n};\n";
        let list = ExportList::read(text);
        assert_eq!(list.names, set(&["CloseHandle", "ReadFile", "main"]));
        assert_eq!(list.declared(), set(&["CloseHandle", "ReadFile"]));
    }
}
