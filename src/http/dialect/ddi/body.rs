//! What devices send: feedback, answers to a cancel, attributes. Unknown fields are ignored.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, Error, Visitor};

use super::media::body_format;
use crate::domain::device::Format;
use crate::domain::event::{Configuration, Consent, Mode};
use crate::domain::feedback::{DETAILS_MAX, Feedback};
use crate::domain::ids::{ActionId, AttributeId};
use crate::domain::version::{Running, Version};
use crate::http::dialect::{Asked, Call, No};
use crate::mqtt::payload::{CBOR_DEPTH_MAX, PayloadError, ddi_feedback};

/// The most messages of a history that are shown, as hawkBit has it.
pub const MESSAGES_MAX: usize = 100;

/// The longest name of who agrees to everything, in characters (hawkBit's column).
const INITIATOR_MAX: usize = 64;
/// The longest reason for it, in characters.
const REMARK_MAX: usize = 512;

/// How many messages of the history are wanted: none without `actionHistory` or with 0, all that are shown with a
/// negative number.
pub fn history(asked: &Asked) -> Result<usize, No> {
    let Some(text) = asked.parameter("actionHistory") else { return Ok(0) };
    let count: i32 = text.parse().map_err(|_| No::Malformed)?;
    Ok(usize::try_from(count).map_or(MESSAGES_MAX, |count| count.min(MESSAGES_MAX)))
}

/// `deploymentBase/{actionId}/feedback`
pub fn feedback(asked: &Asked, body: &[u8], action: ActionId) -> Result<Feedback, No> {
    ddi_feedback(action, body_format(asked)?, body).map_err(|error| match error {
        PayloadError::TooMany { .. } => No::TooMany("messages"),
        PayloadError::TooLarge(_)
        | PayloadError::ContentType
        | PayloadError::NoFormat
        | PayloadError::Json(_)
        | PayloadError::Cbor(_)
        | PayloadError::Trailing(_)
        | PayloadError::Octets(_)
        | PayloadError::NotUtf8
        | PayloadError::Value(_)
        | PayloadError::OtherAction
        | PayloadError::ServerSpeaks => No::Malformed,
    })
}

/// `cancelAction/{actionId}/feedback`: the same body about something else, so that it is never a repeat of feedback
/// about the deployment.
pub fn cancel_answer(asked: &Asked, body: &[u8], action: ActionId) -> Result<Feedback, No> {
    let mut feedback = feedback(asked, body, action)?;
    feedback.fingerprint = !feedback.fingerprint;
    Ok(feedback)
}

#[derive(Deserialize)]
struct ConsentWire {
    confirmation: String,
    code: Option<i32>,
    details: Option<Vec<String>>,
}

/// `confirmationBase/{actionId}/feedback`
pub fn consent(asked: &Asked, body: &[u8]) -> Result<Consent, No> {
    let wire: ConsentWire = read(body_format(asked)?, body)?;
    let agreed = match wire.confirmation.to_ascii_lowercase().as_str() {
        "confirmed" => true,
        "denied" => false,
        _ => return Err(No::Malformed),
    };
    let details = wire.details.unwrap_or_default();
    if details.len() > DETAILS_MAX {
        return Err(No::TooMany("messages"));
    }
    Ok(Consent { agreed, code: wire.code, details: details.into_iter().map(Into::into).collect() })
}

#[derive(Deserialize)]
struct AutoConfirmWire {
    initiator: Option<String>,
    remark: Option<String>,
}

/// `confirmationBase/activateAutoConfirm`; the body may be left out.
pub fn agree_to_all(asked: &Asked, body: &[u8]) -> Result<Call, No> {
    if body.is_empty() {
        return Ok(Call::AgreeToAll { initiator: None, remark: None });
    }
    let AutoConfirmWire { initiator, remark } = read(body_format(asked)?, body)?;
    let long = |text: &Option<String>, most| text.as_ref().is_some_and(|t| t.chars().count() > most);
    if long(&initiator, INITIATOR_MAX) {
        return Err(No::TooLong("initiator"));
    }
    if long(&remark, REMARK_MAX) {
        return Err(No::TooLong("remark"));
    }
    Ok(Call::AgreeToAll { initiator: initiator.map(Into::into), remark: remark.map(Into::into) })
}

