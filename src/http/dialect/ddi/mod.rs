//! hawkBit's Direct Device Integration, as hawkBit 1.1 speaks it and devices since 2016 expect it.
//!
//! `/{tenant}/controller/v1/{controllerId}` and below.

mod answer;
mod body;
mod deployment;
mod error;
mod media;
mod path;

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::Method;
use axum::http::header::RANGE;
use axum::response::Response;

use super::{Asked, Call, Claim, Dialect, No, Proof, Reply, converse};
use crate::domain::ids::{DeviceId, ImageId};
use crate::engine::call::Secret;
use crate::http::Door;
use path::{Ended, Place};

/// Every path of this dialect.
pub const PATH: &str = "/{tenant}/controller/v1/{*rest}";
/// The longest controller id that hawkBit takes, in characters.
const CONTROLLER_MAX: usize = 256;
/// The longest `Authorization` header that is looked at; our tokens have 32 characters.
const AUTHORIZATION_MAX: usize = 1024;

/// Answers a request of this dialect.
pub async fn serve(State(door): State<Arc<Door>>, request: Request) -> Response {
    converse(&Ddi, &door, request).await
}

/// The codec.
struct Ddi;

impl Dialect for Ddi {
    fn claim(&self, asked: &Asked) -> Result<Claim, No> {
        let [tenant, _, _, device, ..] = asked.path.as_slice() else { return Err(No::UnknownPath) };
        if device.chars().count() > CONTROLLER_MAX {
            return Err(No::TooLong("controllerId"));
        }
        let id = DeviceId::parse(device).map_err(|error| No::BadName(format!("controllerId: {error}")))?;
        let proofs = certificate(asked, device).into_iter().chain(authorization(asked)).collect();
        Ok(Claim { tenant: tenant.clone(), device: id, proofs })
    }

    fn call(&self, asked: &Asked, body: &[u8]) -> Result<Call, No> {
        let place = Place::of(&asked.path)?;
        place.check_method(&asked.method)?;
        if place.is_json() && asked.method != Method::POST && asked.method != Method::PUT {
            media::answer_format(asked)?;
        }
        let history = || body::history(asked).map(|count| count > 0);
        Ok(match place {
            Place::Root => Call::Poll,
            Place::Deployment(Ended::No, action) => Call::Deployment { action, history: history()? },
            Place::Deployment(Ended::Yes, action) => Call::Installed { action, history: history()? },
            Place::Cancel(action) => Call::Cancel { action },
            Place::Feedback(action) => {
                Call::Feedback { action, feedback: body::feedback(asked, body, action)? }
            }
            Place::CancelFeedback(action) => {
                Call::CancelAnswer { action, feedback: body::cancel_answer(asked, body, action)? }
            }
            Place::Installed => body::runs(asked, body)?,
            Place::Confirmation => Call::Proposals,
            Place::Proposal(action) => Call::Proposal { action, history: history()? },
            Place::Consent(action) => Call::Consent { action, consent: body::consent(asked, body)? },
            Place::Activate => body::agree_to_all(asked, body)?,
            Place::Deactivate => Call::AskAgain,
            Place::ConfigData => Call::Configure(body::configuration(asked, body)?),
            Place::Artifacts(image) => Call::Artifacts { image },
            Place::Artifact(image, name) => file(asked, image, name),
        })
    }

    fn answer(&self, asked: &Asked, outcome: Result<Reply, No>) -> Response {
        match outcome.and_then(|reply| answer::write(asked, reply)) {
            Ok(response) => response,
            Err(no) => error::write(asked, no),
        }
    }
}

/// A file, or with `.MD5SUM` behind its name the line that `md5sum` would write about it.
fn file(asked: &Asked, image: ImageId, name: String) -> Call {
    match name.strip_suffix(".MD5SUM") {
        Some(name) if !name.is_empty() => Call::Sums { image, name: name.to_owned() },
        Some(_) | None => {
            // A client that resumes asks for many parts: they would fill the history.
            let whole = asked.method == Method::GET && !asked.headers.contains_key(RANGE);
            let noted = whole.then(|| format!("/{}", asked.path.join("/")).into());
            Call::Artifact { image, name, noted }
        }
    }
}

/// `Authorization: TargetToken <token>` or `GatewayToken <key>`
fn authorization(asked: &Asked) -> Option<Proof> {
    let text = asked.header("authorization").filter(|text| text.len() <= AUTHORIZATION_MAX)?;
    let (scheme, token) = text.split_once(' ')?;
    let token = || Secret::new(token.trim());
    match scheme.to_ascii_lowercase().as_str() {
        "targettoken" => Some(Proof::Device(token())),
        "gatewaytoken" => Some(Proof::Gateway(token())),
        _ => None,
    }
}

/// The device's name in a certificate and who signed it, as a proxy says: `X-Controller-Id` with `X-Authority`, or as
/// up to hawkBit 0.9 `X-Ssl-Client-Cn` with `X-Ssl-Issuer-Hash-1` and on. From others than proxies that the operator
/// trusts these never get here.
fn certificate(asked: &Asked, device: &str) -> Option<Proof> {
    let spellings = [("x-controller-id", "x-authority"), ("x-ssl-client-cn", "x-ssl-issuer-hash-")];
    // Of two names, or one that is there twice, nobody knows which is the proxy's.
    let mut named = spellings.into_iter().filter(|(name, _)| asked.headers.contains_key(*name));
    let (name, authority) = named.next().filter(|_| named.next().is_none())?;
    let mut names = asked.headers.get_all(name).iter();
    if names.next().and_then(|own| own.to_str().ok()) != Some(device) || names.next().is_some() {
        return None;
    }
    let of_authority = |name: &str| {
        let tail = name.strip_prefix(authority).map(|tail| tail.trim_start_matches('-'));
        tail.is_some_and(|tail| tail.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let lines = asked.headers.iter().filter(|(name, _)| of_authority(name.as_str()));
    let texts = lines.filter_map(|(_, value)| value.to_str().ok()).flat_map(|text| text.split([';', ',']));
    let named = texts.map(str::trim).filter(|text| !text.is_empty());
    Some(Proof::Certificate { authorities: named.map(Into::into).collect() })
}
