//! Ends of pipes in the states of section 7.

use tong::pipe::{PipeClient, PipeOptions, PipeServer, PipeType};

use super::name;
use super::player::Player;

/// One end in some state, with all that keeps it there.
pub(super) struct Stage {
    pub(super) server: Option<PipeServer>,
    pub(super) client: Option<PipeClient>,
    /// Holds the other end, or held it.
    _other: Option<Player>,
}

impl Stage {
    pub(super) fn server(&self) -> &PipeServer {
        self.server.as_ref().unwrap()
    }

    pub(super) fn client(&self) -> &PipeClient {
        self.client.as_ref().unwrap()
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum State {
    Listening,
    Connected,
    Closing,
    Disconnected,
}

/// How an end comes to its state.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum By {
    /// All in this process.
    Calls,
    /// The other end's process is killed.
    Kill,
    /// The server disconnects from listening, or before it has looked at its client.
    Blind,
}

impl By {
    pub(super) fn reaches(self, state: State) -> bool {
        self != By::Kill || state == State::Closing
    }
}

/// A server end in the state; `queued` is there to be read.
pub(super) fn server_stage(
    options: &PipeOptions,
    state: State,
    by: By,
    queued: &[u8],
    test: &str,
) -> Stage {
    let name = name(test);
    let server = options.create(&name).unwrap();
    let mut other = None;
    let mut client = None;
    if by == By::Kill && state != State::Listening {
        let mut player = Player::start();
        player.must(&["open", name.path()]);
        if !queued.is_empty() {
            player.must(&["send", "c0", std::str::from_utf8(queued).unwrap()]);
        }
        other = Some(player);
    } else if state != State::Listening && !(by == By::Blind && state == State::Disconnected) {
        let opened = PipeClient::open(&name).unwrap();
        if !queued.is_empty() {
            opened.send(queued).unwrap();
        }
        client = Some(opened);
    }
    if by == By::Calls && client.is_some() {
        let _ = server.connect();
    }
    match (state, &mut other) {
        (State::Closing, Some(player)) => player.kill(),
        (State::Closing, None) => client = None,
        (State::Disconnected, _) => server.disconnect().unwrap(),
        _ => {}
    }
    Stage {
        server: Some(server),
        client,
        _other: other,
    }
}

/// A client end in the state.
pub(super) fn client_stage(
    options: &PipeOptions,
    state: State,
    by: By,
    queued: &[u8],
    test: &str,
) -> Stage {
    let name = name(test);
    let (mut server, mut other) = (None, None);
    if by == By::Kill && state == State::Closing {
        let mut player = Player::start();
        let kind = match options.create(&name).unwrap().info().unwrap().pipe_type {
            PipeType::Message => &["create", name.path(), "message"][..],
            PipeType::Byte => &["create", name.path()],
        };
        player.must(kind);
        other = Some(player);
    } else {
        server = Some(options.create(&name).unwrap());
    }
    let client = PipeClient::open(&name).unwrap();
    if client.info().unwrap().pipe_type == PipeType::Message {
        super::read_as(&client, tong::pipe::ReadMode::Message);
    }
    if !queued.is_empty() {
        match (&server, &mut other) {
            (Some(server), _) => drop(server.send(queued).unwrap()),
            (None, Some(player)) => {
                player.must(&["send", "s0", std::str::from_utf8(queued).unwrap()]);
            }
            (None, None) => unreachable!(),
        }
    }
    if by == By::Calls {
        if let Some(server) = &server {
            let _ = server.connect();
        }
    }
    match (state, &mut other) {
        (State::Closing, Some(player)) => player.kill(),
        (State::Closing, None) => server = None,
        (State::Disconnected, _) => server.as_ref().unwrap().disconnect().unwrap(),
        _ => {}
    }
    Stage {
        server,
        client: Some(client),
        _other: other,
    }
}
