//! CreateProcess.
//!
//! # Flags
//! | flag | here |
//! |---|---|
//! | CREATE_SUSPENDED, CREATE_UNICODE_ENVIRONMENT, EXTENDED_STARTUPINFO_PRESENT | as on Windows |
//! | DETACHED_PROCESS | a session of its own without a terminal; no standard streams but those given |
//! | CREATE_NO_WINDOW | the same: a console that nobody sees |
//! | CREATE_NEW_CONSOLE | a session of its own without a terminal; the standard streams of the caller, because there is no window |
//! | CREATE_NEW_PROCESS_GROUP | a process group of its own, which the interrupt key does not reach |
//! | IDLE_PRIORITY_CLASS and the like | a nice value, as far as the user may have it |
//! | DEBUG_PROCESS, DEBUG_ONLY_THIS_PROCESS | F/50 |
//! | all others | ignored |
//!
//! # Which program
//! `tong::process` says which file a command line means. As programs of Linux have no `.exe` at the end, `adder.exe` also
//! finds `adder` if there is no `adder.exe`, with a directory or without; so a Windows program that starts `adder.exe 1 5`
//! works however its other half was called when it was built.
//!
//! # Standard handles
//! They become descriptors 0 to 2 of the child, so that programs that know nothing of tong can be children. A stream that
//! is absent is `/dev/null` for them.

use std::ffi::{c_char, c_void, CString};
use std::os::fd::OwnedFd;
use std::ptr;

use tong::handle::{Handle, Kind, Object, Table};
use tong::object::file::FilePath;
use tong::process::Startup;
use tong::{Inherit, Process, ProcessOptions, Stream};

use super::attributes::Attributes;
use super::startup::{self, STARTUPINFO, STARTUPINFOA, STARTUPINFOEX, STARTUPINFOW};
use super::{set_class, target, CREATE_PROCESS};
use crate::border::{argument, put, succeeds, to_c, wants_inheritance, Argument};
use crate::buffer::Unit;
use crate::environment::child_block;
use crate::error::Code;
use crate::standard;
use crate::string::{narrow, wide};
use crate::types::{BOOL, DWORD, FALSE, HANDLE, LPCSTR, LPCWSTR, SECURITY_ATTRIBUTES};

const DEBUG: DWORD = 0x1 | 0x2;
const SUSPENDED: DWORD = 0x4;
const DETACHED: DWORD = startup::DETACHED_PROCESS;
const NEW_CONSOLE: DWORD = 0x10;
const NEW_GROUP: DWORD = 0x200;
const UNICODE_ENVIRONMENT: DWORD = 0x400;
const EXTENDED_STARTUPINFO: DWORD = 0x8_0000;
const NO_WINDOW: DWORD = 0x0800_0000;
/// The priority classes that a child can be started in.
const CLASSES: [DWORD; 6] = [0x20, 0x40, 0x80, 0x100, 0x4000, 0x8000];

/// The handles and ids of a new process and its initial thread.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "Win32 documents its fields under these names")]
#[allow(
    non_snake_case,
    clippy::upper_case_acronyms,
    reason = "types and fields have the names that Win32 gives them"
)]
pub struct PROCESS_INFORMATION {
    pub hProcess: HANDLE,
    pub hThread: HANDLE,
    pub dwProcessId: DWORD,
    pub dwThreadId: DWORD,
}

impl PROCESS_INFORMATION {
    const NONE: PROCESS_INFORMATION = PROCESS_INFORMATION {
        hProcess: ptr::null_mut(),
        hThread: ptr::null_mut(),
        dwProcessId: 0,
        dwThreadId: 0,
    };
}

const _: () = assert!(size_of::<PROCESS_INFORMATION>() == 24);

/// Makes a process; texts are UTF-8.
#[no_mangle]
pub unsafe extern "C" fn CreateProcessA(
    application: LPCSTR,
    line: *mut c_char,
    process_attributes: *const SECURITY_ATTRIBUTES,
    thread_attributes: *const SECURITY_ATTRIBUTES,
    inherit: BOOL,
    flags: DWORD,
    environment: *const c_void,
    directory: LPCSTR,
    info: *const STARTUPINFOA,
    made: *mut PROCESS_INFORMATION,
) -> BOOL {
    // SAFETY: C passes strings, structures and room for the result, or null.
    succeeds(|| unsafe {
        put(made, PROCESS_INFORMATION::NONE);
        let request = Request {
            application: narrow(application)?.map(String::from),
            line: narrow(line)?.map(String::from),
            directory: narrow(directory)?.map(String::from),
            flags,
            inherit: inherit != FALSE,
            process_inherit: wants_inheritance(process_attributes),
            thread_inherit: wants_inheritance(thread_attributes),
        };
        request.create::<_, u8>(environment, info, made)
    })
}

