//! The environment: the variables of this process, by Windows' rules for their names.
//!
//! There is one environment per process, and it is the C library's: what [`set`] sets, `getenv` and [`std::env`](mod@std::env) read,
//! and what those change, [`get`] sees. Windows' rules come on top:
//!
//! - Names are compared without regard to case, by simple upper-casing of each character. The environment that a
//!   process starts with may have several spellings of one name; then [`get`] prefers the one it was asked for, and
//!   [`set`] and [`remove`] change them all.
//! - A name may begin with `=`. Such *hidden* variables (`=C:` is the current directory on drive C) cannot be told to
//!   the C library. They are kept here, and are those that the process started with until somebody changes them.
//!
//! All calls are atomic with respect to each other.
//!
//! # Limits
//! A value has at most 32,766 UTF-16 units. Names and values that are not UTF-8 pass through unchanged; of such names,
//! case counts.
//!
//! # Lifetime and death
//! The variables are memory of this process. A child gets a copy of [`all`] when it is made, and then each goes its own
//! way.
//!
//! # Threads
//! Threads that use this module or [`std::env`](mod@std::env) never disturb each other. C code that calls `getenv` while another thread
//! makes a new variable is as safe as its C library makes it: from glibc 2.41 on entirely.
//!
//! # References
//! Win32: "Environment Variables", SetEnvironmentVariable, ExpandEnvironmentStrings. POSIX: environ.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::env;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::sync::{LazyLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::name::upper;
use crate::{Error, ErrorKind, Result};

/// The most UTF-16 units of a value.
const MAX_VALUE_UNITS: usize = 32_766;

/// A variable: its name as it is spelled, and its value.
pub type Variable = (OsString, OsString);

/// The variables whose names begin with `=`, under their names in upper case.
type Hidden = BTreeMap<Vec<u8>, Variable>;

/// The hidden variables. Their lock is held for the length of each call, also of those on other variables.
static HIDDEN: LazyLock<RwLock<Hidden>> = LazyLock::new(|| {
    let hidden = env::vars_os().filter(|(name, _)| is_hidden(name));
    // Collected from the end, so that the first of two with one name stays.
    let hidden: Vec<Variable> = hidden.collect();
    let by_name = |variable: Variable| (folded(&variable.0), variable);
    RwLock::new(hidden.into_iter().rev().map(by_name).collect())
});

/// Returns the value of a variable; `None` if there is no such variable, or can be none of that name.
#[must_use]
pub fn get(name: &OsStr) -> Option<OsString> {
    let hidden = read();
    find(&hidden, name)
}

/// Gives a variable a value, which may be empty. A variable that exists keeps the spelling of its name.
///
/// # Errors
/// In this order: [`InvalidParameter`](ErrorKind::InvalidParameter) if the name is empty, has a `=` after its first
/// character, or either has a NUL; [`NameTooLong`](ErrorKind::NameTooLong) if the value has more than 32,766 UTF-16
/// units.
pub fn set(name: &OsStr, value: &OsStr) -> Result<()> {
    check_name(name)?;
    check_value(name, value)?;
    let mut hidden = write();
    if is_hidden(name) {
        let variable = hidden.entry(folded(name));
        variable
            .or_insert_with(|| (name.to_owned(), OsString::new()))
            .1 = value.to_owned();
        return Ok(());
    }
    let spellings = spellings(name);
    if spellings.is_empty() {
        env::set_var(name, value);
    }
    for spelling in spellings {
        env::set_var(spelling, value);
    }
    Ok(())
}

/// Removes a variable, if there is one.
///
/// # Errors
/// [`InvalidParameter`](ErrorKind::InvalidParameter) if the name is empty or has a `=` after its first character or a NUL.
pub fn remove(name: &OsStr) -> Result<()> {
    check_name(name)?;
    let mut hidden = write();
    if is_hidden(name) {
        hidden.remove(&folded(name));
        return Ok(());
    }
    spellings(name)
        .into_iter()
        .for_each(|spelling| env::remove_var(spelling));
    Ok(())
}

/// Returns all variables: first the hidden ones, then the others, each sorted by name without regard to case.
#[must_use]
pub fn all() -> Vec<Variable> {
    let hidden = read();
    let shown = env::vars_os().filter(|(name, _)| !is_hidden(name));
    let mut shown: Vec<_> = shown
        .map(|variable| (folded(&variable.0), variable))
        .collect();
    // Stable, so that the first of two equal names, which is the one that counts, stays in front.
    shown.sort_by(|(a, (a_name, _)), (b, (b_name, _))| (a, a_name).cmp(&(b, b_name)));
    shown.dedup_by(|(_, later), (_, first)| later.0 == first.0);
    let shown = shown.into_iter().map(|(_, variable)| variable);
    hidden.values().cloned().chain(shown).collect()
}

