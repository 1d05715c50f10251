//! `/targettypes`: products. The key of one is the product's id, which device records hold.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Router;
use axum::response::Response;
use axum::routing::{delete, get};
use serde::Deserialize;

use super::desk::{At, Desk, nothing};
use super::sent::Sent;
use super::settypes::{self, Named};
use super::shape::Shape;
use super::types::LabelChange;
use super::{fields, items};
use crate::domain::catalog::{Item, Section, What};
use crate::domain::ids::{ItemId, ProductId};
use crate::engine::call::NewItem;
use crate::http::Door;
use crate::http::hawkbit::{Fault, Kind};

/// The most kinds of releases that a product may name (hawkBit's quota).
const KINDS_MAX: usize = 50;

pub(super) fn routes() -> Router<Arc<Door>> {
    Router::new()
        .route("/targettypes", get(list).post(add))
        .route("/targettypes/{id}", get(show).put(change).delete(remove))
        .route("/targettypes/{id}/compatibledistributionsettypes", get(list_kinds).post(add_kinds))
        .route("/targettypes/{id}/compatibledistributionsettypes/{kind}", delete(remove_kind))
}

#[derive(Debug, Deserialize)]
struct NewTargetType {
    name: Option<String>,
    key: Option<String>,
    description: Option<String>,
    colour: Option<String>,
    #[serde(default)]
    compatibledistributionsettypes: Vec<Named>,
}

impl NewTargetType {
    fn item(&self) -> Result<NewItem, Fault> {
        let missing = || Fault::new(Kind::TypeKeyOrName, "a target type has a key or a name");
        let key = self.key.as_deref().or(self.name.as_deref()).ok_or_else(missing)?;
        let name = self.name.as_deref().unwrap_or(key);
        let kinds = self.compatibledistributionsettypes.iter();
        let release_types = kinds.map(|kind| kind.item(Section::ReleaseTypes)).collect::<Result<_, _>>()?;
        Ok(NewItem {
            id: None,
            label: fields::label(name, self.description.as_deref(), self.colour.as_deref())?,
            what: bounded(product(key)?, release_types)?,
        })
    }
}

/// The product that a key says, or a name where there is none: what ids cannot have becomes a dash.
fn product(text: &str) -> Result<ProductId, Fault> {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "._:-".contains(c) { c } else { '-' };
    let id: String = text.trim().chars().map(plain).collect();
    ProductId::parse(&id).map_err(|error| Fault::constraint(format!("key {error}")))
}

fn bounded(product: ProductId, release_types: BTreeSet<ItemId>) -> Result<What, Fault> {
    match release_types.len() > KINDS_MAX {
        true => {
            Err(Fault::new(Kind::TooMany, format!("a target type has at most {KINDS_MAX} types of sets")))
        }
        false => Ok(What::Product { product, release_types }),
    }
}

/// The JSON of a product.
pub fn shape(desk: &Desk, item: &Item) -> Shape {
    let links = desk
        .links(&format!("targettypes/{}", item.id))
        .below("compatibledistributionsettypes", "compatibledistributionsettypes");
    items::shape(item).put("deleted", item.deleted).links(links)
}

async fn target_type(desk: &Desk, text: &str) -> Result<Item, Fault> {
    desk.item(Section::Products, items::item_id(Section::Products, text)?).await
}

/// The kinds of releases that a product names.
fn kinds(item: &Item) -> BTreeSet<ItemId> {
    match &item.what {
        What::Product { release_types, .. } => release_types.clone(),
        What::DeviceTag
        | What::ReleaseTag
        | What::Type { .. }
        | What::ReleaseType { .. }
        | What::Filter { .. } => BTreeSet::new(),
    }
}

fn with_kinds(item: Item, kinds: BTreeSet<ItemId>) -> Result<Item, Fault> {
    let What::Product { product, .. } = item.what else { return Ok(item) };
    Ok(Item { what: bounded(product, kinds)?, ..item })
}

async fn list(desk: Desk) -> Result<Response, Fault> {
    items::list(&desk, Section::Products, shape).await
}

async fn add(desk: Desk, sent: Sent) -> Result<Response, Fault> {
    let new: Vec<NewTargetType> = sent.many()?;
    let made = desk.add_items(new.iter().map(NewTargetType::item).collect::<Result<_, _>>()?).await?;
    Ok(desk.created(&made.iter().map(|item| shape(&desk, item)).collect::<Vec<_>>()))
}

async fn show(desk: Desk, At(text): At<String>) -> Result<Response, Fault> {
    Ok(desk.ok(&shape(&desk, &target_type(&desk, &text).await?)))
}

async fn change(desk: Desk, At(text): At<String>, sent: Sent) -> Result<Response, Fault> {
    let change: LabelChange = sent.one()?;
    let item = change.apply(target_type(&desk, &text).await?)?;
    Ok(desk.ok(&shape(&desk, &desk.put_item(item).await?)))
}

/// A product with devices cannot go (hawkBit: `target.type.used`).
async fn remove(desk: Desk, At(text): At<String>) -> Result<Response, Fault> {
    let item = target_type(&desk, &text).await?;
    if let What::Product { product, .. } = &item.what
        && desk.has_devices(product.clone()).await?
    {
        return Err(Fault::new(Kind::TypeInUse, format!("there are targets of type {}", item.label.name)));
    }
    items::remove(&desk, Section::Products, &text).await
}

async fn list_kinds(desk: Desk, At(text): At<String>) -> Result<Response, Fault> {
    let own = kinds(&target_type(&desk, &text).await?);
    let all = desk.items(Section::ReleaseTypes).await?;
    let shapes = all.iter().filter(|kind| own.contains(&kind.id)).map(|kind| settypes::shape(&desk, kind));
    Ok(desk.ok(&shapes.collect::<Vec<_>>()))
}

async fn add_kinds(desk: Desk, At(text): At<String>, sent: Sent) -> Result<Response, Fault> {
    let named: Vec<Named> = sent.many()?;
    let item = target_type(&desk, &text).await?;
    let mut own = kinds(&item);
    for named in &named {
        own.insert(named.item(Section::ReleaseTypes)?);
    }
    desk.put_item(with_kinds(item, own)?).await?;
    Ok(nothing())
}

async fn remove_kind(desk: Desk, At((text, kind)): At<(String, String)>) -> Result<Response, Fault> {
    let item = target_type(&desk, &text).await?;
    let kind = items::item_id(Section::ReleaseTypes, &kind)?;
    let mut own = kinds(&item);
    if !own.remove(&kind) {
        return Err(Fault::missing(items::what(Section::ReleaseTypes), kind));
    }
    desk.put_item(with_kinds(item, own)?).await?;
    Ok(nothing())
}
