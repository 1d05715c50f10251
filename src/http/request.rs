//! Reading requests: queries, paths and JSON bodies, each with an answer that names what is wrong.

use axum::body::{Body, Bytes};
use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequestParts, Path, Query};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, Uri};
use http_body_util::BodyExt as _;
use serde::de::DeserializeOwned;

use super::error::ApiError;
use super::pace::Slow;
use crate::domain::ids::{
    ActionId, DeploymentId, DeviceId, FirmwareType, ImageId, NameError, ProductId, ReleaseId, RolloutId,
    TenantId,
};
use crate::domain::version::Version;

/// The largest JSON body, in bytes: the longest list of rules stays far below.
pub const JSON_MAX: usize = 64 * 1024;
/// The largest order of a deployment: a million devices (`DEPLOYMENT_DEVICES_MAX`) with ids of up to 29 characters,
/// each with its quotes and comma. Only administrators get as far as having a body read.
pub const DEPLOYMENT_MAX: usize = 32 * 1024 * 1024;
/// The most items of one page: about half a megabyte of devices.
pub const PAGE_MAX: usize = 500;
/// The items of a page where the request does not say.
const PAGE_DEFAULT: usize = 50;

/// The parameters of a query. Every parameter has to be taken; one that is left over is an error.
#[derive(Debug, Clone)]
pub struct Params(Vec<(String, String)>);

impl Params {
    /// Reads the query of a URI.
    ///
    /// # Errors
    /// 400 when it is not `name=value&...`.
    pub fn of(uri: &Uri) -> Result<Self, ApiError> {
        let pairs = Query::<Vec<(String, String)>>::try_from_uri(uri)
            .map_err(|error| ApiError::bad("bad-query", "query", error.body_text()))?;
        Ok(Params(pairs.0))
    }

    /// No parameters.
    pub fn none() -> Self {
        Params(Vec::new())
    }

    /// Takes the parameter of this name, which may come once.
    ///
    /// # Errors
    /// 400 when it comes twice.
    pub fn take(&mut self, name: &str) -> Result<Option<String>, ApiError> {
        let mut values = self.take_all(name);
        let first = values.pop();
        if values.is_empty() {
            return Ok(first);
        }
        Err(ApiError::bad("bad-query", name, format!("give `{name}` once")))
    }

    /// Takes every parameter of this name.
    pub fn take_all(&mut self, name: &str) -> Vec<String> {
        let (taken, rest) = std::mem::take(&mut self.0).into_iter().partition(|(own, _)| own == name);
        self.0 = rest;
        let taken: Vec<(String, String)> = taken;
        taken.into_iter().map(|(_, value)| value).collect()
    }

    /// Takes a parameter that must be there.
    ///
    /// # Errors
    /// 400 when it is missing or comes twice.
    pub fn need(&mut self, name: &str) -> Result<String, ApiError> {
        let missing = || ApiError::bad("missing-parameter", name, format!("add `{name}=` to the query"));
        self.take(name)?.ok_or_else(missing)
    }

    /// The first parameter of this name, which stays.
    pub fn first(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// Takes `limit`: 1 to [`PAGE_MAX`].
    ///
    /// # Errors
    /// 400 when it is something else.
    pub fn limit(&mut self) -> Result<usize, ApiError> {
        let Some(text) = self.take("limit")? else { return Ok(PAGE_DEFAULT) };
        let limit = text.parse().ok().filter(|limit| (1..=PAGE_MAX).contains(limit));
        limit.ok_or_else(|| ApiError::bad("bad-limit", "limit", format!("`limit` must be 1 to {PAGE_MAX}")))
    }

    /// Checks that nothing is left.
    ///
    /// # Errors
    /// 400 with the name of the first parameter that nobody took.
    pub fn done(self) -> Result<(), ApiError> {
        match self.0.first() {
            None => Ok(()),
            Some((name, _)) => {
                Err(ApiError::bad("unknown-parameter", name, format!("remove `{name}` from the query")))
            }
        }
    }

    /// Reads a tenant.
    ///
    /// # Errors
    /// 400 with the rule that the name breaks.
    pub fn tenant(text: &str) -> Result<TenantId, ApiError> {
        TenantId::parse(text).map_err(|error| bad_name("tenant", error))
    }
}

/// 400: a name breaks the grammar.
pub fn bad_name(field: &str, error: NameError) -> ApiError {
    ApiError::bad("bad-name", field, format!("`{field}` {error}"))
}

/// Reads a product, naming `field` when it is not one.
///
/// # Errors
/// 400 with the rule that the name breaks.
pub fn product(field: &str, text: &str) -> Result<ProductId, ApiError> {
    ProductId::parse(text).map_err(|error| bad_name(field, error))
}

/// Reads a device id, naming `field` when it is not one.
///
/// # Errors
/// 400 with the rule that the name breaks.
pub fn device(field: &str, text: &str) -> Result<DeviceId, ApiError> {
    DeviceId::parse(text).map_err(|error| bad_name(field, error))
}

/// Reads a firmware type.
///
/// # Errors
/// 400 when it is not 1 to 200.
pub fn firmware_type(field: &str, text: &str) -> Result<FirmwareType, ApiError> {
    let canonical = text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
    let number = canonical.then(|| text.parse().ok()).flatten();
    let bad = || ApiError::bad("bad-type", field, format!("`{field}` must be a firmware type, 1 to 200"));
    number.and_then(FirmwareType::new).ok_or_else(bad)
}

/// Reads a version.
///
/// # Errors
/// 400 when it is not 1 to 128 printable ASCII characters without blanks.
pub fn version(field: &str, text: &str) -> Result<Version, ApiError> {
    let message = || format!("`{field}` must be 1 to 128 printable ASCII characters without blanks");
    Version::parse(text).ok_or_else(|| ApiError::bad("bad-version", field, message()))
}

macro_rules! number {
    ($($name:ident: $id:ident),*) => {$(
        /// Reads an id, naming `field` when it is not one.
        ///
        /// # Errors
        /// 400 when it is not a decimal number from 1 to 2^31-1.
        pub fn $name(field: &str, text: &str) -> Result<$id, ApiError> {
            $id::parse(text).ok_or_else(|| bad_number(field))
        }
    )*};
}

number!(action: ActionId, image: ImageId, release: ReleaseId, deployment: DeploymentId, rollout: RolloutId);

/// The answer to a number that cannot be an id.
pub fn bad_number(field: &str) -> ApiError {
    ApiError::bad("bad-id", field, format!("`{field}` must be a decimal number from 1 to 2147483647"))
}

/// What stands in the places of a path, decoded.
#[derive(Debug)]
pub struct Places<T>(pub T);

impl<T, S> FromRequestParts<S> for Places<T>
where
    T: DeserializeOwned + Send,
    S: Send + Sync,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let places = Path::<T>::from_request_parts(parts, state).await;
        let bad = |error: PathRejection| ApiError::bad("bad-path", "path", error.body_text());
        places.map(|Path(inner)| Places(inner)).map_err(bad)
    }
}

