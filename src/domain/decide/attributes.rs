//! Attributes that a device sends, one at a time or as its whole configuration.

use std::collections::BTreeMap;

use super::{Desk, Reject, Verdict};
use crate::domain::device::{ATTRIBUTE_NAME_MAX, ATTRIBUTE_VALUE_MAX, ATTRIBUTES_MAX};
use crate::domain::event::{Configuration, Mode, Report};
use crate::domain::ids::AttributeId;

impl Desk {
    pub(super) fn attribute(&mut self, id: AttributeId, value: &str) -> Verdict {
        self.seen();
        if value.len() > ATTRIBUTE_VALUE_MAX {
            return Verdict::Rejected(Reject::ValueTooLong(id));
        }
        let known = self.device.attributes.contains_key(&id);
        if !known && self.device.attributes.len() >= ATTRIBUTES_MAX {
            return Verdict::Rejected(Reject::TooManyAttributes);
        }
        self.device.attributes.insert(id, value.into());
        Verdict::Stored
    }

    /// Takes attributes as a whole or not at all; the versions among them are a report like any other.
    pub(super) fn configure(&mut self, new: &Configuration) -> Verdict {
        self.seen();
        let (mut numbered, mut named) = (self.device.attributes.clone(), self.device.named.clone());
        if let Some(id) = merge(&mut numbered, &new.numbered, new.mode) {
            return Verdict::Rejected(Reject::ValueTooLong(id));
        }
        if let Some(name) = merge(&mut named, &new.named, new.mode) {
            return Verdict::Rejected(Reject::NamedValueTooLong(name));
        }
        if let Some(name) = new.named.keys().find(|name| name.len() > ATTRIBUTE_NAME_MAX) {
            return Verdict::Rejected(Reject::NameTooLong(name.len()));
        }
        if numbered.len() + named.len() > ATTRIBUTES_MAX {
            return Verdict::Rejected(Reject::TooManyAttributes);
        }
        self.device.attributes = numbered;
        self.device.named = named;
        self.device.attributes_wanted = false;
        // Before the report: rules may rest on it.
        self.device.hardware = new.hardware.clone().or(self.device.hardware.take());
        let report = Report { seq: None, versions: new.versions.clone() };
        self.report(&report)
    }
}

/// Brings new attributes to those that are there; the first whose value is too long stops it.
fn merge<K: Ord + Clone>(
    own: &mut BTreeMap<K, Box<str>>,
    new: &BTreeMap<K, Option<Box<str>>>,
    mode: Mode,
) -> Option<K> {
    if mode == Mode::Replace {
        own.clear();
    }
    for (key, value) in new {
        match value.as_ref().filter(|_| mode != Mode::Remove) {
            Some(value) if value.len() > ATTRIBUTE_VALUE_MAX => return Some(key.clone()),
            Some(value) => drop(own.insert(key.clone(), value.clone())),
            None => drop(own.remove(key)),
        }
    }
    None
}
