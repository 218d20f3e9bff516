//! Command lines: one string from many arguments, and many arguments from one string.
//!
//! A Windows process receives a string, and its own run-time splits it; whoever creates the process has to quote for that.
//! A Linux process receives a list. Here a child gets both: the string as it was given, character for character, and the
//! list that the standard run-time makes of it.
//!
//! # How a string is split
//! The first argument, the program's name, ends at the next `"` if it starts with one, else at the first blank; nothing in
//! it is special. The others are separated by blanks and tabs. A `"` turns quoting on or off and vanishes; inside
//! quotes blanks are ordinary. Backslashes are ordinary, unless a `"` follows them: then two stand for one, and an odd one
//! makes the `"` ordinary. `""` inside quotes is one ordinary `"`; what comes after it is where the [`Dialect`]s differ, so
//! [`quote`] never writes it.
//!
//! # References
//! Win32: "Parsing C command-line arguments", CommandLineToArgvW.

/// Which run-time's rules split a command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// Those of today's C run-time: `""` inside quotes leaves quoting on.
    Current,
    /// Those of older run-times and CommandLineToArgvW: `""` inside quotes turns quoting off.
    Classic,
}

/// Splits a command line. There is always a first argument, if only an empty one.
#[must_use]
pub fn split(line: &[u8], dialect: Dialect) -> Vec<Vec<u8>> {
    let (program, mut rest) = split_program(line);
    let mut arguments = vec![program.to_vec()];
    loop {
        let blanks = rest.iter().take_while(|byte| is_blank(**byte)).count();
        rest = &rest[blanks..];
        if rest.is_empty() {
            return arguments;
        }
        let (argument, len) = next_argument(rest, dialect);
        arguments.push(argument);
        rest = &rest[len..];
    }
}

/// The name of the program, and what follows it.
#[must_use]
pub fn split_program(line: &[u8]) -> (&[u8], &[u8]) {
    match line.strip_prefix(b"\"") {
        Some(quoted) => {
            let end = quoted.iter().position(|byte| *byte == b'"');
            let end = end.unwrap_or(quoted.len());
            (&quoted[..end], quoted.get(end + 1..).unwrap_or_default())
        }
        None => {
            let end = line.iter().position(|byte| is_blank(*byte));
            line.split_at(end.unwrap_or(line.len()))
        }
    }
}

/// Reads one argument from the start of `rest`; how many bytes it took, too.
fn next_argument(rest: &[u8], dialect: Dialect) -> (Vec<u8>, usize) {
    let (mut argument, mut quoting, mut at) = (Vec::new(), false, 0);
    while let Some(byte) = rest.get(at).copied() {
        match byte {
            b'\\' => {
                let backslashes = rest[at..].iter().take_while(|byte| **byte == b'\\').count();
                at += backslashes;
                if rest.get(at) != Some(&b'"') {
                    argument.extend(std::iter::repeat_n(b'\\', backslashes));
                    continue;
                }
                argument.extend(std::iter::repeat_n(b'\\', backslashes / 2));
                if backslashes % 2 == 1 {
                    argument.push(b'"');
                    at += 1;
                }
            }
            b'"' if quoting && rest.get(at + 1) == Some(&b'"') => {
                argument.push(b'"');
                quoting = dialect == Dialect::Current;
                at += 2;
            }
            b'"' => {
                quoting = !quoting;
                at += 1;
            }
            byte if is_blank(byte) && !quoting => break,
            byte => {
                argument.push(byte);
                at += 1;
            }
        }
    }
    (argument, at)
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// Quotes an argument so that either dialect splits it back into the same bytes.
#[must_use]
pub fn quote(argument: &[u8]) -> Vec<u8> {
    let plain = |byte: &u8| !matches!(byte, b' ' | b'\t' | b'"' | b'\n' | b'\r' | 0x0b);
    if !argument.is_empty() && argument.iter().all(plain) {
        return argument.to_vec();
    }
    let mut quoted = vec![b'"'];
    let mut backslashes = 0;
    for byte in argument {
        match byte {
            b'\\' => backslashes += 1,
            b'"' => {
                // Each of them twice, and one more for the quote.
                quoted.extend(std::iter::repeat_n(b'\\', backslashes + 1));
                backslashes = 0;
            }
            _ => backslashes = 0,
        }
        quoted.push(*byte);
    }
    quoted.extend(std::iter::repeat_n(b'\\', backslashes));
    quoted.push(b'"');
    quoted
}

/// Quotes the name of a program, in which backslashes are never special and a `"` can only be lost.
#[must_use]
pub fn quote_program(name: &[u8]) -> Vec<u8> {
    let plain = !name.is_empty() && name[0] != b'"' && !name.iter().any(|byte| is_blank(*byte));
    match plain {
        true => name.to_vec(),
        false => {
            let free = name.iter().filter(|byte| **byte != b'"');
            let mut quoted = vec![b'"'];
            quoted.extend(free);
            quoted.push(b'"');
            quoted
        }
    }
}

/// Makes a command line that splits into these arguments, the name of the program first. That name must be free of `"`
/// if it has blanks.
#[must_use]
pub fn join<A: AsRef<[u8]>>(arguments: impl IntoIterator<Item = A>) -> Vec<u8> {
    let mut line = Vec::new();
    for (index, argument) in arguments.into_iter().enumerate() {
        if index == 0 {
            line = quote_program(argument.as_ref());
        } else {
            line.push(b' ');
            line.extend(quote(argument.as_ref()));
        }
    }
    line
}

#[cfg(test)]
#[path = "command_line/tests.rs"]
mod tests;
