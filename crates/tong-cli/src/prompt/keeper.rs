//! A process that ends a pipeline if the prompt is killed.
//!
//! # Why a process, and why it leads the group
//! The prompt may be killed with SIGKILL at any instruction, and then can do nothing any more. Asking the kernel to
//! kill children with their parent works for the children that ask, which ordinary programs do not. So somebody else has to
//! notice, and to know whom to end:
//!
//! - The keeper reads from a pipe of which only the prompt holds the other end. When the prompt dies, however it does, the
//!   keeper reads the end of the file.
//! - It is started before the first program of the pipeline, and is the leader of its process group. So the group's id
//!   is the keeper's own, cannot become another group's, and is known before anybody joins it; it kills *its own* group,
//!   and nothing else can be hit.
//!
//! # The race that this leaves, and why it is none
//! The prompt may be killed while it starts a program. That child is a copy of the prompt then, and holds a copy of the end
//! of the pipe until it has closed what is not its own. It joins the group *before* it closes anything (see
//! `ProcessOptions::group`). So when the keeper reads the end of the file, the prompt is dead *and* each of its children is
//! in the group. Killing a group hits all that are in it at one moment; a process that is forking at that moment does not get
//! past it.
//!
//! A program that leaves the group by itself, as `timeout` does, is told to the keeper by its id, as soon as it has started;
//! the keeper then ends it too, with the group that it leads. What detaches itself on purpose, as a daemon, stays; and so
//! does what a program of the pipeline has put into further groups, as a shell in it does with its own pipelines.
//!
//! # Background
//! A job in the background has a keeper as well, which has been told to let go: then the end of the file ends the keeper
//! alone. `fg` and `bg` are one byte.

use crate::exit::{Code, Failure};
use nix::sys::signal::{kill, killpg, SigSet, SigmaskHow, Signal};
use nix::unistd::{getpgid, getpgrp, getpid, Pid};
use std::io::{self, Read, Write};
use std::os::fd::RawFd;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::{env, fs};
use tong::Process;

/// What the prompt tells: the group dies with it.
const GUARD: u8 = b'g';
/// The group lives on without it.
const LET_GO: u8 = b'l';
/// A program of the pipeline; its id follows, in four bytes, the lowest first.
const MEMBER: u8 = b'm';

/// The hidden command by which this program becomes a keeper.
pub(crate) const COMMAND: &str = "prompt-keeper";

/// The prompt's side of a keeper.
#[derive(Debug)]
pub(crate) struct Keeper {
    child: Child,
    line: Option<io::PipeWriter>,
}

impl Keeper {
    /// Starts a keeper that guards. It leads a process group of its own, and no signal but SIGKILL and SIGSTOP reaches it.
    pub(crate) fn start() -> io::Result<Keeper> {
        let (end, line) = io::pipe()?;
        let mut command = Command::new(own_program());
        command
            .arg0("tong")
            .arg(COMMAND)
            .process_group(0)
            .current_dir("/")
            .stdin(end)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        // The child has the mask of the thread that starts it: nothing of the terminal can end it while it gets ready.
        let before = SigSet::all().thread_swap_mask(SigmaskHow::SIG_SETMASK)?;
        let child = command.spawn();
        before.thread_set_mask()?;
        Ok(Keeper {
            child: child?,
            line: Some(line),
        })
    }

    /// The group that it leads.
    pub(crate) fn group(&self) -> u32 {
        self.child.id()
    }

    /// The group is to die with the prompt.
    pub(crate) fn guard(&mut self) {
        self.tell(&[GUARD]);
    }

    /// The group is to live on without the prompt.
    pub(crate) fn let_go(&mut self) {
        self.tell(&[LET_GO]);
    }

    /// A program of the group has been started.
    pub(crate) fn note(&mut self, pid: u32) {
        let [a, b, c, d] = pid.to_le_bytes();
        self.tell(&[MEMBER, a, b, c, d]);
    }

    /// A keeper that was killed guards nothing any more; there is nobody to tell.
    fn tell(&mut self, bytes: &[u8]) {
        if let Some(line) = &mut self.line {
            let _ = line.write_all(bytes);
        }
    }

    /// Lets go, and hangs up.
    pub(crate) fn dismiss(&mut self) {
        self.let_go();
        self.line = None;
        // Somebody may have stopped the whole group.
        if let Ok(pid) = i32::try_from(self.child.id()) {
            let _ = kill(Pid::from_raw(pid), Signal::SIGCONT);
        }
    }

    /// Has the keeper ended, and been waited for?
    pub(crate) fn is_gone(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }
}

/// This program's own file.
pub(crate) fn own_program() -> PathBuf {
    // A file that was replaced meanwhile still runs by this link.
    let known = env::current_exe().ok().filter(|path| path.exists());
    known.unwrap_or_else(|| "/proc/self/exe".into())
}

/// Is the keeper: reads what it is told until the prompt hangs up or dies.
pub(crate) fn run() -> Result<(), Failure> {
    if getpgrp() != getpid() {
        let why = format!("{COMMAND} is for the prompt's own use");
        return Err(Failure::Own(Code::Usage, why));
    }
    // For people who look at the list of processes; it works without.
    let _ = fs::write("/proc/self/comm", "tong-keeper");
    close_others();
    let mut members = Vec::new();
    if listen(&mut members) {
        end_all(&members);
    }
    Ok(())
}

/// Closes what this process got by inheritance: a keeper must not keep anybody's pipe open.
fn close_others() {
    let entries = fs::read_dir("/proc/self/fd")
        .into_iter()
        .flatten()
        .flatten();
    let numbers: Vec<RawFd> = entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|number| *number > 2)
        .collect();
    for number in numbers {
        // The list itself was open, too, and is not any more.
        let _ = nix::unistd::close(number);
    }
}

/// Listens until the other side is gone, and says whether the group is to die with it.
fn listen(members: &mut Vec<Process>) -> bool {
    let mut line = io::stdin().lock();
    let mut is_guarding = true;
    let mut byte = [0];
    while line.read_exact(&mut byte).is_ok() {
        match byte[0] {
            MEMBER => {
                let mut pid = [0; 4];
                if line.read_exact(&mut pid).is_ok() {
                    members.extend(Process::open(u32::from_le_bytes(pid)));
                }
            }
            told => is_guarding = told == GUARD,
        }
    }
    is_guarding
}

/// Ends the pipeline, this process included.
fn end_all(members: &[Process]) {
    for member in members {
        end_own_group(member);
        // It may be gone already.
        let _ = member.terminate(1);
    }
    let _ = kill(Pid::from_raw(0), Signal::SIGKILL);
}

/// Ends the group that a program made for itself.
fn end_own_group(member: &Process) {
    let Ok(pid) = i32::try_from(member.id()).map(Pid::from_raw) else {
        return;
    };
    // While it runs its id is its own, so the group of that id is the one that it leads.
    let leads = getpgid(Some(pid)) == Ok(pid);
    if leads && member.is_running().unwrap_or(false) {
        let _ = killpg(pid, Signal::SIGKILL);
    }
}
