//! Duplicates across processes: pushed into a child, pulled out of it, carried from one to another.

use tong::handle::{
    self, close, duplicate, DuplicateRights, Handle, Kind, Object, Party, Rights, Source, Table,
    Wish,
};
use tong::object::file::{Disposition, FileOptions, FilePath, Origin};
use tong::{ErrorKind, Event, Inherit, Process, Reset, Result, Thread};

use super::minion::{all_of, name, protect, same, text, Minion};
use crate::support;

fn minion() -> Minion {
    Minion::start(Inherit::None)
}

fn event() -> (Event, Handle) {
    support::namespace();
    let event = Event::new(Reset::Manual, false).unwrap();
    let object = Object::Event(event.clone());
    let handle = Table::of_process().insert(object, all_of(Kind::Event), true);
    (event, handle.unwrap())
}

fn file(path: &std::path::Path) -> Handle {
    let opened = FileOptions::new()
        .access(Rights::GENERIC_READ | Rights::GENERIC_WRITE)
        .disposition(Disposition::OpenAlways)
        .open(&FilePath::native(path))
        .unwrap();
    Table::of_process()
        .insert(Object::File(opened.file), opened.granted, false)
        .unwrap()
}

fn push(child: &Minion, handle: Handle, close_source: bool) -> Result<Handle> {
    let source = Source::Handle(handle);
    duplicate(Party::This, source, child.party(), same(close_source))
}

fn pull(child: &Minion, handle: Handle, close_source: bool) -> Result<Handle> {
    let source = Source::Handle(handle);
    duplicate(child.party(), source, Party::This, same(close_source))
}

fn kind<T: std::fmt::Debug>(result: Result<T>) -> ErrorKind {
    result.unwrap_err().kind()
}

fn is_open(handle: Handle) -> bool {
    Table::of_process().get(handle).is_ok()
}

/// H-56, H-58, H-59, H-75: the child has the object under the value that was returned, although it did nothing for it.
#[test]
fn pushed_handle_leads_to_the_same_object() {
    let mut child = minion();
    let (event, handle) = event();
    let there = push(&child, handle, false).unwrap();
    assert!(!is_open(there), "it means nothing here");
    assert_eq!(child.must(&format!("peek {}", text(there))), "false");
    child.must(&format!("set {}", text(there)));
    assert!(event.is_signaled());
    assert_eq!(child.must(&format!("flags {}", text(there))), "false false");
    Table::of_process().close(handle).unwrap();
    drop(event);
    assert_eq!(child.must(&format!("peek {}", text(there))), "true");
}

/// H-38: a handle that was pushed is inherited like any other.
#[test]
fn pushed_handle_is_inherited() {
    let mut child = minion();
    let (event, handle) = event();
    let wish = Wish {
        inherit: true,
        ..same(false)
    };
    let push = || duplicate(Party::This, Source::Handle(handle), child.party(), wish).unwrap();
    let (_first, second) = (push(), push());
    child.must(&format!("relay set {}", text(second)));
    assert!(event.is_signaled());
    Table::of_process().close(handle).unwrap();
}

/// H-60 to H-62: the mask is that of the source, or the one asked for if the kind has it.
#[test]
fn rights_of_a_pushed_handle_are_as_asked() {
    let mut child = minion();
    let (_event, handle) = event();
    let with = |rights| Wish {
        rights: DuplicateRights::Exactly(rights),
        inherit: true,
        close_source: false,
    };
    let push = |wish| duplicate(Party::This, Source::Handle(handle), child.party(), wish);
    let there = push(with(Rights::GENERIC_EXECUTE)).unwrap();
    assert_eq!(
        kind(push(with(Rights::from_bits(u32::MAX)))),
        ErrorKind::AccessDenied
    );
    assert_eq!(child.must(&format!("granted {}", text(there))), "0x120000");
    assert_eq!(child.must(&format!("flags {}", text(there))), "true false");
    Table::of_process().close(handle).unwrap();
}

