//! The kernel: its version, `/proc`, and what it forbids.

use super::files;
use super::finding::Finding;
use std::path::Path;

const GROUP: &str = "kernel";

pub(super) fn check() -> Vec<Finding> {
    let mut findings = vec![version(), proc()];
    findings.extend(hidden_processes());
    findings.extend(tracing());
    findings
}

/// The oldest kernels with which something works, newest first.
const NEEDS: [((u32, u32), &str); 4] = [
    ((5, 16), "has all that tong needs"),
    (
        (5, 4),
        "works; with 5.16 the death of a mutex's owner is noticed at once instead of within 10 ms",
    ),
    (
        (4, 16),
        "has mailslots, pipes and objects, but processes need 5.4",
    ),
    (
        (3, 17),
        "has mailslots, pipes and objects, at a higher cost, but processes need 5.4",
    ),
];

fn version() -> Finding {
    const CHECK: &str = "version";
    let Some(release) = files::text("/proc/sys/kernel/osrelease") else {
        return Finding::warning(GROUP, CHECK, "unknown: /proc/sys/kernel cannot be read");
    };
    let Some(version) = parse(&release) else {
        return Finding::warning(GROUP, CHECK, format!("unknown: the kernel says {release}"));
    };
    let newest = "run a kernel of version 5.16 or later";
    match NEEDS.iter().find(|(least, _)| version >= *least) {
        Some((least, what)) if *least >= (5, 16) => {
            Finding::ok(GROUP, CHECK, format!("Linux {release} {what}"))
        }
        Some((least, what)) if *least >= (5, 4) => {
            Finding::warning(GROUP, CHECK, format!("Linux {release} {what}")).advise(newest)
        }
        Some((_, what)) => {
            Finding::error(GROUP, CHECK, format!("Linux {release} {what}")).advise(newest)
        }
        None => Finding::error(GROUP, CHECK, format!("Linux {release} is too old")).advise(newest),
    }
}

/// The first two numbers of a release.
fn parse(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|it: char| !it.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

fn proc() -> Finding {
    const CHECK: &str = "/proc";
    if !Path::new("/proc/self/fd").exists() {
        return Finding::error(GROUP, CHECK, "not mounted, and nothing works without it")
            .advise("mount -t proc proc /proc");
    }
    let named = std::fs::read_link("/proc/self").unwrap_or_default();
    if named != Path::new(&std::process::id().to_string()) {
        let found = format!(
            "shows another PID namespace: this process is {} there and {} here, so processes are mistaken for others",
            named.display(),
            std::process::id()
        );
        return Finding::error(GROUP, CHECK, found)
            .advise("mount -t proc proc /proc (as unshare --mount-proc does)");
    }
    Finding::ok(GROUP, CHECK, "mounted")
}

/// With `hidepid`, lists lack the processes of other users.
fn hidden_processes() -> Option<Finding> {
    const CHECK: &str = "hidden processes";
    let mount = files::mount_of(Path::new("/proc"))?;
    let option = |name: &str| mount.super_options.get(name).cloned().flatten();
    let subset = option("subset");
    if let Some(subset) = subset.filter(|it| it == "pid") {
        let found =
            format!("/proc is mounted with subset={subset}, so limits cannot be read from it");
        return Some(
            Finding::warning(GROUP, CHECK, found).advise("mount -o remount,subset= /proc"),
        );
    }
    let hidden = option("hidepid").filter(|it| !["0", "off"].contains(&it.as_str()))?;
    if nix::unistd::geteuid().is_root() {
        let found = format!("/proc is mounted with hidepid={hidden}, which does not bind you");
        return Some(Finding::ok(GROUP, CHECK, found));
    }
    let found = format!(
        "/proc is mounted with hidepid={hidden}: processes of other users are missing in lists and cannot be waited for"
    );
    Some(Finding::warning(GROUP, CHECK, found).advise("sudo mount -o remount,hidepid=0 /proc"))
}

/// What debuggers may do, which handles that are fetched out of other processes need.
fn tracing() -> Option<Finding> {
    const CHECK: &str = "fetching handles";
    let scope = files::number("/proc/sys/kernel/yama/ptrace_scope")?;
    let setting = format!("kernel.yama.ptrace_scope is {scope}");
    let others = "DuplicateHandle of open files and pipes out of another process";
    let advice = "sudo sysctl kernel.yama.ptrace_scope=0, if programs do that; giving handles away always works";
    Some(match scope {
        0 => Finding::ok(GROUP, CHECK, format!("{setting}: {others} works")),
        1 => Finding::ok(
            GROUP,
            CHECK,
            format!("{setting}: {others} works for its ancestors and the administrator"),
        )
        .advise(advice),
        2 => Finding::warning(
            GROUP,
            CHECK,
            format!("{setting}: {others} works for the administrator only"),
        )
        .advise(advice),
        _ => Finding::warning(
            GROUP,
            CHECK,
            format!("{setting}: {others} fails until the machine is started anew"),
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_compared_by_their_numbers() {
        assert_eq!(parse("6.12.1-fc"), Some((6, 12)));
        assert_eq!(parse("5.4"), Some((5, 4)));
        assert_eq!(parse("4.19-rc3+"), Some((4, 19)));
        assert_eq!(parse("unknown"), None);
        assert!(parse("5.16.0") >= Some(NEEDS[0].0));
        assert!(parse("5.9.0") < Some(NEEDS[0].0));
    }
}
