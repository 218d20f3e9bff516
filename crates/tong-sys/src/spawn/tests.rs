use super::*;
use crate::pidfd::{self, Ending};
use std::os::fd::AsFd as _;

fn spawn<'a>(
    program: &'a CStr,
    arguments: &'a [CString],
    descriptors: &'a [(BorrowedFd<'a>, RawFd)],
) -> Spawn<'a> {
    Spawn {
        program,
        arguments,
        environment: &[],
        directory: None,
        descriptors,
        suspended: false,
        new_group: false,
        new_session: false,
        group: None,
    }
}

fn shell(script: &str) -> Vec<CString> {
    ["sh", "-c", script]
        .map(|it| CString::new(it).unwrap())
        .into()
}

fn wait(child: &Child) -> Ending {
    let mut fds = [rustix::event::PollFd::new(
        &child.process,
        rustix::event::PollFlags::IN,
    )];
    rustix::event::poll(&mut fds, None).unwrap();
    pidfd::reap(&child.process).unwrap()
}

fn read_all(from: &OwnedFd) -> String {
    let (mut text, mut chunk) = (Vec::new(), [0; 4096]);
    while let Ok(len @ 1..) = rustix::io::read(from, &mut chunk[..]) {
        text.extend_from_slice(&chunk[..len]);
    }
    String::from_utf8(text).unwrap()
}

fn pipe() -> (OwnedFd, OwnedFd) {
    rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).unwrap()
}

#[test]
fn child_gets_exactly_the_listed_descriptors() {
    let (from, to) = pipe();
    // Neither a descriptor that others left inheritable nor one of ours may slip through.
    let _stray = rustix::io::dup(&to).unwrap();
    let null = std::fs::File::open("/dev/null").unwrap();
    let descriptors = [(to.as_fd(), 1), (null.as_fd(), 0), (null.as_fd(), 7)];
    let arguments = shell("cd /proc/self/fd; for fd in *; do [ -e $fd ] && echo $fd; done");
    for suspended in [false, true] {
        let mut spawn = spawn(c"/bin/sh", &arguments, &descriptors);
        spawn.suspended = suspended;
        let child = spawn.start().unwrap();
        if suspended {
            assert!(pidfd::is_stopped(child.pid));
            pidfd::send_signal(&child.process, libc::SIGCONT).unwrap();
        }
        assert_eq!(wait(&child), Ending::Exited(0));
        let mut said = [0; 100];
        let len = rustix::io::read(&from, &mut said).unwrap();
        assert_eq!(String::from_utf8_lossy(&said[..len]), "0\n1\n7\n");
    }
}

#[test]
fn descriptors_that_change_places_arrive() {
    let (from, to) = pipe();
    let files: Vec<_> = (0..3)
        .map(|number| {
            let memory = rustix::fs::memfd_create("tong-spawn", rustix::fs::MemfdFlags::CLOEXEC);
            let memory = memory.unwrap();
            rustix::io::pwrite(&memory, number.to_string().as_bytes(), 0).unwrap();
            memory
        })
        .collect();
    let mut numbers: Vec<RawFd> = files.iter().map(|it| it.as_raw_fd()).collect();
    numbers.rotate_left(1);
    let mut descriptors = vec![(to.as_fd(), 1)];
    descriptors.extend(files.iter().map(|it| it.as_fd()).zip(numbers.clone()));
    let script: String = numbers
        .iter()
        .map(|number| format!("cat /proc/self/fd/{number};"))
        .collect();
    let mut arguments = shell(&script);
    arguments[0] = c"sh".into();
    let environment = [c"PATH=/bin:/usr/bin".to_owned()];
    let mut spawn = spawn(c"/bin/sh", &arguments, &descriptors);
    spawn.environment = &environment;
    let child = spawn.start().unwrap();
    assert_eq!(wait(&child), Ending::Exited(0));
    drop(to);
    assert_eq!(read_all(&from), "012");
}

#[test]
fn failures_say_what_failed() {
    let arguments = shell("exit 0");
    for suspended in [false, true] {
        let mut nowhere = spawn(c"/bin/sh", &arguments, &[]);
        nowhere.suspended = suspended;
        nowhere.directory = Some(c"/nonexistent");
        let Err(Failure::Directory(error)) = nowhere.start() else {
            panic!("it started");
        };
        assert_eq!(error.raw_os_error(), Some(libc::ENOENT));
    }
    for (program, errno) in [
        (c"/nonexistent", libc::ENOENT),
        (c"/proc", libc::EACCES),
        (c"/proc/self/status/x", libc::ENOTDIR),
    ] {
        let Err(Failure::Program(error)) = spawn(program, &arguments, &[]).start() else {
            panic!("{program:?} ran");
        };
        assert_eq!(error.raw_os_error(), Some(errno), "{program:?}");
    }
}

