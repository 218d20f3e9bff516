//! Jobs: the pipelines that run in the background or are stopped.

use super::keeper::Keeper;
use super::run::describe_end;
use crate::exit::complain;
use crate::text;
use nix::sys::signal::{killpg, Signal};
use nix::sys::termios::Termios;
use nix::sys::wait::{waitid, Id, WaitPidFlag, WaitStatus};
use nix::unistd::Pid;
use std::os::fd::AsFd;
use tong::Process;

/// A command of a pipeline.
#[derive(Debug)]
pub(super) enum Member {
    /// A program, or a built-in that runs as one.
    Running {
        process: Process,
        is_stopped: bool,
        /// Not one of our own built-ins.
        is_program: bool,
    },
    /// What has run in the prompt, or could not be started, with its code.
    Done(u32),
}

/// How a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Running,
    Stopped,
    /// With the code of its last command.
    Ended(u32),
}

impl State {
    /// The word for it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            State::Running => "running",
            State::Stopped => "stopped",
            State::Ended(_) => "ended",
        }
    }
}

/// A pipeline that was started.
#[derive(Debug)]
pub(crate) struct Job {
    /// 0 until it is one of the list.
    number: u32,
    text: String,
    members: Vec<Member>,
    keeper: Option<Keeper>,
    /// Was it stopped last because it has not got the terminal?
    pub(super) wants_terminal: bool,
    /// The person knows that it is stopped.
    pub(super) was_told: bool,
    /// How it left the terminal when it was stopped.
    pub(super) modes: Option<Termios>,
}

impl Job {
    pub(super) fn new(text: &str, keeper: Option<Keeper>) -> Job {
        Job {
            number: 0,
            text: text::visible(text).replace('\n', " "),
            members: Vec::new(),
            keeper,
            wants_terminal: false,
            was_told: false,
            modes: None,
        }
    }

    pub(super) fn add(&mut self, member: Member) {
        if let (Member::Running { process, .. }, Some(keeper)) = (&member, &mut self.keeper) {
            keeper.note(process.id());
        }
        self.members.push(member);
    }

    /// The number by which people call it.
    pub(crate) fn number(&self) -> u32 {
        self.number
    }

    /// What was entered.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The ids of its programs.
    pub(crate) fn pids(&self) -> Vec<u32> {
        self.processes().map(Process::id).collect()
    }

    /// The id of the process group.
    pub(super) fn group(&self) -> Option<u32> {
        self.keeper.as_ref().map(Keeper::group)
    }

    fn processes(&self) -> impl Iterator<Item = &Process> {
        self.members.iter().filter_map(|member| match member {
            Member::Running { process, .. } => Some(process),
            Member::Done(_) => None,
        })
    }

    /// Is its last command a program, rather than a built-in?
    pub(super) fn is_program(&self) -> bool {
        let last = self.members.last();
        matches!(
            last,
            Some(Member::Running {
                is_program: true,
                ..
            })
        )
    }

    /// Those of its programs that have not ended.
    pub(super) fn living(&self) -> impl Iterator<Item = &Process> {
        self.processes()
            .filter(|process| process.is_running().unwrap_or(false))
    }

    /// How it is, as of the last [`look`](Job::look) for what is stopped.
    pub(crate) fn state(&self) -> State {
        let is_alive = |process: &Process| process.is_running().unwrap_or(false);
        let mut living = self.members.iter().filter_map(|member| match member {
            Member::Running {
                process,
                is_stopped,
                ..
            } if is_alive(process) => Some(*is_stopped),
            _ => None,
        });
        match living.next() {
            None => State::Ended(self.code()),
            Some(first) if first && living.all(|is_stopped| is_stopped) => State::Stopped,
            Some(_) => State::Running,
        }
    }

    /// The code of its last command, which has ended.
    fn code(&self) -> u32 {
        match self.members.last() {
            Some(Member::Running { process, .. }) => {
                process.exit_code().ok().flatten().unwrap_or(u32::MAX)
            }
            Some(Member::Done(code)) => *code,
            None => 0,
        }
    }

    /// Has its last command been ended by Ctrl-C or Ctrl-\, or by who sent the same?
    pub(super) fn was_ended_by_keys(&self) -> bool {
        let Some(Member::Running { process, .. }) = self.members.last() else {
            return false;
        };
        // It stays to be waited for: the library still wants to know.
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT | WaitPidFlag::WNOHANG;
        matches!(
            waitid(Id::PIDFd(process.as_fd()), flags),
            Ok(WaitStatus::Signaled(_, Signal::SIGINT | Signal::SIGQUIT, _))
        )
    }

