//! Operations with an OVERLAPPED: how they start, how they end, and who is told.
//!
//! An operation goes on after its call only if the open is overlapped *and* an OVERLAPPED was passed; every other call waits.
//! [`operate`] is the one way in for all kinds of opens: it marks the OVERLAPPED as pending, starts the operation, and
//! deals with an end that comes at once; [`Operation::done`] deals with one that comes later, in whatever thread that is.
//!
//! # The order of an end
//! InternalHigh, then Internal (after which the program may use the OVERLAPPED again), then the event or the open's own signal,
//! then a packet or a completion routine. A program may see Internal and start the next operation with the same event before
//! that is set, and would then be told of an end too early; so an operation begins only when no end of its OVERLAPPED is
//! under way ([`Desk`]).
//!
//! # References
//! Win32: "Synchronous and Asynchronous I/O", OVERLAPPED, GetOverlappedResult. Rules P22.1 to P23.9.

#![allow(
    unsafe_code,
    reason = "writes to structures and buffers that C callers own until an operation has ended"
)]

use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};

use tong::handle::{Object, Ref};
use tong::io::{
    Completion, Key, Outcome, Packet, Started, Tie, OVERLAPPED_OPEN, SKIP_PORT_ON_SUCCESS,
    SKIP_SIGNAL,
};
use tong::object::thread;
use tong::pipe::PipeEnd;
use tong::{ErrorKind, Event, Thread};

use crate::border::{object, put};
use crate::desk::Desk;
use crate::error::Code;
use crate::event;
use crate::exit;
use crate::status::{self, STATUS_PENDING};
use crate::transfer::CompletionRoutine;
use crate::types::{DWORD, HANDLE, OVERLAPPED};

/// What an operation has to know of the open that it works on.
#[derive(Clone, Copy)]
pub(crate) struct Open<'a> {
    /// `None` if the open cannot be tied to anything.
    tie: Option<&'a Tie>,
    /// What waits for the handle wait for, if that is the state of its operations.
    signal: Option<&'a Event>,
    is_overlapped: bool,
}

impl<'a> Open<'a> {
    /// Looks at the open that a handle leads to; `None` if it is of a kind that nothing is read from or written to.
    pub(crate) fn of(object: &'a Object) -> Option<Open<'a>> {
        let (tie, signal, is_overlapped) = match object {
            Object::MailslotServer(server) => (Some(server.tie()), None, true),
            Object::MailslotClient(client) => {
                let tie = client.tie();
                (Some(tie), None, tie.has_mode(OVERLAPPED_OPEN))
            }
            Object::File(file) => (Some(file.tie()), None, file.is_overlapped()),
            Object::PipeServer(server) => Open::pipe(server.end()),
            Object::PipeClient(client) => Open::pipe(client.end()),
            // Their opens are synchronous, and see to their signals themselves.
            Object::AnonymousReader(_) | Object::AnonymousWriter(_) => (None, None, false),
            _ => return None,
        };
        Some(Open {
            tie,
            signal,
            is_overlapped,
        })
    }

    fn pipe(end: &PipeEnd) -> (Option<&Tie>, Option<&Event>, bool) {
        (Some(end.tie()), end.signal().ok(), !end.is_synchronous())
    }

    /// What ties the open to a port, if it can be tied.
    pub(crate) fn tie(&self) -> Option<&'a Tie> {
        self.tie.filter(|_| self.is_overlapped)
    }

    fn is_tied(&self) -> bool {
        self.tie.is_some_and(|tie| tie.port().is_some())
    }

    /// An operation starts: the open is not signaled until it ends.
    fn clear(&self) {
        if let Some(signal) = self.signal.filter(|signal| signal.is_signaled()) {
            // It has no name, and its memory is there as long as the open.
            let _ = signal.reset();
        }
    }

    /// An operation has ended.
    fn set(&self) {
        if let Some(signal) = self.signal.filter(|signal| !signal.is_signaled()) {
            let _ = signal.set();
        }
    }

    /// An operation has ended that did not keep its caller waiting.
    fn set_unless_skipped(&self) {
        if !self.tie.is_some_and(|tie| tie.has_mode(SKIP_SIGNAL)) {
            self.set();
        }
    }

    fn keep(&self) -> Kept {
        Kept {
            tie: self.tie.cloned(),
            signal: self.signal.cloned(),
        }
    }
}