#[derive(Deserialize)]
struct RunsWire {
    name: String,
    version: String,
}

/// `PUT installedBase`. A version that cannot be one of ours is that of no release.
pub fn runs(asked: &Asked, body: &[u8]) -> Result<Call, No> {
    let wire: RunsWire = read(body_format(asked)?, body)?;
    if wire.name.is_empty() || wire.version.is_empty() {
        return Err(No::Malformed);
    }
    let version = Version::parse(&wire.version).ok_or(No::UnknownRelease)?;
    Ok(Call::Runs { name: wire.name.into(), version })
}

#[derive(Deserialize)]
struct ConfigurationWire {
    mode: Option<String>,
    data: BTreeMap<String, Option<Text>>,
}

/// `configData`. A key that is a number is an attribute of that number, and 2001 to 2200 are versions.
pub fn configuration(asked: &Asked, body: &[u8]) -> Result<Configuration, No> {
    let wire: ConfigurationWire = read(body_format(asked)?, body)?;
    let mode = match wire.mode.as_deref() {
        None | Some("merge") => Mode::Merge,
        Some("replace") => Mode::Replace,
        Some("remove") => Mode::Remove,
        Some(_) => return Err(No::Malformed),
    };
    if wire.data.is_empty() {
        return Err(No::Malformed);
    }
    let mut new = Configuration {
        mode,
        numbered: BTreeMap::new(),
        named: BTreeMap::new(),
        hardware: None,
        versions: BTreeMap::new(),
    };
    for (key, value) in wire.data {
        let value = value.map(|Text(text)| text);
        check_text(&key)?;
        check_text(value.as_deref().unwrap_or_default())?;
        put(&mut new, &key, value.map(String::into_boxed_str))?;
    }
    Ok(new)
}

fn put(new: &mut Configuration, key: &str, value: Option<Box<str>>) -> Result<(), No> {
    let id = AttributeId::parse(key);
    match (id, id.and_then(AttributeId::firmware_type), value) {
        (_, Some(kind), Some(text)) if new.mode != Mode::Remove => {
            let bad = || No::BadAttributes(format!("attribute {key} is not a version"));
            new.versions.insert(kind, Running::parse(&text).ok_or_else(bad)?);
        }
        // A version cannot be unsaid.
        (_, Some(_), _) => {}
        (Some(id), None, value) => drop(new.numbered.insert(id, value)),
        (None, None, value) => drop(new.named.insert(key.into(), value)),
    }
    Ok(())
}

/// hawkBit's alphabet for keys and values.
fn check_text(text: &str) -> Result<(), No> {
    let allowed = |byte: u8| {
        byte.is_ascii_alphanumeric() || b"_-!@#$%^&*()+=[]{}|;:'\",.<>/\\?".contains(&byte) || is_blank(byte)
    };
    if text.bytes().all(allowed) {
        return Ok(());
    }
    Err(No::BadAttributes("keys and values of attributes may have letters, digits and common signs".into()))
}

/// `\s` of Java's regular expressions.
fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | 0x0b | 0x0c | b'\r')
}

fn read<T: DeserializeOwned>(format: Format, body: &[u8]) -> Result<T, No> {
    match format {
        Format::Json => serde_json::from_slice(body).map_err(|_| No::Malformed),
        Format::Cbor => {
            let mut rest = body;
            let item = ciborium::de::from_reader_with_recursion_limit(&mut rest, CBOR_DEPTH_MAX);
            if rest.is_empty() { item.map_err(|_| No::Malformed) } else { Err(No::Malformed) }
        }
    }
}

/// A text, or a number or truth value that Java would have read as one.
struct Text(String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor)
    }
}

struct TextVisitor;

impl Visitor<'_> for TextVisitor {
    type Value = Text;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a text")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Text, E> {
        Ok(Text(text.to_owned()))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Text, E> {
        Ok(Text(value.to_string()))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Text, E> {
        Ok(Text(number.to_string()))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Text, E> {
        Ok(Text(number.to_string()))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Text, E> {
        Ok(Text(number.to_string()))
    }
}
