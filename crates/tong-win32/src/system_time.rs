//! What time it is: as a FILETIME (hundreds of nanoseconds since the start of 1601), as a SYSTEMTIME (a date and a time of
//! day), and as counts that only grow.
//!
//! # References
//! Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms" (days and dates).

#![allow(
    unsafe_code,
    reason = "exported C symbols that write through pointers of C callers"
)]
#![allow(
    non_snake_case,
    reason = "functions have the names that Win32 gives them"
)]
#![allow(
    clippy::missing_safety_doc,
    reason = "what all callers owe stands on the crate's page"
)]

use rustix::time::{clock_gettime, ClockId};

use crate::border::{put, succeeds};
use crate::error::Code;
use crate::types::{BOOL, FILETIME, SYSTEMTIME};

/// Units of a FILETIME in a second, a millisecond and a day.
const SECOND: u64 = 10_000_000;
const MILLISECOND: u64 = SECOND / 1_000;
const DAY: u64 = 86_400 * SECOND;
/// Days from the start of 1601 to that of 1970.
const EPOCH_DAYS: i64 = 134_774;
/// How often the performance counter counts in a second, as on Windows since version 10.
const COUNTS_PER_SECOND: i64 = 10_000_000;
const YEARS: std::ops::RangeInclusive<u16> = 1601..=30_827;

/// Tells the time in UTC.
#[no_mangle]
pub unsafe extern "C" fn GetSystemTimeAsFileTime(time: *mut FILETIME) {
    // SAFETY: C passes room for the time.
    unsafe { put(time, to_c(now())) }
}

/// Tells the time in UTC as exactly as the system knows it. So does GetSystemTimeAsFileTime.
#[no_mangle]
pub unsafe extern "C" fn GetSystemTimePreciseAsFileTime(time: *mut FILETIME) {
    // SAFETY: C passes room for the time.
    unsafe { put(time, to_c(now())) }
}

/// Tells the date and time of day in UTC.
#[no_mangle]
pub unsafe extern "C" fn GetSystemTime(time: *mut SYSTEMTIME) {
    // SAFETY: C passes room for the time.
    unsafe { put(time, date(now())) }
}

/// Tells the date and time of day where the process thinks it is.
#[no_mangle]
pub unsafe extern "C" fn GetLocalTime(time: *mut SYSTEMTIME) {
    let now = now();
    let local = now.checked_add_signed(east_of_utc()).unwrap_or(now);
    // SAFETY: C passes room for the time.
    unsafe { put(time, date(local)) }
}

/// Converts a date and time of day, of which the day of the week does not count. F 87 if there is no such date.
#[no_mangle]
pub unsafe extern "C" fn SystemTimeToFileTime(from: *const SYSTEMTIME, to: *mut FILETIME) -> BOOL {
    succeeds(|| {
        // SAFETY: C passes the time, or null.
        let from = unsafe { from.as_ref() }.ok_or(Code::INVALID_PARAMETER)?;
        let time = undated(from).ok_or(Code::INVALID_PARAMETER)?;
        // SAFETY: C passes room for the time.
        unsafe { put(to, to_c(time)) };
        Ok(())
    })
}

/// Converts to a date and time of day. F 87 if the highest bit is set.
#[no_mangle]
pub unsafe extern "C" fn FileTimeToSystemTime(from: *const FILETIME, to: *mut SYSTEMTIME) -> BOOL {
    succeeds(|| {
        // SAFETY: C passes the time, or null.
        let time = unsafe { from_c(from)? };
        if time > i64::MAX as u64 {
            return Err(Code::INVALID_PARAMETER);
        }
        // SAFETY: C passes room for the time.
        unsafe { put(to, date(time)) };
        Ok(())
    })
}

/// Converts from UTC to local time, as far as local time is from UTC now.
#[no_mangle]
pub unsafe extern "C" fn FileTimeToLocalFileTime(from: *const FILETIME, to: *mut FILETIME) -> BOOL {
    // SAFETY: C passes the times.
    unsafe { shift(from, to, east_of_utc()) }
}

/// Converts from local time to UTC, as far as local time is from UTC now.
#[no_mangle]
pub unsafe extern "C" fn LocalFileTimeToFileTime(from: *const FILETIME, to: *mut FILETIME) -> BOOL {
    // SAFETY: C passes the times.
    unsafe { shift(from, to, -east_of_utc()) }
}

/// # Safety
/// Each is null or leads to a time; `to` to one that nothing else uses during the call.
unsafe fn shift(from: *const FILETIME, to: *mut FILETIME, by: i64) -> BOOL {
    succeeds(|| {
        // SAFETY: the caller vouches for it.
        let time = unsafe { from_c(from)? };
        let time = time.checked_add_signed(by).ok_or(Code::INVALID_PARAMETER)?;
        // SAFETY: as above.
        unsafe { put(to, to_c(time)) };
        Ok(())
    })
}

/// Says which time is earlier: -1 the first, 1 the second, 0 neither.
#[no_mangle]
pub unsafe extern "C" fn CompareFileTime(first: *const FILETIME, second: *const FILETIME) -> i32 {
    // SAFETY: C passes two times.
    match unsafe { (from_c(first), from_c(second)) } {
        (Ok(first), Ok(second)) => first.cmp(&second) as i32,
        _ => 0,
    }
}

/// Tells a count that grows evenly, QueryPerformanceFrequency times a second.
#[no_mangle]
pub unsafe extern "C" fn QueryPerformanceCounter(count: *mut i64) -> BOOL {
    succeeds(|| {
        let now = clock_gettime(ClockId::Monotonic);
        let count_now =
            now.tv_sec * COUNTS_PER_SECOND + now.tv_nsec / (1_000_000_000 / COUNTS_PER_SECOND);
        // SAFETY: C passes room for the count.
        unsafe { put_number(count, count_now) }
    })
}

