//! File names as people write them at the prompt.

use std::path::{Path, PathBuf};
use tong::object::file::FilePath;

/// The file that a name means.
///
/// As on Linux if it exists or has nothing of Windows in it; else by Windows' rules, where `\` separates, `NUL` is the null
/// device and drive C is the root.
pub(crate) fn path_of(name: &str) -> PathBuf {
    let native = Path::new(name);
    let is_windows = name.contains('\\') || name.contains(':') || is_null_device(name);
    if !is_windows || native.symlink_metadata().is_ok() {
        return native.to_owned();
    }
    match FilePath::parse(name) {
        Ok(path) => path.path().to_owned(),
        Err(_) => native.to_owned(),
    }
}

fn is_null_device(name: &str) -> bool {
    name.eq_ignore_ascii_case("nul")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_windows_lead_to_files_of_linux() {
        for (name, path) in [
            ("dir/file", "dir/file"),
            (r"dir\file", "dir/file"),
            (r"C:\dir\file", "/dir/file"),
            ("NUL", "/dev/null"),
            ("nul.txt", "nul.txt"),
            ("a..", "a.."),
        ] {
            assert_eq!(path_of(name), Path::new(path), "{name}");
        }
    }

    #[test]
    fn a_file_of_exactly_that_name_comes_first() {
        let place = tempfile::tempdir().unwrap();
        let odd = place.path().join(r"a\b");
        std::fs::write(&odd, "").unwrap();
        assert_eq!(path_of(odd.to_str().unwrap()), odd);
    }
}
