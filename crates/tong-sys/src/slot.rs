//! A place that any thread looks into without a lock, and that is emptied only when nobody looks.
//!
//! A handle table is asked for every call, and changed seldom. A lock around each entry, or a count of its users, is an
//! atomic exchange when a look begins and another when it ends, which is more than many calls cost themselves. Here a look
//! costs three plain stores and loads: the thread notes in a word of its own, its *pin*, which slot it looks into, and then
//! checks that the slot still has what it is after. Whoever empties a slot first marks it, then makes every other thread pass
//! a memory barrier, and then waits until no pin names the slot.
//!
//! The barrier is a system call that interrupts other processors. It is left out if only the emptying thread has ever
//! looked into the slot, which is noted in the slot: entries that come and go quickly mostly belong to one thread.
//!
//! A thread that looks into a second slot meanwhile, a signal handler that finds the pin in use, and everybody on a kernel
//! without that barrier count themselves in the slot instead.
//!
//! # Forks
//! A forked child has one thread; what the pins of the others said is wiped out there.
//!
//! # References
//! Linux: membarrier(2), `MEMBARRIER_CMD_PRIVATE_EXPEDITED` (since 4.14). Michael, "Hazard Pointers" (2004).

#![allow(
    unsafe_code,
    reason = "hands out references to what another thread may want to take away, and calls membarrier"
)]

use std::cell::{Cell, UnsafeCell};
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::atomic::{
    compiler_fence, fence, AtomicBool, AtomicPtr, AtomicU64, AtomicUsize, Ordering,
};
use std::sync::{Once, OnceLock};
use std::time::Duration;

/// A slot without a value has this tag, and one with a value never.
const EMPTY: u64 = 0;
/// The slot is being filled or emptied.
const BUSY: u64 = u64::MAX;
/// Several threads have looked into the slot.
const MANY: u64 = u64::MAX;
/// Looks at a pin before the first pause.
const QUICK_LOOKS: u32 = 200;
/// Longest pause while somebody is stopped in the middle of a look.
const PAUSE_MAX: Duration = Duration::from_micros(500);

/// A place for one value, under a tag that says which value it is.
#[derive(Debug)]
pub struct Slot<T> {
    /// `EMPTY`, `BUSY`, or the tag of the value. Whoever makes it `BUSY` alone may touch the value.
    tag: AtomicU64,
    /// Who has looked since the slot was filled: 0 nobody, a thread's number, or `MANY`.
    lookers: AtomicU64,
    /// Looks under way of those who do not use a pin.
    counted: AtomicU64,
    value: UnsafeCell<Option<T>>,
}

// SAFETY: threads get shared references to the value (so `T: Sync`), and one thread may fill in what another one takes out
// (so `T: Send`); that nobody has a reference while the value is put in or taken out is what this module is about.
unsafe impl<T: Send + Sync> Sync for Slot<T> {}

impl<T> Default for Slot<T> {
    fn default() -> Slot<T> {
        Slot {
            tag: AtomicU64::new(EMPTY),
            lookers: AtomicU64::new(0),
            counted: AtomicU64::new(0),
            value: UnsafeCell::new(None),
        }
    }
}

impl<T> Slot<T> {
    /// Puts a value into an empty slot under a tag that is not 0, or gives it back.
    ///
    /// # Errors
    /// The value, if the slot has one.
    pub fn fill(&self, tag: u32, value: T) -> Result<(), T> {
        if tag == 0 || !self.mark(EMPTY) {
            return Err(value);
        }
        // SAFETY: the slot was empty, so nobody looks (looks begin only under a tag that is there, and the last taker has
        // waited for all of them), and it is marked, so nobody else fills or takes.
        unsafe { *self.value.get() = Some(value) };
        self.lookers.store(0, Ordering::Relaxed);
        // Release: whoever sees the tag sees the value.
        self.tag.store(u64::from(tag), Ordering::Release);
        Ok(())
    }

    /// The tag of the value, if there is one at this moment.
    #[must_use]
    pub fn tag(&self) -> Option<u32> {
        u32::try_from(self.tag.load(Ordering::Relaxed))
            .ok()
            .filter(|tag| *tag != 0)
    }

