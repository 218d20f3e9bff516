//! The command as people and scripts use it: the real program, in a namespace of its own for each test.

mod doctor;
mod golden;
mod handles;
mod help;
mod kp;
mod list;
mod lp;
mod mutex;
mod naps;
mod objects;
mod pipe;
mod pipe_list;
mod place;
mod prompt_screen;
mod read;
mod relay;
mod relay_ends;
mod run;
mod screen;
mod sgr;
mod terminal;
mod tour;
mod wait;
mod write;
