//! Runs other programs: shows the command line first, passes their output on, and, if one fails, says
//! which it was and how to repeat it.

use std::collections::VecDeque;
use std::env;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

/// What a task ends with.
pub(crate) type Outcome<T> = Result<T, Failure>;

/// Why a task stopped, as a sentence for people.
#[derive(Debug)]
pub(crate) struct Failure(String);

impl Failure {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// A failed file operation, with the file it was about.
    pub(crate) fn file(doing: &str, path: &Path, error: &io::Error) -> Self {
        Self(format!("cannot {doing} {}: {error}", path.display()))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A program to run, with its arguments and what is added to its environment.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    name: OsString,
    args: Vec<OsString>,
    env: Vec<(&'static str, OsString)>,
    dir: Option<PathBuf>,
}

impl Program {
    pub(crate) fn new(name: impl Into<OsString>) -> Self {
        Self {
            name: name.into(),
            args: Vec::new(),
            env: Vec::new(),
            dir: None,
        }
    }

    /// The cargo that started us, in the root of the repository.
    pub(crate) fn cargo(root: &Path) -> Self {
        let name = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        Self::new(name).dir(root)
    }

    pub(crate) fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.args.push(arg.into());
        self
    }

    pub(crate) fn args<I>(mut self, args: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<OsString>,
    {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    pub(crate) fn env(mut self, name: &'static str, value: impl Into<OsString>) -> Self {
        self.env.push((name, value.into()));
        self
    }

    pub(crate) fn dir(mut self, dir: &Path) -> Self {
        self.dir = Some(dir.to_path_buf());
        self
    }

    /// Runs the program with our own output streams.
    pub(crate) fn run(&self) -> Outcome<()> {
        self.announce();
        let status = self
            .command()
            .status()
            .map_err(|error| self.not_started(&error))?;
        self.judge(status)
    }

    /// Runs the program and hands each line of its standard output to `see` as well as to ours.
    pub(crate) fn run_seen(&self, mut see: impl FnMut(&str)) -> Outcome<()> {
        self.announce();
        let mut child = self
            .command()
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| self.not_started(&error))?;
        if let Some(output) = child.stdout.take() {
            for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
                let line = String::from_utf8_lossy(&line);
                // A closed standard output must not stop the tests.
                let _ = writeln!(io::stdout(), "{line}");
                see(&line);
            }
        }
        let status = child.wait().map_err(|error| self.not_started(&error))?;
        self.judge(status)
    }

    /// Runs the program silently and returns its standard output; its errors appear in the failure.
    pub(crate) fn output(&self) -> Outcome<String> {
        let output = self
            .command()
            .output()
            .map_err(|error| self.not_started(&error))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        Err(Failure(format!(
            "{}\n{}",
            self.failed(output.status),
            last_lines(&said, 60)
        )))
    }

    /// The command to give to `std`, for callers that watch over the process themselves.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.name);
        command.args(&self.args).stdin(Stdio::null());
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        if let Some(dir) = &self.dir {
            command.current_dir(dir);
        }
        command
    }

    /// The command line as one would type it.
    pub(crate) fn line(&self) -> String {
        let mut words: Vec<String> = Vec::new();
        words.extend(self.env.iter().map(|(n, v)| format!("{n}={}", quoted(v))));
        words.push(quoted(short_name(&self.name)));
        words.extend(self.args.iter().map(|arg| quoted(arg)));
        words.join(" ")
    }

    fn announce(&self) {
        // Both streams go to one terminal or file, so what was printed before must appear before.
        let _ = io::stdout().flush();
        eprintln!("$ {}", self.line());
    }

    fn judge(&self, status: ExitStatus) -> Outcome<()> {
        if status.success() {
            Ok(())
        } else {
            Err(Failure(self.failed(status)))
        }
    }

    fn failed(&self, status: ExitStatus) -> String {
        format!(
            "this command failed ({status}); to repeat it:\n  {}",
            self.line()
        )
    }

    fn not_started(&self, error: &io::Error) -> Failure {
        Failure(format!("cannot run `{}`: {error}", self.line()))
    }
}

/// Tells whether a program of that name can be found.
pub(crate) fn is_installed(name: &OsStr) -> bool {
    let exists = |path: PathBuf| path.is_file();
    if Path::new(name).components().count() > 1 {
        return exists(PathBuf::from(name));
    }
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|dir| exists(dir.join(name)))
}

/// The tail of a text that may be very long.
pub(crate) fn last_lines(text: &str, count: usize) -> String {
    let mut tail = VecDeque::with_capacity(count);
    for line in text.lines() {
        if tail.len() == count {
            tail.pop_front();
        }
        tail.push_back(line);
    }
    Vec::from(tail).join("\n")
}

/// Cargo names itself by its full path; people call it by its name.
fn short_name(name: &OsStr) -> &OsStr {
    match Path::new(name).file_name() {
        Some(last) if last == "cargo" => last,
        _ => name,
    }
}

fn quoted(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    let plain = |c: char| c.is_alphanumeric() || "-_./=,:+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.into_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_can_be_pasted_into_a_shell() {
        let program = Program::new("cc")
            .arg("a b.c")
            .arg("it's")
            .env("RUSTFLAGS", "--cfg loom");
        assert_eq!(
            program.line(),
            r"RUSTFLAGS='--cfg loom' cc 'a b.c' 'it'\''s'"
        );
    }

    #[test]
    fn a_failure_names_the_command() {
        let failure = Program::new("sh").args(["-c", "exit 3"]).run().unwrap_err();
        assert!(failure.to_string().contains("sh -c 'exit 3'"));
    }

    #[test]
    fn the_tail_keeps_the_last_lines_only() {
        assert_eq!(last_lines("a\nb\nc\n", 2), "b\nc");
    }
}
