//! Rollouts, their waves, and the members of these. A member that waits lies apart from those that were reached, so that
//! the next ones to reach are the first rows.

use crate::domain::ids::{DeviceId, RolloutId, TenantId, Time};
use crate::domain::rollout::{Member, Place, Rollout, Wave};
use crate::store::record::rollout::{MemberRecord, RolloutRecord, WaveRecord};
use crate::store::record::{decode, encode, some};
use crate::store::{StoreError, Table};

use super::keys::Phase;
use super::view::{falling, rising};
use super::{Draft, View, keys};

/// When, and which member of which wave.
pub type Again = (Time, TenantId, RolloutId, u16, DeviceId);

impl View<'_> {
    /// A rollout, removed or not.
    pub fn rollout(self, tenant: &TenantId, id: RolloutId) -> Result<Option<Rollout>, StoreError> {
        let read = |bytes: &[u8]| decode::<RolloutRecord>(bytes)?.rollout(tenant.clone(), id);
        self.row(Table::Rollouts, &keys::numbered(tenant, id.get()), read)
    }

    /// Rollouts of a tenant, newest first, removed ones among them.
    pub fn rollouts(
        self,
        tenant: &TenantId,
        before: Option<RolloutId>,
        limit: usize,
    ) -> Result<Vec<Rollout>, StoreError> {
        let before = before.map(|id| keys::numbered(tenant, id.get()));
        self.page(falling(Table::Rollouts, &keys::tenant(tenant), before, limit), |id, bytes| {
            let id = some(keys::read_number(id).and_then(RolloutId::new), "a rollout's key")?;
            decode::<RolloutRecord>(bytes)?.rollout(tenant.clone(), id)
        })
    }

    /// Every rollout of every tenant that time or counters can still move: what the engine holds in memory.
    pub fn live_rollouts(self) -> Result<Vec<Rollout>, StoreError> {
        let read = |key: &[u8], bytes: &[u8]| {
            let (tenant, id) = some(keys::read_numbered(key), "a rollout's key")?;
            let id = some(RolloutId::new(id), "a rollout's key")?;
            decode::<RolloutRecord>(bytes)?.rollout(tenant, id)
        };
        let page = rising(Table::Rollouts, &[], None, usize::MAX);
        let all = self.readable_page(page, read)?;
        Ok(all.into_iter().filter(|rollout| rollout.status.is_live()).collect())
    }

    /// The waves of a rollout, in their order: at most 500.
    pub fn waves(self, tenant: &TenantId, id: RolloutId) -> Result<Vec<Wave>, StoreError> {
        let prefix = keys::numbered(tenant, id.get());
        self.page(rising(Table::Waves, &prefix, None, usize::MAX), |number, bytes| {
            let number = some(keys::read_wave(number), "a wave's key")?;
            decode::<WaveRecord>(bytes)?.wave(number)
        })
    }

    /// The member of a wave that is this device.
    pub fn member(
        self,
        tenant: &TenantId,
        id: RolloutId,
        wave: u16,
        device: &DeviceId,
    ) -> Result<Option<Member>, StoreError> {
        for phase in [Phase::Reached, Phase::Waiting] {
            let key = keys::member(tenant, id, wave, phase, device);
            let read = |bytes: &[u8]| decode::<MemberRecord>(bytes)?.member(device.clone());
            if let Some(member) = self.row(Table::Members, &key, read)? {
                return Ok(Some(member));
            }
        }
        Ok(None)
    }

    /// Members of a wave that have not been reached, in the order of their ids.
    pub fn waiting_members(
        self,
        tenant: &TenantId,
        id: RolloutId,
        wave: u16,
        after: Option<&DeviceId>,
        limit: usize,
    ) -> Result<Vec<Member>, StoreError> {
        self.members_in((tenant, id, wave, Phase::Waiting), after, limit)
    }

    /// Members of a wave that have been reached, in the order of their ids.
    pub fn reached_members(
        self,
        tenant: &TenantId,
        id: RolloutId,
        wave: u16,
        after: Option<&DeviceId>,
        limit: usize,
    ) -> Result<Vec<Member>, StoreError> {
        self.members_in((tenant, id, wave, Phase::Reached), after, limit)
    }

    fn members_in(
        self,
        (tenant, id, wave, phase): (&TenantId, RolloutId, u16, Phase),
        after: Option<&DeviceId>,
        limit: usize,
    ) -> Result<Vec<Member>, StoreError> {
        let prefix = keys::members(tenant, id, wave, phase);
        let after = after.map(|device| keys::member(tenant, id, wave, phase, device));
        let read = |device: &[u8], bytes: &[u8]| {
            let device = some(keys::read_device(device), "a member's key")?;
            decode::<MemberRecord>(bytes)?.member(device)
        };
        self.readable_page(rising(Table::Members, &prefix, after, limit), read)
    }

    /// Members that are to be reached again by `now`, the most overdue first.
    pub fn deferred(self, now: Time, limit: usize) -> Result<Vec<Again>, StoreError> {
        let first = self.readable_page(rising(Table::Deferred, &[], None, limit), |key, _| {
            some(keys::read_deferred(key), "the key of a deferred member")
        })?;
        Ok(first.into_iter().take_while(|row| row.0 <= now).collect())
    }
}

impl Draft<'_> {
    /// Keeps a rollout.
    pub fn put_rollout(&mut self, rollout: &Rollout) -> Result<(), StoreError> {
        let key = keys::numbered(&rollout.tenant, rollout.id.get());
        self.0.put(Table::Rollouts, &key, &encode(&RolloutRecord::of(rollout)))
    }

    /// Keeps a wave of a rollout.
    pub fn put_wave(&mut self, tenant: &TenantId, id: RolloutId, wave: &Wave) -> Result<(), StoreError> {
        let key = keys::wave(tenant, id, wave.number);
        self.0.put(Table::Waves, &key, &encode(&WaveRecord::of(wave)))
    }

    /// Keeps a new member of a wave.
    pub fn add_member(
        &mut self,
        tenant: &TenantId,
        id: RolloutId,
        wave: u16,
        member: &Member,
    ) -> Result<(), StoreError> {
        let key = keys::member(tenant, id, wave, phase(member), &member.device);
        self.0.put(Table::Members, &key, &encode(&MemberRecord::of(member)))
    }

    /// Keeps a member that has changed, and its place among those that wait or were reached.
    pub fn put_member(
        &mut self,
        tenant: &TenantId,
        id: RolloutId,
        wave: u16,
        before: Place,
        member: &Member,
    ) -> Result<(), StoreError> {
        let was = if before == Place::Waiting { Phase::Waiting } else { Phase::Reached };
        if was != phase(member) {
            self.0.remove(Table::Members, &keys::member(tenant, id, wave, was, &member.device))?;
        }
        self.add_member(tenant, id, wave, member)
    }

    /// Notes that a member is to be reached again at a moment.
    pub fn add_deferred(&mut self, again: &Again) -> Result<(), StoreError> {
        self.0.put(Table::Deferred, &keys::deferred(again), &[])
    }

    /// Notes that this moment is over.
    pub fn remove_deferred(&mut self, again: &Again) -> Result<(), StoreError> {
        self.0.remove(Table::Deferred, &keys::deferred(again))
    }
}

fn phase(member: &Member) -> Phase {
    if member.place == Place::Waiting { Phase::Waiting } else { Phase::Reached }
}