/// Makes a process; texts are UTF-16. The command line is not written to.
#[no_mangle]
pub unsafe extern "C" fn CreateProcessW(
    application: LPCWSTR,
    line: *mut u16,
    process_attributes: *const SECURITY_ATTRIBUTES,
    thread_attributes: *const SECURITY_ATTRIBUTES,
    inherit: BOOL,
    flags: DWORD,
    environment: *const c_void,
    directory: LPCWSTR,
    info: *const STARTUPINFOW,
    made: *mut PROCESS_INFORMATION,
) -> BOOL {
    // SAFETY: C passes strings, structures and room for the result, or null.
    succeeds(|| unsafe {
        put(made, PROCESS_INFORMATION::NONE);
        let request = Request {
            application: wide(application)?.map(String::from),
            line: wide(line)?.map(String::from),
            directory: wide(directory)?.map(String::from),
            flags,
            inherit: inherit != FALSE,
            process_inherit: wants_inheritance(process_attributes),
            thread_inherit: wants_inheritance(thread_attributes),
        };
        request.create::<_, u16>(environment, info, made)
    })
}

/// The arguments of the call that are the same for both widths.
struct Request {
    application: Option<String>,
    line: Option<String>,
    directory: Option<String>,
    flags: DWORD,
    inherit: bool,
    process_inherit: bool,
    thread_inherit: bool,
}

impl Request {
    /// # Safety
    /// `environment` is null or leads to a block, `info` to the structure that the flags say, `made` to room.
    unsafe fn create<C, U: Unit>(
        &self,
        environment: *const c_void,
        info: *const STARTUPINFO<C>,
        made: *mut PROCESS_INFORMATION,
    ) -> Result<(), Code> {
        self.check_flags()?;
        if made.is_null() || info.is_null() {
            return Err(Code::INVALID_PARAMETER);
        }
        // SAFETY: the caller vouches for the pointers.
        let (settings, attributes, environment) = unsafe {
            let settings = info.read_unaligned();
            (
                Settings::new::<C, U>(&settings, self.flags)?,
                self.attributes(info)?,
                child_block(environment, self.has(UNICODE_ENVIRONMENT))?,
            )
        };
        let process = self.spawn(settings, &attributes, environment)?;
        let handles = self.hand_out(&process)?;
        // SAFETY: as above.
        unsafe { put(made, handles) };
        Ok(())
    }

    fn has(&self, flag: DWORD) -> bool {
        self.flags & flag != 0
    }

    fn check_flags(&self) -> Result<(), Code> {
        if self.has(DETACHED) && self.has(NEW_CONSOLE) {
            return Err(Code::INVALID_PARAMETER);
        }
        match self.has(DEBUG) {
            true => Err(Code::NOT_SUPPORTED),
            false => Ok(()),
        }
    }

    /// The attributes behind the structure, if the flags say that there are any.
    ///
    /// # Safety
    /// `info` leads to the structure that the flags say.
    unsafe fn attributes<C>(&self, info: *const STARTUPINFO<C>) -> Result<Attributes, Code> {
        if !self.has(EXTENDED_STARTUPINFO) {
            return Ok(Attributes::default());
        }
        let extended = info.cast::<STARTUPINFOEX<C>>();
        // SAFETY: the flag says that the structure is the longer one.
        unsafe {
            if (*info).cb as usize != size_of::<STARTUPINFOEX<C>>() {
                return Err(Code::INVALID_PARAMETER);
            }
            Attributes::read((*extended).lpAttributeList)
        }
    }

    fn spawn(
        &self,
        settings: Settings,
        attributes: &Attributes,
        environment: Vec<CString>,
    ) -> Result<Process, Code> {
        let creator = attributes.parent.map(creator).transpose()?;
        let inherit = self.inheritance(attributes)?;
        let streams = self.streams(&settings, &inherit);
        let line = self.line.as_deref();
        let [input, output, errors] = streams;
        let mut options = ProcessOptions::windows(self.application.as_deref(), line)
            .environment(environment)
            .inherit(inherit)
            .stdin(input)
            .stdout(output)
            .stderr(errors)
            .suspended(self.has(SUSPENDED))
            .new_group(self.has(NEW_GROUP) && !self.has(NEW_CONSOLE))
            .detached(self.has(DETACHED | NEW_CONSOLE | NO_WINDOW))
            .startup(settings.startup);
        if let Some(creator) = &creator {
            options = options.creator(creator);
        }
        if let Some(directory) = &self.directory {
            let path = FilePath::parse(directory).map_err(|_| Code::DIRECTORY)?;
            options = options.directory(path.path());
        }
        let process = options.spawn()?;
        if let Some(class) = CLASSES.iter().find(|class| self.has(**class)) {
            set_class(process.id(), *class)?;
        }
        Ok(process)
    }

