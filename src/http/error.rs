//! The one shape of every answer that is not a success.

use axum::Json;
use axum::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use super::wire::{ErrorBody, ErrorDetail};
use crate::domain::decide::Reject;
use crate::engine::call::CallError;
use crate::engine::query::StoreError;
use crate::store::artifacts::ArtifactError;

/// When to come again after the server was busy: two of the engine's ticks.
const RETRY_BUSY_S: u32 = 2;

/// Why a request is not carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ApiError {
    status: StatusCode,
    code: &'static str,
    message: String,
    field: Option<String>,
    retry_after_s: Option<u32>,
}

impl ApiError {
    /// An error with a stable code and a sentence that names what to do.
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        ApiError { status, code, message: message.into(), field: None, retry_after_s: None }
    }

    /// 400: something in the request is malformed.
    pub fn bad(code: &'static str, field: &str, message: impl Into<String>) -> Self {
        ApiError::new(StatusCode::BAD_REQUEST, code, message).at(field)
    }

    /// 404: there is no such thing, or the asker may not know that there is.
    pub fn missing(code: &'static str, message: impl Into<String>) -> Self {
        ApiError::new(StatusCode::NOT_FOUND, code, message)
    }

    /// 401: nobody has proven who is asking.
    pub fn unauthenticated() -> Self {
        ApiError::new(
            StatusCode::UNAUTHORIZED,
            "unauthenticated",
            "send `Authorization: Bearer <token>` with a token that is valid on this server, or `Basic` with a name and \
             its token or password",
        )
    }

    /// 403: it is known who is asking, and that is not enough.
    pub fn forbidden(code: &'static str, message: impl Into<String>) -> Self {
        ApiError::new(StatusCode::FORBIDDEN, code, message)
    }

    /// 422: the request is well formed, and what it asks for cannot be.
    pub fn unprocessable(code: &'static str, message: impl Into<String>) -> Self {
        ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, code, message)
    }

    /// 413: the body is larger than what is taken.
    pub fn too_large(limit: u64) -> Self {
        let message = format!("the body may have {limit} bytes at most; send less");
        ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "body-too-large", message)
    }

    /// 503: try again later.
    pub fn busy() -> Self {
        let message = "the server is busy; try again in a few seconds";
        ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "busy", message).retry(RETRY_BUSY_S)
    }

    /// 500: something here is broken. What it is stands in the log, not in the answer.
    pub fn internal(cause: &(dyn std::error::Error + 'static)) -> Self {
        tracing::error!(cause, "a request failed");
        let message = "the server could not do this; its log says why";
        ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", message)
    }

    /// Names the member, parameter or header that is meant.
    pub fn at(mut self, field: &str) -> Self {
        self.field = Some(field.to_owned());
        self
    }

    /// Says when to come again.
    pub fn retry(mut self, seconds: u32) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }

    /// What is missing was named in the body and not in the path: then the body is what is wrong.
    pub fn in_body(mut self, field: &str) -> Self {
        if self.status == StatusCode::NOT_FOUND {
            self.status = StatusCode::UNPROCESSABLE_ENTITY;
            self.field = Some(field.to_owned());
        }
        self
    }

    /// The stable code.
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// The status of the answer.
    pub fn status(&self) -> StatusCode {
        self.status
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let detail = ErrorDetail { code: self.code.into(), message: self.message, field: self.field };
        let mut response = (self.status, Json(ErrorBody { error: detail })).into_response();
        let headers = response.headers_mut();
        if self.status == StatusCode::UNAUTHORIZED {
            // RFC 9110, 11.6.1: one challenge for each scheme that is understood.
            headers.append(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"updraft\""));
            headers.append(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"updraft\""));
        }
        if let Some(seconds) = self.retry_after_s {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        response
    }
}

impl From<CallError> for ApiError {
    fn from(error: CallError) -> Self {
        let message = error.to_string();
        let status = match &error {
            CallError::NoSuchDevice(_)
            | CallError::NoSuchImage(_)
            | CallError::NoSuchRelease(_)
            | CallError::NoSuchUpload(_)
            | CallError::NoSuchOffer(..)
            | CallError::NoSuchAction(_)
            | CallError::NoSuchDeployment(_)
            | CallError::NoSuchRollout(_)
            | CallError::NoSuchWebhook(_)
            | CallError::NoSuchOperator(_)
            | CallError::NoSuchArtifact(_)
            | CallError::NoSuchItem(_)
            | CallError::NoSuchTenant(_)
            | CallError::Refused { reject: Reject::NoSuchAction(_), .. } => StatusCode::NOT_FOUND,
            CallError::DeviceExists(_)
            | CallError::ImageInUse { .. }
            | CallError::VersionExists { .. }
            | CallError::ReleaseInUse(_)
            | CallError::Refused { .. }
            | CallError::OperatorExists(_)
            | CallError::ReleaseExists { .. }
            | CallError::Locked(_)
            | CallError::ItemExists(_)
            | CallError::TenantExists(_)
            | CallError::TokenTaken
            | CallError::UnderWay(_)
            | CallError::Rollout(..)
            | CallError::NotNow(_)
            | CallError::LastAdministrator(_) => StatusCode::CONFLICT,
            CallError::ReleaseConflict(..)
            | CallError::Count { .. }
            | CallError::Twice(_)
            | CallError::Incomplete(_)
            | CallError::NoPlace(_)
            | CallError::Invalid(_)
            | CallError::WrongKind(_)
            | CallError::BadItem(_)
            | CallError::BadRollout(_)
            | CallError::BadSetting { .. }
            | CallError::OtherProduct(_) => StatusCode::UNPROCESSABLE_ENTITY,
            CallError::DiskFull => StatusCode::INSUFFICIENT_STORAGE,
            CallError::Busy | CallError::Stopping => StatusCode::SERVICE_UNAVAILABLE,
            CallError::Corrupt(_) => return ApiError::internal(&error),
        };
        let mut answer = ApiError::new(status, error.code(), message);
        if let CallError::BadRollout(fault) = &error {
            answer.field = Some(fault.field.clone().into());
        }
        if status == StatusCode::SERVICE_UNAVAILABLE { answer.retry(RETRY_BUSY_S) } else { answer }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        ApiError::internal(&error)
    }
}

impl From<ArtifactError> for ApiError {
    fn from(error: ArtifactError) -> Self {
        match &error {
            ArtifactError::TooLarge { limit } => ApiError::too_large(*limit),
            ArtifactError::Full { .. } => CallError::DiskFull.into(),
            ArtifactError::Io { .. } => ApiError::internal(&error),
        }
    }
}

/// The answer to a path that does not exist.
pub async fn no_such_path() -> ApiError {
    ApiError::missing("no-such-path", "there is nothing at this path; the API is below /api/v1")
}

/// The answer to a method that a path does not have. axum adds `Allow`.
pub async fn no_such_method() -> ApiError {
    let message = "this path does not have this method; the Allow header names those that it has";
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "no-such-method", message)
}
