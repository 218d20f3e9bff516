use super::*;

#[track_caller]
fn check(dialect: Dialect, line: &str, expected: &[&str]) {
    let split = split(line.as_bytes(), dialect);
    let split: Vec<_> = split.iter().map(|it| String::from_utf8_lossy(it)).collect();
    assert_eq!(split, expected, "{line}");
}

#[track_caller]
fn both(line: &str, expected: &[&str]) {
    check(Dialect::Current, line, expected);
    check(Dialect::Classic, line, expected);
}

/// P-19: backslashes and inner quotes of the program name are ordinary.
#[test]
fn program_name_ends_at_its_quote_or_at_a_blank() {
    both("prog one", &["prog", "one"]);
    both("prog\tone", &["prog", "one"]);
    both(r#""a b" c"#, &["a b", "c"]);
    both(r#""a b"c d"#, &["a b", "c", "d"]);
    both(r#""c:\dir\" x"#, &[r"c:\dir\", "x"]);
    both(r#"c:\d"ir\x y"#, &[r#"c:\d"ir\x"#, "y"]);
    both(r#""never closed"#, &["never closed"]);
}

/// P-20.
#[test]
fn leading_blank_makes_the_program_name_empty() {
    both(" prog one", &["", "prog", "one"]);
    both("", &[""]);
}

/// P-21: only blanks and tabs separate; trailing ones are ignored.
#[test]
fn arguments_are_separated_by_blanks_and_tabs_alone() {
    both("p  a \t b\t ", &["p", "a", "b"]);
    both("p a\nb\r\u{b}c", &["p", "a\nb\r\u{b}c"]);
}

/// P-22.
#[test]
fn quoted_and_plain_pieces_join() {
    both(r#"p arg"one" x"y z"w"#, &["p", "argone", "xy zw"]);
    both(r#"p "" a"#, &["p", "", "a"]);
}

/// P-23.
#[test]
fn backslashes_count_only_before_quotes() {
    both(r#"p a\b\\c \\"#, &["p", r"a\b\\c", r"\\"]);
    both(r#"p a\"b"#, &["p", r#"a"b"#]);
    both(r#"p a\\"b c""#, &["p", r"a\b c"]);
    both(r#"p a\\\"b c"#, &["p", r#"a\"b"#, "c"]);
    both(r#"p "a\\" b"#, &["p", r"a\", "b"]);
    both(r#"p "a\" b"#, &["p", r#"a" b"#]);
}

/// P-24.
#[test]
fn dialects_differ_after_two_quotes_inside_quotes() {
    let line = r#"p "a""b c" d"#;
    check(Dialect::Current, line, &["p", r#"a"b c"#, "d"]);
    check(Dialect::Classic, line, &["p", r#"a"b"#, "c d"]);
}

/// P-25: the classic rules, for runs of up to eight quotes.
#[test]
fn classic_runs_of_quotes_count_by_threes() {
    for count in 1..=8 {
        let line = format!("p {}x y", "\"".repeat(count));
        let literal = "\"".repeat(count / 3);
        let expected = match count % 3 {
            1 => vec!["p".to_owned(), format!("{literal}x y")],
            _ => vec!["p".to_owned(), format!("{literal}x"), "y".to_owned()],
        };
        let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
        check(Dialect::Classic, &line, &expected);
    }
}

/// P-26.
#[test]
fn unclosed_quote_extends_to_the_end() {
    both(r#"p "a b "#, &["p", "a b "]);
    both(r#"p a ""#, &["p", "a", ""]);
}

/// P-27.
#[test]
fn signs_of_shells_mean_nothing() {
    let signs = [
        "p", "%PATH%", "^", "a&b", "|", "<", ">", "'x'", "`y`", "$HOME",
    ];
    both(&signs.join(" "), &signs);
}

/// P-28.
#[test]
fn quoting_is_done_only_where_needed_and_never_doubles_quotes() {
    for (argument, quoted) in [
        ("plain", "plain"),
        (r"c:\dir\", r"c:\dir\"),
        ("", r#""""#),
        ("a b", r#""a b""#),
        (r"c:\my dir\", r#""c:\my dir\\""#),
        (r#"say "hi""#, r#""say \"hi\"""#),
        (r#"\\"x"#, r#""\\\\\"x""#),
        ("a\nb", "\"a\nb\""),
    ] {
        assert_eq!(String::from_utf8_lossy(&quote(argument.as_bytes())), quoted);
    }
}

/// P-29: for lists of strings of the characters that matter, and any others but NUL.
#[test]
fn joined_arguments_split_into_the_same_list() {
    let mut random = fastrand::Rng::with_seed(0x7069_7065);
    let signs = b"\\\\\\\"\"\" \ta.c:\n\r/%\xed\x86\xb5";
    for _ in 0..20_000 {
        let mut list: Vec<Vec<u8>> = (0..random.usize(1..6))
            .map(|_| {
                let byte = |random: &mut fastrand::Rng| match random.u8(0..8) {
                    0 => random.u8(1..=255),
                    _ => signs[random.usize(..signs.len())],
                };
                (0..random.usize(0..9)).map(|_| byte(&mut random)).collect()
            })
            .collect();
        list[0].retain(|byte| *byte != b'"');
        let line = join(&list);
        for dialect in [Dialect::Current, Dialect::Classic] {
            assert_eq!(split(&line, dialect), list, "{}", line.escape_ascii());
        }
    }
}
