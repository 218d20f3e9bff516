//! Environment variables: what each call returns and leaves behind, in both widths.
//!
//! The tests share one environment with each other and with all other tests of the program, so each has names of its own;
//! what replaces the whole environment is tested in a process of its own.

use std::process::Command;

use tong_win32::environment::*;
use tong_win32::types::LPSTR;

use crate::*;

const NOT_FOUND: u32 = 203;
/// What buffers hold before a call.
const OLD: u8 = 0x55;

/// One width of the functions.
trait Width {
    fn set(name: Option<&str>, value: Option<&str>) -> i32;
    /// Gets into a buffer of which `size` units may be used; the buffer itself is longer.
    fn get(name: Option<&str>, size: u32) -> (u32, String);
    /// Asks with no buffer.
    fn needed(name: &str) -> u32;
    fn expand(text: &str, size: u32) -> (u32, String);
    fn strings() -> Vec<String>;
    fn replace(entries: &[&str]) -> i32;
}

struct Narrow;
struct Wide;

fn null_or<T>(text: Option<&Vec<T>>) -> *const T {
    text.map_or(ptr::null(), |text| text.as_ptr())
}

fn bytes(text: &str) -> Vec<u8> {
    text.bytes().chain([0]).collect()
}

/// The text in a buffer; `"-"` for one that nothing was written to.
fn shown(buffer: &[u8]) -> String {
    if buffer.iter().all(|byte| *byte == OLD) {
        return "-".into();
    }
    let end = buffer.iter().position(|byte| *byte == 0).unwrap();
    assert!(
        buffer[end + 1..].iter().all(|byte| *byte == OLD),
        "nothing is written behind the zero"
    );
    String::from_utf8(buffer[..end].to_vec()).unwrap()
}

fn shown_wide(buffer: &[u16]) -> String {
    if buffer.iter().all(|unit| *unit == OLD.into()) {
        return "-".into();
    }
    let end = buffer.iter().position(|unit| *unit == 0).unwrap();
    assert!(
        buffer[end + 1..].iter().all(|unit| *unit == OLD.into()),
        "nothing is written behind the zero"
    );
    String::from_utf16(&buffer[..end]).unwrap()
}

impl Width for Narrow {
    fn set(name: Option<&str>, value: Option<&str>) -> i32 {
        let (name, value) = (name.map(bytes), value.map(bytes));
        unsafe {
            SetEnvironmentVariableA(
                null_or(name.as_ref()).cast(),
                null_or(value.as_ref()).cast(),
            )
        }
    }

    fn get(name: Option<&str>, size: u32) -> (u32, String) {
        let (name, mut buffer) = (name.map(bytes), [OLD; 64]);
        let got = unsafe {
            GetEnvironmentVariableA(
                null_or(name.as_ref()).cast(),
                buffer.as_mut_ptr().cast(),
                size,
            )
        };
        (got, shown(&buffer))
    }

    fn needed(name: &str) -> u32 {
        unsafe { GetEnvironmentVariableA(c(name).as_ptr(), ptr::null_mut(), 64) }
    }

    fn expand(text: &str, size: u32) -> (u32, String) {
        let mut buffer = [OLD; 64];
        let got = unsafe {
            ExpandEnvironmentStringsA(c(text).as_ptr(), buffer.as_mut_ptr().cast(), size)
        };
        (got, shown(&buffer))
    }

    fn strings() -> Vec<String> {
        let block = GetEnvironmentStringsA();
        let other = GetEnvironmentStringsA();
        assert_ne!(block, other, "each call makes a copy");
        let mut entries = Vec::new();
        let mut next: LPSTR = block;
        loop {
            let entry = unsafe { std::ffi::CStr::from_ptr(next) };
            if entry.is_empty() {
                break;
            }
            next = unsafe { next.add(entry.count_bytes() + 1) };
            entries.push(entry.to_string_lossy().into_owned());
        }
        succeeds(|| unsafe { FreeEnvironmentStringsA(block) });
        succeeds(|| unsafe { FreeEnvironmentStringsA(other) });
        entries
    }

    fn replace(entries: &[&str]) -> i32 {
        let mut block: Vec<u8> = entries
            .iter()
            .flat_map(|entry| bytes(entry))
            .chain([0])
            .collect();
        unsafe { SetEnvironmentStringsA(block.as_mut_ptr().cast()) }
    }
}

