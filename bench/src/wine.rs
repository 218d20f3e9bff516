//! One C program on two systems: compiled with tong's headers, and for Windows, to run under Wine.
//!
//! `wine/local_calls.c` measures a call by itself and prints the seconds; here it is compiled twice and started. That
//! needs Wine, mingw-w64, a C compiler and an installed tree of tong, which `cargo xtask bench` makes and names by
//! `TONG_C_PREFIX`. Where one of them is missing nothing is compared, and the report says so.

use crate::case::{Case, Contender, Group, Task, Unit, Waiting};
use crate::link::unsupported;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// Where samples find what [`prepare`] made.
const PLACE: &str = "TONG_BENCH_WINE";
const SOURCE: &str = include_str!("../wine/local_calls.c");

/// The design asks for 20 times less than Wine takes, and for 100 times less where it is about synchronization.
const CALL: f64 = 1.0 / 20.0;
const SYNC: f64 = 1.0 / 100.0;

/// A task of the program.
#[derive(Clone, Copy, Debug)]
struct Call {
    /// The program's word for it, after `wine-`.
    id: &'static str,
    title: &'static str,
    goal: f64,
}

const fn call(id: &'static str, title: &'static str, goal: f64) -> Call {
    Call { id, title, goal }
}

const CALLS: [Call; 21] = [
    call("wine-set-wait", "SetEvent + satisfied wait", SYNC),
    call("wine-lock-unlock", "mutex: wait + ReleaseMutex", SYNC),
    call("wine-release-wait", "ReleaseSemaphore + wait", SYNC),
    call(
        "wine-wait-any",
        "SetEvent + WaitForMultipleObjects of 64",
        SYNC,
    ),
    call("wine-make-close", "CreateEvent + CloseHandle", CALL),
    call(
        "wine-name-close",
        "CreateEvent with a name + CloseHandle",
        CALL,
    ),
    call(
        "wine-signal",
        "SetEvent and back between two processes",
        CALL,
    ),
    call(
        "wine-start-process",
        "CreateProcess + wait + exit code",
        CALL,
    ),
    call(
        "wine-pipe-write-read",
        "64 B WriteFile + ReadFile on a pipe, one thread",
        CALL,
    ),
    call(
        "wine-pipe-bulk",
        "64 KiB WriteFile + ReadFile on a pipe, one thread",
        CALL,
    ),
    call("wine-pipe-peek", "PeekNamedPipe", CALL),
    call(
        "wine-pipe-life",
        "CreateNamedPipe + CreateFile + close both, one thread",
        CALL,
    ),
    call(
        "wine-pipe-turn",
        "64 B message and answer, two processes",
        CALL,
    ),
    call(
        "wine-pipe-transact",
        "TransactNamedPipe of 64 B, two processes",
        CALL,
    ),
    call(
        "wine-pipe-visit",
        "client opens and closes, server connects and disconnects, two processes",
        CALL,
    ),
    call(
        "wine-pipe-overlapped",
        "64 B read that pends + write, with events, one thread",
        CALL,
    ),
    call(
        "wine-port",
        "PostQueuedCompletionStatus + GetQueuedCompletionStatus",
        CALL,
    ),
    call(
        "wine-pipe-port",
        "64 B read that pends + write, with a port, one thread",
        CALL,
    ),
    call(
        "wine-anonymous-write-read",
        "64 B WriteFile + ReadFile on an anonymous pipe, one thread",
        CALL,
    ),
    call("wine-anonymous-life", "CreatePipe + close both", CALL),
    call(
        "wine-mailslot-write-read",
        "64 B WriteFile + ReadFile on a mailslot, one thread",
        CALL,
    ),
];

/// A group per call: Wine first, then the same program with tong.
pub(crate) fn groups() -> Vec<Group> {
    let cases = |index| {
        [Contender::Wine, Contender::CProgram].map(|contender| Case {
            contender,
            task: Task::LocalCall(index),
            waiting: Waiting::Blocked,
            cores: 2,
            writers: 1,
            message_len: 64,
            sample_ms: 0,
        })
    };
    let numbered = CALLS.iter().enumerate();
    numbered
        .map(|(index, call)| Group {
            id: call.id,
            title: format!("one C program: {}", call.title),
            unit: Unit::Seconds,
            goal: Some(call.goal),
            cases: cases(index).to_vec(),
        })
        .collect()
}