    /// Which handles the child gets.
    fn inheritance(&self, attributes: &Attributes) -> Result<Inherit, Code> {
        match &attributes.handles {
            None if self.inherit => Ok(Inherit::All),
            None => Ok(Inherit::None),
            Some(_) if !self.inherit => Err(Code::INVALID_PARAMETER),
            Some(handles) => {
                let real = |handle: &HANDLE| match argument(*handle) {
                    Ok(Argument::Value(handle)) => Ok(handle),
                    _ => Err(Code::INVALID_PARAMETER),
                };
                let handles: Result<Vec<Handle>, Code> = handles.iter().map(real).collect();
                Ok(Inherit::Listed(handles?))
            }
        }
    }

    /// What becomes of descriptors 0 to 2.
    fn streams(&self, settings: &Settings, inherit: &Inherit) -> [Stream; 3] {
        let hidden = self.has(DETACHED) || self.has(NO_WINDOW) && !self.has(NEW_CONSOLE);
        [0, 1, 2].map(|index| match settings.given {
            Some(given) => given_stream(given[index], inherit),
            None if hidden => Stream::Null,
            None => own_stream(index),
        })
    }

    /// Makes the two handles. Without them nobody could ask for the process, so it does not stay.
    fn hand_out(&self, process: &Process) -> Result<PROCESS_INFORMATION, Code> {
        let table = Table::of_process();
        let thread = process.initial_thread();
        let thread_id = thread.id();
        let made = table.insert(
            Object::Process(process.clone()),
            Kind::Process.generic().all,
            self.process_inherit,
        );
        let both = made.and_then(|made| {
            let all = Kind::Thread.generic().all;
            match table.insert(Object::Thread(thread), all, self.thread_inherit) {
                Ok(thread) => Ok((made, thread)),
                Err(error) => {
                    let _ = table.close(made);
                    Err(error)
                }
            }
        });
        let (made, thread) = both.inspect_err(|_| {
            let _ = process.terminate(1);
        })?;
        Ok(PROCESS_INFORMATION {
            hProcess: to_c(made),
            hThread: to_c(thread),
            dwProcessId: process.id(),
            dwThreadId: thread_id,
        })
    }
}

/// The process that is to count as the creator.
fn creator(handle: HANDLE) -> Result<Process, Code> {
    target(handle, CREATE_PROCESS)?.ok_or(Code::INVALID_HANDLE)
}

/// The settings of a STARTUPINFO.
struct Settings {
    startup: Startup,
    /// The standard handles, if they are given.
    given: Option<[HANDLE; 3]>,
}

impl Settings {
    /// # Safety
    /// The texts of `info` are null or strings of units of this width.
    unsafe fn new<C, U: Unit>(info: &STARTUPINFO<C>, flags: DWORD) -> Result<Settings, Code> {
        let gives = info.dwFlags & startup::USESTDHANDLES != 0;
        if gives && info.dwFlags & startup::USEHOTKEY != 0 {
            return Err(Code::INVALID_PARAMETER);
        }
        // SAFETY: the caller vouches for the texts.
        let mut startup = unsafe { startup::to_child::<C, U>(info, flags)? };
        let given = gives.then_some([info.hStdInput, info.hStdOutput, info.hStdError]);
        startup.standard = match given {
            Some(given) => Some(given.map(number)),
            None if flags & DETACHED != 0 => Some([0; 3]),
            None => None,
        };
        Ok(Settings { startup, given })
    }
}

/// A handle as a number of 32 bits, whatever it is.
#[allow(
    clippy::cast_possible_truncation,
    reason = "of a handle, 32 bits count"
)]
fn number(handle: HANDLE) -> u32 {
    handle as usize as u32
}

/// The stream of a standard handle that is given. It works if the child gets the handle; the caller's own standard handles
/// work too, as those of a console do.
fn given_stream(handle: HANDLE, inherit: &Inherit) -> Stream {
    let own = (0..3).any(|index| standard::known(index) == Some(handle));
    let arrives = match argument(handle) {
        Ok(Argument::Value(value)) => match inherit {
            Inherit::None => false,
            Inherit::All => true,
            Inherit::Listed(listed) => listed.contains(&value),
        },
        _ => false,
    };
    let inheritable = |value| {
        let flags = Table::of_process().flags(value);
        flags.is_ok_and(|flags| flags.inherit)
    };
    match argument(handle) {
        Ok(Argument::Value(value)) if own || arrives && inheritable(value) => {
            descriptor(value).map_or(Stream::Null, Stream::Descriptor)
        }
        _ => Stream::Null,
    }
}

/// The stream that a child gets of which nothing was said: that of the caller, as SetStdHandle left it.
fn own_stream(index: usize) -> Stream {
    match standard::known(index).map(argument) {
        None => Stream::Inherit,
        Some(Ok(Argument::Value(value))) => {
            descriptor(value).map_or(Stream::Null, Stream::Descriptor)
        }
        Some(_) => Stream::Null,
    }
}

/// A copy of the descriptor of a handle's object.
fn descriptor(handle: Handle) -> Option<OwnedFd> {
    let found = Table::of_process().get(handle).ok()?;
    found.object().descriptor()?.try_clone_to_owned().ok()
}