impl Width for Wide {
    fn set(name: Option<&str>, value: Option<&str>) -> i32 {
        let (name, value) = (name.map(w), value.map(w));
        unsafe { SetEnvironmentVariableW(null_or(name.as_ref()), null_or(value.as_ref())) }
    }

    fn get(name: Option<&str>, size: u32) -> (u32, String) {
        let (name, mut buffer) = (name.map(w), [u16::from(OLD); 64]);
        let got =
            unsafe { GetEnvironmentVariableW(null_or(name.as_ref()), buffer.as_mut_ptr(), size) };
        (got, shown_wide(&buffer))
    }

    fn needed(name: &str) -> u32 {
        unsafe { GetEnvironmentVariableW(w(name).as_ptr(), ptr::null_mut(), 64) }
    }

    fn expand(text: &str, size: u32) -> (u32, String) {
        let mut buffer = [u16::from(OLD); 64];
        let got = unsafe { ExpandEnvironmentStringsW(w(text).as_ptr(), buffer.as_mut_ptr(), size) };
        (got, shown_wide(&buffer))
    }

    fn strings() -> Vec<String> {
        let block = GetEnvironmentStringsW();
        let mut entries = Vec::new();
        let mut entry = Vec::new();
        for at in 0.. {
            match unsafe { block.add(at).read() } {
                0 if entry.is_empty() => break,
                0 => entries.push(String::from_utf16_lossy(&std::mem::take(&mut entry))),
                unit => entry.push(unit),
            }
        }
        succeeds(|| unsafe { FreeEnvironmentStringsW(block) });
        entries
    }

    fn replace(entries: &[&str]) -> i32 {
        let mut block: Vec<u16> = entries
            .iter()
            .flat_map(|entry| w(entry))
            .chain([0])
            .collect();
        unsafe { SetEnvironmentStringsW(block.as_mut_ptr()) }
    }
}

/// P-116 ... P-118: every row of the table, and the last error in each.
fn getting<W: Width>(name: &str) {
    let get = |name, size| last_error_of(|| W::get(name, size));
    let is = |got: u32, buffer: &str, error| ((got, buffer.to_owned()), error);
    succeeds(|| W::set(Some(name), Some("five!")));
    assert_eq!(get(Some(name), 64), is(5, "five!", UNTOUCHED));
    assert_eq!(get(Some(name), 6), is(5, "five!", UNTOUCHED));
    assert_eq!(get(Some(name), 5), is(6, "-", UNTOUCHED));
    assert_eq!(get(Some(name), 1), is(6, "-", UNTOUCHED));
    assert_eq!(get(Some(name), 0), is(6, "-", UNTOUCHED));
    assert_eq!(last_error_of(|| W::needed(name)), (6, UNTOUCHED));
    succeeds(|| W::set(Some(name), Some("")));
    assert_eq!(get(Some(name), 64), is(0, "", UNTOUCHED));
    assert_eq!(get(Some(name), 1), is(0, "", UNTOUCHED));
    assert_eq!(get(Some(name), 0), is(1, "-", UNTOUCHED));
    assert_eq!(last_error_of(|| W::needed(name)), (1, UNTOUCHED));
    succeeds(|| W::set(Some(name), None));
    for missing in [
        Some(name),
        Some(""),
        None,
        Some("me=too"),
        Some("=tong_none"),
    ] {
        assert_eq!(get(missing, 64), is(0, "-", NOT_FOUND));
        assert_eq!(get(missing, 0), is(0, "-", NOT_FOUND));
    }
}

#[test]
fn getting_a_variable_answers_by_the_table() {
    getting::<Narrow>("tong_abi_get_a");
    getting::<Wide>("tong_abi_get_w");
}

