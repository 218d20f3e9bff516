//! `tong kp`: what it ends, what it leaves alone, and what it says.

use crate::naps::{
    as_stranger, await_program, can_switch_user, copy, copy_program, in_pid_namespace, listed,
    unique, Nap, STRANGER,
};
use crate::place::{eventually, finish, start, Place, Ran};
use crate::screen::{skip, Screen};
use serde_json::json;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

/// A program of the system under a name of its own, and a process that runs it.
fn nap(place: &Place, name: &str) -> (String, Nap) {
    let name = unique(name);
    let nap = Nap::start(&copy(place, "sleep", &name));
    await_program(place, &nap.pid(), &name);
    (name, nap)
}

#[track_caller]
fn expect_refusal(ran: Ran, code: i32, said: &str) {
    let ran = ran.expect_code(code);
    assert!(ran.err.contains(said), "{ran:?}");
    assert!(ran.out.is_empty(), "{ran:?}");
}

/// P-104, P-105.
#[test]
fn a_process_is_ended_by_id_and_by_name() {
    let place = Place::new();
    let (name, mut first) = nap(&place, "victim");
    let ran = place.run(&["kp", &first.pid()]).expect_code(0);
    let said = format!(
        "process {} ({name}) ended with exit code 1 (0x00000001)\n",
        first.pid()
    );
    assert_eq!((ran.text(), &*ran.err), (&*said, ""));
    assert!(!first.runs());
    let (name, mut second) = nap(&place, "victim");
    let ran = place
        .run(&["kp", &name.to_uppercase(), "--code", "7"])
        .expect_code(0);
    assert!(ran.text().contains("exit code 7"), "{ran:?}");
    assert!(!second.runs());
    expect_refusal(place.run(&["kp", &second.pid()]), 3, "there is no process");
    expect_refusal(
        place.run(&["kp", &name]),
        3,
        "no process runs a program called",
    );
}

/// P-71: all 32 bits arrive at whoever waits, if the program uses tong.
#[test]
fn the_exit_code_is_the_one_that_was_given() {
    let place = Place::new();
    let program = env!("CARGO_BIN_EXE_tong");
    let waiting = start(&mut place.tong(&["run", "--json", program, "mailslot", "read", "box"]));
    place
        .run(&["mailslot", "write", "box", "--wait", "30s"])
        .expect_code(0);
    let all = place.run(&["lp", "--json"]).expect_code(0).json();
    let child = all.iter().find(|it| it["parent"] == waiting.child.id());
    let reader = child.expect("it runs")["pid"].to_string();
    let ran = place
        .run(&["kp", &reader, "--code", "0xC000013A", "--json"])
        .expect_code(0);
    let message = format!(
        "process {reader} (tong) ended with exit code 3221225786 (0xc000013a, ended by Ctrl-C)"
    );
    assert_eq!(
        ran.json(),
        [json!({
            "pid": reader.parse::<u32>().expect("a number"),
            "program": "tong",
            "outcome": "ended",
            "exit_code": 0xC000_013A_u32,
            "hex": "0xc000013a",
            "message": message,
        })]
    );
    let waited = finish(waiting);
    assert_eq!(waited.json()[0]["exit_code"], 0xC000_013A_u32, "{waited:?}");
}

/// P-106.
#[test]
fn what_can_be_no_process_is_refused_before_anything_is_done() {
    let place = Place::new();
    let (_, mut innocent) = nap(&place, "innocent");
    for wrong in ["0", "4294967296", "", "12@x"] {
        place.run(&["kp", &innocent.pid(), wrong]).expect_code(2);
    }
    place
        .run(&["kp", &innocent.pid(), "--code", "-1"])
        .expect_code(2);
    place.run(&["kp"]).expect_code(2);
    assert!(innocent.runs());
}

