//! Making instances: the checks, the slot, the door.

use std::sync::Arc;

use tong_sys::map::Ordering;

use super::instance::{Door, Shown};
use super::kept::Pipe;
use super::{facts, is_name, stem, Attributes, Quotas};
use crate::name::PipeName;
use crate::namespace::pipe::{self, Change, Column, Hint};
use crate::namespace::without_proc;
use crate::object::pipe::options::PipeOptions;
use crate::{Error, ErrorKind, Namespace, Result};

const CREATE: &str = "create pipe";

/// What a maker gets.
pub(super) type MadeInstance = (Arc<Pipe>, u32, Door);

/// Adds an instance to a pipe that this process keeps alive already.
pub(super) fn add(pipe: Arc<Pipe>, options: &PipeOptions) -> Result<MadeInstance> {
    let change = pipe.held.lock_change(CREATE)?;
    allow(&pipe, &change, options)?;
    let (slot, door) = place(&pipe, &change, options)?;
    drop(change);
    Ok((pipe, slot, door))
}

/// Joins the live pipe of the name, or makes it, with an instance.
pub(super) fn join(
    namespace: &Namespace,
    name: &PipeName,
    options: &PipeOptions,
) -> Result<MadeInstance> {
    let same = |written: &str| is_name(name, written);
    let entered = pipe::enter(namespace, &stem(name), &facts(name, options), &same)?;
    let attributes = Attributes::of(&entered.held.facts)?;
    let pipe = Arc::new(Pipe::new(entered.held, attributes));
    let change = pipe.held.is_changing();
    let placed = match &entered.fresh {
        None => allow(&pipe, &change, options).and_then(|()| place(&pipe, &change, options)),
        Some(fresh) => place(&pipe, &change, options).and_then(|placed| {
            let published = pipe.held.publish(fresh);
            published.map_err(|error| Error::from_io(CREATE, error))?;
            Ok(placed)
        }),
    };
    match placed {
        Ok((slot, door)) => {
            drop(change);
            Ok((pipe, slot, door))
        }
        Err(error) => {
            for slot in std::mem::take(&mut *pipe.own()).into_keys() {
                pipe.held.leave_slot(slot);
                pipe.held.bury_slot(slot, &change);
            }
            pipe.held.leave(&change);
            drop(change);
            Err(error)
        }
    }
}

/// Takes a live pipe up by its name, if it is the one with this page.
pub(super) fn adopt(
    namespace: &Namespace,
    name: &PipeName,
    inode: (u64, u64),
) -> Result<Arc<Pipe>> {
    let same = |written: &str| is_name(name, written);
    let held = pipe::adopt(namespace, &stem(name), inode, &same)?;
    let attributes = Attributes::of(&held.facts)?;
    Ok(Arc::new(Pipe::new(held, attributes)))
}

/// Whether one more instance may be made of a pipe that exists. The names are locked against change.
fn allow(pipe: &Pipe, change: &Change<'_>, options: &PipeOptions) -> Result<()> {
    let denied = |why: &str| Err(Error::new(CREATE, ErrorKind::AccessDenied).because(why));
    if let Some(most) = pipe.attributes.max_instances {
        let made = |pipe: &Pipe| pipe.held.table.taken().count() >= most as usize;
        if made(pipe) {
            reap(pipe, pipe.held.table.taken(), change);
        }
        if made(pipe) {
            return Err(Error::new(CREATE, ErrorKind::PipeBusy).because(format!(
                "the pipe has {most} instances already, as many as its creator allows"
            )));
        }
    }
    if options.first_instance {
        return denied("the pipe exists already, and this was to be its first instance");
    }
    if options.direction != pipe.attributes.direction {
        return denied("the pipe exists already, and data goes through it in another direction");
    }
    Ok(())
}

/// Frees those of the slots whose processes died. The names are locked against change.
fn reap(pipe: &Pipe, slots: impl Iterator<Item = u32>, change: &Change<'_>) {
    for slot in slots {
        if !pipe.is_live(slot) {
            pipe.held.bury_slot(slot, change);
        }
    }
}

/// Puts a new instance into a slot, and lets it listen. The names are locked against change.
fn place(pipe: &Arc<Pipe>, change: &Change<'_>, options: &PipeOptions) -> Result<(u32, Door)> {
    let failed = |error| without_proc(CREATE).unwrap_or_else(|| Error::from_io(CREATE, error));
    sweep_sometimes(pipe, change);
    let mut from = 0;
    for _ in 0..TRIES {
        let slot = pipe.held.take_slot(from, change).map_err(failed)?;
        write_row(pipe, slot, options);
        let opened = open_door(pipe, slot);
        if let Ok(Some(door)) = opened {
            *pipe.own().entry(slot).or_default() += 1;
            return Ok((slot, door));
        }
        pipe.held.leave_slot(slot);
        pipe.held.free_slot(slot, change);
        opened.map_err(failed)?;
        from = slot + 1;
    }
    Err(in_the_way(CREATE))
}

/// How many slots are tried at whose doors somebody has put something.
const TRIES: u32 = 16;

pub(super) fn in_the_way(op: &'static str) -> Error {
    Error::new(op, ErrorKind::Foreign).because(
        "something that tong did not make stands where the sockets of the pipe should be; it was left alone",
    )
}

/// Says what a new instance is.
fn write_row(pipe: &Pipe, slot: u32, options: &PipeOptions) {
    let table = &pipe.held.table;
    let set = |column, value: u64| table.row(slot, column).store(value, Ordering::Relaxed);
    let quotas = Quotas {
        inbound: options.in_quota,
        outbound: options.out_quota,
    };
    set(Column::Quotas, quotas.word());
    set(Column::Server, u64::from(std::process::id()));
    for column in [
        Column::Modes,
        Column::Client,
        Column::Memory,
        Column::Shared,
    ] {
        set(column, 0);
    }
}

/// Opens the door of a slot, as the last in the order, and tells those who wait for it; `None` if something stands there.
pub(super) fn open_door(pipe: &Pipe, slot: u32) -> std::io::Result<Option<Door>> {
    let Some(listener) = pipe.held.open_door(slot)? else {
        return Ok(None);
    };
    let table = &pipe.held.table;
    let turn = table.next_turn();
    let shown = table.row(slot, Column::Shown);
    shown.store(Shown::Listening as u64, Ordering::Relaxed);
    // After the door is open: whoever reads the hint finds it so.
    table.set_hint(slot, Hint::Listening(turn));
    table.tell_news();
    let listener = Arc::new(listener);
    Ok(Some(Door { listener, turn }))
}

/// How many other slots a maker looks at, so that those of processes that were killed do not add up.
const SWEPT: u32 = 2;

fn sweep_sometimes(pipe: &Pipe, change: &Change<'_>) {
    let used = pipe.held.table.used();
    if used == 0 {
        return;
    }
    // The next turn is another one each time, whoever makes the instance.
    let turn = pipe.held.table.turns();
    #[allow(
        clippy::cast_possible_truncation,
        reason = "less than the number of slots"
    )]
    let start = (turn.wrapping_mul(u64::from(SWEPT)) % u64::from(used)) as u32;
    let some = (0..SWEPT.min(used)).map(|step| (start + step) % used);
    let taken = some.filter(|slot| pipe.held.table.hint(*slot) != Hint::Free);
    reap(pipe, taken, change);
}
