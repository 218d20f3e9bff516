//! Events, mutexes and semaphores in one thread, and what the machine has instead.
//!
//! "Uncontended" is what a program pays all day: nobody waits, nothing sleeps. The cases through handles call the functions
//! that C programs call, with their table lookups and checks.

#![allow(
    unsafe_code,
    reason = "the C library's locks, and the functions that C programs call, have no safe form here"
)]

use crate::case::{Case, Contender, Task};
use crate::link::{unsupported, Link, Ticket};
use crate::measure::{phases, to_f64, warm_up};
use std::hint::black_box;
use std::io;
use std::mem::MaybeUninit;
use std::time::{Duration, Instant};
use tong::wait::{self, Waitable};
use tong::{Event, Mutex, ObjectName, Process, ProcessOptions, Reset, Semaphore};
use tong_win32::{event, handle, mutex, semaphore};

/// How long a spinning receiver looks before it looks again.
const LOOK: Option<Duration> = Some(Duration::ZERO);

/// Takes one sample: seconds for one of what the task does.
pub(crate) fn sample(case: &Case) -> io::Result<f64> {
    match case.task {
        Task::SetWait => set_wait(case),
        Task::LockUnlock => lock_unlock(case),
        Task::ReleaseWait => release_wait(case),
        Task::WaitAny => wait_any(case),
        Task::WaitAll => wait_all(case),
        Task::MakeClose => make_close(case),
        Task::NameClose => name_close(case),
        Task::Threads => threads(case),
        Task::StartProcess => start_process(case),
        Task::Footprint => footprint(case),
        task => Err(unsupported(case.contender, task)),
    }
}

/// The mean time of `once`.
fn repeat(case: &Case, mut once: impl FnMut() -> io::Result<()>) -> io::Result<f64> {
    phases(case, |count| {
        let warm = warm_up(count);
        let mut start = Instant::now();
        for done in 0..count {
            if done == warm {
                start = Instant::now();
            }
            once()?;
        }
        Ok(start.elapsed().as_secs_f64() / to_f64(count - warm))
    })
}

/// A name that no other process of the run uses.
fn unique_name(word: &str) -> io::Result<ObjectName> {
    Ok(ObjectName::parse(&format!(
        "bench-{}-{word}",
        std::process::id()
    ))?)
}

/// An event of the contender's sort.
fn make_event(case: &Case) -> io::Result<Event> {
    if case.contender == Contender::NamedEvent {
        return Ok(Event::create(&unique_name("event")?, Reset::Auto, false)?.0);
    }
    Ok(Event::new(Reset::Auto, false)?)
}

fn set_wait(case: &Case) -> io::Result<f64> {
    match case.contender {
        Contender::Eventfd => {
            let fd = rustix::event::eventfd(0, rustix::event::EventfdFlags::CLOEXEC)?;
            let (one, mut buf) = (1u64.to_ne_bytes(), [0; 8]);
            repeat(case, || {
                rustix::io::write(&fd, &one)?;
                rustix::io::read(&fd, &mut buf)?;
                Ok(())
            })
        }
        Contender::Event | Contender::NamedEvent => {
            let event = make_event(case)?;
            repeat(case, || {
                event.set()?;
                Ok(event.wait(LOOK)?)
            })
        }
        Contender::EventHandle => {
            // SAFETY: no attributes and no name.
            let event = unsafe { event::CreateEventA(std::ptr::null(), 0, 0, std::ptr::null()) };
            repeat(case, || {
                black_box(event::SetEvent(event));
                done(tong_win32::wait::WaitForSingleObject(event, 0) == 0)
            })
        }
        other => Err(unsupported(other, case.task)),
    }
}

/// Fails if a call did not do what it is measured for.
fn done(yes: bool) -> io::Result<()> {
    match yes {
        true => Ok(()),
        false => Err(io::Error::other("a call of the benchmark failed")),
    }
}

/// Gives the process a second thread, which sleeps: with one thread the C library leaves the atomics out of its locks, and
/// programs with locks have more.
fn two_threads() {
    std::thread::spawn(|| loop {
        std::thread::park();
    });
}

/// A lock of the C library.
struct PthreadMutex(Box<MaybeUninit<libc::pthread_mutex_t>>);

