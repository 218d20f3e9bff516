//! `tong kp`.

use crate::args::KpArgs;
use crate::exit::{Code, Failure};

pub(crate) fn run(_args: &KpArgs) -> Result<(), Failure> {
    Err(Failure::Own(Code::Other, "not there yet".to_owned()))
}
