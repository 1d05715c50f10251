//! `/api/v1/devices`.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use super::{page, removed, unexpected};
use crate::domain::ids::{DeviceId, DeviceKey};
use crate::engine::call::{Call, Reply};
use crate::http::Door;
use crate::http::auth::Caller;
use crate::http::error::ApiError;
use crate::http::request::{self, JSON_MAX, Places};
use crate::http::wire::{
    DeviceBody, DeviceWithToken, ExplainedBody, ExplanationBody, NewDevice, Page, StandingBody,
};

pub(super) async fn list(
    State(door): State<Arc<Door>>,
    mut caller: Caller,
) -> Result<Json<Page<DeviceBody>>, ApiError> {
    let limit = caller.params.limit()?;
    let after = caller.params.take("after")?.map(|text| request::device("after", &text)).transpose()?;
    caller.params.done()?;
    let tenant = caller.tenant;
    let found = door.ask(move |reader| reader.devices(&tenant, after.as_ref(), limit + 1)).await?;
    Ok(Json(page(found, limit, |d| d.key.device.to_string(), |d| DeviceBody::from(d))))
}

pub(super) async fn add(
    State(door): State<Arc<Door>>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    caller.params.done()?;
    let new: NewDevice = request::json(&headers, body, JSON_MAX).await?;
    let key = DeviceKey { tenant: caller.tenant, device: request::device("id", &new.id)? };
    let product = request::product("product", &new.product)?;
    let reply = door.call(Call::AddDevice { key, product, by: caller.name }).await?;
    Ok((StatusCode::CREATED, Json(with_token(&reply)?)).into_response())
}

pub(super) async fn show(
    State(door): State<Arc<Door>>,
    caller: Caller,
    Places(id): Places<String>,
) -> Result<Json<DeviceBody>, ApiError> {
    let key = key(caller, &id)?;
    let asked = key.clone();
    let device = door.ask(move |reader| reader.device(&asked)).await?;
    device.as_ref().map(DeviceBody::from).map(Json).ok_or_else(|| no_such_device(&key.device))
}

pub(super) async fn remove(
    State(door): State<Arc<Door>>,
    caller: Caller,
    Places(id): Places<String>,
) -> Result<Response, ApiError> {
    door.call(Call::RemoveDevice { key: key(caller, &id)? }).await?;
    Ok(removed())
}

pub(super) async fn renew_token(
    State(door): State<Arc<Door>>,
    caller: Caller,
    Places(id): Places<String>,
) -> Result<Json<DeviceWithToken>, ApiError> {
    let reply = door.call(Call::RenewToken { key: key(caller, &id)? }).await?;
    with_token(&reply).map(Json)
}

/// One explanation for the type that is asked for, or for every type that the device reports, can install or is
/// offered; and how the device stands in its rollouts.
pub(super) async fn explain(
    State(door): State<Arc<Door>>,
    mut caller: Caller,
    Places(id): Places<String>,
) -> Result<Json<ExplainedBody>, ApiError> {
    let kind = caller.params.take("type")?.map(|text| request::firmware_type("type", &text)).transpose()?;
    let key = key(caller, &id)?;
    let device = key.device.clone();
    let poll_s = door.ddi_poll_s;
    let found = door.ask(move |reader| {
        let at = reader.moment(&key.tenant, poll_s)?;
        Ok(reader.explain(&key, kind)?.zip(reader.explain_rollouts(&key, at)?))
    });
    let (found, standings) = found.await?.ok_or_else(|| no_such_device(&device))?;
    let items = found.iter().map(|explanation| ExplanationBody::new(&device, explanation)).collect();
    Ok(Json(ExplainedBody { items, rollouts: standings.iter().map(StandingBody::from).collect() }))
}

fn key(caller: Caller, id: &str) -> Result<DeviceKey, ApiError> {
    caller.params.done()?;
    Ok(DeviceKey { tenant: caller.tenant, device: request::device("id", id)? })
}

fn no_such_device(id: &DeviceId) -> ApiError {
    ApiError::missing("no-such-device", format!("there is no device {id}"))
}

fn with_token(reply: &Reply) -> Result<DeviceWithToken, ApiError> {
    match reply {
        Reply::Device { device, token } => {
            Ok(DeviceWithToken { device: device.as_ref().into(), token: token.reveal().to_owned() })
        }
        other => Err(unexpected(other)),
    }
}
