//! What Windows calls the rights of each kind of object.

use tong::handle::Kind;

/// The rights that all kinds have.
const STANDARD: [(u32, &str); 6] = [
    (0x0001_0000, "DELETE"),
    (0x0002_0000, "READ_CONTROL"),
    (0x0004_0000, "WRITE_DAC"),
    (0x0008_0000, "WRITE_OWNER"),
    (0x0010_0000, "SYNCHRONIZE"),
    (0x0100_0000, "ACCESS_SYSTEM_SECURITY"),
];

const PROCESS: [(u32, &str); 14] = [
    (0x0001, "PROCESS_TERMINATE"),
    (0x0002, "PROCESS_CREATE_THREAD"),
    (0x0004, "PROCESS_SET_SESSIONID"),
    (0x0008, "PROCESS_VM_OPERATION"),
    (0x0010, "PROCESS_VM_READ"),
    (0x0020, "PROCESS_VM_WRITE"),
    (0x0040, "PROCESS_DUP_HANDLE"),
    (0x0080, "PROCESS_CREATE_PROCESS"),
    (0x0100, "PROCESS_SET_QUOTA"),
    (0x0200, "PROCESS_SET_INFORMATION"),
    (0x0400, "PROCESS_QUERY_INFORMATION"),
    (0x0800, "PROCESS_SUSPEND_RESUME"),
    (0x1000, "PROCESS_QUERY_LIMITED_INFORMATION"),
    (0x2000, "PROCESS_SET_LIMITED_INFORMATION"),
];

const THREAD: [(u32, &str); 11] = [
    (0x0001, "THREAD_TERMINATE"),
    (0x0002, "THREAD_SUSPEND_RESUME"),
    (0x0008, "THREAD_GET_CONTEXT"),
    (0x0010, "THREAD_SET_CONTEXT"),
    (0x0020, "THREAD_SET_INFORMATION"),
    (0x0040, "THREAD_QUERY_INFORMATION"),
    (0x0080, "THREAD_SET_THREAD_TOKEN"),
    (0x0100, "THREAD_IMPERSONATE"),
    (0x0200, "THREAD_DIRECT_IMPERSONATION"),
    (0x0400, "THREAD_SET_LIMITED_INFORMATION"),
    (0x0800, "THREAD_QUERY_LIMITED_INFORMATION"),
];

const FILE: [(u32, &str); 9] = [
    (0x0001, "FILE_READ_DATA"),
    (0x0002, "FILE_WRITE_DATA"),
    (0x0004, "FILE_APPEND_DATA"),
    (0x0008, "FILE_READ_EA"),
    (0x0010, "FILE_WRITE_EA"),
    (0x0020, "FILE_EXECUTE"),
    (0x0040, "FILE_DELETE_CHILD"),
    (0x0080, "FILE_READ_ATTRIBUTES"),
    (0x0100, "FILE_WRITE_ATTRIBUTES"),
];

const SECTION: [(u32, &str); 5] = [
    (0x0001, "SECTION_QUERY"),
    (0x0002, "SECTION_MAP_WRITE"),
    (0x0004, "SECTION_MAP_READ"),
    (0x0008, "SECTION_MAP_EXECUTE"),
    (0x0010, "SECTION_EXTEND_SIZE"),
];

/// The name of all rights of a kind together, and of each that only this kind has.
fn table(kind: Kind) -> (&'static str, &'static [(u32, &'static str)]) {
    match kind {
        Kind::Event => (
            "EVENT_ALL_ACCESS",
            &[(1, "EVENT_QUERY_STATE"), (2, "EVENT_MODIFY_STATE")],
        ),
        Kind::Mutex => ("MUTEX_ALL_ACCESS", &[(1, "MUTEX_MODIFY_STATE")]),
        Kind::Semaphore => (
            "SEMAPHORE_ALL_ACCESS",
            &[(1, "SEMAPHORE_QUERY_STATE"), (2, "SEMAPHORE_MODIFY_STATE")],
        ),
        Kind::Timer => (
            "TIMER_ALL_ACCESS",
            &[(1, "TIMER_QUERY_STATE"), (2, "TIMER_MODIFY_STATE")],
        ),
        Kind::Completion => (
            "IO_COMPLETION_ALL_ACCESS",
            &[
                (1, "IO_COMPLETION_QUERY_STATE"),
                (2, "IO_COMPLETION_MODIFY_STATE"),
            ],
        ),
        Kind::Process => ("PROCESS_ALL_ACCESS", &PROCESS),
        Kind::Thread => ("THREAD_ALL_ACCESS", &THREAD),
        Kind::Section | Kind::Snapshot => ("SECTION_ALL_ACCESS", &SECTION),
        Kind::File | Kind::MailslotServer | Kind::MailslotClient => ("FILE_ALL_ACCESS", &FILE),
        _ => ("ALL_ACCESS", &[]),
    }
}

/// The names of the rights in a mask, lowest bit first; bits without a name in hexadecimal.
pub(super) fn of(kind: Kind, rights: u32) -> Vec<String> {
    let (all, own) = table(kind);
    if rights == kind.generic().all.bits() {
        return vec![all.to_owned()];
    }
    let known = own.iter().chain(&STANDARD);
    let (mut names, mut left) = (Vec::new(), rights);
    for (bit, name) in known {
        if left & bit != 0 {
            names.push((*name).to_owned());
            left &= !bit;
        }
    }
    if left != 0 {
        names.push(format!("{left:#x}"));
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_right_has_its_name_and_all_together_have_one() {
        assert_eq!(of(Kind::Event, 0x001f_0003), ["EVENT_ALL_ACCESS"]);
        assert_eq!(
            of(Kind::Event, 0x0010_0002),
            ["EVENT_MODIFY_STATE", "SYNCHRONIZE"]
        );
        assert_eq!(of(Kind::Process, 0x001f_ffff), ["PROCESS_ALL_ACCESS"]);
        assert_eq!(
            of(Kind::Process, 0x1440),
            [
                "PROCESS_DUP_HANDLE",
                "PROCESS_QUERY_INFORMATION",
                "PROCESS_QUERY_LIMITED_INFORMATION"
            ]
        );
        assert_eq!(of(Kind::Mutex, 0x8001), ["MUTEX_MODIFY_STATE", "0x8000"]);
        assert!(of(Kind::File, 0).is_empty());
    }
}
