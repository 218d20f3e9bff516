//! `tong prompt`: programs, pipelines, redirections, scripts.

use crate::naps::copy_program;
use crate::place::{eventually, finish, start, Place, Ran};
use serde_json::json;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

/// Runs a text at a prompt in the place's directory.
pub(crate) fn prompt(place: &Place, text: &str) -> Ran {
    run(place, &["-c", text])
}

/// Runs `tong prompt` with these arguments in the place's directory.
fn run(place: &Place, args: &[&str]) -> Ran {
    let all = [&["prompt"], args].concat();
    finish(start(place.tong(&all).current_dir(place.dir.path())))
}

/// What a text prints that ends well.
#[track_caller]
fn said(place: &Place, text: &str) -> String {
    let ran = prompt(place, text).expect_code(0);
    assert_eq!(ran.err, "", "{text}");
    ran.text().to_owned()
}

fn write(place: &Place, name: &str, text: &str) {
    fs::write(place.dir.path().join(name), text).expect("a file");
}

#[test]
fn each_program_of_a_pipeline_reads_what_the_one_before_it_writes() {
    let place = Place::new();
    let text = "printf 'b\\nc\\na\\n' | /usr/bin/sort -r | cat -n";
    assert_eq!(said(&place, text), "     1\tc\n     2\tb\n     3\ta\n");
    // The code is that of the last one, and none waits for one that has gone.
    prompt(&place, "sh -c 'exit 3' | yes | sh -c 'exit 4'").expect_passed(4);
    prompt(&place, "sh -c 'exit 3' | true").expect_passed(0);
}

#[test]
fn streams_are_redirected_in_the_order_in_which_it_is_written() {
    let place = Place::new();
    write(&place, "in", "two\none\n");
    said(&place, "/usr/bin/sort < in > out & cat out >> in");
    assert_eq!(said(&place, "cat < in"), "two\none\none\ntwo\n");
    let both = "sh -c 'echo out; echo err >&2'";
    said(&place, &format!("{both} > a 2> b"));
    assert_eq!(said(&place, "cat a b"), "out\nerr\n");
    said(&place, &format!("{both} > a 2>&1"));
    assert_eq!(said(&place, "cat a"), "out\nerr\n");
    assert_eq!(said(&place, &format!("{both} 2>&1 > a")), "err\n");
    assert_eq!(
        said(&place, &format!("{both} 2>> a >nul & cat a")),
        "out\nerr\n"
    );
    assert_eq!(
        said(&place, "> made & echo it > dir.txt & cat < .\\dir.txt made"),
        ""
    );
    let failed = prompt(&place, "cat < none || echo %ERRORLEVEL%").expect_code(0);
    assert!(
        failed.err.contains("cannot read none") && failed.text() == "1\n",
        "{failed:?}"
    );
}

/// P-71, P-84.
#[test]
fn codes_have_32_bits() {
    let place = Place::new();
    let inner = "tong prompt -c 'exit 0xDEADBEEF'";
    assert_eq!(
        said(&place, &format!("{inner} || echo $? %errorlevel%")),
        "3735928559 3735928559\n"
    );
    let crash = "sh -c 'ulimit -c 0; kill -SEGV $$'";
    assert_eq!(said(&place, &format!("{crash} & echo $?")), "3221225477\n");
    // Those who see only 8 bits never see success.
    prompt(&place, "exit 256").expect_passed(1);
    prompt(&place, "exit -1").expect_passed(255);
    prompt(&place, "exit 0x105").expect_passed(5);
}

#[test]
fn a_command_runs_only_if_the_one_before_it_ended_as_it_should() {
    let place = Place::new();
    assert_eq!(said(&place, "true && echo a || echo b"), "a\n");
    assert_eq!(
        said(&place, "false && echo a || echo b & echo c; echo d\necho e"),
        "b\nc\nd\ne\n"
    );
    assert_eq!(said(&place, "true || echo a && echo b"), "b\n");
    prompt(&place, "true && false").expect_passed(1);
    let stopped = run(
        &place,
        &["-e", "-c", "false || echo a\nsh -c 'exit 3'\necho b"],
    );
    assert_eq!((stopped.code, stopped.text()), (Some(3), "a\n"));
}

