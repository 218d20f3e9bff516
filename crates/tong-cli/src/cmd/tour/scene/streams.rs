//! A program between two anonymous pipes, and a FIFO that a program of the system writes.

use crate::cmd::tour::actor::Streaming;
use crate::cmd::tour::cast::{failure, Who};
use crate::cmd::tour::{one_told, Play, Stop};
use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

/// Opens a FIFO, says so, and writes when it is told to.
const SCRIPT: &str = r#"exec 3> "$0"; echo ready; read go && echo " from a shell" >&3"#;

pub(super) fn play(play: &mut Play) -> Result<String, Stop> {
    play.act("The manager runs the program sort between two anonymous pipes.")?;
    play.stage.enter(Who::WORKERS)?;
    play.start(&Who::WORKERS)?;
    let words = ["cat", "ant", "bee"].map(str::to_owned).to_vec();
    play.order(Who::Manager, Streaming::Sort(words));
    let seen = play.watch(3)?;
    let sorted = seen.get(1).map_or(String::new(), |it| it.words());
    play.check("what came through both", "ant bee cat", sorted)?;
    let has_ended = one_told(&seen, Who::Manager, "109: end");
    play.check_is("and then the end of the output", has_ended)?;

    play.act("It reads a FIFO, which the ant and then a program of the system write.")?;
    let path = play.cast.dir().join("fifo").to_string_lossy().into_owned();
    play.ask(Who::Manager, Streaming::Read(path.clone()))?;
    let shell = Shell::open(&path).map_err(failure("start a shell"))?;
    play.ask(Who::Ant, Streaming::Write(path, "hello".to_owned()))?;
    shell.write();
    let seen = play.watch(2)?;
    let all = seen.first().map_or(String::new(), |it| it.words());
    play.check("what came through the FIFO", "hello from a shell", all)?;
    let has_ended = one_told(&seen, Who::Manager, "109: end");
    play.check_is("and the end, when both writers have gone", has_ended)?;
    Ok("a sorted list; two writers of one FIFO".to_owned())
}

/// A shell that has a FIFO open.
struct Shell(Child);

impl Shell {
    /// Starts it, and waits until it has the FIFO open: it is to be there before another writer leaves, as the reader
    /// takes it for the end when there is none.
    fn open(path: &str) -> io::Result<Shell> {
        let shell = Command::new("sh")
            .args(["-c", SCRIPT, path])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let mut shell = Shell(shell?);
        if let Some(stdout) = shell.0.stdout.take() {
            BufReader::new(stdout).read_line(&mut String::new())?;
        }
        Ok(shell)
    }

    /// Lets it write and leave.
    fn write(mut self) {
        if let Some(mut stdin) = self.0.stdin.take() {
            // One that has died writes nothing, which the facts will tell.
            let _ = stdin.write_all(b"go\n");
        }
        let _ = self.0.wait();
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        let _ = self.0.kill().and_then(|()| self.0.wait());
    }
}
