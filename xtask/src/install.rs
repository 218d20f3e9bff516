//! `cargo xtask install --prefix DIR`: everything a user of tong needs, laid out under one directory.
//!
//! | under the prefix | what |
//! |---|---|
//! | `bin/tong` | the command |
//! | `lib/libtong.so*`, `lib/libtong.a` | the library, shared and static |
//! | `lib/pkgconfig/tong.pc`, `tong-rpath.pc` | for pkg-config; the second also writes the library's place into the program |
//! | `lib/cmake/tong/` | for CMake: `find_package(tong)`, then `tong::tong` or `tong::static` |
//! | `include/tong/` | `windows.h` and its companions |
//! | `share/man/man1`, completions for bash, zsh and fish | made by the command itself |
//! | `share/doc/tong` | the licences |
//!
//! No file contains the prefix, so the tree can be moved. Each file is written beside its place and then
//! renamed, so that programs using an earlier installation go on undisturbed.

use std::fs::{self, Permissions};
use std::os::unix::fs::{symlink, PermissionsExt as _};
use std::path::{Path, PathBuf};

use crate::command::{Failure, Outcome, Program};
use crate::describe;
use crate::library::{self, files_ending, Libraries};
use crate::tree::Tree;

const COMPLETIONS: &[(&str, &str)] = &[
    ("bash", "share/bash-completion/completions/tong"),
    ("zsh", "share/zsh/site-functions/_tong"),
    ("fish", "share/fish/vendor_completions.d/tong.fish"),
];

/// Builds and installs, and says how to go on.
pub(crate) fn run(tree: &Tree, prefix: &Path) -> Outcome<()> {
    let prefix = std::path::absolute(prefix).map_err(|e| Failure::file("find", prefix, &e))?;
    install(tree, &prefix)?;
    let shown = prefix.display();
    println!(
        "Installed tong {} under {shown}. To build a Windows program with it:",
        library::VERSION
    );
    println!("  export PKG_CONFIG_PATH={shown}/lib/pkgconfig");
    println!("  cc prog.c $(pkg-config --cflags --libs tong-rpath)");
    println!("(`tong` in place of `tong-rpath` leaves finding the library to the loader.)");
    Ok(())
}

/// Builds everything in the release profile and lays it out under `prefix`.
pub(crate) fn install(tree: &Tree, prefix: &Path) -> Outcome<()> {
    let libraries = library::build(tree)?;
    let place = Place { prefix };
    place.copy(&tree.release("tong"), "bin/tong", 0o755)?;
    place.libraries(&libraries)?;
    place.headers(tree)?;
    place.descriptions()?;
    place.pages_and_completions()?;
    place.licences(tree)
}

struct Place<'a> {
    prefix: &'a Path,
}

impl Place<'_> {
    fn libraries(&self, libraries: &Libraries) -> Outcome<()> {
        let (file, soname) = (library::file_name(), library::soname());
        self.copy(&libraries.shared, &format!("lib/{file}"), 0o755)?;
        self.link(&file, &format!("lib/{soname}"))?;
        self.link(&soname, "lib/libtong.so")?;
        self.copy(&libraries.archive, "lib/libtong.a", 0o644)
    }

    fn headers(&self, tree: &Tree) -> Outcome<()> {
        for header in files_ending(&tree.include(), &["h", "hpp"])? {
            let name = header.file_name().unwrap_or_default().to_string_lossy();
            self.copy(&header, &format!("include/tong/{name}"), 0o644)?;
        }
        Ok(())
    }

    fn descriptions(&self) -> Outcome<()> {
        self.write("lib/pkgconfig/tong.pc", &describe::pkg_config())?;
        self.write("lib/pkgconfig/tong-rpath.pc", &describe::pkg_config_rpath())?;
        self.write("lib/cmake/tong/tongConfig.cmake", &describe::cmake_config())?;
        self.write(
            "lib/cmake/tong/tongConfigVersion.cmake",
            &describe::cmake_version(),
        )
    }

    /// Both come from the definition of the command line, so they cannot disagree with it.
    fn pages_and_completions(&self) -> Outcome<()> {
        let tong = || Program::new(self.prefix.join("bin/tong"));
        let pages = self.make_room("share/man/man1/tong.1")?;
        tong()
            .arg("man")
            .arg(pages.parent().unwrap_or(&pages))
            .output()?;
        for (shell, file) in COMPLETIONS {
            let text = tong().arg("completions").arg(*shell).output()?;
            self.write(file, &text)?;
        }
        Ok(())
    }

    fn licences(&self, tree: &Tree) -> Outcome<()> {
        for name in ["LICENSE-MIT", "LICENSE-APACHE"] {
            self.copy(
                &tree.root().join(name),
                &format!("share/doc/tong/{name}"),
                0o644,
            )?;
        }
        Ok(())
    }

    fn copy(&self, from: &Path, to: &str, mode: u32) -> Outcome<()> {
        let contents = fs::read(from).map_err(|e| Failure::file("read", from, &e))?;
        self.put(to, &contents, mode)
    }

    fn write(&self, to: &str, text: &str) -> Outcome<()> {
        self.put(to, text.as_bytes(), 0o644)
    }

    fn put(&self, to: &str, contents: &[u8], mode: u32) -> Outcome<()> {
        let path = self.make_room(to)?;
        let new = beside(&path);
        fs::write(&new, contents)
            .and_then(|()| fs::set_permissions(&new, Permissions::from_mode(mode)))
            .and_then(|()| fs::rename(&new, &path))
            .map_err(|e| Failure::file("write", &path, &e))
    }

    fn link(&self, to: &str, at: &str) -> Outcome<()> {
        let path = self.make_room(at)?;
        let new = beside(&path);
        let _ = fs::remove_file(&new);
        symlink(to, &new)
            .and_then(|()| fs::rename(&new, &path))
            .map_err(|e| Failure::file("write", &path, &e))
    }

    fn make_room(&self, file: &str) -> Outcome<PathBuf> {
        let path = self.prefix.join(file);
        let dir = path.parent().unwrap_or(self.prefix);
        fs::create_dir_all(dir).map_err(|e| Failure::file("create", dir, &e))?;
        Ok(path)
    }
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(".new");
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn installing_replaces_files_and_leaves_nothing_beside_them() {
        let dir = tempfile::tempdir().unwrap();
        let place = Place { prefix: dir.path() };
        place.write("lib/a", "old").unwrap();
        place.write("lib/a", "new").unwrap();
        place.link("a", "lib/b").unwrap();
        place.link("a", "lib/b").unwrap();
        assert_eq!(fs::read_to_string(dir.path().join("lib/b")).unwrap(), "new");
        assert_eq!(fs::read_dir(dir.path().join("lib")).unwrap().count(), 2);
    }
}
