//! Files: dispositions, deletion, transfers, and things that are no regular files; share modes in a file of their own.

mod share;

pub(crate) use share::{role_hold_exclusively, role_hold_files, role_race_for_file};

use std::os::unix::fs::{symlink, PermissionsExt};
use std::path::Path;
use std::time::Duration;

use tong::handle::{Kind, Rights};
use tong::object::file::{
    Disposition, File, FileKind, FileOptions, FilePath, Opened, Origin, Outcome, Share,
};
use tong::{ErrorKind, Result};

/// The system's "text file busy".
const ETXTBSY: i32 = 26;
const READ_WRITE: Rights = Rights::GENERIC_READ.union(Rights::GENERIC_WRITE);

fn open(path: &Path, access: Rights, share: Share, disposition: Disposition) -> Result<Opened> {
    FileOptions::new()
        .access(access)
        .share(share)
        .disposition(disposition)
        .open(&FilePath::native(path))
}

fn open_existing(path: &Path, access: Rights, share: Share) -> Result<File> {
    open(path, access, share, Disposition::OpenExisting).map(|opened| opened.file)
}

fn kind<T: std::fmt::Debug>(result: Result<T>) -> ErrorKind {
    result.unwrap_err().kind()
}

fn sharing(bits: u8) -> Share {
    Share {
        read: bits & 1 != 0,
        write: bits & 2 != 0,
        delete: bits & 4 != 0,
    }
}

fn delete(path: &Path) -> Result<()> {
    File::delete(&FilePath::native(path))
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// H-115, H-117: each disposition, with access that reads, writes or does neither.
#[test]
fn dispositions_create_open_or_truncate() {
    use Disposition::{CreateAlways, CreateNew, OpenAlways, OpenExisting, TruncateExisting};
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    let absent = [
        (CreateNew, Ok(Outcome::Created)),
        (CreateAlways, Ok(Outcome::Created)),
        (OpenExisting, Err(ErrorKind::NotFound)),
        (OpenAlways, Ok(Outcome::Created)),
        (TruncateExisting, Err(ErrorKind::NotFound)),
    ];
    let present = [
        (CreateNew, Err(ErrorKind::FileExists), 4),
        (CreateAlways, Ok(Outcome::Truncated), 0),
        (OpenExisting, Ok(Outcome::Opened), 4),
        (OpenAlways, Ok(Outcome::Opened), 4),
        (TruncateExisting, Ok(Outcome::Truncated), 0),
    ];
    for access in [
        Rights::NONE,
        Rights::GENERIC_READ,
        Rights::GENERIC_WRITE,
        READ_WRITE,
        Rights::GENERIC_ALL,
    ] {
        let does = |disposition| {
            let truncating_needs = if disposition == TruncateExisting {
                Rights::GENERIC_WRITE
            } else {
                Rights::NONE
            };
            let opened = open(&path, access | truncating_needs, Share::ALL, disposition);
            opened
                .map(|opened| opened.outcome)
                .map_err(|error| error.kind())
        };
        for (disposition, expected) in absent {
            let _ = std::fs::remove_file(&path);
            assert_eq!(
                does(disposition),
                expected,
                "{disposition:?} {access:?}, absent"
            );
            assert_eq!(path.exists(), expected.is_ok());
        }
        for (disposition, expected, len) in present {
            std::fs::write(&path, "text").unwrap();
            assert_eq!(
                does(disposition),
                expected,
                "{disposition:?} {access:?}, present"
            );
            assert_eq!(
                std::fs::metadata(&path).unwrap().len(),
                len,
                "{disposition:?} {access:?}"
            );
        }
    }
}

/// H-116.
#[test]
fn truncate_existing_demands_generic_write_itself() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    std::fs::write(&path, "text").unwrap();
    for access in [
        Rights::NONE,
        Rights::GENERIC_READ,
        Rights::FILE_WRITE_DATA,
        Rights::GENERIC_ALL,
    ] {
        let result = open(&path, access, Share::ALL, Disposition::TruncateExisting);
        assert_eq!(kind(result), ErrorKind::InvalidParameter, "{access:?}");
    }
    assert_eq!(std::fs::read(&path).unwrap(), b"text");
}

