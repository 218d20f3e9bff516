//! Attribute lists: what CreateProcess is told beyond STARTUPINFO.
//!
//! A list lies in memory of the program, with room for as many attributes as it asked for. An attribute is where its value
//! is, and how long; the value stays in memory of the program, and is read when the process is made.

use std::ffi::c_void;

use crate::border::{put, succeeds};
use crate::error::Code;
use crate::types::{BOOL, DWORD, HANDLE};

/// The process that counts as the creator: a handle.
const PARENT_PROCESS: usize = 0x0002_0000;
/// The handles to be inherited.
const HANDLE_LIST: usize = 0x0002_0002;

/// Says that memory was initialised.
const MAGIC: u32 = 0x7461_6C31;

/// A list, followed by its entries.
#[allow(
    non_camel_case_types,
    clippy::upper_case_acronyms,
    reason = "the name that Win32 gives it"
)]
#[repr(C)]
#[derive(Debug)]
pub struct PROC_THREAD_ATTRIBUTE_LIST {
    magic: u32,
    capacity: u32,
    count: u32,
    unused: u32,
}

/// An attribute, and where its value is.
#[repr(C)]
#[derive(Clone, Copy)]
struct Entry {
    attribute: usize,
    len: usize,
    value: *const c_void,
}

/// The attributes of a list.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Attributes {
    /// The creator, if one is named; the handle was not checked.
    pub(super) parent: Option<HANDLE>,
    /// The handles to be inherited, if they are listed; they were not checked.
    pub(super) handles: Option<Vec<HANDLE>>,
}

/// Prepares memory for a list of `count` attributes. Without memory, or with too little, F/122, and `size` says what it
/// takes.
#[no_mangle]
pub unsafe extern "C" fn InitializeProcThreadAttributeList(
    list: *mut PROC_THREAD_ATTRIBUTE_LIST,
    count: DWORD,
    flags: DWORD,
    size: *mut usize,
) -> BOOL {
    succeeds(|| {
        if flags != 0 || size.is_null() {
            return Err(Code::INVALID_PARAMETER);
        }
        let needed = size_of::<PROC_THREAD_ATTRIBUTE_LIST>() + count as usize * size_of::<Entry>();
        // SAFETY: not null; C passes the number of bytes that `list` leads to.
        let given = unsafe { size.read_unaligned() };
        // SAFETY: as above.
        unsafe { put(size, needed) };
        if list.is_null() || given < needed {
            return Err(Code::INSUFFICIENT_BUFFER);
        }
        let new = PROC_THREAD_ATTRIBUTE_LIST {
            magic: MAGIC,
            capacity: count,
            count: 0,
            unused: 0,
        };
        // SAFETY: there is room for it.
        unsafe { list.write_unaligned(new) };
        Ok(())
    })
}

/// Adds an attribute. Its value must stay where it is until the list is deleted.
#[no_mangle]
pub unsafe extern "C" fn UpdateProcThreadAttribute(
    list: *mut PROC_THREAD_ATTRIBUTE_LIST,
    flags: DWORD,
    attribute: usize,
    value: *const c_void,
    len: usize,
    _previous: *mut c_void,
    _returned: *mut usize,
) -> BOOL {
    succeeds(|| {
        // SAFETY: C passes a list that was initialised.
        let mut head = unsafe { head(list)? };
        if flags != 0 {
            return Err(Code::INVALID_PARAMETER);
        }
        check(attribute, len)?;
        // SAFETY: as above.
        if unsafe { entries(list, &head) }.any(|entry| entry.attribute == attribute) {
            return Err(Code::OBJECT_NAME_EXISTS);
        }
        if head.count == head.capacity {
            return Err(Code::GEN_FAILURE);
        }
        let new = Entry {
            attribute,
            len,
            value,
        };
        // SAFETY: the list was made with room for `capacity` entries.
        unsafe {
            place(list, head.count).write_unaligned(new);
            head.count += 1;
            list.write_unaligned(head);
        }
        Ok(())
    })
}

/// Forgets a list.
#[no_mangle]
pub unsafe extern "C" fn DeleteProcThreadAttributeList(list: *mut PROC_THREAD_ATTRIBUTE_LIST) {
    // SAFETY: C passes a list that was initialised.
    if let Ok(mut head) = unsafe { head(list) } {
        head.magic = 0;
        // SAFETY: as above.
        unsafe { list.write_unaligned(head) };
    }
}

fn check(attribute: usize, len: usize) -> Result<(), Code> {
    let fits = match attribute {
        PARENT_PROCESS => len == size_of::<HANDLE>(),
        HANDLE_LIST => len != 0 && len % size_of::<HANDLE>() == 0,
        _ => return Err(Code::NOT_SUPPORTED),
    };
    match fits {
        true => Ok(()),
        false => Err(Code::BAD_LENGTH),
    }
}

/// # Safety
/// `list` is null or leads to memory of the size of a list.
unsafe fn head(
    list: *const PROC_THREAD_ATTRIBUTE_LIST,
) -> Result<PROC_THREAD_ATTRIBUTE_LIST, Code> {
    if list.is_null() {
        return Err(Code::INVALID_PARAMETER);
    }
    // SAFETY: not null, and the caller vouches for the rest.
    let head = unsafe { list.read_unaligned() };
    match head.magic == MAGIC && head.count <= head.capacity {
        true => Ok(head),
        false => Err(Code::INVALID_PARAMETER),
    }
}

/// Where the entry with this number is.
///
/// # Safety
/// The list has room for it.
unsafe fn place(list: *const PROC_THREAD_ATTRIBUTE_LIST, number: u32) -> *mut Entry {
    // SAFETY: the caller vouches for the room.
    unsafe { list.add(1).cast::<Entry>().add(number as usize).cast_mut() }
}

/// # Safety
/// `list` leads to a list with this head.
unsafe fn entries<'a>(
    list: *const PROC_THREAD_ATTRIBUTE_LIST,
    head: &'a PROC_THREAD_ATTRIBUTE_LIST,
) -> impl Iterator<Item = Entry> + 'a {
    // SAFETY: the first `count` entries were written.
    (0..head.count).map(move |number| unsafe { place(list, number).read_unaligned() })
}

impl Attributes {
    /// Reads a list; a null pointer is an empty one.
    ///
    /// # Safety
    /// `list` is null or leads to a list whose values are where they were.
    pub(super) unsafe fn read(list: *const PROC_THREAD_ATTRIBUTE_LIST) -> Result<Attributes, Code> {
        let mut attributes = Attributes::default();
        if list.is_null() {
            return Ok(attributes);
        }
        // SAFETY: the caller vouches for the list.
        let head = unsafe { head(list)? };
        // SAFETY: as above.
        for entry in unsafe { entries(list, &head) } {
            if entry.value.is_null() {
                return Err(Code::INVALID_PARAMETER);
            }
            let count = entry.len / size_of::<HANDLE>();
            let value = entry.value.cast::<HANDLE>();
            // SAFETY: the length was checked when the attribute was added, and the caller vouches for the value.
            let mut values = (0..count).map(|at| unsafe { value.add(at).read_unaligned() });
            match entry.attribute {
                PARENT_PROCESS => attributes.parent = values.next(),
                _ => attributes.handles = Some(values.collect()),
            }
        }
        Ok(attributes)
    }
}
