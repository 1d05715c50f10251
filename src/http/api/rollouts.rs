//! `/api/v1/rollouts`.

mod draft;
mod plan;
mod read;
mod why;

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;

use super::{removed, unexpected};
use crate::domain::ids::{DeviceId, RolloutId, TenantId};
use crate::domain::rollout::{Command, Ending, Fault, NewRollout, Rollout, Status, Wave};
use crate::engine::call::{Call, CallError, Reply};
use crate::engine::now;
use crate::http::Door;
use crate::http::auth::Caller;
use crate::http::error::ApiError;
use crate::http::request::{self, DEPLOYMENT_MAX, JSON_MAX, Places};
use crate::http::wire::{NewRolloutBody, RemarkBody, RetryBody, RolloutBody, RolloutPatch, StopBody};

pub(in crate::http) use plan::STAGES;
pub(super) use plan::plan;
pub(super) use read::{devices, list, show, waves};
pub(super) use why::explain;

pub(super) async fn add(
    State(door): State<Arc<Door>>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    caller.params.clone().done()?;
    let body: NewRolloutBody = request::json(&headers, body, DEPLOYMENT_MAX).await?;
    let drawn = draft::read(body, now()).map_err(refused)?;
    make(&door, caller, drawn.new, drawn.listed, drawn.target).await
}

/// Finds the devices of a new rollout and has it made. `target` is the member of the request that names what it brings.
async fn make(
    door: &Door,
    caller: Caller,
    new: NewRollout,
    listed: Vec<DeviceId>,
    target: &'static str,
) -> Result<Response, ApiError> {
    let (tenant, poll_s) = (caller.tenant.clone(), door.ddi_poll_s);
    let mustered = door.ask(move |reader| {
        let at = reader.moment(&tenant, poll_s)?;
        Ok(reader.muster(&tenant, &new, &listed, at)?.map(|members| (new, members)))
    });
    let (new, members) = mustered.await?.map_err(|error| locate(error, target))?;
    let call = Call::AddRollout { tenant: caller.tenant, rollout: Box::new(new), members, by: caller.name };
    match door.engine.call(call).await.map_err(|error| locate(error, target))? {
        Reply::Rollout { rollout, waves } => {
            Ok((StatusCode::CREATED, Json(RolloutBody::whole(&rollout, &waves))).into_response())
        }
        other => Err(unexpected(&other)),
    }
}

fn refused(fault: Fault) -> ApiError {
    CallError::BadRollout(fault).into()
}

/// Every refusal names the member of the request that is meant.
fn locate(error: CallError, target: &str) -> ApiError {
    match error {
        CallError::BadRollout(Fault { field, reason }) => {
            let field = match &*field {
                "target" => target,
                "in_flight.lease" => "in_flight.lease_s",
                "canary.margin" => "canary.margin_percent",
                "canary.confidence" => "canary.confidence_percent",
                field => field,
            };
            refused(Fault::new(field, reason))
        }
        CallError::NoSuchImage(_)
        | CallError::NoSuchRelease(_)
        | CallError::Incomplete(_)
        | CallError::Invalid(_) => refused(Fault::new(target, error.to_string())),
        CallError::Count { .. } => refused(Fault::new("devices", error.to_string())),
        other => other.into(),
    }
}

