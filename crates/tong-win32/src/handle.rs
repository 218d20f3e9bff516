//! Handles of any kind: closing, flags, duplicates in this and other processes, comparison.
//!
//! Before the program's main function, the handles that it inherited are in its table.

#![allow(
    unsafe_code,
    reason = "exported C symbols that write through pointers of C callers"
)]
#![allow(
    non_snake_case,
    reason = "functions have the names that Win32 gives them"
)]
#![allow(
    clippy::missing_safety_doc,
    reason = "what all callers owe stands on the crate's page"
)]

use std::ptr;

use tong::handle::{
    self, DuplicateRights, FlagChange, Handle, Object, Party, Rights, Source, Table, Wish,
};
use tong::object::process::Process;
use tong::object::thread::Thread;

use crate::border::{argument, put, succeeds, to_c, Argument};
use crate::error::Code;
use crate::standard;
use crate::types::{BOOL, DWORD, FALSE, HANDLE, INVALID_HANDLE_VALUE};

const HANDLE_FLAG_INHERIT: DWORD = 1;
const HANDLE_FLAG_PROTECT_FROM_CLOSE: DWORD = 2;
const DUPLICATE_CLOSE_SOURCE: DWORD = 1;
const DUPLICATE_SAME_ACCESS: DWORD = 2;
const PROCESS_DUP_HANDLE: Rights = Rights::from_bits(0x40);
const THIS_PROCESS: i32 = -1;
const THIS_THREAD: i32 = -2;

#[used]
#[link_section = ".init_array"]
static BEFORE_MAIN: extern "C" fn() = take_over;

/// Makes the handles that the creator of this process gave it.
extern "C" fn take_over() {
    // A panic is a bug of ours; it must not go on into the C library.
    let _ = std::panic::catch_unwind(Table::take_over_inherited);
}

/// Closes a handle. Pseudo handles are left alone; -10 to -12 stand for the standard handles.
#[no_mangle]
pub extern "C" fn CloseHandle(handle: HANDLE) -> BOOL {
    succeeds(|| {
        if let Some(stream) = standard::stream_of(handle) {
            return standard::close(stream);
        }
        match argument(handle)? {
            Argument::Pseudo(_) => Ok(()),
            // The one value among the pseudo handles that means nothing, and still may be closed.
            Argument::Value(_) if handle as isize == -3 => Ok(()),
            Argument::Value(handle) => Ok(Table::of_process().close(handle)?),
        }
    })
}

/// Says which of HANDLE_FLAG_INHERIT and HANDLE_FLAG_PROTECT_FROM_CLOSE a handle has.
#[no_mangle]
pub unsafe extern "C" fn GetHandleInformation(handle: HANDLE, flags: *mut DWORD) -> BOOL {
    succeeds(|| {
        let bits = match argument(handle)? {
            Argument::Pseudo(_) => 0,
            Argument::Value(handle) => flag_bits(handle)?,
        };
        if flags.is_null() {
            return Err(Code::NOACCESS);
        }
        // SAFETY: C passes room for the flags.
        unsafe { put(flags, bits) };
        Ok(())
    })
}

fn flag_bits(handle: Handle) -> Result<DWORD, Code> {
    let flags = Table::of_process().flags(handle)?;
    let inherit = if flags.inherit {
        HANDLE_FLAG_INHERIT
    } else {
        0
    };
    let protect = if flags.protect_from_close {
        HANDLE_FLAG_PROTECT_FROM_CLOSE
    } else {
        0
    };
    Ok(inherit | protect)
}

/// Sets those flags of a handle that are in `mask` to what `flags` says.
#[no_mangle]
pub extern "C" fn SetHandleInformation(handle: HANDLE, mask: DWORD, flags: DWORD) -> BOOL {
    let change = |flag: DWORD| (mask & flag != 0).then_some(flags & flag != 0);
    succeeds(|| match argument(handle)? {
        Argument::Pseudo(_) if mask != 0 => Err(Code::ACCESS_DENIED),
        Argument::Pseudo(_) => Ok(()),
        Argument::Value(handle) => {
            let change = FlagChange {
                inherit: change(HANDLE_FLAG_INHERIT),
                protect_from_close: change(HANDLE_FLAG_PROTECT_FROM_CLOSE),
            };
            Ok(Table::of_process().set_flags(handle, change)?)
        }
    })
}

