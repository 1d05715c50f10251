//! A file that comes before its record: straight to the disk, and kept for a while.

use axum::http::HeaderMap;

use super::form;
use super::pool::FILE_NAME;
use crate::engine::call::{Call, NewArtifact, Reply};
use crate::http::Door;
use crate::http::api::unexpected;
use crate::http::dialect::pool::{Answer, Caller, Source};
use crate::http::error::ApiError;
use crate::http::request;
use crate::http::shelf::Incoming;

/// Keeps a file that no record has yet; answers when it is on disk.
///
/// # Errors
/// 400 without bytes, 413, 503, 507.
pub async fn keep(
    door: &Door,
    caller: &Caller,
    headers: &HeaderMap,
    source: Source,
) -> Result<Answer, ApiError> {
    let _slot = door.shelf.slot()?;
    let limit = door.shelf.upload_max_bytes();
    if let Source::Whole(_) = source {
        request::check_length(headers, limit)?;
    }
    let mut incoming = door.shelf.begin(limit);
    if pour(source, &mut incoming).await? == 0 {
        return Err(ApiError::bad("empty-body", "body", "send the bytes of the binary"));
    }
    let arrived = incoming.end(FILE_NAME.into()).await?;
    let tenant = caller.tenant.clone();
    let call = move |mut files: Vec<NewArtifact>| {
        let file = files.pop().expect("one file was handed in");
        Call::KeepUpload { tenant, file }
    };
    match door.shelf.keep(&door.engine, vec![arrived], call).await? {
        Reply::Upload(upload) => Ok(Answer::Kept(upload.sha256)),
        other => Err(unexpected(&other)),
    }
}

/// Takes the file to the disk and says how many bytes it has. Of a form, the first file counts.
async fn pour(source: Source, incoming: &mut Incoming) -> Result<u64, ApiError> {
    let mut size = 0;
    match source {
        Source::Whole(mut body) => {
            while let Some(bytes) = request::next(&mut body).await? {
                size += bytes.len() as u64;
                incoming.write(bytes).await?;
            }
            Ok(size)
        }
        Source::Form(mut parts) => {
            let mut left = form::OVERHEAD;
            while let Some(mut field) = parts.next_field().await.map_err(|error| form::bad(&error))? {
                if field.file_name().is_none() {
                    form::skip(field, &mut left).await?;
                    continue;
                }
                while let Some(bytes) = field.chunk().await.map_err(|error| form::bad(&error))? {
                    size += bytes.len() as u64;
                    incoming.write(bytes).await?;
                }
                return Ok(size);
            }
            Err(ApiError::bad("bad-form", "body", "the form has no file"))
        }
    }
}
