//! Calls queued to threads, and the routines of timers: when they run and when not.

use std::sync::{mpsc, Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use tong::object::timer::Due;
use tong::wait::{self, Outcome, Satisfied};
use tong::{ErrorKind, Event, Reset, Semaphore, Thread, ThreadOptions, Timer};

use crate::support::{namespace, Watchdog};

const LONG: Option<Duration> = Some(Duration::from_secs(30));
const NONE: Option<Duration> = Some(Duration::ZERO);
const FIRST: Outcome = Outcome::Satisfied(Satisfied {
    index: 0,
    abandoned: false,
});

fn watch(test: &'static str) -> Watchdog {
    namespace();
    Watchdog::new(test, Duration::from_secs(120))
}

/// What ran, in order.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u32>>>);

impl Log {
    fn add(&self, number: u32) {
        self.0.lock().unwrap().push(number);
    }

    /// Queues a call to the thread that adds the number.
    fn queue(&self, thread: &Thread, number: u32) {
        let log = self.clone();
        thread.queue_apc(move || log.add(number)).unwrap();
    }

    #[track_caller]
    fn check(&self, numbers: &[u32]) {
        assert_eq!(*self.0.lock().unwrap(), numbers);
    }
}

fn event(signaled: bool) -> Event {
    Event::new(Reset::Auto, signaled).unwrap()
}

fn sleep(timeout: Option<Duration>) -> Outcome {
    wait::any_alertable(&[], timeout).unwrap()
}

/// W-56, W-59, W-60: all that is queued runs, in order, on the thread, with what is queued meanwhile; then the wait ends.
#[test]
fn alertable_wait_runs_all_calls_and_returns_once() {
    let _watch = watch("alertable_wait_runs_all_calls_and_returns_once");
    let (log, own) = (Log::default(), Thread::current().unwrap());
    log.queue(&own, 1);
    let (more, again) = (log.clone(), own.clone());
    own.queue_apc(move || {
        assert!(Thread::current().unwrap().same_object(&again));
        more.add(2);
        more.queue(&again, 4);
    })
    .unwrap();
    log.queue(&own, 3);
    assert_eq!(sleep(LONG), Outcome::Alerted);
    log.check(&[1, 2, 3, 4]);
    assert_eq!(sleep(NONE), Outcome::TimedOut);
}

/// W-58: only alertable waits run calls.
#[test]
fn other_waits_run_no_calls() {
    let _watch = watch("other_waits_run_no_calls");
    let (log, own) = (Log::default(), Thread::current().unwrap());
    log.queue(&own, 1);
    let never = event(false);
    let timed_out = wait::any(&[&never], Some(Duration::from_millis(20))).unwrap_err();
    assert_eq!(timed_out.kind(), ErrorKind::TimedOut);
    std::thread::sleep(Duration::from_millis(1));
    log.check(&[]);
    assert_eq!(sleep(NONE), Outcome::Alerted);
    log.check(&[1]);
}

/// W-61, W-2: a call that signals the awaited object still ends the wait without it.
#[test]
fn alerted_wait_leaves_its_objects_alone() {
    let _watch = watch("alerted_wait_leaves_its_objects_alone");
    let own = Thread::current().unwrap();
    let semaphore = Semaphore::new(0, 1).unwrap();
    let released = semaphore.clone();
    own.queue_apc(move || {
        let _ = released.release(1).unwrap();
    })
    .unwrap();
    let outcome = wait::any_alertable(&[&semaphore], LONG).unwrap();
    assert_eq!(outcome, Outcome::Alerted);
    let outcome = wait::any_alertable(&[&semaphore], NONE).unwrap();
    assert_eq!(outcome, FIRST);
}

/// W-62, W-63: signaled objects come before calls, calls before the time-out.
#[test]
fn objects_come_before_calls_and_calls_before_time() {
    let _watch = watch("objects_come_before_calls_and_calls_before_time");
    let (log, own) = (Log::default(), Thread::current().unwrap());
    log.queue(&own, 1);
    let signaled = event(true);
    assert_eq!(wait::any_alertable(&[&signaled], LONG).unwrap(), FIRST);
    log.check(&[]);
    let outcome = wait::any_alertable(&[&signaled], NONE).unwrap();
    assert_eq!(outcome, Outcome::Alerted);
    log.check(&[1]);
    let outcome = wait::any_alertable(&[&signaled], NONE).unwrap();
    assert_eq!(outcome, Outcome::TimedOut);
}

/// W-64, W-37: a wait for all is called away as well, with nothing taken.
#[test]
fn wait_for_all_is_called_away_with_nothing_taken() {
    let _watch = watch("wait_for_all_is_called_away_with_nothing_taken");
    let (set, unset) = (event(true), event(false));
    let (objects, own) = ([set.clone(), unset.clone()], Thread::current().unwrap());
    let (tell, told) = mpsc::channel();
    let thread = Thread::spawn(move || {
        tell.send(()).unwrap();
        let outcome = wait::all_alertable(&[&objects[0], &objects[1]], LONG).unwrap();
        assert_eq!(outcome, Outcome::Alerted);
        0
    })
    .unwrap();
    told.recv().unwrap();
    std::thread::sleep(Duration::from_millis(20));
    thread.queue_apc(|| ()).unwrap();
    thread.wait(LONG).unwrap();
    assert_eq!(thread.exit_code().unwrap(), Some(0));
    set.wait(NONE).unwrap();
    drop(own);
}

/// W-59: from another thread, into a wait that has begun.
#[test]
fn call_from_another_thread_ends_a_sleep() {
    let _watch = watch("call_from_another_thread_ends_a_sleep");
    for _ in 0..200 {
        let (tell, told) = mpsc::channel();
        let thread = Thread::spawn(move || {
            tell.send(()).unwrap();
            u32::from(sleep(None) == Outcome::Alerted)
        })
        .unwrap();
        told.recv().unwrap();
        let log = Log::default();
        log.queue(&thread, 1);
        thread.wait(LONG).unwrap();
        assert_eq!(thread.exit_code().unwrap(), Some(1));
        log.check(&[1]);
    }
}

/// W-66, W-69: what was queued before a thread runs comes before its function.
#[test]
fn calls_queued_before_the_start_run_first() {
    let _watch = watch("calls_queued_before_the_start_run_first");
    let log = Log::default();
    let body = log.clone();
    let thread = ThreadOptions::new()
        .suspended(true)
        .spawn(move || {
            body.add(3);
            0
        })
        .unwrap();
    log.queue(&thread, 1);
    log.queue(&thread, 2);
    log.check(&[]);
    thread.resume().unwrap();
    thread.wait(LONG).unwrap();
    log.check(&[1, 2, 3]);
}

/// W-57, W-67.
#[test]
fn ended_thread_takes_no_calls_and_drops_what_it_had() {
    let _watch = watch("ended_thread_takes_no_calls_and_drops_what_it_had");
    let log = Log::default();
    let (go, gone) = mpsc::channel::<()>();
    let (tell, told) = mpsc::channel();
    let thread = Thread::spawn(move || {
        tell.send(()).unwrap();
        let _ = gone.recv();
        0
    })
    .unwrap();
    // What is queued before its function runs would run before it.
    told.recv().unwrap();
    let (token, held) = mpsc::channel::<()>();
    thread.queue_apc(move || drop(token)).unwrap();
    log.queue(&thread, 1);
    drop(go);
    thread.wait(LONG).unwrap();
    let refused = thread.queue_apc(|| ()).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Ended);
    log.check(&[]);
    assert_eq!(held.try_recv(), Err(mpsc::TryRecvError::Disconnected));
}