/// H-72: what a process has can be fetched if its value is known; H-81 the duplicate is the same object.
#[test]
fn pulled_handle_leads_to_the_same_object() {
    let mut child = minion();
    let there = child.handle("event");
    let here = pull(&child, there, false).unwrap();
    let again = pull(&child, there, false).unwrap();
    let table = Table::of_process();
    assert!(table.same_object(here, again).unwrap());
    child.must(&format!("set {}", text(there)));
    let found = table.get(here).unwrap();
    let Object::Event(event) = found.object() else {
        panic!("it is an event")
    };
    assert!(event.is_signaled());
    // The child's memory for it is not used again while it is held here.
    child.must(&format!("close {}", text(there)));
    let other = child.handle("event");
    assert_eq!(child.must(&format!("peek {}", text(other))), "false");
    assert!(event.is_signaled());
    assert_eq!(kind(pull(&child, there, false)), ErrorKind::InvalidHandle);
    table.close(here).unwrap();
    table.close(again).unwrap();
}

/// H-75, H-80, H-131, H-142: a file keeps its pointer and its share mode, whichever way it went.
#[test]
fn file_that_went_to_a_child_and_back_is_the_same_open() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    let table = Table::of_process();
    let mut child = minion();
    let handle = file(&path);
    let there = push(&child, handle, false).unwrap();
    child.must(&format!("write {} abc", text(there)));
    let back = pull(&child, there, false).unwrap();
    assert!(table.same_object(handle, back).unwrap());
    let other = file(&dir.path().join("other"));
    assert!(!table.same_object(handle, other).unwrap());
    let found = table.get(back).unwrap();
    let Object::File(opened) = found.object() else {
        panic!("it is a file")
    };
    assert_eq!(opened.seek(Origin::Current, 0).unwrap(), 3);
    drop(found);
    for handle in [handle, back, other] {
        table.close(handle).unwrap();
    }
    let open = || {
        FileOptions::new()
            .access(Rights::GENERIC_READ)
            .open(&FilePath::native(&path))
    };
    assert_eq!(kind(open()), ErrorKind::SharingViolation);
    child.must(&format!("close {}", text(there)));
    support::eventually("the file can be opened", || open().is_ok());
}

/// H-131: a process whose file was fetched without its doing drops no share mode that others still count on.
#[test]
fn share_mode_of_a_fetched_file_outlives_its_first_owner() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    let mut child = minion();
    let handle = file(&path);
    let there = push(&child, handle, true).unwrap();
    let mut other = minion();
    let pid = child.process.id();
    // It is seen at once, and can be fetched once the child has looked.
    let shown = handle::read_table(pid).unwrap();
    assert!(shown.iter().any(|row| row.handle == there));
    assert_eq!(handle::count(pid), u32::try_from(shown.len()).ok());
    let early = other.ask(&format!("pull {} {pid} keep", text(there)));
    assert_eq!(early, Err("AccessDenied".to_owned()));
    child.must(&format!("flags {}", text(there)));
    let elsewhere = other.handle(&format!("pull {} {pid} keep", text(there)));
    child.must(&format!("close {}", text(there)));
    let open = || {
        FileOptions::new()
            .access(Rights::GENERIC_READ)
            .open(&FilePath::native(&path))
    };
    assert_eq!(kind(open()), ErrorKind::SharingViolation);
    other.must(&format!("close {}", text(elsewhere)));
    support::eventually("the file can be opened", || open().is_ok());
}

/// H-56: the caller may be neither the source nor the target.
#[test]
fn handle_is_carried_between_two_other_processes() {
    let (mut one, mut other) = (minion(), minion());
    let source = one.handle("event");
    let target = duplicate(
        one.party(),
        Source::Handle(source),
        other.party(),
        same(true),
    )
    .unwrap();
    other.must(&format!("set {}", text(target)));
    assert_eq!(
        one.ask(&format!("peek {}", text(source))),
        Err("InvalidHandle".to_owned())
    );
    let before = Table::of_process().rows().len();
    assert_eq!(
        Table::of_process().rows().len(),
        before,
        "nothing is left here"
    );
}

