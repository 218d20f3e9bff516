//! Servers that are killed: the name, the instances and the waiters.

use std::time::{Duration, Instant};

use tong::pipe::{PipeClient, PipeServer};
use tong::{ErrorKind, PipeName};

use super::player::Player;
use super::{files, LIMIT};
use crate::puppet::fresh_root;
use crate::support::{self, Actor, Watchdog};

/// P10.15, P1.8, P4.14: the name goes with the process.
#[test]
fn name_of_a_killed_server_is_free_at_once() {
    let _watchdog = Watchdog::new("name_of_a_killed_server", LIMIT);
    let root = fresh_root();
    let mut user = Player::at(root.path());
    for round in 0..20 {
        let mut server = Player::at(root.path());
        server.must("create x");
        server.must("create x");
        user.must("open x");
        server.actor.kill();
        assert_eq!(user.must("client-count"), "0");
        if round % 2 == 0 {
            assert_eq!(user.fails("open x"), "NotFound");
        }
        if round % 3 == 0 {
            assert_eq!(user.fails("wait x forever"), "NotFound");
        }
        user.must("create x first in");
        assert_eq!(user.must("count"), "1");
        user.must("close 0");
        user.must("leave");
        assert!(files(root.path()).is_empty(), "round {round}");
    }
}

/// P10.15, P19.6: a waiter learns of the kill by itself.
#[test]
fn waiter_learns_that_the_last_server_was_killed() {
    let _watchdog = Watchdog::new("waiter_learns", LIMIT);
    let root = fresh_root();
    let (mut server, mut client) = (Player::at(root.path()), Player::at(root.path()));
    let mut waiter = Player::at(root.path());
    server.must("create x");
    client.must("open x");
    waiter.begin("wait x forever");
    std::thread::sleep(Duration::from_millis(50));
    let killed = Instant::now();
    server.actor.kill();
    assert_eq!(waiter.answer().unwrap_err(), "NotFound");
    assert!(killed.elapsed() < Duration::from_secs(5), "{killed:?}");
}

/// P4.5, P5.3, P19.1: dead instances beside live ones are nobody's, and their slots are used again.
#[test]
fn instances_of_the_dead_do_not_count() {
    let _watchdog = Watchdog::new("instances_of_the_dead", LIMIT);
    let root = fresh_root();
    let (mut live, mut client) = (Player::at(root.path()), Player::at(root.path()));
    live.must("create x max=3");
    for _ in 0..10 {
        let mut dead = Player::at(root.path());
        dead.must("create x");
        dead.must("create x");
        assert_eq!(dead.fails("create x"), "PipeBusy");
        dead.actor.kill();
        assert_eq!(live.must("count"), "1");
        live.must("create x");
        live.must("create x");
        assert_eq!(live.fails("create x"), "PipeBusy");
        live.must("close 1");
    }
    client.must("open x");
    let mut dead = Player::at(root.path());
    dead.must("create x");
    dead.actor.kill();
    // The only one that seems to listen is dead.
    assert_eq!(client.fails("wait x 1"), "TimedOut");
    assert_eq!(client.fails("open x"), "PipeBusy");
    assert_eq!(client.must("client-count"), "1");
    assert_eq!(client.must("gc-dry"), "d");
    assert_eq!(client.must("gc"), "d");
    assert_eq!(client.must("gc"), "");
    assert_eq!(
        files(root.path()).len(),
        2,
        "the page, and the door that nobody has looked into"
    );
    live.must("create x");
    client.must("open x");
    live.must("close 0");
    assert!(files(root.path()).is_empty());
}

