//! `/api/v1/status`: what server this is and who is asking.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;

use crate::http::Door;
use crate::http::auth::Caller;
use crate::http::error::ApiError;
use crate::http::wire::{StatusBody, timestamp};

pub(super) async fn show(
    State(door): State<Arc<Door>>,
    caller: Caller,
) -> Result<Json<StatusBody>, ApiError> {
    caller.params.done()?;
    Ok(Json(StatusBody {
        version: env!("CARGO_PKG_VERSION").into(),
        uptime_s: door.since.elapsed().as_secs(),
        started: timestamp(door.started),
        epoch: door.epoch.to_string(),
        operator: caller.name.into(),
        upload_max_bytes: door.shelf.upload_max_bytes(),
    }))
}
