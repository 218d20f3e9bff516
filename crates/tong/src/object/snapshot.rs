//! Snapshots: the processes and threads of this machine, frozen in a list that has a handle.
//!
//! A snapshot is read from the start as often as one likes and never changes. Its list lies in a sealed memory file, together
//! with the place where reading goes on, as Windows keeps it in a section. So a snapshot can be handed to another
//! process by its descriptor, and both then read on from one place.
//!
//! # When it is signaled
//! Never: nothing waits for a snapshot.
//!
//! # Limits
//! One descriptor, 304 bytes a process and 16 a thread.
//!
//! # Lifetime and death
//! The memory is given back when the last descriptor is closed, by whom or what ever.
//!
//! # References
//! Win32: "Taking a Snapshot and Viewing Processes", CreateToolhelp32Snapshot.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tong_sys::map::Map;
use tong_sys::memory::Memory;

use crate::process::list::{self, Listed, ListedThread, Priority, State};
use crate::{Error, ErrorKind, Result};

const MAGIC: u64 = u64::from_le_bytes(*b"tongsnp2");
const AT_MAGIC: usize = 0;
/// How many processes there are; [`ABSENT`] if they were not asked for.
const AT_PROCESSES: usize = 8;
/// How many threads there are; [`ABSENT`] if they were not asked for.
const AT_THREADS: usize = 16;
/// The index of the process, and of the thread, that is read next.
const AT_NEXT_PROCESS: usize = 24;
const AT_NEXT_THREAD: usize = 32;
const HEADER_LEN: usize = 64;
/// Six numbers, three words, the length of the name, and the name.
const PROCESS_LEN: usize = 304;
const AT_NAME_LEN: usize = 48;
const THREAD_LEN: usize = 16;
/// The longest file name that Linux has, in bytes.
const NAME_MAX: usize = 255;
/// Stands for the number of things that are not in the snapshot.
const ABSENT: u64 = u64::MAX;
/// All states, by number; the numbers are part of the layout.
const STATES: [State; 6] = [
    State::Running,
    State::Sleeping,
    State::Blocked,
    State::Stopped,
    State::Idle,
    State::Ended,
];
/// Set beside the state of a thread of the kernel.
const KERNEL: u32 = 0x100;
/// Stands where a niceness would be, in one byte, for a thread that goes before all others.
const REAL_TIME: u32 = 0x100;

/// What a snapshot is to show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// All processes.
    pub processes: bool,
    /// The threads of all processes.
    pub threads: bool,
}

/// A frozen list of processes and threads.
#[derive(Debug)]
pub struct Snapshot {
    memory: Memory,
    map: Map,
    processes: Span,
    threads: Span,
}

/// Where the records of one sort lie.
#[derive(Clone, Copy, Debug)]
struct Span {
    start: usize,
    /// `None` if they were not asked for.
    count: Option<usize>,
}

impl Snapshot {
    /// Lists what is there now.
    ///
    /// The processes begin with the pseudo process that Windows calls idle, which has the id 0 and a thread per processor.
    ///
    /// # Errors
    /// As [`list::processes`]; [`NoMemory`](ErrorKind::NoMemory) or [`NoResources`](ErrorKind::NoResources) for want of
    /// a memory file.
    pub fn take(contents: Contents) -> Result<Snapshot> {
        let processes = match contents.processes {
            true => Some([vec![idle()], list::processes()?].concat()),
            false => None,
        };
        let threads = contents.threads.then(list::threads).transpose()?;
        let image = image(processes.as_deref(), threads.as_deref());
        let made = make(&image).map_err(|error| Error::from_io("take snapshot", error));
        made.and_then(|(memory, map)| Snapshot::read(memory, map))
    }

    /// Two numbers that only this snapshot has, in whichever process.
    pub(crate) fn identity(&self) -> [u64; 2] {
        // A descriptor that is open can always be looked at.
        rustix::fs::fstat(&self.memory).map_or([0; 2], |status| [status.st_dev, status.st_ino])
    }