pub(super) async fn rename(
    State(door): State<Arc<Door>>,
    caller: Caller,
    Places(id): Places<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<RolloutBody>, ApiError> {
    let RolloutPatch { name, description } = request::json(&headers, body, JSON_MAX).await?;
    let (name, description) = (name.map(Into::into), description.map(Into::into));
    order(&door, caller, &id, Command::Rename { name, description }).await
}

pub(super) async fn remove(
    State(door): State<Arc<Door>>,
    caller: Caller,
    Places(id): Places<String>,
) -> Result<Response, ApiError> {
    order(&door, caller, &id, Command::Remove).await.map(|_| removed())
}

pub(super) async fn start(
    State(door): State<Arc<Door>>,
    caller: Caller,
    Places(id): Places<String>,
) -> Result<Json<RolloutBody>, ApiError> {
    order(&door, caller, &id, Command::Start).await
}

pub(super) async fn pause(
    State(door): State<Arc<Door>>,
    caller: Caller,
    Places(id): Places<String>,
) -> Result<Json<RolloutBody>, ApiError> {
    order(&door, caller, &id, Command::Pause).await
}

pub(super) async fn resume(
    State(door): State<Arc<Door>>,
    caller: Caller,
    Places(id): Places<String>,
) -> Result<Json<RolloutBody>, ApiError> {
    order(&door, caller, &id, Command::Resume).await
}

pub(super) async fn begin_next(
    State(door): State<Arc<Door>>,
    caller: Caller,
    Places(id): Places<String>,
) -> Result<Json<RolloutBody>, ApiError> {
    order(&door, caller, &id, Command::Next).await
}

pub(super) async fn stop(
    State(door): State<Arc<Door>>,
    caller: Caller,
    Places(id): Places<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<RolloutBody>, ApiError> {
    let StopBody { ending } = wish(&headers, body).await?;
    order(&door, caller, &id, Command::Stop(Ending::from(ending))).await
}

pub(super) async fn approve(
    State(door): State<Arc<Door>>,
    caller: Caller,
    Places(id): Places<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<RolloutBody>, ApiError> {
    let remark = remark(&headers, body).await?;
    order(&door, caller, &id, Command::Approve(remark)).await
}

pub(super) async fn deny(
    State(door): State<Arc<Door>>,
    caller: Caller,
    Places(id): Places<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<RolloutBody>, ApiError> {
    let remark = remark(&headers, body).await?;
    order(&door, caller, &id, Command::Deny(remark)).await
}

/// A new rollout on the same terms, in one wave, for the devices that ended badly.
pub(super) async fn retry(
    State(door): State<Arc<Door>>,
    caller: Caller,
    Places(id): Places<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let RetryBody { start } = wish(&headers, body).await?;
    caller.params.clone().done()?;
    let (tenant, id) = (caller.tenant.clone(), number("id", &id)?);
    let failed = door.ask(move |reader| read::failed(reader, &tenant, id)).await?;
    let (mut new, listed) = failed.ok_or_else(|| missing(id))?;
    if listed.is_empty() {
        let message = format!("rollout {id}: no device ended badly");
        return Err(ApiError::new(StatusCode::CONFLICT, "nothing-to-retry", message));
    }
    new.start_at = start.then(now);
    make(&door, caller, new, listed, "target").await
}

/// Has a rollout do something.
async fn order(
    door: &Door,
    caller: Caller,
    id: &str,
    command: Command,
) -> Result<Json<RolloutBody>, ApiError> {
    caller.params.done()?;
    let rollout = number("id", id)?;
    let tenant = caller.tenant;
    let found = door.look(|reader| reader.rollout(&tenant, rollout))?;
    // What was removed while it stops can still be stopped harder; who removed it may not wait for the devices.
    let hears = |own: &Rollout| match command {
        Command::Stop(_) => !own.deleted || own.status == Status::Stopping,
        Command::Start
        | Command::Pause
        | Command::Resume
        | Command::Next
        | Command::Approve(_)
        | Command::Deny(_)
        | Command::Rename { .. }
        | Command::Remove => !own.deleted,
    };
    found.filter(|(own, _)| hears(own)).ok_or_else(|| missing(rollout))?;
    match door.call(Call::CommandRollout { tenant, rollout, command, by: caller.name }).await? {
        Reply::Rollout { rollout, waves } => Ok(Json(RolloutBody::whole(&rollout, &waves))),
        other => Err(unexpected(&other)),
    }
}

/// A rollout that was not removed, with its waves.
fn find(door: &Door, tenant: &TenantId, id: RolloutId) -> Result<(Rollout, Vec<Wave>), ApiError> {
    let found = door.look(|reader| reader.rollout(tenant, id))?;
    found.filter(|(rollout, _)| !rollout.deleted).ok_or_else(|| missing(id))
}

fn missing(id: RolloutId) -> ApiError {
    CallError::NoSuchRollout(id).into()
}

fn number(field: &str, text: &str) -> Result<RolloutId, ApiError> {
    request::rollout(field, text)
}

async fn remark(headers: &HeaderMap, body: Body) -> Result<Option<Box<str>>, ApiError> {
    /// As long as a description (hawkBit's bound).
    const REMARK_MAX: usize = 512;
    let RemarkBody { remark } = wish(headers, body).await?;
    match remark.as_ref().map_or(0, |text| text.chars().count()) {
        0..=REMARK_MAX => Ok(remark.map(Into::into)),
        count => {
            let reason = format!("has {count} characters, {REMARK_MAX} are allowed");
            Err(refused(Fault::new("remark", reason)))
        }
    }
}

/// The body, which may be left out.
async fn wish<T: DeserializeOwned + Default>(headers: &HeaderMap, body: Body) -> Result<T, ApiError> {
    if request::has_type(headers, "application/json") {
        return request::json(headers, body, JSON_MAX).await;
    }
    match request::collect(body, JSON_MAX).await?.is_empty() {
        true => Ok(T::default()),
        false => Err(request::wrong_type("application/json")),
    }
}
