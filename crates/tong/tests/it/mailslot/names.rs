//! Section 2: names. Every form of a name is parsed in the unit tests of `name.rs`; here the names lead to mailslots.

use tong::{ErrorKind, MailslotClient, MailslotName, MailslotServer};

use super::{kind, next, LIMIT};
use crate::support::{self, Watchdog};

/// Makes a name that no other test uses out of a pattern in which `@` stands for it.
fn unique(pattern: &str, test: &str) -> String {
    pattern.replace('@', support::name(test).path())
}

fn create(full: &str) -> tong::Result<MailslotServer> {
    MailslotServer::create(&MailslotName::parse_for_create(full)?)
}

fn open(full: &str) -> tong::Result<MailslotClient> {
    MailslotClient::open(&MailslotName::parse(full)?)
}

/// Checks that both patterns lead to one mailslot, whichever creates it.
fn assert_same(one: &str, other: &str) {
    let (one, other) = (unique(one, "same"), unique(other, "same"));
    for (made, opened) in [(&one, &other), (&other, &one)] {
        let server = create(made).unwrap();
        open(opened).unwrap().send(made.as_bytes()).unwrap();
        assert_eq!(next(&server), made.as_bytes(), "{made} by {opened}");
        assert_eq!(kind(create(opened)), ErrorKind::AlreadyExists);
    }
}

/// Checks that the patterns lead to mailslots that live beside one another.
fn assert_different(patterns: &[&str]) {
    let names: Vec<String> = patterns
        .iter()
        .map(|one| unique(one, "different"))
        .collect();
    let servers: Vec<MailslotServer> = names.iter().map(|name| create(name).unwrap()).collect();
    for (name, server) in names.iter().zip(&servers) {
        open(name).unwrap().send(name.as_bytes()).unwrap();
        assert_eq!(next(server), name.as_bytes());
    }
}

#[test]
fn m2_1_mailslot_is_created_and_opened_by_its_full_name() {
    let _watchdog = Watchdog::new("m2_1", LIMIT);
    assert_same(r"\\.\mailslot\@-m2_1", r"\\.\mailslot\@-m2_1");
}

#[test]
fn m2_2_levels_need_not_exist_and_never_conflict() {
    let _watchdog = Watchdog::new("m2_2", LIMIT);
    assert_different(&[
        r"\\.\mailslot\@",
        r"\\.\mailslot\@\b",
        r"\\.\mailslot\@\b\c",
        r"\\.\mailslot\@\b\c\d\e\f\g\h",
        r"\\.\mailslot\b\@",
    ]);
}

#[test]
fn m2_3_case_does_not_matter_and_normalisation_is_not_done() {
    let _watchdog = Watchdog::new("m2_3", LIMIT);
    assert_same(r"\\.\mailslot\@-Box", r"\\.\MailSlot\@-bOX");
    assert_same(r"\\.\mailslot\@-été-щи-ς", r"\\.\mailslot\@-ÉTÉ-ЩИ-Σ");
    assert_different(&[r"\\.\mailslot\@-é", "\\\\.\\mailslot\\@-e\u{301}"]);
    assert_different(&[r"\\.\mailslot\@-ß", r"\\.\mailslot\@-ss"]);
}

#[test]
fn m2_4_characters_special_to_files_are_ordinary() {
    let _watchdog = Watchdog::new("m2_4", LIMIT);
    assert_same(
        r#"\\.\mailslot\@<a>b:c"d|e?f*g"#,
        r#"\\.\mailslot\@<A>B:C"D|E?F*G"#,
    );
    assert_same(r"\\.\mailslot\@\c:\inner\x", r"//./mailslot/@/c:/inner/x");
}

#[test]
fn m2_5_name_is_cleaned_up_in_create_and_in_open() {
    let _watchdog = Watchdog::new("m2_5", LIMIT);
    assert_same(r"\\.\mailslot\@/b", r"\\.\mailslot\@\b");
    assert_same(r"\\.\mailslot\@\\\b", r"\\.\mailslot\@\b");
    assert_same(r"\\.\mailslot\@\.\x\..\b", r"\\.\mailslot\@\b");
    assert_same(r"\\.\mailslot\@-x. .", r"\\.\mailslot\@-x");
    assert_different(&[r"\\.\mailslot\@-y\", r"\\.\mailslot\@-y"]);
}

#[test]
fn m2_6_verbatim_name_is_not_cleaned_up() {
    let _watchdog = Watchdog::new("m2_6", LIMIT);
    assert_same(r"\\?\mailslot\@-v", r"\\.\mailslot\@-v");
    assert_different(&[r"\\?\mailslot\@-v.", r"\\.\mailslot\@-v"]);
}

#[test]
fn m2_7_m2_8_m2_9_names_that_lead_to_no_mailslot_are_refused() {
    let _watchdog = Watchdog::new("m2_7", LIMIT);
    for (full, refusal) in [
        ("blah", ErrorKind::InvalidName),
        ("", ErrorKind::PathNotFound),
        (r"\\.\mailslot", ErrorKind::InvalidName),
        (r"\\.\mailslot\", ErrorKind::InvalidName),
    ] {
        assert_eq!(kind(create(full)), refusal, "{full}");
    }
    assert_eq!(kind(open(r"\\.\mailslot")), ErrorKind::NotFound);
}

#[test]
fn m2_10_name_has_up_to_256_units() {
    let _watchdog = Watchdog::new("m2_10", LIMIT);
    let prefix = unique(r"\\.\mailslot\@-", "m2_10");
    let longest = format!("{prefix}{}", "통".repeat(256 - prefix.len()));
    let server = create(&longest).unwrap();
    open(&longest).unwrap().send(b"far").unwrap();
    assert_eq!(next(&server), b"far");
    assert_eq!(kind(create(&format!("{longest}x"))), ErrorKind::NameTooLong);
    assert_eq!(kind(open(&format!("{longest}x"))), ErrorKind::NameTooLong);
}

#[test]
fn m2_11_name_of_a_pipe_is_no_mailslot() {
    let _watchdog = Watchdog::new("m2_11", LIMIT);
    let _server = create(&unique(r"\\.\mailslot\@", "m2_11")).unwrap();
    let pipe = unique(r"\\.\pipe\@", "m2_11");
    assert!(!MailslotName::leads_to_mailslot(&pipe));
    assert_eq!(kind(open(&pipe)), ErrorKind::InvalidName);
}