impl PthreadMutex {
    fn new(robust: bool) -> PthreadMutex {
        let mut lock = Box::new(MaybeUninit::uninit());
        let mut attributes = MaybeUninit::uninit();
        // SAFETY: the attributes are made before they are used, and the lock from them, in memory that stays where it is.
        unsafe {
            libc::pthread_mutexattr_init(attributes.as_mut_ptr());
            if robust {
                libc::pthread_mutexattr_setrobust(
                    attributes.as_mut_ptr(),
                    libc::PTHREAD_MUTEX_ROBUST,
                );
            }
            libc::pthread_mutex_init(lock.as_mut_ptr(), attributes.as_ptr());
        }
        PthreadMutex(lock)
    }

    fn lock_unlock(&mut self) -> io::Result<()> {
        // SAFETY: the lock was made, and is unlocked by the thread that locked it.
        unsafe {
            libc::pthread_mutex_lock(self.0.as_mut_ptr());
            libc::pthread_mutex_unlock(self.0.as_mut_ptr());
        }
        Ok(())
    }
}

fn lock_unlock(case: &Case) -> io::Result<f64> {
    two_threads();
    match case.contender {
        Contender::PthreadMutex | Contender::RobustMutex => {
            let mut lock = PthreadMutex::new(case.contender == Contender::RobustMutex);
            repeat(case, || lock.lock_unlock())
        }
        Contender::Mutex => {
            let mutex = Mutex::new(false)?;
            repeat(case, || {
                let _ = black_box(mutex.acquire(LOOK)?);
                Ok(mutex.release()?)
            })
        }
        Contender::MutexHandle => {
            // SAFETY: no attributes and no name.
            let mutex = unsafe { mutex::CreateMutexA(std::ptr::null(), 0, std::ptr::null()) };
            repeat(case, || {
                black_box(tong_win32::wait::WaitForSingleObject(mutex, 0));
                done(mutex::ReleaseMutex(mutex) != 0)
            })
        }
        other => Err(unsupported(other, case.task)),
    }
}

fn release_wait(case: &Case) -> io::Result<f64> {
    match case.contender {
        Contender::PosixSemaphore => {
            let mut semaphore = Box::new(MaybeUninit::<libc::sem_t>::uninit());
            // SAFETY: made before it is used, in memory that stays where it is.
            unsafe { libc::sem_init(semaphore.as_mut_ptr(), 1, 0) };
            repeat(case, || {
                // SAFETY: as above.
                unsafe {
                    libc::sem_post(semaphore.as_mut_ptr());
                    libc::sem_wait(semaphore.as_mut_ptr());
                }
                Ok(())
            })
        }
        Contender::Semaphore => {
            let semaphore = Semaphore::new(0, 10)?;
            repeat(case, || {
                black_box(semaphore.release(1)?);
                Ok(semaphore.acquire(LOOK)?)
            })
        }
        Contender::SemaphoreHandle => {
            // SAFETY: no attributes and no name.
            let handle =
                unsafe { semaphore::CreateSemaphoreA(std::ptr::null(), 0, 10, std::ptr::null()) };
            repeat(case, || {
                // SAFETY: the previous count is not asked for.
                black_box(unsafe { semaphore::ReleaseSemaphore(handle, 1, std::ptr::null_mut()) });
                done(tong_win32::wait::WaitForSingleObject(handle, 0) == 0)
            })
        }
        other => Err(unsupported(other, case.task)),
    }
}

/// As many auto-reset events as the case has writers.
fn events(case: &Case) -> io::Result<Vec<Event>> {
    (0..case.writers)
        .map(|_| Ok(Event::new(Reset::Auto, false)?))
        .collect()
}

/// The last of many is signaled: the first look finds it, and nothing sleeps.
fn wait_any(case: &Case) -> io::Result<f64> {
    match case.contender {
        Contender::Poll => {
            let fds: Vec<_> = (0..case.writers)
                .map(|_| rustix::event::eventfd(0, rustix::event::EventfdFlags::CLOEXEC))
                .collect::<Result<_, _>>()?;
            let last = &fds[fds.len() - 1];
            let mut polls: Vec<_> = fds
                .iter()
                .map(|fd| rustix::event::PollFd::new(fd, rustix::event::PollFlags::IN))
                .collect();
            let (one, mut buf) = (1u64.to_ne_bytes(), [0; 8]);
            repeat(case, || {
                rustix::io::write(last, &one)?;
                rustix::event::poll(&mut polls, None)?;
                rustix::io::read(last, &mut buf)?;
                Ok(())
            })
        }
        Contender::Event => {
            let events = events(case)?;
            let objects: Vec<&dyn Waitable> = events.iter().map(|event| event as _).collect();
            let last = &events[events.len() - 1];
            repeat(case, || {
                last.set()?;
                done(wait::any(&objects, None)?.index == events.len() - 1)
            })
        }
        other => Err(unsupported(other, case.task)),
    }
}

