//! Events, semaphores, timers, threads and processes under tokio: awaited, cancelled, and nothing lost (demand S3, and
//! tokio's own documentation of cancel safety for `AsyncFd`).

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tong::{
    Due, ErrorKind, Event, Mutex, ObjectName, Process, ProcessOptions, Reset, Semaphore, Timer,
};

use crate::support::Watchdog;

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

#[test]
fn task_waits_for_an_event_that_a_thread_sets() {
    let _watchdog = Watchdog::new("async_event", Duration::from_secs(60));
    let event = Event::new(Reset::Auto, false).unwrap();
    let setter = event.clone();
    let thread = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(30));
        setter.set().unwrap();
    });
    runtime().block_on(tong::tokio::wait(&event)).unwrap();
    assert!(!event.is_signaled(), "the wait took the signal");
    thread.join().unwrap();
}

/// A future may be dropped before it was polled, while it waits, after its task was woken, or when it is ready: each time
/// the signal is either what it returned, or still there.
#[test]
fn wait_dropped_at_any_await_point_loses_no_signal() {
    let _watchdog = Watchdog::new("async_dropped", Duration::from_secs(60));
    let tokens = Semaphore::new(0, 1_000).unwrap();
    let other = Event::new(Reset::Auto, false).unwrap();
    let mut context = Context::from_waker(Waker::noop());
    let mut taken = 0;
    for round in 0..300u32 {
        let objects: [&dyn tong::wait::Waitable; 2] = [&other, &tokens];
        let mut wait = pin!(tong::tokio::any(&objects));
        if round % 3 > 0 {
            assert!(wait.as_mut().poll(&mut context).is_pending());
        }
        tokens.release(1).unwrap();
        if round % 3 == 2 {
            match wait.as_mut().poll(&mut context) {
                Poll::Ready(satisfied) => {
                    assert_eq!(satisfied.unwrap().index, 1);
                    taken += 1;
                }
                Poll::Pending => panic!("the semaphore was released, and nobody else takes"),
            }
            assert_eq!(tokens.count(), 0);
            continue;
        }
        // Dropped here, at the end of the round: the token stays, and is taken in the ordinary way.
        assert_eq!(tokens.count(), 1, "round {round}");
        tokens.acquire(Some(Duration::ZERO)).unwrap();
        taken += 1;
    }
    assert_eq!(taken, 300);
    assert_eq!(
        other.waiters() + tokens.waiters(),
        0,
        "no slots are left behind"
    );
}

/// Random cancellation by time-outs, with a thread that releases: what was released was taken, or is left.
#[test]
fn tokens_are_conserved_under_cancellation_by_time() {
    let _watchdog = Watchdog::new("async_conserved", Duration::from_secs(120));
    let tokens = Semaphore::new(0, 1_000_000).unwrap();
    let released = 2_000;
    let releaser = {
        let tokens = tokens.clone();
        std::thread::spawn(move || {
            for number in 0..released {
                tokens.release(1).unwrap();
                if number % 50 == 0 {
                    std::thread::sleep(Duration::from_micros(300));
                }
            }
        })
    };
    let taken = runtime().block_on(async {
        let mut tasks = tokio::task::JoinSet::new();
        (0..20).for_each(|seed| {
            tasks.spawn(take_until_quiet(seed, tokens.clone()));
        });
        let mut taken = 0;
        while let Some(count) = tasks.join_next().await {
            taken += count.unwrap();
        }
        taken
    });
    releaser.join().unwrap();
    assert_eq!(taken + u64::from(tokens.count()), released);
}

/// Takes tokens with time-outs shorter and longer than the pauses of the releaser, until none came for long.
async fn take_until_quiet(seed: u64, tokens: Semaphore) -> u64 {
    let mut random = fastrand::Rng::with_seed(seed);
    let (mut taken, mut idle) = (0, 0);
    while idle < 200 {
        let limit = Duration::from_micros(random.u64(0..1_500));
        match tokio::time::timeout(limit, tong::tokio::wait(&tokens)).await {
            Ok(waited) => {
                waited.unwrap();
                (taken, idle) = (taken + 1, 0);
            }
            Err(_) => idle += 1,
        }
    }
    taken
}

#[test]
fn all_is_taken_together_or_not_at_all() {
    let _watchdog = Watchdog::new("async_all", Duration::from_secs(60));
    let (first, second) = (
        Event::new(Reset::Auto, true).unwrap(),
        Event::new(Reset::Auto, false).unwrap(),
    );
    let objects: [&dyn tong::wait::Waitable; 2] = [&first, &second];
    let mut context = Context::from_waker(Waker::noop());
    let mut both = pin!(tong::tokio::all(&objects));
    assert!(both.as_mut().poll(&mut context).is_pending());
    assert!(first.is_signaled(), "nothing is held back (W-31)");
    second.set().unwrap();
    assert!(both.as_mut().poll(&mut context).is_ready());
    assert!(!first.is_signaled() && !second.is_signaled());
}

#[test]
fn timer_process_and_named_event_end_one_wait_each() {
    let _watchdog = Watchdog::new("async_kinds", Duration::from_secs(60));
    crate::support::namespace();
    let timer = Timer::new(Reset::Auto).unwrap();
    timer
        .set(Due::After(Duration::from_millis(20)), None)
        .unwrap();
    let name = ObjectName::parse("async event").unwrap();
    let (event, _) = Event::create(&name, Reset::Manual, false).unwrap();
    let child: Process = ProcessOptions::new("/bin/true").spawn().unwrap();
    runtime().block_on(async {
        tong::tokio::wait(&timer).await.unwrap();
        tong::tokio::wait(&child).await.unwrap();
        let opened = Event::open(&name).unwrap();
        let (waited, ()) = tokio::join!(tong::tokio::wait(&event), async {
            opened.set().unwrap();
        });
        waited.unwrap();
    });
    assert_eq!(child.exit_code().unwrap(), Some(0));
}

#[test]
fn mutex_cannot_be_awaited_because_it_belongs_to_a_thread() {
    let mutex = Mutex::new(false).unwrap();
    let outcome = runtime().block_on(tong::tokio::wait(&mutex));
    assert_eq!(outcome.unwrap_err().kind(), ErrorKind::InvalidParameter);
}
