//! TLS and FLS slots, and interlocked lists.

use super::*;
use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Mutex;
use std::thread;
use tong_win32::fls::*;
use tong_win32::slist::*;
use tong_win32::tls::*;

/// TlsAlloc looks for the first free slot, so that tests which count slots must not run side by side.
static SLOTS: Mutex<()> = Mutex::new(());

fn pointer(value: usize) -> *mut c_void {
    value as *mut c_void
}

#[test]
fn each_thread_has_its_own_value_and_a_new_slot_is_empty() {
    let _alone = SLOTS.lock();
    let index = TlsAlloc();
    assert_eq!(last_error_of(|| TlsGetValue(index)), (pointer(0), 0));
    succeeds(|| TlsSetValue(index, pointer(5)));
    assert_eq!(last_error_of(|| TlsGetValue(index)), (pointer(5), 0));
    let other = thread::spawn(move || TlsGetValue(index) as usize);
    assert_eq!(other.join().unwrap(), 0);
    succeeds(|| TlsFree(index));
    fails(87, || TlsFree(index));
    assert_eq!(TlsAlloc(), index, "the first free slot is taken");
    assert!(TlsGetValue(index).is_null(), "and it is empty again");
    succeeds(|| TlsFree(index));
}

#[test]
fn there_are_1088_slots() {
    let _alone = SLOTS.lock();
    let mut taken = Vec::new();
    let code = loop {
        match last_error_of(|| TlsAlloc()) {
            (u32::MAX, code) => break code,
            (index, code) => {
                assert_eq!(code, UNTOUCHED);
                taken.push(index);
            }
        }
    };
    assert_eq!((code, taken.len()), (259, 1_088));
    for index in &taken {
        succeeds(|| TlsSetValue(*index, pointer(*index as usize + 1)));
    }
    for index in &taken {
        assert_eq!(TlsGetValue(*index), pointer(*index as usize + 1));
        succeeds(|| TlsFree(*index));
    }
    assert_eq!(last_error_of(|| TlsGetValue(1_088)), (pointer(0), 87));
    fails(87, || TlsSetValue(1_088, pointer(1)));
    fails(87, || TlsFree(u32::MAX));
}

static ENDED: AtomicUsize = AtomicUsize::new(0);

unsafe extern "C" fn add_up(value: *mut c_void) {
    ENDED.fetch_add(value as usize, Ordering::SeqCst);
}

#[test]
fn fls_function_is_called_at_the_end_of_each_thread_and_when_the_slot_is_freed() {
    let index = unsafe { FlsAlloc(Some(add_up)) };
    assert_ne!(index, 0);
    assert_eq!(last_error_of(|| FlsGetValue(index)), (pointer(0), 0));
    thread::spawn(move || succeeds(|| FlsSetValue(index, pointer(3))))
        .join()
        .unwrap();
    assert_eq!(ENDED.load(Ordering::SeqCst), 3);
    thread::scope(|scope| {
        scope.spawn(|| assert!(FlsGetValue(index).is_null()));
    });
    assert_eq!(ENDED.load(Ordering::SeqCst), 3, "not for NULL");
    succeeds(|| FlsSetValue(index, pointer(40)));
    assert_eq!(FlsGetValue(index), pointer(40));
    succeeds(|| FlsFree(index));
    assert_eq!(ENDED.load(Ordering::SeqCst), 43);
    fails(87, || FlsFree(index));
    fails(87, || FlsSetValue(index, pointer(1)));
    fails(87, || FlsSetValue(0, pointer(1)));
    assert_eq!(last_error_of(|| FlsGetValue(0)), (pointer(0), 87));
}

#[repr(C, align(16))]
struct Item {
    entry: SLIST_ENTRY,
    number: usize,
}

/// The head of a list that several threads use.
struct Head(SLIST_HEADER);

// SAFETY: the functions for lists are made for several threads.
unsafe impl Sync for Head {}

impl Head {
    fn new() -> Head {
        let mut head = MaybeUninit::uninit();
        unsafe { InitializeSListHead(head.as_mut_ptr()) };
        Head(unsafe { head.assume_init() })
    }

    fn get(&self) -> *mut SLIST_HEADER {
        (&raw const self.0).cast_mut()
    }

    fn push(&self, number: usize) -> *mut SLIST_ENTRY {
        let next = Default::default();
        let entry = SLIST_ENTRY { Next: next };
        let item = Box::into_raw(Box::new(Item { entry, number }));
        unsafe { InterlockedPushEntrySList(self.get(), item.cast()) }
    }

    fn pop(&self) -> Option<usize> {
        let item = unsafe { InterlockedPopEntrySList(self.get()) }.cast::<Item>();
        (!item.is_null()).then(|| unsafe { Box::from_raw(item) }.number)
    }

    fn depth(&self) -> u16 {
        unsafe { QueryDepthSList(self.get()) }
    }
}

#[test]
fn last_entry_of_a_list_comes_out_first() {
    let head = Head::new();
    assert_eq!((head.depth(), head.pop()), (0, None));
    assert!(head.push(1).is_null());
    assert!(!head.push(2).is_null());
    head.push(3);
    assert_eq!((head.depth(), head.pop(), head.depth()), (3, Some(3), 2));
    let mut entry = unsafe { InterlockedFlushSList(head.get()) };
    let mut flushed = Vec::new();
    while !entry.is_null() {
        let item = unsafe { Box::from_raw(entry.cast::<Item>()) };
        flushed.push(item.number);
        entry = item.entry.Next.load(Ordering::Relaxed);
    }
    assert_eq!(flushed, [2, 1]);
    assert_eq!((head.depth(), head.pop()), (0, None));
    assert!(unsafe { InterlockedFlushSList(head.get()) }.is_null());
}

#[test]
fn every_entry_of_a_list_comes_out_once_under_contention() {
    const EACH: usize = 20_000;
    let (head, total) = (Head::new(), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                (1..=EACH).for_each(|number| {
                    head.push(number);
                })
            });
            scope.spawn(|| {
                let mut left = EACH;
                while left > 0 {
                    if let Some(number) = head.pop() {
                        total.fetch_add(number, Ordering::Relaxed);
                        left -= 1;
                    }
                }
            });
        }
    });
    assert_eq!(total.load(Ordering::Relaxed), EACH * (EACH + 1));
    assert_eq!((head.depth(), head.pop()), (0, None));
}
