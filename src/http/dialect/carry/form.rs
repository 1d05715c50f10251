//! A file in a form, as browsers and scripts send it (RFC 7578): streamed to disk, its fields read beside it.

use std::collections::BTreeSet;

use axum::body::Body;
use axum::extract::multipart::{Field, Multipart, MultipartError};
use axum::extract::{DefaultBodyLimit, FromRequest as _, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};

use crate::http::error::ApiError;
use crate::http::request;
use crate::http::shelf::{Arrived, Shelf};

/// What a form may have beyond its file.
pub(super) const OVERHEAD: u64 = 64 * 1024;
/// What the head of a field counts for.
const FIELD_HEAD: u64 = 64;
/// The longest field in bytes: a description of half a page.
const FIELD_MAX: usize = 1024;
/// The most words of `tags`.
const TAGS_MAX: usize = 32;

/// What a form has.
#[derive(Debug)]
pub struct Form {
    /// The file.
    pub file: Arrived,
    /// What people write about it.
    pub description: Option<Box<str>>,
    /// Words by which it is found.
    pub tags: BTreeSet<Box<str>>,
}

/// Reads a form with `data`, and perhaps `description` and `tags`, a list with commas. Other fields are passed over.
pub(super) async fn read(shelf: &Shelf, headers: &HeaderMap, body: Body) -> Result<Form, ApiError> {
    let _slot = shelf.slot()?;
    let room = shelf.upload_max_bytes();
    request::check_length(headers, room.saturating_add(OVERHEAD))?;
    let mut request = Request::new(body);
    request.headers_mut().extend(headers.get(CONTENT_TYPE).map(|value| (CONTENT_TYPE, value.clone())));
    // The bounds are our own: axum's would count the file too.
    DefaultBodyLimit::apply(DefaultBodyLimit::disable(), &mut request);
    let mut multipart = Multipart::from_request(request, &())
        .await
        .map_err(|rejection| ApiError::bad("bad-form", "content-type", rejection.body_text()))?;
    let (mut file, mut description, mut tags) = (None, None, BTreeSet::new());
    let mut left = OVERHEAD;
    while let Some(field) = multipart.next_field().await.map_err(|error| bad(&error))? {
        match field.name().unwrap_or_default() {
            "data" if file.is_some() => return Err(ApiError::bad("bad-form", "data", "give `data` once")),
            "data" => file = Some(arrive(shelf, field, room).await?),
            "description" => description = Some(text(field).await?.into_boxed_str()),
            "tags" => {
                let list = text(field).await?;
                let words = list.split(',').map(str::trim).filter(|word| !word.is_empty());
                tags.extend(words.take(TAGS_MAX).map(Box::from));
            }
            _ => skip(field, &mut left).await?,
        }
    }
    let file = file.ok_or_else(|| ApiError::bad("missing-field", "data", "add the field `data`"))?;
    Ok(Form { file, description, tags })
}

async fn arrive(shelf: &Shelf, mut field: Field<'_>, room: u64) -> Result<Arrived, ApiError> {
    let mut incoming = shelf.begin(room);
    while let Some(bytes) = field.chunk().await.map_err(|error| bad(&error))? {
        incoming.write(bytes).await?;
    }
    incoming.end("data".into()).await
}

/// Passes over a field, of which and of those like it no more than so many bytes may come.
pub(super) async fn skip(mut field: Field<'_>, left: &mut u64) -> Result<(), ApiError> {
    // Its head counts too: a form of nothing but heads ends as well.
    let mut bytes = FIELD_HEAD;
    loop {
        *left = left.checked_sub(bytes).ok_or_else(|| ApiError::too_large(OVERHEAD))?;
        match field.chunk().await.map_err(|error| bad(&error))? {
            Some(chunk) => bytes = chunk.len() as u64,
            None => return Ok(()),
        }
    }
}

async fn text(mut field: Field<'_>) -> Result<String, ApiError> {
    let mut text = Vec::new();
    while let Some(bytes) = field.chunk().await.map_err(|error| bad(&error))? {
        if text.len() + bytes.len() > FIELD_MAX {
            return Err(ApiError::too_large(FIELD_MAX as u64));
        }
        text.extend_from_slice(&bytes);
    }
    String::from_utf8(text).map_err(|_| ApiError::bad("bad-form", "body", "the fields must be UTF-8"))
}

/// A form that breaks off or is no form. What the body's own pace says comes first.
pub(super) fn bad(error: &MultipartError) -> ApiError {
    let broken = request::broken(error);
    match broken.status() {
        StatusCode::REQUEST_TIMEOUT => broken,
        _ => ApiError::bad("bad-form", "body", error.body_text()),
    }
}
