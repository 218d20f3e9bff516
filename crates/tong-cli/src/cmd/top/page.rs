//! What is opened: an object with everybody around it, a process with its handle table, the traffic of an object.

use super::super::handles;
use super::columns::age;
use super::list::{List, Move};
use super::look::{shown, Look, Object, ObjectKey, Process, ProcessKey};
use super::parties;
use super::waits::{Target, Wait};
use crate::text;
use tong::handle::Row;

/// A page over the lists.
#[derive(Debug)]
pub(super) enum Page {
    Object(ObjectPage),
    Process(ProcessPage),
    Follow(ObjectKey),
}

/// An object and everybody around it.
#[derive(Debug)]
pub(super) struct ObjectPage {
    pub(super) key: ObjectKey,
    pub(super) facts: Facts,
    pub(super) parties: Vec<Party>,
    pub(super) list: List<Party>,
    pub(super) is_gone: bool,
}

/// A process and its handles.
#[derive(Debug)]
pub(super) struct ProcessPage {
    pub(super) key: ProcessKey,
    pub(super) program: String,
    pub(super) facts: Facts,
    pub(super) handles: Vec<HandleRow>,
    pub(super) list: List<HandleRow>,
    pub(super) is_gone: bool,
    /// Why there are no handles to show.
    pub(super) why_none: Option<String>,
}

/// Labels and what they are about.
pub(super) type Facts = Vec<(&'static str, String)>;

/// A process that has to do with an object.
#[derive(Clone, Debug)]
pub(super) struct Party {
    pub(super) role: &'static str,
    pub(super) pid: i32,
    /// 0 if it is about the process as a whole.
    pub(super) tid: i32,
    pub(super) program: String,
    pub(super) about: String,
    /// Of a pipe.
    pub(super) instance: u32,
    /// Where it stands as long as nothing else is asked for.
    pub(super) place: usize,
}

/// A handle.
#[derive(Clone, Debug)]
pub(super) struct HandleRow {
    pub(super) value: u32,
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) rights: String,
    pub(super) flags: &'static str,
    /// The name as it is, to find the object by.
    pub(super) raw_name: Option<String>,
}

/// So many waits of a process are told on its page.
const WAITS_MAX: usize = 3;

impl Page {
    /// The page of an object.
    pub(super) fn object(key: ObjectKey, look: &Look) -> Page {
        let mut page = ObjectPage {
            key,
            facts: Vec::new(),
            parties: Vec::new(),
            list: List::default(),
            is_gone: false,
        };
        page.refresh(look);
        Page::Object(page)
    }

    /// The page of a process.
    pub(super) fn process(key: ProcessKey, look: &Look) -> Page {
        let mut page = ProcessPage {
            key,
            program: String::new(),
            facts: Vec::new(),
            handles: Vec::new(),
            list: List::default(),
            is_gone: false,
            why_none: None,
        };
        page.refresh(look);
        Page::Process(page)
    }

    /// Takes over what a newer look says.
    pub(super) fn refresh(&mut self, look: &Look) {
        match self {
            Page::Object(page) => page.refresh(look),
            Page::Process(page) => page.refresh(look),
            Page::Follow(_) => {}
        }
    }

    pub(super) fn go(&mut self, way: Move, height: usize) {
        match self {
            Page::Object(page) => page.list.go(way, height, &page.parties),
            Page::Process(page) => page.list.go(way, height, &page.handles),
            Page::Follow(_) => {}
        }
    }

    pub(super) fn sort_by_next(&mut self) {
        match self {
            Page::Object(page) => page.list.sort_by_next(&page.parties),
            Page::Process(page) => page.list.sort_by_next(&page.handles),
            Page::Follow(_) => {}
        }
    }

    pub(super) fn reverse(&mut self) {
        match self {
            Page::Object(page) => page.list.reverse(&page.parties),
            Page::Process(page) => page.list.reverse(&page.handles),
            Page::Follow(_) => {}
        }
    }

