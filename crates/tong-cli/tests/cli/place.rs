//! A place for one test: a namespace that nobody else has, and ways to run the command in it.

use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long a test waits for something that must happen. Only a failing test waits so long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Place {
    pub(crate) dir: TempDir,
}

/// What the command did.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: Vec<u8>,
    pub(crate) err: String,
}

impl Ran {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.out).expect("the output is text")
    }

    /// Each line of the output as JSON.
    pub(crate) fn json(&self) -> Vec<serde_json::Value> {
        self.text()
            .lines()
            .map(|line| serde_json::from_str(line).expect(line))
            .collect()
    }

    #[track_caller]
    pub(crate) fn expect_code(self, code: i32) -> Ran {
        assert_eq!(self.code, Some(code), "{self:?}");
        if code != 0 {
            assert!(self.err.starts_with("tong: "), "{self:?}");
        }
        self
    }
}

impl Place {
    pub(crate) fn new() -> Place {
        Place {
            dir: tempfile::tempdir().expect("a temporary directory"),
        }
    }

    /// The command with these arguments, not started yet.
    pub(crate) fn tong(&self, args: &[&str]) -> Command {
        self.through(Command::new(env!("CARGO_BIN_EXE_tong")), args)
    }

    /// The command started by way of another, such as `env`.
    pub(crate) fn tong_by(&self, by: &[&str], args: &[&str]) -> Command {
        let mut command = Command::new(by[0]);
        command.args(&by[1..]).arg(env!("CARGO_BIN_EXE_tong"));
        self.through(command, args)
    }

    fn through(&self, mut command: Command, args: &[&str]) -> Command {
        command
            .args(args)
            .env("TONG_DIR", self.dir.path().join("names"))
            .env("TMPDIR", self.dir.path());
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs the command to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        finish(start(&mut self.tong(args)))
    }

    /// Runs the command to its end with this on its standard input.
    pub(crate) fn run_with_input(&self, args: &[&str], input: &[u8]) -> Ran {
        let mut running = start(self.tong(args).stdin(Stdio::piped()));
        let mut stdin = running.child.stdin.take().expect("a pipe");
        // A command that fails early does not read all of it.
        let _ = stdin.write_all(input);
        drop(stdin);
        finish(running)
    }

    /// Starts `tong mailslot read` with these arguments and a time-out, and waits until the mailslot exists.
    pub(crate) fn start_reader(&self, args: &[&str]) -> Running {
        let ms = PATIENCE.as_millis().to_string();
        let mut all = vec!["mailslot", "read", "--timeout", &ms];
        all.extend(args);
        let reader = start(&mut self.tong(&all));
        // `write` without messages opens the mailslot and sends nothing.
        self.run(&["mailslot", "write", args[0], "--wait", &ms])
            .expect_code(0);
        reader
    }

    /// Starts `tong KIND create NAME` with these arguments, and waits until the object exists.
    pub(crate) fn keep(&self, kind: &str, name: &str, args: &[&str]) -> Running {
        let mut all = vec![kind, "create", name];
        all.extend(args);
        let mut keeper = start(&mut self.tong(&all));
        let said = first_line(&mut keeper);
        assert!(said.starts_with("created"), "{said}");
        keeper
    }

    /// What `tong KIND info NAME --json` says.
    pub(crate) fn info(&self, kind: &str, name: &str) -> serde_json::Value {
        let ran = self.run(&[kind, "info", name, "--json"]).expect_code(0);
        ran.json().remove(0)
    }

    /// Waits until so many threads wait for the object.
    pub(crate) fn await_waiters(&self, kind: &str, name: &str, count: usize) {
        eventually("somebody waits", || {
            let info = self.info(kind, name);
            info["waiters"].as_array().map(Vec::len) == Some(count)
        });
    }

    /// Writes messages to the mailslot.
    pub(crate) fn write(&self, name: &str, messages: &[&str]) -> Ran {
        let mut args = vec!["mailslot", "write", name, "--"];
        args.extend(messages);
        self.run(&args)
    }
}

/// A command that runs. It is killed when the test drops it, so that a failing test leaves nothing behind.
pub(crate) struct Running {
    pub(crate) child: Child,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts a command.
pub(crate) fn start(command: &mut Command) -> Running {
    Running {
        child: command.spawn().expect("the command starts"),
    }
}

/// Waits for the end of a command and takes what it printed.
pub(crate) fn finish(mut running: Running) -> Ran {
    let child = &mut running.child;
    drop(child.stdin.take());
    let (mut out, mut err) = (Vec::new(), String::new());
    if let Some(mut stdout) = child.stdout.take() {
        stdout.read_to_end(&mut out).expect("its output");
    }
    if let Some(mut stderr) = child.stderr.take() {
        stderr.read_to_string(&mut err).expect("its messages");
    }
    let code = child.wait().expect("the command ends").code();
    Ran { code, out, err }
}

/// The first line that a command prints.
pub(crate) fn first_line(running: &mut Running) -> String {
    let stdout = running.child.stdout.as_mut().expect("a pipe");
    let mut line = Vec::new();
    let mut byte = [0];
    while stdout.read(&mut byte).expect("its output") == 1 && byte[0] != b'\n' {
        line.push(byte[0]);
    }
    String::from_utf8(line).expect("the output is text")
}

/// Waits for the end of a command by a signal, and says which.
pub(crate) fn ending_signal(mut running: Running) -> Option<i32> {
    drop(running.child.stdin.take());
    let status = running.child.wait().expect("the command ends");
    std::os::unix::process::ExitStatusExt::signal(&status)
}

/// Sends a signal, such as `INT`, to a process.
pub(crate) fn signal(running: &Running, name: &str) {
    let pid = running.child.id().to_string();
    let status = Command::new("kill")
        .arg(format!("-{name}"))
        .arg(pid)
        .status();
    assert!(status.expect("kill runs").success());
}

/// Waits until something is so.
#[track_caller]
pub(crate) fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "{what}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// Whether a command can do its work here: its last argument is a harmless program for it to start.
pub(crate) fn works(command: &[&str]) -> bool {
    let quiet = Command::new(command[0])
        .args(&command[1..])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    quiet.is_ok_and(|status| status.success())
}
