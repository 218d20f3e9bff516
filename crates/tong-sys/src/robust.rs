//! Words that the kernel changes when a thread ends, however it ends; and wakes that it delivers for a thread that died.
//!
//! # Life locks
//! A thread takes a *life lock* once and never lets it go. When the thread ends, by a return, a kill or a crash, the kernel
//! marks the lock's word and wakes one thread that sleeps on it. So a life can be felt by any process that maps the
//! memory, without process ids, which mean different things in different containers and are used again.
//!
//! # Promised wakes
//! Whoever changes a word and then wakes its sleeper can be killed in between, and the sleeper would never hear of the
//! change. Before the change the thread therefore [promises](promise) the wake to the kernel, which delivers it if the
//! thread dies: a sleeper of the promised word is woken if the word's lower half is zero by then.
//!
//! Both rest on the list of robust locks that the C library registers for each thread.
//!
//! # Limits
//! The kernel gives a thread that calls exec(2) the id of its process's first thread before it goes through the thread's
//! list, and then takes no lock on it for the thread's own. So the end of a thread that calls exec itself is not felt,
//! unless it is the first thread of its process; that of all other threads of the process is.
//!
//! # Trust
//! The locks lie in memory that other processes of the same user can write. One that does so on purpose can crash this
//! process, as it can by other means; nobody else can reach them.
//!
//! # References
//! Linux: get_robust_list(2), `Documentation/locking/robust-futexes`; POSIX: pthread_mutexattr_setrobust.

#![allow(
    unsafe_code,
    reason = "robust locks live in shared memory, and their list is the kernel's interface"
)]

use std::cell::Cell;
use std::mem::{offset_of, MaybeUninit};
use std::ptr::{self, NonNull};
use std::sync::atomic::{compiler_fence, AtomicU32, Ordering};

use crate::futex::{self, Watched};
use crate::map::{AtomicU64, Map};

/// Bytes of a life lock in shared memory; all zero when new.
pub const LIFE_LEN: usize = 56;

/// Where the word stands that says whether the lock was made ready.
const AT_READY: usize = 48;
const _: () = assert!(size_of::<libc::pthread_mutex_t>() <= AT_READY);

const RAW: u64 = 0;
const MAKING: u64 = 1;
const READY: u64 = 2;

/// The bits of a lock's word, as the kernel and the C library know them.
const WAITERS: u32 = 0x8000_0000;
const OWNER_DIED: u32 = 0x4000_0000;
const TID_MASK: u32 = 0x3fff_ffff;

/// What taking a life lock found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// Nobody had it before.
    New,
    /// The thread that had it has ended.
    FromDead,
}

/// A life lock somewhere in a mapping that is never unmapped.
#[derive(Clone, Copy, Debug)]
pub struct Life {
    map: &'static Map,
    at: usize,
}

impl Life {
    /// The life lock whose [`LIFE_LEN`] bytes start at `at`, a multiple of 8.
    #[must_use]
    pub fn at(map: &'static Map, at: usize) -> Life {
        // Panics here rather than later if the lock is not inside the mapping.
        let _ = map.word(at + AT_READY);
        Life { map, at }
    }

    /// Takes the lock for the rest of the calling thread's life; `None` if a living thread has it.
    ///
    /// A thread that is killed while it makes a new lock ready leaves one that nobody can take.
    #[must_use]
    pub fn take(self) -> Option<Taken> {
        let ready = self.map.word(self.at + AT_READY);
        match ready.compare_exchange(RAW, MAKING, Ordering::Acquire, Ordering::Acquire) {
            Ok(_) => {
                self.make_ready();
                ready.store(READY, Ordering::Release);
            }
            Err(READY) => {}
            Err(_) => return None,
        }
        self.try_lock()
    }

    /// Whether the thread that took the lock last still lives.
    #[must_use]
    #[inline]
    pub fn lives(self) -> bool {
        lives(self.word().load(Ordering::Acquire))
    }