/// H-118.
#[test]
fn missing_directory_is_told_from_missing_file() {
    let dir = tempfile::tempdir().unwrap();
    for disposition in [
        Disposition::OpenExisting,
        Disposition::CreateNew,
        Disposition::OpenAlways,
    ] {
        let below_nothing = dir.path().join("none/file");
        assert_eq!(
            kind(open(&below_nothing, READ_WRITE, Share::ALL, disposition)),
            ErrorKind::PathNotFound
        );
    }
    assert_eq!(
        kind(open_existing(
            &dir.path().join("file"),
            READ_WRITE,
            Share::ALL
        )),
        ErrorKind::NotFound
    );
    std::fs::write(dir.path().join("plain"), "").unwrap();
    let below_file = dir.path().join("plain/file");
    assert_eq!(
        kind(open_existing(&below_file, READ_WRITE, Share::ALL)),
        ErrorKind::PathNotFound
    );
}

/// H-119.
#[test]
fn directory_opens_only_for_those_who_allow_one() {
    let dir = tempfile::tempdir().unwrap();
    use Disposition::{CreateAlways, CreateNew, OpenAlways, OpenExisting, TruncateExisting};
    for disposition in [
        CreateNew,
        CreateAlways,
        OpenExisting,
        OpenAlways,
        TruncateExisting,
    ] {
        let result = open(dir.path(), READ_WRITE, Share::ALL, disposition);
        assert_eq!(kind(result), ErrorKind::AccessDenied, "{disposition:?}");
    }
    for access in [
        Rights::NONE,
        Rights::GENERIC_READ,
        READ_WRITE,
        Rights::DELETE,
    ] {
        let path = FilePath::native(dir.path());
        let opened = FileOptions::new()
            .access(access)
            .allow_directory(true)
            .open(&path)
            .unwrap();
        assert_eq!(opened.file.kind(), FileKind::Disk);
    }
}

#[test]
fn name_that_ends_with_a_separator_is_no_file() {
    let dir = tempfile::tempdir().unwrap();
    let text = format!("{}/file/", dir.path().display());
    let path = FilePath::parse(&text).unwrap();
    let create = || {
        FileOptions::new()
            .disposition(Disposition::OpenAlways)
            .open(&path)
    };
    assert_eq!(kind(create()), ErrorKind::InvalidName);
    std::fs::write(dir.path().join("file"), "").unwrap();
    assert_eq!(kind(create()), ErrorKind::InvalidName);
}

/// H-122: also for root, whom the system would let write.
#[test]
fn read_only_file_refuses_writers_but_not_its_creator() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    let mut options = FileOptions::new();
    options
        .access(READ_WRITE)
        .disposition(Disposition::CreateNew)
        .read_only(true);
    let opened = options.open(&FilePath::native(&path)).unwrap();
    opened.file.write(b"text").unwrap();
    drop(opened);
    let denied = |access, disposition| {
        assert_eq!(
            kind(open(&path, access, Share::ALL, disposition)),
            ErrorKind::AccessDenied
        );
    };
    for access in [
        Rights::GENERIC_WRITE,
        Rights::FILE_WRITE_DATA,
        Rights::FILE_APPEND_DATA,
    ] {
        denied(access, Disposition::OpenExisting);
    }
    denied(Rights::GENERIC_READ, Disposition::CreateAlways);
    denied(Rights::GENERIC_WRITE, Disposition::TruncateExisting);
    assert_eq!(kind(delete(&path)), ErrorKind::AccessDenied);
    open_existing(&path, Rights::GENERIC_READ, Share::ALL).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"text");
}

