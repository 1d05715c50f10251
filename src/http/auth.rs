//! Who is asking over HTTP, and what they may do. Tokens are proven by the engine's reader, passwords by `passwords`;
//! nothing here keeps one.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Door;
use super::error::ApiError;
use super::request::Params;
use crate::domain::ids::TenantId;
use crate::engine::access::Identity;
use crate::engine::access::{Operator as OperatorRow, Role};
use crate::engine::call::Secret;

/// The longest `Authorization` header that is looked at: two names and a token encoded in base64 stay far below.
const AUTHORIZATION_MAX: usize = 1024;
/// The failures that one address may have in a window. Tokens have 128 random bits, so this bounds work and noise,
/// not guessing; many devices and a proxy may share an address.
const FAILURES_MAX: u32 = 60;
/// The window.
const WINDOW: Duration = Duration::from_secs(60);
/// The most addresses that are remembered: some hundred kilobytes. When full, the oldest are forgotten.
const ADDRESSES_MAX: usize = 4096;

/// The client's address: that of the other end of the connection, or what a trusted proxy there says. Put into every
/// request by `serve`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer(pub IpAddr);

/// An operator who may do what the request's method asks for, in the tenant that the request names.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The operator's name.
    pub name: Box<str>,
    /// The tenant that the operator is confined to.
    pub confined: Option<TenantId>,
    /// What the operator may do.
    pub role: Role,
    /// The tenant that the request is about.
    pub tenant: TenantId,
    /// The query's other parameters.
    pub params: Params,
}

impl FromRequestParts<Arc<Door>> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, door: &Arc<Door>) -> Result<Self, ApiError> {
        let Operator { name, confined, role, asked: before } = operator(parts, door).await?;
        let reads = parts.method == Method::GET || parts.method == Method::HEAD;
        if role == Role::Observer && !reads {
            let message = "observers may only read; ask an administrator";
            return Err(ApiError::forbidden("read-only", message));
        }
        let mut params = Params::of(&parts.uri)?;
        let asked = params.take("tenant")?.map(|text| Params::tenant(&text)).transpose()?;
        let tenant = match (asked, before) {
            (None, Some(tenant)) => tenant,
            (asked, _) => select(confined.as_ref(), asked)?,
        };
        Ok(Caller { name, confined, role, tenant, params })
    }
}

/// The tenant that the request is about. To a confined operator all other tenants look as if they were not there.
fn select(confined: Option<&TenantId>, asked: Option<TenantId>) -> Result<TenantId, ApiError> {
    match (confined, asked) {
        (None, asked) => Ok(asked.unwrap_or_default()),
        (Some(own), None) => Ok(own.clone()),
        (Some(own), Some(asked)) if *own == asked => Ok(asked),
        (Some(_), Some(asked)) => {
            Err(ApiError::missing("no-such-tenant", format!("there is no tenant {asked}")).at("tenant"))
        }
    }
}

/// Who speaks at a door that is for operators only.
#[derive(Debug, Clone)]
pub struct Operator {
    /// The name.
    pub name: Box<str>,
    /// The tenant that the operator is confined to.
    pub confined: Option<TenantId>,
    /// What it may do.
    pub role: Role,
    /// The tenant that stands before the name (hawkBit: `TENANT\user`), which is one of ours.
    pub asked: Option<TenantId>,
}

/// The operator who sends a request.
///
/// # Errors
/// As [`identify`]; 403 when it is a device, 401 when there is no such tenant.
pub async fn operator(parts: &Parts, door: &Arc<Door>) -> Result<Operator, ApiError> {
    let Identity::Operator { name, tenant: confined, role } = identify(parts, door).await? else {
        let message = "this is a device's token; the API takes tokens of operators";
        return Err(ApiError::forbidden("not-an-operator", message));
    };
    let asked = match Credential::of(&parts.headers)?.and_then(|credential| credential.tenant) {
        None => None,
        Some(text) => {
            let found = door.ask(move |reader| reader.tenant_like(&text)).await?;
            Some(found.ok_or_else(ApiError::unauthenticated)?.id)
        }
    };
    // Where two tenants differ in case only, a confined operator means its own.
    let asked = asked.map(|asked| confined.clone().unwrap_or(asked));
    Ok(Operator { name, confined, role, asked })
}

