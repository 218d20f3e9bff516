//! What can be run: built-ins and programs.

use super::{beginning_with, files, Candidate};
use crate::prompt::builtin;
use std::collections::BTreeSet;

/// What `help` tells about besides built-ins.
const TOPICS: [(&str, &str); 2] = [
    ("keys", "the keys of the line editor"),
    ("syntax", "commands, pipes, redirections, quotes, variables"),
];

/// Built-ins and programs whose names begin like this. An empty name begins too many: then built-ins only.
pub(super) fn all(text: &str, has_home: bool) -> Vec<Candidate> {
    if text.contains('/') {
        return files::programs(text, has_home);
    }
    let mut all = builtins();
    if !text.is_empty() {
        let programs = in_path(text).into_iter().map(Candidate::new);
        all.extend(programs.filter(|program| builtin::find(&program.text).is_none()));
    }
    let found = beginning_with(all, text);
    match found.is_empty() {
        true => files::programs(text, has_home),
        false => found,
    }
}

/// What `help` can be asked about.
pub(super) fn topics(text: &str) -> Vec<Candidate> {
    let topics = TOPICS.map(|(name, about)| Candidate::new(name).about(about));
    let mut all = builtins();
    all.extend(topics);
    beginning_with(all, text)
}

fn builtins() -> Vec<Candidate> {
    let builtin = |(name, _, about): &(&str, _, &str)| Candidate::new(*name).about(*about);
    builtin::NAMES.iter().map(builtin).collect()
}

/// Programs in the directories of `PATH`, each once.
fn in_path(text: &str) -> BTreeSet<String> {
    let path = tong::environment::get("PATH".as_ref()).unwrap_or_default();
    let folded = text.to_lowercase();
    std::env::split_paths(&path)
        .filter(|place| place.is_absolute())
        .filter_map(|place| place.read_dir().ok())
        .flat_map(|entries| entries.flatten())
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let begins = name.to_lowercase().starts_with(&folded);
            (begins && files::is_executable(&entry)).then_some(name)
        })
        .collect()
}
