//! How a set gets to devices: `/targets/{id}/assignedDS` and `/distributionsets/{id}/assignedTargets`, and what is
//! there to be seen of it afterwards.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::response::Response;
use axum::routing::get;
use serde::Deserialize;
use serde_json::Value;

use super::carry::Assigned;
use super::desk::{At, Desk, nothing};
use super::list::Wanted;
use super::sent::Sent;
use super::sets::release_id;
use super::shape::{Shape, page};
use super::targetfilters;
use super::targets::{self, device_id};
use crate::domain::catalog::{Item, Section, What};
use crate::domain::deployment::Target;
use crate::domain::device::Device;
use crate::domain::ids::{ActionId, DeviceId, ReleaseId, Time};
use crate::domain::terms::{Force, Terms, Weight};
use crate::domain::window::Window;
use crate::engine::call::{ASSIGNMENTS_MAX, Assignment};
use crate::http::Door;
use crate::http::hawkbit::{Fault, Kind};

pub(super) fn routes() -> Router<Arc<Door>> {
    let mut router = Router::new()
        .route("/distributionsets/{id}/assignedTargets", get(list_assigned).post(assign_targets))
        .route("/distributionsets/{id}/installedTargets", get(list_installed))
        .route("/distributionsets/{id}/autoAssignTargetFilters", get(list_filters))
        .route("/distributionsets/{id}/statistics", get(count_all))
        .route("/distributionsets/{id}/statistics/actions", get(count_actions))
        .route("/distributionsets/{id}/statistics/rollouts", get(count_rollouts))
        .route("/distributionsets/{id}/statistics/autoassignments", get(count_filters));
    // Clients write them in either way.
    for path in ["/targets/{id}/assignedDS", "/targets/{id}/assignedDs"] {
        router = router.route(path, get(show_assigned).post(assign_sets));
    }
    for path in ["/targets/{id}/installedDS", "/targets/{id}/installedDs"] {
        router = router.route(path, get(show_installed));
    }
    router
}

/// One assignment: the other side of it, and the terms.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wish {
    id: Value,
    r#type: Option<ForceType>,
    forcetime: Option<i64>,
    weight: Option<i64>,
    maintenance_window: Option<WindowBody>,
    confirmation_required: Option<bool>,
}

/// How hard an action presses, in hawkBit's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ForceType {
    Forced,
    Soft,
    TimeForced,
    DownloadOnly,
}

#[derive(Debug, Deserialize)]
struct WindowBody {
    schedule: Option<String>,
    duration: Option<String>,
    timezone: Option<String>,
}

