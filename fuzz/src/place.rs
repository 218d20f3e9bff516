//! Where the cases' mailslots and sockets live.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::OnceLock;

use tong::MailslotName;

/// The directory of the namespace: that of the environment, else one made for this process.
pub(crate) fn dir() -> &'static PathBuf {
    static DIR: OnceLock<PathBuf> = OnceLock::new();
    DIR.get_or_init(|| match std::env::var_os("TONG_DIR") {
        Some(dir) => dir.into(),
        None => {
            // For a fuzzer that ends by being killed; `main.rs` sets the variable and cleans up.
            let dir = private_dir().keep();
            std::env::set_var("TONG_DIR", &dir);
            dir
        }
    })
}

/// Makes a temporary directory that only this user can enter.
///
/// # Panics
/// If there is no room for one.
#[must_use]
pub fn private_dir() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a temporary directory");
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o700))
        .expect("our own directory");
    dir
}

/// A name that no other case of this process had.
pub(crate) fn fresh_name() -> MailslotName {
    dir();
    MailslotName::short(&format!("fuzz-{}-{}", std::process::id(), fresh())).expect("a plain name")
}

/// A path that no other case of this process had.
pub(crate) fn fresh_path() -> PathBuf {
    dir().join(format!("fuzz-{}", fresh()))
}

fn fresh() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}
