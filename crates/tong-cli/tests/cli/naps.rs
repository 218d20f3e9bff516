//! Processes for tests that list and end processes: ordinary programs under names that no other test uses.

use crate::place::{eventually, Place, PATIENCE};
use crate::screen::skip;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A copy of a program of the system, in the place and under a name of its own.
pub(crate) fn copy(place: &Place, program: &str, name: &str) -> PathBuf {
    let found = Command::new("sh")
        .args(["-c", &format!("command -v {program}")])
        .output();
    let found = String::from_utf8(found.expect("a shell").stdout).expect("a path");
    let copy = place.dir.path().join(name);
    copy_program(found.trim(), &copy);
    copy
}

/// Copies a program, by way of another process: a program cannot run while somebody has it open for writing, and whatever
/// other tests start at this moment would have what we write to open for a moment, too.
pub(crate) fn copy_program(program: &str, copy: &Path) {
    let copied = Command::new("cp").arg(program).arg(copy).status();
    assert!(copied.expect("cp runs").success());
}

/// A name for a program that nobody else runs.
pub(crate) fn unique(name: &str) -> String {
    let thread = format!("{:?}", std::thread::current().id());
    let number: String = thread.chars().filter(char::is_ascii_digit).collect();
    format!("{name}-{}-{number}", std::process::id())
}

/// A process that sleeps, and is ended with the test.
pub(crate) struct Nap {
    pub(crate) child: Child,
}

impl Nap {
    /// Starts a program that sleeps for as long as its argument says.
    pub(crate) fn start(program: &std::path::Path) -> Nap {
        Nap::by(Command::new(program).arg(PATIENCE.as_secs().to_string()))
    }

    /// Starts a command.
    pub(crate) fn by(command: &mut Command) -> Nap {
        let child = command.stdin(Stdio::null()).spawn().expect("it starts");
        Nap { child }
    }

    pub(crate) fn pid(&self) -> String {
        self.child.id().to_string()
    }

    /// Has it not ended?
    pub(crate) fn runs(&mut self) -> bool {
        self.child.try_wait().expect("it is ours").is_none()
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args([format!("-{name}"), self.pid()])
            .status();
        assert!(sent.expect("kill runs").success());
    }
}

impl Drop for Nap {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What `tong lp` says of a process, if it does; with more arguments, such as `--all`.
pub(crate) fn listed(place: &Place, pid: &str, more: &[&str]) -> Option<Value> {
    let ran = place.run(&[&["lp", "--json", pid], more].concat());
    match ran.code {
        Some(0) => Some(ran.json().remove(0)),
        _ => {
            ran.expect_code(3);
            None
        }
    }
}

/// Waits until a process runs this program: between fork and exec it runs that of its parent.
pub(crate) fn await_program(place: &Place, pid: &str, program: &str) -> Value {
    let is_it = |found: &Value| found["program"] == program;
    eventually("it runs its program", || {
        listed(place, pid, &[]).as_ref().is_some_and(is_it)
    });
    listed(place, pid, &[]).expect("it runs")
}

/// A script in a PID namespace of its own, in which `sh` is process 1 and `$TONG` the command. `None`, said loudly, if
/// that is not possible here.
pub(crate) fn in_pid_namespace(place: &Place, shell: &str, script: &str) -> Option<Command> {
    const UNSHARE: [&str; 5] = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"];
    let tried = Command::new(UNSHARE[0])
        .args(&UNSHARE[1..])
        .args(["sh", "-c", "echo 1 >/proc/sys/kernel/ns_last_pid"])
        .stdin(Stdio::null())
        .output();
    if !tried.is_ok_and(|tried| tried.status.success()) {
        skip("needs the administrator, and unshare, for a PID namespace whose ids can be chosen");
        return None;
    }
    let mut command = Command::new(UNSHARE[0]);
    command
        .args(&UNSHARE[1..])
        .args([shell, "-c", script])
        .env("TONG", env!("CARGO_BIN_EXE_tong"))
        .env("TONG_DIR", place.dir.path().join("names"))
        .env("TMPDIR", place.dir.path())
        .env_remove("NO_COLOR")
        .current_dir(place.dir.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    Some(command)
}

/// Whether processes can be started as another user; if not, that is said loudly.
pub(crate) fn can_switch_user() -> bool {
    let tried = as_stranger("true").output();
    let can = tried.is_ok_and(|tried| tried.status.success());
    if !can {
        skip("needs the administrator and setpriv, to run as another user");
    }
    can
}

/// The id of another user.
pub(crate) const STRANGER: &str = "12345";

/// A program that is run by another user.
pub(crate) fn as_stranger(program: &str) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--reuid", STRANGER, "--regid", STRANGER, "--clear-groups"]);
    command.arg(program);
    command
}
