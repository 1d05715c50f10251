//! Which bytes of a file a request is answered with: conditions and ranges of RFC 9110, sections 13 and 14.
//!
//! Pure: headers and a size come in, a plan comes out. Shared by every door that hands out files.

use std::time::{SystemTime, UNIX_EPOCH};

use axum::http::header::{IF_MATCH, IF_NONE_MATCH, IF_RANGE, RANGE};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use http_range_header::{
    EndPosition, RangeUnsatisfiableError, StartPosition, SyntacticallyCorrectRange, parse_range_header,
};

/// The most ranges in one request. Clients that resume ask for one, the keenest downloaders for a handful; more
/// only make the server seek (RFC 9110, 17.15).
pub const RANGES_MAX: usize = 8;
/// Ranges closer together than this are sent as one: the head of a part costs about as much as the gap.
const GAP_MAX: u64 = 128;

/// Bytes `first..=last` of a file, not empty and within it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The first byte.
    pub first: u64,
    /// The last byte.
    pub last: u64,
}

impl Span {
    /// How many bytes.
    #[allow(clippy::len_without_is_empty)] // A span is never empty.
    pub fn len(self) -> u64 {
        self.last - self.first + 1
    }
}

/// How a request for a file is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Plan {
    /// 200 with all of it.
    Whole,
    /// 206 with one range.
    Part(Span),
    /// 206 with several ranges, as `multipart/byteranges`.
    Parts(Vec<Span>),
    /// 304: the client has it.
    NotModified,
    /// 412: the client wants another version of it.
    PreconditionFailed,
    /// 416: no range is within the file, or there are too many.
    NotSatisfiable,
}

/// The plan for a GET or HEAD of a file of `size` bytes whose strong tag is `etag` (with its quotes).
///
/// The file has no modification date that is worth anything (its name is its content), so a date never proves a
/// match: `If-Range` with one gets the whole file, and the two conditions on dates are not evaluated.
pub fn plan(headers: &HeaderMap, size: u64, etag: &str) -> Plan {
    plan_or(headers, size, etag, Plan::Whole)
}

/// The same for a door that answers a malformed `Range` with `malformed` instead of ignoring it.
pub fn plan_or(headers: &HeaderMap, size: u64, etag: &str, malformed: Plan) -> Plan {
    plan_dated(headers, size, etag, malformed, None)
}

/// The same for a door that names a date with its files: one in `If-Range` that is not older proves a match, as
/// hawkBit's clients have it.
pub fn plan_dated(
    headers: &HeaderMap,
    size: u64,
    etag: &str,
    malformed: Plan,
    modified: Option<SystemTime>,
) -> Plan {
    let lists = |name: &HeaderName, weak: bool| tags_include(headers, name, etag, weak);
    if headers.contains_key(IF_MATCH) && !lists(&IF_MATCH, false) {
        return Plan::PreconditionFailed;
    }
    if headers.contains_key(IF_NONE_MATCH) && lists(&IF_NONE_MATCH, true) {
        return Plan::NotModified;
    }
    let current = |value: &HeaderValue| value.as_bytes() == etag.as_bytes() || is_not_older(value, modified);
    let stale = headers.get(IF_RANGE).is_some_and(|value| !current(value));
    let mut ranges = headers.get_all(RANGE).iter();
    match (ranges.next(), ranges.next()) {
        (Some(value), None) if !stale => match value.to_str() {
            Ok(text) => ranges_of(text, size, malformed),
            Err(_) => malformed,
        },
        // A header that comes twice is malformed, and a malformed one is ignored (14.2).
        (_, _) => Plan::Whole,
    }
}

/// Whether a date is that of the file or later, in whole seconds as HTTP writes them.
fn is_not_older(value: &HeaderValue, modified: Option<SystemTime>) -> bool {
    let seconds = |moment: SystemTime| moment.duration_since(UNIX_EPOCH).ok().map(|since| since.as_secs());
    let said = value.to_str().ok().and_then(|text| httpdate::parse_http_date(text).ok()).and_then(seconds);
    said.zip(modified.and_then(seconds)).is_some_and(|(said, modified)| said >= modified)
}

/// Whether a list of entity tags includes ours. A weak tag counts only in a weak comparison (8.8.3.2).
fn tags_include(headers: &HeaderMap, name: &HeaderName, etag: &str, weak: bool) -> bool {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim).any(|tag| match tag.strip_prefix("W/") {
        Some(tag) => weak && tag == etag,
        // hawkBit's clients leave the quotes out.
        None => tag == "*" || tag == etag || tag == etag.trim_matches('"'),
    })
}

fn ranges_of(text: &str, size: u64, malformed: Plan) -> Plan {
    // Units other than bytes and malformed lists are ignored (14.2).
    let parsed = match parse_range_header(text) {
        Ok(parsed) if parsed.ranges.iter().all(is_ordered) => parsed,
        Err(RangeUnsatisfiableError::ZeroSuffix) => return Plan::NotSatisfiable,
        Ok(_) | Err(_) => return malformed,
    };
    if parsed.ranges.len() > RANGES_MAX {
        return Plan::NotSatisfiable;
    }
    let spans: Vec<Span> = parsed.ranges.iter().filter_map(|range| resolve(range, size)).collect();
    let mut spans = coalesce(spans);
    match spans.pop() {
        None => Plan::NotSatisfiable,
        Some(only) if spans.is_empty() => Plan::Part(only),
        Some(last) => {
            spans.push(last);
            Plan::Parts(spans)
        }
    }
}

/// A range whose end comes before its start makes the list malformed (14.1.1).
fn is_ordered(range: &SyntacticallyCorrectRange) -> bool {
    match (range.start, range.end) {
        (StartPosition::Index(first), EndPosition::Index(last)) => first <= last,
        (_, _) => true,
    }
}

/// What a range means in a file of `size` bytes; nothing when it lies outside.
fn resolve(range: &SyntacticallyCorrectRange, size: u64) -> Option<Span> {
    let end = size.checked_sub(1)?;
    let (first, last) = match (range.start, range.end) {
        (StartPosition::Index(first), EndPosition::LastByte) => (first, end),
        (StartPosition::Index(first), EndPosition::Index(last)) => (first, last.min(end)),
        (StartPosition::FromLast(count), _) => (size.saturating_sub(count), end),
    };
    (first <= last).then_some(Span { first, last })
}

/// Merges ranges that overlap or nearly touch. What stays apart keeps the order of the request.
fn coalesce(spans: Vec<Span>) -> Vec<Span> {
    let mut merged: Vec<Span> = Vec::with_capacity(spans.len());
    for mut span in spans {
        // A merged range may bridge two others, so look until nothing is near.
        while let Some(at) = merged.iter().position(|other| near(*other, span)) {
            let other = merged.remove(at);
            span = Span { first: other.first.min(span.first), last: other.last.max(span.last) };
        }
        merged.push(span);
    }
    merged
}

fn near(a: Span, b: Span) -> bool {
    let gap =
        if a.first <= b.first { b.first.saturating_sub(a.last) } else { a.first.saturating_sub(b.last) };
    gap <= GAP_MAX
}

#[cfg(test)]
#[path = "range_tests.rs"]
mod tests;
