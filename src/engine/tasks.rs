//! Work that takes more than one commit: a slice of it in each, between what the doors hand in.

use super::apply::{Batch, SLICE, readable};
use crate::domain::action::Origin;
use crate::domain::event::Event;
use crate::domain::ids::{DeploymentId, DeviceKey, TenantId, Time};
use crate::store::StoreError;
use crate::store::tables::{Errand, Task, View};

/// How many tasks are looked through for one whose time has come; offers that wait for their windows are few.
const TASKS: usize = 1000;

/// The first task whose time has come, of those that call something off, or of all.
pub(super) fn due_task(view: View<'_>, now: Time) -> Result<Option<(u64, Task)>, StoreError> {
    let is_due = |task: &Task| match task {
        Task::Deploy { .. }
        | Task::Match { .. }
        | Task::Muster { .. }
        | Task::Members { .. }
        | Task::Join { .. } => true,
        Task::Offer { at, .. } => *at <= now,
    };
    // Whoever calls something off does not wait until others are told.
    let calls_off =
        |task: &Task| matches!(task, Task::Members { errand: Errand::Cancel | Errand::Force, .. });
    let tasks = view.tasks(TASKS)?;
    let urgent = tasks.iter().position(|(_, task)| calls_off(task));
    let first = urgent.or_else(|| tasks.iter().position(|(_, task)| is_due(task)));
    Ok(first.and_then(|place| tasks.into_iter().nth(place)))
}

impl Batch<'_> {
    /// Takes the next slice of work that needs more than one commit. Returns whether more is waiting.
    pub(super) fn advance_tasks(&mut self) -> Result<bool, StoreError> {
        let Some((number, task)) = due_task(self.draft.view(), self.now)? else { return Ok(false) };
        let done = match self.advance_task(number, &task) {
            // It must not stop the work for all others, again and again.
            Err(error @ StoreError::Corrupt { .. }) => {
                tracing::error!(%error, ?task, "work is given up");
                true
            }
            done => done?,
        };
        if done {
            self.draft.remove_task(number)?;
        }
        Ok(!done || due_task(self.draft.view(), self.now)?.is_some())
    }

    /// Takes a slice of one piece of work. Returns whether it was the last.
    fn advance_task(&mut self, number: u64, task: &Task) -> Result<bool, StoreError> {
        match task {
            Task::Deploy { tenant, deployment } => self.advance_deployment(number, tenant, *deployment),
            Task::Offer { .. } => self.advance_offer(number, task.clone()),
            Task::Match { tenant, filter, after } => {
                self.advance_match(number, tenant, *filter, after.clone())
            }
            Task::Muster { tenant, rollout } => self.advance_muster(number, tenant, *rollout),
            Task::Members { tenant, rollout, errand, place } => {
                self.advance_errand(number, (tenant, *rollout), *errand, place.clone())
            }
            Task::Join { tenant, rollout, after } => {
                self.advance_join(number, tenant, *rollout, after.clone())
            }
        }
    }

    fn advance_deployment(
        &mut self,
        task: u64,
        tenant: &TenantId,
        id: DeploymentId,
    ) -> Result<bool, StoreError> {
        let Some(deployment) = self.deployment(tenant.clone(), id)?.cloned() else { return Ok(true) };
        let images = self.images_of(tenant, deployment.target)?;
        let Some((slice, devices)) = self.draft.view().pending(task)? else { return Ok(true) };
        self.draft.remove_pending(task, slice)?;
        let event = Event::Assign {
            origin: Origin::Deployment(id),
            target: deployment.target,
            steps: self.steps_to(tenant, &images)?,
            images,
            allow_downgrade: deployment.allow_downgrade,
            terms: deployment.terms,
            by: deployment.by,
            attempt: 1,
        };
        for device in devices {
            let key = DeviceKey { tenant: tenant.clone(), device };
            match readable(self.draft.view().device(&key))? {
                Some(device) => drop(self.decide_for(device, &event)?),
                None => self.count_missing(tenant, id)?,
            }
        }
        Ok(self.draft.view().pending(task)?.is_none())
    }

    /// A device was removed between the order and its turn.
    pub(super) fn count_missing(&mut self, tenant: &TenantId, id: DeploymentId) -> Result<(), StoreError> {
        if let Some(deployment) = self.deployment(tenant.clone(), id)? {
            let counters = &mut deployment.counters;
            counters.pending = counters.pending.saturating_sub(1);
            counters.failed += 1;
        }
        Ok(())
    }

    fn advance_offer(&mut self, number: u64, task: Task) -> Result<bool, StoreError> {
        let Task::Offer { tenant, product, kind, at, after } = task else { return Ok(true) };
        let slice = self.draft.view().product_devices(&tenant, &product, after.as_ref(), SLICE)?;
        for device in &slice {
            let key = DeviceKey { tenant: tenant.clone(), device: device.clone() };
            if let Some(device) = readable(self.draft.view().device(&key))? {
                self.decide_for(device, &Event::Offered { kind })?;
            }
        }
        let done = slice.len() < SLICE;
        if !done {
            let after = slice.last().cloned();
            self.draft.put_task(number, &Task::Offer { tenant, product, kind, at, after })?;
        }
        Ok(done)
    }
}
