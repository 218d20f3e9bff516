//! A prompt that is killed: what ran in the foreground ends with it, what ran in the background does not.

use crate::place::{eventually, signal, start, Place, Running};
use std::fs;
use std::thread;
use std::time::Duration;

/// The programs that run with the place's own namespace in their environment, with their ids. Not those that have ended
/// and that nobody has waited for.
fn programs(place: &Place) -> Vec<(u32, String)> {
    let mark = place.dir.path().join("names");
    let mark = format!("TONG_DIR={}\0", mark.display());
    let entries = fs::read_dir("/proc").expect("processes");
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let marked = pids.filter(|pid| {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment
            .windows(mark.len())
            .any(|part| part == mark.as_bytes())
    });
    let mut found: Vec<(u32, String)> = marked
        .filter_map(|pid: u32| {
            let name = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
            Some((pid, name.trim_end().to_owned()))
        })
        .collect();
    found.sort();
    found
}

fn count(place: &Place, name: &str) -> usize {
    programs(place).iter().filter(|(_, it)| it == name).count()
}

fn start_prompt(place: &Place, text: &str) -> Running {
    start(&mut place.tong(&["prompt", "-c", text]))
}

#[test]
fn nothing_of_a_pipeline_in_the_foreground_outlives_a_killed_prompt() {
    let place = Place::new();
    // One of them has left the process group, with a child; one is stopped; one is a built-in.
    let text = "sleep 71 | timeout 90 sleep 72 | type | sh -c 'kill -STOP $$'";
    let prompt = start_prompt(&place, text);
    eventually("all run", || {
        count(&place, "sleep") == 2 && count(&place, "timeout") == 1 && count(&place, "tong") == 2
    });
    signal(&prompt, "KILL");
    eventually("nothing is left", || programs(&place).is_empty());
}

#[test]
fn a_prompt_that_is_asked_to_end_takes_its_pipeline_with_it() {
    let place = Place::new();
    for name in ["TERM", "HUP", "INT"] {
        let prompt = start_prompt(&place, "sleep 71 | cat");
        eventually("both run", || {
            count(&place, "sleep") + count(&place, "cat") == 2
        });
        signal(&prompt, name);
        eventually("nothing is left", || programs(&place).is_empty());
    }
}

/// The prompt dies at some instruction of starting a pipeline: whichever programs it has started by then end.
#[test]
fn a_prompt_may_be_killed_while_it_starts_its_programs() {
    let place = Place::new();
    for round in 0..40 {
        let prompt = start_prompt(&place, "sleep 73 | sleep 73 | sleep 73 | sleep 73");
        thread::sleep(Duration::from_micros(round * 400));
        signal(&prompt, "KILL");
        drop(prompt);
    }
    eventually("nothing is left", || programs(&place).is_empty());
}

#[test]
fn what_runs_in_the_background_outlives_the_prompt() {
    let place = Place::new();
    let prompt = start_prompt(&place, "start sleep 74 & sleep 75");
    eventually("both run", || count(&place, "sleep") == 2);
    signal(&prompt, "KILL");
    eventually("one is left", || programs(&place).len() == 1);
    thread::sleep(Duration::from_millis(100));
    let left = programs(&place);
    assert_eq!(left.len(), 1, "{left:?}");
    let command = fs::read_to_string(format!("/proc/{}/cmdline", left[0].0)).expect("it runs");
    assert_eq!(command, "sleep\x0074\0");
    let killed = std::process::Command::new("kill")
        .arg(left[0].0.to_string())
        .status();
    assert!(killed.expect("kill runs").success());
}

#[test]
fn a_prompt_that_has_ended_leaves_no_process_of_its_own() {
    let place = Place::new();
    let ran = crate::prompt::prompt(
        &place,
        "true & true | true & start true & wait & start true",
    );
    assert_eq!(ran.code, Some(0), "{ran:?}");
    eventually("nothing is left", || programs(&place).is_empty());
}
