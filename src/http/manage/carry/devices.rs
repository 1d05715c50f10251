//! Targets are devices. What is asked of them is answered from one snapshot.

use tokio::task::JoinSet;

use super::other;
use crate::domain::catalog::Section;
use crate::domain::device::Device;
use crate::domain::filter::Filter;
use crate::domain::ids::{DeviceId, DeviceKey, TenantId, Time};
use crate::engine::call::{Call, DeviceChange, NewDevice, Reply};
use crate::engine::now;
use crate::engine::query::{Reader, Selection, StoreError};
use crate::http::hawkbit::Fault;
use crate::http::manage::desk::Desk;
use crate::http::manage::list::{Slice, Wanted};
use crate::http::manage::targets::{Polling, Target};

/// How many changes of devices are under way at a time: a few commits take them all, and the engine's queue has room
/// for those of others.
const CHANGES_AT_ONCE: usize = 64;

impl Desk {
    /// The devices that the request asks for.
    pub async fn targets(&self, wanted: Wanted) -> Result<Slice<Target>, Fault> {
        let selection = wanted.selection(self.moment().await?);
        let is_plain = selection.filter.is_none() && selection.sort.is_none();
        self.ask(move |reader, tenant| {
            let Selection { offset, limit, .. } = selection;
            let found = match is_plain {
                true => reader.all_devices(tenant, offset, limit)?,
                false => reader.select_devices(tenant, &selection, |_| true)?,
            };
            shown(reader, tenant, found.rows, found.total)
        })
        .await
    }

    /// The devices among its `own` that the request asks for.
    pub async fn targets_among(
        &self,
        wanted: Wanted,
        own: impl Fn(&Device) -> bool + Send + 'static,
    ) -> Result<Slice<Target>, Fault> {
        let selection = wanted.selection(self.moment().await?);
        self.ask(move |reader, tenant| {
            let found = reader.select_devices(tenant, &selection, own)?;
            shown(reader, tenant, found.rows, found.total)
        })
        .await
    }

    /// A device with what it refers to.
    pub async fn target(&self, id: &DeviceId) -> Result<Target, Fault> {
        let device = self.device(id).await?;
        let found = self.ask(move |reader, tenant| shown(reader, tenant, vec![device], 1)).await?;
        found.rows.into_iter().next().ok_or_else(|| Fault::missing("Target", id))
    }

    /// A device.
    pub async fn device(&self, id: &DeviceId) -> Result<Device, Fault> {
        let key = self.key(id);
        let found = self.ask(move |reader, _| reader.device(&key)).await?;
        found.ok_or_else(|| Fault::missing("Target", id))
    }

    /// The ids of all devices that meet a condition.
    pub async fn devices_where(&self, filter: Filter) -> Result<Vec<DeviceId>, Fault> {
        let at = self.moment().await?;
        let selection = Selection { filter: Some(filter), sort: None, offset: 0, limit: usize::MAX, at };
        self.ask(move |reader, tenant| reader.select_device_ids(tenant, &selection)).await
    }

    /// The groups that devices are in.
    pub async fn groups(&self) -> Result<Vec<String>, Fault> {
        let groups = self.ask(|reader, tenant| reader.groups(tenant)).await?;
        Ok(groups.into_iter().map(String::from).collect())
    }

    /// Which of these devices are there.
    pub async fn known_devices(&self, ids: Vec<DeviceId>) -> Result<Vec<DeviceId>, Fault> {
        self.ask(move |reader, tenant| {
            let mut known = Vec::with_capacity(ids.len());
            for id in ids {
                let key = DeviceKey { tenant: tenant.clone(), device: id };
                known.extend(reader.device(&key)?.map(|device| device.key.device));
            }
            Ok(known)
        })
        .await
    }

    /// How often devices poll, and when one is overdue.
    pub async fn polling(&self) -> Result<Polling, Fault> {
        let own = self.settings().await?.polling(self.default_poll_s());
        let (poll_ms, overdue_ms) = (u64::from(own.every_s) * 1000, u64::from(own.late_s) * 1000);
        Ok(Polling { poll_ms, overdue_ms, now: now() })
    }

    /// Registers devices.
    pub async fn add_devices(&self, devices: Vec<NewDevice>) -> Result<Vec<Device>, Fault> {
        // The engine refuses an empty list; to hawkBit it is nothing to do.
        if devices.is_empty() {
            return Ok(Vec::new());
        }
        let (tenant, by) = (self.tenant.clone(), self.by.clone());
        match self.call(Call::AddDevices { tenant, devices, by }).await? {
            Reply::Devices(devices) => Ok(devices),
            reply => Err(other(&reply)),
        }
    }

    /// Changes a device.
    pub async fn change_device(&self, id: &DeviceId, change: DeviceChange) -> Result<(), Fault> {
        match self.call(Call::ChangeDevice { key: self.key(id), change, by: self.by.clone() }).await? {
            Reply::Devices(_) => Ok(()),
            reply => Err(other(&reply)),
        }
    }

    /// Changes many devices in one way, as many at a time as one commit takes. The first refusal is the answer, and
    /// what was done before it stays.
    pub async fn change_devices(
        &self,
        ids: Vec<DeviceId>,
        change: impl Fn() -> DeviceChange,
    ) -> Result<(), Fault> {
        for ids in ids.chunks(CHANGES_AT_ONCE) {
            let mut changes = JoinSet::new();
            for id in ids {
                let (desk, id, change) = (self.clone(), id.clone(), change());
                changes.spawn(async move { desk.change_device(&id, change).await });
            }
            changes.join_all().await.into_iter().collect::<Result<(), Fault>>()?;
        }
        Ok(())
    }

    /// Forgets a device.
    pub async fn remove_device(&self, id: &DeviceId) -> Result<(), Fault> {
        match self.call(Call::RemoveDevice { key: self.key(id) }).await? {
            Reply::Removed { .. } => Ok(()),
            reply => Err(other(&reply)),
        }
    }

    /// Now.
    pub fn now(&self) -> Time {
        now()
    }

    fn key(&self, id: &DeviceId) -> DeviceKey {
        DeviceKey { tenant: self.tenant.clone(), device: id.clone() }
    }
}

/// Devices with what they refer to, as a part of `total`.
pub(super) fn shown(
    reader: &Reader,
    tenant: &TenantId,
    devices: Vec<Device>,
    total: usize,
) -> Result<Slice<Target>, StoreError> {
    let target = |device: Device| {
        let kind = reader.item_keyed(tenant, Section::Products, device.product.as_str())?;
        let token = reader.open_token(&device.key)?;
        Ok(Target { device, token, kind: kind.map(|item| (item.id, item.label.name)) })
    };
    Ok(Slice { rows: devices.into_iter().map(target).collect::<Result<_, StoreError>>()?, total })
}
