//! Rollouts on the move: advanced at the tick from counters that moved in the same commits, never by walking the fleet.
//!
//! Those that can still move are held in memory, because only the engine changes them; what changes is written in the
//! commit that changes it, so that the tables say the same after every crash.

mod count;
mod errands;
mod join;
mod take;
mod tell;

use std::collections::{BTreeMap, BTreeSet};

use super::apply::{Batch, SLICE};
use crate::domain::action::{Action, Origin, State};
use crate::domain::filter::Filter;
use crate::domain::ids::{ActionId, RolloutId, TenantId, Time};
use crate::domain::rollout::{self, Ending, Rollout, Status, Wave, Who};
use crate::domain::tenant::Setting;
use crate::store::StoreError;
use crate::store::tables::{Counter, Errand, Task, View};

/// Whether its device has not heard of an action.
pub(super) fn is_untold(action: &Action) -> bool {
    action.state == State::Queued
}

/// A rollout that can still move, with its waves.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) rollout: Rollout,
    pub(super) waves: Vec<Wave>,
    /// What devices have to match that come later; none where nobody may.
    filter: Option<Filter>,
    /// The rollout's own row is to be written.
    dirty: bool,
    /// The rows of these waves are to be written.
    dirty_waves: Vec<u16>,
    /// Counters have moved since it was last advanced.
    touched: bool,
    /// When time alone can move it.
    wake: Option<Time>,
}

impl Live {
    pub(super) fn new(rollout: Rollout, waves: Vec<Wave>) -> Self {
        let filter = match &rollout.selection.who {
            // A door parsed it before it was kept.
            Who::Filter(query) if rollout.selection.continuous => Filter::parse(query).ok(),
            Who::Filter(_) | Who::Product(_) | Who::Listed => None,
        };
        let (dirty, dirty_waves) = (false, Vec::new());
        Live { rollout, waves, filter, dirty, dirty_waves, touched: true, wake: None }
    }

    /// The wave with that number, which is to be written.
    pub(super) fn wave(&mut self, number: u16) -> Option<&mut Wave> {
        self.touched = true;
        if !self.dirty_waves.contains(&number) {
            self.dirty_waves.push(number);
        }
        self.waves.iter_mut().find(|wave| wave.number == number)
    }

    /// Everything is to be written.
    pub(super) fn touch(&mut self) {
        self.dirty = true;
        self.touched = true;
        self.dirty_waves = self.waves.iter().map(|wave| wave.number).collect();
    }

    fn is_due(&self, now: Time) -> bool {
        self.touched || self.wake.is_some_and(|wake| wake <= now)
    }
}

/// The rollouts that can still move, of all tenants.
#[derive(Debug, Default)]
pub(super) struct Rollouts {
    live: BTreeMap<(TenantId, RolloutId), Live>,
    /// Whether one of them has more to do at once.
    hungry: bool,
}

impl Rollouts {
    /// Reads them, when the engine starts.
    pub(super) fn recall(view: View<'_>) -> Result<Rollouts, StoreError> {
        let mut live = BTreeMap::new();
        for rollout in view.live_rollouts()? {
            let waves = view.waves(&rollout.tenant, rollout.id)?;
            live.insert((rollout.tenant.clone(), rollout.id), Live::new(rollout, waves));
        }
        Ok(Rollouts { live, hungry: true })
    }

    /// Whether the moment, or what was counted since the last tick, is a reason to write.
    pub(super) fn is_due(&self, now: Time) -> bool {
        self.live.values().any(|live| live.is_due(now))
    }

    /// The next moment at which time alone moves one of them.
    pub(super) fn wake(&self) -> Option<Time> {
        self.live.values().filter_map(|live| live.wake).min()
    }

    /// The waves of a rollout that can still move, as they stand in memory.
    pub(super) fn waves_of(&self, tenant: &TenantId, id: RolloutId) -> Option<&[Wave]> {
        self.live.get(&(tenant.clone(), id)).map(|live| live.waves.as_slice())
    }