/// What an operation that goes on keeps of its open. Not the open itself, which would then never be closed.
struct Kept {
    tie: Option<Tie>,
    signal: Option<Event>,
}

impl Kept {
    fn open(&self) -> Open<'_> {
        Open {
            tie: self.tie.as_ref(),
            signal: self.signal.as_ref(),
            is_overlapped: true,
        }
    }
}

/// Where a read's bytes go.
#[derive(Clone, Copy)]
pub(crate) struct Room {
    start: *mut u8,
    len: usize,
}

impl Room {
    pub(crate) const NONE: Room = Room {
        start: ptr::null_mut(),
        len: 0,
    };

    /// The room at `start`, unless that is null and there should be some.
    pub(crate) fn new(start: *mut std::ffi::c_void, len: DWORD) -> Result<Room, Code> {
        match (len, start.is_null()) {
            (0, _) => Ok(Room::NONE),
            (_, true) => Err(Code::NOACCESS),
            (_, false) => Ok(Room {
                start: start.cast(),
                len: len as usize,
            }),
        }
    }

    /// # Safety
    /// The room is there and nothing else uses it meanwhile.
    unsafe fn as_slice<'a>(self) -> &'a mut [u8] {
        match self.len {
            0 => &mut [],
            // SAFETY: not null, and the caller vouches for the rest. The bytes are only written to.
            len => unsafe { std::slice::from_raw_parts_mut(self.start, len) },
        }
    }
}

/// Who is told of an end beside the OVERLAPPED.
enum Told {
    /// Its event, if it has one; else whoever waits for the open; and the open's port.
    Event(Option<Ref>),
    /// A function that the thread calls in an alertable wait.
    Routine(CompletionRoutine, Thread),
}

/// One operation, from its start to its end.
struct Operation {
    at: *mut OVERLAPPED,
    thread: u32,
    room: Room,
    open: Kept,
    told: Told,
    /// The event's handle said that no packet is wanted.
    no_packet: bool,
}

// SAFETY: the pointers lead to memory that C leaves to the operation until its end, in whatever thread that comes.
unsafe impl Send for Operation {}

impl Completion for Operation {
    fn key(&self) -> Key {
        Key {
            tag: self.at.addr(),
            thread: self.thread,
        }
    }

    fn room(&mut self) -> &mut [u8] {
        if exit::is_ending() {
            return &mut [];
        }
        // SAFETY: C leaves the buffer to the operation until its end, and its main function has not returned.
        unsafe { self.room.as_slice() }
    }

    fn done(self: Box<Self>, outcome: Outcome) {
        self.end(outcome);
    }
}

impl Operation {
    fn end(self, outcome: Outcome) {
        if exit::is_ending() {
            // The structure may have been on the stack of a function that is over; nobody waits for it any more.
            std::mem::forget(self);
            return;
        }
        let tag = self.at.addr();
        Desk::of(tag).ending(tag, || {
            if let Told::Routine(routine, thread) = &self.told {
                // Before anybody can see that the operation has ended: whoever saw it finds the call in the queue.
                call_back(*routine, thread, tag, outcome);
            }
            // SAFETY: C leaves the structure to the operation until Internal has changed, which is last.
            unsafe { fill(self.at, outcome) };
            self.signal();
        });
        match self.told {
            Told::Event(_) if self.no_packet => {}
            Told::Event(_) => post(&self.open.open(), tag, outcome),
            Told::Routine(..) => {}
        }
    }

    /// Signals the event, or the open if there is none.
    fn signal(&self) {
        match &self.told {
            Told::Event(Some(event)) => {
                if let Object::Event(event) = event.object() {
                    // Whoever closed it meanwhile does not wait for it.
                    let _ = event.set();
                }
            }
            _ => self.open.open().set_unless_skipped(),
        }
    }
}

/// Writes an outcome down.
///
/// # Safety
/// `at` leads to the structure. The program may use it again, or free it, as soon as this has returned.
unsafe fn fill(at: *mut OVERLAPPED, outcome: Outcome) {
    // SAFETY: the structure is there until Internal changes.
    unsafe {
        (&raw mut (*at).InternalHigh).write(outcome.bytes);
        // Release, in one order with those who wait: whoever sees the status sees the bytes.
        AtomicUsize::from_ptr(&raw mut (*at).Internal)
            .store(status::of(outcome.error), Ordering::SeqCst);
    }
}

