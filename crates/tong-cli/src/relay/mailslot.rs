//! Mailslots as ends: one that we create is read, one that somebody else has created is written to.

use super::{End, Fault, Got, Sink, Source, Stop, Told};
use crate::exit::Failure;
use std::time::Duration;
use tong::{wait, ErrorKind, MailslotClient, MailslotName, MailslotServer};

/// Creates a mailslot, and gives out what is written to it.
pub(crate) fn read(name: &MailslotName) -> Result<End, Failure> {
    let server = MailslotServer::create(name)?;
    let mut end = End::new(format!("mailslot:{}", name.full()));
    end.source = Some(Box::new(server));
    end.has_messages = true;
    Ok(end)
}

/// Opens a mailslot to write to it.
pub(crate) fn write(name: &MailslotName) -> Result<End, Failure> {
    let client = MailslotClient::open(name)?;
    let mut end = End::new(format!("mailslot:{}", name.full()));
    end.sink = Some(Box::new(client));
    end.has_messages = true;
    Ok(end)
}

impl Source for MailslotServer {
    fn next(&mut self, chunk: &mut Vec<u8>, stop: &Stop) -> Result<Got, Failure> {
        loop {
            match self.recv_vec(Some(Duration::ZERO)) {
                Ok(message) => {
                    *chunk = message;
                    return Ok(Got::Data);
                }
                Err(error) if error.kind() == ErrorKind::TimedOut => {}
                Err(error) => return Err(error.into()),
            }
            if wait::any(&[&*self, &wait::Fd::of(stop)], None)?.index == 1 {
                return Ok(Got::Stopped);
            }
        }
    }
}

impl Sink for MailslotClient {
    fn put(&mut self, chunk: &[u8]) -> Result<(), Fault> {
        self.send(chunk).map_err(|error| match error.kind() {
            ErrorKind::Closed => Fault::Gone,
            _ => Fault::Failed(error.into()),
        })
    }

    fn finish(&mut self) -> Result<Told, Fault> {
        // Nothing comes back from a mailslot that one could wait for.
        Ok(Told::Yes)
    }
}
