//! tong's named pipes through the functions that C programs call: blocking calls, overlapped reads with events, and a
//! completion port.
//!
//! The reader is what is compared; the writer's calls block, and so do the reader's answers. A reader with overlapped
//! reads keeps several pending if messages come one after the other, as servers do.

#![allow(
    unsafe_code,
    reason = "the functions that C programs call have no safe form here"
)]

use crate::case::{Case, Contender, Task};
use crate::link::{unsupported, Link, Ticket};
use crate::named_pipe;
use std::ffi::{c_void, CString};
use std::io;
use std::ptr;
use tong_win32::completion_port::{CreateIoCompletionPort, GetQueuedCompletionStatus};
use tong_win32::overlapped_result::GetOverlappedResult;
use tong_win32::pipe::CreateNamedPipeA;
use tong_win32::transfer::{ReadFile, WriteFile};
use tong_win32::types::{BOOL, DWORD, HANDLE, INVALID_HANDLE_VALUE, OVERLAPPED, TRUE};
use tong_win32::{event, file, handle};

const DUPLEX: DWORD = 3;
const OVERLAPPED_OPEN: DWORD = 0x4000_0000;
/// Messages, read as messages.
const MESSAGES: DWORD = 4 | 2;
const READ_AND_WRITE: DWORD = 0xC000_0000;
const OPEN_EXISTING: DWORD = 3;
const INFINITE: DWORD = DWORD::MAX;

/// Reads that are pending while messages stream.
const DEPTH: usize = 16;

/// One end.
pub(crate) struct PipeHandles {
    pipe: HANDLE,
    port: Option<HANDLE>,
    /// Pending reads, oldest at `turn`; none if reads block.
    reads: Vec<Pending>,
    turn: usize,
}

/// A read that goes on.
struct Pending {
    overlapped: OVERLAPPED,
    room: Vec<u8>,
}

/// The failure of a call as an error.
fn done(yes: BOOL) -> io::Result<()> {
    if yes != 0 {
        return Ok(());
    }
    let code = tong_win32::error::GetLastError();
    Err(io::Error::other(format!("a call failed with {code}")))
}

fn opened(handle: HANDLE) -> io::Result<HANDLE> {
    done(BOOL::from(
        handle != INVALID_HANDLE_VALUE && !handle.is_null(),
    ))?;
    Ok(handle)
}

fn length(bytes: usize) -> io::Result<DWORD> {
    DWORD::try_from(bytes).map_err(io::Error::other)
}

fn send(pipe: HANDLE, message: &[u8]) -> io::Result<()> {
    let mut written = 0;
    // SAFETY: pointer and length are those of one slice, and the count has a place.
    done(unsafe {
        WriteFile(
            pipe,
            message.as_ptr().cast(),
            length(message.len())?,
            &raw mut written,
            ptr::null_mut(),
        )
    })
}

fn create(name: &str, case: &Case) -> io::Result<HANDLE> {
    let name = CString::new(name)?;
    let mode = match case.contender {
        Contender::PipeHandle => DUPLEX,
        _ => DUPLEX | OVERLAPPED_OPEN,
    };
    let quota = DWORD::try_from(case.queue_bytes()).unwrap_or(DWORD::MAX);
    // SAFETY: the name ends in NUL; no attributes.
    opened(unsafe {
        CreateNamedPipeA(
            name.as_ptr(),
            mode,
            MESSAGES,
            1,
            quota,
            quota,
            0,
            ptr::null(),
        )
    })
}

fn open(name: &str) -> io::Result<HANDLE> {
    let name = CString::new(name)?;
    // SAFETY: the name ends in NUL; no attributes.
    opened(unsafe {
        file::CreateFileA(
            name.as_ptr(),
            READ_AND_WRITE,
            0,
            ptr::null(),
            OPEN_EXISTING,
            0,
            ptr::null_mut(),
        )
    })
}

impl Pending {
    fn new(case: &Case) -> io::Result<Pending> {
        // SAFETY: no attributes and no name.
        let event = unsafe { event::CreateEventA(ptr::null(), TRUE, 0, ptr::null()) };
        Ok(Pending {
            overlapped: OVERLAPPED {
                Internal: 0,
                InternalHigh: 0,
                Offset: 0,
                OffsetHigh: 0,
                hEvent: match case.contender {
                    Contender::PipeOverlapped => opened(event)?,
                    _ => ptr::null_mut(),
                },
            },
            room: vec![0; case.message_len],
        })
    }

