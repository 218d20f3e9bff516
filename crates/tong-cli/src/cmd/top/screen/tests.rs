//! What the screen shows, cell by cell, without a terminal.

use super::super::control::Request;
use super::super::keys::Key;
use super::super::model::Model;
use super::super::rates::Rates;
use super::super::samples;
use super::{draw, Palette};
use crate::args::Pane;
use ratatui::backend::TestBackend;
use ratatui::style::{Color, Modifier};
use ratatui::Terminal;
use std::time::{Duration, Instant};
use tong::namespace::Traffic;

const PLAIN: Palette = Palette { has_colors: false };
const COLORED: Palette = Palette { has_colors: true };

fn terminal(
    model: &mut Model,
    (width, height): (u16, u16),
    palette: Palette,
) -> Terminal<TestBackend> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a terminal");
    terminal
        .draw(|frame| draw(frame, model, palette))
        .expect("it draws");
    terminal
}

/// What is on the screen, a text for each line.
fn lines(model: &mut Model, size: (u16, u16)) -> Vec<String> {
    let terminal = terminal(model, size, PLAIN);
    let buffer = terminal.backend().buffer();
    let line = |y| (0..size.0).map(|x| buffer[(x, y)].symbol()).collect();
    (0..size.1).map(line).collect()
}

fn text(model: &mut Model, size: (u16, u16)) -> String {
    lines(model, size).join("\n")
}

fn press(model: &mut Model, keys: &[Key]) {
    for key in keys {
        model.press(*key);
    }
}

fn type_in(model: &mut Model, text: &str) {
    text.chars().for_each(|it| {
        model.press(Key::Char(it));
    });
}

#[test]
fn objects_show_state_owner_waiters_queues_and_rates() {
    let mut model = samples::model();
    model.cost = Some(0.0123);
    let lines = lines(&mut model, (120, 12));
    assert!(lines[0].contains("tong top /run/user/1/tong"), "{lines:#?}");
    assert!(lines[0].contains("every 1 s, cost 1.2 %"), "{lines:#?}");
    assert!(
        lines[1].contains("1 Objects 5  2 Processes 3  3 Waits 3  1 deadlock"),
        "{lines:#?}"
    );
    let words = |line: &str| -> Vec<String> {
        let line = lines.iter().find(|it| it.contains(line)).expect(line);
        line.split_whitespace().map(str::to_owned).collect()
    };
    let chat = "pipe chat 1 of 2 in use 103 server - 68.4 KiB 12.3 KiB 0 - 1";
    assert_eq!(words("chat")[..17].join(" "), chat);
    assert_eq!(
        words("left")[..6].join(" "),
        "mutex left owned 101 worker 1"
    );
}

#[test]
fn names_of_others_cannot_move_the_cursor() {
    let text = text(&mut samples::model(), (180, 12));
    assert!(text.contains(r"\x1b[2Jnasty\u{202e}"), "{text}");
}

#[test]
fn every_size_shows_something_and_none_breaks() {
    for pane in [Pane::Objects, Pane::Processes, Pane::Waits] {
        for (width, height) in [
            (1, 1),
            (2, 3),
            (5, 4),
            (40, 10),
            (79, 24),
            (80, 25),
            (200, 60),
        ] {
            let mut model = samples::model();
            model.pane = pane;
            for keys in [
                &[][..],
                &[Key::End],
                &[Key::Enter],
                &[Key::Char('?')],
                &[Key::PageDown],
                &[Key::Escape, Key::Char('/'), Key::Char('통')],
            ] {
                press(&mut model, keys);
                let shown = text(&mut model, (width, height));
                assert!(
                    width < 5 || !shown.trim().is_empty(),
                    "{pane:?} {width}x{height} {keys:?}"
                );
            }
        }
    }
}

#[test]
fn a_small_screen_shows_kind_name_and_state() {
    let lines = lines(&mut samples::model(), (40, 10));
    assert!(lines[2].contains("KIND      NAME"), "{lines:#?}");
    assert!(lines[2].contains("STATE"), "{lines:#?}");
    let chat = lines.iter().find(|line| line.contains("chat"));
    assert!(
        chat.is_some_and(|line| line.contains("pipe ")),
        "{lines:#?}"
    );
}

