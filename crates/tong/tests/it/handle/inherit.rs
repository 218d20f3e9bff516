//! Inheritance: what a child finds in its table.

use std::io::Read;
use std::os::fd::AsFd;

use tong::handle::{Handle, Kind, Object, Rights, Table};
use tong::object::file::{Disposition, FileOptions, FilePath};
use tong::{
    Acquired, Error, ErrorKind, Event, Inherit, MailslotClient, MailslotServer, Mutex, Process,
    Reset, Semaphore,
};

use super::minion::{all_of, name, protect, text, Minion};
use crate::support;

fn insert(object: Object, inherit: bool) -> Handle {
    support::namespace();
    let all = all_of(object.kind());
    Table::of_process().insert(object, all, inherit).unwrap()
}

fn event(inherit: bool) -> (Event, Handle) {
    support::namespace();
    let event = Event::new(Reset::Manual, false).unwrap();
    (event.clone(), insert(Object::Event(event), inherit))
}

fn file(path: &std::path::Path, inherit: bool) -> Handle {
    let opened = FileOptions::new()
        .access(Rights::GENERIC_READ | Rights::GENERIC_WRITE)
        .disposition(Disposition::OpenAlways)
        .open(&FilePath::native(path))
        .unwrap();
    Table::of_process()
        .insert(Object::File(opened.file), opened.granted, inherit)
        .unwrap()
}

fn close(handles: &[Handle]) {
    for handle in handles {
        Table::of_process().close(*handle).unwrap();
    }
}

/// H-37, H-38, H-40, P-50: an unnamed event has the same value, rights and flags in the child, and is the same event.
#[test]
fn inherited_event_is_the_same_event_under_the_same_value() {
    let (event, handle) = event(true);
    let table = Table::of_process();
    table.set_flags(handle, protect(true)).unwrap();
    let mut child = Minion::start(Inherit::Listed(vec![handle]));
    let value = text(handle);
    assert_eq!(child.must(&format!("kind {value}")), "event");
    assert_eq!(child.must(&format!("flags {value}")), "true true");
    assert_eq!(child.must(&format!("granted {value}")), "0x1f0003");
    child.must(&format!("set {value}"));
    assert!(event.is_signaled());
    event.reset().unwrap();
    assert_eq!(child.must(&format!("peek {value}")), "false");
    table.set_flags(handle, protect(false)).unwrap();
    close(&[handle]);
}

/// H-30, P-49, P-50, P-53: nothing, all that are inheritable, or only what is listed.
#[test]
fn child_gets_what_was_asked_for_and_no_more() {
    let ((_one, first), (_two, second)) = (event(true), event(true));
    let (_three, private) = event(false);
    let has = |child: &mut Minion, handle| child.ask(&format!("flags {}", text(handle))).is_ok();

    let mut none = Minion::start(Inherit::None);
    assert_eq!(none.must("rows"), "none");
    let mut all = Minion::start(Inherit::All);
    assert!(has(&mut all, first) && has(&mut all, second) && !has(&mut all, private));
    let mut listed = Minion::start(Inherit::Listed(vec![second]));
    assert_eq!(listed.must("rows"), text(second));
    close(&[first, second, private]);
}

/// P-54: a listed handle must be open and inheritable, and stays as it is.
#[test]
fn list_with_a_handle_that_is_not_inheritable_is_refused() {
    let (_event, private) = event(false);
    let stale = Handle::from_raw(private.raw() + (1 << 26));
    for handle in [private, stale, Handle::from_raw(0)] {
        let refused: Error = Minion::try_start(Inherit::Listed(vec![handle]), |options| options)
            .err()
            .unwrap();
        assert_eq!(refused.kind(), ErrorKind::InvalidParameter, "{handle:?}");
    }
    assert!(!Table::of_process().flags(private).unwrap().inherit);
    close(&[private]);
}

/// H-38: the child's own children inherit it again.
#[test]
fn grandchild_inherits_from_the_child() {
    let (event, handle) = event(true);
    let mut child = Minion::start(Inherit::Listed(vec![handle]));
    close(&[handle]);
    child.must(&format!("relay set {}", text(handle)));
    assert!(event.is_signaled());
}

/// H-39, H-43, H-49: what the parent closes or makes later does not matter to the child.
#[test]
fn inherited_handles_live_on_when_the_parent_closes_its_own() {
    support::namespace();
    let label = format!("inherited-{}", std::process::id());
    let (named, _) = Event::create(&name(&label), Reset::Manual, false).unwrap();
    let handle = insert(Object::Event(named), true);
    let (unnamed, other) = event(true);
    drop(unnamed);
    let mut child = Minion::start(Inherit::Listed(vec![handle, other]));
    close(&[handle, other]);
    // The cell of the unnamed event is not given to a new one while the child has it.
    let crowd: Vec<Event> = (0..100)
        .map(|_| Event::new(Reset::Manual, true).unwrap())
        .collect();
    assert_eq!(child.must(&format!("peek {}", text(other))), "false");
    child.must(&format!("set {}", text(handle)));
    let again = Event::open(&name(&label)).unwrap();
    assert!(again.is_signaled());
    drop((again, crowd));
    child.must(&format!("close {}", text(handle)));
    assert_eq!(
        Event::open(&name(&label)).unwrap_err().kind(),
        ErrorKind::NotFound
    );
}

