//! `GET /artifacts/{sha256}`: the bytes that devices install. A device gets the files of its actions under way and
//! no others; which those are, the engine's reader says.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{FromRequestParts, Request, State};
use axum::http::header::{ACCEPT_RANGES, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};

use super::Door;
use super::auth::{self, Caller};
use super::body::{FileBody, NoBody, Piece};
use super::error::ApiError;
use super::range::{Plan, Span, plan};
use super::request::Places;
use crate::domain::image::Sha256;
use crate::engine::access::Identity;
use crate::store::artifacts::ArtifactFile;

/// What separates ranges. It may not occur in a file by chance with any likelihood: the sum of the file follows.
const BOUNDARY: &str = "updraft-";

/// Room for the headers of an answer, with those that dialects add.
const HEADERS: usize = 12;

/// Hands out one file.
pub(super) async fn fetch(State(door): State<Arc<Door>>, request: Request) -> Result<Response, ApiError> {
    let (mut parts, _) = request.into_parts();
    let sha256 = allowed(&mut parts, &door).await?;
    let file = door.shelf.open(sha256).await?.ok_or_else(missing)?;
    let size = file.len();
    let etag = format!("\"{sha256}\"");
    let plan = plan(&parts.headers, size, &etag);
    let delivered = deliver(plan, &parts.method, file, &etag).map_err(|undelivered| match undelivered {
        Undelivered::OtherFile => {
            let message = "the file is not the one that If-Match names; fetch it anew";
            ApiError::new(StatusCode::PRECONDITION_FAILED, "not-the-file", message)
        }
        Undelivered::OutOfRange => {
            let message =
                format!("the file has {size} bytes; ask for at most 8 ranges, one of them within it");
            ApiError::new(StatusCode::RANGE_NOT_SATISFIABLE, "range-not-satisfiable", message).at("range")
        }
    });
    let kept = delivered.is_ok();
    let mut response = delivered.unwrap_or_else(IntoResponse::into_response);
    let headers = response.headers_mut();
    if kept {
        // The name is the content: whoever has it may keep it, in a cache of one's own.
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, immutable, max-age=31536000"));
    } else if response.status() == StatusCode::RANGE_NOT_SATISFIABLE {
        response.headers_mut().insert(CONTENT_RANGE, no_range(size));
    }
    Ok(response)
}

/// The file that is asked for, when the asker may have it.
async fn allowed(parts: &mut Parts, door: &Arc<Door>) -> Result<Sha256, ApiError> {
    let identity = auth::identify(parts, door).await?;
    let Places(text) = Places::<String>::from_request_parts(parts, door).await?;
    let sha256 = Sha256::parse(&text).ok_or_else(missing)?;
    let granted = match identity {
        Identity::Device(key) => {
            let grants = door.look(|reader| reader.grants(&key))?;
            grants.iter().any(|grant| grant.artifact.sha256 == sha256)
        }
        Identity::Operator { .. } => {
            let caller = Caller::from_request_parts(parts, door).await?;
            caller.params.done()?;
            door.ask(move |reader| reader.has_artifact(&caller.tenant, &sha256)).await?
        }
    };
    if granted { Ok(sha256) } else { Err(missing()) }
}

/// One answer for files that do not exist and files that the asker may not have.
fn missing() -> ApiError {
    let message = "there is no such artifact for you; a device gets those of its actions under way";
    ApiError::missing("no-such-artifact", message)
}

/// Why a file is not handed out. Each dialect has words of its own for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Undelivered {
    /// 412: the client wants another version of it.
    OtherFile,
    /// 416: nothing of what is asked for is within the file.
    OutOfRange,
}

/// The answer with the file, or with the part of it that the plan says.
pub(super) fn deliver(
    plan: Plan,
    method: &Method,
    file: ArtifactFile,
    etag: &str,
) -> Result<Response, Undelivered> {
    let size = file.len();
    let mut response = match plan {
        Plan::Whole => whole(size),
        Plan::Part(span) => part(span, size),
        Plan::Parts(spans) => parts(&spans, size, &format!("{BOUNDARY}{}", etag.trim_matches('"'))),
        Plan::NotModified => Outline::empty(StatusCode::NOT_MODIFIED),
        Plan::PreconditionFailed => return Err(Undelivered::OtherFile),
        Plan::NotSatisfiable => return Err(Undelivered::OutOfRange),
    }
    .fill(method, file);
    let own = response.headers_mut();
    own.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    own.insert(ETAG, value(etag.to_owned()));
    Ok(response)
}

