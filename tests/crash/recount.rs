//! The store of a server that was killed, looked at before the next one opens it: what is counted is what is there, no
//! rollout is half made, and every member of one is where its action is.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use updraft::domain::action::{Action, Origin};
use updraft::domain::decide::Policy;
use updraft::domain::deployment::Counters;
use updraft::domain::eligibility::AttemptLimit;
use updraft::domain::ids::{ActionId, DeploymentId, DeviceId, DeviceKey, RolloutId, TenantId, Time};
use updraft::domain::rollout::{Cause, Member, Place, Rollout, Status, Tally, Wave};
use updraft::engine::query::Reader;
use updraft::store::redb::RedbStore;
use updraft::store::tables::{Task, View};
use updraft::store::{Store, StoreError};

use super::process::Home;
use super::rollouts::Rollouts;

/// More rows than there are of anything.
const ALL: usize = 1_000_000;
/// The reader explains by it, and nothing is explained here.
const POLICY: Policy =
    Policy { attempts: AttemptLimit(3), cancel_timeout_ms: 0, penalty_after: 3, penalty_ms: 0 };

/// What is wrong in the folder of a server that does not run, held against a journal too where there is one.
pub fn check(home: &Home, journal: Option<&mut Rollouts>) -> Vec<String> {
    look(home, journal).unwrap_or_else(|error| vec![format!("the store cannot be read: {error:?}")])
}

fn look(home: &Home, journal: Option<&mut Rollouts>) -> Result<Vec<String>, StoreError> {
    let store = Arc::new(RedbStore::open(&home.data().join("updraft.redb"))?);
    let reader = Reader::new(store.clone(), POLICY);
    let mut losses = Vec::new();
    let mut met = Vec::new();
    store.read(&mut |read| {
        let kept = Kept::new(View(read))?;
        kept.check_deployments(&mut losses)?;
        for rollout in kept.view.rollouts(&kept.tenant, None, ALL)? {
            let waves = kept.view.waves(&kept.tenant, rollout.id)?;
            kept.check_rollout(&rollout, &waves, &mut losses)?;
            met.push((kept.mustering.contains(&rollout.id), rollout, waves));
        }
        Ok(())
    })?;
    for (mustering, rollout, waves) in &met {
        let tallies: Vec<Tally> = waves.iter().map(|wave| wave.tally).collect();
        let recount = reader.recount(&TenantId::default(), rollout.id)?;
        // Members that are being written down are counted already.
        let partly = || recount.iter().zip(&tallies).all(|(found, told)| found.waiting <= told.waiting);
        if tallies != recount && !(*mustering && partly()) {
            losses.push(format!("rollout {} counts {tallies:?}, a recount {recount:?}", rollout.id));
        }
    }
    if let Some(journal) = journal {
        journal.members = journal.members.plus(Tally::sum(met.iter().flat_map(|(_, _, waves)| waves)));
        losses.extend(held_against(journal, met.iter().map(|(_, rollout, _)| rollout)));
    }
    Ok(losses)
}

/// Every rollout that was acknowledged is there, as it was left, and none that nobody asked for.
fn held_against<'r>(journal: &mut Rollouts, found: impl Iterator<Item = &'r Rollout>) -> Vec<String> {
    let mut losses = Vec::new();
    let mut there = BTreeSet::new();
    for rollout in found {
        let id = u64::from(rollout.id.get());
        there.insert(id);
        losses.extend(journal.meet(id, &rollout.name, rollout.status.name(), rollout.deleted));
    }
    let lost = journal.known.iter().filter(|(id, _)| !there.contains(id));
    losses.extend(lost.map(|(id, known)| format!("rollout {id} is lost: {known:?}")));
    losses
}

/// What the store holds, as far as rollouts need it.
struct Kept<'v> {
    view: View<'v>,
    tenant: TenantId,
    actions: BTreeMap<ActionId, Action>,
    mustering: BTreeSet<RolloutId>,
    deferred: BTreeSet<(Time, RolloutId, u16, DeviceId)>,
}

impl<'v> Kept<'v> {
    fn new(view: View<'v>) -> Result<Self, StoreError> {
        let tenant = TenantId::default();
        let actions =
            view.actions(&tenant, None, ALL)?.into_iter().map(|action| (action.id, action)).collect();
        let muster = |(_, task): (u64, Task)| match task {
            Task::Muster { rollout, .. } => Some(rollout),
            _ => None,
        };
        let mustering = view.tasks(ALL)?.into_iter().filter_map(muster).collect();
        let deferred = view.deferred(Time(u64::MAX), ALL)?.into_iter();
        let deferred = deferred.map(|(at, _, id, wave, device)| (at, id, wave, device)).collect();
        Ok(Kept { view, tenant, actions, mustering, deferred })
    }

