//! What a terminal sends, as keys.
//!
//! The bytes are read here rather than by a library because a screen that watches must never spin: a terminal that goes
//! away, or a long paste, is noticed by the same poll that waits for signals and for the next look.
//!
//! # References
//! ECMA-48, section 5.4 (control sequences); the keys of xterm, "PC-Style Function Keys".

/// A key, or a few of them together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Char(char),
    /// With the control key; the letter is small.
    Ctrl(char),
    Enter,
    Tab,
    BackTab,
    Backspace,
    Escape,
    Up,
    Down,
    Left,
    Right,
    PageUp,
    PageDown,
    Home,
    End,
    Delete,
}

const ESCAPE: u8 = 0x1b;
/// A sequence that is longer is none that we know.
const SEQUENCE_MAX: usize = 32;

/// Turns bytes into keys. What is cut off waits for the rest.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    bytes: Vec<u8>,
}

impl Decoder {
    /// Takes in what was read.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Is something begun that only further bytes can tell?
    pub(super) fn is_waiting(&self) -> bool {
        !self.bytes.is_empty()
    }

    /// Nothing followed: what was begun is an escape key, or nothing.
    pub(super) fn give_up(&mut self) -> Option<Key> {
        let is_escape = self.bytes.first() == Some(&ESCAPE);
        self.bytes.clear();
        is_escape.then_some(Key::Escape)
    }

    /// The next key that is complete.
    pub(super) fn next(&mut self) -> Option<Key> {
        loop {
            let (key, len) = take(&self.bytes)?;
            self.bytes.drain(..len);
            if key.is_some() {
                return key;
            }
        }
    }
}

/// What the first bytes are, and how many they are: no key if they mean nothing to us. `None` if more must come.
fn take(bytes: &[u8]) -> Option<(Option<Key>, usize)> {
    match *bytes.first()? {
        ESCAPE => escape(bytes),
        b'\r' | b'\n' => Some((Some(Key::Enter), 1)),
        b'\t' => Some((Some(Key::Tab), 1)),
        0x7f | 0x08 => Some((Some(Key::Backspace), 1)),
        byte @ 1..=26 => Some((Some(Key::Ctrl(char::from(byte - 1 + b'a'))), 1)),
        0..=31 => Some((None, 1)),
        _ => character(bytes),
    }
}

/// A character in UTF-8; a byte that is none means nothing.
fn character(bytes: &[u8]) -> Option<(Option<Key>, usize)> {
    let chunk = bytes.utf8_chunks().next()?;
    if let Some(character) = chunk.valid().chars().next() {
        return Some((Some(Key::Char(character)), character.len_utf8()));
    }
    let bad = chunk.invalid().len();
    // What is only cut off may go on.
    let is_cut = bad == bytes.len()
        && std::str::from_utf8(bytes).is_err_and(|error| error.error_len().is_none());
    (!is_cut).then_some((None, bad))
}

/// What begins with an escape.
fn escape(bytes: &[u8]) -> Option<(Option<Key>, usize)> {
    match *bytes.get(1)? {
        b'[' => {
            let rest = &bytes[2..];
            let Some(end) = rest.iter().position(|byte| (0x40..=0x7e).contains(byte)) else {
                let is_long = bytes.len() > SEQUENCE_MAX;
                return is_long.then_some((None, bytes.len()));
            };
            Some((sequence(&rest[..end], rest[end]), end + 3))
        }
        b'O' => Some((sequence(&[], *bytes.get(2)?), 3)),
        // Two escapes are two keys; Alt and a key is nothing to us.
        ESCAPE => Some((Some(Key::Escape), 1)),
        _ => Some((None, 2)),
    }
}

/// A control sequence; modifiers do not matter.
fn sequence(numbers: &[u8], last: u8) -> Option<Key> {
    let first = numbers.split(|byte| *byte == b';').next();
    Some(match (last, first) {
        (b'A', _) => Key::Up,
        (b'B', _) => Key::Down,
        (b'C', _) => Key::Right,
        (b'D', _) => Key::Left,
        (b'H', _) | (b'~', Some(b"1" | b"7")) => Key::Home,
        (b'F', _) | (b'~', Some(b"4" | b"8")) => Key::End,
        (b'M', None | Some(b"")) => Key::Enter,
        (b'Z', _) => Key::BackTab,
        (b'~', Some(b"3")) => Key::Delete,
        (b'~', Some(b"5")) => Key::PageUp,
        (b'~', Some(b"6")) => Key::PageDown,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(bytes: &[u8]) -> Vec<Key> {
        let mut decoder = Decoder::default();
        decoder.feed(bytes);
        std::iter::from_fn(|| decoder.next()).collect()
    }

    #[test]
    fn keys_are_told_from_what_terminals_send() {
        use Key::*;
        for (bytes, key) in [
            (&b"q"[..], Char('q')),
            ("통".as_bytes(), Char('통')),
            (b"\x03", Ctrl('c')),
            (b"\x1a", Ctrl('z')),
            (b"\r", Enter),
            (b"\x1b[A", Up),
            (b"\x1bOB", Down),
            (b"\x1b[1;5C", Right),
            (b"\x1b[5~", PageUp),
            (b"\x1b[6;2~", PageDown),
            (b"\x1b[1~", Home),
            (b"\x1bOF", End),
            (b"\x1b[Z", BackTab),
            (b"\x7f", Backspace),
            (b"\x1b[3~", Delete),
        ] {
            assert_eq!(keys(bytes), [key], "{bytes:?}");
        }
    }

    #[test]
    fn what_means_nothing_is_left_out() {
        for bytes in [
            &b"\x1b[200~"[..],
            b"\x1b[15~",
            b"\x1bx",
            b"\xff",
            b"\0",
            b"\x1b[?1;2c",
        ] {
            assert_eq!(keys(&[bytes, b"q"].concat()), [Key::Char('q')], "{bytes:?}");
        }
    }

    /// A slow line delivers sequences in pieces.
    #[test]
    fn what_is_cut_off_waits_for_the_rest() {
        for whole in ["\x1b[5~", "통", "\x1b[1;5A", "\x1bOA"] {
            for cut in 1..whole.len() {
                let mut decoder = Decoder::default();
                decoder.feed(&whole.as_bytes()[..cut]);
                assert_eq!(decoder.next(), None, "{whole:?} {cut}");
                assert!(decoder.is_waiting());
                decoder.feed(&whole.as_bytes()[cut..]);
                assert!(decoder.next().is_some() && !decoder.is_waiting());
            }
        }
    }

    #[test]
    fn an_escape_alone_is_a_key_once_nothing_follows() {
        let mut decoder = Decoder::default();
        decoder.feed(b"\x1b");
        assert_eq!(decoder.next(), None);
        assert_eq!(decoder.give_up(), Some(Key::Escape));
        assert!(!decoder.is_waiting() && decoder.give_up().is_none());
        assert_eq!(keys(b"\x1b\x1b[A"), [Key::Escape, Key::Up]);
    }

    #[test]
    fn any_bytes_come_to_an_end() {
        let mut decoder = Decoder::default();
        for seed in 0..2000u32 {
            let byte = seed.wrapping_mul(2_654_435_761).to_be_bytes()[0];
            decoder.feed(&[byte, 0x1b, b'[']);
            while decoder.next().is_some() {}
            assert!(decoder.bytes.len() <= 2 * SEQUENCE_MAX, "{seed}");
        }
    }
}
