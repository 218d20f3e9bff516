//! `tong mailslot read`: creates a mailslot and prints what arrives.

use super::record::{Body, Record};
use super::{access, mailslot_name, note};
use crate::args::ReadArgs;
use crate::exit::{Code, Failure};
use crate::{output, text};
use tong::{ErrorKind, MailslotServer};

pub(crate) fn run(args: &ReadArgs) -> Result<(), Failure> {
    let server = create(args)?;
    note(
        args.quiet,
        &format!("reading {}; Ctrl-C ends", server.name()),
    );
    for number in 1..=args.count.unwrap_or(u64::MAX) {
        let message = receive(&server, args)?;
        show(&message, number, args)?;
    }
    Ok(())
}

/// Creates the mailslot as the flags describe it.
fn create(args: &ReadArgs) -> Result<MailslotServer, Failure> {
    let name = mailslot_name(&args.name)?;
    let mut options = MailslotServer::options();
    options
        .max_message_len(args.max_message)
        .read_timeout(args.timeout)
        .access(access(&args.access));
    if let Some(bytes) = args.quota {
        options.quota_bytes(bytes);
    }
    Ok(options.create(&name)?)
}

/// Takes the next message, waiting as long as `--timeout` allows.
fn receive(server: &MailslotServer, args: &ReadArgs) -> Result<Vec<u8>, Failure> {
    match (server.recv_vec(args.timeout), args.timeout) {
        (Err(error), Some(timeout)) if error.kind() == ErrorKind::TimedOut => {
            let (name, ms) = (server.name(), timeout.as_millis());
            Err(Failure::Own(
                Code::TimedOut,
                format!("no message arrived at {name} within {ms} ms"),
            ))
        }
        (result, _) => Ok(result?),
    }
}

/// Prints a message in the form that was asked for.
fn show(message: &[u8], number: u64, args: &ReadArgs) -> Result<(), Failure> {
    if args.raw {
        return output::print_raw(message);
    }
    let wide = if args.utf16 {
        text::from_utf16(message)
    } else {
        None
    };
    let shown = wide.as_ref().map_or(message, |wide| wide.as_bytes());
    if !args.json {
        return output::print_raw(format!("{}\n", text::line(shown)).as_bytes());
    }
    let is_decoded = wide.is_some() || !args.utf16;
    let decoded = std::str::from_utf8(shown).ok().filter(|_| is_decoded);
    output::print_json(&Record::now(number, Body::new(message, decoded)))
}
