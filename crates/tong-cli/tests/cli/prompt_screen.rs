//! The prompt as a person sees it: on a terminal, typed to, with kept screens.

use crate::golden;
use crate::place::{eventually, Place};
use crate::screen::Screen;
use std::fs;
use std::os::unix::fs::PermissionsExt;

const SIZE: (u16, u16) = (80, 24);

/// A prompt on a terminal, ready to be typed to. Its directory is the home directory.
fn prompt(place: &Place, variables: &[(&str, &str)]) -> Option<Screen> {
    let screen = Screen::start_in(place, SIZE, variables, &["prompt"])?;
    screen.wait_for("tong ~>");
    Some(screen)
}

/// Types a line, sees it, and presses Enter.
fn enter(screen: &Screen, line: &str) {
    screen.type_text(line);
    screen.wait_until(line, |text| text.trim_end().ends_with(line.trim_end()));
    screen.keys(&["Enter"]);
}

/// Waits for a new prompt, and returns what the screen shows then.
fn ready(screen: &Screen) -> String {
    screen.wait_until("a new prompt", |text| {
        let last = text.lines().next_back().unwrap_or_default();
        last.starts_with("tong ~") && last.ends_with('>')
    })
}

/// Enters a line and waits until it has run.
fn run(screen: &Screen, line: &str) -> String {
    enter(screen, line);
    ready(screen)
}

/// What is the same each time.
fn masked(place: &Place, text: &str) -> String {
    let dir = place.dir.path().display().to_string();
    let version = format!("tong {}:", env!("CARGO_PKG_VERSION"));
    golden::mask(
        text,
        &[
            (&dir, "PLACE"),
            (&version, "tong VERSION:"),
            ("#-#-# #:#", "DATE AND TIME"),
        ],
    )
}

/// What the file of the history says.
fn kept(place: &Place) -> String {
    let path = place.dir.path().join(".local/state/tong/history");
    fs::read_to_string(path).expect("a history")
}

/// Puts lines into the history before a prompt is there.
fn keep(place: &Place, lines: &str) {
    let dir = place.dir.path().join(".local/state/tong");
    fs::create_dir_all(&dir).expect("a directory");
    fs::write(dir.join("history"), lines).expect("a history");
}

#[test]
fn a_program_runs_and_its_code_is_told() {
    let place = Place::new();
    let Some(screen) = prompt(&place, &[]) else {
        return;
    };
    run(&screen, "echo hello | cat");
    let text = run(&screen, "sh -c \"exit 3\"");
    golden::check("prompt-first", &masked(&place, &text));
    screen.keys(&["C-d"]);
    assert_eq!(screen.code(), 3);
}

#[test]
fn a_line_is_coloured_while_it_is_written() {
    let place = Place::new();
    let Some(screen) = prompt(&place, &[]) else {
        return;
    };
    screen.type_text("echo \"hi %HOME%\" | cat | no-such-program > out # why");
    screen.wait_for("# why");
    golden::check("prompt-colours", &masked(&place, &screen.styled()));
}

#[test]
fn without_colours_the_prompt_has_none() {
    let place = Place::new();
    let Some(screen) = prompt(&place, &[("NO_COLOR", "1")]) else {
        return;
    };
    run(&screen, "nothing-of-that-name");
    screen.type_text("dir --");
    screen.keys(&["Tab"]);
    screen.wait_for("--bare");
    golden::check("prompt-no-color", &masked(&place, &screen.styled()));
}

#[test]
fn tab_offers_what_fits_and_completes_it() {
    let place = Place::new();
    let Some(screen) = prompt(&place, &[]) else {
        return;
    };
    screen.type_text("dir --");
    screen.keys(&["Tab"]);
    let text = screen.wait_for("--reverse");
    golden::check("prompt-completion", &masked(&place, &text));
    screen.keys(&["Tab"]);
    eventually("the next one is chosen", || {
        screen.styled().contains("reverse}bare")
    });
    screen.keys(&["Enter"]);
    screen.wait_until("the choice is taken", |text| {
        text.ends_with("tong ~> dir --bare\n")
    });
}

#[test]
fn tab_with_nothing_to_offer_leaves_enter_alone() {
    let place = Place::new();
    let Some(screen) = prompt(&place, &[]) else {
        return;
    };
    screen.type_text("echo no-such-file-her");
    screen.wait_for("file-her");
    screen.keys(&["Tab", "F7"]);
    run(&screen, "e");
    assert!(
        screen.text().contains("\nno-such-file-here\n"),
        "{}",
        screen.text()
    );
}

#[test]
fn names_of_objects_are_completed() {
    let place = Place::new();
    let _ready = place.keep("event", "ready-to-go", &[]);
    let _other = place.keep("mutex", "ready-mutex", &[]);
    let Some(screen) = prompt(&place, &[]) else {
        return;
    };
    screen.type_text("tong event set rea");
    screen.keys(&["Tab"]);
    screen.wait_for("tong event set ready-to-go");
    screen.keys(&["Enter"]);
    ready(&screen);
    assert_eq!(place.info("event", "ready-to-go")["signaled"], true);
}

#[test]
fn an_input_may_have_several_lines() {
    let place = Place::new();
    let Some(screen) = prompt(&place, &[]) else {
        return;
    };
    enter(&screen, "echo 'one");
    screen.wait_for("\n  >");
    enter(&screen, "two' &&");
    screen.wait_until("a third line", |text| text.ends_with("&&\n  >\n"));
    let text = run(&screen, "echo three");
    golden::check("prompt-lines", &masked(&place, &text));
    assert_eq!(kept(&place), "\"echo 'one\\ntwo' &&\\necho three\"\n");
}

