//! What crashed programs left behind.

use super::finding::Finding;
use super::namespace::Openness;
use tong::namespace::{Leftover, Namespace};

const GROUP: &str = "leftovers";
/// So many are named.
const NAMED: usize = 5;

pub(super) fn check(openness: Openness) -> Vec<Finding> {
    const CHECK: &str = "dead objects";
    match openness {
        Openness::Whole => {}
        Openness::Unmade => {
            return vec![Finding::ok(
                GROUP,
                CHECK,
                "none: the namespace was not used yet",
            )]
        }
        // The namespace's own findings say what to do first.
        Openness::Broken => return Vec::new(),
    }
    let leftovers = match Namespace::current().and_then(|namespace| namespace.gc(true)) {
        Ok(leftovers) => leftovers,
        Err(error) => {
            return vec![Finding::error(GROUP, CHECK, error.to_string())
                .advise("tong gc --dry-run says the same; see what stands in the way")]
        }
    };
    let (mut dead, mut foreign) = (Vec::new(), Vec::new());
    for leftover in leftovers {
        match leftover {
            Leftover::Dead { name } => dead.push(name),
            Leftover::Foreign { path } => foreign.push(path.display().to_string()),
            _ => {}
        }
    }
    let mut findings = vec![match dead.is_empty() {
        true => Finding::ok(GROUP, CHECK, "none"),
        // Whoever uses the name next cleans up: it is no harm, only untidy.
        false => Finding::warning(GROUP, CHECK, in_words(&dead)).advise("tong gc"),
    }];
    if !foreign.is_empty() {
        findings.push(
            Finding::warning(GROUP, "foreign files", in_words(&foreign))
                .advise("tong did not make them and never removes them: move them elsewhere"),
        );
    }
    findings
}

/// How many, and the first few.
fn in_words(names: &[String]) -> String {
    let first = names[..names.len().min(NAMED)].join(", ");
    match names.len() - names.len().min(NAMED) {
        0 => format!("{}: {first}", names.len()),
        more => format!("{}: {first} and {more} more", names.len()),
    }
}
