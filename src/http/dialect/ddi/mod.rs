//! hawkBit's Direct Device Integration, as hawkBit 1.1 speaks it and devices since 2016 expect it.
//!
//! `/{tenant}/controller/v1/{controllerId}` and below. Not here: gateway tokens and certificates behind a proxy,
//! devices that register themselves, confirmation, soft actions and maintenance windows.

mod answer;
mod body;
mod error;
mod media;
mod path;

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::Method;
use axum::response::Response;

use super::{Asked, Call, Claim, Dialect, No, Reply, converse};
use crate::domain::ids::ImageId;
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
        let token = target_token(asked).ok_or(No::NotProven)?;
        Ok(Claim { tenant: tenant.clone(), device: device.clone(), token })
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
            Place::ConfigData => Call::Configure(body::configuration(asked, body)?),
            Place::Artifacts(image) => Call::Artifacts { image },
            Place::Artifact(image, name) => file(image, name),
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
fn file(image: ImageId, name: String) -> Call {
    match name.strip_suffix(".MD5SUM") {
        Some(name) if !name.is_empty() => Call::Sums { image, name: name.to_owned() },
        Some(_) | None => Call::Artifact { image, name },
    }
}

/// `Authorization: TargetToken <token>`
fn target_token(asked: &Asked) -> Option<Secret> {
    let text = asked.header("authorization").filter(|text| text.len() <= AUTHORIZATION_MAX)?;
    let (scheme, token) = text.split_once(' ')?;
    scheme.eq_ignore_ascii_case("TargetToken").then(|| Secret::new(token.trim()))
}