/// W-57: also one that was terminated.
#[test]
fn terminated_thread_takes_no_calls() {
    let _watch = watch("terminated_thread_takes_no_calls");
    let thread = Thread::spawn(|| loop {
        std::thread::park();
    })
    .unwrap();
    thread.terminate(1).unwrap();
    thread.wait(LONG).unwrap();
    let refused = thread.queue_apc(|| ()).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Ended);
}

/// W-68: a call may wait alertably itself.
#[test]
fn call_runs_further_calls_in_a_wait_of_its_own() {
    let _watch = watch("call_runs_further_calls_in_a_wait_of_its_own");
    let (log, own) = (Log::default(), Thread::current().unwrap());
    let (inner, again) = (log.clone(), own.clone());
    own.queue_apc(move || {
        inner.add(1);
        inner.queue(&again, 3);
        assert_eq!(sleep(LONG), Outcome::Alerted);
        inner.add(4);
    })
    .unwrap();
    log.queue(&own, 2);
    assert_eq!(sleep(LONG), Outcome::Alerted);
    log.check(&[1, 2, 3, 4]);
    assert_eq!(sleep(NONE), Outcome::TimedOut);
}

/// W-69: a suspended thread takes calls, and runs them when it goes on.
#[test]
fn suspended_thread_runs_calls_when_it_goes_on() {
    let _watch = watch("suspended_thread_runs_calls_when_it_goes_on");
    let (tell, told) = mpsc::channel();
    let thread = Thread::spawn(move || {
        tell.send(()).unwrap();
        u32::from(sleep(None) == Outcome::Alerted)
    })
    .unwrap();
    told.recv().unwrap();
    thread.suspend().unwrap();
    let log = Log::default();
    log.queue(&thread, 1);
    std::thread::sleep(Duration::from_millis(20));
    log.check(&[]);
    thread.resume().unwrap();
    thread.wait(LONG).unwrap();
    log.check(&[1]);
}

