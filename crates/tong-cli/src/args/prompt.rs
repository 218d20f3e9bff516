//! The command line of `tong prompt`.

/// `tong prompt`.
#[derive(Debug, clap::Args)]
pub(crate) struct PromptArgs {}
