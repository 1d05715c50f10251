//! What a dialect's call does: the one place where the doors of other servers' devices meet the engine, the reader
//! and the shelf. A word of the device is answered after its commit.

pub(super) mod arkors;
pub(super) mod binary;
mod consent;
pub(super) mod esp;
mod fleet;
mod form;
pub(super) mod member;
mod open;
pub(super) mod pool;
mod proof;
mod push;

use std::sync::Arc;

use axum::http::StatusCode;

use super::{Call, Module, No, Reply, Task, Work};
use crate::domain::action::{Action, HISTORY_MAX, State};
use crate::domain::catalog::{Section, What};
use crate::domain::decide::{Entry, Verdict};
use crate::domain::deployment::Target;
use crate::domain::device::Device;
use crate::domain::event::Event;
use crate::domain::ids::{ActionId, DeviceKey, ImageId, ItemId, Time};
use crate::domain::image::{Artifact, Image};
use crate::domain::tenant::{Setting, Tenant};
use crate::domain::version::Version;
use crate::domain::window::Opening;
use crate::engine::call::{Call as EngineCall, Grant, Reply as EngineReply};
use crate::engine::now;
use crate::http::Door;
use crate::http::api::unexpected;
use crate::http::error::ApiError;
use proof::Asker;

pub(super) use proof::prove;

/// What hawkBit lets a tenant choose from, in seconds; devices read it as `HH:MM:SS`.
const POLL_S: std::ops::RangeInclusive<u32> = 30..=86_399;
/// hawkBit's own `maintenanceWindowPollCount`.
const POLL_COUNT: u32 = 3;

/// Carries a call of this device out.
pub(super) async fn out(door: &Door, asker: Asker, call: Call) -> Result<Reply, No> {
    match call {
        Call::Poll => poll(door, asker).await,
        Call::Deployment { action, history } => deployment(door, asker, action, history).await,
        Call::Installed { action, history } => installed(door, &asker.key, action, history).await,
        Call::Proposal { action, history } => consent::proposal(door, &asker, action, history).await,
        Call::Proposals => consent::proposals(door, asker).await,
        Call::Consent { action, consent } => hear(door, asker, Event::Confirm { action, consent }).await,
        Call::AgreeToAll { initiator, remark } => consent::agree_to_all(door, asker, initiator, remark).await,
        Call::AskAgain => hear(door, asker, Event::AutoConfirm(None)).await,
        Call::Cancel { action } => cancel(door, asker, action).await,
        Call::Feedback { action, feedback } => hear(door, asker, Event::Feedback { action, feedback }).await,
        Call::CancelAnswer { action, feedback } => {
            hear(door, asker, Event::CancelAnswer { action, feedback }).await
        }
        Call::Runs { name, version } => runs(door, asker, &name, &version).await,
        Call::Configure(configuration) => hear(door, asker, Event::Configure(configuration)).await,
        Call::Artifacts { image } => artifacts(door, &asker.key, image),
        Call::Sums { image, name } => {
            Ok(Reply::Sums(Box::new(granted(door, &asker.key, image, &name)?.artifact)))
        }
        Call::Artifact { image, name, noted } => file(door, asker, image, &name, noted).await,
    }
}

/// Has the engine decide on what the device says; returns after the commit.
async fn hear(door: &Door, asker: Asker, event: Event) -> Result<Reply, No> {
    match heard(door, asker.key, event, asker.from).await? {
        Verdict::Stored | Verdict::Repeated | Verdict::Held(_) => Ok(Reply::Done),
        Verdict::Rejected(reject) => Err(reject.into()),
    }
}

/// Only what asks for work registers a device: all else is about something that the device would have.
async fn heard(door: &Door, key: DeviceKey, event: Event, from: Option<Box<str>>) -> Result<Verdict, No> {
    match door.call(EngineCall::Hear { key, event, from, proven: true, newcomer: None }).await {
        Ok(EngineReply::Heard { verdict, .. }) => Ok(verdict),
        Ok(other) => Err(unexpected(&other).into()),
        Err(error) if error.code() == "no-such-device" => Err(No::UnknownDevice),
        Err(error) => Err(error.into()),
    }
}