/// P-109 ... P-114: what names and values may be.
fn setting<W: Width>(name: &str) {
    let get = |name: &str| W::get(Some(name), 64).1;
    for (spelling, value) in [
        (name.to_owned(), "first"),
        (name.to_uppercase(), "second=third"),
    ] {
        succeeds(|| W::set(Some(&spelling), Some(value)));
        assert_eq!(get(&name.to_lowercase()), value);
    }
    let spelled = W::strings()
        .into_iter()
        .filter(|entry| entry.ends_with("=second=third"));
    assert_eq!(
        spelled.collect::<Vec<_>>(),
        [format!("{name}=second=third")]
    );
    succeeds(|| W::set(Some(&name.to_uppercase()), None));
    succeeds(|| W::set(Some(name), None));
    assert_eq!(get(name), "-");
    for bad in [Some("me=too"), Some("=="), Some(""), None] {
        fails(87, || W::set(bad, Some("value")));
        fails(87, || W::set(bad, None));
    }
    let hidden = format!("={name}");
    succeeds(|| W::set(Some(&hidden), Some("hidden")));
    assert_eq!(get(&hidden.to_uppercase()), "hidden");
    assert!(W::strings().contains(&format!("{hidden}=hidden")));
    succeeds(|| W::set(Some(&hidden), None));
    assert_eq!(get(&hidden), "-");
}

#[test]
fn setting_a_variable_takes_any_name_without_an_inner_equals_sign() {
    setting::<Narrow>("Tong_abi_Set_a");
    setting::<Wide>("Tong_abi_Set_w");
    succeeds(|| Narrow::set(Some("="), Some("equal")));
    assert_eq!(Wide::get(Some("="), 64), (5, "equal".into()));
    succeeds(|| Wide::set(Some("="), None));
}

/// P-115.
#[test]
fn values_have_a_largest_length() {
    for (fits, text) in [
        (true, "x".repeat(32_766)),
        (false, "x".repeat(32_767)),
        (false, "통".repeat(32_767)),
    ] {
        for set in [Narrow::set, Wide::set] {
            let call = || set(Some("tong_abi_long"), Some(&text));
            if fits {
                succeeds(call)
            } else {
                fails(206, call)
            }
        }
        assert_eq!(Narrow::needed("tong_abi_long"), 32_767);
    }
    succeeds(|| Narrow::set(Some("tong_abi_long"), None));
}

/// P-129: one environment, in UTF-8 here and UTF-16 there, each counted in its own unit.
#[test]
fn both_widths_see_the_same_variables() {
    let (name, value) = ("tong_abi_통", "우체통🙂");
    succeeds(|| Narrow::set(Some(name), Some(value)));
    assert_eq!(Wide::get(Some("TONG_ABI_통"), 64), (5, value.into()));
    assert_eq!((Wide::needed(name), Narrow::needed(name)), (6, 14));
    succeeds(|| Wide::set(Some(name), Some("")));
    assert_eq!(
        last_error_of(|| Narrow::get(Some(name), 64)),
        ((0, String::new()), UNTOUCHED)
    );
    succeeds(|| Wide::set(Some(name), None));
    assert_eq!(Narrow::get(Some(name), 64).0, 0);
}

/// What is not UTF-16 is refused; bytes that are not UTF-8 go in and out unchanged, and look like U+FFFD from the wide side.
#[test]
fn what_is_no_text() {
    let (name, lone) = (w("tong_abi_lone"), [0xD800, 0]);
    fails(1113, || unsafe {
        SetEnvironmentVariableW(name.as_ptr(), lone.as_ptr())
    });
    let set = || unsafe { SetEnvironmentVariableA(c"tong_abi_lone".as_ptr(), c"a\xff".as_ptr()) };
    succeeds(set);
    let mut buffer = [0_u8; 3];
    let get = || unsafe {
        GetEnvironmentVariableA(c"tong_abi_lone".as_ptr(), buffer.as_mut_ptr().cast(), 3)
    };
    assert_eq!(last_error_of(get), (2, UNTOUCHED));
    assert_eq!(&buffer, b"a\xff\0");
    assert_eq!(
        Wide::get(Some("tong_abi_lone"), 64),
        (2, "a\u{fffd}".into())
    );
}

/// P-119, P-120: a copy, sorted, hidden entries in front; later changes do not show in it.
fn strings<W: Width>(name: &str) {
    let entries = [
        format!("={name}=hidden"),
        format!("{name}_a=1"),
        format!("{}_B=2", name.to_uppercase()),
    ];
    for entry in &entries {
        let (name, value) = entry.rsplit_once('=').unwrap();
        succeeds(|| W::set(Some(name), Some(value)));
    }
    let all = W::strings();
    let places = entries
        .each_ref()
        .map(|entry| all.iter().position(|other| other == entry).unwrap());
    assert!(places.is_sorted(), "{places:?}");
    let first_shown = all
        .iter()
        .position(|entry| !entry.starts_with('='))
        .unwrap();
    assert!(all[first_shown..]
        .iter()
        .all(|entry| !entry.starts_with('=')));
    assert!(places[0] < first_shown);
    for entry in &entries {
        succeeds(|| W::set(Some(entry.rsplit_once('=').unwrap().0), None));
    }
    assert!(!W::strings().contains(&entries[1]));
}

