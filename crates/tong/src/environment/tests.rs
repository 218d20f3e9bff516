//! Each test has variables of its own, because they share one environment.

use super::*;

fn value(name: &str) -> Option<String> {
    get(name.as_ref()).map(|value| value.into_string().unwrap())
}

fn put(name: &str, value: &str) {
    set(name.as_ref(), value.as_ref()).unwrap();
}

fn kind(outcome: Result<()>) -> Option<ErrorKind> {
    outcome.err().map(|error| error.kind())
}

/// P-109, P-111: any spelling finds and replaces a variable, and the first one stays.
#[test]
fn names_are_compared_without_case() {
    put("tong_Größe", "1");
    assert_eq!(value("TONG_GRÖßE").as_deref(), Some("1"));
    assert_eq!(
        value("TONG_GRÖSSE"),
        None,
        "ß has no upper-case form of one character"
    );
    put("TONG_grÖßE", "2");
    assert_eq!(env::var("tong_Größe").as_deref(), Ok("2"));
    assert!(all().iter().any(|(name, _)| name == "tong_Größe"));
    remove("Tong_Größe".as_ref()).unwrap();
    assert_eq!(env::var_os("tong_Größe"), None);
}

/// P-35, P-113: the environment of a Linux process may have two spellings of one name.
#[test]
fn spellings_that_differ_in_case_are_one_variable() {
    env::set_var("tong_proxy", "small");
    env::set_var("TONG_PROXY", "capital");
    assert_eq!(value("TONG_PROXY").as_deref(), Some("capital"));
    assert_eq!(value("tong_proxy").as_deref(), Some("small"));
    put("Tong_Proxy", "both");
    assert_eq!(env::var("tong_proxy").as_deref(), Ok("both"));
    assert_eq!(env::var("TONG_PROXY").as_deref(), Ok("both"));
    assert_eq!(env::var_os("Tong_Proxy"), None, "no third spelling");
    remove("TONG_proxy".as_ref()).unwrap();
    assert_eq!(value("tong_proxy").or(value("TONG_PROXY")), None);
}

/// P-110: only the first character may be `=`; such a variable is not for the C library.
#[test]
fn hidden_variables_are_kept_apart() {
    put("=tong:", r"C:\dir");
    put("=", "equal");
    assert_eq!(value("=TONG:").as_deref(), Some(r"C:\dir"));
    assert_eq!(value("=").as_deref(), Some("equal"));
    put("=TONG:", "changed");
    let first = all().into_iter().take_while(|(name, _)| is_hidden(name));
    // Other tests have variables of their own here meanwhile.
    let own = |name: &std::ffi::OsString| name == "=" || name == "=tong:";
    let first: Vec<_> = first.filter(|(name, _)| own(name)).collect();
    assert_eq!(
        first,
        [
            ("=".into(), "equal".into()),
            ("=tong:".into(), "changed".into())
        ]
    );
    remove("=tong:".as_ref()).unwrap();
    remove("=".as_ref()).unwrap();
    assert_eq!(value("=tong:").or(value("=")), None);
    put("tong_me", "too=three");
    assert_eq!(value("tong_me=too"), None);
    for name in ["", "tong=too", "==", "tong\0"] {
        assert_eq!(
            kind(set(name.as_ref(), "x".as_ref())),
            Some(ErrorKind::InvalidParameter)
        );
        assert_eq!(
            kind(remove(name.as_ref())),
            Some(ErrorKind::InvalidParameter)
        );
    }
}

/// P-115: the unit is the one of UTF-16, whatever the length in bytes.
#[test]
fn values_have_a_largest_length() {
    for (character, count) in [
        ("x", MAX_VALUE_UNITS),
        ("통", MAX_VALUE_UNITS),
        ("🙂", MAX_VALUE_UNITS / 2),
    ] {
        put("tong_long", &character.repeat(count));
        let longer = character.repeat(count + 1);
        let outcome = set("tong_long".as_ref(), longer.as_ref());
        assert_eq!(kind(outcome), Some(ErrorKind::NameTooLong));
        assert_eq!(value("tong_long"), Some(character.repeat(count)));
    }
    remove("tong_long".as_ref()).unwrap();
}

/// P-120: sorted without regard to case, every name once.
#[test]
fn all_variables_are_sorted() {
    for name in ["tong_sort_b", "TONG_SORT_A", "tong_sort_C"] {
        put(name, "");
    }
    let names = all()
        .into_iter()
        .map(|(name, _)| name.into_string().unwrap());
    let names: Vec<_> = names
        .filter(|name| name.to_uppercase().starts_with("TONG_SORT_"))
        .collect();
    assert_eq!(names, ["TONG_SORT_A", "tong_sort_b", "tong_sort_C"]);
}

/// P-123, P-125, P-126.
#[test]
fn references_are_expanded_once() {
    put("tong_var", "value");
    put("tong_nested", "%tong_var%");
    put("=tong_x", "hidden");
    for (text, expanded) in [
        ("", ""),
        ("plain", "plain"),
        ("%TONG_VAR%", "value"),
        ("a%tong_var%b%tong_var%", "avaluebvalue"),
        ("%tong_none%", "%tong_none%"),
        ("50% of", "50% of"),
        ("%", "%"),
        ("%%", "%%"),
        ("%%tong_var%%", "%%tong_var%%"),
        ("%tong_none%tong_var%", "%tong_none%tong_var%"),
        ("%tong_none%%tong_var%", "%tong_none%value"),
        ("%tong_nested%", "%tong_var%"),
        ("%=tong_x%", "hidden"),
        ("%tong_var:~0,2%", "%tong_var:~0,2%"),
        ("통%tong_var%", "통value"),
    ] {
        assert_eq!(expand(text.as_ref()), expanded, "{text}");
    }
}

/// P-128: what Rust and C set is read here, and the other way round.
#[test]
fn language_runtimes_share_the_variables() {
    env::set_var("tong_shared", "rust");
    assert_eq!(value("TONG_SHARED").as_deref(), Some("rust"));
    put("TONG_SHARED", "tong");
    assert_eq!(env::var("tong_shared").as_deref(), Ok("tong"));
    env::remove_var("tong_shared");
    assert_eq!(value("tong_shared"), None);
}

#[test]
fn bytes_that_are_no_text_pass_through() {
    let (name, bytes) = (OsStr::from_bytes(b"tong_\xff"), OsStr::from_bytes(b"\xfe"));
    set(name, bytes).unwrap();
    assert_eq!(get(name).as_deref(), Some(bytes));
    assert_eq!(get(OsStr::from_bytes(b"TONG_\xff")), None);
    remove(name).unwrap();
}
