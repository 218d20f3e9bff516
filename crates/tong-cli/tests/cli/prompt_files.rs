//! The built-ins of the prompt that read files and tell about things: `dir`, `type`, `sort`, `help`.

use crate::place::{Place, Ran};
use std::fs;
use std::path::PathBuf;

/// Runs a text at the prompt. `DIR` in it is the directory with the files.
fn run(place: &Place, text: &str) -> Ran {
    let dir = files(place).display().to_string();
    place.run(&["prompt", "-c", &text.replace("DIR", &dir)])
}

fn files(place: &Place) -> PathBuf {
    let dir = place.dir.path().join("files");
    fs::create_dir_all(&dir).expect("a directory");
    dir
}

fn place_with(files_in_it: &[(&str, &str)]) -> Place {
    let place = Place::new();
    let dir = files(&place);
    for (name, text) in files_in_it {
        fs::write(dir.join(name), text).expect("a file");
    }
    place
}

#[test]
fn dir_tells_all_there_is_as_json() {
    let place = place_with(&[("b", "12345"), ("A", ""), (".hidden", "")]);
    fs::create_dir(files(&place).join("inner")).expect("a directory");
    std::os::unix::fs::symlink("b", files(&place).join("link")).expect("a link");
    let rows = run(&place, "dir --json DIR").expect_code(0).json();
    let names: Vec<&str> = rows.iter().filter_map(|row| row["name"].as_str()).collect();
    assert_eq!(names, ["A", "b", "inner", "link"]);
    assert_eq!(rows[1]["size_bytes"], 5);
    assert_eq!(rows[1]["type"], "file");
    assert_eq!(
        rows[1]["path"],
        files(&place).join("b").display().to_string()
    );
    assert_eq!(rows[2]["type"], "directory");
    assert_eq!(rows[3]["target"], "b");
    let all = run(&place, "dir --all --json DIR").expect_code(0);
    assert_eq!(all.json().len(), 5);
}

#[test]
fn dir_sorts_by_what_it_is_told() {
    let place = place_with(&[("a.z", "1"), ("b.y", "333"), ("c.x", "22")]);
    for (flags, names) in [
        ("-b", "a.z\nb.y\nc.x\n"),
        ("/B --reverse", "c.x\nb.y\na.z\n"),
        ("-b -s size", "b.y\nc.x\na.z\n"),
        ("-b --sort type", "c.x\nb.y\na.z\n"),
    ] {
        let ran = run(&place, &format!("dir {flags} DIR")).expect_code(0);
        assert_eq!(ran.text(), names, "{flags}");
    }
    let ran = run(&place, "dir -s nonsense DIR").expect_code(2);
    assert!(ran.err.contains("nonsense"), "{ran:?}");
}

#[test]
fn dir_without_a_terminal_has_rows_only() {
    let place = place_with(&[("one", "1")]);
    let ran = run(&place, "dir DIR | cat").expect_code(0);
    let rows: Vec<&str> = ran.text().lines().collect();
    assert!(rows.len() == 1 && rows[0].ends_with("  one"), "{ran:?}");
    assert!(!ran.text().contains('\x1b'));
}

#[test]
fn what_cannot_be_listed_does_not_hide_the_rest() {
    let place = place_with(&[("one", "1")]);
    let ran = run(&place, "dir -b DIR/none DIR/one").expect_code(3);
    assert!(ran.text().ends_with("/one\n"), "{ran:?}");
    assert!(ran.err.contains("cannot list") && ran.err.contains("/none"));
}

#[test]
fn type_writes_bytes_as_they_are_and_tells_of_each_file_that_fails() {
    let place = place_with(&[("one", "\u{1b}[2J\r\n"), ("two", "no end")]);
    let ran = run(&place, "type DIR/one DIR/none DIR DIR/two").expect_code(1);
    assert_eq!(ran.out, b"\x1b[2J\r\nno end");
    assert_eq!(ran.err.lines().count(), 2, "{ran:?}");
    let ran = run(&place, "type -- -n").expect_code(3);
    assert!(ran.err.contains("cannot read -n"), "{ran:?}");
    let ran = run(&place, "type < DIR/two").expect_code(0);
    assert_eq!(ran.text(), "no end");
    let ran = run(&place, "echo in | type DIR/two -").expect_code(0);
    assert_eq!(ran.text(), "no endin\n");
}

#[test]
fn sort_sorts_files_and_input() {
    let place = place_with(&[("lines", "b\nA\n10\n9\nb"), ("more", "C\n")]);
    for (line, sorted) in [
        ("sort DIR/lines", "10\n9\nA\nb\nb\n"),
        ("sort /R < DIR/lines", "b\nb\nA\n9\n10\n"),
        ("sort -n -u DIR/lines", "A\nb\n9\n10\n"),
        ("type DIR/more | sort - DIR/lines", "10\n9\nA\nb\nb\nC\n"),
        ("sort -c DIR/lines DIR/more", "10\n9\nA\nC\nb\nb\n"),
    ] {
        assert_eq!(run(&place, line).expect_code(0).text(), sorted, "{line}");
    }
    let ran = run(&place, "sort DIR/more DIR/none").expect_code(3);
    assert_eq!(ran.text(), "C\n");
}

#[test]
fn help_tells_about_everything() {
    let place = Place::new();
    let rows = run(&place, "help --json").expect_code(0).json();
    for row in &rows {
        let name = row["name"].as_str().expect("a name");
        let ran = run(&place, &format!("help {name}")).expect_code(0);
        assert!(ran.text().contains("Usage:"), "{ran:?}");
    }
    assert!(rows.len() > 20);
    for topic in ["syntax", "keys"] {
        run(&place, &format!("help {topic}")).expect_code(0);
    }
    let ran = run(&place, "help no-such-thing").expect_code(2);
    assert!(ran.err.contains("there is no built-in no-such-thing"));
    for asked in ["dir --help", "sort /?", "cd --help", "jobs /?"] {
        let ran = run(&place, asked).expect_code(0);
        assert!(ran.text().contains("Usage:"), "{ran:?}");
    }
}
