//! How threads end, what they leave, and the process with its last thread.

#![allow(
    unsafe_code,
    reason = "the harness runs tests beside the initial thread, and a forked child has one that is ours"
)]

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{mpsc, Arc};
use std::time::Duration;

use nix::sys::wait::{waitpid, WaitStatus};
use nix::unistd::{fork, ForkResult};
use tong::object::mutex::Acquired;
use tong::object::thread::INITIAL;
use tong::{Event, Mutex, Reset, Thread, ThreadOptions};

use super::{watch, Counter, LONG};
use crate::support::{say, Actor};

/// W-145: exit codes have 32 bits, and the first cause counts.
#[test]
fn exit_ends_the_thread_in_the_middle_and_drops_what_it_holds() {
    let _watch = watch("exit_ends_the_thread_in_the_middle_and_drops_what_it_holds");
    struct Noisy(Arc<AtomicBool>);
    impl Drop for Noisy {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let dropped = Arc::<AtomicBool>::default();
    let noisy = Noisy(Arc::clone(&dropped));
    let thread = Thread::spawn(move || {
        let _noisy = noisy;
        Thread::exit(0xDEAD_BEEF)
    })
    .unwrap();
    thread.wait(LONG).unwrap();
    assert_eq!(thread.exit_code().unwrap(), Some(0xDEAD_BEEF));
    assert!(dropped.load(Ordering::Relaxed));
}

/// Code of another language is left without unwinding Rust code.
#[test]
fn exit_ends_a_foreign_thread() {
    let _watch = watch("exit_ends_a_foreign_thread");
    let thread = ThreadOptions::new()
        .spawn_foreign(|| Thread::exit_frames(11))
        .unwrap();
    thread.wait(LONG).unwrap();
    assert_eq!(thread.exit_code().unwrap(), Some(11));
}

/// W-150: whether it runs, waits, is suspended or never ran.
#[test]
fn terminated_thread_has_the_code_and_runs_nothing_more() {
    let _watch = watch("terminated_thread_has_the_code_and_runs_nothing_more");
    for suspended in [false, true] {
        let counter = Counter::start(ThreadOptions::new().suspended(suspended));
        counter.thread.terminate(99).unwrap();
        counter.thread.wait(LONG).unwrap();
        assert_eq!(counter.thread.exit_code().unwrap(), Some(99));
        assert!(!counter.counts());
        counter.thread.terminate(100).unwrap();
        assert_eq!(counter.thread.exit_code().unwrap(), Some(99));
    }
    let never = Event::new(Reset::Auto, false).unwrap();
    let awaited = never.clone();
    let waiting = Thread::spawn(move || {
        let _ = awaited.wait(None);
        1
    })
    .unwrap();
    std::thread::sleep(Duration::from_millis(20));
    waiting.terminate(5).unwrap();
    waiting.wait(LONG).unwrap();
    assert_eq!(waiting.exit_code().unwrap(), Some(5));
    // The dead waiter takes no signal with it (W-47).
    never.set().unwrap();
    never.wait(Some(Duration::ZERO)).unwrap();
}

/// W-88, W-94, W-95: all its mutexes are abandoned before the thread is signaled.
#[test]
fn whoever_saw_a_thread_end_gets_its_mutexes_at_once() {
    let _watch = watch("whoever_saw_a_thread_end_gets_its_mutexes_at_once");
    for how in 0..30 {
        let mutexes = [(); 3].map(|()| Mutex::new(false).unwrap());
        let owned = mutexes.clone();
        let (tell, told) = mpsc::channel();
        let thread = Thread::spawn(move || {
            for mutex in &owned {
                let _ = mutex.acquire(None).unwrap();
            }
            tell.send(()).unwrap();
            match how % 3 {
                0 => 1,
                1 => Thread::exit(1),
                _ => loop {
                    std::thread::park();
                },
            }
        })
        .unwrap();
        told.recv().unwrap();
        if how % 3 == 2 {
            thread.terminate(1).unwrap();
        }
        thread.wait(LONG).unwrap();
        for mutex in &mutexes {
            let acquired = mutex.acquire(Some(Duration::ZERO)).unwrap();
            assert!(matches!(acquired, Acquired::Abandoned), "{how}");
        }
    }
}

/// W-152: the program's main thread ends itself, then the others end one after the other.
#[test]
fn process_ends_with_the_exit_code_of_its_last_thread() {
    let _watch = watch("process_ends_with_the_exit_code_of_its_last_thread");
    let mut actor = Actor::start("end_initial_thread", &[]);
    actor.expect("initial ended");
    let status = actor.child.wait().unwrap();
    assert_eq!(status.code(), Some(42));
}

/// Runs `body` in a forked child, whose initial thread is the one that forked, and ends with its exit code.
fn on_initial_thread(body: fn()) -> ! {
    // SAFETY: this process has one thread besides the harness's, which waits.
    let ForkResult::Parent { child } = (unsafe { fork() }).unwrap() else {
        body();
        unreachable!("the process has ended");
    };
    let WaitStatus::Exited(_, code) = waitpid(child, None).unwrap() else {
        panic!("the child did not exit");
    };
    std::process::exit(code);
}

/// Ends the initial thread, and then, one by one, two others: the second with 42.
pub(crate) fn role_end_initial_thread() {
    on_initial_thread(end_initial_thread);
}

fn end_initial_thread() {
    let initial = Thread::current().unwrap();
    assert_ne!(initial.id() & INITIAL, 0);
    let watched = initial.clone();
    let last = Thread::spawn(move || {
        watched.wait(LONG).unwrap();
        assert_eq!(watched.exit_code().unwrap(), Some(13));
        say("initial ended");
        std::thread::sleep(Duration::from_millis(100));
        42
    });
    Thread::spawn(|| 41).unwrap();
    drop(last.unwrap());
    Thread::exit(13);
}

/// W-152, W-150: a thread terminates the initial one, and then ends as the last.
#[test]
fn process_whose_initial_thread_was_terminated_ends_with_the_last_code_too() {
    let _watch = watch("process_whose_initial_thread_was_terminated_ends_with_the_last_code_too");
    let mut actor = Actor::start("terminate_initial", &[]);
    actor.expect("initial ended");
    let status = actor.child.wait().unwrap();
    assert_eq!(status.code(), Some(43));
}

pub(crate) fn role_terminate_initial() {
    on_initial_thread(terminate_initial);
}

fn terminate_initial() {
    let initial = Thread::current().unwrap();
    Thread::spawn(move || {
        initial.terminate(1).unwrap();
        initial.wait(LONG).unwrap();
        say("initial ended");
        43
    })
    .unwrap();
    loop {
        std::thread::park();
    }
}

/// W-152: a process with one thread, which exits.
#[test]
fn only_thread_ends_the_process_with_its_code() {
    let _watch = watch("only_thread_ends_the_process_with_its_code");
    let mut actor = Actor::start("exit_last", &[]);
    let status = actor.child.wait().unwrap();
    assert_eq!(status.code(), Some(44));
}

pub(crate) fn role_exit_last() {
    on_initial_thread(|| Thread::exit(44));
}

/// W-88, W-150: threads that are terminated anywhere in the middle of waits and signals harm nobody else.
#[test]
fn threads_terminated_in_the_middle_of_waits_harm_nobody() {
    let _watch = watch("threads_terminated_in_the_middle_of_waits_harm_nobody");
    let mutex = Mutex::new(false).unwrap();
    let event = Event::new(Reset::Auto, true).unwrap();
    for round in 0..100_u64 {
        let (mutex, event) = (mutex.clone(), event.clone());
        let victim = Thread::spawn(move || loop {
            // Each passes the mutex and the event's signal on, unless it is ended in between.
            let owned = mutex.acquire(Some(Duration::from_millis(1)));
            let taken = event.wait(Some(Duration::from_micros(50)));
            if taken.is_ok() {
                event.set().unwrap();
            }
            if owned.is_ok() {
                mutex.release().unwrap();
            }
        })
        .unwrap();
        std::thread::sleep(Duration::from_micros(round * 37 % 1500));
        victim.suspend().unwrap();
        if round % 2 == 0 {
            victim.resume().unwrap();
        }
        victim.terminate(0).unwrap();
        victim.wait(LONG).unwrap();
    }
    let _ = mutex.acquire(LONG).unwrap();
    // Whether the signal was lost with a victim (W-48) or not, the event works.
    event.set().unwrap();
    event.wait(LONG).unwrap();
    event.wait(Some(Duration::ZERO)).unwrap_err();
}
