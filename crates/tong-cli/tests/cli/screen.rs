//! A terminal for one test: the command runs in a tmux server of its own, is typed to, and its screen is read.
//!
//! The terminal is the same everywhere: no configuration of the user, a fixed size and locale, and only those variables
//! of the environment that are named here. Without tmux a test is skipped, loudly.

use crate::golden;
use crate::place::{Place, PATIENCE};
use crate::sgr;
use std::ffi::OsStr;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How often the screen is looked at.
const TICK: Duration = Duration::from_millis(30);

/// What tmux does without a word from the user.
const SETTINGS: &str = "\
set -g default-terminal tmux-256color
set -g status off
set -g escape-time 0
";

/// Runs `$@` in a process group of its own, as an interactive shell does, notes its pid and its exit code in the directory
/// `$0`, and stays: tmux loses the last output or the status of what ends at once, so nothing ends before we say so.
/// A shell whose child an interrupt ended would end itself but for the trap.
const KEEPER: &str = r#"
exec 3>&2 2>/dev/null
set -m
trap : INT
sh -c 'echo $$ >"$0/pid"; exec "$@"' "$0" "$@" 2>&3 3>&-
echo $? >"$0/code"
read end <"$0/end"
"#;

/// The command on a terminal. It is killed when the test drops it.
pub(crate) struct Screen {
    dir: PathBuf,
}

impl Screen {
    /// Runs the command with these arguments on a terminal of this width and height; `None`, and a word about it, if
    /// there is no tmux.
    pub(crate) fn start(place: &Place, size: (u16, u16), args: &[&str]) -> Option<Screen> {
        Screen::start_in(place, size, &[], args)
    }

    /// The same with more variables in its environment.
    pub(crate) fn start_in(
        place: &Place,
        (width, height): (u16, u16),
        variables: &[(&str, &str)],
        args: &[&str],
    ) -> Option<Screen> {
        if !is_tmux_here() {
            skip("there is no tmux");
            return None;
        }
        let dir = place.dir.path();
        let screen = Screen {
            dir: dir.join("screen"),
        };
        std::fs::create_dir(&screen.dir).expect("a directory for the terminal");
        std::fs::write(screen.dir.join("settings"), SETTINGS).expect("a file for tmux");
        let end = screen.dir.join("end");
        nix::unistd::mkfifo(&end, nix::sys::stat::Mode::S_IRWXU).expect("a FIFO");
        let mut command = screen.tmux();
        command.args(["new-session", "-d", "-x", &width.to_string()]);
        command.args(["-y", &height.to_string(), "--", "sh", "-c", KEEPER]);
        command.arg(&screen.dir).args(["env", "-i"]);
        for (name, value) in [
            ("TERM", OsStr::new("tmux-256color")),
            ("LC_ALL", OsStr::new("C.UTF-8")),
            ("PATH", &std::env::var_os("PATH").expect("a path")),
            ("HOME", dir.as_os_str()),
            ("TMPDIR", dir.as_os_str()),
            ("TONG_DIR", dir.join("names").as_os_str()),
        ] {
            let mut pair = std::ffi::OsString::from(name);
            pair.push("=");
            pair.push(value);
            command.arg(pair);
        }
        for (name, value) in variables {
            command.arg(format!("{name}={value}"));
        }
        command.arg(env!("CARGO_BIN_EXE_tong"));
        command.args(args.iter().map(|arg| unsplit(arg)));
        done(command.current_dir(dir));
        Some(screen)
    }

    /// Presses keys, by the names that tmux has for them: `Up`, `Enter`, `C-c`, `x`.
    pub(crate) fn keys(&self, keys: &[&str]) {
        let keys = keys.iter().map(|key| unsplit(key));
        done(self.tmux().args(["send-keys", "--"]).args(keys));
    }

    /// Types a text.
    pub(crate) fn type_text(&self, text: &str) {
        done(self.tmux().args(["send-keys", "-l", "--", &unsplit(text)]));
    }

    /// Pastes a text, as a terminal does that was asked to say what is pasted.
    pub(crate) fn paste(&self, text: &str) {
        done(self.tmux().args(["set-buffer", "--", &unsplit(text)]));
        done(self.tmux().args(["paste-buffer", "-p", "-d"]));
    }

    /// What is on the screen, without blanks at the ends of its lines and empty lines at its end.
    pub(crate) fn text(&self) -> String {
        trimmed(&done(self.tmux().args(["capture-pane", "-p"])))
    }

    /// The same with styles: `{bold red}text{}`.
    pub(crate) fn styled(&self) -> String {
        let raw = done(self.tmux().args(["capture-pane", "-p", "-e"]));
        trimmed(&sgr::named(&raw))
    }

    /// Waits until the screen shows this, and returns what it shows.
    #[track_caller]
    pub(crate) fn wait_for(&self, text: &str) -> String {
        self.wait_until(text, |screen| screen.contains(text))
    }

    /// Waits until the screen is as it should be, and returns what it shows.
    #[track_caller]
    pub(crate) fn wait_until(&self, what: &str, is_so: impl Fn(&str) -> bool) -> String {
        let start = Instant::now();
        loop {
            let screen = self.text();
            if is_so(&screen) {
                return screen;
            }
            assert!(
                start.elapsed() < PATIENCE,
                "the screen never showed {what:?}:\n{screen}"
            );
            thread::sleep(TICK);
        }
    }

    /// Waits for the end of the command: its exit code, as a shell counts it.
    #[track_caller]
    pub(crate) fn code(&self) -> i32 {
        self.noted("code").expect("the command ended")
    }

    /// The process that the terminal runs.
    #[track_caller]
    pub(crate) fn pid(&self) -> i32 {
        self.noted("pid").expect("the command started")
    }

