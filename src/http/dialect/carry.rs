//! What a dialect's call does: the one place where the doors of other servers' devices meet the engine, the reader
//! and the shelf. A word of the device is answered after its commit.

pub(super) mod arkors;
pub(super) mod binary;
pub(super) mod esp;
mod fleet;
mod form;
pub(super) mod member;
mod open;
pub(super) mod pool;
mod push;

use axum::http::StatusCode;

use super::{Call, Claim, No, Reply, Task, Work};
use crate::domain::action::{Action, HISTORY_MAX, State};
use crate::domain::decide::Verdict;
use crate::domain::event::Event;
use crate::domain::ids::{ActionId, DeviceKey, ImageId, Time};
use crate::domain::image::{Artifact, Image};
use crate::engine::access::Identity;
use crate::engine::call::{Call as EngineCall, Reply as EngineReply};
use crate::http::Door;
use crate::http::auth::{self, Peer};
use crate::http::error::ApiError;

/// The device that a token proves. Tenants are compared without regard to case, as hawkBit's devices write them.
pub(super) async fn prove(door: &Door, peer: Option<Peer>, claim: Claim) -> Result<DeviceKey, No> {
    let Claim { tenant, device, token } = claim;
    let fits = |identity: &Identity| match identity {
        Identity::Device(key) => {
            key.device.as_str() == device && key.tenant.as_str().eq_ignore_ascii_case(&tenant)
        }
        Identity::Operator { .. } => false,
    };
    match auth::prove(door, peer, &token, fits).await {
        Ok(Identity::Device(key)) => Ok(key),
        Ok(Identity::Operator { .. }) => Err(No::NotProven),
        Err(error) if error.code() == "unauthenticated" => Err(No::NotProven),
        Err(error) => Err(error.into()),
    }
}

/// Carries a call of this device out.
pub(super) async fn out(door: &Door, key: DeviceKey, call: Call) -> Result<Reply, No> {
    match call {
        Call::Poll => poll(door, key).await,
        Call::Deployment { action, history } => deployment(door, key, action, history).await,
        Call::Installed { action, history } => installed(door, key, action, history).await,
        Call::Cancel { action } => cancel(door, key, action).await,
        Call::Feedback { action, feedback } => hear(door, key, Event::Feedback { action, feedback }).await,
        Call::CancelAnswer { action, feedback } => {
            hear(door, key, Event::CancelAnswer { action, feedback }).await
        }
        Call::Configure(configuration) => hear(door, key, Event::Configure(configuration)).await,
        Call::Artifacts { image } => artifacts(door, key, image).await,
        Call::Sums { image, name } => Ok(Reply::Sums(Box::new(granted(door, &key, image, &name).await?))),
        Call::Artifact { image, name } => file(door, key, image, &name).await,
    }
}

/// Has the engine decide on what the device says; returns after the commit.
async fn hear(door: &Door, key: DeviceKey, event: Event) -> Result<Reply, No> {
    match door.call(EngineCall::Hear { key, event, from: None, newcomer: None }).await? {
        EngineReply::Heard { verdict: Verdict::Stored | Verdict::Repeated, .. } => Ok(Reply::Done),
        EngineReply::Heard { verdict: Verdict::Rejected(reject), .. } => Err(reject.into()),
        other => Err(crate::http::api::unexpected(&other).into()),
    }
}

/// As [`hear`], for what the answer does not rest on: on a full disk polls and downloads go on.
async fn note(door: &Door, key: DeviceKey, event: Event) -> Result<(), No> {
    match hear(door, key, event).await {
        Ok(_) => Ok(()),
        Err(No::Api(error)) if error.status() == StatusCode::INSUFFICIENT_STORAGE => Ok(()),
        Err(no) => Err(no),
    }
}

/// The poll is on disk before the answer tells the device what there is to do.
async fn poll(door: &Door, key: DeviceKey) -> Result<Reply, No> {
    let heard = EngineCall::Hear { key: key.clone(), event: Event::Poll, from: None, newcomer: None };
    let (device, actions) = match door.call(heard).await {
        Ok(EngineReply::Heard { verdict: _, device, actions }) => (*device, actions),
        Ok(other) => return Err(crate::http::api::unexpected(&other).into()),
        Err(error) if error.status() == StatusCode::INSUFFICIENT_STORAGE => {
            door.look(|reader| reader.work(&key))?.ok_or(No::NotProven)?
        }
        Err(error) => return Err(error.into()),
    };
    let task = first_task(actions);
    let active = match &task {
        Some(Task::Deployment(action)) => Some(action.id),
        Some(Task::Cancel(id)) => Some(*id),
        None => None,
    };
    Ok(Reply::Work(Work {
        sleep_s: door.ddi_poll_s,
        attributes_wanted: device.attributes_wanted,
        installed: device.installed.and_then(|own| own.action).filter(|id| Some(*id) != active),
        task,
    }))
}