/// H-20 for files, H-22.
#[test]
fn rights_that_files_do_not_have_are_denied_and_the_most_is_granted() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    std::fs::write(&path, "text").unwrap();
    let unknown = Rights::from_bits(0x200);
    assert_eq!(
        kind(open_existing(&path, unknown, Share::ALL)),
        ErrorKind::AccessDenied
    );
    let most = |path| {
        open(
            path,
            Rights::MAXIMUM_ALLOWED,
            Share::ALL,
            Disposition::OpenExisting,
        )
        .unwrap()
        .granted
    };
    assert!(most(&path).contains(Kind::File.generic().read | Kind::File.generic().write));
    set_mode(&path, 0o444);
    assert!(!most(&path).intersects(Rights::FILE_WRITE_DATA));
}

/// H-124, H-128: as another user would, if this test runs as root.
#[test]
fn open_without_rights_answers_questions_only() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    std::fs::write(&path, "text").unwrap();
    let _held = open_existing(&path, Rights::GENERIC_ALL, Share::NONE).unwrap();
    set_mode(&path, 0o000);
    let file = open_existing(&path, Rights::NONE, Share::NONE).unwrap();
    assert_eq!(file.len().unwrap(), 4);
    assert_eq!(kind(file.read(&mut [0; 4])), ErrorKind::AccessDenied);
}

/// H-136.
#[test]
fn deleting_needs_a_file_that_all_share_for_deletion() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    assert_eq!(kind(delete(&path)), ErrorKind::NotFound);
    assert_eq!(
        kind(delete(&dir.path().join("none/file"))),
        ErrorKind::PathNotFound
    );
    assert_eq!(kind(delete(dir.path())), ErrorKind::AccessDenied);
    std::fs::write(&path, "text").unwrap();
    let held = open_existing(&path, Rights::GENERIC_READ, sharing(3)).unwrap();
    assert_eq!(kind(delete(&path)), ErrorKind::SharingViolation);
    drop(held);
    delete(&path).unwrap();
    assert!(!path.exists());
}

/// H-137.
#[test]
fn deleted_file_keeps_working_without_a_name() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    std::fs::write(&path, "text").unwrap();
    let held = open_existing(&path, READ_WRITE, Share::ALL).unwrap();
    delete(&path).unwrap();
    assert_eq!(
        kind(open_existing(&path, Rights::NONE, Share::ALL)),
        ErrorKind::NotFound
    );
    held.write_at(b"T", 0).unwrap();
    let mut text = [0; 4];
    held.read_at(&mut text, 0).unwrap();
    assert_eq!(&text, b"Text");
    assert_eq!(kind(delete(&path)), ErrorKind::NotFound);
    open(&path, READ_WRITE, Share::NONE, Disposition::CreateNew).unwrap();
}

/// H-138.
#[test]
fn file_deleted_on_close_goes_with_its_open() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    let doomed = |disposition, share| {
        let mut options = FileOptions::new();
        options
            .access(READ_WRITE)
            .share(share)
            .disposition(disposition)
            .delete_on_close(true);
        options.open(&FilePath::native(&path))
    };
    let first = doomed(Disposition::CreateNew, Share::ALL).unwrap();
    assert!(first.granted.contains(Rights::DELETE));
    let not_sharing = open_existing(&path, Rights::GENERIC_READ, sharing(3));
    assert_eq!(kind(not_sharing), ErrorKind::SharingViolation);
    assert!(path.exists());
    drop(first);
    assert!(!path.exists());

    std::fs::write(&path, "text").unwrap();
    let held = open_existing(&path, Rights::GENERIC_READ, sharing(3)).unwrap();
    assert_eq!(
        kind(doomed(Disposition::OpenExisting, Share::ALL)),
        ErrorKind::SharingViolation
    );
    drop(held);

    let moved = dir.path().join("moved");
    let last = doomed(Disposition::OpenExisting, Share::ALL).unwrap();
    std::fs::rename(&path, &moved).unwrap();
    std::fs::write(&path, "another").unwrap();
    drop(last);
    assert!(
        path.exists(),
        "a file that took the name since is left alone"
    );
}

