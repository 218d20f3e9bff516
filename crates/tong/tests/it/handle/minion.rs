//! A child process that was started through the library, and does with its handles what it is told.

use std::io::{BufRead, BufReader, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use tong::handle::{
    self, DuplicateRights, FlagChange, Handle, Kind, Object, Party, Rights, Source, Table, Wish,
};
use tong::object::file::Origin;
use tong::{
    wait, Error, ErrorKind, Event, Inherit, ObjectName, Process, ProcessOptions, Reset, Result,
};

use crate::support;

/// A child at our command. It is ended when dropped.
pub(crate) struct Minion {
    pub(crate) process: Process,
    input: UnixStream,
    output: BufReader<UnixStream>,
}

impl Minion {
    /// Starts a child that inherits these handles.
    pub(crate) fn start(inherit: Inherit) -> Minion {
        Minion::try_start(inherit, |options| options).unwrap()
    }

    /// Starts a child with options of its own.
    pub(crate) fn try_start(
        inherit: Inherit,
        more: impl FnOnce(ProcessOptions) -> ProcessOptions,
    ) -> Result<Minion> {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let output = OwnedFd::from(theirs.try_clone().unwrap());
        let options = ProcessOptions::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "support::actor",
                "--nocapture",
                "--test-threads=1",
            ])
            .env("TONG_DIR", support::namespace())
            .env("TONG_TEST_ROLE", "minion")
            .stdin(OwnedFd::from(theirs))
            .stdout(output)
            .inherit(inherit);
        let options = more(options);
        let process = options.spawn()?;
        // The options hold the child's ends of the pair.
        drop(options);
        let output = BufReader::new(ours.try_clone().unwrap());
        Ok(Minion {
            process,
            input: ours,
            output,
        })
    }

    pub(crate) fn party(&self) -> Party<'_> {
        Party::Process(&self.process)
    }

    /// Has the command done, and returns what it says, or the kind of the error.
    pub(crate) fn ask(&mut self, command: &str) -> std::result::Result<String, String> {
        writeln!(self.input, "{command}").unwrap();
        let mut line = String::new();
        loop {
            line.clear();
            assert_ne!(self.output.read_line(&mut line).unwrap(), 0, "it has ended");
            // The test harness talks in between.
            if let Some((_, said)) = line.trim_end().split_once("@@ ") {
                return match said.strip_prefix("failed ") {
                    Some(kind) => Err(kind.to_owned()),
                    None => Ok(said.to_owned()),
                };
            }
        }
    }

    /// Has the command done, which must succeed.
    #[track_caller]
    pub(crate) fn must(&mut self, command: &str) -> String {
        self.ask(command)
            .unwrap_or_else(|kind| panic!("{command}: {kind}"))
    }

    /// Has a command done whose answer is a handle.
    #[track_caller]
    pub(crate) fn handle(&mut self, command: &str) -> Handle {
        parse(&self.must(command))
    }
}

impl Drop for Minion {
    fn drop(&mut self) {
        let _ = self.process.terminate(0);
        let _ = self.process.wait(Some(Duration::from_secs(30)));
    }
}

/// A handle as commands write it.
pub(crate) fn text(handle: Handle) -> String {
    handle.raw().to_string()
}

fn parse(text: &str) -> Handle {
    Handle::from_raw(text.parse().unwrap())
}

pub(crate) fn role_minion() {
    let table = Table::of_process();
    for line in std::io::stdin()
        .lock()
        .lines()
        .map_while(std::io::Result::ok)
    {
        let words: Vec<&str> = line.split(' ').collect();
        match obey(table, words[0], &words[1..]) {
            Ok(answer) => support::say(&answer),
            Err(error) => support::say(&format!("failed {:?}", error.kind())),
        }
    }
}

