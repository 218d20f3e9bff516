//! Section 21: who is at the other end.

use tong::pipe::PipeClient;
use tong::ErrorKind;

use super::op::connect_later;
use super::player::Player;
use super::{bytes, messages, name, pair, LIMIT};
use crate::support::{kind, Watchdog};

/// P21.1.
#[test]
fn both_ends_know_both_processes() {
    let _watchdog = Watchdog::new("p21_1", LIMIT);
    let name = name("p21_1");
    let me = std::process::id();
    let mut server = Player::start();
    server.must(&["create", name.path()]);
    let client = PipeClient::open(&name).unwrap();
    assert_eq!(client.server_process_id().unwrap(), server.pid());
    assert_eq!(client.client_process_id().unwrap(), me);
    assert_eq!(
        server.must(&["ids", "s0"]),
        format!("{me} {}", server.pid())
    );
    let mine = bytes().create(&name).unwrap();
    let mut other = Player::start();
    other.must(&["open", name.path()]);
    assert_eq!(other.must(&["ids", "c0"]), format!("{} {me}", other.pid()));
    assert_eq!(mine.client_process_id().unwrap(), other.pid());
    assert_eq!(mine.server_process_id().unwrap(), me);
    let user = rustix::process::getuid().as_raw();
    assert_eq!(mine.peer_user().unwrap(), user);
    assert_eq!(client.peer_user().unwrap(), user);
}

/// P21.2, P25.7 within a process.
#[test]
fn duplicate_is_not_a_new_client() {
    let _watchdog = Watchdog::new("p21_2", LIMIT);
    let (server, client) = pair("p21_2", &bytes());
    let twin = client.clone();
    assert_eq!(twin.client_process_id().unwrap(), std::process::id());
    assert_eq!(twin.instances().unwrap(), 1);
    drop(client);
    assert_eq!(server.client_process_id().unwrap(), std::process::id());
}

/// P21.3, P21.9.
#[test]
fn ids_stay_after_the_other_end_has_gone() {
    let _watchdog = Watchdog::new("p21_3", LIMIT);
    let name = name("p21_3");
    let server = messages().create(&name).unwrap();
    let mut player = Player::start();
    player.must(&["open", name.path()]);
    let id = player.pid();
    player.kill();
    assert_eq!(server.client_process_id().unwrap(), id);
    drop(server);
    let mut player = Player::start();
    player.must(&["create", name.path()]);
    let client = PipeClient::open(&name).unwrap();
    let id = player.pid();
    player.must(&["close", "s0"]);
    assert_eq!(client.server_process_id().unwrap(), id);
    player.kill();
    assert_eq!(client.server_process_id().unwrap(), id);
    assert_eq!(client.client_process_id().unwrap(), std::process::id());
}

/// P21.4.
#[test]
fn disconnected_ends_forget_their_client() {
    let _watchdog = Watchdog::new("p21_4", LIMIT);
    let (server, client) = pair("p21_4", &bytes());
    server.disconnect().unwrap();
    assert_eq!(kind(server.client_process_id()), ErrorKind::NotFound);
    assert_eq!(server.server_process_id().unwrap(), std::process::id());
    assert_eq!(kind(client.client_process_id()), ErrorKind::NotConnected);
    assert_eq!(kind(client.server_process_id()), ErrorKind::NotConnected);
    let connect = connect_later(&server);
    assert_eq!(kind(server.client_process_id()), ErrorKind::NotFound);
    let mut player = Player::start();
    player.must(&["open", server.name().path()]);
    assert_eq!(connect.wrote(), Ok(0));
    assert_eq!(server.client_process_id().unwrap(), player.pid());
}

/// P21.5.
#[test]
fn server_that_nobody_opened_knows_no_client() {
    let _watchdog = Watchdog::new("p21_5", LIMIT);
    let name = name("p21_5");
    let server = bytes().create(&name).unwrap();
    assert_eq!(kind(server.client_process_id()), ErrorKind::NotFound);
    let _client = PipeClient::open(&name).unwrap();
    assert_eq!(server.client_process_id().unwrap(), std::process::id());
}
