//! Processes through C: making, opening, ending and asking them. What programs of ours see as children is in
//! `tests/c/processes.c`.

use std::ffi::{c_char, c_void};
use std::io::Write;
use std::ptr;

use tong_win32::handle::CompareObjectHandles;
use tong_win32::memory::LocalFree;
use tong_win32::process::arguments::{CommandLineToArgvW, GetCommandLineA, GetCommandLineW};
use tong_win32::process::attributes::*;
use tong_win32::process::create::{CreateProcessA, CreateProcessW, PROCESS_INFORMATION};
use tong_win32::process::startup::{STARTUPINFO, STARTUPINFOEX};
use tong_win32::process::*;
use tong_win32::thread::{GetExitCodeThread, GetThreadId, ResumeThread};
use tong_win32::wait::WaitForSingleObject;

use crate::*;

const LONG: u32 = 30_000;
const STILL_ACTIVE: u32 = 259;
const WAIT_TIMEOUT: u32 = 258;
const CREATE_SUSPENDED: u32 = 4;
const DETACHED_PROCESS: u32 = 8;
const CREATE_NEW_CONSOLE: u32 = 0x10;
const CREATE_UNICODE_ENVIRONMENT: u32 = 0x400;
const EXTENDED: u32 = 0x8_0000;
const NO_WINDOW: u32 = 0x0800_0000;
const USESTDHANDLES: u32 = 0x100;
const HANDLE_LIST: usize = 0x2_0002;
const PARENT_PROCESS: usize = 0x2_0000;

fn nothing<C>() -> STARTUPINFO<C> {
    STARTUPINFO {
        cb: size_of::<STARTUPINFO<C>>() as u32,
        lpReserved: ptr::null_mut(),
        lpDesktop: ptr::null_mut(),
        lpTitle: ptr::null_mut(),
        dwX: 0,
        dwY: 0,
        dwXSize: 0,
        dwYSize: 0,
        dwXCountChars: 0,
        dwYCountChars: 0,
        dwFillAttribute: 0,
        dwFlags: 0,
        wShowWindow: 0,
        cbReserved2: 0,
        lpReserved2: ptr::null_mut(),
        hStdInput: ptr::null_mut(),
        hStdOutput: ptr::null_mut(),
        hStdError: ptr::null_mut(),
    }
}

/// Arguments of CreateProcess that most tests leave alone.
struct Create<'a> {
    application: Option<&'a str>,
    line: Option<&'a str>,
    inherit: i32,
    flags: u32,
    environment: *const c_void,
    directory: Option<&'a str>,
    startup: *const STARTUPINFO<c_char>,
}

