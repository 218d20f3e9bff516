//! A child that was forked and runs on: it does no harm to its parent's pipes.

#![allow(unsafe_code, reason = "a fork without exec is what this is about")]

use nix::sys::wait::{waitpid, WaitStatus};
use nix::unistd::{fork, ForkResult};
use tong::pipe::{PipeClient, PipeEnd};
use tong::{ErrorKind, PipeName};

use super::op::{read, read_later, whole};
use super::{messages, name, LIMIT};
use crate::support::{self, Actor, Watchdog};

/// Whether every call of a child on its parent's end is refused.
fn refused(end: &PipeEnd) -> bool {
    let kinds = [
        end.send(b"from the child").unwrap_err(),
        end.try_receive(&mut [0; 64]).unwrap_err(),
        end.peek(&mut []).unwrap_err(),
        end.flush().unwrap_err(),
        end.info().unwrap_err(),
        end.modes().unwrap_err(),
    ];
    kinds
        .iter()
        .all(|error| error.kind() == ErrorKind::InvalidHandle)
}

/// Forks with ends in all states open; the child uses and drops them, then the parent goes on.
pub(crate) fn role_fork_pipe() {
    let name = PipeName::short(&support::args()[0]).unwrap();
    let server = messages().create(&name).unwrap();
    let listening = messages().create(&name).unwrap();
    let client = PipeClient::open(&name).unwrap();
    client.send(b"before").unwrap();
    let pending = read_later(&client, 64);
    // SAFETY: this process has no threads besides the harness's and the servant, which wait; the child uses what this one
    // holds.
    let ForkResult::Parent { child } = (unsafe { fork() }).unwrap() else {
        let mut good = [&*server, &*listening, &*client].into_iter().all(refused);
        good &= server.disconnect().is_err() && listening.connect().is_err();
        drop((server, listening, client));
        // It can have ends of its own.
        let own = PipeClient::open(&name).unwrap();
        own.send(b"from the child").unwrap();
        std::process::exit(i32::from(!good));
    };
    assert_eq!(waitpid(child, None).unwrap(), WaitStatus::Exited(child, 0));
    client.send(b"after").unwrap();
    assert_eq!(read(&server, 64), whole(b"before"));
    assert_eq!(read(&server, 64), whole(b"after"));
    assert_eq!(server.instances().unwrap(), 2);
    server.send(b"answer").unwrap();
    assert_eq!(pending.read(), whole(b"answer"));
    let id = u32::try_from(child.as_raw()).unwrap();
    assert_eq!(listening.client_process_id().unwrap(), id);
    assert_eq!(read(&listening, 64), whole(b"from the child"));
    assert_eq!(read(&listening, 64), Err(ErrorKind::BrokenPipe));
    support::say("unharmed");
}

/// demand 6 (d): fork without exec.
#[test]
fn forked_child_harms_no_pipe_of_its_parent() {
    let _watchdog = Watchdog::new("forked_child pipe", LIMIT);
    let mut parent = Actor::start("fork_pipe", &[name("fork-pipe").path()]);
    parent.expect("unharmed");
    parent.finish();
}