#[test]
fn a_deadlock_is_told_first_in_words_and_in_red() {
    let mut model = samples::model();
    model.show(Pane::Waits);
    let shown = lines(&mut model, (120, 12));
    assert!(
        shown[2].contains("deadlock of 2 for ever: 101 worker waits for mutex right of 102"),
        "{shown:#?}"
    );
    assert!(
        shown[4].contains("┌> 101") && shown[5].contains("└< 102"),
        "{shown:#?}"
    );
    assert!(
        shown[6].contains("event ready") && shown[6].contains("time-out"),
        "{shown:#?}"
    );
    // The first line is chosen, which its colours show the other way round; the second is just red.
    let terminal = terminal(&mut model, (120, 12), COLORED);
    let buffer = terminal.backend().buffer();
    let color_in = |y| buffer[(4, y)].fg;
    assert_eq!(
        [2, 4, 5, 6].map(color_in),
        [Color::Red, Color::Red, Color::Red, Color::Reset]
    );
}

#[test]
fn without_colours_none_is_used() {
    let mut model = samples::model();
    model.show(Pane::Waits);
    model.complain("no luck");
    let terminal = terminal(&mut model, (120, 12), PLAIN);
    let cells = &terminal.backend().buffer().content;
    assert!(cells
        .iter()
        .all(|cell| (cell.fg, cell.bg) == (Color::Reset, Color::Reset)));
    assert!(cells
        .iter()
        .any(|cell| cell.modifier.contains(Modifier::REVERSED)));
}

#[test]
fn a_filter_is_typed_kept_and_taken_away() {
    let mut model = samples::model();
    press(&mut model, &[Key::Char('/')]);
    type_in(&mut model, "MUTEX lef");
    let typed = text(&mut model, (100, 12));
    assert!(
        typed.contains(" /MUTEX lef") && typed.contains("left"),
        "{typed}"
    );
    assert!(
        !typed.contains("ready") && !typed.contains("right"),
        "{typed}"
    );
    press(&mut model, &[Key::Enter]);
    let kept = text(&mut model, (100, 12));
    assert!(
        kept.contains("filter: MUTEX lef  Esc all") && kept.contains("1/1 of 5"),
        "{kept}"
    );
    press(&mut model, &[Key::Char('/'), Key::Backspace, Key::Escape]);
    assert_eq!(
        model.filter(),
        Some("MUTEX lef"),
        "escape leaves it as it was"
    );
    press(&mut model, &[Key::Escape]);
    assert!(text(&mut model, (100, 12)).contains("ready"));
    press(&mut model, &[Key::Char('/'), Key::Char('%'), Key::Enter]);
    assert!(text(&mut model, (100, 12)).contains("No line has all of these words: %"));
}

#[test]
fn what_is_chosen_opens_and_escape_goes_back() {
    let mut model = samples::model();
    press(&mut model, &[Key::Char('3'), Key::Enter]);
    let opened = text(&mut model, (100, 20));
    assert!(opened.contains("mutex right"), "{opened}");
    press(&mut model, &[Key::Escape]);
    assert!(text(&mut model, (100, 20)).contains("WAITS FOR"));
    press(&mut model, &[Key::Char('2'), Key::Down, Key::Enter]);
    let opened = text(&mut model, (100, 24));
    assert!(
        opened.contains("process 102 worker")
            && opened.contains(
                "first thread waits for mutex left of 101 worker, since 7.0 s, in a deadlock"
            ),
        "{opened}"
    );
    // The numbers go straight to a list.
    press(&mut model, &[Key::Char('1')]);
    assert!(model.pages.is_empty());
}

/// A pipe of which three looks are known.
fn followed() -> Model {
    let key = samples::key("pipe", r"\\.\pipe\chat");
    let mut rates = Rates::default();
    let start = Instant::now();
    for (second, bytes) in [(0, 0), (1, 4096), (2, 6144)] {
        let mut total = Traffic::default();
        (total.bytes_in, total.bytes_out) = (bytes, 10 * bytes);
        rates.begin(start + Duration::from_secs(second));
        rates.note(&key, Some(&total), Some(100 * second));
        rates.end();
    }
    Model::of("/x".to_owned(), samples::look(), rates)
}

#[test]
fn traffic_is_followed_in_numbers_and_bars() {
    let mut model = followed();
    type_in(&mut model, "/chat");
    press(&mut model, &[Key::Enter, Key::Char('f')]);
    let shown = lines(&mut model, (80, 24));
    let screen = shown.join("\n");
    assert!(
        screen.contains("to the server  2.0 KiB/s now, 4.0 KiB/s at most, 6144 B in all"),
        "{screen}"
    );
    assert!(
        screen.contains("to the clients 20.0 KiB/s now, 40.0 KiB/s at most, 60.0 KiB in all"),
        "{screen}"
    );
    assert!(
        screen.contains("unread   200 B now, 200 B at most"),
        "{screen}"
    );
    // The newest bar is at the right end, and half as high as the one before.
    let high: Vec<&String> = shown.iter().filter(|line| line.contains('█')).collect();
    let ends = |line: &str| line.trim_end().ends_with('█') && line.contains("██");
    assert!(high.iter().any(|line| ends(line)), "{screen}");
    assert!(
        high.iter()
            .any(|line| line.trim_end().ends_with('█') && !ends(line)),
        "{screen}"
    );
    press(&mut model, &[Key::Char('f')]);
    assert!(text(&mut model, (80, 24)).contains("KIND"));
    model.set_filter("ready".to_owned());
    press(&mut model, &[Key::Char('f')]);
    assert!(text(&mut model, (80, 24)).contains("only mailslots and pipes have traffic"));
}

