//! `/targettags`: tags that targets carry.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Router;
use axum::response::Response;
use axum::routing::{get, post};
use serde_json::Value;

use super::desk::{At, Desk, nothing};
use super::items;
use super::list::Wanted;
use super::sent::Sent;
use super::settags::{NewTag, OnMissing, shape};
use super::shape::Shape;
use super::targets::{self, device_id};
use super::types::LabelChange;
use crate::domain::catalog::{Item, Section, What};
use crate::domain::ids::DeviceId;
use crate::engine::call::{ASSIGNMENTS_MAX, DeviceChange};
use crate::http::Door;
use crate::http::hawkbit::{Fault, Kind};

pub(super) fn routes() -> Router<Arc<Door>> {
    let one = post(|desk, at| mark_one(desk, at, true)).delete(|desk, at| mark_one(desk, at, false));
    // Newer clients put a list, older ones post it.
    let many = get(list_assigned)
        .post(|desk, at, sent| mark_many(desk, at, sent, true))
        .put(|desk, at, sent| mark_many(desk, at, sent, true))
        .delete(|desk, at, sent| mark_many(desk, at, sent, false));
    Router::new()
        .route("/targettags", get(list).post(add))
        .route("/targettags/{id}", get(show).put(change).delete(remove))
        .route("/targettags/{id}/assigned", many)
        .route("/targettags/{id}/assigned/{target}", one)
}

async fn tag(desk: &Desk, text: &str) -> Result<Item, Fault> {
    desk.item(Section::DeviceTags, items::item_id(Section::DeviceTags, text)?).await
}

async fn list(desk: Desk) -> Result<Response, Fault> {
    items::list(&desk, Section::DeviceTags, shape).await
}

async fn add(desk: Desk, sent: Sent) -> Result<Response, Fault> {
    let new: Vec<NewTag> = sent.many()?;
    let items = new.iter().map(|new| new.item(What::DeviceTag)).collect::<Result<_, _>>()?;
    let made = desk.add_items(items).await?;
    Ok(desk.created(&made.iter().map(|item| shape(&desk, item)).collect::<Vec<Shape>>()))
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
    items::remove(&desk, Section::DeviceTags, &text).await
}

async fn list_assigned(desk: Desk, At(text): At<String>) -> Result<Response, Fault> {
    let wanted = Wanted::by(&desk, &targets::FIELDS)?;
    let full = wanted.full;
    let tag = tag(&desk, &text).await?.id;
    let found = desk.targets_among(wanted, move |device| device.profile.tags.contains(&tag)).await?;
    targets::shown(&desk, found, full).await
}

async fn mark_one(desk: Desk, At((text, target)): At<(String, String)>, on: bool) -> Result<Response, Fault> {
    let tag = tag(&desk, &text).await?.id;
    desk.change_device(&device_id(&target)?, DeviceChange::Tag(tag, on)).await?;
    Ok(nothing())
}

async fn mark_many(desk: Desk, At(text): At<String>, sent: Sent, on: bool) -> Result<Response, Fault> {
    let (tag, policy) = (tag(&desk, &text).await?.id, OnMissing::of(&desk)?);
    let (found, missing) = named(&desk, &sent).await?;
    if let (Some(fault), OnMissing::Fail) = (&missing, policy) {
        return Err(fault.clone());
    }
    desk.change_devices(found, || DeviceChange::Tag(tag, on)).await?;
    match missing {
        Some(fault) if policy == OnMissing::TakeAndFail => Err(fault),
        Some(_) | None => Ok(nothing()),
    }
}

/// The targets that a body names which are there, and the refusal of one that is not.
///
/// # Errors
/// 400 for a body that names no targets, 429 for one that names too many.
pub async fn named(desk: &Desk, sent: &Sent) -> Result<(Vec<DeviceId>, Option<Fault>), Fault> {
    let named: Vec<String> = sent.plain::<Value>()?.iter().map(name).collect::<Result<_, _>>()?;
    if named.len() > ASSIGNMENTS_MAX {
        return Err(Fault::new(
            Kind::TooMany,
            format!("at most {ASSIGNMENTS_MAX} targets are named at once"),
        ));
    }
    let ids = named.iter().filter_map(|name| DeviceId::parse(name).ok()).collect();
    let found = desk.known_devices(ids).await?;
    let known: BTreeSet<&str> = found.iter().map(DeviceId::as_str).collect();
    let missing = named.iter().find(|name| !known.contains(name.as_str()));
    let missing = missing.map(|name| Fault::missing("Target", name));
    Ok((found, missing))
}

/// Newer clients name a target by its id, older ones by an object that holds it.
fn name(value: &Value) -> Result<String, Fault> {
    let text = value.as_str().or_else(|| value.get("controllerId")?.as_str());
    text.map(str::to_owned).ok_or_else(Fault::not_readable)
}
