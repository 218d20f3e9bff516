//! Toolhelp snapshots and the list of process ids.

use std::process::{Child, Command, Stdio};

use tong_win32::handle::GetHandleInformation;
use tong_win32::process::create::{CreateProcessA, PROCESS_INFORMATION};
use tong_win32::process::startup::STARTUPINFOA;
use tong_win32::process::GetExitCodeProcess;
use tong_win32::thread::GetCurrentThreadId;
use tong_win32::toolhelp::*;
use tong_win32::wait::WaitForSingleObject;

use crate::*;

const SNAPPROCESS: u32 = 2;
const SNAPTHREAD: u32 = 4;
const SNAPALL: u32 = 0xF;
const INHERIT: u32 = 0x8000_0000;
const NO_MORE_FILES: u32 = 18;

fn snapshot(flags: u32) -> HANDLE {
    let (handle, code) = last_error_of(|| CreateToolhelp32Snapshot(flags, 1));
    assert_ne!((handle, code), (INVALID_HANDLE_VALUE, code));
    assert_eq!(code, UNTOUCHED);
    handle
}

fn narrow(size: usize) -> PROCESSENTRY32A {
    let mut entry: PROCESSENTRY32A = unsafe { std::mem::zeroed() };
    entry.dwSize = size as u32;
    entry
}

fn wide(size: usize) -> PROCESSENTRY32W {
    let mut entry: PROCESSENTRY32W = unsafe { std::mem::zeroed() };
    entry.dwSize = size as u32;
    entry
}

/// What matters of a process: id, parent, threads, priority, program.
type Line = (u32, u32, u32, i32, String);

/// All entries from the first on, checking what is the same in all.
fn pass(snapshot: HANDLE) -> Vec<Line> {
    let mut entry = narrow(304);
    let mut lines = Vec::new();
    let mut more = last_error_of(|| unsafe { Process32First(snapshot, &mut entry) });
    while more == (TRUE, UNTOUCHED) {
        let zeroes = [entry.cntUsage, entry.th32ModuleID, entry.dwFlags];
        assert_eq!(
            (zeroes, entry.th32DefaultHeapID, entry.dwSize),
            ([0; 3], 0, 304)
        );
        let name = std::ffi::CStr::from_bytes_until_nul(&entry.szExeFile).unwrap();
        let name = name.to_str().unwrap().to_owned();
        assert!(
            !name.contains('/') || entry.th32ParentProcessID == 2,
            "{name} is no path"
        );
        lines.push((
            entry.th32ProcessID,
            entry.th32ParentProcessID,
            entry.cntThreads,
            entry.pcPriClassBase,
            name,
        ));
        more = last_error_of(|| unsafe { Process32Next(snapshot, &mut entry) });
    }
    assert_eq!(more, (FALSE, NO_MORE_FILES));
    fails(NO_MORE_FILES, || unsafe {
        Process32Next(snapshot, &mut entry)
    });
    lines
}

fn pass_wide(snapshot: HANDLE) -> Vec<Line> {
    let mut entry = wide(568);
    let mut lines = Vec::new();
    let mut more = unsafe { Process32FirstW(snapshot, &mut entry) };
    while more == TRUE {
        let end = entry.szExeFile.iter().position(|unit| *unit == 0).unwrap();
        let name = String::from_utf16(&entry.szExeFile[..end]).unwrap();
        lines.push((
            entry.th32ProcessID,
            entry.th32ParentProcessID,
            entry.cntThreads,
            entry.pcPriClassBase,
            name,
        ));
        more = unsafe { Process32NextW(snapshot, &mut entry) };
    }
    assert_eq!(GetLastError(), NO_MORE_FILES);
    lines
}