#[test]
fn an_object_that_goes_while_it_is_open_is_told() {
    let mut model = samples::model();
    press(&mut model, &[Key::Enter]);
    model.look = samples::empty();
    model.settle();
    assert!(text(&mut model, (100, 12)).contains("gone: this is what was seen last"));
    press(&mut model, &[Key::Escape]);
    assert!(text(&mut model, (100, 12)).contains("There are no objects in /run/user/1/tong."));
}

#[test]
fn an_empty_namespace_says_what_to_try() {
    let mut model = Model::of("/x".to_owned(), samples::empty(), Rates::default());
    let shown = text(&mut model, (60, 14));
    assert!(shown.contains("tong event create ready"), "{shown}");
    for (key, words) in [('2', "No process uses tong"), ('3', "No thread waits")] {
        press(&mut model, &[Key::Char(key)]);
        assert!(text(&mut model, (60, 14)).contains(words));
    }
    press(&mut model, &[Key::Enter, Key::Char('f'), Key::Char('k')]);
    assert!(text(&mut model, (60, 14)).contains("choose a process first"));
}

#[test]
fn help_scrolls_on_a_small_screen_and_any_other_key_leaves_it() {
    let mut model = samples::model();
    press(&mut model, &[Key::Char('?')]);
    assert!(text(&mut model, (40, 10)).contains("objects, processes"));
    for _ in 0..10 {
        press(&mut model, &[Key::PageDown]);
        text(&mut model, (40, 10));
    }
    assert!(text(&mut model, (40, 10)).contains("Nothing is asked"));
    press(&mut model, &[Key::PageUp, Key::Char('x')]);
    assert!(text(&mut model, (40, 10)).contains("NAME"));
}

#[test]
fn only_yes_kills() {
    let mut model = samples::model();
    assert_eq!(model.press(Key::Char('k')), None, "an object is no process");
    press(&mut model, &[Key::Char('2'), Key::Down]);
    assert_eq!(
        model.press(Key::Char('k')),
        Some(Request::AskToKill(102, Some(Duration::from_secs(102))))
    );
    for (key, request) in [
        (Key::Char('n'), Request::Spare),
        (Key::Enter, Request::Spare),
        (Key::Escape, Request::Spare),
        (Key::Char('q'), Request::Spare),
        (Key::Char('y'), Request::Kill),
        (Key::Ctrl('c'), Request::Quit),
    ] {
        model.mode = super::Mode::Kill("Kill process 102?".to_owned());
        assert!(text(&mut model, (60, 10)).contains("Kill process 102?"));
        assert_eq!(model.press(key), Some(request), "{key:?}");
    }
}

#[test]
fn pausing_and_the_rate_are_shown() {
    let mut model = samples::model();
    press(&mut model, &[Key::Char('+'), Key::Char('+')]);
    assert!(text(&mut model, (60, 10)).contains("every 250 ms"));
    press(
        &mut model,
        &[Key::Char('-'), Key::Char('-'), Key::Char('-')],
    );
    assert!(text(&mut model, (60, 10)).contains("every 2 s"));
    press(&mut model, &[Key::Char('p')]);
    assert!(text(&mut model, (60, 10)).contains("paused"));
    assert_eq!(model.press(Key::Char(' ')), Some(Request::Look));
}

#[test]
fn wide_characters_do_not_push_columns_aside() {
    let mut model = samples::model();
    model.look.objects = vec![
        samples::object("event", &"통신".repeat(40)),
        samples::object("event", "a"),
    ];
    model.settle();
    let lines = lines(&mut model, (80, 8));
    // A wide character takes two cells, of which the second is blank here.
    let state_at = |line: &str| {
        let before = line.split("not signaled").next().expect("a state");
        before.chars().count()
    };
    assert_eq!(state_at(&lines[3]), state_at(&lines[4]), "{lines:#?}");
    assert!(lines[4].contains('…'), "{lines:#?}");
}
