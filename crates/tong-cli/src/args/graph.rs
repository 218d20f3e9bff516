//! The command line of `tong graph`.

/// `tong graph`.
#[derive(Debug, clap::Args)]
pub(crate) struct GraphArgs {}
