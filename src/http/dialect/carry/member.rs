//! Who asks about a pool of images: operators, the tenants that they may act in, and the sessions that they begin.

use std::sync::Arc;

use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};

use super::pool::ITEMS_MAX;
use crate::domain::ids::{TenantId, Time};
use crate::engine::access::{Identity, Role, digest, is_session, same};
use crate::engine::call::Secret;
use crate::engine::now;
use crate::http::Door;
use crate::http::auth::{self, Peer};
use crate::http::dialect::pool::{Access, Caller, Person, Session};
use crate::http::error::ApiError;

/// Now, for answers that tell it.
pub fn moment() -> Time {
    now()
}

/// An operator who may do this in the tenant. To all others the tenant is not there.
///
/// # Errors
/// 401, 403 for devices and for writing observers, 404, 429.
pub async fn member(
    door: &Arc<Door>,
    parts: &Parts,
    tenant: &str,
    access: Access,
) -> Result<Caller, ApiError> {
    let (operator, confined, role) = operator(auth::identify(parts, door).await?)?;
    let missing = || ApiError::missing("no-such-partner", "there is no such partner or account for you");
    let tenant = TenantId::parse(tenant).map_err(|_| missing())?;
    let there = match confined {
        Some(own) => own == tenant,
        None => {
            let tenant = tenant.clone();
            door.ask(move |reader| reader.tenant(&tenant)).await?.is_some()
        }
    };
    if !there {
        return Err(missing());
    }
    if role == Role::Observer && access == Access::Write {
        let message = "observers may only read; this needs manageDeviceProfiles";
        return Err(ApiError::forbidden("read-only", message));
    }
    Ok(Caller { operator, tenant })
}

fn operator(identity: Identity) -> Result<(Box<str>, Option<TenantId>, Role), ApiError> {
    match identity {
        Identity::Operator { name, tenant, role } => Ok((name, tenant, role)),
        Identity::Device(_) => {
            let message = "this is a device's token; send that of an operator";
            Err(ApiError::forbidden("not-an-operator", message))
        }
    }
}

/// An operator with the tenants that they may act in.
///
/// # Errors
/// 403 for devices.
pub async fn person(door: &Door, identity: Identity) -> Result<Person, ApiError> {
    let (operator, confined, role) = operator(identity)?;
    let tenants = match confined {
        Some(own) => door.ask(move |reader| Ok(Vec::from_iter(reader.tenant(&own)?))).await?,
        None => door.ask(|reader| reader.tenants(None, ITEMS_MAX)).await?,
    };
    let tenants = tenants.into_iter().map(|tenant| (tenant.id, tenant.trail.created)).collect();
    Ok(Person { operator, writes: role == Role::Admin, tenants })
}

/// Whether a login comes from a client that may ask: from any that says who it is, unless one is configured.
pub fn knows_client(door: &Door, headers: &HeaderMap) -> bool {
    let Some((id, secret)) = auth::basic_client(headers) else { return false };
    let given = digest(&format!("{id}:{}", secret.reveal()));
    door.login_client.as_ref().is_none_or(|own| same(&digest(own.reveal()), &given))
}

/// A session for an operator who proves it. None when nothing proves it.
///
/// # Errors
/// 429 after too many failures from the same address.
pub async fn begin(
    door: &Door,
    parts: &Parts,
    name: String,
    password: Secret,
    seconds: u32,
) -> Result<Option<Session>, ApiError> {
    if is_session(password.reveal()) {
        return Ok(None);
    }
    let peer = parts.extensions.get::<Peer>().copied();
    match auth::login(door, peer, name.clone(), password).await {
        Ok(_) => {
            let token = door.ask(move |reader| reader.open_session(&name, seconds)).await?;
            Ok(token.map(|token| Session { token, seconds }))
        }
        Err(error) if error.status() == StatusCode::UNAUTHORIZED => Ok(None),
        Err(error) => Err(error),
    }
}
