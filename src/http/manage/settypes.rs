//! `/distributionsettypes`: kinds of releases, each with the firmware types of which a set has to have modules, and of
//! which it may.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Router;
use axum::response::Response;
use axum::routing::get;
use serde::Deserialize;

use super::desk::{At, Desk, nothing};
use super::sent::Sent;
use super::shape::Shape;
use super::types::{KEY_MAX, LabelChange, kind};
use super::{fields, items, types};
use crate::domain::catalog::{Item, Section, What};
use crate::domain::ids::{FirmwareType, ItemId};
use crate::engine::call::NewItem;
use crate::http::Door;
use crate::http::hawkbit::{Fault, Kind};

/// The most types that a kind of release may name (hawkBit's quota).
const TYPES_MAX: usize = 50;

pub(super) fn routes() -> Router<Arc<Door>> {
    let mut router = Router::new()
        .route("/distributionsettypes", get(list).post(add))
        .route("/distributionsettypes/{id}", get(show).put(change).delete(remove));
    for part in [Part::Mandatory, Part::Optional] {
        let path = format!("/distributionsettypes/{{id}}/{}", part.path());
        let all = get(move |desk, at| list_part(part, desk, at))
            .post(move |desk, at, sent| add_part(part, desk, at, sent));
        let one = get(move |desk, at| show_part(part, desk, at))
            .delete(move |desk, at| remove_part(part, desk, at));
        router = router.route(&path, all).route(&format!("{path}/{{type}}"), one);
    }
    router
}

/// Whether a set has to have modules of a type or may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Mandatory,
    Optional,
}

impl Part {
    fn path(self) -> &'static str {
        match self {
            Part::Mandatory => "mandatorymoduletypes",
            Part::Optional => "optionalmoduletypes",
        }
    }

    /// The types of this part of an item.
    fn of(self, item: &Item) -> BTreeSet<FirmwareType> {
        match (self, &item.what) {
            (Part::Mandatory, What::ReleaseType { mandatory, .. }) => mandatory.clone(),
            (Part::Optional, What::ReleaseType { optional, .. }) => optional.clone(),
            (_, _) => BTreeSet::new(),
        }
    }

    /// The item with other types in this part. One type is never in both.
    fn put(self, item: Item, types: BTreeSet<FirmwareType>) -> Item {
        let What::ReleaseType { key, mandatory, optional } = item.what else { return item };
        let (mandatory, optional) = match self {
            Part::Mandatory => (types.clone(), optional.difference(&types).copied().collect()),
            Part::Optional => (mandatory.difference(&types).copied().collect(), types),
        };
        Item { what: What::ReleaseType { key, mandatory, optional }, ..item }
    }
}

#[derive(Debug, Deserialize)]
struct NewSetType {
    name: String,
    key: String,
    description: Option<String>,
    colour: Option<String>,
    #[serde(default)]
    mandatorymodules: Vec<Named>,
    #[serde(default)]
    optionalmodules: Vec<Named>,
}

/// Something that is named by its number.
#[derive(Debug, Deserialize)]
pub struct Named {
    /// The number.
    pub id: u64,
}

impl Named {
    /// The item.
    ///
    /// # Errors
    /// 404 for what cannot be an id.
    pub fn item(&self, section: Section) -> Result<ItemId, Fault> {
        ItemId::new(self.id).ok_or_else(|| Fault::missing(items::what(section), self.id))
    }
}

impl NewSetType {
    fn item(&self, types: &types::Types) -> Result<NewItem, Fault> {
        let known = |named: &Named| {
            let id = named.item(Section::Types)?;
            let kind = kind(id)?;
            types.get(kind).map(|_| kind).ok_or_else(|| Fault::missing(items::what(Section::Types), id))
        };
        let mandatory: BTreeSet<_> = self.mandatorymodules.iter().map(known).collect::<Result<_, _>>()?;
        let optional: BTreeSet<_> = self.optionalmodules.iter().map(known).collect::<Result<_, _>>()?;
        if mandatory.len() + optional.len() > TYPES_MAX {
            return Err(too_many());
        }
        let optional = optional.difference(&mandatory).copied().collect();
        let key = fields::text("key", &self.key, KEY_MAX)?;
        let label = fields::label(&self.name, self.description.as_deref(), self.colour.as_deref())?;
        Ok(NewItem { id: None, label, what: What::ReleaseType { key, mandatory, optional } })
    }
}