/// H-140, H-142.
#[test]
fn pointer_belongs_to_the_open() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    let one = open(&path, READ_WRITE, Share::ALL, Disposition::CreateNew)
        .unwrap()
        .file;
    let other = open_existing(&path, READ_WRITE, Share::ALL).unwrap();
    one.write(b"abcdef").unwrap();
    let mut buf = [0; 4];
    assert_eq!(other.read(&mut buf).unwrap(), 4);
    assert_eq!(&buf, b"abcd");
    assert_eq!(other.read(&mut buf).unwrap(), 2);
    assert_eq!(other.read(&mut buf).unwrap(), 0, "the end of the file");
    assert_eq!(one.read(&mut buf).unwrap(), 0);
    assert_eq!(one.read_at(&mut buf, 1).unwrap(), 4);
    assert_eq!(
        one.seek(Origin::Current, 0).unwrap(),
        5,
        "a transfer at an offset moves the pointer"
    );
    assert_eq!(one.read_at(&mut buf, 6).unwrap(), 0);
}

/// H-143.
#[test]
fn append_goes_to_the_end_wherever_the_pointer_is() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    std::fs::write(&path, "one").unwrap();
    let file = open_existing(&path, Rights::FILE_APPEND_DATA, Share::ALL).unwrap();
    file.append(b"two").unwrap();
    file.seek(Origin::Start, 0).unwrap();
    file.append(b"three").unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"onetwothree");
    assert_eq!(file.seek(Origin::Current, 0).unwrap(), 11);
}

/// H-144.
#[test]
fn pointer_may_pass_the_end_but_not_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    let file = open(&path, READ_WRITE, Share::ALL, Disposition::CreateNew)
        .unwrap()
        .file;
    file.write(b"abc").unwrap();
    for (origin, distance) in [
        (Origin::Start, -1),
        (Origin::Current, -4),
        (Origin::End, -4),
    ] {
        assert_eq!(
            kind(file.seek(origin, distance)),
            ErrorKind::NegativeSeek,
            "{origin:?}"
        );
    }
    assert_eq!(
        file.seek(Origin::Current, 0).unwrap(),
        3,
        "a refused move moves nothing"
    );
    assert_eq!(file.seek(Origin::End, 5).unwrap(), 8);
    assert_eq!(file.len().unwrap(), 3);
    file.write(b"x").unwrap();
    assert_eq!(file.len().unwrap(), 9);
    file.seek(Origin::Start, 2).unwrap();
    file.end_here().unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"ab");
    file.seek(Origin::Start, 1 << 33).unwrap();
    file.end_here().unwrap();
    assert_eq!(file.len().unwrap(), 1 << 33);
}

#[test]
fn large_transfers_are_whole() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    let file = open(&path, READ_WRITE, Share::ALL, Disposition::CreateNew)
        .unwrap()
        .file;
    let data: Vec<u8> = (0..40_000_000_u32).map(|i| i.to_le_bytes()[1]).collect();
    file.write(&data).unwrap();
    let mut back = vec![0; data.len() + 10];
    file.seek(Origin::Start, 0).unwrap();
    assert_eq!(file.read(&mut back).unwrap(), data.len());
    assert_eq!(back[..data.len()], data);
}

#[test]
fn devices_and_directories_answer_as_what_they_are() {
    let dir = tempfile::tempdir().unwrap();
    let null = FileOptions::new()
        .access(READ_WRITE)
        .open(&FilePath::parse("NUL").unwrap())
        .unwrap()
        .file;
    assert_eq!(null.kind(), FileKind::Character);
    null.write(b"gone").unwrap();
    assert_eq!(null.read(&mut [0; 4]).unwrap(), 0);
    assert_eq!(kind(null.len()), ErrorKind::InvalidFunction);
    null.flush().unwrap();
    let mut options = FileOptions::new();
    options.access(Rights::GENERIC_READ).allow_directory(true);
    let directory = options.open(&FilePath::native(dir.path())).unwrap().file;
    assert_eq!(
        kind(directory.read(&mut [0; 4])),
        ErrorKind::InvalidFunction
    );
    assert_eq!(kind(directory.end_here()), ErrorKind::InvalidFunction);
    let socket = dir.path().join("socket");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    assert_eq!(
        kind(open_existing(&socket, READ_WRITE, Share::ALL)),
        ErrorKind::Io
    );
}

