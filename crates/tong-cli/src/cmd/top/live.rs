//! The loop around the screen: waits for keys, signals and the time of the next look, all in one place.

use super::control::Request;
use super::cost::Cost;
use super::keys::Decoder;
use super::model::{Mode, Model};
use super::screen::{draw, Palette};
use super::terminal::Screen;
use crate::args::TopArgs;
use crate::cmd::kp::Victim;
use crate::exit::Failure;
use crate::signals::{self, Signals};
use nix::errno::Errno;
use nix::poll::{poll, PollFd, PollFlags, PollTimeout};
use nix::sys::signal::Signal;
use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};
use tong::inspect::Inspector;

/// What follows an escape within this time belongs to it; what follows later is typed.
const SEQUENCE: Duration = Duration::from_millis(30);
/// The exit code of what is killed here, as of `tong kp`.
const KILLED: u32 = 1;
/// How long we wait to see the end of what was killed.
const END: Duration = Duration::from_millis(500);

/// Everything that the loop works with.
struct Live {
    signals: Signals,
    inspector: Inspector,
    model: Model,
    screen: Screen,
    decoder: Decoder,
    cost: Cost,
    victim: Option<Victim>,
    looked: Instant,
    looks: u64,
    /// Something changed since the screen was drawn.
    is_stale: bool,
}

/// Whether to go on.
enum Next {
    On,
    Quit,
}

/// Shows the screen until it is quit.
pub(super) fn run(args: &TopArgs) -> Result<(), Failure> {
    let signals = Signals::catch_also(&[Signal::SIGWINCH, Signal::SIGTSTP, Signal::SIGCONT])?;
    let mut inspector = Inspector::new()?;
    let place = super::place()?;
    let mut cost = Cost::default();
    let mut model = Model::new(place, inspector.look()?);
    cost.note();
    model.interval = args.interval;
    model.start_with(args.view, &args.filter);
    // Failures from here on must give the terminal back before they are told.
    let live = Live {
        signals,
        inspector,
        model,
        screen: Screen::enter()?,
        decoder: Decoder::default(),
        cost,
        victim: None,
        looked: Instant::now(),
        looks: 1,
        is_stale: true,
    };
    live.run(args.count)
}

impl Live {
    fn run(mut self, count: Option<u64>) -> Result<(), Failure> {
        let palette = Palette::of_environment();
        loop {
            if self.is_stale {
                self.is_stale = false;
                let model = &mut self.model;
                self.screen.draw(|frame| draw(frame, model, palette))?;
            }
            if let Next::Quit = self.wait()? {
                return Ok(());
            }
            if self.is_due() {
                self.look()?;
            }
            if count.is_some_and(|count| self.looks >= count) {
                return Ok(());
            }
        }
    }

    fn is_due(&self) -> bool {
        !self.model.is_paused && self.looked.elapsed() >= self.model.interval
    }

    /// How long nothing is to be done unless something happens.
    fn time_left(&self) -> PollTimeout {
        let mut left = match self.model.is_paused {
            true => None,
            false => Some(self.model.interval.saturating_sub(self.looked.elapsed())),
        };
        if self.decoder.is_waiting() {
            left = Some(left.map_or(SEQUENCE, |left| left.min(SEQUENCE)));
        }
        let Some(left) = left else {
            return PollTimeout::NONE;
        };
        // Up to the next millisecond, so that it is not asked again and again within the last one.
        let ms = left.as_micros().div_ceil(1000);
        i32::try_from(ms)
            .ok()
            .and_then(|ms| PollTimeout::try_from(ms).ok())
            .unwrap_or(PollTimeout::MAX)
    }

