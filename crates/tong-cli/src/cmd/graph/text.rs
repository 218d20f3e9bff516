//! The picture as text, for people, logs and bug reports: deadlocks, then processes, then objects.

use super::picture::{plural, Link, Node, Picture, Ring, Wait};
use crate::text;
use anstyle::{AnsiColor, Effects, Style};
use std::fmt::Write;

const BOLD: Style = Style::new().effects(Effects::BOLD);
const RED: Style = AnsiColor::Red.on_default().effects(Effects::BOLD);

pub(super) fn draw(picture: &Picture, machine: &str) -> String {
    let mut out = String::new();
    let place = text::line(picture.place.as_bytes());
    let _ = writeln!(out, "{machine}");
    let _ = writeln!(out, "namespace {place}: {}", picture.counts());
    for ring in &picture.rings {
        draw_ring(&mut out, picture, ring);
    }
    for (index, node) in picture.processes() {
        draw_process(&mut out, picture, index, node);
    }
    for (index, node) in picture.objects() {
        draw_object(&mut out, picture, index, node);
    }
    if picture.bystanders > 0 {
        let others = plural(
            picture.bystanders,
            "other process uses",
            "other processes use",
        );
        let _ = writeln!(out, "\n{others} tong, but nothing here");
    }
    out
}

fn draw_ring(out: &mut String, picture: &Picture, ring: &Ring) {
    let hope = match ring.will_end {
        true => "but one of them has a time-out, which will end it",
        false => "and none of them has a time-out",
    };
    let many = plural(ring.steps.len(), "thread waits", "threads wait");
    let other = if ring.steps.len() == 1 {
        "itself"
    } else {
        "each other"
    };
    let _ = writeln!(out, "\n{RED}deadlock{RED:#}: {many} for {other}, {hope}");
    for (index, step) in ring.steps.iter().enumerate() {
        let next = &ring.steps[(index + 1) % ring.steps.len()];
        let who = picture.thread(step.process, step.tid);
        let (what, node) = &step.awaited;
        let next = picture.thread(next.process, next.tid);
        let next = next.trim_end_matches(',');
        let owner = match node.map(|node| picture.nodes[node].kind.as_str()) {
            Some("mutex") => format!(", which {next} owns"),
            Some("pipe") => format!(", at the other end of which is {next}"),
            _ => String::new(),
        };
        let _ = writeln!(out, "  {who} waits for {what}{owner}");
    }
}

fn head(out: &mut String, node: &Node) {
    let what = if node.is_process() { "process " } else { "" };
    let colour = if node.is_stuck { RED } else { BOLD };
    let _ = write!(out, "\n{colour}{what}{}{colour:#}", node.title());
    let state = text::line(node.state.as_bytes());
    let _ = match state.is_empty() {
        true => writeln!(out),
        false => writeln!(out, ": {state}"),
    };
}

fn draw_process(out: &mut String, picture: &Picture, index: usize, node: &Node) {
    head(out, node);
    for (link, word) in [
        (Link::Owns, "owns"),
        (Link::Serves, "serves"),
        (Link::Uses, "uses"),
        (Link::Opens, "has open"),
    ] {
        for edge in picture
            .edges
            .iter()
            .filter(|edge| edge.process == index && edge.link == link)
        {
            let other = &picture.nodes[edge.other];
            let what = if other.is_process() { "process " } else { "" };
            row(
                out,
                word,
                &format!("{what}{}{}", other.title(), in_brackets(&edge.label)),
            );
        }
    }
    for wait in picture.waits.iter().filter(|wait| wait.process == index) {
        row(out, "waits for", &wait_in_words(wait, node));
    }
}

fn wait_in_words(wait: &Wait, node: &Node) -> String {
    let mut words: Vec<&str> = wait.awaited.iter().map(|(text, _)| text.as_str()).collect();
    let unknown = (wait.count as usize).saturating_sub(words.len());
    let rest = format!("{unknown} more");
    if unknown > 0 {
        words.push(&rest);
    }
    let how = match (wait.count, wait.all) {
        (0 | 1, _) => String::new(),
        (count, true) => format!("all {count} of "),
        (count, false) => format!("any of {count}: "),
    };
    let thread = match node.pid == Some(wait.tid) {
        true => String::new(),
        false => format!("thread {}, ", wait.tid),
    };
    let deadline = match wait.has_deadline {
        true => "with a time-out",
        false => "without time-out",
    };
    format!(
        "{how}{} ({thread}{} so far, {deadline})",
        words.join(", "),
        text::age(wait.waited)
    )
}

fn draw_object(out: &mut String, picture: &Picture, index: usize, node: &Node) {
    head(out, node);
    for (link, word) in [
        (Link::Owns, "owned by"),
        (Link::Serves, "served by"),
        (Link::Uses, "used by"),
        (Link::Waits, "awaited by"),
        (Link::Opens, "open in"),
    ] {
        for edge in picture
            .edges
            .iter()
            .filter(|edge| edge.other == index && edge.link == link)
        {
            let label = in_brackets(&edge.label);
            row(
                out,
                word,
                &format!("{}{label}", picture.nodes[edge.process].title()),
            );
        }
    }
}

fn in_brackets(label: &str) -> String {
    match label.is_empty() {
        true => String::new(),
        false => format!(" ({label})"),
    }
}

fn row(out: &mut String, word: &str, what: &str) {
    let _ = writeln!(out, "  {word:<10}  {what}");
}

#[cfg(test)]
mod tests {
    use super::super::picture::samples;
    use super::*;

    fn plain(picture: &Picture) -> String {
        anstream::adapter::strip_str(&draw(picture, "tong 1")).to_string()
    }

    #[test]
    fn a_deadlock_is_told_first_and_step_by_step() {
        let expected = "\
tong 1
namespace /run/names: 2 processes, 2 objects, 2 waits, 1 deadlock

deadlock: 2 threads wait for each other, and none of them has a time-out
  11 left waits for mutex b, which 12 right owns
  12 right waits for mutex a, which 11 left owns

process 11 left: no handles
  owns        mutex a
  waits for   mutex b (3 s so far, without time-out)

process 12 right: no handles
  owns        mutex b
  waits for   mutex a (3 s so far, without time-out)

mutex a: owned
  owned by    11 left
  awaited by  12 right

mutex b: owned
  owned by    12 right
  awaited by  11 left
";
        assert_eq!(plain(&samples::deadlock()), expected);
    }

    #[test]
    fn waits_for_several_say_how_many_are_not_known() {
        let mut picture = samples::deadlock();
        picture.waits[0].count = 5;
        picture.waits[0].tid = 99;
        picture.waits[1].count = 2;
        picture.waits[1].all = true;
        picture.waits[1].has_deadline = true;
        let text = plain(&picture);
        assert!(
            text.contains("any of 5: mutex b, 4 more (thread 99, 3 s so far, without time-out)"),
            "{text}"
        );
        assert!(
            text.contains("all 2 of mutex a, 1 more (3 s so far, with a time-out)"),
            "{text}"
        );
    }

    #[test]
    fn names_cannot_move_the_cursor() {
        let mut picture = samples::deadlock();
        picture.nodes[2].name = "a\x1b[2J\nprocess 1 init".to_owned();
        assert!(plain(&picture).contains(r"mutex a\x1b[2J\nprocess 1 init: owned"));
    }
}
