//! `/rollouts`: a set brought to many targets, group by group. A group is a wave.

use std::sync::Arc;

use axum::Router;
use axum::response::Response;
use axum::routing::{get, post};
use serde::Deserialize;

use super::actions::force_type;
use super::desk::{At, Desk, id, nothing};
use super::fields;
use super::list::{self, Row, Wanted};
use super::newrollout::{self, NewBody};
use super::sent::Sent;
use super::shape::{Links, Shape, page};
use crate::domain::filter::Value;
use crate::domain::ids::{ReleaseId, RolloutId, Time};
use crate::domain::rollout::{Command, Ending, Place, Rollout, Status, Tally, Wave, Who};
use crate::domain::terms::Force;
use crate::http::Door;
use crate::http::hawkbit::{Fault, Kind};

/// The longest remark on a decision, in characters (hawkBit's bound).
const REMARK_MAX: usize = 255;

pub(super) fn routes() -> Router<Arc<Door>> {
    Router::new()
        .route("/rollouts", get(list).post(add))
        .route("/rollouts/{id}", get(show).put(change).delete(remove))
        .route("/rollouts/{id}/start", post(start))
        .route("/rollouts/{id}/pause", post(pause))
        .route("/rollouts/{id}/resume", post(resume))
        .route("/rollouts/{id}/stop", post(stop))
        .route("/rollouts/{id}/approve", post(approve))
        .route("/rollouts/{id}/deny", post(deny))
        .route("/rollouts/{id}/triggerNextGroup", post(trigger_next))
        .route("/rollouts/{id}/retry", post(retry))
}

/// A rollout with its waves and what people call its set.
#[derive(Debug, Clone)]
pub struct Roll {
    /// The rollout.
    pub rollout: Rollout,
    /// Its waves.
    pub waves: Vec<Wave>,
    /// Its release, where it brings one.
    pub set: Option<SetName>,
}

/// What people call a release.
#[derive(Debug, Clone)]
pub struct SetName {
    /// The release.
    pub id: ReleaseId,
    /// Its name.
    pub name: Box<str>,
    /// Its version.
    pub version: Box<str>,
}

#[derive(Debug, Deserialize)]
struct Change {
    name: Option<String>,
    description: Option<String>,
}

impl Roll {
    /// hawkBit's word for how it stands. `starting` is none of ours: a rollout that is started runs.
    pub fn status(&self) -> &'static str {
        let Rollout { deleted, status, .. } = self.rollout;
        match status {
            Status::Stopping | Status::Creating if deleted => "deleting",
            _ if deleted => "deleted",
            Status::Creating => "creating",
            Status::WaitingForApproval => "waiting_for_approval",
            Status::Denied => "approval_denied",
            Status::Ready => "ready",
            Status::Running => "running",
            Status::Paused => "paused",
            Status::Stopping => "stopping",
            Status::Stopped => "stopped",
            Status::Finished => "finished",
        }
    }

    /// The condition that its targets meet; none where they were listed.
    fn query(&self) -> Option<String> {
        match &self.rollout.selection.who {
            Who::Filter(query) => Some(query.to_string()),
            Who::Product(product) => Some(format!("product=={product}")),
            Who::Listed => None,
        }
    }

    /// Its JSON; in `full` with where its targets are, and links to all that belongs to it.
    pub fn shape(&self, desk: &Desk, full: bool) -> Shape {
        let rollout = &self.rollout;
        let all = Tally::sum(&self.waves);
        let forced = match rollout.terms.force {
            Force::From(Time(ms)) => Some(ms),
            Force::Forced | Force::Soft | Force::DownloadOnly => None,
        };
        let shape = Shape::new()
            .trail(&rollout.trail)
            .put("name", &*rollout.name)
            .put("description", rollout.description.as_deref())
            .put("targetFilterQuery", self.query())
            .put("distributionSetId", self.set.as_ref().map(|set| set.id.get()))
            .put("status", self.status())
            .put("totalTargets", all.total());
        let shape = match full {
            true => shape
                .put("totalTargetsPerStatus", count(all, rollout.started.is_some()))
                .put("totalGroups", rollout.waves)
                .moment("startAt", rollout.start_at),
            false => shape,
        };
        let shape = shape
            .put("forcetime", forced)
            .put("deleted", rollout.deleted)
            .put("type", force_type(rollout.terms.force))
            .put("weight", rollout.terms.weight.get())
            .put("dynamic", rollout.selection.continuous);
        let decision = rollout.decision.as_ref().filter(|_| full);
        shape
            .put("approvalRemark", decision.and_then(|decision| decision.remark.as_deref()))
            .put("approveDecidedBy", decision.map(|decision| &*decision.by))
            .put("id", rollout.id.get())
            .links(self.links(desk, full))
    }

    fn links(&self, desk: &Desk, full: bool) -> Links {
        let links = desk.links(&format!("rollouts/{}", self.rollout.id));
        if !full {
            return links;
        }
        let verbs = ["start", "pause", "resume", "stop", "triggerNextGroup", "approve", "deny", "retry"];
        let links = verbs.iter().fold(links, |links, verb| links.below(verb, verb));
        let links = links.below("groups", "deploygroups?offset=0&limit=50");
        match &self.set {
            Some(SetName { id, name, version }) => links.named(
                "distributionset",
                &format!("distributionsets/{id}"),
                &format!("{name}:{version}"),
            ),
            None => links,
        }
    }
}

