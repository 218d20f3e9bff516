//! Exit codes: 32 bits, whoever asks and however the process ends.

use std::io::Read;

use tong::{ErrorKind, Process};

use super::{actor, code_of, pipe, shell, LONG};
use crate::support::{args, eventually, say, wait_for_go};

/// Ends in the way that it is told.
pub(crate) fn role_exit() {
    let args = args();
    let code = || args[1].parse::<u32>().unwrap();
    match &args[0][..] {
        "return" => std::process::exit(code() as i32),
        "exit" => tong::process::exit(code()),
        "terminate" => Process::current().unwrap().terminate(code()).unwrap(),
        "open" => Process::open(std::process::id())
            .unwrap()
            .terminate(code())
            .unwrap(),
        "abort" => std::process::abort(),
        "wait" => {
            say("ready");
            wait_for_go();
            std::process::exit(code() as i32);
        }
        other => panic!("{other}"),
    }
    unreachable!("it ended");
}

/// P-71, P-73, P-74: codes of 32 bits from every ordinary end, 259 among them.
#[test]
fn all_bits_of_an_exit_code_arrive() {
    for way in ["return", "exit", "terminate", "open"] {
        for code in [0, 1, 255, 256, 259, 5050, 0xDEAD_BEEF, u32::MAX] {
            let process = actor("exit", &[way, &code.to_string()]).spawn().unwrap();
            assert_eq!(code_of(&process), code, "{way}");
            assert_eq!(process.exit_code().unwrap(), Some(code), "and stays");
        }
    }
}

/// P-84: what the kernel keeps of programs that know nothing of tong.
#[test]
fn ordinary_programs_have_eight_bits_or_a_signal() {
    for (script, code) in [
        ("exit 0", 0),
        ("exit 42", 42),
        ("exit 255", 255),
        ("kill -SEGV $$", 0xC000_0005),
        ("kill -BUS $$", 0xC000_0006),
        ("kill -ILL $$", 0xC000_001D),
        ("kill -FPE $$", 0xC000_0094),
        ("kill -TRAP $$", 0x8000_0003),
        ("kill -INT $$", 0xC000_013A),
        ("kill -ABRT $$", 0xC000_0409),
        ("kill -KILL $$", 1),
        ("kill -TERM $$", 1),
    ] {
        let process = shell(&format!("ulimit -c 0; {script}")).spawn().unwrap();
        assert_eq!(code_of(&process), code, "{script}");
    }
    let aborted = actor("exit", &["abort"]).spawn().unwrap();
    assert_eq!(
        code_of(&aborted),
        0xC000_0409,
        "and programs of ours that crash"
    );
}

/// P-79, P-80: termination with a code of 32 bits, also of an ordinary program; an ended process refuses, and its code stays.
#[test]
fn terminated_process_has_the_code_it_was_given() {
    for options in [actor("pause", &[]), shell("exec sleep 1000")] {
        let process = options.spawn().unwrap();
        assert_eq!(process.exit_code().unwrap(), None, "P-72");
        process.terminate(0xCAFE_F00D).unwrap();
        assert_eq!(code_of(&process), 0xCAFE_F00D);
        let again = process.terminate(7).unwrap_err();
        assert_eq!(again.kind(), ErrorKind::AccessDenied);
        assert_eq!(code_of(&process), 0xCAFE_F00D);
    }
    let ended = shell("exit 3").spawn().unwrap();
    assert_eq!(code_of(&ended), 3);
    assert_eq!(
        ended.terminate(9).unwrap_err().kind(),
        ErrorKind::AccessDenied
    );
    assert_eq!(code_of(&ended), 3);
}

/// P-75: of many that end a process at once, one gives it its code, and all see the same.
#[test]
fn first_cause_of_an_end_wins() {
    for _ in 0..20 {
        let process = actor("pause", &[]).spawn().unwrap();
        let winners: Vec<u32> = std::thread::scope(|scope| {
            let enders: Vec<_> = (100..104)
                .map(|code| {
                    let process = process.clone();
                    scope.spawn(move || {
                        let _ = process.terminate(code);
                        code_of(&process)
                    })
                })
                .collect();
            enders
                .into_iter()
                .map(|ender| ender.join().unwrap())
                .collect()
        });
        assert!(
            winners.iter().all(|code| *code == winners[0]),
            "{winners:?}"
        );
        assert!((100..104).contains(&winners[0]));
    }
}

/// P-82.
#[test]
fn children_of_a_terminated_process_run_on() {
    let (mut reader, writer) = pipe();
    let parent = shell("sleep 1000 & echo $!; wait")
        .stdout(writer)
        .spawn()
        .unwrap();
    let mut line = [0; 20];
    let len = reader.read(&mut line).unwrap();
    let pid = std::str::from_utf8(&line[..len])
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    let child = Process::open(pid).unwrap();
    parent.terminate(1).unwrap();
    assert_eq!(code_of(&parent), 1);
    assert!(child.is_running().unwrap());
    child.terminate(2).unwrap();
    child.wait(LONG).unwrap();
}

/// P-70, P-87: processes that are not the parent get the whole code, too, if they opened it while it ran, or while the
/// parent still holds it; nobody has to wait for anybody.
#[test]
fn strangers_get_the_whole_code() {
    let (input, _go) = nix::unistd::pipe().unwrap();
    let child = actor("exit", &["wait", "5050"]).stdin(input);
    let child = child.spawn().unwrap();
    let id = child.id().to_string();
    let mut early = crate::support::Actor::start("watch", &[&id]);
    early.expect("opened");
    // Its input ends, and so does it; in that case with 0, unless it is ended before.
    child.terminate(123_456_789).unwrap();
    assert_eq!(code_of(&child), 123_456_789);
    early.expect("123456789");
    early.finish();
    let mut late = crate::support::Actor::start("watch", &[&id]);
    late.expect("opened");
    late.expect("123456789");
    late.finish();
    drop(child);
    eventually("the child is forgotten", || {
        super::state(id.parse().unwrap()).is_none()
    });
}
