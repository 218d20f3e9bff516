//! Anonymous pipes between processes: with programs that know nothing of tong, with such that do, and with killed ones.

use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tong::handle::{
    duplicate, DuplicateRights, Handle, Kind, Object, Party, Rights, Source, Table, Wish,
};
use tong::object::file::Standard;
use tong::pipe::anonymous;
use tong::{AnonymousReader, AnonymousWriter, ErrorKind, Inherit, Process, ProcessOptions, Stream};

use super::{comes_to, kind, read, WHILE};
use crate::support::{self, say};

const LONG: Option<Duration> = Some(Duration::from_secs(60));

/// A program with an input and an output of ours, as the parent of the well-known sample starts its child.
fn start(program: &str, args: &[&str]) -> (Process, AnonymousWriter, AnonymousReader) {
    support::namespace();
    let (their_input, input) = anonymous(0).unwrap();
    let (output, their_output) = anonymous(0).unwrap();
    let process = ProcessOptions::new(program)
        .args(args)
        .stdin(their_input.to_fd().unwrap())
        .stdout(their_output.to_fd().unwrap())
        .spawn()
        .unwrap();
    (process, input, output)
}

/// What a program answers to a whole input, and its exit code.
fn answer(program: &str, args: &[&str], text: &[u8]) -> (String, u32) {
    let (process, mut input, mut output) = start(program, args);
    let mut said = String::new();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            input.write_all(text).unwrap();
            drop(input);
        });
        output.read_to_string(&mut said).unwrap();
    });
    process.wait(LONG).unwrap();
    (said, process.exit_code().unwrap().unwrap())
}

/// A5, A8, A9: programs that know nothing of tong read and write the ends as their standard streams, and the parent is told
/// of the end when they have ended.
#[test]
fn programs_have_ends_as_their_standard_streams() {
    assert_eq!(answer("cat", &[], b"text\n"), ("text\n".to_owned(), 0));
    let (sorted, _) = answer("sort", &[], b"pear\napple\nfig\n");
    assert_eq!(sorted, "apple\nfig\npear\n");
    let much = vec![b'x'; 3_000_000];
    let (counted, _) = answer("wc", &["-c"], &much);
    assert_eq!(counted.trim(), "3000000");
    let (copied, _) = answer("cat", &[], &much);
    assert_eq!(copied.len(), much.len());
}

/// A9: the end comes when the last writer is gone, however many processes had it.
#[test]
fn end_comes_with_the_last_of_several_writers() {
    support::namespace();
    let (mut output, theirs) = anonymous(0).unwrap();
    let script = "echo first; (sleep 0.2; echo last) &";
    let shell = ProcessOptions::new("sh")
        .args(["-c", script])
        .stdout(theirs.to_fd().unwrap())
        .spawn()
        .unwrap();
    drop(theirs);
    shell.wait(LONG).unwrap();
    let mut said = String::new();
    output.read_to_string(&mut said).unwrap();
    assert_eq!(said, "first\nlast\n");
}

/// P1.6, P10.1, P10.15: a killed writer leaves all that it wrote, and then the end. A killed reader closes the pipe.
#[test]
fn killed_programs_close_their_ends() {
    let (process, _input, output) = start("sh", &["-c", "echo before; exec sleep 1000"]);
    assert_eq!(read(&output, 3), b"bef");
    process.terminate(9).unwrap();
    assert_eq!(read(&output, 100), b"ore\n");
    assert_eq!(kind(output.receive(&mut [0])), ErrorKind::BrokenPipe);

    let (process, input, _output) = start("sleep", &["1000"]);
    let (told, _thread) = super::write_in_thread(&input, 100_000);
    super::goes_on(&told);
    process.terminate(9).unwrap();
    assert_eq!(kind(told.recv().unwrap()), ErrorKind::BrokenPipe);
    comes_to(ErrorKind::PipeClosing, || input.try_send(b"x"));
}

