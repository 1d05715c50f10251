//! Every answer that is not a success: a JSON object with a status, a code, a sentence and a `trace`, whatever went
//! wrong. The tools parse the body before they look at the status, and print `trace` up to the first `at`.

use axum::Json;
use axum::http::header::{ALLOW, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::domain::ids::Time;
use crate::http::error::ApiError;

/// Which of Afero's services would have answered.
const SERVICE: &str = "ota";
/// There is one.
const REGION: &str = "local";

#[derive(Serialize)]
struct ErrorBody<'e> {
    timestamp: u64,
    status: u16,
    error: &'e str,
    error_description: String,
    service_name: &'static str,
    region: &'static str,
    trace: String,
}

/// Why a request is not carried out.
#[derive(Debug)]
pub enum No {
    /// There is no such path.
    UnknownPath,
    /// The path does not have this method; it has these.
    WrongMethod(&'static str),
    /// The client of a login did not say who it is (RFC 6749, 5.2).
    UnknownClient,
    /// A login is refused, with the code that RFC 6749 gives it.
    Login(&'static str, &'static str),
    /// What every door refuses alike.
    Api(ApiError),
}

impl From<ApiError> for No {
    fn from(error: ApiError) -> Self {
        No::Api(error)
    }
}

/// The answer.
pub fn write(no: No, now: Time) -> Response {
    match no {
        No::UnknownPath => body(StatusCode::NOT_FOUND, "no-such-path", "there is nothing at this path", now),
        No::WrongMethod(allowed) => {
            let mut response = body(
                StatusCode::METHOD_NOT_ALLOWED,
                "no-such-method",
                "this path does not have this method; the Allow header names those that it has",
                now,
            );
            response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
            response
        }
        No::UnknownClient => {
            let message = "send `Authorization: Basic` with the base64 of the client's id and secret";
            let mut response = body(StatusCode::UNAUTHORIZED, "invalid_client", message, now);
            let challenge = HeaderValue::from_static("Basic realm=\"updraft\"");
            response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
            response
        }
        No::Login(code, message) => body(StatusCode::BAD_REQUEST, code, message, now),
        No::Api(error) => of_our_own(error, now),
    }
}

/// Keeps what our own answer says in its header.
fn of_our_own(error: ApiError, now: Time) -> Response {
    let (status, code, message) = (error.status(), error.code(), error.to_string());
    let code = if status == StatusCode::UNAUTHORIZED { "invalid_token" } else { code };
    let mut response = body(status, code, &message, now);
    let own = error.into_response();
    for name in [RETRY_AFTER, WWW_AUTHENTICATE] {
        for value in own.headers().get_all(&name) {
            response.headers_mut().append(&name, value.clone());
        }
    }
    response
}

fn body(status: StatusCode, code: &str, message: &str, now: Time) -> Response {
    let body = ErrorBody {
        timestamp: now.0,
        status: status.as_u16(),
        error: code,
        error_description: message.to_owned(),
        service_name: SERVICE,
        region: REGION,
        // What stands before the first `at` is all that the tools show.
        trace: format!("{message} at updraft.{SERVICE}({code})"),
    };
    (status, Json(body)).into_response()
}