/// Queues a packet, if the open is tied to a port.
fn post(open: &Open<'_>, tag: usize, outcome: Outcome) {
    if let Some(tied) = open.tie.and_then(Tie::port) {
        // To a port that was closed nobody listens.
        let _ = tied.port.post(Packet {
            key: tied.key,
            bytes: count_of(outcome.bytes),
            tag,
            error: outcome.error,
        });
    }
}

/// Queues a call of a completion routine. A thread that has ended hears nothing.
fn call_back(routine: CompletionRoutine, thread: &Thread, tag: usize, outcome: Outcome) {
    let code = outcome.error.map_or(0, |kind| Code::from(kind).0);
    let bytes = count_of(outcome.bytes);
    let _ = thread.queue_apc(move || {
        // It was queued just before the end was written down.
        Desk::of(tag).await_endings();
        let at = ptr::with_exposed_provenance_mut(tag);
        // SAFETY: the program gave the function for this structure.
        unsafe { routine(code, bytes, at) };
    });
}

/// A transfer is never longer than its buffer, whose length came as a DWORD.
fn count_of(bytes: usize) -> DWORD {
    DWORD::try_from(bytes).unwrap_or(DWORD::MAX)
}

/// Does an operation on an open: at once, later, or waiting for it, as the open and the arguments say.
///
/// `wait` does it while the caller waits; `start` starts it. `count` gets the bytes of a success.
///
/// # Safety
/// `at` is null or leads to the structure, `count` is null or room for a number, `room` is there; and for an operation
/// that goes on, the structure and `room` stay there, and are left alone, until its end.
///
/// # Errors
/// 997 if it goes on; else what went wrong, 234 among it.
pub(crate) unsafe fn operate<E: Into<Code>>(
    handle: &Ref,
    at: *mut OVERLAPPED,
    count: *mut DWORD,
    room: Room,
    wait: impl FnOnce(&mut [u8]) -> Result<Outcome, E>,
    start: impl FnOnce(Box<dyn Completion>) -> Result<Started, E>,
) -> Result<(), Code> {
    let open = Open::of(handle.object()).ok_or(Code::INVALID_HANDLE)?;
    // SAFETY: the caller vouches for the structure.
    let (event, no_packet) = unsafe { begin(&open, at) }?;
    if at.is_null() || !open.is_overlapped {
        // SAFETY: the caller vouches for the pointers.
        return unsafe {
            let outcome = wait(room.as_slice()).map_err(Into::into)?;
            finish_waiting(&open, at, count, outcome)
        };
    }
    let told = Told::Event(event.map(object).transpose()?);
    let operation = Operation {
        at,
        thread: thread::current_id(),
        room,
        open: open.keep(),
        told,
        no_packet,
    };
    at.expose_provenance();
    match start(Box::new(operation)).map_err(Into::into)? {
        Started::Pending => Err(Code::IO_PENDING),
        Started::Now(outcome, operation) => {
            // A partial message is told by a packet alone if there is a port (P22.45). Other failures at once are errors; one that
            // comes as an outcome is meant to be told like one that comes later (P17.11).
            let later = match outcome.error {
                None => false,
                Some(ErrorKind::MoreData) => open.is_tied() && !no_packet,
                Some(_) => true,
            };
            if later {
                operation.done(outcome);
                return Err(Code::IO_PENDING);
            }
            drop(operation);
            // SAFETY: the caller vouches for the pointers.
            unsafe { finish_at_once(&open, at, event, count, outcome)? };
            let skips = |tie: &Tie| tie.has_mode(SKIP_PORT_ON_SUCCESS);
            if !no_packet && !open.tie.is_some_and(skips) {
                post(&open, at.addr(), outcome);
            }
            Ok(())
        }
    }
}

