//! Named pipes: the rules of their semantics, a file per section, each test with the rules that it checks.
//!
//! What the types of the Rust API leave no way to say, or what is a matter of handles and numbers, is tested through the
//! C ABI. Below, *abi* stands for the tests of `tong-win32`, *names* for `pipe_names` and the unit tests beside
//! `name/pipe.rs` and `object/pipe/registry.rs`, *anonymous* for `anonymous_pipe`.
//!
//! | rule | where |
//! |---|---|
//! | P1.1 ... P1.8 | [`create`]; P1.6 with several processes in [`death`] |
//! | P2.1 ... P2.15 | *names*; the numbers in *abi* |
//! | P3.1, P3.4 ... P3.7, P3.11, P3.13 | [`create`] |
//! | P3.2, P3.3, P3.8 ... P3.10, P3.12 | *abi*: bits exist only there |
//! | P4.1, P4.4 ... P4.9, P4.11 ... P4.14 | [`create`]; across processes in [`instances`] |
//! | P4.2, P4.3 | [`instances`], and by a second user in [`users`] |
//! | P4.10 | *abi* |
//! | P5.1 ... P5.8, P5.10, P5.14 | [`open`] |
//! | P5.9, P5.11 ... P5.13, P5.15 | *abi* |
//! | P6.1 ... P6.3, P6.6 | [`open`] |
//! | P6.4, P6.5, P6.7 | *abi*: the Rust ends have no attribute rights |
//! | section 7, P7.1 ... P7.6 | [`states`] cell by cell; both ConnectNamedPipe and DisconnectNamedPipe of a client, and impersonation, in *abi* |
//! | P8.1 ... P8.3, P8.5 ... P8.12 | [`connect`] |
//! | P8.4, P8.13, P8.14 | *abi* |
//! | P9.1 ... P9.10 | [`disconnect`] |
//! | P10.1 ... P10.15 | [`close`], by kill in [`death`]; P10.12 in *abi* as far as it is a matter of ports |
//! | P11.1 ... P11.10, P11.13 | [`read`](mod@read) |
//! | P11.11, P11.12, P11.14 | *abi* |
//! | P12.1 ... P12.10 | [`zero`] |
//! | P13.1 ... P13.13 | [`quota`] |
//! | P13.14 | *abi* |
//! | P14.1 ... P14.14 | [`nowait`] |
//! | P15.1 ... P15.8 | [`flush`] |
//! | P16.1 ... P16.9, P16.13 | [`peek`] |
//! | P16.10 ... P16.12, P16.14 | *abi* |
//! | P17.1 ... P17.9, P17.12 ... P17.15 | [`transact`] |
//! | P17.10, P17.11 | *abi* |
//! | P18.1 ... P18.10 | [`call`] |
//! | P19.1 ... P19.8 | [`wait`] |
//! | P20.1 ... P20.4, P20.6, P20.7, P20.11, P20.13, P20.14, P20.16 ... P20.18 | [`query`] |
//! | P20.5, P20.8 ... P20.10, P20.12, P20.15, P20.19 | *abi* |
//! | P21.1 ... P21.5, P21.9 | [`identity`] |
//! | P21.6 ... P21.8, P21.10 | *abi* |
//! | P22.14, P22.15, P22.20 ... P22.22, P22.24, P22.26, P22.27 | [`pending`] |
//! | the rest of P22 | *abi*: OVERLAPPED, routines and ports |
//! | P23.1, P23.2, P23.6, P23.9 | [`signal`] |
//! | P23.3 ... P23.5, P23.7, P23.8 | *abi* |
//! | P24.1, P24.2, P24.4 | [`synchronous`]; CancelSynchronousIo there, too |
//! | P24.3 | *abi* |
//! | P25.1 ... P25.3, P25.6 ... P25.8 | [`travel`], and [`split`] within a process; P25.4 and P25.5 in *abi* |
//! | A1 ... A20 | *anonymous* |

mod call;
mod close;
mod connect;
mod create;
mod death;
mod disconnect;
mod flush;
mod fork;
mod hostile;
mod identity;
mod instances;
mod large;
mod nowait;
mod op;
mod open;
mod peek;
mod pending;
mod player;
mod query;
mod quota;
mod read;
mod signal;
mod split;
mod stage;
mod states;
mod synchronous;
#[cfg(feature = "tokio")]
mod tasks;
mod transact;
mod travel;
mod users;
mod wait;
mod zero;

use std::time::Duration;

use tong::pipe::{Modes, PipeClient, PipeEnd, PipeOptions, PipeServer, PipeType, ReadMode};
use tong::PipeName;

use crate::support;

pub(crate) use fork::role_fork_pipe;
pub(crate) use player::{role_pipe_player, Stage};
#[cfg(feature = "tokio")]
pub(crate) use tasks::{role_pipe_task_crowd, role_pipe_task_server};
pub(crate) use travel::{role_pipe_heir, role_pipe_servant};

/// Longer than any of these tests takes on the slowest machine.
const LIMIT: Duration = Duration::from_secs(120);

/// A pipe name that no other test uses.
fn name(test: &str) -> PipeName {
    support::namespace();
    PipeName::short(&format!("{test}-{}", std::process::id())).unwrap()
}

/// A pipe of bytes.
fn bytes() -> PipeOptions {
    PipeServer::options()
}

/// A pipe of messages, which the server reads as such.
fn messages() -> PipeOptions {
    let mut options = PipeServer::options();
    options
        .pipe_type(PipeType::Message)
        .read_mode(ReadMode::Message);
    options
}

/// Both kinds of pipes.
fn kinds() -> [PipeOptions; 2] {
    [bytes(), messages()]
}

/// The same pipe with a quota for each direction.
fn with_quota(mut options: PipeOptions, quota: u32) -> PipeOptions {
    options.in_quota(quota).out_quota(quota);
    options
}

/// A pipe of the test's own, and a client of it that reads as its server does.
fn pair(test: &str, options: &PipeOptions) -> (PipeServer, PipeClient) {
    let name = name(test);
    let server = options.create(&name).unwrap();
    let client = PipeClient::open(&name).unwrap();
    client.set_modes(server.modes().unwrap()).unwrap();
    (server, client)
}

/// Both ends, each with its peer, so that a test can be made from both sides.
fn both<'a>(server: &'a PipeServer, client: &'a PipeClient) -> [(&'a PipeEnd, &'a PipeEnd); 2] {
    [(server, client), (client, server)]
}

/// Changes only the read mode.
fn read_as(end: &PipeEnd, read: ReadMode) {
    let modes = end.modes().unwrap();
    end.set_modes(Modes { read, ..modes }).unwrap();
}

/// Changes only the wait mode.
fn never_wait(end: &PipeEnd, nowait: bool) {
    let modes = end.modes().unwrap();
    end.set_modes(Modes { nowait, ..modes }).unwrap();
}

/// How many bytes can be read.
fn unread(end: &PipeEnd) -> usize {
    end.peek(&mut []).unwrap().available
}