/// A process that waits for its input to end.
fn child() -> Child {
    Command::new("cat")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

fn finish(mut child: Child) {
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
}

/// P-93, P-94, P-96, P-97, P-102: a frozen list with us and our child, the same at each pass and in both widths.
#[test]
fn snapshot_lists_processes_frozen() {
    let child = child();
    let (pid, this) = (child.id(), std::process::id());
    let snapshot = snapshot(SNAPPROCESS);
    let first = pass(snapshot);
    assert_eq!(first[0], (0, 0, first[0].2, 0, "[System Process]".into()));
    assert!(first[0].2 >= 1, "a thread for each processor");
    let place = |pid| first.iter().position(|line| line.0 == pid).unwrap();
    assert!(place(pid) > 0);
    let own = first[place(this)].clone();
    assert!(own.2 > 1 && std::env::current_exe().unwrap().ends_with(&own.4));
    assert_eq!(first[place(pid)], (pid, this, 1, own.3, "cat".into()));
    finish(child);
    assert_eq!(pass(snapshot), first);
    assert_eq!(pass_wide(snapshot), first);
    close(snapshot);
    let mut entry = narrow(304);
    fails(6, || unsafe { Process32Next(snapshot, &mut entry) });
}

/// P-99: ended, but its parent has not asked for its exit code.
#[test]
fn ended_process_is_not_listed() {
    let mut ended = child();
    drop(ended.stdin.take());
    let state = || std::fs::read_to_string(format!("/proc/{}/stat", ended.id())).unwrap();
    while !state().contains(") Z ") {
        std::thread::yield_now();
    }
    let snapshot = snapshot(SNAPPROCESS);
    assert!(pass(snapshot).iter().all(|line| line.0 != ended.id()));
    let mut ids = [0; 65_536];
    let mut used = 0;
    succeeds(|| unsafe { K32EnumProcesses(ids.as_mut_ptr(), 4 * 65_536, &mut used) });
    assert!(!ids.contains(&ended.id()));
    ended.wait().unwrap();
    close(snapshot);
}

/// P-93: the flag is the handle's.
#[test]
fn inherit_flag_is_as_asked_for() {
    for (flags, inherit) in [(SNAPPROCESS, 0), (SNAPPROCESS | INHERIT, 1)] {
        let snapshot = snapshot(flags);
        let mut information = 77;
        succeeds(|| unsafe { GetHandleInformation(snapshot, &mut information) });
        assert_eq!(information, inherit);
        let copy = duplicate(snapshot, 0, 0, 2).unwrap();
        close(snapshot);
        assert!(pass(copy).len() > 1);
        close(copy);
    }
}

/// P-93: a child reads on where its creator was, under the same handle.
#[test]
fn child_inherits_a_snapshot() {
    const VARIABLE: &str = "TONG_ABI_SNAPSHOT";
    if let Ok(told) = std::env::var(VARIABLE) {
        let snapshot = told.parse::<usize>().unwrap() as HANDLE;
        let mut entry = narrow(304);
        succeeds(|| unsafe { Process32Next(snapshot, &mut entry) });
        assert_eq!(entry.th32ProcessID, 1);
        assert!(pass(snapshot)
            .iter()
            .all(|line| line.0 != std::process::id()));
        return close(snapshot);
    }
    let snapshot = snapshot(SNAPPROCESS | INHERIT);
    let mut entry = narrow(304);
    succeeds(|| unsafe { Process32First(snapshot, &mut entry) });
    std::env::set_var(VARIABLE, (snapshot as usize).to_string());
    let this = std::env::current_exe()
        .unwrap()
        .to_str()
        .unwrap()
        .to_owned();
    let line = c(&format!(
        "\"{this}\" --exact toolhelp::child_inherits_a_snapshot"
    ));
    assert_eq!(run(line.into_raw()), 0);
    std::env::remove_var(VARIABLE);
    assert!(pass(snapshot).len() > 1, "both have the list");
    close(snapshot);
}

/// Runs a command line with all inheritable handles, and returns its exit code.
fn run(line: *mut std::ffi::c_char) -> u32 {
    let mut settings: STARTUPINFOA = unsafe { std::mem::zeroed() };
    settings.cb = 104;
    let mut made: PROCESS_INFORMATION = unsafe { std::mem::zeroed() };
    let (none, null) = (ptr::null(), ptr::null());
    let (application, directory) = (ptr::null(), ptr::null());
    succeeds(|| unsafe {
        CreateProcessA(
            application,
            line,
            none,
            none,
            TRUE,
            0,
            null,
            directory,
            &settings,
            &mut made,
        )
    });
    assert_eq!(WaitForSingleObject(made.hProcess, FOREVER), 0);
    let mut code = 259;
    succeeds(|| unsafe { GetExitCodeProcess(made.hProcess, &mut code) });
    close(made.hThread);
    close(made.hProcess);
    code
}

/// P-95: the size is looked at first, then the handle.
#[test]
fn entry_must_be_large_enough_and_the_handle_a_snapshot() {
    let snapshot = snapshot(SNAPPROCESS);
    for size in [0, 303] {
        for handle in [snapshot, ptr::null_mut()] {
            let mut entry = narrow(size);
            fails(24, || unsafe { Process32First(handle, &mut entry) });
            fails(24, || unsafe { Process32Next(handle, &mut entry) });
        }
    }
    let mut entry = wide(567);
    fails(24, || unsafe { Process32FirstW(snapshot, &mut entry) });
    fails(24, || unsafe { Process32NextW(snapshot, &mut entry) });
    let mut larger = narrow(400);
    succeeds(|| unsafe { Process32First(snapshot, &mut larger) });
    assert_eq!(larger.dwSize, 400);
    let (mailslot, _) = mailslot("toolhelp-wrong-kind", 0, 0);
    for wrong in [
        mailslot,
        ptr::null_mut(),
        INVALID_HANDLE_VALUE,
        0x7770 as HANDLE,
    ] {
        let mut entry = narrow(304);
        fails(6, || unsafe { Process32First(wrong, &mut entry) });
        let mut entry = wide(568);
        fails(6, || unsafe { Process32NextW(wrong, &mut entry) });
    }
    fails(87, || unsafe { Process32First(snapshot, ptr::null_mut()) });
    close(mailslot);
    close(snapshot);
}

/// P-95: what was not asked for is not there.
#[test]
fn snapshot_without_processes_has_none() {
    let mut entry = narrow(304);
    for flags in [0, SNAPTHREAD] {
        let snapshot = snapshot(flags);
        fails(NO_MORE_FILES, || unsafe {
            Process32First(snapshot, &mut entry)
        });
        fails(NO_MORE_FILES, || unsafe {
            Process32Next(snapshot, &mut entry)
        });
        close(snapshot);
    }
    let snapshot = snapshot(SNAPPROCESS);
    let mut thread = THREADENTRY32 {
        dwSize: 28,
        ..THREADENTRY32::default()
    };
    fails(NO_MORE_FILES, || unsafe {
        Thread32First(snapshot, &mut thread)
    });
    close(snapshot);
}

#[test]
fn snapshot_lists_threads() {
    let snapshot = snapshot(SNAPALL);
    let mut threads = Vec::new();
    let mut entry = THREADENTRY32 {
        dwSize: 27,
        ..THREADENTRY32::default()
    };
    fails(24, || unsafe { Thread32First(snapshot, &mut entry) });
    entry.dwSize = 28;
    let mut more = unsafe { Thread32First(snapshot, &mut entry) };
    while more == TRUE {
        threads.push((entry.th32OwnerProcessID, entry.th32ThreadID));
        more = unsafe { Thread32Next(snapshot, &mut entry) };
    }
    assert_eq!(GetLastError(), NO_MORE_FILES);
    let this = std::process::id();
    assert!(threads.contains(&(this, GetCurrentThreadId())));
    // P-92: no thread has the id of a process.
    assert!(threads.iter().all(|(_, id)| *id != this));
    close(snapshot);
}

/// P-100: filled as far as it goes; a full array says so by being full.
#[test]
fn ids_are_listed_as_far_as_they_fit() {
    let list = |size: u32| {
        let mut ids = vec![77; 65_536];
        let mut used = 99;
        succeeds(|| unsafe { K32EnumProcesses(ids.as_mut_ptr(), size, &mut used) });
        assert!(ids[used as usize / 4..].iter().all(|id| *id == 77));
        ids.truncate(used as usize / 4);
        (ids, used)
    };
    assert_eq!(list(0), (vec![], 0));
    assert_eq!(list(4), (vec![0], 4));
    assert_eq!(list(7), (vec![0], 4));
    let (ids, used) = list(4 * 65_536);
    assert!(used < 4 * 65_536 && ids.contains(&std::process::id()) && ids.is_sorted());
    let mut used = 99;
    succeeds(|| unsafe { K32EnumProcesses(ptr::null_mut(), 0, &mut used) });
    assert_eq!(used, 0);
    fails(998, || unsafe {
        K32EnumProcesses(ptr::null_mut(), 4, &mut used)
    });
    fails(998, || unsafe {
        K32EnumProcesses(ptr::null_mut(), 0, ptr::null_mut())
    });
}

/// P-101: also processes of other users are listed, of which the first is always one or our own.
#[test]
fn first_process_of_the_system_is_listed() {
    let snapshot = snapshot(SNAPPROCESS);
    let lines = pass(snapshot);
    assert_eq!((lines[1].0, lines[1].1), (1, 0));
    close(snapshot);
}
