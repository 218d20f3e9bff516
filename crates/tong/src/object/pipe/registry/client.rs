//! Opening a client end: finding the pipe, and the instance that has listened longest.

use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, PoisonError};

use tong_sys::door::{self, Knock};
use tong_sys::map::Ordering;
use tong_sys::{dir, socket};

use super::{failed, is_name, stem, Attributes, Quotas};
use crate::name::PipeName;
use crate::namespace::pipe::{self, Column, Found, Hint, Sight};
use crate::{Error, ErrorKind, Namespace, Result};

const OPEN: &str = "open pipe";

/// What a client wants to do; `None` is whatever the pipe's direction allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) read: Option<bool>,
    pub(crate) write: Option<bool>,
}

/// A client end that is connected to an instance.
#[derive(Debug)]
pub(crate) struct Opened {
    socket: OwnedFd,
    quotas: Quotas,
    server_pid: u32,
    pipe: Arc<SeenPipe>,
}

/// What a client keeps of a pipe, to be asked for the number of its instances.
pub(crate) type View = Arc<SeenPipe>;

/// A pipe as clients of this process know it.
#[derive(Debug)]
pub(crate) struct SeenPipe {
    found: Found,
    attributes: Arc<Attributes>,
}

impl Opened {
    /// Connects to the instance that has listened longest (P5.4). Takes no lock, and never waits.
    ///
    /// # Errors
    /// In this order: the namespace cannot be used, or something that is not ours stands there; no such pipe
    /// ([`ErrorKind::NotFound`], P5.2); its direction, or its creator, does not allow what is wanted
    /// ([`ErrorKind::AccessDenied`], P5.6); no instance listens ([`ErrorKind::PipeBusy`], P5.3); no descriptors.
    pub(crate) fn connect(name: &PipeName, wanted: Wanted) -> Result<Opened> {
        let named = |error: Error| error.on(name.full());
        let namespace = Namespace::current().map_err(named)?;
        if let Some(known) = SeenPipe::known(&namespace, name)? {
            // It may have ended, and another one be in its place: only a success counts without a look at the name.
            if let Some(outcome) = Opened::try_pipe(&known, name, wanted)? {
                return outcome;
            }
        }
        loop {
            let pipe = Arc::new(SeenPipe::find(&namespace, name, OPEN)?);
            if let Some(outcome) = Opened::try_pipe(&pipe, name, wanted)? {
                if outcome.is_ok() {
                    pipe.remember(&namespace, name)?;
                }
                return outcome;
            }
        }
    }

    /// Tries the instances of a pipe; `None` if it has ended, so that there is none of the name, or another one.
    fn try_pipe(
        pipe: &Arc<SeenPipe>,
        name: &PipeName,
        wanted: Wanted,
    ) -> Result<Option<Result<Opened>>> {
        let refused = |kind| Error::new(OPEN, kind).on(name.full());
        let allowed = pipe.allows(wanted);
        if allowed {
            if let Some(opened) = pipe.open(name)? {
                return Ok(Some(Ok(opened)));
            }
        }
        if !pipe.is_live() {
            return Ok(None);
        }
        Ok(Some(Err(match allowed {
            true => refused(ErrorKind::PipeBusy),
            false => refused(ErrorKind::AccessDenied).because(
                "the pipe's direction does not allow a client to read, or to write, as was asked for",
            ),
        })))
    }

    /// What all clients and instances of the pipe have in common.
    pub(crate) fn attributes(&self) -> &Arc<Attributes> {
        &self.pipe.attributes
    }

    /// The quotas of the instance.
    pub(crate) fn quotas(&self) -> Quotas {
        self.quotas
    }

    /// The process that made the instance, as its own PID namespace counts.
    pub(crate) fn server_pid(&self) -> u32 {
        self.server_pid
    }

    /// The connection, and the pipe.
    pub(crate) fn into_parts(self) -> (OwnedFd, View) {
        (self.socket, self.pipe)
    }
}

impl SeenPipe {
    pub(super) fn find(
        namespace: &Namespace,
        name: &PipeName,
        op: &'static str,
    ) -> Result<SeenPipe> {
        let same = |written: &str| is_name(name, written);
        let found =
            pipe::find(namespace, &stem(name), op, &same).map_err(|error| error.on(name.full()))?;
        let attributes = Arc::new(Attributes::of(&found.facts)?);
        Ok(SeenPipe { found, attributes })
    }

    pub(super) fn attributes(&self) -> &Arc<Attributes> {
        &self.attributes
    }

    pub(super) fn found(&self) -> &Found {
        &self.found
    }

