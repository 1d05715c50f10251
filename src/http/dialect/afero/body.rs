//! Bodies of requests. Members that nobody asked for are passed over, as the tools send back whole records; one that is
//! `null` is one that is left out.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use percent_encoding::percent_decode_str;
use serde::de::{DeserializeOwned, Error as _, Visitor};
use serde::{Deserialize, Deserializer};

use super::path;
use crate::domain::ids::{AttributeId, FirmwareType, ProductId};
use crate::domain::image::Sha256;
use crate::domain::version::Version;
use crate::engine::call::Secret;
use crate::http::dialect::pool::{Ask, FilePlace, Record, Written};
use crate::http::error::ApiError;
use crate::http::request;

/// The longest name and the longest tag, in characters: what hawkBit's doors take too.
const NAME_MAX: usize = 128;
/// The longest description, in characters: as at hawkBit's doors.
const DESCRIPTION_MAX: usize = 512;
/// The most tags of a record.
const TAGS_MAX: usize = 100;
/// The longest value that is kept without being read, such as a second URL, in bytes.
const KEPT_MAX: usize = 2048;
/// Values that the tools write into records and want back.
const KEPT: [&str; 3] = ["url2", "deviceDescriptionId", "deviceProfileId"];

/// A whole number, as a JSON number or as its digits in a string: ids may exceed what a double holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Number(u64);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Digits;
        impl Visitor<'_> for Digits {
            type Value = Number;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number that is not negative")
            }

            fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Number, E> {
                Ok(Number(number))
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Number, E> {
                path::number(text).map(Number).map_err(|_| E::custom("invalid digits of a whole number"))
            }
        }
        deserializer.deserialize_any(Digits)
    }
}

#[derive(Debug, Deserialize)]
struct TypeBody {
    name: String,
    description: Option<String>,
    #[serde(rename = "type")]
    kind: Option<Number>,
}

/// A record, and with it the values in `KEPT`, which may come in any form.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RecordBody {
    name: Option<String>,
    description: Option<String>,
    #[serde(rename = "type")]
    kind: Option<Number>,
    version: Option<String>,
    version_number: Option<Number>,
    url: Option<String>,
    tags: Option<Vec<String>>,
    associations: Option<BTreeMap<String, Vec<String>>>,
    #[serde(rename = "url2")]
    url2: Option<Kept>,
    device_description_id: Option<Kept>,
    device_profile_id: Option<Kept>,
}

/// A text or a number, kept as text.
#[derive(Debug)]
struct Kept(String);

impl<'de> Deserialize<'de> for Kept {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::String(text) if text.len() <= KEPT_MAX => Ok(Kept(text)),
            serde_json::Value::Number(number) => Ok(Kept(number.to_string())),
            _ => Err(D::Error::custom(format!("expected a text of at most {KEPT_MAX} bytes"))),
        }
    }
}