#[test]
fn strings_are_a_sorted_copy() {
    strings::<Narrow>("tong_abi_strings_n");
    strings::<Wide>("tong_abi_strings_w");
}

/// P-123 ... P-126: what is expanded, and what is returned.
fn expanding<W: Width>(name: &str) {
    succeeds(|| W::set(Some(name), Some("value")));
    succeeds(|| W::set(Some(&format!("={name}")), Some("%hidden%")));
    let expand = |text: &str, size| last_error_of(|| W::expand(text, size));
    let is = |got: u32, buffer: &str| ((got, buffer.to_owned()), UNTOUCHED);
    let reference = format!("a%{}%b", name.to_uppercase());
    assert_eq!(expand(&reference, 64), is(8, "avalueb"));
    assert_eq!(expand(&reference, 8), is(8, "avalueb"));
    assert_eq!(expand(&reference, 7), is(8, ""));
    assert_eq!(expand(&reference, 1), is(8, ""));
    assert_eq!(expand(&reference, 0), is(8, "-"));
    assert_eq!(expand("", 64), is(1, ""));
    assert_eq!(expand("100%", 64), is(5, "100%"));
    assert_eq!(expand("%%", 64), is(3, "%%"));
    assert_eq!(expand("%tong_none%", 64), is(12, "%tong_none%"));
    assert_eq!(expand(&format!("%={name}%"), 64), is(9, "%hidden%"));
    assert_eq!(
        expand(&format!("%tong_none%{name}%"), 64).0 .1,
        format!("%tong_none%{name}%")
    );
    assert_eq!(
        expand(&format!("%{name}:~0,2%"), 64).0 .1,
        format!("%{name}:~0,2%")
    );
    assert_eq!(expand(&"x".repeat(32_766), 1), is(32_767, ""));
    assert_eq!(expand(&"x".repeat(32_767), 1), ((0, "-".into()), 206));
    for name in [name.to_owned(), format!("={name}")] {
        succeeds(|| W::set(Some(&name), None));
    }
}

#[test]
fn expanding_replaces_what_is_known() {
    expanding::<Narrow>("tong_abi_expand_a");
    expanding::<Wide>("tong_abi_expand_w");
    let (mut bytes, mut units) = ([OLD; 8], [0_u16; 8]);
    let null = || unsafe { ExpandEnvironmentStringsA(ptr::null(), bytes.as_mut_ptr().cast(), 8) };
    assert_eq!(last_error_of(null), (0, 87));
    let null = || unsafe { ExpandEnvironmentStringsW(ptr::null(), units.as_mut_ptr(), 8) };
    assert_eq!(last_error_of(null), (0, 87));
    let unwritten = || unsafe { ExpandEnvironmentStringsA(c"four".as_ptr(), ptr::null_mut(), 8) };
    assert_eq!(last_error_of(unwritten), (5, UNTOUCHED));
}

/// P-124: each width counts its own units.
#[test]
fn expansions_are_counted_in_units() {
    succeeds(|| Narrow::set(Some("tong_abi_units"), Some("통")));
    assert_eq!(Narrow::expand("%tong_abi_units%🙂", 64), (8, "통🙂".into()));
    assert_eq!(Wide::expand("%tong_abi_units%🙂", 64), (4, "통🙂".into()));
    succeeds(|| Narrow::set(Some("tong_abi_units"), None));
}

/// P-128: no language runtime goes its own way.
#[test]
fn c_and_rust_see_the_same_variables() {
    let name = "tong_abi_shared";
    let get = |name: &std::ffi::CStr| unsafe {
        let value = libc::getenv(name.as_ptr());
        (!value.is_null()).then(|| std::ffi::CStr::from_ptr(value).to_owned())
    };
    succeeds(|| Wide::set(Some(name), Some("by Win32")));
    assert_eq!(get(c"tong_abi_shared").as_deref(), Some(c"by Win32"));
    assert_eq!(std::env::var(name).as_deref(), Ok("by Win32"));
    unsafe { libc::setenv(c"tong_abi_shared".as_ptr(), c"by C".as_ptr(), 1) };
    assert_eq!(Wide::get(Some("TONG_ABI_SHARED"), 64).1, "by C");
    std::env::set_var(name, "by Rust");
    assert_eq!(Narrow::get(Some("TONG_ABI_SHARED"), 64).1, "by Rust");
    succeeds(|| Narrow::set(Some("TONG_ABI_SHARED"), None));
    assert_eq!(get(c"tong_abi_shared"), None);
}

