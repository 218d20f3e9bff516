//! The start information: what a creator tells the process it creates, as it lies in the [process page](super::page).
//!
//! The numbers and texts of the start-up settings mean nothing to this crate: they reach the child as they are.

use std::io;
use std::os::unix::ffi::OsStringExt as _;
use std::sync::atomic::Ordering;

use tong_sys::map::Map;
use tong_sys::memory::Memory;

use super::page::{low_half, Page, AT_START, AT_TEXTS, ROWS_AT};

/// Offsets from the first word of the start information; two numbers of 32 bits in a word each, but for the lengths.
const LEN_COMMAND_LINE: usize = AT_START;
const LEN_DESKTOP: usize = AT_START + 0x08;
const LEN_TITLE: usize = AT_START + 0x10;
const NUMBERS: usize = AT_START + 0x18;

/// Room for all texts together, in bytes.
const TEXTS_MAX: usize = ROWS_AT - AT_TEXTS;

/// How many numbers the settings have.
const COUNT: usize = 16;

/// The start-up settings that a creator passes on, as Windows' structure of that name has them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Startup {
    /// Where the first window is to be, across and down.
    pub position: [u32; 2],
    /// The size of the first window.
    pub size: [u32; 2],
    /// The width and height of a new console, in characters.
    pub characters: [u32; 2],
    /// The colours of a new console.
    pub fill: u32,
    /// Which of the settings count.
    pub flags: u32,
    /// How the first window is to be shown.
    pub show: u16,
    /// The flags of the creation itself.
    pub creation_flags: u32,
    /// The values of the standard handles: input, output, errors; 0 for a stream that is absent. `None` if the creator
    /// set none, so that the streams are descriptors 0 to 2.
    pub standard: Option<[u32; 3]>,
    /// The desktop, in UTF-8; `None` is the creator's.
    pub desktop: Option<String>,
    /// The title of a new console, in UTF-8; `None` is the program's path.
    pub title: Option<String>,
}

/// All that a creator tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Start {
    /// The process id of the creator, 0 if there is none.
    pub(crate) creator: u32,
    /// The command line, exactly; empty if the creator said nothing.
    pub(crate) command_line: Vec<u8>,
    /// The settings.
    pub(crate) startup: Startup,
}

impl Start {
    /// Writes it into a page that nobody else sees yet.
    pub(super) fn store(&self, memory: &Memory, head: &Map) -> io::Result<()> {
        let startup = &self.startup;
        let texts = [
            Some(&self.command_line[..]),
            startup.desktop.as_deref().map(str::as_bytes),
            startup.title.as_deref().map(str::as_bytes),
        ];
        let total: usize = texts.iter().flatten().map(|text| text.len()).sum();
        if total > TEXTS_MAX {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        // Writing without memory behind it would end the process with SIGBUS.
        if total > 0 {
            memory.reserve(AT_TEXTS as u64, total as u64)?;
        }
        let mut at = AT_TEXTS;
        for (index, text) in texts.into_iter().enumerate() {
            let text_len = text.map_or(0, |text| text.len() as u64 + 1);
            head.word(AT_START + 8 * index)
                .store(text_len, Ordering::Relaxed);
            head.copy_in(at, text.unwrap_or_default());
            at += text.map_or(0, <[u8]>::len);
        }
        for (index, pair) in startup.numbers().chunks_exact(2).enumerate() {
            let word = u64::from(pair[0]) | u64::from(pair[1]) << 32;
            head.word(NUMBERS + 8 * index)
                .store(word, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Reads it; texts that cannot be as long as they say are empty.
    pub(super) fn load(head: &Map, creator: u32) -> Start {
        let mut at = AT_TEXTS;
        let mut text = |len_at: usize| {
            let len = head.word(len_at).load(Ordering::Relaxed).checked_sub(1)?;
            let len = usize::try_from(len).ok()?;
            let mut text = Vec::new();
            if len <= ROWS_AT - at {
                head.append_to(at, len, &mut text);
                at += len;
            }
            Some(text)
        };
        let command_line = text(LEN_COMMAND_LINE).unwrap_or_default();
        let [desktop, title] = [LEN_DESKTOP, LEN_TITLE]
            .map(|len_at| text(len_at).and_then(|text| String::from_utf8(text).ok()));
        let mut numbers = [0; COUNT];
        for (index, pair) in numbers.chunks_exact_mut(2).enumerate() {
            let word = head.word(NUMBERS + 8 * index).load(Ordering::Relaxed);
            pair.copy_from_slice(&[low_half(word), low_half(word >> 32)]);
        }
        Start {
            creator,
            command_line,
            startup: Startup {
                desktop,
                title,
                ..Startup::from_numbers(&numbers)
            },
        }
    }
}

impl Startup {
    fn numbers(&self) -> [u32; COUNT] {
        let [x, y] = self.position;
        let [width, height] = self.size;
        let [columns, rows] = self.characters;
        let [input, output, errors] = self.standard.unwrap_or_default();
        [
            x,
            y,
            width,
            height,
            columns,
            rows,
            self.fill,
            self.flags,
            self.show.into(),
            self.creation_flags,
            self.standard.is_some().into(),
            0,
            input,
            output,
            errors,
            0,
        ]
    }

    fn from_numbers(numbers: &[u32; COUNT]) -> Startup {
        let [x, y, width, height, columns, rows, fill, flags, show, creation, standard, _, input, output, errors, _] =
            *numbers;
        Startup {
            position: [x, y],
            size: [width, height],
            characters: [columns, rows],
            fill,
            flags,
            show: (show & 0xFFFF) as u16,
            creation_flags: creation,
            standard: (standard != 0).then_some([input, output, errors]),
            desktop: None,
            title: None,
        }
    }
}

/// The command line of this process, in UTF-8 if its creator wrote text: exactly as its creator gave it, or made of the
/// arguments if that was a program that gave only those.
#[must_use]
pub fn command_line_of_process() -> Vec<u8> {
    let given = Page::own_if_any().map(|page| page.start().command_line);
    given.filter(|line| !line.is_empty()).unwrap_or_else(|| {
        let arguments = std::env::args_os().map(std::ffi::OsString::into_vec);
        super::command_line::join(arguments)
    })
}

/// The start-up settings that the creator of this process gave; the default ones if it gave none.
#[must_use]
pub fn startup_of_process() -> Startup {
    Page::own_if_any().map_or_else(Startup::default, |page| page.start().startup)
}

/// The values of the standard handles that the creator of this process gave: input, output, errors; 0 for a stream that is
/// absent. `None` if it gave none, so that the streams are descriptors 0 to 2.
#[must_use]
pub fn standard_handles() -> Option<[u32; 3]> {
    Page::own_if_any().and_then(|page| page.start().startup.standard)
}
