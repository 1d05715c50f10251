//! What is inside the messages: JSON and CBOR to events and questions, and answers to JSON and CBOR.
//!
//! The wire's own types live here and only here. Nothing here does IO, and nothing panics or allocates by a declared
//! length, whatever a device sends: a payload is bounded first, then read.

mod downlink;
mod feedback;
mod news;
mod overheard;
mod uplink;
mod value;

use crate::domain::device::Format;
use crate::domain::event::Event;
use crate::domain::ids::FirmwareType;

use super::chunks::ChunkRequest;
use super::topic::Leaf;

pub use downlink::{Answer, BLOCK_RECOMMENDED, NO_ROOM, encode_ack, encode_message, encode_resp};
pub use feedback::ddi_feedback;
pub use news::{NewsBody, encode_news};
pub use overheard::overheard;
pub use uplink::decode;

/// The largest payload from a device in bytes: its largest MQTT packet.
pub const PAYLOAD_MAX: usize = 64 * 1024;
/// How deep CBOR may be nested. Our own messages need five levels.
pub const CBOR_DEPTH_MAX: usize = 32;
/// The longest token of a request in bytes: room for a UUID in text with a prefix.
pub const CID_MAX: usize = 64;
/// The longest descriptive text of a device (boot id, model, revision, a check) in bytes. Models are compared with
/// rules, and no hardware in the field has a longer name.
pub const TEXT_MAX: usize = 128;

/// A token that a device puts into a request and finds in the answer; at most [`CID_MAX`] bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Cid(Box<str>);

impl Cid {
    /// The token, if it is not too long.
    pub fn new(text: &str) -> Option<Self> {
        (text.len() <= CID_MAX).then(|| Cid(text.into()))
    }

    /// The token as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A payload that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded {
    /// The encoding of the request, which answers use; JSON for plain text, octets and empty payloads.
    pub format: Format,
    /// The sequence number, where the message has one.
    pub seq: Option<u64>,
    /// What it says.
    pub body: Body,
}

/// What a message from a device says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// Something for the engine.
    Event(Event),
    /// "Which rules stand in the way?"
    Explain {
        /// The request's token.
        cid: Option<Cid>,
        /// The firmware type; none for all that the device has.
        kind: Option<FirmwareType>,
    },
    /// "What should I run?"
    Get {
        /// The request's token.
        cid: Option<Cid>,
    },
    /// "Send me these blocks."
    ChunkGet(ChunkRequest),
}

/// Why a payload cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PayloadError {
    /// More than [`PAYLOAD_MAX`] bytes; carries how many.
    #[error("the payload has {0} bytes, {PAYLOAD_MAX} are allowed")]
    TooLarge(usize),
    /// A content type that is not spoken here, or not on this topic.
    #[error("the content type is not application/json, application/cbor or (for attributes) octet-stream")]
    ContentType,
    /// Neither JSON nor CBOR by its first byte.
    #[error("the payload is neither JSON nor CBOR")]
    NoFormat,
    /// Not the JSON of this message; carries where and why.
    #[error("not the JSON of this message: {0}")]
    Json(String),
    /// Not the CBOR of this message; carries where and why.
    #[error("not the CBOR of this message: {0}")]
    Cbor(String),
    /// Bytes after the end of the CBOR item; carries how many.
    #[error("{0} bytes follow the message")]
    Trailing(usize),
    /// Octets of a version or attribute that are not eight; carries how many.
    #[error("the payload has {0} octets; a number has 8, the lowest first")]
    Octets(usize),
    /// Text that is not UTF-8.
    #[error("the text is not UTF-8")]
    NotUtf8,
    /// A field holds what it must not; carries which.
    #[error("{0} has a value that it cannot have")]
    Value(&'static str),
    /// More entries than allowed.
    #[error("{field} has {found} entries, {max} are allowed")]
    TooMany {
        /// The field.
        field: &'static str,
        /// How many there are.
        found: usize,
        /// How many there may be.
        max: usize,
    },
    /// The feedback names another action than the topic.
    #[error("the feedback names another action than the topic")]
    OtherAction,
    /// The server speaks on this topic.
    #[error("the server speaks on this topic")]
    ServerSpeaks,
}

