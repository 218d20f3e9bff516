//! What a server publishes: the name, the page and the socket, and how they come back if somebody removes them.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use tong_sys::bell::BellSet;

use super::rings::Token;
use super::{is_name, stem, MailslotOptions};
use crate::name::MailslotName;
use crate::namespace::{self, Claim, Page, PageInfo, Space, FOREVER};
use crate::{Error, ErrorKind, Namespace, Result};

/// The name, and what is published under it.
#[derive(Debug)]
pub(super) struct Published {
    claim: Claim,
    namespace: Arc<Namespace>,
    pub(super) page: Page,
    pub(super) info: PageInfo,
    options: MailslotOptions,
    pub(super) listeners: Vec<OwnedFd>,
    /// Claims the name among the user's own when the mailslot itself is in the machine-wide directory.
    local_claim: Option<Claim>,
    global: Option<tong_sys::dir::Dir>,
}

impl Published {
    pub(super) fn make(name: &MailslotName, options: &MailslotOptions) -> Result<Published> {
        const OP: &str = "create mailslot";
        let namespace = Namespace::current()?;
        let info = PageInfo {
            name: name.full(),
            pid: i32::try_from(std::process::id()).unwrap_or(0),
            created_ns: namespace::created_now(),
            max_message: options.max_message_len,
            quota_bytes: options.quota_bytes,
            read_timeout_ms: timeout_ms(options.read_timeout),
        };
        let private = namespace::Openness::Private;
        let openness = options.access.openness();
        let own = namespace.dir(Space::Mailslot);
        let (global, local_claim, made) = if openness == private {
            (None, None, claim(own, name, private, &info)?)
        } else {
            let global = namespace::global(Space::Mailslot)?.ok_or_else(|| {
                Error::new(OP, ErrorKind::PathNotFound).because(
                    "there is no machine-wide directory for what other users may open; an administrator makes it with \
                     `tong global init`",
                )
            })?;
            // The own name is only held; clients go to the machine-wide one. Whoever was quick enough to connect here is hung
            // up on, because the listener is closed.
            let namespace::Made { claim: local, .. } = claim(own, name, private, &info)?;
            own.remove(&namespace::socket_name(&stem(name)))
                .map_err(|error| Error::from_io(OP, error))?;
            match claim(&global, name, openness, &info) {
                Ok(made) => (Some(global), Some(local), made),
                Err(error) => {
                    local.give_up(own);
                    return Err(error);
                }
            }
        };
        Ok(Published {
            claim: made.claim,
            namespace: Arc::clone(&namespace),
            page: made.page,
            info,
            options: options.clone(),
            listeners: vec![made.listener],
            local_claim,
            global,
        })
    }

    fn dir(&self) -> &tong_sys::dir::Dir {
        self.global
            .as_ref()
            .unwrap_or_else(|| self.namespace.dir(Space::Mailslot))
    }

    pub(super) fn give_up(self) {
        let dir = self
            .global
            .as_ref()
            .unwrap_or_else(|| self.namespace.dir(Space::Mailslot));
        self.claim.give_up(dir);
        if let Some(local) = self.local_claim {
            local.give_up(self.namespace.dir(Space::Mailslot));
        }
    }

    /// Lets `set` report who connects.
    pub(super) fn watch(&self, set: &BellSet) -> std::io::Result<()> {
        self.listeners
            .iter()
            .try_for_each(|listener| set.add(listener, Token::Listener.to_word()))
    }

    /// Makes the files of the name anew if some of them are gone; returns whether they were. Clients of the old ones stay
    /// connected; those that have not been accepted yet are found at the older listeners.
    pub(super) fn publish_again(&mut self, name: &MailslotName, set: &BellSet) -> Result<bool> {
        if self.claim.still_named(self.dir()) {
            return Ok(false);
        }
        if self.global.is_none() {
            // The whole directory may have been removed and made again.
            self.namespace = Namespace::current()?;
        }
        self.claim.clear_rest(self.dir());
        let made = claim(self.dir(), name, self.options.access.openness(), &self.info)?;
        set.add(&made.listener, Token::Listener.to_word())
            .map_err(|error| Error::from_io("publish mailslot", error))?;
        tracing::info!(%name, "the name was removed by somebody and is published again");
        // Whoever opened the old page counts up a word that nobody reads any more; their bells still ring.
        self.claim = made.claim;
        self.page = made.page;
        self.listeners.push(made.listener);
        Ok(true)
    }

    /// Lets go of the listeners whose names are gone, once nobody waits at them.
    pub(super) fn retire_listeners(&mut self, set: &BellSet) {
        let newest = self.listeners.len().saturating_sub(1);
        for old in self.listeners.drain(..newest) {
            let _ = set.remove(&old);
        }
    }
}

fn claim(
    dir: &tong_sys::dir::Dir,
    name: &MailslotName,
    openness: namespace::Openness,
    info: &PageInfo,
) -> Result<namespace::Made> {
    let same = |written: &str| is_name(name, written);
    Claim::make(dir, Space::Mailslot, &stem(name), openness, info, same)
}

/// A read time-out as the page keeps it.
pub(super) fn timeout_ms(timeout: Option<Duration>) -> u64 {
    match timeout {
        None => FOREVER,
        Some(time) => u64::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(FOREVER),
    }
}
