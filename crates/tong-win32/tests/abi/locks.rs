//! Critical sections, SRW locks, condition variables, one-time initialization, WaitOnAddress.

use super::*;
use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicU8, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use tong_win32::condition_variable::*;
use tong_win32::critical_section::*;
use tong_win32::init_once::*;
use tong_win32::srw_lock::*;
use tong_win32::wait_on_address::*;

/// A structure of a C program that several threads use.
struct Shared<T>(std::cell::UnsafeCell<T>);

// SAFETY: the tests only hand its address to functions that are made for several threads.
unsafe impl<T> Sync for Shared<T> {}

impl<T> Shared<T> {
    fn new(value: T) -> Shared<T> {
        Shared(std::cell::UnsafeCell::new(value))
    }

    fn get(&self) -> *mut T {
        self.0.get()
    }
}

fn section(spin_count: u32) -> Shared<CRITICAL_SECTION> {
    let mut section = MaybeUninit::uninit();
    succeeds(|| unsafe { InitializeCriticalSectionAndSpinCount(section.as_mut_ptr(), spin_count) });
    Shared::new(unsafe { section.assume_init() })
}

/// A word of zeros, as the static initializers leave it.
fn zeroed<T>() -> Shared<T> {
    Shared::new(unsafe { MaybeUninit::zeroed().assume_init() })
}

/// The fields that debuggers look at: LockCount, RecursionCount.
fn counts(section: &Shared<CRITICAL_SECTION>) -> (i32, i32) {
    let words = section.get().cast::<i32>();
    unsafe { (words.add(2).read(), words.add(3).read()) }
}

fn elsewhere<T: Send>(call: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| scope.spawn(call).join().unwrap())
}

#[test]
fn critical_section_is_recursive_and_excludes_other_threads() {
    let section = section(0);
    assert_eq!(counts(&section), (-1, 0));
    unsafe { EnterCriticalSection(section.get()) };
    assert_eq!(unsafe { TryEnterCriticalSection(section.get()) }, TRUE);
    assert_eq!(counts(&section), (-2, 2));
    let try_enter = || unsafe { TryEnterCriticalSection(section.get()) };
    assert_eq!(elsewhere(try_enter), FALSE);
    unsafe { LeaveCriticalSection(section.get()) };
    assert_eq!(elsewhere(try_enter), FALSE, "entered twice, left once");
    // Another thread cannot leave for the owner.
    elsewhere(|| unsafe { LeaveCriticalSection(section.get()) });
    assert_eq!(elsewhere(try_enter), FALSE);
    unsafe { LeaveCriticalSection(section.get()) };
    assert_eq!(
        elsewhere(|| {
            let entered = try_enter();
            unsafe { LeaveCriticalSection(section.get()) };
            entered
        }),
        TRUE
    );
    unsafe { DeleteCriticalSection(section.get()) };
}

#[test]
fn critical_section_counts_right_under_contention() {
    for spin_count in [0, 4_000] {
        let (section, total) = (section(spin_count), Shared::new(0_u64));
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..20_000 {
                        unsafe {
                            EnterCriticalSection(section.get());
                            *total.get() += 1;
                            LeaveCriticalSection(section.get());
                        }
                    }
                });
            }
        });
        assert_eq!(unsafe { *total.get() }, 80_000);
        assert_eq!(counts(&section), (-1, 0));
    }
}

#[test]
fn spin_count_is_kept_and_unknown_flags_are_refused() {
    let section = section(4_000);
    let set = |count| unsafe { SetCriticalSectionSpinCount(section.get(), count) };
    assert_eq!(set(0x8000_0010), 4_000);
    assert_eq!(set(0), 0x10, "the high byte holds flags");
    succeeds(|| unsafe { InitializeCriticalSectionEx(section.get(), 5, 0x0100_0000) });
    assert_eq!(set(0), 5);
    fails(87, || unsafe {
        InitializeCriticalSectionEx(section.get(), 5, 1)
    });
}

