//! `/distributionsettags`: tags that distribution sets carry.

use std::sync::Arc;

use axum::Router;
use axum::response::Response;
use axum::routing::{get, post};
use serde::Deserialize;

use super::desk::{At, Desk, nothing};
use super::list::Wanted;
use super::sent::Sent;
use super::sets::{Set, release_id};
use super::shape::{Shape, page};
use super::types::LabelChange;
use super::{fields, items};
use crate::domain::catalog::{Item, Section, What};
use crate::domain::ids::{ItemId, ReleaseId};
use crate::engine::call::{NewItem, ReleaseChange};
use crate::http::Door;
use crate::http::hawkbit::Fault;

pub(super) fn routes() -> Router<Arc<Door>> {
    let one = post(|desk, at| mark_one(desk, at, true)).delete(|desk, at| mark_one(desk, at, false));
    // Newer clients put a list, older ones post it.
    let many = get(list_assigned)
        .post(|desk, at, sent| mark_many(desk, at, sent, true))
        .put(|desk, at, sent| mark_many(desk, at, sent, true))
        .delete(|desk, at, sent| mark_many(desk, at, sent, false));
    Router::new()
        .route("/distributionsettags", get(list).post(add))
        .route("/distributionsettags/{id}", get(show).put(change).delete(remove))
        .route("/distributionsettags/{id}/assigned", many)
        .route("/distributionsettags/{id}/assigned/{set}", one)
}

/// A tag before it is made.
#[derive(Debug, Deserialize)]
pub struct NewTag {
    name: String,
    description: Option<String>,
    colour: Option<String>,
}

/// What is to happen with numbers that name nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnMissing {
    /// Nothing is done.
    Fail,
    /// The others are taken, and the request fails.
    TakeAndFail,
    /// The others are taken.
    Take,
}

impl NewTag {
    /// The item.
    ///
    /// # Errors
    /// 400 when something is too long.
    pub fn item(&self, what: What) -> Result<NewItem, Fault> {
        let label = fields::label(&self.name, self.description.as_deref(), self.colour.as_deref())?;
        Ok(NewItem { id: None, label, what })
    }
}

impl OnMissing {
    /// Reads `onNotFoundPolicy`.
    ///
    /// # Errors
    /// 400 for a policy that there is not.
    pub fn of(desk: &Desk) -> Result<OnMissing, Fault> {
        match desk.parameter("onNotFoundPolicy").map(str::to_ascii_uppercase).as_deref() {
            None | Some("FAIL") => Ok(OnMissing::Fail),
            Some("ON_WHAT_FOUND_AND_FAIL") => Ok(OnMissing::TakeAndFail),
            Some("ON_WHAT_FOUND_AND_SUCCESS") => Ok(OnMissing::Take),
            Some(_) => Err(Fault::parameter("onNotFoundPolicy")),
        }
    }
}

/// The JSON of a tag of either section.
pub fn shape(desk: &Desk, item: &Item) -> Shape {
    let links = desk.links(&format!("{}/{}", items::place(item.what.section()), item.id));
    items::shape(item).links(links.below("assigned", "assigned?offset=0&limit=50"))
}

async fn tag(desk: &Desk, text: &str) -> Result<Item, Fault> {
    desk.item(Section::ReleaseTags, items::item_id(Section::ReleaseTags, text)?).await
}

async fn list(desk: Desk) -> Result<Response, Fault> {
    items::list(&desk, Section::ReleaseTags, shape).await
}

async fn add(desk: Desk, sent: Sent) -> Result<Response, Fault> {
    let new: Vec<NewTag> = sent.many()?;
    let items = new.iter().map(|new| new.item(What::ReleaseTag)).collect::<Result<_, _>>()?;
    let made = desk.add_items(items).await?;
    Ok(desk.created(&made.iter().map(|item| shape(&desk, item)).collect::<Vec<_>>()))
}

async fn show(desk: Desk, At(text): At<String>) -> Result<Response, Fault> {
    Ok(desk.ok(&shape(&desk, &tag(&desk, &text).await?)))
}

async fn change(desk: Desk, At(text): At<String>, sent: Sent) -> Result<Response, Fault> {
    let change: LabelChange = sent.one()?;
    let item = change.apply(tag(&desk, &text).await?)?;
    Ok(desk.ok(&shape(&desk, &desk.put_item(item).await?)))
}

async fn remove(desk: Desk, At(text): At<String>) -> Result<Response, Fault> {
    items::remove(&desk, Section::ReleaseTags, &text).await
}

async fn list_assigned(desk: Desk, At(text): At<String>) -> Result<Response, Fault> {
    let tag = tag(&desk, &text).await?.id;
    let found = desk.sets(Wanted::of::<Set>(&desk)?, move |release| release.tags.contains(&tag)).await?;
    Ok(desk.ok(&page(found.rows.iter().map(|set| set.shape(&desk)).collect(), found.total)))
}

async fn mark_one(desk: Desk, At((text, set)): At<(String, String)>, on: bool) -> Result<Response, Fault> {
    let tag = tag(&desk, &text).await?.id;
    desk.change_release(release_id(&set)?, ReleaseChange::Tag(tag, on)).await?;
    Ok(nothing())
}

async fn mark_many(desk: Desk, At(text): At<String>, sent: Sent, on: bool) -> Result<Response, Fault> {
    let (tag, policy) = (tag(&desk, &text).await?.id, OnMissing::of(&desk)?);
    let numbers: Vec<u64> = sent.plain()?;
    let (mut found, mut missing) = (Vec::new(), None);
    for number in numbers {
        let id = ReleaseId::new(number).ok_or_else(|| Fault::missing("DistributionSet", number));
        match id {
            Ok(id) => match desk.release(id).await {
                Ok(release) => found.push(release.id),
                Err(fault) => missing = Some(fault),
            },
            Err(fault) => missing = Some(fault),
        }
    }
    match missing {
        Some(fault) if policy == OnMissing::Fail => Err(fault),
        missing => mark_all(&desk, tag, found, on).await.and(match missing {
            Some(fault) if policy == OnMissing::TakeAndFail => Err(fault),
            Some(_) | None => Ok(nothing()),
        }),
    }
}

async fn mark_all(desk: &Desk, tag: ItemId, sets: Vec<ReleaseId>, on: bool) -> Result<(), Fault> {
    for set in sets {
        desk.change_release(set, ReleaseChange::Tag(tag, on)).await?;
    }
    Ok(())
}
