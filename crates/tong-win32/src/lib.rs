//! The Win32 C ABI of tong: the functions behind `windows.h`, as far as they are not written in C.
//!
//! Each function converts its arguments, calls tong, and converts the outcome back: into TRUE or a handle, or into FALSE,
//! NULL or INVALID_HANDLE_VALUE and a number in the thread's last error. All knowledge of Win32's numbers is in
//! this crate; all behaviour is in `tong`.
//!
//! | module | functions |
//! |---|---|
//! | [`error`] | GetLastError, SetLastError, and the table of error numbers |
//! | [`handle`] | CloseHandle, DuplicateHandle, CompareObjectHandles, Get/SetHandleInformation, GetCurrentProcess |
//! | [`standard`] | GetStdHandle, SetStdHandle |
//! | [`mod@file`] | CreateFile, DeleteFile, the file pointer, sizes, GetFileType, FlushFileBuffers |
//! | [`transfer`] | ReadFile, WriteFile, ReadFileEx, WriteFileEx |
//! | [`overlapped_result`], [`cancel`] | GetOverlappedResult, CancelIo, CancelIoEx, CancelSynchronousIo |
//! | [`completion_port`] | CreateIoCompletionPort, Get/PostQueuedCompletionStatus, SetFileCompletionNotificationModes |
//! | [`mailslot`] | CreateMailslot, GetMailslotInfo, SetMailslotInfo |
//! | [`mod@pipe`] | CreateNamedPipe, ConnectNamedPipe, PeekNamedPipe, CallNamedPipe and their family, CreatePipe |
//! | [`process`] | CreateProcess, OpenProcess, TerminateProcess, ExitProcess, exit codes, start-up settings, command lines, attribute lists |
//! | [`string`] | MultiByteToWideChar, WideCharToMultiByte |
//! | [`memory`], [`heap`] | LocalAlloc, LocalFree, GlobalAlloc, GlobalFree, HeapAlloc, HeapFree |
//! | [`console`], [`message_box`] | WriteConsole, MessageBox |
//! | [`environment`] | Get/SetEnvironmentVariable, Get/Set/FreeEnvironmentStrings, ExpandEnvironmentStrings |
//! | [`directory`] | Get/SetCurrentDirectory, GetModuleFileName |
//! | [`toolhelp`] | CreateToolhelp32Snapshot, Process32First/Next, Thread32First/Next, EnumProcesses |
//! | [`system_info`] | GetSystemInfo |
//! | [`system_time`] | GetSystemTime, GetLocalTime, FILETIMEs, QueryPerformanceCounter |
//! | [`event`], [`mutex`], [`semaphore`], [`timer`] | making, opening, signaling them |
//! | [`wait`] | WaitForSingleObject, WaitForMultipleObjects, SignalObjectAndWait |
//! | [`critical_section`], [`srw_lock`], [`condition_variable`] | locks inside the process |
//! | [`init_once`], [`wait_on_address`], [`slist`] | one-time initialization, WaitOnAddress, lists |
//! | [`threadpool`] | the thread pool API: work, timers, waits, ended operations, groups |
//! | [`tls`], [`fls`] | slots of which each thread has its own |
//! | [`thread`], [`begin_thread`] | CreateThread and its family, Sleep; _beginthreadex and its family |
//! | [`thread_description`] | Get/SetThreadDescription |
//! | [`apc`] | QueueUserAPC |
//! | [`pool`], [`timer_queue`], [`registered_wait`] | QueueUserWorkItem, timer queues, RegisterWaitForSingleObject |
//! | [`system`] | process ids, GetTickCount |
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
//! # Operations that go on
//! Reads, writes and connects with an OVERLAPPED on an overlapped open end later if they cannot end at once. All writes to files
//! and mailslots and all reads of regular files end at once.

pub mod apc;
pub mod begin_thread;
mod border;
mod buffer;
pub mod cancel;
mod completion;
pub mod completion_port;
pub mod condition_variable;
pub mod console;
pub mod critical_section;
mod desk;
pub mod directory;
pub mod environment;
pub mod error;
pub mod event;
mod exit;
pub mod file;
pub mod fls;
mod futex;
pub mod handle;
pub mod heap;
pub mod init_once;
pub mod mailslot;
pub mod memory;
pub mod message_box;
pub mod mutex;
mod names;
mod overlapped;
pub mod overlapped_result;
pub mod pipe;
pub mod pool;
pub mod process;
pub mod registered_wait;
pub mod semaphore;
pub mod slist;
pub mod srw_lock;
pub mod standard;
mod status;
pub mod string;
pub mod system;
pub mod system_info;
pub mod system_time;
pub mod thread;
pub mod thread_description;
pub mod threadpool;
pub mod timer;
pub mod timer_queue;
pub mod tls;
pub mod toolhelp;
pub mod transfer;
pub mod types;
pub mod wait;
pub mod wait_on_address;