    /// Accepts a snapshot that another process took.
    ///
    /// # Errors
    /// [`Corrupt`](ErrorKind::Corrupt) if the descriptor is something else; else what the system reports.
    pub fn adopt(descriptor: OwnedFd) -> Result<Snapshot> {
        let memory = Memory::adopt(descriptor).map_err(|_| corrupt())?;
        let len = usize::try_from(memory.len()).map_err(|_| corrupt())?;
        if len < HEADER_LEN {
            return Err(corrupt());
        }
        let map = memory.map(0, len);
        Snapshot::read(
            memory,
            map.map_err(|error| Error::from_io("open snapshot", error))?,
        )
    }

    /// Finds the records, and checks that they are all there.
    fn read(memory: Memory, map: Map) -> Result<Snapshot> {
        if map.word(AT_MAGIC).load(Ordering::Acquire) != MAGIC {
            return Err(corrupt());
        }
        let (processes, end) = span(&map, AT_PROCESSES, HEADER_LEN, PROCESS_LEN)?;
        let (threads, _) = span(&map, AT_THREADS, end, THREAD_LEN)?;
        Ok(Snapshot {
            memory,
            map,
            processes,
            threads,
        })
    }

    /// The first process, from which [`next_process`](Self::next_process) goes on; `None` without processes.
    #[must_use]
    pub fn first_process(&self) -> Option<Listed> {
        self.map.word(AT_NEXT_PROCESS).store(0, Ordering::Relaxed);
        self.next_process()
    }

    /// The next process; `None` after the last.
    #[must_use]
    pub fn next_process(&self) -> Option<Listed> {
        let at = self
            .processes
            .next(self.map.word(AT_NEXT_PROCESS), PROCESS_LEN)?;
        let mut record = [0; PROCESS_LEN];
        self.map.copy_out(at, &mut record);
        Some(process_of(&record))
    }

    /// The first thread, from which [`next_thread`](Self::next_thread) goes on; `None` without threads.
    #[must_use]
    pub fn first_thread(&self) -> Option<ListedThread> {
        self.map.word(AT_NEXT_THREAD).store(0, Ordering::Relaxed);
        self.next_thread()
    }

    /// The next thread; `None` after the last.
    #[must_use]
    pub fn next_thread(&self) -> Option<ListedThread> {
        let at = self
            .threads
            .next(self.map.word(AT_NEXT_THREAD), THREAD_LEN)?;
        let mut record = [0; THREAD_LEN];
        self.map.copy_out(at, &mut record);
        Some(thread_of(&record))
    }
}

impl AsFd for Snapshot {
    /// The memory file, from which [`Snapshot::adopt`] makes the same snapshot in another process.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.memory.as_fd()
    }
}

impl Span {
    /// Takes the next record: its place, or `None` if there is none.
    fn next(self, next: &AtomicU64, len: usize) -> Option<usize> {
        let count = self.count? as u64;
        let one_more = |index: u64| (index < count).then_some(index + 1);
        let index = next.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more);
        // It is less than the count, which was checked against the length of the mapping.
        usize::try_from(index.ok()?)
            .ok()
            .map(|index| self.start + index * len)
    }
}

/// Makes the memory file with these bytes.
fn make(image: &[u8]) -> std::io::Result<(Memory, Map)> {
    let memory = Memory::create(c"tong-snapshot", image.len() as u64)?;
    // Writing without memory behind it would end the process.
    memory.reserve(0, image.len() as u64)?;
    let map = memory.map(0, image.len())?;
    map.copy_in(0, image);
    Ok((memory, map))
}

/// Reads how many records there are, and says where they lie and where they end.
fn span(map: &Map, at: usize, start: usize, len: usize) -> Result<(Span, usize)> {
    let count = map.word(at).load(Ordering::Relaxed);
    if count == ABSENT {
        return Ok((Span { start, count: None }, start));
    }
    let count = usize::try_from(count).map_err(|_| corrupt())?;
    let end = count
        .checked_mul(len)
        .and_then(|bytes| bytes.checked_add(start));
    let end = end.filter(|end| *end <= map.len()).ok_or_else(corrupt)?;
    let count = Some(count);
    Ok((Span { start, count }, end))
}

fn corrupt() -> Error {
    Error::new("open snapshot", ErrorKind::Corrupt)
}

