//! The language of the prompt: what a line means, before anything is run.
//!
//! It is small: commands, pipes, redirections, `&&` and `||`, variables, patterns. [`SYNTAX`] tells people about it, and is
//! what `help syntax` prints. Where `cmd` and Unix shells differ it follows `cmd`, and quotes by the rules by which Windows'
//! programs split their command lines, so that arguments copied from there are the same here.
//!
//! | module | what |
//! |---|---|
//! | `lexer` | a text becomes words, operators and redirections, with the places where they stand |
//! | `token` | what these are |
//! | `cursor` | the word under the cursor, for the editor |
//! | `word` | what a word is made of: plain pieces, quoted pieces, variables |
//! | `parser` | words and operators become pipelines, and pipelines a list |
//! | `expand` | words become arguments: variables, `~`, patterns |
//! | `glob` | patterns, and the files that match them |
//!
//! # Words
//! The word that names the program follows the rule for the first word of a command line: in quotes it runs to the next `"`;
//! otherwise it ends at a blank, and a `"` in it is an ordinary character. Backslashes are never special in it. In the other
//! words `"` switches quoting on and off, `\"` is a quotation mark and backslashes before it count double; all other
//! backslashes are ordinary. Then come the prompt's own rules:
//!
//! - `^` takes the meaning from the character behind it, outside quotes; at the end of a line it joins the next one to it.
//! - Between single quotes nothing is special, not even `%` and `$`. They quote only where a word begins or behind `=`, so
//!   that `don't` is a word. Windows has no such quotes.
//! - Blanks, operators and line ends that are not quoted end a word, also in the middle of what looks like a path.
//!
//! # Values
//! What a variable holds goes into its word as it is: it is not split at blanks, not looked through for further
//! variables, and its `*` match nothing. A word that is nothing but unquoted variables without a value vanishes.
//!
//! Lexing and parsing work on any text whatsoever; what cannot be understood is an error with its place.

mod cursor;
mod expand;
mod glob;
mod lexer;
mod parser;
mod syntax;
mod token;
mod word;

pub(crate) use cursor::WordAt;
pub(crate) use expand::{Expander, Positions};
pub(crate) use lexer::{is_complete, lex};
pub(crate) use parser::{parse, Action, Command, Link, Pipeline, Problem, Redirect, Step};
pub(crate) use syntax::SYNTAX;
pub(crate) use token::{Kind, Lexed, Open, Token};
#[cfg(test)]
use word::Word;

#[cfg(test)]
mod tests;
