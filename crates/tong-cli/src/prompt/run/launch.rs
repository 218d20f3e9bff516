//! Starting one command of a pipeline.

use super::program::{self, Found};
use super::streams::Streams;
use crate::exit::complain;
use crate::prompt::builtin::{self, Run};
use crate::prompt::jobs::Member;
use crate::prompt::keeper::own_program;
use crate::prompt::Shell;
use nix::fcntl::{fcntl, FcntlArg, OFlag};
use std::fs::File;
use std::io::{self, Write};
use std::thread;
use tong::{ErrorKind, Inherit, ProcessOptions};

/// What `cmd` gives for a program that was not found.
const NOT_FOUND: u32 = 9009;
/// What shells give for a file that cannot be run.
const NOT_RUNNABLE: u32 = 126;
/// Another reason why there is no process.
const FAILED: u32 = 1;

/// The hidden command by which this program runs a built-in.
pub(crate) const BUILTIN_COMMAND: &str = "prompt-builtin";

/// A command with its streams.
pub(super) struct Stage<'a> {
    pub(super) words: &'a [String],
    pub(super) streams: Streams,
}

/// Does this command run as a process, if it is one of several?
pub(super) fn is_process(words: &[String]) -> bool {
    let found = words.first().map(|name| builtin::find(name));
    match found {
        None => false,
        Some(found) => !matches!(found.map(|builtin| builtin.run), Some(Run::Here(_))),
    }
}

/// Does it, if it is alone and in the foreground?
pub(super) fn is_process_alone(words: &[String]) -> bool {
    let found = words.first().and_then(|name| builtin::find(name));
    let is_either = matches!(found.map(|builtin| builtin.run), Some(Run::Either(..)));
    is_process(words) && !is_either
}

impl Shell {
    /// Starts a command, or runs it, if it is a built-in of the prompt.
    pub(super) fn start_stage(&mut self, stage: Stage<'_>, group: Option<u32>) -> Member {
        match stage.words.first() {
            None => Member::Done(0),
            Some(_) if is_process(stage.words) => {
                let errors = stage.streams.writer(2);
                start(stage, group).unwrap_or_else(|(why, code)| {
                    if let Ok(mut errors) = errors {
                        let why = crate::text::visible(&why);
                        let _ = writeln!(errors, "tong: {why}");
                    }
                    Member::Done(code)
                })
            }
            Some(name) => Member::Done(self.run_and_feed(name, stage)),
        }
    }

    /// Runs a built-in of the prompt, and then passes on what it wrote.
    fn run_and_feed(&mut self, name: &str, mut stage: Stage<'_>) -> u32 {
        let arguments = &stage.words[1..];
        if !stage.streams.feeds_next() {
            return builtin::call(self, name, arguments, stage.streams);
        }
        let pipe = stage.streams.take_output();
        let (code, output) = builtin::collect(self, name, arguments, &stage.streams);
        if let Some(pipe) = pipe {
            if let Err(error) = feed(File::from(pipe), output) {
                complain(&format!("cannot pass on what {name} wrote: {error}"));
            }
        }
        code
    }
}

/// Writes into a pipe at once what has room in it, and leaves the rest to a thread: so the little that is usual is there even
/// if the prompt ends before its reader has begun.
fn feed(mut pipe: File, output: Vec<u8>) -> io::Result<()> {
    let mut written = 0;
    fcntl(&pipe, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    while written < output.len() {
        match pipe.write(&output[written..]) {
            Ok(len) => written += len,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            // A reader that has enough goes away.
            Err(_) => return Ok(()),
        }
    }
    if written < output.len() {
        fcntl(&pipe, FcntlArg::F_SETFL(OFlag::empty()))?;
        let thread = thread::Builder::new().name("feed".to_owned());
        thread.spawn(move || {
            let _ = pipe.write_all(&output[written..]);
        })?;
    }
    Ok(())
}

/// Starts a program, or a built-in that runs as one. What went wrong comes with the code that stands for it.
fn start(stage: Stage<'_>, group: Option<u32>) -> Result<Member, (String, u32)> {
    let name = &stage.words[0];
    let arguments = &stage.words[1..];
    let found = builtin::find(name);
    let options = match found.map(|builtin| (builtin.name, builtin.run)) {
        Some((name, Run::Apart(_))) => ProcessOptions::new(own_program())
            // Without the dashes those of the person would be taken for ours.
            .args([BUILTIN_COMMAND, name, "--"])
            .args(arguments),
        Some((_, Run::Tong(command) | Run::Either(_, command))) => {
            ProcessOptions::new(own_program())
                .args(command)
                .args(arguments)
        }
        Some((_, Run::Here(_))) | None => ProcessOptions::new(program_of(name)?).args(arguments),
    };
    let failed = |error: io::Error| (format!("cannot hand over a stream: {error}"), FAILED);
    let mut options = stage.streams.give_to(options).map_err(failed)?;
    if let Some(group) = group {
        options = options.group(group);
    }
    let process = options.inherit(Inherit::All).spawn();
    let process = process.map_err(|error| {
        match error.kind() {
            // Its file was there a moment ago; if it still is, the interpreter that it names is not.
            ErrorKind::NotFound | ErrorKind::PathNotFound => (
                format!("{name}, or what it is to be run by, does not exist"),
                NOT_FOUND,
            ),
            ErrorKind::AccessDenied | ErrorKind::NotAProgram | ErrorKind::SharingViolation => {
                (error.to_string(), NOT_RUNNABLE)
            }
            _ => (error.to_string(), FAILED),
        }
    })?;
    Ok(Member::Running {
        process,
        is_stopped: false,
        is_program: found.is_none(),
    })
}

/// What to start for a name: the name itself if that is found in `PATH`, so that the program sees what was written.
fn program_of(name: &str) -> Result<std::path::PathBuf, (String, u32)> {
    match program::find(name) {
        Found::Program(path) => {
            let is_listed = !name.contains('/') && path.file_name() == Some(name.as_ref());
            let is_here = path.starts_with(".");
            // Where the start would look elsewhere than we did it is told where.
            Ok(if is_listed && !is_here && program::is_path_plain() {
                name.into()
            } else {
                path
            })
        }
        Found::Unfit(why) => Err((why, NOT_RUNNABLE)),
        Found::Nothing => {
            let why = format!(
                "there is no built-in, and no program in PATH or here, of the name {name}; \
                 help lists the built-ins"
            );
            Err((why, NOT_FOUND))
        }
    }
}