/// P-108: threads that set and get at once never see half of anything.
#[test]
fn calls_of_many_threads_do_not_disturb_each_other() {
    let name = "tong_abi_threads";
    succeeds(|| Narrow::set(Some(name), Some("aaaa")));
    std::thread::scope(|scope| {
        for (index, value) in ["aaaa", "bb"].into_iter().cycle().take(4).enumerate() {
            scope.spawn(move || {
                for round in 0..200 {
                    succeeds(|| Narrow::set(Some(name), Some(value)));
                    let got = Wide::get(Some(name), 64).1;
                    assert!(["aaaa", "bb"].contains(&&*got), "{got}");
                    let own = format!("{name}_{index}_{round}");
                    succeeds(|| Wide::set(Some(&own), Some(value)));
                    assert_eq!(Narrow::get(Some(&own), 64).1, value);
                    succeeds(|| Wide::set(Some(&own), None));
                }
            });
        }
    });
}

/// Runs one test of this file again, alone in a process of its own, with one more variable.
fn in_a_process_of_its_own(test: &str, variable: (&str, &str)) {
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env("TONG_ABI_ALONE", "1")
        .env(variable.0, variable.1)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout);
    assert!(
        child.status.success() && said.contains("1 passed"),
        "{said}"
    );
}

fn is_alone() -> bool {
    std::env::var_os("TONG_ABI_ALONE").is_some()
}

/// P-121, P-122: all or nothing.
#[test]
fn whole_environment_is_replaced() {
    if !is_alone() {
        return in_a_process_of_its_own(
            "environment::whole_environment_is_replaced",
            ("TONG_ABI_GONE", "x"),
        );
    }
    replacing::<Narrow>();
    replacing::<Wide>();
}

fn replacing<W: Width>() {
    succeeds(|| W::set(Some("PATH"), Some("/bin")));
    succeeds(|| W::set(Some("=tong:"), Some("hidden")));
    let before = W::strings();
    for entries in [
        &["good=1", "bad"][..],
        &["good=1", "=bad"],
        &["=bad=1"],
        &["="],
    ] {
        fails(87, || W::replace(entries));
        assert_eq!(W::strings(), before);
    }
    succeeds(|| W::replace(&["one=two=three", "Empty=", "ONE=not this one"]));
    assert_eq!(W::strings(), ["Empty=", "one=two=three"]);
    assert_eq!(W::get(Some("ONE"), 64).1, "two=three");
    assert_eq!(
        last_error_of(|| W::get(Some("path"), 64)),
        ((0, "-".into()), NOT_FOUND)
    );
    succeeds(|| W::replace(&[]));
    assert_eq!(W::strings(), [""; 0]);
    let empty = GetEnvironmentStringsA();
    assert_eq!(
        unsafe { [empty.read(), empty.add(1).read()] },
        [0; 2],
        "terminators only"
    );
    succeeds(|| unsafe { FreeEnvironmentStringsA(empty) });
    fails(87, || unsafe { SetEnvironmentStringsA(ptr::null_mut()) });
    fails(87, || unsafe { SetEnvironmentStringsW(ptr::null_mut()) });
}

/// P-127: a child has a copy, whichever way it is started; what it changes stays its own.
#[test]
fn changes_reach_children_and_nobody_else() {
    if is_alone() {
        assert_eq!(Wide::get(Some("TONG_abi_CHILD"), 64).1, "parent's");
        assert_eq!(Wide::get(Some("TONG_ABI_GIVEN"), 64).1, "given");
        succeeds(|| Wide::set(Some("tong_abi_child"), Some("child's")));
        return;
    }
    succeeds(|| Wide::set(Some("tong_abi_child"), Some("parent's")));
    let test = "environment::changes_reach_children_and_nobody_else";
    in_a_process_of_its_own(test, ("tong_abi_given", "given"));
    assert_eq!(Wide::get(Some("tong_abi_child"), 64).1, "parent's");
}