/// H-66, H-71: the source is closed when it is moved, and also when it cannot be.
#[test]
fn moving_closes_the_source_whatever_the_outcome() {
    let child = minion();
    let ((_one, first), (_two, second)) = (event(), event());
    push(&child, first, true).unwrap();
    assert!(!is_open(first));
    let impossible = Wish {
        rights: DuplicateRights::Exactly(Rights::from_bits(u32::MAX)),
        ..same(true)
    };
    let refused = duplicate(
        Party::This,
        Source::Handle(second),
        child.party(),
        impossible,
    );
    assert_eq!(kind(refused), ErrorKind::AccessDenied);
    assert!(!is_open(second));
}

/// H-70: a handle in another process is closed from outside, unless it is protected.
#[test]
fn handle_of_another_process_is_closed() {
    let mut child = minion();
    let there = child.handle("event");
    let safe = child.handle("event");
    child.must(&format!("protect {} true", text(safe)));
    close(child.party(), there).unwrap();
    close(child.party(), safe).unwrap();
    assert_eq!(kind(pull(&child, there, false)), ErrorKind::InvalidHandle);
    assert_eq!(
        child.ask(&format!("peek {}", text(there))),
        Err("InvalidHandle".to_owned())
    );
    child.must(&format!("peek {}", text(safe)));
    assert_eq!(kind(close(child.party(), there)), ErrorKind::InvalidHandle);
}

/// H-68, H-84: a protected source stays, and its duplicate has a value of its own.
#[test]
fn protected_source_stays() {
    let child = minion();
    let (_event, handle) = event();
    let table = Table::of_process();
    table.set_flags(handle, protect(true)).unwrap();
    push(&child, handle, true).unwrap();
    assert!(table.flags(handle).unwrap().protect_from_close);
    table.set_flags(handle, protect(false)).unwrap();
    table.close(handle).unwrap();
}

/// H-53, H-69, H-73: pseudo handles become real ones, of the source process and of the calling thread.
#[test]
fn pseudo_sources_become_real_handles() {
    let mut child = minion();
    let table = Table::of_process();
    let to_this = |party, source| duplicate(party, source, Party::This, same(true));
    let process = to_this(Party::This, Source::Itself).unwrap();
    let thread = to_this(Party::This, Source::CallingThread).unwrap();
    let found = table.get(process).unwrap();
    let Object::Process(own) = found.object() else {
        panic!("it is a process")
    };
    assert!(own.same_object(&Process::current().unwrap()));
    assert_eq!(found.granted(), all_of(Kind::Process));
    let found = table.get(thread).unwrap();
    let Object::Thread(own) = found.object() else {
        panic!("it is a thread")
    };
    assert!(own.same_object(&Thread::current().unwrap()));

    let theirs = to_this(child.party(), Source::Itself).unwrap();
    let found = table.get(theirs).unwrap();
    assert!(found
        .object()
        .same_object(&Object::Process(child.process.clone())));
    let nobody = to_this(child.party(), Source::CallingThread);
    assert_eq!(kind(nobody), ErrorKind::InvalidHandle);

    let there = duplicate(Party::This, Source::Itself, child.party(), same(false)).unwrap();
    let id = child.must(&format!("id {}", text(there)));
    assert_eq!(id, std::process::id().to_string());
    for handle in [process, thread, theirs] {
        table.close(handle).unwrap();
    }
}

/// H-74: the dead neither give nor take. H-63: neither does anybody what is not there.
#[test]
fn ended_process_takes_part_in_no_duplication() {
    let mut child = minion();
    let there = child.handle("event");
    let (_event, handle) = event();
    // No test gets as far as the last generation.
    let unknown = Handle::from_raw(there.raw() | 31 << 26);
    assert_eq!(kind(pull(&child, unknown, false)), ErrorKind::InvalidHandle);
    assert_eq!(kind(push(&child, unknown, false)), ErrorKind::InvalidHandle);
    child.process.terminate(1).unwrap();
    child.process.wait(None).unwrap();
    assert_eq!(kind(pull(&child, there, false)), ErrorKind::AccessDenied);
    assert_eq!(kind(push(&child, handle, false)), ErrorKind::AccessDenied);
    assert_eq!(kind(close(child.party(), there)), ErrorKind::AccessDenied);
    Table::of_process().close(handle).unwrap();
}

