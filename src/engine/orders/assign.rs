//! Deployments, assignments and what becomes of their actions.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Failed;
use crate::domain::action::Origin;
use crate::domain::decide::Verdict;
use crate::domain::deployment::{Counters, Deployment, Target};
use crate::domain::device::Device;
use crate::domain::event::Event;
use crate::domain::ids::{ActionId, DeploymentId, DeviceId, DeviceKey, TenantId};
use crate::domain::image::{Image, Release};
use crate::domain::news::Happened;
use crate::domain::tenant::Setting;
use crate::domain::terms::Terms;
use crate::engine::apply::{Batch, SLICE};
use crate::engine::call::{ASSIGNMENTS_MAX, Assignment, CallError, DEPLOYMENT_DEVICES_MAX, Reply};
use crate::store::StoreError;
use crate::store::tables::{Counter, Task};

/// What an order brings, on which terms, and whose it is.
pub(super) struct Ordered {
    pub(super) target: Target,
    pub(super) terms: Terms,
    pub(super) by: Box<str>,
}

impl Batch<'_> {
    pub(super) fn deploy(
        &mut self,
        tenant: TenantId,
        mut order: Ordered,
        devices: &[DeviceId],
        allow_downgrade: bool,
    ) -> Result<Reply, Failed> {
        order.terms.consent &= self.flag(&tenant, Setting::ConfirmationFlow)?;
        self.check_target(&tenant, order.target)?;
        self.check_devices(&tenant, devices)?;
        let task = self.draft.next(Counter::Task)?;
        for (slice, devices) in (0..).zip(devices.chunks(SLICE)) {
            self.draft.add_pending(task, slice, devices)?;
        }
        let deployment = self.new_deployment(tenant.clone(), order, devices.len(), allow_downgrade)?;
        self.draft.put_task(task, &Task::Deploy { tenant, deployment: deployment.id })?;
        Ok(Reply::Deployment(deployment))
    }

    fn new_deployment(
        &mut self,
        tenant: TenantId,
        order: Ordered,
        devices: usize,
        allow_downgrade: bool,
    ) -> Result<Deployment, Failed> {
        let id = DeploymentId::new(self.draft.next(Counter::Deployment)?).ok_or(CallError::Busy)?;
        let counters = Counters { pending: devices as u64, ..Counters::default() };
        let Ordered { target, terms, by } = order;
        let deployment =
            Deployment { id, tenant, target, allow_downgrade, terms, by, counters, created: self.now };
        self.news(&deployment.tenant, Happened::deployment(&deployment));
        self.put_new_deployment(deployment.clone());
        Ok(deployment)
    }

    /// Whether the target can be brought to anybody.
    pub(super) fn check_target(&mut self, tenant: &TenantId, target: Target) -> Result<(), Failed> {
        match target {
            Target::Image(id) => {
                let image = self.image(tenant, id)?.filter(|image| !image.deleted);
                image.map(drop).ok_or_else(|| CallError::NoSuchImage(id).into())
            }
            Target::Release(id) => {
                let release = self.draft.view().release(tenant, id)?.filter(|release| !release.deleted);
                let release = release.ok_or(CallError::NoSuchRelease(id))?;
                match release.invalid {
                    true => Err(CallError::Invalid(id).into()),
                    false if !self.is_complete(&release)? => Err(CallError::Incomplete(id).into()),
                    false => Ok(()),
                }
            }
        }
    }

    fn check_devices(&mut self, tenant: &TenantId, devices: &[DeviceId]) -> Result<(), Failed> {
        if devices.is_empty() || devices.len() > DEPLOYMENT_DEVICES_MAX {
            return Err(CallError::Count { what: "devices", max: DEPLOYMENT_DEVICES_MAX }.into());
        }
        let mut seen = BTreeSet::new();
        for device in devices {
            if !seen.insert(device) {
                return Err(CallError::Twice(format!("device {device}")).into());
            }
            let key = DeviceKey { tenant: tenant.clone(), device: device.clone() };
            if !self.draft.view().has_device(&key)? {
                return Err(CallError::NoSuchDevice(key.device).into());
            }
        }
        Ok(())
    }

    /// Assigns targets at once, and says which actions came of it. Devices that are not there are left out.
    pub(super) fn assign(
        &mut self,
        tenant: &TenantId,
        orders: Vec<Assignment>,
        allow_downgrade: bool,
        by: &str,
    ) -> Result<Reply, Failed> {
        let orders = self.checked(tenant, orders)?;
        let (mut actions, mut already) = (Vec::new(), 0);
        let mut groups: Vec<(Deployment, Vec<Arc<Image>>)> = Vec::new();
        for (device, order) in orders {
            if device.assigned == Some(order.target) {
                already += 1;
                continue;
            }
            let same = |(d, _): &&(Deployment, _)| d.target == order.target && d.terms == order.terms;
            let (deployment, images) = match groups.iter().find(same).cloned() {
                Some(group) => group,
                None => {
                    let ordered = Ordered { target: order.target, terms: order.terms, by: by.into() };
                    let group = self.group(tenant, ordered, allow_downgrade)?;
                    groups.push(group.clone());
                    group
                }
            };
            if let Some(own) = self.deployment(tenant.clone(), deployment.id)? {
                own.counters.pending += 1;
            }
            let event = Event::Assign {
                origin: Origin::Deployment(deployment.id),
                target: deployment.target,
                steps: self.steps_to(tenant, &images)?,
                images,
                allow_downgrade,
                terms: deployment.terms,
                by: by.into(),
                attempt: 1,
            };
            actions.extend(self.decide_for(device, &event)?.created);
        }
        Ok(Reply::Assigned { actions, already })
    }

    fn group(
        &mut self,
        tenant: &TenantId,
        order: Ordered,
        allow_downgrade: bool,
    ) -> Result<(Deployment, Vec<Arc<Image>>), Failed> {
        self.lock_target(tenant, order.target)?;
        let images = self.images_of(tenant, order.target)?;
        Ok((self.new_deployment(tenant.clone(), order, 0, allow_downgrade)?, images))
    }

    /// The devices of an assignment that are there, each target looked at once.
    fn checked(
        &mut self,
        tenant: &TenantId,
        orders: Vec<Assignment>,
    ) -> Result<Vec<(Device, Assignment)>, Failed> {
        if orders.is_empty() || orders.len() > ASSIGNMENTS_MAX {
            return Err(CallError::Count { what: "assignments", max: ASSIGNMENTS_MAX }.into());
        }
        let mut targets: Vec<Target> = Vec::new();
        let mut found = Vec::with_capacity(orders.len());
        let mut seen = BTreeSet::new();
        // Nobody is asked where the tenant has it so.
        let asks = self.flag(tenant, Setting::ConfirmationFlow)?;
        for mut order in orders {
            order.terms.consent &= asks;
            if !targets.contains(&order.target) {
                self.check_target(tenant, order.target)?;
                targets.push(order.target);
            }
            let key = DeviceKey { tenant: tenant.clone(), device: order.device.clone() };
            let Some(device) = self.draft.view().device(&key)? else { continue };
            if !seen.insert(key.device) {
                return Err(CallError::Twice(format!("device {}", order.device)).into());
            }
            self.check_kind(&device, order.target)?;
            found.push((device, order));
        }
        Ok(found)
    }

    /// The devices run their targets already, says an operator.
    pub(super) fn assign_offline(
        &mut self,
        tenant: &TenantId,
        orders: Vec<Assignment>,
        by: &str,
    ) -> Result<Reply, Failed> {
        let (mut actions, mut already) = (Vec::new(), 0);
        for (device, order) in self.checked(tenant, orders)? {
            let images = self.images_of(tenant, order.target)?;
            let decided =
                self.decide_for(device, &Event::Runs { target: order.target, images, by: by.into() })?;
            match decided.verdict {
                Verdict::Repeated => already += 1,
                Verdict::Stored | Verdict::Rejected(_) | Verdict::Held(_) => actions.extend(decided.created),
            }
        }
        Ok(Reply::Assigned { actions, already })
    }

    /// What has been brought to a device is not changed any more, where the tenant has it so.
    pub(in crate::engine) fn lock_target(
        &mut self,
        tenant: &TenantId,
        target: Target,
    ) -> Result<(), StoreError> {
        if !self.locks_implicitly(tenant)? {
            return Ok(());
        }
        if let Target::Release(id) = target
            && let Some(release) = self.draft.view().release(tenant, id)?.filter(|release| !release.locked)
        {
            self.draft.put_release(&Release { locked: true, ..release })?;
        }
        for image in self.images_of(tenant, target)?.into_iter().filter(|image| !image.locked) {
            self.draft.put_image(&Image { locked: true, ..Image::clone(&image) })?;
            self.forget_image(tenant, image.id);
        }
        Ok(())
    }

    /// An event about one action, for the operator who asks for it.
    pub(super) fn on_action(
        &mut self,
        tenant: &TenantId,
        id: ActionId,
        event: Event,
    ) -> Result<Reply, Failed> {
        let action = self.draft.view().action(tenant, id)?.ok_or(CallError::NoSuchAction(id))?;
        let device = self.device(&action.device)?;
        match self.decide_for(device, &event)?.verdict {
            Verdict::Stored | Verdict::Repeated | Verdict::Held(_) => {}
            Verdict::Rejected(reject) => return Err(CallError::Refused { action: id, reject }.into()),
        }
        let action = self.draft.view().action(tenant, id)?.ok_or(CallError::NoSuchAction(id))?;
        Ok(Reply::Action(action))
    }

    pub(super) fn remove_actions(&mut self, tenant: &TenantId, ids: &[ActionId]) -> Result<Reply, Failed> {
        let mut ended = Vec::with_capacity(ids.len());
        for id in ids {
            let action = self.draft.view().action(tenant, *id)?.ok_or(CallError::NoSuchAction(*id))?;
            if !action.state.is_terminal() {
                return Err(CallError::UnderWay(*id).into());
            }
            ended.push(action);
        }
        for action in ended {
            self.draft.remove_action(&action)?;
        }
        Ok(Reply::Removed { files: Vec::new() })
    }
}