/// H-40, H-131, H-142: the file pointer is common, and the share mode holds until the last of them closes.
#[test]
fn inherited_file_is_the_same_open() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    let handle = file(&path, true);
    let mut child = Minion::start(Inherit::Listed(vec![handle]));
    child.must(&format!("write {} abc", text(handle)));
    let found = Table::of_process().get(handle).unwrap();
    let Object::File(ours) = found.object() else {
        panic!("it is a file")
    };
    ours.write(b"de").unwrap();
    assert_eq!(child.must(&format!("position {}", text(handle))), "5");
    assert_eq!(std::fs::read(&path).unwrap(), b"abcde");
    drop(found);
    close(&[handle]);
    let open = || {
        FileOptions::new()
            .access(Rights::GENERIC_READ)
            .open(&FilePath::native(&path))
    };
    assert_eq!(open().unwrap_err().kind(), ErrorKind::SharingViolation);
    child.must(&format!("close {}", text(handle)));
    support::eventually("the file can be opened", || open().is_ok());
}

/// H-76, P-57: a mutex is inherited, its ownership is not.
#[test]
fn inherited_mutex_and_semaphore_are_shared() {
    support::namespace();
    let mutex = Mutex::new(true).unwrap();
    let semaphore = Semaphore::new(0, 5).unwrap();
    let handles = [
        insert(Object::Mutex(mutex.clone()), true),
        insert(Object::Semaphore(semaphore.clone()), true),
    ];
    let mut child = Minion::start(Inherit::Listed(handles.to_vec()));
    let [one, other] = handles.map(text);
    assert_eq!(
        child.ask(&format!("acquire {one}")),
        Err("TimedOut".to_owned())
    );
    assert_eq!(
        child.ask(&format!("release {one}")),
        Err("NotOwner".to_owned())
    );
    mutex.release().unwrap();
    assert_eq!(child.must(&format!("acquire {one}")), "Clean");
    assert_eq!(child.must(&format!("post {other}")), "0");
    assert_eq!(semaphore.count(), 1);
    drop(child);
    // The child was ended while it owned the mutex.
    assert_eq!(mutex.acquire(None).unwrap(), Acquired::Abandoned);
    mutex.release().unwrap();
    close(&handles);
}

/// H-37 for processes: the child knows the process by the same value, also when it ends.
#[test]
fn inherited_process_can_be_waited_for() {
    let other = Minion::start(Inherit::None);
    let handle = insert(Object::Process(other.process.clone()), true);
    let own = insert(Object::Process(Process::current().unwrap()), true);
    let mut child = Minion::start(Inherit::Listed(vec![handle, own]));
    let id = child.must(&format!("id {}", text(handle)));
    assert_eq!(id, other.process.id().to_string());
    let id = child.must(&format!("id {}", text(own)));
    assert_eq!(id, std::process::id().to_string());
    other.process.terminate(0xDEAD_BEEF).unwrap();
    child.must(&format!("wait {} 30", text(handle)));
    let code = child.must(&format!("code {}", text(handle)));
    assert_eq!(code, format!("Some({})", 0xDEAD_BEEF_u32));
    close(&[handle, own]);
}

/// H-37 for mailslots: the writing end is inherited, the reading end stays where it is.
#[test]
fn inherited_mailslot_client_writes() {
    let label = support::name("inherited");
    let server = MailslotServer::create(&label).unwrap();
    let client = insert(
        Object::MailslotClient(MailslotClient::open(&label).unwrap()),
        true,
    );
    let reader = insert(Object::MailslotServer(server), true);
    let mut child = Minion::start(Inherit::Listed(vec![client, reader]));
    assert_eq!(child.must("rows"), text(client));
    child.must(&format!("send {} hello", text(client)));
    let found = Table::of_process().get(reader).unwrap();
    let Object::MailslotServer(server) = found.object() else {
        panic!("it is a mailslot")
    };
    let mut buf = [0; 16];
    let len = server.recv(&mut buf).unwrap();
    assert_eq!(&buf[..len], b"hello");
    close(&[client, reader]);
}

/// Demand F13 and corefx#42697, P-48, P-53: however many children are started at once while others make objects, each has
/// exactly what was listed, and a pipe ends when those who were given it have closed it.
#[test]
fn children_started_at_once_get_only_their_own() {
    const CHILDREN: usize = 16;
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let noise = scope.spawn(|| {
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                let (_event, handle) = event(true);
                let dir = tempfile::tempdir().unwrap();
                let other = file(&dir.path().join("noise"), true);
                close(&[handle, other]);
            }
        });
        let starters: Vec<_> = (0..CHILDREN)
            .map(|_| scope.spawn(start_with_a_pipe))
            .collect();
        let counts: Vec<_> = starters.into_iter().map(|it| it.join()).collect();
        // Also when one of them failed.
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        noise.join().unwrap();
        let counts: Vec<String> = counts.into_iter().map(Result::unwrap).collect();
        assert!(counts.iter().all(|count| *count == counts[0]), "{counts:?}");
    });
}