fn wait_all(case: &Case) -> io::Result<f64> {
    let events = events(case)?;
    let objects: Vec<&dyn Waitable> = events.iter().map(|event| event as _).collect();
    repeat(case, || {
        for event in &events {
            event.set()?;
        }
        wait::all(&objects, None)?;
        Ok(())
    })
}

fn make_close(case: &Case) -> io::Result<f64> {
    match case.contender {
        Contender::Eventfd => repeat(case, || {
            drop(rustix::event::eventfd(
                0,
                rustix::event::EventfdFlags::CLOEXEC,
            )?);
            Ok(())
        }),
        Contender::Event => repeat(case, || {
            drop(black_box(Event::new(Reset::Auto, false)?));
            Ok(())
        }),
        Contender::EventHandle => repeat(case, || {
            // SAFETY: no attributes and no name.
            let event = unsafe { event::CreateEventA(std::ptr::null(), 0, 0, std::ptr::null()) };
            done(handle::CloseHandle(event) != 0)
        }),
        other => Err(unsupported(other, case.task)),
    }
}

fn name_close(case: &Case) -> io::Result<f64> {
    match case.contender {
        Contender::SharedMemory => {
            let name = format!("/tong-bench-{}", std::process::id());
            repeat(case, || {
                use rustix::shm::{Mode, OFlags};
                let fd = rustix::shm::open(
                    &*name,
                    OFlags::CREATE | OFlags::RDWR,
                    Mode::RUSR | Mode::WUSR,
                )?;
                rustix::fs::ftruncate(&fd, 4096)?;
                // SAFETY: a new mapping at an address of the kernel's choice, written once and unmapped at once.
                unsafe {
                    let map = rustix::mm::mmap(
                        std::ptr::null_mut(),
                        4096,
                        rustix::mm::ProtFlags::READ | rustix::mm::ProtFlags::WRITE,
                        rustix::mm::MapFlags::SHARED,
                        &fd,
                        0,
                    )?;
                    map.cast::<u64>().write_volatile(1);
                    rustix::mm::munmap(map, 4096)?;
                }
                Ok(rustix::shm::unlink(&*name)?)
            })
        }
        Contender::NamedEvent => {
            let name = unique_name("life")?;
            repeat(case, || {
                drop(black_box(Event::create(&name, Reset::Auto, false)?));
                Ok(())
            })
        }
        other => Err(unsupported(other, case.task)),
    }
}

/// As many threads as the case has writers take one lock in turn, each turn after a little work: time per turn.
fn threads(case: &Case) -> io::Result<f64> {
    match case.contender {
        Contender::PthreadMutex => {
            let lock = std::sync::Mutex::new(0u64);
            turns(case, || {
                *lock.lock().unwrap_or_else(|poison| poison.into_inner()) += 1;
                Ok(())
            })
        }
        Contender::Mutex => {
            let mutex = Mutex::new(false)?;
            turns(case, || {
                let guard = mutex.lock()?;
                black_box(&guard);
                Ok(())
            })
        }
        other => Err(unsupported(other, case.task)),
    }
}

/// Turns of each thread in a batch. Few, because a batch takes from microseconds to tenths of a second: a lock that is
/// handed over costs a switch of threads each turn, unless the threads happen to come one after the other.
const BATCH: u64 = 500;

/// The median of batches, as many as fit into the sample's time.
fn turns(case: &Case, turn: impl Fn() -> io::Result<()> + Sync) -> io::Result<f64> {
    let enough = Duration::from_millis(u64::from(case.sample_ms));
    let begun = Instant::now();
    let mut batches = Vec::new();
    while batches.len() < 3 || begun.elapsed() < enough {
        batches.push(batch(case, &turn)?);
    }
    batches.sort_unstable_by(f64::total_cmp);
    Ok(batches[batches.len() / 2])
}

