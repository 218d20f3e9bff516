//! A process with pipe ends that does what it is told, one command a line.

use std::io::BufRead;

use tong::pipe::{Modes, PipeClient, PipeEnd, PipeServer, PipeType, ReadMode};
use tong::{Access, PipeName};

use crate::puppet::{holdings, Holdings, BETWEEN};
use crate::support::{self, pattern, Actor};

/// What a command came to: an answer, or the kind of the error as `{:?}` prints it.
pub(super) type Answer = Result<String, String>;

/// A process at our command. It is killed when dropped.
///
/// Its server ends are `s0`, `s1`, ... in the order of their making, its client ends `c0`, `c1`, ...
pub(super) struct Player {
    actor: Actor,
}

impl Player {
    pub(super) fn start() -> Player {
        Player {
            actor: Actor::start("pipe_player", &[]),
        }
    }

    /// Has the command begun; [`Player::answer`] waits for its outcome.
    pub(super) fn begin(&mut self, command: &[&str]) {
        self.actor.tell(&command.join(BETWEEN));
    }

    /// The outcome of the command that was begun.
    pub(super) fn answer(&mut self) -> Answer {
        let line = self.actor.line();
        match line.split_once(BETWEEN) {
            Some(("ok", result)) => Ok(result.to_owned()),
            Some(("error", kind)) => Err(kind.to_owned()),
            _ => panic!("the player died: {line:?}"),
        }
    }

    pub(super) fn ask(&mut self, command: &[&str]) -> Answer {
        self.begin(command);
        self.answer()
    }

    /// Has the command done, which must succeed.
    #[track_caller]
    pub(super) fn must(&mut self, command: &[&str]) -> String {
        self.ask(command)
            .unwrap_or_else(|kind| panic!("{command:.40?}: {kind}"))
    }

    /// Has the command begun, and returns when the process sleeps in it.
    pub(super) fn sleeps_in(&mut self, command: &[&str]) {
        self.begin(command);
        let mut looks_asleep = 0;
        support::eventually("the player sleeps in its command", || {
            // All of its threads sleep; the one at work in the system call that the command comes to.
            looks_asleep = match self.states().iter().all(|(state, call)| {
                *state == 'S' && !call.contains("pipe_read") && !call.contains("pipe_wait")
            }) {
                true => looks_asleep + 1,
                false => 0,
            };
            looks_asleep > 5
        });
    }

    /// State and place of sleep of every thread.
    fn states(&self) -> Vec<(char, String)> {
        let tasks = format!("/proc/{}/task", self.pid());
        let entries = std::fs::read_dir(tasks).unwrap().flatten();
        entries
            .filter_map(|task| {
                let stat = std::fs::read_to_string(task.path().join("stat")).ok()?;
                let place = std::fs::read_to_string(task.path().join("wchan")).unwrap_or_default();
                Some((stat.rsplit_once(") ")?.1.chars().next()?, place))
            })
            .collect()
    }

    pub(super) fn pid(&self) -> u32 {
        self.actor.child.id()
    }

    /// Kills it as hard as the system can, and waits until it is gone.
    pub(super) fn kill(&mut self) {
        self.actor.kill();
    }

    /// Stops it in its tracks.
    pub(super) fn stop(&self) {
        self.signal(nix::sys::signal::Signal::SIGSTOP);
        support::eventually("the player is stopped", || {
            self.states().iter().all(|(state, _)| *state == 'T')
        });
    }

    /// Lets it go on.
    pub(super) fn resume(&self) {
        self.signal(nix::sys::signal::Signal::SIGCONT);
    }

    fn signal(&self, signal: nix::sys::signal::Signal) {
        let pid = nix::unistd::Pid::from_raw(self.actor.pid());
        nix::sys::signal::kill(pid, signal).unwrap();
    }

    /// What the process has now.
    pub(super) fn holdings(&mut self) -> Holdings {
        let answer = self.must(&["holdings"]);
        let mut numbers = answer.split(' ').map(|number| number.parse().unwrap());
        let mut next = || numbers.next().unwrap();
        Holdings {
            descriptors: next(),
            mappings: next(),
            resident: next(),
        }
    }
}

/// Plays a [`Player`].
pub(crate) fn role_pipe_player() {
    let mut stage = Stage::default();
    for line in std::io::stdin().lock().lines() {
        let line = line.unwrap();
        let mut words = line.split(BETWEEN);
        let command = words.next().unwrap();
        let words: Vec<&str> = words.collect();
        let answer = match stage.obey(command, &words) {
            Ok(result) => format!("ok{BETWEEN}{result}"),
            Err(error) => format!("error{BETWEEN}{:?}", error.kind()),
        };
        support::say(&answer);
    }
}

/// The ends that a process at our command has.
#[derive(Default)]
pub(crate) struct Stage {
    servers: Vec<Option<PipeServer>>,
    clients: Vec<Option<PipeClient>>,
}

