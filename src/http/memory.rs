//! What a connection remembers: the file that it was granted last. A device that fetches a file in small ranges asks
//! for the same over and over, and only the range differs.
//!
//! What is remembered holds only as long as nothing at all has been committed since; so it never outlives a token, an
//! action or a file.

use std::sync::{Arc, Mutex, PoisonError};

use axum::http::header::{IF_MATCH, IF_NONE_MATCH, IF_RANGE, RANGE};
use axum::http::{HeaderMap, HeaderName, Method, Uri};

use crate::domain::ids::Time;
use crate::domain::image::Artifact;

/// What does not bear on whether a file is granted.
const OF_THE_BYTES: [HeaderName; 4] = [RANGE, IF_RANGE, IF_MATCH, IF_NONE_MATCH];

/// The memory of one connection. It holds what the client proved itself with, so it cannot be printed.
#[derive(Clone, Default)]
pub struct Memory(Arc<Mutex<Option<Granted>>>);

/// A file that was granted to a request.
struct Granted {
    /// How many commits there had been before it was decided.
    commits: u64,
    uri: Uri,
    headers: HeaderMap,
    file: GrantedFile,
}

/// A file that may be handed out.
#[derive(Debug, Clone)]
pub struct GrantedFile {
    /// The file.
    pub artifact: Box<Artifact>,
    /// When it was uploaded.
    pub created: Time,
}

impl Memory {
    /// What was granted to a request that differed in nothing but the part of the file, if nothing has been committed
    /// since.
    pub fn recall(&self, uri: &Uri, headers: &HeaderMap, commits: Option<u64>) -> Option<GrantedFile> {
        let memory = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let granted = memory.as_ref().filter(|granted| Some(granted.commits) == commits)?;
        (granted.uri == *uri && is_same(&granted.headers, headers)).then(|| granted.file.clone())
    }

    /// Remembers what a request was granted; `commits` is what there were before it was looked at.
    pub fn keep(&self, uri: Uri, headers: HeaderMap, commits: Option<u64>, file: GrantedFile) {
        let mut memory = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *memory = commits.map(|commits| Granted { commits, uri, headers, file });
    }
}

/// Whether a request asks for a part of something: a whole file is worth a fresh look, and may be worth a record.
pub fn asks_for_part(method: &Method, headers: &HeaderMap) -> bool {
    *method == Method::GET && headers.contains_key(RANGE)
}

/// Whether two headers are the same apart from what they say about the bytes.
fn is_same(a: &HeaderMap, b: &HeaderMap) -> bool {
    let count = |headers: &HeaderMap| {
        let of_the_bytes = OF_THE_BYTES.iter().map(|name| headers.get_all(name).iter().count());
        headers.len() - of_the_bytes.sum::<usize>()
    };
    let rest = a.iter().filter(|(name, _)| !OF_THE_BYTES.contains(name));
    let mut rest =
        rest.map(|(name, value)| (b.get_all(name).iter().count() == 1, b.get(name) == Some(value)));
    count(a) == count(b) && rest.all(|(single, same)| single && same)
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
            (&[("authorization", "a"), ("host", "h")], true),
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
