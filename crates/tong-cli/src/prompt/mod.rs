//! The prompt: a small command interpreter whose programs are processes of tong.
//!
//! | module | what |
//! |---|---|
//! | [`language`] | what a line means |
//! | `run` | doing it: pipelines, redirections, starting programs, waiting for them |
//! | [`jobs`] | the pipelines that run or are stopped, and telling of their ends |
//! | `keeper` | the process that ends a pipeline if the prompt is killed |
//! | `terminal` | who gets the keys |
//! | [`builtin`] | the commands of the prompt itself |
//! | `script` | commands from a file, an argument or standard input |
//! | [`editor`] | commands from a person at a terminal |
//!
//! # Processes, groups and the terminal
//! Programs are started with the library, so handles inherit and exit codes have 32 bits. All programs of a pipeline are in
//! one process group, whose leader is a *keeper* (see its page). While a pipeline runs in the foreground its group has
//! the terminal: Ctrl-C, Ctrl-\ and Ctrl-Z reach it and not the prompt. A stopped pipeline becomes a job.
//!
//! Built-ins that only need the prompt run in it. In a pipeline their output is collected first and then fed to the next
//! command by a thread, so a built-in that changes the prompt does so there too, and none can wait for a command that waits
//! for it. Built-ins that read their input, or may take long, run as processes of their own (this same program), in the group
//! of the pipeline, where Ctrl-C ends them like any program.

pub(crate) mod builtin;
pub(crate) mod editor;
pub(crate) mod jobs;
pub(crate) mod keeper;
pub(crate) mod language;
mod paths;
mod run;
pub(crate) mod script;
mod terminal;

pub(crate) use paths::path_of;
pub(crate) use run::{describe_end, is_program};

use crate::exit::{complain, Failure};
use jobs::Jobs;
use language::Positions;
use std::path::PathBuf;
use terminal::Terminal;

/// What Windows calls the end of a program by Ctrl-C.
pub(crate) const ENDED_BY_CTRL_C: u32 = 0xC000_013A;

/// How a prompt is to work.
#[derive(Clone, Debug, Default)]
pub(crate) struct Options {
    /// A person is at a terminal: they are told of jobs and of exit codes.
    pub(crate) is_interactive: bool,
    /// A command that fails is the last one.
    pub(crate) stop_at_failure: bool,
    /// The name of the script and its arguments; `None` outside scripts.
    pub(crate) positions: Option<Positions>,
}

/// What follows from a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The next line is welcome.
    GoOn,
    /// The prompt is to end with this code.
    Exit(u32),
}

/// The state of a prompt.
///
/// Its directory and environment are those of the process.
#[derive(Debug)]
pub(crate) struct Shell {
    options: Options,
    terminal: Option<Terminal>,
    children: run::Children,
    last_code: u32,
    jobs: Jobs,
    exit: Option<u32>,
    /// How many lines were run.
    lines: usize,
    /// How many there were when the person was told what leaving would end.
    warned_at: Option<usize>,
    /// Where `cd -` goes.
    previous: Option<PathBuf>,
    /// The lines that were entered, the oldest first; the editor keeps them.
    pub(crate) history: Vec<String>,
}

impl Shell {
    /// A new prompt. Call it before there are threads: it holds signals back.
    ///
    /// # Errors
    /// The system is out of descriptors.
    pub(crate) fn new(options: Options) -> Result<Shell, Failure> {
        let children = run::Children::watch(options.is_interactive)?;
        let terminal = match options.is_interactive {
            true => Terminal::of_person(),
            false => Terminal::of_script(),
        };
        Ok(Shell {
            options,
            terminal,
            children,
            last_code: 0,
            jobs: Jobs::default(),
            exit: None,
            lines: 0,
            warned_at: None,
            previous: None,
            history: Vec::new(),
        })
    }

    /// Runs one complete input to its end, and tells what goes wrong.
    pub(crate) fn run_line(&mut self, text: &str) -> Outcome {
        self.lines += 1;
        self.children.forget();
        match language::parse(text) {
            Ok(steps) => self.run_steps(&steps, text),
            Err(problem) => {
                complain(&problem.what);
                self.last_code = run::SYNTAX_ERROR;
                Outcome::GoOn
            }
        }
    }

    /// The code of the last command.
    pub(crate) fn last_code(&self) -> u32 {
        self.last_code
    }

    /// The pipelines that run in the background or are stopped.
    pub(crate) fn jobs(&self) -> &Jobs {
        &self.jobs
    }

    /// May the prompt end? Jobs that are stopped would end with it, so a person is told once.
    pub(crate) fn may_leave(&mut self) -> bool {
        let was_warned = self.warned_at.is_some_and(|at| self.lines - at <= 1);
        self.jobs.look();
        let is_stopped = |job: &&jobs::Job| job.state() == jobs::State::Stopped;
        let stopped = self.jobs.iter().find(is_stopped);
        match stopped.filter(|_| self.options.is_interactive && !was_warned) {
            Some(job) => {
                job.tell();
                complain("what is stopped ends with the prompt; leave once more to end it");
                self.warned_at = Some(self.lines);
                false
            }
            None => true,
        }
    }

    /// Tells, before a new prompt, which jobs have ended meanwhile, and which were stopped, as a job is that wants to read
    /// the terminal without having it.
    pub(crate) fn tell_ended_jobs(&mut self) {
        self.jobs.look();
        for job in self.jobs.iter_mut() {
            if job.state() == jobs::State::Stopped && !job.was_told {
                job.tell();
                job.was_told = true;
            }
        }
        for job in self.jobs.take_ended() {
            job.tell();
        }
    }
}
