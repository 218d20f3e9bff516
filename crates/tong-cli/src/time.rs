//! Times as people write them.
//!
//! A length of time is a number of milliseconds, or numbers with units: `250`, `500ms`, `1.5s`, `1m30s`, `2h`. A moment is
//! a length of time from now, a date and time (RFC 3339, `2030-01-31T08:00:00Z`), or `@` and seconds since 1970.

use std::time::{Duration, UNIX_EPOCH};
use tong::Due;

const NANOSECONDS: [(&str, u64); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
];

/// Reads a length of time.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    if let Ok(ms) = text.parse() {
        return Ok(Duration::from_millis(ms));
    }
    let why = || {
        "a length of time is expected: milliseconds, or 500ms, 1.5s, 1m30s, with ns, us, ms, s, m, h or d"
            .to_owned()
    };
    let (mut rest, mut total) = (text, Duration::ZERO);
    while !rest.is_empty() {
        let (part, after) = first_part(rest).ok_or_else(why)?;
        total = total.checked_add(part).ok_or_else(why)?;
        rest = after;
    }
    match text.is_empty() {
        true => Err(why()),
        false => Ok(total),
    }
}

/// The length of the first number with its unit, and what comes behind.
fn first_part(text: &str) -> Option<(Duration, &str)> {
    let is_number = |character: char| character.is_ascii_digit() || character == '.';
    let (number, rest) = text.split_at(text.find(|character| !is_number(character))?);
    let (unit, rest) = rest.split_at(rest.find(is_number).unwrap_or(rest.len()));
    let (_, ns) = NANOSECONDS.iter().find(|(name, _)| *name == unit)?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() || fraction.contains('.') {
        return None;
    }
    let whole: u64 = if whole.is_empty() {
        0
    } else {
        whole.parse().ok()?
    };
    let mut total = u128::from(whole).checked_mul(u128::from(*ns))?;
    let mut digit_ns = u128::from(*ns);
    for digit in fraction.bytes() {
        digit_ns /= 10;
        total += u128::from(digit - b'0') * digit_ns;
    }
    Some((Duration::from_nanos(u64::try_from(total).ok()?), rest))
}

/// Reads a moment.
pub(crate) fn due(text: &str) -> Result<Due, String> {
    let at = |since| {
        UNIX_EPOCH
            .checked_add(since)
            .map(Due::At)
            .ok_or_else(|| "the moment is too far away".to_owned())
    };
    if let Some(seconds) = text.strip_prefix('@') {
        let since = duration(&format!("{seconds}s"))
            .map_err(|_| "seconds since 1970 are expected behind @".to_owned())?;
        return at(since);
    }
    if text.contains('T') {
        let since = since_1970(text)
            .ok_or_else(|| "a date and time such as 2030-01-31T08:00:00Z or ...+09:00 is expected, from 1970 on".to_owned())?;
        return at(since);
    }
    let from_now = duration(text)
        .map_err(|why| format!("{why}; or a moment such as 2030-01-31T08:00:00Z or @1900000000"))?;
    Ok(Due::After(from_now))
}

/// Reads a date and time (RFC 3339), as the time since 1970.
fn since_1970(text: &str) -> Option<Duration> {
    let (date, time) = text.split_once('T')?;
    let mut numbers = date.split('-').map(|part| part.parse::<u64>().ok());
    let (year, month, day) = (numbers.next()??, numbers.next()??, numbers.next()??);
    let zone_at = time.find(['Z', '+', '-'])?;
    let (clock, zone) = time.split_at(zone_at);
    let mut parts = clock.split(':');
    let (hour, minute) = (
        parts.next()?.parse::<u64>().ok()?,
        parts.next()?.parse::<u64>().ok()?,
    );
    let second = duration(&format!("{}s", parts.next()?)).ok()?;
    let fits = (1970..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=days_in(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second < Duration::from_secs(61)
        && numbers.next().is_none()
        && parts.next().is_none();
    fits.then_some(())?;
    let minutes = days(year, month, day) * 1440 + hour * 60 + minute;
    let minutes = i64::try_from(minutes).ok()? - zone_minutes(zone)?;
    Some(Duration::from_secs(u64::try_from(minutes).ok()?.checked_mul(60)?) + second)
}

/// How many minutes a time zone is ahead.
fn zone_minutes(zone: &str) -> Option<i64> {
    if zone == "Z" {
        return Some(0);
    }
    let (sign, clock) = zone.split_at(1);
    let (hours, minutes) = clock.split_once(':')?;
    let (hours, minutes) = (hours.parse::<u32>().ok()?, minutes.parse::<u32>().ok()?);
    let ahead = i64::from(hours * 60 + minutes);
    (hours < 24 && minutes < 60).then_some(if sign == "-" { -ahead } else { ahead })
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn days_in(year: u64, month: u64) -> u64 {
    match month {
        2 => 28 + u64::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// The days from 1970-01-01 to this one.
fn days(year: u64, month: u64, day: u64) -> u64 {
    let years: u64 = (1970..year)
        .map(|year| 365 + u64::from(is_leap(year)))
        .sum();
    let months: u64 = (1..month).map(|month| days_in(year, month)).sum();
    years + months + day - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_milliseconds_or_have_units() {
        for (text, ms) in [
            ("0", 0),
            ("250", 250),
            ("500ms", 500),
            ("1.5s", 1500),
            (".5s", 500),
            ("1m30s", 90_000),
            ("2h", 7_200_000),
            ("1d", 86_400_000),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        assert_eq!(duration("7us"), Ok(Duration::from_micros(7)));
        for bad in [
            "",
            "s",
            "5x",
            "1.2.3s",
            ".s",
            "-1",
            "5 s",
            "1s2",
            "1.5",
            "99999999999999999999s",
        ] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn moments_are_lengths_dates_or_seconds() {
        let at = |seconds| Ok(Due::At(UNIX_EPOCH + Duration::from_secs(seconds)));
        assert_eq!(due("2s"), Ok(Due::After(Duration::from_secs(2))));
        assert_eq!(due("@1709251200"), at(1_709_251_200));
        assert_eq!(due("2024-03-01T00:00:00Z"), at(1_709_251_200));
        assert_eq!(due("2000-02-29T00:00:00Z"), at(951_782_400));
        assert_eq!(due("2024-03-01T09:30:00+09:30"), at(1_709_251_200));
        assert_eq!(due("2024-02-29T23:00:00-01:00"), at(1_709_251_200));
        assert_eq!(due("2100-03-01T00:00:00Z"), at(4_107_542_400));
        for bad in [
            "2023-02-29T00:00:00Z",
            "2024-13-01T00:00:00Z",
            "2024-01-01T24:00:00Z",
            "2024-01-01T00:00:00",
            "1969-12-31T00:00:00Z",
            "@x",
            "soon",
        ] {
            assert!(due(bad).is_err(), "{bad}");
        }
    }
}