#[test]
fn the_first_process_this_one_and_threads_are_left_alone() {
    let place = Place::new();
    expect_refusal(
        place.run(&["kp", "1"]),
        5,
        "the whole system, or container, would end",
    );
    let script = format!("exec {} kp $$", env!("CARGO_BIN_EXE_tong"));
    let itself = Command::new("sh")
        .args(["-c", &script])
        .output()
        .expect("a shell");
    assert_eq!(itself.status.code(), Some(5));
    let said = String::from_utf8_lossy(&itself.stderr).into_owned();
    assert!(said.contains("is this command itself"), "{said}");
    // Neither does it end itself by its name.
    let copied = place.dir.path().join(unique("killer"));
    copy_program(env!("CARGO_BIN_EXE_tong"), &copied);
    let name = copied
        .file_name()
        .and_then(|name| name.to_str())
        .expect("text");
    let by_name = Command::new(&copied).args(["kp", "--yes", name]).output();
    assert_eq!(by_name.expect("it runs").status.code(), Some(3));
    let thread = std::fs::read_link("/proc/thread-self").expect("a thread");
    let thread = thread
        .file_name()
        .and_then(|name| name.to_str())
        .expect("a number");
    let owner = format!("a thread of process {}", std::process::id());
    expect_refusal(place.run(&["kp", "--yes", thread]), 3, &owner);
}

#[test]
fn threads_of_the_kernel_are_left_alone() {
    let place = Place::new();
    let all = place.run(&["lp", "--all", "--json"]).expect_code(0).json();
    let Some(thread) = all.iter().find(|record| record["kernel"] == true) else {
        return skip("the threads of the kernel are not to be seen here");
    };
    let pid = thread["pid"].to_string();
    let ran = place.run(&["kp", "--yes", &pid]);
    expect_refusal(ran, 5, "it is a thread of the kernel");
}

/// P-105: somebody holds it, so it is there still; its exit code stays what it was.
#[test]
fn a_process_that_has_ended_keeps_its_exit_code() {
    let place = Place::new();
    let mut ended = Nap::by(Command::new("sh").args(["-c", "exit 7"]));
    eventually("it has ended", || {
        listed(&place, &ended.pid(), &["--all"]).is_some_and(|found| found["signaled"] == true)
    });
    let ran = place
        .run(&["kp", &ended.pid(), "--code", "9", "--json"])
        .expect_code(5);
    assert!(
        ran.err.contains("had ended already, with exit code 7"),
        "{ran:?}"
    );
    assert_eq!(ran.json()[0]["outcome"], "already_ended");
    assert_eq!(ran.json()[0]["exit_code"], 7);
    let status = ended.child.wait().expect("it is ours");
    assert_eq!(status.code(), Some(7));
}

#[test]
fn a_stopped_process_ends_as_any_other() {
    let place = Place::new();
    let (_, mut stopped) = nap(&place, "stopped");
    stopped.signal("STOP");
    place.run(&["kp", &stopped.pid()]).expect_code(0);
    assert!(!stopped.runs());
}

/// P-82, P-107.
#[test]
fn children_run_on_unless_the_tree_is_to_end() {
    let place = Place::new();
    let leaf = unique("leaf");
    let program = copy(&place, "sleep", &leaf);
    let script = format!("{0} 30 & {0} 31 & wait", program.display());
    let shell = copy(&place, "sh", &unique("host"));
    let family = || {
        let host = Nap::by(Command::new(&shell).args(["-c", &script]));
        eventually("both are there", || leaves(&place, &leaf) == 2);
        host
    };
    let mut host = family();
    place.run(&["kp", &host.pid()]).expect_code(0);
    assert!(!host.runs());
    assert_eq!(leaves(&place, &leaf), 2);
    let ran = place.run(&["kp", "--yes", &leaf]).expect_code(0);
    assert_eq!(ran.text().lines().count(), 2, "{ran:?}");
    let mut host = family();
    let ran = place
        .run(&["kp", "--yes", "--tree", &host.pid()])
        .expect_code(0);
    assert_eq!(ran.text().lines().count(), 3, "{ran:?}");
    assert!(!host.runs());
    assert_eq!(leaves(&place, &leaf), 0);
}