/// The pseudo process of the processors that have nothing to do.
fn idle() -> Listed {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    Listed {
        pid: 0,
        parent: 0,
        threads: u32::try_from(processors).unwrap_or(u32::MAX),
        priority: Priority::Nice(19),
        program: "[System Process]".into(),
        started: Duration::ZERO,
        uid: 0,
        memory: 0,
        processor_time: Duration::ZERO,
        state: State::Idle,
        is_kernel: true,
    }
}

/// All bytes of a snapshot.
fn image(processes: Option<&[Listed]>, threads: Option<&[ListedThread]>) -> Vec<u8> {
    let counts = [processes.map(<[_]>::len), threads.map(<[_]>::len)];
    let [processes_count, threads_count] =
        counts.map(|count| count.map_or(ABSENT, |count| count as u64));
    let header = [MAGIC, processes_count, threads_count, 0, 0, 0, 0, 0];
    let mut image: Vec<u8> = header.iter().flat_map(|word| word.to_le_bytes()).collect();
    for process in processes.unwrap_or_default() {
        put_process(process, &mut image);
    }
    for thread in threads.unwrap_or_default() {
        put_numbers(
            &[thread.id, thread.pid, priority_bits(thread.priority), 0],
            &mut image,
        );
    }
    image
}

fn put_process(process: &Listed, image: &mut Vec<u8>) {
    let end = image.len() + PROCESS_LEN;
    let name = cut(&process.program, NAME_MAX);
    put_numbers(
        &[
            process.pid,
            process.parent,
            process.threads,
            priority_bits(process.priority),
            process.uid,
            state_bits(process),
        ],
        image,
    );
    let nanoseconds = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    let started = nanoseconds(process.started);
    let words = [started, process.memory, nanoseconds(process.processor_time)];
    image.extend(words.iter().flat_map(|word| word.to_le_bytes()));
    // Shorter than 256 bytes, so one is enough for the length.
    image.push(u8::try_from(name.len()).unwrap_or(0));
    image.extend(name.as_bytes());
    image.resize(end, 0);
}

fn put_numbers(numbers: &[u32], image: &mut Vec<u8>) {
    image.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
}

/// The start of a text, in whole characters.
fn cut(text: &str, max: usize) -> &str {
    let ends = (0..=text.len().min(max)).rev();
    let end = ends.into_iter().find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or(0)]
}

fn process_of(record: &[u8; PROCESS_LEN]) -> Listed {
    let name = &record[AT_NAME_LEN + 1..][..usize::from(record[AT_NAME_LEN])];
    let word = |at: usize| u64::from(number(record, at)) | u64::from(number(record, at + 4)) << 32;
    let state = number(record, 20);
    Listed {
        pid: number(record, 0),
        parent: number(record, 4),
        threads: number(record, 8),
        priority: priority_of(number(record, 12)),
        program: String::from_utf8_lossy(name).into_owned(),
        started: Duration::from_nanos(word(24)),
        uid: number(record, 16),
        memory: word(32),
        processor_time: Duration::from_nanos(word(40)),
        state: state_of(state),
        is_kernel: state & KERNEL != 0,
    }
}

fn state_bits(process: &Listed) -> u32 {
    let index = STATES.iter().position(|state| *state == process.state);
    let index = u32::try_from(index.unwrap_or(0)).unwrap_or(0);
    index | if process.is_kernel { KERNEL } else { 0 }
}

fn state_of(bits: u32) -> State {
    let state = STATES.get((bits & !KERNEL) as usize);
    state.copied().unwrap_or(State::Running)
}

fn thread_of(record: &[u8; THREAD_LEN]) -> ListedThread {
    ListedThread {
        id: number(record, 0),
        pid: number(record, 4),
        priority: priority_of(number(record, 8)),
    }
}

fn number(record: &[u8], at: usize) -> u32 {
    let mut bytes = [0; 4];
    bytes.copy_from_slice(&record[at..at + 4]);
    u32::from_le_bytes(bytes)
}

fn priority_bits(priority: Priority) -> u32 {
    match priority {
        Priority::Nice(nice) => u32::from(nice.to_le_bytes()[0]),
        Priority::RealTime => REAL_TIME,
    }
}