    fn start(&mut self, pipe: HANDLE) -> io::Result<()> {
        const PENDING: DWORD = 997;
        let len = length(self.room.len())?;
        let room: *mut c_void = self.room.as_mut_ptr().cast();
        // SAFETY: the room and the OVERLAPPED are on the heap, in a list that never grows, and are neither touched nor
        // freed before the read has ended: `PipeHandles` waits for it first, or leaves them until the process ends.
        let yes = unsafe { ReadFile(pipe, room, len, ptr::null_mut(), &raw mut self.overlapped) };
        match yes {
            0 if tong_win32::error::GetLastError() == PENDING => Ok(()),
            other => done(other),
        }
    }
}

impl PipeHandles {
    fn new(pipe: HANDLE, case: &Case, server: bool) -> io::Result<PipeHandles> {
        let depth = match (case.contender, case.task) {
            (Contender::PipeHandle, _) => 0,
            _ if !server => 0,
            (_, Task::Stream) => DEPTH,
            _ => 1,
        };
        let port = (server && case.contender == Contender::PipePort)
            .then(|| opened(CreateIoCompletionPort(pipe, ptr::null_mut(), 0, 1)))
            .transpose()?;
        let reads: io::Result<_> = (0..depth).map(|_| Pending::new(case)).collect();
        Ok(PipeHandles {
            pipe,
            port,
            reads: reads?,
            turn: 0,
        })
    }

    /// Waits until the oldest read has ended.
    fn wait(&mut self) -> io::Result<()> {
        let oldest: *mut OVERLAPPED = &raw mut self.reads[self.turn].overlapped;
        let mut bytes = 0;
        match self.port {
            None => {
                // SAFETY: the OVERLAPPED is that of a read that was started on this pipe.
                done(unsafe { GetOverlappedResult(self.pipe, oldest, &raw mut bytes, TRUE) })
            }
            Some(port) => {
                let (mut key, mut which) = (0, ptr::null_mut());
                // SAFETY: everything has a place.
                done(unsafe {
                    GetQueuedCompletionStatus(
                        port,
                        &raw mut bytes,
                        &raw mut key,
                        &raw mut which,
                        INFINITE,
                    )
                })?;
                done(BOOL::from(which == oldest))
            }
        }
    }
}

impl Link for PipeHandles {
    fn create(case: &Case) -> io::Result<(Self, Vec<Ticket>)> {
        if case.writers != 1 || case.spins() {
            return Err(unsupported(case.contender, case.task));
        }
        let name = named_pipe::unique_name("link");
        let pipe = PipeHandles::new(create(&name, case)?, case, true)?;
        let ticket = Ticket {
            fds: Vec::new(),
            names: vec![name],
        };
        Ok((pipe, vec![ticket]))
    }

    fn join(case: &Case, ticket: Ticket) -> io::Result<Self> {
        let name = ticket.names.first().ok_or(io::ErrorKind::InvalidInput)?;
        PipeHandles::new(open(name)?, case, false)
    }

    fn complete(&mut self) -> io::Result<()> {
        for read in &mut self.reads {
            read.start(self.pipe)?;
        }
        Ok(())
    }

    #[inline]
    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        send(self.pipe, message)
    }

    #[inline]
    fn recv(&mut self, buf: &mut [u8]) -> io::Result<()> {
        if self.reads.is_empty() {
            let mut bytes = 0;
            // SAFETY: pointer and length are those of one slice, which is ours alone, and the count has a place.
            return done(unsafe {
                ReadFile(
                    self.pipe,
                    buf.as_mut_ptr().cast(),
                    length(buf.len())?,
                    &raw mut bytes,
                    ptr::null_mut(),
                )
            });
        }
        self.wait()?;
        let read = &mut self.reads[self.turn];
        buf.copy_from_slice(&read.room);
        read.start(self.pipe)?;
        self.turn = (self.turn + 1) % self.reads.len();
        Ok(())
    }
}

impl Drop for PipeHandles {
    fn drop(&mut self) {
        // Reads may be pending: their rooms stay until the process ends, which is soon.
        std::mem::take(&mut self.reads).leak();
        handle::CloseHandle(self.pipe);
    }
}
