//! Programs that run: in a namespace of their own, watched, and ended if the test ends before them.

use std::fs;
use std::io::{Read, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::tree::Tree;

/// Far more than any of the programs needs on a slow machine.
const WATCHDOG: Duration = Duration::from_secs(60);

/// A namespace, and where to find what runs in it.
#[derive(Debug)]
pub(crate) struct Room {
    dir: tempfile::TempDir,
    files: tempfile::TempDir,
    command: PathBuf,
    libraries: PathBuf,
}

impl Room {
    pub(crate) fn new(tree: &Tree) -> Room {
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o700)).unwrap();
        Room {
            dir,
            files: tempfile::tempdir().unwrap(),
            command: tree.command(),
            libraries: tree.libraries(),
        }
    }

    /// The name of a file that nobody else uses.
    pub(crate) fn file(&self, name: &str) -> String {
        self.files.path().join(name).to_str().unwrap().to_owned()
    }

    /// The directory with the names of one kind.
    pub(crate) fn names(&self, kind: &str) -> PathBuf {
        self.dir.path().join(kind)
    }

    /// Runs the `tong` command.
    pub(crate) fn tong(&self, args: &[&str]) -> Running {
        self.start(&self.command, args)
    }

    /// Runs a program.
    pub(crate) fn start(&self, program: &Path, args: &[&str]) -> Running {
        let child = Command::new(program)
            .args(args)
            .env("TONG_DIR", self.dir.path())
            .env("LD_LIBRARY_PATH", &self.libraries)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Running::new(child)
    }
}

/// A program that runs; it is killed when this is dropped.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    input: Option<ChildStdin>,
    output: Receiver<Vec<u8>>,
    /// What it has printed so far.
    seen: Vec<u8>,
    errors: Option<JoinHandle<String>>,
}

/// How a program ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// `None` if it was killed.
    pub(crate) code: Option<i32>,
    pub(crate) output: String,
    pub(crate) errors: String,
}

impl Ended {
    /// Checks the exit code, and all that was printed.
    #[track_caller]
    pub(crate) fn is(&self, code: i32, output: &str) {
        let ended = (self.code, &self.output[..]);
        assert_eq!(ended, (Some(code), output), "errors: {}", self.errors);
    }

    /// Checks that it ended with exit code 1 and a complaint that begins like this.
    #[track_caller]
    pub(crate) fn fails(&self, complaint: &str) {
        assert_eq!(self.code, Some(1), "{self:?}");
        assert!(self.errors.starts_with(complaint), "{self:?}");
    }
}

impl Running {
    fn new(mut child: Child) -> Running {
        let mut stdout = child.stdout.take().unwrap();
        let mut stderr = child.stderr.take().unwrap();
        let (sender, output) = mpsc::channel();
        thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Ok(len @ 1..) = stdout.read(&mut chunk) {
                let _ = sender.send(chunk[..len].to_vec());
            }
        });
        let errors = thread::spawn(move || {
            let mut text = Vec::new();
            let _ = stderr.read_to_end(&mut text);
            String::from_utf8(text).unwrap()
        });
        Running {
            input: child.stdin.take(),
            child,
            output,
            seen: Vec::new(),
            errors: Some(errors),
        }
    }

    /// Waits until it has printed this since it started, and nothing else.
    #[track_caller]
    pub(crate) fn expect(&mut self, text: &str) {
        while self.seen.len() < text.len() {
            match self.output.recv_timeout(WATCHDOG) {
                Ok(chunk) => self.seen.extend(chunk),
                Err(error) => panic!("{error} after {:?}", String::from_utf8_lossy(&self.seen)),
            }
        }
        assert_eq!(String::from_utf8_lossy(&self.seen), text);
    }

    /// Writes to its standard input.
    pub(crate) fn write(&mut self, text: &str) {
        let input = self.input.as_mut().unwrap();
        input.write_all(text.as_bytes()).unwrap();
    }

    /// Writes the last of its standard input, and waits for its end.
    #[track_caller]
    pub(crate) fn finish(mut self, text: &str) -> Ended {
        // A program that ends without reading everything is told by how it ended.
        let _ = self.input.take().unwrap().write_all(text.as_bytes());
        let end = Instant::now() + WATCHDOG;
        let status = loop {
            match self.child.try_wait().unwrap() {
                Some(status) => break status,
                None if Instant::now() > end => panic!("it hangs: {self:?}"),
                None => thread::sleep(Duration::from_millis(2)),
            }
        };
        while let Ok(chunk) = self.output.recv_timeout(WATCHDOG) {
            self.seen.extend(chunk);
        }
        Ended {
            code: status.code(),
            output: String::from_utf8(std::mem::take(&mut self.seen)).unwrap(),
            errors: self.errors.take().unwrap().join().unwrap(),
        }
    }

    /// Whether it has not ended yet.
    pub(crate) fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Kills it without warning.
    pub(crate) fn kill(mut self) {
        self.end();
    }

    fn end(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end();
    }
}