/// Tells how often QueryPerformanceCounter counts in a second; it never changes.
#[no_mangle]
pub unsafe extern "C" fn QueryPerformanceFrequency(frequency: *mut i64) -> BOOL {
    // SAFETY: C passes room for the number.
    succeeds(|| unsafe { put_number(frequency, COUNTS_PER_SECOND) })
}

/// # Safety
/// `out` is null or leads to a number that nothing else uses during the call.
unsafe fn put_number(out: *mut i64, number: i64) -> Result<(), Code> {
    if out.is_null() {
        return Err(Code::NOACCESS);
    }
    // SAFETY: the caller vouches for it.
    unsafe { put(out, number) };
    Ok(())
}

fn now() -> u64 {
    let now = clock_gettime(ClockId::Realtime);
    let since_1970 = now.tv_sec.unsigned_abs() * SECOND + now.tv_nsec.unsigned_abs() / 100;
    since_1970 + EPOCH_DAYS.unsigned_abs() * DAY
}

/// How far local time is ahead of UTC now.
fn east_of_utc() -> i64 {
    let now = clock_gettime(ClockId::Realtime).tv_sec;
    // SAFETY: all fields of the structure may be zero.
    let mut local: libc::tm = unsafe { std::mem::zeroed() };
    // SAFETY: both lead to local values.
    let known = !unsafe { libc::localtime_r(&raw const now, &raw mut local) }.is_null();
    let second = SECOND as i64;
    if known {
        local.tm_gmtoff * second
    } else {
        0
    }
}

#[allow(
    clippy::cast_possible_truncation,
    reason = "the two halves of a number"
)]
fn to_c(time: u64) -> FILETIME {
    FILETIME {
        dwLowDateTime: time as u32,
        dwHighDateTime: (time >> 32) as u32,
    }
}

/// # Safety
/// `time` is null or leads to a time.
unsafe fn from_c(time: *const FILETIME) -> Result<u64, Code> {
    // SAFETY: the caller vouches for it if it is not null.
    let time = unsafe { time.as_ref() }.ok_or(Code::INVALID_PARAMETER)?;
    Ok(u64::from(time.dwHighDateTime) << 32 | u64::from(time.dwLowDateTime))
}

/// The date and time of day of a FILETIME.
#[allow(
    clippy::cast_possible_truncation,
    reason = "remainders, and years up to 60,056"
)]
fn date(time: u64) -> SYSTEMTIME {
    let (days, of_day) = ((time / DAY) as i64, time % DAY);
    let (year, month, day) = civil_of(days);
    let milliseconds = of_day / MILLISECOND;
    SYSTEMTIME {
        wYear: year as u16,
        wMonth: month as u16,
        // The first day was a Monday.
        wDayOfWeek: ((days + 1) % 7) as u16,
        wDay: day as u16,
        wHour: (milliseconds / 3_600_000) as u16,
        wMinute: (milliseconds / 60_000 % 60) as u16,
        wSecond: (milliseconds / 1_000 % 60) as u16,
        wMilliseconds: (milliseconds % 1_000) as u16,
    }
}

/// The FILETIME of a date and time of day, if there is such a date.
fn undated(date: &SYSTEMTIME) -> Option<u64> {
    let (year, month, day) = (date.wYear.into(), date.wMonth.into(), date.wDay.into());
    let in_range = YEARS.contains(&date.wYear)
        && (1..=12).contains(&date.wMonth)
        && date.wHour < 24
        && date.wMinute < 60
        && date.wSecond < 60
        && date.wMilliseconds < 1_000;
    let days = in_range.then(|| days_of(year, month, day))?;
    // A day that its month does not have comes back as another.
    if civil_of(days) != (year, month, day) {
        return None;
    }
    let minutes = u64::from(date.wHour) * 60 + u64::from(date.wMinute);
    let milliseconds =
        (minutes * 60 + u64::from(date.wSecond)) * 1_000 + u64::from(date.wMilliseconds);
    Some(u64::try_from(days).ok()? * DAY + milliseconds * MILLISECOND)
}

/// Days of 400 years, after which the calendar begins anew, and from March 1 of the year 0 to the start of 1601.
const ERA_DAYS: i64 = 146_097;
const DAYS_BEFORE: i64 = 584_694;

/// The year, month and day of a day since the start of 1601. Years begin in March here, so that leap days come last.
fn civil_of(days: i64) -> (i64, i64, i64) {
    let days = days + DAYS_BEFORE;
    let (era, of_era) = (days / ERA_DAYS, days % ERA_DAYS);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

/// The days since the start of 1601.
fn days_of(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let (era, of_era) = (year / 400, year % 400);
    let from_march = (month + 9) % 12;
    let of_year = (153 * from_march + 2) / 5 + day - 1;
    era * ERA_DAYS + of_era * 365 + of_era / 4 - of_era / 100 + of_year - DAYS_BEFORE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_known_days() {
        assert_eq!(civil_of(0), (1601, 1, 1));
        assert_eq!(civil_of(EPOCH_DAYS), (1970, 1, 1));
        assert_eq!(days_of(2000, 2, 29), EPOCH_DAYS + 11_016);
        let now = date((1_704_067_200 + 11_644_473_600) * SECOND);
        assert_eq!(
            (now.wYear, now.wMonth, now.wDay, now.wDayOfWeek),
            (2024, 1, 1, 1)
        );
    }

    #[test]
    fn every_day_comes_back_from_its_date() {
        for days in (0..10_675_199).step_by(97) {
            let (year, month, day) = civil_of(days);
            assert_eq!(days_of(year, month, day), days);
            assert!((1..=12).contains(&month) && (1..=31).contains(&day));
        }
    }
}