#[test]
fn pasted_lines_wait_for_enter() {
    let place = Place::new();
    let Some(screen) = prompt(&place, &[]) else {
        return;
    };
    screen.paste("echo a-b\necho c-d\n");
    screen.wait_for("  > echo c-d");
    assert!(!screen.text().contains("\na-b"), "{}", screen.text());
    screen.keys(&["Enter"]);
    screen.wait_for("\na-b\nc-d\n");
}

#[test]
fn earlier_lines_are_found() {
    let place = Place::new();
    keep(&place, "echo first\nset COLOUR=red\necho second\n");
    let Some(screen) = prompt(&place, &[]) else {
        return;
    };
    screen.keys(&["C-r"]);
    screen.type_text("fir");
    let text = screen.wait_for("echo first");
    golden::check("prompt-search", &masked(&place, &text));
    screen.keys(&["Enter", "Enter"]);
    screen.wait_for("\nfirst\n");
    ready(&screen);
    screen.keys(&["Up", "Up"]);
    screen.wait_for("tong ~> echo second");
    screen.keys(&["C-c"]);
    ready(&screen);
    screen.keys(&["F7"]);
    let text = screen.wait_for("Page 1");
    golden::check("prompt-history", &masked(&place, &text));
}

#[test]
fn a_suggestion_from_the_history_is_taken_over() {
    let place = Place::new();
    keep(&place, "echo a long line\n");
    let Some(screen) = prompt(&place, &[]) else {
        return;
    };
    screen.type_text("ec");
    screen.wait_for("echo a long line");
    assert!(screen.styled().contains("{bright-black}ho a long line{}"));
    screen.keys(&["Right", "Enter"]);
    screen.wait_for("\na long line\n");
}

#[test]
fn the_history_is_kept_and_private() {
    let place = Place::new();
    let Some(screen) = prompt(&place, &[]) else {
        return;
    };
    run(&screen, "echo kept");
    run(&screen, " echo secret");
    assert_eq!(kept(&place), "echo kept\n");
    let path = place.dir.path().join(".local/state/tong/history");
    let mode = fs::metadata(path).expect("a history").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_history_that_cannot_be_kept_is_told_and_does_no_harm() {
    for variables in [[("COLOUR", "red")], [("HOME", "")]] {
        let place = Place::new();
        fs::write(place.dir.path().join(".local"), "").expect("a file in the way");
        let Some(screen) = Screen::start_in(&place, SIZE, &variables, &["prompt"]) else {
            return;
        };
        screen.wait_for("tong: the history is kept only until this prompt ends");
        screen.wait_until("a prompt", |text| text.ends_with(">\n"));
        enter(&screen, "echo alive");
        screen.wait_until("a new prompt", |text| {
            text.contains("\nalive\n") && text.ends_with(">\n")
        });
        screen.keys(&["Up"]);
        screen.wait_until("the line comes back", |text| {
            text.ends_with("> echo alive\n")
        });
    }
}

#[test]
fn a_dumb_terminal_gets_plain_lines() {
    let place = Place::new();
    let Some(screen) = prompt(&place, &[("TERM", "dumb")]) else {
        return;
    };
    enter(&screen, "echo 'one");
    screen.wait_for("\n  >");
    run(&screen, "two'");
    screen.type_text("thrown away");
    screen.wait_for("thrown away");
    screen.keys(&["C-c"]);
    ready(&screen);
    let text = run(&screen, "sh -c \"exit 3\"");
    golden::check("prompt-plain", &masked(&place, &text));
    assert_eq!(kept(&place), "\"echo 'one\\ntwo'\"\nsh -c \"exit 3\"\n");
    screen.keys(&["C-d"]);
    assert_eq!(screen.code(), 3);
}

#[test]
fn ctrl_c_throws_a_line_away_or_ends_what_runs() {
    let place = Place::new();
    let Some(screen) = prompt(&place, &[]) else {
        return;
    };
    screen.type_text("echo never");
    screen.wait_for("echo never");
    screen.keys(&["C-c"]);
    ready(&screen);
    enter(&screen, "echo started && cat");
    screen.wait_for("\nstarted\n");
    screen.keys(&["C-c"]);
    screen.wait_for("tong ~ [0xc000013a]>");
    assert!(!screen.text().contains("\nnever"), "{}", screen.text());
}

#[test]
fn dir_is_a_table_on_a_terminal() {
    let place = Place::new();
    let shown = place.dir.path().join("shown");
    fs::create_dir_all(shown.join("inner")).expect("a directory");
    for (name, mode, text) in [("b.txt", 0o644, "12345"), ("a.sh", 0o755, "")] {
        fs::write(shown.join(name), text).expect("a file");
        let mode = fs::Permissions::from_mode(mode);
        fs::set_permissions(shown.join(name), mode).expect("its mode");
    }
    fs::set_permissions(shown.join("inner"), fs::Permissions::from_mode(0o755)).expect("its mode");
    std::os::unix::fs::symlink("b.txt", shown.join("link")).expect("a link");
    fs::write(shown.join("odd\x1b[2J"), "").expect("a file");
    fs::set_permissions(shown.join("odd\x1b[2J"), fs::Permissions::from_mode(0o600))
        .expect("its mode");
    let Some(screen) = prompt(&place, &[]) else {
        return;
    };
    run(&screen, "dir shown");
    golden::check("prompt-dir", &masked(&place, &screen.styled()));
}

#[test]
fn help_fits_on_a_terminal() {
    let place = Place::new();
    let Some(screen) = Screen::start(&place, (80, 50), &["prompt"]) else {
        return;
    };
    screen.wait_for("tong ~>");
    let text = run(&screen, "help");
    golden::check("prompt-help", &masked(&place, &text));
}
