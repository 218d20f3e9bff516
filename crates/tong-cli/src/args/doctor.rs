//! The command line of `tong doctor`.

/// `tong doctor`.
#[derive(Debug, clap::Args)]
pub(crate) struct DoctorArgs {
    /// Print one JSON object a line
    #[arg(long)]
    pub(crate) json: bool,
}
