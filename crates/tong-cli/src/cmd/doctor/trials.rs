//! Trying things for real, in a process of its own: a kernel or sandbox that refuses may end whoever asks.
//!
//! That process prints the name of each trial before it begins, and a finding as JSON after it, so that a trial that it
//! does not survive is known. It gets a namespace that cannot exist; its objects live in its own memory.

use super::finding::Finding;
use crate::exit::Failure;
use crate::output;
use nix::fcntl::{fcntl, FcntlArg};
use nix::poll::{poll, PollFd, PollFlags, PollTimeout};
use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use tong::handle::{Kind, Object, Table};
use tong::machine::Features;
use tong::{Acquired, Event, Mutex, Process, ProcessOptions, Reset};

const GROUP: &str = "kernel";
/// Where no directory can be.
const NOWHERE: &str = "/dev/null/tong";
/// For all trials, on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long one thread waits for another.
const MOMENT: Duration = Duration::from_secs(5);
/// An exit code of which Linux keeps only eight bits.
const WIDE_CODE: u32 = 0xC000_0005;

/// What to do if a trial fails, and nothing better is known.
const SANDBOX: &str =
    "see the limits below; else a sandbox (seccomp, gVisor) or a very old kernel stands in the way: run it without";

/// A trial: its name, and what it does. What it says is good news or bad.
type Trial = (&'static str, fn() -> Result<Finding, String>);

const TRIALS: [Trial; 8] = [
    ("waits", waits),
    ("death of an owner", death_of_an_owner),
    ("sleeping on many", sleeping_on_many),
    ("cheap messages", cheap_messages),
    ("file locks", file_locks),
    ("process page", process_page),
    ("anonymous pipes", anonymous_pipes),
    ("programs", programs),
];

/// Tells a process that it has one. A flag would show in completions.
const ROLE: &str = "TONG_DOCTOR_ROLE";

/// What a process that the doctor started does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// It tries all.
    Trying,
    /// It ends with [`WIDE_CODE`].
    Ending,
}

impl Role {
    /// The role of this process, if it has one.
    pub(super) fn of_this_process() -> Option<Role> {
        let word = std::env::var(ROLE).ok()?;
        [Role::Trying, Role::Ending]
            .into_iter()
            .find(|role| role.word() == word)
    }

    fn word(self) -> &'static str {
        match self {
            Role::Trying => "trying",
            Role::Ending => "ending",
        }
    }

    pub(super) fn play(self) -> Result<(), Failure> {
        match self {
            Role::Trying => play(),
            Role::Ending => tong::process::exit(WIDE_CODE),
        }
    }
}

/// Has the trials made.
pub(super) fn check() -> Vec<Finding> {
    const CHECK: &str = "trials";
    let program = match std::env::current_exe() {
        Ok(program) => program,
        Err(_) => {
            let found = "nothing was tried, because that takes a second process, which needs /proc";
            return vec![Finding::warning(GROUP, CHECK, found)];
        }
    };
    let started = Command::new(program)
        .arg("doctor")
        .env(ROLE, Role::Trying.word())
        .env("TONG_DIR", NOWHERE)
        .env("TONG_GLOBAL_DIR", NOWHERE)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    match started {
        Ok(child) => listen(child),
        Err(error) => vec![Finding::error(
            GROUP,
            CHECK,
            format!("no second process can be started: {error}"),
        )
        .advise("see the limits below")],
    }
}

/// Takes in what the trying process says, until it has ended or takes too long.
fn listen(mut child: Child) -> Vec<Finding> {
    let said = child
        .stdout
        .take()
        .map(|mut stdout| read_for(&mut stdout, PATIENCE));
    let _ = child.kill();
    let status = child.wait();
    let said = String::from_utf8_lossy(&said.unwrap_or_default()).into_owned();
    let (mut findings, mut begun) = (Vec::new(), None);
    for line in said.lines() {
        match serde_json::from_str::<Finding>(line) {
            Ok(finding) => {
                findings.push(finding);
                begun = None;
            }
            Err(_) => begun = Some(line.to_owned()),
        }
    }
    if let Some(check) = begun {
        let signal = status.ok().and_then(|status| status.signal());
        let found = match signal {
            Some(9) | None => "no end of it in sight; it was given up".to_owned(),
            Some(signal) => format!("the process that tried it was ended by signal {signal}"),
        };
        findings.push(Finding::error(GROUP, &check, found).advise(SANDBOX));
    }
    if findings.is_empty() {
        let found = "the process that was to try things said nothing";
        findings.push(Finding::error(GROUP, "trials", found).advise(SANDBOX));
    }
    findings
}