#[test]
fn srw_lock_has_one_writer_or_many_readers() {
    let lock = zeroed::<SRWLOCK>();
    let try_both = || {
        elsewhere(|| unsafe {
            let shared = TryAcquireSRWLockShared(lock.get());
            if shared == 1 {
                ReleaseSRWLockShared(lock.get());
            }
            let exclusive = TryAcquireSRWLockExclusive(lock.get());
            if exclusive == 1 {
                ReleaseSRWLockExclusive(lock.get());
            }
            (shared, exclusive)
        })
    };
    assert_eq!(try_both(), (1, 1));
    unsafe { AcquireSRWLockExclusive(lock.get()) };
    assert_eq!(try_both(), (0, 0));
    unsafe { ReleaseSRWLockExclusive(lock.get()) };
    unsafe { AcquireSRWLockShared(lock.get()) };
    assert_eq!(try_both(), (1, 0));
    unsafe { ReleaseSRWLockShared(lock.get()) };
    assert_eq!(try_both(), (1, 1));
    assert_eq!(unsafe { lock.get().cast::<u32>().read() }, 0);
    unsafe { InitializeSRWLock(lock.get()) };
    assert_eq!(try_both(), (1, 1));
}

#[test]
fn srw_lock_keeps_pairs_whole_under_contention() {
    let (lock, pair) = (zeroed::<SRWLOCK>(), Shared::new((0_u64, 0_u64)));
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for _ in 0..10_000 {
                    unsafe {
                        AcquireSRWLockExclusive(lock.get());
                        (*pair.get()).0 += 1;
                        (*pair.get()).1 += 1;
                        ReleaseSRWLockExclusive(lock.get());
                    }
                }
            });
            scope.spawn(|| {
                for _ in 0..10_000 {
                    unsafe {
                        AcquireSRWLockShared(lock.get());
                        assert_eq!((*pair.get()).0, (*pair.get()).1);
                        ReleaseSRWLockShared(lock.get());
                    }
                }
            });
        }
    });
    assert_eq!(unsafe { *pair.get() }, (30_000, 30_000));
}

#[test]
fn sleep_on_a_condition_variable_ends_with_1460_and_the_lock() {
    let (variable, section) = (zeroed::<CONDITION_VARIABLE>(), section(0));
    unsafe { EnterCriticalSection(section.get()) };
    for milliseconds in [0, 30] {
        let start = Instant::now();
        fails(1460, || unsafe {
            SleepConditionVariableCS(variable.get(), section.get(), milliseconds)
        });
        assert!(start.elapsed() >= Duration::from_millis(milliseconds.into()));
        assert_eq!(counts(&section), (-2, 1));
    }
    let lock = zeroed::<SRWLOCK>();
    for flags in [0, 1] {
        unsafe {
            match flags {
                0 => AcquireSRWLockExclusive(lock.get()),
                _ => AcquireSRWLockShared(lock.get()),
            }
        }
        fails(1460, || unsafe {
            SleepConditionVariableSRW(variable.get(), lock.get(), 1, flags)
        });
        fails(87, || unsafe {
            SleepConditionVariableSRW(variable.get(), lock.get(), 1, 2)
        });
        unsafe {
            match flags {
                0 => ReleaseSRWLockExclusive(lock.get()),
                _ => ReleaseSRWLockShared(lock.get()),
            }
        }
    }
    assert_eq!(unsafe { lock.get().cast::<u32>().read() }, 0);
}

