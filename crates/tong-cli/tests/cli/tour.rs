//! `tong tour`.

use crate::place::{eventually, finish, signal, start, Place};

/// The tour's directories that exist at the moment.
fn directories(place: &Place) -> usize {
    let names = std::fs::read_dir(place.dir.path()).expect("a directory");
    names
        .flatten()
        .filter(|entry| {
            entry
                .file_name()
                .to_string_lossy()
                .starts_with("tong-tour-")
        })
        .count()
}

#[test]
fn everything_it_promises_is_so_and_nothing_is_left() {
    let place = Place::new();
    let ran = place.run(&["tour", "--fast", "--plain"]);
    let text = ran.text();
    assert_eq!(ran.code, Some(0), "{}{text}", ran.err);
    assert!(text.is_ascii() && !text.contains("FAILED"), "{text}");
    assert!(text.contains("bee       is killed (SIGKILL)"), "{text}");
    assert!(text.contains("receiver  reads \"bee: honey 8\""), "{text}");
    for fact in [
        "manager   sees exit code 259 of 1-5",
        "manager   sees exit code 5050 of 1-100",
        "abandoned!",
        "manager   sees exit code 7700077 of guest",
        "cat       busy (231)",
        "bee       = 24 (234)",
        "cat       109: broken",
        "manager   ant bee cat",
    ] {
        assert!(text.contains(fact), "{fact}\n{text}");
    }
    assert_eq!(ran.err, "");
    assert_eq!(directories(&place), 0);
}

#[test]
fn lanes_have_no_colours_in_a_pipe_and_fit_80_columns() {
    let place = Place::new();
    let ran = place.run(&["tour", "--fast"]);
    let text = ran.text();
    assert_eq!(ran.code, Some(0), "{}{text}", ran.err);
    assert!(
        text.contains('│') && text.contains("← ant: leaf 1") && !text.contains('\x1b'),
        "{text}"
    );
    let widest = text.lines().map(|line| line.chars().count()).max();
    assert!(widest <= Some(80), "{widest:?}\n{text}");
}

#[test]
fn a_tour_that_is_killed_leaves_neither_directory_nor_process() {
    let place = Place::new();
    let tour = start(&mut place.tong(&["tour"]));
    eventually("the tour makes its directory", || directories(&place) == 1);
    signal(&tour, "KILL");
    // The processes of the tour hold its output open, so this also waits for their end.
    finish(tour);
    eventually("the broom sweeps", || directories(&place) == 0);
}
