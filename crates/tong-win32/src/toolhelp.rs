//! The processes and threads of the machine: toolhelp snapshots, and the list of process ids.
//!
//! What a snapshot holds stands in [`tong::object::snapshot`]. Heaps and modules can be asked for, but are not there: the
//! functions that would show them do not exist.
//!
//! Thread ids are those of GetCurrentThreadId: the kernel's, but for the first thread of a process, whose id would be the
//! process's.

#![allow(
    unsafe_code,
    reason = "exported C symbols that use structures of C callers"
)]
#![allow(
    non_snake_case,
    reason = "functions and fields have the names that Win32 gives them"
)]
#![allow(
    clippy::missing_safety_doc,
    reason = "what all callers owe stands on the crate's page"
)]

use tong::handle::{Kind, Object, Table};
use tong::object::snapshot::{Contents, Snapshot};
use tong::process::list::{self, Listed, ListedThread, Priority};

use crate::border::{call, object, put, succeeds, to_c};
use crate::buffer::{field, saturated, Unit};
use crate::error::Code;
use crate::types::{BOOL, DWORD, HANDLE, INVALID_HANDLE_VALUE};

const TH32CS_SNAPPROCESS: DWORD = 2;
const TH32CS_SNAPTHREAD: DWORD = 4;
const TH32CS_INHERIT: DWORD = 0x8000_0000;
const MAX_PATH: usize = 260;

/// A process of a snapshot, with a name in either width.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct PROCESSENTRY32<U> {
    /// The size of this structure in bytes.
    pub dwSize: DWORD,
    /// Zero.
    pub cntUsage: DWORD,
    /// The process id.
    pub th32ProcessID: DWORD,
    /// Zero.
    pub th32DefaultHeapID: usize,
    /// Zero.
    pub th32ModuleID: DWORD,
    /// How many threads it has.
    pub cntThreads: DWORD,
    /// The process id of the creator.
    pub th32ParentProcessID: DWORD,
    /// The priority that its threads start with.
    pub pcPriClassBase: i32,
    /// Zero.
    pub dwFlags: DWORD,
    /// The file name of the program.
    pub szExeFile: [U; MAX_PATH],
}

/// A process of a snapshot, with its name in UTF-8.
pub type PROCESSENTRY32A = PROCESSENTRY32<u8>;
/// A process of a snapshot, with its name in UTF-16.
pub type PROCESSENTRY32W = PROCESSENTRY32<u16>;

/// A thread of a snapshot.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct THREADENTRY32 {
    /// The size of this structure in bytes.
    pub dwSize: DWORD,
    /// Zero.
    pub cntUsage: DWORD,
    /// The thread id.
    pub th32ThreadID: DWORD,
    /// The process that it belongs to.
    pub th32OwnerProcessID: DWORD,
    /// The priority that it started with.
    pub tpBasePri: i32,
    /// Zero.
    pub tpDeltaPri: i32,
    /// Zero.
    pub dwFlags: DWORD,
}

const _: () = assert!(size_of::<PROCESSENTRY32A>() == 304);
const _: () = assert!(size_of::<PROCESSENTRY32W>() == 568);
const _: () = assert!(size_of::<THREADENTRY32>() == 28);

/// Freezes a list of all processes, or threads, or both. INVALID_HANDLE_VALUE if that fails. The process id is not used.
#[no_mangle]
pub extern "C" fn CreateToolhelp32Snapshot(flags: DWORD, _process: DWORD) -> HANDLE {
    call(INVALID_HANDLE_VALUE, || {
        let snapshot = Snapshot::take(Contents {
            processes: flags & TH32CS_SNAPPROCESS != 0,
            threads: flags & TH32CS_SNAPTHREAD != 0,
        })?;
        let inherit = flags & TH32CS_INHERIT != 0;
        let granted = Kind::Snapshot.generic().all;
        let handle = Table::of_process().insert(Object::Snapshot(snapshot), granted, inherit)?;
        Ok(to_c(handle))
    })
}

/// Shows the first process of a snapshot, with its name in UTF-8. F 18 if there is none.
#[no_mangle]
pub unsafe extern "C" fn Process32First(snapshot: HANDLE, entry: *mut PROCESSENTRY32A) -> BOOL {
    // SAFETY: C passes the structure.
    unsafe { show(snapshot, entry, Snapshot::first_process, process_entry) }
}

/// Shows the first process of a snapshot, with its name in UTF-16. F 18 if there is none.
#[no_mangle]
pub unsafe extern "C" fn Process32FirstW(snapshot: HANDLE, entry: *mut PROCESSENTRY32W) -> BOOL {
    // SAFETY: C passes the structure.
    unsafe { show(snapshot, entry, Snapshot::first_process, process_entry) }
}

/// Shows the next process of a snapshot, with its name in UTF-8. F 18 after the last.
#[no_mangle]
pub unsafe extern "C" fn Process32Next(snapshot: HANDLE, entry: *mut PROCESSENTRY32A) -> BOOL {
    // SAFETY: C passes the structure.
    unsafe { show(snapshot, entry, Snapshot::next_process, process_entry) }
}