    /// Finds out which of its programs have been stopped or continued.
    pub(super) fn look(&mut self) {
        for member in &mut self.members {
            if let Member::Running {
                process,
                is_stopped,
                ..
            } = member
            {
                let flags = WaitPidFlag::WSTOPPED | WaitPidFlag::WCONTINUED | WaitPidFlag::WNOHANG;
                loop {
                    match waitid(Id::PIDFd(process.as_fd()), flags) {
                        Ok(WaitStatus::Stopped(_, by)) => {
                            *is_stopped = true;
                            self.wants_terminal = matches!(by, Signal::SIGTTIN | Signal::SIGTTOU);
                        }
                        Ok(WaitStatus::Continued(_)) => *is_stopped = false,
                        _ => break,
                    }
                }
            }
        }
    }

    /// Has it go on if it was stopped.
    pub(super) fn go_on(&mut self) {
        self.was_told = false;
        for member in &mut self.members {
            if let Member::Running { is_stopped, .. } = member {
                *is_stopped = false;
            }
        }
        self.signal(Signal::SIGCONT);
    }

    /// Sends a signal to its process group. The keeper, which leads that, does not mind.
    pub(super) fn signal(&self, signal: Signal) {
        let group = self.group().and_then(|group| i32::try_from(group).ok());
        if let Some(group) = group {
            let _ = killpg(Pid::from_raw(group), signal);
        }
    }

    /// Is it to die with the prompt?
    pub(super) fn guard(&mut self, yes: bool) {
        match (&mut self.keeper, yes) {
            (Some(keeper), true) => keeper.guard(),
            (Some(keeper), false) => keeper.let_go(),
            (None, _) => {}
        }
    }

    /// Tells how it is.
    pub(crate) fn tell(&self) {
        let pids: Vec<String> = self.pids().iter().map(u32::to_string).collect();
        let how = match self.state() {
            State::Ended(code) => format!("ended with {}", describe_end(code)),
            state => state.word().to_owned(),
        };
        complain(&format!(
            "job {} ({}, pid {}) {how}",
            self.number,
            self.text,
            pids.join(", ")
        ));
    }
}

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct Jobs {
    /// In the order of their numbers.
    list: Vec<Job>,
    /// Keepers that have been told to leave, and not yet been waited for.
    leaving: Vec<Keeper>,
}

impl Jobs {
    /// The jobs, in the order of their numbers.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Job> {
        self.list.iter()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Job> {
        self.list.iter_mut()
    }

    /// The job of this number.
    pub(crate) fn get(&self, number: u32) -> Option<&Job> {
        self.list.iter().find(|job| job.number == number)
    }

    /// The number of the job that was started or stopped last.
    pub(crate) fn latest(&self) -> Option<u32> {
        self.list.last().map(|job| job.number)
    }

    /// Puts a job into the list, under a new number if it has none.
    pub(super) fn add(&mut self, mut job: Job) -> u32 {
        if job.number == 0 {
            job.number = self.list.iter().map(|job| job.number).max().unwrap_or(0) + 1;
        }
        let number = job.number;
        let at = self.list.partition_point(|other| other.number < number);
        self.list.insert(at, job);
        number
    }

    /// Takes a job out of the list.
    pub(super) fn take(&mut self, number: u32) -> Option<Job> {
        let at = self.list.iter().position(|job| job.number == number)?;
        Some(self.list.remove(at))
    }

    /// Finds out how they all are.
    pub(super) fn look(&mut self) {
        self.list.iter_mut().for_each(Job::look);
        self.leaving.retain_mut(|keeper| !keeper.is_gone());
    }

    /// Takes those out of the list that have ended.
    pub(super) fn take_ended(&mut self) -> Vec<Job> {
        let has_ended = |job: &mut Job| matches!(job.state(), State::Ended(_));
        let ended: Vec<Job> = self.list.extract_if(.., has_ended).collect();
        ended.into_iter().map(|job| self.dismiss(job)).collect()
    }

    /// A job has ended: its keeper may go.
    pub(super) fn dismiss(&mut self, mut job: Job) -> Job {
        if let Some(mut keeper) = job.keeper.take() {
            keeper.dismiss();
            self.leaving.push(keeper);
        }
        self.leaving.retain_mut(|keeper| !keeper.is_gone());
        job
    }
}
