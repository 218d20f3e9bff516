//! The lines of earlier times, in a file that prompts share.
//!
//! The file is `$XDG_STATE_HOME/tong/history`, else `~/.local/state/tong/history`; only its user may read it. Each input is
//! added by one write as soon as it is entered, so a prompt that is killed loses none and two prompts do not disturb each
//! other. Whoever makes the file shorter locks it against the others, who then go on in the new one; a prompt that holds
//! the lock for longer than a moment, because it is stopped, keeps nobody waiting. An input is a line of the file as it is, or a string of JSON if it has several lines or begins with `"`. Where
//! there can be no file the inputs are kept until the prompt ends, and the person is told why.

use crate::exit::complain;
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use std::fs::{self, DirBuilder, File, Metadata, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

/// The most inputs that are remembered. The file may have half as many more before it is made shorter.
pub(super) const INPUTS_MAX: usize = 10_000;

/// The most bytes of a file that can be a history.
const BYTES_MAX: u64 = 64 << 20;

/// How often the lock is asked for, with a pause of this length in between.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(5);

/// Where the inputs are kept.
pub(super) struct Kept {
    path: Option<PathBuf>,
}

impl Kept {
    /// Reads the inputs, the oldest first. Says so if they cannot be kept.
    pub(super) fn open() -> (Kept, Vec<String>) {
        let opened = path().and_then(|path| match open(&path) {
            Ok(inputs) => Ok((path, inputs)),
            Err(error) => Err(format!("{}: {error}", path.display())),
        });
        match opened {
            Ok((path, inputs)) => (Kept { path: Some(path) }, inputs),
            Err(why) => {
                complain(&format!(
                    "the history is kept only until this prompt ends: {why}"
                ));
                (Kept { path: None }, Vec::new())
            }
        }
    }

    /// Adds an input.
    pub(super) fn add(&mut self, input: &str) {
        let Some(path) = &self.path else {
            return;
        };
        if let Err(error) = add(path, input) {
            complain(&format!(
                "the history is no longer written to its file: {error}"
            ));
            self.path = None;
        }
    }
}

/// Where the file is, or why there is none.
fn path() -> Result<PathBuf, String> {
    let place = |name: &str| {
        let value = tong::environment::get(name.as_ref()).map(PathBuf::from);
        value.filter(|path| path.is_absolute())
    };
    let state = place("XDG_STATE_HOME").or_else(|| Some(place("HOME")?.join(".local/state")));
    state
        .map(|state| state.join("tong/history"))
        .ok_or_else(|| "neither HOME nor XDG_STATE_HOME names a directory".to_owned())
}

/// Reads the file, which is made if it is not there, and made shorter if it is long.
fn open(path: &Path) -> io::Result<Vec<String>> {
    if let Some(dir) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    }
    let (lines, inputs) = read(&append(path)?)?;
    if lines > INPUTS_MAX + INPUTS_MAX / 2 {
        return shorten(path);
    }
    Ok(inputs)
}

/// How many lines there are, and the inputs of the last ones.
fn read(file: &File) -> io::Result<(usize, Vec<String>)> {
    let mut bytes = Vec::new();
    file.take(BYTES_MAX).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().filter(|line| !line.is_empty()).collect();
    let last = &lines[lines.len().saturating_sub(INPUTS_MAX)..];
    Ok((lines.len(), last.iter().map(|line| decoded(line)).collect()))
}

/// Opens the file for reading and for adding to it.
fn append(path: &Path) -> io::Result<File> {
    // A FIFO in this place must not keep us waiting.
    let flags = nix::fcntl::OFlag::O_NONBLOCK.bits();
    let mut options = OpenOptions::new();
    let options = options.read(true).append(true).create(true);
    let file = options.mode(0o600).custom_flags(flags).open(path)?;
    let meta = file.metadata()?;
    if !meta.is_file() {
        return Err(io::Error::other("this is not a file"));
    }
    if meta.mode() & 0o077 != 0 {
        file.set_permissions(Permissions::from_mode(0o600))?;
    }
    Ok(file)
}

