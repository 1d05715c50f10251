//! `/actions`: what was assigned to devices and what became of it.

use std::sync::Arc;

use axum::Router;
use axum::response::Response;
use axum::routing::get;

use super::carry::REMOVED_MAX;
use super::desk::{At, Desk, id, nothing};
use super::list::{self, Fields, Row, Wanted};
use super::sent::Sent;
use super::shape::{Links, Shape, page};
use crate::domain::action::Action;
use crate::domain::filter::Value;
use crate::domain::ids::{ActionId, ReleaseId, RolloutId, Time};
use crate::domain::terms::Force;
use crate::domain::window::{Opening, Window};
use crate::engine::now;
use crate::engine::subject::{action_fields, action_status, has_action_field};
use crate::http::Door;
use crate::http::hawkbit::history::Line;
use crate::http::hawkbit::{Fault, Kind};

/// What actions are filtered and sorted by.
pub const FIELDS: Fields = Fields { has: has_action_field, names: action_fields };

pub(super) fn routes() -> Router<Arc<Door>> {
    Router::new()
        .route("/actions", get(list).delete(remove_many))
        .route("/actions/{id}", get(show).delete(remove))
}

/// An action with the names of what it refers to.
#[derive(Debug, Clone)]
pub struct Act {
    /// The action.
    pub action: Action,
    /// What people call its device; the id where it is gone.
    pub target_name: Box<str>,
    /// Its release with what people call it, where it brings one.
    pub set: Option<(ReleaseId, Box<str>)>,
    /// The rollout that it belongs to with what people call it, where there is one.
    pub rollout: Option<(RolloutId, Box<str>)>,
}

impl Act {
    /// Its JSON; in `full` with links to all that belongs to it.
    pub fn shape(&self, desk: &Desk, full: bool) -> Shape {
        let action = &self.action;
        let status = action_status(action);
        let forced = match action.terms.force {
            Force::From(Time(ms)) => Some(ms),
            Force::Forced | Force::Soft | Force::DownloadOnly => None,
        };
        let shape = Shape::new()
            .put("createdBy", &*action.by)
            .moment("createdAt", Some(action.created))
            .put("lastModifiedBy", &*action.by)
            .moment("lastModifiedAt", Some(action.changed))
            .put("id", action.id.get())
            .put("type", if matches!(status, "canceling" | "canceled") { "cancel" } else { "update" })
            .put("status", status)
            .put("detailStatus", status)
            .put("active", !action.state.is_terminal())
            .put("forceType", force_type(action.terms.force))
            .put("forceTime", forced)
            .put("weight", action.terms.weight.get())
            .put("rollout", self.rollout.as_ref().map(|(id, _)| id.get()))
            .put("rolloutName", self.rollout.as_ref().map(|(_, name)| &**name))
            .put("lastStatusCode", action.last_code)
            .put("externalRef", action.terms.reference.as_deref());
        let shape = match &action.terms.window {
            Some(window) => shape.put("maintenanceWindow", window_shape(window, now())),
            None => shape,
        };
        shape.links(self.links(desk, full))
    }

    fn links(&self, desk: &Desk, full: bool) -> Links {
        let Action { id, device, .. } = &self.action;
        let target = format!("targets/{}", device.device);
        let own = format!("{target}/actions/{id}");
        let links = desk.links(&own);
        if !full {
            return links;
        }
        let links = links.named("target", &target, &self.target_name);
        let links = match &self.set {
            Some((set, name)) => links.named("distributionset", &format!("distributionsets/{set}"), name),
            None => links,
        };
        let links = match &self.rollout {
            Some((rollout, name)) => links.named("rollout", &format!("rollouts/{rollout}"), name),
            None => links,
        };
        let links = links.below("status", "status?offset=0&limit=50&sort=id:DESC");
        match self.action.cancelling {
            true => links.to("canceledaction", &own),
            false => links,
        }
    }
}

/// hawkBit's word for how hard an action presses.
pub fn force_type(force: Force) -> &'static str {
    match force {
        Force::Forced => "forced",
        Force::Soft => "soft",
        Force::From(_) => "timeforced",
        Force::DownloadOnly => "downloadonly",
    }
}

fn window_shape(window: &Window, now: Time) -> Shape {
    let starts = match window.at(now) {
        Opening::Open { until } => Some(Time(until.0.saturating_sub(window.duration_ms))),
        Opening::Shut { opens } => Some(opens),
        Opening::Lapsed => None,
    };
    Shape::new()
        .put("schedule", &*window.schedule)
        .put("duration", window.duration())
        .put("timezone", window.zone())
        .moment("nextStartAt", starts)
}

/// The JSON of a line of an action's history.
pub fn line_shape(line: &Line) -> Shape {
    Shape::new()
        .put("id", line.number)
        .put("type", line.status)
        .put("messages", line.messages.clone())
        .moment("reportedAt", Some(line.at))
        .moment("timestamp", Some(line.at))
        .put("code", line.code)
}

impl Row for Line {
    const FIELDS: &'static [&'static str] = &["id", "type", "status", "reportedat", "timestamp", "code"];

    fn values(&self, field: &str, _: &str) -> Vec<Value> {
        match field {
            "id" => list::number(self.number),
            "type" | "status" => list::text(self.status),
            "code" => self.code.map_or_else(Vec::new, list::number),
            _ => list::moment(self.at),
        }
    }
}

/// The action that a path names.
///
/// # Errors
/// 404 or 400.
pub fn action_id(text: &str) -> Result<ActionId, Fault> {
    id("Action", text, ActionId::parse)
}

/// The actions that a body names.
///
/// # Errors
/// 404 or 400.
pub fn action_ids(sent: &Sent) -> Result<Vec<ActionId>, Fault> {
    let numbers: Vec<u64> = sent.plain()?;
    if numbers.len() > REMOVED_MAX {
        return Err(Fault::new(Kind::TooMany, format!("at most {REMOVED_MAX} actions are named at once")));
    }
    let read = |number| ActionId::new(number).ok_or_else(|| Fault::missing("Action", number));
    numbers.into_iter().map(read).collect()
}

async fn list(desk: Desk) -> Result<Response, Fault> {
    let wanted = Wanted::by(&desk, &FIELDS)?;
    let full = wanted.full;
    let found = desk.actions(wanted, None).await?;
    Ok(desk.ok(&page(found.rows.iter().map(|act| act.shape(&desk, full)).collect(), found.total)))
}

async fn show(desk: Desk, At(text): At<String>) -> Result<Response, Fault> {
    Ok(desk.ok(&desk.act(action_id(&text)?).await?.shape(&desk, true)))
}

async fn remove(desk: Desk, At(text): At<String>) -> Result<Response, Fault> {
    desk.remove_actions(vec![action_id(&text)?]).await?;
    Ok(nothing())
}

/// Those that a condition finds, as far as they have ended, or those that the body names.
async fn remove_many(desk: Desk, sent: Sent) -> Result<Response, Fault> {
    let asked = desk.parameter("q").filter(|text| !text.is_empty()).map(|text| FIELDS.filter(text));
    let ids = match (asked.transpose()?, sent.is_empty()) {
        (Some(filter), true) => desk.ended_actions(None, Some(filter)).await?,
        (None, false) => action_ids(&sent)?,
        (Some(_), false) | (None, true) => {
            return Err(Fault::constraint("either `q` or a list of ids is needed"));
        }
    };
    desk.remove_actions(ids).await?;
    Ok(nothing())
}
