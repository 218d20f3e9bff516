//! `cargo xtask lib`: libtong.so and libtong.a.
//!
//! Cargo makes a static library of the Rust half; the C half (functions with a variable number of
//! arguments, which Rust cannot define) is compiled here. The shared library is linked by the C compiler
//! rather than by cargo because it carries a soname and exports exactly the names of `exports.map`.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use crate::command::{Failure, Outcome, Program};
use crate::export_list::ExportList;
use crate::tree::Tree;

/// The version that the files carry; the part before the first point is in the soname.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The system libraries that the Rust half needs; a static link has to name them itself.
pub(crate) const SYSTEM_LIBRARIES: &[&str] = &["gcc_s", "util", "rt", "pthread", "m", "dl", "c"];

const C_FLAGS: &[&str] = &[
    "-std=c11",
    "-D_GNU_SOURCE",
    "-DTONG_BUILDING",
    "-O2",
    "-fPIC",
    "-fvisibility=hidden",
    "-Wall",
    "-Wextra",
    "-Werror",
];

/// The two finished libraries.
#[derive(Debug)]
pub(crate) struct Libraries {
    pub(crate) shared: PathBuf,
    pub(crate) archive: PathBuf,
}

/// The name that programs linked with the library ask the loader for.
pub(crate) fn soname() -> String {
    let major = VERSION.split('.').next().unwrap_or(VERSION);
    format!("libtong.so.{major}")
}

/// The name of the file itself.
pub(crate) fn file_name() -> String {
    format!("libtong.so.{VERSION}")
}

/// The C compiler, by default `cc`; `$CC` may bring arguments along.
pub(crate) fn c_compiler() -> Program {
    compiler("CC", "cc")
}

/// The C++ compiler, by default `c++`.
pub(crate) fn cxx_compiler() -> Program {
    compiler("CXX", "c++")
}

/// Builds both libraries and says where they are.
pub(crate) fn run(tree: &Tree) -> Outcome<()> {
    let libraries = build(tree)?;
    println!("{}", libraries.shared.display());
    println!("{}", libraries.archive.display());
    Ok(())
}

/// Builds both libraries.
pub(crate) fn build(tree: &Tree) -> Outcome<Libraries> {
    Program::cargo(tree.root())
        .args(["build", "--release", "-p", "tong-win32", "-p", "tong-cli"])
        .run()?;
    let dir = tree.made("lib");
    fs::create_dir_all(&dir).map_err(|e| Failure::file("create", &dir, &e))?;
    let objects = compile(tree, &dir)?;
    let rust = tree.release("libtong_win32.a");
    Ok(Libraries {
        shared: link(tree, &objects, &rust, &dir)?,
        archive: archive(tree, &objects, &rust, &dir)?,
    })
}

fn compile(tree: &Tree, dir: &Path) -> Outcome<Vec<PathBuf>> {
    let mut objects = Vec::new();
    for source in files_ending(&tree.c_sources(), &["c"])? {
        let name = source.file_stem().unwrap_or_default();
        let object = dir.join(name).with_extension("o");
        c_compiler()
            .args(C_FLAGS)
            .arg("-I")
            .arg(tree.include())
            .arg("-c")
            .arg(&source)
            .arg("-o")
            .arg(&object)
            .output()?;
        objects.push(object);
    }
    Ok(objects)
}

fn link(tree: &Tree, objects: &[PathBuf], rust: &Path, dir: &Path) -> Outcome<PathBuf> {
    let mut export_list = OsString::from("-Wl,--version-script=");
    export_list.push(tree.export_list());
    let library = dir.join(file_name());
    c_compiler()
        .arg("-shared")
        .arg(format!("-Wl,-soname,{}", soname()))
        .arg(export_list)
        .args([
            "-Wl,--no-undefined",
            "-Wl,--gc-sections",
            "-Wl,--strip-debug",
            "-Wl,-z,relro,-z,now",
            // It registers what runs at exit and at fork, so closing it must not unmap it.
            "-Wl,-z,nodelete",
        ])
        .args(objects)
        .arg("-Wl,--whole-archive")
        .arg(rust)
        .arg("-Wl,--no-whole-archive")
        .args(SYSTEM_LIBRARIES.iter().map(|name| format!("-l{name}")))
        .arg("-o")
        .arg(&library)
        .output()?;
    Ok(library)
}

/// One object with everything in it, of which only the exported names are visible: a program may link
/// other Rust libraries beside this one, and their insides must not meet ours.
fn archive(tree: &Tree, objects: &[PathBuf], rust: &Path, dir: &Path) -> Outcome<PathBuf> {
    let exported = exported_names(tree)?;
    let wanted: String = exported
        .iter()
        .map(|name| format!("-Wl,-u,{name}\n"))
        .collect();
    let arguments = dir.join("wanted-names");
    write(&arguments, &wanted)?;
    let mut from_file = OsString::from("@");
    from_file.push(&arguments);
    let whole = dir.join("tong-whole.o");
    c_compiler()
        .args(["-r", "-nostdlib"])
        .arg(from_file)
        .args(objects)
        .arg(rust)
        .arg("-o")
        .arg(&whole)
        .output()?;

    let list = dir.join("exported-names");
    write(&list, &exported.join("\n"))?;
    let mut keep = OsString::from("--keep-global-symbols=");
    keep.push(&list);
    let object = dir.join("tong.o");
    Program::new("objcopy")
        .arg(keep)
        .arg("--strip-debug")
        // What the compiler left of its intermediate form; other tools choke on a foreign version of it.
        .args(["--remove-section=.llvmbc", "--remove-section=.llvmcmd"])
        .arg(&whole)
        .arg(&object)
        .output()?;

    let archive = dir.join("libtong.a");
    // `ar` would add to an older one.
    let _ = fs::remove_file(&archive);
    Program::new("ar")
        .arg("rcs")
        .arg(&archive)
        .arg(&object)
        .output()?;
    Ok(archive)
}

fn write(path: &Path, text: &str) -> Outcome<()> {
    fs::write(path, text).map_err(|e| Failure::file("write", path, &e))
}

fn exported_names(tree: &Tree) -> Outcome<Vec<String>> {
    let list = tree.export_list();
    let text = fs::read_to_string(&list).map_err(|e| Failure::file("read", &list, &e))?;
    Ok(ExportList::read(&text).names.into_iter().collect())
}

/// The files of a directory with one of these endings, in the order of their names; none if there is no
/// such directory.
pub(crate) fn files_ending(dir: &Path, endings: &[&str]) -> Outcome<Vec<PathBuf>> {
    if !dir.is_dir() {
        return Ok(Vec::new());
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).map_err(|e| Failure::file("read", dir, &e))? {
        let path = entry.map_err(|e| Failure::file("read", dir, &e))?.path();
        let ending = path.extension().and_then(|ending| ending.to_str());
        if path.is_file() && ending.is_some_and(|ending| endings.contains(&ending)) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn compiler(variable: &str, default: &str) -> Program {
    let text = env::var(variable).unwrap_or_default();
    let mut words = text.split_whitespace();
    let name = words.next().unwrap_or(default);
    Program::new(name).args(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soname_changes_with_the_major_version_only() {
        assert!(file_name().starts_with(&soname()));
        assert_eq!(soname().matches('.').count(), 2);
    }
}
