//! Records of unfinished work.

use std::borrow::Cow;

use crate::domain::ids::{DeploymentId, DeviceId, RolloutId, TenantId, Time};
use crate::store::tables::{Errand, Task};

use super::{Bad, device, firmware_type, item, product, record, some, tenant};

record! {
    /// Work that takes more than one commit: exactly one of deployment, offer, filter and rollout.
    TaskRecord<'a> {
        tenant: Cow<'a, str>,
        deployment: Option<u32>,
        offer: Option<OfferTaskRecord<'a>>,
        filter: Option<(u32, Option<Cow<'a, str>>)>,
        rollout: Option<RolloutTaskRecord<'a>>,
    }
}

record! {
    OfferTaskRecord<'a> {
        product: Cow<'a, str>,
        kind: u8,
        at: u64,
        after: Option<Cow<'a, str>>,
    }
}

record! {
    /// Work on a rollout: what, and for what deployment; the wave and the device that it has reached.
    RolloutTaskRecord<'a> {
        rollout: u32,
        work: u8,
        deployment: Option<u32>,
        wave: u16,
        after: Option<Cow<'a, str>>,
    }
}

impl<'a> TaskRecord<'a> {
    /// The record of a task.
    pub(in crate::store) fn of(task: &'a Task) -> Self {
        let none = |tenant: &'a TenantId| TaskRecord {
            tenant: tenant.as_str().into(),
            deployment: None,
            offer: None,
            filter: None,
            rollout: None,
        };
        match task {
            Task::Deploy { tenant, deployment } => {
                TaskRecord { deployment: Some(deployment.get()), ..none(tenant) }
            }
            Task::Offer { tenant, product, kind, at, after } => {
                let (product, after) = (product.as_str().into(), name(after.as_ref()));
                let offer = OfferTaskRecord { product, kind: kind.get(), at: at.0, after };
                TaskRecord { offer: Some(offer), ..none(tenant) }
            }
            Task::Match { tenant, filter, after } => {
                TaskRecord { filter: Some((filter.get(), name(after.as_ref()))), ..none(tenant) }
            }
            Task::Muster { tenant, rollout } => {
                TaskRecord { rollout: Some(RolloutTaskRecord::of(*rollout, 0, (0, None))), ..none(tenant) }
            }
            Task::Join { tenant, rollout, after } => {
                let work = RolloutTaskRecord::of(*rollout, 1, (0, name(after.as_ref())));
                TaskRecord { rollout: Some(work), ..none(tenant) }
            }
            Task::Members { tenant, rollout, errand, place: (wave, after) } => {
                let (work, deployment) = errand_code(*errand);
                let own = RolloutTaskRecord::of(*rollout, work, (*wave, name(after.as_ref())));
                TaskRecord { rollout: Some(RolloutTaskRecord { deployment, ..own }), ..none(tenant) }
            }
        }
    }

    /// The task.
    pub(in crate::store) fn task(self) -> Result<Task, Bad> {
        let tenant = tenant(&self.tenant)?;
        match (self.deployment, self.offer, self.filter, self.rollout) {
            (Some(id), None, None, None) => Ok(Task::Deploy { tenant, deployment: deployment(id)? }),
            (None, Some(offer), None, None) => Ok(Task::Offer {
                tenant,
                product: product(&offer.product)?,
                kind: firmware_type(offer.kind)?,
                at: Time(offer.at),
                after: behind(offer.after)?,
            }),
            (None, None, Some((filter, after)), None) => {
                Ok(Task::Match { tenant, filter: item(filter)?, after: behind(after)? })
            }
            (None, None, None, Some(work)) => work.task(tenant),
            (_, _, _, _) => some(None, "a task is not exactly one thing"),
        }
    }
}

impl<'a> RolloutTaskRecord<'a> {
    fn of(rollout: RolloutId, work: u8, (wave, after): (u16, Option<Cow<'a, str>>)) -> Self {
        RolloutTaskRecord { rollout: rollout.get(), work, deployment: None, wave, after }
    }

    fn task(self, tenant: TenantId) -> Result<Task, Bad> {
        let rollout = some(RolloutId::new(u64::from(self.rollout)), "a rollout's id is out of range")?;
        let after = behind(self.after)?;
        let errand = match (self.work, self.deployment) {
            (0, None) => return Ok(Task::Muster { tenant, rollout }),
            (1, None) => return Ok(Task::Join { tenant, rollout, after }),
            (2, None) => Errand::Cancel,
            (3, None) => Errand::Force,
            (4, None) => Errand::Tell,
            (5, Some(id)) => Errand::RollBack(deployment(id)?),
            (_, _) => return some(None, "work on a rollout is unknown"),
        };
        Ok(Task::Members { tenant, rollout, errand, place: (self.wave, after) })
    }
}

fn errand_code(errand: Errand) -> (u8, Option<u32>) {
    match errand {
        Errand::Cancel => (2, None),
        Errand::Force => (3, None),
        Errand::Tell => (4, None),
        Errand::RollBack(deployment) => (5, Some(deployment.get())),
    }
}

fn name(after: Option<&DeviceId>) -> Option<Cow<'_, str>> {
    after.map(|device| device.as_str().into())
}

fn behind(after: Option<Cow<'_, str>>) -> Result<Option<DeviceId>, Bad> {
    after.map(|name| device(&name)).transpose()
}

fn deployment(number: u32) -> Result<DeploymentId, Bad> {
    some(DeploymentId::new(u64::from(number)), "a deployment's id is out of range")
}