#[test]
fn condition_variable_carries_every_item_of_a_queue() {
    let (variable, section, queue) = (
        zeroed::<CONDITION_VARIABLE>(),
        section(0),
        Shared::new(Vec::<u32>::new()),
    );
    let total = AtomicU32::new(0);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| unsafe {
                loop {
                    EnterCriticalSection(section.get());
                    while (*queue.get()).is_empty() {
                        succeeds(|| {
                            SleepConditionVariableCS(variable.get(), section.get(), FOREVER)
                        });
                    }
                    let item = (*queue.get()).pop().unwrap();
                    LeaveCriticalSection(section.get());
                    if item == 0 {
                        return;
                    }
                    total.fetch_add(item, Ordering::Relaxed);
                }
            });
        }
        let add = |item: u32, all: bool| unsafe {
            EnterCriticalSection(section.get());
            (*queue.get()).insert(0, item);
            LeaveCriticalSection(section.get());
            match all {
                false => WakeConditionVariable(variable.get()),
                true => WakeAllConditionVariable(variable.get()),
            }
        };
        (1..=1_000).for_each(|item| add(item, item % 2 == 0));
        (0..3).for_each(|_| add(0, true));
    });
    assert_eq!(total.load(Ordering::Relaxed), 500_500);
}

unsafe extern "C-unwind" fn count_and_succeed(
    _once: *mut INIT_ONCE,
    counter: *mut c_void,
    context: *mut *mut c_void,
) -> i32 {
    unsafe { (*counter.cast::<AtomicU32>()).fetch_add(1, Ordering::Relaxed) };
    unsafe { *context = 0x1230 as *mut c_void };
    TRUE
}

unsafe extern "C-unwind" fn fail_with_5(
    _once: *mut INIT_ONCE,
    _parameter: *mut c_void,
    _context: *mut *mut c_void,
) -> i32 {
    SetLastError(5);
    FALSE
}

#[test]
fn one_thread_initializes_and_all_find_the_result() {
    let (once, counter) = (zeroed::<INIT_ONCE>(), AtomicU32::new(0));
    fails(5, || unsafe {
        InitOnceExecuteOnce(
            once.get(),
            Some(fail_with_5),
            ptr::null_mut(),
            ptr::null_mut(),
        )
    });
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let mut context = ptr::null_mut();
                let counter = (&raw const counter).cast_mut().cast();
                succeeds(|| unsafe {
                    InitOnceExecuteOnce(once.get(), Some(count_and_succeed), counter, &mut context)
                });
                assert_eq!(context as usize, 0x1230);
            });
        }
    });
    assert_eq!(counter.load(Ordering::Relaxed), 1);
}

fn begin(once: &Shared<INIT_ONCE>, flags: u32) -> Result<(i32, usize), u32> {
    let (mut pending, mut context) = (7, 0x77_usize as *mut c_void);
    match last_error_of(|| unsafe {
        InitOnceBeginInitialize(once.get(), flags, &mut pending, &mut context)
    }) {
        (TRUE, _) => Ok((pending, context as usize)),
        (_, code) => Err(code),
    }
}

fn complete(once: &Shared<INIT_ONCE>, flags: u32, context: usize) -> Result<(), u32> {
    match last_error_of(|| unsafe { InitOnceComplete(once.get(), flags, context as *mut c_void) }) {
        (TRUE, _) => Ok(()),
        (_, code) => Err(code),
    }
}

#[test]
fn initialization_in_two_steps_follows_its_states() {
    let once = zeroed::<INIT_ONCE>();
    assert_eq!(begin(&once, 1), Err(31), "only checked, and not done");
    assert_eq!(begin(&once, 3), Err(87));
    assert_eq!(begin(&once, 8), Err(87));
    assert_eq!(complete(&once, 0, 0), Err(31), "nobody has begun");
    assert_eq!(begin(&once, 0), Ok((TRUE, 0x77)));
    assert_eq!(begin(&once, 2), Err(87), "not begun as asynchronous");
    assert_eq!(
        complete(&once, 0, 0x1232),
        Err(87),
        "two low bits are taken"
    );
    assert_eq!(complete(&once, 4, 0x10), Err(87));
    assert_eq!(complete(&once, 4, 0), Ok(()));
    assert_eq!(begin(&once, 0), Ok((TRUE, 0x77)), "after a failure, again");
    let waiter = thread::scope(|scope| {
        let waiter = scope.spawn(|| begin(&once, 0));
        thread::sleep(Duration::from_millis(30));
        assert_eq!(complete(&once, 0, 0x1240), Ok(()));
        waiter.join().unwrap()
    });
    assert_eq!(waiter, Ok((FALSE, 0x1240)));
    assert_eq!(begin(&once, 1), Ok((FALSE, 0x1240)));
    assert_eq!(complete(&once, 0, 0), Err(31));
}

