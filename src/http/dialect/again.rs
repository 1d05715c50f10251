//! What a connection remembers: the file that it was granted last. A device that fetches a file in small parts asks
//! for the same over and over, and only the part differs.
//!
//! What is remembered holds only as long as nothing at all has been committed since; so it never outlives a token, an
//! action, a setting or a file.

use std::sync::{Arc, Mutex, PoisonError};

use axum::http::header::{IF_MATCH, IF_NONE_MATCH, IF_RANGE, RANGE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};
use axum::response::Response;

use super::{Asked, Dialect, carry};
use crate::domain::ids::Time;
use crate::domain::image::Artifact;
use crate::http::Door;

/// What does not bear on whether a file is granted.
const OF_THE_BYTES: [HeaderName; 4] = [RANGE, IF_RANGE, IF_MATCH, IF_NONE_MATCH];

/// The memory of one connection. It holds what the client proved itself with, so it cannot be printed.
#[derive(Clone, Default)]
pub struct Memory(Arc<Mutex<Option<Box<Granted>>>>);

/// A file that was granted to a request.
struct Granted {
    look: Look,
    asked: Asked,
    dialect: &'static dyn Dialect,
    artifact: Box<Artifact>,
    created: Time,
}

/// What a request asks for, and when.
pub(super) struct Look {
    uri: Uri,
    /// How many commits there had been before it was looked at.
    commits: u64,
}

impl Look {
    /// Of a request that is worth remembering: one for a part. A whole file is worth a fresh look, and a record.
    pub(super) fn at(parts: &Parts, door: &Door) -> Option<Look> {
        let for_part = parts.method == Method::GET && parts.headers.contains_key(RANGE);
        let commits = door.reader.commits().filter(|_| for_part)?;
        Some(Look { uri: parts.uri.clone(), commits })
    }
}

impl Memory {
    /// Answers a request that differs from the last one that was granted a file in nothing but the part that it
    /// wants, when nothing has been committed since. Gives back what is to be looked at anew.
    ///
    /// # Errors
    /// The request.
    pub async fn answer<B>(&self, door: &Door, request: Request<B>) -> Result<Response, Request<B>> {
        let Some(mut granted) = self.take(door, &request) else { return Err(request) };
        granted.asked.headers = request.into_parts().0.headers;
        let outcome = carry::open(door, granted.artifact.clone(), granted.created).await;
        let response = granted.dialect.answer(&granted.asked, outcome);
        self.put(granted);
        Ok(response)
    }

    /// Remembers what a request was granted.
    pub(super) fn keep(
        &self,
        look: Look,
        asked: Asked,
        dialect: &'static dyn Dialect,
        reply: (Box<Artifact>, Time),
    ) {
        let (artifact, created) = reply;
        self.put(Box::new(Granted { look, asked, dialect, artifact, created }));
    }

    /// What is remembered, if it is of use for this request.
    fn take<B>(&self, door: &Door, request: &Request<B>) -> Option<Box<Granted>> {
        let mut memory = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Look { uri, commits } = &memory.as_ref()?.look;
        let holds = request.uri() == uri && door.reader.commits() == Some(*commits);
        let for_part = request.method() == Method::GET && request.headers().contains_key(RANGE);
        let granted = memory.take().filter(|_| holds && for_part)?;
        is_same(&granted.asked.headers, request.headers()).then_some(granted)
    }

    fn put(&self, granted: Box<Granted>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(granted);
    }
}

/// Whether two headers say the same in the same order, apart from what they say about the bytes. A client that changes
/// the order costs a fresh look and nothing else.
fn is_same(a: &HeaderMap, b: &HeaderMap) -> bool {
    let bears = |(name, _): &(&HeaderName, &HeaderValue)| !OF_THE_BYTES.contains(name);
    a.iter().filter(bears).eq(b.iter().filter(bears))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn only_what_is_said_about_the_bytes_may_differ() {
        let first: &[(&str, &str)] = &[("host", "h"), ("authorization", "a"), ("range", "bytes=0-1")];
        let table: &[(&[(&'static str, &str)], bool)] = &[
            (&[("host", "h"), ("authorization", "a"), ("range", "bytes=0-1")], true),
            (&[("host", "h"), ("authorization", "a"), ("range", "bytes=2-3"), ("if-range", "x")], true),
            (&[("range", "bytes=0-1"), ("host", "h"), ("authorization", "a")], true),
            (&[("authorization", "a"), ("host", "h")], false),
            (&[("host", "h"), ("authorization", "b"), ("range", "bytes=0-1")], false),
            (&[("host", "h"), ("range", "bytes=0-1")], false),
            (&[("host", "h"), ("authorization", "a"), ("authorization", "b")], false),
            (&[("host", "h"), ("authorization", "a"), ("x-forwarded-proto", "https")], false),
            (&[("authorization", "a"), ("authorization", "h")], false),
        ];
        for (second, expected) in table {
            assert_eq!(is_same(&headers(first), &headers(second)), *expected, "{second:?}");
            assert_eq!(is_same(&headers(second), &headers(first)), *expected, "{second:?}");
        }
    }
}
