//! Waiting for children, who may end or be stopped, and for the person, who may press Ctrl-C.

use crate::exit::Failure;
use nix::errno::Errno;
use nix::poll::{poll, PollFd, PollFlags, PollTimeout};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use std::os::fd::{AsFd, BorrowedFd};

/// Tells of children and of Ctrl-C.
#[derive(Debug)]
pub(in crate::prompt) struct Children {
    signals: SignalFd,
    /// The person has interrupted what ran.
    is_interrupted: bool,
}

impl Children {
    /// Holds the signals back that matter, in this thread and those that it starts.
    ///
    /// A prompt for a person holds back what the keys send, too, because there it is meant for what the prompt does at the
    /// moment. A script ends by them. The programs that are started get none of this.
    pub(in crate::prompt) fn watch(is_interactive: bool) -> Result<Children, Failure> {
        let failed = |error: Errno| Failure::Io("cannot watch children".to_owned(), error.into());
        let mut told = SigSet::empty();
        told.add(Signal::SIGCHLD);
        if is_interactive {
            for signal in [Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTSTP] {
                told.add(signal);
            }
        }
        let mut held = told;
        // Giving the terminal away and taking it back would stop us.
        held.add(Signal::SIGTTOU);
        held.thread_block().map_err(failed)?;
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        let signals = SignalFd::with_flags(&told, flags).map_err(failed)?;
        Ok(Children {
            signals,
            is_interrupted: false,
        })
    }

    /// Sleeps until one of these is readable, as a process is when it ends, any child stops, or Ctrl-C is pressed.
    pub(in crate::prompt) fn sleep(&mut self, watched: &[BorrowedFd<'_>]) {
        let watched = watched.iter().copied();
        let mut watched: Vec<PollFd<'_>> = watched
            .chain([self.signals.as_fd()])
            .map(|fd| PollFd::new(fd, PollFlags::POLLIN))
            .collect();
        // However it ends, whoever called looks at what is so now.
        let _ = poll(&mut watched, PollTimeout::NONE);
        self.drain();
    }

    fn drain(&mut self) {
        while let Ok(Some(info)) = self.signals.read_signal() {
            self.is_interrupted |= info.ssi_signo == Signal::SIGINT as u32;
        }
    }

    /// Forgets what came before.
    pub(in crate::prompt) fn forget(&mut self) {
        self.drain();
        self.is_interrupted = false;
    }

    /// Has the person interrupted us?
    pub(in crate::prompt) fn is_interrupted(&mut self) -> bool {
        self.drain();
        self.is_interrupted
    }

    /// What ran was ended by Ctrl-C.
    pub(in crate::prompt) fn note_interrupted(&mut self) {
        self.is_interrupted = true;
    }

    /// Has the person interrupted what ran? Asked once.
    pub(in crate::prompt) fn take_interrupted(&mut self) -> bool {
        self.drain();
        std::mem::take(&mut self.is_interrupted)
    }
}