/// Adds an input to the file that is there when nobody replaces it.
fn add(path: &Path, input: &str) -> io::Result<()> {
    let line = encoded(input);
    for _ in 0..TRIES {
        let file = append(path)?;
        match Flock::lock(file, FlockArg::LockSharedNonblock) {
            Ok(mut file) if is_at(&file, path) => return file.write_all(line.as_bytes()),
            Ok(_) => {}
            Err((_, Errno::EWOULDBLOCK)) => thread::sleep(PAUSE),
            // There are file systems without locks.
            Err(_) => break,
        }
    }
    append(path)?.write_all(line.as_bytes())
}

/// Does the path still lead to this file?
fn is_at(file: &File, path: &Path) -> bool {
    let id = |meta: Metadata| (meta.dev(), meta.ino());
    let (here, there) = (file.metadata().map(id), path.metadata().map(id));
    here.is_ok_and(|here| there.is_ok_and(|there| here == there))
}

/// Puts a shorter file in the place of the long one, unless somebody is at it just now.
fn shorten(path: &Path) -> io::Result<Vec<String>> {
    let path = path.canonicalize()?;
    let old = match Flock::lock(append(&path)?, FlockArg::LockExclusiveNonblock) {
        Ok(old) => old,
        Err((old, _)) => return Ok(read(&old)?.1),
    };
    let (_, inputs) = read(&old)?;
    if is_at(&old, &path) {
        replace(&path, &inputs)?;
    }
    Ok(inputs)
}

fn replace(path: &Path, inputs: &[String]) -> io::Result<()> {
    let new = path.with_extension(format!("{}.new", std::process::id()));
    let mut options = OpenOptions::new();
    let options = options.write(true).create(true).truncate(true);
    let mut file = options.mode(0o600).open(&new)?;
    let text: String = inputs.iter().map(|input| encoded(input)).collect();
    let put = file
        .write_all(text.as_bytes())
        .and_then(|()| fs::rename(&new, path));
    if put.is_err() {
        let _ = fs::remove_file(&new);
    }
    put
}

/// An input as a line of the file.
fn encoded(input: &str) -> String {
    let is_plain = !input.contains(['\n', '\r']) && !input.starts_with('"');
    let line = match is_plain {
        true => input.to_owned(),
        false => serde_json::Value::from(input).to_string(),
    };
    line + "\n"
}

fn decoded(line: &str) -> String {
    let string = line
        .starts_with('"')
        .then(|| serde_json::from_str(line).ok());
    string.flatten().unwrap_or_else(|| line.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_come_back_as_they_were() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("state/tong/history");
        let inputs = [
            "dir",
            "echo 'a\nb'",
            "\"C:\\my program\" x",
            "\"",
            "통 \u{1f4ec}",
        ];
        assert!(open(&path).unwrap().is_empty());
        inputs.iter().for_each(|input| add(&path, input).unwrap());
        assert_eq!(open(&path).unwrap(), inputs);
    }

    #[test]
    fn only_its_user_may_read_it_whatever_was_before() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("history");
        fs::write(&path, "secret\n").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        open(&path).unwrap();
        assert_eq!(path.metadata().unwrap().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_long_file_is_made_shorter_and_everybody_goes_on_in_the_new_one() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("history");
        let count = INPUTS_MAX * 2;
        let text: String = (0..count).map(|number| format!("{number}\n")).collect();
        fs::write(&path, text).unwrap();
        let mut other = Kept {
            path: Some(path.clone()),
        };
        assert_eq!(open(&path).unwrap().len(), INPUTS_MAX);
        other.add("new");
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), INPUTS_MAX + 1);
        assert_eq!(text.lines().next_back(), Some("new"));
    }

    #[test]
    fn a_lock_that_is_never_released_keeps_nobody_waiting() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("history");
        let held = Flock::lock(append(&path).unwrap(), FlockArg::LockExclusive);
        add(&path, "in").unwrap();
        assert_eq!(open(&path).unwrap(), ["in"]);
        drop(held);
    }

    #[test]
    fn what_is_no_text_or_no_file_does_no_harm() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("history");
        fs::write(&path, b"good\n\xff\xfe\n\"half\n\n").unwrap();
        assert_eq!(open(&path).unwrap(), ["good", "\u{fffd}\u{fffd}", "\"half"]);
        assert!(open(place.path()).is_err());
        assert!(open(&path.join("below")).is_err());
        let fifo = place.path().join("fifo");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert!(open(&fifo).is_err());
    }
}