/// Takes one sample: what the program prints.
pub(crate) fn sample(case: &Case) -> io::Result<f64> {
    let Task::LocalCall(index) = case.task else {
        return Err(unsupported(case.contender, case.task));
    };
    let place = PathBuf::from(std::env::var_os(PLACE).ok_or(io::ErrorKind::NotFound)?);
    let mut command = match case.contender {
        Contender::Wine => wine(&place, &windows_program(&place)),
        _ => Command::new(native_program(&place)),
    };
    let word = CALLS[index].id.trim_start_matches("wine-");
    let output = command.args([word, &case.sample_ms.to_string()]).output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    text.trim().parse().map_err(|_| failure(&output))
}

/// Makes both programs and, unless `WINEPREFIX` names one, a Wine prefix in `place`, for this process and its children.
///
/// # Errors
/// What is missing, in a sentence.
pub(crate) fn prepare(place: &Path) -> io::Result<()> {
    let prefix = std::env::var_os("TONG_C_PREFIX").map(PathBuf::from);
    let prefix = prefix.ok_or_else(|| {
        io::Error::other("TONG_C_PREFIX names no installed tree; `cargo xtask bench` makes one")
    })?;
    let source = place.join("local_calls.c");
    std::fs::write(&source, SOURCE)?;
    run(Command::new("cc")
        .args(["-O2", "-Wall", "-Wextra", "-I"])
        .arg(prefix.join("include").join("tong"))
        .arg(&source)
        .arg("-o")
        .arg(native_program(place))
        .arg("-L")
        .arg(prefix.join("lib"))
        .arg(format!("-Wl,-rpath,{}", prefix.join("lib").display()))
        .arg("-ltong"))?;
    run(Command::new("x86_64-w64-mingw32-gcc")
        .args(["-O2", "-Wall", "-Wextra"])
        .arg(&source)
        .arg("-o")
        .arg(windows_program(place)))?;
    // Makes the prefix, which takes seconds once.
    run(wine(place, Path::new("wineboot")).arg("--init"))?;
    std::env::set_var(PLACE, place);
    Ok(())
}

/// Ends what Wine left running in the prefix of this run. A prefix of the user's is left alone.
pub(crate) fn finish(place: &Path) {
    if wine_prefix(place) != place.join("prefix") {
        return;
    }
    // If nothing is running any more this fails, which is as good.
    let _ = wine(place, Path::new("wineboot")).arg("--kill").output();
}

fn native_program(place: &Path) -> PathBuf {
    place.join("local_calls")
}

fn windows_program(place: &Path) -> PathBuf {
    place.join("local_calls.exe")
}

/// The user's Wine prefix if one is named, else one for this run.
fn wine_prefix(place: &Path) -> PathBuf {
    std::env::var_os("WINEPREFIX").map_or_else(|| place.join("prefix"), PathBuf::from)
}

/// Wine with a program.
fn wine(place: &Path, program: &Path) -> Command {
    let mut command = Command::new("wine");
    command
        .arg(program)
        .env("WINEPREFIX", wine_prefix(place))
        .env("WINEDEBUG", "-all")
        // It would ask whether to install these two.
        .env("WINEDLLOVERRIDES", "mscoree,mshtml=")
        .stdin(Stdio::null());
    command
}

fn run(command: &mut Command) -> io::Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .output()
        .map_err(|error| io::Error::other(format!("{program} cannot be started: {error}")))?;
    if output.status.success() {
        Ok(())
    } else {
        let why = failure(&output);
        Err(io::Error::other(format!("{program} failed: {why}")))
    }
}

/// The last line that a program left, or how it ended.
fn failure(output: &Output) -> io::Error {
    let words = String::from_utf8_lossy(&output.stderr);
    let last = words.lines().rev().find(|line| !line.trim().is_empty());
    io::Error::other(last.map_or_else(|| output.status.to_string(), str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_has_its_task_in_the_program() {
        for call in CALLS {
            let word = call.id.strip_prefix("wine-").unwrap();
            assert!(SOURCE.contains(&format!("{{ \"{word}\", ")), "{word}");
        }
    }
}