/// [`operate`] with a completion routine, which the calling thread calls in an alertable wait after the end. What is done
/// at once is told that way too.
///
/// # Safety
/// As [`operate`]; `routine` takes the structure.
///
/// # Errors
/// In this order: 87 without an OVERLAPPED, for an open that is not overlapped, and for one that is tied to a port; else what went
/// wrong. A partial message is a success that leaves 234 as the last error.
pub(crate) unsafe fn operate_with_routine<E: Into<Code>>(
    handle: &Ref,
    at: *mut OVERLAPPED,
    room: Room,
    routine: Option<CompletionRoutine>,
    start: impl FnOnce(Box<dyn Completion>) -> Result<Started, E>,
) -> Result<(), Code> {
    let open = Open::of(handle.object()).ok_or(Code::INVALID_HANDLE)?;
    let routine = routine.ok_or(Code::INVALID_PARAMETER)?;
    if at.is_null() || !open.is_overlapped || open.is_tied() {
        return Err(Code::INVALID_PARAMETER);
    }
    if !at.is_aligned() {
        return Err(Code::NOACCESS);
    }
    let told = Told::Routine(routine, Thread::current()?);
    Desk::of(at.addr()).await_endings();
    // SAFETY: the caller vouches for the structure.
    unsafe { mark_pending(at) };
    open.clear();
    at.expose_provenance();
    let operation = Operation {
        at,
        thread: thread::current_id(),
        room,
        open: open.keep(),
        told,
        no_packet: false,
    };
    let mut last_error = 0;
    let started = start(Box::new(operation)).map_err(Into::into)?;
    if let Started::Now(outcome, operation) = started {
        last_error = outcome.error.map_or(0, |kind| Code::from(kind).0);
        operation.done(outcome);
    }
    crate::error::SetLastError(last_error);
    Ok(())
}

/// Marks an operation as begun: the event of its OVERLAPPED is reset, the status pending, the open not signaled. Returns the
/// event's handle, and whether that says that no packet is wanted.
///
/// # Safety
/// `at` is null or leads to the structure.
unsafe fn begin(open: &Open<'_>, at: *mut OVERLAPPED) -> Result<(Option<HANDLE>, bool), Code> {
    let mut event = None;
    let mut no_packet = false;
    if !at.is_aligned() {
        return Err(Code::NOACCESS);
    }
    if !at.is_null() {
        Desk::of(at.addr()).await_endings();
        // SAFETY: the caller vouches for the structure.
        let given = unsafe { (*at).hEvent };
        no_packet = given.addr() & 1 != 0;
        event = (given.addr() > 1).then(|| given.map_addr(|addr| addr & !1));
        if let Some(event) = event {
            event::change(event, Event::reset)?;
        }
        // SAFETY: as above.
        unsafe { mark_pending(at) };
    }
    if open.is_overlapped {
        open.clear();
    }
    Ok((event, no_packet))
}

/// # Safety
/// `at` leads to the structure.
unsafe fn mark_pending(at: *mut OVERLAPPED) {
    // SAFETY: the caller vouches for the structure.
    unsafe { AtomicUsize::from_ptr(&raw mut (*at).Internal) }
        .store(STATUS_PENDING, Ordering::Relaxed);
}

/// Ends an operation that the caller waited for. A failure leaves the OVERLAPPED as it was when the operation began.
///
/// # Safety
/// `at` is null or leads to the structure, `count` is null or room for a number.
unsafe fn finish_waiting(
    open: &Open<'_>,
    at: *mut OVERLAPPED,
    count: *mut DWORD,
    outcome: Outcome,
) -> Result<(), Code> {
    if let Some(kind) = outcome.error.filter(|kind| *kind != ErrorKind::MoreData) {
        return Err(kind.into());
    }
    if at.is_null() {
        // SAFETY: the caller vouches for the room.
        unsafe { put(count, count_of(outcome.bytes)) };
        if open.is_overlapped {
            open.set();
        }
        return to_result(outcome);
    }
    // SAFETY: the caller vouches for the structure and the room.
    unsafe {
        let event = (*at).event();
        finish_at_once(open, at, event, count, outcome)
    }
}

/// Ends an operation that has an OVERLAPPED, in its own call.
///
/// # Safety
/// `at` leads to the structure, `count` is null or room for a number.
unsafe fn finish_at_once(
    open: &Open<'_>,
    at: *mut OVERLAPPED,
    event: Option<HANDLE>,
    count: *mut DWORD,
    outcome: Outcome,
) -> Result<(), Code> {
    // SAFETY: the caller vouches for the structure.
    unsafe { fill(at, outcome) };
    match event {
        // It was there when the call began; whoever has closed it since does not wait for it.
        Some(event) => drop(event::change(event, Event::set)),
        None if open.is_overlapped => open.set_unless_skipped(),
        None => {}
    }
    if outcome.error.is_none() {
        // SAFETY: as above.
        unsafe { put(count, count_of(outcome.bytes)) };
    }
    to_result(outcome)
}

fn to_result(outcome: Outcome) -> Result<(), Code> {
    match outcome.error {
        None => Ok(()),
        Some(kind) => Err(kind.into()),
    }
}
