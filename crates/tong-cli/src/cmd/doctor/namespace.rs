//! The namespace: where it is and why, and whether what stands there can be used.

use super::cleaners;
use super::directory::{look, Rule, Standing};
use super::finding::{quoted, Finding, Level};
use super::{room, users};
use nix::unistd::{faccessat, AccessFlags};
use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use tong::namespace::{Chosen, Namespace, Place, State, WaitTable};

const GROUP: &str = "namespace";
const OWN_DIR: &str = "set TONG_DIR to a directory of your own";

/// Whether the namespace can be opened without making any of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Openness {
    /// All of it is there, and good.
    Whole,
    /// Something is not there yet.
    Unmade,
    Broken,
}

pub(super) fn check() -> (Vec<Finding>, Openness) {
    let place = match Place::current() {
        Ok(place) => place,
        Err(error) => {
            let finding = Finding::error(GROUP, "place", error.to_string())
                .advise("export TONG_DIR=\"$XDG_RUNTIME_DIR/names\", or another absolute path");
            return (vec![finding], Openness::Broken);
        }
    };
    let mut findings = vec![chosen(&place)];
    let (found, openness) = directories(&place.root);
    findings.extend(found);
    findings.extend(room::file_system(&place.root));
    let is_there = openness != Openness::Broken && place.root.is_dir();
    findings.extend(room::check(&place.root, is_there));
    findings.extend(cleaners::check(&place));
    let (found, openness) = contents(&place, openness);
    findings.extend(found);
    (findings, openness)
}

/// Which rule chose the place.
fn chosen(place: &Place) -> Finding {
    const CHECK: &str = "place";
    let root = place.root.display();
    match place.chosen {
        Chosen::Environment => {
            Finding::ok(GROUP, CHECK, format!("{root}, because TONG_DIR says so"))
        }
        Chosen::RunTime => Finding::ok(
            GROUP,
            CHECK,
            format!("{root}, because TONG_DIR is not set and XDG_RUNTIME_DIR is"),
        ),
        _ => match std::env::var_os("XDG_RUNTIME_DIR").filter(|dir| !dir.is_empty()) {
            None => Finding::ok(
                GROUP,
                CHECK,
                format!("{root}, because neither TONG_DIR nor XDG_RUNTIME_DIR is set"),
            ),
            Some(dir) => ignored(place, Path::new(&dir)),
        },
    }
}

/// There is a run-time directory, but it cannot be meant.
fn ignored(place: &Place, dir: &Path) -> Finding {
    let why = match dir.metadata() {
        _ if !dir.is_absolute() => "is not an absolute path".to_owned(),
        Ok(meta) if !meta.is_dir() => "is not a directory".to_owned(),
        Ok(meta) => format!("belongs to user {}", meta.uid()),
        Err(error) => format!("cannot be used: {error}"),
    };
    let found = format!(
        "{}, because TONG_DIR is not set and XDG_RUNTIME_DIR, which is {}, {why}",
        place.root.display(),
        dir.display()
    );
    Finding::warning(GROUP, "place", found).advise(
        "set TONG_DIR for all programs that are to meet, or unset XDG_RUNTIME_DIR (sudo keeps that of its caller)",
    )
}

/// The root and the directories in it.
fn directories(root: &Path) -> (Vec<Finding>, Openness) {
    const CHECK: &str = "directory";
    let unmade = |found: String| (vec![Finding::ok(GROUP, CHECK, found)], Openness::Unmade);
    match look(root, Rule::Private) {
        Standing::Good => {}
        Standing::Absent => {
            return match unmakeable(root) {
                Some(finding) => (vec![finding], Openness::Broken),
                None => unmade("not there yet; it will be made when first needed".to_owned()),
            }
        }
        bad => {
            return (
                bad.complaint(GROUP, CHECK).into_iter().collect(),
                Openness::Broken,
            )
        }
    }
    let (mut findings, mut missing) = (Vec::new(), 0);
    for part in Place::parts(root) {
        match look(&part, Rule::Private) {
            Standing::Good => {}
            Standing::Absent => missing += 1,
            bad => findings.extend(bad.complaint(GROUP, CHECK)),
        }
    }
    if !findings.is_empty() {
        return (findings, Openness::Broken);
    }
    if missing > 0 {
        return unmade("yours alone; what it lacks will be made when first needed".to_owned());
    }
    let found = "yours alone, and complete".to_owned();
    (vec![Finding::ok(GROUP, CHECK, found)], Openness::Whole)
}

