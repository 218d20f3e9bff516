//! The command as people and scripts use it: the real program, in a namespace of its own for each test.

mod help;
mod list;
mod place;
mod read;
mod tour;
mod write;
