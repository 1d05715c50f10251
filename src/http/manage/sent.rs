//! What a request's body holds: JSON, as `application/json` or `application/hal+json`.

use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::http::error::ApiError;
use crate::http::hawkbit::Fault;
use crate::http::request;

/// The largest body in bytes: the most assignments of one request (5000), each with a maintenance window, are below
/// two megabytes.
const BODY_MAX: usize = 4 * 1024 * 1024;

/// A body. Members that nobody knows are ignored, as hawkBit does.
#[derive(Debug)]
pub struct Sent(Vec<u8>);

impl Sent {
    /// One object.
    ///
    /// # Errors
    /// 400 when the body is anything else.
    pub fn one<T: DeserializeOwned>(&self) -> Result<T, Fault> {
        object(self.value()?)
    }

    /// A list of objects.
    ///
    /// # Errors
    /// 400 when the body is anything else.
    pub fn many<T: DeserializeOwned>(&self) -> Result<Vec<T>, Fault> {
        match self.value()? {
            Value::Array(items) => items.into_iter().map(object).collect(),
            _ => Err(Fault::not_readable()),
        }
    }

    /// A list of objects, or one object instead of a list of one.
    ///
    /// # Errors
    /// 400 when the body is anything else.
    pub fn any<T: DeserializeOwned>(&self) -> Result<Vec<T>, Fault> {
        match self.value()? {
            Value::Array(items) => items.into_iter().map(object).collect(),
            one => Ok(vec![object(one)?]),
        }
    }

    /// A list of numbers or texts.
    ///
    /// # Errors
    /// 400 when the body is anything else.
    pub fn plain<T: DeserializeOwned>(&self) -> Result<Vec<T>, Fault> {
        match self.value()? {
            Value::Array(items) => {
                let read = |item| serde_json::from_value(item).map_err(|_| Fault::not_readable());
                items.into_iter().map(read).collect()
            }
            _ => Err(Fault::not_readable()),
        }
    }

    /// Whether there is no body.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn value(&self) -> Result<Value, Fault> {
        serde_json::from_slice(&self.0).map_err(|_| Fault::not_readable())
    }
}

/// serde would read a list as an object without names.
fn object<T: DeserializeOwned>(value: Value) -> Result<T, Fault> {
    match value {
        Value::Object(_) => serde_json::from_value(value).map_err(|_| Fault::not_readable()),
        _ => Err(Fault::not_readable()),
    }
}

impl<S: Send + Sync> FromRequest<S> for Sent {
    type Rejection = Fault;

    async fn from_request(request: Request, _: &S) -> Result<Self, Fault> {
        let (parts, body) = request.into_parts();
        request::check_length(&parts.headers, BODY_MAX as u64)?;
        let is_json = ["application/json", "application/hal+json"]
            .iter()
            .any(|media| request::has_type(&parts.headers, media));
        let text = request::collect(body, BODY_MAX).await.map_err(unread)?;
        match is_json || text.is_empty() {
            true => Ok(Sent(text)),
            false => Err(Fault::media_type("application/json or application/hal+json")),
        }
    }
}

fn unread(error: ApiError) -> Fault {
    if error.status() == StatusCode::BAD_REQUEST { Fault::not_readable() } else { error.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_read_as_what_it_has_to_be() {
        #[derive(serde::Deserialize)]
        #[allow(dead_code)]
        struct Body {
            name: String,
        }
        let table: &[(&str, [bool; 3])] = &[
            (r#"{"name":"a","unknown":1}"#, [true, false, true]),
            (r#"[{"name":"a"},{"name":"b"}]"#, [false, true, true]),
            ("[]", [false, true, true]),
            (r#"["a"]"#, [false, false, false]),
            (r#"[["a"]]"#, [false, false, false]),
            (r#"{"name":1}"#, [false, false, false]),
            (r#"{"#, [false, false, false]),
            ("", [false, false, false]),
            ("null", [false, false, false]),
        ];
        for (text, expected) in table {
            let sent = Sent(text.as_bytes().to_vec());
            let found = [sent.one::<Body>().is_ok(), sent.many::<Body>().is_ok(), sent.any::<Body>().is_ok()];
            assert_eq!(found, *expected, "{text}");
        }
    }
}