/// Who sends a request, whoever it is.
///
/// # Errors
/// 401 without a valid token or password, 429 instead after too many failures from the same address.
pub async fn identify(parts: &Parts, door: &Arc<Door>) -> Result<Identity, ApiError> {
    identify_by(&parts.headers, parts.extensions.get::<Peer>().copied(), door).await
}

/// The same where only the header of a request is left.
///
/// # Errors
/// As [`identify`].
pub async fn identify_by(headers: &HeaderMap, peer: Option<Peer>, door: &Door) -> Result<Identity, ApiError> {
    let Some(credential) = Credential::of(headers)? else {
        return Err(ApiError::unauthenticated());
    };
    who(door, peer, &credential).await
}

/// The operator of that name, proven by its token or its password.
///
/// # Errors
/// 401 when it is neither, 429 instead after too many failures from the same address.
pub async fn login(
    door: &Door,
    peer: Option<Peer>,
    name: String,
    secret: Secret,
) -> Result<Identity, ApiError> {
    match who(door, peer, &Credential { tenant: None, name: Some(name), token: secret }).await? {
        operator @ Identity::Operator { .. } => Ok(operator),
        Identity::Device(_) => Err(unproven(door, peer)),
    }
}

async fn who(door: &Door, peer: Option<Peer>, credential: &Credential) -> Result<Identity, ApiError> {
    let identity = match door.look(|reader| reader.authenticate(credential.token.reveal()))? {
        Some(identity) => Some(identity),
        None => match &credential.name {
            Some(name) => with_password(door, peer, name, &credential.token).await?,
            None => None,
        },
    };
    let fitting = identity.filter(|identity| credential.fits(identity));
    fitting.ok_or_else(|| unproven(door, peer))
}

/// The operator of that name, if this is its password. Fails with 429 after too many failures from the same address,
/// and with 503 when too many passwords are being checked.
async fn with_password(
    door: &Door,
    peer: Option<Peer>,
    name: &str,
    password: &Secret,
) -> Result<Option<Identity>, ApiError> {
    let found = door.look(|reader| Ok(reader.operator(name)?.zip(reader.operator_hash(name)?)))?;
    // Whether there is such an operator may be told from the time that this takes; names are no secrets.
    let Some((operator, phc)) = found else { return Ok(None) };
    let blocked = peer.and_then(|Peer(peer)| door.failures.blocked(peer, Instant::now()));
    match blocked.filter(|_| !door.passwords.is_proven(password, &phc)) {
        // A password can be guessed, and a guess costs more than a look into the store.
        Some(wait) => Err(too_many_failures(wait)),
        None => {
            let known = door.passwords.prove(password, phc).await?;
            let OperatorRow { name, tenant, role, .. } = operator;
            Ok(known.then_some(Identity::Operator { name, tenant, role }))
        }
    }
}

/// Whose token it is, when `fits` says that this is whom the request is about.
///
/// # Errors
/// 401 without a valid token that fits, 429 instead after too many failures from the same address.
pub async fn prove(
    door: &Door,
    peer: Option<Peer>,
    token: &Secret,
    fits: impl Fn(&Identity) -> bool,
) -> Result<Identity, ApiError> {
    let identity = door.look(|reader| reader.authenticate(token.reveal()))?;
    match identity.filter(fits) {
        Some(identity) => Ok(identity),
        None => Err(unproven(door, peer)),
    }
}

/// The answer to somebody who proved nothing: 401, or 429 after too many failures from the same address.
pub fn unproven(door: &Door, peer: Option<Peer>) -> ApiError {
    peer.map_or_else(ApiError::unauthenticated, |Peer(peer)| failed(door, peer))
}

