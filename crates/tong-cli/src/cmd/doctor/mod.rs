//! `tong doctor`.

use crate::args::DoctorArgs;
use crate::exit::{Code, Failure};

pub(crate) fn run(_args: &DoctorArgs) -> Result<(), Failure> {
    Err(Failure::Own(Code::Other, "not there yet".to_owned()))
}
