//! FIFOs, through [`Fifo`] and as files.

use std::sync::mpsc;
use std::time::Duration;

use tong::handle::Rights;
use tong::object::file::{FileOptions, FilePath, Share};
use tong::{ErrorKind, Fifo, Thread};

use super::{cancel, comes_to, goes_on, kind, read, read_in_thread, LONG};
use crate::support;

fn fresh() -> (tempfile::TempDir, Fifo) {
    let dir = tempfile::tempdir().unwrap();
    let fifo = Fifo::create(dir.path().join("fifo")).unwrap();
    (dir, fifo)
}

#[test]
fn fifo_is_made_once_for_its_user_and_removed() {
    use std::os::unix::fs::{FileTypeExt, PermissionsExt};
    let (dir, fifo) = fresh();
    let meta = std::fs::metadata(fifo.path()).unwrap();
    assert!(meta.file_type().is_fifo());
    assert_eq!(meta.permissions().mode() & 0o777, 0o600);
    assert_eq!(kind(Fifo::create(fifo.path())), ErrorKind::FileExists);
    let nowhere = dir.path().join("no/fifo");
    assert_eq!(kind(Fifo::create(nowhere)), ErrorKind::PathNotFound);
    fifo.remove().unwrap();
    assert_eq!(kind(fifo.remove()), ErrorKind::NotFound);
    assert_eq!(kind(fifo.reader()), ErrorKind::NotFound);
    assert_eq!(kind(fifo.writer(None)), ErrorKind::NotFound);
    std::fs::write(fifo.path(), "a file").unwrap();
    assert_eq!(kind(fifo.remove()), ErrorKind::InvalidParameter);
    assert_eq!(kind(fifo.reader()), ErrorKind::InvalidParameter);
    assert!(fifo.path().exists());
}

/// The reader opens at once and waits for its first writer when it reads; the end comes with the last writer.
#[test]
fn reader_waits_for_its_first_writer() {
    let (_dir, fifo) = fresh();
    let reader = fifo.reader().unwrap();
    assert_eq!(kind(reader.try_receive(&mut [0])), ErrorKind::PipeEmpty);
    assert_eq!(reader.peek(&mut []).unwrap().available, 0);
    let (told, _) = read_in_thread(&reader, 10);
    goes_on(&told);
    let writer = fifo.writer(None).unwrap();
    goes_on(&told);
    writer.send(b"abc").unwrap();
    assert_eq!(told.recv().unwrap().unwrap(), 3);
    drop(writer);
    assert_eq!(kind(reader.receive(&mut [0])), ErrorKind::BrokenPipe);
    fifo.writer(None).unwrap().send(b"again").unwrap();
    assert_eq!(read(&reader, 10), b"again");
    assert_eq!(kind(reader.receive(&mut [0])), ErrorKind::BrokenPipe);
}

/// A writer without a reader is told that the pipe is busy, waits for one as long as it wants, and can be called away.
#[test]
fn writer_waits_for_a_reader() {
    let (_dir, fifo) = fresh();
    for time in [0, 30] {
        let refused = fifo.writer(Some(Duration::from_millis(time)));
        assert_eq!(kind(refused), ErrorKind::PipeBusy);
    }
    support::namespace();
    let (tell, told) = mpsc::channel();
    let open = || {
        let (fifo, tell) = (fifo.clone(), tell.clone());
        let body = move || {
            let _ = tell.send(fifo.writer(None));
            0
        };
        Thread::spawn(body).unwrap()
    };
    let thread = open();
    goes_on(&told);
    cancel(&thread);
    assert_eq!(kind(told.recv().unwrap()), ErrorKind::Canceled);
    let _second = open();
    goes_on(&told);
    let reader = fifo.reader().unwrap();
    told.recv().unwrap().unwrap().send(b"here").unwrap();
    assert_eq!(read(&reader, 10), b"here");
}

/// A program that knows nothing of tong writes, and the reader is told when it has gone.
#[test]
fn shell_writes_to_a_fifo() {
    let (_dir, fifo) = fresh();
    let reader = fifo.reader().unwrap();
    let script = format!("echo one > '{0}'; cat '{0}'", fifo.path().display());
    let shell = std::process::Command::new("sh")
        .args(["-c", &script])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    assert_eq!(read(&reader, 10), b"one\n");
    drop(reader);
    let writer = fifo.writer(LONG).unwrap();
    writer.send(b"two\n").unwrap();
    writer.flush().unwrap();
    drop(writer);
    let output = shell.wait_with_output().unwrap();
    assert!(output.status.success());
    assert_eq!(output.stdout, b"two\n");
}

/// A FIFO that is opened as a file answers as a pipe: 231 without a reader, 109 at the end, 232 after the reader's.
#[test]
fn fifo_is_a_file_that_answers_as_a_pipe() {
    let (_dir, fifo) = fresh();
    let path = FilePath::native(fifo.path());
    let open = |rights| {
        let mut options = FileOptions::new();
        options.access(rights).share(Share::ALL);
        options.open(&path).map(|opened| opened.file)
    };
    assert_eq!(kind(open(Rights::GENERIC_WRITE)), ErrorKind::PipeBusy);
    let reader = open(Rights::GENERIC_READ).unwrap();
    let writer = open(Rights::GENERIC_WRITE).unwrap();
    writer.write(b"abc").unwrap();
    let seen = reader.peek(&mut [0; 2]).unwrap();
    assert_eq!((seen.bytes, seen.available), (2, 3));
    let mut buf = [0; 10];
    assert_eq!(reader.read(&mut buf).unwrap(), 3);
    drop(writer);
    assert_eq!(kind(reader.read(&mut buf)), ErrorKind::BrokenPipe);
    assert_eq!(kind(reader.peek(&mut buf)), ErrorKind::BrokenPipe);
    let writer = open(Rights::GENERIC_WRITE).unwrap();
    drop(reader);
    comes_to(ErrorKind::PipeClosing, || writer.write(b"abc"));
}

/// P22.25: a read of a FIFO that waits, also one that was opened as a file, can be canceled.
#[test]
fn waiting_for_a_fifo_can_be_canceled() {
    let (_dir, fifo) = fresh();
    let opened = FileOptions::new()
        .access(Rights::GENERIC_READ)
        .open(&FilePath::native(fifo.path()))
        .unwrap();
    support::namespace();
    let (tell, told) = mpsc::channel();
    let body = move || {
        let _ = tell.send(opened.file.read(&mut [0; 10]));
        0
    };
    let thread = Thread::spawn(body).unwrap();
    goes_on(&told);
    cancel(&thread);
    assert_eq!(kind(told.recv().unwrap()), ErrorKind::Canceled);
}