    fn check_deployments(&self, losses: &mut Vec<String>) -> Result<(), StoreError> {
        let mut recounts: BTreeMap<DeploymentId, Counters> = BTreeMap::new();
        for action in self.actions.values() {
            if let Origin::Deployment(id) = action.origin {
                *recounts.entry(id).or_default().of(&action.state) += 1;
            }
        }
        for deployment in self.view.deployments(&self.tenant, None, ALL)? {
            let recount = recounts.remove(&deployment.id).unwrap_or_default();
            let recount = Counters { pending: deployment.counters.pending, ..recount };
            if deployment.counters != recount {
                let (id, counters) = (deployment.id, deployment.counters);
                losses.push(format!("deployment {id} counts {counters:?}, a recount {recount:?}"));
            }
        }
        losses.extend(
            recounts.keys().map(|id| format!("there are actions of deployment {id}, which is not there")),
        );
        Ok(())
    }

    fn check_rollout(
        &self,
        rollout: &Rollout,
        waves: &[Wave],
        losses: &mut Vec<String>,
    ) -> Result<(), StoreError> {
        let id = rollout.id;
        let mut say = |what: String| losses.push(format!("rollout {id} ({}): {what}", rollout.status.name()));
        if rollout.status == Status::Creating && !self.mustering.contains(&id) {
            say("nobody writes down its members".into());
        }
        let mut met = BTreeSet::new();
        let mut own = BTreeSet::new();
        for wave in waves {
            let mut members = self.view.waiting_members(&self.tenant, id, wave.number, None, ALL)?;
            members.extend(self.view.reached_members(&self.tenant, id, wave.number, None, ALL)?);
            for member in members {
                if !met.insert(member.device.clone()) {
                    say(format!("{} is a member twice", member.device));
                }
                if let Some(wrong) = self.wrong_with(rollout, wave.number, &member)? {
                    say(format!("wave {}: {wrong}: {member:?}", wave.number));
                }
                own.extend(member.action);
            }
        }
        let leased = Tally::sum(waves).leased;
        if leased > rollout.in_flight.map_or(0, |bound| bound.limit) {
            say(format!("{leased} hold a place, and the limit is {:?}", rollout.in_flight));
        }
        let of = |action: &&Action| matches!(action.origin, Origin::Rollout(rollout, _) if rollout == id);
        let stray = |action: &&Action| !action.state.is_terminal() && !own.contains(&action.id);
        for action in self.actions.values().filter(of).filter(stray) {
            say(format!("action {} is {} and no member's", action.id, action.state.name()));
        }
        Ok(())
    }

    /// What is wrong with a member, if something is.
    fn wrong_with(
        &self,
        rollout: &Rollout,
        wave: u16,
        member: &Member,
    ) -> Result<Option<String>, StoreError> {
        let action = member.action.and_then(|action| self.actions.get(&action));
        let key = DeviceKey { tenant: self.tenant.clone(), device: member.device.clone() };
        if let Some(action) = action
            && (action.origin != Origin::Rollout(rollout.id, wave) || action.device != key)
        {
            return Ok(Some(format!("its action is another's: {action:?}")));
        }
        if member.action.is_some() && action.is_none() {
            return Ok(Some("its action is not there".into()));
        }
        let paused = rollout.status == Status::Paused && matches!(rollout.cause, Some(Cause::Operator(_)));
        let pause = rollout.trail.changed;
        if paused && action.is_some_and(|action| action.created > pause) {
            return Ok(Some(format!(
                "it was taken on at {:?}, after the pause at {pause:?}",
                action.map(|a| a.created)
            )));
        }
        if member.leased && member.place != Place::Active {
            return Ok(Some("it holds a place and is not under way".into()));
        }
        let row = member.again.map(|at| (at, rollout.id, wave, member.device.clone()));
        let stands = action.map(|action| Place::of(action.state));
        let right = match member.place {
            Place::Waiting => stands != Some(Place::Active) && member.again.is_none(),
            Place::Deferred => {
                stands != Some(Place::Active) && row.is_some_and(|row| self.deferred.contains(&row))
            }
            Place::NotCompatible if stands.is_none() => !self.view.has_device(&key)?,
            place => stands == Some(place),
        };
        Ok((!right).then(|| format!("its action is {:?}", action.map(|action| action.state))))
    }
}
