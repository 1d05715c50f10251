//! `/api/v1/images`: uploads, in two forms, and what was uploaded.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::multipart::{Field, Multipart, MultipartError};
use axum::extract::{FromRequest as _, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use super::{page, removed, rules, unexpected};
use crate::domain::offer::Rules;
use crate::engine::call::{Call, CallError, NewImage, Reply};
use crate::http::Door;
use crate::http::auth::Caller;
use crate::http::error::ApiError;
use crate::http::request::{self, JSON_MAX, Params, Places};
use crate::http::shelf::{Arrived, Shelf};
use crate::http::wire::{ImageBody, Page, RulesBody};

/// The most files of one image. ESP devices need two; each file under way holds a descriptor.
const FILES_MAX: usize = 16;
/// What a form may have beyond its files: the heads of its parts and the fields.
const FORM_OVERHEAD: u64 = 256 * 1024;
/// The longest file name in bytes, as in common file systems.
const FILE_NAME_MAX: usize = 255;

pub(super) async fn list(
    State(door): State<Arc<Door>>,
    mut caller: Caller,
) -> Result<Json<Page<ImageBody>>, ApiError> {
    let limit = caller.params.limit()?;
    let after = caller.params.take("after")?.map(|text| request::image("after", &text)).transpose()?;
    caller.params.done()?;
    let tenant = caller.tenant;
    let found = door.ask(move |reader| reader.images(&tenant, after, limit + 1)).await?;
    Ok(Json(page(found, limit, |i| i.id.to_string(), |i| ImageBody::from(i))))
}

pub(super) async fn show(
    State(door): State<Arc<Door>>,
    caller: Caller,
    Places(id): Places<String>,
) -> Result<Json<ImageBody>, ApiError> {
    caller.params.done()?;
    let id = request::image("id", &id)?;
    let image = door.ask(move |reader| reader.image(&caller.tenant, id)).await?;
    let missing = || ApiError::missing("no-such-image", format!("there is no image {id}"));
    image.as_ref().map(ImageBody::from).map(Json).ok_or_else(missing)
}

pub(super) async fn remove(
    State(door): State<Arc<Door>>,
    caller: Caller,
    Places(id): Places<String>,
) -> Result<Response, ApiError> {
    caller.params.done()?;
    let image = request::image("id", &id)?;
    match door.call(Call::RemoveImage { tenant: caller.tenant, image, mark: false }).await? {
        Reply::Removed { files } => door.shelf.remove(files).await,
        other => return Err(unexpected(&other)),
    }
    Ok(removed())
}

/// Answers 201 only when the files and the row are on disk.
pub(super) async fn upload(
    State(door): State<Arc<Door>>,
    caller: Caller,
    request: Request,
) -> Result<Response, ApiError> {
    let _slot = door.shelf.slot()?;
    let (parts, body) = request.into_parts();
    let tenant = caller.tenant.clone();
    let (image, files) = if request::has_type(&parts.headers, "application/octet-stream") {
        plain(&door.shelf, caller.params, &parts.headers, body).await?
    } else if request::has_type(&parts.headers, "multipart/form-data") {
        caller.params.done()?;
        form(&door.shelf, parts, body).await?
    } else {
        return Err(request::wrong_type("application/octet-stream` or `multipart/form-data"));
    };
    let by = caller.name;
    let add = move |files| Call::AddImages { tenant, images: vec![NewImage { files, ..image }], by };
    match door.shelf.keep(&door.engine, files, add).await? {
        Reply::Images { images, files: _ } => match images.first() {
            Some(image) => Ok((StatusCode::CREATED, Json(ImageBody::from(image))).into_response()),
            None => Err(ApiError::bad("missing-field", "file", "add at least one file")),
        },
        other => Err(unexpected(&other)),
    }
}

/// One file as the body; everything else stands in the query.
async fn plain(
    shelf: &Shelf,
    mut params: Params,
    headers: &HeaderMap,
    mut body: Body,
) -> Result<(NewImage, Vec<Arrived>), ApiError> {
    let compatible = params.take_all("compatible");
    let name = file_name("name", &params.need("name")?)?;
    let image = NewImage::plain(
        request::product("product", &params.need("product")?)?,
        request::firmware_type("type", &params.need("type")?)?,
        request::version("version", &params.need("version")?)?,
        Rules { compatible: rules::patterns("compatible", &compatible)?, ..Rules::default() },
    );
    params.done()?;
    request::check_length(headers, shelf.upload_max_bytes())?;
    let mut incoming = shelf.begin(shelf.upload_max_bytes());
    while let Some(bytes) = request::next(&mut body).await? {
        incoming.write(bytes).await?;
    }
    Ok((image, vec![incoming.end(name).await?]))
}

/// What a form has said so far.
#[derive(Debug, Default)]
struct Form {
    product: Option<String>,
    kind: Option<String>,
    version: Option<String>,
    rules: Option<String>,
}

/// A form with fields and any number of files, in any order.
async fn form(shelf: &Shelf, parts: Parts, body: Body) -> Result<(NewImage, Vec<Arrived>), ApiError> {
    request::check_length(&parts.headers, shelf.upload_max_bytes().saturating_add(FORM_OVERHEAD))?;
    let mut request = Request::from_parts(parts, body);
    // The bounds are our own: axum's would count the files too.
    axum::extract::DefaultBodyLimit::apply(axum::extract::DefaultBodyLimit::disable(), &mut request);
    let mut multipart = Multipart::from_request(request, &())
        .await
        .map_err(|rejection| ApiError::bad("bad-form", "content-type", rejection.body_text()))?;
    let (mut form, mut files, mut room) = (Form::default(), Vec::new(), shelf.upload_max_bytes());
    while let Some(field) = multipart.next_field().await.map_err(|error| bad_form(&error))? {
        match field.name().unwrap_or_default() {
            "file" if files.len() == FILES_MAX => {
                return Err(ApiError::bad(
                    "too-many",
                    "file",
                    format!("an image has {FILES_MAX} files at most"),
                ));
            }
            "file" => files.push(file(shelf, field, &mut room).await?),
            "product" => put(&mut form.product, "product", field).await?,
            "type" => put(&mut form.kind, "type", field).await?,
            "version" => put(&mut form.version, "version", field).await?,
            "rules" => put(&mut form.rules, "rules", field).await?,
            other => {
                let message =
                    format!("remove the field `{other}`; a form has product, type, version, rules, file");
                return Err(ApiError::bad("unknown-field", other, message));
            }
        }
    }
    let image = form.image()?;
    if files.is_empty() {
        // Other servers' doors add files later; this one has no way to.
        return Err(CallError::Count { what: "files", max: FILES_MAX }.into());
    }
    Ok((image, files))
}

async fn file(shelf: &Shelf, mut field: Field<'_>, room: &mut u64) -> Result<Arrived, ApiError> {
    let name = file_name("file", field.file_name().unwrap_or_default())?;
    let mut incoming = shelf.begin(*room);
    while let Some(bytes) = field.chunk().await.map_err(|error| bad_form(&error))? {
        let count = bytes.len() as u64;
        *room = room.checked_sub(count).ok_or_else(|| ApiError::too_large(shelf.upload_max_bytes()))?;
        incoming.write(bytes).await?;
    }
    incoming.end(name).await
}

async fn put(place: &mut Option<String>, name: &str, mut field: Field<'_>) -> Result<(), ApiError> {
    let mut text = Vec::new();
    while let Some(bytes) = field.chunk().await.map_err(|error| bad_form(&error))? {
        if text.len() + bytes.len() > JSON_MAX {
            return Err(ApiError::too_large(JSON_MAX as u64).at(name));
        }
        text.extend_from_slice(&bytes);
    }
    let text = String::from_utf8(text)
        .map_err(|_| ApiError::bad("bad-form", name, format!("the field `{name}` must be UTF-8")))?;
    match place.replace(text) {
        None => Ok(()),
        Some(_) => Err(ApiError::bad("bad-form", name, format!("give the field `{name}` once"))),
    }
}

impl Form {
    fn image(self) -> Result<NewImage, ApiError> {
        let need = |value: Option<String>, name: &str| {
            value.ok_or_else(|| ApiError::bad("missing-field", name, format!("add the field `{name}`")))
        };
        let rules: RulesBody = match &self.rules {
            Some(text) => request::parse("rules", text.as_bytes())?,
            None => RulesBody::default(),
        };
        Ok(NewImage::plain(
            request::product("product", &need(self.product, "product")?)?,
            request::firmware_type("type", &need(self.kind, "type")?)?,
            request::version("version", &need(self.version, "version")?)?,
            rules::read("rules.", &rules)?,
        ))
    }
}

/// A name is metadata and part of other dialects' URLs, never a path of this machine.
fn file_name(field: &str, text: &str) -> Result<Box<str>, ApiError> {
    let fits = (1..=FILE_NAME_MAX).contains(&text.len()) && text != "." && text != "..";
    if fits && !text.chars().any(|c| c.is_control() || c == '/' || c == '\\') {
        return Ok(text.into());
    }
    let message =
        format!("a file name has 1 to {FILE_NAME_MAX} bytes without slashes and control characters");
    Err(ApiError::bad("bad-file-name", field, message))
}

/// A form that breaks off or is no form. What the body's own pace says comes first.
fn bad_form(error: &MultipartError) -> ApiError {
    let broken = request::broken(error);
    if broken.status() == StatusCode::REQUEST_TIMEOUT {
        return broken;
    }
    ApiError::bad("bad-form", "body", error.body_text())
}
