//! The kernel's numbers for how an operation ended, which `OVERLAPPED::Internal` holds.

use tong::ErrorKind;

use crate::error::Code;

/// The operation goes on.
pub(crate) const STATUS_PENDING: usize = 0x103;
/// It succeeded.
pub(crate) const STATUS_SUCCESS: usize = 0;
/// It delivered the beginning of a message.
pub(crate) const STATUS_BUFFER_OVERFLOW: usize = 0x8000_0005;
/// There is nothing at the offset, or beyond.
pub(crate) const STATUS_END_OF_FILE: usize = 0xC000_0011;

/// Statuses that stand for one error code each.
const CODES: [(usize, Code); 26] = [
    (STATUS_BUFFER_OVERFLOW, Code::MORE_DATA),
    (STATUS_END_OF_FILE, Code::HANDLE_EOF),
    (0xC000_0008, Code::INVALID_HANDLE),
    (0xC000_000D, Code::INVALID_PARAMETER),
    (0xC000_0010, Code::INVALID_FUNCTION),
    (0xC000_0017, Code::NOT_ENOUGH_MEMORY),
    (0xC000_0022, Code::ACCESS_DENIED),
    (0xC000_0023, Code::INSUFFICIENT_BUFFER),
    (0xC000_0034, Code::FILE_NOT_FOUND),
    (0xC000_007F, Code::DISK_FULL),
    (0xC000_009A, Code::NO_SYSTEM_RESOURCES),
    (0xC000_00AB, Code::PIPE_BUSY),
    (0xC000_00AC, Code::PIPE_BUSY),
    (0xC000_00AD, Code::BAD_PIPE),
    (0xC000_00AE, Code::PIPE_BUSY),
    (0xC000_00B0, Code::PIPE_NOT_CONNECTED),
    (0xC000_00B1, Code::NO_DATA),
    (0xC000_00B2, Code::PIPE_CONNECTED),
    (0xC000_00B3, Code::PIPE_LISTENING),
    (0xC000_00B4, Code::BAD_PIPE),
    (0xC000_00B5, Code::SEM_TIMEOUT),
    (0xC000_00B6, Code::HANDLE_EOF),
    (0xC000_00BB, Code::NOT_SUPPORTED),
    (0xC000_00D9, Code::NO_DATA),
    (0xC000_0120, Code::OPERATION_ABORTED),
    (0xC000_014B, Code::BROKEN_PIPE),
];

/// The status of an operation that ended like this.
pub(crate) fn of(error: Option<ErrorKind>) -> usize {
    let Some(kind) = error else {
        return STATUS_SUCCESS;
    };
    match kind {
        ErrorKind::MoreData => STATUS_BUFFER_OVERFLOW,
        ErrorKind::InvalidHandle | ErrorKind::WrongKind => 0xC000_0008,
        ErrorKind::InvalidParameter | ErrorKind::MessageTooLong { .. } => 0xC000_000D,
        ErrorKind::InvalidFunction => 0xC000_0010,
        ErrorKind::NoMemory | ErrorKind::QueueFull => 0xC000_0017,
        ErrorKind::AccessDenied => 0xC000_0022,
        ErrorKind::BufferTooSmall { .. } => 0xC000_0023,
        ErrorKind::NotFound => 0xC000_0034,
        ErrorKind::DiskFull => 0xC000_007F,
        ErrorKind::NoResources => 0xC000_009A,
        ErrorKind::BadPipe => 0xC000_00AD,
        ErrorKind::PipeBusy => 0xC000_00AE,
        ErrorKind::NotConnected => 0xC000_00B0,
        ErrorKind::PipeClosing => 0xC000_00B1,
        ErrorKind::PipeConnected => 0xC000_00B2,
        ErrorKind::PipeListening => 0xC000_00B3,
        ErrorKind::TimedOut => 0xC000_00B5,
        ErrorKind::Closed => 0xC000_00B6,
        ErrorKind::Unsupported => 0xC000_00BB,
        ErrorKind::PipeEmpty => 0xC000_00D9,
        ErrorKind::Canceled => 0xC000_0120,
        ErrorKind::BrokenPipe => 0xC000_014B,
        // STATUS_UNSUCCESSFUL, whose number is that of a general failure.
        _ => 0xC000_0001,
    }
}

/// What a finished operation returns; `Ok` for a success.
pub(crate) fn to_result(status: usize) -> Result<(), Code> {
    if status == STATUS_SUCCESS || status == STATUS_PENDING {
        return Ok(());
    }
    let known = CODES.iter().find(|(known, _)| *known == status);
    Err(known.map_or(Code::GEN_FAILURE, |(_, code)| *code))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// P22.12: what GetOverlappedResult says is what the call itself would have said.
    #[test]
    fn status_leads_to_the_code_of_its_error() {
        use ErrorKind::*;
        let kinds = [
            MoreData,
            InvalidHandle,
            InvalidParameter,
            InvalidFunction,
            NoMemory,
            AccessDenied,
            BufferTooSmall { needed: 1 },
            NotFound,
            DiskFull,
            NoResources,
            BadPipe,
            PipeBusy,
            NotConnected,
            PipeClosing,
            PipeConnected,
            PipeListening,
            TimedOut,
            Closed,
            Unsupported,
            PipeEmpty,
            Canceled,
            BrokenPipe,
            Io,
        ];
        for kind in kinds {
            assert_eq!(to_result(of(Some(kind))), Err(Code::from(kind)), "{kind:?}");
        }
        assert_eq!(to_result(of(None)), Ok(()));
    }
}