    /// Waits for a number that the keeper notes.
    fn noted(&self, name: &str) -> Result<i32, String> {
        let start = Instant::now();
        loop {
            if let Some(number) = self.note(name) {
                return Ok(number);
            }
            if start.elapsed() > PATIENCE {
                return Err(self.text());
            }
            thread::sleep(TICK);
        }
    }

    fn note(&self, name: &str) -> Option<i32> {
        let text = std::fs::read_to_string(self.dir.join(name)).ok()?;
        text.strip_suffix('\n')?.parse().ok()
    }

    /// What tmux knows of the terminal, as its formats name it: `#{cursor_x}`.
    pub(crate) fn ask(&self, format: &str) -> String {
        let said = done(self.tmux().args(["display-message", "-p", format]));
        said.trim_end().to_owned()
    }

    /// The settings of the terminal, as stty tells them, each between blanks.
    pub(crate) fn settings(&self) -> String {
        let terminal = self.ask("#{pane_tty}");
        let said = done(Command::new("stty").args(["-F", &terminal, "-a"]));
        format!(
            " {} ",
            said.split_whitespace().collect::<Vec<_>>().join(" ")
        )
    }

    /// Makes the terminal so wide and so high.
    pub(crate) fn resize(&self, (width, height): (u16, u16)) {
        let mut command = self.tmux();
        command.args(["resize-window", "-x", &width.to_string()]);
        done(command.args(["-y", &height.to_string()]));
    }

    fn tmux(&self) -> Command {
        let mut command = Command::new("tmux");
        command.arg("-u").arg("-S").arg(self.dir.join("socket"));
        command.arg("-f").arg(self.dir.join("settings"));
        // A test may itself run on a terminal of tmux.
        command.env_remove("TMUX").env_remove("TMUX_PANE");
        command.env("LC_ALL", "C.UTF-8");
        command
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        if let (Some(pid), None) = (self.note("pid"), self.note("code")) {
            let _ = Command::new("kill")
                .args(["-KILL", &pid.to_string()])
                .status();
        }
        let _ = self.tmux().arg("kill-server").output();
    }
}

/// Runs tmux, and returns what it printed.
#[track_caller]
fn done(command: &mut Command) -> String {
    let Output {
        status,
        stdout,
        stderr,
    } = command.stdin(Stdio::null()).output().expect("tmux runs");
    assert!(
        status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&stderr)
    );
    String::from_utf8(stdout).expect("a screen is text")
}

/// An argument that tmux does not take for the end of its command.
fn unsplit(arg: &str) -> String {
    match arg.strip_suffix(';') {
        Some(rest) => format!(r"{rest}\;"),
        None => arg.to_owned(),
    }
}

fn trimmed(screen: &str) -> String {
    let lines: Vec<&str> = screen.lines().map(str::trim_end).collect();
    let used = lines.iter().rposition(|line| !line.is_empty());
    let mut text = lines[..used.map_or(0, |last| last + 1)].join("\n");
    text.push('\n');
    text
}

fn is_tmux_here() -> bool {
    let version = Command::new("tmux").arg("-V").stdin(Stdio::null()).output();
    version.is_ok_and(|said| said.status.success())
}

/// Says that this test is skipped, and notes it where `cargo xtask ci` counts.
pub(crate) fn skip(reason: &str) {
    let thread = thread::current();
    let test = thread.name().unwrap_or("a test of the screen");
    // Not eprintln, which the test harness would keep to itself.
    let _ = writeln!(std::io::stderr(), "SKIPPED {test}: {reason}");
    let Some(log) = std::env::var_os("TONG_SKIP_LOG") else {
        return;
    };
    let log = std::fs::OpenOptions::new()
        .append(true)
        .create(true)
        .open(log);
    if let Ok(mut log) = log {
        let _ = log.write_all(format!("{test}: {reason}\n").as_bytes());
    }
}

#[test]
fn a_command_is_typed_to_and_its_screen_is_read() {
    let place = Place::new();
    let Some(screen) = Screen::start(&place, (60, 10), &["mailslot", "read", "box"]) else {
        return;
    };
    assert!(screen.pid() > 1);
    let wait = PATIENCE.as_millis().to_string();
    place
        .run(&["mailslot", "write", "box", "--wait", &wait, "tick;"])
        .expect_code(0);
    screen.wait_for("tick;");
    screen.type_text("typed text;");
    let text = screen.wait_for("typed text;");
    assert!(text.ends_with("typed text;\n"), "{text}");
    screen.keys(&["C-c"]);
    assert_eq!(screen.code(), 130);
}

#[test]
fn an_empty_namespace_on_a_screen() {
    let place = Place::new();
    let Some(screen) = Screen::start(&place, (80, 10), &["ls"]) else {
        return;
    };
    assert_eq!(screen.code(), 0);
    let place = format!("{}", place.dir.path().display());
    golden::check(
        "ls-empty",
        &golden::mask(&screen.text(), &[(&place, "PLACE")]),
    );
}

#[test]
fn a_screen_shows_styles_by_name() {
    let place = Place::new();
    let Some(screen) = Screen::start(&place, (80, 50), &["mailslot", "--help"]) else {
        return;
    };
    assert_eq!(screen.code(), 0);
    let styled = screen.styled();
    assert!(
        styled.contains("{bold underline}Usage:{} {bold}tong mailslot{}"),
        "{styled}"
    );
}

#[test]
fn the_environment_of_a_screen_can_be_widened() {
    let place = Place::new();
    let variables = [("NO_COLOR", "1")];
    let Some(screen) = Screen::start_in(&place, (80, 50), &variables, &["mailslot", "--help"])
    else {
        return;
    };
    screen.wait_for("Usage: tong mailslot");
    assert!(!screen.styled().contains('{'), "{}", screen.styled());
}
