//! Share modes: who may have a file open beside whom.
//!
//! Every open that reads, writes or may delete a regular file makes a *claim*: what it has, and what it denies to others.
//! Two claims are at odds if one has what the other denies. Claims are locks on single bytes far beyond any data, held by the
//! open's own descriptor, so the kernel drops them when the last duplicate is closed, however its process ends.
//!
//! # Layout
//! There are 64 areas, one for each claim, of 2^33 bytes each, from offset 2^62:
//!
//! ```text
//! area number     bit 0 has read     bit 1 has write     bit 2 has delete
//!                 bit 3 denies read  bit 4 denies write  bit 5 denies delete
//! offset          2^62 + number * 2^33 + half * 2^32 + random byte
//! half            0 tentative, 1 established
//! ```
//!
//! The lock is shared if the descriptor may read, else exclusive (which needs a descriptor that may write); as each open picks
//! a random byte, exclusive ones practically never meet, and one that does picks again.
//!
//! # Protocol
//! An open first looks for established claims at odds with its own: if there is one, that is a sharing violation. It then
//! makes a tentative claim and looks again, now for tentative ones too. If nothing is at odds it makes its claim
//! established and drops the tentative one; both halves of an area are looked at in one system call, so a claim is never
//! missed on its way between them. Of two that race, at least the later one sees the other; whoever sees a tentative
//! claim drops its own, waits a little at random and begins again. So an open fails only because of one that succeeded
//! (or when it lost a hundred races), and never waits for anybody.
//!
//! Only tong's own opens take part. A process that may open the file can also place such locks by hand, and so keep
//! tong's opens out, which is no more than its share mode could do.
//!
//! # References
//! Win32: CreateFile, "Creating and Opening Files". Linux: fcntl_locking(2), "Open file description locks".

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::io;
use std::ops::Range;
use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::OnceLock;
use std::time::Duration;

use tong_sys::lock::{self, Kind};

/// Where the areas begin: no file has data there.
const BASE: u64 = 1 << 62;
/// Bytes of one half of an area.
const HALF: u64 = 1 << 32;
/// Bytes of an area.
const AREA: u64 = 2 * HALF;
/// One area for each claim.
const AREAS: u8 = 64;
/// How many races an open may lose.
const ROUNDS: u32 = 100;
/// How many random bytes are tried for one lock.
const TRIES: u32 = 16;

/// Reading, writing and deleting: what a share mode is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// Others may read.
    pub read: bool,
    /// Others may write.
    pub write: bool,
    /// Others may delete.
    pub delete: bool,
}

impl Share {
    /// Nobody else may read, write or delete.
    pub const NONE: Share = Share {
        read: false,
        write: false,
        delete: false,
    };
    /// Everybody else may do everything.
    pub const ALL: Share = Share {
        read: true,
        write: true,
        delete: true,
    };

    fn bits(self) -> u8 {
        u8::from(self.read) | u8::from(self.write) << 1 | u8::from(self.delete) << 2
    }
}

/// What an open has and what it denies to others; see the module's page for the bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Claim(u8);

impl Claim {
    /// The claim of an open that has `has` and shares `shared`.
    pub(super) fn new(has: Share, shared: Share) -> Claim {
        Claim(has.bits() | (Share::ALL.bits() & !shared.bits()) << 3)
    }

    fn has(self) -> u8 {
        self.0 & 7
    }

    fn denies(self) -> u8 {
        self.0 >> 3
    }

    /// An open that has none of the three neither asks nor denies anything.
    pub(super) fn takes_part(self) -> bool {
        self.has() != 0
    }

    fn at_odds_with(self, other: Claim) -> bool {
        self.has() & other.denies() != 0 || self.denies() & other.has() != 0
    }

    fn start(self) -> u64 {
        BASE + u64::from(self.0) * AREA
    }

    fn half(self, half: Half) -> u64 {
        match half {
            Half::Tentative => self.start(),
            Half::Established => self.start() + HALF,
        }
    }
}

#[derive(Clone, Copy)]
enum Half {
    Tentative,
    Established,
}

/// A descriptor as far as locks are concerned.
#[derive(Clone, Copy, Debug)]
pub(super) struct Holder<'a> {
    /// The descriptor of the open.
    pub(super) fd: BorrowedFd<'a>,
    /// How it can lock: shared if it may read.
    pub(super) kind: Kind,
}

/// An established claim: the byte that stands for it.
#[derive(Debug)]
pub(super) struct Established(u64);

/// Makes `claim` for an open; `None` is a sharing violation.
pub(super) fn claim(holder: Holder<'_>, claim: Claim) -> io::Result<Option<Established>> {
    for round in 0..ROUNDS {
        match look(holder.fd, claim)? {
            Seen::Established => return Ok(None),
            Seen::Tentative => {
                step_back(round);
                continue;
            }
            Seen::Nothing => {}
        }
        let tentative = lock_byte(holder, claim, Half::Tentative)?;
        let seen = look(holder.fd, claim);
        if matches!(seen, Ok(Seen::Nothing)) {
            let established = establish(holder, claim);
            lock::unlock(holder.fd, tentative, 1)?;
            return established.map(Some);
        }
        lock::unlock(holder.fd, tentative, 1)?;
        seen?;
        step_back(round);
    }
    Ok(None)
}

/// Makes a claim without looking, for a file that nobody else can have open, or that the same open has a stronger claim on.
pub(super) fn establish(holder: Holder<'_>, claim: Claim) -> io::Result<Established> {
    lock_byte(holder, claim, Half::Established).map(Established)
}

