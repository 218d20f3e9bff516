//! Help, completions and manual pages.

use crate::place::{finish, start, Place};

const CODES: [&str; 18] = [
    "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "124", "125", "126", "127",
    "130",
];

#[test]
fn help_documents_every_exit_code_and_the_environment() {
    let help = Place::new().run(&["--help"]).expect_code(0);
    let text = help.text();
    let codes = text
        .lines()
        .skip_while(|line| *line != "Exit codes:")
        .skip(1);
    let listed: Vec<_> = codes
        .map_while(|line| line.split_whitespace().next())
        .collect();
    assert_eq!(listed, CODES);
    assert!(text.contains("TONG_DIR") && text.contains("NO_COLOR"));
    let hidden = ["tour-actor", "prompt-keeper", "prompt-builtin"];
    assert!(!hidden.iter().any(|name| text.contains(name)) && !text.contains('\x1b'));
}

#[test]
fn every_command_has_help_and_the_version_is_told() {
    let place = Place::new();
    for command in [
        &["mailslot"][..],
        &["mailslot", "read"],
        &["mailslot", "write"],
        &["mailslot", "info"],
        &["pipe"],
        &["pipe", "serve"],
        &["pipe", "connect"],
        &["pipe", "call"],
        &["pipe", "wait"],
        &["pipe", "ls"],
        &["pipe", "info"],
        &["relay"],
        &["event"],
        &["event", "create"],
        &["event", "set"],
        &["event", "reset"],
        &["event", "pulse"],
        &["event", "wait"],
        &["event", "info"],
        &["mutex"],
        &["mutex", "create"],
        &["mutex", "hold"],
        &["mutex", "info"],
        &["semaphore"],
        &["semaphore", "create"],
        &["semaphore", "acquire"],
        &["semaphore", "release"],
        &["semaphore", "info"],
        &["timer"],
        &["timer", "create"],
        &["timer", "set"],
        &["timer", "cancel"],
        &["timer", "wait"],
        &["timer", "info"],
        &["wait"],
        &["run"],
        &["prompt"],
        &["lp"],
        &["kp"],
        &["top"],
        &["graph"],
        &["doctor"],
        &["handles"],
        &["ls"],
        &["gc"],
        &["global"],
        &["global", "init"],
        &["completions"],
        &["man"],
        &["tour"],
    ] {
        let ran = place.run(&[command, &["--help"]].concat()).expect_code(0);
        assert!(ran.text().contains("Usage: tong"), "{ran:?}");
    }
    assert_eq!(
        place.run(&["--version"]).expect_code(0).text(),
        concat!("tong ", env!("CARGO_PKG_VERSION"), "\n")
    );
    place
        .run(&[])
        .code
        .filter(|code| *code == 2)
        .expect("no command is a usage error");
}

#[test]
fn completions_exist_for_every_shell() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ran = place.run(&["completions", shell]).expect_code(0);
        assert!(
            ran.text().contains("max-message")
                && [
                    "semaphore",
                    "pulse",
                    "handles",
                    "which",
                    "linger",
                    "half-close"
                ]
                .iter()
                .all(|word| ran.text().contains(word))
                && !ran.text().contains("tour-actor")
                && !ran.text().contains("prompt-"),
            "{shell}"
        );
    }
    place.run(&["completions", "no-such-shell"]).expect_code(2);
}

#[test]
fn the_bash_completion_is_a_script_that_bash_understands() {
    let place = Place::new();
    let script = place.dir.path().join("tong.bash");
    std::fs::write(&script, place.run(&["completions", "bash"]).out).expect("a file");
    let checked = std::process::Command::new("bash")
        .arg("-n")
        .arg(&script)
        .status()
        .expect("bash");
    assert!(checked.success());
}

#[test]
fn the_manual_is_a_page_for_each_command() {
    let place = Place::new();
    let main = place.run(&["man"]).expect_code(0);
    assert!(
        main.text().contains(".TH tong 1") && main.text().contains("the queue is full"),
        "{main:?}"
    );

    let dir = place.dir.path().join("new/man1");
    place
        .run(&["man", dir.to_str().expect("a path")])
        .expect_code(0);
    let mut pages: Vec<_> = std::fs::read_dir(&dir)
        .expect("a directory")
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .into_string()
                .expect("a name")
        })
        .collect();
    pages.sort();
    let expected = "tong-completions.1 tong-doctor.1 tong-event-create.1 tong-event-info.1 tong-event-pulse.1 tong-event-reset.1 \
                    tong-event-set.1 tong-event-wait.1 tong-event.1 tong-gc.1 tong-global-init.1 tong-global.1 tong-graph.1 \
                    tong-handles.1 tong-kp.1 tong-lp.1 tong-ls.1 tong-mailslot-info.1 tong-mailslot-read.1 tong-mailslot-write.1 \
                    tong-mailslot.1 tong-man.1 tong-mutex-create.1 tong-mutex-hold.1 tong-mutex-info.1 tong-mutex.1 \
                    tong-pipe-call.1 tong-pipe-connect.1 tong-pipe-info.1 tong-pipe-ls.1 tong-pipe-serve.1 \
                    tong-pipe-wait.1 tong-pipe.1 tong-prompt.1 tong-relay.1 tong-run.1 tong-semaphore-acquire.1 tong-semaphore-create.1 tong-semaphore-info.1 \
                    tong-semaphore-release.1 tong-semaphore.1 tong-timer-cancel.1 tong-timer-create.1 \
                    tong-timer-info.1 tong-timer-set.1 tong-timer-wait.1 tong-timer.1 tong-top.1 tong-tour.1 tong-wait.1 tong.1";
    assert_eq!(pages.join(" "), expected);
    let read = std::fs::read_to_string(dir.join("tong-mailslot-read.1")).expect("a page");
    assert!(
        read.contains("max") && read.contains("TH tong\\-mailslot\\-read 1")
            || read.contains("TH tong-mailslot-read 1")
    );
}

#[test]
fn an_output_that_nobody_reads_is_no_error() {
    let place = Place::new();
    for args in [&["--help"][..], &["completions", "zsh"], &["man"]] {
        let mut child = start(&mut place.tong(args));
        drop(child.child.stdout.take());
        let ran = finish(child).expect_code(0);
        assert_eq!(ran.err, "");
    }
}
