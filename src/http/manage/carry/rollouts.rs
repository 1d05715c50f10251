//! Rollouts: made, commanded, and looked at with their waves and members.

use std::collections::{BTreeMap, BTreeSet};

use super::devices::shown;
use super::other;
use crate::domain::deployment::Target as Brought;
use crate::domain::device::Device;
use crate::domain::ids::{DeviceId, DeviceKey, ReleaseId, RolloutId, TenantId};
use crate::domain::rollout::{Command, Member, NewRollout, Rollout, Wave};
use crate::engine::call::{Call, Reply};
use crate::engine::query::{Reader, StoreError};
use crate::http::hawkbit::Fault;
use crate::http::manage::desk::Desk;
use crate::http::manage::list::{STRIDE, Slice, Wanted, stride};
use crate::http::manage::rollouts::{Roll, SetName};
use crate::http::manage::targets::Target;

impl Desk {
    /// A rollout with its waves; removed ones stay addressable.
    pub async fn roll(&self, id: RolloutId) -> Result<Roll, Fault> {
        let found = self
            .ask(move |reader, tenant| match reader.rollout(tenant, id)? {
                Some((rollout, waves)) => named(reader, tenant, rollout, waves).map(Some),
                None => Ok(None),
            })
            .await?;
        found.ok_or_else(|| Fault::missing("Rollout", id))
    }

    /// The rollouts that the request asks for, newest first; removed ones are not listed.
    pub async fn rolls(&self, wanted: Wanted) -> Result<Slice<Roll>, Fault> {
        self.list(wanted, |reader, tenant, before| {
            let rollouts = reader.rollouts(tenant, before, STRIDE)?;
            let more = stride(&rollouts, |(rollout, _)| rollout.id);
            let listed = rollouts.into_iter().filter(|(rollout, _)| !rollout.deleted);
            let rows = listed.map(|(rollout, waves)| named(reader, tenant, rollout, waves));
            Ok((rows.collect::<Result<_, _>>()?, more))
        })
        .await
    }

    /// How many rollouts bring a release, by hawkBit's words for how they stand.
    pub async fn count_rollouts(&self, release: ReleaseId) -> Result<BTreeMap<&'static str, usize>, Fault> {
        self.ask(move |reader, tenant| {
            let (mut counts, mut before) = (BTreeMap::new(), None);
            loop {
                let rollouts = reader.rollouts(tenant, before, STRIDE)?;
                before = stride(&rollouts, |(rollout, _)| rollout.id);
                let own = |rollout: &Rollout| rollout.target == Brought::Release(release) && !rollout.deleted;
                for (rollout, waves) in rollouts.into_iter().filter(|(rollout, _)| own(rollout)) {
                    *counts.entry(Roll { rollout, waves, set: None }.status()).or_default() += 1;
                }
                if before.is_none() {
                    return Ok(counts);
                }
            }
        })
        .await
    }

    /// Makes a rollout, for the devices that it selects, or for those that are listed where it is for a list.
    pub async fn add_rollout(&self, new: NewRollout, listed: Vec<DeviceId>) -> Result<Roll, Fault> {
        let at = self.moment().await?;
        let mustered = self
            .ask(move |reader, tenant| {
                Ok(reader.muster(tenant, &new, &listed, at)?.map(|members| (new, members)))
            })
            .await?;
        let (new, members) = mustered?;
        let (tenant, by) = (self.tenant.clone(), self.by.clone());
        match self.call(Call::AddRollout { tenant, rollout: Box::new(new), members, by }).await? {
            Reply::Rollout { rollout, waves } => self.named(*rollout, waves).await,
            reply => Err(other(&reply)),
        }
    }

    /// Asks something of a rollout.
    pub async fn command_rollout(&self, rollout: RolloutId, command: Command) -> Result<Roll, Fault> {
        let (tenant, by) = (self.tenant.clone(), self.by.clone());
        match self.call(Call::CommandRollout { tenant, rollout, command, by }).await? {
            Reply::Rollout { rollout, waves } => self.named(*rollout, waves).await,
            reply => Err(other(&reply)),
        }
    }

    /// The devices of a rollout that a retry is for.
    pub async fn failed_members(&self, id: RolloutId) -> Result<Vec<DeviceId>, Fault> {
        self.ask(move |reader, tenant| reader.failed_members(tenant, id)).await
    }

    /// The devices of a wave that the request asks for, in the order of their ids.
    pub async fn targets_of_wave(
        &self,
        wanted: Wanted,
        id: RolloutId,
        wave: u16,
    ) -> Result<Slice<Target>, Fault> {
        let selection = wanted.selection(self.moment().await?);
        self.ask(move |reader, tenant| match (&selection.filter, &selection.sort) {
            // Nobody else is looked at, however many devices there are.
            (None, None) => {
                let (offset, limit) = (selection.offset, selection.limit);
                let page = reader.members_by_id(tenant, id, wave, offset, limit)?.into_iter();
                let key = |device| DeviceKey { tenant: tenant.clone(), device };
                let devices = page.filter_map(|device| reader.device(&key(device)).transpose());
                shown(reader, tenant, devices.collect::<Result<_, _>>()?, size(reader, tenant, id, wave)?)
            }
            _ => {
                let members = members(reader, tenant, id, wave)?;
                let own = |device: &Device| members.contains(&device.key.device);
                let found = reader.select_devices(tenant, &selection, own)?;
                shown(reader, tenant, found.rows, found.total)
            }
        })
        .await
    }

    async fn named(&self, rollout: Rollout, waves: Vec<Wave>) -> Result<Roll, Fault> {
        self.ask(move |reader, tenant| named(reader, tenant, rollout, waves)).await
    }
}

/// How many devices a wave has.
fn size(reader: &Reader, tenant: &TenantId, id: RolloutId, wave: u16) -> Result<usize, StoreError> {
    let (_, waves) = reader.rollout(tenant, id)?.unzip();
    let wave = waves.into_iter().flatten().find(|own| own.number == wave);
    Ok(wave.map_or(0, |wave| usize::try_from(wave.tally.total()).unwrap_or(usize::MAX)))
}

/// The devices of a wave.
fn members(
    reader: &Reader,
    tenant: &TenantId,
    id: RolloutId,
    wave: u16,
) -> Result<BTreeSet<DeviceId>, StoreError> {
    let (mut found, mut after): (BTreeSet<DeviceId>, Option<Member>) = Default::default();
    loop {
        let page = reader.members(tenant, id, wave, after.as_ref(), STRIDE)?;
        after = stride(&page, Member::clone);
        found.extend(page.into_iter().map(|member| member.device));
        if after.is_none() {
            return Ok(found);
        }
    }
}

fn named(reader: &Reader, tenant: &TenantId, rollout: Rollout, waves: Vec<Wave>) -> Result<Roll, StoreError> {
    let set = match rollout.target {
        Brought::Release(id) => reader.release(tenant, id)?,
        Brought::Image(_) => None,
    };
    let set = set.map(|set| SetName { id: set.id, name: set.name, version: set.version.as_str().into() });
    Ok(Roll { rollout, waves, set })
}
