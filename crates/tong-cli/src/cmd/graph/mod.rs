//! `tong graph`.

use crate::args::GraphArgs;
use crate::exit::{Code, Failure};

pub(crate) fn run(_args: &GraphArgs) -> Result<(), Failure> {
    Err(Failure::Own(Code::Other, "not there yet".to_owned()))
}
