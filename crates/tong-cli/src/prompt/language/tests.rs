//! What lines mean, rule by rule.

use super::*;
use std::ffi::OsStr;

/// The arguments that a command becomes.
fn words(text: &str) -> Vec<String> {
    arguments_of(text).remove(0)
}

/// The arguments of each command of a text, pipelines one after the other.
fn arguments_of(text: &str) -> Vec<Vec<String>> {
    let expander = Expander {
        last_code: 7,
        positions: None,
    };
    let steps = parse(text).unwrap_or_else(|problem| panic!("{text:?}: {problem:?}"));
    let commands = steps.iter().flat_map(|step| &step.pipeline.commands);
    commands
        .map(|command| expander.arguments(&command.words))
        .collect()
}

fn problem(text: &str) -> Problem {
    parse(text).expect_err("it means nothing")
}

/// P-19.
#[test]
fn the_programs_name_ends_at_its_quote_or_at_a_blank() {
    assert_eq!(words(r#""c:\my dir\" x"#), [r"c:\my dir\", "x"]);
    assert_eq!(words(r#""a b"c d"#), ["a b", "c", "d"]);
    assert_eq!(words(r#"a"b c"d"#), [r#"a"b"#, "cd"]);
    assert_eq!(words(r"dir\prog.exe\\ x"), [r"dir\prog.exe\\", "x"]);
}

/// P-20 is about a whole command line; at the prompt, blanks before the name mean nothing, as in `cmd`.
#[test]
fn blanks_before_the_programs_name_mean_nothing() {
    assert_eq!(words(" \t echo x"), ["echo", "x"]);
}

/// P-21.
#[test]
fn only_blanks_and_tabs_separate_arguments() {
    assert_eq!(words("p a \t\t b \t"), ["p", "a", "b"]);
    assert_eq!(words("p a\u{b}b\u{a0}c"), ["p", "a\u{b}b\u{a0}c"]);
    assert_eq!(words("p \"a\nb\""), ["p", "a\nb"]);
}

/// P-22.
#[test]
fn quotes_keep_blanks_and_join_with_what_is_beside_them() {
    assert_eq!(
        words(r#"p arg"one" "two three"four"#),
        ["p", "argone", "two threefour"]
    );
    assert_eq!(words(r#"p "" x"#), ["p", "", "x"]);
}

/// P-23.
#[test]
fn backslashes_count_only_before_a_quotation_mark() {
    for (text, word) in [
        (r"a\b\\c\", r"a\b\\c\"),
        (r#"a\"b"#, r#"a"b"#),
        (r#""a\"b c""#, r#"a"b c"#),
        (r#""a b\\""#, r"a b\"),
        (r#"a\\\"b"#, r#"a\"b"#),
        (r#"a\\"b c""#, r"a\b c"),
        (r#""a\\\\" "#, r"a\\"),
        (r#""\a""#, r"\a"),
    ] {
        assert_eq!(words(&format!("p {text}")), ["p", word], "{text}");
    }
}

/// P-24, P-25: by the rules of today's run-time, quoting goes on behind a doubled mark.
#[test]
fn a_doubled_mark_inside_quotes_is_one() {
    assert_eq!(words(r#"p "a""b c""#), ["p", r#"a"b c"#]);
    assert_eq!(words(r#"p """" x"#), ["p", r#"""#, "x"]);
    assert_eq!(words(r#"p """a"""#), ["p", r#""a""#]);
}

/// P-26.
#[test]
fn an_open_quote_ends_with_the_text() {
    assert_eq!(words(r#"p "a b | c"#), ["p", "a b | c"]);
    assert_eq!(words(r#"p a ""#), ["p", "a", ""]);
    assert_eq!(lex("p 'a").open, Some(Open::Quote('\'', 2)));
    assert_eq!(lex(r#"p x"a"#).open, Some(Open::Quote('"', 3)));
}

/// P-27 tells what has no meaning to a program; the prompt takes its own part away first.
#[test]
fn a_caret_takes_the_meaning_from_a_character() {
    assert_eq!(
        words("p a^|b ^& ^^ ^%HOME% ^$HOME"),
        ["p", "a|b", "&", "^", "%HOME%", "$HOME"]
    );
    assert_eq!(words(r#"p "a^|b" ^"c"#), ["p", "a^|b", "\"c"]);
    assert_eq!(words("p a^ b"), ["p", "a b"]);
    assert_eq!(words("p ab^\ncd ^\nef"), ["p", "abcd", "ef"]);
    assert_eq!(words("p ab^\r\ncd"), ["p", "abcd"]);
}

/// P-28, P-29: what is quoted for a program is read as the same arguments here.
#[test]
fn arguments_that_were_quoted_come_back() {
    let lists: [&[&str]; 4] = [
        &["p", "plain", "two words", ""],
        &["p", r"c:\dir\", r"c:\my dir\", r#"say "hi""#],
        &["p", r#"\""#, r#"\\" x"#, r"\\\"],
        &["p", "tab\there", "line\nend", "quote\"", "| & < > ; # ^"],
    ];
    for list in lists {
        let bytes = list.iter().map(|word| word.as_bytes());
        let line = tong::process::command_line::join(bytes);
        let line = String::from_utf8(line).expect("text");
        assert_eq!(words(&line), list, "{line}");
    }
}

#[test]
fn nothing_is_special_between_single_quotes() {
    assert_eq!(
        words(r#"p 'a "b" %HOME% $HOME \ ^ *'"#),
        ["p", r#"a "b" %HOME% $HOME \ ^ *"#]
    );
    assert_eq!(
        words("p --name='a b' don't 'x'y"),
        ["p", "--name=a b", "don't", "xy"]
    );
    assert_eq!(words("'my prog' x"), ["my prog", "x"]);
}

/// P-109, P-123, P-126. No other test sets these variables.
#[test]
fn variables_are_replaced_once_and_unknown_ones_stay() {
    let set = |name: &str, value: &str| {
        tong::environment::set(OsStr::new(name), OsStr::new(value)).expect("it can be set");
    };
    set("TONG_LEX_A", "x y");
    set("TONG_LEX_B", "%TONG_LEX_A% *");
    assert_eq!(
        words("p %tong_lex_a% $TONG_LEX_A ${TONG_LEX_A}z"),
        ["p", "x y", "x y", "x yz"]
    );
    assert_eq!(
        words(r#"p "%TONG_LEX_B%" %TONG_LEX_B%"#),
        ["p", "%TONG_LEX_A% *", "%TONG_LEX_A% *"]
    );
    assert_eq!(
        words("p %TONG_NONE% 100% %% a%"),
        ["p", "%TONG_NONE%", "100%", "%%", "a%"]
    );
    assert_eq!(
        words("p %TONG_NONE%TONG_LEX_A%"),
        ["p", "%TONG_NONE%TONG_LEX_A%"]
    );
    assert_eq!(words("p 5% of 10%"), ["p", "5%", "of", "10%"]);
    assert_eq!(
        words("p [$TONG_NONE] $TONG_NONE \"$TONG_NONE\" $ $$"),
        ["p", "[]", "", "$", "$$"]
    );
    assert_eq!(words("p $? %ErrorLevel%"), ["p", "7", "7"]);
    // Outside a script there are no arguments.
    assert_eq!(words("p %1 %*"), ["p", "%1", "%*"]);
}

#[test]
fn arguments_of_a_script_have_numbers() {
    let positions = Positions(["script", "a b", "c"].map(str::to_owned).to_vec());
    let expander = Expander {
        last_code: 0,
        positions: Some(&positions),
    };
    let steps = parse("p %1 x$2 %3 \"%*\" %* $# %0 %1%").expect("it means something");
    let words = expander.arguments(&steps[0].pipeline.commands[0].words);
    assert_eq!(
        words,
        ["p", "a b", "xc", "a b c", "a b", "c", "2", "script", "a b%"]
    );
}

#[test]
fn operators_need_no_blanks() {
    assert_eq!(
        arguments_of("a|b&&c||d&e;f\ng").concat(),
        ["a", "b", "c", "d", "e", "f", "g"]
    );
    let steps = parse("a|b&&c||d&e;f\ng").expect("a list");
    let links: Vec<Link> = steps.iter().map(|step| step.link).collect();
    use Link::{Always, IfFailed, IfOk};
    assert_eq!(links, [Always, IfOk, IfFailed, Always, Always, Always]);
    assert_eq!(steps[0].pipeline.span, 0..3);
    assert_eq!(parse(" ;; \n & # x"), Ok(Vec::new()));
}

#[test]
fn redirections_are_taken_out_of_the_arguments() {
    let steps = parse("a <in x2>out 2>>log 2>&1 >&2 1> o y").expect("a command");
    let command = &steps[0].pipeline.commands[0];
    let said: Vec<String> = command.words.iter().map(Word::text).collect();
    assert_eq!(said, ["a", "x2", "y"]);
    let streams: Vec<(u8, String)> = command
        .redirects
        .iter()
        .map(|it| match &it.action {
            Action::Read(file) => (it.stream, format!("< {}", file.text())),
            Action::Write(file) => (it.stream, format!("> {}", file.text())),
            Action::Append(file) => (it.stream, format!(">> {}", file.text())),
            Action::Same(other) => (it.stream, format!("& {other}")),
        })
        .collect();
    let expected = [
        (0, "< in"),
        (1, "> out"),
        (2, ">> log"),
        (2, "& 1"),
        (1, "& 2"),
        (1, "> o"),
    ];
    assert_eq!(
        streams,
        expected.map(|(stream, what)| (stream, what.to_owned()))
    );
    // The program may stand behind a redirection, and is read by the program's rule there.
    assert_eq!(words(r#"> out "a b"c"#), ["a b", "c"]);
}

#[test]
fn comments_end_with_their_line() {
    assert_eq!(arguments_of("a # b | c\nd#e").concat(), ["a", "d#e"]);
    assert_eq!(
        arguments_of("rem x | y\n:: z \"\nREM\na & rem b").concat(),
        ["a"]
    );
    assert_eq!(words("remove x"), ["remove", "x"]);
    assert_eq!(words("p rem :: x"), ["p", "rem", "::", "x"]);
}

#[test]
fn what_is_not_complete_needs_another_line() {
    for text in [
        "a |",
        "a && ",
        "a ||\n",
        "a ^",
        "a b^",
        "a \"b",
        "a 'b\n",
        "a |\n\n",
        "a | # why",
        "a ^\n",
    ] {
        assert!(!is_complete(text), "{text:?}");
    }
    for text in [
        "", "a", "a &", "a;", r"cd C:\", "a |\nb", "a don't", "# \"", "a ^^", "a \"b\"", "a b\\\n",
    ] {
        assert!(is_complete(text), "{text:?}");
    }
}

#[test]
fn what_means_nothing_is_told_with_its_place() {
    for (text, at, part) in [
        ("a | | b", 4, "before |"),
        ("a && && b", 5, "before &&"),
        ("| a", 0, "before |"),
        ("a |", 2, "follow |"),
        ("a && ; b", 5, "before ;"),
        ("a >", 2, "a file"),
        ("a > | b", 2, "a file"),
        ("a 3> x", 2, "streams 0, 1 and 2"),
        ("a >&x", 2, "number of a stream"),
    ] {
        let problem = problem(text);
        assert!(
            problem.at == at && problem.what.contains(part),
            "{text}: {problem:?}"
        );
    }
}

#[test]
fn the_word_under_the_cursor_is_known() {
    let at = |text: &str| lex(text).word_at(text, text.len());
    let word = at("kp 12");
    assert_eq!(
        (&*word.text, &word.before[..], word.span),
        ("12", &["kp".to_owned()][..], 3..5)
    );
    assert_eq!(at("kp ").before, ["kp"]);
    assert_eq!(
        (at("a | so").text, at("a | so").before.len()),
        ("so".to_owned(), 0)
    );
    let quoted = at("type \"my fi");
    assert_eq!(
        (&*quoted.text, quoted.quote, quoted.span),
        ("my fi", Some('"'), 5..11)
    );
    assert!(at("a > fi").is_file && at("a > ").is_file && !at("a > fi x").is_file);
    let text = "type one two";
    assert_eq!(lex(text).word_at(text, 7).text, "on");
    assert_eq!(lex("통").word_at("통", 1).text, "");
}

#[test]
fn stretches_are_coloured_in_order_and_without_overlap() {
    let text = "a \"b %C%\" 'd'$E|f 2>&1 >g ^h 9>i # j";
    let tokens = lex(text).tokens;
    let shown: Vec<(Kind, &str)> = tokens
        .iter()
        .map(|token| (token.kind, &text[token.span.clone()]))
        .collect();
    use Kind::{Comment, Error, Operator, Quoted, Redirect, Variable, Word};
    assert_eq!(
        shown,
        [
            (Word, "a"),
            (Quoted, "\"b "),
            (Variable, "%C%"),
            (Quoted, "\""),
            (Quoted, "'d'"),
            (Variable, "$E"),
            (Operator, "|"),
            (Word, "f"),
            (Redirect, "2>&1"),
            (Redirect, ">"),
            (Word, "g"),
            (Word, "^h"),
            (Error, "9>"),
            (Word, "i"),
            (Comment, "# j"),
        ]
    );
}

/// Numbers that look random and are the same each time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % end as u64).expect("it is below the end")
    }
}

/// Any text whatsoever is taken apart without harm, and all places are in it and in order.
#[test]
fn no_text_is_too_strange() {
    let pieces = [
        "\"",
        "'",
        "\\",
        "^",
        "%",
        "$",
        "{",
        "}",
        "|",
        "&",
        "<",
        ">",
        "2",
        "9",
        ";",
        "#",
        "::",
        "rem",
        " ",
        "\t",
        "\n",
        "\r\n",
        "\r",
        "a",
        "통",
        "\0",
        "*",
        "[",
        "?",
        "~",
        "=",
        "%A%",
        "${",
        "\u{1f4ec}",
        "start ",
        "1>&2",
    ];
    let mut numbers = Numbers(0x5eed_1234_5678_9abc);
    for _ in 0..20_000 {
        let len = numbers.below(14);
        let text: String = (0..len)
            .map(|_| pieces[numbers.below(pieces.len())])
            .collect();
        let lexed = lex(&text);
        let mut end = 0;
        for token in &lexed.tokens {
            assert!(
                token.span.start >= end && token.span.end > token.span.start,
                "{text:?}"
            );
            end = token.span.end;
            assert!(text.get(token.span.clone()).is_some(), "{text:?}");
        }
        let at = numbers.below(text.len() + 2);
        let word = lexed.word_at(&text, at);
        assert!(text.get(word.span).is_some(), "{text:?}");
        assert_eq!(is_complete(&text), lexed.open.is_none());
        let expander = Expander {
            last_code: 0,
            positions: None,
        };
        match parse(&text) {
            Ok(steps) => steps
                .iter()
                .flat_map(|step| &step.pipeline.commands)
                .flat_map(|command| &command.words)
                .for_each(|word| drop(expander.single(word))),
            Err(problem) => assert!(problem.at <= text.len() && !problem.what.is_empty()),
        }
    }
}