#[derive(Debug, Deserialize)]
struct ValueBody {
    value: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ActionBody {
    #[serde(rename = "type")]
    kind: String,
    attr_id: Number,
    data: Option<String>,
}

/// `{name, description?, type}` of a new firmware type.
pub fn new_type(headers: &HeaderMap, body: &[u8]) -> Result<Ask, ApiError> {
    let TypeBody { name, description, kind } = json(headers, body)?;
    let kind = kind.ok_or_else(|| missing("type"))?;
    let (name, description) = (text("name", name)?, described(description)?);
    Ok(Ask::AddType { kind: firmware_type(kind)?, name, description })
}

/// `{name, description?}` for a firmware type that is there.
pub fn changed_type(headers: &HeaderMap, body: &[u8], kind: FirmwareType) -> Result<Ask, ApiError> {
    let TypeBody { name, description, kind: _ } = json(headers, body)?;
    Ok(Ask::PutType { kind, name: text("name", name)?, description: described(description)? })
}

/// A record.
pub fn record(headers: &HeaderMap, body: &[u8]) -> Result<Record, ApiError> {
    let body: RecordBody = json(headers, body)?;
    let kept = KEPT.into_iter().zip([body.url2, body.device_description_id, body.device_profile_id]);
    Ok(Record {
        name: body.name.map(|name| text("name", name)).transpose()?,
        description: described(body.description)?,
        kind: body.kind.map(firmware_type).transpose()?,
        version: body.version.map(|version| request::version("version", &version)).transpose()?,
        number: body.version_number.map(|number| number.0),
        place: body.url.map(|url| place(&url)).transpose()?,
        tags: body.tags.map(tags).transpose()?,
        kept: kept.filter_map(|(name, value)| Some((name, value?.0.into()))).collect(),
        products: body.associations.map(products).transpose()?.unwrap_or_default(),
    })
}

/// `{value}`
pub fn value(headers: &HeaderMap, body: &[u8]) -> Result<String, ApiError> {
    json::<ValueBody>(headers, body).map(|body| body.value)
}

/// `{value: "<sha256>"}`
pub fn sum(headers: &HeaderMap, body: &[u8]) -> Result<Ask, ApiError> {
    let text = value(headers, body)?;
    // A sum that is none is that of no file.
    let missing = || ApiError::missing("no-such-binary", "there is no such binary; it may have expired");
    Sha256::parse(&text.to_ascii_lowercase()).map(Ask::Move).ok_or_else(missing)
}

/// An action on a device's attribute.
pub fn action(headers: &HeaderMap, body: &[u8], device: &str) -> Result<(Ask, String), ApiError> {
    let ActionBody { kind, attr_id, data } = json(headers, body)?;
    let bad_id = || ApiError::bad("bad-attribute", "attrId", "`attrId` must be 1 to 65535");
    let id = AttributeId::new(attr_id.0).ok_or_else(bad_id)?;
    let device = path::device(device)?;
    let ask = match kind.as_str() {
        "attribute_read" => Ask::ReadAttribute(device),
        "attribute_write" => {
            Ask::WriteAttribute(device, id, written(id, &data.ok_or_else(|| missing("data"))?)?)
        }
        _ => {
            let message = "`type` must be attribute_write or attribute_read";
            return Err(ApiError::bad("bad-action", "type", message));
        }
    };
    Ok((ask, kind))
}

/// A version is a whole number of at most 64 bits with its sign, the lowest byte first; any other attribute is its bytes,
/// kept as text where they are one and as their digits otherwise.
fn written(id: AttributeId, data: &str) -> Result<Written, ApiError> {
    let bad = || ApiError::bad("bad-data", "data", "`data` must be pairs of hexadecimal digits");
    let bytes = unhex(data).ok_or_else(bad)?;
    if id.firmware_type().is_none() {
        let text = String::from_utf8(bytes).ok().filter(|text| !text.chars().any(char::is_control));
        return Ok(Written::Text(text.unwrap_or_else(|| data.to_ascii_lowercase()).into()));
    }
    let mut whole = [0u8; 8];
    let message = "a version has 1 to 8 bytes, the lowest first, and is not negative";
    let bad = || ApiError::bad("bad-data", "data", message);
    whole.get_mut(..bytes.len()).filter(|part| !part.is_empty()).ok_or_else(bad)?.copy_from_slice(&bytes);
    let number = u64::from_le_bytes(whole);
    i64::try_from(number).map(|_| Written::Number(number)).map_err(|_| bad())
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let pairs = text.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).ok());
    pairs.map(|pair| u8::from_str_radix(pair?, 16).ok()).collect()
}

/// What a request for a session says.
#[derive(Debug)]
pub struct Login {
    /// The operator.
    pub operator: String,
    /// What proves it.
    pub password: Secret,
    /// What is asked for: `password` and nothing else (RFC 6749, 4.3).
    pub grant: String,
}

