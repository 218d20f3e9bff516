//! Programs in C and C++, as users write, build and run them: compiled as C and as C++, for ANSI and for UNICODE,
//! against the installed tree that `TONG_C_PREFIX` names, and run as processes beside the `tong` command.
//!
//! Without such a tree, or without a compiler, the tests are skipped, and say so.

#[path = "programs/crowd.rs"]
mod crowd;
#[path = "programs/process.rs"]
mod process;
#[path = "programs/tree.rs"]
mod tree;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use process::Room;
use tree::{Characters, Tree, Way};

/// Waits for the mailslot as long as the watchdog would.
const WAIT: [&str; 2] = ["--wait", "60000"];

/// What the `tong` command must be told to write what a program built this way reads.
fn encoding(way: Way) -> &'static [&'static str] {
    match way.characters {
        Characters::Ansi => &[],
        Characters::Unicode => &["--utf16"],
    }
}

fn bytes(way: Way, text: &str) -> usize {
    match way.characters {
        Characters::Ansi => text.len(),
        Characters::Unicode => 2 * text.encode_utf16().count(),
    }
}

/// M1.2, M1.3, M1.4, M6.2: whole messages, empty ones too, of writers that are gone by the time, in their order.
#[test]
fn receiver_prints_what_the_command_and_a_c_sender_send() {
    let Some(tree) = Tree::find("receiver_prints_what_the_command_and_a_c_sender_send") else {
        return;
    };
    for way in Way::ALL {
        let room = Room::new(&tree);
        let mut receiver = room.start(&tree.build("mailslot_receiver.c", way), &["우편함"]);
        receiver.expect("ready\n");
        let sent = [r#"say "hello""#, "통 🙂", ""];
        let write = [&["mailslot", "write"], encoding(way), &["우편함"], &sent].concat();
        room.tong(&write).finish("").is(0, "");
        let sender = room.start(&tree.build("mailslot_sender.c", way), &["우편함"]);
        sender.finish("first\r\n둘째\nexit\nunsent\n").is(0, "");
        let printed: String = (sent.into_iter().chain(["first", "둘째"]))
            .map(|text| format!("{} bytes: {text}\n", bytes(way, text)))
            .collect();
        receiver.finish("").is(0, &format!("ready\n{printed}"));
    }
}

/// The shape of many samples: text in TCHARs of a fixed buffer, printed as it comes.
#[test]
fn plain_programs_of_either_text_talk_to_each_other_and_to_the_command() {
    let Some(tree) =
        Tree::find("plain_programs_of_either_text_talk_to_each_other_and_to_the_command")
    else {
        return;
    };
    for way in Way::ALL {
        let room = Room::new(&tree);
        let board = room.start(&tree.build("notice_board.c", way), &[]);
        let write = [&["mailslot", "write"], encoding(way), &WAIT].concat();
        let whole = [&write[..], &["--whole", r"\\.\mailslot\town\board"]].concat();
        room.tong(&whole).finish("lost: a cat\n").is(0, "");
        let writer = room.start(&tree.build("notice_writer.c", way), &[]);
        let answers = writer.finish("found: a cat\n고양이를 찾음 🐈\nclose\n");
        answers.is(0, "notice? notice? notice? ");
        let notices = "lost: a cat\nfound: a cat\n고양이를 찾음 🐈\n";
        board
            .finish("")
            .is(0, &format!("- notices -\n{notices}- end -"));
        let late = room.start(&tree.build("notice_writer.c", way), &[]);
        late.finish("").is(1, "there is no board\n");
    }
}

/// M4.2, M3.3, M6.3, M8.6: what a program is told when it comes too early, second, with too much, or too late.
#[test]
fn programs_are_told_the_numbers_of_what_went_wrong() {
    let Some(tree) = Tree::find("programs_are_told_the_numbers_of_what_went_wrong") else {
        return;
    };
    for way in Way::ALL {
        let room = Room::new(&tree);
        let [receiver, sender] =
            ["mailslot_receiver.c", "mailslot_sender.c"].map(|source| tree.build(source, way));
        let early = room.start(&sender, &["box"]).finish("x\n");
        early.fails("cannot open the mailslot: error 2: ");
        let mut first = room.start(&receiver, &["box"]);
        first.expect("ready\n");
        let second = room.start(&receiver, &["BOX"]).finish("");
        second.fails("cannot make \\\\.\\mailslot\\BOX: error 183\n");
        let much = room.start(&sender, &["box"]).finish(&"x".repeat(425));
        much.fails("cannot send: error 87: ");
        let mut late = room.start(&sender, &["box"]);
        late.write("in time\n");
        let size = bytes(way, "in time");
        first.expect(&format!("ready\n{size} bytes: in time\n"));
        first.kill();
        late.finish("too late\n").fails("cannot send: error 38: ");
    }
}

/// M7.8, M7.10: a read that finds nothing fails with 121, not before its time has passed.
#[test]
fn receiver_with_a_time_out_gives_up() {
    let Some(tree) = Tree::find("receiver_with_a_time_out_gives_up") else {
        return;
    };
    for way in Way::ALL {
        let room = Room::new(&tree);
        let receiver = tree.build("mailslot_receiver.c", way);
        for time in [0, 150] {
            let start = Instant::now();
            let ended = room
                .start(&receiver, &["box", &time.to_string()])
                .finish("");
            ended.is(3, "ready\n");
            assert_eq!(ended.errors, "reading stopped: error 121\n", "{way}");
            assert!(start.elapsed() >= Duration::from_millis(time));
        }
    }
}

/// M1.8, H-11: a process that ends in whatever way gives up the names it held, also of handles that it had protected;
/// one that is not killed leaves nothing at all, and no file that was to be deleted on close (H-138).
#[test]
fn names_of_a_process_that_ended_are_free_at_once() {
    let Some(tree) = Tree::find("names_of_a_process_that_ended_are_free_at_once") else {
        return;
    };
    for way in Way::ALL {
        let room = Room::new(&tree);
        let [holder, sender] =
            ["mailslot_holder.c", "mailslot_sender.c"].map(|source| tree.build(source, way));
        for round in 0..3 {
            let file = room.file(&format!("{round}"));
            let hold = || {
                let mut held = room.start(&holder, &[&file]);
                held.expect("held\n");
                held
            };
            hold().kill();
            let nobody = room.start(&sender, &["held"]).finish("x\n");
            nobody.fails("cannot open the mailslot: error 2: ");
            fs::remove_file(&file).unwrap();
            hold().finish("").is(0, "held\n");
            assert!(!Path::new(&file).exists());
        }
        room.tong(&["ls"]).finish("").is(0, "");
    }
}

/// P-8, P-10, P-71: a program is found beside the one that starts it, with `.exe` at its end or without, and what it
/// returns is its exit code.
#[test]
fn manager_has_two_processes_add() {
    let Some(tree) = Tree::find("manager_has_two_processes_add") else {
        return;
    };
    for way in Way::ALL {
        let room = Room::new(&tree);
        let [manager, adder] = ["adder_manager.c", "adder.c"].map(|source| tree.build(source, way));
        let copy = |program: &Path, name: &str| {
            let copy = room.file(name);
            fs::copy(program, &copy).unwrap();
            copy
        };
        let manager = copy(&manager, "manager");
        let manager = Path::new(&manager);
        copy(&adder, "adder.exe");
        copy(&adder, "plain");
        for name in ["adder", "adder.exe", "plain", "plain.exe"] {
            let ended = room.start(manager, &[name, "wait"]).finish("");
            ended.is(0, "15 and 40 are 55\n");
        }
        let hasty = room.start(manager, &["adder"]).finish("");
        let sums = [(15, 40), (15, 259), (259, 40), (259, 259)];
        let possible = sums.map(|(one, other)| format!("{one} and {other} are {}\n", one + other));
        assert!(possible.contains(&hasty.output), "{hasty:?}");
        let missing = room.start(manager, &["missing"]).finish("");
        missing.is(1, "cannot start missing 1 5: error 2\n");
        // It calls nothing of the library, which is there all the same and keeps more than 8 bits.
        let adder = room.file("adder.exe");
        let adder = adder.as_str();
        for (line, code) in [
            (vec!["run", "--json", adder, "1", "100"], "5050"),
            (vec!["run", "--json", adder], "4294967295"),
        ] {
            let told = room.tong(&line).finish("");
            let exit_code = format!("\"exit_code\":{code},");
            assert!(told.output.contains(&exit_code), "{told:?}");
        }
    }
}
