//! `/targets/{id}/metadata`: values by key that people keep beside a device.

use std::sync::Arc;

use axum::Router;
use axum::response::Response;
use axum::routing::get;

use super::desk::{At, Desk, nothing};
use super::metadata::{self, Entry, NewEntry};
use super::sent::Sent;
use super::shape::page;
use super::targets::device_id;
use crate::domain::device::Device;
use crate::engine::call::DeviceChange;
use crate::http::Door;
use crate::http::hawkbit::Fault;

pub(super) fn routes() -> Router<Arc<Door>> {
    Router::new()
        .route("/targets/{id}/metadata", get(list).post(add))
        .route("/targets/{id}/metadata/{key}", get(show).put(change).delete(remove))
}

fn entries(device: &Device) -> Vec<Entry> {
    let own = device.profile.metadata.iter();
    own.map(|(key, value)| Entry { key: key.clone(), value: value.clone(), visible: None }).collect()
}

async fn list(desk: Desk, At(text): At<String>) -> Result<Response, Fault> {
    let device = desk.device(&device_id(&text)?).await?;
    let found = desk.pick(entries(&device)).await?;
    Ok(desk.ok(&page(found.rows.iter().map(Entry::shape).collect(), found.total)))
}

async fn add(desk: Desk, At(text): At<String>, sent: Sent) -> Result<Response, Fault> {
    let id = device_id(&text)?;
    let device = desk.device(&id).await?;
    let new: Vec<NewEntry> = sent.many()?;
    let new = new.iter().map(NewEntry::unseen).collect::<Result<Vec<_>, _>>()?;
    metadata::refuse_taken(&entries(&device), &new)?;
    let change = |entry: &Entry| DeviceChange::Metadata(entry.key.clone(), Some(entry.value.clone()));
    desk.change_device(&id, DeviceChange::Several(new.iter().map(change).collect())).await?;
    Ok(desk.created(&new.iter().map(Entry::shape).collect::<Vec<_>>()))
}

async fn show(desk: Desk, At((text, key)): At<(String, String)>) -> Result<Response, Fault> {
    let device = desk.device(&device_id(&text)?).await?;
    Ok(desk.ok(&metadata::find(entries(&device), &key)?.shape()))
}

async fn change(desk: Desk, At((text, key)): At<(String, String)>, sent: Sent) -> Result<Response, Fault> {
    let id = device_id(&text)?;
    let old = metadata::find(entries(&desk.device(&id).await?), &key)?;
    let new = sent.one::<NewEntry>()?.with_key(&key, Some(&old))?;
    desk.change_device(&id, DeviceChange::Metadata(key.into(), Some(new.value.clone()))).await?;
    Ok(desk.ok(&Entry { visible: None, ..new }.shape()))
}

async fn remove(desk: Desk, At((text, key)): At<(String, String)>) -> Result<Response, Fault> {
    let id = device_id(&text)?;
    metadata::find(entries(&desk.device(&id).await?), &key)?;
    desk.change_device(&id, DeviceChange::Metadata(key.into(), None)).await?;
    Ok(nothing())
}
