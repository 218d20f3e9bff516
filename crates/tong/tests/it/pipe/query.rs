//! Section 20: what an end says of its pipe, and its modes.

use tong::pipe::{Modes, PipeClient, PipeType, ReadMode};
use tong::ErrorKind;

use super::op::{read, read_later, whole, write_later};
use super::{both, bytes, kinds, messages, name, pair, with_quota, LIMIT};
use crate::support::{kind, Watchdog};

const ALL: [Modes; 4] = [
    Modes {
        read: ReadMode::Byte,
        nowait: false,
    },
    Modes {
        read: ReadMode::Message,
        nowait: false,
    },
    Modes {
        read: ReadMode::Byte,
        nowait: true,
    },
    Modes {
        read: ReadMode::Message,
        nowait: true,
    },
];

/// P20.1 ... P20.4.
#[test]
fn ends_say_what_the_pipe_is() {
    let _watchdog = Watchdog::new("p20_1", LIMIT);
    for (mut options, pipe_type) in kinds().into_iter().zip([PipeType::Byte, PipeType::Message]) {
        options.in_quota(1).out_quota(0xF000).max_instances(Some(7));
        let (server, client) = pair(&format!("p20_1-{pipe_type:?}"), &options);
        assert!(server.is_server() && !client.is_server());
        for modes in ALL
            .into_iter()
            .filter(|modes| modes.read == ReadMode::Byte || pipe_type == PipeType::Message)
        {
            server.set_modes(modes).unwrap();
            let (seen, turned) = (server.info().unwrap(), client.info().unwrap());
            assert_eq!((seen.in_quota, seen.out_quota), (1, 0xF000));
            assert_eq!((turned.in_quota, turned.out_quota), (0xF000, 1));
            for info in [seen, turned] {
                assert_eq!(info.pipe_type, pipe_type);
                assert_eq!(info.max_instances, Some(7));
            }
        }
    }
}

/// P20.3, P13.3: the quota that an end names is the one that its writes meet.
#[test]
fn quotas_are_those_that_writes_meet() {
    let _watchdog = Watchdog::new("p20_3", LIMIT);
    let mut options = bytes();
    options.in_quota(10).out_quota(20);
    let (server, client) = pair("p20_3", &options);
    for (end, _) in both(&server, &client) {
        let quota = end.info().unwrap().out_quota as usize;
        assert_eq!(end.try_send(&vec![0; quota + 1]).unwrap(), 0);
        assert_eq!(end.try_send(&vec![0; quota]).unwrap(), quota);
    }
}

/// P20.6, P20.14, P20.16.
#[test]
fn modes_of_a_pipe_of_messages_change_freely() {
    let _watchdog = Watchdog::new("p20_14", LIMIT);
    let (server, client) = pair("p20_14", &messages());
    for (end, peer) in both(&server, &client) {
        let others = peer.modes().unwrap();
        for modes in ALL.into_iter().chain(ALL.into_iter().rev()) {
            end.set_modes(modes).unwrap();
            assert_eq!(end.modes().unwrap(), modes);
            assert_eq!(peer.modes().unwrap(), others, "the peer keeps its own");
        }
        end.set_modes(ALL[0]).unwrap();
    }
}

/// P20.16: other instances keep theirs.
#[test]
fn modes_of_other_instances_stay() {
    let _watchdog = Watchdog::new("p20_16", LIMIT);
    let name = name("p20_16");
    let servers = [(); 2].map(|()| messages().create(&name).unwrap());
    let clients = [(); 2].map(|()| PipeClient::open(&name).unwrap());
    servers[0].set_modes(ALL[2]).unwrap();
    clients[0].set_modes(ALL[3]).unwrap();
    assert_eq!(servers[1].modes().unwrap(), ALL[1]);
    assert_eq!(clients[1].modes().unwrap(), ALL[0]);
}

/// P20.7, P4.4.
#[test]
fn both_ends_count_the_instances() {
    let _watchdog = Watchdog::new("p20_7", LIMIT);
    let name = name("p20_7");
    let first = bytes().create(&name).unwrap();
    let client = PipeClient::open(&name).unwrap();
    let mut more = Vec::new();
    for count in 1..10 {
        assert_eq!(first.instances().unwrap(), count);
        assert_eq!(client.instances().unwrap(), count);
        more.push(bytes().create(&name).unwrap());
    }
    drop(more);
    assert_eq!(client.instances().unwrap(), 1);
    drop(first);
    assert_eq!(client.instances().unwrap(), 0);
}

/// P20.13.
#[test]
fn pipe_of_bytes_has_no_messages_to_read() {
    let _watchdog = Watchdog::new("p20_13", LIMIT);
    let (server, client) = pair("p20_13", &bytes());
    for (end, _) in both(&server, &client) {
        for modes in [ALL[1], ALL[3]] {
            assert_eq!(kind(end.set_modes(modes)), ErrorKind::InvalidParameter);
        }
        assert_eq!(end.modes().unwrap(), ALL[0], "nothing has changed");
        end.set_modes(ALL[2]).unwrap();
        assert_eq!(kind(end.set_modes(ALL[1])), ErrorKind::InvalidParameter);
        assert_eq!(end.modes().unwrap(), ALL[2]);
        end.set_modes(ALL[0]).unwrap();
    }
}

/// P20.17, P7.4.
#[test]
fn modes_change_after_the_peer_has_closed() {
    let _watchdog = Watchdog::new("p20_17", LIMIT);
    let (server, client) = pair("p20_17", &messages());
    client.send(b"left over").unwrap();
    drop(client);
    server.set_modes(ALL[2]).unwrap();
    assert_eq!(server.modes().unwrap(), ALL[2]);
    assert_eq!(read(&server, 4), whole(b"left"));
    let (server, client) = pair("p20_17-client", &messages());
    drop(server);
    client.set_modes(ALL[3]).unwrap();
    assert_eq!(client.modes().unwrap(), ALL[3]);
    assert_eq!(client.instances().unwrap(), 0);
}

/// P20.18.
#[test]
fn end_with_operations_that_wait_cannot_stop_waiting() {
    let _watchdog = Watchdog::new("p20_18", LIMIT);
    let (server, client) = pair("p20_18-all", &with_quota(messages(), 4));
    for (end, peer) in both(&server, &client) {
        let waits = read_later(end, 8);
        assert_eq!(kind(end.set_modes(ALL[3])), ErrorKind::PipeBusy);
        end.set_modes(ALL[0]).unwrap();
        end.set_modes(ALL[1]).unwrap();
        peer.send(b"x").unwrap();
        assert_eq!(waits.read(), whole(b"x"));
        let waits = write_later(end, b"too much");
        assert_eq!(kind(end.set_modes(ALL[2])), ErrorKind::PipeBusy);
        assert_eq!(read(peer, 8), whole(b"too much"));
        assert_eq!(waits.wrote(), Ok(8));
        end.set_modes(ALL[3]).unwrap();
        end.set_modes(ALL[1]).unwrap();
    }
}