#[test]
fn fifo_opens_without_waiting_and_then_waits_for_data() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("fifo");
    let made = std::process::Command::new("mkfifo")
        .arg(&path)
        .status()
        .unwrap();
    assert!(made.success());
    assert_eq!(
        kind(open_existing(&path, Rights::GENERIC_WRITE, Share::ALL)),
        ErrorKind::PipeBusy,
        "nobody reads"
    );
    let reader = open_existing(&path, Rights::GENERIC_READ, Share::ALL).unwrap();
    assert_eq!(reader.kind(), FileKind::Pipe);
    let writer = open_existing(&path, Rights::GENERIC_WRITE, Share::ALL).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(50));
            writer.write(b"late").unwrap();
        });
        let mut buf = [0; 100];
        assert_eq!(
            reader.read(&mut buf).unwrap(),
            4,
            "a read takes what is there"
        );
    });
    assert_eq!(
        kind(reader.seek(Origin::Start, 0)),
        ErrorKind::InvalidFunction
    );
    drop(reader);
    assert_eq!(kind(writer.write(b"nobody")), ErrorKind::PipeClosing);
}

#[test]
fn links_lead_to_files_and_a_broken_one_to_none() {
    let dir = tempfile::tempdir().unwrap();
    let (file, link) = (dir.path().join("file"), dir.path().join("link"));
    symlink(&file, &link).unwrap();
    let open_link = |disposition| open(&link, READ_WRITE, Share::NONE, disposition);
    assert_eq!(
        kind(open_link(Disposition::OpenExisting)),
        ErrorKind::NotFound
    );
    assert_eq!(
        kind(open_link(Disposition::OpenAlways)),
        ErrorKind::NotFound
    );
    assert_eq!(
        kind(open_link(Disposition::CreateNew)),
        ErrorKind::FileExists
    );
    std::fs::write(&file, "text").unwrap();
    let held = open_link(Disposition::OpenExisting).unwrap();
    assert_eq!(
        kind(open_existing(&file, READ_WRITE, Share::ALL)),
        ErrorKind::SharingViolation
    );
    drop(held);
    delete(&link).unwrap();
    assert!(file.exists());
}

/// H-135, as far as Linux knows it: a running program is not written.
#[test]
fn running_program_is_not_opened_for_writing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("program");
    std::fs::copy("/bin/sleep", &path).unwrap();
    let mut child = loop {
        match std::process::Command::new(&path).arg("60").spawn() {
            // A child that another test started meanwhile may hold the copy open for a moment more.
            Err(error) if error.raw_os_error() == Some(ETXTBSY) => std::thread::yield_now(),
            child => break child.unwrap(),
        }
    };
    let result = open_existing(&path, Rights::FILE_WRITE_DATA, Share::ALL);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(kind(result), ErrorKind::SharingViolation);
}

#[test]
fn new_file_has_the_permissions_that_the_umask_leaves() {
    let dir = tempfile::tempdir().unwrap();
    let (ours, theirs) = (dir.path().join("ours"), dir.path().join("theirs"));
    open(&ours, READ_WRITE, Share::NONE, Disposition::CreateNew).unwrap();
    std::fs::write(&theirs, "").unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode(&ours), mode(&theirs));
}

/// Components longer than Linux allows, and whole paths.
#[test]
fn names_that_the_system_cannot_hold_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let korean = dir.path().join("통".repeat(100));
    assert_eq!(
        kind(open_existing(&korean, READ_WRITE, Share::ALL)),
        ErrorKind::InvalidName
    );
    let deep = dir.path().join("d/".repeat(3_000));
    assert_eq!(
        kind(open_existing(&deep, READ_WRITE, Share::ALL)),
        ErrorKind::NameTooLong
    );
}
