//! The installed tree, and programs built against it.

use std::collections::HashMap;
use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{LazyLock, Mutex, PoisonError};

/// The language that a program is compiled as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Language {
    C,
    Cxx,
}

/// What a TCHAR is in a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Characters {
    Ansi,
    Unicode,
}

/// One of the ways to compile a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Way {
    pub(crate) language: Language,
    pub(crate) characters: Characters,
}

impl Way {
    pub(crate) const ALL: [Way; 4] = [
        Way::new(Language::C, Characters::Ansi),
        Way::new(Language::C, Characters::Unicode),
        Way::new(Language::Cxx, Characters::Ansi),
        Way::new(Language::Cxx, Characters::Unicode),
    ];

    const fn new(language: Language, characters: Characters) -> Way {
        Way {
            language,
            characters,
        }
    }

    fn flags(self) -> &'static [&'static str] {
        match (self.language, self.characters) {
            (Language::C, Characters::Ansi) => &[],
            (Language::C, Characters::Unicode) => &["-DUNICODE", "-D_UNICODE"],
            (Language::Cxx, Characters::Ansi) => &["-x", "c++"],
            (Language::Cxx, Characters::Unicode) => &["-x", "c++", "-DUNICODE", "-D_UNICODE"],
        }
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}-{:?}", self.language, self.characters)
    }
}

/// The tree that `cargo xtask install` made.
#[derive(Debug)]
pub(crate) struct Tree(PathBuf);

impl Tree {
    /// Finds the tree and what is needed to build against it, or says why `test` is skipped.
    pub(crate) fn find(test: &str) -> Option<Tree> {
        match Tree::try_find() {
            Ok(tree) => Some(tree),
            Err(reason) => {
                skip(test, &reason);
                None
            }
        }
    }

    fn try_find() -> Result<Tree, String> {
        let prefix = std::env::var_os("TONG_C_PREFIX").ok_or("TONG_C_PREFIX is not set")?;
        let tree = Tree(PathBuf::from(prefix));
        if !tree.command().is_file() {
            return Err(format!("nothing is installed in {}", tree.0.display()));
        }
        for tool in [compiler(Language::C), compiler(Language::Cxx), "pkg-config"] {
            let found = Command::new(tool).arg("--version").output();
            found.map_err(|_| format!("{tool} is not installed"))?;
        }
        Ok(tree)
    }

    /// The `tong` command.
    pub(crate) fn command(&self) -> PathBuf {
        self.0.join("bin/tong")
    }

    /// Where the shared library is.
    pub(crate) fn libraries(&self) -> PathBuf {
        self.0.join("lib")
    }

    /// Compiles one of the programs in `tests/c`, unless another test has done so already.
    pub(crate) fn build(&self, source: &str, way: Way) -> PathBuf {
        static BUILT: LazyLock<Mutex<HashMap<PathBuf, ()>>> = LazyLock::new(Mutex::default);
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("programs");
        let program = dir.join(format!("{}-{way}", source.trim_end_matches(".c")));
        let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
        built.entry(program.clone()).or_insert_with(|| {
            fs::create_dir_all(&dir).unwrap();
            // Another run of the tests may be executing a program of this name.
            let new = program.with_extension(std::process::id().to_string());
            self.compile(source, way, &new);
            fs::rename(&new, &program).unwrap();
        });
        program
    }

    /// The command line is the one that users are told; the shell splits what pkg-config prints.
    fn compile(&self, source: &str, way: Way, program: &Path) {
        let output = Command::new("sh")
            .arg("-c")
            .arg(r#"exec "$@" $(pkg-config --cflags --libs tong)"#)
            .args(["sh", compiler(way.language)])
            .args(["-O1", "-Wall", "-Wextra", "-Werror"])
            .args(way.flags())
            .arg(
                Path::new(env!("CARGO_MANIFEST_DIR"))
                    .join("tests/c")
                    .join(source),
            )
            .arg("-o")
            .arg(program)
            .env("PKG_CONFIG_PATH", self.0.join("lib/pkgconfig"))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{source}, {way}:\n{said}");
    }
}

fn compiler(language: Language) -> &'static str {
    match language {
        Language::C => "cc",
        Language::Cxx => "c++",
    }
}

/// Says that a test is skipped, past the harness, which would keep it to itself, and into the log of the test run.
fn skip(test: &str, reason: &str) {
    // In one piece, because other tests write too.
    let _ = std::io::stderr().write_all(format!("SKIPPED {test}: {reason}\n").as_bytes());
    let Some(log) = std::env::var_os("TONG_SKIP_LOG") else {
        return;
    };
    let mut log = OpenOptions::new()
        .append(true)
        .create(true)
        .open(log)
        .unwrap();
    log.write_all(format!("{test}: {reason}\n").as_bytes())
        .unwrap();
}
