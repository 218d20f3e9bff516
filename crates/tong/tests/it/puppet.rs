//! A process that does what it is told, one command a line, so that a test can say who does what in which order.
//!
//! A [`Puppet`] has a namespace of its own (the library asks the environment at every call), at most one server handle
//! and one client handle, and any number of pipe ends. It answers every command with what came out, or with the kind of the error.

use std::io::BufRead;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tong::namespace::{self, Leftover};
use tong::{Access, ErrorKind, MailslotClient, MailslotName, MailslotServer, Namespace};

use crate::support::{self, Actor};

/// Stands between the words of a command, and of an answer.
pub(crate) const BETWEEN: &str = "\u{1f}";

/// A failed command.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// The kind of the error, as `{:?}` prints it.
    pub(crate) kind: String,
    /// What it says to people.
    pub(crate) text: String,
}

pub(crate) type Answer = Result<String, Failure>;

/// A process at our command. It is killed when dropped.
pub(crate) struct Puppet {
    pub(crate) actor: Actor,
}

/// What a process has, as the kernel counts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Holdings {
    pub(crate) descriptors: usize,
    pub(crate) mappings: usize,
    /// Bytes of memory in use that belong to no file of a program.
    pub(crate) resident: usize,
}

impl Puppet {
    /// Starts a process whose namespace is `root`.
    pub(crate) fn at(root: &Path) -> Puppet {
        Puppet::by(root, &[])
    }

    /// Starts a process whose namespace is `root` by way of other programs, such as `unshare`.
    pub(crate) fn by(root: &Path, launcher: &[&str]) -> Puppet {
        let place = format!("TONG_DIR={}", root.display());
        let launcher: Vec<&str> = ["env", &place].iter().chain(launcher).copied().collect();
        Puppet {
            actor: Actor::start_by(&launcher, "puppet", &[]),
        }
    }

    /// Has the command done, and returns its outcome.
    pub(crate) fn ask(&mut self, command: &[&str]) -> Answer {
        self.begin(command);
        self.answer()
    }

    /// Has the command begun; [`Puppet::answer`] waits for its outcome.
    pub(crate) fn begin(&mut self, command: &[&str]) {
        self.actor.tell(&command.join(BETWEEN));
    }

    /// The outcome of the command that was begun.
    pub(crate) fn answer(&mut self) -> Answer {
        let line = self.actor.line();
        match line.split_once(BETWEEN) {
            Some(("ok", result)) => Ok(result.to_owned()),
            Some((kind, text)) => Err(Failure {
                kind: kind.to_owned(),
                text: text.to_owned(),
            }),
            None => panic!("the puppet died: {line:?}"),
        }
    }

    /// Has the command done, which must succeed.
    #[track_caller]
    pub(crate) fn must(&mut self, command: &[&str]) -> String {
        self.ask(command)
            .unwrap_or_else(|failure| panic!("{command:.40?}: {failure:?}"))
    }

    /// Has the command done, which must fail, and returns the kind of the error.
    #[track_caller]
    pub(crate) fn fails(&mut self, command: &[&str]) -> String {
        match self.ask(command) {
            Ok(result) => panic!("{command:.40?} succeeded: {result}"),
            Err(failure) => failure.kind,
        }
    }

    /// What the process has now.
    pub(crate) fn holdings(&mut self) -> Holdings {
        let answer = self.must(&["holdings"]);
        let mut numbers = answer.split(' ').map(|number| number.parse().unwrap());
        let mut next = || numbers.next().unwrap();
        Holdings {
            descriptors: next(),
            mappings: next(),
            resident: next(),
        }
    }

    /// Makes a mailslot, writes to it, reads it and closes it: the name is free and usable, or this fails.
    pub(crate) fn use_name(&mut self, name: &str) -> Answer {
        self.ask(&["use", name])
    }
}

/// A fresh namespace root, which goes with the value.
pub(crate) fn fresh_root() -> tempfile::TempDir {
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    tempfile::Builder::new()
        .prefix("tong-test-")
        .permissions(private)
        .tempdir()
        .unwrap()
}

/// The directory of a root in which the files of mailslots are.
pub(crate) fn mailslots(root: &Path) -> PathBuf {
    root.join("mailslot")
}

