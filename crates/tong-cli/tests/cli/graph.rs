//! `tong graph`: pictures of real processes.

use crate::golden;
use crate::place::{eventually, finish, start, Place, Running};
use crate::screen::Screen;
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// Two processes, each of which holds a mutex and waits for one that wants the other's.
struct Knot {
    place: Place,
    /// The two that hold, and the two that want.
    pids: [(u64, &'static str); 4],
    _holders: [Running; 2],
}

impl Knot {
    fn tie() -> Knot {
        let place = Place::new();
        let go = place.dir.path().join("go");
        // One after the other, so that their ids are in this order.
        let holders = [("a", "b"), ("b", "a")].map(|(held, wanted)| {
            let script = format!(
                "until test -e {}; do sleep 0.01; done; exec {} mutex hold {wanted}",
                go.display(),
                env!("CARGO_BIN_EXE_tong")
            );
            let holder =
                start(&mut place.tong(&["mutex", "hold", held, "--", "sh", "-c", &script]));
            eventually("it is held", || {
                let info = place.run(&["mutex", "info", held, "--json"]);
                info.code == Some(0) && info.json()[0]["owner_pid"] == holder.child.id()
            });
            holder
        });
        fs::write(go, "").expect("a file");
        for name in ["a", "b"] {
            place.await_waiters("mutex", name, 1);
        }
        let waiter = |name: &str| {
            let waiters = &place.info("mutex", name)["waiters"];
            waiters[0]["pid"].as_u64().expect("a pid")
        };
        let pids = [
            (u64::from(holders[0].child.id()), "HOLDS-A"),
            (waiter("b"), "WANTS-B"),
            (u64::from(holders[1].child.id()), "HOLDS-B"),
            (waiter("a"), "WANTS-A"),
        ];
        Knot {
            place,
            pids,
            _holders: holders,
        }
    }

    /// What `tong graph` prints, with words for what is different each time.
    fn text(&self, args: &[&str]) -> String {
        let ran = self.place.run(&[&["graph"], args].concat()).expect_code(0);
        let text = self.with_words(ran.text());
        let text = text.replace(self.place.dir.path().to_str().expect("a path"), "PLACE");
        let text = golden::mask(&text, &[("(# s so far", "(TIME so far")]);
        let (head, rest) = text.split_once('\n').expect("lines");
        assert!(
            head.starts_with("tong ") && head.contains(" on Linux "),
            "{head}"
        );
        // Other tests run beside this one.
        match rest.split_once("\n\n").map(|_| rest.rsplit_once("\n\n")) {
            Some(Some((rest, last))) if last.contains("but nothing here") => format!("{rest}\n"),
            _ => rest.to_owned(),
        }
    }

    /// A text with words instead of process ids.
    fn with_words(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (pid, word) in self.pids {
            text = text.replace(&pid.to_string(), word);
        }
        text
    }

    /// What `tong graph -o FILE` writes.
    fn file(&self, name: &str) -> String {
        let file = self.place.dir.path().join(name);
        let path = file.to_str().expect("a path");
        let ran = self.place.run(&["graph", "-o", path]).expect_code(0);
        assert!(ran.out.is_empty(), "{ran:?}");
        fs::read_to_string(&file).expect("a file")
    }
}

impl Drop for Knot {
    fn drop(&mut self) {
        // Those who want are the children of those who hold, which are killed by and by.
        for (pid, _) in self.pids {
            let _ = Command::new("kill")
                .arg("-KILL")
                .arg(pid.to_string())
                .stderr(Stdio::null())
                .status();
        }
    }
}

#[test]
fn a_deadlock_of_two_processes_is_told_in_text() {
    let knot = Knot::tie();
    golden::check("graph-deadlock", &knot.text(&[]));
}

#[test]
fn a_deadlock_of_two_processes_is_red_in_the_picture() {
    let knot = Knot::tie();
    let svg = knot.with_words(&knot.file("picture.svg"));
    let tags = well_formed(&svg);
    assert!(tags.contains(&"path".to_owned()), "{tags:?}");
    // Each of the four waits, and two own.
    assert_eq!(svg.matches("stuckline\"").count(), 6, "{svg}");
    assert_eq!(
        svg.matches("<g class=\"process stuck\">").count(),
        4,
        "{svg}"
    );
    assert_eq!(
        svg.matches("<g class=\"object stuck\">").count(),
        2,
        "{svg}"
    );
    assert!(svg.contains("1 deadlock"), "{svg}");
    for (_, word) in knot.pids {
        assert!(svg.contains(&format!("process {word}")), "{word}: {svg}");
    }
    if crate::place::works(&["rsvg-convert", "--version"]) {
        let picture = knot.place.dir.path().join("picture.svg");
        let drawn = Command::new("rsvg-convert")
            .arg(picture)
            .output()
            .expect("it runs");
        assert!(
            drawn.status.success() && drawn.stderr.is_empty(),
            "{drawn:?}"
        );
    }
}

#[test]
fn a_deadlock_is_told_in_json_thread_by_thread() {
    let knot = Knot::tie();
    let graph: Value = serde_json::from_str(&knot.file("graph.json")).expect("JSON");
    let nodes = graph["nodes"].as_array().expect("nodes");
    let [deadlock] = &graph["deadlocks"].as_array().expect("deadlocks")[..] else {
        panic!("{graph}");
    };
    assert_eq!(deadlock["will_end"], false);
    let threads = deadlock["threads"].as_array().expect("threads");
    let awaited: Vec<&Value> = threads
        .iter()
        .map(|thread| {
            let node = thread["awaits"].as_u64().expect("a node");
            &nodes[usize::try_from(node).expect("an index")]["kind"]
        })
        .collect();
    assert_eq!(awaited, ["process", "mutex", "process", "mutex"]);
    assert!(
        nodes
            .iter()
            .filter(|node| node["deadlocked"] == true)
            .count()
            == 6
    );
    let mutex = nodes.iter().find(|node| node["kind"] == "mutex");
    assert_eq!(mutex.expect("a mutex")["state"], "owned");
}

#[test]
fn the_doctor_tells_of_a_deadlock_too() {
    let knot = Knot::tie();
    let ran = knot.place.run(&["doctor", "--quiet"]).expect_code(0);
    let text = knot.with_words(ran.text());
    let told = "these wait for each other: HOLDS-A tong, WANTS-B tong, HOLDS-B tong, WANTS-A tong";
    assert!(text.contains(told), "{text}");
}

#[test]
fn a_deadlock_is_red_on_a_terminal() {
    let knot = Knot::tie();
    let Some(screen) = Screen::start(&knot.place, (100, 40), &["graph"]) else {
        return;
    };
    screen.wait_for("mutex b: owned");
    let styled = screen.styled();
    assert!(
        styled.contains("{bold red}deadlock{}: 4 threads"),
        "{styled}"
    );
    assert!(styled.contains("{bold red}mutex a{}: owned"), "{styled}");
}

#[test]
fn the_language_of_graphviz_is_understood_by_graphviz() {
    let knot = Knot::tie();
    let dot = knot.file("graph.dot");
    assert!(
        dot.starts_with("digraph tong {\n") && dot.ends_with("}\n"),
        "{dot}"
    );
    assert_eq!(dot.matches("color=red];").count(), 6, "{dot}");
    if !crate::place::works(&["dot", "-V"]) {
        return;
    }
    let file = knot.place.dir.path().join("graph.dot");
    let drawn = Command::new("dot").arg("-Tsvg").arg(file).output();
    assert!(drawn.expect("it runs").status.success());
}

#[test]
fn objects_of_every_kind_are_drawn_with_who_uses_them() {
    let place = Place::new();
    let _keepers = [
        place.keep("event", "ready", &[]),
        place.keep("semaphore", "seats", &["--initial", "2", "--max", "3"]),
    ];
    let mut reader = place.start_reader(&["box"]);
    let mut server = start(&mut place.tong(&["pipe", "serve", "chat", "--echo"]));
    eventually("the pipe is there", || {
        place.run(&["pipe", "info", "chat"]).code == Some(0)
    });
    let mut client = start(
        place
            .tong(&["pipe", "connect", "chat"])
            .stdin(Stdio::piped()),
    );
    let mut waiter = start(&mut place.tong(&["event", "wait", "ready"]));
    place.await_waiters("event", "ready", 1);
    let of = |running: &Running| running.child.id();
    eventually("the client is seen", || {
        let text = place.run(&["graph"]);
        text.text()
            .contains(&format!("  used by     {} tong", of(&client)))
    });
    let ran = place.run(&["graph"]).expect_code(0);
    let text = ran.text();
    for line in [
        "event ready: not signaled".to_owned(),
        format!("  awaited by  {} tong", of(&waiter)),
        "semaphore seats: 2 of 3".to_owned(),
        r"mailslot \\.\mailslot\box: 0 messages, 0 bytes".to_owned(),
        format!("  served by   {} tong", of(&reader)),
        r"pipe \\.\pipe\chat: 1 of 1 in use".to_owned(),
        format!("  served by   {} tong", of(&server)),
    ] {
        assert!(text.lines().any(|seen| seen == line), "{line}\n{text}");
    }
    assert!(!text.contains("deadlock"), "{text}");
    let svg = place.run(&["graph", "--format", "svg"]).expect_code(0);
    well_formed(svg.text());
    for running in [&mut client, &mut server, &mut reader, &mut waiter] {
        let _ = running.child.kill();
    }
}

/// A picture of one thing shows what it is connected with, and nothing else.
#[test]
fn a_part_can_be_asked_for_by_id_or_name() {
    let place = Place::new();
    let one = place.keep("event", "One", &[]);
    let two = place.keep("event", "two", &[]);
    let ids = [&one, &two].map(|keeper| keeper.child.id().to_string());
    let by_name = place.run(&["graph", "--name", "ONE"]).expect_code(0);
    let by_id = place.run(&["graph", "--pid", &ids[0]]).expect_code(0);
    for ran in [&by_name, &by_id] {
        let text = ran.text();
        assert!(
            text.contains("event One") && text.contains(&ids[0]),
            "{text}"
        );
        assert!(
            !text.contains("event two") && !text.contains(&ids[1]),
            "{text}"
        );
        assert!(text.contains(": 1 process, 1 object, 1 wait\n"), "{text}");
    }
    let both = place
        .run(&["graph", "--name", "one", "--pid", &ids[1]])
        .expect_code(0);
    assert!(both.text().contains(": 2 processes, 2 objects"), "{both:?}");
    let none = place.run(&["graph", "--name", "three"]).expect_code(3);
    assert!(none.err.contains("nothing in the namespace"), "{none:?}");
}

#[test]
fn an_empty_namespace_is_a_picture_too() {
    let place = Place::new();
    let text = place.run(&["graph"]).expect_code(0);
    assert!(
        text.text().contains(": 0 processes, 0 objects, 0 waits"),
        "{text:?}"
    );
    let svg = place.run(&["graph", "--format", "svg"]).expect_code(0);
    well_formed(svg.text());
    assert!(svg.text().contains("nothing is in use"), "{svg:?}");
}

/// A name that somebody else chose stays a name, whatever the format.
#[test]
fn names_are_escaped() {
    let place = Place::new();
    let name = "</text><script>alert(\"1\")&amp;\x1b[2J";
    let mut keeper = start(&mut place.tong(&["event", "create", name]));
    crate::place::first_line(&mut keeper);
    let svg = place.run(&["graph", "--format", "svg"]).expect_code(0);
    let tags = well_formed(svg.text());
    assert!(!tags.contains(&"script".to_owned()), "{svg:?}");
    assert!(!svg.text().contains('\x1b'), "{svg:?}");
    let text = place.run(&["graph"]).expect_code(0);
    assert!(
        text.text().contains(r"&amp;\x1b[2J: not signaled"),
        "{text:?}"
    );
    let dot = place.run(&["graph", "--format", "dot"]).expect_code(0);
    assert!(dot.text().contains(r#"alert(\"1\")"#), "{dot:?}");
}

#[test]
fn a_file_that_cannot_be_written_is_told() {
    let ran = Place::new()
        .run(&["graph", "-o", "/no/such/place/graph.svg"])
        .expect_code(1);
    assert!(
        ran.err.contains("cannot write /no/such/place/graph.svg"),
        "{ran:?}"
    );
}

#[test]
fn what_a_killed_process_left_is_drawn_as_dead() {
    let place = Place::new();
    let mut reader = place.start_reader(&["box"]);
    reader.child.kill().expect("it runs");
    reader.child.wait().expect("it ends");
    let text = place.run(&["graph"]).expect_code(0);
    assert!(
        text.text().contains(r"mailslot \\.\mailslot\box: dead"),
        "{text:?}"
    );
    let svg = place.run(&["graph", "--format", "svg"]).expect_code(0);
    assert!(svg.text().contains("class=\"object dead\""), "{svg:?}");
}

/// The picture in the documentation is one of ours, as its page says how to make it.
#[test]
fn the_picture_of_the_documentation_is_well_formed() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/graph.svg");
    let svg = fs::read_to_string(file).expect("docs/graph.svg");
    well_formed(&svg);
    assert!(svg.contains("1 deadlock") && svg.contains("prefers-color-scheme:dark"));
}

#[test]
fn the_help_tells_formats_and_lines() {
    let help = finish(start(&mut Place::new().tong(&["graph", "--help"])));
    for part in [
        "svg",
        "dot",
        "json",
        "--output",
        "--pid",
        "--name",
        "Exit codes:",
    ] {
        assert!(help.text().contains(part), "{part}: {help:?}");
    }
}

/// Checks that a text is well-formed XML, as far as we write it; returns the names of its elements.
#[track_caller]
fn well_formed(text: &str) -> Vec<String> {
    let (mut open, mut seen): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        check_text(&rest[..at]);
        let end = at + rest[at..].find('>').expect("a tag ends");
        let tag = &rest[at + 1..end];
        rest = &rest[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name), "{text}");
            continue;
        }
        let (tag, is_empty) = match tag.strip_suffix('/') {
            Some(tag) => (tag, true),
            None => (tag, false),
        };
        let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
        check_attributes(attributes);
        seen.push(name.to_owned());
        if !is_empty {
            open.push(name.to_owned());
        }
    }
    assert!(open.is_empty() && rest.trim().is_empty(), "{open:?}");
    assert_eq!(seen.first().map(String::as_str), Some("svg"));
    seen
}

#[track_caller]
fn check_attributes(text: &str) {
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (name, after) = rest.split_once("=\"").expect("a value in quotes");
        assert!(
            name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'),
            "{name}"
        );
        let (value, after) = after.split_once('"').expect("the quotes end");
        check_text(value);
        rest = after.trim_start();
    }
}

#[track_caller]
fn check_text(text: &str) {
    assert!(
        !text.chars().any(|c| c.is_control() && c != '\n'),
        "{text:?}"
    );
    for after in text.split('&').skip(1) {
        let entity = after.split(';').next().unwrap_or_default();
        assert!(["amp", "lt", "gt", "quot"].contains(&entity), "{text}");
    }
}