fn too_many() -> Fault {
    Fault::new(Kind::TooMany, format!("a distribution set type has at most {TYPES_MAX} module types"))
}

/// The JSON of a kind of release.
pub fn shape(desk: &Desk, item: &Item) -> Shape {
    let links = desk
        .links(&format!("distributionsettypes/{}", item.id))
        .below("mandatorymodules", Part::Mandatory.path())
        .below("optionalmodules", Part::Optional.path());
    items::shape(item).put("deleted", item.deleted).links(links)
}

async fn set_type(desk: &Desk, text: &str) -> Result<Item, Fault> {
    desk.item(Section::ReleaseTypes, items::item_id(Section::ReleaseTypes, text)?).await
}

async fn list(desk: Desk) -> Result<Response, Fault> {
    items::list(&desk, Section::ReleaseTypes, shape).await
}

async fn add(desk: Desk, sent: Sent) -> Result<Response, Fault> {
    let (new, types): (Vec<NewSetType>, _) = (sent.many()?, desk.types().await?);
    let items = new.iter().map(|new| new.item(&types)).collect::<Result<_, _>>()?;
    let made = desk.add_items(items).await?;
    Ok(desk.created(&made.iter().map(|item| shape(&desk, item)).collect::<Vec<_>>()))
}

async fn show(desk: Desk, At(text): At<String>) -> Result<Response, Fault> {
    Ok(desk.ok(&shape(&desk, &set_type(&desk, &text).await?)))
}

async fn change(desk: Desk, At(text): At<String>, sent: Sent) -> Result<Response, Fault> {
    let change: LabelChange = sent.one()?;
    let item = change.apply(set_type(&desk, &text).await?)?;
    Ok(desk.ok(&shape(&desk, &desk.put_item(item).await?)))
}

async fn remove(desk: Desk, At(text): At<String>) -> Result<Response, Fault> {
    items::remove(&desk, Section::ReleaseTypes, &text).await
}

async fn list_part(part: Part, desk: Desk, At(text): At<String>) -> Result<Response, Fault> {
    let item = set_type(&desk, &text).await?;
    let types = desk.types().await?;
    let own = part.of(&item).into_iter().filter_map(|kind| types.get(kind));
    Ok(desk.ok(&own.map(|kind| types::shape(&desk, kind)).collect::<Vec<_>>()))
}

async fn add_part(part: Part, desk: Desk, At(text): At<String>, sent: Sent) -> Result<Response, Fault> {
    let named: Named = sent.one()?;
    let item = set_type(&desk, &text).await?;
    let own = desk.item(Section::Types, named.item(Section::Types)?).await?;
    let mut types = part.of(&item);
    types.insert(kind(own.id)?);
    if types.len() > TYPES_MAX {
        return Err(too_many());
    }
    desk.put_item(part.put(item, types)).await?;
    Ok(nothing())
}

async fn show_part(part: Part, desk: Desk, At((text, own)): At<(String, String)>) -> Result<Response, Fault> {
    let item = set_type(&desk, &text).await?;
    let own = desk.item(Section::Types, items::item_id(Section::Types, &own)?).await?;
    match part.of(&item).contains(&kind(own.id)?) {
        true => Ok(desk.ok(&types::shape(&desk, &own))),
        false => Err(Fault::missing(items::what(Section::Types), own.id)),
    }
}

async fn remove_part(
    part: Part,
    desk: Desk,
    At((text, own)): At<(String, String)>,
) -> Result<Response, Fault> {
    let item = set_type(&desk, &text).await?;
    let own = kind(items::item_id(Section::Types, &own)?)?;
    let mut types = part.of(&item);
    if !types.remove(&own) {
        return Err(Fault::missing(items::what(Section::Types), own));
    }
    desk.put_item(part.put(item, types)).await?;
    Ok(nothing())
}
