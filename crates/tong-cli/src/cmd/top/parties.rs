//! Who has to do with an object, and how.

use super::look::{shown, Look, Object};
use super::page::{created, Facts, Party};
use crate::text;
use std::collections::HashSet;
use tong::namespace::{About, Entry, InstanceState, PipeInstance, Traffic};
use tong::pipe::{Direction, PipeType};
use tong::Reset;

/// What is known of an object apart from the processes around it.
pub(super) fn facts(object: &Object, entry: &Entry) -> Facts {
    let mut facts = vec![
        ("name", shown(&entry.name)),
        ("kind", kind(entry)),
        ("state", object.state.clone()),
    ];
    if object.owner != "-" {
        facts.push(("owner", object.owner.clone()));
    }
    match &entry.about {
        About::Mutex { times, .. } if *times > 1 => {
            facts.push(("acquired", text::count(*times, "time")));
        }
        About::Mailslot {
            quota_bytes,
            max_message_len,
            ..
        } => {
            let most = match max_message_len {
                0 => "any size".to_owned(),
                bytes => text::size((*bytes).into()),
            };
            let quota = text::size(*quota_bytes);
            facts.push(("limits", format!("messages of {most}, {quota} a writer")));
        }
        About::Pipe { max_instances, .. } => {
            let most = max_instances.map_or("any number".to_owned(), |most| most.to_string());
            facts.push(("instances", format!("at most {most}")));
        }
        _ => {}
    }
    if object.carries {
        let queued = object.queued.map_or("?".to_owned(), text::size);
        facts.push(("unread", queued));
    }
    if let Some(traffic) = &entry.traffic {
        facts.push(("traffic", all_of(traffic, entry.kind)));
    }
    facts.push(("created", created(&object.key, entry.uid)));
    facts
}

/// What has gone through it since it was made.
fn all_of(traffic: &Traffic, kind: &str) -> String {
    let bytes_in = text::size(traffic.bytes_in);
    match kind {
        "mailslot" => format!("{}, {bytes_in}", text::count(traffic.messages, "message")),
        _ => format!("{bytes_in} in, {} out", text::size(traffic.bytes_out)),
    }
}

fn kind(entry: &Entry) -> String {
    let more = match &entry.about {
        About::Event { reset, .. } | About::Timer { reset, .. } => match reset {
            Reset::Auto => ", auto-reset",
            Reset::Manual => ", manual-reset",
        },
        About::Pipe {
            pipe_type,
            direction,
            ..
        } => {
            let carries = match pipe_type {
                PipeType::Byte => "bytes",
                PipeType::Message => "messages",
            };
            let way = match direction {
                Direction::Inbound => "to the server",
                Direction::Outbound => "to the clients",
                Direction::Duplex => "both ways",
            };
            return format!("pipe, {carries} {way}");
        }
        _ => "",
    };
    format!("{}{more}", entry.kind)
}

/// Everybody around an object: owner, servers and clients, waiters, and who else has it open.
pub(super) fn of(entry: &Entry, look: &Look) -> Vec<Party> {
    let mut gathering = Gathering {
        look,
        parties: Vec::new(),
    };
    match &entry.about {
        About::Mailslot { writers, .. } => {
            if let Some(pid) = entry.owner_pid {
                gathering.process("server", pid, "reads it");
            }
            for pid in writers {
                gathering.process("writer", *pid, "has it open for writing");
            }
        }
        About::Pipe { instances, .. } => {
            instances.iter().for_each(|it| gathering.instance(it));
        }
        about => {
            if let About::Mutex {
                owner: Some(owner),
                times,
                ..
            } = about
            {
                let times = text::count(*times, "time");
                gathering.thread("owner", (owner.pid, owner.tid), format!("acquired {times}"));
            }
            for thread in about.waiters().unwrap_or_default() {
                gathering.waiter((thread.pid, thread.tid));
            }
        }
    }
    gathering.holders(&entry.holders);
    gathering.parties
}

struct Gathering<'a> {
    look: &'a Look,
    parties: Vec<Party>,
}

impl Gathering<'_> {
    fn add(&mut self, role: &'static str, (pid, tid): (i32, i32), about: String) {
        self.parties.push(Party {
            role,
            pid,
            tid,
            program: self.look.program(pid),
            about,
            instance: 0,
            place: self.parties.len(),
        });
    }

    fn process(&mut self, role: &'static str, pid: i32, about: &str) {
        self.add(role, (pid, 0), about.to_owned());
    }

    fn thread(&mut self, role: &'static str, thread: (i32, i32), about: String) {
        self.add(role, thread, about);
    }

    fn waiter(&mut self, thread: (i32, i32)) {
        let wait = self.look.waits.iter().find(|wait| wait.key == thread);
        let about = wait.map_or("waits".to_owned(), |wait| wait.sentence());
        self.thread("waiter", thread, about);
    }

    fn instance(&mut self, instance: &PipeInstance) {
        let state = match instance.state {
            InstanceState::Listening => "listening",
            InstanceState::Connected => "connected",
            InstanceState::Closing => "closing",
            InstanceState::Disconnected => "disconnected",
            _ => "?",
        };
        let unread = |queued: Option<u64>, quota: u32| {
            let queued = queued.map_or("?".to_owned(), |bytes| bytes.to_string());
            format!("{queued} of {quota} B unread")
        };
        let number = instance.slot;
        let mut about = format!("instance {number}: {state}");
        if instance.state != InstanceState::Listening {
            let queued = unread(instance.queued_in, instance.in_quota);
            about.push_str(&format!(", {queued}"));
        }
        let from = self.parties.len();
        self.process("server", instance.server_pid, &about);
        if let Some(client) = instance.client_pid {
            let queued = unread(instance.queued_out, instance.out_quota);
            self.process("client", client, &format!("instance {number}: {queued}"));
        }
        for party in &mut self.parties[from..] {
            party.instance = number;
        }
    }

    /// Those that have it open and were not told yet.
    fn holders(&mut self, pids: &[i32]) {
        let told: HashSet<i32> = self.parties.iter().map(|party| party.pid).collect();
        for pid in pids.iter().filter(|pid| !told.contains(pid)) {
            self.process("holder", *pid, "has it open");
        }
    }
}
