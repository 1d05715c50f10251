//! The devices of an account, and what is said in their name.

use axum::http::StatusCode;

use super::pool::items;
use crate::domain::catalog::Section;
use crate::domain::decide::Verdict;
use crate::domain::device::Device;
use crate::domain::event::Event;
use crate::domain::ids::{DeviceId, DeviceKey};
use crate::engine::call::{Call, Reply};
use crate::http::Door;
use crate::http::api::unexpected;
use crate::http::dialect::pool::{Answer, Caller, Seen};
use crate::http::error::ApiError;

/// How many devices are read in one go.
const PAGE: usize = 500;

/// One device of the account.
///
/// # Errors
/// 404 when there is none.
pub async fn device(door: &Door, caller: &Caller, id: DeviceId) -> Result<Device, ApiError> {
    let missing = ApiError::missing("no-such-device", format!("there is no device {id}"));
    let key = DeviceKey { tenant: caller.tenant.clone(), device: id };
    door.ask(move |reader| reader.device(&key)).await?.ok_or(missing)
}

/// Devices in the order of their ids. The page is walked to: nobody but a person looks at them here.
pub async fn devices(door: &Door, caller: &Caller, skip: usize, size: usize) -> Result<Answer, ApiError> {
    let tenant = caller.tenant.clone();
    let found = door.ask(move |reader| {
        let (mut found, mut passed, mut after) = (Vec::new(), 0usize, None);
        loop {
            let page = reader.devices(&tenant, after.as_ref(), PAGE)?;
            let full = page.len() == PAGE;
            after = page.last().map(|device| device.key.device.clone());
            for device in page {
                if passed >= skip && found.len() < size {
                    found.push(device);
                }
                passed += 1;
            }
            if !full || found.len() == size {
                return Ok(found);
            }
        }
    });
    let found = found.await?;
    Ok(Answer::Devices(with_tags(door, caller, found).await?))
}

pub async fn with_tags(door: &Door, caller: &Caller, devices: Vec<Device>) -> Result<Vec<Seen>, ApiError> {
    let known = match devices.iter().any(|device| !device.profile.tags.is_empty()) {
        true => items(door, caller, Section::DeviceTags).await?,
        false => Vec::new(),
    };
    let tags = |device: &Device| {
        let own = known.iter().filter(|item| !item.deleted && device.profile.tags.contains(&item.id));
        own.map(|item| (item.id.get(), item.label.name.clone())).collect()
    };
    Ok(devices.into_iter().map(|device| Seen { tags: tags(&device), device }).collect())
}

/// An attribute as the device itself would say it.
pub async fn hear(door: &Door, caller: &Caller, id: DeviceId, event: Event) -> Result<Answer, ApiError> {
    let key = DeviceKey { tenant: caller.tenant.clone(), device: id };
    match door.call(Call::Hear { key, event, from: None, proven: false, newcomer: None }).await? {
        Reply::Heard { verdict: Verdict::Stored | Verdict::Repeated, .. } => Ok(Answer::Noted),
        Reply::Heard { verdict: Verdict::Rejected(reject), .. } => {
            Err(ApiError::new(StatusCode::CONFLICT, reject.code(), reject.to_string()))
        }
        other => Err(unexpected(&other)),
    }
}