    pub(super) fn filter(&self) -> Option<&str> {
        match self {
            Page::Object(page) => Some(&page.list.filter),
            Page::Process(page) => Some(&page.list.filter),
            Page::Follow(_) => None,
        }
    }

    pub(super) fn set_filter(&mut self, filter: String) {
        match self {
            Page::Object(page) => {
                page.list.filter = filter;
                page.list.settle(&page.parties);
            }
            Page::Process(page) => {
                page.list.filter = filter;
                page.list.settle(&page.handles);
            }
            Page::Follow(_) => {}
        }
    }

    /// What the chosen line leads to.
    pub(super) fn target(&self, look: &Look) -> Option<Target> {
        match self {
            Page::Object(page) => {
                let party = page.list.chosen(&page.parties)?;
                u32::try_from(party.pid).ok().map(Target::Process)
            }
            Page::Process(page) => {
                let row = page.list.chosen(&page.handles)?;
                let name = row.raw_name.as_ref()?;
                let same =
                    |object: &&Object| row.kind.starts_with(object.key.0) && object.key.1 == *name;
                let found = look.objects.iter().find(same);
                found.map(|object| Target::Object(object.key.clone()))
            }
            Page::Follow(_) => None,
        }
    }
}

impl ObjectPage {
    fn refresh(&mut self, look: &Look) {
        let found = look.object(&self.key);
        self.is_gone = found.is_none();
        let Some((object, entry)) = found.and_then(|it| Some((it, it.entry.as_ref()?))) else {
            return;
        };
        self.facts = parties::facts(object, entry);
        self.parties = parties::of(entry, look);
        self.list.settle(&self.parties);
    }
}

impl ProcessPage {
    fn refresh(&mut self, look: &Look) {
        let Some(process) = look.process(&self.key) else {
            self.is_gone = true;
            return;
        };
        self.is_gone = false;
        self.program.clone_from(&process.program);
        self.facts = facts(process, look);
        match tong::handle::read_table(self.key.0) {
            Ok(rows) => {
                self.handles = rows.into_iter().map(HandleRow::of).collect();
                self.why_none = None;
            }
            Err(_) => {
                self.handles.clear();
                self.why_none = Some("no handle table, or one that is hidden from us".to_owned());
            }
        }
        self.list.settle(&self.handles);
    }
}

/// What is known of a process apart from its handles.
fn facts(process: &Process, look: &Look) -> Facts {
    let parent = i32::try_from(process.parent).unwrap_or(0);
    let parent = match look.program(parent) {
        unknown if unknown == "?" => process.parent.to_string(),
        program => format!("{} {program}", process.parent),
    };
    let mut facts = vec![
        ("command", process.command.clone()),
        ("user", process.user.clone()),
        ("parent", parent),
        ("threads", process.threads.to_string()),
        ("memory", text::size(process.memory)),
        (
            "started",
            match process.age {
                Some(age) => format!("{} ago", text::age(age)),
                None => "?".to_owned(),
            },
        ),
    ];
    let pid = i32::try_from(process.key.0).unwrap_or(0);
    let waits: Vec<&Wait> = look.waits.iter().filter(|wait| wait.key.0 == pid).collect();
    for wait in waits.iter().take(WAITS_MAX) {
        facts.push(("waits", wait.sentence()));
    }
    if waits.len() > WAITS_MAX {
        facts.push(("", format!("and {} more", waits.len() - WAITS_MAX)));
    }
    facts
}

impl HandleRow {
    fn of(row: Row) -> HandleRow {
        let [_, kind, name, mask, names, flags] = handles::line(&row);
        HandleRow {
            value: row.handle.raw(),
            kind,
            name: shown(&name),
            rights: if names.is_empty() { mask } else { names },
            flags: match flags.as_str() {
                "inherit" => "inherit",
                "protect" => "protect",
                "-" => "-",
                _ => "inherit, protect",
            },
            raw_name: row.name,
        }
    }
}

/// When an object was made, and by whom.
pub(super) fn created(key: &ObjectKey, uid: u32) -> String {
    format!(
        "{} ({} ago) by user {uid}",
        text::rfc3339(key.2),
        age(key.2)
    )
}
