//! A Unix socket on one side, a named pipe on the other.

use crate::cmd::tour::actor::{Piping, Streaming, PIPE};
use crate::cmd::tour::cast::Who;
use crate::cmd::tour::{Play, Stop, PATIENCE};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

pub(super) fn play(play: &mut Play) -> Result<String, Stop> {
    play.act("A server of messages; in front of it a relay that listens at a Unix socket.")?;
    play.stage.enter(Who::PIPES)?;
    play.start(&[Who::Server, Who::Ant])?;
    play.ask(Who::Server, Piping::Serve)?;
    let socket = play.cast.dir().join("socket");
    let near = format!("unix-listen:{}", socket.display());
    let far = format!("pipe:{PIPE}");
    play.ask(Who::Ant, Streaming::Relay(near, far))?;
    play.say(&format!(
        "$ tong relay --many unix-listen:SOCKET pipe:{PIPE}"
    ))?;

    play.act("A client that knows only the socket asks, twice.")?;
    let mut answers = Vec::new();
    for question in ["6 x 7", "111 x 111"] {
        let mut stream = None;
        play.cast.await_state(|_| {
            stream = UnixStream::connect(&socket).ok();
            Ok(stream.is_some())
        })?;
        // Where there is no connection there is no answer, and the facts will say so.
        let answer = stream.and_then(|stream| ask(stream, question).ok());
        let answer = answer.unwrap_or_else(|| "no answer".to_owned());
        play.say(&format!("{question}  {answer}"))?;
        answers.push(answer);
    }
    let seen = answers.join(" ");
    play.check("the answers of the pipe's server", "= 42 = 12321", &seen)?;
    Ok(format!("{} answers by way of a Unix socket", answers.len()))
}

/// Asks, over a connection for this question alone.
fn ask(mut stream: UnixStream, question: &str) -> std::io::Result<String> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(question.as_bytes())?;
    let mut answer = [0; 64];
    let len = stream.read(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer[..len]).into_owned())
}