/// How many targets are where, in hawkBit's words. Who has not been reached is scheduled once the rollout has started.
pub fn count(tally: Tally, started: bool) -> Shape {
    let (mut notstarted, mut scheduled, mut running) = (0, 0, 0);
    let (mut cancelled, mut finished, mut error) = (0, 0, 0);
    let mut tally = tally;
    for place in Place::ALL {
        let sum = match place {
            Place::Waiting if !started => &mut notstarted,
            Place::Waiting | Place::Deferred => &mut scheduled,
            Place::Active => &mut running,
            Place::Succeeded => &mut finished,
            Place::Failed | Place::Rejected | Place::TimedOut | Place::NotCompatible => &mut error,
            Place::Cancelled => &mut cancelled,
        };
        *sum += *tally.at(place);
    }
    Shape::new()
        .put("running", running)
        .put("notstarted", notstarted)
        .put("scheduled", scheduled)
        .put("cancelled", cancelled)
        .put("finished", finished)
        .put("error", error)
}

impl Row for Roll {
    const FIELDS: &'static [&'static str] = &[
        "id",
        "name",
        "description",
        "status",
        "type",
        "weight",
        "startat",
        "distributionset.id",
        "distributionset.name",
        "distributionset.version",
        "createdat",
        "createdby",
        "lastmodifiedat",
        "lastmodifiedby",
    ];

    fn values(&self, field: &str, _: &str) -> Vec<Value> {
        let rollout = &self.rollout;
        match field {
            "id" => list::number(rollout.id.get()),
            "name" => list::text(&rollout.name),
            "description" => list::some_text(rollout.description.as_deref()),
            "status" => list::text(self.status()),
            "type" => list::text(force_type(rollout.terms.force)),
            "weight" => list::number(rollout.terms.weight.get()),
            "startat" => rollout.start_at.map_or_else(Vec::new, list::moment),
            "distributionset.id" => self.set.as_ref().map_or_else(Vec::new, |set| list::number(set.id.get())),
            "distributionset.name" => list::some_text(self.set.as_ref().map(|set| &*set.name)),
            "distributionset.version" => list::some_text(self.set.as_ref().map(|set| &*set.version)),
            _ => list::trail(&rollout.trail, field),
        }
    }
}

/// The rollout that a path names.
///
/// # Errors
/// 404 or 400.
pub fn rollout_id(text: &str) -> Result<RolloutId, Fault> {
    id("Rollout", text, RolloutId::parse)
}

async fn list(desk: Desk) -> Result<Response, Fault> {
    let wanted = Wanted::of::<Roll>(&desk)?;
    let full = wanted.full;
    let found = desk.rolls(wanted).await?;
    Ok(desk.ok(&page(found.rows.iter().map(|roll| roll.shape(&desk, full)).collect(), found.total)))
}

