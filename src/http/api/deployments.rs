//! `/api/v1/deployments`.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use super::{page, unexpected};
use crate::domain::deployment::Target;
use crate::domain::ids::{ImageId, ReleaseId};
use crate::domain::terms::Terms;
use crate::engine::call::{Call, Reply};
use crate::http::Door;
use crate::http::auth::Caller;
use crate::http::error::ApiError;
use crate::http::request::{self, DEPLOYMENT_MAX, Places};
use crate::http::wire::{DeploymentBody, NewDeployment, Page};

/// The newest first.
pub(super) async fn list(
    State(door): State<Arc<Door>>,
    mut caller: Caller,
) -> Result<Json<Page<DeploymentBody>>, ApiError> {
    let limit = caller.params.limit()?;
    let before =
        caller.params.take("before")?.map(|text| request::deployment("before", &text)).transpose()?;
    caller.params.done()?;
    let found = door.ask(move |reader| reader.deployments(&caller.tenant, before, limit + 1)).await?;
    Ok(Json(page(found, limit, |d| d.id.to_string(), |d| DeploymentBody::from(d))))
}

pub(super) async fn add(
    State(door): State<Arc<Door>>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    caller.params.done()?;
    let new: NewDeployment = request::json(&headers, body, DEPLOYMENT_MAX).await?;
    let (target, field) = target(&new)?;
    let device = |id: &String| request::device("devices", id);
    let call = Call::Deploy {
        tenant: caller.tenant,
        target,
        devices: new.devices.iter().map(device).collect::<Result<_, _>>()?,
        allow_downgrade: new.allow_downgrade,
        terms: Terms::default(),
        by: caller.name,
    };
    let locate = |error: ApiError| {
        let field = if error.code() == "no-such-device" { "devices" } else { field };
        error.in_body(field)
    };
    match door.call(call).await.map_err(locate)? {
        Reply::Deployment(deployment) => {
            Ok((StatusCode::CREATED, Json(DeploymentBody::from(&deployment))).into_response())
        }
        other => Err(unexpected(&other)),
    }
}

/// The target, with the member that names it.
fn target(new: &NewDeployment) -> Result<(Target, &'static str), ApiError> {
    let found = match (new.image, new.release) {
        (Some(id), None) => (ImageId::new(id.into()).map(Target::Image), "image"),
        (None, Some(id)) => (ReleaseId::new(id.into()).map(Target::Release), "release"),
        (Some(_), Some(_)) | (None, None) => {
            return Err(ApiError::bad("bad-target", "image", "name either an `image` or a `release`"));
        }
    };
    match found {
        (Some(target), field) => Ok((target, field)),
        (None, field) => Err(request::bad_number(field)),
    }
}

pub(super) async fn show(
    State(door): State<Arc<Door>>,
    caller: Caller,
    Places(id): Places<String>,
) -> Result<Json<DeploymentBody>, ApiError> {
    caller.params.done()?;
    let id = request::deployment("id", &id)?;
    let deployment = door.ask(move |reader| reader.deployment(&caller.tenant, id)).await?;
    let missing = || ApiError::missing("no-such-deployment", format!("there is no deployment {id}"));
    deployment.as_ref().map(DeploymentBody::from).map(Json).ok_or_else(missing)
}