/// RFC 9110, 15.5.17: the answer names the size.
pub(super) fn no_range(size: u64) -> HeaderValue {
    value(format!("bytes */{size}"))
}

/// Quoted only when needed; other signs than those of a token become `_` (RFC 6266 has no way that all can read).
pub(super) fn attachment(name: &str) -> HeaderValue {
    let plain = |c: char| c.is_ascii_alphanumeric() || "!#$&+-.^_`|~".contains(c);
    if name.chars().all(plain) {
        return value(format!("attachment;filename={name}"));
    }
    let shown: String = name.chars().map(|c| if plain(c) || c == ' ' { c } else { '_' }).collect();
    value(format!("attachment;filename=\"{shown}\""))
}

/// An answer before its method is looked at.
struct Outline {
    status: StatusCode,
    headers: HeaderMap,
    pieces: Vec<Piece>,
    length: Option<u64>,
}

impl Outline {
    fn empty(status: StatusCode) -> Self {
        Outline { status, headers: HeaderMap::new(), pieces: Vec::new(), length: None }
    }

    fn new(status: StatusCode, media: &str, pieces: Vec<Piece>, length: u64) -> Self {
        let headers = HeaderMap::with_capacity(HEADERS);
        let mut outline = Outline { status, headers, pieces, length: Some(length) };
        outline.headers.insert(CONTENT_TYPE, value(media.to_owned()));
        outline
    }

    /// The answer; that to HEAD has the same headers and no body.
    fn fill(mut self, method: &Method, file: ArtifactFile) -> Response {
        if let Some(length) = self.length {
            self.headers.insert(CONTENT_LENGTH, length.into());
        }
        let body = match *method == Method::HEAD || self.length.is_none() {
            true => Body::new(NoBody),
            false => Body::new(FileBody::new(file, self.pieces)),
        };
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }
}

fn whole(size: u64) -> Outline {
    let all = size.checked_sub(1).map(|last| Piece::File(Span { first: 0, last }));
    Outline::new(StatusCode::OK, "application/octet-stream", all.into_iter().collect(), size)
}

fn part(span: Span, size: u64) -> Outline {
    let pieces = vec![Piece::File(span)];
    let mut outline =
        Outline::new(StatusCode::PARTIAL_CONTENT, "application/octet-stream", pieces, span.len());
    outline.headers.insert(CONTENT_RANGE, value(content_range(span, size)));
    outline
}

/// RFC 9110, 14.6: every range with a head of its own.
fn parts(spans: &[Span], size: u64, boundary: &str) -> Outline {
    let mut pieces = Vec::with_capacity(2 * spans.len() + 1);
    let mut length = 0;
    let mut start = "";
    for span in spans {
        let range = content_range(*span, size);
        let head = format!(
            "{start}--{boundary}\r\nContent-Type: application/octet-stream\r\nContent-Range: {range}\r\n\r\n"
        );
        start = "\r\n";
        length += head.len() as u64 + span.len();
        pieces.extend([Piece::Text(Bytes::from(head)), Piece::File(*span)]);
    }
    let tail = format!("\r\n--{boundary}--\r\n");
    length += tail.len() as u64;
    pieces.push(Piece::Text(Bytes::from(tail)));
    let media = format!("multipart/byteranges; boundary={boundary}");
    Outline::new(StatusCode::PARTIAL_CONTENT, &media, pieces, length)
}

fn content_range(span: Span, size: u64) -> String {
    format!("bytes {}-{}/{size}", span.first, span.last)
}

fn value(text: String) -> HeaderValue {
    HeaderValue::try_from(text).expect("text made of digits and constants is a header value")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_cannot_end_their_header() {
        let table = [
            ("app.swu", "attachment;filename=app.swu"),
            ("my app.swu", "attachment;filename=\"my app.swu\""),
            ("a\"b;é.bin", "attachment;filename=\"a_b__.bin\""),
        ];
        for (name, expected) in table {
            assert_eq!(attachment(name), HeaderValue::from_static(expected));
        }
    }
}
