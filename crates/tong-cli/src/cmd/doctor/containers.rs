//! Containers: what of the machine can be seen from here.

use super::files;
use super::finding::Finding;
use std::path::Path;
use tong::namespace::Place;

const GROUP: &str = "containers";
/// The PID namespace that the kernel itself starts in.
const FIRST_PID_NAMESPACE: &str = "pid:[4026531836]";
/// Every user of the machine, as `/proc/self/uid_map` has it outside of user namespaces.
const ALL_USERS: [&str; 3] = ["0", "0", "4294967295"];

pub(super) fn check() -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(processes());
    findings.extend(users());
    findings.extend(seccomp());
    findings
}

/// What container this looks like.
fn container() -> Option<String> {
    let by_file = [("/.dockerenv", "docker"), ("/run/.containerenv", "podman")];
    let named = std::env::var("container")
        .ok()
        .filter(|name| !name.is_empty());
    named.or_else(|| {
        let found = by_file.iter().find(|(file, _)| Path::new(file).exists());
        found.map(|(_, name)| (*name).to_owned())
    })
}

fn processes() -> Option<Finding> {
    const CHECK: &str = "processes";
    let own = std::fs::read_link("/proc/self/ns/pid").ok()?;
    let container = container().map_or(String::new(), |name| format!(" ({name})"));
    if own == Path::new(FIRST_PID_NAMESPACE) {
        let found = format!("all of the machine can be seen{container}");
        return Some(Finding::ok(GROUP, CHECK, found));
    }
    let found = format!(
        "this is a PID namespace of its own{container}: processes outside cannot be seen from here, nor waited for; {}",
        meeting_place()
    );
    Some(Finding::ok(GROUP, CHECK, found).advise(
        "to meet processes of other containers, mount one directory into all of them, for the same user, and set TONG_DIR to it",
    ))
}

/// Whether the namespace may be shared with other containers.
fn meeting_place() -> String {
    let mount = Place::current()
        .ok()
        .and_then(|place| files::mount_of(&place.root));
    match mount {
        Some(mount) if mount.mount_point == Path::new("/") => "its names are its own".to_owned(),
        Some(mount) => format!(
            "its names are shared with whoever mounts {} too",
            mount.mount_point.display()
        ),
        None => "whether its names are its own cannot be told".to_owned(),
    }
}

fn users() -> Option<Finding> {
    const CHECK: &str = "users";
    let map = files::text("/proc/self/uid_map")?;
    let fields: Vec<&str> = map.split_whitespace().collect();
    if fields == ALL_USERS {
        return Some(Finding::ok(GROUP, CHECK, "numbered as on the machine"));
    }
    let lines: Vec<&str> = map.lines().map(str::trim).collect();
    let ids = lines
        .join(", ")
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    let found = format!(
        "this is a user namespace (here, outside, how many: {ids}): a directory shared with other containers must belong to the same user outside"
    );
    Some(Finding::ok(GROUP, CHECK, found))
}

fn seccomp() -> Option<Finding> {
    const CHECK: &str = "system calls";
    let mode = files::status("Seccomp")?;
    (mode == "2").then(|| {
        Finding::ok(
            GROUP,
            CHECK,
            "some are filtered (seccomp); what that does to tong is among the trials above",
        )
    })
}