    /// How many instances the pipe has now; 0 if it has ended.
    pub(crate) fn count(&self) -> u32 {
        let Some(file) = self.found.reopen() else {
            return 0;
        };
        let live = |slot: &u32| !pipe::is_dead(&file, *slot);
        let count = match &self.found.sight {
            Sight::Mapped(table) => table.taken().filter(live).count(),
            Sight::Copied(_) => match self.found.copy(&file) {
                Ok(copy) => copy.taken().filter(live).count(),
                Err(_) => 0,
            },
        };
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    /// Whether some process keeps the pipe alive under its name.
    pub(super) fn is_live(&self) -> bool {
        !self.has_ended() && self.found.reopen().is_some_and(pipe::is_live)
    }

    pub(super) fn has_ended(&self) -> bool {
        match &self.found.sight {
            Sight::Mapped(table) => table.has_ended(),
            Sight::Copied(copy) => copy.has_ended(),
        }
    }

    /// Whether the pipe's direction allows it (P5.6 to P5.8).
    fn allows(&self, wanted: Wanted) -> bool {
        let direction = self.attributes.direction;
        (wanted.read != Some(true) || direction.is_outbound())
            && (wanted.write != Some(true) || direction.is_inbound())
    }

    /// Connects to the listening instance with the oldest turn that takes us; `None` if none does.
    fn open(self: &Arc<Self>, name: &PipeName) -> Result<Option<Opened>> {
        let mut after = 0;
        let mut news = self.news();
        loop {
            let Some((turn, slot)) = self.next_listening(after) else {
                // One may have begun to listen in a slot that we had passed.
                let seen = std::mem::replace(&mut news, self.news());
                if seen == news {
                    return Ok(None);
                }
                after = 0;
                continue;
            };
            after = turn;
            let door = pipe::door_name(&self.found.stem, self.tag(), slot);
            match door::knock(&self.found.dir, &door).map_err(failed(OPEN, name))? {
                Knock::In(socket) => {
                    self.mark_taken(slot, turn);
                    if let Some(opened) = self.opened(socket, slot).map_err(failed(OPEN, name))? {
                        return Ok(Some(opened));
                    }
                }
                Knock::Taken | Knock::Shut | Knock::Missing => self.mark_taken(slot, turn),
                Knock::Refused => {
                    return Err(Error::new(OPEN, ErrorKind::AccessDenied)
                        .on(name.full())
                        .because("its creator did not open it to this user"))
                }
            }
        }
    }

    /// The client end of a connection; `None` if it does not lead to the pipe's own user.
    fn opened(self: &Arc<Self>, socket: OwnedFd, slot: u32) -> std::io::Result<Option<Opened>> {
        // Where others can make files, one of them may have put a link where the door was.
        let server_uid = socket::peer(&socket)?.uid;
        if server_uid != self.found.uid {
            return Ok(None);
        }
        let row = |column| match &self.found.sight {
            Sight::Mapped(table) => table.row(slot, column).load(Ordering::Acquire),
            Sight::Copied(copy) => copy.row(slot, column),
        };
        #[allow(
            clippy::cast_possible_truncation,
            reason = "the upper half is not used"
        )]
        let server_pid = row(Column::Server) as u32;
        Ok(Some(Opened {
            socket,
            quotas: Quotas::from_word(row(Column::Quotas)),
            server_pid,
            pipe: Arc::clone(self),
        }))
    }

    fn tag(&self) -> u64 {
        match &self.found.sight {
            Sight::Mapped(table) => table.tag(),
            Sight::Copied(copy) => copy.tag(),
        }
    }

    fn news(&self) -> u64 {
        match &self.found.sight {
            Sight::Mapped(table) => table.news().load(Ordering::SeqCst),
            Sight::Copied(copy) => copy.news(),
        }
    }

    fn next_listening(&self, after: u64) -> Option<(u64, u32)> {
        match &self.found.sight {
            Sight::Mapped(table) => table.next_listening(after),
            Sight::Copied(copy) => copy.next_listening(after),
        }
    }

    fn mark_taken(&self, slot: u32, turn: u64) {
        if let Sight::Mapped(table) = &self.found.sight {
            table.change_hint(slot, Hint::Listening(turn), Hint::Taken(turn));
        }
    }
}

/// How many pipes a process remembers, so that opening one again costs no look at its files.
const REMEMBERED: usize = 16;

/// A pipe, and the directory and the file name under which it was looked for.
type Remembered = ((u64, u64), String, Arc<SeenPipe>);

/// The pipes that were opened last, the latest first.
static KNOWN: Mutex<Vec<Remembered>> = Mutex::new(Vec::new());

impl SeenPipe {
    fn known(namespace: &Namespace, name: &PipeName) -> Result<Option<Arc<SeenPipe>>> {
        let (place, stem) = place(namespace, name)?;
        let known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        let found = known
            .iter()
            .find(|(its_place, its_stem, _)| *its_place == place && *its_stem == stem);
        Ok(found.map(|(_, _, pipe)| Arc::clone(pipe)))
    }

    /// Remembers the pipe, unless all there is of it is a copy, which only shows one moment.
    fn remember(self: &Arc<Self>, namespace: &Namespace, name: &PipeName) -> Result<()> {
        if matches!(self.found.sight, Sight::Copied(_)) {
            return Ok(());
        }
        let (place, stem) = place(namespace, name)?;
        let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|(its_place, its_stem, pipe)| {
            (*its_place, its_stem) != (place, &stem) && !pipe.has_ended()
        });
        known.insert(0, (place, stem, Arc::clone(self)));
        known.truncate(REMEMBERED);
        Ok(())
    }
}

fn place(namespace: &Namespace, name: &PipeName) -> Result<((u64, u64), String)> {
    let dir = dir::look_at(&**namespace.pipes()).map_err(failed(OPEN, name))?;
    Ok((dir.inode, stem(name)))
}
