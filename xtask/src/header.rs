//! `cargo xtask header`: the C headers, the export list and libtong.so must name the same functions.
//!
//! A function that is declared but not exported fails only when a user links; one that is exported but
//! not declared is a promise nobody can read. The declarations are taken from what the preprocessor
//! makes of all headers, so macros and conditions count as they do for users.

use std::fs;
use std::path::Path;

use crate::command::{Failure, Outcome, Program};
use crate::export_list::{ExportList, Names};
use crate::library::{self, files_ending};
use crate::report::Counts;
use crate::tree::Tree;

/// Builds the library and compares.
pub(crate) fn run(tree: &Tree) -> Outcome<()> {
    let libraries = library::build(tree)?;
    compare(tree, &libraries.shared, &mut Counts::default())
}

/// Compares with the library of the installed tree.
pub(crate) fn check(tree: &Tree, counts: &mut Counts) -> Outcome<()> {
    let library = tree.c_prefix().join("lib/libtong.so");
    compare(tree, &library, counts)
}

fn compare(tree: &Tree, library: &Path, counts: &mut Counts) -> Outcome<()> {
    let declared = declared(tree)?;
    let list = tree.export_list();
    let text = fs::read_to_string(&list).map_err(|e| Failure::file("read", &list, &e))?;
    let listed = ExportList::read(&text);
    let exported = exported(library)?;
    let promised = listed.declared();

    let findings = [
        missing(
            "declared in a header, but not in exports.map",
            &declared,
            &promised,
        ),
        missing(
            "in exports.map, but declared in no header",
            &promised,
            &declared,
        ),
        missing(
            "in exports.map, but not exported by libtong.so",
            &listed.names,
            &exported,
        ),
        missing(
            "exported by libtong.so, but not in exports.map",
            &exported,
            &listed.names,
        ),
    ];
    let findings: Vec<String> = findings.into_iter().flatten().collect();
    println!(
        "{} functions declared, {} exported",
        declared.len(),
        exported.len()
    );
    counts.passed += u64::from(findings.is_empty());
    counts.failed += u64::from(!findings.is_empty());
    if findings.is_empty() {
        Ok(())
    } else {
        Err(Failure::new(findings.join("\n")))
    }
}

/// Says which of `all` are not in `there`, or nothing if they all are.
fn missing(what: &str, all: &Names, there: &Names) -> Option<String> {
    let names: Vec<&str> = all.difference(there).map(String::as_str).collect();
    if names.is_empty() {
        None
    } else {
        Some(format!("{what}:\n  {}", names.join("\n  ")))
    }
}

/// The functions that our headers declare, whatever they take from the system's.
fn declared(tree: &Tree) -> Outcome<Names> {
    let include = tree.include();
    let dir = tempfile::tempdir().map_err(|e| Failure::file("create", &include, &e))?;
    let source = dir.path().join("all.c");
    // The others may rely on windows.h, as they do on Windows.
    let mut text = String::from("#include <windows.h>\n");
    for header in files_ending(&include, &["h"])? {
        let name = header.file_name().unwrap_or_default().to_string_lossy();
        // Those that are ours by name are parts of the others, some of them more than once.
        if name.starts_with("tong") {
            continue;
        }
        text.push_str(&format!("#include <{name}>\n"));
    }
    fs::write(&source, text).map_err(|e| Failure::file("write", &source, &e))?;
    let mut names = Names::new();
    for characters in [&[][..], &["-DUNICODE", "-D_UNICODE"]] {
        let preprocessed = library::c_compiler()
            .args(["-E", "-std=c11", "-D_GNU_SOURCE"])
            .args(characters)
            .arg("-I")
            .arg(&include)
            .arg(&source)
            .output()?;
        names.append(&mut functions(&ours(&preprocessed, &include)));
    }
    Ok(names)
}

/// Keeps what came from files of this directory; line markers look like `# 12 "/usr/include/stdio.h" 2`.
fn ours(preprocessed: &str, dir: &Path) -> String {
    let dir = dir.to_string_lossy();
    let mut text = String::new();
    let mut inside = false;
    for line in preprocessed.lines() {
        if let Some(marker) = line.strip_prefix("# ") {
            if let Some(file) = marker.split('"').nth(1) {
                inside = file.starts_with(dir.as_ref());
            }
        } else if inside {
            text.push_str(line);
            text.push('\n');
        }
    }
    text
}

