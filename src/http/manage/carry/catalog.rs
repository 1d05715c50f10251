//! The lists that a tenant keeps: tags, types, products and filters, all of one shape.

use super::other;
use crate::domain::catalog::{Item, Section};
use crate::domain::ids::{ItemId, ProductId};
use crate::engine::call::{Call, NewItem, Reply};
use crate::http::hawkbit::Fault;
use crate::http::manage::desk::Desk;
use crate::http::manage::items::what;
use crate::http::manage::types::Types;

/// The most items of a section that are read: people write them, and a list of so many types or tags is none.
const ITEMS_MAX: usize = 10_000;

impl Desk {
    /// Every item of a section, removed ones too.
    pub async fn items(&self, section: Section) -> Result<Vec<Item>, Fault> {
        self.ask(move |reader, tenant| reader.items(tenant, section, None, ITEMS_MAX)).await
    }

    /// An item; removed ones stay addressable.
    pub async fn item(&self, section: Section, id: ItemId) -> Result<Item, Fault> {
        let found = self.ask(move |reader, tenant| reader.item(tenant, section, id)).await?;
        found.ok_or_else(|| Fault::missing(what(section), id))
    }

    /// The firmware types.
    pub async fn types(&self) -> Result<Types, Fault> {
        Ok(Types::of(self.items(Section::Types).await?))
    }

    /// Whether a product has devices.
    pub async fn has_devices(&self, product: ProductId) -> Result<bool, Fault> {
        self.ask(move |reader, tenant| reader.has_devices(tenant, &product)).await
    }

    /// Adds items of one section.
    pub async fn add_items(&self, items: Vec<NewItem>) -> Result<Vec<Item>, Fault> {
        if items.is_empty() {
            return Ok(Vec::new());
        }
        let (tenant, by) = (self.tenant.clone(), self.by.clone());
        match self.call(Call::AddItems { tenant, items, by }).await? {
            Reply::Items(items) => Ok(items),
            reply => Err(other(&reply)),
        }
    }

    /// Puts a changed item in the place of the one with its id.
    pub async fn put_item(&self, item: Item) -> Result<Item, Fault> {
        let (id, section, by) = (item.id, item.what.section(), self.by.clone());
        match self.call(Call::PutItem { item, by }).await? {
            Reply::Items(items) => items.into_iter().next().ok_or_else(|| Fault::missing(what(section), id)),
            reply => Err(other(&reply)),
        }
    }

    /// Removes an item; one that something refers to is marked as removed.
    pub async fn remove_item(&self, section: Section, id: ItemId) -> Result<(), Fault> {
        match self.call(Call::RemoveItem { tenant: self.tenant.clone(), section, id }).await? {
            Reply::Removed { .. } => Ok(()),
            reply => Err(other(&reply)),
        }
    }
}
