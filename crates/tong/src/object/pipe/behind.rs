//! A blocking read that finds others waiting: it takes its place behind them, and is served by the servant like them.

use std::sync::{Arc, Condvar, Mutex, PoisonError};

use super::calls::Received;
use super::end::Open;
use crate::io::{Completion, Key, Outcome, Started};
use crate::wait::Deadline;
use crate::{ErrorKind, Result};

#[derive(Default)]
struct Place {
    ended: Mutex<Option<(Outcome, Vec<u8>)>>,
    told: Condvar,
}

struct Waiting {
    place: Arc<Place>,
    room: Vec<u8>,
}

impl Waiting {
    /// Tells it apart from all others.
    fn tag(place: &Arc<Place>) -> usize {
        Arc::as_ptr(place) as usize
    }
}

impl Completion for Waiting {
    fn key(&self) -> Key {
        Key {
            tag: Waiting::tag(&self.place),
            // No thread: it is canceled by its own deadline only.
            thread: 0,
        }
    }

    fn room(&mut self) -> &mut [u8] {
        &mut self.room
    }

    fn done(self: Box<Self>, outcome: Outcome) {
        let Waiting { place, room } = *self;
        let mut ended = place.ended.lock().unwrap_or_else(PoisonError::into_inner);
        *ended = Some((outcome, room));
        place.told.notify_one();
    }
}

pub(super) fn read(
    open: &Open,
    op: &'static str,
    buf: &mut [u8],
    deadline: Deadline,
) -> Result<Received> {
    let place = Arc::new(Place::default());
    let waiting = Box::new(Waiting {
        place: Arc::clone(&place),
        room: vec![0; buf.len()],
    });
    let (outcome, room) = match open.start_read(op, waiting, false)? {
        Started::Now(outcome, mut completion) => {
            let room = completion.room().to_vec();
            (outcome, room)
        }
        Started::Pending => place.wait(open, deadline),
    };
    buf[..outcome.bytes].copy_from_slice(&room[..outcome.bytes]);
    match outcome.error {
        None | Some(ErrorKind::MoreData) => Ok(Received {
            bytes: outcome.bytes,
            more: outcome.error.is_some(),
        }),
        Some(ErrorKind::Canceled) => Err(open.failure(op, ErrorKind::TimedOut)),
        Some(kind) => Err(open.failure(op, kind)),
    }
}

impl Place {
    fn wait(self: &Arc<Place>, open: &Open, deadline: Deadline) -> (Outcome, Vec<u8>) {
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        let mut patient = true;
        loop {
            if let Some(ended) = ended.take() {
                return ended;
            }
            if patient && deadline.passed() {
                patient = false;
                drop(ended);
                let tag = Waiting::tag(self);
                open.cancel(&|key| key.tag == tag);
                ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            ended = match deadline.left().filter(|_| patient) {
                Some(left) => {
                    self.told
                        .wait_timeout(ended, left)
                        .unwrap_or_else(PoisonError::into_inner)
                        .0
                }
                None => self
                    .told
                    .wait(ended)
                    .unwrap_or_else(PoisonError::into_inner),
            };
        }
    }
}
