//! Section 11: names of other machines. Every form of them is parsed in the unit tests of `name.rs`.

use tong::{ErrorKind, MailslotClient, MailslotName, MailslotServer};

use super::{kind, next, pair, LIMIT};
use crate::support::{self, Watchdog};

fn parse_in_place_of_period(server: &str, name: &MailslotName) -> tong::Result<MailslotName> {
    MailslotName::parse(&format!(r"\\{server}\mailslot\{}", name.path()))
}

#[test]
fn m11_1_to_m11_7_m11_9_m11_11_other_machines_domains_and_everybody_are_refused() {
    let _watchdog = Watchdog::new("m11_1", LIMIT);
    // Nothing is sent anywhere, so what holds for what is sent (M11.4 to M11.7) has no place to show.
    let (server, _client) = pair("m11_11");
    for remote in ["*", "some-domain", "some-computer.example", "10.1.2.3"] {
        let refused = kind(parse_in_place_of_period(remote, server.name()));
        assert_eq!(refused, ErrorKind::Remote, "{remote}");
    }
    assert_eq!(server.info().unwrap().message_count, 0);
}

#[test]
fn m11_8_local_messages_may_be_longer_than_424_bytes() {
    let _watchdog = Watchdog::new("m11_8", LIMIT);
    let (server, client) = pair("m11_8");
    for len in [424, 425, 426, 427, 65_536] {
        client.send(&vec![8; len]).unwrap();
        assert_eq!(next(&server).len(), len);
    }
}

#[test]
fn m11_10_own_host_name_leads_to_the_local_mailslot() {
    let _watchdog = Watchdog::new("m11_10", LIMIT);
    let server = MailslotServer::create(&support::name("m11_10")).unwrap();
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    for host in [host.trim().to_lowercase(), host.trim().to_uppercase()] {
        let name = parse_in_place_of_period(&host, server.name()).unwrap();
        MailslotClient::open(&name)
            .unwrap()
            .send(host.as_bytes())
            .unwrap();
        assert_eq!(next(&server), host.as_bytes());
    }
}

#[test]
fn m11_12_mailslot_cannot_be_created_elsewhere() {
    let _watchdog = Watchdog::new("m11_12", LIMIT);
    for elsewhere in [r"\\*\mailslot\m11_12", r"\\domain\mailslot\m11_12"] {
        let refused = kind(MailslotName::parse_for_create(elsewhere));
        assert_eq!(refused, ErrorKind::InvalidName, "{elsewhere}");
    }
}
