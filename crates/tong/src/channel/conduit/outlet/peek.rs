//! Looking at the queue without taking anything.

use super::super::{put_count, PipeType, BEYOND, GONE, PENDING};
use super::{clip, Outlet, MOST_SKIPPED};
use crate::channel::layout;
use crate::channel::ring::{Corrupt, Walk};
use tong_sys::map::Ordering;

/// Attempts to see the writer's words as of one moment.
const MOST_LOOKS: u32 = 16;

/// What a look at the queue got.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Peek {
    /// How many bytes were copied.
    pub bytes: usize,
    /// How many bytes are unread.
    pub available: u64,
    /// How many bytes of the first message are unread and were not copied; 0 of bytes.
    pub left_of_first: u64,
    /// Whether there is anything to read, be it an empty message.
    pub any: bool,
}

impl Outlet {
    /// Copies what there is without taking it: of bytes across all entries, of messages from the first.
    ///
    /// # Errors
    /// [`Corrupt`] if the writer's words make no sense.
    pub fn peek(&mut self, buf: &mut [u8]) -> Result<Peek, Corrupt> {
        self.consumer.look()?;
        if self.kind == PipeType::Message {
            return self.peek_first(buf);
        }
        if self.front()?.is_none() {
            return Ok(Peek::default());
        }
        let available = self.available();
        let (bytes, all) = self.copy_across(buf)?;
        let available = if all {
            bytes as u64
        } else {
            self.settle_available(available, bytes as u64)?
        };
        Ok(Peek {
            bytes,
            available,
            left_of_first: 0,
            any: true,
        })
    }

    fn peek_first(&mut self, buf: &mut [u8]) -> Result<Peek, Corrupt> {
        while let Some(entry) = self.front()? {
            let available = self.available();
            let bytes = clip(entry.rest, buf.len());
            self.consumer.copy_part(self.offset, &mut buf[..bytes]);
            // What was taken back meanwhile may have lost its bytes before they were copied.
            if entry.pending && self.consumer.stamp().load(Ordering::Acquire) & GONE != 0 {
                continue;
            }
            return Ok(Peek {
                bytes,
                available: self.settle_available(available, entry.rest)?,
                left_of_first: entry.rest - bytes as u64,
                any: true,
            });
        }
        Ok(Peek::default())
    }

    /// Bytes that are unread, by the writer's words.
    fn available(&self) -> u64 {
        let word = |which: usize| self.consumer.word(which);
        let mut unread = 0;
        for _ in 0..MOST_LOOKS {
            let withdrawn = word(layout::WITHDRAWN).load(Ordering::Acquire);
            let (tail, put) = put_count(word);
            let gone = withdrawn.wrapping_sub(self.skipped);
            // A writer adds to this after the reader could skip it.
            let gone = if gone >= BEYOND { 0 } else { gone };
            unread = put.saturating_sub(self.passed).saturating_sub(gone);
            let same = word(layout::TAIL).load(Ordering::Acquire) == tail
                && word(layout::WITHDRAWN).load(Ordering::Acquire) == withdrawn;
            if same {
                break;
            }
        }
        unread.min(self.consumer.queued_bytes())
    }

    /// Makes a number of unread bytes agree with `least` that were seen, and with the writer's end.
    fn settle_available(&self, available: u64, least: u64) -> Result<u64, Corrupt> {
        if self.end.is_none() {
            return Ok(available.max(least));
        }
        let mut unread = 0;
        self.each_unread(|_, _, rest| {
            unread += rest;
            true
        })?;
        Ok(unread)
    }

    /// Copies from all entries until the buffer is full; returns how much, and whether that is all there is.
    fn copy_across(&self, buf: &mut [u8]) -> Result<(usize, bool), Corrupt> {
        let mut bytes = 0;
        let all = self.each_unread(|walk, offset, rest| {
            let part = clip(rest, buf.len() - bytes);
            walk.copy_part(offset, &mut buf[bytes..bytes + part]);
            // What was taken back meanwhile may have lost its bytes before they were copied.
            if walk.stamp() & GONE != 0 {
                return true;
            }
            bytes += part;
            part as u64 == rest
        })?;
        Ok((bytes, all))
    }

    /// Visits the entries seen so far that can be read, with what was taken and what is unread of each, until `visit` says
    /// `false`; returns whether it did not.
    fn each_unread(
        &self,
        mut visit: impl FnMut(&Walk<'_>, u64, u64) -> bool,
    ) -> Result<bool, Corrupt> {
        let mut walk = self.consumer.walk();
        let (mut offset, mut from) = (self.offset, self.passed);
        let mut end = self.end;
        let mut steps = 0;
        while let Some(frame) = walk.step()? {
            steps += 1;
            if steps > MOST_SKIPPED {
                return Err(Corrupt);
            }
            let rest = (frame.len as u64).checked_sub(offset).ok_or(Corrupt)?;
            let state = Outlet::checked(frame, self.kind, offset)?;
            let to = from.saturating_add(rest);
            let dropped = match &mut end {
                Some(end) if state == GONE => {
                    end.skip(from, to);
                    true
                }
                Some(end) => state == PENDING && end.unread(to) > self.quota,
                None => state == GONE,
            };
            if !dropped && !visit(&walk, offset, rest) {
                return Ok(false);
            }
            (offset, from) = (0, to);
        }
        Ok(true)
    }
}
