//! The lines of earlier times, in a file that prompts share.
//!
//! The file is `$XDG_STATE_HOME/tong/history`, else `~/.local/state/tong/history`; only its user may read it. Each input is
//! added by one write as soon as it is entered, so a prompt that is killed loses none and two prompts do not disturb each
//! other. An input is a line of the file as it is, or a string of JSON if it has several lines or begins with `"`. Where
//! there can be no file the inputs are kept until the prompt ends, and the person is told why.

use crate::exit::complain;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The most inputs that are remembered. The file may have half as many more before it is made shorter.
pub(super) const INPUTS_MAX: usize = 10_000;

/// The most bytes of a file that can be a history.
const BYTES_MAX: u64 = 64 << 20;

/// Where the inputs are kept.
pub(super) struct Kept {
    file: Option<File>,
}

impl Kept {
    /// Opens the file and reads the inputs, the oldest first. Says so if that does not work.
    pub(super) fn open() -> (Kept, Vec<String>) {
        let opened = path()
            .and_then(|path| open(&path).map_err(|error| format!("{}: {error}", shown(&path))));
        match opened {
            Ok((file, inputs)) => (Kept { file: Some(file) }, inputs),
            Err(why) => {
                complain(&format!(
                    "the history is kept only until this prompt ends: {why}"
                ));
                (Kept { file: None }, Vec::new())
            }
        }
    }

    /// Adds an input.
    pub(super) fn add(&mut self, input: &str) {
        let Some(file) = &mut self.file else {
            return;
        };
        if let Err(error) = file.write_all(encoded(input).as_bytes()) {
            complain(&format!(
                "the history is no longer written to its file: {error}"
            ));
            self.file = None;
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

fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// Opens the file for adding to it, and reads it.
fn open(path: &Path) -> io::Result<(File, Vec<String>)> {
    if let Some(dir) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    }
    let mut file = append(path)?;
    let mut bytes = Vec::new();
    (&file).take(BYTES_MAX).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().filter(|line| !line.is_empty()).collect();
    let inputs: Vec<String> = lines[lines.len().saturating_sub(INPUTS_MAX)..]
        .iter()
        .map(|line| decoded(line))
        .collect();
    if lines.len() > INPUTS_MAX + INPUTS_MAX / 2 {
        file = shorten(path, &inputs)?;
    }
    Ok((file, inputs))
}

fn append(path: &Path) -> io::Result<File> {
    // A FIFO in this place must not keep us waiting.
    let flags = nix::fcntl::OFlag::O_NONBLOCK.bits();
    let mut options = OpenOptions::new();
    let options = options.read(true).append(true).create(true);
    let file = options.mode(0o600).custom_flags(flags).open(path)?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::other("this is not a file")),
    }
}

/// Puts a shorter file in the place of the long one.
fn shorten(path: &Path, inputs: &[String]) -> io::Result<File> {
    let path = path.canonicalize()?;
    let new = path.with_extension(format!("{}.new", std::process::id()));
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&new)?;
    let text: String = inputs.iter().map(|input| encoded(input)).collect();
    let put = file
        .write_all(text.as_bytes())
        .and_then(|()| fs::rename(&new, &path));
    if let Err(error) = put {
        let _ = fs::remove_file(&new);
        return Err(error);
    }
    append(&path)
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
    use std::os::unix::fs::PermissionsExt;

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
        let (file, known) = open(&path).unwrap();
        assert!(known.is_empty());
        let mut kept = Kept { file: Some(file) };
        inputs.iter().for_each(|input| kept.add(input));
        assert_eq!(open(&path).unwrap().1, inputs);
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn two_prompts_add_to_one_file() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("history");
        let mut prompts = [(); 2].map(|()| Kept {
            file: Some(open(&path).unwrap().0),
        });
        prompts[0].add("one");
        prompts[1].add("two");
        prompts[0].add("three");
        assert_eq!(open(&path).unwrap().1, ["one", "two", "three"]);
    }

    #[test]
    fn a_long_file_is_made_shorter() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("history");
        let count = INPUTS_MAX * 2;
        let text: String = (0..count).map(|number| format!("{number}\n")).collect();
        fs::write(&path, text).unwrap();
        let (file, inputs) = open(&path).unwrap();
        assert_eq!(inputs.len(), INPUTS_MAX);
        Kept { file: Some(file) }.add("new");
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), INPUTS_MAX + 1);
        assert_eq!(text.lines().next_back(), Some("new"));
    }

    #[test]
    fn what_is_no_text_or_no_file_does_no_harm() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("history");
        fs::write(&path, b"good\n\xff\xfe\n\"half\n\n").unwrap();
        assert_eq!(
            open(&path).unwrap().1,
            ["good", "\u{fffd}\u{fffd}", "\"half"]
        );
        assert!(open(place.path()).is_err());
        assert!(open(&path.join("below")).is_err());
        let fifo = place.path().join("fifo");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert!(open(&fifo).is_err());
    }
}
