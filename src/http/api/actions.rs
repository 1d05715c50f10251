//! `/api/v1/actions`.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;

use super::{page, unexpected};
use crate::domain::action::{Action, HISTORY_MAX};
use crate::domain::device::{Convergence, Device};
use crate::domain::event::Withdrawal;
use crate::engine::call::{Call, Reply};
use crate::http::Door;
use crate::http::auth::Caller;
use crate::http::error::ApiError;
use crate::http::request::{self, JSON_MAX, Places};
use crate::http::wire::{ActionBody, Cancel, EntryBody, Page};

/// The newest first, of one device or of all.
pub(super) async fn list(
    State(door): State<Arc<Door>>,
    mut caller: Caller,
) -> Result<Json<Page<ActionBody>>, ApiError> {
    let limit = caller.params.limit()?;
    let before = caller.params.take("before")?.map(|text| request::action("before", &text)).transpose()?;
    let device = caller.params.take("device")?.map(|text| request::device("device", &text)).transpose()?;
    caller.params.done()?;
    let tenant = caller.tenant;
    let found = door.ask(move |reader| reader.actions(&tenant, device.as_ref(), before, limit + 1)).await?;
    Ok(Json(page(found, limit, |a| a.id.to_string(), |a| ActionBody::from(a))))
}

/// One action with its whole history, which is bounded.
pub(super) async fn show(
    State(door): State<Arc<Door>>,
    caller: Caller,
    Places(id): Places<String>,
) -> Result<Json<ActionBody>, ApiError> {
    caller.params.done()?;
    let id = request::action("id", &id)?;
    let found = door.ask(move |reader| {
        let history = reader.history(&caller.tenant, id, 0, HISTORY_MAX as usize)?;
        let Some(action) = reader.action(&caller.tenant, id)? else { return Ok(None) };
        let device = reader.device(&action.device)?;
        Ok(Some((action, device, history)))
    });
    let missing = || ApiError::missing("no-such-action", format!("there is no action {id}"));
    let (action, device, history) = found.await?.ok_or_else(missing)?;
    let history = history.iter().map(EntryBody::from).collect();
    let closes_by = device.filter(|_| !action.state.is_terminal()).map(|device| closes_by(&action, &device));
    Ok(Json(ActionBody { closes_by, history: Some(history), ..ActionBody::from(&action) }))
}

fn closes_by(action: &Action, device: &Device) -> String {
    match action.convergence(device, device.online) {
        Convergence::ByReport => "report".into(),
        Convergence::ByFeedback => "feedback".into(),
    }
}

pub(super) async fn cancel(
    State(door): State<Arc<Door>>,
    caller: Caller,
    Places(id): Places<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<ActionBody>, ApiError> {
    caller.params.done()?;
    let action = request::action("id", &id)?;
    let Cancel { force } = wish(&headers, body).await?;
    let how = if force { Withdrawal::Forced } else { Withdrawal::Plain };
    match door.call(Call::Cancel { tenant: caller.tenant, action, how }).await? {
        Reply::Action(action) => Ok(Json(ActionBody::from(&action))),
        other => Err(unexpected(&other)),
    }
}

/// The body, which may be left out.
async fn wish(headers: &HeaderMap, body: Body) -> Result<Cancel, ApiError> {
    if request::has_type(headers, "application/json") {
        return request::json(headers, body, JSON_MAX).await;
    }
    match request::collect(body, JSON_MAX).await?.is_empty() {
        true => Ok(Cancel::default()),
        false => Err(request::wrong_type("application/json")),
    }
}
