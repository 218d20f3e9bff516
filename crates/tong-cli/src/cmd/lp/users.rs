//! The names of users.

use crate::exit::{Code, Failure};
use nix::unistd::{Uid, User};
use std::cell::RefCell;
use std::collections::HashMap;

/// The names of users by their ids, each looked up once: the answer may come from far away.
#[derive(Debug, Default)]
pub(in crate::cmd) struct Users {
    names: RefCell<HashMap<u32, String>>,
}

impl Users {
    /// The name, or the id if nobody knows a name.
    pub(in crate::cmd) fn name(&self, uid: u32) -> String {
        let mut names = self.names.borrow_mut();
        let name = names.entry(uid).or_insert_with(|| {
            let user = User::from_uid(Uid::from_raw(uid)).ok().flatten();
            user.map_or_else(|| uid.to_string(), |user| user.name)
        });
        name.clone()
    }
}

/// The id that a name or a number of the command line means.
pub(in crate::cmd) fn id(text: &str) -> Result<u32, Failure> {
    let user = User::from_name(text).ok().flatten();
    let id = user.map(|user| user.uid.as_raw());
    id.or_else(|| text.parse().ok())
        .ok_or_else(|| Failure::Own(Code::Usage, format!("there is no user called {text}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_have_names_or_stay_numbers() {
        let users = Users::default();
        assert_eq!(users.name(0), "root");
        assert_eq!(users.name(4_000_000_001), "4000000001");
        assert_eq!(users.names.borrow().len(), 2);
        let ids = ["root", "4000000001", "no-such-user-here"].map(|text| id(text).ok());
        assert_eq!(ids, [Some(0), Some(4_000_000_001), None]);
    }
}
