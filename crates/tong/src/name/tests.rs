//! The rules for names of `mailslots.md`, sections 2 and 11, one test or more for each.

use super::device::host_name;
use super::*;
use std::collections::HashSet;

const PREFIX: &str = r"\\.\mailslot\";
const VERBATIM_PREFIX: &str = r"\\?\mailslot\";

fn parse(full: &str) -> MailslotName {
    MailslotName::parse(full).unwrap_or_else(|error| panic!("{error}"))
}

fn open_error(full: &str) -> ErrorKind {
    MailslotName::parse(full).expect_err(full).kind()
}

fn create_error(full: &str) -> ErrorKind {
    MailslotName::parse_for_create(full).expect_err(full).kind()
}

#[test]
fn m2_1_full_name_is_prefix_and_path() {
    for parse in [MailslotName::parse, MailslotName::parse_for_create] {
        let name = parse(r"\\.\mailslot\box").unwrap();
        assert_eq!(name.path(), "box");
        assert_eq!(name.full(), r"\\.\mailslot\box");
        assert_eq!(format!("{name:?}"), r#"MailslotName("box")"#);
    }
}

#[test]
fn m2_2_levels_are_part_of_the_name_and_do_not_conflict() {
    let deep = parse(r"\\.\mailslot\abc\def\ghi");
    assert_eq!(deep.path(), r"abc\def\ghi");
    let names = [r"\\.\mailslot\a", r"\\.\mailslot\a\b", r"\\.\mailslot\b"];
    assert_eq!(
        names.map(parse).into_iter().collect::<HashSet<_>>().len(),
        3
    );
}

#[test]
fn m2_3_case_does_not_matter_not_even_in_the_prefix() {
    assert_eq!(parse(r"\\.\MAILSLOT\Box"), parse(r"\\.\mailslot\bOX"));
    assert_eq!(parse(r"\\.\mailslot\Box").path(), "Box");
    assert_eq!(parse(r"\\.\mailslot\Box").folded(), "BOX");
    assert_eq!(parse(r"\\.\mailslot\été-щи").folded(), "ÉTÉ-ЩИ");
    let both: HashSet<_> = [parse("//./mailslot/x"), parse("//./mailslot/X")].into();
    assert_eq!(both.len(), 1);
}

#[test]
fn m2_3_folding_is_one_unit_for_one_and_never_normalises() {
    for (written, folded) in [
        ("straße", "STRAßE"),                     // the full form would be SS
        ("ŉ\u{1f0}\u{fb03}", "ŉ\u{1f0}\u{fb03}"), // full forms of several characters, no simple ones
        ("ςσΣ", "ΣΣΣ"),
        ("\u{1f80}\u{1f97}\u{1fa3}", "\u{1f88}\u{1f9f}\u{1fab}"),
        ("\u{1fb3}\u{1fc3}\u{1ff3}", "\u{1fbc}\u{1fcc}\u{1ffc}"),
        ("\u{1f88}\u{1fbc}", "\u{1f88}\u{1fbc}"),
        ("ⅷⓐ", "ⅧⒶ"),
        ("\u{10428}\u{1e922}", "\u{10428}\u{1e922}"), // letters beyond U+FFFF have no case here
        ("통", "통"),
    ] {
        assert_eq!(MailslotName::short(written).unwrap().folded(), folded);
    }
    assert_ne!(
        MailslotName::short("é").unwrap(),
        MailslotName::short("e\u{301}").unwrap()
    );
}

#[test]
fn m2_3_folding_keeps_the_length_and_folds_once_for_all() {
    for character in '\0'..=char::MAX {
        let folded = upper(character);
        assert_eq!(folded.len_utf16(), character.len_utf16(), "{character:?}");
        assert_eq!(upper(folded), folded, "{character:?}");
    }
}

#[test]
fn m2_4_characters_special_to_files_are_ordinary() {
    let name = parse(r#"\\.\mailslot\a<b>c:d"e|f?g*h"#);
    assert_eq!(name.path(), r#"a<b>c:d"e|f?g*h"#);
    assert_eq!(parse(r"\\.\mailslot\c:\inner\x").path(), r"c:\inner\x");
}

#[test]
fn m2_5_a_name_is_cleaned_up() {
    for (written, path) in [
        (r"\\.\mailslot\a/b", r"a\b"),
        (r"//./mailslot/a/b", r"a\b"),
        (r"\\.\mailslot\\a\\/b", r"a\b"),
        (r"\\.\\mailslot\a", "a"),
        (r"\\.\mailslot\.\a\.\b", r"a\b"),
        (r"\\.\mailslot\x\..\a", "a"),
        (r"\\.\pipe\..\mailslot\a", "a"),
        (r"\\.\..\..\mailslot\a", "a"),
        (r"\\.\mailslot\x.", "x"),
        (r"\\.\mailslot\x. . ..", "x"),
        (r"\\.\mailslot\x ", "x"),
        (r"\\.\mailslot\ x", " x"),
        (r"\\.\mailslot\a.\b", r"a\b"),
        (r"\\.\mailslot\a..\b", r"a..\b"),
        (r"\\.\mailslot\a \b", r"a \b"),
        (r"\\.\mailslot\a\.", "a"),
        (r"\\.\mailslot\a\b\..", "a"),
        (r"\\.\mailslot\a..\b\..", "a"),
        (r"//?/mailslot/a/b", r"a\b"),
    ] {
        assert_eq!(parse(written).path(), path, "{written}");
        assert_eq!(
            MailslotName::parse_for_create(written).unwrap().path(),
            path,
            "{written}"
        );
    }
}

#[test]
fn m2_5_a_separator_at_the_end_makes_a_different_name() {
    assert_eq!(parse(r"\\.\mailslot\a\").path(), r"a\");
    assert_eq!(parse(r"\\.\mailslot\a.\").path(), r"a\");
    assert_ne!(parse(r"\\.\mailslot\a\"), parse(r"\\.\mailslot\a"));
}

#[test]
fn m2_5_parents_lead_out_of_the_mailslots() {
    assert_eq!(open_error(r"\\.\mailslot\..\a"), ErrorKind::InvalidName);
    assert_eq!(
        create_error(r"\\.\mailslot\a\..\..\pipe\a"),
        ErrorKind::InvalidName
    );
    assert_eq!(
        MailslotName::short("../a").unwrap_err().kind(),
        ErrorKind::InvalidName
    );
}

#[test]
fn m2_6_a_verbatim_name_is_not_cleaned_up() {
    let name = parse(r"\\?\mailslot\a/b\..\c.");
    assert_eq!(name.path(), r"a/b\..\c.");
    assert_eq!(name.full(), r"\\?\mailslot\a/b\..\c.");
    assert_eq!(parse(r"\\?\mailslot\plain"), parse(r"\\.\mailslot\plain"));
    assert_eq!(parse(r"\\?\mailslot\plain").full(), r"\\.\mailslot\plain");
}

#[test]
fn m2_7_a_name_elsewhere_is_invalid() {
    for other in [
        "blah",
        r"C:\mailslot\x",
        r"\\.\pipe\x",
        r"\\server\share\x",
        r"\\.\mailslots\x",
        r"\\.",
        r"\\\mailslot\x",
    ] {
        assert_eq!(create_error(other), ErrorKind::InvalidName, "{other}");
        assert_eq!(open_error(other), ErrorKind::InvalidName, "{other}");
        assert!(!MailslotName::leads_to_mailslot(other), "{other}");
    }
}

#[test]
fn m2_8_an_empty_name_is_a_path_not_found() {
    assert_eq!(create_error(""), ErrorKind::PathNotFound);
    assert_eq!(open_error(""), ErrorKind::PathNotFound);
}

#[test]
fn m2_9_the_bare_prefix_names_no_mailslot() {
    for bare in [
        r"\\.\mailslot",
        r"\\.\mailslot\",
        "//./mailslot//",
        r"\\.\mailslot\...",
        r"\\?\mailslot\",
    ] {
        assert_eq!(create_error(bare), ErrorKind::InvalidName, "{bare}");
        assert_eq!(open_error(bare), ErrorKind::NotFound, "{bare}");
        assert!(MailslotName::leads_to_mailslot(bare), "{bare}");
    }
}

#[test]
fn m2_10_a_full_name_has_at_most_256_units() {
    for letter in ['a', '통', '\u{1f4ec}'] {
        let count = (MailslotName::MAX_UNITS - PREFIX.len()) / letter.len_utf16();
        let longest = letter.to_string().repeat(count);
        assert_eq!(MailslotName::short(&longest).unwrap().path(), longest);
        let longer = format!("{PREFIX}{longest}{letter}");
        assert_eq!(create_error(&longer), ErrorKind::NameTooLong);
        assert_eq!(open_error(&longer), ErrorKind::NameTooLong);
        assert!(MailslotName::leads_to_mailslot(&longer));
    }
    assert_eq!(open_error(&"x".repeat(1000)), ErrorKind::InvalidName);
}

#[test]
fn m11_10_the_own_host_name_is_local_when_opening() {
    let Some(host) = host_name() else { return };
    for host in [host.to_lowercase(), host.to_uppercase()] {
        let full = format!(r"\\{host}\mailslot\Box");
        assert_eq!(parse(&full), parse(r"\\.\mailslot\box"));
        assert_eq!(parse(&full).full(), r"\\.\mailslot\Box");
        assert_eq!(
            parse(&format!("//{host}/MAILSLOT/../x/box")).path(),
            r"x\box"
        );
        assert_eq!(
            open_error(&format!(r"\\{host}\mailslot\")),
            ErrorKind::NotFound
        );
    }
}

#[test]
fn m11_11_every_other_server_is_remote() {
    for remote in [
        r"\\*\mailslot\x",
        "//*/mailslot/x",
        r"\\no-such-host.example\mailslot\x",
        r"\\..\mailslot\x",
    ] {
        assert_eq!(open_error(remote), ErrorKind::Remote, "{remote}");
        assert!(MailslotName::leads_to_mailslot(remote), "{remote}");
    }
}

#[test]
fn m11_12_a_mailslot_is_created_on_this_machine_only() {
    assert_eq!(create_error(r"\\*\mailslot\x"), ErrorKind::InvalidName);
    assert_eq!(create_error(r"\\server\mailslot\x"), ErrorKind::InvalidName);
    if let Some(host) = host_name() {
        assert_eq!(
            create_error(&format!(r"\\{host}\mailslot\x")),
            ErrorKind::InvalidName
        );
    }
}

#[test]
fn a_short_name_stands_for_a_mailslot_here() {
    assert_eq!(
        MailslotName::short("box").unwrap(),
        parse(r"\\.\mailslot\box")
    );
    assert_eq!(
        MailslotName::try_from("/box").unwrap(),
        parse(r"\\.\mailslot\box")
    );
    assert_eq!(
        "a/b".parse::<MailslotName>().unwrap(),
        parse(r"\\.\mailslot\a\b")
    );
    assert_eq!(
        MailslotName::short("//./mailslot/box").unwrap().path(),
        "box"
    );
    assert_eq!(
        MailslotName::short("//*/mailslot/x").unwrap_err().kind(),
        ErrorKind::Remote
    );
    for nothing in ["", ".", "/", "..."] {
        assert_eq!(
            MailslotName::short(nothing).unwrap_err().kind(),
            ErrorKind::InvalidName
        );
    }
}

#[test]
fn a_nul_character_is_refused() {
    for parse in [MailslotName::parse, MailslotName::parse_for_create] {
        assert_eq!(
            parse("//./mailslot/a\0b").unwrap_err().kind(),
            ErrorKind::InvalidName
        );
    }
}

#[test]
fn errors_say_what_a_name_looks_like() {
    let text = MailslotName::parse_for_create("blah")
        .unwrap_err()
        .to_string();
    assert!(
        text.contains("blah") && text.contains(r"\\.\mailslot\NAME"),
        "{text}"
    );
}

/// Any text gives a name or an error, and every name reads back as itself.
#[test]
fn random_texts_never_panic_and_names_read_back() {
    const PARTS: [&str; 20] = [
        r"\\.\mailslot\",
        r"\\?\mailslot\",
        r"\\*\",
        "mailslot",
        "\\",
        "/",
        ".",
        "..",
        " ",
        ":",
        "*",
        "?",
        "a",
        "Z",
        "ß",
        "\u{1f80}",
        "통",
        "\u{10428}",
        "\0",
        "e\u{301}",
    ];
    let mut random = fastrand::Rng::with_seed(2);
    let mut names = 0;
    for _ in 0..50_000 {
        let count = random.usize(..12);
        let text: String = (0..count)
            .map(|_| PARTS[random.usize(..PARTS.len())])
            .collect();
        for parse in [
            MailslotName::parse,
            MailslotName::parse_for_create,
            MailslotName::short,
        ] {
            let Ok(name) = parse(&text) else { continue };
            names += 1;
            let again = MailslotName::parse(&name.full()).unwrap();
            assert_eq!(
                (again.path(), again.folded()),
                (name.path(), name.folded()),
                "{text:?}"
            );
            let folded =
                MailslotName::parse(&format!("{VERBATIM_PREFIX}{}", name.folded())).unwrap();
            assert_eq!(folded.folded(), name.folded(), "{text:?}");
        }
    }
    assert!(names > 10_000, "only {names} of the texts were names");
}