    /// What to sleep on to hear of the end of the thread that has the lock; `None` if it has ended.
    ///
    /// The kernel wakes one sleeper. That one must [wake the others](Life::pass_on).
    #[must_use]
    pub fn watch(self) -> Option<Watched<'static>> {
        let word = self.word();
        let mut value = word.load(Ordering::SeqCst);
        loop {
            if !lives(value) {
                return None;
            }
            // The kernel wakes nobody for a word without this mark.
            match word.compare_exchange(value, value | WAITERS, Ordering::SeqCst, Ordering::SeqCst)
            {
                Ok(_) => return Some(Watched::half(word, value | WAITERS)),
                Err(now) => value = now,
            }
        }
    }

    /// Wakes all who sleep on the word, if there may be any.
    pub fn pass_on(self) {
        let word = self.word();
        if word.load(Ordering::SeqCst) & WAITERS != 0 {
            futex::wake_all_half(word);
        }
    }

    fn mutex(self) -> *mut libc::pthread_mutex_t {
        self.map
            .word(self.at)
            .as_ptr()
            .cast::<libc::pthread_mutex_t>()
    }

    /// The lock's word: the first of both C libraries' locks that has the owner in it.
    fn word(self) -> &'static AtomicU32 {
        // SAFETY:
        // 1. `at` lies inside a mapping that is never unmapped, and is aligned.
        // 2. The C library and the kernel touch the word with atomic operations only.
        unsafe { AtomicU32::from_ptr(self.mutex().cast::<u32>().add(OWNER_WORD)) }
    }

    fn make_ready(self) {
        let mut attributes = MaybeUninit::<libc::pthread_mutexattr_t>::uninit();
        // SAFETY:
        // 1. The attributes are made by the first call before the others use them.
        // 2. The lock's bytes are ours alone: `take` moved the word beside them from RAW to MAKING, and only one can.
        unsafe {
            libc::pthread_mutexattr_init(attributes.as_mut_ptr());
            libc::pthread_mutexattr_setpshared(
                attributes.as_mut_ptr(),
                libc::PTHREAD_PROCESS_SHARED,
            );
            libc::pthread_mutexattr_setrobust(attributes.as_mut_ptr(), libc::PTHREAD_MUTEX_ROBUST);
            libc::pthread_mutex_init(self.mutex(), attributes.as_ptr());
            libc::pthread_mutexattr_destroy(attributes.as_mut_ptr());
        }
    }

    fn try_lock(self) -> Option<Taken> {
        // SAFETY: the lock was made ready, and its mapping outlives every thread that takes it.
        match unsafe { libc::pthread_mutex_trylock(self.mutex()) } {
            0 => Some(Taken::New),
            libc::EOWNERDEAD => {
                // SAFETY: the lock is ours since the call above.
                unsafe { libc::pthread_mutex_consistent(self.mutex()) };
                Some(Taken::FromDead)
            }
            _ => None,
        }
    }
}

/// Which 32-bit word of the C library's lock holds the owner.
#[cfg(target_env = "musl")]
const OWNER_WORD: usize = 1;
#[cfg(not(target_env = "musl"))]
const OWNER_WORD: usize = 0;

fn lives(word: u32) -> bool {
    word & OWNER_DIED == 0 && word & TID_MASK != 0
}

/// The kernel's view of a thread's list of robust locks.
#[repr(C)]
struct Head {
    list: *mut Head,
    futex_offset: isize,
    list_op_pending: *mut libc::c_void,
}

/// The value of a word that a sleeper waits with, so that the kernel never takes it for a lock of anybody.
pub const WAITING: u32 = WAITERS;

/// A wake that the kernel delivers if the thread dies; taken back when this is dropped.
#[derive(Debug)]
pub struct Promise {
    /// Null if the system has no such list.
    head: *mut Head,
}

/// Promises to the kernel to wake a sleeper of `word`: if the thread dies before the promise is dropped, and the lower
/// half of the word is zero by then, one sleeper of it is woken. One promise of a thread counts at a time, the last.
#[inline]
#[must_use]
pub fn promise(word: &AtomicU64) -> Promise {
    let Some(head) = head() else {
        return Promise {
            head: ptr::null_mut(),
        };
    };
    let head = head.as_ptr();
    // SAFETY:
    // 1. The head belongs to this thread and lives as long as it does; only this thread and, at its death, the kernel use it.
    // 2. The C library uses the pending word inside its calls for robust locks only, none of which is running now.
    // 3. The kernel reads the word at the address found, and changes it only if its lower 30 bits are the thread's id.
    unsafe {
        let offset = ptr::read(ptr::addr_of!((*head).futex_offset));
        let pending = word
            .as_ptr()
            .cast::<u8>()
            .wrapping_offset(offset.wrapping_neg());
        ptr::write_volatile(ptr::addr_of_mut!((*head).list_op_pending), pending.cast());
    }
    compiler_fence(Ordering::SeqCst);
    Promise { head }
}