#[test]
fn a_program_that_cannot_be_run_has_a_code_and_a_reason() {
    let place = Place::new();
    write(&place, "text", "#!/bin/sh\necho it runs");
    let ran = prompt(&place, "no-such-program || echo $?").expect_code(0);
    assert!(
        ran.text() == "9009\n" && ran.err.contains("no-such-program"),
        "{ran:?}"
    );
    let ran = prompt(&place, "./text & echo $?").expect_code(0);
    assert!(
        ran.text() == "126\n" && ran.err.contains("chmod +x"),
        "{ran:?}"
    );
    let ran = prompt(&place, "/tmp & echo $?").expect_code(0);
    assert!(
        ran.text() == "126\n" && ran.err.contains("directory"),
        "{ran:?}"
    );
    assert_eq!(
        said(&place, "no-such-program 2> why & type why | wc -l"),
        "1\n"
    );
    // The others of the pipeline go on.
    let ran = prompt(&place, "no-such-program | cat && echo on").expect_code(0);
    assert_eq!(ran.text(), "on\n");

    let text = place.dir.path().join("text");
    fs::rename(&text, place.dir.path().join("prog.exe")).expect("a file");
    let mode = fs::Permissions::from_mode(0o755);
    fs::set_permissions(place.dir.path().join("prog.exe"), mode).expect("a file");
    for name in ["prog", "prog.exe", ".\\prog", "./prog.exe"] {
        assert_eq!(said(&place, name), "it runs\n", "{name}");
    }
}

