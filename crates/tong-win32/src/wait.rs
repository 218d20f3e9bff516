//! The wait functions.
//!
//! Whether a handle can be waited on, and has the right to, is checked before anything is waited for or signaled. An object
//! that is signaled already is taken on the spot, without a reference to it; only who has to sleep takes one, so that other
//! threads may close the handle meanwhile.
//!
//! Files can be waited on as well: they count as signaled while there is something to read, and regular files always.
//!
//! The pseudo handles of the caller's process and thread never become signaled for the caller; several handles at
//! once must all be real. -10 to -12 mean the standard handles.

#![allow(
    unsafe_code,
    reason = "exported C symbols that read arrays of C callers"
)]
#![allow(
    non_snake_case,
    reason = "functions have the names that Win32 gives them"
)]
#![allow(
    clippy::missing_safety_doc,
    reason = "what all callers owe stands on the crate's page"
)]

use std::time::Duration;

use tong::handle::{Object, Ref, Rights};
use tong::wait::{self, AllSatisfied, Fd, Outcome, Satisfied, Waitable};
use tong::{Acquired, Error, ErrorKind};

use crate::border::{argument, call, object, with, Argument};
use crate::error::Code;
use crate::event::EVENT_MODIFY_STATE;
use crate::names::require;
use crate::semaphore::SEMAPHORE_MODIFY_STATE;
use crate::standard;
use crate::types::{BOOL, DWORD, FALSE, HANDLE};

const MAXIMUM_WAIT_OBJECTS: DWORD = 64;
const INFINITE: DWORD = DWORD::MAX;

const WAIT_OBJECT_0: DWORD = 0;
const WAIT_ABANDONED_0: DWORD = 0x80;
const WAIT_IO_COMPLETION: DWORD = 0xC0;
const WAIT_TIMEOUT: DWORD = 0x102;
const WAIT_FAILED: DWORD = DWORD::MAX;

/// The calling process and thread.
const SELF: std::ops::RangeInclusive<i32> = -2..=-1;

/// Waits until an object is signaled, and takes it.
#[no_mangle]
pub extern "C" fn WaitForSingleObject(handle: HANDLE, milliseconds: DWORD) -> DWORD {
    call(WAIT_FAILED, || wait_for_one(handle, milliseconds, false))
}

/// As WaitForSingleObject; if alertable, calls queued for the thread end the wait with 192.
#[no_mangle]
pub extern "C" fn WaitForSingleObjectEx(
    handle: HANDLE,
    milliseconds: DWORD,
    alertable: BOOL,
) -> DWORD {
    call(WAIT_FAILED, || {
        wait_for_one(handle, milliseconds, alertable != FALSE)
    })
}

/// Waits until one of up to 64 objects is signaled, or all are at once, and takes it or them.
#[no_mangle]
pub unsafe extern "C" fn WaitForMultipleObjects(
    count: DWORD,
    handles: *const HANDLE,
    wait_all: BOOL,
    milliseconds: DWORD,
) -> DWORD {
    // SAFETY: C passes what the function below asks for.
    unsafe { WaitForMultipleObjectsEx(count, handles, wait_all, milliseconds, FALSE) }
}

/// As WaitForMultipleObjects; if alertable, calls queued for the thread end the wait with 192.
#[no_mangle]
pub unsafe extern "C" fn WaitForMultipleObjectsEx(
    count: DWORD,
    handles: *const HANDLE,
    wait_all: BOOL,
    milliseconds: DWORD,
    alertable: BOOL,
) -> DWORD {
    call(WAIT_FAILED, || {
        if !(1..=MAXIMUM_WAIT_OBJECTS).contains(&count) {
            return Err(Code::INVALID_PARAMETER);
        }
        if handles.is_null() {
            return Err(Code::NOACCESS);
        }
        // SAFETY: C passes as many handles as it says, and nobody changes them during the call.
        let handles = unsafe { std::slice::from_raw_parts(handles, count as usize) };
        if wait_all == FALSE {
            match take_first(handles)? {
                Some(result) => return Ok(result),
                None if milliseconds == 0 && alertable == FALSE => return Ok(WAIT_TIMEOUT),
                None => {}
            }
        }
        let held = handles
            .iter()
            .map(|handle| held(*handle))
            .collect::<Result<Vec<_>, _>>()?;
        let sources: Vec<_> = held.iter().map(Source::of).collect::<Result<_, _>>()?;
        let objects: Vec<_> = sources.iter().map(Source::waitable).collect();
        let time = time(milliseconds);
        match wait_all {
            FALSE => wait_any(&objects, time, alertable != FALSE),
            _ => all(&objects, time, alertable != FALSE),
        }
    })
}

