//! Threads: their ids, exit codes, suspend counts and ends.

mod ending;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{mpsc, Arc};
use std::time::Duration;

use tong::object::thread::{INITIAL, PANICKED};
use tong::{ErrorKind, Event, Reset, Thread, ThreadOptions};

use crate::support::{eventually, namespace, Watchdog};

pub(crate) use ending::{role_end_initial_thread, role_exit_last, role_terminate_initial};

const LONG: Option<Duration> = Some(Duration::from_secs(30));
const SOON: Option<Duration> = Some(Duration::from_millis(50));

fn watch(test: &'static str) -> Watchdog {
    namespace();
    Watchdog::new(test, Duration::from_secs(120))
}

/// A thread that counts until it is told to stop, and then ends with code 7.
struct Counter {
    thread: Thread,
    count: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
}

impl Counter {
    fn start(options: ThreadOptions) -> Counter {
        let (count, stop) = (Arc::<AtomicU64>::default(), Arc::<AtomicBool>::default());
        let (counting, stopped) = (Arc::clone(&count), Arc::clone(&stop));
        let thread = options
            .spawn(move || {
                while !stopped.load(Ordering::Relaxed) {
                    counting.fetch_add(1, Ordering::Relaxed);
                }
                7
            })
            .unwrap();
        Counter {
            thread,
            count,
            stop,
        }
    }

    fn counts(&self) -> bool {
        let before = self.count.load(Ordering::Relaxed);
        std::thread::sleep(Duration::from_millis(20));
        self.count.load(Ordering::Relaxed) != before
    }

    fn finish(&self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.wait(LONG).unwrap();
    }
}

/// The initial thread of another process stands for that process (W-70: calls can be queued within a process only).
#[test]
fn initial_thread_of_another_process_stands_for_it() {
    let _watch = watch("initial_thread_of_another_process_stands_for_it");
    let mut child = std::process::Command::new("sleep")
        .arg("60")
        .spawn()
        .unwrap();
    let thread = Thread::open(child.id() | INITIAL).unwrap();
    assert_eq!(thread.id(), child.id() | INITIAL);
    assert_eq!(thread.process_id(), child.id());
    assert_eq!(thread.exit_code().unwrap(), None);
    assert_eq!(thread.suspend().unwrap(), 0);
    assert_eq!(thread.resume().unwrap(), 1);
    let refused = thread.queue_apc(|| ()).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unsupported);
    thread.terminate(3).unwrap();
    thread.wait(LONG).unwrap();
    child.wait().unwrap();
    drop(thread);
    let gone = Thread::open(child.id() | INITIAL).unwrap_err();
    assert_eq!(gone.kind(), ErrorKind::InvalidParameter);
}

/// W-145, W-146, W-3: nothing while it runs, then the returned value, for every wait.
#[test]
fn thread_is_signaled_with_its_exit_code_when_it_has_ended() {
    let _watch = watch("thread_is_signaled_with_its_exit_code_when_it_has_ended");
    let counter = Counter::start(ThreadOptions::new());
    assert_eq!(counter.thread.exit_code().unwrap(), None);
    let early = counter.thread.wait(SOON).unwrap_err();
    assert_eq!(early.kind(), ErrorKind::TimedOut);
    counter.finish();
    for _ in 0..2 {
        counter.thread.wait(Some(Duration::ZERO)).unwrap();
        assert_eq!(counter.thread.exit_code().unwrap(), Some(7));
    }
}

/// H-54, H-53: a thread never sees itself end.
#[test]
fn waiting_for_the_own_thread_times_out() {
    let _watch = watch("waiting_for_the_own_thread_times_out");
    let own = Thread::current().unwrap();
    assert_eq!(own.wait(SOON).unwrap_err().kind(), ErrorKind::TimedOut);
    assert_eq!(own.exit_code().unwrap(), None);
}

/// W-144, P-92: ids of threads and processes come from one space.
#[test]
fn ids_are_unique_and_never_those_of_processes() {
    let _watch = watch("ids_are_unique_and_never_those_of_processes");
    let counters: Vec<_> = (0..8)
        .map(|_| Counter::start(ThreadOptions::new()))
        .collect();
    let mut ids: Vec<u32> = counters.iter().map(|counter| counter.thread.id()).collect();
    ids.push(Thread::current().unwrap().id());
    ids.push(std::process::id() | INITIAL);
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 10);
    for id in ids {
        assert_ne!(id, 0);
        // A process of that number would lead its own thread group.
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
        assert!(
            !status.contains(&format!("Tgid:\t{id}\n")),
            "{id} is a process"
        );
    }
    counters.iter().for_each(Counter::finish);
}

/// W-147, W-148.
#[test]
fn suspend_and_resume_return_the_previous_count() {
    let _watch = watch("suspend_and_resume_return_the_previous_count");
    let counter = Counter::start(ThreadOptions::new().suspended(true));
    assert!(!counter.counts());
    assert_eq!(counter.thread.exit_code().unwrap(), None);
    assert_eq!(counter.thread.suspend().unwrap(), 1);
    assert_eq!(counter.thread.resume().unwrap(), 2);
    assert!(!counter.counts());
    assert_eq!(counter.thread.resume().unwrap(), 1);
    eventually("the thread runs", || counter.counts());
    assert_eq!(counter.thread.resume().unwrap(), 0);
    assert_eq!(counter.thread.suspend().unwrap(), 0);
    assert!(!counter.counts());
    assert_eq!(counter.thread.resume().unwrap(), 1);
    counter.finish();
}