/// hawkBit takes one rollout, and answers it.
async fn add(desk: Desk, sent: Sent) -> Result<Response, Fault> {
    let body: NewBody = sent.one()?;
    let new = body.read()?;
    // Everything that is wrong with the body is said before something is looked up.
    desk.assignable_set(body.set()?).await?;
    Ok(desk.created_one(&desk.add_rollout(new, Vec::new()).await?.shape(&desk, true)))
}

async fn show(desk: Desk, At(text): At<String>) -> Result<Response, Fault> {
    Ok(desk.ok(&desk.roll(rollout_id(&text)?).await?.shape(&desk, true)))
}

async fn change(desk: Desk, At(text): At<String>, sent: Sent) -> Result<Response, Fault> {
    let change: Change = sent.one()?;
    let command = Command::Rename {
        name: change.name.as_deref().map(fields::name).transpose()?,
        description: fields::description(change.description.as_deref())?,
    };
    let id = kept(&desk, &text).await?;
    Ok(desk.ok(&desk.command_rollout(id, command).await?.shape(&desk, true)))
}

/// What is under way is ended without waiting for the devices, as in hawkBit. A second time changes nothing.
async fn remove(desk: Desk, At(text): At<String>) -> Result<Response, Fault> {
    let roll = desk.roll(rollout_id(&text)?).await?;
    if roll.rollout.deleted {
        return Ok(nothing());
    }
    let id = roll.rollout.id;
    if matches!(roll.rollout.status, Status::Running | Status::Paused) {
        desk.command_rollout(id, Command::Stop(Ending::Force)).await?;
    }
    desk.command_rollout(id, Command::Remove).await?;
    Ok(nothing())
}

/// The rollout that a path names, unless it was removed.
async fn kept(desk: &Desk, text: &str) -> Result<RolloutId, Fault> {
    let roll = desk.roll(rollout_id(text)?).await?;
    match roll.rollout.deleted {
        false => Ok(roll.rollout.id),
        true => Err(Fault::missing("Rollout", text)),
    }
}

async fn ask(desk: Desk, text: &str, command: Command) -> Result<Response, Fault> {
    let id = kept(&desk, text).await?;
    desk.command_rollout(id, command).await?;
    Ok(nothing())
}

async fn start(desk: Desk, At(text): At<String>) -> Result<Response, Fault> {
    ask(desk, &text, Command::Start).await
}

async fn pause(desk: Desk, At(text): At<String>) -> Result<Response, Fault> {
    ask(desk, &text, Command::Pause).await
}

async fn resume(desk: Desk, At(text): At<String>) -> Result<Response, Fault> {
    ask(desk, &text, Command::Resume).await
}

/// Devices are asked to let go of what is under way.
async fn stop(desk: Desk, At(text): At<String>) -> Result<Response, Fault> {
    ask(desk, &text, Command::Stop(Ending::Cancel)).await
}

async fn approve(desk: Desk, At(text): At<String>) -> Result<Response, Fault> {
    let remark = remark(&desk)?;
    ask(desk, &text, Command::Approve(remark)).await
}

async fn deny(desk: Desk, At(text): At<String>) -> Result<Response, Fault> {
    let remark = remark(&desk)?;
    ask(desk, &text, Command::Deny(remark)).await
}

fn remark(desk: &Desk) -> Result<Option<Box<str>>, Fault> {
    fields::some_text("remark", desk.parameter("remark").filter(|text| !text.is_empty()), REMARK_MAX)
}

async fn trigger_next(desk: Desk, At(text): At<String>) -> Result<Response, Fault> {
    ask(desk, &text, Command::Next).await
}

/// A new rollout for those that failed, in one group.
async fn retry(desk: Desk, At(text): At<String>) -> Result<Response, Fault> {
    let id = kept(&desk, &text).await?;
    let roll = desk.roll(id).await?;
    if roll.rollout.status != Status::Finished {
        return Err(Fault::constraint("Rollout must be finished in order to be retried!"));
    }
    let failed = desk.failed_members(id).await?;
    if failed.is_empty() {
        return Err(Fault::new(Kind::Constraint, "No failed targets in Rollout"));
    }
    let made = desk.add_rollout(newrollout::again(&roll.rollout), failed).await?;
    Ok(desk.created_one(&made.shape(&desk, true)))
}
