//! A process that makes and opens pipes as it is told, one command a line, in a namespace of its test's own.

use std::io::BufRead;
use std::path::Path;
use std::time::Duration;

use tong::namespace::Leftover;
use tong::pipe::{self, Direction, PipeClient, PipeServer, WaitTime};
use tong::{Namespace, PipeName};

use crate::support::{self, Actor};

/// A process at our command. It is killed when dropped.
pub(super) struct Player {
    pub(super) actor: Actor,
}

impl Player {
    pub(super) fn at(root: &Path) -> Player {
        let place = format!("TONG_DIR={}", root.display());
        Player {
            actor: Actor::start_by(&["env", &place], "name_player", &[]),
        }
    }

    /// Has the command begun; [`Player::answer`] waits for its outcome.
    pub(super) fn begin(&mut self, command: &str) {
        self.actor.tell(command);
    }

    /// The outcome of the command that was begun: an answer, or the kind of the error.
    pub(super) fn answer(&mut self) -> Result<String, String> {
        let line = self.actor.line();
        match line.split_once('|') {
            Some(("ok", answer)) => Ok(answer.to_owned()),
            Some(("error", kind)) => Err(kind.to_owned()),
            _ => panic!("the player died: {line:?}"),
        }
    }

    pub(super) fn ask(&mut self, command: &str) -> Result<String, String> {
        self.begin(command);
        self.answer()
    }

    #[track_caller]
    pub(super) fn must(&mut self, command: &str) -> String {
        self.ask(command)
            .unwrap_or_else(|kind| panic!("{command}: {kind}"))
    }

    #[track_caller]
    pub(super) fn fails(&mut self, command: &str) -> String {
        match self.ask(command) {
            Ok(answer) => panic!("{command}: {answer}"),
            Err(kind) => kind,
        }
    }
}

/// Plays a [`Player`].
pub(crate) fn role_name_player() {
    let mut hands = Hands::default();
    for line in std::io::stdin().lock().lines() {
        let line = line.unwrap();
        let words: Vec<&str> = line.split(' ').collect();
        match hands.obey(&words) {
            Ok(answer) => support::say(&format!("ok|{answer}")),
            Err(error) => support::say(&format!("error|{:?}", error.kind())),
        }
    }
}

#[derive(Default)]
struct Hands {
    servers: Vec<PipeServer>,
    clients: Vec<PipeClient>,
}

impl Hands {
    fn obey(&mut self, words: &[&str]) -> tong::Result<String> {
        let name = || PipeName::short(words[1]);
        match words[0] {
            "create" => self.servers.push(create(&name()?, &words[2..])?),
            "open" => self.clients.push(PipeClient::open(&name()?)?),
            "wait" => pipe::wait(&name()?, wait_time(words[2]))?,
            "close" => self.servers.truncate(words[1].parse().unwrap()),
            "leave" => self.clients.clear(),
            "count" => return Ok(self.servers[0].instances()?.to_string()),
            "client-count" => return Ok(self.clients[0].instances()?.to_string()),
            "greet" => {
                let client = self.clients.last().unwrap();
                client.send(words[1].as_bytes())?;
            }
            "met" => {
                // What the first of the servers reads that has a client with something to say.
                let mut room = [0; 64];
                for server in &self.servers {
                    if let Ok(received) = server.try_receive(&mut room) {
                        return Ok(String::from_utf8_lossy(&room[..received.bytes]).into_owned());
                    }
                }
            }
            "serve" => self.serve()?,
            "gc" => return gc(false),
            "gc-dry" => return gc(true),
            _ => panic!("no command {words:?}"),
        }
        Ok(String::new())
    }

    /// Meets the client of the first server, and is ready for another.
    fn serve(&self) -> tong::Result<()> {
        let server = &self.servers[0];
        let _ = server.connect();
        server.disconnect()?;
        match server.connect_timeout(Duration::ZERO) {
            Err(error) if error.kind() == tong::ErrorKind::TimedOut => Ok(()),
            result => result,
        }
    }
}

fn create(name: &PipeName, words: &[&str]) -> tong::Result<PipeServer> {
    let mut options = PipeServer::options();
    for word in words {
        match word.split_once('=') {
            Some(("max", most)) => options.max_instances(Some(most.parse().unwrap())),
            None if *word == "first" => options.first_instance(true),
            None if *word == "in" => options.direction(Direction::Inbound),
            _ => panic!("no option {word}"),
        };
    }
    options.create(name)
}

fn wait_time(word: &str) -> WaitTime {
    match word {
        "forever" => WaitTime::Forever,
        "default" => WaitTime::Default,
        ms => WaitTime::For(Duration::from_millis(ms.parse().unwrap())),
    }
}

/// What was left, a letter each: d for the dead, f for what is foreign.
fn gc(dry_run: bool) -> tong::Result<String> {
    let leftovers = Namespace::current()?.gc(dry_run)?;
    let letter = |leftover: &Leftover| match leftover {
        Leftover::Dead { .. } => 'd',
        _ => 'f',
    };
    Ok(leftovers.iter().map(letter).collect())
}
