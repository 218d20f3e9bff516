//! The C test programs and the ways to compile each.
//!
//! A `.c` file is compiled as C and as C++, a `.cpp` file as C++, each for ANSI and for UNICODE, because
//! Windows programs are written in all four ways. A program that cannot be all of them says so in a
//! comment near its top: `tong-test: c-only`, `c++-only`, `ansi-only`, `unicode-only`.
//! Programs called `check_*`, and those that include `check.h`, judge themselves: they exit with 0 if all
//! is well. The others are compiled only; Rust tests drive them.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use crate::command::{Failure, Outcome, Program};
use crate::library::{c_compiler, cxx_compiler, files_ending};

const MARK: &str = "tong-test:";

/// A language to compile a program as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    C,
    Cxx,
}

/// What `TCHAR` is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Characters {
    Ansi,
    Unicode,
}

/// One way to compile one program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Variant {
    pub(crate) source: PathBuf,
    pub(crate) language: Language,
    pub(crate) characters: Characters,
    /// The program says by its exit code whether all is well.
    pub(crate) judges_itself: bool,
}

impl Variant {
    /// A name for the compiled program.
    pub(crate) fn file_name(&self) -> String {
        let language = match self.language {
            Language::C => "c",
            Language::Cxx => "cxx",
        };
        let characters = match self.characters {
            Characters::Ansi => "ansi",
            Characters::Unicode => "unicode",
        };
        format!("{}-{language}-{characters}", self.stem())
    }

    /// The compiler with all arguments but the flags of the library, which follow the source.
    pub(crate) fn compile(&self, output: &Path) -> Program {
        let compiler = match self.language {
            Language::C => c_compiler(),
            Language::Cxx => cxx_compiler().args(["-x", "c++"]),
        };
        let compiler = compiler.args(["-O1", "-g", "-Wall", "-Wextra", "-Werror"]);
        let compiler = match self.characters {
            Characters::Ansi => compiler,
            Characters::Unicode => compiler.args(["-DUNICODE", "-D_UNICODE"]),
        };
        let compiler = compiler.arg(&self.source).arg("-o").arg(output);
        match self.language {
            Language::C => compiler,
            // What follows are libraries, not C++ sources.
            Language::Cxx => compiler.args(["-x", "none"]),
        }
    }

    fn stem(&self) -> String {
        stem(&self.source)
    }
}

fn stem(source: &Path) -> String {
    let stem = source.file_stem().unwrap_or_default();
    stem.to_string_lossy().into_owned()
}

impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.source.file_name().unwrap_or_default();
        let language = match self.language {
            Language::C => "C",
            Language::Cxx => "C++",
        };
        let characters = match self.characters {
            Characters::Ansi => "ANSI",
            Characters::Unicode => "UNICODE",
        };
        write!(f, "{} ({language}, {characters})", name.to_string_lossy())
    }
}

/// All programs of a directory in all their ways.
pub(crate) fn all(dir: &Path) -> Outcome<Vec<Variant>> {
    let mut variants = Vec::new();
    for source in files_ending(dir, &["c", "cpp"])? {
        let text = fs::read_to_string(&source).map_err(|e| Failure::file("read", &source, &e))?;
        variants.extend(variants_of(&source, &text));
    }
    Ok(variants)
}

fn variants_of(source: &Path, text: &str) -> Vec<Variant> {
    let marks: Vec<&str> = text
        .lines()
        .take(30)
        .filter_map(|line| line.split_once(MARK))
        .flat_map(|(_, words)| words.split_whitespace())
        .collect();
    let is_c = source.extension().is_some_and(|ending| ending == "c");
    let judges_itself = stem(source).starts_with("check_") || text.contains("#include \"check.h\"");
    let mut variants = Vec::new();
    for language in [Language::C, Language::Cxx] {
        let fits = match language {
            Language::C => is_c && !marks.contains(&"c++-only"),
            Language::Cxx => !marks.contains(&"c-only"),
        };
        for characters in [Characters::Ansi, Characters::Unicode] {
            let excluded = match characters {
                Characters::Ansi => "unicode-only",
                Characters::Unicode => "ansi-only",
            };
            if fits && !marks.contains(&excluded) {
                variants.push(Variant {
                    source: source.to_path_buf(),
                    language,
                    characters,
                    judges_itself,
                });
            }
        }
    }
    variants
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(file: &str, text: &str) -> Vec<String> {
        let variants = variants_of(Path::new(file), text);
        variants.iter().map(Variant::to_string).collect()
    }

    #[test]
    fn a_c_program_is_compiled_in_four_ways_and_a_cxx_program_in_two() {
        assert_eq!(names("a.c", "int main;").len(), 4);
        assert_eq!(
            names("a.cpp", ""),
            ["a.cpp (C++, ANSI)", "a.cpp (C++, UNICODE)"]
        );
    }

    #[test]
    fn a_program_can_say_which_ways_fit_it() {
        let text = "/* Sends.\n * tong-test: c-only ansi-only */\n";
        assert_eq!(names("a.c", text), ["a.c (C, ANSI)"]);
    }

    #[test]
    fn a_program_judges_itself_by_its_name_or_by_its_means() {
        let judges = |file: &str, text: &str| variants_of(Path::new(file), text)[0].judges_itself;
        assert!(judges("check_a.c", ""));
        assert!(judges("a.c", "#include \"check.h\"\n"));
        assert!(!judges("a.c", "int main(void);"));
    }
}
