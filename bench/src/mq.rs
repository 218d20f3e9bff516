//! POSIX message queues, one per direction; several writers share one.
//!
//! Neither std nor rustix know them, so the C library is called directly. A kernel without them, or limits that are
//! too small, make the case fail, and the report says so.

#![allow(
    unsafe_code,
    reason = "mq_open and its relatives are only reachable through the C library"
)]

use crate::case::Case;
use crate::link::{Link, Ticket};
use std::ffi::CString;
use std::io;
use std::ptr;

/// A queue descriptor; on Linux a file descriptor, closed on exec.
#[derive(Debug)]
struct Queue(libc::mqd_t);

impl Queue {
    fn create(name: &str, case: &Case) -> io::Result<Queue> {
        // SAFETY: all-zero bytes are a valid mq_attr, a struct of integers.
        let mut attributes: libc::mq_attr = unsafe { std::mem::zeroed() };
        // Ten is what the kernel allows to everybody unless the administrator said otherwise.
        attributes.mq_maxmsg = 10;
        attributes.mq_msgsize = case.message_len.try_into().map_err(io::Error::other)?;
        Queue::open(
            name,
            libc::O_CREAT | libc::O_EXCL | libc::O_RDWR,
            &attributes,
            case,
        )
    }

    fn join(name: &str, case: &Case) -> io::Result<Queue> {
        Queue::open(name, libc::O_RDWR, ptr::null(), case)
    }

    fn open(
        name: &str,
        flags: libc::c_int,
        attributes: *const libc::mq_attr,
        case: &Case,
    ) -> io::Result<Queue> {
        let name = CString::new(name)?;
        let flags = flags | if case.spins() { libc::O_NONBLOCK } else { 0 };
        let mode: libc::mode_t = 0o600;
        // SAFETY: the name ends in NUL and the attributes, if any, outlive the call.
        let queue = unsafe { libc::mq_open(name.as_ptr(), flags, mode, attributes) };
        if queue < 0 {
            Err(io::Error::last_os_error())
        } else {
            Ok(Queue(queue))
        }
    }

    /// Sends once; `false` if the queue is full and the case spins.
    fn try_send(&self, message: &[u8]) -> io::Result<bool> {
        // SAFETY: pointer and length are those of one slice.
        outcome(unsafe { libc::mq_send(self.0, message.as_ptr().cast(), message.len(), 0) } == 0)
    }

    /// Receives once; `false` if the queue is empty and the case spins.
    fn try_recv(&self, buf: &mut [u8]) -> io::Result<bool> {
        // SAFETY: pointer and length are those of one slice, which is ours alone.
        outcome(
            unsafe {
                libc::mq_receive(self.0, buf.as_mut_ptr().cast(), buf.len(), ptr::null_mut())
            } >= 0,
        )
    }
}

fn outcome(done: bool) -> io::Result<bool> {
    if done {
        return Ok(true);
    }
    let error = io::Error::last_os_error();
    if error.kind() == io::ErrorKind::WouldBlock {
        Ok(false)
    } else {
        Err(error)
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        // SAFETY: the descriptor is ours and is not used again.
        unsafe { libc::mq_close(self.0) };
    }
}

/// One end.
#[derive(Debug)]
pub(crate) struct Mq {
    out: Queue,
    inward: Queue,
    /// The names are gone once every writer has opened them.
    names: Vec<String>,
    case: Case,
}

impl Link for Mq {
    fn create(case: &Case) -> io::Result<(Self, Vec<Ticket>)> {
        let names =
            ["there", "back"].map(|way| format!("/tong-bench-{}-{way}", std::process::id()));
        let out = Queue::create(&names[0], case)?;
        // The names outlive a process that fails half-way, so the first is removed if the second cannot be made.
        let inward = Queue::create(&names[1], case).inspect_err(|_| unlink(&names[..1]))?;
        let ticket = || Ticket {
            fds: Vec::new(),
            names: vec![names[1].clone(), names[0].clone()],
        };
        let tickets = (0..case.writers).map(|_| ticket()).collect();
        Ok((
            Mq {
                out,
                inward,
                names: names.to_vec(),
                case: case.clone(),
            },
            tickets,
        ))
    }

    fn join(case: &Case, ticket: Ticket) -> io::Result<Self> {
        let [out, inward] = ticket.names.as_slice() else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        let (out, inward) = (Queue::join(out, case)?, Queue::join(inward, case)?);
        Ok(Mq {
            out,
            inward,
            names: Vec::new(),
            case: case.clone(),
        })
    }

    fn complete(&mut self) -> io::Result<()> {
        unlink(&std::mem::take(&mut self.names));
        Ok(())
    }

    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        while !self.out.try_send(message)? {
            self.case.relax();
        }
        Ok(())
    }

    fn recv(&mut self, buf: &mut [u8]) -> io::Result<()> {
        while !self.inward.try_recv(buf)? {}
        Ok(())
    }
}

impl Drop for Mq {
    fn drop(&mut self) {
        unlink(&self.names);
    }
}

fn unlink(names: &[String]) {
    for name in names
        .iter()
        .filter_map(|name| CString::new(name.as_str()).ok())
    {
        // SAFETY: the name ends in NUL. A failure leaves a queue of ten messages behind, which is not worth a stop.
        unsafe { libc::mq_unlink(name.as_ptr()) };
    }
}
