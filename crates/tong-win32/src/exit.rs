//! The end of the process: what it left open is closed, as Windows does it.
//!
//! A process that is killed gives its names up too, but leaves their files to whoever uses the names next. One that
//! returns from its main function or calls exit leaves nothing, neither those nor files that were to be deleted on close: the
//! last thing to run in it, after the program's own exit functions and destructors, closes its mailslots, pipes and files.
//!
//! Windows ends all other threads first. Here they run on for a moment; so that none of them takes the end of its
//! mailslot for a failure, the functions of this crate do not return to them any more.

#![allow(
    unsafe_code,
    reason = "names the section that holds what is called at exit"
)]

use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::atomic::{AtomicU32, Ordering};

use tong::handle::{FlagChange, Kind, Object, Table};
use tong::object::thread::current_id;

/// The process that the handles belong to; 0 until it has one. A child that was forked off has a copy of the table and
/// must not end what its parent goes on using.
static OWNER: AtomicU32 = AtomicU32::new(0);

/// The thread that ends the process; 0 while none does.
static ENDING: AtomicU32 = AtomicU32::new(0);

#[used]
#[link_section = ".fini_array"]
static AT_EXIT: extern "C" fn() = close_all;

/// Notes that this process has handles to be closed at its end.
pub(crate) fn note_owner() {
    if OWNER.load(Ordering::Relaxed) != 0 {
        // If another process is noted, this one is its child.
        return;
    }
    let this = std::process::id();
    let _ = OWNER.compare_exchange(0, this, Ordering::Relaxed, Ordering::Relaxed);
}

/// Keeps the calling thread from returning to the program if another thread is ending the process.
pub(crate) fn stay_if_ending() {
    let ending = ENDING.load(Ordering::Acquire);
    if ending != 0 && ending != current_id() {
        loop {
            std::thread::park();
        }
    }
}

/// Whether the process is ending: the stack of the program's main function may be gone, and what it had allocated.
pub(crate) fn is_ending() -> bool {
    ENDING.load(Ordering::Acquire) != 0
}

extern "C" fn close_all() {
    if OWNER.load(Ordering::Relaxed) != std::process::id() {
        return;
    }
    ENDING.store(current_id(), Ordering::Release);
    // A panic is a bug of ours; it must not go on into the C library, and there is nobody left to be told.
    let _ = catch_unwind(AssertUnwindSafe(|| close_objects(Table::of_process())));
}

/// Closes the handles of everything that has something in the file system.
fn close_objects(table: &Table) {
    let unprotected = FlagChange {
        protect_from_close: Some(false),
        ..FlagChange::default()
    };
    for row in table.rows() {
        let named = matches!(
            row.kind,
            Kind::Event | Kind::Mutex | Kind::Semaphore | Kind::Timer
        ) && row.name.is_some();
        if let (Kind::PipeServer, Ok(handle)) = (row.kind, table.get(row.handle)) {
            abandon(handle.object());
        }
        let other = matches!(
            row.kind,
            Kind::MailslotServer | Kind::PipeServer | Kind::PipeClient | Kind::File
        );
        if named || other {
            // The handle may have been closed since by another thread.
            let _ = table.set_flags(row.handle, unprotected);
            let _ = table.close(row.handle);
        }
    }
}

/// A thread that is blocked in a pipe holds on to its end beyond the end of all handles. Its name must go all the same.
fn abandon(object: &Object) {
    if let Object::PipeServer(server) = object {
        server.abandon();
    }
}
