//! The names of users.

use super::look::shown;
use nix::unistd::{Uid, User};
use std::collections::HashMap;

/// Names that were asked for; asking the system for one may take a while.
#[derive(Debug, Default)]
pub(super) struct Users {
    names: HashMap<u32, String>,
}

impl Users {
    /// The name of a user, or the number if it has none.
    pub(super) fn name(&mut self, uid: u32) -> String {
        let ask = || match User::from_uid(Uid::from_raw(uid)) {
            Ok(Some(user)) => shown(&user.name),
            _ => uid.to_string(),
        };
        self.names.entry(uid).or_insert_with(ask).clone()
    }
}
