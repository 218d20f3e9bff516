//! Jobs in the foreground and in the background: who has the terminal, who is waited for, what is told.

use crate::exit::complain;
use crate::prompt::jobs::{Job, State};
use crate::prompt::{describe_end, Shell, ENDED_BY_CTRL_C};
use crate::signals;
use nix::sys::signal::Signal;
use std::os::fd::AsFd;
use std::time::Duration;

/// How long a script waits before it lets a job try again that wants the terminal where nobody can give it.
const PAUSE: Duration = Duration::from_millis(200);
/// What Windows gives as the exit code of a process that has not ended.
const STILL_ACTIVE: u32 = 259;

impl Shell {
    /// Puts a group in front, if there is a terminal and we may.
    pub(super) fn give_terminal(&self, group: u32) -> bool {
        let terminal = self.terminal.as_ref();
        terminal.is_some_and(|terminal| terminal.give(group))
    }

    /// Waits for a job until it ends or is stopped, and tells of what a person wants to know; returns its code.
    pub(super) fn finish_in_foreground(&mut self, mut job: Job, mut has_terminal: bool) -> u32 {
        let state = self.await_job(&mut job, &mut has_terminal);
        if let Some(terminal) = self.terminal.as_ref().filter(|_| has_terminal) {
            job.modes = terminal.modes().filter(|_| state == State::Stopped);
            match job.group().filter(|_| !self.options.is_interactive) {
                Some(group) => terminal.take_from(group),
                None => terminal.take_back(),
            }
        }
        match state {
            State::Ended(code) => self.note_end(job, code, has_terminal),
            State::Running | State::Stopped => self.note_stop(job),
        }
    }

    /// Waits until a job has ended or, if somebody could continue it, is stopped.
    fn await_job(&mut self, job: &mut Job, has_terminal: &mut bool) -> State {
        loop {
            job.look();
            match job.state() {
                State::Running => {}
                State::Stopped if self.options.is_interactive => return State::Stopped,
                State::Stopped if *has_terminal || job.wants_terminal => {
                    *has_terminal = self.stop_with(job, *has_terminal);
                }
                // Whoever stopped it has to continue it.
                State::Stopped => {}
                ended @ State::Ended(_) => return ended,
            }
            let living: Vec<_> = job.living().map(AsFd::as_fd).collect();
            if !living.is_empty() {
                self.children.sleep(&living);
            }
            if self.children.take_interrupted() {
                // What comes to us does not come to them: we are in front, or were until a moment ago.
                job.signal(Signal::SIGINT);
            }
        }
    }

    /// In a script, a job is stopped. If it wants the terminal, and that is ours to give, it gets it. Else the script stops with
    /// it, and continues it when it is continued itself. Says whether the job has the terminal now.
    fn stop_with(&self, job: &mut Job, had_terminal: bool) -> bool {
        let (Some(terminal), Some(group)) = (&self.terminal, job.group()) else {
            return false;
        };
        let is_at_hand = job.wants_terminal && !had_terminal && terminal.is_ours();
        if !is_at_hand {
            if had_terminal {
                terminal.take_from(group);
            }
            // Nothing happens where nobody could continue us.
            signals::stop();
            if !terminal.is_ours() && job.wants_terminal {
                // It would stop again at once, and we with it.
                std::thread::sleep(PAUSE);
            }
        }
        let has_terminal = terminal.give(group);
        job.go_on();
        has_terminal
    }

    fn note_end(&mut self, job: Job, code: u32, has_terminal: bool) -> u32 {
        if has_terminal && code == ENDED_BY_CTRL_C {
            self.children.note_interrupted();
        }
        if let Some(terminal) = self.terminal.as_mut().filter(|_| has_terminal && code == 0) {
            terminal.remember();
        }
        if self.options.is_interactive && code != 0 {
            if let Some(terminal) = &self.terminal {
                terminal.restore();
            }
            if job.was_ended_by_keys() {
                // The cursor stands behind the terminal's ^C.
                eprintln!();
            }
            if job.is_program() {
                complain(&describe_end(code));
            }
        }
        self.jobs.dismiss(job);
        code
    }

    fn note_stop(&mut self, mut job: Job) -> u32 {
        job.was_told = true;
        if let Some(terminal) = &self.terminal {
            terminal.restore();
        }
        eprintln!();
        let number = self.jobs.add(job);
        if let Some(job) = self.jobs.get(number) {
            job.tell();
        }
        STILL_ACTIVE
    }

    /// Puts a job that was started into the list, and tells its number.
    pub(super) fn leave_in_background(&mut self, job: Job) -> u32 {
        if let State::Ended(code) = job.state() {
            // It ended already, or nothing of it could be started, which has been told.
            if job.pids().is_empty() {
                self.jobs.dismiss(job);
                return code;
            }
        }
        let pids: Vec<String> = job.pids().iter().map(u32::to_string).collect();
        let number = self.jobs.add(job);
        if self.options.is_interactive {
            complain(&format!("job {number}, pid {}", pids.join(", ")));
        }
        0
    }

    /// Continues a job in the foreground and waits for it; returns its code.
    pub(in crate::prompt) fn bring_to_front(&mut self, number: u32) -> Option<u32> {
        self.jobs.look();
        let mut job = self.jobs.take(number)?;
        job.guard(true);
        let has_terminal = job.group().is_some_and(|group| self.give_terminal(group));
        if let Some(terminal) = self.terminal.as_ref().filter(|_| has_terminal) {
            terminal.set_modes(job.modes.as_ref());
        }
        job.go_on();
        Some(self.finish_in_foreground(job, has_terminal))
    }

    /// Continues a job in the background. False if there is no such job.
    pub(in crate::prompt) fn send_to_back(&mut self, number: u32) -> bool {
        self.jobs.look();
        let mut jobs = self.jobs.iter_mut();
        let Some(job) = jobs.find(|job| job.number() == number) else {
            return false;
        };
        job.guard(false);
        job.go_on();
        true
    }

    /// Waits until these jobs have ended, or Ctrl-C is pressed; takes them out of the list, and returns the code of the
    /// last one. One that is stopped does not end the wait.
    pub(in crate::prompt) fn await_jobs(&mut self, numbers: &[u32]) -> u32 {
        loop {
            let is_meant = |job: &&Job| numbers.contains(&job.number());
            let meant = self.jobs.iter().filter(is_meant);
            let living: Vec<_> = meant.flat_map(Job::living).map(AsFd::as_fd).collect();
            if living.is_empty() {
                break;
            }
            self.children.sleep(&living);
            if self.children.is_interrupted() {
                return ENDED_BY_CTRL_C;
            }
        }
        let mut code = 0;
        for number in numbers {
            let Some(job) = self.jobs.take(*number) else {
                continue;
            };
            if let State::Ended(its_code) = job.state() {
                code = its_code;
            }
            let job = self.jobs.dismiss(job);
            if self.options.is_interactive {
                job.tell();
            }
        }
        code
    }
}
