//! The command line of `tong kp`.

/// `tong kp`.
#[derive(Debug, clap::Args)]
pub(crate) struct KpArgs {
    /// Print one JSON object a line
    #[arg(long)]
    pub(crate) json: bool,
}