/// Replaces all variables, the hidden ones too. Of two with one name, the first counts.
///
/// # Errors
/// In this order for each variable, and then nothing is changed:
/// [`InvalidParameter`](ErrorKind::InvalidParameter) if its name is empty or has a `=`, or anything has a NUL;
/// [`NameTooLong`](ErrorKind::NameTooLong) if its value has more than 32,766 UTF-16 units.
pub fn replace(variables: &[Variable]) -> Result<()> {
    for (name, value) in variables {
        check_name(name)?;
        if is_hidden(name) {
            return Err(invalid(
                name,
                "a new environment cannot have hidden variables",
            ));
        }
        check_value(name, value)?;
    }
    let mut hidden = write();
    hidden.clear();
    env::vars_os().for_each(|(name, _)| {
        if !is_hidden(&name) {
            env::remove_var(name);
        }
    });
    let mut set = BTreeMap::new();
    for (name, value) in variables {
        set.entry(folded(name))
            .or_insert_with(|| env::set_var(name, value));
    }
    Ok(())
}

/// Replaces each `%name%` in a text by the value of that variable.
///
/// What is no variable's name stays, both percent signs included, and the search goes on behind the second. So does a
/// percent sign without another. Values are not searched for further names.
#[must_use]
pub fn expand(text: &OsStr) -> OsString {
    let hidden = read();
    let mut rest = text.as_bytes();
    let mut expanded = Vec::with_capacity(rest.len());
    while let Some((before, name, after)) = split_reference(rest) {
        expanded.extend_from_slice(before);
        match find(&hidden, OsStr::from_bytes(name)) {
            Some(value) => expanded.extend_from_slice(value.as_bytes()),
            None => expanded.extend_from_slice(&rest[before.len()..rest.len() - after.len()]),
        }
        rest = after;
    }
    expanded.extend_from_slice(rest);
    OsString::from_vec(expanded)
}

/// Cuts a text at its first two percent signs.
fn split_reference(text: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let is_percent = |byte: &u8| *byte == b'%';
    let start = text.iter().position(is_percent)?;
    let len = text[start + 1..].iter().position(is_percent)?;
    let (name, after) = text[start + 1..].split_at(len);
    Some((&text[..start], name, &after[1..]))
}

fn find(hidden: &Hidden, name: &OsStr) -> Option<OsString> {
    if check_name(name).is_err() {
        return None;
    }
    if is_hidden(name) {
        return hidden.get(&folded(name)).map(|(_, value)| value.clone());
    }
    env::var_os(name).or_else(|| {
        let mut variables = env::vars_os();
        let found = variables.find(|(spelling, _)| same_name(spelling, name));
        found.map(|(_, value)| value)
    })
}

/// The spellings under which the C library has a variable.
fn spellings(name: &OsStr) -> Vec<OsString> {
    let names = env::vars_os().map(|(spelling, _)| spelling);
    names.filter(|spelling| same_name(spelling, name)).collect()
}

fn is_hidden(name: &OsStr) -> bool {
    name.as_bytes().first() == Some(&b'=')
}

/// Are two names one variable's?
fn same_name(a: &OsStr, b: &OsStr) -> bool {
    match (a.to_str(), b.to_str()) {
        (Some(a), Some(b)) => a.chars().map(upper).eq(b.chars().map(upper)),
        _ => a == b,
    }
}

/// What is the same for all spellings of a name.
fn folded(name: &OsStr) -> Vec<u8> {
    match name.to_str() {
        Some(name) => name.chars().map(upper).collect::<String>().into_bytes(),
        None => name.as_bytes().to_vec(),
    }
}

fn check_name(name: &OsStr) -> Result<()> {
    match name.as_bytes() {
        [] => Err(invalid(name, "the name is empty")),
        [_, rest @ ..] if rest.contains(&b'=') => Err(invalid(
            name,
            "only the first character of a name may be a =",
        )),
        bytes if bytes.contains(&0) => Err(invalid(name, "the name has a NUL")),
        _ => Ok(()),
    }
}

fn check_value(name: &OsStr, value: &OsStr) -> Result<()> {
    if value.as_bytes().contains(&0) {
        return Err(invalid(name, "the value has a NUL"));
    }
    // A character has at least as many bytes as UTF-16 units, so short values need no counting.
    let is_short = value.len() <= MAX_VALUE_UNITS;
    if is_short || value.to_string_lossy().encode_utf16().count() <= MAX_VALUE_UNITS {
        return Ok(());
    }
    let why = format!("the value is longer than {MAX_VALUE_UNITS} UTF-16 units");
    Err(failure(ErrorKind::NameTooLong, name).because(why))
}

fn invalid(name: &OsStr, why: &str) -> Error {
    failure(ErrorKind::InvalidParameter, name).because(why)
}

fn failure(kind: ErrorKind, name: &OsStr) -> Error {
    Error::new("change environment variable", kind).on(&*name.to_string_lossy())
}

fn read() -> RwLockReadGuard<'static, Hidden> {
    HIDDEN.read().unwrap_or_else(PoisonError::into_inner)
}

fn write() -> RwLockWriteGuard<'static, Hidden> {
    HIDDEN.write().unwrap_or_else(PoisonError::into_inner)
}
