//! Where the members of a rollout are: moved in the commit that moves their actions.

use super::Live;
use crate::domain::action::Action;
use crate::domain::decide::Changed;
use crate::domain::ids::{RolloutId, TenantId, Time};
use crate::domain::rollout::{InFlight, Member, Place, Retries, Status};
use crate::engine::apply::{Batch, readable};
use crate::store::StoreError;

/// The longest that a device waits for its next try: a fleet that fails is looked at by people within a day.
const BACKOFF_MAX_MS: u64 = 24 * 60 * 60 * 1000;

impl Batch<'_> {
    /// Moves the member whose action changed, and the counters of its wave.
    pub(in crate::engine) fn count_member(
        &mut self,
        changed: &Changed,
        id: RolloutId,
        wave: u16,
    ) -> Result<(), StoreError> {
        let action = &changed.action;
        // A step on the way has ended well, and the next action comes in the same commit.
        let to = if action.goes_on() { Place::Active } else { Place::of(action.state) };
        let stays = |before| before == action.state || Place::of(before) == to;
        if changed.before.is_some_and(stays) {
            return Ok(());
        }
        let tenant = action.device.tenant.clone();
        let found = self.draft.view().member(&tenant, id, wave, &action.device.device);
        let Some(before) = readable(found)? else {
            return Ok(());
        };
        let mut member = before.clone();
        if changed.before.is_none() {
            member.action = Some(action.id);
            member.tries = member.tries.max(action.attempt);
        } else if member.action != Some(action.id) {
            // An older try ends late: the member has another action by now.
            return Ok(());
        }
        let Some(live) = self.live_rollout(&tenant, id)? else { return Ok(()) };
        let (retries, in_flight) = (live.rollout.retries, live.rollout.in_flight);
        let goes_on = live.is_taking();
        let again = (goes_on && to.may_retry()).then(|| next_try(&member, retries, self.now)).flatten();
        let to = if again.is_some() { Place::Deferred } else { to };
        self.lease(action, &mut member, to, in_flight)?;
        member.again = again;
        self.keep_member((&tenant, id, wave), Some(&before), member, to)
    }

    /// Gives a device its place among those under way, or takes it back.
    fn lease(
        &mut self,
        action: &Action,
        member: &mut Member,
        to: Place,
        in_flight: Option<InFlight>,
    ) -> Result<(), StoreError> {
        member.leased = to == Place::Active && in_flight.is_some();
        if let Some(bound) = in_flight.filter(|_| member.leased) {
            let at = self.now.plus_ms(bound.lease_ms);
            self.draft.add_due(at, &action.device.tenant, action.id)?;
        }
        Ok(())
    }

    /// Keeps a member in its new place, with everything that is counted.
    pub(super) fn move_member(
        &mut self,
        tenant: &TenantId,
        id: RolloutId,
        wave: u16,
        member: Member,
        to: Place,
    ) -> Result<(), StoreError> {
        let before = readable(self.draft.view().member(tenant, id, wave, &member.device))?;
        self.keep_member((tenant, id, wave), before.as_ref(), member, to)
    }

    /// As [`Batch::move_member`], for one that has just been read.
    fn keep_member(
        &mut self,
        (tenant, id, wave): (&TenantId, RolloutId, u16),
        before: Option<&Member>,
        mut member: Member,
        to: Place,
    ) -> Result<(), StoreError> {
        let from = before.map(|member| member.place);
        let was_leased = before.is_some_and(|member| member.leased);
        member.place = to;
        if let Some(at) = member.again {
            self.draft.add_deferred(&(at, tenant.clone(), id, wave, member.device.clone()))?;
        }
        self.draft.put_member(tenant, id, wave, from.unwrap_or(to), &member)?;
        let Some(live) = self.live_rollout(tenant, id)? else { return Ok(()) };
        let Some(wave) = live.wave(wave) else { return Ok(()) };
        wave.tally.shift(from, to);
        match (was_leased, member.leased) {
            (false, true) => wave.tally.leased += 1,
            (true, false) => wave.tally.leased = wave.tally.leased.saturating_sub(1),
            (true, true) | (false, false) => {}
        }
        Ok(())
    }

    /// Looks at the lease of an action whose moment has come: a device that gave a sign since then keeps its place.
    pub(in crate::engine) fn renew_lease(
        &mut self,
        action: &Action,
        id: RolloutId,
        wave: u16,
    ) -> Result<(), StoreError> {
        let tenant = &action.device.tenant;
        let member = readable(self.draft.view().member(tenant, id, wave, &action.device.device))?;
        let Some(mut member) = member.filter(|own| own.leased && own.action == Some(action.id)) else {
            return Ok(());
        };
        let Some(bound) = self.live_rollout(tenant, id)?.and_then(|live| live.rollout.in_flight) else {
            return Ok(());
        };
        let ends = action.changed.plus_ms(bound.lease_ms);
        if ends > self.now {
            return self.draft.add_due(ends, tenant, action.id);
        }
        member.leased = false;
        let place = member.place;
        self.move_member(tenant, id, wave, member, place)
    }

    /// Members whose time has come wait again. Returns whether there may be more.
    pub(in crate::engine) fn end_deferrals(&mut self, most: usize) -> Result<bool, StoreError> {
        let due = self.draft.view().deferred(self.now, most)?;
        let more = due.len() == most;
        for again in due {
            self.draft.remove_deferred(&again)?;
            let (at, tenant, id, wave, device) = again;
            let member = readable(self.draft.view().member(&tenant, id, wave, &device))?;
            let due = |own: &Member| own.place == Place::Deferred && own.again == Some(at);
            if let Some(mut member) = member.filter(due) {
                member.again = None;
                self.move_member(&tenant, id, wave, member, Place::Waiting)?;
            }
        }
        Ok(more)
    }
}

impl Live {
    /// Whether members may be tried again: also while it is paused, for when it goes on.
    fn is_taking(&self) -> bool {
        match self.rollout.status {
            Status::Running | Status::Paused => true,
            Status::Creating
            | Status::WaitingForApproval
            | Status::Denied
            | Status::Ready
            | Status::Stopping
            | Status::Stopped
            | Status::Finished => false,
        }
    }
}

/// When a member that failed is tried again; none when it has had its tries.
fn next_try(member: &Member, retries: Retries, now: Time) -> Option<Time> {
    if member.tries > retries.limit {
        return None;
    }
    let doubled = retries.backoff_ms.saturating_mul(1 << member.tries.saturating_sub(1).min(20));
    Some(now.plus_ms(doubled.min(BACKOFF_MAX_MS)))
}