/// H-56: what the child hands to its parent is there when the parent next uses its table.
#[test]
fn child_pushes_into_its_parent() {
    let mut child = minion();
    let _ = Table::of_process();
    let there = child.handle("event");
    let pid = std::process::id();
    let here = child.handle(&format!("push {} {pid} keep", text(there)));
    let table = Table::of_process();
    let found = table.get(here).unwrap();
    let Object::Event(event) = found.object() else {
        panic!("it is an event")
    };
    child.must(&format!("set {}", text(there)));
    assert!(event.is_signaled());
    table.close(here).unwrap();
    // Values are given out again, but not the same one.
    let next = child.handle(&format!("push {} {pid} close", text(there)));
    assert_ne!(next, here);
    assert!(!is_open(here));
    table.close(next).unwrap();
}

/// H-62, P-62: a child that has not begun to run gets handles too.
#[test]
fn suspended_child_is_duplicated_into() {
    let mut child = Minion::try_start(Inherit::None, |options| options.suspended(true)).unwrap();
    let (event, handle) = event();
    let there = push(&child, handle, true).unwrap();
    child.process.resume().unwrap();
    child.must(&format!("set {}", text(there)));
    assert!(event.is_signaled());
}

/// H-81: two opens of one name are one object; H-79 two names are two.
#[test]
fn opens_of_one_name_are_the_same_object() {
    support::namespace();
    let table = Table::of_process();
    let label = format!("compared-{}", std::process::id());
    let made = |label: &str| {
        let (event, _) = Event::create(&name(label), Reset::Auto, false).unwrap();
        table
            .insert(Object::Event(event), all_of(Kind::Event), false)
            .unwrap()
    };
    let (one, other, stranger) = (made(&label), made(&label), made(&format!("{label}-2")));
    assert!(table.same_object(one, other).unwrap());
    assert!(!table.same_object(one, stranger).unwrap());
    let mut child = minion();
    let there = child.handle(&format!("open {label}"));
    let pulled = pull(&child, there, false).unwrap();
    assert!(table.same_object(one, pulled).unwrap());
    for handle in [one, other, stranger, pulled] {
        table.close(handle).unwrap();
    }
}

/// H-77: what cannot travel is refused; nothing is left behind.
#[test]
fn reading_end_of_a_mailslot_stays_where_it_is() {
    let child = minion();
    let server = tong::MailslotServer::create(&support::name("stays")).unwrap();
    let all = all_of(Kind::MailslotServer);
    let table = Table::of_process();
    let handle = table
        .insert(Object::MailslotServer(server), all, false)
        .unwrap();
    assert_eq!(kind(push(&child, handle, false)), ErrorKind::Unsupported);
    table.close(handle).unwrap();
}

/// Many handles pushed by several threads at once arrive, each under its own value, and leave nothing when closed.
#[test]
fn handles_pushed_at_once_all_arrive() {
    let mut child = minion();
    let (_event, handle) = event();
    // The first of all needs things that stay: the namespace, the table of those who wait.
    let first = push(&child, handle, false).unwrap();
    child.must(&format!("close {}", text(first)));
    let before = child.must("fds");
    let mut values: Vec<Handle> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    (0..50)
                        .map(|_| push(&child, handle, false).unwrap())
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap())
            .collect()
    });
    values.sort_by_key(|handle| handle.raw());
    let count = values.len();
    values.dedup();
    assert_eq!(values.len(), count);
    let mut rows: Vec<u32> = (child.must("rows").split(' '))
        .map(|it| it.parse().unwrap())
        .collect();
    rows.sort_unstable();
    assert_eq!(
        rows,
        values.iter().map(|handle| handle.raw()).collect::<Vec<_>>()
    );
    for value in values {
        child.must(&format!("close {}", text(value)));
    }
    let shown = handle::read_table(child.process.id()).unwrap();
    assert!(shown.is_empty());
    assert_eq!(child.must("fds"), before);
    Table::of_process().close(handle).unwrap();
}
