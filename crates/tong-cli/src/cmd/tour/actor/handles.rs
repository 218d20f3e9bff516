//! Handles: a host that starts a guest, and what the guest gets of the host's table.

use super::programs::{starter, STILL_ACTIVE};
use super::turns::SEATS;
use super::worker::{myself, name};
use super::{say, tell, Did, PATIENCE};
use crate::exit::Failure;
use serde::{Deserialize, Serialize};
use std::thread;
use std::time::{Duration, Instant};
use tong::handle::{
    duplicate, DuplicateRights, Handle, Kind, Object, Party, Rights, Source, Table, Wish,
};
use tong::wait;
use tong::{Event, Inherit, Mutex, Process, Reset, Result, Semaphore};

/// The exit code of a guest that could use both of its handles.
pub(in super::super) const WELCOME: u32 = 7_700_077;
/// How often a guest looks whether it was given something.
const LOOK_EVERY: Duration = Duration::from_millis(20);
const GATE: &str = "tour-gate";

/// What a worker may be told to do with handles.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in super::super) enum Handing {
    /// Start a program that inherits a handle.
    Invite,
    /// Put one more handle into that program's table.
    Give,
    /// Signal what the guest waits for, and wait for its end.
    Farewell,
}

/// What a worker has of handles.
#[derive(Default)]
pub(super) struct Hands {
    guest: Option<(Process, Handle)>,
    gate: Option<Event>,
    handles: Vec<Handle>,
}

impl Drop for Hands {
    fn drop(&mut self) {
        // The table itself is only given up with the process, which would leave the files of names behind.
        for handle in self.handles.drain(..) {
            let _ = Table::of_process().close(handle);
        }
    }
}

impl Hands {
    pub(super) fn work(&mut self, order: &Handing) -> Result<()> {
        match order {
            Handing::Invite => self.invite(),
            Handing::Give => self.give(),
            Handing::Farewell => self.farewell(),
        }
    }

    /// Two handles, of which a child is to inherit one.
    fn invite(&mut self) -> Result<()> {
        let table = Table::of_process();
        let gate = Event::create(&name(GATE)?, Reset::Manual, false)?.0;
        let mut keep = |object: Object, inherit: bool| -> Result<Handle> {
            let rights = object.kind().generic().all;
            let handle = table.insert(object, rights, inherit)?;
            self.handles.push(handle);
            Ok(handle)
        };
        keep(Object::Mutex(Mutex::new(false)?), false)?;
        keep(Object::Event(gate.clone()), true)?;
        let seats = keep(Object::Semaphore(Semaphore::open(&name(SEATS)?)?), false)?;
        let guest = myself("guest", "tour").inherit(Inherit::All).spawn()?;
        say(Did::Start("a guest".to_owned(), guest.id()));
        self.guest = Some((guest, seats));
        self.gate = Some(gate);
        Ok(())
    }

    fn give(&self) -> Result<()> {
        if let Some((guest, seats)) = &self.guest {
            let wish = Wish {
                rights: DuplicateRights::Exactly(Rights::SYNCHRONIZE),
                inherit: false,
                close_source: false,
            };
            let to = Party::Process(guest);
            duplicate(Party::This, Source::Handle(*seats), to, wish)?;
            tell("gives it a semaphore");
        }
        Ok(())
    }

    fn farewell(&self) -> Result<()> {
        self.gate.as_ref().map_or(Ok(()), Event::set)?;
        if let Some((guest, _)) = &self.guest {
            guest.wait(Some(PATIENCE))?;
            let code = guest.exit_code()?.unwrap_or(STILL_ACTIVE);
            say(Did::Code("guest".to_owned(), code));
        }
        Ok(())
    }
}

/// Waits for the event that it inherited, takes the semaphore that it was given, and tells so by its exit code.
pub(super) fn be_a_guest() -> std::result::Result<(), Failure> {
    Table::take_over_inherited();
    let table = Table::of_process();
    let host = starter()?;
    let find = |kind: Kind| {
        let row = table.rows().into_iter().find(|row| row.kind == kind)?;
        table.get(row.handle).ok()
    };
    let use_up = |kind: Kind| -> bool {
        let start = Instant::now();
        while start.elapsed() < PATIENCE && host.is_running().unwrap_or(false) {
            let found = find(kind);
            // What it is given meanwhile comes into the table when it uses a handle.
            let object = found
                .as_ref()
                .and_then(|found| found.object().as_waitable());
            match object {
                Some(object) if wait::any(&[object], Some(LOOK_EVERY)).is_ok() => return true,
                Some(_) => {}
                None => thread::sleep(LOOK_EVERY),
            }
        }
        false
    };
    let both = use_up(Kind::Event) && use_up(Kind::Semaphore);
    let code = if both { WELCOME } else { 1 };
    std::process::exit(i32::try_from(code).unwrap_or(-1))
}