/// How many processes run the program.
fn leaves(place: &Place, name: &str) -> usize {
    let ran = place.run(&["lp", "--json", name]);
    ran.text().lines().count()
}

/// A process that starts others all the time: none of them gets away.
#[test]
fn a_tree_that_grows_is_ended_as_a_whole() {
    let place = Place::new();
    let leaf = unique("grown");
    let program = copy(&place, "sleep", &leaf);
    let script = format!(
        "for n in $(seq 500); do {0} 30 & {0} 0.005; done; wait",
        program.display()
    );
    let shell = copy(&place, "sh", &unique("host"));
    let mut host = Nap::by(Command::new(&shell).args(["-c", &script]));
    eventually("it grows", || leaves(&place, &leaf) > 5);
    place.run(&["kp", "--yes", "--tree", "--json", &host.pid()]);
    assert!(!host.runs());
    let left = place.run(&["lp", "--json", &leaf]);
    place.run(&["kp", "--yes", &leaf]);
    assert_eq!(left.text(), "");
}

#[test]
fn several_are_only_ended_when_somebody_says_so() {
    let place = Place::new();
    let (name, mut first) = nap(&place, "several");
    let mut second = Nap::start(&place.dir.path().join(&name));
    await_program(&place, &second.pid(), &name);
    let refused = place.run(&["kp", &name]).expect_code(2);
    assert!(refused.err.contains("add --yes"), "{refused:?}");
    for pid in [first.pid(), second.pid()] {
        assert!(refused.err.contains(&pid), "{refused:?}");
    }
    assert!(first.runs() && second.runs());
    for (answer, is_yes) in [("no", false), ("", false), ("yes", true)] {
        let place = Place::new();
        let Some(screen) = Screen::start(&place, (100, 20), &["kp", &name]) else {
            return;
        };
        let asked = screen.wait_for("yes or no [no]:");
        assert!(asked.contains("end these 2 processes?"), "{asked}");
        assert!(first.runs() && second.runs());
        screen.type_text(answer);
        screen.keys(&["Enter"]);
        assert_eq!(screen.code(), i32::from(!is_yes));
        let said = if is_yes {
            "ended with exit code 1"
        } else {
            "nothing was ended"
        };
        assert!(screen.text().contains(said), "{}", screen.text());
        assert_eq!((first.runs(), second.runs()), (!is_yes, !is_yes));
    }
}

/// Also without permission everything that may be ended is ended, and the rest is told.
#[test]
fn another_users_process_may_not_be_ended() {
    if !can_switch_user() {
        return;
    }
    let place = Place::new();
    let (name, mut ours) = nap(&place, "ours");
    let command = open_to_all(&place);
    let kp = |args: &[&str]| {
        let out = as_stranger(&command)
            .arg("kp")
            .args(args)
            .output()
            .expect("it runs");
        Ran {
            code: out.status.code(),
            out: out.stdout,
            err: String::from_utf8_lossy(&out.stderr).into_owned(),
        }
    };
    let said = "it belongs to user root; only that user and the administrator may";
    expect_refusal(kp(&["--yes", &ours.pid()]), 5, said);
    expect_refusal(kp(&["--yes", "--user", "root", &name]), 5, said);
    expect_refusal(
        kp(&["--yes", &name]),
        3,
        "only processes of other users run",
    );
    let ran = kp(&["--yes", "--tree", "--json", &ours.pid()]).expect_code(5);
    assert_eq!(ran.json()[0]["outcome"], "not_permitted");
    assert!(ours.runs());
    let name = unique("theirs");
    let program = copy(&place, "sleep", &name);
    let mut theirs = Nap::by(as_stranger(program.to_str().expect("text")).arg("30"));
    await_program(&place, &theirs.pid(), &name);
    let ran = kp(&["--yes", &ours.pid(), &theirs.pid()]).expect_code(5);
    assert!(ran.text().contains(&theirs.pid()), "{ran:?}");
    assert!(ours.runs() && !theirs.runs());
}

