//! Limits of the process and of the system.

use super::files;
use super::finding::Finding;
use nix::sys::resource::{getrlimit, Resource, RLIM_INFINITY};

const GROUP: &str = "limits";
const MIB: u64 = 1 << 20;

/// Fewer descriptors than this, and programs fail before they have done anything.
const FILES_LEAST: u64 = 64;
const FILES_GOOD: u64 = 1024;
/// A process maps wait tables, memory of objects, and each ring twice; most of it is never touched.
const ADDRESS_SPACE_GOOD: u64 = 1024 * MIB;
const PROCESSES_GOOD: u64 = 64;
const MAPS_GOOD: u64 = 65_530;

pub(super) fn check() -> Vec<Finding> {
    let mut findings = vec![open_files(), file_size()];
    findings.extend(processes());
    findings.extend(tasks_of_group());
    findings.extend(address_space());
    findings.extend(maps());
    findings
}

/// Limit and highest limit that this process may set.
fn limit(resource: Resource) -> (u64, u64) {
    getrlimit(resource).unwrap_or((RLIM_INFINITY, RLIM_INFINITY))
}

fn in_words(limit: u64) -> String {
    match limit {
        RLIM_INFINITY => "unlimited".to_owned(),
        limit => limit.to_string(),
    }
}

/// How to raise a limit, by the letter that the shell has for it and the word that systemd has.
fn raise(letter: char, least: u64, hard: u64, word: &str) -> String {
    // The shell counts some of them in KiB.
    let hard_there = match letter {
        'f' | 'v' if hard != RLIM_INFINITY => hard / 1024,
        _ => hard,
    };
    match hard >= least {
        true => format!("ulimit -{letter} {} (a service: {word}=)", in_words(hard_there)),
        false => format!(
            "an administrator can raise it: /etc/security/limits.conf, for a service {word}=, for a container --ulimit"
        ),
    }
}

fn open_files() -> Finding {
    const CHECK: &str = "open files";
    let (soft, hard) = limit(Resource::RLIMIT_NOFILE);
    let found = match std::fs::read_dir("/proc/self/fd") {
        Ok(open) => format!(
            "{}, of which this process uses {}",
            in_words(soft),
            open.count()
        ),
        Err(_) => in_words(soft),
    };
    let advice = raise('n', FILES_GOOD, hard, "LimitNOFILE");
    if soft < FILES_LEAST {
        return Finding::error(GROUP, CHECK, format!("{found}: too few for tong")).advise(advice);
    }
    if soft < FILES_GOOD {
        let found = format!("{found}: a server has a few descriptors for each of its clients");
        return Finding::warning(GROUP, CHECK, found).advise(advice);
    }
    Finding::ok(GROUP, CHECK, found)
}

fn file_size() -> Finding {
    const CHECK: &str = "file size";
    let (soft, hard) = limit(Resource::RLIMIT_FSIZE);
    let needed = tong::process::FILE_SIZE_NEEDED;
    if soft >= needed {
        let found = match soft {
            RLIM_INFINITY => in_words(soft),
            _ => format!("{} MiB", soft / MIB),
        };
        return Finding::ok(GROUP, CHECK, found);
    }
    let found = format!(
        "{} KiB, but processes and handles need {} MiB (nearly all of which is never touched)",
        soft / 1024,
        needed.div_ceil(MIB)
    );
    Finding::error(GROUP, CHECK, found).advise(raise('f', needed, hard, "LimitFSIZE"))
}

fn processes() -> Option<Finding> {
    const CHECK: &str = "processes";
    let (soft, hard) = limit(Resource::RLIMIT_NPROC);
    if nix::unistd::geteuid().is_root() || soft == RLIM_INFINITY {
        return Some(Finding::ok(GROUP, CHECK, "unlimited"));
    }
    let found = format!("{soft} for all processes and threads of this user");
    Some(match soft {
        ..PROCESSES_GOOD => Finding::warning(GROUP, CHECK, found).advise(raise(
            'u',
            PROCESSES_GOOD,
            hard,
            "LimitNPROC",
        )),
        _ => Finding::ok(GROUP, CHECK, found),
    })
}

/// Containers and services have a limit on processes and threads together.
fn tasks_of_group() -> Option<Finding> {
    const CHECK: &str = "tasks of the group";
    let groups = files::text("/proc/self/cgroup")?;
    let group = groups.lines().find_map(|line| line.strip_prefix("0::"))?;
    let dir = format!("/sys/fs/cgroup{}", group.trim_end_matches('/'));
    let most = files::number(format!("{dir}/pids.max"))?;
    let now = files::number(format!("{dir}/pids.current"))?;
    let found = format!("{now} of {most}");
    Some(match most.saturating_sub(now) {
        ..16 => Finding::warning(GROUP, CHECK, found)
            .advise("raise it: TasksMax= of the service, --pids-limit of the container"),
        _ => Finding::ok(GROUP, CHECK, found),
    })
}

fn address_space() -> Option<Finding> {
    const CHECK: &str = "address space";
    let (soft, hard) = limit(Resource::RLIMIT_AS);
    if soft == RLIM_INFINITY {
        return None;
    }
    let found = format!("{} MiB", soft / MIB);
    Some(match soft {
        ..ADDRESS_SPACE_GOOD => Finding::warning(
            GROUP,
            CHECK,
            format!("{found}: tong maps more than it touches, and may not get it"),
        )
        .advise(raise('v', ADDRESS_SPACE_GOOD, hard, "LimitAS")),
        _ => Finding::ok(GROUP, CHECK, found),
    })
}

fn maps() -> Option<Finding> {
    const CHECK: &str = "memory maps";
    let most = files::number("/proc/sys/vm/max_map_count")?;
    Some(match most {
        ..MAPS_GOOD => Finding::warning(
            GROUP,
            CHECK,
            format!("{most} for a process: a server has several for each client"),
        )
        .advise(format!("sudo sysctl vm.max_map_count={MAPS_GOOD}")),
        _ => Finding::ok(GROUP, CHECK, format!("{most} for a process")),
    })
}