/// Signals an event, mutex or semaphore, then waits on another object. Nothing is signaled if that cannot be waited on.
#[no_mangle]
pub extern "C" fn SignalObjectAndWait(
    to_signal: HANDLE,
    to_wait_on: HANDLE,
    milliseconds: DWORD,
    alertable: BOOL,
) -> DWORD {
    call(WAIT_FAILED, || {
        with(to_signal, |object, _| match object {
            Object::Event(_) | Object::Mutex(_) | Object::Semaphore(_) => Ok(()),
            _ => Err(Code::INVALID_HANDLE),
        })?;
        check(to_wait_on)?;
        with(to_signal, signal)?;
        wait_for_one(to_wait_on, milliseconds, alertable != FALSE)
    })
}

fn signal(object: &Object, granted: Rights) -> Result<(), Code> {
    match object {
        Object::Event(event) => {
            require(granted, EVENT_MODIFY_STATE)?;
            event.set()?;
        }
        Object::Semaphore(semaphore) => {
            require(granted, SEMAPHORE_MODIFY_STATE)?;
            semaphore.release(1)?;
        }
        Object::Mutex(mutex) => mutex.release()?,
        _ => return Err(Code::INVALID_HANDLE),
    }
    Ok(())
}

/// Checks that a handle can be waited on.
fn check(handle: HANDLE) -> Result<(), Code> {
    let handle = standard::translated(handle);
    match argument(handle)? {
        Argument::Pseudo(which) if SELF.contains(&which) => Ok(()),
        Argument::Pseudo(_) => Err(Code::INVALID_HANDLE),
        Argument::Value(_) => with(handle, check_object),
    }
}

/// Checks that an object can be waited on with these rights.
fn check_object(object: &Object, granted: Rights) -> Result<(), Code> {
    match object {
        Object::Event(_) | Object::Mutex(_) | Object::Semaphore(_) | Object::Timer(_) => {}
        // A section never carries the right, and that is what is said of it.
        Object::Snapshot(_) => return Err(Code::ACCESS_DENIED),
        other => {
            Source::of_object(other)?;
        }
    }
    require(granted, Rights::SYNCHRONIZE)
}

pub(crate) fn wait_for_one(
    handle: HANDLE,
    milliseconds: DWORD,
    alertable: bool,
) -> Result<DWORD, Code> {
    let handle = standard::translated(handle);
    match argument(handle)? {
        Argument::Pseudo(which) if SELF.contains(&which) => {
            return wait_any(&[], time(milliseconds), alertable);
        }
        Argument::Pseudo(_) => return Err(Code::INVALID_HANDLE),
        Argument::Value(_) => {}
    }
    let taken = with(handle, |object, granted| {
        check_object(object, granted)?;
        take(object)
    })?;
    match taken {
        Some(result) => Ok(result),
        None if milliseconds == 0 && !alertable => Ok(WAIT_TIMEOUT),
        None => {
            let held = held(handle)?;
            let source = Source::of(&held)?;
            wait_any(&[source.waitable()], time(milliseconds), alertable)
        }
    }
}

