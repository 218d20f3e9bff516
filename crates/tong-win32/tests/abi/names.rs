//! Names of events, mutexes, semaphores and timers: one space for all, and the last errors around it.

use super::waits::*;
use super::*;
use std::thread;
use tong_win32::event::*;
use tong_win32::mutex::*;
use tong_win32::semaphore::*;
use tong_win32::timer::*;
use tong_win32::types::LPCSTR;

const SYNCHRONIZE: u32 = 0x10_0000;

/// One of the kinds that have names: how to create (with the state a test can tell by), open, and create with rights.
struct Kind {
    create: fn(LPCSTR, signaled: bool) -> HANDLE,
    open: fn(u32, i32, LPCSTR) -> HANDLE,
    create_with: fn(LPCSTR, access: u32) -> HANDLE,
    all_access: u32,
}

const KINDS: [Kind; 4] = [
    Kind {
        create: |name, signaled| unsafe { CreateEventA(ptr::null(), 1, signaled.into(), name) },
        open: |access, inherit, name| unsafe { OpenEventA(access, inherit, name) },
        create_with: |name, access| unsafe { CreateEventExA(ptr::null(), name, 0, access) },
        all_access: 0x1F_0003,
    },
    Kind {
        create: |name, signaled| unsafe { CreateMutexA(ptr::null(), (!signaled).into(), name) },
        open: |access, inherit, name| unsafe { OpenMutexA(access, inherit, name) },
        create_with: |name, access| unsafe { CreateMutexExA(ptr::null(), name, 0, access) },
        all_access: 0x1F_0001,
    },
    Kind {
        create: |name, signaled| unsafe { CreateSemaphoreA(ptr::null(), signaled.into(), 1, name) },
        open: |access, inherit, name| unsafe { OpenSemaphoreA(access, inherit, name) },
        create_with: |name, access| unsafe {
            CreateSemaphoreExA(ptr::null(), 0, 1, name, 0, access)
        },
        all_access: 0x1F_0003,
    },
    Kind {
        create: |name, _| unsafe { CreateWaitableTimerA(ptr::null(), 1, name) },
        open: |access, inherit, name| unsafe { OpenWaitableTimerA(access, inherit, name) },
        create_with: |name, access| unsafe { CreateWaitableTimerExA(ptr::null(), name, 0, access) },
        all_access: 0x1F_0003,
    },
];

impl Kind {
    /// Creates by name: the handle and the last error; on failure, the last error.
    fn create(&self, name: &str) -> Result<(HANDLE, u32), u32> {
        let name = c(name);
        made(last_error_of(|| (self.create)(name.as_ptr(), false)))
    }

    /// Opens by name; on failure, the last error.
    fn open(&self, access: u32, name: &str) -> Result<HANDLE, u32> {
        let name = c(name);
        let opened = last_error_of(|| (self.open)(access, 0, name.as_ptr()));
        made(opened).map(|(handle, code)| {
            assert_eq!(code, UNTOUCHED, "an opener leaves the last error alone");
            handle
        })
    }
}

fn made((handle, code): (HANDLE, u32)) -> Result<(HANDLE, u32), u32> {
    match handle.is_null() {
        true => Err(code),
        false => Ok((handle, code)),
    }
}

/// H-91, H-94, H-98, H-148, H-45, H-46, H-49, H-97.
#[test]
fn creator_says_whether_it_made_the_object() {
    namespace();
    for (index, kind) in KINDS.iter().enumerate() {
        let name = format!("abi new {index}");
        assert_eq!(kind.open(SYNCHRONIZE, &name), Err(2));
        let (first, code) = kind.create(&name).unwrap();
        assert_eq!(code, 0);
        let (second, code) = kind.create(&name).unwrap();
        assert_eq!(code, 183);
        close(first);
        let third = kind.open(SYNCHRONIZE, &name).unwrap();
        close(second);
        close(third);
        assert_eq!(
            kind.open(SYNCHRONIZE, &name),
            Err(2),
            "gone with its last handle"
        );
        let (again, code) = kind.create(&name).unwrap();
        assert_eq!(code, 0);
        close(again);
        let open = last_error_of(|| (kind.open)(SYNCHRONIZE, 0, ptr::null()));
        assert_eq!(open, (ptr::null_mut(), 87));
    }
}

/// H-88, H-90: one space for all kinds; the wrong kind is 6, and the object stays as it is.
#[test]
fn name_belongs_to_one_kind() {
    namespace();
    for (index, kind) in KINDS.iter().enumerate() {
        let name = format!("abi kind {index}");
        let (object, _) = kind.create(&name).unwrap();
        for (other, wrong) in KINDS.iter().enumerate() {
            if other != index {
                assert_eq!(wrong.create(&name), Err(6));
                assert_eq!(wrong.open(SYNCHRONIZE, &name), Err(6));
            }
        }
        assert_eq!(
            kind.create(&name).map(|(handle, code)| {
                close(handle);
                code
            }),
            Ok(183)
        );
        close(object);
    }
}