/// Starts a child with the writing end of a pipe, and reads until nobody can write. Returns how many descriptors it had.
fn start_with_a_pipe() -> String {
    let (reader, writer) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).unwrap();
    let link = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&writer));
    let opened = FileOptions::new()
        .access(Rights::GENERIC_WRITE)
        .open(&FilePath::native(link))
        .unwrap();
    drop(writer);
    let handle = Table::of_process()
        .insert(Object::File(opened.file), opened.granted, true)
        .unwrap();
    let mut child = Minion::start(Inherit::Listed(vec![handle]));
    close(&[handle]);
    assert_eq!(child.must("rows"), text(handle));
    let count = child.must("fds");
    child.must(&format!("write {} last-words", text(handle)));
    child.must(&format!("close {}", text(handle)));
    let mut said = String::new();
    std::fs::File::from(reader)
        .read_to_string(&mut said)
        .unwrap();
    assert_eq!(said, "last-words");
    count
}

/// Demand section 7 and servo/ipc-channel#395: around the limits of one message of descriptors, and beyond, all arrive.
#[test]
fn any_number_of_handles_goes_to_one_child() {
    for count in [1, 64, 65, 253, 254, 300] {
        let (events, handles): (Vec<_>, Vec<_>) = (0..count).map(|_| event(true)).unzip();
        let mut child = Minion::start(Inherit::Listed(handles.clone()));
        for index in [0, count / 2, count - 1] {
            child.must(&format!("set {}", text(handles[index])));
            assert!(events[index].is_signaled(), "{index} of {count}");
        }
        let rows = tong::handle::read_table(child.process.id()).unwrap();
        assert_eq!(rows.len(), count);
        let counted = tong::handle::count(child.process.id());
        assert_eq!(counted.map(|counted| counted as usize), Some(count));
        close(&handles);
    }
}

/// Ordinary programs get the standard streams and nothing else, and no word of it.
#[test]
fn ordinary_program_has_the_standard_streams_only() {
    let child = tong::ProcessOptions::new("sleep")
        .args(["60"])
        .spawn()
        .unwrap();
    let proc = format!("/proc/{}", child.id());
    support::eventually("it has nothing but the streams", || {
        let numbers = std::fs::read_dir(format!("{proc}/fd")).unwrap();
        let names = numbers.map(|entry| entry.unwrap().file_name());
        let mut numbers: Vec<String> = names.map(|name| name.into_string().unwrap()).collect();
        numbers.sort();
        numbers == ["0", "1", "2"]
    });
    let variables = std::fs::read(format!("{proc}/environ")).unwrap();
    assert_eq!(tong::handle::count(child.id()), None);
    child.terminate(0).unwrap();
    child.wait(None).unwrap();
    assert!(!String::from_utf8_lossy(&variables).contains("TONG_START"));
}

/// The table of a process is seen from outside, with names, while the process does nothing.
#[test]
fn table_is_read_from_outside() {
    support::namespace();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("seen");
    let handle = file(&path, true);
    let label = format!("seen-{}", std::process::id());
    let (named, _) = Event::create(&name(&label), Reset::Manual, false).unwrap();
    let other = insert(Object::Event(named), true);
    let child = Minion::start(Inherit::Listed(vec![handle, other]));
    let process = insert(Object::Process(child.process.clone()), false);
    let rows = tong::handle::read_table(std::process::id()).unwrap();
    let row = |wanted| rows.iter().find(|row| row.handle == wanted).unwrap();
    assert_eq!(row(handle).name.as_deref(), path.to_str());
    assert_eq!(row(handle).kind, Kind::File);
    assert!(row(handle).flags.inherit && !row(handle).flags.protect_from_close);
    assert_eq!(row(process).name, Some(child.process.id().to_string()));
    assert!(row(other).name.as_deref().unwrap().ends_with(&label));
    // The child has not even looked at its table yet, perhaps, and could hang.
    let rows = tong::handle::read_table(child.process.id()).unwrap();
    assert_eq!(rows.iter().map(|row| row.handle).collect::<Vec<_>>(), {
        let mut both = [handle, other];
        both.sort_by_key(|handle| handle.raw() << 6);
        both
    });
    close(&[handle, other]);
    assert!(child.process.as_fd().try_clone_to_owned().is_ok());
    let rows = tong::handle::read_table(std::process::id()).unwrap();
    assert!(rows.iter().all(|row| row.handle != handle));
    close(&[process]);
    let missing = tong::handle::read_table(0).unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::NotFound);
    assert_eq!(tong::handle::count(0), None);
}
