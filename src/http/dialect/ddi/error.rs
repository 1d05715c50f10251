//! DDI's refusals, in hawkBit's words.

use axum::http::StatusCode;
use axum::http::header::CONTENT_RANGE;
use axum::response::{IntoResponse, Response};

use crate::domain::action::Refusal;
use crate::http::dialect::{Asked, No};
use crate::http::downloads::no_range;
use crate::http::hawkbit::{Fault, Kind};

/// The answer to what is not carried out.
pub fn write(asked: &Asked, no: No) -> Response {
    fault(asked, no).into_response()
}

fn fault(asked: &Asked, no: No) -> Fault {
    match no {
        No::NotProven => Fault::bare(StatusCode::UNAUTHORIZED),
        No::Refused(Refusal::Finished | Refusal::Contradicts | Refusal::CancelPending) => {
            Fault::bare(StatusCode::GONE)
        }
        No::OtherFile => Fault::bare(StatusCode::PRECONDITION_FAILED),
        No::OutOfRange(size) => {
            Fault::bare(StatusCode::RANGE_NOT_SATISFIABLE).with(CONTENT_RANGE, no_range(size))
        }
        No::Refused(Refusal::NoCancelPending) => {
            let message = "Only active actions which are in status pending are cancelable.";
            Fault::new(Kind::NotCancelable, message)
        }
        No::AutoConfirmActive => Fault::new(Kind::AutoConfirmActive, "Auto confirmation is already active."),
        No::UnknownAction | No::Refused(Refusal::NotWaiting | Refusal::Waiting) => missing("Action"),
        No::UnknownTenant => missing("Tenant"),
        No::UnknownDevice => missing("Target"),
        No::UnknownRelease => missing("DistributionSet"),
        No::UnknownArtifact => missing("Artifact"),
        No::Malformed => Fault::not_readable(),
        No::TooLong(what) => Fault::constraint(format!("{what} is too long")),
        No::BadName(message) => Fault::constraint(message),
        No::BadAttributes(message) => Fault::new(Kind::Attributes, message),
        No::TooMany(what) => Fault::new(Kind::TooMany, format!("Quota exceeded: too many {what}.")),
        No::UnknownPath => Fault::no_path(),
        No::WrongMethod(allowed) => Fault::no_method(&asked.method, Some(allowed)),
        No::NotAcceptable => Fault::not_acceptable(),
        No::MediaType => Fault::media_type("application/json or application/cbor"),
        No::Api(error) => error.into(),
    }
}

/// An id that is another's looks exactly like one that does not exist, so the answer names none.
fn missing(what: &str) -> Fault {
    Fault::new(Kind::NotFound, format!("{what} with given identifier does not exist."))
}
