use super::*;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;

/// A thread that counts as fast as it can until it is told to stop.
struct Counter {
    control: Arc<Control>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    count: AtomicU64,
    stop: AtomicBool,
    ended: AtomicBool,
}

impl Counter {
    fn start(suspended: u32) -> Counter {
        let control = Control::new(suspended);
        let shared = Arc::new(Shared::default());
        let inside = Arc::clone(&shared);
        super::super::spawn(
            None,
            Arc::clone(&control),
            || true,
            move || {
                while !inside.stop.load(Ordering::Relaxed) {
                    inside.count.fetch_add(1, Ordering::Relaxed);
                }
                inside.ended.store(true, Ordering::Relaxed);
                leave();
            },
        )
        .unwrap();
        eventually(|| control.thread() != 0);
        Counter { control, shared }
    }

    fn counts(&self) -> bool {
        let before = self.shared.count.load(Ordering::Relaxed);
        std::thread::sleep(Duration::from_millis(20));
        self.shared.count.load(Ordering::Relaxed) != before
    }

    fn finish(&self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        eventually(|| self.control.is_over());
    }
}

#[track_caller]
fn eventually(mut condition: impl FnMut() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < Duration::from_secs(30));
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Whether the kernel still has the thread.
fn exists(thread: u32) -> bool {
    std::path::Path::new(&format!("/proc/self/task/{thread}")).exists()
}

/// W-147, W-148: the counts.
#[test]
fn suspended_thread_stops_and_goes_on_when_the_count_is_zero_again() {
    let counter = Counter::start(0);
    eventually(|| counter.counts());
    assert_eq!(counter.control.suspend(), Ok(0));
    assert!(!counter.counts());
    assert_eq!(counter.control.suspend(), Ok(1));
    assert_eq!(counter.control.resume(), 2);
    assert!(!counter.counts());
    assert_eq!(counter.control.resume(), 1);
    eventually(|| counter.counts());
    assert_eq!(counter.control.resume(), 0);
    counter.finish();
    assert_eq!(counter.control.suspend(), Err(SuspendError::Ended));
    assert_eq!(counter.control.resume(), 0);
}

/// W-148.
#[test]
fn thread_is_suspended_127_times_at_most() {
    let counter = Counter::start(1);
    for count in 1..SUSPEND_MAX {
        assert_eq!(counter.control.suspend(), Ok(count));
    }
    assert_eq!(counter.control.suspend(), Err(SuspendError::TooOften));
    for count in (1..=SUSPEND_MAX).rev() {
        assert_eq!(counter.control.resume(), count);
    }
    eventually(|| counter.counts());
    counter.finish();
}

#[test]
fn stopping_and_going_on_many_times_loses_no_order() {
    let counter = Counter::start(0);
    for _ in 0..2_000 {
        assert_eq!(counter.control.suspend(), Ok(0));
        let before = counter.shared.count.load(Ordering::Relaxed);
        std::thread::yield_now();
        assert_eq!(counter.shared.count.load(Ordering::Relaxed), before);
        assert_eq!(counter.control.resume(), 1);
    }
    eventually(|| counter.counts());
    counter.finish();
}

/// W-150.
#[test]
fn killed_thread_ends_whether_it_runs_or_is_suspended_or_never_ran() {
    for suspended in [0, 1] {
        let counter = Counter::start(suspended);
        let thread = counter.control.thread();
        assert!(counter.control.kill().unwrap());
        eventually(|| !exists(thread));
        assert!(!counter.shared.ended.load(Ordering::Relaxed));
        assert!(!counter.control.kill().unwrap(), "once is enough");
        assert_eq!(counter.control.suspend(), Err(SuspendError::Ended));
    }
    free_killed();
}

#[test]
fn steady_thread_obeys_when_it_lets_go() {
    let control = Control::new(0);
    let shared = Arc::new(Shared::default());
    let inside = Arc::clone(&shared);
    super::super::spawn(
        None,
        Arc::clone(&control),
        || true,
        move || {
            let guard = steady();
            let nested = steady();
            inside.count.store(1, Ordering::Release);
            while !inside.stop.load(Ordering::Acquire) {
                std::hint::spin_loop();
            }
            drop(nested);
            inside.count.store(2, Ordering::Release);
            drop(guard);
            inside.count.store(3, Ordering::Release);
            leave();
        },
    )
    .unwrap();
    eventually(|| shared.count.load(Ordering::Acquire) == 1);
    let suspender = {
        let control = Arc::clone(&control);
        std::thread::spawn(move || control.suspend())
    };
    eventually(|| control.suspended.load(Ordering::SeqCst) == 1);
    std::thread::sleep(Duration::from_millis(20));
    assert_eq!(control.stopped.load(Ordering::SeqCst), 0);
    shared.stop.store(true, Ordering::Release);
    assert_eq!(suspender.join().unwrap(), Ok(0));
    eventually(|| control.stopped.load(Ordering::SeqCst) == 1);
    assert_eq!(shared.count.load(Ordering::Acquire), 2);
    assert_eq!(control.resume(), 1);
    eventually(|| control.is_over());
    assert_eq!(shared.count.load(Ordering::Acquire), 3);
}

#[test]
fn adopted_thread_can_suspend_itself() {
    let (tell, told) = std::sync::mpsc::channel();
    let thread = std::thread::spawn(move || {
        let control = Control::adopt();
        tell.send(Arc::clone(&control)).unwrap();
        let before = control.suspend();
        leave();
        before
    });
    let control: Arc<Control> = told.recv().unwrap();
    eventually(|| control.stopped.load(Ordering::SeqCst) == 1);
    assert_eq!(control.resume(), 1);
    assert_eq!(thread.join().unwrap(), Ok(0));
}
