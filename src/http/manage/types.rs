//! `/softwaremoduletypes`: firmware types with hawkBit's keys. The id of one is its number on devices.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::response::Response;
use axum::routing::get;
use serde::Deserialize;

use super::desk::{At, Desk};
use super::modules::Module;
use super::sent::Sent;
use super::shape::Shape;
use super::{fields, items};
use crate::domain::catalog::{Item, Section, What};
use crate::domain::ids::{FirmwareType, ItemId};
use crate::domain::image::Image;
use crate::engine::call::NewItem;
use crate::http::Door;
use crate::http::hawkbit::Fault;

/// How hawkBit writes that a set may have any number of modules of a type.
const UNBOUNDED: u32 = i32::MAX as u32;
/// The longest key, in characters (hawkBit's).
pub const KEY_MAX: usize = 64;

pub(super) fn routes() -> Router<Arc<Door>> {
    Router::new()
        .route("/softwaremoduletypes", get(list).post(add))
        .route("/softwaremoduletypes/{id}", get(show).put(change).delete(remove))
}

/// The firmware types of a tenant by their numbers, removed ones too: images may still have them.
#[derive(Debug, Clone)]
pub struct Types(BTreeMap<u32, Item>);

impl Types {
    /// Of the items of the section.
    pub fn of(items: Vec<Item>) -> Self {
        Types(items.into_iter().map(|item| (item.id.get(), item)).collect())
    }

    /// The type with that key.
    ///
    /// # Errors
    /// 404 without it.
    pub fn by_key(&self, key: &str) -> Result<FirmwareType, Fault> {
        let own = |item: &&Item| !item.deleted && item.what.key() == Some(key);
        let found = self.0.values().find(own).and_then(|item| FirmwareType::new(item.id.get().into()));
        found.ok_or_else(|| Fault::missing(items::what(Section::Types), key))
    }

    /// The type with that number, as an item.
    pub fn get(&self, kind: FirmwareType) -> Option<&Item> {
        self.0.get(&u32::from(kind.get()))
    }

    /// The image with the name of its type; one whose type nobody has named shows its number.
    pub fn module(&self, image: Image) -> Module {
        let named = self.get(image.kind);
        let key = named.and_then(|item| item.what.key()).map(str::to_owned);
        let name = named.map(|item| item.label.name.to_string());
        let number = || format!("type-{}", image.kind);
        Module { type_key: key.unwrap_or_else(number), type_name: name.unwrap_or_else(number), image }
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct NewType {
    name: String,
    key: String,
    description: Option<String>,
    colour: Option<String>,
    max_assignments: Option<u32>,
}

/// What may be changed of a type.
#[derive(Debug, Deserialize)]
pub struct LabelChange {
    /// Another name.
    pub name: Option<String>,
    /// Another description.
    pub description: Option<String>,
    /// Another colour.
    pub colour: Option<String>,
}

impl LabelChange {
    /// The item with what is new in it.
    ///
    /// # Errors
    /// 400 when something is too long.
    pub fn apply(&self, item: Item) -> Result<Item, Fault> {
        let (name, about) = (self.name.as_deref(), self.description.as_deref());
        let label = fields::relabel(&item.label, name, about, self.colour.as_deref())?;
        Ok(Item { label, ..item })
    }
}

impl NewType {
    fn item(&self) -> Result<NewItem, Fault> {
        let max = match self.max_assignments {
            None => 1,
            Some(0) => return Err(Fault::constraint("maxAssignments must be at least 1")),
            Some(UNBOUNDED..) => 0,
            Some(max) => max,
        };
        let key = fields::text("key", &self.key, KEY_MAX)?;
        let label = fields::label(&self.name, self.description.as_deref(), self.colour.as_deref())?;
        Ok(NewItem { id: None, label, what: What::Type { key, max } })
    }
}

/// The JSON of a type.
pub fn shape(desk: &Desk, item: &Item) -> Shape {
    let max = match &item.what {
        What::Type { max: 0, .. } => Some(UNBOUNDED),
        What::Type { max, .. } => Some(*max),
        What::DeviceTag
        | What::ReleaseTag
        | What::ReleaseType { .. }
        | What::Product { .. }
        | What::Filter { .. } => None,
    };
    items::shape(item)
        .put("maxAssignments", max)
        .put("deleted", item.deleted)
        .links(desk.links(&format!("softwaremoduletypes/{}", item.id)))
}

/// The number of a type as the id of its item.
///
/// # Errors
/// 404 for what is no number of a type.
pub fn kind(id: ItemId) -> Result<FirmwareType, Fault> {
    FirmwareType::new(id.get().into()).ok_or_else(|| Fault::missing(items::what(Section::Types), id))
}

async fn list(desk: Desk) -> Result<Response, Fault> {
    items::list(&desk, Section::Types, shape).await
}

async fn add(desk: Desk, sent: Sent) -> Result<Response, Fault> {
    let new: Vec<NewType> = sent.many()?;
    let made = desk.add_items(new.iter().map(NewType::item).collect::<Result<_, _>>()?).await?;
    Ok(desk.created(&made.iter().map(|item| shape(&desk, item)).collect::<Vec<_>>()))
}

async fn show(desk: Desk, At(text): At<String>) -> Result<Response, Fault> {
    let item = desk.item(Section::Types, items::item_id(Section::Types, &text)?).await?;
    Ok(desk.ok(&shape(&desk, &item)))
}

async fn change(desk: Desk, At(text): At<String>, sent: Sent) -> Result<Response, Fault> {
    let change: LabelChange = sent.one()?;
    let item = desk.item(Section::Types, items::item_id(Section::Types, &text)?).await?;
    Ok(desk.ok(&shape(&desk, &desk.put_item(change.apply(item)?).await?)))
}

async fn remove(desk: Desk, At(text): At<String>) -> Result<Response, Fault> {
    items::remove(&desk, Section::Types, &text).await
}
