//! From a text to words, operators and redirections.
//!
//! One pass does two things: it makes the [`Item`]s that the parser reads, and the [`Token`]s by which the editor colours
//! the line. Both carry the places where they stand. Any text gives both, however broken it is.

use super::token::{Item, Kind, Lexed, Mode, Open, Token, What};
use super::word::{reference, Part, Quoting, Reference, Word};

/// Takes a text apart.
pub(crate) fn lex(text: &str) -> Lexed {
    let mut lexer = Lexer::new(text);
    lexer.run();
    lexer.done
}

/// Is it a whole input, or does another line have to follow?
pub(crate) fn is_complete(text: &str) -> bool {
    lex(text).open.is_none()
}

/// What the next word is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Expect {
    Program,
    Argument,
    /// The file of a redirection, and what comes after it.
    File {
        program_follows: bool,
    },
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    expect: Expect,
    done: Lexed,
}

impl<'a> Lexer<'a> {
    fn new(text: &'a str) -> Lexer<'a> {
        Lexer {
            text,
            at: 0,
            expect: Expect::Program,
            done: Lexed::default(),
        }
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn run(&mut self) {
        while let Some(character) = self.peek() {
            match character {
                ' ' | '\t' => self.at += 1,
                '\r' if self.rest().starts_with("\r\n") => self.at += 1,
                '^' if self.joined_line() > 0 => self.at += self.joined_line(),
                '#' => self.comment(),
                '\n' | ';' => self.operator(1, What::Next),
                '|' if self.rest().starts_with("||") => self.operator(2, What::Or),
                '|' => self.operator(1, What::Pipe),
                '&' if self.rest().starts_with("&&") => self.operator(2, What::And),
                '&' => self.operator(1, What::Next),
                _ if self.redirect() => {}
                _ if self.begins_comment() => self.comment(),
                _ => self.word(),
            }
        }
        if self.done.open.is_none() && self.hangs() {
            self.done.open = Some(Open::Operator);
        }
    }

    /// Is the last thing an operator that needs something behind it?
    fn hangs(&self) -> bool {
        let mut items = self.done.items.iter().rev();
        // A line end behind such an operator does not end the command.
        let is_line_end =
            |item: &&Item| item.what == What::Next && &self.text[item.span.clone()] == "\n";
        let last = items.find(|item| !is_line_end(item));
        last.is_some_and(|item| matches!(item.what, What::Pipe | What::And | What::Or))
    }

    /// How long a `^` with the line end behind it is here; 0 if there is none.
    fn joined_line(&mut self) -> usize {
        let rest = self.rest();
        let len = ["^\n", "^\r\n"].iter().find(|end| rest.starts_with(**end));
        if rest == "^" {
            self.done.open = Some(Open::Joined);
            return 1;
        }
        let len = len.map_or(0, |end| end.len());
        if len > 0 && len == rest.len() {
            self.done.open = Some(Open::Joined);
        }
        len
    }

    fn item(&mut self, len: usize, kind: Kind, what: What) {
        let span = self.at..self.at + len;
        self.done.tokens.push(Token {
            kind,
            span: span.clone(),
        });
        self.done.items.push(Item { what, span });
        self.at += len;
    }

    fn operator(&mut self, len: usize, what: What) {
        self.item(len, Kind::Operator, what);
        self.expect = Expect::Program;
    }

    /// `rem` or `::` where a command begins.
    fn begins_comment(&self) -> bool {
        let rest = self.rest();
        let is_rem = || {
            let word_end = rest.find([' ', '\t', '\r', '\n']).unwrap_or(rest.len());
            rest[..word_end].eq_ignore_ascii_case("rem")
        };
        self.expect == Expect::Program && (rest.starts_with("::") || is_rem())
    }

    /// Up to the end of the line, which is not part of it.
    fn comment(&mut self) {
        let len = self.rest().find('\n').unwrap_or(self.rest().len());
        let span = self.at..self.at + len;
        self.done.tokens.push(Token {
            kind: Kind::Comment,
            span,
        });
        self.at += len;
    }

    /// Reads a redirection, if one begins here.
    fn redirect(&mut self) -> bool {
        let rest = self.rest();
        let digit = rest.as_bytes()[0];
        let has_digit = digit.is_ascii_digit();
        let sign = &rest[usize::from(has_digit)..];
        let (mode, len) = match sign {
            _ if sign.starts_with(">>") => (Mode::Append, 2),
            _ if sign.starts_with('>') => (Mode::Write, 1),
            _ if sign.starts_with('<') => (Mode::Read, 1),
            _ => return false,
        };
        let stream = match has_digit {
            true => digit - b'0',
            false => u8::from(mode != Mode::Read),
        };
        let behind = &sign[len..];
        let len = len + usize::from(has_digit);
        if stream > 2 {
            let why = "only the streams 0, 1 and 2 can be redirected";
            self.item(len, Kind::Error, What::Error(why));
            return true;
        }
        match behind.as_bytes() {
            [b'&', to @ b'0'..=b'2', ..] => {
                self.item(len + 2, Kind::Redirect, What::Same(stream, to - b'0'));
            }
            [b'&', ..] => {
                let why = "behind >& stands the number of a stream, 0, 1 or 2";
                self.item(len + 1, Kind::Error, What::Error(why));
            }
            _ => {
                self.item(len, Kind::Redirect, What::Redirect(stream, mode));
                let program_follows = self.expect == Expect::Program;
                self.expect = Expect::File { program_follows };
            }
        }
        true
    }

    /// Reads a word.
    fn word(&mut self) {
        let is_program = self.expect == Expect::Program;
        let start = self.at;
        let mut word = Word::default();
        if is_program && self.peek() == Some('"') {
            self.program_in_quotes(&mut word);
        } else {
            while self.piece(&mut word, start, is_program) {}
        }
        word.span = start..self.at;
        let span = word.span.clone();
        self.done.items.push(Item {
            what: What::Word(word),
            span,
        });
        self.expect = match self.expect {
            Expect::File {
                program_follows: true,
            } => Expect::Program,
            _ => Expect::Argument,
        };
    }

    /// Reads a piece of a word. False if the word ends here.
    fn piece(&mut self, word: &mut Word, start: usize, is_program: bool) -> bool {
        let Some(character) = self.peek() else {
            return false;
        };
        match character {
            ' ' | '\t' | '\n' | ';' | '|' | '&' | '<' | '>' => return false,
            '\r' if self.rest().starts_with("\r\n") => return false,
            '^' => self.caret(word),
            '"' if !is_program => self.double_quotes(word),
            '\'' if self.at == start || self.text[..self.at].ends_with('=') => {
                self.single_quotes(word);
            }
            '\\' if !is_program => self.backslashes(word),
            '%' | '$' if self.variable(word, Quoting::Plain) => {}
            _ => self.plain(word, character, Kind::Word),
        }
        true
    }

    /// Takes a character as it is.
    fn plain(&mut self, word: &mut Word, character: char, kind: Kind) {
        word.push(character, Quoting::Plain);
        self.colour(kind, character.len_utf8());
    }

    /// Colours what comes next, together with what stands before it if that is of the same kind, and goes on behind it.
    fn colour(&mut self, kind: Kind, len: usize) {
        let end = self.at + len;
        match self.done.tokens.last_mut() {
            Some(last) if last.kind == kind && last.span.end == self.at => last.span.end = end,
            _ => self.done.tokens.push(Token {
                kind,
                span: self.at..end,
            }),
        }
        self.at = end;
    }

    fn caret(&mut self, word: &mut Word) {
        let joined = self.joined_line();
        if joined > 0 {
            return self.colour(Kind::Operator, joined);
        }
        self.colour(Kind::Word, 1);
        if let Some(character) = self.peek() {
            word.push(character, Quoting::Quoted);
            self.colour(Kind::Word, character.len_utf8());
        }
    }

    /// The program's name in quotes, in which nothing but the closing one is special.
    fn program_in_quotes(&mut self, word: &mut Word) {
        let opened = self.at;
        word.note_quotes();
        self.colour(Kind::Quoted, 1);
        while let Some(character) = self.peek() {
            match character {
                '"' => return self.colour(Kind::Quoted, 1),
                '%' | '$' if self.variable(word, Quoting::Quoted) => {}
                _ => self.quoted(word, character),
            }
        }
        self.done.open = Some(Open::Quote('"', opened));
    }

    fn quoted(&mut self, word: &mut Word, character: char) {
        word.push(character, Quoting::Quoted);
        self.colour(Kind::Quoted, character.len_utf8());
    }

    fn double_quotes(&mut self, word: &mut Word) {
        let opened = self.at;
        word.note_quotes();
        self.colour(Kind::Quoted, 1);
        while let Some(character) = self.peek() {
            match character {
                '"' if self.rest().starts_with("\"\"") => {
                    word.push('"', Quoting::Quoted);
                    self.colour(Kind::Quoted, 2);
                }
                '"' => return self.colour(Kind::Quoted, 1),
                '\\' => self.quoted_backslashes(word),
                '%' | '$' if self.variable(word, Quoting::Quoted) => {}
                _ => self.quoted(word, character),
            }
        }
        self.done.open = Some(Open::Quote('"', opened));
    }

    fn single_quotes(&mut self, word: &mut Word) {
        let opened = self.at;
        word.note_quotes();
        let inner = &self.rest()[1..];
        let len = inner.find('\'');
        for character in inner[..len.unwrap_or(inner.len())].chars() {
            word.push(character, Quoting::Quoted);
        }
        match len {
            Some(len) => self.colour(Kind::Quoted, len + 2),
            None => {
                self.colour(Kind::Quoted, inner.len() + 1);
                self.done.open = Some(Open::Quote('\'', opened));
            }
        }
    }

    fn backslashes(&mut self, word: &mut Word) {
        self.some_backslashes(word, Quoting::Plain, Kind::Word);
    }

    fn quoted_backslashes(&mut self, word: &mut Word) {
        self.some_backslashes(word, Quoting::Quoted, Kind::Quoted);
    }

    /// A run of backslashes: ordinary, unless a `"` follows.
    fn some_backslashes(&mut self, word: &mut Word, quoting: Quoting, kind: Kind) {
        let rest = self.rest();
        let count = rest.len() - rest.trim_start_matches('\\').len();
        let is_before_quote = rest[count..].starts_with('"');
        let kept = if is_before_quote { count / 2 } else { count };
        for _ in 0..kept {
            word.push('\\', quoting);
        }
        self.colour(kind, count);
        if is_before_quote && count % 2 == 1 {
            word.push('"', Quoting::Quoted);
            self.colour(kind, 1);
        }
    }

    /// Reads a variable, if one begins here.
    fn variable(&mut self, word: &mut Word, quoting: Quoting) -> bool {
        let Some((name, len, style)) = reference(self.rest(), quoting) else {
            return false;
        };
        word.parts.push(Part::Variable(Reference {
            name: name.to_owned(),
            written: self.rest()[..len].to_owned(),
            style,
            quoting,
        }));
        let span = self.at..self.at + len;
        self.done.tokens.push(Token {
            kind: Kind::Variable,
            span,
        });
        self.at += len;
        true
    }
}
