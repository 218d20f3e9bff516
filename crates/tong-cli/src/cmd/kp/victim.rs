//! A process that is held by a descriptor, and may be ended.
//!
//! # Which process it is
//! An id says little: its process may end at any moment, and another one get the id. So the process is opened first, and
//! only then looked at. If it still runs after the look, the id was its own all the time, and the look was at it. From
//! then on everything goes through the descriptor, which never leads to another process.

use super::target::is_same;
use crate::cmd::lp::users::Users;
use crate::cmd::program::describe;
use crate::exit::{Code, Failure};
use crate::text;
use nix::unistd::geteuid;
use std::time::Duration;
use tong::process::list::{self, Listed};
use tong::{ErrorKind, Process};

/// A process that is held, and may be ended.
#[derive(Clone, Debug)]
pub(crate) struct Victim {
    process: Process,
    /// What it was when it was opened.
    listed: Listed,
}

/// Why a process is not ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) pid: u32,
    /// What it runs, as far as that is known.
    pub(super) program: Option<String>,
    pub(super) why: Why,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// There is none with that id.
    NoSuch,
    /// The id is that of a thread, of this process.
    Thread(u32),
    /// Another process has that id by now.
    Reused,
    /// It has ended, with this exit code if that can be known.
    Ended(Option<u32>),
    /// It is another user's.
    Denied(String),
    /// It is the first process of the system.
    First,
    /// It is a thread of the kernel.
    Kernel,
    /// It is the process that asks.
    Itself,
    /// It was told to end, and has not within the time allowed.
    Lingers(Duration),
    /// Something else went wrong.
    Other(Code, String),
}

impl Victim {
    /// Takes hold of a process, if it is one that may be ended. With a start time: if it is the one that started then.
    pub(crate) fn open(pid: u32, started: Option<Duration>) -> Result<Victim, Failure> {
        Ok(Victim::hold(pid, started)?)
    }

    /// The same, with a reason that can be looked at.
    pub(super) fn hold(pid: u32, started: Option<Duration>) -> Result<Victim, Refusal> {
        let refusal = |why| Refusal {
            pid,
            program: None,
            why,
        };
        let process = Process::open(pid).map_err(|error| match error.kind() {
            ErrorKind::InvalidParameter => refusal(no_such(pid)),
            _ => refusal(other(error)),
        })?;
        let found = list::find(pid).map_err(|error| refusal(other(error)))?;
        if !process.is_running().unwrap_or(false) {
            return Err(refusal(Why::Ended(code(&process))));
        }
        // It ran after the look, so the look was at it.
        let listed = found.ok_or_else(|| refusal(Why::Denied("another user".to_owned())))?;
        let victim = Victim { process, listed };
        match victim.objection(started) {
            None => Ok(victim),
            Some(why) => Err(victim.refusal(why)),
        }
    }

    fn objection(&self, started: Option<Duration>) -> Option<Why> {
        let listed = &self.listed;
        if started.is_some_and(|started| !is_same(started, listed.started)) {
            return Some(Why::Reused);
        }
        if listed.is_kernel {
            return Some(Why::Kernel);
        }
        if listed.pid == 1 {
            return Some(Why::First);
        }
        if listed.pid == std::process::id() {
            return Some(Why::Itself);
        }
        (!self.process.is_controllable()).then(|| self.denied())
    }

    fn denied(&self) -> Why {
        Why::Denied(format!("user {}", Users::default().name(self.listed.uid)))
    }

    pub(super) fn refusal(&self, why: Why) -> Refusal {
        Refusal {
            pid: self.listed.pid,
            program: Some(self.listed.program.clone()),
            why,
        }
    }

    /// What it was when it was opened.
    pub(super) fn listed(&self) -> &Listed {
        &self.listed
    }

    /// Is it another user's than ours?
    pub(super) fn is_foreign(&self) -> bool {
        self.listed.uid != geteuid().as_raw()
    }

    /// Stops it, so that it starts no further processes. It is ended next; what cannot be stopped is just ended.
    pub(super) fn freeze(&self) {
        let _ = self.process.suspend();
    }

    /// Lets it go on, if it is still there.
    pub(super) fn thaw(&self) {
        let _ = self.process.resume();
    }

    /// Does it do nothing any more, stopped or ended?
    pub(super) fn is_frozen(&self) -> bool {
        let now = list::find(self.listed.pid).ok().flatten();
        now.is_none_or(|now| matches!(now.state, list::State::Stopped | list::State::Ended))
    }

    /// Ends it and waits for that; returns the exit code.
    pub(super) fn kill(&self, code: u32, wait: Duration) -> Result<u32, Refusal> {
        if let Err(error) = self.process.terminate(code) {
            let why = match self.process.is_running() {
                Ok(false) => Why::Ended(self::code(&self.process)),
                Ok(true) if error.kind() == ErrorKind::AccessDenied => self.denied(),
                _ => other(error),
            };
            return Err(self.refusal(why));
        }
        self.process
            .wait(Some(wait))
            .map_err(|error| match error.kind() {
                ErrorKind::TimedOut => self.refusal(Why::Lingers(wait)),
                _ => self.refusal(other(error)),
            })?;
        Ok(self::code(&self.process).unwrap_or(code))
    }

