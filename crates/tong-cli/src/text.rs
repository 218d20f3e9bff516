//! Bytes and moments as text.
//!
//! What a peer sent is shown so that it can neither move the cursor nor pass for another line: control characters
//! and bytes that are not UTF-8 become visible escapes. The escapes are for people; `--json` and `--raw` are exact.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A message as one line of text: line feeds and other control characters escaped, other bytes as `\xNN`.
pub(crate) fn line(message: &[u8]) -> String {
    let mut text = String::with_capacity(message.len());
    for chunk in message.utf8_chunks() {
        for character in chunk.valid().chars() {
            push_visible(&mut text, character);
        }
        for byte in chunk.invalid() {
            text.push_str(&format!(r"\x{byte:02x}"));
        }
    }
    text
}

/// A text with its control characters escaped, but for line feeds and tabs.
pub(crate) fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' => shown.push('\n'),
            _ => push_visible(&mut shown, character),
        }
    }
    shown
}

/// Appends a character, or the escape that stands for it.
fn push_visible(text: &mut String, character: char) {
    match character {
        '\n' => text.push_str(r"\n"),
        '\r' => text.push_str(r"\r"),
        '\0' => text.push_str(r"\0"),
        '\t' => text.push('\t'),
        _ if is_unseen(character) => text.push_str(&format!(r"\u{{{:x}}}", u32::from(character))),
        '\u{80}'.. if character.is_control() => {
            text.push_str(&format!(r"\u{{{:x}}}", u32::from(character)))
        }
        _ if character.is_control() => text.push_str(&format!(r"\x{:02x}", u32::from(character))),
        _ => text.push(character),
    }
}

/// Characters without width, and those that turn the direction of writing: with them a name can look like another one.
fn is_unseen(character: char) -> bool {
    matches!(
        character,
        '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
    )
}

/// The text of a message in UTF-16, little end first; `None` if it is not that.
pub(crate) fn from_utf16(message: &[u8]) -> Option<String> {
    let pairs = message.chunks_exact(2);
    if !pairs.remainder().is_empty() {
        return None;
    }
    let units: Vec<u16> = pairs
        .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
        .collect();
    String::from_utf16(&units).ok()
}

/// A text as the bytes of UTF-16, little end first.
pub(crate) fn to_utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// Bytes in base 64, with padding (RFC 4648, section 4).
pub(crate) fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let third = |index: usize| u32::from(group.get(index).copied().unwrap_or(0));
        let bits = third(0) << 16 | third(1) << 8 | third(2);
        for digit in 0..4 {
            let value = bits >> (18 - 6 * digit) & 63;
            let is_padding = digit > group.len();
            text.push(if is_padding {
                '='
            } else {
                char::from(DIGITS[value as usize])
            });
        }
    }
    text
}

/// A moment in UTC, to the microsecond (RFC 3339).
pub(crate) fn rfc3339(moment: SystemTime) -> String {
    let since = moment.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let (year, month, day) = date(since.as_secs() / 86_400);
    let second = since.as_secs() % 86_400;
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let micros = since.subsec_micros();
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z")
}

/// Year, month and day of the month, of a number of days since 1970-01-01.
///
/// Counts in eras of 400 years that start on a first of March, so that the leap day is the last of its year
/// (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let months_since_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * months_since_march + 2) / 5 + 1;
    let month = (months_since_march + 2) % 12 + 1;
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year, month, day)
}

/// How long ago something was, in its largest unit.
pub(crate) fn age(since: Duration) -> String {
    match since.as_secs() {
        seconds @ 0..=119 => format!("{seconds} s"),
        seconds @ 120..=7199 => format!("{} min", seconds / 60),
        seconds @ 7200..=172_799 => format!("{} h", seconds / 3600),
        seconds => format!("{} d", seconds / 86_400),
    }
}

/// A length of time in its largest unit, to three digits or so.
pub(crate) fn span(time: Duration) -> String {
    match time.as_nanos() {
        ns @ 0..=9_999_999 => format!("{} us", ns / 1000),
        ns @ 10_000_000..=1_999_999_999 => format!("{} ms", ns / 1_000_000),
        _ if time.as_secs() < 120 => format!("{:.1} s", time.as_secs_f64()),
        _ => age(time),
    }
}

