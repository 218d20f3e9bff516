//! The command line of `tong top`.

/// `tong top`.
#[derive(Debug, clap::Args)]
pub(crate) struct TopArgs {}
