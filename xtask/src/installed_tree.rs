//! Tests of the installed tree itself: its flags work, it may be moved, and both libraries link.
//!
//! They use a program of three lines, so that a failure here is about the tree and not about a program.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::c_test::{run_alone, Verdict};
use crate::command::{is_installed, Failure, Outcome, Program};
use crate::library::c_compiler;

/// Each test with its name; it is given the prefix.
pub(crate) const TESTS: &[(&str, Test)] = &[
    ("the flags of tong.pc build a program", flags_build),
    ("tong.pc works after the tree was moved", moved_tree_builds),
    (
        "a program built with tong-rpath.pc finds the library",
        rpath_finds,
    ),
    (
        "a program linked with libtong.a needs no libtong.so",
        static_links,
    ),
    ("find_package(tong) of CMake builds a program", cmake_builds),
    (
        "the command, its page and its completions are there",
        command_is_there,
    ),
];

type Test = fn(&Path) -> Outcome<Verdict>;

const PROGRAM: &str = r#"#include <windows.h>
int main(void)
{
    SetLastError(5);
    return GetLastError() == 5 ? 0 : 1;
}
"#;

const CMAKE_LISTS: &str = "cmake_minimum_required(VERSION 3.13)
project(use_tong C)
find_package(tong 0.1 REQUIRED)
add_executable(shared prog.c)
target_link_libraries(shared tong::tong)
add_executable(static prog.c)
target_link_libraries(static tong::static)
";

/// What the compiler must be told to use tong.
#[derive(Debug)]
pub(crate) struct Flags(pub(crate) Vec<OsString>);

impl Flags {
    /// The flags of `package` (`tong` or `tong-rpath`) as pkg-config gives them; without pkg-config, what
    /// it would give for `tong`.
    pub(crate) fn of(prefix: &Path, package: &str) -> Outcome<Self> {
        if !has_pkg_config() {
            return Ok(Self::plain(prefix));
        }
        let text = pkg_config(prefix)
            .args(["--cflags", "--libs", package])
            .output()?;
        Ok(Self(words(&text).into_iter().map(Into::into).collect()))
    }

    fn plain(prefix: &Path) -> Self {
        let joined = |flag: &str, dir: &str| {
            let mut word = OsString::from(flag);
            word.push(prefix.join(dir));
            word
        };
        Self(vec![
            joined("-I", "include/tong"),
            joined("-L", "lib"),
            "-ltong".into(),
        ])
    }
}

fn flags_build(prefix: &Path) -> Outcome<Verdict> {
    if !has_pkg_config() {
        return skipped("pkg-config");
    }
    let room = Room::new()?;
    let program = room.build(&Flags::of(prefix, "tong")?)?;
    run_alone(&program, &prefix.join("lib"))?;
    Ok(Verdict::Passed)
}

fn moved_tree_builds(prefix: &Path) -> Outcome<Verdict> {
    if !has_pkg_config() {
        return skipped("pkg-config");
    }
    let room = Room::new()?;
    let moved = room.at("moved");
    copy_tree(prefix, &moved)?;
    let flags = Flags::of(&moved, "tong")?;
    let names_old_place = |flag: &OsString| {
        let flag = flag.to_string_lossy();
        flag.contains(prefix.to_string_lossy().as_ref())
    };
    if let Some(flag) = flags.0.iter().find(|flag| names_old_place(flag)) {
        return Err(Failure::new(format!(
            "{} names the old place",
            flag.to_string_lossy()
        )));
    }
    let program = room.build(&flags)?;
    run_alone(&program, &moved.join("lib"))?;
    Ok(Verdict::Passed)
}

fn rpath_finds(prefix: &Path) -> Outcome<Verdict> {
    if !has_pkg_config() {
        return skipped("pkg-config");
    }
    let room = Room::new()?;
    let program = room.build(&Flags::of(prefix, "tong-rpath")?)?;
    run_alone(&program, Path::new("/nonexistent"))?;
    Ok(Verdict::Passed)
}