    /// Waits for whatever comes first, and deals with it.
    fn wait(&mut self) -> Result<Next, Failure> {
        let stdin = io::stdin();
        let mut fds = [
            PollFd::new(stdin.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.signals.as_fd(), PollFlags::POLLIN),
        ];
        let ready = match poll(&mut fds, self.time_left()) {
            Ok(ready) => ready,
            Err(Errno::EINTR) => 0,
            Err(error) => return Err(failed(error)),
        };
        let [keys, signals] = fds.map(|fd| fd.revents().unwrap_or(PollFlags::empty()));
        if !signals.is_empty() {
            self.take_signals()?;
        }
        if keys.contains(PollFlags::POLLIN) {
            return self.read_keys();
        }
        if !keys.is_empty() {
            // The terminal is gone.
            return Ok(Next::Quit);
        }
        if ready == 0 && self.decoder.is_waiting() {
            if let Some(key) = self.decoder.give_up() {
                return self.press(key);
            }
        }
        Ok(Next::On)
    }

    fn read_keys(&mut self) -> Result<Next, Failure> {
        let mut bytes = [0; 1024];
        let read = match nix::unistd::read(io::stdin().as_fd(), &mut bytes) {
            // Its other end was closed.
            Ok(0) | Err(Errno::EIO) => return Ok(Next::Quit),
            Ok(read) => read,
            Err(Errno::EINTR | Errno::EAGAIN) => 0,
            Err(error) => return Err(failed(error)),
        };
        self.decoder.feed(&bytes[..read]);
        while let Some(key) = self.decoder.next() {
            if let Next::Quit = self.press(key)? {
                return Ok(Next::Quit);
            }
        }
        Ok(Next::On)
    }

    fn press(&mut self, key: super::keys::Key) -> Result<Next, Failure> {
        self.is_stale = true;
        let Some(request) = self.model.press(key) else {
            return Ok(Next::On);
        };
        match request {
            Request::Quit => return Ok(Next::Quit),
            Request::Suspend => {
                self.screen.leave();
                signals::stop();
                self.screen.come_back()?;
            }
            Request::Redraw => self.screen.forget()?,
            Request::Look => self.look()?,
            Request::AskToKill(pid, started) => self.take_hold(pid, started),
            Request::Kill => self.kill()?,
            Request::Spare => self.victim = None,
        }
        Ok(Next::On)
    }

    fn take_signals(&mut self) -> Result<(), Failure> {
        while let Some(caught) = self.signals.next() {
            self.is_stale = true;
            match caught.signal {
                Signal::SIGWINCH => {}
                Signal::SIGTSTP => {
                    self.screen.leave();
                    signals::stop();
                    self.screen.come_back()?;
                }
                // Somebody stopped us who did not ask, and others had the terminal.
                Signal::SIGCONT => self.screen.come_back()?,
                signal => return Err(Failure::Signal(signal)),
            }
        }
        Ok(())
    }

    /// Looks again. That it fails is told, and tried again later.
    fn look(&mut self) -> Result<(), Failure> {
        self.looked = Instant::now();
        self.looks += 1;
        match self.inspector.look() {
            Ok(view) => self.model.update(view),
            Err(error) => self.model.complain(error.to_string()),
        }
        self.model.cost = self.cost.note();
        self.is_stale = true;
        Ok(())
    }

    /// Takes hold of a process before asking, so that the answer is about just that one.
    fn take_hold(&mut self, pid: u32, started: Option<Duration>) {
        match Victim::open(pid, started) {
            Ok(victim) => {
                let who = victim.named();
                self.victim = Some(victim);
                self.model.mode = Mode::Kill(format!(
                    "Kill {who} with exit code {KILLED}? y kills it, any other key does not"
                ));
            }
            Err(failure) => self.model.complain(failure.text()),
        }
    }

    fn kill(&mut self) -> Result<(), Failure> {
        let Some(victim) = self.victim.take() else {
            return Ok(());
        };
        let ended = victim.end(KILLED, END);
        self.look()?;
        match ended {
            Ok(text) => self.model.say(text),
            Err(failure) => self.model.complain(failure.text()),
        }
        Ok(())
    }
}

fn failed(error: Errno) -> Failure {
    Failure::Io("cannot wait for keys".to_owned(), error.into())
}