/// H-92, W-79, W-81, W-105: what describes the state of a new object is ignored for one that exists.
#[test]
fn second_creator_changes_nothing() {
    namespace();
    for (index, kind) in KINDS.iter().enumerate().take(3) {
        let name = c(&format!("abi second {index}"));
        let first = (kind.create)(name.as_ptr(), true);
        assert_eq!(last_error_of(|| (kind.create)(name.as_ptr(), false)).1, 183);
        let number = first as usize;
        let free = thread::spawn(move || look(number as HANDLE));
        assert_eq!(free.join().unwrap(), 0, "kind {index}");
    }
    let name = c("abi second type");
    let auto = unsafe { CreateEventA(ptr::null(), 0, 1, name.as_ptr()) };
    let other = unsafe { CreateEventA(ptr::null(), 1, 1, name.as_ptr()) };
    assert_eq!((look(other), look(auto)), (0, TIMEOUT));
    [auto, other].into_iter().for_each(close);
}

/// H-95, H-96: objects without a name, and an empty name.
#[test]
fn objects_without_a_name_are_all_different() {
    namespace();
    for kind in &KINDS {
        let (first, code) = kind.create("").unwrap();
        let (second, other_code) = kind.create("").unwrap();
        assert_eq!((code, other_code), (0, 0));
        fails(1656, || {
            tong_win32::handle::CompareObjectHandles(first, second)
        });
        assert_eq!(kind.open(SYNCHRONIZE, ""), Err(6));
        [first, second].into_iter().for_each(close);
    }
}

/// H-100, H-101, H-113: exact, and `Local\` is no part of the name.
#[test]
fn names_differ_in_case_and_by_their_directory() {
    namespace();
    let same = tong_win32::handle::CompareObjectHandles;
    for (index, kind) in KINDS.iter().enumerate() {
        let (plain, _) = kind.create(&format!("abi Case {index}")).unwrap();
        let (lower, code) = kind.create(&format!("abi case {index}")).unwrap();
        assert_eq!(code, 0);
        assert_eq!(kind.open(SYNCHRONIZE, &format!("ABI CASE {index}")), Err(2));
        let (local, code) = kind.create(&format!(r"Local\abi Case {index}")).unwrap();
        assert_eq!(code, 183);
        succeeds(|| same(plain, local));
        let (global, code) = kind.create(&format!(r"Global\abi Case {index}")).unwrap();
        assert_eq!(code, 0);
        fails(1656, || same(plain, global));
        [plain, lower, local, global].into_iter().for_each(close);
    }
}

