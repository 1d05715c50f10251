//! Agreeing to actions, at the device or beside it.

use super::super::{No, Reply};
use super::proof::Asker;
use super::{assigned, entries, first_task, hear, modules, said, work};
use crate::domain::device::AutoConfirm;
use crate::domain::event::Event;
use crate::domain::ids::ActionId;
use crate::engine::now;
use crate::http::Door;
use crate::http::dialect::Task;

/// What there is to agree to. A device that asks is heard of, as with a poll.
pub(super) async fn proposals(door: &Door, asker: Asker) -> Result<Reply, No> {
    let (device, actions) = work(door, &asker).await?;
    let waiting = match first_task(actions) {
        Some(Task::Proposal(action)) => Some(action),
        Some(Task::Deployment(_) | Task::Cancel(_)) | None => None,
    };
    let said = match &waiting {
        Some(action) => said(door, &asker.key, action.id)?,
        None => 0,
    };
    Ok(Reply::Proposals { auto: device.profile.auto_confirm, waiting, said, now: now() })
}

/// One action that waits.
pub(super) async fn proposal(door: &Door, asker: &Asker, id: ActionId, history: bool) -> Result<Reply, No> {
    let (action, images) = assigned(door, &asker.key, id)?;
    if !action.unconfirmed || action.cancelling {
        return Err(No::UnknownAction);
    }
    let history = entries(door, &asker.key, id, history).await?;
    let modules = modules(door, &asker.key, images)?;
    Ok(Reply::Action { action: Box::new(action), modules, history, now: now() })
}

/// Agrees to everything from now on.
pub(super) async fn agree_to_all(
    door: &Door,
    asker: Asker,
    initiator: Option<Box<str>>,
    remark: Option<Box<str>>,
) -> Result<Reply, No> {
    let auto = AutoConfirm { initiator, remark, since: now() };
    hear(door, asker, Event::AutoConfirm(Some(auto))).await
}
