//! `/rollouts/{id}/deploygroups`: the waves of a rollout, and the targets of each.

use std::sync::Arc;

use axum::Router;
use axum::response::Response;
use axum::routing::get;

use super::desk::{At, Desk};
use super::list::{self, Row, Wanted};
use super::rollouts::{self, Roll, rollout_id};
use super::shape::{Shape, page};
use super::targets;
use crate::domain::catalog::Trail;
use crate::domain::filter::Value;
use crate::domain::ids::RolloutId;
use crate::domain::rollout::{AfterSuccess, Share, Status, WAVES_MAX, Wave, WaveStatus};
use crate::domain::tenant::Setting;
use crate::http::Door;
use crate::http::hawkbit::Fault;

/// The ids of the groups of a rollout begin above its own id times this: more than a rollout has waves, and round for
/// people. Up to rollout 2,147,482 they are below 2^31; beyond that they go on as the 64-bit numbers that hawkBit's are.
const GROUPS: u64 = 1000;
const _: () = assert!(WAVES_MAX < 1000, "every wave has an id of its own");

pub(super) fn routes() -> Router<Arc<Door>> {
    Router::new()
        .route("/rollouts/{id}/deploygroups", get(list))
        .route("/rollouts/{id}/deploygroups/{group}", get(show))
        .route("/rollouts/{id}/deploygroups/{group}/targets", get(list_targets))
}

/// A wave with what its rollout says for all of them.
#[derive(Debug, Clone)]
struct Group {
    wave: Wave,
    rollout: RolloutId,
    standing: Status,
    started: bool,
    trail: Trail,
    /// Whether devices of it ask somebody; none where the tenant never asks.
    consent: Option<bool>,
}

impl Group {
    fn all(roll: Roll, asks: bool) -> Vec<Group> {
        let rollout = roll.rollout;
        let group = |wave: Wave| Group {
            rollout: rollout.id,
            standing: rollout.status,
            started: rollout.started.is_some(),
            trail: rollout.trail.clone(),
            consent: asks.then(|| wave.consent.unwrap_or(rollout.terms.consent)),
            wave,
        };
        roll.waves.into_iter().map(group).collect()
    }

    fn id(&self) -> u64 {
        u64::from(self.rollout.get()) * GROUPS + u64::from(self.wave.number)
    }

    /// hawkBit's word for how it stands.
    fn status(&self) -> &'static str {
        match (self.wave.status, self.standing) {
            (WaveStatus::Scheduled, Status::Creating) => "creating",
            (WaveStatus::Scheduled, _) if !self.started => "ready",
            (WaveStatus::Scheduled, _) => "scheduled",
            (WaveStatus::Running, _) => "running",
            (WaveStatus::Finished, _) => "finished",
            (WaveStatus::Failed, _) => "error",
        }
    }

    fn shape(&self, desk: &Desk, full: bool) -> Shape {
        let wave = &self.wave;
        let shape = Shape::new()
            .trail(&self.trail)
            .put("name", &*wave.name)
            .put("description", wave.description.as_deref())
            .put("id", self.id())
            .put("status", self.status())
            .put("targetFilterQuery", wave.filter.as_deref().unwrap_or_default())
            .put("targetPercentage", wave.share.map(|share| f64::from(share.hundredths()) / 100.0))
            .put("totalTargets", wave.tally.total());
        let shape = match full {
            true => shape.put("totalTargetsPerStatus", rollouts::count(wave.tally, self.started)),
            false => shape,
        };
        let shape = shape
            .put("confirmationRequired", self.consent)
            .put("dynamic", wave.continuous)
            .put("successCondition", threshold(wave.success))
            .put(
                "successAction",
                action(if wave.after == AfterSuccess::Next { "NEXTGROUP" } else { "PAUSE" }),
            );
        let shape = match wave.failure {
            Some(share) => shape.put("errorCondition", threshold(share)).put("errorAction", action("PAUSE")),
            None => shape,
        };
        shape.links(desk.links(&format!("rollouts/{}/deploygroups/{}", self.rollout, self.id())))
    }
}

fn threshold(share: Share) -> Shape {
    let percent = share.to_string();
    Shape::new().put("condition", "THRESHOLD").put("expression", percent.trim_end_matches('%'))
}

fn action(name: &str) -> Shape {
    Shape::new().put("action", name).put("expression", "")
}

impl Row for Group {
    const FIELDS: &'static [&'static str] = &[
        "id",
        "name",
        "description",
        "status",
        "createdat",
        "createdby",
        "lastmodifiedat",
        "lastmodifiedby",
    ];

    fn values(&self, field: &str, _: &str) -> Vec<Value> {
        match field {
            "id" => i64::try_from(self.id()).map_or_else(|_| Vec::new(), list::number),
            "name" => list::text(&self.wave.name),
            "description" => list::some_text(self.wave.description.as_deref()),
            "status" => list::text(self.status()),
            _ => list::trail(&self.trail, field),
        }
    }
}

async fn groups(desk: &Desk, text: &str) -> Result<Vec<Group>, Fault> {
    let roll = desk.roll(rollout_id(text)?).await?;
    Ok(Group::all(roll, desk.settings().await?.flag(Setting::ConfirmationFlow)))
}

/// The group that a path names; one of another rollout looks as if it were not there.
async fn group(desk: &Desk, text: &str, group: &str) -> Result<Group, Fault> {
    let number: u64 = group.parse().map_err(|_| Fault::parameter("groupId"))?;
    let found = groups(desk, text).await?.into_iter().find(|own| own.id() == number);
    found.ok_or_else(|| Fault::missing("RolloutGroup", number))
}

async fn list(desk: Desk, At(text): At<String>) -> Result<Response, Fault> {
    let full = Wanted::of::<Group>(&desk)?.full;
    let found = desk.pick(groups(&desk, &text).await?).await?;
    Ok(desk.ok(&page(found.rows.iter().map(|own| own.shape(&desk, full)).collect(), found.total)))
}

async fn show(desk: Desk, At((text, number)): At<(String, String)>) -> Result<Response, Fault> {
    Ok(desk.ok(&group(&desk, &text, &number).await?.shape(&desk, true)))
}

async fn list_targets(desk: Desk, At((text, number)): At<(String, String)>) -> Result<Response, Fault> {
    let wanted = Wanted::by(&desk, &targets::FIELDS)?;
    let full = wanted.full;
    let group = group(&desk, &text, &number).await?;
    let found = desk.targets_of_wave(wanted, group.rollout, group.wave.number).await?;
    targets::shown(&desk, found, full).await
}
