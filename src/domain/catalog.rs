//! What operators name and arrange, and no device speaks of: tags, types, products and stored filters.
//!
//! All are items of one shape, so that every door adds, changes and removes them in one way.

use std::collections::BTreeSet;

use super::ids::{FirmwareType, ItemId, ProductId, ReleaseId, TenantId, Time};
use super::terms::Terms;

/// Who made something and who changed it last. A change by a device does not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trail {
    /// When it was made.
    pub created: Time,
    /// Who made it: an operator, or `device` for what a device's arrival made.
    pub by: Box<str>,
    /// When it was last changed.
    pub changed: Time,
    /// Who changed it last.
    pub changed_by: Box<str>,
}

impl Trail {
    /// Made by `by` at `now`.
    pub fn new(by: &str, now: Time) -> Self {
        Trail { created: now, by: by.into(), changed: now, changed_by: by.into() }
    }

    /// Changed by `by` at `now`.
    pub fn touch(&mut self, by: &str, now: Time) {
        self.changed = now;
        self.changed_by = by.into();
    }
}

/// The lists that a tenant keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Section {
    /// Tags that devices carry.
    DeviceTags,
    /// Tags that releases carry.
    ReleaseTags,
    /// Firmware types with names: the item's id is the type's number.
    Types,
    /// Kinds of releases.
    ReleaseTypes,
    /// Products.
    Products,
    /// Stored filters over devices.
    Filters,
}

impl Section {
    /// Every section.
    pub const ALL: [Section; 6] = [
        Section::DeviceTags,
        Section::ReleaseTags,
        Section::Types,
        Section::ReleaseTypes,
        Section::Products,
        Section::Filters,
    ];
}

/// What people read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Label {
    /// The name, unique within the section; 1 to 128 characters.
    pub name: Box<str>,
    /// A description, at most 512 characters.
    pub description: Option<Box<str>>,
    /// A colour for a dashboard, at most 16 characters.
    pub colour: Option<Box<str>>,
}

/// One item of a section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// The tenant.
    pub tenant: TenantId,
    /// The id, unique within the section.
    pub id: ItemId,
    /// What people read.
    pub label: Label,
    /// What it is.
    pub what: What,
    /// Removed while something still refers to it.
    pub deleted: bool,
    /// Who made it and who changed it.
    pub trail: Trail,
}

/// What an item is, with what its section needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// A tag for devices.
    DeviceTag,
    /// A tag for releases.
    ReleaseTag,
    /// A firmware type; the item's id is its number.
    Type {
        /// hawkBit's key, unique within the section.
        key: Box<str>,
        /// How many images of the type a release may hold; 0 is any number.
        max: u32,
    },
    /// A kind of release.
    ReleaseType {
        /// hawkBit's key, unique within the section.
        key: Box<str>,
        /// Types of which a complete release has an image.
        mandatory: BTreeSet<FirmwareType>,
        /// Types of which a release may have an image.
        optional: BTreeSet<FirmwareType>,
    },
    /// A product; the label's name is for people, the id is in device records.
    Product {
        /// The product.
        product: ProductId,
        /// Kinds of releases that its devices take; empty means any.
        release_types: BTreeSet<ItemId>,
    },
    /// A stored filter.
    Filter {
        /// The condition (see `domain::filter`).
        query: Box<str>,
        /// What matching devices get.
        auto: Option<AutoAssign>,
    },
}

/// A release that every device gets that comes to match a filter, once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AutoAssign {
    /// The release.
    pub release: ReleaseId,
    /// On which terms.
    pub terms: Terms,
    /// Who set it; actions that it makes are this operator's.
    pub by: Box<str>,
}

impl What {
    /// The section that such an item is in.
    pub fn section(&self) -> Section {
        match self {
            What::DeviceTag => Section::DeviceTags,
            What::ReleaseTag => Section::ReleaseTags,
            What::Type { .. } => Section::Types,
            What::ReleaseType { .. } => Section::ReleaseTypes,
            What::Product { .. } => Section::Products,
            What::Filter { .. } => Section::Filters,
        }
    }

    /// The key by which it is found besides its name.
    pub fn key(&self) -> Option<&str> {
        match self {
            What::Type { key, .. } | What::ReleaseType { key, .. } => Some(key),
            What::Product { product, .. } => Some(product.as_str()),
            What::DeviceTag | What::ReleaseTag | What::Filter { .. } => None,
        }
    }
}