/// P-22, P-28, P-30.
#[test]
fn a_program_gets_its_arguments_and_its_variables() {
    let place = Place::new();
    let show = "printf '<%%s>' \"a b\" c\"d e\" '' \"say \\\"hi\\\"\" C:\\dir\\";
    let show = show.replace("%%", "%");
    assert_eq!(said(&place, &show), r#"<a b><cd e><><say "hi"><C:\dir\>"#);
    let text = "set Tong_Test=one two\nsh -c 'echo $Tong_Test'\necho %TONG_TEST%\nset tong_t\nset TONG_TEST=\necho %TONG_TEST% & set tong_t";
    let ran = prompt(&place, text);
    assert_eq!(
        ran.text(),
        "one two\none two\nTong_Test=one two\n%TONG_TEST%\n"
    );
    assert!(ran.code == Some(3) && ran.err.contains("tong_t"), "{ran:?}");
    // P-110: the first character of a name may be a =.
    assert_eq!(said(&place, "set =tong_y=1 & set =tong_y"), "=tong_y=1\n");
    let ran = prompt(&place, "set tong_x=1 & set --json tong_x").expect_code(0);
    assert_eq!(ran.json(), [json!({"name": "tong_x", "value": "1"})]);
}

#[test]
fn patterns_become_the_names_that_match() {
    let place = Place::new();
    for name in ["b.txt", "a.txt", "c.md", ".hidden.txt"] {
        write(&place, name, "");
    }
    assert_eq!(
        said(&place, "echo *.txt [a-b].* ?.md *.none"),
        "a.txt b.txt a.txt b.txt c.md *.none\n"
    );
    assert_eq!(
        said(&place, "echo '*.txt' \"*.txt\" ^*.txt"),
        "*.txt *.txt *.txt\n"
    );
}

/// None of them can wait for one that waits for it, however much is written and however little is read.
#[test]
fn built_ins_stand_anywhere_in_a_pipeline() {
    let place = Place::new();
    assert_eq!(said(&place, "echo b a | cat | tr ab xy"), "y x\n");
    let much = "x".repeat(30_000);
    let text = format!("set B={much}\necho %B%%B%%B%%B%%B%%B% | wc -c\necho %B%%B%%B%%B% | true\necho %B%%B%%B% | pwd > here\n");
    assert_eq!(said(&place, &text), "180001\n");
    let long: String = (0..40_000)
        .map(|number| format!("line {number}\n"))
        .collect();
    write(&place, "long", &long);
    assert_eq!(said(&place, "type long | head -n 1"), "line 0\n");
    assert_eq!(
        said(&place, "type < long | sort | tail -n 1"),
        "line 9999\n"
    );
    assert_eq!(said(&place, "type long | echo done"), "done\n");
    assert_eq!(said(&place, "cd / | cat & pwd"), "/\n");
    assert_eq!(
        said(&place, "echo gone > out & objects --json | cat & cat out"),
        "gone\n"
    );
}

#[test]
fn directories_are_gone_to_and_come_back_to() {
    let place = Place::new();
    fs::create_dir_all(place.dir.path().join("my dir/below")).expect("a directory");
    let here = place.dir.path().canonicalize().expect("a path");
    let here = here.to_str().expect("a path");
    let text =
        "cd \"my dir\\below\" & cd & sh -c pwd & cd .. & pwd & cd - > nul & cd /D / & pwd --json";
    let ran = prompt(&place, text).expect_code(0);
    let expected = format!(
        "{here}/my dir/below\n{here}/my dir/below\n{here}/my dir\n{{\"directory\":\"/\"}}\n"
    );
    assert_eq!(ran.text(), expected);
    let ran = prompt(&place, "cd none");
    assert!(
        ran.code != Some(0) && ran.err.contains("cannot go to none"),
        "{ran:?}"
    );
}

#[test]
fn a_script_has_arguments_comments_and_lines() {
    let place = Place::new();
    write(
        &place,
        "script",
        "\u{feff}# first\r\nrem second | third\r\n:: fourth\r\necho %0 %1 %2 %3 $#\r\necho ^\r\n  joined |\r\n  cat\r\nexit 7\r\necho never\r\n",
    );
    let ran = run(&place, &["script", "a b", "-c"]);
    assert_eq!(
        (ran.code, ran.text()),
        (Some(7), "script a b -c 2\njoined\n")
    );

    // Nothing of a script runs that means nothing somewhere.
    write(&place, "wrong", "echo one\n\necho two | | three\n");
    let ran = run(&place, &["wrong"]).expect_code(2);
    assert!(
        ran.text().is_empty() && ran.err.contains("wrong, line 3: "),
        "{ran:?}"
    );
    write(&place, "wrong", "echo one\necho \"two\n\n");
    let ran = run(&place, &["wrong"]).expect_code(2);
    assert!(
        ran.err.contains("wrong, line 2: the quotation mark"),
        "{ran:?}"
    );
    run(&place, &["none"]).expect_code(1);
}

#[test]
fn commands_on_standard_input_share_it_with_their_programs() {
    let place = Place::new();
    let mut running = start(
        place
            .tong(&["prompt"])
            .current_dir(place.dir.path())
            .stdin(Stdio::piped()),
    );
    let mut input = running.child.stdin.take().expect("a pipe");
    let text = "echo one\nhead -c 4\ntwo\necho three |\ncat\nexit 9\necho never\n";
    input.write_all(text.as_bytes()).expect("it reads");
    // It is still open when the prompt leaves.
    let ran = finish(running);
    drop(input);
    assert_eq!((ran.code, ran.text()), (Some(9), "one\ntwo\nthree\n"));
}

#[test]
fn what_is_started_in_the_background_can_be_waited_for() {
    let place = Place::new();
    let text = "start sh -c 'sleep 0.2; exit 5'\njobs --json\necho before\nwait 1 || echo $?\nwait\njobs --json";
    let ran = prompt(&place, text).expect_code(0);
    let lines: Vec<&str> = ran.text().lines().collect();
    let job: serde_json::Value = serde_json::from_str(lines[0]).expect("JSON");
    assert_eq!(
        (&job["job"], &job["state"], &job["exit_code"]),
        (&json!(1), &json!("running"), &json!(null))
    );
    assert_eq!(job["command"], "sh -c 'sleep 0.2; exit 5'");
    assert_eq!(lines[1..], ["before", "5"]);

    let order = "start sh -c 'sleep 0.3; echo late' & start /wait echo waited & echo next & wait";
    assert_eq!(said(&place, order), "waited\nnext\nlate\n");
    // What a built-in wrote is there although the prompt leaves.
    prompt(&place, "start echo left behind | cat > note").expect_passed(0);
    let note = place.dir.path().join("note");
    eventually("the note is there", || {
        fs::read_to_string(&note).is_ok_and(|text| text == "left behind\n")
    });
    // A whole pipeline goes there, and reads none of the prompt's input.
    assert_eq!(said(&place, "start cat | wc -c & wait"), "0\n");
    for (text, code) in [
        ("wait 4", 3),
        ("fg", 3),
        ("bg x", 2),
        ("start", 2),
        ("echo a | start b", 2),
    ] {
        prompt(&place, text).expect_code(code);
    }
}

/// P-104, P-105: another command ends it, with a code of 32 bits.
#[test]
fn a_job_in_the_background_is_ended_by_its_name() {
    let place = Place::new();
    // A name that no other process of the machine has.
    let name = format!("nap{}", std::process::id());
    let copy = place.dir.path().join(&name);
    copy_program("/bin/sleep", &copy);
    let text =
        format!("start ./{name} 60\nkp {name} --code 3221225786 > nul\nwait 1\necho %ERRORLEVEL%");
    assert_eq!(said(&place, &text), "3221225786\n");
}

/// P-106.
#[test]
fn a_prompt_that_is_to_end_itself_ends_with_that_code() {
    let place = Place::new();
    let mut running = start(place.tong(&["prompt"]).stdin(Stdio::piped()));
    let pid = running.child.id();
    let mut input = running.child.stdin.take().expect("a pipe");
    let text = format!("echo one\nkp {pid} --code 77\necho two\n");
    input.write_all(text.as_bytes()).expect("it reads");
    let ran = finish(running);
    assert_eq!(ran.code, Some(77), "{ran:?}");
    let said = format!("one\nprocess {pid} (this prompt) ends with exit code 77 (0x0000004d)\n");
    assert_eq!(ran.text(), said);
    for text in ["kp", "kp 0", "kp no-such-program-anywhere", "kp --none 1"] {
        let ran = prompt(&place, &format!("{text} > nul"));
        assert!(
            ran.code != Some(0) && ran.err.starts_with("tong: "),
            "{text}: {ran:?}"
        );
    }
}

/// A manager that starts workers and adds up their codes; a receiver and a sender who know only a name.
#[test]
fn programs_that_work_together_are_run_from_a_prompt() {
    let place = Place::new();
    write(
        &place,
        "manager",
        "start tong prompt -c 'exit 5050'\nstart tong prompt -c 'exit 15150'\nwait 1\nset FIRST=%ERRORLEVEL%\nwait 2\necho %FIRST% and %ERRORLEVEL%\n",
    );
    assert_eq!(said(&place, "tong prompt manager"), "5050 and 15150\n");
    let text = "start tong mailslot read letters -n 3 -t 20s --quiet > got\n\
                tong mailslot write letters --quiet --wait 20s first second\n\
                echo third | tong mailslot write letters --quiet\n\
                wait && type got";
    assert_eq!(said(&place, text), "first\nsecond\nthird\n");
}

impl Ran {
    /// The code is one that was passed on, about which nothing is said.
    #[track_caller]
    fn expect_passed(self, code: i32) {
        assert_eq!((self.code, &*self.err), (Some(code), ""), "{self:?}");
    }
}