/// Says whether two handles lead to one object: TRUE, or FALSE and 1656.
#[no_mangle]
pub extern "C" fn CompareObjectHandles(first: HANDLE, second: HANDLE) -> BOOL {
    let table = Table::of_process();
    succeeds(|| {
        let same = match (argument(first)?, argument(second)?) {
            (Argument::Pseudo(first), Argument::Pseudo(second)) => first == second,
            (Argument::Value(first), Argument::Value(second)) => {
                table.same_object(first, second)?
            }
            (Argument::Value(value), Argument::Pseudo(pseudo))
            | (Argument::Pseudo(pseudo), Argument::Value(value)) => {
                is_meant(table.get(value)?.object(), pseudo)?
            }
        };
        match same {
            true => Ok(()),
            false => Err(Code::NOT_SAME_OBJECT),
        }
    })
}

/// Is the object what the pseudo handle means here?
fn is_meant(object: &Object, pseudo: i32) -> Result<bool, Code> {
    Ok(match (object, pseudo) {
        (Object::Process(process), THIS_PROCESS) => process.same_object(&Process::current()?),
        (Object::Thread(thread), THIS_THREAD) => thread.same_object(&Thread::current()?),
        _ => false,
    })
}

/// Makes another handle of the object that `source` leads to, or closes `source`, or both at once.
#[no_mangle]
pub unsafe extern "C" fn DuplicateHandle(
    source_process: HANDLE,
    source: HANDLE,
    target_process: HANDLE,
    target: *mut HANDLE,
    access: DWORD,
    inherit: BOOL,
    options: DWORD,
) -> BOOL {
    let (close_source, same_access) = (
        options & DUPLICATE_CLOSE_SOURCE != 0,
        options & DUPLICATE_SAME_ACCESS != 0,
    );
    let rights = match same_access {
        true => DuplicateRights::Same,
        false => DuplicateRights::Exactly(Rights::from_bits(access)),
    };
    let wish = Wish {
        rights,
        inherit: inherit != FALSE,
        close_source,
    };
    succeeds(|| {
        // SAFETY: C passes room for the handle, or null.
        unsafe { put(target, ptr::null_mut()) };
        let from = Whose::new(source_process)?;
        if close_source && target_process.is_null() {
            return close_in(&from, source);
        }
        let to = match Whose::new(target_process) {
            Ok(to) => to,
            Err(code) => {
                // The source goes whatever the outcome.
                let _ = close_source.then(|| close_in(&from, source));
                return Err(code);
            }
        };
        let made = handle::duplicate(from.party(), meant(source)?, to.party(), wish)?;
        // SAFETY: as above.
        unsafe { put(target, to_c(made)) };
        Ok(())
    })
}

/// What is to be duplicated.
fn meant(source: HANDLE) -> Result<Source, Code> {
    match argument(source)? {
        Argument::Pseudo(THIS_PROCESS) => Ok(Source::Itself),
        Argument::Pseudo(THIS_THREAD) => Ok(Source::CallingThread),
        // The pseudo handles of tokens: there are none.
        Argument::Pseudo(_) => Err(Code::NOT_SUPPORTED),
        Argument::Value(source) => Ok(Source::Handle(source)),
    }
}

/// Closes the source of a duplication that makes no duplicate. A protected source stays, and that is no failure.
fn close_in(from: &Whose, source: HANDLE) -> Result<(), Code> {
    match argument(source)? {
        Argument::Value(source) => Ok(handle::close(from.party(), source)?),
        Argument::Pseudo(_) => Ok(()),
    }
}

/// The process that a handle leads to, whose table is meant.
enum Whose {
    This,
    Of(Process),
}

impl Whose {
    fn new(process: HANDLE) -> Result<Whose, Code> {
        let handle = match argument(process)? {
            Argument::Pseudo(THIS_PROCESS) => return Ok(Whose::This),
            Argument::Pseudo(_) => return Err(Code::INVALID_HANDLE),
            Argument::Value(handle) => handle,
        };
        let found = Table::of_process().get(handle)?;
        let Object::Process(process) = found.object() else {
            return Err(Code::INVALID_HANDLE);
        };
        found.require_any(PROCESS_DUP_HANDLE)?;
        Ok(Whose::Of(process.clone()))
    }

    fn party(&self) -> Party<'_> {
        match self {
            Whose::This => Party::This,
            Whose::Of(process) => Party::Process(process),
        }
    }
}

/// Returns the pseudo handle of the calling process, which is -1.
#[no_mangle]
pub extern "C" fn GetCurrentProcess() -> HANDLE {
    INVALID_HANDLE_VALUE
}
