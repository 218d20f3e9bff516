//! The command line of `tong lp`.

/// `tong lp`.
#[derive(Debug, clap::Args)]
pub(crate) struct LpArgs {
    /// Print one JSON object a line
    #[arg(long)]
    pub(crate) json: bool,
}