    /// Looks at the value with this tag; `None` if it is not there (any more).
    ///
    /// Keep it short: whoever takes the value waits until the look is dropped. Never take the value meanwhile.
    #[inline]
    pub fn look(&self, tag: u32) -> Option<Look<'_, T>> {
        let pin = match NODE.try_with(Cell::get) {
            Ok(Some(node)) if node.pin.load(Ordering::Relaxed) == 0 => node,
            _ => return self.look_counted(tag),
        };
        pin.pin.store(self.address(), Ordering::Relaxed);
        let _end = End::Pin(&pin.pin);
        // Pairs with the barrier of whoever empties the slot: either we see its mark, or it sees our pin.
        compiler_fence(Ordering::SeqCst);
        if tag == 0 || !self.has(tag) {
            return None;
        }
        // After the tag: a note from before the slot was last filled does not count.
        let lookers = self.lookers.load(Ordering::Relaxed);
        if lookers != pin.number.load(Ordering::Relaxed) && lookers != MANY {
            self.enrol(pin);
            if !self.has(tag) {
                return None;
            }
        }
        // SAFETY: the slot had this tag after our pin and our note were there for all to see, so whoever empties it waits for
        // the pin to go, which it does when the look is dropped. Nothing writes the value in between.
        let value = unsafe { &*self.value.get() }.as_ref()?;
        Some(Look {
            value,
            _end,
            _stays: PhantomData,
        })
    }

    /// Takes the value with this tag out, when nobody looks at it any more.
    ///
    /// # Panics
    /// If the calling thread looks at this slot.
    pub fn take(&self, tag: u32) -> Option<T> {
        let own = own_node();
        assert!(
            own.is_none_or(|node| node.pin.load(Ordering::Relaxed) != self.address()),
            "a value is taken away from inside a look at it"
        );
        if tag == 0 || !self.mark(u64::from(tag)) {
            return None;
        }
        self.wait_for_lookers(own);
        // SAFETY: the slot is marked, so nobody else fills or takes and no look begins, and all looks have ended.
        let value = unsafe { (*self.value.get()).take() };
        // Release: whoever fills the slot next comes after us.
        self.tag.store(EMPTY, Ordering::Release);
        value
    }

    /// Changes the tag to `BUSY` if it is `from`.
    fn mark(&self, from: u64) -> bool {
        // SeqCst: ordered before the reads of lookers and counts, as theirs are before those of the tag.
        self.tag
            .compare_exchange(from, BUSY, Ordering::SeqCst, Ordering::Relaxed)
            .is_ok()
    }

    #[inline]
    fn has(&self, tag: u32) -> bool {
        // Acquire: pairs with the release by who filled the slot.
        self.tag.load(Ordering::Acquire) == u64::from(tag)
    }

    fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    /// The way for those without a free pin: an atomic count before and after.
    #[cold]
    #[inline(never)]
    fn look_counted(&self, tag: u32) -> Option<Look<'_, T>> {
        if join() {
            return self.look(tag);
        }
        self.counted.fetch_add(1, Ordering::SeqCst);
        let _end = End::Count(&self.counted);
        fence(Ordering::SeqCst);
        if tag == 0 || !self.has(tag) {
            return None;
        }
        // SAFETY: as in `look`; here it is the count that whoever empties the slot waits for.
        let value = unsafe { &*self.value.get() }.as_ref()?;
        Some(Look {
            value,
            _end,
            _stays: PhantomData,
        })
    }

    /// Notes that this thread looks.
    #[cold]
    fn enrol(&self, node: &Node) {
        let number = node.number.load(Ordering::Relaxed);
        let first = self
            .lookers
            .compare_exchange(0, number, Ordering::SeqCst, Ordering::SeqCst);
        if first.is_err() {
            self.lookers.store(MANY, Ordering::SeqCst);
        }
        // Whoever empties the slot either sees this note, or we see its mark.
        fence(Ordering::SeqCst);
    }

    fn wait_for_lookers(&self, own: Option<&Node>) {
        // SeqCst, after the mark and like it: what is not seen here begins after the mark, and sees it.
        let lookers = self.lookers.load(Ordering::SeqCst);
        let only_we = own.is_some_and(|node| node.number.load(Ordering::Relaxed) == lookers);
        if lookers != 0 && !only_we {
            barrier_for_all();
            for node in nodes() {
                wait_until(|| node.pin.load(Ordering::Acquire) != self.address());
            }
        }
        // Acquire at the least, here and above: what was done in a look comes before what is done with the value now.
        wait_until(|| self.counted.load(Ordering::SeqCst) == 0);
    }
}

