//! A child that was forked and runs on: it does no harm to its parent's mailslots.

#![allow(unsafe_code, reason = "a fork without exec is what this is about")]

use std::time::Duration;

use nix::sys::wait::{waitpid, WaitStatus};
use nix::unistd::{fork, ForkResult};
use tong::{ErrorKind, MailslotClient, MailslotServer};

use crate::support::{self, Actor, Watchdog};

/// Forks with a server and a client open; the child uses and drops both, then the parent goes on. A process of its own,
/// because forking one with many threads invites trouble that has nothing to do with us.
pub(crate) fn role_fork() {
    let name = tong::MailslotName::short(&support::args()[0]).unwrap();
    let server = MailslotServer::create(&name).unwrap();
    let client = MailslotClient::open(&name).unwrap();
    client.send(b"before").unwrap();
    // SAFETY: this process has one thread besides the harness's, which waits; the child uses what this one holds.
    let ForkResult::Parent { child } = (unsafe { fork() }).unwrap() else {
        let refused = |kind| kind == ErrorKind::InvalidHandle;
        let write = client.send(b"from the child").unwrap_err().kind();
        let read = server.try_recv(&mut [0; 64]).unwrap_err().kind();
        let info = server.info().unwrap_err().kind();
        drop((server, client));
        std::process::exit(i32::from(
            !(refused(write) && refused(read) && refused(info)),
        ));
    };
    assert_eq!(waitpid(child, None).unwrap(), WaitStatus::Exited(child, 0));
    client.send(b"after").unwrap();
    assert_eq!(server.recv_vec(Some(Duration::ZERO)).unwrap(), b"before");
    assert_eq!(server.recv_vec(Some(Duration::ZERO)).unwrap(), b"after");
    MailslotClient::open(&name)
        .unwrap()
        .send(b"still here")
        .unwrap();
    assert_eq!(server.recv_vec(None).unwrap(), b"still here");
    support::say("unharmed");
}

/// demand 6 (d): fork without exec.
#[test]
fn forked_child_harms_nothing_of_its_parent() {
    let _watchdog = Watchdog::new("forked_child", Duration::from_secs(60));
    let mut parent = Actor::start("fork", &[support::name("forked").path()]);
    parent.expect("unharmed");
    parent.finish();
}
