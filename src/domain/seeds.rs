//! What is there from the start: a tenant, and in every tenant the well-known firmware types and three kinds of
//! releases (hawkBit's).

use std::collections::BTreeSet;

use super::catalog::{Item, Label, Section, Trail, What};
use super::ids::{FirmwareType, ItemId, TenantId, Time};
use super::tenant::Tenant;

/// Who made them, when nobody was there yet (hawkBit's name for it).
pub const SYSTEM: &str = "system";
/// The kind of release that has an operating system only.
const OS_ONLY: u64 = 1;
/// The kind of release that has applications only.
const APP_ONLY: u64 = 2;
/// The kind of release that has an operating system, and applications if it likes: hawkBit's default.
const OS_APP: u64 = 3;
/// The firmware type of operating systems.
const OS: u64 = 9;

/// The tenant of a server that has only one, before anything is set.
pub fn first_tenant() -> Tenant {
    Tenant::new(TenantId::default(), Trail::new(SYSTEM, Time(0)))
}

/// The items of a section that a tenant has from the start, in the order of their ids.
pub fn seeds(tenant: &TenantId, section: Section) -> Vec<Item> {
    match section {
        Section::Types => (1..=OS).filter_map(|number| kind(tenant, number)).collect(),
        Section::ReleaseTypes => release_types(tenant).into_iter().flatten().collect(),
        Section::DeviceTags | Section::ReleaseTags | Section::Products | Section::Filters => Vec::new(),
    }
}

fn kind(tenant: &TenantId, number: u64) -> Option<Item> {
    let key = FirmwareType::new(number)?.well_known_name()?;
    let (name, max) = match key {
        "application" => ("Application", 0),
        "os" => ("OS", 1),
        other => (other, 1),
    };
    item(tenant, number, name, None, What::Type { key: key.into(), max })
}

fn release_types(tenant: &TenantId) -> [Option<Item>; 3] {
    let os: BTreeSet<_> = FirmwareType::new(OS).into_iter().collect();
    let app = BTreeSet::from([FirmwareType::APPLICATION]);
    let make = |id, key: &str, name, about, mandatory: &BTreeSet<_>, optional: &BTreeSet<_>| {
        let what =
            What::ReleaseType { key: key.into(), mandatory: mandatory.clone(), optional: optional.clone() };
        item(tenant, id, name, Some(about), what)
    };
    let none = BTreeSet::new();
    [
        make(OS_ONLY, "os", "OS only", "An operating system", &os, &none),
        make(APP_ONLY, "app", "App(s) only", "Applications", &app, &none),
        make(OS_APP, "os_app", "OS with app(s)", "An operating system, and applications", &os, &app),
    ]
}

fn item(tenant: &TenantId, id: u64, name: &str, about: Option<&str>, what: What) -> Option<Item> {
    let label = Label { name: name.into(), description: about.map(Into::into), colour: None };
    let trail = Trail::new(SYSTEM, Time(0));
    Some(Item { tenant: tenant.clone(), id: ItemId::new(id)?, label, what, deleted: false, trail })
}
