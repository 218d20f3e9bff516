//! Signals that ask the command to end, taken as something to wait for.
//!
//! A command that holds something for others (a mutex, a child) must put it away before it ends. It catches the signals,
//! waits for them beside whatever else it waits for, and in the end ends by the signal after all, so that a shell sees it.
//! Signals that the caller has us ignore, as `nohup` does, stay ignored.

use crate::exit::Failure;
use nix::poll::{poll, PollFd, PollFlags, PollTimeout};
use nix::sys::signal::{self, SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::termios::{tcgetattr, tcsetattr, SetArg};
use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// The signals by which people and systems ask programs to end.
const ASKING: [Signal; 4] = [
    Signal::SIGINT,
    Signal::SIGTERM,
    Signal::SIGHUP,
    Signal::SIGQUIT,
];
/// The kernel sent it: of the signals above those that a terminal sends to all programs in front.
const SI_KERNEL: i32 = 0x80;

/// Those signals, held back from now on. The descriptor is readable when one has come.
#[derive(Debug)]
pub(crate) struct Signals {
    fd: SignalFd,
}

/// A signal that came.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caught {
    pub(crate) signal: Signal,
    /// It came from the terminal, so our children in the same group have it too.
    pub(crate) from_terminal: bool,
}

impl Signals {
    /// Holds the signals back, in this thread and those that it starts: call it first.
    pub(crate) fn catch() -> Result<Signals, Failure> {
        Signals::catch_also(&[])
    }

    /// Holds these back too.
    pub(crate) fn catch_also(more: &[Signal]) -> Result<Signals, Failure> {
        let ignored = ignored();
        let mut set = SigSet::empty();
        for signal in ASKING.iter().chain(more).copied() {
            if ignored >> (signal as i32 - 1) & 1 == 0 {
                set.add(signal);
            }
        }
        let failed =
            |error: nix::Error| Failure::Io("cannot catch signals".to_owned(), error.into());
        set.thread_block().map_err(failed)?;
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        let fd = SignalFd::with_flags(&set, flags).map_err(failed)?;
        Ok(Signals { fd })
    }

    /// The next signal that has come, if any.
    pub(crate) fn next(&self) -> Option<Caught> {
        let info = self.fd.read_signal().ok()??;
        let number = i32::try_from(info.ssi_signo).ok()?;
        Some(Caught {
            signal: Signal::try_from(number).ok()?,
            from_terminal: info.ssi_code == SI_KERNEL,
        })
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Waits until standard input can be read. False if Ctrl-C came first, which is known only where that is held back; elsewhere
/// it has ended the program.
pub(crate) fn await_input() -> io::Result<bool> {
    if !SigSet::thread_get_mask()?.contains(Signal::SIGINT) {
        return Ok(true);
    }
    let set = SigSet::from(Signal::SIGINT);
    let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
    let interrupts = SignalFd::with_flags(&set, flags)?;
    let input = io::stdin();
    let watched = [input.as_fd(), interrupts.as_fd()];
    let mut watched = watched.map(|fd| PollFd::new(fd, PollFlags::POLLIN));
    poll(&mut watched, PollTimeout::NONE)?;
    Ok(interrupts.read_signal()?.is_none())
}

/// The signals that are ignored, a bit each, the lowest for signal 1.
fn ignored() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    line.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or(0)
}

/// Ends this program as the signal would have. If it does not, returns the number that shells give such an end.
pub(crate) fn end_by(signal: Signal) -> u8 {
    let _ = SigSet::from(signal).thread_unblock();
    let _ = signal::raise(signal);
    u8::try_from(signal as i32).map_or(u8::MAX, |number| number.saturating_add(128))
}

/// Stops this program, and all of its group, as Ctrl-Z would; returns when somebody lets it go on.
pub(crate) fn stop() {
    let tstp = SigSet::from(Signal::SIGTSTP);
    let was_held = SigSet::thread_get_mask().is_ok_and(|set| set.contains(Signal::SIGTSTP));
    let _ = tstp.thread_unblock();
    let _ = signal::kill(nix::unistd::Pid::from_raw(0), Signal::SIGTSTP);
    if was_held {
        let _ = tstp.thread_block();
    }
}

/// Passes a signal on to a child that is still ours, so that its id is nobody else's.
pub(crate) fn pass_on(signal: Signal, pid: u32) -> io::Result<()> {
    let pid = i32::try_from(pid).map_err(|_| io::ErrorKind::InvalidInput)?;
    signal::kill(nix::unistd::Pid::from_raw(pid), signal).map_err(io::Error::from)
}

/// Ends this program when its terminal goes away, or SIGTERM or SIGHUP asks for it, and leaves the terminal as it is now.
/// Call it before there are other threads.
///
/// The kernel sends SIGHUP to programs that lose their terminal, but the first process of a container does not die of it,
/// and nor does who was told to ignore it. What reads keys would then read the end of the file for ever, as fast as it can.
pub(crate) fn end_with_terminal() -> io::Result<()> {
    let terminal = io::stdin().as_fd().try_clone_to_owned()?;
    let modes = tcgetattr(&terminal).ok();
    let knows_signs = std::env::var_os("TERM").is_some_and(|term| term != "dumb");
    let mut asking = SigSet::empty();
    asking.add(Signal::SIGTERM);
    asking.add(Signal::SIGHUP);
    asking.thread_block()?;
    let signals = SignalFd::with_flags(&asking, SfdFlags::SFD_CLOEXEC)?;
    let watch = move || {
        let signal = await_end(&terminal, &signals);
        if let Some(modes) = modes {
            if knows_signs {
                // What is pasted is marked while lines are edited.
                let _ = nix::unistd::write(&terminal, b"\x1b[?2004l\r");
            }
            let _ = tcsetattr(&terminal, SetArg::TCSANOW, &modes);
        }
        std::process::exit(end_by(signal).into());
    };
    let thread = std::thread::Builder::new().name("tong-hangup".to_owned());
    thread.spawn(watch).map(drop)
}

/// Sleeps until the terminal is gone or a signal comes; returns the signal to end by.
fn await_end(terminal: &OwnedFd, signals: &SignalFd) -> Signal {
    let mut fds = [
        PollFd::new(terminal.as_fd(), PollFlags::empty()),
        PollFd::new(signals.as_fd(), PollFlags::POLLIN),
    ];
    // Of interruptions, and of a system that is short of memory for a moment, nothing follows.
    while poll(&mut fds, PollTimeout::NONE).is_err() {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let asked = fds[1].any() == Some(true);
    let info = asked
        .then(|| signals.read_signal().ok().flatten())
        .flatten();
    let number = info.and_then(|info| i32::try_from(info.ssi_signo).ok());
    let signal = number.and_then(|number| Signal::try_from(number).ok());
    signal.unwrap_or(Signal::SIGHUP)
}
