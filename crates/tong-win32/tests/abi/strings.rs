//! The conversions between UTF-8 and UTF-16.

use std::ptr;

use tong_win32::string::{MultiByteToWideChar, WideCharToMultiByte};

use crate::*;

const UTF_8: u32 = 65_001;

/// Converts with a length of `len` into room for `room` units.
fn to_wide(
    page: u32,
    flags: u32,
    text: &[u8],
    len: i32,
    room: i32,
) -> Result<(i32, Vec<u16>), u32> {
    let mut wide = vec![0x5555; room.max(0) as usize];
    let call = || unsafe {
        MultiByteToWideChar(
            page,
            flags,
            text.as_ptr().cast(),
            len,
            wide.as_mut_ptr(),
            room,
        )
    };
    match last_error_of(call) {
        (0, code) => Err(code),
        (units, UNTOUCHED) => Ok((units, wide)),
        other => panic!("{other:?}"),
    }
}

fn to_narrow(
    page: u32,
    flags: u32,
    wide: &[u16],
    len: i32,
    room: i32,
) -> Result<(i32, Vec<u8>), u32> {
    let mut text = vec![0x55; room.max(0) as usize];
    let call = || unsafe {
        let (text, none) = (text.as_mut_ptr().cast(), ptr::null());
        WideCharToMultiByte(
            page,
            flags,
            wide.as_ptr(),
            len,
            text,
            room,
            none,
            ptr::null_mut(),
        )
    };
    match last_error_of(call) {
        (0, code) => Err(code),
        (bytes, UNTOUCHED) => Ok((bytes, text)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn text_goes_both_ways() {
    let (text, wide) = ("통 é 🙂", w("통 é 🙂"));
    for page in [0, 1, 3, UTF_8] {
        let units = wide.len() as i32;
        assert_eq!(
            to_wide(page, 0, format!("{text}\0").as_bytes(), -1, 0)
                .unwrap()
                .0,
            units
        );
        assert_eq!(
            to_wide(page, 8, format!("{text}\0").as_bytes(), -1, units).unwrap(),
            (units, wide.clone())
        );
        let bytes = text.len() as i32 + 1;
        assert_eq!(to_narrow(page, 0, &wide, -1, 0).unwrap().0, bytes);
        assert_eq!(
            to_narrow(page, 0x80, &wide, -1, bytes).unwrap().1,
            format!("{text}\0").as_bytes()
        );
    }
    assert_eq!(
        to_wide(UTF_8, 0, b"abc", 2, 5).unwrap(),
        (2, vec![0x61, 0x62, 0x5555, 0x5555, 0x5555])
    );
    assert_eq!(
        to_narrow(UTF_8, 0, &[0x61, 0x62], 1, 2).unwrap(),
        (1, vec![0x61, 0x55])
    );
}

#[test]
fn what_is_no_text_is_refused_or_replaced() {
    assert_eq!(to_wide(UTF_8, 8, b"a\xff", 2, 5), Err(1113));
    assert_eq!(to_wide(UTF_8, 0, b"a\xff", 2, 2).unwrap().1, [0x61, 0xFFFD]);
    assert_eq!(to_narrow(UTF_8, 0x80, &[0x61, 0xD800], 2, 5), Err(1113));
    assert_eq!(
        to_narrow(UTF_8, 0, &[0x61, 0xD800], 2, 4).unwrap().1,
        "a\u{FFFD}".as_bytes()
    );
}

#[test]
fn arguments_are_checked() {
    assert_eq!(to_wide(UTF_8, 0, b"abc", 3, 2), Err(122));
    assert_eq!(to_narrow(UTF_8, 0, &[0x61; 3], 3, 2), Err(122));
    assert_eq!(to_wide(UTF_8, 0, b"abc", 0, 2), Err(87));
    assert_eq!(to_wide(UTF_8, 0, b"abc", -2, 2), Err(87));
    assert_eq!(to_wide(UTF_8, 0, b"abc", 3, -1), Err(87));
    assert_eq!(to_wide(949, 0, b"abc", 3, 3), Err(87));
    assert_eq!(to_wide(UTF_8, 0x10, b"abc", 3, 3), Err(1004));
    assert_eq!(to_narrow(UTF_8, 0x1, &[0x61], 1, 3), Err(1004));
    let null = last_error_of(|| unsafe {
        MultiByteToWideChar(UTF_8, 0, ptr::null(), -1, ptr::null_mut(), 0)
    });
    assert_eq!(null, (0, 87));
    let mut used = 7;
    let mut with_default = |page| {
        let call = || unsafe {
            let question = c("?");
            WideCharToMultiByte(
                page,
                0,
                [0x61].as_ptr(),
                1,
                ptr::null_mut(),
                0,
                question.as_ptr(),
                &mut used,
            )
        };
        last_error_of(call)
    };
    assert_eq!(with_default(UTF_8), (0, 87));
    assert_eq!(with_default(0), (1, UNTOUCHED));
    assert_eq!(used, 0);
}
