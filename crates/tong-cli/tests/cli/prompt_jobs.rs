//! `tong prompt` at a terminal: Ctrl-C, Ctrl-Z, jobs, and who gets the keys.
//!
//! What is typed shows on the screen, too; so the answers are written in a way that what is typed is not.

use crate::naps::copy_program;
use crate::place::Place;
use crate::screen::Screen;

const SIZE: (u16, u16) = (150, 30);

/// A prompt at a terminal; `None` without tmux.
fn begin(place: &Place, args: &[&str]) -> Option<Screen> {
    let all = [&["prompt"], args].concat();
    Screen::start_in(place, SIZE, &[("NO_COLOR", "1")], &all)
}

/// Runs something, and types to it once it runs: what is typed earlier goes to the line editor.
fn run_and_type(screen: &Screen, line: &str, text: &str) {
    enter(screen, &format!("echo no^w & {line}"));
    screen.wait_for("\nnow");
    enter(screen, text);
}

fn enter(screen: &Screen, line: &str) {
    screen.type_text(line);
    screen.keys(&["Enter"]);
}

#[test]
fn ctrl_c_ends_the_programs_and_not_the_prompt() {
    let place = Place::new();
    let Some(screen) = begin(&place, &[]) else {
        return;
    };
    run_and_type(&screen, "cat | tr a-z A-Z", "both run");
    screen.wait_for("BOTH RUN");
    screen.keys(&["C-c"]);
    screen.wait_for("exit code 3221225786 (0xc000013a, ended by Ctrl-C)");
    // What is told begins a line of its own, whatever the terminal shows for the key.
    run_and_type(&screen, "tr a-z A-Z", "runs now");
    screen.wait_for("RUNS NOW");
    screen.keys(&["C-\\"]);
    screen.wait_for("\ntong: exit code 1 (0x00000001)");
    // The rest of a line that was interrupted does not run.
    enter(&screen, "echo on^ce & sleep 100 & echo tw^ice");
    screen.wait_for("once");
    screen.keys(&["C-c"]);
    enter(&screen, "echo la^st");
    let shown = screen.wait_for("last");
    assert!(!shown.contains("twice"), "{shown}");
    enter(&screen, "exit 5");
    assert_eq!(screen.code(), 5);
}

#[test]
fn a_program_reads_the_keys_and_gives_them_back() {
    let place = Place::new();
    let Some(screen) = begin(&place, &[]) else {
        return;
    };
    run_and_type(&screen, "tr a-z A-Z", "to the program");
    screen.wait_for("TO THE PROGRAM");
    screen.keys(&["C-d"]);
    enter(&screen, "echo to the pro^mpt");
    screen.wait_for("\nto the prompt");
    enter(&screen, "sh -c 'exit 3'");
    screen.wait_for("exit code 3 (0x00000003)");
    enter(&screen, "exit");
    assert_eq!(screen.code(), 3);
}

