//! Times, directories and what machine this is.

use std::process::Command;

use tong_win32::directory::*;
use tong_win32::system_info::{GetNativeSystemInfo, GetSystemInfo, SYSTEM_INFO};
use tong_win32::system_time::*;
use tong_win32::types::{FILETIME, SYSTEMTIME};

use crate::*;

/// Hundreds of nanoseconds.
const SECOND: u64 = 10_000_000;

fn number(time: FILETIME) -> u64 {
    u64::from(time.dwHighDateTime) << 32 | u64::from(time.dwLowDateTime)
}

fn filetime(number: u64) -> FILETIME {
    FILETIME {
        dwLowDateTime: number as u32,
        dwHighDateTime: (number >> 32) as u32,
    }
}

fn to_date(time: u64) -> SYSTEMTIME {
    let mut date = SYSTEMTIME::default();
    succeeds(|| unsafe { FileTimeToSystemTime(&filetime(time), &mut date) });
    date
}

#[test]
fn clocks_agree_and_go_on() {
    let since_1970 = || {
        std::time::SystemTime::UNIX_EPOCH
            .elapsed()
            .unwrap()
            .as_nanos() as u64
            / 100
    };
    let before = since_1970() + 116_444_736_000_000_000;
    let mut times = [FILETIME::default(); 2];
    unsafe { GetSystemTimeAsFileTime(&mut times[0]) };
    unsafe { GetSystemTimePreciseAsFileTime(&mut times[1]) };
    let mut utc = SYSTEMTIME::default();
    unsafe { GetSystemTime(&mut utc) };
    let mut from_utc = FILETIME::default();
    succeeds(|| unsafe { SystemTimeToFileTime(&utc, &mut from_utc) });
    let after = since_1970() + 116_444_736_000_000_000;
    let times = times.map(number);
    assert!(before <= times[0] && times[0] <= times[1] && times[1] <= after);
    // A date has whole milliseconds.
    assert!(times[1] / 10_000 <= number(from_utc) / 10_000 && number(from_utc) <= after);
}

#[test]
fn local_time_differs_from_utc_as_conversions_do() {
    let (mut utc, mut local, mut back) = Default::default();
    unsafe { GetSystemTimeAsFileTime(&mut utc) };
    succeeds(|| unsafe { FileTimeToLocalFileTime(&utc, &mut local) });
    let mut date = SYSTEMTIME::default();
    unsafe { GetLocalTime(&mut date) };
    let mut told = FILETIME::default();
    succeeds(|| unsafe { SystemTimeToFileTime(&date, &mut told) });
    assert!(number(told).abs_diff(number(local)) < 60 * SECOND);
    succeeds(|| unsafe { LocalFileTimeToFileTime(&local, &mut back) });
    assert_eq!(back, utc);
}

#[test]
fn dates_are_converted_both_ways() {
    let date = to_date(0);
    assert_eq!(
        (date.wYear, date.wMonth, date.wDay, date.wDayOfWeek),
        (1601, 1, 1, 1)
    );
    let leap = SYSTEMTIME {
        wYear: 2024,
        wMonth: 2,
        wDay: 29,
        wHour: 23,
        wMinute: 59,
        wSecond: 58,
        wMilliseconds: 7,
        wDayOfWeek: 99,
    };
    let mut time = FILETIME::default();
    succeeds(|| unsafe { SystemTimeToFileTime(&leap, &mut time) });
    assert_eq!(
        to_date(number(time) + 9_999),
        SYSTEMTIME {
            wDayOfWeek: 4,
            ..leap
        }
    );
    let last = to_date(i64::MAX as u64);
    assert_eq!((last.wYear, last.wMonth, last.wDay), (30_828, 9, 14));
    for bad in [
        SYSTEMTIME {
            wYear: 1600,
            ..leap
        },
        SYSTEMTIME {
            wYear: 2023,
            ..leap
        },
        SYSTEMTIME { wMonth: 0, ..leap },
        SYSTEMTIME { wMonth: 13, ..leap },
        SYSTEMTIME { wDay: 0, ..leap },
        SYSTEMTIME { wHour: 24, ..leap },
        SYSTEMTIME {
            wMinute: 60,
            ..leap
        },
        SYSTEMTIME {
            wSecond: 60,
            ..leap
        },
        SYSTEMTIME {
            wMilliseconds: 1_000,
            ..leap
        },
    ] {
        fails(87, || unsafe { SystemTimeToFileTime(&bad, &mut time) });
    }
    let mut date = SYSTEMTIME::default();
    fails(87, || unsafe {
        FileTimeToSystemTime(&filetime(1 << 63), &mut date)
    });
    fails(87, || unsafe {
        FileTimeToSystemTime(ptr::null(), &mut date)
    });
}

#[test]
fn times_are_compared_as_wholes() {
    let compare = |first, second| unsafe { CompareFileTime(&filetime(first), &filetime(second)) };
    assert_eq!(compare(1 << 32, u32::MAX.into()), 1);
    assert_eq!(compare(5, 6), -1);
    assert_eq!(compare(5, 5), 0);
}

#[test]
fn performance_counter_counts_at_its_frequency() {
    let (mut frequency, mut start, mut end) = (0, 0, 0);
    succeeds(|| unsafe { QueryPerformanceFrequency(&mut frequency) });
    succeeds(|| unsafe { QueryPerformanceCounter(&mut start) });
    std::thread::sleep(std::time::Duration::from_millis(20));
    succeeds(|| unsafe { QueryPerformanceCounter(&mut end) });
    assert!(
        (end - start) * 1_000 >= 20 * frequency,
        "{start} to {end} at {frequency} Hz"
    );
    fails(998, || unsafe { QueryPerformanceCounter(ptr::null_mut()) });
    fails(998, || unsafe {
        QueryPerformanceFrequency(ptr::null_mut())
    });
}

