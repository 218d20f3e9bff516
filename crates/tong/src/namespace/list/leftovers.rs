//! What no live object needs, and getting rid of it.

use std::path::PathBuf;

use tong_sys::dir::{self, Dir, EntryKind};

use super::{is_stem, Leftover};
use crate::namespace::claim::{self, Standing};
use crate::namespace::{page, socket_name, Space};
use crate::{Error, Result};

/// A search for leftovers in one directory.
pub(super) struct Search<'a> {
    pub(super) dir: &'a Dir,
    pub(super) space: Space,
    pub(super) path: PathBuf,
    /// Others have files here too, which are none of our business.
    pub(super) shared: bool,
    pub(super) dry_run: bool,
}

impl Search<'_> {
    pub(super) fn run(&self) -> Result<Vec<Leftover>> {
        let mut leftovers = Vec::new();
        for name in self
            .dir
            .names()
            .map_err(|error| Error::from_io("read namespace", error))?
        {
            let Ok(Some(entry)) = self.dir.look(&name) else {
                continue;
            };
            if self.shared && entry.uid != dir::effective_uid() {
                continue;
            }
            // The wait tables of users stand beside their objects.
            if self.shared && self.space == Space::Object && name.starts_with("waits-") {
                continue;
            }
            let stem = name.strip_suffix(".s").unwrap_or(&name);
            if !is_stem(stem) {
                leftovers.push(self.foreign(&name));
            } else if name == stem || matches!(self.dir.look(stem), Ok(None)) {
                leftovers.extend(self.judge(stem)?);
            }
        }
        Ok(leftovers)
    }

    fn foreign(&self, name: &str) -> Leftover {
        Leftover::Foreign {
            path: self.path.join(name),
        }
    }

    /// Judges the files of one name, and removes them if they are dead.
    fn judge(&self, stem: &str) -> Result<Option<Leftover>> {
        let failed = |error| Error::from_io("read namespace", error);
        let mut name = stem.to_owned();
        if let Some(entry) = self.dir.look(stem).map_err(failed)? {
            let own = entry.kind == EntryKind::File && entry.uid == dir::effective_uid();
            let page = own.then(|| self.dir.open_to_read(stem).ok()).flatten();
            let Some(page) = page else {
                return Ok(Some(self.foreign(stem)));
            };
            let ours = page::is_ours(&page).unwrap_or(false);
            // In this order: a page that is being written does not look like ours, but it is live.
            if claim::is_live(&page) {
                return Ok(None);
            }
            if !ours {
                return Ok(Some(self.foreign(stem)));
            }
            if let Ok(Some(info)) = page::read(&page, self.space) {
                name = info.name;
            }
        }
        match claim::socket_standing(self.dir, stem).map_err(failed)? {
            Standing::Live => return Ok(None),
            Standing::Foreign(_) => return Ok(Some(self.foreign(&socket_name(stem)))),
            Standing::Nothing | Standing::Dead => {}
        }
        if self.dry_run || claim::sweep(self.dir, stem)? {
            return Ok(Some(Leftover::Dead { name }));
        }
        Ok(None)
    }
}
