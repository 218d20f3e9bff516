//! From a text to words, operators and redirections.
//!
//! One pass does two things: it makes the [`Item`]s that the parser reads, and the [`Token`]s by which the editor colours
//! the line. Both carry the places where they stand. Any text gives both, however broken it is.

use super::word::{Part, Quoting, Reference, Style, Word};
use std::ops::Range;

/// A stretch of the text, for colouring. Blanks belong to none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) span: Range<usize>,
}

/// What a stretch of the text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An unquoted piece of a word.
    Word,
    /// A quoted piece of a word, with its quotes.
    Quoted,
    /// `|`, `||`, `&&`, `&`, `;`, the end of a line.
    Operator,
    /// `<`, `>`, `>>`, `2>`, `2>&1` and the like, without the file.
    Redirect,
    /// `%NAME%`, `$NAME`, `${NAME}`.
    Variable,
    /// `# ...`, `:: ...`, `rem ...`.
    Comment,
    /// What can mean nothing.
    Error,
}

/// What the parser reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) what: What,
    pub(crate) span: Range<usize>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Word(Word),
    /// `|`
    Pipe,
    /// `&&`
    And,
    /// `||`
    Or,
    /// `&`, `;`, the end of a line.
    Next,
    /// The start of a redirection; a word follows, the file.
    Redirect(u8, Mode),
    /// This stream goes where that one goes.
    Same(u8, u8),
    /// What can mean nothing, and why.
    Error(&'static str),
}

/// What a redirection does with its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Read,
    Write,
    Append,
}

/// Why a text needs another line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Open {
    /// This quotation mark, at this place, has no partner.
    Quote(char, usize),
    /// It ends in `^`.
    Joined,
    /// It ends in `|`, `&&` or `||`.
    Operator,
}

/// A text that was looked at.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lexed {
    pub(crate) tokens: Vec<Token>,
    pub(crate) items: Vec<Item>,
    /// Why it needs another line, if it does.
    pub(crate) open: Option<Open>,
}

/// The word at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WordAt {
    /// Where it stands, up to the place asked for.
    pub(crate) span: Range<usize>,
    /// What it says up to there, without quotes.
    pub(crate) text: String,
    /// The quotation mark it begins with, if any.
    pub(crate) quote: Option<char>,
    /// The words of the same command before it, the program first; empty if it is the program itself.
    pub(crate) before: Vec<String>,
    /// Is it the file of a redirection?
    pub(crate) is_file: bool,
}

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

impl Lexed {
    /// The word that ends at this place, or an empty one if none does: what a person is about to write there.
    pub(crate) fn word_at(&self, text: &str, at: usize) -> WordAt {
        // Only what stands before the place counts.
        let text = &text[..floor(text, at)];
        let lexed = lex(text);
        let mut before = Vec::new();
        let mut is_file = false;
        let mut found = None;
        for item in &lexed.items {
            match &item.what {
                What::Word(word) if item.span.end == text.len() => found = Some(word.clone()),
                What::Word(_) if is_file => is_file = false,
                What::Word(word) => before.push(word.text()),
                What::Redirect(..) => is_file = true,
                What::Same(..) | What::Error(_) => {}
                What::Pipe | What::And | What::Or | What::Next => {
                    before.clear();
                    is_file = false;
                }
            }
        }
        let word = found.unwrap_or_else(|| Word {
            span: text.len()..text.len(),
            parts: Vec::new(),
        });
        let quote = text[word.span.start..].chars().next();
        WordAt {
            text: word.text(),
            quote: quote.filter(|mark| matches!(mark, '"' | '\'')),
            span: word.span,
            before,
            is_file,
        }
    }
}

/// The last boundary of a character at or before a place.
fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
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
        let has_digit = matches!(digit, b'0'..=b'9');
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

/// The name of the variable that a text begins with, how long that is, and how it is written.
fn reference(text: &str, quoting: Quoting) -> Option<(&str, usize, Style)> {
    // Not across lines, and outside quotes not across words: a lone percent sign is an ordinary character.
    let ends_name = |character: char| match quoting {
        Quoting::Quoted => matches!(character, '\n' | '"'),
        Quoting::Plain => " \t\r\n\"|&<>;^".contains(character),
    };
    if let Some(rest) = text.strip_prefix('%') {
        return match rest.as_bytes() {
            [b'0'..=b'9' | b'*', ..] => Some((&rest[..1], 2, Style::Percent)),
            _ => {
                let len = rest.find(|it| it == '%' || ends_name(it))?;
                let is_name = len > 0 && rest[len..].starts_with('%');
                is_name.then(|| (&rest[..len], len + 2, Style::Percent))
            }
        };
    }
    let rest = text.strip_prefix('$')?;
    if let Some(braced) = rest.strip_prefix('{') {
        let len = braced.find(|it| it == '}' || ends_name(it))?;
        let is_name = len > 0 && braced[len..].starts_with('}');
        return is_name.then(|| (&braced[..len], len + 3, Style::Dollar));
    }
    let len = match rest.as_bytes() {
        [b'?' | b'*' | b'@' | b'#' | b'0'..=b'9', ..] => 1,
        _ => {
            let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
            rest.bytes().take_while(|byte| is_part(byte)).count()
        }
    };
    (len > 0).then(|| (&rest[..len], len + 1, Style::Dollar))
}