impl<'a> Create<'a> {
    fn line(line: &'a str) -> Create<'a> {
        Create {
            application: None,
            line: Some(line),
            inherit: FALSE,
            flags: 0,
            environment: ptr::null(),
            directory: None,
            startup: ptr::null(),
        }
    }

    fn call(&self) -> Result<PROCESS_INFORMATION, u32> {
        namespace();
        let application = self.application.map(c);
        let mut line = self.line.map(|line| c(line).into_bytes_with_nul());
        let directory = self.directory.map(c);
        let plain = nothing();
        let startup = if self.startup.is_null() {
            &raw const plain
        } else {
            self.startup
        };
        let mut made = PROCESS_INFORMATION {
            hProcess: 0x77 as HANDLE,
            hThread: 0x77 as HANDLE,
            dwProcessId: 0x77,
            dwThreadId: 0x77,
        };
        let call = || unsafe {
            CreateProcessA(
                application.as_ref().map_or(ptr::null(), |it| it.as_ptr()),
                line.as_mut()
                    .map_or(ptr::null_mut(), |it| it.as_mut_ptr().cast()),
                ptr::null(),
                ptr::null(),
                self.inherit,
                self.flags,
                self.environment,
                directory.as_ref().map_or(ptr::null(), |it| it.as_ptr()),
                startup,
                &mut made,
            )
        };
        match last_error_of(call) {
            (TRUE, _) => Ok(made),
            (_, code) => {
                // P-16.
                assert!(made.hProcess.is_null() && made.hThread.is_null());
                assert_eq!((made.dwProcessId, made.dwThreadId), (0, 0));
                Err(code)
            }
        }
    }
}

fn exit_code(process: HANDLE) -> u32 {
    let mut code = 0;
    succeeds(|| unsafe { GetExitCodeProcess(process, &mut code) });
    code
}

/// Waits for the end of a process, closes its handles, and returns its exit code.
#[track_caller]
fn end_of(made: PROCESS_INFORMATION) -> u32 {
    assert_eq!(WaitForSingleObject(made.hProcess, LONG), 0);
    let code = exit_code(made.hProcess);
    let mut of_thread = 0;
    succeeds(|| unsafe { GetExitCodeThread(made.hThread, &mut of_thread) });
    assert_eq!(of_thread, code, "P-76");
    close(made.hThread);
    close(made.hProcess);
    code
}

/// P-1, P-12, P-36, P-63: what cannot be made, and the number for it.
#[test]
fn failures_have_their_numbers() {
    let line = |line| Create::line(line).call().unwrap_err();
    let named = |name| {
        let create = Create {
            application: Some(name),
            ..Create::line("x")
        };
        create.call().unwrap_err()
    };
    assert_eq!(
        Create {
            line: None,
            ..Create::line("")
        }
        .call()
        .unwrap_err(),
        87
    );
    assert_eq!(line(""), 87);
    assert_eq!(named(""), 3);
    assert_eq!(line("no-such-program x"), 2);
    assert_eq!(line("/nonexistent/x y"), 3);
    assert_eq!(named("sh"), 2, "P-2: not searched for");
    assert_eq!(named("/etc/passwd"), 193);
    assert_eq!(named("/etc"), 5);
    let long = "x".repeat(32_767);
    assert_eq!(line(&long), 206, "P-13");
    for nowhere in ["/nonexistent", "/etc/passwd", ""] {
        let create = Create {
            directory: Some(nowhere),
            ..Create::line("sh -c true")
        };
        assert_eq!(create.call().unwrap_err(), 267);
    }
    let flags = |flags| {
        Create {
            flags,
            ..Create::line("sh -c true")
        }
        .call()
    };
    assert_eq!(
        flags(DETACHED_PROCESS | CREATE_NEW_CONSOLE).unwrap_err(),
        87
    );
    assert_eq!(flags(1).unwrap_err(), 50, "there are no debuggers");
    assert_eq!(end_of(flags(NO_WINDOW | CREATE_NEW_CONSOLE).unwrap()), 0);
    assert_eq!(end_of(flags(NO_WINDOW | DETACHED_PROCESS).unwrap()), 0);
    let mut made = PROCESS_INFORMATION {
        hProcess: ptr::null_mut(),
        hThread: ptr::null_mut(),
        dwProcessId: 0,
        dwThreadId: 0,
    };
    let mut command = c("sh -c true").into_bytes_with_nul();
    let (null, flags) = (ptr::null(), 0);
    fails(87, || unsafe {
        let line = command.as_mut_ptr().cast();
        CreateProcessA(
            null,
            line,
            ptr::null(),
            ptr::null(),
            0,
            flags,
            ptr::null(),
            null,
            ptr::null(),
            &mut made,
        )
    });
}

/// P-14, P-52, P-68: the command line is not written to, and the wide call means the same. The two handles have all rights, and
/// are inheritable if the attributes say so.
#[test]
fn wide_call_makes_the_same() {
    namespace();
    let line = w("sh -c \"exit 42\"");
    let mut buffer = line.clone();
    let directory = w("C:\\");
    let startup = nothing::<u16>();
    let mut made = std::mem::MaybeUninit::uninit();
    let called = unsafe {
        CreateProcessW(
            ptr::null(),
            buffer.as_mut_ptr(),
            &inheritable(1),
            ptr::null(),
            FALSE,
            0,
            ptr::null(),
            directory.as_ptr(),
            &startup,
            made.as_mut_ptr(),
        )
    };
    assert_eq!((called, buffer), (TRUE, line));
    let made = unsafe { made.assume_init() };
    let flags = |handle| {
        let mut flags = 9;
        succeeds(|| unsafe { tong_win32::handle::GetHandleInformation(handle, &mut flags) });
        flags
    };
    assert_eq!((flags(made.hProcess), flags(made.hThread)), (1, 0));
    let granted = |handle: HANDLE| {
        let value = tong::handle::Handle::from_raw(handle as usize as u32);
        tong::handle::Table::of_process()
            .get(value)
            .unwrap()
            .granted()
            .bits()
    };
    assert_eq!(
        [granted(made.hProcess), granted(made.hThread)],
        [0x001F_FFFF; 2]
    );
    assert_eq!(GetProcessId(made.hProcess), made.dwProcessId);
    assert_eq!(GetThreadId(made.hThread), made.dwThreadId);
    assert_eq!(end_of(made), 42);
}

/// P-31, P-32, P-33: a block in either width, sorted or not, is exactly what the child has.
#[test]
fn environment_blocks_are_taken_as_they_are() {
    let script = "sh -c 'test \"$B$A\" = \"2통\" && test -z \"$HOME\"'"
        .replace('\'', "\"")
        .replace("\"$B$A\"", "$B$A");
    let script = script
        .replace("\"2통\"", "2통")
        .replace("\"$HOME\"", "$HOME");
    let narrow = "B=2\0A=통\0PATH=/bin:/usr/bin\0\0";
    let wide: Vec<u16> = narrow.encode_utf16().collect();
    let create = Create {
        environment: narrow.as_ptr().cast(),
        ..Create::line(&script)
    };
    assert_eq!(end_of(create.call().unwrap()), 0);
    let create = Create {
        environment: wide.as_ptr().cast(),
        flags: CREATE_UNICODE_ENVIRONMENT,
        ..Create::line(&script)
    };
    assert_eq!(end_of(create.call().unwrap()), 0);
}

/// P-62, P-72, P-80.
#[test]
fn suspended_process_has_code_259_and_starts_when_resumed() {
    let create = Create {
        flags: CREATE_SUSPENDED,
        ..Create::line("sh -c \"exit 7\"")
    };
    let made = create.call().unwrap();
    assert_eq!(exit_code(made.hProcess), STILL_ACTIVE);
    assert_eq!(WaitForSingleObject(made.hProcess, 20), WAIT_TIMEOUT);
    assert_eq!(GetProcessId(made.hProcess), made.dwProcessId);
    assert_eq!(GetThreadId(made.hThread), made.dwThreadId);
    assert_ne!(made.dwThreadId, made.dwProcessId, "P-92");
    assert_eq!(ResumeThread(made.hThread), 1);
    assert_eq!(WaitForSingleObject(made.hThread, LONG), 0);
    fails(5, || TerminateProcess(made.hProcess, 1));
    assert_eq!(end_of(made), 7);
}

/// P-79, P-80, P-81, P-85 to P-90, H-27, H-29: rights, kinds and ids.
#[test]
fn handles_of_processes_allow_what_they_were_opened_for() {
    // It refuses every signal that can be refused.
    let script = "sh -c \"trap '' HUP INT QUIT TERM; while :; do sleep 1; done\"";
    let made = Create::line(script).call().unwrap();
    let id = made.dwProcessId;
    let open = |access| {
        let (handle, code) = last_error_of(|| OpenProcess(access, TRUE, id));
        if handle.is_null() {
            Err(code)
        } else {
            Ok(handle)
        }
    };
    assert_eq!(open(0), Err(5), "H-23");
    assert_eq!(open(0x0100_0000), Err(5));
    let (null, code) = last_error_of(|| OpenProcess(1, FALSE, 0));
    assert!(null.is_null() && code == 87);
    let query = open(0x400).unwrap();
    assert_eq!(GetProcessId(query), id, "H-19: includes the limited right");
    fails(5, || TerminateProcess(query, 1));
    assert_eq!(
        last_error_of(|| WaitForSingleObject(query, 0)),
        (u32::MAX, 5)
    );
    succeeds(|| CompareObjectHandles(query, made.hProcess));
    let end = open(1).unwrap();
    assert_eq!(last_error_of(|| GetProcessId(end)), (0, 5));
    fails(5, || unsafe { GetExitCodeProcess(end, &mut 0) });
    fails(6, || TerminateProcess(made.hThread, 1));
    fails(6, || TerminateProcess(ptr::null_mut(), 1));
    assert_eq!(last_error_of(|| GetProcessId(made.hThread)), (0, 6));
    succeeds(|| TerminateProcess(end, 0xFFFF_FFFE));
    assert_eq!(WaitForSingleObject(made.hProcess, LONG), 0);
    fails(5, || TerminateProcess(end, 1));
    // P-87: held, so it can be opened still.
    let again = open(0x1000).unwrap();
    assert_eq!(exit_code(again), 0xFFFF_FFFE);
    for handle in [query, end, again] {
        close(handle);
    }
    assert_eq!(end_of(made), 0xFFFF_FFFE);
}

/// P-89, P-91, H-53: the pseudo handle.
#[test]
fn pseudo_handle_is_the_caller() {
    let this = GetCurrentProcess();
    assert_eq!(GetProcessId(this), std::process::id());
    assert_eq!(exit_code(this), STILL_ACTIVE);
    let own = std::env::current_exe().unwrap();
    let own = own.to_str().unwrap();
    let mut path = vec![0x55_u8; own.len() + 2];
    let mut len = own.len() as u32;
    let to = path.as_mut_ptr().cast();
    fails(122, || unsafe {
        QueryFullProcessImageNameA(this, 0, to, &mut len)
    });
    len = own.len() as u32 + 1;
    succeeds(|| unsafe { QueryFullProcessImageNameA(this, 0, to, &mut len) });
    assert_eq!(
        (len as usize, &path[..own.len()]),
        (own.len(), own.as_bytes())
    );
    assert_eq!(path[own.len()..], [0, 0x55]);
    let mut wide = [0_u16; 1000];
    len = 1000;
    succeeds(|| unsafe { QueryFullProcessImageNameW(this, 0, wide.as_mut_ptr(), &mut len) });
    assert_eq!(wide[..=len as usize], w(own)[..]);
    assert_ne!(GetPriorityClass(this), 0);
    fails(87, || SetPriorityClass(this, 12345));
}

/// P-41, P-43, P-45, P-46: what becomes of the streams of programs that know only descriptors 0 to 2.
#[test]
fn standard_handles_become_descriptors() {
    namespace();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("out");
    let run = |inheritance: i32, inherit: i32, given: bool, flags: u32| {
        std::fs::File::create(&path)
            .unwrap()
            .write_all(b"")
            .unwrap();
        let name = c(path.to_str().unwrap());
        let attributes = inheritable(inheritance);
        let file = unsafe {
            CreateFileA(
                name.as_ptr(),
                GENERIC_WRITE,
                3,
                &attributes,
                3,
                0,
                ptr::null_mut(),
            )
        };
        let mut startup = nothing();
        startup.dwFlags = USESTDHANDLES;
        if given {
            startup.hStdOutput = file;
        }
        let create = Create {
            inherit,
            flags,
            startup: &startup,
            ..Create::line("sh -c \"echo said\"")
        };
        let code = end_of(create.call().unwrap());
        close(file);
        (code, std::fs::read_to_string(&path).unwrap())
    };
    assert_eq!(run(1, TRUE, true, 0), (0, "said\n".into()));
    assert_eq!(run(1, TRUE, true, DETACHED_PROCESS), (0, "said\n".into()));
    for (inheritance, inherit, given) in [(0, TRUE, true), (1, FALSE, true), (1, TRUE, false)] {
        assert_eq!(
            run(inheritance, inherit, given, 0),
            (0, String::new()),
            "it does not arrive"
        );
    }
    let mut startup = nothing();
    startup.dwFlags = USESTDHANDLES | 0x200;
    let create = Create {
        startup: &startup,
        ..Create::line("sh -c true")
    };
    assert_eq!(create.call().unwrap_err(), 87, "P-40");
}

struct List(Vec<u64>);

impl List {
    fn new(count: u32) -> List {
        let mut size = 0;
        fails(122, || unsafe {
            InitializeProcThreadAttributeList(ptr::null_mut(), count, 0, &mut size)
        });
        assert!(size > 0, "P-58");
        let mut list = List(vec![0; size / 8 + 1]);
        let at = list.at();
        succeeds(|| unsafe { InitializeProcThreadAttributeList(at, count, 0, &mut size) });
        list
    }

