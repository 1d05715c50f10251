//! Records of what operators name and arrange: items of the catalog, and tenants with their settings.

use std::borrow::Cow;

use crate::domain::catalog::{AutoAssign, Item, Label, Section, What};
use crate::domain::ids::{ItemId, ReleaseId, TenantId};
use crate::domain::tenant::{Set, Setting, Tenant};

use super::terms::{TermsRecord, TrailRecord};
use super::{Bad, firmware_type, product, record, some, text};

record! {
    /// An item; tenant, section and id are the key.
    ItemRecord<'a> {
        name: Cow<'a, str>,
        description: Option<Cow<'a, str>>,
        colour: Option<Cow<'a, str>>,
        what: WhatRecord<'a>,
        deleted: bool,
        trail: TrailRecord<'a>,
    }
}

record! {
    /// What the section needs; everything else is empty.
    WhatRecord<'a> {
        key: Option<Cow<'a, str>>,
        max: u32,
        mandatory: Vec<u8>,
        optional: Vec<u8>,
        release_types: Vec<u32>,
        query: Option<Cow<'a, str>>,
        auto: Option<AutoRecord<'a>>,
    }
}

record! {
    AutoRecord<'a> {
        release: u32,
        terms: TermsRecord<'a>,
        by: Cow<'a, str>,
    }
}

record! {
    /// A tenant; the id is the key.
    TenantRecord<'a> {
        settings: Vec<SetRecord<'a>>,
        trail: TrailRecord<'a>,
    }
}

record! {
    /// A setting with the key that it has at the management door, which never changes.
    SetRecord<'a> {
        setting: Cow<'a, str>,
        value: Cow<'a, str>,
        trail: TrailRecord<'a>,
    }
}

impl<'a> ItemRecord<'a> {
    /// The record of an item.
    pub(in crate::store) fn of(item: &'a Item) -> Self {
        ItemRecord {
            name: Cow::Borrowed(&item.label.name),
            description: item.label.description.as_deref().map(Cow::Borrowed),
            colour: item.label.colour.as_deref().map(Cow::Borrowed),
            what: WhatRecord::of(&item.what),
            deleted: item.deleted,
            trail: TrailRecord::of(&item.trail),
        }
    }

    /// The item under that key.
    pub(in crate::store) fn item(self, tenant: TenantId, section: Section, id: ItemId) -> Result<Item, Bad> {
        let ItemRecord { name, description, colour, what, deleted, trail } = self;
        let label = Label { name: text(name), description: description.map(text), colour: colour.map(text) };
        Ok(Item { tenant, id, label, what: what.what(section)?, deleted, trail: trail.trail() })
    }
}

impl<'a> WhatRecord<'a> {
    fn of(what: &'a What) -> Self {
        let mut record = WhatRecord {
            key: what.key().map(Cow::Borrowed),
            max: 0,
            mandatory: Vec::new(),
            optional: Vec::new(),
            release_types: Vec::new(),
            query: None,
            auto: None,
        };
        match what {
            What::DeviceTag | What::ReleaseTag => {}
            What::Type { max, .. } => record.max = *max,
            What::ReleaseType { mandatory, optional, .. } => {
                record.mandatory = mandatory.iter().map(|kind| kind.get()).collect();
                record.optional = optional.iter().map(|kind| kind.get()).collect();
            }
            What::Product { release_types, .. } => {
                record.release_types = release_types.iter().map(|id| id.get()).collect();
            }
            What::Filter { query, auto } => {
                record.query = Some(Cow::Borrowed(query));
                record.auto = auto.as_ref().map(AutoRecord::of);
            }
        }
        record
    }

    fn what(self, section: Section) -> Result<What, Bad> {
        let WhatRecord { key, max, mandatory, optional, release_types, query, auto } = self;
        let key = || some(key, "an item has no key");
        let kinds = |kinds: Vec<u8>| kinds.into_iter().map(firmware_type).collect::<Result<_, _>>();
        Ok(match section {
            Section::DeviceTags => What::DeviceTag,
            Section::ReleaseTags => What::ReleaseTag,
            Section::Types => What::Type { key: text(key()?), max },
            Section::ReleaseTypes => What::ReleaseType {
                key: text(key()?),
                mandatory: kinds(mandatory)?,
                optional: kinds(optional)?,
            },
            Section::Products => What::Product {
                product: product(&key()?)?,
                release_types: release_types.into_iter().map(item_id).collect::<Result<_, _>>()?,
            },
            Section::Filters => What::Filter {
                query: text(some(query, "a filter has no condition")?),
                auto: auto.map(AutoRecord::auto).transpose()?,
            },
        })
    }
}

impl<'a> AutoRecord<'a> {
    fn of(auto: &'a AutoAssign) -> Self {
        AutoRecord {
            release: auto.release.get(),
            terms: TermsRecord::of(&auto.terms),
            by: Cow::Borrowed(&auto.by),
        }
    }

    fn auto(self) -> Result<AutoAssign, Bad> {
        let release = some(ReleaseId::new(u64::from(self.release)), "a release's id is out of range")?;
        Ok(AutoAssign { release, terms: self.terms.terms()?, by: text(self.by) })
    }
}

impl<'a> TenantRecord<'a> {
    /// The record of a tenant.
    pub(in crate::store) fn of(tenant: &'a Tenant) -> Self {
        TenantRecord {
            settings: tenant.settings.iter().map(|(setting, set)| SetRecord::of(*setting, set)).collect(),
            trail: TrailRecord::of(&tenant.trail),
        }
    }

    /// The tenant of that id.
    pub(in crate::store) fn tenant(self, id: TenantId) -> Result<Tenant, Bad> {
        let settings = self.settings.into_iter().map(SetRecord::set).collect::<Result<_, _>>()?;
        Ok(Tenant { id, settings, trail: self.trail.trail() })
    }
}

impl<'a> SetRecord<'a> {
    fn of(setting: Setting, set: &'a Set) -> Self {
        SetRecord {
            setting: Cow::Borrowed(setting.key()),
            value: Cow::Borrowed(&set.value),
            trail: TrailRecord::of(&set.trail),
        }
    }

    fn set(self) -> Result<(Setting, Set), Bad> {
        let setting = some(Setting::by_key(&self.setting), "a setting is unknown")?;
        Ok((setting, Set { value: text(self.value), trail: self.trail.trail() }))
    }
}

fn item_id(number: u32) -> Result<ItemId, Bad> {
    some(ItemId::new(u64::from(number)), "an item's id is out of range")
}