/// Drops an established claim.
pub(super) fn drop_claim(fd: BorrowedFd<'_>, established: &Established) -> io::Result<()> {
    lock::unlock(fd, established.0, 1)
}

/// A word that is not 0 once another process may have taken opens of this one without its doing.
static PULLED: OnceLock<&AtomicU64> = OnceLock::new();

/// Leaves claims alone from the moment on when the word is not 0: opens may be in use elsewhere.
pub(crate) fn keep_claims_after(pulled: &'static AtomicU64) {
    let _ = PULLED.set(pulled);
}

/// A number for a new open, different from all others on the machine.
pub(super) fn open_id() -> u64 {
    static KEYS: OnceLock<RandomState> = OnceLock::new();
    static COUNT: AtomicU64 = AtomicU64::new(0);
    // With the process id, because a forked copy counts on with the same keys.
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    KEYS.get_or_init(RandomState::new)
        .hash_one((std::process::id(), count))
}

/// Drops whatever the open claims, for an open that ends.
pub(super) fn drop_all(fd: BorrowedFd<'_>) {
    if (PULLED.get()).is_some_and(|pulled| pulled.load(Ordering::SeqCst) != 0) {
        return;
    }
    // A descriptor that cannot be locked has claimed nothing.
    let _ = lock::unlock(fd, BASE, u64::from(AREAS) * AREA);
}

/// Says whether somebody has an established claim at odds with `claim`.
pub(super) fn is_denied(fd: BorrowedFd<'_>, claim: Claim) -> io::Result<bool> {
    Ok(matches!(look(fd, claim)?, Seen::Established))
}

/// What stands against a claim.
enum Seen {
    Nothing,
    Tentative,
    Established,
}

fn look(fd: BorrowedFd<'_>, claim: Claim) -> io::Result<Seen> {
    // Most files are open once: one call says that nobody else claims anything.
    if !locked(fd, BASE, u64::from(AREAS) * AREA)? {
        return Ok(Seen::Nothing);
    }
    let mut seen = Seen::Nothing;
    for run in runs_at_odds(claim) {
        let (start, areas) = (Claim(run.start).start(), u64::from(run.end - run.start));
        if !locked(fd, start, areas * AREA)? {
            continue;
        }
        for other in run.map(Claim) {
            if locked(fd, other.half(Half::Established), HALF)? {
                return Ok(Seen::Established);
            }
        }
        seen = Seen::Tentative;
    }
    Ok(seen)
}

/// The areas of claims at odds with `claim`, neighbours together, so that one call looks at many.
fn runs_at_odds(claim: Claim) -> impl Iterator<Item = Range<u8>> {
    let at_odds = move |number: &u8| claim.at_odds_with(Claim(*number));
    let starts = (0..AREAS)
        .filter(move |number| at_odds(number) && (*number == 0 || !at_odds(&(number - 1))));
    starts.map(move |start| {
        start
            ..(start..AREAS)
                .find(|number| !at_odds(number))
                .unwrap_or(AREAS)
    })
}

/// Does another open hold any lock in this range?
fn locked(fd: BorrowedFd<'_>, start: u64, len: u64) -> io::Result<bool> {
    lock::would_conflict(fd, Kind::Exclusive, start, len)
}

/// Locks a random byte of an area and returns its offset.
///
/// Fails with EAGAIN, which callers report as a sharing violation, if somebody has locked the area from end to end.
fn lock_byte(holder: Holder<'_>, claim: Claim, half: Half) -> io::Result<u64> {
    for _ in 0..TRIES {
        let byte = claim.half(half) + random() % HALF;
        if lock::try_lock(holder.fd, holder.kind, byte, 1)? {
            return Ok(byte);
        }
    }
    Err(io::Error::from_raw_os_error(tong_sys::errno::EAGAIN))
}

/// Lets the other opener of a race go ahead, for a random time that grows with the rounds.
fn step_back(round: u32) {
    if round < 4 {
        std::thread::yield_now();
    } else {
        std::thread::sleep(Duration::from_micros(random() % (u64::from(round) * 8)));
    }
}

/// A number that differs from call to call and from process to process.
fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(bits: u8) -> Share {
        Share {
            read: bits & 1 != 0,
            write: bits & 2 != 0,
            delete: bits & 4 != 0,
        }
    }

    /// H-127, H-129: the rule is the same whichever came first.
    #[test]
    fn claims_are_at_odds_both_ways_or_not_at_all() {
        for (one, other) in
            (0..AREAS).flat_map(|one| (0..AREAS).map(move |other| (Claim(one), Claim(other))))
        {
            assert_eq!(
                one.at_odds_with(other),
                other.at_odds_with(one),
                "{one:?} {other:?}"
            );
        }
    }

    #[test]
    fn runs_cover_what_is_at_odds_and_nothing_else() {
        for claim in (0..AREAS).map(Claim) {
            let covered: Vec<u8> = runs_at_odds(claim).flatten().collect();
            let at_odds: Vec<u8> = (0..AREAS)
                .filter(|other| claim.at_odds_with(Claim(*other)))
                .collect();
            assert_eq!(covered, at_odds, "{claim:?}");
        }
    }

    #[test]
    fn every_claim_has_an_area_of_its_own_below_the_largest_offset() {
        let claim = Claim::new(Share::ALL, Share::NONE);
        assert_eq!(claim, Claim(AREAS - 1));
        assert!(claim.start() + AREA <= i64::MAX as u64);
        assert_eq!(Claim::new(share(1), share(7)).start(), BASE + AREA);
    }
}