fn static_links(prefix: &Path) -> Outcome<Verdict> {
    let room = Room::new()?;
    let mut flags = Flags::plain(prefix);
    flags.0.retain(|flag| flag != "-ltong");
    flags.0.push(prefix.join("lib/libtong.a").into());
    let libraries = crate::library::SYSTEM_LIBRARIES;
    flags
        .0
        .extend(libraries.iter().map(|name| format!("-l{name}").into()));
    let program = room.build(&flags)?;
    run_alone(&program, Path::new("/nonexistent"))?;
    Ok(Verdict::Passed)
}

fn cmake_builds(prefix: &Path) -> Outcome<Verdict> {
    if !is_installed("cmake".as_ref()) {
        return skipped("cmake");
    }
    let room = Room::new()?;
    room.write("prog.c", PROGRAM)?;
    room.write("CMakeLists.txt", CMAKE_LISTS)?;
    let cmake = || Program::new("cmake").dir(room.0.path());
    let mut place = OsString::from("-DCMAKE_PREFIX_PATH=");
    place.push(prefix);
    cmake()
        .args(["-S", ".", "-B", "build"])
        .arg(place)
        .output()?;
    cmake().args(["--build", "build"]).output()?;
    for program in ["build/shared", "build/static"] {
        run_alone(&room.at(program), &prefix.join("lib"))?;
    }
    Ok(Verdict::Passed)
}

fn command_is_there(prefix: &Path) -> Outcome<Verdict> {
    Program::new(prefix.join("bin/tong"))
        .arg("--version")
        .output()?;
    let files = [
        "share/man/man1/tong.1",
        "share/bash-completion/completions/tong",
        "share/zsh/site-functions/_tong",
        "share/fish/vendor_completions.d/tong.fish",
        "share/doc/tong/LICENSE-MIT",
    ];
    for file in files {
        let path = prefix.join(file);
        let size = fs::metadata(&path)
            .map_err(|e| Failure::file("find", &path, &e))?
            .len();
        if size == 0 {
            return Err(Failure::new(format!("{} is empty", path.display())));
        }
    }
    Ok(Verdict::Passed)
}

/// A directory for one test.
struct Room(TempDir);

impl Room {
    fn new() -> Outcome<Self> {
        let dir = tempfile::tempdir();
        dir.map(Self)
            .map_err(|e| Failure::file("create", &std::env::temp_dir(), &e))
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> Outcome<()> {
        let path = self.at(name);
        fs::write(&path, text).map_err(|e| Failure::file("write", &path, &e))
    }

    fn build(&self, flags: &Flags) -> Outcome<PathBuf> {
        self.write("prog.c", PROGRAM)?;
        let program = self.at("prog");
        c_compiler()
            .arg(self.at("prog.c"))
            .arg("-o")
            .arg(&program)
            .args(&flags.0)
            .output()?;
        Ok(program)
    }
}

fn pkg_config(prefix: &Path) -> Program {
    Program::new("pkg-config").env("PKG_CONFIG_PATH", prefix.join("lib/pkgconfig"))
}

fn has_pkg_config() -> bool {
    is_installed("pkg-config".as_ref())
}

/// Splits what pkg-config prints; it puts a backslash before a blank that belongs to a word.
fn words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        let in_word = match character {
            '\\' => characters.next(),
            c if c.is_whitespace() => None,
            c => Some(c),
        };
        match (in_word, words.last_mut()) {
            (Some(c), Some(word)) => word.push(c),
            _ => words.push(String::new()),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

fn skipped(tool: &str) -> Outcome<Verdict> {
    Ok(Verdict::Skipped(format!("{tool} is not installed")))
}

fn copy_tree(from: &Path, to: &Path) -> Outcome<()> {
    Program::new("cp")
        .arg("-a")
        .arg(from)
        .arg(to)
        .output()
        .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blank_in_a_path_does_not_split_a_flag() {
        assert_eq!(
            words("-I/a\\ b/include  -ltong\n"),
            ["-I/a b/include", "-ltong"]
        );
    }
}