/// The administrator may, but is asked.
#[test]
fn the_administrator_is_asked_about_processes_of_others() {
    if !can_switch_user() {
        return;
    }
    let place = Place::new();
    let name = unique("theirs");
    let program = copy(&place, "sleep", &name);
    open_to_all(&place);
    let mut theirs = Nap::by(as_stranger(program.to_str().expect("text")).arg("30"));
    await_program(&place, &theirs.pid(), &name);
    let found = listed(&place, &theirs.pid(), &[]).expect("it runs");
    assert_eq!(found["uid"].to_string(), STRANGER);
    let refused = place.run(&["kp", &theirs.pid()]);
    expect_refusal(refused, 2, "this process of another user");
    // By name only the administrator's own are meant.
    let refused = place.run(&["kp", "--yes", &name]);
    expect_refusal(refused, 3, "see --user and --all-users");
    for whose in [&["--all-users"][..], &["--user", STRANGER]] {
        let refused = place.run(&[&["kp", &name], whose].concat());
        expect_refusal(refused, 2, "this process of another user");
    }
    assert!(theirs.runs());
    place.run(&["kp", "--yes", &theirs.pid()]).expect_code(0);
    assert!(!theirs.runs());
    let mut theirs = Nap::by(as_stranger(program.to_str().expect("text")).arg("30"));
    await_program(&place, &theirs.pid(), &name);
    place
        .run(&["kp", "--yes", "--user", STRANGER, &name])
        .expect_code(0);
    assert!(!theirs.runs());
}

/// The command at a path that every user can reach.
fn open_to_all(place: &Place) -> String {
    let copy = place.dir.path().join("tong");
    copy_program(env!("CARGO_BIN_EXE_tong"), &copy);
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(place.dir.path(), mode).expect("it is ours");
    copy.to_str().expect("text").to_owned()
}

/// The process that was meant ends while the question stands there, and another one gets its id. The answer is yes, and
/// the other one lives on.
#[test]
fn an_id_that_was_used_again_during_the_question_leads_to_nobody_else() {
    let script = r#"
        sleep 1000 & meant=$!
        sleep 1001 & also=$!
        mkfifo keys
        TERM=xterm script -qefc "exec $TONG kp $meant $also" /dev/null <keys >shown & at=$!
        exec 3>keys
        until grep -q "yes or no" shown; do sleep 0.05; done
        kill -KILL $meant; wait $meant
        echo $((meant - 1)) >/proc/sys/kernel/ns_last_pid
        sleep 1002 & other=$!
        [ $other = $meant ] || { echo "got $other for $meant"; exit 1; }
        printf 'yes\r' >&3
        wait $at; code=$?
        tr -d '\r' <shown
        echo "code $code"
        kill -0 $other && echo "the other one lives"
        kill -0 $also || echo "what was meant has ended"
        exit"#;
    let place = Place::new();
    let Some(mut command) = in_pid_namespace(&place, "sh", script) else {
        return;
    };
    let ran = finish(start(&mut command)).expect_code(0);
    for said in [
        "had ended already",
        "code 5\n",
        "the other one lives\n",
        "what was meant has ended",
    ] {
        assert!(ran.text().contains(said), "{said}: {ran:?}");
    }
}