fn obey(table: &Table, command: &str, words: &[&str]) -> Result<String> {
    let handle = || parse(words[0]);
    let done = |()| "done".to_owned();
    match command {
        "rows" => Ok(rows(table)),
        "flags" => table
            .flags(handle())
            .map(|flags| format!("{} {}", flags.inherit, flags.protect_from_close)),
        "protect" => table
            .set_flags(handle(), protect(words[1] == "true"))
            .map(done),
        "granted" => Ok(format!("{:#x}", table.get(handle())?.granted().bits())),
        "kind" => Ok(table.get(handle())?.object().kind().to_string()),
        "close" => table.close(handle()).map(done),
        "same" => Ok(table.same_object(handle(), parse(words[1]))?.to_string()),
        "fds" => Ok(support::open_descriptors().to_string()),
        "thread" => {
            let thread = tong::object::thread::Thread::current()?;
            insert(table, Object::Thread(thread), Kind::Thread)
        }
        "process" => {
            let process = Process::open(words[0].parse().unwrap())?;
            insert(table, Object::Process(process), Kind::Process)
        }
        "event" => insert(
            table,
            Object::Event(Event::new(Reset::Manual, false)?),
            Kind::Event,
        ),
        "named" => {
            let (event, _) = Event::create(&name(words[0]), Reset::Manual, false)?;
            insert(table, Object::Event(event), Kind::Event)
        }
        "open" => {
            let event = Event::open(&name(words[0]))?;
            insert(table, Object::Event(event), Kind::Event)
        }
        "push" | "pull" => carry(command == "push", handle(), words[1], words[2]),
        "relay" => {
            let mut below = Minion::start(Inherit::All);
            below
                .ask(&words.join(" "))
                .map_err(|_| Error::new("relay", ErrorKind::Io))
        }
        _ => with_object(table.get(handle())?.object(), command, words),
    }
}

fn with_object(object: &Object, command: &str, words: &[&str]) -> Result<String> {
    let done = |()| "done".to_owned();
    match (command, object) {
        ("set", Object::Event(event)) => event.set().map(done),
        ("peek", Object::Event(event)) => Ok(event.is_signaled().to_string()),
        ("wait", object) => {
            let limit = Duration::from_secs(words[1].parse().unwrap());
            wait::any(&[object.as_waitable().unwrap()], Some(limit))?;
            Ok("signaled".to_owned())
        }
        ("acquire", Object::Mutex(mutex)) => mutex
            .acquire(Some(Duration::ZERO))
            .map(|how| format!("{how:?}")),
        ("release", Object::Mutex(mutex)) => mutex.release().map(done),
        ("post", Object::Semaphore(semaphore)) => {
            semaphore.release(1).map(|before| before.to_string())
        }
        ("code", Object::Process(process)) => Ok(format!("{:?}", process.exit_code()?)),
        ("id", Object::Process(process)) => Ok(process.id().to_string()),
        ("send", Object::MailslotClient(client)) => client.send(words[1].as_bytes()).map(done),
        ("write", Object::File(file)) => file.write(words[1].as_bytes()).map(done),
        ("read", Object::File(file)) => {
            let mut buf = vec![0; words[1].parse().unwrap()];
            let len = file.read(&mut buf)?;
            Ok(String::from_utf8_lossy(&buf[..len]).into_owned())
        }
        ("position", Object::File(file)) => Ok(file.seek(Origin::Current, 0)?.to_string()),
        _ => panic!("no command {command} for {object:?}"),
    }
}

fn insert(table: &Table, object: Object, kind: Kind) -> Result<String> {
    table.insert(object, kind.generic().all, false).map(text)
}

fn rows(table: &Table) -> String {
    let rows = table.rows().into_iter().map(|row| text(row.handle));
    match rows.collect::<Vec<_>>().join(" ") {
        rows if rows.is_empty() => "none".to_owned(),
        rows => rows,
    }
}

/// Duplicates a handle into or out of another process.
fn carry(push: bool, handle: Handle, pid: &str, close: &str) -> Result<String> {
    let process = Process::open(pid.parse().unwrap())?;
    let other = Party::Process(&process);
    let (from, to) = match push {
        true => (Party::This, other),
        false => (other, Party::This),
    };
    handle::duplicate(from, Source::Handle(handle), to, same(close == "close")).map(text)
}

pub(crate) fn name(text: &str) -> ObjectName {
    ObjectName::parse(text).unwrap()
}

/// The wish for an equal duplicate.
pub(crate) fn same(close_source: bool) -> Wish {
    Wish {
        rights: DuplicateRights::Same,
        inherit: false,
        close_source,
    }
}

pub(crate) fn protect(yes: bool) -> FlagChange {
    FlagChange {
        protect_from_close: Some(yes),
        ..FlagChange::default()
    }
}

/// Every right of a kind.
pub(crate) fn all_of(kind: Kind) -> Rights {
    kind.generic().all
}