/// What is in the directory of the mailslots, sorted.
pub(crate) fn files(root: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(mailslots(root))
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// The page and the socket that the mailslot `name` has when it lives, found by making it.
pub(crate) fn paths_of(root: &Path, name: &str) -> (PathBuf, PathBuf) {
    let mut maker = Puppet::at(root);
    let before = files(root);
    maker.must(&["create", name]);
    let new: Vec<String> = files(root)
        .into_iter()
        .filter(|file| !before.contains(file))
        .collect();
    maker.must(&["close"]);
    assert_eq!(new.len(), 2, "a page and a socket");
    assert_eq!(format!("{}.s", new[0]), new[1]);
    (mailslots(root).join(&new[0]), mailslots(root).join(&new[1]))
}

/// Plays a [`Puppet`].
pub(crate) fn role_puppet() {
    let mut stage = Stage::default();
    for line in std::io::stdin().lock().lines() {
        let line = line.unwrap();
        let mut words = line.split(BETWEEN);
        let command = words.next().unwrap();
        let words: Vec<&str> = words.collect();
        let answer = match stage.obey(command, &words) {
            Ok(result) => format!("ok{BETWEEN}{result}"),
            Err(error) => format!("{:?}{BETWEEN}{error}", error.kind()),
        };
        support::say(&answer.replace('\n', " "));
    }
}

#[derive(Default)]
struct Stage {
    server: Option<MailslotServer>,
    client: Option<MailslotClient>,
    pipes: crate::pipe::Stage,
}

impl Stage {
    fn obey(&mut self, command: &str, words: &[&str]) -> tong::Result<String> {
        let done = String::new;
        match command {
            "create" => {
                let access = match words.get(1) {
                    None => Access::Private,
                    Some(&"everyone") => Access::Everyone,
                    Some(group) => Access::Group(group.parse().unwrap()),
                };
                self.server = Some(
                    MailslotServer::options()
                        .access(access)
                        .create(&MailslotName::short(words[0])?)?,
                );
            }
            "close" => self.server = None,
            "open" => self.client = Some(MailslotClient::open(&MailslotName::short(words[0])?)?),
            "leave" => self.client = None,
            "send" => self.client().send(words[0].as_bytes())?,
            "fill" => return Ok(self.fill().to_string()),
            "recv" => {
                let patience = Duration::from_millis(words[0].parse().unwrap());
                let message = self.server().recv_vec(Some(patience))?;
                return Ok(String::from_utf8(message).unwrap());
            }
            "poll" => return self.poll(Duration::from_millis(words[0].parse().unwrap())),
            "writers" => return Ok(self.server().info()?.writers.to_string()),
            "use" => self.use_name(words[0])?,
            "loop" => return self.repeat(words[0], words[1].parse().unwrap()),
            "gc" | "gc-dry" => return gc(command == "gc-dry"),
            "ls" => {
                let entries = Namespace::current()?.list()?;
                return Ok(entries
                    .iter()
                    .map(|entry| entry.name.clone())
                    .collect::<Vec<_>>()
                    .join(BETWEEN));
            }
            "root" => return Ok(Namespace::current()?.root().display().to_string()),
            "init-global" => return Ok(namespace::init_global()?.display().to_string()),
            "files" => {
                let mut files = files(Namespace::current()?.root());
                files.retain(|file| !file.starts_with("filler"));
                return Ok(files.join(" "));
            }
            "fill-disk" => return Ok(fill_disk(words[0].parse().unwrap())),
            "holdings" => return Ok(holdings()),
            "pipe" => return self.pipes.obey(words[0], &words[1..]),
            "pid" => return Ok(std::process::id().to_string()),
            "serve-once" => return serve_once(words[0]),
            "visit" => return visit(words[0]),
            _ => panic!("no command {command}"),
        }
        Ok(done())
    }

    fn server(&self) -> &MailslotServer {
        self.server.as_ref().expect("a server handle")
    }

    fn client(&self) -> &MailslotClient {
        self.client.as_ref().expect("a client handle")
    }

    /// Writes until not even an empty message can be queued; returns how many messages went in.
    fn fill(&self) -> usize {
        let message = vec![b'x'; 1 << 20];
        let lens = [1 << 20, 1 << 10, 0];
        lens.map(|len| {
            (0..100_000)
                .find(|_| self.client().send(&message[..len]).is_err())
                .unwrap()
        })
        .iter()
        .sum()
    }

    /// Looks for a message again and again without ever waiting.
    fn poll(&self, patience: Duration) -> tong::Result<String> {
        let started = Instant::now();
        let mut buf = vec![0; 1 << 16];
        loop {
            match self.server().try_recv(&mut buf) {
                Ok(len) => return Ok(String::from_utf8_lossy(&buf[..len]).into_owned()),
                Err(error) if started.elapsed() > patience => return Err(error),
                Err(_) => std::thread::sleep(Duration::from_millis(5)),
            }
        }
    }

    fn use_name(&self, name: &str) -> tong::Result<()> {
        let name = MailslotName::short(name)?;
        let server = MailslotServer::create(&name)?;
        let client = MailslotClient::open(&name)?;
        client.send(b"used")?;
        let got = server.recv_vec(Some(Duration::from_secs(10)))?;
        assert_eq!(got, b"used");
        Ok(())
    }

    /// Does `what` so many times.
    fn repeat(&mut self, what: &str, times: u32) -> tong::Result<String> {
        let name = MailslotName::short("loop")?;
        for _ in 0..times {
            match what {
                "create" => drop(MailslotServer::create(&name)?),
                "use" => self.use_name("loop")?,
                // The mailslot that this process has open all the time gets another writer.
                "open" => {
                    let client = MailslotClient::open(self.server().name())?;
                    client.send(b"again")?;
                    drop(client);
                    self.server().recv_vec(Some(Duration::from_secs(10)))?;
                }
                "fail" => {
                    MailslotClient::open(&name).expect_err("nobody made it");
                }
                _ => panic!("no loop {what}"),
            }
        }
        Ok(String::new())
    }
}

/// Makes the mailslot, reads for a moment, and closes it; returns how many messages came.
fn serve_once(name: &str) -> tong::Result<String> {
    let server = MailslotServer::create(&MailslotName::short(name)?)?;
    let until = Instant::now() + Duration::from_millis(1);
    let mut buf = [0; 64];
    let mut got = 0;
    while server.recv_deadline(&mut buf, until).is_ok() {
        got += 1;
    }
    Ok(got.to_string())
}

/// Opens the mailslot as soon as it is there and writes to it, but does not insist; returns how many messages went in.
fn visit(name: &str) -> tong::Result<String> {
    let name = MailslotName::short(name)?;
    let until = Instant::now() + Duration::from_millis(1);
    let mut sent = 0;
    while Instant::now() < until {
        match MailslotClient::open(&name) {
            Ok(client) => {
                while sent < 3 && client.send(b"visit").is_ok() {
                    sent += 1;
                }
                break;
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(sent.to_string())
}

fn gc(dry_run: bool) -> tong::Result<String> {
    let mut found: Vec<String> = Namespace::current()?
        .gc(dry_run)?
        .into_iter()
        .map(|leftover| match leftover {
            Leftover::Dead { name } => format!("dead {name}"),
            Leftover::Foreign { path } => {
                format!("foreign {}", path.file_name().unwrap().to_string_lossy())
            }
            other => format!("{other:?}"),
        })
        .collect();
    found.sort();
    Ok(found.join(BETWEEN))
}

/// Leaves room for just `free` more pages on the file system of the namespace, then for no more files, and says so.
fn fill_disk(free: usize) -> String {
    use std::io::Write;
    let dir = mailslots(Namespace::current().unwrap().root());
    for entry in std::fs::read_dir(&dir).unwrap().map(Result::unwrap) {
        if entry.file_name().to_string_lossy().starts_with("filler") {
            std::fs::remove_file(entry.path()).unwrap();
        }
    }
    let mut filled = 0;
    let mut number = 0;
    while let Ok(mut file) = std::fs::File::create(dir.join(format!("filler{number}"))) {
        number += 1;
        if file.write_all(&[1; 4096]).is_err() {
            break;
        }
        filled += 1;
    }
    for number in 0..free {
        let _ = std::fs::remove_file(dir.join(format!("filler{number}")));
    }
    format!("{filled} {number}")
}

pub(crate) fn holdings() -> String {
    let descriptors = support::open_descriptors();
    let mappings = std::fs::read_to_string("/proc/self/maps")
        .unwrap()
        .lines()
        .count();
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let mut pages = statm
        .split(' ')
        .map(|pages| pages.parse::<usize>().unwrap());
    let resident = pages.nth(1).unwrap() - pages.next().unwrap();
    format!("{descriptors} {mappings} {}", resident * 4096)
}
