//! `/targets/{id}/actions`: what was assigned to one device, its history, and how it is called off, agreed to and made
//! to press.

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, put};
use serde::Deserialize;

use super::actions::{self, Act, action_id, action_ids, line_shape};
use super::desk::{At, Desk, nothing};
use super::list::Wanted;
use super::sent::Sent;
use super::shape::page;
use super::targets::device_id;
use crate::domain::event::{Consent, Withdrawal};
use crate::domain::feedback::DETAILS_MAX;
use crate::domain::ids::DeviceId;
use crate::http::Door;
use crate::http::hawkbit::{Fault, Kind, history};

pub(super) fn routes() -> Router<Arc<Door>> {
    Router::new()
        .route("/targets/{id}/actions", get(list).delete(remove))
        .route("/targets/{id}/actions/{action}", get(show).put(change).delete(cancel))
        .route("/targets/{id}/actions/{action}/confirmation", put(confirm))
        .route("/targets/{id}/actions/{action}/status", get(status))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ActionChange {
    force_type: Option<Forced>,
}

/// The one way in which an action that is under way may be changed.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Forced {
    Forced,
}

#[derive(Debug, Deserialize)]
struct Answer {
    confirmation: Word,
    code: Option<i32>,
    #[serde(default)]
    details: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Word {
    Confirmed,
    Denied,
}

/// The device and the action that a path names.
async fn named(desk: &Desk, text: &str, action: &str) -> Result<(DeviceId, Act), Fault> {
    let device = desk.device(&device_id(text)?).await?.key.device;
    let act = desk.act_of(&device, action_id(action)?).await?;
    Ok((device, act))
}

async fn list(desk: Desk, At(text): At<String>) -> Result<Response, Fault> {
    let device = desk.device(&device_id(&text)?).await?.key.device;
    let wanted = Wanted::by(&desk, &actions::FIELDS)?;
    let full = wanted.full;
    let found = desk.actions(wanted, Some(device)).await?;
    Ok(desk.ok(&page(found.rows.iter().map(|act| act.shape(&desk, full)).collect(), found.total)))
}

/// All that have ended but for the newest, or those that the body names.
async fn remove(desk: Desk, At(text): At<String>, sent: Sent) -> Result<Response, Fault> {
    let device = desk.device(&device_id(&text)?).await?.key.device;
    let keep = desk.number("keepLast")?;
    let ids = match (keep, sent.is_empty()) {
        (Some(keep), true) => {
            let keep = usize::try_from(keep).map_err(|_| Fault::parameter("keepLast"))?;
            desk.ended_actions(Some(device), None).await?.into_iter().skip(keep).collect()
        }
        (None, false) => {
            let ids = action_ids(&sent)?;
            for id in &ids {
                desk.act_of(&device, *id).await?;
            }
            ids
        }
        (Some(_), false) | (None, true) => {
            return Err(Fault::constraint("either `keepLast` or a list of ids is needed"));
        }
    };
    desk.remove_actions(ids).await?;
    Ok(nothing())
}

async fn show(desk: Desk, At((text, action)): At<(String, String)>) -> Result<Response, Fault> {
    Ok(desk.ok(&named(&desk, &text, &action).await?.1.shape(&desk, true)))
}

async fn change(desk: Desk, At((text, action)): At<(String, String)>, sent: Sent) -> Result<Response, Fault> {
    let change: ActionChange = sent.one()?;
    let (_, act) = named(&desk, &text, &action).await?;
    let id = act.action.id;
    match change.force_type {
        Some(Forced::Forced) => desk.force(id).await?,
        None => return Err(Fault::constraint("forceType is missing")),
    }
    Ok(desk.ok(&desk.act(id).await?.shape(&desk, true)))
}

/// The device is asked to stop; with `force`, an action of which it was asked ends without its word.
async fn cancel(desk: Desk, At((text, action)): At<(String, String)>) -> Result<Response, Fault> {
    let (force, (_, act)) = (desk.flag("force")?, named(&desk, &text, &action).await?);
    if force && !act.action.cancelling {
        let why = "Only active actions which are in status canceling are force-quitable.";
        return Err(Fault::new(Kind::NotForceQuitable, why));
    }
    desk.cancel(act.action.id, if force { Withdrawal::Forced } else { Withdrawal::Asked }).await?;
    Ok(nothing())
}

async fn confirm(
    desk: Desk,
    At((text, action)): At<(String, String)>,
    sent: Sent,
) -> Result<Response, Fault> {
    let answer: Answer = sent.one()?;
    let (_, act) = named(&desk, &text, &action).await?;
    if answer.details.len() > DETAILS_MAX {
        return Err(Fault::new(Kind::TooMany, format!("there are at most {DETAILS_MAX} details")));
    }
    if act.action.state.is_terminal() {
        // hawkBit's `InvalidConfirmationFeedbackException` for a closed action.
        return Err(Fault::bare(StatusCode::GONE));
    }
    let consent = Consent {
        agreed: answer.confirmation == Word::Confirmed,
        code: answer.code,
        details: answer.details.into_iter().map(Into::into).collect(),
    };
    desk.confirm(act.action.id, consent).await?;
    Ok(nothing())
}

/// The history, newest first where nothing is said.
async fn status(desk: Desk, At((text, action)): At<(String, String)>) -> Result<Response, Fault> {
    let (_, act) = named(&desk, &text, &action).await?;
    let entries = desk.history(act.action.id).await?;
    let mut lines = history::lines(&act.action, &entries);
    lines.reverse();
    let found = desk.pick(lines).await?;
    Ok(desk.ok(&page(found.rows.iter().map(line_shape).collect(), found.total)))
}
