//! `tong lp`.

use crate::args::LpArgs;
use crate::exit::{Code, Failure};
use std::io::Write;

pub(crate) fn run(args: &LpArgs) -> Result<(), Failure> {
    write(args, &mut std::io::stdout().lock(), false)
}

/// Lists the processes to `out`, for people if that is a terminal.
pub(crate) fn write(
    _args: &LpArgs,
    _out: &mut dyn Write,
    _is_terminal: bool,
) -> Result<(), Failure> {
    Err(Failure::Own(Code::Other, "not there yet".to_owned()))
}
