//! What all items of a tenant's lists have in common: their members, their fields, and how one is shown and removed.

use axum::response::Response;

use super::desk::{Desk, id, nothing};
use super::list::{self, Row};
use super::shape::{Shape, page};
use crate::domain::catalog::{Item, Section, What};
use crate::domain::filter::Value;
use crate::domain::ids::ItemId;
use crate::http::hawkbit::Fault;

/// What a refusal calls an item of the section.
pub fn what(section: Section) -> &'static str {
    match section {
        Section::DeviceTags => "TargetTag",
        Section::ReleaseTags => "DistributionSetTag",
        Section::Types => "SoftwareModuleType",
        Section::ReleaseTypes => "DistributionSetType",
        Section::Products => "TargetType",
        Section::Filters => "TargetFilterQuery",
    }
}

/// The path of the section below `/rest/v1`.
pub fn place(section: Section) -> &'static str {
    match section {
        Section::DeviceTags => "targettags",
        Section::ReleaseTags => "distributionsettags",
        Section::Types => "softwaremoduletypes",
        Section::ReleaseTypes => "distributionsettypes",
        Section::Products => "targettypes",
        Section::Filters => "targetfilters",
    }
}

/// The item that a path names.
///
/// # Errors
/// 404 or 400.
pub fn item_id(section: Section, text: &str) -> Result<ItemId, Fault> {
    id(what(section), text, ItemId::parse)
}

/// What every item shows, without links.
pub fn shape(item: &Item) -> Shape {
    Shape::new()
        .trail(&item.trail)
        .put("id", item.id.get())
        .put("key", item.what.key().filter(|_| has_key(&item.what)))
        .put("name", &*item.label.name)
        .put("description", item.label.description.as_deref())
        .put("colour", item.label.colour.as_deref())
}

fn has_key(what: &What) -> bool {
    match what {
        What::Type { .. } | What::ReleaseType { .. } | What::Product { .. } => true,
        What::DeviceTag | What::ReleaseTag | What::Filter { .. } => false,
    }
}

/// A list of items, without the removed ones.
///
/// # Errors
/// 400 for a list that cannot be had.
pub async fn list(
    desk: &Desk,
    section: Section,
    show: impl Fn(&Desk, &Item) -> Shape,
) -> Result<Response, Fault> {
    let items = desk.items(section).await?.into_iter().filter(|item| !item.deleted).collect();
    let found = desk.pick(items).await?;
    Ok(desk.ok(&page(found.rows.iter().map(|item| show(desk, item)).collect(), found.total)))
}

/// Removes an item; one that is marked as removed already stays so.
///
/// # Errors
/// 404 without the item.
pub async fn remove(desk: &Desk, section: Section, text: &str) -> Result<Response, Fault> {
    let item = desk.item(section, item_id(section, text)?).await?;
    if !item.deleted {
        desk.remove_item(section, item.id).await?;
    }
    Ok(nothing())
}

impl Row for Item {
    const FIELDS: &'static [&'static str] = &[
        "id",
        "key",
        "name",
        "description",
        "colour",
        "createdat",
        "createdby",
        "lastmodifiedat",
        "lastmodifiedby",
        "query",
        "autoassigndistributionset.id",
    ];

    fn values(&self, field: &str, _: &str) -> Vec<Value> {
        match (field, &self.what) {
            ("id", _) => list::number(self.id.get()),
            ("key", what) => list::some_text(what.key()),
            ("name", _) => list::text(&self.label.name),
            ("description", _) => list::some_text(self.label.description.as_deref()),
            ("colour", _) => list::some_text(self.label.colour.as_deref()),
            ("query", What::Filter { query, .. }) => list::text(query),
            ("autoassigndistributionset.id", What::Filter { auto: Some(auto), .. }) => {
                list::number(auto.release.get())
            }
            (field, _) => list::trail(&self.trail, field),
        }
    }
}
