//! What no live object needs, and getting rid of it.

use std::path::PathBuf;

use tong_sys::dir::{self, Dir, EntryKind};

use super::pipes::{door_of, is_needed};
use super::{is_stem, Leftover};
use crate::namespace::claim::{self, Standing};
use crate::namespace::{page, pipe, socket_name, Space};
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

/// What the file at a page's name is.
enum Judged {
    Live,
    /// Not ours to touch.
    Foreign,
    /// The page of an object of this name, or half of one, that nobody keeps alive.
    Dead(String),
    Nothing,
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
            if self.space == Space::Pipe {
                leftovers.extend(self.judge_of_pipe(&name)?);
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
        let name = match self.judge_page(stem)? {
            Judged::Live => return Ok(None),
            Judged::Foreign => return Ok(Some(self.foreign(stem))),
            Judged::Dead(name) => name,
            Judged::Nothing => stem.to_owned(),
        };
        match claim::socket_standing(self.dir, stem).map_err(failed)? {
            Standing::Live => return Ok(None),
            Standing::Foreign(_) => return Ok(Some(self.foreign(&socket_name(stem)))),
            Standing::Nothing | Standing::Dead => {}
        }
        let swept = self.dry_run || claim::sweep(self.dir, stem)?;
        Ok(swept.then_some(Leftover::Dead { name }))
    }

    /// Judges a page without regard to what stands beside it.
    fn judge_page(&self, stem: &str) -> Result<Judged> {
        let failed = |error| Error::from_io("read namespace", error);
        let Some(entry) = self.dir.look(stem).map_err(failed)? else {
            return Ok(Judged::Nothing);
        };
        let own = entry.kind == EntryKind::File && entry.uid == dir::effective_uid();
        let Some(page) = own.then(|| self.dir.open_to_read(stem).ok()).flatten() else {
            return Ok(Judged::Foreign);
        };
        let ours = page::is_ours(&page).unwrap_or(false);
        // In this order: a page that is being written does not look like ours, but it is live.
        if claim::is_live(&page) {
            return Ok(Judged::Live);
        }
        if !ours {
            return Ok(Judged::Foreign);
        }
        let info = page::read(&page, self.space).ok().flatten();
        Ok(Judged::Dead(
            info.map_or_else(|| stem.to_owned(), |info| info.name),
        ))
    }

    /// Judges one file in the directory of pipes, and removes it if it is dead. Nobody knocks at doors: that would take the
    /// place of a client.
    fn judge_of_pipe(&self, file: &str) -> Result<Option<Leftover>> {
        let failed = |error| Error::from_io("read namespace", error);
        if is_stem(file) {
            return match self.judge_page(file)? {
                Judged::Live | Judged::Nothing => Ok(None),
                Judged::Foreign => Ok(Some(self.foreign(file))),
                Judged::Dead(name) => {
                    let swept = self.dry_run || pipe::sweep(self.dir, file)?;
                    Ok(swept.then_some(Leftover::Dead { name }))
                }
            };
        }
        // Doors go with the pages of dead pipes, perhaps just now.
        let Some(entry) = self.dir.look(file).map_err(failed)? else {
            return Ok(None);
        };
        let own = entry.kind == EntryKind::Socket && entry.uid == dir::effective_uid();
        let Some(door) = door_of(file).filter(|_| own) else {
            return Ok(Some(self.foreign(file)));
        };
        if is_needed(self.dir, &door) {
            return Ok(None);
        }
        if !self.dry_run {
            pipe::sweep_door(self.dir, &door)?;
        }
        let name = file.to_owned();
        Ok(Some(Leftover::Dead { name }))
    }
}
