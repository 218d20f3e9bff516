//! The terminal, and who gets its keys.
//!
//! The terminal sends Ctrl-C, Ctrl-\ and Ctrl-Z to one process group, the one in front. The prompt puts the group of a
//! foreground pipeline there and takes the place back when the pipeline has ended or stopped. Its own place is never
//! taken from a pipeline that the prompt itself is part of: a script hands the terminal on only if both its input and its
//! output are the terminal, because otherwise its neighbours in the shell's pipeline would lose it.

use nix::sys::signal::{killpg, Signal};
use nix::sys::termios::{tcgetattr, tcsetattr, SetArg, Termios};
use nix::unistd::{getpgrp, setpgid, tcgetpgrp, tcsetpgrp, Pid};
use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal};

/// How often a prompt that is not in front asks to be put there.
const TRIES: u32 = 20;

/// The controlling terminal of this process.
#[derive(Debug)]
pub(super) struct Terminal {
    device: File,
    own_group: Pid,
    /// Does a pipeline get it from the start?
    pub(super) is_handed_on: bool,
    /// How it was when all was well.
    modes: Option<Termios>,
}

impl Terminal {
    /// For a prompt that a person works at. Waits until the prompt is in front.
    pub(super) fn of_person() -> Option<Terminal> {
        let terminal = Terminal::open()?;
        for _ in 0..TRIES {
            if terminal.is_ours() {
                return Some(terminal);
            }
            // Stops us until the shell that started us puts us in front; nothing, if there is no such shell.
            killpg(terminal.own_group, Signal::SIGTTIN).ok()?;
        }
        None
    }

    /// For a script. It hands the terminal on at once if that is all it reads and writes, else only to a pipeline that was
    /// stopped for want of it.
    pub(super) fn of_script() -> Option<Terminal> {
        let mut terminal = Terminal::open()?;
        terminal.is_handed_on = io::stdin().is_terminal() && io::stdout().is_terminal();
        Some(terminal)
    }

    fn open() -> Option<Terminal> {
        let device = OpenOptions::new().read(true).write(true).open("/dev/tty");
        let device = device.ok()?;
        // It has no group in front if it is not the one that controls us.
        tcgetpgrp(&device).ok()?;
        let modes = tcgetattr(&device).ok();
        let is_from_outside = getpgrp().as_raw() == 0;
        if is_from_outside {
            // A group of another PID namespace, to which there is no way back from here. So we make one of our own, and take
            // the place in front that the other has. Whoever started us takes it again when we have ended.
            setpgid(Pid::from_raw(0), Pid::from_raw(0)).ok()?;
        }
        let terminal = Terminal {
            device,
            own_group: getpgrp(),
            is_handed_on: true,
            modes,
        };
        if is_from_outside && tcgetpgrp(&terminal.device).is_ok_and(|front| front.as_raw() == 0) {
            terminal.take_back();
        }
        Some(terminal)
    }

    /// Are we in front?
    pub(super) fn is_ours(&self) -> bool {
        tcgetpgrp(&self.device) == Ok(self.own_group)
    }

    /// Puts a group in front, if we are.
    pub(super) fn give(&self, group: u32) -> bool {
        let group = i32::try_from(group).map(Pid::from_raw);
        self.is_ours() && group.is_ok_and(|group| tcsetpgrp(&self.device, group).is_ok())
    }

    /// Puts us in front again, if this group is there.
    pub(super) fn take_from(&self, group: u32) {
        let group = i32::try_from(group).map(Pid::from_raw);
        if group.is_ok_and(|group| tcgetpgrp(&self.device) == Ok(group)) {
            self.take_back();
        }
    }

    /// Puts us in front again.
    pub(super) fn take_back(&self) {
        // SIGTTOU, which would stop us for it, is held back.
        let _ = tcsetpgrp(&self.device, self.own_group);
    }

    /// How the terminal works at present.
    pub(super) fn modes(&self) -> Option<Termios> {
        tcgetattr(&self.device).ok()
    }

    /// Has what is so now come back after a program that fails: the one before it may have meant it.
    pub(super) fn remember(&mut self) {
        self.modes = self.modes().or(self.modes.take());
    }

    /// Has it work as it did last when all was well: a program that was ended may have left it silent.
    pub(super) fn restore(&self) {
        self.set_modes(self.modes.as_ref());
    }

    /// Has it work like this.
    pub(super) fn set_modes(&self, modes: Option<&Termios>) {
        if let Some(modes) = modes {
            let _ = tcsetattr(&self.device, SetArg::TCSADRAIN, modes);
        }
    }
}
