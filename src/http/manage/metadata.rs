//! Values by key, as modules, sets and targets have them: `/metadata` and `/metadata/{key}` below each.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::fields;
use super::list::{self, Row};
use super::shape::Shape;
use crate::domain::filter::Value;
use crate::domain::image::Metadata;
use crate::http::hawkbit::{Fault, Kind};

/// The longest key, in characters (hawkBit's).
const KEY_MAX: usize = 128;
/// The longest value, in characters (hawkBit's).
const VALUE_MAX: usize = 4000;

/// A value with its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub key: Box<str>,
    /// The value.
    pub value: Box<str>,
    /// Whether devices see it; none where that is not said of such things.
    pub visible: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NewEntry {
    key: Option<String>,
    value: Option<String>,
    target_visible: Option<bool>,
}

impl NewEntry {
    /// The entry with its own key.
    ///
    /// # Errors
    /// 400 when the key is missing, or something is too long.
    pub fn entry(&self) -> Result<Entry, Fault> {
        let key = self.key.as_deref().ok_or_else(Fault::not_readable)?;
        self.with_key(key, None)
    }

    /// As [`NewEntry::entry`], for things of which devices see none.
    ///
    /// # Errors
    /// 400 when the key is missing, or something is too long.
    pub fn unseen(&self) -> Result<Entry, Fault> {
        Ok(Entry { visible: None, ..self.entry()? })
    }

    /// The entry with the key of its path; what is left out stays as it was.
    ///
    /// # Errors
    /// 400 when something is too long.
    pub fn with_key(&self, key: &str, old: Option<&Entry>) -> Result<Entry, Fault> {
        let value = fields::some_text("value", self.value.as_deref(), VALUE_MAX)?;
        let visible = self.target_visible.or(old.and_then(|old| old.visible)).unwrap_or(false);
        Ok(Entry {
            key: fields::text("key", key, KEY_MAX)?,
            value: value.or_else(|| old.map(|old| old.value.clone())).unwrap_or_default(),
            visible: Some(visible),
        })
    }
}

impl Entry {
    /// How images and releases keep it.
    pub fn metadata(&self) -> Metadata {
        Metadata { value: self.value.clone(), visible: self.visible.unwrap_or(false) }
    }

    /// Its JSON.
    pub fn shape(&self) -> Shape {
        Shape::new().put("key", &*self.key).put("value", &*self.value).put("targetVisible", self.visible)
    }
}

/// The entries of a module (with whether they are visible) or of a set (without).
pub fn entries(own: &BTreeMap<Box<str>, Metadata>, visible: bool) -> Vec<Entry> {
    let mut entries = Vec::with_capacity(own.len());
    for (key, meta) in own {
        let visible = visible.then_some(meta.visible);
        entries.push(Entry { key: key.clone(), value: meta.value.clone(), visible });
    }
    entries
}

/// The entry of that key.
///
/// # Errors
/// 404.
pub fn find(entries: Vec<Entry>, key: &str) -> Result<Entry, Fault> {
    let found = entries.into_iter().find(|entry| &*entry.key == key);
    found.ok_or_else(|| Fault::missing("Metadata", key))
}

/// Refuses keys that are there already.
///
/// # Errors
/// 409.
pub fn refuse_taken(entries: &[Entry], new: &[Entry]) -> Result<(), Fault> {
    match new.iter().find(|new| entries.iter().any(|old| old.key == new.key)) {
        None => Ok(()),
        Some(taken) => {
            Err(Fault::new(Kind::AlreadyExists, format!("there is metadata {:?} already", taken.key)))
        }
    }
}

impl Row for Entry {
    const FIELDS: &'static [&'static str] = &["key", "value", "targetvisible"];

    fn values(&self, field: &str, _: &str) -> Vec<Value> {
        match field {
            "key" => list::text(&self.key),
            "value" => list::text(&self.value),
            _ => self.visible.map_or_else(Vec::new, list::flag),
        }
    }
}