fn priority_of(bits: u32) -> Priority {
    match bits {
        REAL_TIME => Priority::RealTime,
        bits => Priority::Nice(i8::from_le_bytes([bits.to_le_bytes()[0]])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::thread::INITIAL;

    const ALL: Contents = Contents {
        processes: true,
        threads: true,
    };

    /// P-93, P-94: what was frozen is read again and again, here and in another process.
    #[test]
    fn snapshot_is_read_from_the_start_as_often_as_one_likes() {
        let snapshot = Snapshot::take(ALL).unwrap();
        let pass = |snapshot: &Snapshot| {
            let first = snapshot.first_process();
            let rest = std::iter::from_fn(|| snapshot.next_process());
            first.into_iter().chain(rest).collect::<Vec<_>>()
        };
        let first = pass(&snapshot);
        assert_eq!(first[0], idle());
        assert!(first
            .iter()
            .any(|process| process.pid == std::process::id()));
        assert_eq!(pass(&snapshot), first);
        assert_eq!(snapshot.next_process(), None);
        let copy = Snapshot::adopt(snapshot.as_fd().try_clone_to_owned().unwrap()).unwrap();
        assert_eq!(copy.next_process(), None, "the place is shared");
        assert_eq!(pass(&copy), first);
    }

    #[test]
    fn threads_are_listed_with_their_process() {
        let snapshot = Snapshot::take(ALL).unwrap();
        let rest = std::iter::from_fn(|| snapshot.next_thread());
        let threads: Vec<_> = snapshot.first_thread().into_iter().chain(rest).collect();
        let this = std::process::id();
        let own = threads.iter().filter(|thread| thread.pid == this);
        let own: Vec<_> = own.map(|thread| thread.id).collect();
        // The thread of the test, and the first one, whose id is not that of the process.
        assert!(own.len() > 1 && own.contains(&(this | INITIAL)) && !own.contains(&this));
    }

    /// P-95.
    #[test]
    fn what_was_not_asked_for_is_not_there() {
        let none = Snapshot::take(Contents::default()).unwrap();
        assert_eq!(none.first_process(), None);
        assert_eq!(none.first_thread(), None);
    }

    #[test]
    fn records_keep_what_they_were_given() {
        for (program, kept) in [
            ("통", "통"),
            (&"x".repeat(300), &"x".repeat(255)),
            (&"통".repeat(90), &"통".repeat(85)),
        ] {
            let process = Listed {
                pid: 7,
                threads: 3,
                priority: Priority::Nice(-20),
                program: program.into(),
                started: Duration::from_nanos(1_234_567_890_123),
                uid: 65_534,
                memory: 5 << 40,
                processor_time: Duration::from_nanos(u64::MAX),
                state: State::Stopped,
                is_kernel: false,
                ..idle()
            };
            let (memory, map) = make(&image(Some(std::slice::from_ref(&process)), None)).unwrap();
            let read = Snapshot::read(memory, map).unwrap().first_process();
            assert_eq!(
                read,
                Some(Listed {
                    program: kept.into(),
                    ..process
                })
            );
        }
        let real_time = [Priority::RealTime, Priority::Nice(-1)].map(priority_bits);
        assert_eq!(
            real_time.map(priority_of),
            [Priority::RealTime, Priority::Nice(-1)]
        );
    }

    #[test]
    fn files_that_are_no_snapshots_are_refused() {
        let good = image(Some(&[idle()]), None);
        let refused = |image: &[u8]| {
            let fd = make(image).unwrap().0.as_fd().try_clone_to_owned().unwrap();
            matches!(Snapshot::adopt(fd), Err(error) if error.kind() == ErrorKind::Corrupt)
        };
        assert!(!refused(&good));
        assert!(refused(&good[..good.len() - 1]));
        assert!(refused(&good[..40]));
        assert!(refused(&[0; 400]));
        let mut many = good;
        many[AT_PROCESSES + 6] = 1;
        assert!(refused(&many));
        assert!(Snapshot::adopt(std::fs::File::open("/dev/null").unwrap().into()).is_err());
    }
}