    /// The actions that a device which was not told of them is not told now, because their rollouts are paused.
    pub(super) fn held(&self, actions: &[Action]) -> BTreeSet<ActionId> {
        let held = |action: &&Action| is_untold(action) && self.is_paused(action);
        actions.iter().filter(held).map(|action| action.id).collect()
    }

    fn is_paused(&self, action: &Action) -> bool {
        let Origin::Rollout(id, _) = action.origin else { return false };
        let live = self.live.get(&(action.device.tenant.clone(), id));
        live.is_some_and(|live| live.rollout.status == Status::Paused)
    }

    /// Looks at all of them in the next turn.
    pub(super) fn look(&mut self) {
        self.hungry = true;
    }
}

impl Batch<'_> {
    /// A rollout as it stands in this batch; one that has ended is read again. None where there is none.
    pub(in crate::engine) fn live_rollout(
        &mut self,
        tenant: &TenantId,
        id: RolloutId,
    ) -> Result<Option<&mut Live>, StoreError> {
        let key = (tenant.clone(), id);
        if !self.memory.rollouts.live.contains_key(&key) {
            let view = self.draft.view();
            let Some(rollout) = view.rollout(tenant, id)? else { return Ok(None) };
            let live = Live::new(rollout, view.waves(tenant, id)?);
            self.memory.rollouts.live.insert(key.clone(), live);
        }
        Ok(self.memory.rollouts.live.get_mut(&key))
    }

    /// The rollouts that can still move and of which this is true.
    pub(in crate::engine) fn live_rollouts_where(
        &self,
        tenant: &TenantId,
        wanted: impl Fn(&Rollout) -> bool,
    ) -> Vec<RolloutId> {
        let own = self.memory.rollouts.live.values().map(|live| &live.rollout);
        let own = own.filter(|rollout| rollout.tenant == *tenant && rollout.status.is_live());
        own.filter(|rollout| wanted(rollout)).map(|rollout| rollout.id).collect()
    }

    /// Whether the tenant has a rollout that devices may join later.
    pub(super) fn has_continuous(&self, tenant: &TenantId) -> bool {
        self.memory.rollouts.live.values().any(|live| live.is_joinable() && live.rollout.tenant == *tenant)
    }

    pub(super) fn add_live(&mut self, rollout: Rollout, waves: Vec<Wave>) {
        let key = (rollout.tenant.clone(), rollout.id);
        let mut live = Live::new(rollout, waves);
        live.touch();
        self.memory.rollouts.live.insert(key, live);
        self.memory.rollouts.look();
    }

    /// Moves the rollouts on whose moment has come, or whose counters moved. Returns whether there is more to do at
    /// once.
    pub(super) fn advance_rollouts(&mut self) -> Result<bool, StoreError> {
        if !std::mem::take(&mut self.memory.rollouts.hungry) {
            return Ok(false);
        }
        let due = self.memory.rollouts.live.iter().filter(|(_, live)| live.is_due(self.now));
        let due: Vec<_> = due.map(|(key, _)| key.clone()).collect();
        let mut left = SLICE as u64;
        for (tenant, id) in due {
            left -= self.advance_rollout(&tenant, id, left)?.min(left);
        }
        let now = self.now;
        let more = |live: &Live| live.wake.is_some_and(|wake| wake <= now);
        let hungry = self.memory.rollouts.live.values().any(more);
        self.memory.rollouts.hungry = hungry;
        Ok(hungry)
    }

    /// Moves one rollout on, taking at most `most` devices. Returns how many it took.
    fn advance_rollout(&mut self, tenant: &TenantId, id: RolloutId, most: u64) -> Result<u64, StoreError> {
        let now = self.now;
        let Some(live) = self.live_rollout(tenant, id)? else { return Ok(0) };
        let done = rollout::advance(&mut live.rollout, &mut live.waves, most, now);
        live.wake = done.wake;
        if done.moved {
            live.touch();
        }
        live.dirty |= !done.take.is_empty();
        live.touched = false;
        if let Some(ending) = done.withdraw {
            self.end_actions(tenant, id, ending)?;
        }
        if done.tell {
            self.send(tenant, id, Errand::Tell)?;
        }
        if let Some(image) = done.roll_back {
            self.roll_back(tenant, id, image)?;
        }
        let mut taken = 0;
        for take in done.take {
            taken += take.devices;
            self.take(tenant, id, take)?;
        }
        Ok(taken)
    }

    /// Has open actions called off.
    pub(in crate::engine) fn end_actions(
        &mut self,
        tenant: &TenantId,
        rollout: RolloutId,
        ending: Ending,
    ) -> Result<(), StoreError> {
        match ending {
            Ending::Stop => Ok(()),
            Ending::Cancel => self.send(tenant, rollout, Errand::Cancel),
            Ending::Force => self.send(tenant, rollout, Errand::Force),
        }
    }

    /// Has the members that were reached walked for something.
    pub(in crate::engine) fn send(
        &mut self,
        tenant: &TenantId,
        rollout: RolloutId,
        errand: Errand,
    ) -> Result<(), StoreError> {
        let number = self.draft.next(Counter::Task)?;
        let task = Task::Members { tenant: tenant.clone(), rollout, errand, place: (1, None) };
        self.draft.put_task(number, &task)
    }

    /// Writes the next slice of members of a new rollout. Returns whether it was the last; then the rollout is ready.
    pub(super) fn advance_muster(
        &mut self,
        task: u64,
        tenant: &TenantId,
        id: RolloutId,
    ) -> Result<bool, StoreError> {
        /// How many slices one commit takes: a row of a member costs a quarter of an action's.
        const SLICES: usize = 4;
        for _ in 0..SLICES {
            let Some((slice, devices)) = self.draft.view().pending(task)? else { break };
            let wave = u16::try_from(slice >> 16).unwrap_or(u16::MAX);
            for device in devices {
                self.draft.add_member(tenant, id, wave, &rollout::Member::waiting(device))?;
            }
            self.draft.remove_pending(task, slice)?;
        }
        if self.draft.view().pending(task)?.is_some() {
            return Ok(false);
        }
        let approval = self.flag(tenant, Setting::RolloutApproval)?;
        let Some(live) = self.live_rollout(tenant, id)? else { return Ok(true) };
        let continuous = live.rollout.selection.continuous;
        if live.rollout.status == Status::Creating {
            live.rollout.status = if approval { Status::WaitingForApproval } else { Status::Ready };
            live.touch();
        }
        if continuous {
            let number = self.draft.next(Counter::Task)?;
            let task = Task::Join { tenant: tenant.clone(), rollout: id, after: None };
            self.draft.put_task(number, &task)?;
        }
        self.memory.rollouts.look();
        Ok(true)
    }

    /// Writes what moved, and forgets those that cannot move any more.
    pub(super) fn close_rollouts(&mut self) -> Result<(), StoreError> {
        let (draft, news) = (&mut self.draft, &mut self.effects.news);
        for live in self.memory.rollouts.live.values_mut() {
            tell::moved(draft.view(), live, self.now, news)?;
            let (tenant, id) = (&live.rollout.tenant, live.rollout.id);
            if std::mem::take(&mut live.dirty) {
                draft.put_rollout(&live.rollout)?;
            }
            for number in std::mem::take(&mut live.dirty_waves) {
                if let Some(wave) = live.waves.iter().find(|wave| wave.number == number) {
                    draft.put_wave(tenant, id, wave)?;
                }
            }
        }
        self.memory.rollouts.live.retain(|_, live| live.rollout.status.is_live());
        Ok(())
    }
}
