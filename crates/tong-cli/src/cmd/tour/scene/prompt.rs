//! What people enter at the prompt of tong.

use crate::cmd::tour::cast::failure;
use crate::cmd::tour::{Play, Stop};

/// What is entered, and what comes of it.
const LINES: [(&str, &str, &str); 4] = [
    (
        "three ordinary programs in a row",
        "seq 5 | tac | head -n 2",
        "5 4",
    ),
    (
        "an exit code, and what follows",
        r#"sh -c "exit 7" || echo it was %ERRORLEVEL%"#,
        "it was 7",
    ),
    (
        "output into a file, and back",
        "echo hello > note & cat < note",
        "hello",
    ),
    (
        "a variable, in any case",
        "set Tour_Mood=calm & echo %TOUR_MOOD%",
        "calm",
    ),
];

pub(super) fn play(play: &mut Play) -> Result<String, Stop> {
    play.act("Lines are entered at the prompt, which starts programs as Windows does.")?;
    let mut right = 0;
    for (what, line, expected) in LINES {
        let said = enter(play, line)?;
        play.say(&format!("> {line}"))?;
        play.say(&said)?;
        right += usize::from(said == expected);
        play.check(what, expected, said)?;
    }
    Ok(format!(
        "{right} of {} lines did what they say",
        LINES.len()
    ))
}

/// Enters a line, and returns the words of what comes of it.
fn enter(play: &Play, line: &str) -> Result<String, Stop> {
    let ran = play
        .cast
        .command(&["prompt", "-c", line])
        .current_dir(play.cast.dir())
        .output()
        .map_err(failure("start a process"))?;
    let text = String::from_utf8_lossy(&ran.stdout).into_owned();
    Ok(text.split_whitespace().collect::<Vec<_>>().join(" "))
}
