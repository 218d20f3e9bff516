//! The command as people and scripts use it: the real program, in a namespace of its own for each test.

mod handles;
mod help;
mod list;
mod mutex;
mod objects;
mod place;
mod read;
mod run;
mod terminal;
mod tour;
mod wait;
mod write;