impl Wish {
    fn terms(&self, now: Time) -> Result<Terms, Fault> {
        let window = self.maintenance_window.as_ref().map(|window| window.read(now)).transpose()?;
        Ok(Terms {
            force: force(self.r#type, self.forcetime),
            weight: weight(self.weight)?,
            window: window.flatten(),
            // The engine asks nobody where the tenant has it so.
            consent: self.confirmation_required.unwrap_or(true),
            ..Terms::default()
        })
    }

    /// The id as text; clients write numbers as such or as texts.
    fn id(&self) -> Result<String, Fault> {
        match &self.id {
            Value::String(text) => Ok(text.clone()),
            Value::Number(number) => Ok(number.to_string()),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => Err(Fault::not_readable()),
        }
    }
}

/// How hard an action presses, by its type and the moment that it is forced from; forced where nothing is said.
pub fn force(kind: Option<ForceType>, from: Option<i64>) -> Force {
    match kind.unwrap_or(ForceType::Forced) {
        ForceType::Forced => Force::Forced,
        ForceType::Soft => Force::Soft,
        ForceType::DownloadOnly => Force::DownloadOnly,
        // Without a moment it is forced from the start, as in hawkBit.
        ForceType::TimeForced => Force::From(Time(from.and_then(|ms| u64::try_from(ms).ok()).unwrap_or(0))),
    }
}

/// The weight, 1000 where nothing is said.
///
/// # Errors
/// 400 when it is not 0 to 1000.
pub fn weight(number: Option<i64>) -> Result<Weight, Fault> {
    let bad = || Fault::constraint("weight must be 0 to 1000");
    match number {
        None => Ok(Weight::default()),
        Some(number) => u64::try_from(number).ok().and_then(Weight::new).ok_or_else(bad),
    }
}

impl WindowBody {
    /// None where nothing of it is said.
    fn read(&self, now: Time) -> Result<Option<Window>, Fault> {
        let said =
            |text: &Option<String>| text.as_deref().filter(|text| !text.trim().is_empty()).map(str::to_owned);
        match (said(&self.schedule), said(&self.duration), said(&self.timezone)) {
            (None, None, None) => Ok(None),
            (Some(schedule), Some(duration), Some(zone)) => {
                let window = Window::parse(&schedule, &duration, &zone, now);
                window.map(Some).map_err(|error| no_window(error.to_string()))
            }
            _ => Err(no_window("schedule, duration and timezone belong together")),
        }
    }
}

fn no_window(why: impl Into<String>) -> Fault {
    Fault::new(Kind::Schedule, why)
}

fn too_many(count: usize) -> Result<(), Fault> {
    match count > ASSIGNMENTS_MAX {
        true => {
            Err(Fault::new(Kind::TooMany, format!("at most {ASSIGNMENTS_MAX} targets are assigned at once")))
        }
        false => Ok(()),
    }
}

async fn assign_targets(desk: Desk, At(text): At<String>, sent: Sent) -> Result<Response, Fault> {
    let (offline, wishes): (bool, Vec<Wish>) = (desk.flag("offline")?, sent.any()?);
    too_many(wishes.len())?;
    let target = Target::Release(desk.release(release_id(&text)?).await?.id);
    let mut orders = Vec::with_capacity(wishes.len());
    for wish in &wishes {
        let terms = wish.terms(desk.now())?;
        // Whoever cannot be there is left out, as whoever is not.
        orders.extend(DeviceId::parse(&wish.id()?).ok().map(|device| Assignment { device, target, terms }));
    }
    let assigned = desk.assign(orders, offline).await?;
    Ok(desk.ok(&reply(&desk, &assigned)))
}

async fn assign_sets(desk: Desk, At(text): At<String>, sent: Sent) -> Result<Response, Fault> {
    let (offline, wishes): (bool, Vec<Wish>) = (desk.flag("offline")?, sent.any()?);
    too_many(wishes.len())?;
    let device = desk.device(&device_id(&text)?).await?.key.device;
    let mut orders = Vec::with_capacity(wishes.len());
    for wish in &wishes {
        let target = Target::Release(desk.release(release_id(&wish.id()?)?).await?.id);
        orders.push(Assignment { device: device.clone(), target, terms: wish.terms(desk.now())? });
    }
    let assigned = desk.assign(orders, offline).await?;
    Ok(desk.ok(&reply(&desk, &assigned)))
}

fn reply(desk: &Desk, assigned: &Assigned) -> Shape {
    let action = |(id, device): &(ActionId, DeviceId)| {
        let links = desk.links(&format!("targets/{device}/actions/{id}"));
        Shape::new().put("id", id.get()).links(links)
    };
    Shape::new()
        .put("assigned", assigned.actions.len())
        .put("alreadyAssigned", assigned.already)
        .list("assignedActions", assigned.actions.iter().map(action).collect())
        .put("total", assigned.actions.len() + assigned.already)
}

async fn show_assigned(desk: Desk, At(text): At<String>) -> Result<Response, Fault> {
    let assigned = desk.device(&device_id(&text)?).await?.assigned;
    show_set(&desk, assigned).await
}

async fn show_installed(desk: Desk, At(text): At<String>) -> Result<Response, Fault> {
    let installed = desk.device(&device_id(&text)?).await?.installed;
    show_set(&desk, installed.map(|own| own.target)).await
}

/// A single image is no set.
async fn show_set(desk: &Desk, target: Option<Target>) -> Result<Response, Fault> {
    match target {
        Some(Target::Release(id)) => Ok(desk.ok(&desk.set(id).await?.shape(desk))),
        Some(Target::Image(_)) | None => Ok(nothing()),
    }
}

async fn list_assigned(desk: Desk, At(text): At<String>) -> Result<Response, Fault> {
    list_targets(desk, &text, |device, set| device.assigned == Some(set)).await
}

async fn list_installed(desk: Desk, At(text): At<String>) -> Result<Response, Fault> {
    list_targets(desk, &text, |device, set| device.installed.is_some_and(|own| own.target == set)).await
}

async fn list_targets(desk: Desk, text: &str, has: fn(&Device, Target) -> bool) -> Result<Response, Fault> {
    let wanted = Wanted::by(&desk, &targets::FIELDS)?;
    let full = wanted.full;
    let set = Target::Release(desk.release(release_id(text)?).await?.id);
    let found = desk.targets_among(wanted, move |device| has(device, set)).await?;
    targets::shown(&desk, found, full).await
}

async fn list_filters(desk: Desk, At(text): At<String>) -> Result<Response, Fault> {
    let id = desk.release(release_id(&text)?).await?.id;
    let own = filters(&desk, id).await?;
    let found = desk.pick(own).await?;
    let content = found.rows.iter().map(|item| targetfilters::shape(&desk, item)).collect();
    Ok(desk.ok(&page(content, found.total)))
}

async fn filters(desk: &Desk, release: ReleaseId) -> Result<Vec<Item>, Fault> {
    let mut items = desk.items(Section::Filters).await?;
    items.retain(|item| match &item.what {
        What::Filter { auto, .. } => {
            !item.deleted && auto.as_ref().is_some_and(|auto| auto.release == release)
        }
        What::DeviceTag
        | What::ReleaseTag
        | What::Type { .. }
        | What::ReleaseType { .. }
        | What::Product { .. } => false,
    });
    Ok(items)
}

/// hawkBit writes the statuses in upper case, and their sum.
fn sum(counts: &BTreeMap<&'static str, usize>) -> Shape {
    let total: usize = counts.values().sum();
    let put = |shape: Shape, (status, count): (&&str, &usize)| shape.put(status.to_ascii_uppercase(), *count);
    counts.iter().fold(Shape::new(), put).put("total", total)
}

async fn actions_of(desk: &Desk, id: ReleaseId) -> Result<Shape, Fault> {
    Ok(sum(&desk.count_actions(id).await?))
}

async fn count_actions(desk: Desk, At(text): At<String>) -> Result<Response, Fault> {
    let id = desk.release(release_id(&text)?).await?.id;
    Ok(desk.ok(&Shape::new().put("totalActionsPerStatus", actions_of(&desk, id).await?)))
}

async fn rollouts_of(desk: &Desk, id: ReleaseId) -> Result<Shape, Fault> {
    Ok(sum(&desk.count_rollouts(id).await?))
}

async fn count_rollouts(desk: Desk, At(text): At<String>) -> Result<Response, Fault> {
    let id = desk.release(release_id(&text)?).await?.id;
    Ok(desk.ok(&Shape::new().put("totalRolloutsPerStatus", rollouts_of(&desk, id).await?)))
}

async fn count_filters(desk: Desk, At(text): At<String>) -> Result<Response, Fault> {
    let id = desk.release(release_id(&text)?).await?.id;
    Ok(desk.ok(&Shape::new().put("totalAutoAssignments", filters(&desk, id).await?.len())))
}

async fn count_all(desk: Desk, At(text): At<String>) -> Result<Response, Fault> {
    let id = desk.release(release_id(&text)?).await?.id;
    let shape = Shape::new()
        .put("totalActionsPerStatus", actions_of(&desk, id).await?)
        .put("totalRolloutsPerStatus", rollouts_of(&desk, id).await?)
        .put("totalAutoAssignments", filters(&desk, id).await?.len());
    Ok(desk.ok(&shape))
}
