//! What a child is given: program, command line, environment, directory, streams, settings, descriptors.

use std::ffi::CString;
use std::io::Write;

use tong::handle::{Handle, Kind, Object, Table};
use tong::process::command_line;
use tong::{ErrorKind, Event, Inherit, Process, ProcessOptions, Reset, Stream};

use super::{actor, code_of, output_of, said_by, shell, with_role, LONG};
use crate::support::{args, say, Actor};

/// Says what it was started with.
pub(crate) fn role_show_start() {
    let line = tong::process::command_line_of_process();
    let startup = tong::process::startup_of_process();
    match &args()[0][..] {
        "line" => {
            say(&String::from_utf8_lossy(&line));
            for argument in std::env::args() {
                say(&argument);
            }
        }
        "startup" => say(&format!("{startup:?}")),
        "standard" => say(&format!("{:?}", tong::process::standard_handles())),
        "environment" => {
            for (name, value) in std::env::vars() {
                say(&format!("{name}={value}"));
            }
        }
        "descriptors" => {
            let listed: Vec<_> = std::fs::read_dir("/proc/self/fd").unwrap().collect();
            // The descriptor of the directory is closed by now.
            let mut numbers: Vec<i32> = listed
                .into_iter()
                .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
                .filter(|number| std::fs::metadata(format!("/proc/self/fd/{number}")).is_ok())
                .collect();
            numbers.sort_unstable();
            say(&format!("{numbers:?}"));
        }
        other => panic!("{other}"),
    }
}

/// Starts many processes in many threads, in ways that its argument says.
pub(crate) fn role_start_many() {
    match &args()[0][..] {
        "count" => super::open::count_descriptors(),
        "threads" => start_in_threads(),
        other => panic!("{other}"),
    }
}

fn quoted_exe() -> String {
    format!("\"{}\"", std::env::current_exe().unwrap().display())
}

/// P-4, P-17, P-19 to P-23: the child has the line to the last blank, and the list that the standard rules make of it.
#[test]
fn command_line_arrives_character_for_character() {
    let exe = std::env::current_exe().unwrap();
    let line =
        "dummy  --exact support::actor\t--nocapture --test-threads=1 \"a b\"c \\\"x\\\\ 통  ";
    let options = ProcessOptions::windows(exe.to_str(), Some(line));
    let said = said_by(with_role(options, "show_start", &["line"]));
    assert_eq!(said[0], line);
    assert_eq!(
        said[1..],
        [
            "dummy",
            "--exact",
            "support::actor",
            "--nocapture",
            "--test-threads=1",
            "a bc",
            "\"x\\\\",
            "통"
        ]
    );
}

/// P-3, P-5, P-11: the program's name as it was written.
#[test]
fn program_is_found_in_the_command_line() {
    let tail = "--exact support::actor --nocapture";
    let line = format!("{} {tail}", quoted_exe());
    let options = ProcessOptions::windows(None, Some(&line));
    let said = said_by(with_role(options, "show_start", &["line"]));
    assert_eq!(said[0], line);
    let exe = std::env::current_exe().unwrap();
    let windows = exe.to_str().unwrap().replace('/', "\\");
    let options = ProcessOptions::windows(None, Some(&format!("{windows} {tail}")));
    let said = said_by(with_role(options, "show_start", &["line"]));
    assert_eq!(said[1], windows);
}

/// P-28, P-29: a list of arguments arrives as it is, and as a line that means the same.
#[test]
fn arguments_arrive_as_they_are() {
    let odd = [
        "a b",
        "",
        "\"",
        "\\",
        "c:\\my dir\\",
        "tab\there",
        "$HOME",
        "통",
    ];
    let options = actor("show_start", &["line"]).args(["--"]).args(odd);
    let said = said_by(options);
    let split = command_line::split(said[0].as_bytes(), command_line::Dialect::Current);
    let split: Vec<_> = split.iter().map(|it| String::from_utf8_lossy(it)).collect();
    assert_eq!(split, said[1..]);
    assert_eq!(said[said.len() - odd.len()..], odd);
}

