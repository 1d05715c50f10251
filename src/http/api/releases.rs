//! `/api/v1/releases`.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use super::{page, removed, unexpected};
use crate::domain::ids::{ImageId, ReleaseId};
use crate::domain::image::About;
use crate::engine::call::{self, Call, Reply};
use crate::http::Door;
use crate::http::auth::Caller;
use crate::http::error::ApiError;
use crate::http::request::{self, JSON_MAX, Places};
use crate::http::wire::{NewRelease, Page, ReleaseBody};

/// The longest name in bytes, for people to read in one line.
const NAME_MAX: usize = 128;

pub(super) async fn list(
    State(door): State<Arc<Door>>,
    mut caller: Caller,
) -> Result<Json<Page<ReleaseBody>>, ApiError> {
    let limit = caller.params.limit()?;
    let after = caller.params.take("after")?.map(|text| request::release("after", &text)).transpose()?;
    caller.params.done()?;
    let tenant = caller.tenant;
    let found = door.ask(move |reader| reader.releases(&tenant, after, limit + 1)).await?;
    Ok(Json(page(found, limit, |r| r.id.to_string(), |r| ReleaseBody::from(r))))
}

pub(super) async fn add(
    State(door): State<Arc<Door>>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    caller.params.done()?;
    let new: NewRelease = request::json(&headers, body, JSON_MAX).await?;
    if !(1..=NAME_MAX).contains(&new.name.len()) || new.name.chars().any(char::is_control) {
        let message = format!("`name` must be 1 to {NAME_MAX} bytes without control characters");
        return Err(ApiError::bad("bad-name", "name", message));
    }
    let id = |id: &u32| ImageId::new((*id).into()).ok_or_else(|| request::bad_number("images"));
    let release = call::NewRelease {
        name: new.name.into(),
        version: request::version("version", &new.version)?,
        images: new.images.iter().map(id).collect::<Result<_, _>>()?,
        kind: None,
        about: About::default(),
        required_step: false,
        locked: false,
    };
    let call = Call::AddReleases { tenant: caller.tenant, releases: vec![release], by: caller.name };
    match door.call(call).await.map_err(|error| error.in_body("images"))? {
        Reply::Releases(releases) if releases.len() == 1 => {
            Ok((StatusCode::CREATED, Json(ReleaseBody::from(&releases[0]))).into_response())
        }
        other => Err(unexpected(&other)),
    }
}

pub(super) async fn show(
    State(door): State<Arc<Door>>,
    caller: Caller,
    Places(id): Places<String>,
) -> Result<Json<ReleaseBody>, ApiError> {
    caller.params.done()?;
    let id: ReleaseId = request::release("id", &id)?;
    let release = door.ask(move |reader| reader.release(&caller.tenant, id)).await?;
    let missing = || ApiError::missing("no-such-release", format!("there is no release {id}"));
    release.as_ref().map(ReleaseBody::from).map(Json).ok_or_else(missing)
}

pub(super) async fn remove(
    State(door): State<Arc<Door>>,
    caller: Caller,
    Places(id): Places<String>,
) -> Result<Response, ApiError> {
    caller.params.done()?;
    let release = request::release("id", &id)?;
    door.call(Call::RemoveRelease { tenant: caller.tenant, release, mark: false }).await?;
    Ok(removed())
}
