//! What is asked about rollouts.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;

use super::super::page;
use super::{find, number};
use crate::domain::ids::{DeviceId, RolloutId, TenantId};
use crate::domain::rollout::{
    Member, NewRollout, NewWave, Place, Rollout, Selection, Share, Size, Wave, Who,
};
use crate::engine::query::{Reader, StoreError};
use crate::http::Door;
use crate::http::auth::Caller;
use crate::http::error::ApiError;
use crate::http::request::{self, Places};
use crate::http::wire::{MemberBody, Page, RolloutBody, WaveBody};

/// How many rollouts are looked through for the number of the next retry.
const RETRIES_LOOKED_AT: usize = 500;
/// The longest name without what a retry adds to it: the two stay below a name's bound.
const BASE_MAX: usize = 110;

/// The newest first, without those that were removed.
pub(in crate::http::api) async fn list(
    State(door): State<Arc<Door>>,
    mut caller: Caller,
) -> Result<Json<Page<RolloutBody>>, ApiError> {
    let limit = caller.params.limit()?;
    let before = caller.params.take("before")?.map(|text| number("before", &text)).transpose()?;
    caller.params.done()?;
    let found = door.ask(move |reader| newest(reader, &caller.tenant, before, limit + 1)).await?;
    let mark = |(rollout, _): &(Rollout, Vec<Wave>)| rollout.id.to_string();
    Ok(Json(page(found, limit, mark, |(rollout, waves)| RolloutBody::brief(rollout, waves))))
}

fn newest(
    reader: &Reader,
    tenant: &TenantId,
    mut before: Option<RolloutId>,
    limit: usize,
) -> Result<Vec<(Rollout, Vec<Wave>)>, StoreError> {
    let mut found = Vec::new();
    loop {
        let wanted = limit - found.len();
        let some = reader.rollouts(tenant, before, wanted)?;
        let full = some.len() == wanted;
        before = some.last().map(|(rollout, _)| rollout.id);
        found.extend(some.into_iter().filter(|(rollout, _)| !rollout.deleted));
        if !full || found.len() == limit {
            return Ok(found);
        }
    }
}

pub(in crate::http::api) async fn show(
    State(door): State<Arc<Door>>,
    caller: Caller,
    Places(id): Places<String>,
) -> Result<Json<RolloutBody>, ApiError> {
    caller.params.done()?;
    let (rollout, waves) = find(&door, &caller.tenant, number("id", &id)?)?;
    Ok(Json(RolloutBody::whole(&rollout, &waves)))
}

/// All waves: a rollout has few of them.
pub(in crate::http::api) async fn waves(
    State(door): State<Arc<Door>>,
    caller: Caller,
    Places(id): Places<String>,
) -> Result<Json<Page<WaveBody>>, ApiError> {
    caller.params.done()?;
    let (_, waves) = find(&door, &caller.tenant, number("id", &id)?)?;
    Ok(Json(Page { items: waves.iter().map(WaveBody::from).collect(), next: None }))
}

/// The devices of a wave: those that were reached, then those that wait.
pub(in crate::http::api) async fn devices(
    State(door): State<Arc<Door>>,
    mut caller: Caller,
    Places((id, wave)): Places<(String, String)>,
) -> Result<Json<Page<MemberBody>>, ApiError> {
    let limit = caller.params.limit()?;
    let after = caller.params.take("after")?.map(|text| behind(&text)).transpose()?;
    caller.params.done()?;
    let (id, tenant) = (number("id", &id)?, caller.tenant);
    let (_, waves) = find(&door, &tenant, id)?;
    let wave: Option<u16> = wave.parse().ok();
    let Some(wave) = wave.filter(|number| waves.iter().any(|wave| wave.number == *number)) else {
        return Err(ApiError::missing("no-such-wave", format!("rollout {id} has {} waves", waves.len())));
    };
    let found = door.ask(move |reader| reader.members(&tenant, id, wave, after.as_ref(), limit + 1));
    Ok(Json(page(found.await?, limit, mark, |member| MemberBody::from(member))))
}

/// A place in the list: which half of it, and the device.
fn mark(member: &Member) -> String {
    let half = if member.place == Place::Waiting { "waiting" } else { "reached" };
    format!("{half}.{}", member.device)
}

fn behind(text: &str) -> Result<Member, ApiError> {
    let bad = || ApiError::bad("bad-mark", "after", "give the `next` of the page before");
    let (half, device) = text.split_once('.').ok_or_else(bad)?;
    let device = request::device("after", device)?;
    match half {
        "waiting" => Ok(Member::waiting(device)),
        "reached" => Ok(Member { place: Place::Active, ..Member::waiting(device) }),
        _ => Err(bad()),
    }
}

/// The rollout that a retry is, for the devices that ended badly and are still there. None without the rollout.
pub(super) fn failed(
    reader: &Reader,
    tenant: &TenantId,
    id: RolloutId,
) -> Result<Option<(NewRollout, Vec<DeviceId>)>, StoreError> {
    let Some((rollout, _)) = reader.rollout(tenant, id)?.filter(|(rollout, _)| !rollout.deleted) else {
        return Ok(None);
    };
    let listed = reader.failed_members(tenant, id)?;
    let others = reader.rollouts(tenant, None, RETRIES_LOOKED_AT)?;
    let (base, _) = without_retry(&rollout.name);
    let same = others.iter().filter_map(|(other, _)| {
        let (name, retry) = without_retry(&other.name);
        (name == base).then_some(retry)
    });
    let next = same.max().unwrap_or(0) + 1;
    let base: String = base.chars().take(BASE_MAX).collect();
    Ok(Some((again(rollout, format!("{base} (retry {next})").into()), listed)))
}

/// A name without what a retry adds to it, and the number of the retry.
fn without_retry(name: &str) -> (&str, u32) {
    let found = name.strip_suffix(')').and_then(|name| name.rsplit_once(" (retry "));
    match found.and_then(|(base, number)| Some((base, number.parse::<u32>().ok()?))) {
        Some((base, number)) if number < u32::MAX => (base, number),
        Some(_) | None => (name, 0),
    }
}

fn again(rollout: Rollout, name: Box<str>) -> NewRollout {
    let selection = Selection { who: Who::Listed, share: Share::ALL, continuous: false, ..rollout.selection };
    NewRollout {
        name,
        description: rollout.description,
        target: rollout.target,
        selection,
        waves: vec![NewWave::new(Size::Rest)],
        may_overlap: false,
        terms: rollout.terms,
        allow_downgrade: rollout.allow_downgrade,
        pace: rollout.pace,
        in_flight: rollout.in_flight,
        retries: rollout.retries,
        start_at: None,
        // Its end may be over, and there is nothing to hold its one wave against.
        end: None,
        stops: rollout.stops,
        canary: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_a_retry_stands_at_the_end_of_its_name() {
        let table = [
            ("spring", ("spring", 0)),
            ("spring (retry 1)", ("spring", 1)),
            ("spring (retry 12)", ("spring", 12)),
            ("spring (retry x)", ("spring (retry x)", 0)),
            ("spring (retry 1) b", ("spring (retry 1) b", 0)),
        ];
        for (name, expected) in table {
            assert_eq!(without_retry(name), expected);
        }
    }
}
