//! Command lines: the one of the process, and splitting any.

use std::ffi::{c_char, CString, OsString};
use std::os::unix::ffi::OsStringExt as _;
use std::sync::OnceLock;

use tong::process::command_line::{self, Dialect};

use crate::border::{call, put};
use crate::buffer::Unit;
use crate::error::Code;
use crate::memory::LocalAlloc;
use crate::string::wide;
use crate::types::LPCWSTR;

/// Returns the command line of the process in UTF-8, character for character; always the same pointer.
#[no_mangle]
pub extern "C" fn GetCommandLineA() -> *mut c_char {
    static LINE: OnceLock<CString> = OnceLock::new();
    let line = LINE.get_or_init(|| {
        // A creator could not have put a zero into it.
        CString::new(tong::process::command_line_of_process()).unwrap_or_default()
    });
    line.as_ptr().cast_mut()
}

/// Returns the command line of the process in UTF-16; always the same pointer.
#[no_mangle]
pub extern "C" fn GetCommandLineW() -> *mut u16 {
    static LINE: OnceLock<Vec<u16>> = OnceLock::new();
    let line = LINE.get_or_init(|| {
        let line = OsString::from_vec(tong::process::command_line_of_process());
        let mut units = u16::encode(&line);
        units.push(0);
        units
    });
    line.as_ptr().cast_mut()
}

/// Splits a command line into arguments, by the older rules. For an empty one, the path of the program.
///
/// The list, which ends with a null pointer, and the arguments are one piece of memory, to be freed with LocalFree.
#[no_mangle]
pub unsafe extern "C" fn CommandLineToArgvW(line: LPCWSTR, count: *mut i32) -> *mut *mut u16 {
    call(std::ptr::null_mut(), || {
        // SAFETY: C passes a string, or null.
        let line = unsafe { wide(line)? }.ok_or(Code::INVALID_PARAMETER)?;
        if count.is_null() {
            return Err(Code::INVALID_PARAMETER);
        }
        let list = match line.is_empty() {
            true => vec![std::env::current_exe().unwrap_or_default().into_os_string()],
            false => {
                let list = command_line::split(line.as_bytes(), Dialect::Classic);
                list.into_iter().map(OsString::from_vec).collect()
            }
        };
        let list: Vec<Vec<u16>> = list.iter().map(|argument| u16::encode(argument)).collect();
        let argc = i32::try_from(list.len()).map_err(|_| Code::INVALID_PARAMETER)?;
        // SAFETY: C passes room for the count.
        unsafe { put(count, argc) };
        allocate(&list)
    })
}

/// Lays a list of strings out in one piece of memory.
fn allocate(list: &[Vec<u16>]) -> Result<*mut *mut u16, Code> {
    let pointers = (list.len() + 1) * size_of::<*mut u16>();
    let units: usize = list.iter().map(|argument| argument.len() + 1).sum();
    let memory = LocalAlloc(0, pointers + units * size_of::<u16>());
    if memory.is_null() {
        return Err(Code::NOT_ENOUGH_MEMORY);
    }
    let argv = memory.cast::<*mut u16>();
    // SAFETY: the memory holds the pointers, and behind them the units that are written; it is aligned for any type.
    unsafe {
        let mut next = memory.cast::<u8>().add(pointers).cast::<u16>();
        for (index, argument) in list.iter().enumerate() {
            argv.add(index).write(next);
            std::ptr::copy_nonoverlapping(argument.as_ptr(), next, argument.len());
            next = next.add(argument.len());
            next.write(0);
            next = next.add(1);
        }
        argv.add(list.len()).write(std::ptr::null_mut());
    }
    Ok(argv)
}
