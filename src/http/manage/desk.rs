//! Who asks at this door, for which tenant, and how the answer is to be written.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Path, Request, State};
use axum::http::header::{CONTENT_TYPE, WWW_AUTHENTICATE};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::PATH;
use super::shape::{Links, Shape};
use crate::domain::ids::TenantId;
use crate::engine::access::Role;
use crate::http::Door;
use crate::http::accept;
use crate::http::auth::{self, Operator};
use crate::http::error::ApiError;
use crate::http::hawkbit::{Fault, Kind};
use crate::http::request::Params;
use crate::http::site::Site;

/// What answers are written in, the preferred first.
const WRITTEN: [&str; 2] = ["application/hal+json", "application/json"];

/// An operator who may do what the request's method asks for, with what all answers need to know.
#[derive(Debug, Clone)]
pub struct Desk {
    /// The tenant that the request is about.
    pub tenant: TenantId,
    /// The operator's name.
    pub by: Box<str>,
    /// Whether the operator may see what devices prove themselves by.
    pub sees_tokens: bool,
    /// How the client reaches this server.
    pub site: Site,
    query: Params,
    media: &'static str,
    /// What `carry` works with; nothing else is to touch it.
    pub(super) door: Arc<Door>,
}

/// Lets requests through whose sender is known and may do what they ask.
pub(super) async fn admit(State(door): State<Arc<Door>>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    match Desk::of(&parts, &door).await {
        Ok(desk) => {
            parts.extensions.insert(desk);
            next.run(Request::from_parts(parts, body)).await
        }
        Err(fault) => fault.into_response(),
    }
}

impl Desk {
    async fn of(parts: &Parts, door: &Arc<Door>) -> Result<Desk, Fault> {
        let operator = auth::operator(parts, door).await.map_err(unproven)?;
        let reads = parts.method == Method::GET || parts.method == Method::HEAD;
        if operator.role == Role::Observer && !reads {
            return Err(Fault::new(Kind::Permission, "Insufficient Permission"));
        }
        // A file is a file, whatever else the client takes.
        let is_file = parts.uri.path().ends_with("/download");
        let media = accept::preferred(&parts.headers, &WRITTEN);
        Ok(Desk {
            tenant: tenant(&operator),
            by: operator.name,
            sees_tokens: operator.role == Role::Admin,
            site: Site::of(&parts.uri, &parts.headers),
            query: Params::of(&parts.uri).map_err(|_| Fault::parameter("query"))?,
            media: media.or(is_file.then_some(WRITTEN[0])).ok_or_else(Fault::not_acceptable)?,
            door: Arc::clone(door),
        })
    }

    /// A parameter of the query, the first of that name. Those that nobody asks for are ignored, as hawkBit does.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.query.first(name)
    }

    /// A parameter that is `true` or `false`; false where it is missing.
    ///
    /// # Errors
    /// 400 for anything else.
    pub fn flag(&self, name: &str) -> Result<bool, Fault> {
        match self.parameter(name) {
            None => Ok(false),
            Some(text) if text.eq_ignore_ascii_case("true") => Ok(true),
            Some(text) if text.eq_ignore_ascii_case("false") => Ok(false),
            Some(_) => Err(Fault::parameter(name)),
        }
    }

    /// A whole number; none where it is missing.
    ///
    /// # Errors
    /// 400 for anything else.
    pub fn number(&self, name: &str) -> Result<Option<i64>, Fault> {
        let parse = |text: &str| text.parse().map_err(|_| Fault::parameter(name));
        self.parameter(name).map(parse).transpose()
    }

    /// Links of something whose own path below `/rest/v1` is `path`.
    pub fn links(&self, path: &str) -> Links {
        Links::new(format!("{}{PATH}/", self.site.base(self.site.secure)), path)
    }

    /// 200 with one thing, or with a list that has no pages.
    pub fn ok(&self, body: &impl Serialize) -> Response {
        self.json(StatusCode::OK, body)
    }

    /// 201 with what was made.
    pub fn created(&self, made: &[Shape]) -> Response {
        self.json(StatusCode::CREATED, &made)
    }

    /// 201 with the one thing that was made.
    pub fn created_one(&self, made: &Shape) -> Response {
        self.json(StatusCode::CREATED, made)
    }

    fn json(&self, status: StatusCode, body: &impl Serialize) -> Response {
        match serde_json::to_vec(body) {
            Ok(text) => {
                (status, [(CONTENT_TYPE, HeaderValue::from_static(self.media))], text).into_response()
            }
            Err(error) => Fault::from(ApiError::internal(&error)).into_response(),
        }
    }
}

/// 204: it is done, and there is nothing to say about it.
pub fn nothing() -> Response {
    StatusCode::NO_CONTENT.into_response()
}

impl<S: Sync> FromRequestParts<S> for Desk {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Fault> {
        parts.extensions.get::<Desk>().cloned().ok_or_else(|| Fault::bare(StatusCode::UNAUTHORIZED))
    }
}

/// What stands in the places of a path, decoded.
#[derive(Debug)]
pub struct At<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for At<T> {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Fault> {
        let places = Path::<T>::from_request_parts(parts, state).await;
        places.map(|Path(inner)| At(inner)).map_err(|_| Fault::parameter("path"))
    }
}

/// Reads an id. A number that cannot be one of ours names what does not exist; what is no number is malformed.
///
/// # Errors
/// 404 or 400.
pub fn id<T>(what: &str, text: &str, parse: impl Fn(&str) -> Option<T>) -> Result<T, Fault> {
    let missing = || match !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        true => Fault::missing(what, text),
        false => Fault::parameter("id"),
    };
    parse(text).ok_or_else(missing)
}

/// Whoever proves nothing learns nothing: 401 without a body, whatever was wrong with the header.
fn unproven(error: ApiError) -> Fault {
    match error.status() {
        StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => unauthenticated(),
        _ => error.into(),
    }
}

fn unauthenticated() -> Fault {
    let challenge = HeaderValue::from_static("Basic realm=\"hawkBit\"");
    Fault::bare(StatusCode::UNAUTHORIZED).with(WWW_AUTHENTICATE, challenge)
}

/// The tenant that the user's name says (`TENANT\user`, in any case), or the operator's own, or the default one.
fn tenant(operator: &Operator) -> TenantId {
    operator.asked.clone().or_else(|| operator.confined.clone()).unwrap_or_default()
}
