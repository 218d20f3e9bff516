//! Variables of the environment.

use super::{beginning_with, Candidate};
use crate::text;

/// The variable that a word ends in, if one has been begun there: where it starts in the word, and what it could become.
pub(super) fn written_last(raw: &str) -> Option<(usize, Vec<Candidate>)> {
    if raw.starts_with('\'') {
        return None;
    }
    let start = raw.rfind(['%', '$'])?;
    let (sign, begun) = raw[start..].split_at(1);
    let is_escaped = raw[..start].ends_with('^');
    let is_closed = sign == "%" && raw.matches('%').count().is_multiple_of(2);
    let (open, close, name) = match (sign, begun.strip_prefix('{')) {
        ("$", Some(name)) => ("${", "}", name),
        ("$", None) => ("$", "", begun),
        _ => ("%", "%", begun),
    };
    let is_name = name.chars().all(|c| c.is_alphanumeric() || c == '_');
    if is_escaped || is_closed || !is_name {
        return None;
    }
    let written = |candidate: Candidate| Candidate {
        shown: Some(candidate.text.clone()),
        text: format!("{open}{}{close}", candidate.text),
        goes_on: true,
        ..candidate
    };
    Some((start, names(name).into_iter().map(written).collect()))
}

/// The variables whose names begin like this.
pub(super) fn names(text: &str) -> Vec<Candidate> {
    let all = tong::environment::all().into_iter();
    let candidates = all.filter_map(|(name, value)| {
        let name = name.into_string().ok()?;
        // The hidden ones of Windows are nobody's business.
        let is_shown = !name.starts_with('=');
        is_shown.then(|| Candidate::new(name).about(text::line(value.as_encoded_bytes())))
    });
    beginning_with(candidates.collect(), text)
}
