//! Any text as a mailslot's name.

use tong::MailslotName;

use crate::input::Input;

/// Parses a text in every way.
///
/// # Panics
/// If parsing does, or a name that was accepted does not lead to itself again.
pub fn names(data: &[u8]) {
    let mut input = Input::new(data);
    let text = text(&mut input);
    let _ = MailslotName::leads_to_mailslot(&text);
    let parsed = [
        MailslotName::parse(&text),
        MailslotName::parse_for_create(&text),
        MailslotName::short(&text),
    ];
    for name in parsed.into_iter().flatten() {
        assert!(
            MailslotName::leads_to_mailslot(&name.full()),
            "{:?}",
            name.full()
        );
        let again = MailslotName::parse(&name.full()).expect("a full name is a name");
        assert_eq!(again, name);
        assert_eq!(again.folded(), name.folded());
        assert!(!name.path().is_empty());
    }
}

/// Pieces that names are made of, and any characters between them.
fn text(input: &mut Input<'_>) -> String {
    const PIECES: [&str; 16] = [
        r"\\.\mailslot\",
        "//./mailslot/",
        r"\\.\",
        r"\",
        "/",
        ".",
        "..",
        "MAILSLOT",
        "*",
        ":",
        "ß",
        "İ",
        "통",
        "\0",
        " ",
        "a",
    ];
    let mut text = String::new();
    while input.more() {
        match input.below(4) {
            0 => text.push(
                char::from_u32(u32::try_from(input.below(0x11_0000)).unwrap_or(0))
                    .unwrap_or('\u{fffd}'),
            ),
            1 => text.push_str(&String::from_utf8_lossy(input.take(3))),
            2 => text.push_str(&PIECES[input.below(PIECES.len())].repeat(input.below(4))),
            _ => text.push_str(PIECES[input.below(PIECES.len())]),
        }
    }
    text
}