/// The names of the functions that preprocessed C declares; those it defines itself (inline) are not
/// in need of a library and are left out.
fn functions(text: &str) -> Names {
    declarations(text)
        .iter()
        .filter_map(|declaration| function_name(declaration))
        .collect()
}

/// Cuts a text at the semicolons outside of all braces, dropping what is inside them and whole function
/// bodies.
fn declarations(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut current = String::new();
    let mut depth = 0_u32;
    for character in text.chars() {
        match character {
            '{' => depth += 1,
            '}' => {
                depth = depth.saturating_sub(1);
                if depth == 0 && current.trim_end().ends_with(')') {
                    current.clear();
                }
            }
            ';' if depth == 0 => found.push(std::mem::take(&mut current)),
            other if depth == 0 => current.push(other),
            _ => {}
        }
    }
    found
}

/// The name before the parameter list, if this declares a function.
fn function_name(declaration: &str) -> Option<String> {
    let text = without_attributes(declaration);
    let text = text.trim();
    if text.starts_with("typedef") || text.starts_with("_Static_assert") {
        return None;
    }
    let (before, _) = text.split_once('(')?;
    let name: String = before
        .trim_end()
        .rsplit(|c: char| !(c.is_alphanumeric() || c == '_'))
        .next()?
        .to_owned();
    // `int (*pointer)(int);` has nothing of that sort before its first parenthesis but a type.
    let declares_more_than_a_type = before.trim_end().len() > name.len() && !name.is_empty();
    let is_static = before.split_whitespace().any(|word| word == "static");
    (declares_more_than_a_type && !is_static).then_some(name)
}

/// Removes `__attribute__((..))` and its like, whose parentheses would be taken for parameters.
fn without_attributes(declaration: &str) -> String {
    let mut text = declaration.to_owned();
    for word in ["__attribute__", "__asm__", "__extension__"] {
        while let Some(start) = text.find(word) {
            let after = start + word.len();
            let end = after + parenthesized(&text[after..]);
            text.replace_range(start..end, " ");
        }
    }
    text
}

/// The length of the parentheses that a text begins with, blanks before them included; 0 if it begins
/// with something else.
fn parenthesized(text: &str) -> usize {
    let mut depth = 0_u32;
    for (at, character) in text.char_indices() {
        match character {
            '(' => depth += 1,
            ')' if depth == 1 => return at + 1,
            ')' => depth = depth.saturating_sub(1),
            c if depth == 0 && !c.is_whitespace() => return 0,
            _ => {}
        }
    }
    0
}

/// What the loader finds in the library; the node of the version itself is an absolute symbol.
fn exported(library: &Path) -> Outcome<Names> {
    let table = Program::new("nm")
        .args(["-D", "--defined-only", "--format=posix"])
        .arg(library)
        .output()?;
    let name = |line: &str| {
        let mut words = line.split_whitespace();
        let (name, kind) = (words.next()?, words.next()?);
        let name = name.split('@').next().unwrap_or(name);
        (kind != "A").then(|| name.to_owned())
    };
    Ok(table.lines().filter_map(name).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(names: &[&str]) -> Names {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn declarations_of_functions_are_found_and_nothing_else() {
        let text = "
            typedef int (*CALLBACK)(int);
            typedef struct _S { int a; int (*f)(void); } S;
            extern int CloseHandle(void *object);
            __attribute__((visibility(\"default\"))) unsigned GetLastError(void);
            int FormatMessageA(const char *f, ...) __attribute__((format(printf, 1, 2)));
            static inline int own(int a) { return f(a); }
            extern int variable;
            int (*pointer)(int);
            enum { A = (1 + 2) };
            char *text(void);
        ";
        let expected = set(&["CloseHandle", "GetLastError", "FormatMessageA", "text"]);
        assert_eq!(functions(text), expected);
    }

    #[test]
    fn only_our_own_headers_count() {
        let text = "# 1 \"/usr/include/stdio.h\" 1\nint puts(char *);\n# 3 \"/i/windows.h\" 2\nint Own(void);\n";
        assert_eq!(functions(&ours(text, Path::new("/i"))), set(&["Own"]));
    }

    #[test]
    fn what_is_missing_is_listed_by_name() {
        let text = missing("not there", &set(&["A", "B"]), &set(&["A"]));
        assert_eq!(text.as_deref(), Some("not there:\n  B"));
        assert_eq!(missing("not there", &set(&["A"]), &set(&["A"])), None);
    }
}