/// Whether the calling thread is inside a look with its pin.
#[must_use]
pub fn is_looking() -> bool {
    own_node().is_some_and(|node| node.pin.load(Ordering::Relaxed) != 0)
}

/// Waits for something that takes a moment, unless its thread was stopped in the middle.
fn wait_until(mut done: impl FnMut() -> bool) {
    let (mut looks, mut pause) = (0, Duration::from_micros(5));
    while !done() {
        looks += 1;
        if looks < QUICK_LOOKS {
            std::hint::spin_loop();
        } else {
            std::thread::sleep(pause);
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }
}

/// A look at the value of a slot, by the thread that began it.
#[derive(Debug)]
pub struct Look<'a, T> {
    value: &'a T,
    _end: End<'a>,
    /// A pin belongs to its thread.
    _stays: PhantomData<*const ()>,
}

impl<T> Deref for Look<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        self.value
    }
}

/// What ends with a look.
#[derive(Debug)]
enum End<'a> {
    Pin(&'a AtomicUsize),
    Count(&'a AtomicU64),
}

impl Drop for End<'_> {
    #[inline]
    fn drop(&mut self) {
        // Release: the look is over before anybody sees that it is.
        match self {
            End::Pin(pin) => pin.store(0, Ordering::Release),
            End::Count(count) => {
                count.fetch_sub(1, Ordering::Release);
            }
        }
    }
}

/// A thread's pin. Nodes are never freed; a thread that ends leaves its node to the next.
#[derive(Debug)]
#[repr(align(128))]
struct Node {
    /// The address of the slot that the thread looks into, or 0. Only the thread writes it.
    pin: AtomicUsize,
    /// The number of the thread, never used again by another.
    number: AtomicU64,
    taken: AtomicBool,
    next: AtomicPtr<Node>,
}

/// All nodes ever made.
static NODES: AtomicPtr<Node> = AtomicPtr::new(std::ptr::null_mut());
static NEXT_NUMBER: AtomicU64 = AtomicU64::new(1);

thread_local! {
    static NODE: Cell<Option<&'static Node>> = const { Cell::new(None) };
    static LEAVE: Leave = const { Leave };
}

/// Gives the thread's node back when the thread ends.
struct Leave;

impl Drop for Leave {
    fn drop(&mut self) {
        if let Some(node) = NODE.take() {
            node.pin.store(0, Ordering::Release);
            node.taken.store(false, Ordering::Release);
        }
    }
}

fn own_node() -> Option<&'static Node> {
    NODE.try_with(Cell::get).ok().flatten()
}

fn nodes() -> impl Iterator<Item = &'static Node> {
    let at = |pointer: &AtomicPtr<Node>| {
        // SAFETY: null, or a node that was leaked for good before it was linked in.
        unsafe { pointer.load(Ordering::Acquire).as_ref() }
    };
    std::iter::successors(at(&NODES), move |node| at(&node.next))
}

/// Gives the calling thread a pin; `false` if it has one already, or cannot have one.
fn join() -> bool {
    if own_node().is_some() || !barrier_works() || LEAVE.try_with(|_| ()).is_err() {
        return false;
    }
    let free = nodes().find(|node| {
        !node.taken.load(Ordering::Relaxed) && !node.taken.swap(true, Ordering::AcqRel)
    });
    let node = free.unwrap_or_else(new_node);
    node.number.store(
        NEXT_NUMBER.fetch_add(1, Ordering::Relaxed),
        Ordering::Relaxed,
    );
    NODE.try_with(|own| own.set(Some(node))).is_ok()
}

fn new_node() -> &'static Node {
    let node: &'static mut Node = Box::leak(Box::new(Node {
        pin: AtomicUsize::new(0),
        number: AtomicU64::new(0),
        taken: AtomicBool::new(true),
        next: AtomicPtr::new(std::ptr::null_mut()),
    }));
    let pointer = std::ptr::from_mut(node);
    let mut head = NODES.load(Ordering::Relaxed);
    loop {
        // SAFETY: the node was leaked just now and never goes away.
        let node: &'static Node = unsafe { &*pointer };
        node.next.store(head, Ordering::Relaxed);
        match NODES.compare_exchange_weak(head, pointer, Ordering::AcqRel, Ordering::Relaxed) {
            Ok(_) => return node,
            Err(now) => head = now,
        }
    }
}

