//! Which format is read and which is written: `Content-Type` and `Accept`.

use axum::http::header::{ACCEPT, CONTENT_TYPE};

use crate::domain::device::Format;
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
const WRITTEN: [Written; 3] = [
    Written { format: Format::Json, media: "application/hal+json" },
    Written { format: Format::Json, media: "application/json" },
    Written { format: Format::Cbor, media: "application/cbor" },
];

/// The format that the client likes best of those that are written here (RFC 9110, 12.5.1).
pub fn answer_format(asked: &Asked) -> Result<Written, No> {
    let lines = asked.headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let ranges: Vec<(&str, f32)> = lines.flat_map(|line| line.split(',')).map(range).collect();
    if ranges.is_empty() {
        return Ok(WRITTEN[0]);
    }
    let mut best: Option<(Written, f32)> = None;
    for (range, quality) in ranges {
        let found = WRITTEN.iter().find(|written| matches(range, written.media));
        if let Some(written) = found.filter(|_| quality > best.map_or(0.0, |(_, best)| best)) {
            best = Some((*written, quality));
        }
    }
    best.map(|(written, _)| written).ok_or(No::NotAcceptable)
}

/// One element of `Accept` with its quality; one that cannot be read counts as 1.
fn range(text: &str) -> (&str, f32) {
    let mut parts = text.split(';').map(str::trim);
    let media = parts.next().unwrap_or_default();
    let quality = parts.find_map(|part| part.strip_prefix("q=")).and_then(|q| q.parse().ok());
    (media, quality.unwrap_or(1.0))
}

fn matches(range: &str, media: &str) -> bool {
    range == "*/*" || range == "application/*" || range.eq_ignore_ascii_case(media)
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