impl Drop for Promise {
    #[inline]
    fn drop(&mut self) {
        if self.head.is_null() {
            return;
        }
        compiler_fence(Ordering::SeqCst);
        // SAFETY: as in `promise`; a promise cannot leave its thread, because it holds a pointer.
        unsafe {
            ptr::write_volatile(
                ptr::addr_of_mut!((*self.head).list_op_pending),
                ptr::null_mut(),
            );
        }
    }
}

/// The calling thread's list of robust locks, if the system tells.
#[inline]
fn head() -> Option<NonNull<Head>> {
    thread_local! {
        static HEAD: Cell<Option<Option<NonNull<Head>>>> = const { Cell::new(None) };
    }
    HEAD.with(|known| match known.get() {
        Some(head) => head,
        None => {
            let head = ask_for_head();
            known.set(Some(head));
            head
        }
    })
}

#[cold]
fn ask_for_head() -> Option<NonNull<Head>> {
    let (mut head, mut len) = (ptr::null_mut::<Head>(), 0usize);
    // SAFETY: the kernel writes a pointer and a length through pointers to exactly these.
    let result =
        unsafe { libc::syscall(libc::SYS_get_robust_list, 0, &raw mut head, &raw mut len) };
    let known = result == 0 && len == size_of::<Head>() && offset_of!(Head, futex_offset) == 8;
    NonNull::new(head).filter(|_| known)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::Memory;

    fn map() -> &'static Map {
        let memory = Memory::create(c"tong-test", 4096).unwrap();
        Box::leak(Box::new(memory.map(0, 4096).unwrap()))
    }

    #[test]
    fn life_lock_is_taken_once_and_again_after_the_thread_ended() {
        let life = Life::at(map(), 64);
        std::thread::spawn(move || {
            assert_eq!(life.take(), Some(Taken::New));
            assert!(life.lives());
            assert_eq!(
                std::thread::spawn(move || life.take()).join().unwrap(),
                None
            );
        })
        .join()
        .unwrap();
        // The thread's end is not the kernel's end of it: wait for that as a user would.
        if let Some(watched) = life.watch() {
            futex::wait(watched, crate::futex::Until::Changed);
        }
        assert!(!life.lives());
        assert_eq!(life.take(), Some(Taken::FromDead));
        assert!(life.lives());
    }

    #[test]
    fn end_of_a_killed_process_wakes_who_sleeps_on_its_life() {
        let life = Life::at(map(), 0);
        // SAFETY: the child touches nothing but the shared memory and its own list.
        let child = unsafe { libc::fork() };
        if child == 0 {
            let _ = life.take();
            loop {
                std::hint::spin_loop();
            }
        }
        while !life.lives() {
            std::thread::yield_now();
        }
        let watched = life.watch().unwrap();
        // SAFETY: kills and reaps the child made above.
        unsafe { libc::kill(child, libc::SIGKILL) };
        futex::wait(watched, crate::futex::Until::Changed);
        assert!(!life.lives());
        // SAFETY: as above.
        unsafe { libc::waitpid(child, ptr::null_mut(), 0) };
    }

    #[test]
    fn promised_wake_is_delivered_when_the_promiser_is_killed_before_it() {
        let map = map();
        let (word, told) = (map.word(128), map.word(136));
        word.store(u64::from(WAITING), Ordering::SeqCst);
        // SAFETY: the child touches nothing but the shared memory and its own list.
        let child = unsafe { libc::fork() };
        if child == 0 {
            let _promise = promise(word);
            word.store(0, Ordering::SeqCst);
            told.store(1, Ordering::SeqCst);
            loop {
                std::hint::spin_loop();
            }
        }
        while told.load(Ordering::SeqCst) == 0 {
            std::thread::yield_now();
        }
        // A sleeper that fell asleep before the change: it still believes in the old value.
        std::thread::scope(|scope| {
            word.store(u64::from(WAITING), Ordering::SeqCst);
            let sleeper = scope.spawn(|| {
                futex::wait(
                    Watched::low(word, WAITING),
                    crate::futex::Until::Monotonic(crate::clock::now_ns() + 20_000_000_000),
                );
            });
            std::thread::sleep(std::time::Duration::from_millis(50));
            word.store(0, Ordering::SeqCst);
            // SAFETY: kills and reaps the child made above.
            unsafe {
                libc::kill(child, libc::SIGKILL);
                libc::waitpid(child, ptr::null_mut(), 0);
            }
            let started = std::time::Instant::now();
            sleeper.join().unwrap();
            assert!(started.elapsed().as_secs() < 10, "the kernel did not wake");
        });
    }
}
