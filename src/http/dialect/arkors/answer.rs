//! Answers in arkors' words: a record, or `{"error": ...}` with the very texts of the code, because logs are searched
//! for them. Each has a new id for the chain of logs.

use axum::Json;
use axum::http::header::{ALLOW, RETRY_AFTER};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::{Fault, NoUpdate, Profile, Told};
use crate::domain::image::hex;

const LOG: HeaderName = HeaderName::from_static("x-arkors-application-log");

#[derive(Serialize)]
struct ErrorBody {
    error: String,
}

/// The outcome in bytes.
pub fn write(outcome: Result<Told, Fault>, profile: Profile) -> Response {
    let mut response = match outcome {
        Ok(Told::Added(record)) => (StatusCode::CREATED, Json(record)).into_response(),
        Ok(Told::Record(record)) => Json(record).into_response(),
        Err(fault) => refusal(fault, profile),
    };
    response.headers_mut().extend(new_log_id().map(|id| (LOG, id)));
    response
}

/// Where the system has no random numbers the answer goes without an id, which nothing rests on.
fn new_log_id() -> Option<HeaderValue> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).ok()?;
    HeaderValue::try_from(hex(&bytes)).ok()
}

fn refusal(fault: Fault, profile: Profile) -> Response {
    let bad = |text: &str| error(StatusCode::BAD_REQUEST, text);
    match fault {
        Fault::NoClient => {
            bad("Invalid request header, it should be include 'X-Arkors-Application-Log'  and \
             'X-Arkors-Application-Client'.")
        }
        Fault::NoToken => bad("Invalid request header,it should be include 'id' and 'Token'"),
        Fault::BadToken => error(StatusCode::UNAUTHORIZED, "Invalid token"),
        Fault::BadApp => bad("The application's id must be numrical"),
        Fault::BadVersion => bad("The application's version must be numrical"),
        Fault::NotJson => bad("Invalid json body "),
        Fault::BadRecord => bad("Invalid request body, it should be JSON format."),
        Fault::OtherVersion => bad("The version of the body is not the version of the path"),
        Fault::Exists => bad("The application's id already exist"),
        Fault::NotFound => error(StatusCode::NOT_FOUND, "Not found any version records"),
        Fault::NotThere => error(StatusCode::NOT_FOUND, "Application's ID is not exist!"),
        Fault::NoUpdate(why) => no_update(why, profile),
        Fault::WrongMethod(allowed) => {
            let mut response = error(StatusCode::METHOD_NOT_ALLOWED, "The method is not allowed");
            response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
            response
        }
        Fault::Api(own) => {
            let (status, text) = (own.status(), own.to_string());
            let retry = own.into_response().headers_mut().remove(RETRY_AFTER);
            let mut response = error(status, &text);
            response.headers_mut().extend(retry.map(|retry| (RETRY_AFTER, retry)));
            response
        }
    }
}

/// The document knows 404 alone ("如果没有新版本返回 HTTP 的 404 状态码"); the code says 400 for all but the newest.
fn no_update(why: NoUpdate, profile: Profile) -> Response {
    let (text, in_code) = match why {
        NoUpdate::NoRecord => ("the version is newst!", StatusCode::BAD_REQUEST),
        NoUpdate::Newest => ("The application version is newest!", StatusCode::NOT_FOUND),
        NoUpdate::NotCompatible => ("The App version can't upgrade", StatusCode::BAD_REQUEST),
        NoUpdate::TooEarly => ("The App version can't in right time to upgrade", StatusCode::BAD_REQUEST),
    };
    error(if profile.code_compat { in_code } else { StatusCode::NOT_FOUND }, text)
}

fn error(status: StatusCode, text: &str) -> Response {
    (status, Json(ErrorBody { error: text.to_owned() })).into_response()
}
