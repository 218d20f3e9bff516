//! A message as `--json` prints it.

use crate::text;
use serde::Serialize;
use std::time::SystemTime;

/// A message as text if it is text, else in base 64.
#[derive(Serialize)]
pub(super) struct Record<'a> {
    pub(super) number: u64,
    pub(super) time: String,
    #[serde(flatten)]
    pub(super) body: Body<'a>,
}

/// What a message holds.
#[derive(Serialize)]
pub(super) struct Body<'a> {
    pub(super) bytes: usize,
    pub(super) message: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) base64: Option<String>,
}

impl<'a> Record<'a> {
    /// The `number`th message, which came just now.
    pub(super) fn now(number: u64, body: Body<'a>) -> Record<'a> {
        Record {
            number,
            time: text::rfc3339(SystemTime::now()),
            body,
        }
    }
}

impl<'a> Body<'a> {
    /// A message, and the text that it was decoded to, if it was.
    pub(super) fn new(message: &[u8], decoded: Option<&'a str>) -> Body<'a> {
        Body {
            bytes: message.len(),
            message: decoded,
            base64: decoded.is_none().then(|| text::base64(message)),
        }
    }

    /// A message that is text if it is UTF-8.
    pub(super) fn of(message: &'a [u8]) -> Body<'a> {
        Body::new(message, std::str::from_utf8(message).ok())
    }
}