/// P-39: the settings arrive, whatever the flags say; those of a process without a creator are empty.
#[test]
fn settings_arrive() {
    let mut startup = tong::process::Startup::default();
    startup.position = [1, 2];
    startup.size = [3, u32::MAX];
    startup.characters = [5, 6];
    startup.fill = 7;
    startup.flags = 0x40;
    startup.show = 9;
    startup.creation_flags = 10;
    startup.desktop = Some("desk".into());
    startup.title = Some(String::new());
    startup.standard = Some([4, 0, 0xFFFF_FFFC]);
    let expected = format!("{startup:?}");
    let said = said_by(actor("show_start", &["startup"]).startup(startup));
    assert_eq!(said, [expected]);
    let said = said_by(actor("show_start", &["standard"]));
    assert_eq!(said, ["None"]);
}

/// P-30, P-31, P-127: a copy with changes, or exactly what is given, in its order.
#[test]
fn environment_is_a_copy_or_exactly_what_is_given() {
    let said = said_by(
        actor("show_start", &["environment"])
            .env("tong_test", "a=b")
            .env_remove("HOME"),
    );
    assert!(said.contains(&"tong_test=a=b".to_owned()));
    assert!(said.iter().any(|entry| entry.starts_with("PATH=")));
    assert!(!said.iter().any(|entry| entry.starts_with("HOME=")));
    assert!(
        !said.iter().any(|entry| entry.starts_with("TONG_START")),
        "{said:?}"
    );
    let entries = ["z=1", "b=2", "=C:=/tmp", "a="].map(|entry| CString::new(entry).unwrap());
    let options = ProcessOptions::new("/usr/bin/env").environment(entries.to_vec());
    assert_eq!(output_of(options), "z=1\nb=2\n=C:=/tmp\na=\n");
}

/// P-36, P-37, P-9: the child's directory is its own; names of programs are seen from the caller's.
#[test]
fn directory_is_the_childs() {
    assert_eq!(
        output_of(shell("pwd").directory("/proc/sys")),
        "/proc/sys\n"
    );
    let relative = output_of(shell("pwd").directory("."));
    let here = std::env::current_dir().unwrap();
    assert_eq!(relative.trim_end(), here.to_str().unwrap());
    for suspended in [false, true] {
        for nowhere in ["/nonexistent", "/etc/passwd"] {
            let failed = shell("exit 0")
                .directory(nowhere)
                .suspended(suspended)
                .spawn();
            assert_eq!(failed.unwrap_err().kind(), ErrorKind::NotADirectory);
        }
    }
    let exe = std::env::current_exe().unwrap();
    let to_root = "../".repeat(here.components().count());
    let relative = format!("{to_root}{}", exe.display());
    let options = ProcessOptions::windows(
        Some(&relative),
        Some("x --exact support::actor --nocapture"),
    );
    let options = with_role(options, "show_start", &["line"]).directory("/proc");
    assert_eq!(said_by(options)[1], "x");
}

/// P-12.
#[test]
fn what_cannot_be_started_says_why() {
    let kind = |application: Option<&str>, line: Option<&str>| {
        ProcessOptions::windows(application, line)
            .spawn()
            .unwrap_err()
            .kind()
    };
    assert_eq!(kind(None, None), ErrorKind::InvalidParameter);
    assert_eq!(kind(Some("/etc/passwd"), None), ErrorKind::NotAProgram);
    assert_eq!(kind(Some("/etc"), None), ErrorKind::AccessDenied);
    assert_eq!(
        kind(None, Some("/nonexistent/x y")),
        ErrorKind::PathNotFound
    );
    assert_eq!(kind(None, Some("/nonexistent y")), ErrorKind::NotFound);
    let native = ProcessOptions::new("no-such-program").spawn().unwrap_err();
    assert_eq!(native.kind(), ErrorKind::NotFound);
    assert!(native.to_string().contains("no-such-program"), "{native}");
    let zero = shell("a\0b").spawn().unwrap_err();
    assert_eq!(zero.kind(), ErrorKind::InvalidParameter);
}

#[test]
fn streams_are_those_that_were_given() {
    let mut input = tempfile::tempfile().unwrap();
    input.write_all(b"from a file").unwrap();
    std::io::Seek::rewind(&mut input).unwrap();
    assert_eq!(
        output_of(ProcessOptions::new("cat").stdin(input)),
        "from a file"
    );
    assert_eq!(
        output_of(ProcessOptions::new("cat").stdin(Stream::Null)),
        ""
    );
    let mut both = tempfile::tempfile().unwrap();
    let errors = both.try_clone().unwrap();
    let child = shell("echo out; echo err >&2")
        .stdout(both.try_clone().unwrap())
        .stderr(errors);
    assert_eq!(code_of(&child.spawn().unwrap()), 0);
    assert_eq!(super::read(&mut both), "out\nerr\n");
}