#[test]
fn suspended_child_runs_nothing_and_can_be_killed() {
    let (from, to) = pipe();
    let arguments = shell("echo ran");
    let descriptors = [(to.as_fd(), 1)];
    let mut spawn = spawn(c"/bin/sh", &arguments, &descriptors);
    spawn.suspended = true;
    let child = spawn.start().unwrap();
    assert!(pidfd::is_stopped(child.pid));
    let name = std::fs::read_to_string(format!("/proc/{}/comm", child.pid)).unwrap();
    assert_eq!(name, "sh\n");
    pidfd::send_signal(&child.process, libc::SIGKILL).unwrap();
    assert_eq!(wait(&child), Ending::Killed(libc::SIGKILL));
    drop(to);
    assert_eq!(read_all(&from), "");
}

#[test]
fn suspended_child_keeps_nothing_of_ours_open() {
    let (from, to) = pipe();
    let arguments = shell("exit 0");
    let mut spawn = spawn(c"/bin/sh", &arguments, &[]);
    spawn.suspended = true;
    let child = spawn.start().unwrap();
    drop(to);
    assert_eq!(
        read_all(&from),
        "",
        "the end of the pipe comes although the child lives"
    );
    pidfd::send_signal(&child.process, libc::SIGCONT).unwrap();
    assert_eq!(wait(&child), Ending::Exited(0));
}

/// The kernel lets the parent go on before it has closed what the program is not to have. Children that other tests fork
/// meanwhile have copies too, for a moment.
#[test]
fn child_holds_nothing_of_ours_when_it_was_started() {
    let arguments = shell("sleep 60");
    for _ in 0..50 {
        let (from, to) = pipe();
        let child = spawn(c"/bin/sh", &arguments, &[]).start().unwrap();
        drop(to);
        let mut fds = [rustix::event::PollFd::new(
            &from,
            rustix::event::PollFlags::IN,
        )];
        let long_before_its_end = rustix::event::Timespec {
            tv_sec: 20,
            tv_nsec: 0,
        };
        assert_eq!(
            rustix::event::poll(&mut fds, Some(&long_before_its_end)),
            Ok(1),
            "the end has come"
        );
        pidfd::send_signal(&child.process, libc::SIGKILL).unwrap();
        wait(&child);
    }
}

#[test]
fn directory_environment_and_group_are_the_childs() {
    let (from, to) = pipe();
    let descriptors = [(to.as_fd(), 1)];
    let arguments =
        shell("pwd; echo $A; ps -o pgid= -p $$ 2>/dev/null | tr -d ' '; kill -INT $$; echo alive");
    let environment = [c"A=b c".to_owned(), c"PATH=/bin:/usr/bin".to_owned()];
    let mut spawn = spawn(c"/bin/sh", &arguments, &descriptors);
    spawn.environment = &environment;
    spawn.directory = Some(c"/proc");
    spawn.new_group = true;
    let child = spawn.start().unwrap();
    assert_eq!(wait(&child), Ending::Exited(0));
    drop(to);
    let said = read_all(&from);
    assert!(said.starts_with("/proc\nb c\n"), "{said}");
    assert!(said.ends_with("alive\n"), "{said}");
}

#[test]
fn a_child_joins_the_group_of_another_or_is_not_started() {
    let (from, to) = pipe();
    let descriptors = [(to.as_fd(), 1)];
    let (long, short) = (
        shell("exec sleep 60"),
        shell("read stat </proc/$$/stat; echo $stat"),
    );
    let environment = [c"PATH=/bin:/usr/bin".to_owned()];
    let mut leader = spawn(c"/bin/sh", &long, &[]);
    leader.environment = &environment;
    leader.new_group = true;
    let leader = leader.start().unwrap();

    let mut member = spawn(c"/bin/sh", &short, &descriptors);
    member.group = Some(leader.pid);
    assert_eq!(wait(&member.start().unwrap()), Ending::Exited(0));
    for group in [0, u32::MAX, i32::MAX as u32] {
        member.group = Some(group);
        let refused = member.start().unwrap_err();
        assert!(matches!(refused, Failure::Group(_)), "{group}: {refused:?}");
    }
    drop(to);
    let said = read_all(&from);
    assert_eq!(
        said.split(' ').nth(4),
        Some(&*leader.pid.to_string()),
        "{said}"
    );
    pidfd::send_signal(&leader.process, pidfd::signals::SIGKILL).unwrap();
    wait(&leader);
}

#[test]
fn many_threads_start_programs_at_once() {
    let arguments = shell("exit 3");
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..20 {
                    let child = spawn(c"/bin/sh", &arguments, &[]).start().unwrap();
                    assert_eq!(wait(&child), Ending::Exited(3));
                }
            });
        }
    });
}