/// What comes out of a pipe until its end, for so long at most.
fn read_for(pipe: &mut (impl Read + AsFd), time: Duration) -> Vec<u8> {
    let end = Instant::now() + time;
    let mut bytes = Vec::new();
    loop {
        let left = end.saturating_duration_since(Instant::now());
        let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        let more = poll(&mut [PollFd::new(pipe.as_fd(), PollFlags::POLLIN)], timeout);
        match more {
            Ok(0) => return bytes,
            Err(nix::errno::Errno::EINTR) => continue,
            Err(_) => return bytes,
            Ok(_) => {}
        }
        let mut some = [0; 4096];
        match pipe.read(&mut some) {
            Ok(0) | Err(_) => return bytes,
            Ok(len) => bytes.extend_from_slice(&some[..len]),
        }
    }
}

/// In the process that tries: tries all, and prints what came of it.
fn play() -> Result<(), Failure> {
    for (check, trial) in TRIALS {
        output::print(&format!("{check}\n"))?;
        let finding =
            trial().unwrap_or_else(|problem| Finding::error(GROUP, check, problem).advise(SANDBOX));
        output::print_json(&finding)?;
    }
    Ok(())
}

/// What went wrong, as text.
fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn waits() -> Result<Finding, String> {
    let event = Event::new(Reset::Auto, false).map_err(text)?;
    let copy = event.clone();
    let setter = thread::Builder::new()
        .spawn(move || copy.set())
        .map_err(|error| format!("no second thread: {error}"))?;
    event.wait(Some(MOMENT)).map_err(text)?;
    let _ = setter.join();
    Ok(Finding::ok(GROUP, "waits", "a thread woke another one"))
}

fn death_of_an_owner() -> Result<Finding, String> {
    const CHECK: &str = "death of an owner";
    let mutex = Mutex::new(false).map_err(text)?;
    let copy = mutex.clone();
    let owner = thread::Builder::new()
        .spawn(move || copy.acquire(Some(MOMENT)).map(|_acquired| ()))
        .map_err(|error| format!("no second thread: {error}"))?;
    let owned = owner.join().map_err(|_| "the owner panicked".to_owned())?;
    owned.map_err(text)?;
    match mutex.acquire(Some(MOMENT)).map_err(text)? {
        Acquired::Abandoned => Ok(Finding::ok(
            GROUP,
            CHECK,
            "a mutex was abandoned when its owner ended (robust futexes work)",
        )),
        _ => Err("a mutex whose owner ended was not abandoned".to_owned()),
    }
}

fn sleeping_on_many() -> Result<Finding, String> {
    const CHECK: &str = "sleeping on many";
    Ok(match Features::of_this_machine().sleeps_on_many {
        true => Finding::ok(GROUP, CHECK, "futex_waitv works"),
        false => Finding::warning(
            GROUP,
            CHECK,
            "futex_waitv is not there: the death of a mutex's owner is noticed within 10 ms instead of at once",
        )
        .advise("run a kernel of version 5.16 or later, and a sandbox that allows the call"),
    })
}

fn cheap_messages() -> Result<Finding, String> {
    const CHECK: &str = "cheap messages";
    Ok(match Features::of_this_machine().barriers_for_others {
        true => Finding::ok(GROUP, CHECK, "membarrier works"),
        false => Finding::warning(
            GROUP,
            CHECK,
            "membarrier is not there: each message costs some nanoseconds more",
        )
        .advise("run a kernel of version 4.16 or later, and a sandbox that allows the call"),
    })
}

