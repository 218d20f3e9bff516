//! Suspending, resuming, waiting.

use std::time::{Duration, Instant};

use tong::{wait, ErrorKind, Event, Reset};

use super::{actor, code_of, pipe, shell, state, LONG};
use crate::support::eventually;

/// Does nothing until it is ended.
pub(crate) fn role_pause() {
    loop {
        std::thread::park();
    }
}

/// P-62: nothing runs until it is resumed; the count was 1.
#[test]
fn suspended_process_runs_nothing_until_resumed() {
    for options in [actor("exit", &["return", "5050"]), shell("exit 77")] {
        let process = options.suspended(true).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(20));
        assert_eq!(process.exit_code().unwrap(), None);
        let waited = process.wait(Some(Duration::ZERO));
        assert_eq!(waited.unwrap_err().kind(), ErrorKind::TimedOut);
        assert_eq!(process.resume().unwrap(), 1);
        assert!([5050, 77].contains(&code_of(&process)));
        assert_eq!(process.resume().unwrap(), 0, "it has ended");
    }
}

/// P-62.
#[test]
fn suspended_process_can_be_terminated() {
    for options in [actor("pause", &[]), shell("exit 77")] {
        let process = options.suspended(true).spawn().unwrap();
        process.terminate(0x1234_5678).unwrap();
        assert_eq!(code_of(&process), 0x1234_5678);
    }
}

#[test]
fn suspensions_are_counted() {
    let process = shell("while :; do :; done").spawn().unwrap();
    assert_eq!(process.suspend().unwrap(), 0);
    eventually("it stops", || state(process.id()) == Some('T'));
    assert_eq!(process.suspend().unwrap(), 1);
    let same = tong::Process::open(process.id()).unwrap();
    assert_eq!(
        same.resume().unwrap(),
        2,
        "whoever opens it finds the same count"
    );
    assert_eq!(state(process.id()), Some('T'));
    assert_eq!(process.resume().unwrap(), 1);
    eventually("it goes on", || state(process.id()) != Some('T'));
    for count in 0..127 {
        assert_eq!(process.suspend().unwrap(), count);
    }
    let more = process.suspend().unwrap_err();
    assert_eq!(more.kind(), ErrorKind::TooManySuspensions);
    process.terminate(1).unwrap();
    process.wait(LONG).unwrap();
    assert_eq!(
        process.suspend().unwrap_err().kind(),
        ErrorKind::AccessDenied
    );
}

/// P-67: a suspended program that cannot be run after all fails when it is resumed; a file that is none fails at once.
#[test]
fn suspended_file_that_is_no_program_fails_at_once() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "text").unwrap();
    let path = file.into_temp_path();
    let mut permissions = std::fs::metadata(&path).unwrap().permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o755);
    std::fs::set_permissions(&path, permissions).unwrap();
    for suspended in [false, true] {
        // A child that another test starts just now may have a copy of the descriptor that wrote the file.
        eventually("nobody writes the file", || {
            let options = tong::ProcessOptions::new(path.as_os_str()).suspended(suspended);
            let kind = options.spawn().unwrap_err().kind();
            assert!([ErrorKind::NotAProgram, ErrorKind::SharingViolation].contains(&kind));
            kind == ErrorKind::NotAProgram
        });
    }
}

/// A process stays signaled, for every kind of wait, mixed with other objects.
#[test]
fn ended_process_is_signaled_for_good() {
    let process = shell("exit 5").spawn().unwrap();
    let event = Event::new(Reset::Manual, false).unwrap();
    let satisfied = wait::any(&[&event, &process], LONG).unwrap();
    assert_eq!(satisfied.index, 1);
    for _ in 0..3 {
        process.wait(Some(Duration::ZERO)).unwrap();
    }
    event.set().unwrap();
    wait::all(&[&event, &process], LONG).unwrap();
}

#[test]
fn wait_for_a_running_process_times_out() {
    let process = shell("exec sleep 1000").spawn().unwrap();
    let start = Instant::now();
    let waited = process.wait(Some(Duration::from_millis(50)));
    assert_eq!(waited.unwrap_err().kind(), ErrorKind::TimedOut);
    assert!(start.elapsed() >= Duration::from_millis(50));
    process.terminate(0).unwrap();
    process.wait(LONG).unwrap();
}

/// P-48: the end of a pipe comes when the last writer is gone, also with a suspended process about that was made meanwhile.
#[test]
fn end_of_a_pipe_comes_with_the_childs_end() {
    let (mut reader, writer) = pipe();
    let child = shell("echo said").stdout(writer).spawn().unwrap();
    let suspended = shell("exit 0").suspended(true).spawn().unwrap();
    let mut text = String::new();
    std::io::Read::read_to_string(&mut reader, &mut text).unwrap();
    assert_eq!(text, "said\n");
    assert_eq!(code_of(&child), 0);
    suspended.terminate(1).unwrap();
}

/// P-65: the interrupt key's signal does not end a process of a group of its own.
#[test]
fn interrupt_does_not_reach_a_group_of_its_own() {
    let (reader, _writer) = nix::unistd::pipe().unwrap();
    let process = shell("echo; read line; exit 4")
        .new_group(true)
        .stdin(reader);
    let (mut ready, writer) = pipe();
    let process = process.stdout(writer).spawn().unwrap();
    std::io::Read::read_exact(&mut ready, &mut [0]).unwrap();
    let id = nix::unistd::Pid::from_raw(process.id().try_into().unwrap());
    assert_eq!(nix::unistd::getpgid(Some(id)), Ok(id));
    nix::sys::signal::kill(id, nix::sys::signal::Signal::SIGINT).unwrap();
    let still = process.wait(Some(Duration::from_millis(30)));
    assert_eq!(still.unwrap_err().kind(), ErrorKind::TimedOut);
    process.terminate(0).unwrap();
    process.wait(LONG).unwrap();
}
