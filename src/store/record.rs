//! Records as they are on disk: one format byte, then CBOR (RFC 8949) of arrays of fields in a fixed order.
//!
//! Domain types never meet serde: each has a record of its own here, with what is in the row's key left out. A field is
//! never removed or given another meaning; a new layout is a new format byte beside the old one. Reading bytes that
//! somebody else wrote is an error, never a panic.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeOwned, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::domain::ids::{DeviceId, FirmwareType, ItemId, ProductId, TenantId};
use crate::domain::version::Version;

use super::{StoreError, Table};

pub(super) mod action;
pub(super) mod catalog;
pub(super) mod device;
pub(super) mod image;
pub(super) mod keeping;
pub(super) mod news;
pub(super) mod rollout;
pub(super) mod task;
mod terms;
pub(super) mod upload;
pub(super) mod webhook;

/// The layout that this program writes.
const FORMAT: u8 = 1;

/// Why bytes are not a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bad(Cow<'static, str>);

impl Bad {
    /// The error for the operator, who wants to know the table.
    pub(super) fn in_table(self, table: Table) -> StoreError {
        StoreError::Corrupt { table, what: self.0.into_owned() }
    }
}

/// The value, or that `what` cannot be read.
pub(super) fn some<T>(value: Option<T>, what: &'static str) -> Result<T, Bad> {
    value.ok_or(Bad(Cow::Borrowed(what)))
}

/// The bytes of a record.
pub(super) fn encode(record: &impl Serialize) -> Vec<u8> {
    // A device's record with a few versions and attributes fits.
    let mut bytes = Vec::with_capacity(512);
    bytes.push(FORMAT);
    ciborium::into_writer(record, &mut bytes).expect("records serialise, and memory takes every byte");
    bytes
}

/// The record in these bytes, all of them.
pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Bad> {
    let (format, mut rest) = some(bytes.split_first(), "the record is empty")?;
    if *format != FORMAT {
        return Err(Bad(Cow::Owned(format!("format {format} is unknown, {FORMAT} is known"))));
    }
    let record = ciborium::from_reader(&mut rest).map_err(|e| Bad(Cow::Owned(e.to_string())))?;
    some(rest.is_empty().then_some(record), "the record has bytes after its end")
}

/// Defines a record: a struct that is written as the array of its fields.
macro_rules! record {
    ($(#[$doc:meta])* $name:ident $(<$life:lifetime>)? { $($field:ident: $kind:ty,)+ }) => {
        $(#[$doc])*
        pub(in crate::store) struct $name $(<$life>)? { $($field: $kind,)+ }

        impl $(<$life>)? serde::Serialize for $name $(<$life>)? {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                ($(&self.$field,)+).serialize(serializer)
            }
        }

        impl<'de, $($life)?> serde::Deserialize<'de> for $name $(<$life>)? {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let ($($field,)+) = <($($kind,)+)>::deserialize(deserializer)?;
                Ok($name { $($field,)+ })
            }
        }
    };
}
use record;

/// A sum of `N` bytes, written as a byte string.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sum<const N: usize>(pub(super) [u8; N]);

impl<const N: usize> Serialize for Sum<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de, const N: usize> Deserialize<'de> for Sum<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_bytes(SumVisitor)
    }
}

struct SumVisitor<const N: usize>;

impl<const N: usize> Visitor<'_> for SumVisitor<N> {
    type Value = Sum<N>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{N} bytes")
    }

    fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<Sum<N>, E> {
        bytes.try_into().map(Sum).map_err(|_| E::invalid_length(bytes.len(), &self))
    }
}

fn text(text: Cow<'_, str>) -> Box<str> {
    text.into_owned().into_boxed_str()
}

fn tenant(text: &str) -> Result<TenantId, Bad> {
    some(TenantId::parse(text).ok(), "a tenant's name breaks the grammar")
}

fn product(text: &str) -> Result<ProductId, Bad> {
    some(ProductId::parse(text).ok(), "a product's name breaks the grammar")
}

fn device(text: &str) -> Result<DeviceId, Bad> {
    some(DeviceId::parse(text).ok(), "a device's name breaks the grammar")
}

fn texts<'a>(
    values: &'a std::collections::BTreeMap<Box<str>, Box<str>>,
) -> Vec<(Cow<'a, str>, Cow<'a, str>)> {
    values.iter().map(|(name, value)| (Cow::Borrowed(&**name), Cow::Borrowed(&**value))).collect()
}

fn item(number: u32) -> Result<ItemId, Bad> {
    some(ItemId::new(u64::from(number)), "an item's id is out of range")
}

fn version(text: &str) -> Result<Version, Bad> {
    some(Version::parse(text), "a version breaks the grammar")
}

fn firmware_type(number: u8) -> Result<FirmwareType, Bad> {
    some(FirmwareType::new(u64::from(number)), "a firmware type is not in 1..=200")
}
