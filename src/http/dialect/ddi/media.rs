//! Which format is read and which is written: `Content-Type` and `Accept`.

use axum::http::header::CONTENT_TYPE;

use crate::domain::device::Format;
use crate::http::accept;
use crate::http::dialect::{Asked, No};

/// How an answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// The encoding.
    pub format: Format,
    /// The media type that says so.
    pub media: &'static str,
}

/// What is written, the preferred first.
const WRITTEN: [&str; 3] = ["application/hal+json", "application/json", "application/cbor"];

/// The format that the client likes best of those that are written here.
pub fn answer_format(asked: &Asked) -> Result<Written, No> {
    let media = accept::preferred(&asked.headers, &WRITTEN).ok_or(No::NotAcceptable)?;
    let format = if media == "application/cbor" { Format::Cbor } else { Format::Json };
    Ok(Written { format, media })
}

/// The format of the request's body. hawkBit takes no `application/hal+json` here.
pub fn body_format(asked: &Asked) -> Result<Format, No> {
    let text = asked.header(CONTENT_TYPE.as_str()).unwrap_or_default();
    let media = text.split(';').next().unwrap_or_default().trim();
    match media.to_ascii_lowercase().as_str() {
        "application/json" => Ok(Format::Json),
        "application/cbor" => Ok(Format::Cbor),
        _ => Err(No::MediaType),
    }
}