/// Whether the body is of this media type, parameters apart.
pub fn has_type(headers: &HeaderMap, wanted: &str) -> bool {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().is_some_and(|media| media.trim().eq_ignore_ascii_case(wanted))
}

/// 415, naming what would be taken.
pub fn wrong_type(wanted: &str) -> ApiError {
    let message = format!("send the body with `Content-Type: {wanted}`");
    ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "wrong-content-type", message).at("content-type")
}

/// Refuses a body whose announced length is over the limit, before any of it is read.
///
/// # Errors
/// 413.
pub fn check_length(headers: &HeaderMap, limit: u64) -> Result<(), ApiError> {
    let announced = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > limit) { Err(ApiError::too_large(limit)) } else { Ok(()) }
}

/// Reads a JSON body of at most `max` bytes.
///
/// # Errors
/// 400 with the member that is wrong, 408, 413, 415.
pub async fn json<T: DeserializeOwned>(headers: &HeaderMap, body: Body, max: usize) -> Result<T, ApiError> {
    if !has_type(headers, "application/json") {
        return Err(wrong_type("application/json"));
    }
    check_length(headers, max as u64)?;
    parse("body", &collect(body, max).await?)
}

/// Reads JSON text. `whole` names the text when it is wrong as a whole.
///
/// # Errors
/// 400 with the member that is wrong.
pub fn parse<T: DeserializeOwned>(whole: &str, text: &[u8]) -> Result<T, ApiError> {
    // serde would read a list as an object without names.
    if text.trim_ascii_start().first() != Some(&b'{') {
        return Err(ApiError::bad("bad-json", whole, format!("`{whole}` must be a JSON object")));
    }
    let mut reader = serde_json::Deserializer::from_slice(text);
    let value: T = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        let message = error.into_inner().to_string();
        let field = missing_member(&message).map(str::to_owned).unwrap_or(path);
        // serde writes `.` for the text as a whole and `?` where it lost its way.
        let field = if matches!(field.as_str(), "." | "?") { whole } else { &field };
        ApiError::bad("bad-json", field, message)
    })?;
    reader.end().map_err(|error| ApiError::bad("bad-json", whole, error.to_string()))?;
    Ok(value)
}

/// serde names a missing member only in its message.
fn missing_member(message: &str) -> Option<&str> {
    message.strip_prefix("missing field `")?.split('`').next()
}

/// Reads a body of at most `max` bytes.
///
/// # Errors
/// 408 when it comes too slowly, 413 when it is too long, 400 when the client goes away.
pub async fn collect(mut body: Body, max: usize) -> Result<Vec<u8>, ApiError> {
    let mut text = Vec::new();
    while let Some(bytes) = next(&mut body).await? {
        if text.len() + bytes.len() > max {
            return Err(ApiError::too_large(max as u64));
        }
        text.extend_from_slice(&bytes);
    }
    Ok(text)
}

/// The next bytes of a body; none at its end.
///
/// # Errors
/// 408 when they come too slowly, 400 when the client goes away.
pub async fn next(body: &mut Body) -> Result<Option<Bytes>, ApiError> {
    loop {
        match body.frame().await {
            None => return Ok(None),
            Some(Err(error)) => return Err(broken(&error)),
            Some(Ok(frame)) => match frame.into_data() {
                Ok(bytes) => return Ok(Some(bytes)),
                // Trailers: nothing here has any use for them.
                Err(_) => continue,
            },
        }
    }
}

/// The answer to a body that did not arrive.
pub fn broken(error: &(dyn std::error::Error + 'static)) -> ApiError {
    let mut cause = Some(error);
    while let Some(inner) = cause {
        if inner.is::<Slow>() {
            let message = "the body came too slowly; send it again over a faster connection";
            return ApiError::new(StatusCode::REQUEST_TIMEOUT, "body-too-slow", message);
        }
        cause = inner.source();
    }
    ApiError::bad("broken-body", "body", "the body broke off; send it again")
}