/// A child has its streams, a program of ours its page and its inbox beside them, and nothing else, whatever is open here.
#[test]
fn child_has_no_descriptor_more() {
    let _stray = nix::unistd::pipe().unwrap();
    let list = "cd /proc/self/fd; for fd in *; do if [ -e $fd ]; then echo $fd; fi; done";
    assert_eq!(output_of(shell(list)), "0\n1\n2\n");
    let said = said_by(actor("show_start", &["descriptors"]));
    assert!(
        said == ["[0, 1, 2, 3]"] || said == ["[0, 1, 2, 3, 4]"],
        "{said:?}"
    );
}

/// The same while 16 threads start processes at once, and others open and close what a child could get.
#[test]
fn descriptors_stay_apart_when_many_threads_start_processes() {
    assert_eq!(said_by(actor("start_many", &["threads"])), ["done"]);
}

fn start_in_threads() {
    let starters: Vec<_> = (0..16)
        .map(|_| {
            std::thread::spawn(|| {
                for _ in 0..4 {
                    let list =
                        "cd /proc/self/fd; for fd in *; do if [ -e $fd ]; then echo $fd; fi; done";
                    assert_eq!(output_of(shell(list)), "0\n1\n2\n");
                }
            })
        })
        .collect();
    while !starters.iter().all(|starter| starter.is_finished()) {
        drop(nix::unistd::pipe().unwrap());
        drop(std::fs::File::open("/dev/null"));
    }
    for starter in starters {
        starter.join().unwrap();
    }
    say("done");
}

/// P-56, P-98: the creator that is told is the one that is reported.
#[test]
fn creator_is_the_caller_unless_it_says_another() {
    let child = actor("pause", &[]).spawn().unwrap();
    assert_eq!(child.creator_id(), Some(std::process::id()));
    let other = actor("pause", &[]).creator(&child).spawn().unwrap();
    assert_eq!(other.creator_id(), Some(child.id()));
    let opened = Process::open(other.id()).unwrap();
    assert_eq!(opened.creator_id(), Some(child.id()));
    for process in [child, other] {
        process.terminate(0).unwrap();
    }
}

/// P-56: the handles come from the table of the process that is named as the creator, with the values that they have there.
#[test]
fn handles_are_inherited_from_the_named_creator() {
    let mut creator = Actor::start("have_handles", &[]);
    let line = creator.line();
    let [event, private] = line
        .split_once(' ')
        .map(|(one, other)| [one, other])
        .unwrap();
    let holder = Process::open(creator.pid().try_into().unwrap()).unwrap();
    let handle = Handle::from_raw(event.parse().unwrap());
    for inherit in [Inherit::All, Inherit::Listed(vec![handle])] {
        let child = actor("use_handles", &[event, private]).creator(&holder);
        let said = said_by(child.inherit(inherit));
        assert_eq!(said, ["set true, private false"]);
        creator.expect("signaled");
    }
    let unknown = Inherit::Listed(vec![Handle::from_raw(private.parse().unwrap())]);
    let refused = shell("exit 0").creator(&holder).inherit(unknown).spawn();
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::InvalidParameter);
    creator.finish();
}

/// Says the values of an inheritable handle of an event and of another one, and waits for the first to be set, twice.
pub(crate) fn role_have_handles() {
    let table = Table::of_process();
    let make = |inherit| {
        let event = Event::new(Reset::Auto, false).unwrap();
        let object = Object::Event(event.clone());
        let handle = table
            .insert(object, Kind::Event.generic().all, inherit)
            .unwrap();
        (event, handle.raw())
    };
    let ((event, inheritable), (_private, private)) = (make(true), make(false));
    say(&format!("{inheritable} {private}"));
    for _ in 0..2 {
        event.wait(LONG).unwrap();
        say("signaled");
    }
}

/// Sets the event of the first handle, and says which of the two there are.
pub(crate) fn role_use_handles() {
    let args = args();
    let get = |index: usize| {
        let handle = Handle::from_raw(args[index].parse().unwrap());
        Table::of_process().get(handle)
    };
    let set = match get(0).unwrap().object() {
        Object::Event(event) => event.set().is_ok(),
        _ => false,
    };
    say(&format!("set {set}, private {}", get(1).is_ok()));
}
