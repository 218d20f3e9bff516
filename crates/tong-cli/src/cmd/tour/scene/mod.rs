//! The scenes: each shows one thing that the project can do, with processes and a namespace of its own.

mod deadlocks;
mod environment;
mod files;
mod handles;
mod leftovers;
mod lists;
mod mailslots;
mod mutexes;
mod overlapped;
mod pipes;
mod processes;
mod prompt;
mod relay;
mod semaphores;
mod streams;
mod threads;
mod timers;
mod waits;

use super::{Play, Stop};

/// A scene.
#[derive(Debug)]
pub(super) struct Scene {
    /// One word, by which the command line knows it.
    pub(super) name: &'static str,
    /// What it is about: a line for the list and above the scene.
    pub(super) about: &'static str,
    /// Plays it, and says in a few words what was seen.
    pub(super) play: fn(&mut Play) -> Result<String, Stop>,
}

/// All scenes, in the order of the tour.
pub(super) const SCENES: &[Scene] = &[
    Scene {
        name: "mailslots",
        about: "Whole messages to a name, and what a killed process leaves.",
        play: mailslots::play,
    },
    Scene {
        name: "pipes",
        about: "Questions and answers; instances of a pipe; both ends may die.",
        play: pipes::play,
    },
    Scene {
        name: "streams",
        about: "Anonymous pipes and FIFOs, for any program.",
        play: streams::play,
    },
    Scene {
        name: "overlapped",
        about: "Operations that end later, and a port that tells of them.",
        play: overlapped::play,
    },
    Scene {
        name: "mutexes",
        about: "Taking turns. An owner that dies is told of.",
        play: mutexes::play,
    },
    Scene {
        name: "semaphores",
        about: "A number of seats, and who waits for one.",
        play: semaphores::play,
    },
    Scene {
        name: "waits",
        about: "For all of several objects, or whichever comes first.",
        play: waits::play,
    },
    Scene {
        name: "timers",
        about: "Once or again and again, for one or for all who wait.",
        play: timers::play,
    },
    Scene {
        name: "processes",
        about: "Programs are started and ended; exit codes have 32 bits.",
        play: processes::play,
    },
    Scene {
        name: "threads",
        about: "Suspended, resumed, and called from outside.",
        play: threads::play,
    },
    Scene {
        name: "handles",
        about: "Inherited, put into other processes, and seen from outside.",
        play: handles::play,
    },
    Scene {
        name: "environment",
        about: "Variables by Windows' rules, for a program and its children.",
        play: environment::play,
    },
    Scene {
        name: "files",
        about: "Five ways to open a file, and what others may do meanwhile.",
        play: files::play,
    },
    Scene {
        name: "lists",
        about: "The processes of the machine, and how one is ended.",
        play: lists::play,
    },
    Scene {
        name: "deadlocks",
        about: "Who waits on whom, seen from outside.",
        play: deadlocks::play,
    },
    Scene {
        name: "prompt",
        about: "Pipelines, redirection, exit codes and variables at a prompt.",
        play: prompt::play,
    },
    Scene {
        name: "relay",
        about: "A program that knows only Unix sockets asks a pipe.",
        play: relay::play,
    },
    Scene {
        name: "leftovers",
        about: "A process with all sorts of objects is killed. What is left?",
        play: leftovers::play,
    },
];