impl PayloadError {
    /// A stable code for machines.
    pub fn code(&self) -> &'static str {
        match self {
            PayloadError::TooLarge(_) => "too-large",
            PayloadError::ContentType => "unknown-content-type",
            PayloadError::NoFormat => "unknown-format",
            PayloadError::Json(_) => "malformed-json",
            PayloadError::Cbor(_) => "malformed-cbor",
            PayloadError::Trailing(_) => "trailing-bytes",
            PayloadError::Octets(_) => "wrong-length",
            PayloadError::NotUtf8 => "not-utf8",
            PayloadError::Value(_) => "bad-value",
            PayloadError::TooMany { .. } => "too-many",
            PayloadError::OtherAction => "other-action",
            PayloadError::ServerSpeaks => "server-speaks",
        }
    }
}

/// How a payload is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// JSON or CBOR.
    Structured(Format),
    /// Eight bytes, the lowest first.
    Octets,
    /// Plain text.
    Text,
}

impl Encoding {
    /// The encoding by the content type (MQTT 5), or without one by the first byte. Digits count as text, because a
    /// number reads the same and `1.0.1` is only text.
    ///
    /// # Errors
    /// [`PayloadError::ContentType`] for an unknown content type.
    pub fn of(content_type: Option<&str>, payload: &[u8]) -> Result<Self, PayloadError> {
        let essence = content_type.and_then(|text| text.split(';').next()).map_or("", str::trim);
        let known = [
            ("application/json", Encoding::Structured(Format::Json)),
            ("application/cbor", Encoding::Structured(Format::Cbor)),
            ("application/octet-stream", Encoding::Octets),
            ("text/plain", Encoding::Text),
        ];
        if essence.is_empty() {
            return Ok(Encoding::by_first_byte(payload));
        }
        let found = known.iter().find(|(name, _)| essence.eq_ignore_ascii_case(name));
        found.map(|(_, encoding)| *encoding).ok_or(PayloadError::ContentType)
    }

    fn by_first_byte(payload: &[u8]) -> Self {
        match payload.iter().find(|byte| !byte.is_ascii_whitespace()) {
            Some(b'{' | b'[' | b'"') => Encoding::Structured(Format::Json),
            Some(0xA0..=0xBF) => Encoding::Structured(Format::Cbor),
            Some(_) | None => Encoding::Text,
        }
    }

    /// The encoding of the answer.
    fn answer(self) -> Format {
        match self {
            Encoding::Structured(format) => format,
            Encoding::Octets | Encoding::Text => Format::Json,
        }
    }
}

/// The content type that an MQTT 5 message in this format carries.
pub fn content_type(format: Format) -> &'static str {
    match format {
        Format::Json => "application/json",
        Format::Cbor => "application/cbor",
    }
}

/// The format of the answer to a payload that need not be readable.
pub fn answer_format(content_type: Option<&str>, payload: &[u8]) -> Format {
    Encoding::of(content_type, payload).map_or(Format::Json, Encoding::answer)
}

/// Reads one whole item of a format.
fn read<T: serde::de::DeserializeOwned>(format: Format, payload: &[u8]) -> Result<T, PayloadError> {
    match format {
        Format::Json => serde_json::from_slice(payload).map_err(|e| PayloadError::Json(e.to_string())),
        Format::Cbor => {
            let mut rest = payload;
            let item = ciborium::de::from_reader_with_recursion_limit(&mut rest, CBOR_DEPTH_MAX)
                .map_err(|e| PayloadError::Cbor(e.to_string()))?;
            if rest.is_empty() { Ok(item) } else { Err(PayloadError::Trailing(rest.len())) }
        }
    }
}

#[cfg(test)]
mod tests;