/// Counts a failure, unless the address has used up its budget. Whoever has a valid token is never refused for what
/// others behind the same address do: behind a proxy all are.
fn failed(door: &Door, peer: IpAddr) -> ApiError {
    let now = Instant::now();
    match door.failures.blocked(peer, now) {
        Some(wait) => too_many_failures(wait),
        None => {
            door.failures.note(peer, now);
            ApiError::unauthenticated()
        }
    }
}

fn too_many_failures(wait: Duration) -> ApiError {
    let seconds = u32::try_from(wait.as_secs()).unwrap_or(u32::MAX).saturating_add(1);
    let message = format!("too many wrong tokens came from this address; wait {seconds} seconds");
    ApiError::new(StatusCode::TOO_MANY_REQUESTS, "too-many-failures", message).retry(seconds)
}

/// What an `Authorization` header claims.
#[derive(Debug)]
struct Credential {
    /// The tenant before the name and a backslash.
    tenant: Option<String>,
    /// The name, which only the Basic scheme has.
    name: Option<String>,
    /// A token, or an operator's password.
    token: Secret,
}

impl Credential {
    /// Reads `Bearer <token>` and `Basic base64(<name>:<token>)` (RFC 6750, RFC 7617). Instead of its token an operator
    /// may send its password, and before its name a tenant and a backslash (hawkBit).
    fn of(headers: &HeaderMap) -> Result<Option<Credential>, ApiError> {
        let mut values = headers.get_all(AUTHORIZATION).iter();
        let value = match (values.next(), values.next()) {
            (None, _) => return Ok(None),
            (Some(value), None) if value.len() <= AUTHORIZATION_MAX => value,
            (Some(_), _) => return Err(malformed("send one Authorization header of at most 1024 bytes")),
        };
        let text = value.to_str().map_err(|_| malformed("the Authorization header must be ASCII"))?;
        let (scheme, rest) = text.split_once(' ').unwrap_or((text, ""));
        match (scheme.to_ascii_lowercase().as_str(), rest.trim()) {
            ("bearer", token) => Ok(Some(Credential { tenant: None, name: None, token: Secret::new(token) })),
            ("basic", encoded) => basic(encoded)
                .map(Some)
                .ok_or_else(|| malformed("send `Basic` with the base64 of `name:token`")),
            _ => Err(ApiError::unauthenticated().at("authorization")),
        }
    }

    /// A name that is given must be that of the token's owner: `device`, `tenant/device` or the operator's.
    fn fits(&self, identity: &Identity) -> bool {
        let Some(name) = self.name.as_deref() else { return true };
        match (identity, self.tenant.as_deref()) {
            (Identity::Operator { name: own, tenant: Some(confined), .. }, Some(tenant)) => {
                name == &**own && tenant.eq_ignore_ascii_case(confined.as_str())
            }
            (Identity::Operator { name: own, .. }, _) => name == &**own,
            (Identity::Device(_), Some(_)) => false,
            (Identity::Device(key), None) => name == key.device.as_str() || name == key.to_string(),
        }
    }
}

/// The client's id and secret, where the header has them in the Basic scheme (RFC 6749, 2.3.1).
pub fn basic_client(headers: &HeaderMap) -> Option<(String, Secret)> {
    let Credential { tenant: _, name, token } = Credential::of(headers).ok().flatten()?;
    name.map(|name| (name, token))
}

fn basic(encoded: &str) -> Option<Credential> {
    let text = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
    let (name, token) = text.split_once(':')?;
    // No name of ours has a backslash.
    let (tenant, name) = name.split_once('\\').map_or((None, name), |(tenant, name)| (Some(tenant), name));
    Some(Credential {
        tenant: tenant.map(str::to_owned),
        name: Some(name.to_owned()),
        token: Secret::new(token),
    })
}

fn malformed(message: &str) -> ApiError {
    ApiError::bad("bad-authorization", "authorization", message)
}