#[test]
fn first_result_of_an_asynchronous_initialization_counts() {
    let once = zeroed::<INIT_ONCE>();
    assert_eq!(begin(&once, 2), Ok((TRUE, 0x77)));
    assert_eq!(begin(&once, 2), Ok((TRUE, 0x77)));
    assert_eq!(begin(&once, 0), Err(87));
    assert_eq!(complete(&once, 0, 0x10), Err(87));
    assert_eq!(complete(&once, 6, 0), Err(87));
    assert_eq!(complete(&once, 2, 0x10), Ok(()));
    assert_eq!(complete(&once, 2, 0x20), Err(31));
    assert_eq!(begin(&once, 2), Ok((FALSE, 0x10)));
}

/// Waits for a change of a variable from the value it has.
fn wait_on<T: Copy>(variable: &T, unchanged: T, size: usize, milliseconds: u32) -> Result<(), u32> {
    let mut unchanged = unchanged;
    let address = (&raw const *variable).cast_mut().cast();
    let compare = (&raw mut unchanged).cast();
    match last_error_of(|| unsafe { WaitOnAddress(address, compare, size, milliseconds) }) {
        (TRUE, UNTOUCHED) => Ok(()),
        (TRUE, _) => panic!("the last error changed"),
        (_, code) => Err(code),
    }
}

#[test]
fn wait_on_address_compares_as_many_bytes_as_it_is_told() {
    let variable = 0x1122_3344_5566_7788_u64;
    assert_eq!(wait_on(&variable, variable, 8, 1), Err(1460));
    assert_eq!(wait_on(&variable, 0x99_u64 << 56 | variable, 8, 1), Ok(()));
    assert_eq!(wait_on(&variable, 0x5566_7788, 4, 1), Err(1460));
    assert_eq!(wait_on(&variable, 0x7788, 2, 0), Err(1460));
    assert_eq!(wait_on(&variable, 0x88, 1, 0), Err(1460));
    assert_eq!(wait_on(&variable, 0x87, 1, 0), Ok(()));
    for size in [0, 3, 16] {
        assert_eq!(wait_on(&variable, variable, size, 0), Err(87));
    }
}

#[test]
fn wake_by_address_wakes_one_or_all_that_wait_there() {
    let (first, second) = (AtomicU64::new(0), AtomicU8::new(0));
    let woken = AtomicU32::new(0);
    let of = |variable: *const c_void| variable.cast_mut();
    let first_address = of((&raw const first).cast()) as usize;
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let mut before = 0_u64;
                succeeds(|| unsafe {
                    WaitOnAddress(
                        first_address as *mut c_void,
                        (&raw mut before).cast(),
                        8,
                        FOREVER,
                    )
                });
                woken.fetch_add(1, Ordering::SeqCst);
            });
        }
        thread::sleep(Duration::from_millis(50));
        WakeByAddressSingle(of((&raw const second).cast()));
        thread::sleep(Duration::from_millis(20));
        assert_eq!(woken.load(Ordering::SeqCst), 0, "another address");
        WakeByAddressSingle(first_address as *mut c_void);
        while woken.load(Ordering::SeqCst) == 0 {
            thread::yield_now();
        }
        thread::sleep(Duration::from_millis(20));
        assert_eq!(woken.load(Ordering::SeqCst), 1);
        first.store(1, Ordering::SeqCst);
        WakeByAddressAll(first_address as *mut c_void);
    });
    assert_eq!(woken.load(Ordering::SeqCst), 3);
}