#[test]
fn a_stopped_pipeline_is_a_job_that_goes_on_when_told_to() {
    let place = Place::new();
    let Some(screen) = begin(&place, &[]) else {
        return;
    };
    run_and_type(&screen, "cat | tr a-z A-Z", "both run");
    screen.wait_for("BOTH RUN");
    screen.keys(&["C-z"]);
    screen.wait_for("job 1 (cat | tr a-z A-Z, pid");
    screen.wait_for(") stopped");
    enter(&screen, "jobs --json | tr a-z A-Z");
    screen.wait_for(r#""STATE":"STOPPED""#);
    enter(&screen, "fg");
    screen.wait_for("\ncat | tr a-z A-Z");
    enter(&screen, "again");
    screen.keys(&["C-d"]);
    screen.wait_for("AGAIN");
    enter(&screen, "jobs & echo no^ne");
    screen.wait_for("none");
    enter(&screen, "exit 0");
    assert_eq!(screen.code(), 0);
}

/// P-72: a job that has not ended has the code that stands for that.
#[test]
fn a_stopped_job_goes_on_in_the_background_and_its_end_is_told() {
    let place = Place::new();
    let Some(screen) = begin(&place, &[]) else {
        return;
    };
    let ready = place.dir.path().join("ready");
    enter(
        &screen,
        "sh -c \"echo be''gun; until [ -e ready ]; do sleep 0.05; done; exit 6\"",
    );
    screen.wait_for("begun");
    screen.keys(&["C-z"]);
    screen.wait_for(") stopped");
    enter(&screen, "echo %ERRORLEVEL%");
    screen.wait_for("259");
    enter(&screen, "bg");
    enter(&screen, "jobs --json | tr a-z A-Z");
    screen.wait_for(r#""STATE":"RUNNING""#);
    std::fs::write(ready, "").expect("a file");
    enter(&screen, "wait & echo co^de $?");
    screen.wait_for("ended with exit code 6 (0x00000006)");
    screen.wait_for("code 6");
    enter(&screen, "start sh -c 'exit 8'");
    screen.wait_for("tong: job 1, pid ");
    crate::place::eventually("its end is told before a new prompt", || {
        screen.keys(&["Enter"]);
        screen
            .text()
            .contains("ended with exit code 8 (0x00000008)")
    });
    enter(&screen, "exit 0");
    assert_eq!(screen.code(), 0);
}

#[test]
fn waiting_and_opening_can_be_interrupted() {
    let place = Place::new();
    let Some(screen) = begin(&place, &[]) else {
        return;
    };
    enter(&screen, "start sleep 100 & echo re^ady & wait");
    screen.wait_for("ready");
    screen.keys(&["C-c"]);
    enter(&screen, "echo ba^ck");
    screen.wait_for("back");
    enter(&screen, "mkfifo fifo & echo op^ening & cat < fifo");
    screen.wait_for("opening");
    screen.keys(&["C-c"]);
    enter(&screen, "echo hea^lthy");
    screen.wait_for("healthy");
    enter(&screen, "fg");
    screen.wait_for("\nsleep 100");
    screen.keys(&["C-c"]);
    screen.wait_for("ended by Ctrl-C");
    enter(&screen, "exit 0");
    assert_eq!(screen.code(), 0);
}

/// It reads the terminal, which is not its turn.
#[test]
fn a_job_in_the_background_gets_no_keys_until_it_is_in_front() {
    let place = Place::new();
    let Some(screen) = begin(&place, &[]) else {
        return;
    };
    enter(&screen, "start tr a-z A-Z");
    screen.wait_for("tong: job 1, pid ");
    crate::place::eventually("it is told to have stopped", || {
        screen.keys(&["Enter"]);
        screen.text().contains(") stopped")
    });
    enter(&screen, "fg 1");
    screen.wait_for("\ntr a-z A-Z");
    enter(&screen, "now it does");
    screen.wait_for("NOW IT DOES");
    screen.keys(&["C-d"]);
    enter(&screen, "exit 0");
    assert_eq!(screen.code(), 0);
}

#[test]
fn a_question_is_answered_by_ctrl_c() {
    let place = Place::new();
    // A name that no other process of the machine has.
    let name = format!("nap{}q", std::process::id());
    copy_program("/bin/sleep", &place.dir.path().join(&name));
    let Some(screen) = begin(&place, &[]) else {
        return;
    };
    enter(&screen, &format!("start ./{name} 60 & start ./{name} 60"));
    screen.wait_for("job 2, pid");
    enter(&screen, &format!("kp {name}"));
    screen.wait_for("yes or no [no]:");
    screen.keys(&["C-c"]);
    screen.wait_for("nothing was ended");
    enter(&screen, "jobs --json | tr a-z A-Z");
    screen.wait_until("both jobs", |shown| {
        shown.matches("\"STATE\":\"RUNNING\"").count() == 2
    });
    enter(&screen, &format!("kp {name}"));
    screen.wait_until("another question", |shown| {
        shown.matches("yes or no [no]:").count() == 2
    });
    enter(&screen, "yes");
    screen.wait_until("both ends", |shown| {
        shown.matches("ended with exit code 1 ").count() >= 2
    });
    enter(&screen, "exit 0");
    assert_eq!(screen.code(), 0);
}

#[test]
fn a_person_is_told_before_a_stopped_job_ends_with_the_prompt() {
    let place = Place::new();
    let Some(screen) = begin(&place, &[]) else {
        return;
    };
    enter(&screen, "sh -c \"echo be''gun; sleep 100\"");
    screen.wait_for("begun");
    screen.keys(&["C-z"]);
    screen.wait_for(") stopped");
    enter(&screen, "exit 0");
    screen.wait_for("leave once more to end it");
    enter(&screen, "exit 4");
    assert_eq!(screen.code(), 4);
}

/// The script has handed the terminal to the program; a shell that runs the script sees an end by Ctrl-C.
#[test]
fn ctrl_c_ends_a_script() {
    let place = Place::new();
    let Some(screen) = begin(&place, &["-c", "echo re^ady & cat & echo af^ter"]) else {
        return;
    };
    screen.wait_for("ready");
    screen.type_text("typed");
    screen.keys(&["Enter"]);
    screen.wait_until("the line twice", |shown| {
        shown.matches("typed").count() == 2
    });
    screen.keys(&["C-c"]);
    assert_eq!(screen.code(), 130);
    assert!(!screen.text().contains("after"), "{}", screen.text());
}
