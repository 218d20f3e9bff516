//! STARTUPINFO: the settings that a process gives to one that it makes, and what the new one reads of them.

use std::ffi::{c_char, OsString};
use std::os::unix::ffi::OsStringExt as _;
use std::sync::OnceLock;

use tong::process::Startup;

use crate::buffer::Unit;
use crate::error::Code;
use crate::process::attributes::PROC_THREAD_ATTRIBUTE_LIST;
use crate::types::{DWORD, HANDLE, INVALID_HANDLE_VALUE};

pub(super) const USESTDHANDLES: DWORD = 0x100;
pub(super) const USEHOTKEY: DWORD = 0x200;
pub(super) const DETACHED_PROCESS: DWORD = 0x8;

/// The desktop of a process whose creator named none: there is only one.
const DESKTOP: &str = r"WinSta0\Default";

/// Start-up settings; `C` is the unit of their texts.
#[repr(C)]
#[derive(Debug)]
#[allow(missing_docs, reason = "Win32 documents its fields under these names")]
pub struct STARTUPINFO<C> {
    pub cb: DWORD,
    pub lpReserved: *mut C,
    pub lpDesktop: *mut C,
    pub lpTitle: *mut C,
    pub dwX: DWORD,
    pub dwY: DWORD,
    pub dwXSize: DWORD,
    pub dwYSize: DWORD,
    pub dwXCountChars: DWORD,
    pub dwYCountChars: DWORD,
    pub dwFillAttribute: DWORD,
    pub dwFlags: DWORD,
    pub wShowWindow: u16,
    pub cbReserved2: u16,
    pub lpReserved2: *mut u8,
    pub hStdInput: HANDLE,
    pub hStdOutput: HANDLE,
    pub hStdError: HANDLE,
}

/// Start-up settings with UTF-8 texts.
pub type STARTUPINFOA = STARTUPINFO<c_char>;
/// Start-up settings with UTF-16 texts.
pub type STARTUPINFOW = STARTUPINFO<u16>;

/// Start-up settings with an attribute list.
#[repr(C)]
#[derive(Debug)]
#[allow(missing_docs, reason = "Win32 documents its fields under these names")]
pub struct STARTUPINFOEX<C> {
    pub StartupInfo: STARTUPINFO<C>,
    pub lpAttributeList: *mut PROC_THREAD_ATTRIBUTE_LIST,
}

/// Bytes of a STARTUPINFO.
const INFO_LEN: DWORD = 104;

const _: () = assert!(size_of::<STARTUPINFOA>() == 104 && size_of::<STARTUPINFOW>() == 104);
const _: () = assert!(size_of::<STARTUPINFOEX<u16>>() == 112);

/// What a child is told of the settings in `info`. The standard handles are not in it yet.
///
/// # Safety
/// The texts of `info` are null or strings of units of this width.
pub(super) unsafe fn to_child<C, U: Unit>(
    info: &STARTUPINFO<C>,
    creation_flags: DWORD,
) -> Result<Startup, Code> {
    let text = |text: *mut C| -> Result<Option<String>, Code> {
        // SAFETY: the caller vouches for the strings.
        let text = unsafe { U::decode(text.cast::<U>())? };
        Ok(text.map(|text| text.to_string_lossy().into_owned()))
    };
    let mut startup = Startup::default();
    startup.position = [info.dwX, info.dwY];
    startup.size = [info.dwXSize, info.dwYSize];
    startup.characters = [info.dwXCountChars, info.dwYCountChars];
    startup.fill = info.dwFillAttribute;
    startup.flags = info.dwFlags;
    startup.show = info.wShowWindow;
    startup.creation_flags = creation_flags;
    startup.title = text(info.lpTitle)?;
    let own = || tong::process::startup_of_process().desktop;
    startup.desktop = text(info.lpDesktop)?.or_else(own);
    Ok(startup)
}

/// What this process was told, with its texts in units of one width, which stay where they are.
struct Told<U> {
    startup: Startup,
    desktop: Vec<U>,
    title: Vec<U>,
}

impl<U: Unit> Told<U> {
    fn new() -> Told<U> {
        let startup = tong::process::startup_of_process();
        let program = || std::env::current_exe().unwrap_or_default().into_os_string();
        let title = startup.title.clone().map_or_else(program, OsString::from);
        let desktop = startup
            .desktop
            .clone()
            .unwrap_or_else(|| DESKTOP.to_owned());
        let text = |text: OsString| {
            // A text of a creator may hold anything, but ends at its first zero.
            let until_zero = text.into_vec().into_iter().take_while(|byte| *byte != 0);
            let mut units = U::encode(&OsString::from_vec(until_zero.collect()));
            units.push(U::default());
            units
        };
        Told {
            desktop: text(desktop.into()),
            title: text(title),
            startup,
        }
    }

    fn info<C>(&self) -> STARTUPINFO<C> {
        let startup = &self.startup;
        let [input, output, errors] = self.handles();
        STARTUPINFO {
            cb: INFO_LEN,
            lpReserved: std::ptr::null_mut(),
            lpDesktop: self.desktop.as_ptr().cast_mut().cast(),
            lpTitle: self.title.as_ptr().cast_mut().cast(),
            dwX: startup.position[0],
            dwY: startup.position[1],
            dwXSize: startup.size[0],
            dwYSize: startup.size[1],
            dwXCountChars: startup.characters[0],
            dwYCountChars: startup.characters[1],
            dwFillAttribute: startup.fill,
            dwFlags: startup.flags,
            wShowWindow: startup.show,
            cbReserved2: 0,
            lpReserved2: std::ptr::null_mut(),
            hStdInput: input,
            hStdOutput: output,
            hStdError: errors,
        }
    }

    fn handles(&self) -> [HANDLE; 3] {
        match self.startup.standard {
            _ if self.startup.flags & USESTDHANDLES == 0
                && self.startup.creation_flags & DETACHED_PROCESS != 0 =>
            {
                [INVALID_HANDLE_VALUE; 3]
            }
            Some(values) => values.map(|value| value as i32 as isize as HANDLE),
            None => [std::ptr::null_mut(); 3],
        }
    }
}

/// Gives the settings that the process was started with, their texts in UTF-8.
#[no_mangle]
pub unsafe extern "C" fn GetStartupInfoA(info: *mut STARTUPINFOA) {
    static TOLD: OnceLock<Told<u8>> = OnceLock::new();
    // SAFETY: C passes room for the structure.
    unsafe { crate::border::put(info, TOLD.get_or_init(Told::new).info()) };
}

/// Gives the settings that the process was started with, their texts in UTF-16.
#[no_mangle]
pub unsafe extern "C" fn GetStartupInfoW(info: *mut STARTUPINFOW) {
    static TOLD: OnceLock<Told<u16>> = OnceLock::new();
    // SAFETY: C passes room for the structure.
    unsafe { crate::border::put(info, TOLD.get_or_init(Told::new).info()) };
}
