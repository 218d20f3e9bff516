//! `tong global`: the machine-wide directory.

use crate::exit::Failure;
use crate::output;

pub(crate) fn init() -> Result<(), Failure> {
    let dir = tong::namespace::init_global()?;
    output::print(&format!(
        "{} is ready for names that users share\n",
        dir.display()
    ))
}
