//! Rollouts: made, and commanded.

use super::Failed;
use crate::domain::deployment::Target;
use crate::domain::ids::{DeviceId, RolloutId, TenantId};
use crate::domain::rollout::{self, Command, Ending, Fault, NewRollout, Remedy};
use crate::engine::apply::{Batch, SLICE};
use crate::engine::call::{CallError, DEPLOYMENT_DEVICES_MAX, Reply};
use crate::store::tables::{Counter, Errand, Task};

impl Batch<'_> {
    /// Writes down the rollout, its waves and the lists of its members, in one commit.
    pub(super) fn add_rollout(
        &mut self,
        tenant: &TenantId,
        new: NewRollout,
        members: &[Vec<DeviceId>],
        by: &str,
    ) -> Result<Reply, Failed> {
        rollout::check(&new, self.now).map_err(CallError::BadRollout)?;
        if members.len() != new.waves.len() {
            let fault = Fault::new("waves", "each wave has its own list of members");
            return Err(CallError::BadRollout(fault).into());
        }
        let count: usize = members.iter().map(Vec::len).sum();
        if count == 0 || count > DEPLOYMENT_DEVICES_MAX {
            return Err(CallError::Count { what: "devices", max: DEPLOYMENT_DEVICES_MAX }.into());
        }
        self.check_target(tenant, new.target)?;
        for remedy in new.stops.iter().map(|rule| rule.then).chain(new.canary.map(|canary| canary.then)) {
            if let Remedy::RollBack(image) = remedy {
                self.image(tenant, image)?.ok_or(CallError::NoSuchImage(image))?;
            }
        }
        self.know_tenant(tenant, by)?;
        let id = RolloutId::new(self.draft.next(Counter::Rollout)?).ok_or(CallError::Busy)?;
        let task = self.draft.next(Counter::Task)?;
        for (wave, devices) in (1_u32..).zip(members) {
            for (slice, devices) in (0..).zip(devices.chunks(SLICE)) {
                self.draft.add_pending(task, wave << 16 | slice, devices)?;
            }
        }
        self.draft.put_task(task, &Task::Muster { tenant: tenant.clone(), rollout: id })?;
        let sizes: Vec<u64> = members.iter().map(|devices| devices.len() as u64).collect();
        let (rollout, waves) = new.rollout(id, tenant.clone(), &sizes, by, self.now);
        self.add_live(rollout.clone(), waves.clone());
        Ok(Reply::Rollout { rollout: Box::new(rollout), waves })
    }

    /// Stops the rollouts of a target that has proven bad: nobody is taken on any more. What is under way is somebody
    /// else's to call off.
    pub(super) fn stop_rollouts_of(
        &mut self,
        tenant: &TenantId,
        target: Target,
        by: &str,
    ) -> Result<(), Failed> {
        for id in self.live_rollouts_where(tenant, |rollout| rollout.target == target) {
            match self.command_rollout(tenant, id, &Command::Stop(Ending::Stop), by) {
                // It stops already.
                Ok(_) | Err(Failed::Call(_)) => {}
                Err(Failed::Store(error)) => return Err(Failed::Store(error)),
            }
        }
        Ok(())
    }

    pub(super) fn command_rollout(
        &mut self,
        tenant: &TenantId,
        id: RolloutId,
        command: &Command,
        by: &str,
    ) -> Result<Reply, Failed> {
        let now = self.now;
        if let Command::Rename { name, description } = command {
            rollout::check_names(name.as_deref(), description.as_deref()).map_err(CallError::BadRollout)?;
        }
        let live = self.live_rollout(tenant, id)?.ok_or(CallError::NoSuchRollout(id))?;
        let done = rollout::command(&mut live.rollout, &mut live.waves, command, by, now)
            .map_err(|refusal| CallError::Rollout(id, refusal))?;
        live.touch();
        let (rollout, waves) = (Box::new(live.rollout.clone()), live.waves.clone());
        if let Some(ending) = done.withdraw {
            self.end_actions(tenant, id, ending)?;
        }
        if done.tell {
            self.send(tenant, id, Errand::Tell)?;
        }
        self.memory.rollouts.look();
        Ok(Reply::Rollout { rollout, waves })
    }
}