#[test]
fn machine_is_described() {
    for get in [GetSystemInfo, GetNativeSystemInfo] {
        let mut info: SYSTEM_INFO = unsafe { std::mem::zeroed() };
        assert_eq!(last_error_of(|| unsafe { get(&mut info) }).1, UNTOUCHED);
        assert!(info.dwPageSize.is_power_of_two() && info.dwAllocationGranularity == 65_536);
        let processors = std::thread::available_parallelism().unwrap().get();
        assert_eq!(info.dwNumberOfProcessors as usize, processors);
        assert_eq!(
            info.dwActiveProcessorMask.count_ones() as usize,
            processors.min(64)
        );
        let local = 0;
        let here = (&raw const local) as usize;
        assert!((info.lpMinimumApplicationAddress as usize
            ..info.lpMaximumApplicationAddress as usize)
            .contains(&here));
    }
}

/// Calls with a buffer of which `size` units may be used, and returns what came back and what stands in the buffer.
fn filled(size: u32, call: impl Fn(*mut std::ffi::c_char, u32) -> u32) -> ((u32, u32), String) {
    let mut buffer = [0x55_u8; 4096];
    let outcome = last_error_of(|| call(buffer.as_mut_ptr().cast(), size));
    let end = buffer.iter().position(|byte| *byte == 0).unwrap_or(0);
    (outcome, String::from_utf8(buffer[..end].to_vec()).unwrap())
}

fn filled_wide(size: u32, call: impl Fn(*mut u16, u32) -> u32) -> ((u32, u32), String) {
    let mut buffer = [0x55_u16; 4096];
    let outcome = last_error_of(|| call(buffer.as_mut_ptr(), size));
    let end = buffer.iter().position(|unit| *unit == 0).unwrap_or(0);
    (outcome, String::from_utf16(&buffer[..end]).unwrap())
}

#[test]
fn program_is_told_with_its_path_or_as_much_of_it_as_fits() {
    let path = std::env::current_exe()
        .unwrap()
        .to_str()
        .unwrap()
        .to_owned();
    let len = path.len() as u32;
    let narrow = |size| {
        filled(size, |buffer, size| unsafe {
            GetModuleFileNameA(ptr::null_mut(), buffer, size)
        })
    };
    let wide = |size| {
        filled_wide(size, |buffer, size| unsafe {
            GetModuleFileNameW(ptr::null_mut(), buffer, size)
        })
    };
    for get in [&narrow as &dyn Fn(u32) -> _, &wide] {
        assert_eq!(get(4096), ((len, UNTOUCHED), path.clone()));
        assert_eq!(get(len + 1), ((len, UNTOUCHED), path.clone()));
        assert_eq!(get(len), ((len, 122), path[..path.len() - 1].to_owned()));
        assert_eq!(get(4), ((4, 122), path[..3].to_owned()));
        assert_eq!(get(0), ((0, 122), String::new()));
    }
    let other = || unsafe { GetModuleFileNameA(0x10 as HANDLE, ptr::null_mut(), 0) };
    assert_eq!(last_error_of(other), (0, 126));
}

/// Alone in a process, because there is one current directory for all threads.
#[test]
fn current_directory_is_told_and_changed() {
    if std::env::var_os("TONG_ABI_ALONE").is_none() {
        let again = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "system::current_directory_is_told_and_changed"])
            .env("TONG_ABI_ALONE", "1")
            .status();
        return assert!(again.unwrap().success());
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().canonicalize().unwrap();
    std::fs::create_dir(path.join("통")).unwrap();
    std::fs::write(path.join("file"), "").unwrap();
    let path = path.to_str().unwrap();
    let set = |name: &str| unsafe { SetCurrentDirectoryA(c(name).as_ptr()) };
    let set_wide = |name: &str| unsafe { SetCurrentDirectoryW(w(name).as_ptr()) };
    succeeds(|| set(path));
    for set in [&set as &dyn Fn(&str) -> i32, &set_wide] {
        fails(2, || set("none"));
        fails(3, || set(r"none\none"));
        fails(267, || set("file"));
        fails(123, || set(""));
        succeeds(|| set("통"));
        succeeds(|| set(".."));
    }
    fails(123, || unsafe { SetCurrentDirectoryA(ptr::null()) });
    fails(123, || unsafe { SetCurrentDirectoryW(ptr::null()) });
    succeeds(|| set_wide("통"));
    let path = format!("{path}/통");
    let len = path.len() as u32;
    let narrow = |size| {
        filled(size, |buffer, size| unsafe {
            GetCurrentDirectoryA(size, buffer)
        })
    };
    assert_eq!(narrow(4096), ((len, UNTOUCHED), path.clone()));
    assert_eq!(narrow(len + 1), ((len, UNTOUCHED), path.clone()));
    assert_eq!(narrow(len), ((len + 1, UNTOUCHED), String::new()));
    assert_eq!(narrow(0), ((len + 1, UNTOUCHED), String::new()));
    let wide = filled_wide(4096, |buffer, size| unsafe {
        GetCurrentDirectoryW(size, buffer)
    });
    assert_eq!(wide, ((len - 2, UNTOUCHED), path));
}