/// A number and its noun: `1 message`, `2 messages`.
pub(crate) fn count(number: u64, noun: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{ending}")
}

/// A number of bytes in its largest unit, to three digits or so.
pub(crate) fn size(bytes: u64) -> String {
    match bytes {
        0..=9_999 => format!("{bytes} B"),
        _ => in_units(bytes as f64),
    }
}

/// A number of bytes for each second.
pub(crate) fn rate(bytes: f64) -> String {
    format!("{}/s", in_units(bytes))
}

/// About so many bytes, in their largest unit.
pub(crate) fn amount(bytes: f64) -> String {
    in_units(bytes)
}

fn in_units(bytes: f64) -> String {
    let mut value = bytes;
    for unit in ["B", "KiB", "MiB", "GiB"] {
        if value < 1000.0 {
            let digits = usize::from(value < 99.95 && unit != "B");
            return format!("{value:.digits$} {unit}");
        }
        value /= 1024.0;
    }
    format!("{value:.1} TiB")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_line_of_visible_text() {
        assert_eq!(line(b"plain \xed\x86\xb5\t!"), "plain 통\t!");
        assert_eq!(line(b"a\nb\r\0"), r"a\nb\r\0");
        assert_eq!(line(b"\x1b[2J\x7f\xc2\x85"), r"\x1b[2J\x7f\u{85}");
        assert_eq!(
            line("a\u{202e}b\u{200b}c\u{feff}".as_bytes()),
            r"a\u{202e}b\u{200b}c\u{feff}"
        );
        assert_eq!(line(b"\xff\xfeok\xe2\x82"), r"\xff\xfeok\xe2\x82");
        assert_eq!(line(br"\\.\mailslot\x"), r"\\.\mailslot\x");
    }

    #[test]
    fn base64_is_that_of_the_rfc() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
        ] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
        assert_eq!(base64(&[0xfb, 0xff, 0xfe]), "+//+");
    }

    #[test]
    fn moments_are_dates() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00.000000Z"),
            (951_782_399, "2000-02-28T23:59:59.000000Z"),
            (951_782_400, "2000-02-29T00:00:00.000000Z"),
            (1_709_251_200, "2024-03-01T00:00:00.000000Z"),
            (4_107_542_399, "2100-02-28T23:59:59.000000Z"),
            (4_107_542_400, "2100-03-01T00:00:00.000000Z"),
        ] {
            assert_eq!(rfc3339(UNIX_EPOCH + Duration::from_secs(seconds)), text);
        }
        assert_eq!(
            rfc3339(UNIX_EPOCH + Duration::from_micros(7)),
            "1970-01-01T00:00:00.000007Z"
        );
    }

    #[test]
    fn utf16_goes_there_and_back() {
        assert_eq!(to_utf16("a통"), [0x61, 0x00, 0xb5, 0xd1]);
        assert_eq!(
            from_utf16(&to_utf16("box \u{1f4ec}")).as_deref(),
            Some("box \u{1f4ec}")
        );
        assert_eq!(from_utf16(b"odd"), None);
        assert_eq!(from_utf16(&[0x00, 0xd8]), None);
    }

    #[test]
    fn spans_are_short() {
        let texts =
            [7, 5_000, 250_000, 2_500_000, 7_200_000_000].map(|us| span(Duration::from_micros(us)));
        assert_eq!(texts, ["7 us", "5000 us", "250 ms", "2.5 s", "2 h"]);
    }

    #[test]
    fn sizes_and_rates_use_their_largest_unit() {
        let texts = [0, 9_999, 10_240, 1 << 20, 1_500 << 20, 5 << 40].map(size);
        assert_eq!(
            texts,
            ["0 B", "9999 B", "10.0 KiB", "1.0 MiB", "1.5 GiB", "5.0 TiB"]
        );
        assert_eq!(rate(12.3), "12 B/s");
        assert_eq!(rate(300.0 * 1024.0 * 1024.0), "300 MiB/s");
    }

    #[test]
    fn ages_use_their_largest_unit() {
        let texts = [5, 119, 120, 7200, 200_000].map(|seconds| age(Duration::from_secs(seconds)));
        assert_eq!(texts, ["5 s", "119 s", "2 min", "2 h", "2 d"]);
    }
}