/// H-103 to H-109.
#[test]
fn bad_names_say_what_is_wrong() {
    namespace();
    for kind in &KINDS {
        for (name, code) in [
            (r"local\x", 3),
            (r"a\b", 3),
            (r"Global\a\b", 3),
            (r"x\", 3),
            (r"Session\1\x", 3),
            (r"\x", 161),
            ("Global", 6),
            ("Local", 6),
        ] {
            assert_eq!(kind.create(name), Err(code), "{name}");
            assert_eq!(kind.open(SYNCHRONIZE, name), Err(code), "{name}");
        }
        assert_eq!(kind.create(&"x".repeat(261)), Err(206));
        assert_eq!(kind.open(SYNCHRONIZE, &"x".repeat(261)), Err(206));
        for name in ["x".repeat(260), "통".repeat(200), "a b/c:d.*".to_owned()] {
            let (object, _) = kind.create(&name).unwrap();
            close(object);
        }
    }
    let create = |name: &str| {
        made(last_error_of(|| unsafe {
            CreateEventW(ptr::null(), 0, 0, w(name).as_ptr())
        }))
    };
    let (long, _) = create(&"y".repeat(32_766)).unwrap();
    close(long);
    assert_eq!(create(&"y".repeat(32_767)), Err(123));
}

/// Narrow and wide names are one: UTF-8 and UTF-16 of the same text.
#[test]
fn narrow_and_wide_names_meet() {
    namespace();
    let name = "abi 통 🙂";
    let wide = w(name);
    let narrow = c(name);
    let event = unsafe { CreateEventW(ptr::null(), 1, 0, wide.as_ptr()) };
    let found = unsafe { OpenEventA(SYNCHRONIZE, 0, narrow.as_ptr()) };
    let wide_found = unsafe { OpenEventW(SYNCHRONIZE, 0, wide.as_ptr()) };
    succeeds(|| tong_win32::handle::CompareObjectHandles(event, found));
    succeeds(|| tong_win32::handle::CompareObjectHandles(event, wide_found));
    [event, found, wide_found].into_iter().for_each(close);
    let wide_of = |text: &str| w(text);
    let (mutex, semaphore, timer) = (wide_of("abi wm"), wide_of("abi ws"), wide_of("abi wt"));
    unsafe {
        let made = [
            CreateMutexW(ptr::null(), 0, mutex.as_ptr()),
            CreateMutexExW(ptr::null(), mutex.as_ptr(), 0, SYNCHRONIZE),
            OpenMutexW(SYNCHRONIZE, 0, mutex.as_ptr()),
            CreateSemaphoreW(ptr::null(), 0, 1, semaphore.as_ptr()),
            CreateSemaphoreExW(ptr::null(), 0, 1, semaphore.as_ptr(), 0, SYNCHRONIZE),
            OpenSemaphoreW(SYNCHRONIZE, 0, semaphore.as_ptr()),
            CreateWaitableTimerW(ptr::null(), 0, timer.as_ptr()),
            CreateWaitableTimerExW(ptr::null(), timer.as_ptr(), 0, SYNCHRONIZE),
            OpenWaitableTimerW(SYNCHRONIZE, 0, timer.as_ptr()),
        ];
        assert!(made.iter().all(|handle| !handle.is_null()));
        made.into_iter().for_each(close);
    }
}

/// H-12 to H-16, H-18, H-20 to H-23, H-25: which rights may be asked for.
#[test]
fn rights_are_asked_for_bit_by_bit() {
    namespace();
    for (index, kind) in KINDS.iter().enumerate() {
        let name = format!("abi rights {index}");
        let (object, _) = kind.create(&name).unwrap();
        let allowed = kind.all_access | 0xF000_0000 | 0x0200_0000;
        for bit in (0..32).map(|bit| 1_u32 << bit) {
            let expected = match bit {
                _ if allowed & bit != 0 => Ok(()),
                0x0100_0000 => Err(1314),
                _ => Err(5),
            };
            let text = c(&name);
            let opened = kind.open(bit, &name).map(close);
            assert_eq!(opened, expected, "open with {bit:#x}");
            let made = made(last_error_of(|| (kind.create_with)(text.as_ptr(), bit)));
            let made = made.map(|(handle, code)| {
                assert_eq!(code, 183);
                close(handle);
            });
            assert_eq!(made, expected, "create with {bit:#x}");
        }
        assert_eq!(kind.open(0, &name), Err(5), "H-23");
        let most = kind.open(0x0200_0000, &name).unwrap();
        assert!(matches!(look(most), 0 | TIMEOUT));
        [object, most].into_iter().for_each(close);
    }
}

/// H-30, H-32: the inherit flag is the creator's or opener's, also for an object that exists.
#[test]
fn inherit_flag_belongs_to_the_handle() {
    namespace();
    let name = c("abi inherit");
    let yes = inheritable(7);
    let first = unsafe { CreateEventA(ptr::null(), 0, 0, name.as_ptr()) };
    let second = unsafe { CreateEventA(&yes, 0, 0, name.as_ptr()) };
    let opened = [0, 1].map(|inherit| unsafe { OpenEventA(SYNCHRONIZE, inherit, name.as_ptr()) });
    let flags = |handle: HANDLE| {
        let mut flags = 9;
        succeeds(|| unsafe { tong_win32::handle::GetHandleInformation(handle, &mut flags) });
        flags
    };
    assert_eq!(
        [first, second, opened[0], opened[1]].map(flags),
        [0, 1, 0, 1]
    );
    [first, second, opened[0], opened[1]]
        .into_iter()
        .for_each(close);
}

/// H-89: a mailslot, a process or a thread takes no name away from the others.
#[test]
fn names_of_mailslots_and_files_are_of_another_space() {
    let (slot, _) = mailslot("abi other space", 0, 0);
    let (mutex, code) = KINDS[1].create("abi other space").unwrap();
    assert_eq!(code, 0);
    for name in [r"\.\mailslot\abi other space", "/dev/null"] {
        let opened = KINDS[0].open(SYNCHRONIZE, name);
        assert!(matches!(opened, Err(2 | 161)), "{opened:?}");
    }
    [slot, mutex].into_iter().for_each(close);
}

/// H-99: of many creators at once, exactly one makes the object.
#[test]
fn one_of_many_creators_makes_the_object() {
    namespace();
    let name = c("abi race");
    let text = name.as_ptr() as usize;
    let create = move || {
        let (handle, code) =
            last_error_of(|| unsafe { CreateMutexA(ptr::null(), 0, text as LPCSTR) });
        (handle as usize, code)
    };
    let creators: Vec<_> = (0..16).map(|_| thread::spawn(create)).collect();
    let made: Vec<_> = creators.into_iter().map(|c| c.join().unwrap()).collect();
    assert_eq!(made.iter().filter(|(_, code)| *code == 0).count(), 1);
    assert_eq!(made.iter().filter(|(_, code)| *code == 183).count(), 15);
    made.iter().for_each(|(handle, _)| close(*handle as HANDLE));
}