/// `username=..&password=..&grant_type=password`; none when one of them is missing or comes twice.
pub fn login(headers: &HeaderMap, body: &[u8]) -> Option<Login> {
    if !request::has_type(headers, "application/x-www-form-urlencoded") {
        return None;
    }
    let text = std::str::from_utf8(body).ok()?;
    let take = |name: &str| {
        let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
        let mut values = pairs.filter(|(own, _)| *own == name).map(|(_, value)| unform(value));
        values.next().filter(|_| values.next().is_none()).flatten()
    };
    Some(Login {
        operator: take("username")?,
        password: Secret::new(take("password")?),
        grant: take("grant_type")?,
    })
}

/// A value of a form or a query: `+` is a blank, `%20` is one too.
pub fn unform(text: &str) -> Option<String> {
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8().ok().map(|text| text.into_owned())
}

/// Some tools send JSON without saying so, and one says so under a wrong name.
fn json<T: DeserializeOwned>(headers: &HeaderMap, body: &[u8]) -> Result<T, ApiError> {
    if headers.contains_key(CONTENT_TYPE) && !request::has_type(headers, "application/json") {
        return Err(request::wrong_type("application/json"));
    }
    request::parse("body", body)
}

fn missing(field: &str) -> ApiError {
    ApiError::bad("missing-field", field, format!("add `{field}`"))
}

fn firmware_type(number: Number) -> Result<FirmwareType, ApiError> {
    let message = "`type` must be a firmware type: 1 to 100 are the platform's, 101 to 200 are yours";
    FirmwareType::new(number.0).ok_or_else(|| ApiError::bad("bad-type", "type", message))
}

fn text(field: &str, text: String) -> Result<Box<str>, ApiError> {
    let fits = (1..=NAME_MAX).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    let message = || format!("`{field}` must be 1 to {NAME_MAX} characters");
    fits.then(|| text.into()).ok_or_else(|| ApiError::bad("bad-text", field, message()))
}

fn described(text: Option<String>) -> Result<Option<Box<str>>, ApiError> {
    match text {
        Some(text) if text.chars().count() > DESCRIPTION_MAX => {
            let message = format!("`description` may have {DESCRIPTION_MAX} characters");
            Err(ApiError::bad("bad-text", "description", message))
        }
        text => Ok(text.map(String::into_boxed_str)),
    }
}

fn tags(tags: Vec<String>) -> Result<BTreeSet<Box<str>>, ApiError> {
    let tags: BTreeSet<_> = tags.into_iter().map(|tag| text("tags", tag)).collect::<Result<_, _>>()?;
    if tags.iter().any(|tag| tag.contains(',')) {
        // A query lists tags with commas between them.
        return Err(ApiError::bad("bad-text", "tags", "a tag has no comma"));
    }
    let message = || format!("a record may have {TAGS_MAX} tags");
    if tags.len() > TAGS_MAX { Err(ApiError::bad("too-many", "tags", message())) } else { Ok(tags) }
}

fn products(partners: BTreeMap<String, Vec<String>>) -> Result<BTreeMap<Box<str>, Vec<ProductId>>, ApiError> {
    let own = |(partner, products): (String, Vec<String>)| {
        let products: Result<_, _> = products.iter().map(|text| path::product(text)).collect();
        Ok((partner.into_boxed_str(), products?))
    };
    partners.into_iter().map(own).collect()
}

/// A URL of this server's repository, under whatever name the client reaches it: only what is here has known sums.
fn place(url: &str) -> Result<FilePlace, ApiError> {
    if url.is_empty() {
        return Ok(FilePlace::Nowhere);
    }
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let sum = rest.and_then(|rest| rest.split_once("/artifacts/")).map(|(_, sum)| sum);
    let message = "`url` must be empty or one that moveToRepository has answered";
    sum.and_then(Sha256::parse).map(FilePlace::Here).ok_or_else(|| ApiError::bad("bad-url", "url", message))
}

/// A version in a path; one that breaks the grammar is nobody's.
pub fn version(text: &str) -> Option<Version> {
    Version::parse(text)
}
