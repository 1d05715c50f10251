//! hawkBit's errors: `{"exceptionClass", "errorCode", "message"}`, and no body at all for some.

use axum::Json;
use axum::http::header::{ALLOW, CONTENT_RANGE, RETRY_AFTER};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::answer::empty;
use crate::domain::action::Refusal;
use crate::http::dialect::{Asked, No};
use crate::http::downloads::no_range;
use crate::http::error::ApiError;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ErrorBody {
    exception_class: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_code: Option<&'static str>,
    message: String,
}

/// The answer to what is not carried out.
pub fn write(asked: &Asked, no: No) -> Response {
    match no {
        No::NotProven => empty(StatusCode::UNAUTHORIZED),
        No::Refused(Refusal::Finished | Refusal::Contradicts | Refusal::CancelPending) => {
            empty(StatusCode::GONE)
        }
        No::OtherFile => empty(StatusCode::PRECONDITION_FAILED),
        No::OutOfRange(size) => {
            let mut response = empty(StatusCode::RANGE_NOT_SATISFIABLE);
            response.headers_mut().insert(CONTENT_RANGE, no_range(size));
            response
        }
        No::Refused(Refusal::NoCancelPending) => hawkbit(
            StatusCode::METHOD_NOT_ALLOWED,
            "org.eclipse.hawkbit.repository.exception.CancelActionNotAllowedException",
            "hawkbit.server.error.action.notCancelable",
            "Only active actions which are in status pending are cancelable.",
        ),
        No::AutoConfirmActive => hawkbit(
            StatusCode::CONFLICT,
            "org.eclipse.hawkbit.repository.exception.AutoConfirmationAlreadyActiveException",
            "hawkbit.server.error.repo.autoConfAlreadyActive",
            "Auto confirmation is already active.",
        ),
        No::UnknownAction | No::Refused(Refusal::NotWaiting | Refusal::Waiting) => {
            missing("Action with given identifier does not exist.")
        }
        No::UnknownArtifact => missing("Artifact with given identifier does not exist."),
        No::Malformed => hawkbit(
            StatusCode::BAD_REQUEST,
            "org.eclipse.hawkbit.rest.exception.MessageNotReadableException",
            "hawkbit.server.error.rest.body.notReadable",
            "The given request body is not well formed",
        ),
        No::TooLong(what) => hawkbit(
            StatusCode::BAD_REQUEST,
            "jakarta.validation.ConstraintViolationException",
            "hawkbit.server.error.repo.constraintViolation",
            format!("{what} is too long"),
        ),
        No::BadAttributes(message) => hawkbit(
            StatusCode::BAD_REQUEST,
            "org.eclipse.hawkbit.repository.exception.InvalidTargetAttributeException",
            "hawkbit.server.error.repo.invalidTargetAttributes",
            message,
        ),
        No::TooMany(what) => hawkbit(
            StatusCode::TOO_MANY_REQUESTS,
            "org.eclipse.hawkbit.repository.exception.AssignmentQuotaExceededException",
            "hawkbit.server.error.quota.tooManyEntries",
            format!("Quota exceeded: too many {what}."),
        ),
        No::UnknownPath => spring(
            StatusCode::NOT_FOUND,
            "org.springframework.web.servlet.resource.NoResourceFoundException",
            "There is nothing at this path.",
        ),
        No::WrongMethod(allowed) => no_such_method(&asked.method, allowed),
        No::NotAcceptable => spring(
            StatusCode::NOT_ACCEPTABLE,
            "org.springframework.web.HttpMediaTypeNotAcceptableException",
            "No acceptable representation",
        ),
        No::MediaType => spring(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "org.springframework.web.HttpMediaTypeNotSupportedException",
            "Content-Type is not supported; send application/json or application/cbor",
        ),
        No::Api(error) => of_our_own(error),
    }
}

fn no_such_method(method: &Method, allowed: &'static str) -> Response {
    let mut response = spring(
        StatusCode::METHOD_NOT_ALLOWED,
        "org.springframework.web.HttpRequestMethodNotSupportedException",
        format!("Request method '{method}' is not supported"),
    );
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    response
}

/// What every door refuses alike: too slow, too long, too many wrong tokens, busy, broken.
fn of_our_own(error: ApiError) -> Response {
    let (status, message) = (error.status(), error.to_string());
    let retry = error.into_response().headers_mut().remove(RETRY_AFTER);
    let mut response = match status {
        StatusCode::TOO_MANY_REQUESTS => empty(status),
        _ => hawkbit(
            status,
            "org.eclipse.hawkbit.repository.exception.GenericServerException",
            "hawkbit.server.error.repo.genericError",
            message,
        ),
    };
    response.headers_mut().extend(retry.map(|retry| (RETRY_AFTER, retry)));
    response
}

fn missing(message: &str) -> Response {
    hawkbit(
        StatusCode::NOT_FOUND,
        "org.eclipse.hawkbit.repository.exception.EntityNotFoundException",
        "hawkbit.server.error.repo.entityNotFound",
        message,
    )
}

fn hawkbit(
    status: StatusCode,
    exception_class: &'static str,
    error_code: &'static str,
    message: impl Into<String>,
) -> Response {
    let body = ErrorBody { exception_class, error_code: Some(error_code), message: message.into() };
    (status, Json(body)).into_response()
}

/// What hawkBit's framework answers before hawkBit does: without a code.
fn spring(status: StatusCode, exception_class: &'static str, message: impl Into<String>) -> Response {
    let body = ErrorBody { exception_class, error_code: None, message: message.into() };
    (status, Json(body)).into_response()
}
