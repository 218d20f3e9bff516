//! Doors: names at which exactly one client gets in.
//!
//! A door is a listening socket whose queue has room for one. The kernel lets the first client in the moment it connects,
//! whatever the server does, and refuses all others. When the server wants to know who came it *shuts the door*, after
//! which nobody gets in, and then looks into the queue: who was in before is still found there. Both steps are the
//! kernel's own, so there is no moment at which a second client could slip in, and nothing that a killed server or client
//! could leave half done.
//!
//! # References
//! Linux: unix(7), listen(2), shutdown(2), accept(2).

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::net::Shutdown;

use crate::dir::Dir;
use crate::{bell, errno, socket};

/// How a client was met at a door.
#[derive(Debug)]
pub enum Knock {
    /// It is in; this is its connection.
    In(OwnedFd),
    /// Another client is in, and the server has not looked yet.
    Taken,
    /// Nobody answers: the door was shut, or its server is gone.
    Shut,
    /// No such door, or something else stands there.
    Missing,
    /// The door is not open to this user.
    Refused,
}

/// Opens a door called `name` in the directory, with these permission bits and group.
///
/// # Errors
/// `EADDRINUSE` if something of that name exists; else what the system reports. No name is left behind then.
pub fn open(dir: &Dir, name: &str, mode: u32, group: Option<u32>) -> io::Result<OwnedFd> {
    let door = socket::bind(dir.as_fd(), name)?;
    // Nobody can connect before it listens, so there is no moment at which it is open wider than asked.
    let opened = dir
        .set_access(name, mode, group)
        .and_then(|()| socket::listen(&door, 0));
    if let Err(error) = opened {
        // It got its name from us a moment ago; had the name been taken, bind would have failed.
        let _ = dir.remove(name);
        return Err(error);
    }
    Ok(door)
}

/// Whether a client is in. Once it is, it stays so until [`shut`] takes it out.
#[must_use]
pub fn is_taken(door: impl AsFd) -> bool {
    bell::is_readable(door)
}

/// Shuts the door and returns the client that was in, if one was. Doing it again is fine.
///
/// # Errors
/// What accept4 reports: `EMFILE`, `ENFILE`, `ENOMEM`. The door is shut all the same, and the client stays in it.
pub fn shut(door: impl AsFd) -> io::Result<Option<OwnedFd>> {
    rustix::net::shutdown(&door, Shutdown::Both)?;
    match socket::accept(&door) {
        // Of a door that was shut and is empty.
        Err(error) if error.raw_os_error() == Some(errno::EINVAL) => Ok(None),
        result => result,
    }
}

/// Tries the door called `name` in the directory. Never waits.
///
/// # Errors
/// What has nothing to do with the door: `EMFILE`, `ENFILE`, `ENOMEM`.
pub fn knock(dir: &Dir, name: &str) -> io::Result<Knock> {
    match socket::connect(dir.as_fd(), name) {
        Ok(connection) => Ok(Knock::In(connection)),
        Err(error) => match error.raw_os_error() {
            Some(errno::EAGAIN) => Ok(Knock::Taken),
            Some(errno::ECONNREFUSED) => Ok(Knock::Shut),
            Some(errno::ENOENT | errno::ELOOP | errno::ENOTDIR | errno::EPROTOTYPE) => {
                Ok(Knock::Missing)
            }
            Some(errno::EACCES | errno::EPERM) => Ok(Knock::Refused),
            _ => Err(error),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dir::Refusal;

    fn fresh(test: &str) -> (Dir, std::path::PathBuf) {
        let path = std::env::temp_dir().join(format!("tong-door-{test}-{}", std::process::id()));
        match Dir::open_or_make(&path) {
            Ok(dir) => (dir, path),
            Err(Refusal::Io(error)) => panic!("{error}"),
            Err(Refusal::NotOurs(what)) => panic!("{what}"),
        }
    }

    #[test]
    fn one_client_gets_in_and_is_found_after_the_door_was_shut() {
        let (dir, path) = fresh("one");
        let door = open(&dir, "d", 0o600, None).unwrap();
        assert!(!is_taken(&door));
        let Knock::In(client) = knock(&dir, "d").unwrap() else {
            panic!("the door is open");
        };
        assert!(is_taken(&door));
        assert!(matches!(knock(&dir, "d").unwrap(), Knock::Taken));
        socket::send(&client, b"hello", &[]).unwrap();
        let server = shut(&door).unwrap().unwrap();
        assert!(matches!(knock(&dir, "d").unwrap(), Knock::Shut));
        let mut bytes = [0; 8];
        assert_eq!(
            socket::receive_plain(&server, &mut bytes).unwrap(),
            Some(5),
            "what was sent before the server looked is there"
        );
        assert!(shut(&door).unwrap().is_none(), "shutting again is fine");
        drop(door);
        dir.remove("d").unwrap();
        assert!(matches!(knock(&dir, "d").unwrap(), Knock::Missing));
        std::fs::remove_dir(path).unwrap();
    }

    #[test]
    fn of_many_clients_exactly_one_gets_in_while_the_server_shuts_the_door() {
        let (dir, path) = fresh("many");
        for round in 0..200 {
            let name = format!("d{round}");
            let door = open(&dir, &name, 0o600, None).unwrap();
            let (inside, met) = std::thread::scope(|scope| {
                let clients: Vec<_> = (0..3)
                    .map(|_| scope.spawn(|| matches!(knock(&dir, &name), Ok(Knock::In(_)))))
                    .collect();
                let met = shut(&door).unwrap().is_some();
                let inside = clients.into_iter().filter_map(|one| one.join().ok());
                (inside.filter(|inside| *inside).count(), met)
            });
            assert_eq!(
                inside,
                usize::from(met),
                "whoever is in is met, and only one is"
            );
            dir.remove(&name).unwrap();
        }
        std::fs::remove_dir(path).unwrap();
    }
}
