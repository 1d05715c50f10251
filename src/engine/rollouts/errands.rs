//! What the members of a rollout are walked for, a slice a commit: called off, told again, taken back.

use crate::domain::action::{Action, Origin, State};
use crate::domain::catalog::Trail;
use crate::domain::deployment::{Counters, Deployment, Target};
use crate::domain::event::{Event, Withdrawal};
use crate::domain::ids::{ArtifactId, DeploymentId, DeviceId, DeviceKey, ImageId, RolloutId, TenantId};
use crate::domain::image::{Artifact, FIRST_ARTIFACT, Image};
use crate::domain::news::{Happened, Presence};
use crate::domain::offer::Rules;
use crate::domain::rollout::{Member, Status, Tally};
use crate::domain::terms::Terms;
use crate::engine::apply::{Batch, SLICE, readable};
use crate::store::StoreError;
use crate::store::tables::{Counter, Errand, Task};

impl Batch<'_> {
    /// Takes the next slice of members. Returns whether it was the last.
    pub(in crate::engine) fn advance_errand(
        &mut self,
        number: u64,
        (tenant, rollout): (&TenantId, RolloutId),
        errand: Errand,
        (wave, after): (u16, Option<DeviceId>),
    ) -> Result<bool, StoreError> {
        let Some(live) = self.live_rollout(tenant, rollout)? else { return Ok(true) };
        let (waves, status) = (live.rollout.waves, live.rollout.status);
        // What holds devices back again makes telling them of no use.
        if errand == Errand::Tell && status != Status::Running {
            return Ok(true);
        }
        if wave > waves {
            return Ok(true);
        }
        let slice = self.draft.view().reached_members(tenant, rollout, wave, after.as_ref(), SLICE)?;
        let place = match slice.last() {
            Some(last) if slice.len() == SLICE => (wave, Some(last.device.clone())),
            Some(_) | None => (wave + 1, None),
        };
        for member in slice {
            self.run_errand(tenant, &member, errand)?;
        }
        let done = place.0 > waves;
        if !done {
            self.draft.put_task(number, &Task::Members { tenant: tenant.clone(), rollout, errand, place })?;
        }
        Ok(done)
    }

    fn run_errand(&mut self, tenant: &TenantId, member: &Member, errand: Errand) -> Result<(), StoreError> {
        match errand {
            Errand::Cancel => self.call_off_member(tenant, member, Withdrawal::Plain),
            Errand::Force => self.call_off_member(tenant, member, Withdrawal::Forced),
            Errand::Tell => self.tell_member(tenant, member),
            Errand::RollBack(deployment) => self.take_back(tenant, member, deployment),
        }
    }

    fn call_off_member(
        &mut self,
        tenant: &TenantId,
        member: &Member,
        how: Withdrawal,
    ) -> Result<(), StoreError> {
        let Some(action) = self.open_action(tenant, member)? else { return Ok(()) };
        self.on_member(tenant, member, &Event::Cancel { action: action.id, how })
    }

    /// A device that connected while the rollout was paused has not been told.
    fn tell_member(&mut self, tenant: &TenantId, member: &Member) -> Result<(), StoreError> {
        match self.open_action(tenant, member)? {
            Some(action) if action.state == State::Queued => {
                self.on_member(tenant, member, &Event::Opened { action: action.id })
            }
            Some(_) | None => Ok(()),
        }
    }

    fn open_action(&mut self, tenant: &TenantId, member: &Member) -> Result<Option<Action>, StoreError> {
        let Some(id) = member.action else { return Ok(None) };
        let action = readable(self.draft.view().action(tenant, id))?;
        Ok(action.filter(|action| !action.state.is_terminal()))
    }

    fn on_member(&mut self, tenant: &TenantId, member: &Member, event: &Event) -> Result<(), StoreError> {
        let key = DeviceKey { tenant: tenant.clone(), device: member.device.clone() };
        match readable(self.draft.view().device(&key))? {
            Some(device) => self.decide_for(device, event).map(drop),
            None => Ok(()),
        }
    }

    /// Brings an earlier image back, under a new number: devices take only what is newer.
    pub(super) fn roll_back(
        &mut self,
        tenant: &TenantId,
        rollout: RolloutId,
        image: ImageId,
    ) -> Result<(), StoreError> {
        let Some(image) = self.renumber(tenant, rollout, image)? else {
            tracing::error!(%rollout, %image, "the image that is to be brought back is gone");
            return Ok(());
        };
        let Some(id) = DeploymentId::new(self.draft.next(Counter::Deployment)?) else { return Ok(()) };
        let by = format!("rollout {rollout}").into();
        let reached = self.live_rollout(tenant, rollout)?.map_or(0, |live| {
            let all = Tally::sum(&live.waves);
            all.total() - all.waiting
        });
        self.lock_target(tenant, Target::Image(image))?;
        let deployment = Deployment {
            id,
            tenant: tenant.clone(),
            target: Target::Image(image),
            allow_downgrade: true,
            terms: Terms::default(),
            by,
            counters: Counters { pending: reached, ..Counters::default() },
            created: self.now,
        };
        self.news(tenant, Happened::deployment(&deployment));
        self.put_new_deployment(deployment);
        self.send(tenant, rollout, Errand::RollBack(id))
    }

    /// The same files under the next number of their type.
    fn renumber(
        &mut self,
        tenant: &TenantId,
        rollout: RolloutId,
        image: ImageId,
    ) -> Result<Option<ImageId>, StoreError> {
        let Some(old) = self.image(tenant, image)? else { return Ok(None) };
        let Some(id) = ImageId::new(self.draft.next(Counter::Image)?) else { return Ok(None) };
        let number = self.draft.next(Counter::ImageNumber(tenant, old.kind))?;
        let mut artifacts = Vec::with_capacity(old.artifacts.len());
        for artifact in &old.artifacts {
            let next = FIRST_ARTIFACT + self.draft.next(Counter::Artifact)?;
            let Some(id) = ArtifactId::new(next) else { return Ok(None) };
            artifacts.push(Artifact { id, ..artifact.clone() });
        }
        let by = format!("rollout {rollout}");
        let name = format!("{}, brought back by {by} as {number}", original(&old.name)).into();
        let trail = Trail::new(&by, self.now);
        // It goes back from wherever a device is, at once; what it runs on is what it ran on.
        let rules = Rules { hardware: old.rules.hardware.clone(), ..Rules::default() };
        let new = Image { id, name, number, artifacts, rules, deleted: false, trail, ..Image::clone(&old) };
        self.draft.put_image(&new)?;
        self.news(tenant, Happened::image(&new, Presence::Added));
        Ok(Some(id))
    }

    fn take_back(&mut self, tenant: &TenantId, member: &Member, id: DeploymentId) -> Result<(), StoreError> {
        let Some(deployment) = self.deployment(tenant.clone(), id)? else { return Ok(()) };
        if member.action.is_none() {
            // It was never told of anything, and runs what it ran.
            deployment.counters.pending = deployment.counters.pending.saturating_sub(1);
            return Ok(());
        }
        let deployment = deployment.clone();
        let event = Event::Assign {
            attempt: 1,
            steps: Vec::new(),
            origin: Origin::Deployment(id),
            target: deployment.target,
            images: self.images_of(tenant, deployment.target)?,
            allow_downgrade: true,
            terms: deployment.terms,
            by: deployment.by,
        };
        let key = DeviceKey { tenant: tenant.clone(), device: member.device.clone() };
        match readable(self.draft.view().device(&key))? {
            Some(device) => self.decide_for(device, &event).map(drop),
            None => self.count_missing(tenant, id),
        }
    }
}

/// The name of an image before it was brought back, cut so that what is added has room (hawkBit: 128 characters).
fn original(name: &str) -> String {
    const LONGEST: usize = 64;
    let name = name.split(", brought back by ").next().unwrap_or(name);
    name.chars().take(LONGEST).collect()
}
