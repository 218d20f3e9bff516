//! Waiting on shared objects: tokens, waiters, and how a token finds its waiter whatever dies meanwhile.
//!
//! # The parts
//! A [`Cell`] is an event, mutex, semaphore, timer or thread: 64 bytes of shared memory that hold its tokens (a signaled
//! bit, a count, an owner) and lead to the slots of those who wait for it. It lies in a [`Ground`]: the page of a named
//! object, or the arena that a process has for its unnamed ones. A [`Record`] is a thread that waits or owns: 128 bytes in
//! the [`Table`] of the namespace, with a *life lock* by which every process can feel the thread's end, and a *commit
//! word*, the one word that the thread sleeps on.
//!
//! # Without waiters
//! One compare-and-swap of the cell's state word, no system call, no lock.
//!
//! # With waiters
//! The state word says SLOW, and whoever wants anything of the cell takes its lock first: a word with the name of a
//! record, held for some ten nanoseconds. Under it
//!
//! - a **waiter** *arms* its commit word (WAITING), then visits each object of its wait: takes the token if there is one
//!   and its commit word still says WAITING, else leaves a slot (its record and the object's place in its wait);
//! - a **signaler** looks for the waiter that waits longest, and moves that one's commit word from WAITING to the object's
//!   place. Only one mover succeeds, so a thread that waits for many objects gets one token. The token never enters the
//!   state word: nobody can snatch it, the signaler included (W-40 to W-42). Without a waiter it stays in the state word;
//! - a waiter that wakes, times out or is called away takes its slots back before it does anything else. Its commit word
//!   therefore stands still for as long as a slot of that wait is left anywhere.
//!
//! # Waiting for all
//! A slot may say NUDGE. Then signalers do not hand over: they leave the token where it is and wake the waiter, which
//! takes the locks of all its objects in one order that all processes agree on, looks whether all have tokens, takes them
//! all, and lets go. So tokens are never held back for a wait that cannot end (W-33), and nobody sees half a take. Waits
//! whose objects lie in different tables, and watchers that wait on behalf of others, use NUDGE slots too.
//!
//! # Death
//! Any process may be killed between any two instructions.
//!
//! - *With a lock:* the next one who wants it sees that the holder's record has ended, takes the lock over, and finishes
//!   or undoes what the journal word says. A signal that had reached a waiter takes full effect, any other never happened.
//! - *Between commit and wake:* the signaler promised the wake to the kernel beforehand (see `tong_sys::robust`), which
//!   delivers it.
//! - *As a waiter:* its slots name a record and a generation that ended; whoever meets one clears it away. A token is
//!   never given to a record that has ended.
//! - *As an owner:* the mutex names the record and its generation. Waiters sleep on the owner's life lock as well; the
//!   kernel wakes one of them, which wakes the others, takes the lock, and marks the mutex abandoned.
//!   A waiter that fell asleep under one owner is not woken for each change of owner: for the first [`SLICE_NS`] it looks
//!   again by itself, then it marks its slot SETTLED, and whoever hands the mutex on wakes settled waiters once.
//! - *In the middle of taking all:* each object keeps what its state was; the takers' commit word says whether the take
//!   was decided. Whoever finds the lock of the dead taker keeps or restores accordingly.
//!
//! A *stopped* process (SIGSTOP, a debugger) that holds a lock keeps others from that one object until it goes on. The
//! window is some ten nanoseconds of a call that found waiters; Windows' kernel has no such window.
//!
//! # Trust
//! Tables and grounds belong to one user and are closed to all others, so only processes of that user can break these
//! rules. What they write is still checked before it is used as an index.
//!
//! # Limits
//! 65,536 threads of a namespace can wait or own at a time; 32,767 objects in one wait; a named object has room for about
//! 7,000 waiters, an unnamed one for as many as fit into its arena.

#![allow(
    clippy::cast_possible_truncation,
    reason = "words are taken apart into the fields that they are made of"
)]

mod arena;
#[cfg(feature = "tokio")]
mod bridge;
mod calls;
mod cell;
mod commit;
mod engine;
mod ground;
mod handover;
mod journal;
mod kind;
mod lock;
mod named;
mod note;
mod peek;
mod record;
mod schedule;
mod signal;
mod sleeper;
mod slots;
mod thread_cell;
mod watcher;

#[cfg(feature = "tokio")]
pub(crate) use bridge::Watch as AsyncWatch;
pub(crate) use cell::{mixed, Cell};
pub(crate) use cell::{Start, WeakCell};
pub(crate) use engine::{wait_all, wait_any, Alert, Ending, Entry};
pub(crate) use handover::{export, import};
pub(crate) use kind::CellKind;
pub(crate) use named::open as open_named;
pub(crate) use note::{Doing, Note, Thing, Told};
pub(crate) use peek::{peek, peek_unit, room_in_use, Seen};
pub(crate) use record::{Me, Table, TABLE_LEN};
pub(crate) use schedule::Schedule;
pub(crate) use thread_cell::ThreadCell;
pub(crate) use watcher::when_ready;

/// How long a waiter looks after a mutex's owner by itself, before it relies on being told of a new one.
pub(crate) const SLICE_NS: u64 = 10_000_000;

/// How often a waiter looks again even so: the kernel wakes one sleeper at a death, and that one may die too.
pub(crate) const BACKSTOP_NS: u64 = 500_000_000;