/// Shows the next process of a snapshot, with its name in UTF-16. F 18 after the last.
#[no_mangle]
pub unsafe extern "C" fn Process32NextW(snapshot: HANDLE, entry: *mut PROCESSENTRY32W) -> BOOL {
    // SAFETY: C passes the structure.
    unsafe { show(snapshot, entry, Snapshot::next_process, process_entry) }
}

/// Shows the first thread of a snapshot. F 18 if there is none.
#[no_mangle]
pub unsafe extern "C" fn Thread32First(snapshot: HANDLE, entry: *mut THREADENTRY32) -> BOOL {
    // SAFETY: C passes the structure.
    unsafe { show(snapshot, entry, Snapshot::first_thread, thread_entry) }
}

/// Shows the next thread of a snapshot. F 18 after the last.
#[no_mangle]
pub unsafe extern "C" fn Thread32Next(snapshot: HANDLE, entry: *mut THREADENTRY32) -> BOOL {
    // SAFETY: C passes the structure.
    unsafe { show(snapshot, entry, Snapshot::next_thread, thread_entry) }
}

/// Reads from a snapshot into a structure, whose first field says how large the caller thinks it is. In this order: F 87
/// without a structure, F 24 if it is too small, F 6 if the handle is no snapshot's, F 18 if there is nothing to read.
///
/// # Safety
/// `entry` is null or leads to an `E`, which starts with a DWORD and which nothing else uses during the call.
unsafe fn show<T, E>(
    snapshot: HANDLE,
    entry: *mut E,
    read: impl FnOnce(&Snapshot) -> Option<T>,
    convert: impl FnOnce(&T, DWORD) -> E,
) -> BOOL {
    succeeds(|| {
        if entry.is_null() {
            return Err(Code::INVALID_PARAMETER);
        }
        // SAFETY: not null; the caller vouches for the first field, and C compilers allow packed structures.
        let size = unsafe { entry.cast::<DWORD>().read_unaligned() };
        if (size as usize) < size_of::<E>() {
            return Err(Code::BAD_LENGTH);
        }
        let snapshot = object(snapshot)?;
        let Object::Snapshot(snapshot) = snapshot.object() else {
            return Err(Code::INVALID_HANDLE);
        };
        let found = read(snapshot).ok_or(Code::NO_MORE_FILES)?;
        // SAFETY: the caller vouches for the structure.
        unsafe { put(entry, convert(&found, size)) };
        Ok(())
    })
}

fn process_entry<U: Unit>(process: &Listed, size: DWORD) -> PROCESSENTRY32<U> {
    PROCESSENTRY32 {
        dwSize: size,
        cntUsage: 0,
        th32ProcessID: process.pid,
        th32DefaultHeapID: 0,
        th32ModuleID: 0,
        cntThreads: process.threads,
        th32ParentProcessID: process.parent,
        // The idle process has the lowest of all.
        pcPriClassBase: if process.pid == 0 {
            0
        } else {
            base_priority(process.priority)
        },
        dwFlags: 0,
        szExeFile: field(process.program.as_ref()),
    }
}

fn thread_entry(thread: &ListedThread, size: DWORD) -> THREADENTRY32 {
    THREADENTRY32 {
        dwSize: size,
        th32ThreadID: thread.id,
        th32OwnerProcessID: thread.pid,
        tpBasePri: base_priority(thread.priority),
        ..THREADENTRY32::default()
    }
}

/// The base priority of the priority class that comes nearest, as GetPriorityClass chooses it.
fn base_priority(priority: Priority) -> i32 {
    match priority {
        Priority::RealTime | Priority::Nice(..=-15) => 24,
        Priority::Nice(-14..=-8) => 13,
        Priority::Nice(-7..=-3) => 10,
        Priority::Nice(-2..=5) => 8,
        Priority::Nice(6..=14) => 6,
        Priority::Nice(15..) => 4,
    }
}

/// Lists the ids of all processes, as many as fit into `size` bytes, and says how many bytes that were.
#[no_mangle]
pub unsafe extern "C" fn K32EnumProcesses(ids: *mut DWORD, size: DWORD, used: *mut DWORD) -> BOOL {
    succeeds(|| {
        let room = size as usize / size_of::<DWORD>();
        if used.is_null() || (ids.is_null() && room > 0) {
            return Err(Code::NOACCESS);
        }
        let idle = 0;
        let pids = list::processes()?.into_iter().map(|process| process.pid);
        let pids: Vec<DWORD> = [idle].into_iter().chain(pids).take(room).collect();
        for (index, pid) in pids.iter().enumerate() {
            // SAFETY: C passes room for `room` ids, of which there are not more.
            unsafe { put(ids.add(index), *pid) };
        }
        // SAFETY: C passes room for the number.
        unsafe { put(used, saturated(size_of_val(&pids[..]))) };
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// P-96: the numbers of the priority classes, from real-time down to idle.
    #[test]
    fn base_priority_is_that_of_a_class() {
        let nice = [-20, -10, -5, 0, 10, 19].map(|nice| base_priority(Priority::Nice(nice)));
        assert_eq!(nice, [24, 13, 10, 8, 6, 4]);
        assert_eq!(base_priority(Priority::RealTime), 24);
    }
}