/// As [`hear`], for what the answer does not rest on: on a full disk polls and downloads go on.
async fn note(door: &Door, asker: Asker, event: Event) -> Result<(), No> {
    match hear(door, asker, event).await {
        Ok(_) => Ok(()),
        Err(No::Api(error)) if error.status() == StatusCode::INSUFFICIENT_STORAGE => Ok(()),
        Err(no) => Err(no),
    }
}

/// What there is to do. That the device asked is on disk before the answer tells it.
async fn work(door: &Door, asker: &Asker) -> Result<(Device, Vec<Action>), No> {
    let Asker { key, from, newcomer, .. } = asker;
    let (own, from, newcomer) = (key.clone(), from.clone(), newcomer.clone());
    match door.call(EngineCall::Hear { key: own, event: Event::Poll, from, proven: true, newcomer }).await {
        Ok(EngineReply::Heard { verdict: _, device, actions }) => Ok((*device, actions)),
        Ok(other) => Err(unexpected(&other).into()),
        Err(error) if error.status() == StatusCode::INSUFFICIENT_STORAGE => {
            door.look(|reader| reader.work(key))?.ok_or(No::UnknownDevice)
        }
        Err(error) if error.code() == "no-such-device" => Err(No::UnknownDevice),
        Err(error) => Err(error.into()),
    }
}

async fn poll(door: &Door, asker: Asker) -> Result<Reply, No> {
    let (device, actions) = work(door, &asker).await?;
    let (task, now) = (first_task(actions), now());
    let active = match &task {
        Some(Task::Deployment(action) | Task::Proposal(action)) => Some(action.id),
        Some(Task::Cancel(id)) => Some(*id),
        None => None,
    };
    Ok(Reply::Work(Work {
        sleep_s: sleep(door, &asker.tenant, task.as_ref(), now),
        said: match &task {
            Some(Task::Deployment(action) | Task::Proposal(action)) => said(door, &asker.key, action.id)?,
            Some(Task::Cancel(_)) | None => 0,
        },
        now,
        attributes_wanted: device.attributes_wanted,
        installed: device.installed.and_then(|own| own.action).filter(|id| Some(*id) != active),
        task,
    }))
}