    /// Ends it, and says how it ended.
    pub(crate) fn end(&self, code: u32, wait: Duration) -> Result<String, Failure> {
        let code = self.kill(code, wait)?;
        Ok(self.told(code))
    }

    /// How it ended, in words.
    pub(super) fn told(&self, code: u32) -> String {
        format!("{} ended with exit code {}", self.named(), describe(code))
    }

    /// Which process it is, in words.
    pub(crate) fn named(&self) -> String {
        named(self.listed.pid, Some(&self.listed.program))
    }
}

fn named(pid: u32, program: Option<&str>) -> String {
    match program {
        Some(program) => format!("process {pid} ({})", text::line(program.as_bytes())),
        None => format!("process {pid}"),
    }
}

fn other(error: tong::Error) -> Why {
    let text = error.to_string();
    let code = Failure::from(error).number();
    Why::Other(
        if code == Code::Denied.number() {
            Code::Denied
        } else {
            Code::Other
        },
        text,
    )
}

/// How a process ended that has ended.
fn code(process: &Process) -> Option<u32> {
    process.exit_code().ok().flatten()
}

/// There is no process with this id, but perhaps a thread.
fn no_such(pid: u32) -> Why {
    match list::process_of_thread(pid) {
        Some(process) if process != pid => Why::Thread(process),
        _ => Why::NoSuch,
    }
}

impl Refusal {
    /// How the command ends because of this.
    pub(super) fn code(&self) -> Code {
        match &self.why {
            Why::NoSuch | Why::Thread(_) | Why::Reused => Code::NotFound,
            Why::Ended(_) | Why::Denied(_) | Why::First | Why::Kernel | Why::Itself => Code::Denied,
            Why::Lingers(_) => Code::TimedOut,
            Why::Other(code, _) => *code,
        }
    }

    /// One word for it.
    pub(super) fn word(&self) -> &'static str {
        match &self.why {
            Why::NoSuch | Why::Thread(_) => "no_such_process",
            Why::Reused => "reused",
            Why::Ended(_) => "already_ended",
            Why::Denied(_) => "not_permitted",
            Why::First | Why::Kernel | Why::Itself => "refused",
            Why::Lingers(_) => "still_running",
            Why::Other(..) => "failed",
        }
    }

    /// What is wrong, and what to do.
    pub(super) fn text(&self) -> String {
        let it = named(self.pid, self.program.as_deref());
        match &self.why {
            Why::NoSuch => format!("there is no {it}; tong lp shows what runs"),
            Why::Thread(process) => {
                format!("there is no {it}: that is a thread of process {process}")
            }
            Why::Reused => {
                format!("{it} is not the one that was meant, which has ended: the id was used again")
            }
            Why::Ended(None) => format!("{it} had ended already"),
            Why::Ended(Some(code)) => {
                format!("{it} had ended already, with exit code {}", describe(*code))
            }
            Why::Denied(user) => format!(
                "{it} may not be ended: it belongs to {user}; only that user and the administrator may"
            ),
            Why::First => format!("{it} is not ended: the whole system, or container, would end with it"),
            Why::Kernel => format!("{it} cannot be ended: it is a thread of the kernel"),
            Why::Itself => format!("{it} is this command itself, which ends anyway"),
            Why::Lingers(wait) => format!(
                "{it} was told to end, and has not within {}; it will as soon as the kernel lets go of it",
                text::span(*wait)
            ),
            Why::Other(_, text) => format!("{it}: {text}"),
        }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Failure {
        Failure::Own(refusal.code(), refusal.text())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Child, Command};

    fn sleeper() -> Child {
        let sleep = Command::new("sleep").arg("60").spawn();
        sleep.expect("it starts")
    }

    fn end(mut child: Child) {
        child.kill().expect("it is ours");
        child.wait().expect("it ends");
    }

    fn why(held: Result<Victim, Refusal>) -> Option<Why> {
        held.err().map(|refusal| refusal.why)
    }

    /// The list said something of a process that had this id before.
    #[test]
    fn process_that_started_at_another_time_is_another_one() {
        let child = sleeper();
        let pid = child.id();
        let listed = list::find(pid).unwrap().unwrap();
        let early = listed.started.checked_sub(Duration::from_millis(10));
        assert_eq!(why(Victim::hold(pid, early)), Some(Why::Reused));
        let late = listed.started + Duration::from_millis(10);
        assert_eq!(why(Victim::hold(pid, Some(late))), Some(Why::Reused));
        assert_eq!(why(Victim::hold(pid, Some(listed.started))), None);
        end(child);
    }

    /// Between opening and ending.
    #[test]
    fn process_that_ended_by_itself_is_told_with_its_own_code() {
        let child = sleeper();
        let victim = Victim::hold(child.id(), None).unwrap();
        end(child);
        let refusal = victim.kill(9, Duration::from_secs(30)).unwrap_err();
        assert!(
            matches!(refusal.why, Why::Ended(Some(code)) if code != 9),
            "{refusal:?}"
        );
        assert_eq!(refusal.word(), "already_ended");
    }

    #[test]
    fn first_process_and_this_one_are_refused() {
        assert_eq!(why(Victim::hold(1, None)), Some(Why::First));
        let own = std::process::id();
        assert_eq!(why(Victim::hold(own, None)), Some(Why::Itself));
        assert_eq!(why(Victim::hold(4_194_305, None)), Some(Why::NoSuch));
    }
}