/// W-117: in the thread's alertable waits only, with the time of the expiry.
#[test]
fn routine_of_a_timer_runs_when_due_and_alertable() {
    let _watch = watch("routine_of_a_timer_runs_when_due_and_alertable");
    let timer = Timer::new(Reset::Auto).unwrap();
    let (tell, told) = mpsc::channel();
    let tell = Mutex::new(tell);
    let (started, began) = (Instant::now(), SystemTime::now());
    let due = Duration::from_millis(30);
    let routine = move |time| tell.lock().unwrap().send(time).unwrap();
    timer
        .set_with_routine(Due::After(due), None, routine)
        .unwrap();
    assert_eq!(sleep(NONE), Outcome::TimedOut);
    assert_eq!(sleep(LONG), Outcome::Alerted);
    assert!(started.elapsed() >= due);
    let time: SystemTime = told.try_recv().unwrap();
    assert!(time >= began + due - Duration::from_millis(1) && time <= SystemTime::now());
    // The timer itself was signaled too.
    timer.wait(NONE).unwrap();
    assert_eq!(sleep(Some(Duration::from_millis(60))), Outcome::TimedOut);
}

/// W-117: one call is pending at most, however many expiries were missed.
#[test]
fn missed_expiries_of_a_period_give_one_call() {
    let _watch = watch("missed_expiries_of_a_period_give_one_call");
    let timer = Timer::new(Reset::Auto).unwrap();
    let log = Log::default();
    let called = log.clone();
    let period = Duration::from_millis(40);
    let routine = move |_| called.add(1);
    timer
        .set_with_routine(Due::After(period), Some(period), routine)
        .unwrap();
    std::thread::sleep(period * 4);
    assert_eq!(sleep(NONE), Outcome::Alerted);
    log.check(&[1]);
    assert_eq!(sleep(LONG), Outcome::Alerted);
    log.check(&[1, 1]);
    timer.cancel().unwrap();
    assert_eq!(sleep(Some(period * 2)), Outcome::TimedOut);
}

/// W-110, W-115: setting or cancelling the timer takes a pending call back, whoever does it.
#[test]
fn setting_and_cancelling_take_the_call_back() {
    let _watch = watch("setting_and_cancelling_take_the_call_back");
    for again in [true, false] {
        let timer = Timer::new(Reset::Manual).unwrap();
        let log = Log::default();
        let called = log.clone();
        let routine = move |_| called.add(1);
        timer
            .set_with_routine(Due::After(Duration::ZERO), None, routine)
            .unwrap();
        timer.wait(LONG).unwrap();
        let other = timer.clone();
        std::thread::spawn(move || match again {
            true => other.set(Due::After(Duration::ZERO), None).unwrap(),
            false => other.cancel().unwrap(),
        })
        .join()
        .unwrap();
        assert_eq!(sleep(Some(Duration::from_millis(20))), Outcome::TimedOut);
        log.check(&[]);
        // The state: set again, or left as it was.
        timer.wait(LONG).unwrap();
    }
}

/// W-122: the last reference takes the call with it.
#[test]
fn dropped_timer_calls_nobody() {
    let _watch = watch("dropped_timer_calls_nobody");
    let timer = Timer::new(Reset::Auto).unwrap();
    let log = Log::default();
    let called = log.clone();
    let routine = move |_| called.add(1);
    timer
        .set_with_routine(Due::After(Duration::ZERO), None, routine)
        .unwrap();
    drop(timer);
    assert_eq!(sleep(Some(Duration::from_millis(20))), Outcome::TimedOut);
    log.check(&[]);
}

/// W-118: with its thread, a timer that has a routine is cancelled, and any other goes on.
#[test]
fn end_of_the_thread_cancels_its_timers_with_routines() {
    let _watch = watch("end_of_the_thread_cancels_its_timers_with_routines");
    let timers = [(); 2].map(|()| Timer::new(Reset::Manual).unwrap());
    let [with, without] = timers.clone();
    let due = Due::After(Duration::from_millis(50));
    let thread = Thread::spawn(move || {
        with.set_with_routine(due, None, |_| ()).unwrap();
        without.set(due, None).unwrap();
        0
    })
    .unwrap();
    thread.wait(LONG).unwrap();
    timers[1].wait(LONG).unwrap();
    std::thread::sleep(Duration::from_millis(50));
    assert!(!timers[0].is_signaled());
}

/// W-117: calls and expiries run in the order in which they came.
#[test]
fn expiries_take_their_place_among_the_calls() {
    let _watch = watch("expiries_take_their_place_among_the_calls");
    let own = Thread::current().unwrap();
    let timer = Timer::new(Reset::Auto).unwrap();
    let log = Log::default();
    log.queue(&own, 1);
    let called = log.clone();
    let routine = move |_| called.add(2);
    timer
        .set_with_routine(Due::After(Duration::from_millis(5)), None, routine)
        .unwrap();
    std::thread::sleep(Duration::from_millis(20));
    log.queue(&own, 3);
    assert_eq!(sleep(NONE), Outcome::Alerted);
    log.check(&[1, 2, 3]);
}
