//! What the doors share whose devices the field never gave a token of ours: who may speak for a device, who may write,
//! and what a device's word does.

use std::sync::Arc;

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;

use crate::domain::action::{Action, State};
use crate::domain::decide::Verdict;
use crate::domain::device::Device;
use crate::domain::event::Event;
use crate::domain::ids::{DeviceId, DeviceKey, FirmwareType, ProductId, TenantId};
use crate::engine::access::{Identity, Role};
use crate::engine::call::{Call, CallError, Reply, Secret};
use crate::engine::now;
use crate::http::Door;
use crate::http::api::unexpected;
use crate::http::auth::{self, Peer};
use crate::http::error::ApiError;

/// The longest token that is looked at; devices in the field hold at most 161 characters.
const TOKEN_MAX: usize = 512;

/// A device of the tenant that these doors serve.
pub(super) fn key(device: &DeviceId) -> DeviceKey {
    DeviceKey { tenant: TenantId::default(), device: device.clone() }
}

/// The operator who may change things here: in `Authorization`, or as a bare token in one of these headers.
pub(super) async fn operator(
    door: &Arc<Door>,
    peer: Option<Peer>,
    headers: &HeaderMap,
    bare: &[&str],
) -> Result<Box<str>, ApiError> {
    let text = |name: &&str| headers.get(*name).and_then(|value| value.to_str().ok());
    let token = bare.iter().find_map(text).filter(|text| text.len() <= TOKEN_MAX);
    let identity = match (headers.contains_key(AUTHORIZATION), token) {
        (true, _) => auth::identify_by(headers, peer, door).await?,
        (false, Some(token)) => auth::prove(door, peer, &Secret::new(bearer(token)), |_| true).await?,
        (false, None) => return Err(ApiError::unauthenticated()),
    };
    match identity {
        Identity::Operator { name, role: Role::Admin, tenant } if serves(tenant.as_ref()) => Ok(name),
        Identity::Operator { .. } | Identity::Device(_) => {
            Err(ApiError::forbidden("read-only", "only an administrator of this tenant may write here"))
        }
    }
}

fn serves(tenant: Option<&TenantId>) -> bool {
    tenant.is_none_or(|own| *own == TenantId::default())
}

/// A token that may have its scheme in front.
fn bearer(text: &str) -> &str {
    let text = text.trim();
    match text.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
        Some(_) | None => text,
    }
}

/// Lets whoever calls speak for a device, and says what is known of it. One that has a token here and shows one has to
/// show its own, and so has one that proves itself at another door: nobody else is to report for it.
pub(super) async fn admit(
    door: &Arc<Door>,
    peer: Option<Peer>,
    key: &DeviceKey,
    token: Option<&str>,
    required: bool,
) -> Result<Option<Device>, ApiError> {
    let asked = key.clone();
    let (device, known) =
        door.ask(move |reader| Ok((reader.device(&asked)?, reader.has_token(&asked)?))).await?;
    // Devices of MQTT number their words, and prove themselves before the first.
    let proves_itself = device
        .as_ref()
        .is_some_and(|device| device.proven || device.window.seen != 0 || device.boot.is_some());
    match token.filter(|_| known || required) {
        Some(token) => {
            let token = Secret::new(bearer(token));
            let own = |identity: &Identity| matches!(identity, Identity::Device(own) if own == key);
            auth::prove(door, peer, &token, own).await?;
        }
        None if required || proves_itself => return Err(ApiError::unauthenticated()),
        None => {}
    }
    Ok(device)
}

/// Has the engine hear a device, and register it where these doors may. None for one that is not known, and for all
/// that are not while the disk is full: then nothing is recorded, and polls go on.
pub(super) async fn hear(
    door: &Door,
    peer: Option<Peer>,
    key: &DeviceKey,
    event: Event,
    product: &ProductId,
) -> Result<Option<(Device, Vec<Action>)>, ApiError> {
    let newcomer = door.legacy.newcomers.then(|| product.clone());
    let from = peer.map(|Peer(address)| address.to_string().into());
    match door.engine.call(Call::Hear { key: key.clone(), event, from, proven: false, newcomer }).await {
        Ok(Reply::Heard { verdict: Verdict::Stored | Verdict::Repeated, device, actions }) => {
            Ok(Some((*device, actions)))
        }
        Ok(Reply::Heard { verdict: Verdict::Rejected(reject), .. }) => {
            Err(ApiError::bad("rejected", "body", reject.to_string()))
        }
        Ok(other) => Err(unexpected(&other)),
        Err(CallError::NoSuchDevice(_)) => Ok(None),
        Err(CallError::DiskFull) => {
            let key = key.clone();
            door.ask(move |reader| reader.work(&key)).await
        }
        Err(error) => Err(error.into()),
    }
}

/// Of the actions under way for a firmware type, the one that the device is to carry out now.
pub(super) fn due(actions: &[Action], kind: FirmwareType) -> Option<&Action> {
    let now = now();
    actions.iter().find(|action| {
        action.component(kind).is_some()
            && !action.state.is_terminal()
            && !action.cancelling
            && !action.is_held(now)
    })
}

/// The device is about to be told of an action: on disk before it hears of it, and only once.
pub(super) async fn tell(
    door: &Door,
    peer: Option<Peer>,
    device: &Device,
    action: &Action,
) -> Result<(), ApiError> {
    if action.state == State::Queued {
        hear(door, peer, &device.key, Event::Poll, &device.product).await?;
    }
    Ok(())
}