/// A9, H-30: while sixteen threads make pipes and start programs, each child has its own ends and no other, so each output
/// ends when its program does.
#[test]
fn children_of_many_threads_have_their_own_ends_only() {
    const THREADS: usize = 16;
    const EACH: usize = 12;
    let table = Table::of_process();
    let done = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let done = &done;
            scope.spawn(move || {
                for round in 0..EACH {
                    // Inheritable handles that no child shall get, because it is not asked to.
                    let (reader, writer) = anonymous(0).unwrap();
                    let insert = |object| table.insert(object, Rights::SYNCHRONIZE, true).unwrap();
                    let handles = [
                        insert(Object::AnonymousReader(reader)),
                        insert(Object::AnonymousWriter(writer)),
                    ];
                    let word = format!("{thread} {round}");
                    let script =
                        format!("read x; echo \"$x\"; ls /proc/self/fd | wc -l; echo {word}");
                    let (said, code) = answer("sh", &["-c", &script], b"in\n");
                    // The list itself is open while it is made.
                    assert_eq!((said.as_str(), code), (&*format!("in\n4\n{word}\n"), 0));
                    handles
                        .into_iter()
                        .for_each(|handle| table.close(handle).unwrap());
                    done.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    assert_eq!(done.into_inner(), THREADS * EACH);
}

/// A child that copies its standard input to its standard output, both taken as they are.
pub(crate) fn role_copy_standard() {
    let (input, granted) = Object::standard(Standard::Input).unwrap();
    assert_eq!(granted, AnonymousReader::RIGHTS);
    let (output, _) = Object::standard(Standard::Output).unwrap();
    let (Object::AnonymousReader(input), Object::AnonymousWriter(output)) = (input, output) else {
        panic!("the standard streams are no pipes");
    };
    let mut buf = [0; 100];
    loop {
        let seen = match input.peek(&mut buf) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => break,
            seen => seen.unwrap(),
        };
        if seen.available == 0 {
            std::thread::sleep(Duration::from_millis(1));
            continue;
        }
        assert_eq!(input.receive(&mut buf).unwrap(), seen.bytes);
        output.send(&buf[..seen.bytes]).unwrap();
    }
}

/// Standard streams that are pipes, of whoever made them, are ends of anonymous pipes: looked into, read, and at their end.
#[test]
fn standard_streams_are_ends() {
    let mut child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "support::actor", "--nocapture"])
        .env("TONG_DIR", support::namespace())
        .env("TONG_TEST_ROLE", "copy_standard")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(b"copy me").unwrap();
    std::thread::sleep(WHILE);
    input.write_all(b", and me").unwrap();
    drop(input);
    let mut said = String::new();
    let output = child.stdout.as_mut().unwrap();
    output.read_to_string(&mut said).unwrap();
    assert!(said.ends_with("copy me, and me"), "{said}");
    assert!(child.wait().unwrap().success());
}

/// Does what its arguments say with ends of pipes that it has by their handles.
pub(crate) fn role_hold_pipe_end() {
    let mut line = String::new();
    say("ready");
    while std::io::stdin().read_line(&mut line).unwrap() > 0 {
        let words: Vec<&str> = line.trim_end().split(' ').collect();
        let handle = Handle::from_raw(words[1].parse().unwrap());
        say(&obey(words[0], handle).unwrap_or_else(|error| format!("{:?}", error.kind())));
        line.clear();
    }
}

fn obey(command: &str, handle: Handle) -> tong::Result<String> {
    let table = Table::of_process();
    if command == "close" {
        return table.close(handle).map(|()| "closed".to_owned());
    }
    let held = table.get(handle)?;
    let granted = held.granted().bits();
    Ok(match (command, held.object()) {
        ("show", Object::AnonymousReader(reader)) => {
            let (quota, nowait) = (reader.quota(), reader.is_nowait());
            format!("reader {quota} {nowait} {granted:#x}")
        }
        ("show", Object::AnonymousWriter(writer)) => {
            let (quota, nowait) = (writer.quota(), writer.is_nowait());
            format!("writer {quota} {nowait} {granted:#x}")
        }
        ("read", Object::AnonymousReader(reader)) => {
            let mut buf = [0; 100];
            let bytes = reader.receive(&mut buf)?;
            String::from_utf8_lossy(&buf[..bytes]).into_owned()
        }
        ("write", Object::AnonymousWriter(writer)) => writer.send(b"from the child")?.to_string(),
        (_, object) => panic!("{command} {object:?}"),
    })
}

/// A child of ours that gets these handles and does what it is told with them.
struct Holder {
    process: Process,
    input: AnonymousWriter,
    output: std::io::BufReader<AnonymousReader>,
}

impl Holder {
    fn start(inherit: Inherit) -> Holder {
        let (their_input, input) = anonymous(0).unwrap();
        let (output, their_output) = anonymous(0).unwrap();
        let process = ProcessOptions::new(std::env::current_exe().unwrap())
            .args(["--exact", "support::actor", "--nocapture"])
            .env("TONG_DIR", support::namespace())
            .env("TONG_TEST_ROLE", "hold_pipe_end")
            .stdin(Stream::from(their_input.to_fd().unwrap()))
            .stdout(their_output.to_fd().unwrap())
            .inherit(inherit)
            .spawn()
            .unwrap();
        let mut holder = Holder {
            process,
            input,
            output: std::io::BufReader::new(output),
        };
        assert_eq!(holder.said(), "ready");
        holder
    }

    fn said(&mut self) -> String {
        let mut line = String::new();
        loop {
            line.clear();
            let bytes = std::io::BufRead::read_line(&mut self.output, &mut line).unwrap();
            assert_ne!(bytes, 0, "the child has ended");
            if let Some((_, said)) = line.split_once("@@ ") {
                return said.trim_end().to_owned();
            }
        }
    }

