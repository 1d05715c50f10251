//! `/api/v1/tenants`. An operator that is confined to one sees that one and makes none.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use super::{page, unexpected};
use crate::domain::ids::TenantId;
use crate::domain::tenant::{Setting, Tenant};
use crate::engine::call::{Call, CallError, Reply};
use crate::http::Door;
use crate::http::auth::Caller;
use crate::http::error::ApiError;
use crate::http::request::{self, JSON_MAX, Params, Places};
use crate::http::wire::{NewTenant, Page, SettingsBody, SettingsPatch, TenantBody};

pub(super) async fn list(
    State(door): State<Arc<Door>>,
    mut caller: Caller,
) -> Result<Json<Page<TenantBody>>, ApiError> {
    let limit = caller.params.limit()?;
    let after = caller.params.take("after")?.map(|text| Params::tenant(&text)).transpose()?;
    caller.params.done()?;
    let found = match caller.confined {
        Some(own) => vec![known(&door, own).await?],
        None => door.ask(move |reader| reader.tenants(after.as_ref(), limit + 1)).await?,
    };
    Ok(Json(page(found, limit, |tenant| tenant.id.to_string(), |tenant| TenantBody::from(tenant))))
}

pub(super) async fn add(
    State(door): State<Arc<Door>>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    caller.params.done()?;
    if caller.confined.is_some() {
        let message = "operators of one tenant cannot make tenants; ask one of the whole server";
        return Err(ApiError::forbidden("confined", message));
    }
    let new: NewTenant = request::json(&headers, body, JSON_MAX).await?;
    let tenant = TenantId::parse(&new.id).map_err(|error| request::bad_name("id", error))?;
    match door.call(Call::AddTenant { tenant, by: caller.name }).await? {
        Reply::Tenant(tenant) => Ok((StatusCode::CREATED, Json(TenantBody::from(&tenant))).into_response()),
        other => Err(unexpected(&other)),
    }
}

pub(super) async fn show(
    State(door): State<Arc<Door>>,
    caller: Caller,
    Places(id): Places<String>,
) -> Result<Json<TenantBody>, ApiError> {
    let id = named(&caller, &id)?;
    caller.params.done()?;
    Ok(Json(TenantBody::from(&known(&door, id).await?)))
}

pub(super) async fn settings(
    State(door): State<Arc<Door>>,
    caller: Caller,
    Places(id): Places<String>,
) -> Result<Json<SettingsBody>, ApiError> {
    let id = named(&caller, &id)?;
    caller.params.done()?;
    Ok(Json(SettingsBody::of(&known(&door, id).await?, caller.role)))
}

pub(super) async fn configure(
    State(door): State<Arc<Door>>,
    caller: Caller,
    Places(id): Places<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<SettingsBody>, ApiError> {
    let tenant = named(&caller, &id)?;
    caller.params.done()?;
    let patch: SettingsPatch = request::json(&headers, body, JSON_MAX).await?;
    let settings = patch.into_iter().map(|(key, value)| Ok((setting(&key)?, value.map(Into::into))));
    let settings = settings.collect::<Result<_, ApiError>>()?;
    match door.call(Call::Configure { tenant, settings, by: caller.name }).await? {
        Reply::Tenant(tenant) => Ok(Json(SettingsBody::of(&tenant, caller.role))),
        other => Err(unexpected(&other)),
    }
}

/// The tenant that the path names. To a confined operator all others look as if they were not there.
fn named(caller: &Caller, text: &str) -> Result<TenantId, ApiError> {
    let id = TenantId::parse(text).map_err(|error| request::bad_name("id", error))?;
    match caller.confined.as_ref().is_none_or(|own| *own == id) {
        true => Ok(id),
        false => Err(CallError::NoSuchTenant(id).into()),
    }
}

async fn known(door: &Arc<Door>, id: TenantId) -> Result<Tenant, ApiError> {
    let asked = id.clone();
    let found = door.ask(move |reader| reader.tenant(&asked)).await?;
    found.ok_or_else(|| CallError::NoSuchTenant(id).into())
}

fn setting(key: &str) -> Result<Setting, ApiError> {
    let unknown = || format!("there is no setting {key}; GET this path for those that there are");
    Setting::by_key(key).ok_or_else(|| ApiError::bad("unknown-setting", key, unknown()))
}
