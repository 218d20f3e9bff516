//! What lies around a process: its command line, its start-up settings, its page.
//!
//! The object itself is [`Process`](crate::Process), made with [`ProcessOptions`](crate::ProcessOptions). Here is:
//!
//! | module | what |
//! |---|---|
//! | [`command_line`] | one string from many arguments, and back |
//! | `lookup` | which file a command line means |
//! | `start` | what a creator tells the process it creates, and what this one was told |
//! | [`list`] | all processes and threads there are |
//! | `page` | the memory that shows a process to others |
//! | `glance` | a page that is only read |
//! | `children` | children that nobody holds any more are waited for |
//!
//! # Which program a command line means
//! With an *application name* that is the path of the program, absolute or seen from the current directory, and the
//! command line is only passed on. Without one, the program is the first part of the command line: what stands in quotes, or
//! else the text up to the first blank, up to the second, and so on, until there is such a file.
//!
//! A name without a directory is looked for in the directory of the calling program, in the current directory, and in those
//! of `PATH`; Windows' own directories, which come in between there, have no counterpart.
//!
//! Programs of Linux have no `.exe` at the end, those built from Windows sources may have it or not. So, in each place:
//!
//! | the name | tried |
//! |---|---|
//! | `adder` without a directory | `adder.exe`, then `adder` |
//! | `adder.exe`, with or without a directory | `adder.exe`, then `adder` |
//! | `adder.`, without a directory | `adder` |
//! | anything else | as it is |
//!
//! A batch file (`.bat`, `.cmd`) is run by the interpreter that `COMSPEC` names, if it names one; else it has to say in its
//! first line who runs it, as every script.

pub(crate) mod children;
pub mod command_line;
pub(crate) mod glance;
pub mod list;
pub(crate) mod lookup;
pub(crate) mod page;
mod start;

pub(crate) use start::Start;
pub use start::{command_line_of_process, standard_handles, startup_of_process, Startup};

/// How long a file a program must be allowed to make (`ulimit -f`), in bytes. So long is the page of a process, nearly all
/// of which is never touched and takes no memory.
pub const FILE_SIZE_NEEDED: u64 = page::LEN;

/// Ends this process as returning from its main function does, with all 32 bits of the exit code for those who ask tong.
pub fn exit(code: u32) -> ! {
    tong_sys::exit_code::exit(code)
}

/// Ends this process at once: nothing of it runs any more, no exit functions, no destructors.
pub fn end_now(code: u32) -> ! {
    page::Page::note_own_end(code);
    tong_sys::exit_code::end_now(code)
}