    fn ask(&mut self, command: &str, handle: Handle) -> String {
        writeln!(self.input, "{command} {}", handle.raw()).unwrap();
        self.said()
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = self.process.terminate(0);
    }
}

fn insert(object: Object) -> Handle {
    support::namespace();
    let rights = match object.kind() {
        Kind::AnonymousReader => AnonymousReader::RIGHTS,
        _ => AnonymousWriter::RIGHTS,
    };
    Table::of_process().insert(object, rights, true).unwrap()
}

/// P25.1, P25.2, P25.3, P25.6, A6: an inherited end has the same value, rights, size and mode, and is the same end.
#[test]
fn inherited_end_is_the_same_end() {
    let (reader, writer) = anonymous(5_000).unwrap();
    writer.set_nowait(true).unwrap();
    let handle = insert(Object::AnonymousWriter(writer.clone()));
    let mut child = Holder::start(Inherit::Listed(vec![handle]));
    assert_eq!(child.ask("show", handle), "writer 5000 true 0x120196");
    Table::of_process().close(handle).unwrap();
    drop(writer);
    assert_eq!(child.ask("write", handle), "14");
    assert_eq!(read(&reader, 100), b"from the child");
    assert_eq!(child.ask("close", handle), "closed");
    assert_eq!(kind(reader.receive(&mut [0])), ErrorKind::BrokenPipe);
}

/// P25.4, P25.5: an end is given to another process, taken from it, and moved, with the rights asked for; a move is no close.
#[test]
fn ends_are_duplicated_across_processes() {
    let (reader, writer) = anonymous(0).unwrap();
    let table = Table::of_process();
    let handle = insert(Object::AnonymousReader(reader));
    let mut child = Holder::start(Inherit::None);
    let wish = |rights, close_source| Wish {
        rights,
        inherit: false,
        close_source,
    };
    let there = |child: &Holder, wish| {
        let party = Party::Process(&child.process);
        duplicate(Party::This, Source::Handle(handle), party, wish)
    };
    let only_read = DuplicateRights::Exactly(Rights::FILE_READ_DATA);
    let lesser = there(&child, wish(only_read, false)).unwrap();
    assert_eq!(child.ask("show", lesser), "reader 4096 false 0x1");
    let more = DuplicateRights::Exactly(Rights::GENERIC_WRITE);
    assert_eq!(
        kind(there(&child, wish(more, false))),
        ErrorKind::AccessDenied
    );
    assert_eq!(child.ask("close", lesser), "closed");
    let moved = there(&child, wish(DuplicateRights::Same, true)).unwrap();
    assert_eq!(kind(table.get(handle)), ErrorKind::InvalidHandle);
    writer.send(b"abc").unwrap();
    assert_eq!(child.ask("read", moved), "abc");
    let party = Party::Process(&child.process);
    let same = wish(DuplicateRights::Same, false);
    let back = duplicate(party, Source::Handle(moved), Party::This, same).unwrap();
    assert_eq!(child.ask("close", moved), "closed");
    writer.send(b"def").unwrap();
    let held = table.get(back).unwrap();
    assert_eq!(held.granted(), AnonymousReader::RIGHTS);
    match held.object() {
        Object::AnonymousReader(reader) => assert_eq!(read(reader, 10), b"def"),
        object => panic!("{object:?}"),
    }
    drop(held);
    table.close(back).unwrap();
    comes_to(ErrorKind::PipeClosing, || writer.send(b"x"));
}

/// P25.3: duplicates in one table lead to one end; the two ends are not the same object.
#[test]
fn handles_tell_ends_apart() {
    let (reader, writer) = anonymous(0).unwrap();
    let table = Table::of_process();
    let [one, other, far] = [
        insert(Object::AnonymousReader(reader.clone())),
        insert(Object::AnonymousReader(reader)),
        insert(Object::AnonymousWriter(writer)),
    ];
    assert!(table.same_object(one, other).unwrap());
    assert!(!table.same_object(one, far).unwrap());
    [one, other, far]
        .into_iter()
        .for_each(|handle| table.close(handle).unwrap());
}

/// The descriptors of pipes are closed when a program is started behind tong's back, too.
#[test]
fn descriptors_are_not_inherited_by_accident() {
    let (reader, writer) = anonymous(0).unwrap();
    use std::os::fd::AsFd;
    for fd in [reader.as_fd().as_raw_fd(), writer.as_fd().as_raw_fd()] {
        let exists = std::process::Command::new("sh")
            .args(["-c", &format!("test -e /proc/self/fd/{fd}")])
            .status()
            .unwrap();
        assert!(!exists.success(), "{fd}");
    }
}