const PRIVATE_EXPEDITED: libc::c_int = 1 << 3;
const REGISTER_PRIVATE_EXPEDITED: libc::c_int = 1 << 4;

/// Registers the process, once, and says whether its threads can be made to pass a barrier.
fn barrier_works() -> bool {
    static WORKS: OnceLock<bool> = OnceLock::new();
    static FORKS: Once = Once::new();
    *WORKS.get_or_init(|| {
        FORKS.call_once(|| {
            // SAFETY: the handler only writes atomics, which is allowed between fork and exec. If there is no memory to
            // register it, a child may wait for a thread that it does not have.
            let _ = unsafe { libc::pthread_atfork(None, None, Some(wipe_pins)) };
        });
        membarrier(REGISTER_PRIVATE_EXPEDITED) && membarrier(PRIVATE_EXPEDITED)
    })
}

/// Makes every running thread of this process pass a full barrier.
fn barrier_for_all() {
    fence(Ordering::SeqCst);
    if !membarrier(PRIVATE_EXPEDITED) {
        // It worked when the process registered. Wait until stores made before have long arrived.
        std::thread::sleep(Duration::from_millis(1));
    }
    fence(Ordering::SeqCst);
}

fn membarrier(command: libc::c_int) -> bool {
    // SAFETY: the call takes integers only and touches no memory of the process.
    unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) == 0 }
}

/// In a forked child: the threads whose pins these were do not exist here.
extern "C" fn wipe_pins() {
    let own = own_node().map(std::ptr::from_ref);
    for node in nodes() {
        if own != Some(std::ptr::from_ref(node)) {
            node.pin.store(0, Ordering::Relaxed);
            node.taken.store(false, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn see(slot: &Slot<u32>, tag: u32) -> Option<u32> {
        slot.look(tag).map(|value| *value)
    }

    #[test]
    fn value_is_seen_under_its_tag_only() {
        let slot = Slot::default();
        assert_eq!(see(&slot, 4), None);
        slot.fill(4, 7).unwrap();
        assert_eq!(slot.fill(8, 8), Err(8));
        assert_eq!(slot.tag(), Some(4));
        assert_eq!(see(&slot, 4), Some(7));
        assert_eq!(see(&slot, 8), None);
        assert_eq!(see(&slot, 0), None);
        assert_eq!(slot.take(8), None);
        assert_eq!(slot.take(4), Some(7));
        assert_eq!(slot.tag(), None);
        slot.fill(8, 9).unwrap();
        assert_eq!(slot.take(8), Some(9));
    }

    #[test]
    fn looks_into_two_slots_nest() {
        let (one, two) = (Slot::default(), Slot::default());
        one.fill(1, 1).unwrap();
        two.fill(2, 2).unwrap();
        let (first, second) = (one.look(1).unwrap(), two.look(2).unwrap());
        assert_eq!(*first + *second, 3);
        drop(first);
        drop(second);
        assert_eq!(one.take(1), Some(1));
        assert_eq!(two.take(2), Some(2));
    }

    #[test]
    fn panic_in_a_look_ends_it() {
        let slot = Slot::default();
        slot.fill(1, ()).unwrap();
        let looked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _look = slot.look(1);
            panic!("inside")
        }));
        assert!(looked.is_err());
        assert_eq!(slot.take(1), Some(()));
    }

    #[test]
    #[should_panic(expected = "from inside a look")]
    fn taking_from_inside_a_look_is_refused() {
        let slot = Slot::default();
        slot.fill(1, ()).unwrap();
        let _look = slot.look(1);
        slot.take(1);
    }

    /// Lookers hold the value only while it is in the slot: whoever took it has the last reference.
    #[test]
    fn nobody_looks_at_what_was_taken() {
        let slot = Slot::default();
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    let mut seen = 0_u64;
                    while !done.load(Ordering::Relaxed) {
                        for tag in 1..4 {
                            // The clone lives within the look; one that outlived it would be a reference too many.
                            let look = slot.look(tag);
                            seen += look.map_or(0, |value| u64::from(*Arc::clone(&value) == tag));
                        }
                    }
                    seen
                });
            }
            for round in 0..20_000_u32 {
                let tag = round % 3 + 1;
                slot.fill(tag, Arc::new(tag)).unwrap();
                let taken = slot.take(tag).unwrap();
                assert_eq!(Arc::try_unwrap(taken), Ok(tag), "round {round}");
            }
            done.store(true, Ordering::Relaxed);
        });
    }
}