fn batch(case: &Case, turn: &(impl Fn() -> io::Result<()> + Sync)) -> io::Result<f64> {
    // All begin at once: a thread that is done before the next one starts has met nobody.
    let barrier = std::sync::Barrier::new(case.writers + 1);
    let each = || {
        barrier.wait();
        (0..BATCH).try_for_each(|_| turn())
    };
    let start = std::thread::scope(|scope| -> io::Result<Instant> {
        let all: Vec<_> = (0..case.writers).map(|_| scope.spawn(each)).collect();
        barrier.wait();
        let start = Instant::now();
        all.into_iter().try_for_each(|thread| {
            thread
                .join()
                .unwrap_or_else(|_| Err(io::Error::other("a thread panicked")))
        })?;
        Ok(start)
    })?;
    let turns = BATCH * u64::try_from(case.writers).map_err(io::Error::other)?;
    Ok(start.elapsed().as_secs_f64() / to_f64(turns))
}

/// Start of a small program, its end awaited, its exit code asked for.
fn start_process(case: &Case) -> io::Result<f64> {
    const PROGRAM: &std::ffi::CStr = c"/bin/true";
    match case.contender {
        Contender::PosixSpawn => repeat(case, || {
            let mut pid = 0;
            let argv = [PROGRAM.as_ptr().cast_mut(), std::ptr::null_mut()];
            let environment = [std::ptr::null_mut()];
            let mut status = 0;
            // SAFETY: both lists end with a null pointer, and the strings outlive the calls.
            let waited = unsafe {
                let failed = libc::posix_spawn(
                    &raw mut pid,
                    PROGRAM.as_ptr(),
                    std::ptr::null(),
                    std::ptr::null(),
                    argv.as_ptr(),
                    environment.as_ptr(),
                );
                if failed != 0 {
                    return Err(io::Error::from_raw_os_error(failed));
                }
                libc::waitpid(pid, &raw mut status, 0)
            };
            done(waited == pid && status == 0)
        }),
        Contender::Process => {
            let options = ProcessOptions::new("/bin/true").environment(Vec::new());
            repeat(case, || {
                let process: Process = options.spawn()?;
                process.wait(None)?;
                done(process.exit_code()? == Some(0))
            })
        }
        other => Err(unsupported(other, case.task)),
    }
}

/// Bytes of memory that each of many objects takes, shared and private, by what the kernel counts for the process.
fn footprint(case: &Case) -> io::Result<f64> {
    let before = resident()?;
    let events = events(case)?;
    let descriptors = std::fs::read_dir("/proc/self/fd")?.count();
    done(descriptors < 64)?;
    let bytes = resident()?.saturating_sub(before);
    drop(events);
    Ok(to_f64(bytes) / to_f64(u64::try_from(case.writers).map_err(io::Error::other)?))
}

fn resident() -> io::Result<u64> {
    let pages = std::fs::read_to_string("/proc/self/statm")?;
    let pages: u64 = pages
        .split(' ')
        .nth(1)
        .and_then(|pages| pages.parse().ok())
        .ok_or(io::ErrorKind::InvalidData)?;
    Ok(pages * u64::try_from(rustix::param::page_size()).map_err(io::Error::other)?)
}

/// Two named auto-reset events as a link that carries nothing: a message is a signal.
#[derive(Debug)]
pub(crate) struct EventPair {
    out: Event,
    inward: Event,
    spins: bool,
}

impl Link for EventPair {
    fn create(case: &Case) -> io::Result<(Self, Vec<Ticket>)> {
        let (there, back) = (unique_name("there")?, unique_name("back")?);
        let pair = EventPair {
            out: Event::create(&there, Reset::Auto, false)?.0,
            inward: Event::create(&back, Reset::Auto, false)?.0,
            spins: case.spins(),
        };
        let ticket = Ticket {
            fds: Vec::new(),
            names: vec![back.to_string(), there.to_string()],
        };
        Ok((pair, vec![ticket]))
    }

    fn join(case: &Case, ticket: Ticket) -> io::Result<Self> {
        let open =
            |name: &String| -> io::Result<Event> { Ok(Event::open(&ObjectName::parse(name)?)?) };
        match ticket.names.as_slice() {
            [out, inward] => Ok(EventPair {
                out: open(out)?,
                inward: open(inward)?,
                spins: case.spins(),
            }),
            _ => Err(io::ErrorKind::InvalidInput.into()),
        }
    }

    fn send(&mut self, _message: &[u8]) -> io::Result<()> {
        Ok(self.out.set()?)
    }

    fn recv(&mut self, _buf: &mut [u8]) -> io::Result<()> {
        if !self.spins {
            return Ok(self.inward.wait(None)?);
        }
        while self.inward.wait(LOOK).is_err() {
            std::hint::spin_loop();
        }
        Ok(())
    }
}