/// W-148: 127 at most.
#[test]
fn suspend_count_has_a_limit() {
    let _watch = watch("suspend_count_has_a_limit");
    let counter = Counter::start(ThreadOptions::new().suspended(true));
    for count in 1..127 {
        assert_eq!(counter.thread.suspend().unwrap(), count);
    }
    let refused = counter.thread.suspend().unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::TooManySuspensions);
    counter.thread.terminate(0).unwrap();
    counter.thread.wait(LONG).unwrap();
}

/// W-149.
#[test]
fn ended_thread_cannot_be_suspended() {
    let _watch = watch("ended_thread_cannot_be_suspended");
    let thread = Thread::spawn(|| 0).unwrap();
    thread.wait(LONG).unwrap();
    assert_eq!(
        thread.suspend().unwrap_err().kind(),
        ErrorKind::AccessDenied
    );
    assert_eq!(thread.resume().unwrap(), 0);
}

/// H-53: a thread that suspends itself goes on when another resumes it.
#[test]
fn thread_can_suspend_itself() {
    let _watch = watch("thread_can_suspend_itself");
    let thread = Thread::spawn(|| Thread::current().unwrap().suspend().unwrap()).unwrap();
    eventually("it is suspended", || thread.resume().unwrap() == 1);
    thread.wait(LONG).unwrap();
    assert_eq!(thread.exit_code().unwrap(), Some(0));
}

/// A thread that waits is stopped as well, and its wait goes on afterwards.
#[test]
fn suspended_thread_goes_on_with_its_wait() {
    let _watch = watch("suspended_thread_goes_on_with_its_wait");
    let event = Event::new(Reset::Auto, false).unwrap();
    let awaited = event.clone();
    let (tell, told) = mpsc::channel();
    let thread = Thread::spawn(move || {
        awaited.wait(LONG).unwrap();
        tell.send(()).unwrap();
        0
    })
    .unwrap();
    std::thread::sleep(Duration::from_millis(20));
    assert_eq!(thread.suspend().unwrap(), 0);
    event.set().unwrap();
    assert!(told.recv_timeout(Duration::from_millis(50)).is_err());
    assert_eq!(thread.resume().unwrap(), 1);
    thread.wait(LONG).unwrap();
}

/// W-151.
#[test]
fn threads_are_opened_by_id_while_they_live_or_are_held() {
    let _watch = watch("threads_are_opened_by_id_while_they_live_or_are_held");
    let counter = Counter::start(ThreadOptions::new());
    let id = counter.thread.id();
    let opened = Thread::open(id).unwrap();
    assert!(opened.same_object(&counter.thread));
    counter.finish();
    assert_eq!(Thread::open(id).unwrap().exit_code().unwrap(), Some(7));
    for unknown in [0, 3, std::process::id(), 0x7fff_fff1] {
        let refused = Thread::open(unknown).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::InvalidParameter, "{unknown}");
    }
}

/// The object goes when nobody holds it.
#[test]
fn ended_thread_that_nobody_holds_cannot_be_opened() {
    let _watch = watch("ended_thread_that_nobody_holds_cannot_be_opened");
    let thread = Thread::spawn(|| 0).unwrap();
    let id = thread.id();
    thread.wait(LONG).unwrap();
    drop(thread);
    eventually("it is forgotten", || Thread::open(id).is_err());
}

/// A thread that we did not make gets its object when it asks for it.
#[test]
fn threads_of_others_have_objects_too() {
    let _watch = watch("threads_of_others_have_objects_too");
    let (tell, told) = mpsc::channel();
    let foreign = std::thread::spawn(move || {
        let own = Thread::current().unwrap();
        assert!(own.same_object(&Thread::current().unwrap()));
        tell.send(own).unwrap();
    });
    let thread = told.recv().unwrap();
    thread.wait(LONG).unwrap();
    assert_eq!(thread.exit_code().unwrap(), Some(0));
    foreign.join().unwrap();
}

#[test]
fn panic_ends_the_thread_with_a_code_of_its_own() {
    let _watch = watch("panic_ends_the_thread_with_a_code_of_its_own");
    let thread = Thread::spawn(|| std::panic::resume_unwind(Box::new("quietly"))).unwrap();
    thread.wait(LONG).unwrap();
    assert_eq!(thread.exit_code().unwrap(), Some(PANICKED));
}

#[test]
fn description_is_the_kernels_name_too() {
    let _watch = watch("description_is_the_kernels_name_too");
    let counter = Counter::start(ThreadOptions::new());
    assert_eq!(counter.thread.description(), "");
    counter
        .thread
        .set_description("counts for ever and ever")
        .unwrap();
    assert_eq!(counter.thread.description(), "counts for ever and ever");
    let name = std::fs::read_to_string(format!("/proc/self/task/{}/comm", counter.thread.id()));
    assert_eq!(name.unwrap(), "counts for ever\n");
    counter.finish();
}

/// A thousand threads come and go, and leave nothing behind.
#[test]
fn many_threads_leave_nothing() {
    let _watch = watch("many_threads_leave_nothing");
    for round in 0..100_u32 {
        let threads: Vec<_> = (0..10)
            .map(|number| Thread::spawn(move || round * 10 + number).unwrap())
            .collect();
        for (thread, number) in threads.iter().zip(0..) {
            thread.wait(LONG).unwrap();
            assert_eq!(thread.exit_code().unwrap(), Some(round * 10 + number));
        }
    }
    eventually("the threads are gone", || {
        std::fs::read_dir("/proc/self/task").unwrap().count() < 300
    });
}