impl Stage {
    /// Does a command, and says what came out.
    pub(crate) fn obey(&mut self, command: &str, words: &[&str]) -> tong::Result<String> {
        match command {
            "create" => {
                let name = PipeName::short(words[0])?;
                self.servers.push(Some(create(&name, &words[1..])?));
            }
            "open" => self.clients.push(Some(open(&PipeName::short(words[0])?)?)),
            "connect" => self.server(words[0]).connect()?,
            "disconnect" => self.server(words[0]).disconnect()?,
            "send" => return Ok(self.end(words[0]).send(words[1].as_bytes())?.to_string()),
            "send-pattern" => {
                let bytes = pattern(words[1].parse().unwrap());
                return Ok(self.end(words[0]).send(&bytes)?.to_string());
            }
            "recv" => {
                let mut room = vec![0; words[1].parse().unwrap()];
                let received = self.end(words[0]).receive(&mut room)?;
                room.truncate(received.bytes);
                return Ok(String::from_utf8_lossy(&room).into_owned());
            }
            "transact" => {
                let mut room = vec![0; 1 << 16];
                let received = self
                    .end(words[0])
                    .transact(words[1].as_bytes(), &mut room)?;
                room.truncate(received.bytes);
                return Ok(String::from_utf8_lossy(&room).into_owned());
            }
            "flood" => {
                for number in 0u32.. {
                    self.end(words[0]).send(&number.to_le_bytes())?;
                }
            }
            "flush" => self.end(words[0]).flush()?,
            "echo" => self.echo(words[0])?,
            "close" => match words[0].split_at(1) {
                ("s", number) => self.servers[number.parse::<usize>().unwrap()] = None,
                (_, number) => self.clients[number.parse::<usize>().unwrap()] = None,
            },
            "instances" => return Ok(self.end(words[0]).instances()?.to_string()),
            "ids" => {
                let end = self.end(words[0]);
                let ids = (end.client_process_id()?, end.server_process_id()?);
                return Ok(format!("{} {}", ids.0, ids.1));
            }
            "quotas" => {
                let info = self.end(words[0]).info()?;
                return Ok(format!("{} {}", info.in_quota, info.out_quota));
            }
            "peer" => return Ok(self.end(words[0]).peer_user()?.to_string()),
            "wait" => {
                tong::pipe::wait(&PipeName::short(words[0])?, tong::pipe::WaitTime::Forever)?;
            }
            "serve-clients" => self.serve_clients(words)?,
            "holdings" => return Ok(holdings()),
            _ => panic!("no command {command}"),
        }
        Ok(String::new())
    }

    fn server(&self, which: &str) -> &PipeServer {
        let number: usize = which[1..].parse().unwrap();
        self.servers[number].as_ref().expect("a server end")
    }

    fn end(&self, which: &str) -> &PipeEnd {
        let number: usize = which[1..].parse().unwrap();
        match which.starts_with('s') {
            true => self.server(which),
            false => self.clients[number].as_ref().expect("a client end"),
        }
    }

    /// Sends every message back until the client goes.
    fn echo(&self, which: &str) -> tong::Result<()> {
        let server = self.server(which);
        let mut room = vec![0; 1 << 16];
        loop {
            match server.receive(&mut room) {
                Ok(received) => server.send(&room[..received.bytes])?,
                Err(error) if error.kind() == tong::ErrorKind::BrokenPipe => return Ok(()),
                Err(error) => return Err(error),
            };
        }
    }

    /// Serves so many clients of its own, one after the other, on one instance.
    fn serve_clients(&self, words: &[&str]) -> tong::Result<()> {
        let server = self.server(words[0]);
        for number in 0..words[1].parse::<u32>().unwrap() {
            let client = open(server.name())?;
            let bytes = number.to_le_bytes();
            client.send(&bytes)?;
            let mut room = [0; 8];
            assert_eq!(server.receive(&mut room)?.bytes, 4);
            server.send(&room[..4])?;
            assert_eq!(client.receive(&mut room)?.bytes, 4);
            assert_eq!(room[..4], bytes);
            if number % 2 == 0 {
                drop(client);
            } else {
                client.send(b"this is lost")?;
            }
            server.disconnect()?;
            match server.connect_timeout(std::time::Duration::ZERO) {
                Err(error) if error.kind() == tong::ErrorKind::TimedOut => {}
                other => panic!("nobody opened it: {other:?}"),
            }
        }
        Ok(())
    }
}

fn create(name: &PipeName, words: &[&str]) -> tong::Result<PipeServer> {
    let mut options = PipeServer::options();
    for word in words {
        match word.split_once('=') {
            Some(("quota", quota)) => {
                let quota = quota.parse().unwrap();
                options.in_quota(quota).out_quota(quota);
            }
            Some(("max", most)) => {
                options.max_instances(Some(most.parse().unwrap()));
            }
            Some(("group", id)) => {
                options.access(Access::Group(id.parse().unwrap()));
            }
            None if *word == "everyone" => {
                options.access(Access::Everyone);
            }
            None if *word == "message" => {
                options
                    .pipe_type(PipeType::Message)
                    .read_mode(ReadMode::Message);
            }
            _ => panic!("no option {word}"),
        }
    }
    options.create(name)
}

/// Opens the pipe; messages are read as such.
fn open(name: &PipeName) -> tong::Result<PipeClient> {
    let client = PipeClient::open(name)?;
    if client.info()?.pipe_type == PipeType::Message {
        let (read, nowait) = (ReadMode::Message, false);
        client.set_modes(Modes { read, nowait })?;
    }
    Ok(client)
}
