//! What is offered where. Each line ends where the cursor is.

use super::*;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use tempfile::TempDir;

/// What the line becomes with each suggestion.
fn lines(line: &str) -> Vec<String> {
    let known = Known {
        jobs: vec![
            (1, "stopped: cat".to_owned()),
            (12, "running: make".to_owned()),
        ],
    };
    suggestions(line, line.len(), &known)
        .into_iter()
        .map(|it| format!("{}{}", &line[..it.span.start], it.value))
        .collect()
}

/// A directory with a program, files and directories in it, and its path.
fn place() -> (TempDir, String) {
    let place = tempfile::tempdir().unwrap();
    for file in ["alpha", "Beta", "two words", ".hidden", "it's", "50%"] {
        fs::write(place.path().join(file), "").unwrap();
    }
    for dir in ["sub", "other dir"] {
        fs::create_dir(place.path().join(dir)).unwrap();
    }
    let program = place.path().join("prog");
    fs::write(&program, "").unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let path = place.path().to_str().unwrap().to_owned();
    (place, path)
}

#[test]
fn the_first_word_is_a_command() {
    for (begun, whole) in [
        ("ech", "echo"),
        ("cat x | his", "cat x | history"),
        ("echo a && jo", "echo a && jobs"),
        ("s", "sh"),
    ] {
        assert!(lines(begun).contains(&whole.to_owned()), "{begun}");
    }
    assert!(lines("").contains(&"help".to_owned()));
    let (_place, path) = place();
    let here = |name: &str| format!("{path}/{name}");
    assert_eq!(lines(&here("p")), [here("prog")]);
    assert!(lines(&here("alph")).is_empty());
}

#[test]
fn other_words_are_files() {
    let (_place, path) = place();
    let with = |name: &str| format!("cat {path}/{name}");
    assert_eq!(lines(&with("al")), [with("alpha")]);
    assert_eq!(lines(&with("be")), [with("Beta")]);
    assert_eq!(lines(&with("s")), [with("sub/")]);
    assert_eq!(lines(&with(".h")), [with(".hidden")]);
    assert_eq!(lines(&with("")).len(), 8);
    assert!(lines(&with("none")).is_empty());
    let redirected = format!("echo a > {path}/al");
    assert_eq!(lines(&redirected), [format!("echo a > {path}/alpha")]);
    let nowhere = format!("cat {path}/none/x");
    assert!(lines(&nowhere).is_empty());
}

#[test]
fn cd_goes_to_directories_only() {
    let (_place, path) = place();
    let found = lines(&format!("cd {path}/"));
    assert_eq!(
        found,
        [
            format!("cd \"{path}/other dir/\""),
            format!("cd {path}/sub/")
        ]
    );
}

#[test]
fn words_are_quoted_as_they_were_begun() {
    let (_place, path) = place();
    for (begun, whole) in [
        (format!("{path}/tw"), format!("\"{path}/two words\"")),
        (format!("\"{path}/al"), format!("\"{path}/alpha\"")),
        (format!("'{path}/tw"), format!("'{path}/two words'")),
        (format!("{path}/it"), format!("{path}/it's")),
        (format!("'{path}/it"), format!("\"{path}/it's\"")),
        (format!("{path}/50"), format!("'{path}/50%'")),
    ] {
        assert_eq!(lines(&format!("cat {begun}")), [format!("cat {whole}")]);
    }
}

#[test]
fn what_is_offered_reads_as_the_name_it_is_for() {
    let (_place, path) = place();
    for line in lines(&format!("cat {path}/")) {
        let word = lex(&line).word_at(&line, line.len());
        let name = word.text.trim_end_matches('/');
        assert!(fs::symlink_metadata(name).is_ok(), "{line} is {name}");
    }
}

#[test]
fn variables_are_offered_in_their_notation() {
    assert!(lines("echo %PAT").contains(&"echo %PATH%".to_owned()));
    assert!(lines("echo a$PAT").contains(&"echo a$PATH".to_owned()));
    assert!(lines("echo \"${pat").contains(&"echo \"${PATH}".to_owned()));
    assert!(lines("set PAT").contains(&"set PATH".to_owned()));
    for line in ["echo 'a$PAT", "echo %PATH%", "echo ^$PAT", "echo $PAT-"] {
        assert!(!lines(line)
            .iter()
            .any(|line| line.contains("PATH%") || line.ends_with("PATH")));
    }
}

#[test]
fn jobs_are_offered_where_they_fit() {
    assert_eq!(lines("fg "), ["fg 1", "fg 12"]);
    assert_eq!(lines("wait 12"), ["wait 12"]);
    let known = Known {
        jobs: vec![(1, "stopped: cat".to_owned())],
    };
    let offered = suggestions("fg ", 3, &known);
    assert_eq!(offered[0].description.as_deref(), Some("stopped: cat"));
}

#[test]
fn commands_of_tong_are_known_by_their_definition() {
    assert_eq!(lines("tong mails"), ["tong mailslot"]);
    assert_eq!(lines("tong mailslot r"), ["tong mailslot read"]);
    assert_eq!(
        lines("tong mailslot read --jso"),
        ["tong mailslot read --json"]
    );
    assert_eq!(lines("lp --sort mem"), ["lp --sort memory"]);
    assert_eq!(lines("dir -s ti"), ["dir -s time"]);
    assert!(!lines("tong ").contains(&"tong tour-actor".to_owned()));
    assert_eq!(lines("help synt"), ["help syntax"]);
    assert_eq!(lines("jobs --"), ["jobs --json"]);
}

#[test]
fn processes_are_offered_by_id_and_by_program() {
    let mut child = std::process::Command::new("sleep")
        .arg("60")
        .spawn()
        .unwrap();
    let id = child.id().to_string();
    let by_id = lines(&format!("kp {id}"));
    let by_name = lines("kp slee");
    let for_wait = lines(&format!("tong wait pid:{id}"));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(by_id.contains(&format!("kp {id}")), "{by_id:?}");
    assert!(by_name.contains(&"kp sleep".to_owned()), "{by_name:?}");
    assert!(for_wait.contains(&format!("tong wait pid:{id}")));
}

#[test]
fn nothing_is_offered_in_a_comment_and_nothing_breaks() {
    assert!(lines("echo a # ech").is_empty());
    for line in [
        "\"",
        "'",
        "^",
        "echo ^",
        "%",
        "$",
        "${",
        "| |",
        "9>",
        "tong --",
        "tong mailslot read -n ",
    ] {
        lines(line);
    }
    assert!(suggestions("é", 1, &Known::default()).is_empty());
}