/// Names are held by locks that belong to an open file rather than to a process.
fn file_locks() -> Result<Finding, String> {
    const CHECK: &str = "file locks";
    let flags = nix::sys::memfd::MFdFlags::MFD_CLOEXEC;
    let memory = nix::sys::memfd::memfd_create(c"tong-doctor", flags).map_err(text)?;
    let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&memory));
    let other = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)
        .map_err(text)?;
    #[allow(clippy::cast_possible_truncation, reason = "the constants are small")]
    let lock = nix::libc::flock {
        l_type: nix::libc::F_WRLCK as i16,
        l_whence: nix::libc::SEEK_SET as i16,
        l_start: 0,
        l_len: 1,
        l_pid: 0,
    };
    fcntl(&memory, FcntlArg::F_OFD_SETLK(&lock)).map_err(text)?;
    match fcntl(&other, FcntlArg::F_OFD_SETLK(&lock)) {
        Err(nix::errno::Errno::EAGAIN | nix::errno::Errno::EACCES) => Ok(Finding::ok(
            GROUP,
            CHECK,
            "locks of open files exclude each other",
        )),
        Err(error) => Err(text(error)),
        Ok(_) => Err("two opens of one file got the same lock".to_owned()),
    }
}

/// The memory file with which a process shows its handles and its exit code.
fn process_page() -> Result<Finding, String> {
    let process = Process::current().map_err(text)?;
    let all = Kind::Process.generic().all;
    let handle = Table::of_process()
        .insert(Object::Process(process), all, false)
        .map_err(text)?;
    let rows = tong::handle::read_table(std::process::id()).map_err(text)?;
    match rows.iter().any(|row| row.handle == handle) {
        true => Ok(Finding::ok(
            GROUP,
            "process page",
            "a handle of this process can be seen from outside",
        )),
        false => Err("a handle of this process cannot be seen from outside".to_owned()),
    }
}

fn anonymous_pipes() -> Result<Finding, String> {
    let (reader, writer) = tong::pipe::anonymous(0).map_err(text)?;
    writer.send(b"there").map_err(text)?;
    let mut bytes = [0; 8];
    let len = reader.receive(&mut bytes).map_err(text)?;
    match &bytes[..len] {
        b"there" => Ok(Finding::ok(GROUP, "anonymous pipes", "bytes came through")),
        _ => Err("other bytes came out than went in".to_owned()),
    }
}

/// A program that ends with an exit code of 32 bits, and a wait for it.
fn programs() -> Result<Finding, String> {
    const CHECK: &str = "programs";
    let program = std::env::current_exe().map_err(text)?;
    let child = ProcessOptions::new(program)
        .args(["doctor"])
        .env(ROLE, Role::Ending.word())
        .spawn()
        .map_err(text)?;
    child.wait(Some(2 * MOMENT)).map_err(text)?;
    let opened = Process::open(child.id()).map_err(text)?;
    match (child.exit_code(), opened.is_running()) {
        (Ok(Some(WIDE_CODE)), Ok(false)) => Ok(Finding::ok(
            GROUP,
            CHECK,
            format!("one was started, waited for, and ended with code {WIDE_CODE:#x}"),
        )),
        (code, running) => Err(format!(
            "one ended with code {WIDE_CODE:#x}, but {code:?} arrived (running: {running:?})"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cmd::doctor::finding::Level;

    fn shell(script: &str) -> Vec<Finding> {
        let child = Command::new("sh")
            .args(["-c", script])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        listen(child)
    }

    /// A filter of system calls may end whoever makes the wrong one.
    #[test]
    fn trial_that_its_process_does_not_survive_is_told() {
        let findings = shell(
            r#"echo one; echo '{"group":"kernel","check":"one","level":"ok","found":"it works","advice":null}'
               echo two; kill -SYS $$"#,
        );
        let [one, two] = &findings[..] else {
            panic!("{findings:?}");
        };
        assert_eq!((&*one.check, one.level), ("one", Level::Ok));
        assert_eq!((&*two.check, two.level), ("two", Level::Error));
        assert!(two.found.contains("signal 31"), "{two:?}");
    }

    #[test]
    fn process_that_says_nothing_is_told() {
        let findings = shell("exit 3");
        assert_eq!(findings[0].level, Level::Error);
    }
}