/// Takes an object if that needs no waiting.
fn take(object: &Object) -> Result<Option<DWORD>, Code> {
    let signaled = |taken: bool| taken.then_some(WAIT_OBJECT_0);
    Ok(match object {
        Object::Event(event) => signaled(event.try_wait()?),
        Object::Semaphore(semaphore) => signaled(semaphore.try_acquire()?),
        Object::Timer(timer) => signaled(timer.try_wait()?),
        Object::Mutex(mutex) => mutex.try_acquire()?.map(|acquired| match acquired {
            Acquired::Clean => WAIT_OBJECT_0,
            Acquired::Abandoned => WAIT_ABANDONED_0,
        }),
        other => {
            let source = Source::of_object(other)?;
            match wait::any(&[source.waitable()], Some(Duration::ZERO)) {
                Ok(_) => Some(WAIT_OBJECT_0),
                Err(error) if error.kind() == ErrorKind::TimedOut => None,
                Err(error) => return Err(error.into()),
            }
        }
    })
}

/// Checks all handles, then takes the first object that can be taken without waiting, and says which.
#[allow(
    clippy::cast_possible_truncation,
    reason = "there are at most 64 objects"
)]
fn take_first(handles: &[HANDLE]) -> Result<Option<DWORD>, Code> {
    for handle in handles {
        with(standard::translated(*handle), check_object)?;
    }
    for (index, handle) in handles.iter().enumerate() {
        let taken = with(standard::translated(*handle), |object, _| take(object))?;
        if let Some(result) = taken {
            return Ok(Some(result + index as DWORD));
        }
    }
    Ok(None)
}

/// A reference to the object of a handle that can be waited on together with others.
fn held(handle: HANDLE) -> Result<Ref, Code> {
    let held = object(standard::translated(handle))?;
    check_object(held.object(), held.granted())?;
    Ok(held)
}

/// What of an object is waited for.
pub(crate) enum Source<'a> {
    Object(&'a dyn Waitable),
    File(Fd<'a>),
}

impl<'a> Source<'a> {
    fn of(held: &'a Ref) -> Result<Source<'a>, Code> {
        Source::of_object(held.object())
    }

    pub(crate) fn of_object(object: &'a Object) -> Result<Source<'a>, Code> {
        match object {
            Object::File(file) => Ok(Source::File(Fd::of(file))),
            object => match object.as_waitable() {
                Some(waitable) => Ok(Source::Object(waitable)),
                None => Err(Code::INVALID_HANDLE),
            },
        }
    }

    pub(crate) fn waitable(&self) -> &dyn Waitable {
        match self {
            Source::Object(object) => *object,
            Source::File(file) => file,
        }
    }
}

pub(crate) fn time(milliseconds: DWORD) -> Option<Duration> {
    (milliseconds != INFINITE).then(|| Duration::from_millis(milliseconds.into()))
}

fn wait_any(
    objects: &[&dyn Waitable],
    time: Option<Duration>,
    alertable: bool,
) -> Result<DWORD, Code> {
    match alertable {
        true => result(wait::any_alertable(objects, time)),
        false => result(wait::any(objects, time).map(Outcome::Satisfied)),
    }
}

fn all(objects: &[&dyn Waitable], time: Option<Duration>, alertable: bool) -> Result<DWORD, Code> {
    let index_0 = |AllSatisfied { abandoned }| {
        Outcome::Satisfied(Satisfied {
            index: 0,
            abandoned,
        })
    };
    match alertable {
        true => result(wait::all_alertable(objects, time)),
        false => result(wait::all(objects, time).map(index_0)),
    }
}

/// The number that tells C how a wait ended.
#[allow(
    clippy::cast_possible_truncation,
    reason = "there are at most 64 objects"
)]
fn result(outcome: Result<Outcome, Error>) -> Result<DWORD, Code> {
    match outcome {
        Ok(Outcome::Satisfied(Satisfied { index, abandoned })) => {
            let base = if abandoned {
                WAIT_ABANDONED_0
            } else {
                WAIT_OBJECT_0
            };
            Ok(base + index as DWORD)
        }
        Ok(Outcome::Alerted) => Ok(WAIT_IO_COMPLETION),
        Ok(Outcome::TimedOut) => Ok(WAIT_TIMEOUT),
        Err(error) if error.kind() == ErrorKind::TimedOut => Ok(WAIT_TIMEOUT),
        Err(error) => Err(error.into()),
    }
}
