//! Devices that come to match a rollout after it was made: held against it when they change, and once when it is made.

use super::Live;
use crate::domain::device::Device;
use crate::domain::eligibility::is_for;
use crate::domain::filter::{Filter, Moment};
use crate::domain::ids::{DeviceId, RolloutId, TenantId};
use crate::domain::rollout::{Member, Place, Status, Who, bucket};
use crate::engine::apply::{Batch, SLICE, readable};
use crate::engine::subject::{DeviceSubject, Names};
use crate::store::StoreError;
use crate::store::tables::Task;

impl Live {
    /// Whether devices may still join.
    pub(super) fn is_joinable(&self) -> bool {
        let open = match self.rollout.status {
            Status::WaitingForApproval | Status::Ready | Status::Running | Status::Paused => true,
            Status::Creating | Status::Denied | Status::Stopping | Status::Stopped | Status::Finished => {
                false
            }
        };
        open && self.rollout.selection.continuous
    }

    /// Whether the device is one of those that the rollout is for.
    fn fits(&self, device: &Device, names: &Names<'_>, at: Moment) -> bool {
        let selection = &self.rollout.selection;
        let chosen = match &selection.who {
            Who::Filter(_) => {
                let subject = DeviceSubject { device, names };
                self.filter.as_ref().is_some_and(|filter| filter.matches(&subject, at))
            }
            Who::Product(product) => device.product == *product,
            Who::Listed => false,
        };
        let in_wave = |filter: &Filter| filter.matches(&DeviceSubject { device, names }, at);
        chosen
            && self.last_filter.as_ref().is_none_or(in_wave)
            && bucket(&device.key.device, selection.seed) < selection.share.hundredths()
    }
}

impl Batch<'_> {
    /// Holds the continuous rollouts of the tenant against a device that is new or has changed.
    pub(in crate::engine) fn join_rollouts(&mut self, device: &Device) -> Result<(), StoreError> {
        let tenant = &device.key.tenant;
        let joinable = |live: &&Live| live.is_joinable() && live.rollout.tenant == *tenant;
        let ids: Vec<_> =
            self.memory.rollouts.live.values().filter(joinable).map(|live| live.rollout.id).collect();
        for id in ids {
            let at = self.moment(tenant)?;
            self.join(device, id, at)?;
        }
        Ok(())
    }

    fn join(&mut self, device: &Device, id: RolloutId, at: Moment) -> Result<(), StoreError> {
        let tenant = &device.key.tenant;
        let view = self.draft.view();
        let Some(live) = self.memory.rollouts.live.get(&(tenant.clone(), id)) else { return Ok(()) };
        if !live.is_joinable() || !live.fits(device, &Names::new(view, tenant), at) {
            return Ok(());
        }
        for wave in 1..=live.rollout.waves {
            if readable(view.member(tenant, id, wave, &device.key.device))?.is_some() {
                return Ok(());
            }
        }
        let (last, target) = (live.rollout.waves, live.rollout.target);
        // As when it was made: who cannot take the image is not one of those that it is for.
        if !self.images_of(tenant, target)?.iter().all(|image| is_for(device, image)) {
            return Ok(());
        }
        let member = Member::waiting(device.key.device.clone());
        self.move_member(tenant, id, last, member, Place::Waiting)
    }

    /// Takes the next slice of devices that may join a rollout that was just made. Returns whether it was the last.
    pub(in crate::engine) fn advance_join(
        &mut self,
        number: u64,
        tenant: &TenantId,
        id: RolloutId,
        after: Option<DeviceId>,
    ) -> Result<bool, StoreError> {
        let slice = self.draft.view().devices(tenant, after.as_ref(), SLICE)?;
        let at = self.moment(tenant)?;
        for device in &slice {
            self.join(device, id, at)?;
        }
        let done = slice.len() < SLICE;
        if !done {
            let after = slice.last().map(|device| device.key.device.clone());
            self.draft.put_task(number, &Task::Join { tenant: tenant.clone(), rollout: id, after })?;
        }
        Ok(done)
    }
}
