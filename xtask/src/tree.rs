//! Where things are: the sources, and what is built from them.

use std::env;
use std::path::{Path, PathBuf};

/// The repository and its build directory.
#[derive(Debug)]
pub(crate) struct Tree {
    root: PathBuf,
    target: PathBuf,
}

impl Tree {
    /// Finds the repository this program was built from.
    pub(crate) fn find() -> Self {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = manifest.parent().unwrap_or(manifest).to_path_buf();
        let target = match env::var_os("CARGO_TARGET_DIR") {
            // Cargo reads a relative one from where it is called, which is where we were called.
            Some(dir) => env::current_dir().unwrap_or_default().join(dir),
            None => root.join("target"),
        };
        Self { root, target }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// What cargo's release profile left.
    pub(crate) fn release(&self, file: &str) -> PathBuf {
        self.target.join("release").join(file)
    }

    /// What the tasks make themselves.
    pub(crate) fn made(&self, file: &str) -> PathBuf {
        self.target.join("xtask").join(file)
    }

    /// The build directory of the model checks, whose compiler flags would spoil the ordinary one.
    pub(crate) fn loom_target(&self) -> PathBuf {
        self.target.join("loom")
    }

    /// The installed tree that the tests compile against.
    pub(crate) fn c_prefix(&self) -> PathBuf {
        self.target.join("c-prefix")
    }

    pub(crate) fn include(&self) -> PathBuf {
        self.win32().join("include")
    }

    pub(crate) fn c_sources(&self) -> PathBuf {
        self.win32().join("csrc")
    }

    pub(crate) fn c_tests(&self) -> PathBuf {
        self.win32().join("tests/c")
    }

    pub(crate) fn export_list(&self) -> PathBuf {
        self.win32().join("exports.map")
    }

    /// What is kept of a tour, and the picture of it.
    pub(crate) fn transcript(&self) -> PathBuf {
        self.root.join("xtask/data/tour.ansi")
    }

    pub(crate) fn picture(&self) -> PathBuf {
        self.root.join("docs/tour.svg")
    }

    fn win32(&self) -> PathBuf {
        self.root.join("crates/tong-win32")
    }
}