/// An id from a list that was made before.
#[test]
fn an_id_that_was_used_again_is_noticed_by_the_time_of_the_start() {
    let script = r#"
        sleep 1000 & meant=$!
        started=$("$TONG" lp --json $meant | sed 's/.*"started_s":\([0-9.]*\).*/\1/')
        kill -KILL $meant; wait $meant
        sleep 0.1
        echo $((meant - 1)) >/proc/sys/kernel/ns_last_pid
        sleep 1002 & other=$!
        [ $other = $meant ] || { echo "got $other for $meant"; exit 1; }
        "$TONG" kp --json $meant@$started; echo "code $?"
        kill -0 $other && echo "the other one lives"
        started=$("$TONG" lp --json $other | sed 's/.*"started_s":\([0-9.]*\).*/\1/')
        "$TONG" kp $other@$started; echo "code $?"
        exit"#;
    let place = Place::new();
    let Some(mut command) = in_pid_namespace(&place, "sh", script) else {
        return;
    };
    let ran = finish(start(&mut command)).expect_code(0);
    assert!(ran.err.contains("the id was used again"), "{ran:?}");
    let lines: Vec<_> = ran.text().lines().collect();
    assert!(lines[0].contains("\"outcome\":\"reused\""), "{ran:?}");
    assert_eq!(lines[1..3], ["code 3", "the other one lives"], "{ran:?}");
    assert!(lines[3].contains("ended with exit code 1"), "{ran:?}");
    assert_eq!(lines[4], "code 0", "{ran:?}");
}

/// A prompt that is told these lines; they may name its id as `OWN`.
fn prompt(place: &Place, lines: &str) -> Ran {
    let mut prompt = start(place.tong(&["prompt"]).stdin(Stdio::piped()));
    let lines = lines.replace("OWN", &prompt.child.id().to_string());
    let mut stdin = prompt.child.stdin.take().expect("a pipe");
    stdin.write_all(lines.as_bytes()).expect("it reads");
    drop(stdin);
    finish(prompt)
}

/// P-106: the prompt ends with that code, whatever would have come next.
#[test]
fn a_prompt_ends_itself_when_it_is_told_to() {
    let place = Place::new();
    let ran = prompt(&place, "kp OWN --code 7\necho on\n");
    assert_eq!(ran.code, Some(7), "{ran:?}");
    assert!(
        ran.text().contains("(this prompt) ends with exit code 7"),
        "{ran:?}"
    );
    assert!(!ran.text().contains("on\n"), "{ran:?}");
    let ran = prompt(&place, "kp 00OWN --code 8\nexit 3\n");
    assert_eq!(ran.code, Some(8), "{ran:?}");
    let ran = prompt(&place, "kp OWN@1.5\nkp OWN 0\nexit 3\n");
    assert_eq!(ran.code, Some(3), "{ran:?}");
}

#[test]
fn a_prompt_ends_with_all_that_it_started_after_a_question() {
    let place = Place::new();
    let name = unique("job");
    let program = copy(&place, "sleep", &name);
    let begin = format!("start {} 60 > nul 2> nul\n", program.display());
    let ran = prompt(&place, &format!("{begin}kp --tree OWN\nexit 3\n"));
    assert_eq!(ran.code, Some(3), "nothing without a question: {ran:?}");
    assert!(ran.err.contains("and this prompt itself"), "{ran:?}");
    assert_eq!(leaves(&place, &name), 1);
    place.run(&["kp", &name]).expect_code(0);
    let ran = prompt(
        &place,
        &format!("{begin}kp --tree --yes OWN -c 9\nexit 3\n"),
    );
    assert_eq!(ran.code, Some(9), "{ran:?}");
    assert_eq!(leaves(&place, &name), 0);
}

/// In a container the first process is that of the container.
#[test]
fn the_first_process_of_a_container_is_left_alone() {
    let place = Place::new();
    let script = "\"$TONG\" kp --yes 1; echo \"code $?\"; exit";
    let Some(mut command) = in_pid_namespace(&place, "sh", script) else {
        return;
    };
    let ran = finish(start(&mut command)).expect_code(0);
    assert_eq!(ran.text(), "code 5\n");
    assert!(ran.err.contains("container"), "{ran:?}");
}
