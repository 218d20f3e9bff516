//! `tong prompt`.

use crate::args::PromptArgs;
use crate::exit::{Code, Failure};

pub(crate) fn run(_args: &PromptArgs) -> Result<(), Failure> {
    Err(Failure::Own(Code::Other, "not there yet".to_owned()))
}
