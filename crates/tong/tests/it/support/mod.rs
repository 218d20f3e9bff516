//! What the tests share: a namespace of their own, child processes that are this test binary again, and a watchdog.
//!
//! A test that needs other processes names a *role*: a function in [`crate::ROLES`]. The child is this binary again, asked
//! to run the one test [`actor`], which plays the role that the environment names.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Names the role of a child.
const ROLE: &str = "TONG_TEST_ROLE";

/// Precedes what an actor says.
const MARK: &str = "@@ ";

/// Plays the role of a child process; as a test of its own it does nothing.
#[test]
fn actor() {
    let Ok(role) = std::env::var(ROLE) else {
        return;
    };
    let (_, play) = crate::ROLES.iter().find(|(name, _)| *name == role).unwrap();
    play();
    std::process::exit(0);
}

/// The directory of the namespace that all tests of this process share; it is gone when the process is.
pub(crate) fn namespace() -> &'static Path {
    static DIR: OnceLock<PathBuf> = OnceLock::new();
    DIR.get_or_init(|| {
        if let Some(dir) = std::env::var_os("TONG_DIR") {
            return dir.into();
        }
        let dir = std::env::temp_dir().join(format!("tong-test-{}", std::process::id()));
        std::env::set_var("TONG_DIR", &dir);
        dir
    })
}

/// A mailslot name that no other test uses.
pub(crate) fn name(test: &str) -> tong::MailslotName {
    namespace();
    tong::MailslotName::short(&format!("{test}-{}", std::process::id())).unwrap()
}

/// A child process in a role. It is killed when dropped.
pub(crate) struct Actor {
    pub(crate) child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Actor {
    /// Starts this binary in `role` with `args`.
    pub(crate) fn start(role: &str, args: &[&str]) -> Actor {
        Actor::start_by(&[], role, args)
    }

    /// Starts this binary in `role` with `args` by way of other programs, such as `unshare`.
    pub(crate) fn start_by(launcher: &[&str], role: &str, args: &[&str]) -> Actor {
        let exe = std::env::current_exe().unwrap();
        let mut command = match launcher.split_first() {
            Some((program, rest)) => {
                let mut command = Command::new(program);
                command.args(rest).arg(exe);
                command
            }
            None => Command::new(exe),
        };
        let mut child = command
            .args([
                "--exact",
                "support::actor",
                "--nocapture",
                "--test-threads=1",
            ])
            .env("TONG_DIR", namespace())
            .env(ROLE, role)
            .env("TONG_TEST_ARGS", args.join("\u{1f}"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().unwrap());
        Actor {
            child,
            input,
            output,
        }
    }

    /// Waits for the actor to say `word`.
    pub(crate) fn expect(&mut self, word: &str) {
        assert_eq!(self.line(), word);
    }

    /// The next line that the actor says, empty when it has ended.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        while self.output.read_line(&mut line).unwrap() > 0 {
            // The test harness talks in between.
            if let Some((_, said)) = line.split_once(MARK) {
                return said.trim_end().to_owned();
            }
            line.clear();
        }
        String::new()
    }

    /// Lets the actor go on from its [`wait_for_go`].
    pub(crate) fn go(&mut self) {
        self.tell("go");
    }

    /// Gives the actor a line of input.
    pub(crate) fn tell(&mut self, line: &str) {
        let _ = writeln!(self.input.as_mut().unwrap(), "{line}");
    }

    /// Kills the actor as hard as the system can, and waits until it is gone.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits for the actor to end well.
    pub(crate) fn finish(&mut self) {
        self.input = None;
        let status = self.child.wait().unwrap();
        assert!(status.success(), "actor ended with {status}");
    }

    pub(crate) fn pid(&self) -> i32 {
        self.child.id().try_into().unwrap()
    }
}

impl Drop for Actor {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// In an actor: the arguments it was started with.
pub(crate) fn args() -> Vec<String> {
    let args = std::env::var("TONG_TEST_ARGS").unwrap_or_default();
    args.split('\u{1f}').map(str::to_owned).collect()
}

/// In an actor: tells the test something.
pub(crate) fn say(word: &str) {
    println!("{MARK}{word}");
    std::io::stdout().flush().unwrap();
}

/// In an actor: waits until the test says go, or ends with it.
pub(crate) fn wait_for_go() {
    let mut line = String::new();
    if std::io::stdin().read_line(&mut line).unwrap_or(0) == 0 {
        std::process::exit(0);
    }
}

/// Ends the process if the test runs longer than any machine needs, saying which test hung.
pub(crate) struct Watchdog {
    done: std::sync::mpsc::Sender<()>,
}

impl Watchdog {
    pub(crate) fn new(test: &'static str, limit: Duration) -> Watchdog {
        let (done, receiver) = std::sync::mpsc::channel::<()>();
        std::thread::spawn(move || {
            if receiver.recv_timeout(limit) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
                // Not eprintln, which the test harness would keep to itself.
                let _ = writeln!(std::io::stderr(), "{test} hangs: no end after {limit:?}");
                std::process::abort();
            }
        });
        Watchdog { done }
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        let _ = self.done.send(());
    }
}

/// Waits until `condition` holds, for as long as the slowest machine may need.
pub(crate) fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(
            started.elapsed() < Duration::from_secs(30),
            "not in 30 s: {what}"
        );
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// What kind of failure it is.
pub(crate) fn kind<T: std::fmt::Debug>(result: tong::Result<T>) -> tong::ErrorKind {
    result.unwrap_err().kind()
}

/// Bytes in which a shift or a hole would show, different for each length.
pub(crate) fn pattern(len: usize) -> Vec<u8> {
    let words = (len as u64..).map(|word| word.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
    words.flatten().take(len).collect()
}

/// Starts a thread that runs `call`, and returns when it sleeps in it.
pub(crate) fn waiting<T: Send + 'static>(
    call: impl FnOnce() -> T + Send + 'static,
) -> std::thread::JoinHandle<T> {
    let (tell, told) = std::sync::mpsc::channel();
    let thread = std::thread::spawn(move || {
        tell.send(std::fs::read_link("/proc/thread-self").unwrap())
            .unwrap();
        call()
    });
    let stat = Path::new("/proc").join(told.recv().unwrap()).join("stat");
    let mut looks_asleep = 0;
    eventually("the thread sleeps", || {
        // A thread that has ended is asleep for good.
        let stat = std::fs::read_to_string(&stat).unwrap_or_else(|_| ") S".to_owned());
        let asleep = stat
            .rsplit_once(") ")
            .is_some_and(|(_, rest)| rest.starts_with('S'));
        looks_asleep = if asleep { looks_asleep + 1 } else { 0 };
        looks_asleep > 5
    });
    thread
}

/// How many descriptors this process has open.
pub(crate) fn open_descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// Says loudly that `test` cannot check anything here, so that whoever counts tests sees it. The test then returns.
pub(crate) fn skip(test: &str, reason: &str) {
    // Not eprintln, which the test harness would keep to itself.
    let _ = writeln!(std::io::stderr(), "SKIPPED {test}: {reason}");
    let Some(log) = std::env::var_os("TONG_SKIP_LOG") else {
        return;
    };
    if let Ok(mut log) = std::fs::OpenOptions::new()
        .append(true)
        .create(true)
        .open(log)
    {
        let _ = log.write_all(format!("{test}: {reason}\n").as_bytes());
    }
}

/// Whether the command can do its work here: its last argument is a harmless program for it to start.
pub(crate) fn works(command: &[&str]) -> bool {
    let (program, args) = command.split_first().unwrap();
    let quiet = Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    quiet.is_ok_and(|status| status.success())
}