/// P4.11, P4.14: makers race for the name of one who is being killed, or is closing.
#[test]
fn racing_makers_and_a_dying_owner_never_make_two_pipes_of_one_name() {
    let _watchdog = Watchdog::new("racing_makers", LIMIT);
    let root = fresh_root();
    let start = || Player::at(root.path());
    let (mut one, mut two, mut client) = (start(), start(), start());
    let mut owner = start();
    let mut wins = 0;
    for round in 0..150 {
        owner.must("create x");
        let killed = round % 2 == 0;
        if !killed {
            owner.begin("close 0");
        }
        one.begin("create x first");
        two.begin("create x first");
        if killed {
            std::thread::sleep(Duration::from_micros(fastrand::u64(..150)));
            owner.actor.kill();
            owner = start();
        } else {
            owner.answer().unwrap();
        }
        let made = [one.answer(), two.answer()];
        let winners = made.iter().filter(|made| made.is_ok()).count();
        assert!(winners < 2, "round {round}");
        for refusal in made.iter().filter_map(|made| made.as_ref().err()) {
            assert_eq!(refusal, "AccessDenied", "round {round}");
        }
        if winners == 0 {
            one.must("create x first");
        }
        wins += winners;
        client.must("open x");
        client.must("greet you");
        let holder = if made[1].is_ok() { &mut two } else { &mut one };
        assert_eq!(holder.must("met"), "you", "round {round}");
        assert_eq!(holder.must("count"), "1", "round {round}");
        holder.must("close 0");
        client.must("leave");
        let left = files(root.path());
        assert!(left.is_empty(), "round {round}: {left:?}");
    }
    assert!(wins > 0, "all came too early: nothing raced");
}

/// In an actor: serves clients one after the other, saying back what each says first.
pub(crate) fn role_serve_named_pipe() {
    let name = PipeName::short(&support::args()[0]).unwrap();
    let server = PipeServer::options().create(&name).unwrap();
    support::say("ready");
    let mut room = [0; 64];
    loop {
        match server.connect() {
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::PipeConnected | ErrorKind::PipeClosing
                ) => {}
            connected => connected.unwrap(),
        }
        if let Ok(received) = server.receive(&mut room) {
            let _ = server.send(&room[..received.bytes]);
            // Until the client has read it.
            let _ = server.flush();
        }
        server.disconnect().unwrap();
    }
}

/// Opens the pipe and has its greeting said back; `false` if it could not, for a reason that a kill explains.
fn visit(name: &PipeName, greeting: &[u8]) -> bool {
    let client = match PipeClient::open(name) {
        Ok(client) => client,
        Err(error) => {
            let kind = error.kind();
            assert!(
                matches!(kind, ErrorKind::PipeBusy | ErrorKind::NotFound),
                "{error}"
            );
            return false;
        }
    };
    let mut room = [0; 64];
    let answer = client
        .send(greeting)
        .and_then(|_| client.receive(&mut room));
    match answer {
        Ok(received) => {
            assert_eq!(&room[..received.bytes], greeting, "another client's answer");
            true
        }
        Err(error) => {
            let kind = error.kind();
            assert!(
                matches!(
                    kind,
                    ErrorKind::BrokenPipe | ErrorKind::PipeClosing | ErrorKind::NotConnected
                ),
                "{error}"
            );
            false
        }
    }
}

/// P10.15: three servers of one pipe, killed at random and started again, while clients come and go.
#[test]
fn servers_killed_at_random_never_mix_up_or_block_clients() {
    let _watchdog = Watchdog::new("servers_killed_at_random", LIMIT);
    support::namespace();
    let name = PipeName::short(&format!("killed-at-random-{}", std::process::id())).unwrap();
    let start = || {
        let mut server = Actor::start("serve_named_pipe", &[name.path()]);
        server.expect("ready");
        server
    };
    let mut servers = [(); 3].map(|()| start());
    let until = Instant::now() + Duration::from_secs(8);
    let served: u32 = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..3_u32)
            .map(|client| {
                let name = &name;
                scope.spawn(move || {
                    let mut served = 0;
                    let mut visits = 0_u32;
                    while Instant::now() < until {
                        visits += 1;
                        let greeting = format!("{client} for the {visits}th time");
                        served += u32::from(visit(name, greeting.as_bytes()));
                    }
                    served
                })
            })
            .collect();
        while Instant::now() < until {
            std::thread::sleep(Duration::from_millis(fastrand::u64(..60)));
            let victim = &mut servers[fastrand::usize(..3)];
            victim.kill();
            *victim = start();
        }
        clients.into_iter().map(|one| one.join().unwrap()).sum()
    });
    assert!(served > 50, "only {served} clients were served");
    drop(servers);
    assert_eq!(
        PipeClient::open(&name).unwrap_err().kind(),
        ErrorKind::NotFound
    );
    let server = PipeServer::options()
        .first_instance(true)
        .create(&name)
        .unwrap();
    assert!(visit_own(&server));
}

/// Whether a client of this process gets in.
fn visit_own(server: &PipeServer) -> bool {
    let client = PipeClient::open(server.name()).unwrap();
    client.send(b"hi").unwrap();
    server.receive(&mut [0; 8]).unwrap().bytes == 2
}
