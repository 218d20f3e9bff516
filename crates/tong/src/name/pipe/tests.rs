//! The rules for names of `pipes.md`, section 2. What the clean-up does in detail is tested with the names of mailslots,
//! which have the same.

use super::*;
use crate::name::device::host_name;
use crate::MailslotName;

fn parse(full: &str) -> PipeName {
    PipeName::parse(full).unwrap_or_else(|error| panic!("{error}"))
}

/// What is wrong with a name for a creator, an opener and a waiter.
fn errors(full: &str) -> [Option<ErrorKind>; 3] {
    [
        PipeName::parse_for_create,
        PipeName::parse,
        PipeName::parse_for_wait,
    ]
    .map(|parse| parse(full).err().map(|error| error.kind()))
}

const FINE: [Option<ErrorKind>; 3] = [None; 3];

#[test]
fn p2_1_p2_2_full_name_is_prefix_and_path() {
    for parse in [
        PipeName::parse,
        PipeName::parse_for_create,
        PipeName::parse_for_wait,
    ] {
        let name = parse(r"\\.\pipe\box").unwrap();
        assert_eq!((name.path(), name.folded()), ("box", "BOX"));
        assert_eq!(name.full(), r"\\.\pipe\box");
        assert_eq!(format!("{name:?}"), r#"PipeName("box")"#);
    }
}

#[test]
fn p2_3_longest_name_has_256_units() {
    for letter in ['x', '통', '🦀'] {
        let room = (PipeName::MAX_UNITS - r"\\.\pipe\".len()) / letter.len_utf16();
        let longest = format!(r"\\.\pipe\{}", letter.to_string().repeat(room));
        assert_eq!(errors(&longest), FINE);
        let too_long = Some(ErrorKind::NameTooLong);
        let longer = format!("{longest}{}", "x".repeat(2));
        assert_eq!(errors(&longer), [too_long; 3]);
        assert!(PipeName::leads_to_pipe(&longer));
    }
}

#[test]
fn p2_4_levels_are_part_of_one_flat_name() {
    assert_eq!(parse(r"\\.\pipe\test\pipe").path(), r"test\pipe");
    assert_ne!(parse(r"\\.\pipe\test\pipe"), parse(r"\\.\pipe\test"));
}

#[test]
fn p2_5_punctuation_is_accepted() {
    let punctuation = r##"!"#$%&'()*+,-:;<=>?@[]^_`{|}~"##;
    assert_eq!(
        parse(&format!(r"\\.\pipe\{punctuation}")).path(),
        punctuation
    );
    assert_eq!(errors(&format!(r"\\.\pipe\{punctuation}")), FINE);
}

#[test]
fn p2_6_case_does_not_matter() {
    assert_eq!(parse(r"\\.\PIPE\TEST"), parse(r"\\.\pipe\test"));
    assert_eq!(parse(r"\\.\pipe\straße"), parse(r"\\.\pipe\STRAßE"));
    assert_ne!(parse(r"\\.\pipe\straße"), parse(r"\\.\pipe\strasse"));
    assert_ne!(parse("\\\\.\\pipe\\e\u{301}"), parse("\\\\.\\pipe\\é"));
}

#[test]
fn p2_7_name_is_cleaned_up_unless_it_is_verbatim() {
    for (full, path) in [
        (r"\\.\pipe\a/b", r"a\b"),
        (r"//./pipe//a", "a"),
        (r"\\.\pipe\a\\\b", r"a\b"),
        (r"\\.\pipe\a\.\b\..\c", r"a\c"),
        (r"\\.\pipe\a. . ", "a"),
        (r"\\.\x\..\pipe\a", "a"),
        (r"\\?\pipe\a/b", "a/b"),
        (r"\\?\pipe\a\.\b", r"a\.\b"),
        (r"\\?\pipe\a.", "a."),
    ] {
        assert_eq!(parse(full).path(), path, "{full}");
        assert_eq!(errors(full), FINE, "{full}");
        assert_eq!(parse(&parse(full).full()), parse(full), "{full}");
    }
}

#[test]
fn p2_8_trailing_backslash_matters() {
    assert_eq!(parse(r"\\.\pipe\x\").path(), r"x\");
    assert_ne!(parse(r"\\.\pipe\x\"), parse(r"\\.\pipe\x"));
}

#[test]
fn p2_9_p2_12_name_elsewhere_is_refused() {
    for full in [
        "pipe",
        r"C:\pipe\x",
        r"\pipe\x",
        r"\\.\mailslot\x",
        r"\\.\pipes\x",
        r"\\?\C:\x",
        r"\\.\pipe\..\x",
        r"\\server\share\x",
    ] {
        let invalid = Some(ErrorKind::InvalidName);
        let no_path = Some(ErrorKind::PathNotFound);
        assert_eq!(errors(full), [invalid, invalid, no_path], "{full}");
        assert!(!PipeName::leads_to_pipe(full), "{full}");
    }
}

#[test]
fn p2_10_empty_name_is_no_path() {
    assert_eq!(errors(""), [Some(ErrorKind::PathNotFound); 3]);
}

#[test]
fn p2_11_device_itself_is_no_pipe() {
    for full in [r"\\.\pipe", r"\\.\pipe\", r"//./PIPE//", r"\\?\pipe\"] {
        let expected = [
            ErrorKind::InvalidName,
            ErrorKind::NotFound,
            ErrorKind::PathNotFound,
        ];
        assert_eq!(errors(full), expected.map(Some), "{full}");
        assert!(PipeName::leads_to_pipe(full), "{full}");
    }
}

#[test]
fn p2_13_other_machine_is_refused_and_the_own_name_is_the_period() {
    let invalid = Some(ErrorKind::InvalidName);
    let remote = Some(ErrorKind::Remote);
    for full in [r"\\far-away\pipe\x", r"\\*\pipe\x"] {
        assert_eq!(errors(full), [invalid, remote, remote], "{full}");
        assert!(PipeName::leads_to_pipe(full));
    }
    if let Some(host) = host_name() {
        let full = format!(r"\\{host}\pipe\x");
        assert_eq!(
            errors(&full),
            [invalid, None, None],
            "creators say the period"
        );
        assert_eq!(parse(&full.to_uppercase()), parse(r"\\.\pipe\x"));
    }
}

#[test]
fn p2_14_local_has_no_meaning() {
    assert_ne!(parse(r"\\.\pipe\LOCAL\x"), parse(r"\\.\pipe\x"));
}

#[test]
fn p2_15_pipes_and_mailslots_have_spaces_of_their_own() {
    assert!(!MailslotName::leads_to_mailslot(r"\\.\pipe\x"));
    assert!(!PipeName::leads_to_pipe(r"\\.\mailslot\x"));
    let stem = crate::namespace::stem;
    let (pipe, slot) = (
        crate::namespace::Space::Pipe,
        crate::namespace::Space::Mailslot,
    );
    assert_ne!(stem(pipe, "X"), stem(slot, "X"));
}

#[test]
fn nul_character_is_refused() {
    assert_eq!(
        errors("\\\\.\\pipe\\a\0b"),
        [Some(ErrorKind::InvalidName); 3]
    );
}

#[test]
fn short_name_gets_the_prefix() {
    let short = |name: &str| PipeName::short(name).map_err(|error| error.kind());
    assert_eq!(short("x"), Ok(parse(r"\\.\pipe\x")));
    assert_eq!(short(r"\\.\pipe\x"), Ok(parse(r"\\.\pipe\x")));
    assert_eq!(short(r"a/b"), Ok(parse(r"\\.\pipe\a\b")));
    for bad in ["", ".", r"..\x"] {
        assert_eq!(short(bad), Err(ErrorKind::InvalidName), "{bad}");
    }
    assert_eq!("x".parse::<PipeName>().unwrap(), parse(r"\\.\pipe\x"));
}