    fn at(&mut self) -> *mut PROC_THREAD_ATTRIBUTE_LIST {
        self.0.as_mut_ptr().cast()
    }

    fn add(&mut self, attribute: usize, value: &[HANDLE], len: usize) -> Result<(), u32> {
        let at = self.at();
        let call = || unsafe {
            let value = value.as_ptr().cast();
            UpdateProcThreadAttribute(
                at,
                0,
                attribute,
                value,
                len,
                ptr::null_mut(),
                ptr::null_mut(),
            )
        };
        match last_error_of(call) {
            (TRUE, code) => {
                assert_eq!(code, UNTOUCHED);
                Ok(())
            }
            (_, code) => Err(code),
        }
    }
}

/// P-58, P-59.
#[test]
fn attribute_lists_check_what_they_are_given() {
    let mut list = List::new(2);
    let handle = [0x1234 as HANDLE, 0x5678 as HANDLE];
    assert_eq!(list.add(0x2_0007, &handle, 8), Err(50));
    for len in [0, 4, 9] {
        assert_eq!(list.add(HANDLE_LIST, &handle, len), Err(24));
        assert_eq!(list.add(PARENT_PROCESS, &handle, len), Err(24));
    }
    assert_eq!(list.add(PARENT_PROCESS, &handle, 16), Err(24));
    assert_eq!(list.add(PARENT_PROCESS, &handle, 8), Ok(()));
    assert_eq!(list.add(PARENT_PROCESS, &handle, 8), Err(698));
    assert_eq!(list.add(HANDLE_LIST, &handle, 16), Ok(()));
    let mut full = List::new(0);
    assert_eq!(full.add(HANDLE_LIST, &handle, 16), Err(31));
    unsafe { DeleteProcThreadAttributeList(list.at()) };
}

/// P-38, P-54, P-56, P-60, H-53: the size of the structure counts if there are attributes.
#[test]
fn attributes_are_checked_when_the_process_is_made() {
    let create = |list: *mut PROC_THREAD_ATTRIBUTE_LIST, inherit| {
        let mut startup = STARTUPINFOEX::<c_char> {
            StartupInfo: nothing(),
            lpAttributeList: list,
        };
        startup.StartupInfo.cb = size_of_val(&startup) as u32;
        let startup = (&raw const startup).cast();
        let create = Create {
            flags: EXTENDED,
            inherit,
            startup,
            ..Create::line("sh -c \"exit 3\"")
        };
        create.call().map(end_of)
    };
    assert_eq!(create(ptr::null_mut(), TRUE), Ok(3));
    let short = nothing();
    let create_short = Create {
        flags: EXTENDED,
        startup: &short,
        ..Create::line("sh -c true")
    };
    assert_eq!(create_short.call().unwrap_err(), 87);
    let this = [GetCurrentProcess()];
    let mut list = List::new(1);
    list.add(HANDLE_LIST, &this, 8).unwrap();
    assert_eq!(create(list.at(), TRUE), Err(87), "a pseudo handle");
    for parent in [0 as HANDLE, GetCurrentProcess(), 0x7FF0 as HANDLE] {
        let value = [parent];
        let mut list = List::new(1);
        list.add(PARENT_PROCESS, &value, 8).unwrap();
        assert_eq!(create(list.at(), FALSE), Err(6));
    }
    for (access, outcome) in [(0x80, Ok(3)), (0x1000, Err(5))] {
        let value = [OpenProcess(access, FALSE, std::process::id())];
        let mut list = List::new(1);
        list.add(PARENT_PROCESS, &value, 8).unwrap();
        assert_eq!(create(list.at(), FALSE), outcome);
        close(value[0]);
    }
}

fn argv(line: &str) -> Vec<String> {
    let mut count = 0;
    let line = w(line);
    let list = unsafe { CommandLineToArgvW(line.as_ptr(), &mut count) };
    let read = |index: usize| unsafe {
        let argument = *list.add(index);
        let len = (0..).find(|at| *argument.add(*at) == 0).unwrap();
        String::from_utf16(std::slice::from_raw_parts(argument, len)).unwrap()
    };
    let arguments = (0..count as usize).map(read).collect();
    unsafe {
        assert!((*list.add(count as usize)).is_null());
        LocalFree(list.cast());
    }
    arguments
}

/// P-17, P-18, P-24, P-25.
#[test]
fn command_lines_are_split_by_the_older_rules() {
    assert_eq!(
        argv(r#""a b" c\\ "d""e f" 통"#),
        ["a b", r"c\\", "d\"e", "f 통"]
    );
    assert_eq!(
        argv(""),
        [std::env::current_exe().unwrap().to_str().unwrap()]
    );
    fails(87, || unsafe {
        i32::from(!CommandLineToArgvW(ptr::null(), &mut 0).is_null())
    });
    assert_eq!(GetCommandLineA(), GetCommandLineA());
    let own = unsafe { std::ffi::CStr::from_ptr(GetCommandLineA()) };
    let wide = w(own.to_str().unwrap());
    let wide_own = unsafe { std::slice::from_raw_parts(GetCommandLineW(), wide.len()) };
    assert_eq!(wide, wide_own);
}
