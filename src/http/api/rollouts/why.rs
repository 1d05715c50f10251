//! `/api/v1/rollouts/{id}/explain`: why a rollout stands where it stands, and how a device stands in it.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;

use super::{missing, number};
use crate::domain::ids::DeviceKey;
use crate::http::Door;
use crate::http::auth::Caller;
use crate::http::error::ApiError;
use crate::http::request::{self, Places};
use crate::http::wire::{RolloutWhyBody, StandingBody};

pub(in crate::http::api) async fn explain(
    State(door): State<Arc<Door>>,
    mut caller: Caller,
    Places(id): Places<String>,
) -> Result<Json<RolloutWhyBody>, ApiError> {
    let device = caller.params.take("device")?.map(|text| request::device("device", &text)).transpose()?;
    caller.params.done()?;
    let (tenant, id, poll_s) = (caller.tenant, number("id", &id)?, door.ddi_poll_s);
    let asked = device.clone();
    let found = door.ask(move |reader| {
        let Some((rollout, why)) = reader.explain_rollout(&tenant, id)? else { return Ok(None) };
        let standing = match asked {
            Some(device) => {
                let at = reader.moment(&tenant, poll_s)?;
                Some(reader.explain_member(&DeviceKey { tenant, device }, id, at)?)
            }
            None => None,
        };
        Ok(Some((rollout, why, standing)))
    });
    let found = found.await?.filter(|(rollout, ..)| !rollout.deleted);
    let (rollout, why, standing) = found.ok_or_else(|| missing(id))?;
    let device = match (device, standing.flatten()) {
        (_, Some(standing)) => Some(StandingBody::from(&standing)),
        (Some(device), None) => {
            return Err(ApiError::missing("no-such-device", format!("there is no device {device}")));
        }
        (None, None) => None,
    };
    Ok(Json(RolloutWhyBody { device, ..RolloutWhyBody::new(&rollout, &why) }))
}
