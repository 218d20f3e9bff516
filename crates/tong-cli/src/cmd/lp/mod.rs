//! `tong lp`.

use crate::args::LpArgs;
use crate::exit::{Code, Failure};

pub(crate) fn run(_args: &LpArgs) -> Result<(), Failure> {
    Err(Failure::Own(Code::Other, "not there yet".to_owned()))
}
