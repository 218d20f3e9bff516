//! `tong top`.

use crate::args::TopArgs;
use crate::exit::{Code, Failure};

pub(crate) fn run(_args: &TopArgs) -> Result<(), Failure> {
    Err(Failure::Own(Code::Other, "not there yet".to_owned()))
}
