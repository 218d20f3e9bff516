//! What can be waited for at the prompt.

use crate::cmd::{mailslot_name, object_name};
use crate::exit::{Code, Failure};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use tong::namespace::{About, Namespace, State};
use tong::wait::Waitable;
use tong::{
    Error, ErrorKind, Event, MailslotName, Mutex, ObjectName, Process, Reset, Semaphore, Timer,
};

/// How often a mailslot is looked at: its messages are announced to its reader only.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// An object to wait for.
pub(super) enum Target {
    Event(Event),
    Mutex(Mutex),
    Semaphore(Semaphore),
    Timer(Timer),
    Process(Process),
    Mailslot(Mailslot),
}

/// A mailslot that is looked at from outside.
pub(super) struct Mailslot {
    name: MailslotName,
    /// Set while a message is unread; for good when the mailslot is gone.
    unread: Event,
    gone: Arc<AtomicBool>,
}

impl Target {
    /// Opens what is written as `KIND:NAME`.
    pub(super) fn open(text: &str) -> Result<Target, Failure> {
        let usage = |why: &str| Failure::Own(Code::Usage, format!("{text}: {why}"));
        let (kind, name) = text.split_once(':').ok_or_else(|| {
            usage("an object is written as KIND:NAME, such as event:ready or pid:1234")
        })?;
        let named =
            |open: &dyn Fn(&ObjectName) -> tong::Result<Target>| Ok(open(&object_name(name)?)?);
        match kind {
            "event" => named(&|name| Event::open(name).map(Target::Event)),
            "mutex" => named(&|name| Mutex::open(name).map(Target::Mutex)),
            "semaphore" => named(&|name| Semaphore::open(name).map(Target::Semaphore)),
            "timer" => named(&|name| Timer::open(name).map(Target::Timer)),
            "pid" => process(name).ok_or_else(|| usage("a process id is expected"))?,
            "mailslot" => Ok(Target::Mailslot(Mailslot::open(&mailslot_name(name)?)?)),
            _ => Err(usage(
                "the kind must be event, mutex, semaphore, timer, pid or mailslot",
            )),
        }
    }

    pub(super) fn waitable(&self) -> &dyn Waitable {
        match self {
            Target::Event(event) => event,
            Target::Mutex(mutex) => mutex,
            Target::Semaphore(semaphore) => semaphore,
            Target::Timer(timer) => timer,
            Target::Process(process) => process,
            Target::Mailslot(mailslot) => &mailslot.unread,
        }
    }

    /// The exit code of a process that has ended.
    pub(super) fn exit_code(&self) -> Result<Option<u32>, Failure> {
        match self {
            Target::Process(process) => Ok(process.exit_code()?),
            _ => Ok(None),
        }
    }

    /// Puts away what the wait took: a mutex is released rather than abandoned. Fails if the mailslot is gone.
    pub(super) fn put_away(&self) -> Result<(), Failure> {
        match self {
            Target::Mutex(mutex) => Ok(mutex.release()?),
            Target::Mailslot(mailslot) if mailslot.gone.load(Ordering::Acquire) => {
                let gone = Error::new("wait for mailslot", ErrorKind::Closed);
                Err(gone.on(mailslot.name.full()).into())
            }
            _ => Ok(()),
        }
    }
}

/// The process with the id that the text is; `None` if it is no id.
fn process(text: &str) -> Option<Result<Target, Failure>> {
    let pid = text.parse().ok().filter(|pid| *pid != 0)?;
    let opened = Process::open(pid).map_err(|error| match error.kind() {
        ErrorKind::InvalidParameter => Failure::Own(Code::NotFound, error.to_string()),
        _ => error.into(),
    });
    Some(opened.map(Target::Process))
}

impl Mailslot {
    /// Begins to look at the mailslot of that name.
    fn open(name: &MailslotName) -> Result<Mailslot, Failure> {
        let missing = || Error::new("open mailslot", ErrorKind::NotFound).on(name.full());
        let is_unread = look(name)?.ok_or_else(missing)?;
        let mailslot = Mailslot {
            name: name.clone(),
            unread: Event::new(Reset::Manual, is_unread)?,
            gone: Arc::new(AtomicBool::new(false)),
        };
        let (name, unread) = (name.clone(), mailslot.unread.clone());
        let gone = Arc::clone(&mailslot.gone);
        thread::spawn(move || watch(&name, &unread, &gone));
        Ok(mailslot)
    }
}

/// Looks again and again, until the mailslot is gone.
fn watch(name: &MailslotName, unread: &Event, gone: &AtomicBool) {
    loop {
        thread::sleep(LOOK_EVERY);
        let seen = look(name);
        let told = match seen {
            Ok(Some(true)) => unread.set(),
            Ok(Some(false)) => unread.reset(),
            Ok(None) | Err(_) => {
                gone.store(true, Ordering::Release);
                let _ = unread.set();
                return;
            }
        };
        // Without a place in the wait table nobody of this process can wait for it either.
        if told.is_err() {
            return;
        }
    }
}

/// Is there a message in it? `None` if there is no such mailslot.
fn look(name: &MailslotName) -> tong::Result<Option<bool>> {
    let entries = Namespace::current()?.list()?;
    let found = entries.iter().find(|entry| {
        let is_live = entry.kind == "mailslot" && entry.state == State::Live;
        is_live && MailslotName::parse(&entry.name).is_ok_and(|own| own == *name)
    });
    Ok(found.map(|entry| match entry.about {
        About::Mailslot { messages, .. } => messages.is_some_and(|count| count > 0),
        _ => false,
    }))
}
