//! What a scene promised, and what was seen.

/// The promises of a scene, each with what was expected and what was seen.
#[derive(Debug, Default)]
pub(super) struct Facts {
    rows: Vec<Fact>,
}

#[derive(Debug)]
pub(super) struct Fact {
    pub(super) what: &'static str,
    pub(super) expected: String,
    pub(super) seen: String,
}

impl Facts {
    /// Notes what should be and what is.
    pub(super) fn note(
        &mut self,
        what: &'static str,
        expected: impl ToString,
        seen: impl ToString,
    ) {
        self.rows.push(Fact {
            what,
            expected: expected.to_string(),
            seen: seen.to_string(),
        });
    }

    pub(super) fn last(&self) -> Option<&Fact> {
        self.rows.last()
    }

    pub(super) fn count(&self) -> usize {
        self.rows.len()
    }

    /// Those that are not as they should be.
    pub(super) fn wrong(&self) -> impl Iterator<Item = &Fact> {
        self.rows.iter().filter(|fact| !fact.holds())
    }
}

impl Fact {
    pub(super) fn holds(&self) -> bool {
        self.expected == self.seen
    }
}