/// Why the root cannot be made, if it cannot.
fn unmakeable(root: &Path) -> Option<Finding> {
    const CHECK: &str = "directory";
    let above = root.parent()?;
    let finding = match above.metadata() {
        Err(_) => Finding::error(
            GROUP,
            CHECK,
            format!("cannot be made, because {} does not exist", above.display()),
        )
        .advise(format!("mkdir -p {}; or {OWN_DIR}", quoted(above))),
        Ok(meta) if !meta.is_dir() => Finding::error(
            GROUP,
            CHECK,
            format!(
                "cannot be made, because {} is not a directory",
                above.display()
            ),
        )
        .advise(OWN_DIR),
        Ok(_) => {
            let error = writable(above).err()?;
            let found = format!("cannot be made in {}: {}", above.display(), error.desc());
            Finding::error(GROUP, CHECK, found).advise(OWN_DIR)
        }
    };
    Some(finding)
}

fn writable(dir: &Path) -> nix::Result<()> {
    let mode = AccessFlags::W_OK | AccessFlags::X_OK;
    faccessat(
        nix::fcntl::AT_FDCWD,
        dir,
        mode,
        nix::fcntl::AtFlags::AT_EACCESS,
    )
}

/// The wait table, and the objects.
fn contents(place: &Place, openness: Openness) -> (Vec<Finding>, Openness) {
    if openness != Openness::Whole {
        return (Vec::new(), openness);
    }
    let table = wait_table(place);
    let is_usable = table.level == Level::Ok;
    let mut findings = vec![table];
    if !is_usable {
        return (findings, openness);
    }
    findings.extend(objects());
    findings.extend(users::check());
    (findings, openness)
}

fn wait_table(place: &Place) -> Finding {
    const CHECK: &str = "wait table";
    let file = quoted(&place.root.join("waits"));
    match place.wait_table() {
        Ok(WaitTable::Absent) if has_objects(place) => Finding::warning(
            GROUP,
            CHECK,
            "somebody removed it while objects are in use: processes from before and after that do not wake each other",
        )
        .advise("end all programs that use tong, and start them again"),
        Ok(WaitTable::Absent) => {
            Finding::ok(GROUP, CHECK, "not there yet; it will be made when first needed")
        }
        Ok(WaitTable::Usable) => Finding::ok(GROUP, CHECK, "of this version"),
        Ok(_) => Finding::error(
            GROUP,
            CHECK,
            format!("{file} is not a wait table that this version can use, so nothing can wait"),
        )
        .advise(format!(
            "end all programs that use tong, then mv {file} {file}.old; or set TONG_DIR to another directory"
        )),
        Err(error) => Finding::error(GROUP, CHECK, format!("{file} cannot be read: {error}"))
            .advise(OWN_DIR),
    }
}

fn has_objects(place: &Place) -> bool {
    let [_, objects, _] = Place::parts(&place.root);
    std::fs::read_dir(objects).is_ok_and(|mut entries| entries.next().is_some())
}

/// Opens the namespace, and counts what is in it.
fn objects() -> Option<Finding> {
    const CHECK: &str = "objects";
    let listed = Namespace::current().and_then(|namespace| namespace.list());
    let entries = match listed {
        Ok(entries) => entries,
        Err(error) => return Some(Finding::error(GROUP, CHECK, error.to_string()).advise(OWN_DIR)),
    };
    let mut kinds = BTreeMap::new();
    for entry in entries.iter().filter(|entry| entry.state == State::Live) {
        *kinds.entry(entry.kind).or_insert(0_u64) += 1;
    }
    let found = match kinds.is_empty() {
        true => "none in use".to_owned(),
        false => kinds
            .iter()
            .map(|(kind, number)| crate::text::count(*number, kind))
            .collect::<Vec<_>>()
            .join(", "),
    };
    Some(Finding::ok(GROUP, CHECK, found))
}