/// Stands for what devices see of what people say about the images of an action, which may change while it is under way
/// (FNV-1a); 0 when they say nothing.
fn said(door: &Door, key: &DeviceKey, id: ActionId) -> Result<u64, No> {
    let found = door.look(|reader| reader.assigned(key, id))?;
    let metadata = found.iter().flat_map(|(_, images)| images).flat_map(|image| &image.about.metadata);
    let texts =
        metadata.filter(|(_, own)| own.visible).flat_map(|(name, own)| [&**name, "=", &own.value, ";"]);
    let step = |sum: u64, byte: u8| {
        let from = if sum == 0 { 0xcbf2_9ce4_8422_2325 } else { sum };
        (from ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    };
    Ok(texts.flat_map(str::bytes).fold(0, step))
}

/// When to ask again, in seconds.
fn sleep(door: &Door, tenant: &Tenant, task: Option<&Task>, now: Time) -> u32 {
    let usual = tenant.seconds(Setting::PollingTime).unwrap_or(door.ddi_poll_s);
    let usual = usual.clamp(*POLL_S.start(), *POLL_S.end());
    let window = match task {
        Some(Task::Deployment(action) | Task::Proposal(action)) => action.terms.window.as_ref(),
        Some(Task::Cancel(_)) | None => None,
    };
    match window.map(|window| window.at(now)) {
        Some(Opening::Shut { opens }) => {
            let count = tenant.number(Setting::MaintenanceWindowPollCount).unwrap_or(POLL_COUNT);
            sleep_before(opens.0.saturating_sub(now.0), count, usual)
        }
        Some(Opening::Open { .. } | Opening::Lapsed) | None => usual,
    }
}

/// Before a window opens a device asks some times more, so that it comes when the window is open (hawkBit: `EventTimer`).
fn sleep_before(until_ms: u64, count: u32, usual: u32) -> u32 {
    let each = until_ms / 1000 / u64::from(count.max(1));
    u32::try_from(each).unwrap_or(u32::MAX).clamp(*POLL_S.start(), usual)
}

/// The action under way with the highest weight, of those the oldest. One that only waits for the version to be reported
/// asks nothing of the device.
fn first_task(actions: Vec<Action>) -> Option<Task> {
    let open = actions.into_iter().filter(|action| action.cancelling || action.state != State::Verifying);
    let first = open.min_by_key(|action| (std::cmp::Reverse(action.terms.weight), action.id))?;
    Some(match (first.cancelling, first.unconfirmed) {
        (true, _) => Task::Cancel(first.id),
        (false, true) => Task::Proposal(Box::new(first)),
        (false, false) => Task::Deployment(Box::new(first)),
    })
}

async fn deployment(door: &Door, asker: Asker, id: ActionId, history: bool) -> Result<Reply, No> {
    let (action, images) = assigned(door, &asker.key, id)?;
    if action.cancelling || action.unconfirmed || is_withdrawn(action.state) {
        return Err(No::UnknownAction);
    }
    if door.look(|reader| reader.is_held(&action))? {
        return Err(No::UnknownAction);
    }
    let history = entries(door, &asker.key, id, history).await?;
    let modules = modules(door, &asker.key, images)?;
    retrieved(door, asker, &action).await?;
    Ok(Reply::Action { action: Box::new(action), modules, history, now: now() })
}

/// Records that the device has read it. To read it twice in a row is no news, and costs no commit.
async fn retrieved(door: &Door, asker: Asker, action: &Action) -> Result<(), No> {
    match action.read || action.state.is_terminal() {
        true => Ok(()),
        false => note(door, asker, Event::Retrieved { action: action.id }).await,
    }
}

async fn installed(door: &Door, key: &DeviceKey, id: ActionId, history: bool) -> Result<Reply, No> {
    let (action, images) = assigned(door, key, id)?;
    if !action.state.is_terminal() || is_withdrawn(action.state) {
        return Err(No::UnknownAction);
    }
    let history = entries(door, key, id, history).await?;
    Ok(Reply::Action { action: Box::new(action), modules: modules(door, key, images)?, history, now: now() })
}

/// Whether the action was taken back before the device ended it: to the device it is gone.
fn is_withdrawn(state: State) -> bool {
    matches!(state, State::Cancelled | State::Superseded | State::NotCompatible)
}

async fn cancel(door: &Door, asker: Asker, id: ActionId) -> Result<Reply, No> {
    let (action, _) = assigned(door, &asker.key, id)?;
    if !action.cancelling && action.state != State::Cancelled {
        return Err(No::UnknownAction);
    }
    retrieved(door, asker, &action).await?;
    Ok(Reply::Cancel(id))
}

/// The device says that it runs a release.
async fn runs(door: &Door, asker: Asker, name: &str, version: &Version) -> Result<Reply, No> {
    let tenant = &asker.key.tenant;
    let release = door.look(|reader| reader.release_named(tenant, name, version))?;
    let release = release.filter(|release| !release.deleted).ok_or(No::UnknownRelease)?;
    let images = release.images.iter().map(|id| door.look(|reader| reader.image(tenant, *id)));
    let images = images.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().map(Arc::new).collect();
    let by = "device".into();
    let event = Event::Runs { target: Target::Release(release.id), images, by };
    match heard(door, asker.key, event, asker.from).await? {
        Verdict::Stored => Ok(Reply::Runs(true)),
        Verdict::Repeated | Verdict::Held(_) => Ok(Reply::Runs(false)),
        Verdict::Rejected(reject) => Err(reject.into()),
    }
}

fn assigned(door: &Door, key: &DeviceKey, id: ActionId) -> Result<(Action, Vec<Image>), No> {
    door.look(|reader| reader.assigned(key, id))?.ok_or(No::UnknownAction)
}

/// The images with the keys of their types.
fn modules(door: &Door, key: &DeviceKey, images: Vec<Image>) -> Result<Vec<Module>, No> {
    let modules = images.into_iter().map(|image| {
        let id = ItemId::new(u64::from(image.kind.get()));
        let of = |id| door.look(|reader| reader.item(&key.tenant, Section::Types, id));
        let item = id.map(of).transpose()?.flatten();
        let key = item.and_then(|item| match item.what {
            What::Type { key, max: _ } => Some(key),
            _ => None,
        });
        Ok(Module { image, key })
    });
    modules.collect()
}

async fn entries(door: &Door, key: &DeviceKey, id: ActionId, wanted: bool) -> Result<Option<Vec<Entry>>, No> {
    if !wanted {
        return Ok(None);
    }
    let tenant = key.tenant.clone();
    // One more than the quota: the end of an action always finds room.
    let all = HISTORY_MAX as usize + 1;
    Ok(Some(door.ask(move |reader| reader.history(&tenant, id, 0, all)).await?))
}

/// The files of an image that the device is to install now, or that it has installed.
fn artifacts(door: &Door, key: &DeviceKey, image: ImageId) -> Result<Reply, No> {
    let under_way = door.look(|reader| reader.grants(key))?;
    if under_way.iter().any(|grant| grant.image == image) {
        let own = under_way.into_iter().filter(|grant| grant.image == image).map(|grant| grant.artifact);
        return Ok(Reply::Artifacts { image, artifacts: own.collect() });
    }
    let device = door.look(|reader| reader.device(key))?;
    let action = device.and_then(|device| device.installed).and_then(|installed| installed.action);
    let (_, images) = assigned(door, key, action.ok_or(No::UnknownArtifact)?)?;
    let own = images.into_iter().find(|own| own.id == image).ok_or(No::UnknownArtifact)?;
    Ok(Reply::Artifacts { image, artifacts: own.artifacts })
}

fn granted(door: &Door, key: &DeviceKey, image: ImageId, name: &str) -> Result<Grant, No> {
    let grants = door.look(|reader| reader.grants(key))?;
    let mut own = grants.into_iter().filter(|grant| grant.image == image);
    own.find(|grant| &*grant.artifact.name == name).ok_or(No::UnknownArtifact)
}

async fn file(
    door: &Door,
    asker: Asker,
    image: ImageId,
    name: &str,
    noted: Option<Box<str>>,
) -> Result<Reply, No> {
    let grant = granted(door, &asker.key, image, name)?;
    let uploaded = door.look(|reader| reader.image(&asker.key.tenant, image))?;
    let created = uploaded.map(|image| image.trail.created).ok_or(No::UnknownArtifact)?;
    let reply = open(door, Box::new(grant.artifact), created).await?;
    if let Some(what) = noted {
        note(door, asker, Event::Fetching { action: grant.action, what }).await?;
    }
    Ok(reply)
}

/// Opens a file that is granted.
pub(super) async fn open(door: &Door, artifact: Box<Artifact>, created: Time) -> Result<Reply, No> {
    let file = door.shelf.open(artifact.sha256).await?;
    // The row says that the file is there.
    let lost = || ApiError::internal(&std::io::Error::from(std::io::ErrorKind::NotFound));
    Ok(Reply::File { artifact, created, file: file.ok_or_else(lost)? })
}

#[cfg(test)]
mod tests {
    use super::sleep_before;

    #[test]
    fn a_device_asks_more_often_before_its_window_opens() {
        // Seconds until it opens, how often, the usual: the sleep.
        let table = [
            (3600, 3, 300, 300),
            (600, 3, 300, 200),
            (600, 0, 300, 300),
            (100, 3, 300, 33),
            (30, 3, 300, 30),
            (0, 3, 300, 30),
            (0, 3, 30, 30),
        ];
        for (until_s, count, usual, expected) in table {
            assert_eq!(sleep_before(until_s * 1000, count, usual), expected, "{until_s} {count} {usual}");
        }
    }
}
