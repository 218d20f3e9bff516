//! The Win32 C ABI of tong: the functions behind `windows.h`, as far as they are not written in C.
//!
//! Each function converts its arguments, calls tong, and converts the outcome back: into TRUE or a handle, or into FALSE,
//! NULL or INVALID_HANDLE_VALUE and a number in the thread's last error. All knowledge of Win32's numbers is in
//! this crate; all behaviour is in `tong`.
//!
//! | module | functions |
//! |---|---|
//! | [`error`] | GetLastError, SetLastError, and the table of error numbers |
//! | [`handle`] | CloseHandle, DuplicateHandle, CompareObjectHandles, Get/SetHandleInformation, GetStdHandle, GetCurrentProcess |
//! | [`mod@file`] | CreateFile, DeleteFile, the file pointer, sizes, GetFileType, FlushFileBuffers |
//! | [`transfer`] | ReadFile, WriteFile |
//! | [`mailslot`] | CreateMailslot, GetMailslotInfo, SetMailslotInfo |
//! | [`string`] | MultiByteToWideChar, WideCharToMultiByte |
//! | [`memory`] | LocalAlloc, LocalFree |
//! | [`system`] | process and thread ids, Sleep, GetTickCount |
//!
//! # What a caller owes
//! The functions are called from C and trust it as far as C must: a pointer is null, or leads to memory of the kind
//! and size that the function's prototype and the other arguments say, for the length of the call; strings end with
//! a zero. Null pointers are met with an error where Windows does so. Nothing else is asked for, so there is no
//! `# Safety` section at each function.
//!
//! # Strings
//! The narrow functions (A) take UTF-8, the wide ones (W) UTF-16. Text that is neither fails with 1113.
//!
//! # Security
//! `SECURITY_ATTRIBUTES` gives the inherit flag. Its security descriptor is accepted and not read: a mailslot is open to
//! the user who made it and nobody else (the Rust interface can widen that), a file has the permissions
//! that the umask leaves.
//!
//! # Lifetime and death
//! Handles that a program left open are closed when it returns from its main function or calls exit, after everything
//! else. A killed process gives up what it held just as well, but files of its mailslots stay until somebody uses their names.
//!
//! # Today
//! An operation with an OVERLAPPED completes before the call returns, or fails with 50 if it would have to wait. There are no
//! events yet, so an OVERLAPPED with an `hEvent` fails with 6.

mod border;
pub mod error;
mod exit;
pub mod file;
pub mod handle;
pub mod mailslot;
pub mod memory;
mod sigpipe;
pub mod string;
pub mod system;
pub mod transfer;
pub mod types;