/// How often each address failed to prove itself lately.
#[derive(Debug, Default)]
pub struct Failures {
    addresses: Mutex<HashMap<IpAddr, Streak>>,
}

#[derive(Debug, Clone, Copy)]
struct Streak {
    since: Instant,
    count: u32,
}

impl Failures {
    /// How long the address has to wait, if it has used up its budget.
    fn blocked(&self, peer: IpAddr, now: Instant) -> Option<Duration> {
        let addresses = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        let streak = addresses.get(&peer).filter(|streak| streak.count >= FAILURES_MAX)?;
        WINDOW.checked_sub(now.saturating_duration_since(streak.since))
    }

    /// Counts a failure.
    fn note(&self, peer: IpAddr, now: Instant) {
        let mut addresses = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        if addresses.len() >= ADDRESSES_MAX && !addresses.contains_key(&peer) {
            forget_oldest(&mut addresses, now);
        }
        let streak = addresses.entry(peer).or_insert(Streak { since: now, count: 0 });
        if now.saturating_duration_since(streak.since) > WINDOW {
            *streak = Streak { since: now, count: 0 };
        }
        streak.count = streak.count.saturating_add(1);
    }
}

/// Makes room: everything outside the window goes, and the older half when that was nothing.
fn forget_oldest(addresses: &mut HashMap<IpAddr, Streak>, now: Instant) {
    addresses.retain(|_, streak| now.saturating_duration_since(streak.since) <= WINDOW);
    if addresses.len() < ADDRESSES_MAX {
        return;
    }
    let mut starts: Vec<Instant> = addresses.values().map(|streak| streak.since).collect();
    starts.sort_unstable();
    let middle = starts[starts.len() / 2];
    addresses.retain(|_, streak| streak.since > middle);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_address_is_blocked_after_its_budget_and_free_after_the_window() {
        let failures = Failures::default();
        let peer: IpAddr = "192.0.2.1".parse().unwrap();
        let start = Instant::now();
        for _ in 0..FAILURES_MAX {
            assert_eq!(failures.blocked(peer, start), None);
            failures.note(peer, start);
        }
        assert_eq!(failures.blocked(peer, start), Some(WINDOW));
        assert_eq!(failures.blocked("192.0.2.2".parse().unwrap(), start), None);
        assert_eq!(failures.blocked(peer, start + WINDOW + Duration::from_secs(1)), None);
        failures.note(peer, start + WINDOW + Duration::from_secs(1));
        assert_eq!(failures.blocked(peer, start + WINDOW + Duration::from_secs(1)), None);
    }

    #[test]
    fn addresses_are_forgotten_when_there_are_too_many() {
        let failures = Failures::default();
        let start = Instant::now();
        for n in 0..3 * u32::try_from(ADDRESSES_MAX).unwrap() {
            failures.note(std::net::Ipv4Addr::from(n).into(), start + Duration::from_micros(n.into()));
            assert!(failures.addresses.lock().unwrap().len() <= ADDRESSES_MAX);
        }
    }

    #[test]
    fn credentials_are_read_in_both_schemes() {
        let table: &[(&str, &str)] = &[
            ("Bearer abc", "none abc"),
            ("bearer  abc ", "none abc"),
            ("Basic bDE6YWJj", "l1 abc"),
            ("Basic YWNtZS9sMTphOmI=", "acme/l1 a:b"),
            ("Basic QUNNRVxhbm46YWJj", "ACME ann abc"),
            ("Basic YWJj", "malformed"),
            ("Basic %%%", "malformed"),
            ("Digest abc", "malformed"),
        ];
        for (text, expected) in table {
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, text.parse().unwrap());
            let found = Credential::of(&headers).ok().flatten();
            let found = found.map_or("malformed".to_owned(), |credential| {
                let name = credential.name.as_deref().unwrap_or("none");
                let tenant = credential.tenant.map(|tenant| tenant + " ").unwrap_or_default();
                format!("{tenant}{name} {}", credential.token.reveal())
            });
            assert_eq!(found, *expected, "{text}");
        }
    }
}
