//! Devices that a rollout takes on.

use super::Live;
use crate::domain::action::Origin;
use crate::domain::decide::Verdict;
use crate::domain::eligibility::Reason;
use crate::domain::event::Event;
use crate::domain::ids::{DeviceKey, RolloutId, TenantId};
use crate::domain::rollout::{Member, Place, Take};
use crate::domain::tenant::Setting;
use crate::domain::terms::Terms;
use crate::engine::apply::{Batch, readable};
use crate::store::StoreError;

/// How long a member waits whose device is busy with something of more weight, in milliseconds: long enough to cost
/// nothing, short enough that nobody notices.
const BUSY_MS: u64 = 60 * 1000;

impl Batch<'_> {
    /// Takes on members of a wave that wait.
    pub(super) fn take(&mut self, tenant: &TenantId, id: RolloutId, take: Take) -> Result<(), StoreError> {
        let wanted = usize::try_from(take.devices).unwrap_or(usize::MAX);
        let members = self.draft.view().waiting_members(tenant, id, take.wave, None, wanted)?;
        if members.len() < wanted {
            self.mend(tenant, id, take.wave, members.len())?;
        }
        let Some(live) = self.live_rollout(tenant, id)? else { return Ok(()) };
        let (terms, target) = (live.terms(take.wave), live.rollout.target);
        let (allow_downgrade, by) = (live.rollout.allow_downgrade, live.rollout.trail.by.clone());
        let terms = self.asked(tenant, terms)?;
        self.lock_target(tenant, target)?;
        let images = self.images_of(tenant, target)?;
        let origin = Origin::Rollout(id, take.wave);
        let steps = self.steps_to(tenant, &images)?;
        let attempt = 1;
        let event = Event::Assign { origin, target, images, steps, allow_downgrade, terms, by, attempt };
        for member in members {
            self.begin(tenant, member, (id, take.wave), event.clone())?;
        }
        Ok(())
    }

    /// Nobody is asked where the tenant has it so.
    fn asked(&mut self, tenant: &TenantId, mut terms: Terms) -> Result<Terms, StoreError> {
        terms.consent &= self.flag(tenant, Setting::ConfirmationFlow)?;
        Ok(terms)
    }

    fn begin(
        &mut self,
        tenant: &TenantId,
        mut member: Member,
        (id, wave): (RolloutId, u16),
        mut event: Event,
    ) -> Result<(), StoreError> {
        let key = DeviceKey { tenant: tenant.clone(), device: member.device.clone() };
        let Some(device) = readable(self.draft.view().device(&key))? else {
            // Nothing is wrong with what is brought.
            return self.move_member(tenant, id, wave, member, Place::Cancelled);
        };
        if let Event::Assign { attempt, .. } = &mut event {
            *attempt = member.tries + 1;
        }
        let again = match self.decide_for(device, &event)?.verdict {
            Verdict::Stored | Verdict::Repeated => return Ok(()),
            Verdict::Held(Reason::PenaltyBox(until)) => until,
            Verdict::Held(_) | Verdict::Rejected(_) => self.now.plus_ms(BUSY_MS),
        };
        // It has cost nothing: others take its place.
        if let Some(live) = self.live_rollout(tenant, id)? {
            live.rollout.give_back();
        }
        member.again = Some(again);
        self.move_member(tenant, id, wave, member, Place::Deferred)
    }

    /// A counter that says more than there is would keep the rollout trying for ever.
    fn mend(&mut self, tenant: &TenantId, id: RolloutId, wave: u16, found: usize) -> Result<(), StoreError> {
        if let Some(wave) = self.live_rollout(tenant, id)?.and_then(|live| live.wave(wave)) {
            tracing::error!(rollout = %id, wave = wave.number, counted = wave.tally.waiting, found, "members are missing");
            wave.tally.waiting = found as u64;
        }
        Ok(())
    }
}

impl Live {
    /// The terms of an action of this wave.
    fn terms(&self, wave: u16) -> Terms {
        let own = self.waves.iter().find(|own| own.number == wave).and_then(|own| own.consent);
        let consent = own.unwrap_or(self.rollout.terms.consent);
        Terms { consent, ..self.rollout.terms.clone() }
    }
}