/// The oldest action under way. One that only waits for the version to be reported asks nothing of the device.
fn first_task(actions: Vec<Action>) -> Option<Task> {
    let open = actions.into_iter().find(|action| action.cancelling || action.state != State::Verifying)?;
    Some(if open.cancelling { Task::Cancel(open.id) } else { Task::Deployment(Box::new(open)) })
}

async fn deployment(door: &Door, key: DeviceKey, id: ActionId, history: bool) -> Result<Reply, No> {
    let (action, images) = assigned(door, &key, id).await?;
    if action.cancelling || is_withdrawn(action.state) {
        return Err(No::UnknownAction);
    }
    let history = entries(door, &key, id, history).await?;
    // Later reads are no news, and cost no commit.
    if matches!(action.state, State::Queued | State::Offered) {
        note(door, key, Event::Retrieved { action: id }).await?;
    }
    Ok(Reply::Action { action: Box::new(action), images, history })
}

async fn installed(door: &Door, key: DeviceKey, id: ActionId, history: bool) -> Result<Reply, No> {
    let (action, images) = assigned(door, &key, id).await?;
    if !action.state.is_terminal() || is_withdrawn(action.state) {
        return Err(No::UnknownAction);
    }
    let history = entries(door, &key, id, history).await?;
    Ok(Reply::Action { action: Box::new(action), images, history })
}

/// Whether the action was taken back before the device ended it: to the device it is gone.
fn is_withdrawn(state: State) -> bool {
    matches!(state, State::Cancelled | State::Superseded | State::NotCompatible)
}

async fn cancel(door: &Door, key: DeviceKey, id: ActionId) -> Result<Reply, No> {
    let (action, _) = assigned(door, &key, id).await?;
    match action.cancelling || action.state == State::Cancelled {
        true => Ok(Reply::Cancel(id)),
        false => Err(No::UnknownAction),
    }
}

async fn assigned(door: &Door, key: &DeviceKey, id: ActionId) -> Result<(Action, Vec<Image>), No> {
    door.look(|reader| reader.assigned(key, id))?.ok_or(No::UnknownAction)
}

async fn entries(
    door: &Door,
    key: &DeviceKey,
    id: ActionId,
    wanted: bool,
) -> Result<Option<Vec<crate::domain::decide::Entry>>, No> {
    if !wanted {
        return Ok(None);
    }
    let tenant = key.tenant.clone();
    // One more than the quota: the end of an action always finds room.
    let all = HISTORY_MAX as usize + 1;
    Ok(Some(door.ask(move |reader| reader.history(&tenant, id, 0, all)).await?))
}

/// The files of an image that the device is to install now.
async fn artifacts(door: &Door, key: DeviceKey, image: ImageId) -> Result<Reply, No> {
    let grants = door.look(|reader| reader.grants(&key))?;
    let own = grants.into_iter().filter(|grant| grant.image == image).map(|grant| grant.artifact);
    let artifacts: Vec<Artifact> = own.collect();
    if artifacts.is_empty() { Err(No::UnknownArtifact) } else { Ok(Reply::Artifacts { image, artifacts }) }
}

async fn granted(door: &Door, key: &DeviceKey, image: ImageId, name: &str) -> Result<Artifact, No> {
    let grants = door.look(|reader| reader.grants(key))?;
    let own = grants.into_iter().filter(|grant| grant.image == image).map(|grant| grant.artifact);
    own.into_iter().find(|artifact| &*artifact.name == name).ok_or(No::UnknownArtifact)
}

async fn file(door: &Door, key: DeviceKey, image: ImageId, name: &str) -> Result<Reply, No> {
    let artifact = granted(door, &key, image, name).await?;
    let uploaded = door.look(|reader| reader.image(&key.tenant, image))?;
    let created = uploaded.map(|image| image.trail.created).ok_or(No::UnknownArtifact)?;
    open(door, Box::new(artifact), created).await
}

/// Opens a file that is granted.
pub(super) async fn open(door: &Door, artifact: Box<Artifact>, created: Time) -> Result<Reply, No> {
    let file = door.shelf.open(artifact.sha256).await?;
    // The row says that the file is there.
    let lost = || ApiError::internal(&std::io::Error::from(std::io::ErrorKind::NotFound));
    Ok(Reply::File { artifact, created, file: file.ok_or_else(lost)? })
}
