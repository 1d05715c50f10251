//! Values that devices write in more than one way: numbers as text, text as numbers, bytes as hex.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, Visitor};

use super::{Cid, PayloadError, TEXT_MAX};
use crate::domain::version::{Running, Version};

/// A text, a number, or (for versions) both in a map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Number(u64),
    Text(String),
    Both { number: Option<u64>, version: Option<String> },
}

impl Value {
    /// The value as text.
    pub(super) fn into_text(self, field: &'static str) -> Result<Box<str>, PayloadError> {
        match self {
            Value::Number(number) => Ok(number.to_string().into()),
            Value::Text(text) => Ok(text.into()),
            Value::Both { .. } => Err(PayloadError::Value(field)),
        }
    }

    /// The value as a text that is kept with the device.
    pub(super) fn into_short_text(self, field: &'static str) -> Result<Box<str>, PayloadError> {
        let text = self.into_text(field)?;
        if text.len() <= TEXT_MAX { Ok(text) } else { Err(PayloadError::Value(field)) }
    }

    /// The value as a version: plain digits are a number, all other text is a version text.
    pub(super) fn into_running(self, field: &'static str) -> Result<Running, PayloadError> {
        let named = |text: &str| Version::parse(text).ok_or(PayloadError::Value(field));
        match self {
            Value::Number(number) => Ok(Running::numbered(number)),
            Value::Text(text) => Running::parse(&text).ok_or(PayloadError::Value(field)),
            Value::Both { number: None, version: None } => Err(PayloadError::Value(field)),
            Value::Both { number, version } => {
                Ok(Running { number, version: version.as_deref().map(named).transpose()? })
            }
        }
    }

    /// The value as a whole number.
    pub(super) fn number(&self, field: &'static str) -> Result<u64, PayloadError> {
        let number = match self {
            Value::Number(number) => Some(*number),
            Value::Text(text) => decimal(text),
            Value::Both { .. } => None,
        };
        number.ok_or(PayloadError::Value(field))
    }

    /// The value as the token of a request.
    pub(super) fn into_cid(self) -> Result<Cid, PayloadError> {
        Cid::new(&self.into_text("cid")?).ok_or(PayloadError::Value("cid"))
    }
}

/// Plain decimal digits without a leading zero.
pub(super) fn decimal(text: &str) -> Option<u64> {
    let canonical = text == "0" || (text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0'));
    canonical.then(|| text.parse().ok()).flatten()
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number, a text or {number, version}")
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Value, E> {
        Ok(Value::Number(number))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Value, E> {
        Ok(u64::try_from(number).map_or_else(|_| Value::Text(number.to_string()), Value::Number))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Value, E> {
        Ok(Value::Text(number.to_string()))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Text(value.to_string()))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Value, E> {
        Ok(Value::Text(text))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let (mut number, mut version) = (None, None);
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "number" => number = map.next_value::<Option<Number>>()?.map(|n| n.0),
                "version" => version = map.next_value::<Option<String>>()?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(Value::Both { number, version })
    }
}

/// A whole number, or one in decimal text where JSON cannot carry it exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Number(pub(super) u64);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NumberVisitor).map(Number)
    }
}

struct NumberVisitor;

impl Visitor<'_> for NumberVisitor {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number, or one in decimal text")
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<u64, E> {
        Ok(number)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<u64, E> {
        u64::try_from(number).map_err(|_| E::custom("a negative number"))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<u64, E> {
        decimal(text).ok_or_else(|| E::custom("a number is plain decimal digits without leading zeros"))
    }
}

/// Values by number; the keys are text in JSON, and text or integers in CBOR.
pub(super) type ByNumber = BTreeMap<Number, Value>;

/// Bytes: hexadecimal text, or a byte string in CBOR.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Octets(pub(super) Vec<u8>);

impl<'de> Deserialize<'de> for Octets {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OctetsVisitor).map(Octets)
    }
}

struct OctetsVisitor;

impl Visitor<'_> for OctetsVisitor {
    type Value = Vec<u8>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bytes in hexadecimal text, or a byte string in CBOR")
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
        Ok(bytes.to_vec())
    }

    fn visit_byte_buf<E: Error>(self, bytes: Vec<u8>) -> Result<Vec<u8>, E> {
        Ok(bytes)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Vec<u8>, E> {
        hex(text).ok_or_else(|| E::custom("bytes are pairs of hexadecimal digits"))
    }
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|d| u8::try_from(d).ok());
    let pairs = text.as_bytes().chunks_exact(2);
    if !pairs.remainder().is_empty() {
        return None;
    }
    pairs.map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect()
}
