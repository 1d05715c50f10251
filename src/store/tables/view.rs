//! What can be looked up.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::ControlFlow;

use crate::domain::action::Action;
use crate::domain::decide::Entry;
use crate::domain::deployment::Deployment;
use crate::domain::device::Device;
use crate::domain::ids::{
    ActionId, DeploymentId, DeviceId, DeviceKey, FirmwareType, ImageId, ProductId, ReleaseId, TenantId, Time,
};
use crate::domain::image::{Image, Release, Sha256};
use crate::domain::offer::Offer;
use crate::domain::version::Version;
use crate::store::record::action::{ActionRecord, DeploymentRecord, EntryRecord};
use crate::store::record::device::DeviceRecord;
use crate::store::record::image::{ImageRecord, OfferRecord, ReleaseRecord};
use crate::store::record::keeping::{OperatorRecord, PrincipalRecord};
use crate::store::record::task::TaskRecord;
use crate::store::record::{Bad, Sum, decode, some};
use crate::store::{Read, StoreError, Table};

use super::{Counter, Digest, Operator, Principal, Task, keys};

/// A look at the tables. Every method fails with [`StoreError::Corrupt`] where a row cannot be read back, and with
/// [`StoreError::Backend`] where the database cannot be read. Lists are in the order of their keys, start behind
/// `after` (or, newest first, in front of `before`) and have at most `limit` rows.
#[derive(Clone, Copy)]
pub struct View<'a>(pub &'a dyn Read);

/// The rows of a list.
pub(super) struct Page<'k> {
    table: Table,
    /// What the keys begin with.
    prefix: &'k [u8],
    /// The key behind which the list begins.
    after: Option<Vec<u8>>,
    /// Whether the order is falling.
    newest_first: bool,
    limit: usize,
}

impl View<'_> {
    /// A device.
    pub fn device(self, key: &DeviceKey) -> Result<Option<Device>, StoreError> {
        let row = keys::device(&key.tenant, &key.device);
        self.row(Table::Devices, &row, |bytes| decode::<DeviceRecord>(bytes)?.device(key.clone()))
    }

    /// Whether there is such a device, without reading it.
    pub fn has_device(self, key: &DeviceKey) -> Result<bool, StoreError> {
        let row = keys::device(&key.tenant, &key.device);
        Ok(self.0.get(Table::Devices, &row)?.is_some())
    }

    /// Devices of a tenant, in the order of their ids.
    pub fn devices(
        self,
        tenant: &TenantId,
        after: Option<&DeviceId>,
        limit: usize,
    ) -> Result<Vec<Device>, StoreError> {
        let after = after.map(|device| keys::device(tenant, device));
        self.page(rising(Table::Devices, &keys::tenant(tenant), after, limit), |id, bytes| {
            let device = some(keys::read_device(id), "a device's key")?;
            decode::<DeviceRecord>(bytes)?.device(DeviceKey { tenant: tenant.clone(), device })
        })
    }

    /// Devices of a tenant from the one with this place in the order of their ids, and how many there are. Only those
    /// that are wanted are decoded.
    pub fn devices_from(
        self,
        tenant: &TenantId,
        offset: usize,
        limit: usize,
    ) -> Result<(Vec<Device>, usize), StoreError> {
        let (prefix, mut wanted, mut total) = (keys::tenant(tenant), Vec::new(), 0);
        self.0.scan(Table::Devices, &prefix, None, false, &mut |key, _| {
            if total >= offset && wanted.len() < limit {
                wanted.push(keys::read_device(&key[prefix.len()..]));
            }
            total += 1;
            ControlFlow::Continue(())
        })?;
        let device = |id: Option<DeviceId>| {
            let device = some(id, "a device's key").map_err(|bad| bad.in_table(Table::Devices))?;
            self.device(&DeviceKey { tenant: tenant.clone(), device })
        };
        let found: Result<Vec<_>, _> = wanted.into_iter().map(device).collect();
        Ok((found?.into_iter().flatten().collect(), total))
    }

    /// Devices of a product, in the order of their ids.
    pub fn product_devices(
        self,
        tenant: &TenantId,
        product: &ProductId,
        after: Option<&DeviceId>,
        limit: usize,
    ) -> Result<Vec<DeviceId>, StoreError> {
        let after = after.map(|device| keys::product_device(tenant, product, device));
        let prefix = keys::product(tenant, product);
        self.page(rising(Table::ProductDevices, &prefix, after, limit), |id, _| {
            some(keys::read_device(id), "a device's key")
        })
    }

    /// Whose the token with this digest is.
    pub fn token_owner(self, digest: &Digest) -> Result<Option<Principal>, StoreError> {
        self.row(Table::Tokens, &digest.0, |bytes| decode::<PrincipalRecord>(bytes)?.principal())
    }

    /// The digest of a device's token.
    pub fn credential(self, key: &DeviceKey) -> Result<Option<Digest>, StoreError> {
        let row = keys::device(&key.tenant, &key.device);
        self.row(Table::Credentials, &row, |bytes| decode::<Sum<32>>(bytes).map(|sum| Digest(sum.0)))
    }

    /// The operator of that name.
    pub fn operator(self, name: &str) -> Result<Option<Operator>, StoreError> {
        let read = |bytes: &[u8]| decode::<OperatorRecord>(bytes)?.operator(name);
        self.row(Table::Operators, name.as_bytes(), read)
    }

    /// Every operator, in the order of their names. They are few: people and integrations, not devices.
    pub fn operators(self) -> Result<Vec<Operator>, StoreError> {
        self.page(rising(Table::Operators, &[], None, usize::MAX), |name, bytes| {
            let name = some(std::str::from_utf8(name).ok(), "an operator's name")?;
            decode::<OperatorRecord>(bytes)?.operator(name)
        })
    }

    /// An image.
    pub fn image(self, tenant: &TenantId, id: ImageId) -> Result<Option<Image>, StoreError> {
        let read = |bytes: &[u8]| decode::<ImageRecord>(bytes)?.image(tenant.clone(), id);
        self.row(Table::Images, &keys::numbered(tenant, id.get()), read)
    }

    /// The image of a firmware type that has this number.
    pub fn image_numbered(
        self,
        tenant: &TenantId,
        kind: FirmwareType,
        number: u64,
    ) -> Result<Option<ImageId>, StoreError> {
        self.row(Table::ImageNumbers, &keys::image_number(tenant, kind, number), |bytes| {
            some(keys::read_number(bytes).and_then(ImageId::new), "an image's id")
        })
    }

    /// The image that people call so.
    pub fn image_named(
        self,
        tenant: &TenantId,
        kind: FirmwareType,
        name: &str,
        version: &Version,
    ) -> Result<Option<ImageId>, StoreError> {
        self.row(Table::ImageNames, &keys::image_name(tenant, kind, name, version), |bytes| {
            some(keys::read_number(bytes).and_then(ImageId::new), "an image's id")
        })
    }

    /// Images of a firmware type that have this version, whatever people call them: one for each name.
    pub fn images_versioned(
        self,
        tenant: &TenantId,
        kind: FirmwareType,
        version: &Version,
    ) -> Result<Vec<ImageId>, StoreError> {
        let prefix = keys::image_version(tenant, kind, version);
        self.page(rising(Table::ImageNames, &prefix, None, usize::MAX), |_, bytes| {
            some(keys::read_number(bytes).and_then(ImageId::new), "an image's id")
        })
    }

    /// The newest release that people call so.
    pub fn release_named(
        self,
        tenant: &TenantId,
        name: &str,
        version: &Version,
    ) -> Result<Option<ReleaseId>, StoreError> {
        self.row(Table::ReleaseNames, &keys::release_name(tenant, name, version), |bytes| {
            some(keys::read_number(bytes).and_then(ReleaseId::new), "a release's id")
        })
    }

    /// The token of a device, where it may be read again.
    pub fn open_token(self, key: &DeviceKey) -> Result<Option<Box<str>>, StoreError> {
        let row = keys::device(&key.tenant, &key.device);
        self.row(Table::OpenTokens, &row, decode::<Box<str>>)
    }

    /// Images of a tenant, oldest first.
    pub fn images(
        self,
        tenant: &TenantId,
        after: Option<ImageId>,
        limit: usize,
    ) -> Result<Vec<Image>, StoreError> {
        let after = after.map(|id| keys::numbered(tenant, id.get()));
        self.page(rising(Table::Images, &keys::tenant(tenant), after, limit), |id, bytes| {
            let id = some(keys::read_number(id).and_then(ImageId::new), "an image's key")?;
            decode::<ImageRecord>(bytes)?.image(tenant.clone(), id)
        })
    }

    /// Every artifact that an image of any tenant refers to or is to have: what a sweep must leave alone.
    pub fn all_artifacts(self) -> Result<BTreeSet<Sha256>, StoreError> {
        let images = self.page(rising(Table::Images, &[], None, usize::MAX), |_, bytes| {
            decode::<ImageRecord>(bytes).map(|image| image.sums())
        })?;
        let waiting = self.uploads()?.into_iter().map(|upload| upload.sha256);
        Ok(images.into_iter().flatten().chain(waiting).collect())
    }

    /// Whether an image of the tenant has the file.
    pub fn has_artifact(self, tenant: &TenantId, sha256: &Sha256) -> Result<bool, StoreError> {
        Ok(self.image_with(tenant, sha256)?.is_some())
    }

    /// An image of the tenant that has the file.
    pub fn image_with(self, tenant: &TenantId, sha256: &Sha256) -> Result<Option<Image>, StoreError> {
        /// How many images are looked at in one go: a few hundred kilobytes.
        const PAGE: usize = 256;
        let mut after = None;
        loop {
            let mut images = self.images(tenant, after, PAGE)?;
            let has = |image: &Image| image.artifacts.iter().any(|a| a.sha256 == *sha256);
            if let Some(place) = images.iter().position(has) {
                return Ok(Some(images.swap_remove(place)));
            }
            match images.last() {
                Some(last) if images.len() == PAGE => after = Some(last.id),
                Some(_) | None => return Ok(None),
            }
        }
    }

    /// A release.
    pub fn release(self, tenant: &TenantId, id: ReleaseId) -> Result<Option<Release>, StoreError> {
        let read = |bytes: &[u8]| decode::<ReleaseRecord>(bytes)?.release(tenant.clone(), id);
        self.row(Table::Releases, &keys::numbered(tenant, id.get()), read)
    }

    /// Releases of a tenant, oldest first.
    pub fn releases(
        self,
        tenant: &TenantId,
        after: Option<ReleaseId>,
        limit: usize,
    ) -> Result<Vec<Release>, StoreError> {
        let after = after.map(|id| keys::numbered(tenant, id.get()));
        self.page(rising(Table::Releases, &keys::tenant(tenant), after, limit), |id, bytes| {
            let id = some(keys::read_number(id).and_then(ReleaseId::new), "a release's key")?;
            decode::<ReleaseRecord>(bytes)?.release(tenant.clone(), id)
        })
    }

    /// The standing offer of a product and firmware type.
    pub fn offer(
        self,
        tenant: &TenantId,
        product: &ProductId,
        kind: FirmwareType,
    ) -> Result<Option<Offer>, StoreError> {
        self.row(Table::Offers, &keys::offer(tenant, product, kind), |bytes| {
            decode::<OfferRecord>(bytes)?.offer(tenant.clone(), product.clone(), kind)
        })
    }

    /// Every standing offer of a tenant, or of one of its products: at most 200 a product.
    pub fn offers(self, tenant: &TenantId, product: Option<&ProductId>) -> Result<Vec<Offer>, StoreError> {
        let all = keys::tenant(tenant);
        let prefix = product.map_or_else(|| all.clone(), |product| keys::product(tenant, product));
        // The part of the key that is read back is the same for both prefixes: what follows the tenant.
        let skipped = prefix.len() - all.len();
        self.page(rising(Table::Offers, &prefix, None, usize::MAX), |rest, bytes| {
            let whole = [&prefix[prefix.len() - skipped..], rest].concat();
            let (product, kind) = some(keys::read_offer(&whole), "an offer's key")?;
            decode::<OfferRecord>(bytes)?.offer(tenant.clone(), product, kind)
        })
    }

    /// An action.
    pub fn action(self, tenant: &TenantId, id: ActionId) -> Result<Option<Action>, StoreError> {
        let read = |bytes: &[u8]| decode::<ActionRecord>(bytes)?.action(tenant.clone(), id);
        self.row(Table::Actions, &keys::numbered(tenant, id.get()), read)
    }

    /// Actions of a tenant, newest first.
    pub fn actions(
        self,
        tenant: &TenantId,
        before: Option<ActionId>,
        limit: usize,
    ) -> Result<Vec<Action>, StoreError> {
        let before = before.map(|id| keys::numbered(tenant, id.get()));
        self.page(falling(Table::Actions, &keys::tenant(tenant), before, limit), |id, bytes| {
            let id = some(keys::read_number(id).and_then(ActionId::new), "an action's key")?;
            decode::<ActionRecord>(bytes)?.action(tenant.clone(), id)
        })
    }

    /// Actions of a device, newest first.
    pub fn device_actions(
        self,
        key: &DeviceKey,
        before: Option<ActionId>,
        limit: usize,
    ) -> Result<Vec<Action>, StoreError> {
        let before = before.map(|id| keys::device_action(key, id));
        let prefix = keys::device_actions(key);
        let ids = self.page(falling(Table::DeviceActions, &prefix, before, limit), |id, _| {
            some(keys::read_number(id).and_then(ActionId::new), "an action's key")
        })?;
        let found = |id: ActionId| {
            let action = self.action(&key.tenant, id)?;
            some(action, "an action of a device is missing").map_err(|bad| bad.in_table(Table::Actions))
        };
        ids.into_iter().map(found).collect()
    }

    /// History of an action, oldest first, from the entry that follows number `after`.
    pub fn history(
        self,
        tenant: &TenantId,
        action: ActionId,
        after: u32,
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        let after = Some(keys::history(tenant, action, after));
        let prefix = keys::numbered(tenant, action.get());
        self.page(rising(Table::History, &prefix, after, limit), |_, bytes| {
            decode::<EntryRecord>(bytes)?.entry()
        })
    }

    /// A deployment.
    pub fn deployment(self, tenant: &TenantId, id: DeploymentId) -> Result<Option<Deployment>, StoreError> {
        let read = |bytes: &[u8]| decode::<DeploymentRecord>(bytes)?.deployment(tenant.clone(), id);
        self.row(Table::Deployments, &keys::numbered(tenant, id.get()), read)
    }

    /// Deployments of a tenant, newest first.
    pub fn deployments(
        self,
        tenant: &TenantId,
        before: Option<DeploymentId>,
        limit: usize,
    ) -> Result<Vec<Deployment>, StoreError> {
        let before = before.map(|id| keys::numbered(tenant, id.get()));
        self.page(falling(Table::Deployments, &keys::tenant(tenant), before, limit), |id, bytes| {
            let id = some(keys::read_number(id).and_then(DeploymentId::new), "a deployment's key")?;
            decode::<DeploymentRecord>(bytes)?.deployment(tenant.clone(), id)
        })
    }

    /// Unfinished work, oldest first.
    pub fn tasks(self, limit: usize) -> Result<Vec<(u64, Task)>, StoreError> {
        let read = |id: &[u8], bytes: &[u8]| {
            let id = some(keys::read_task(id), "a task's key")?;
            Ok((id, decode::<TaskRecord>(bytes)?.task()?))
        };
        self.readable_page(rising(Table::Tasks, &[], None, limit), read)
    }

    /// The first slice of devices that a task has not reached, with its number.
    pub fn pending(self, task: u64) -> Result<Option<(u32, Vec<DeviceId>)>, StoreError> {
        let first = self.page(rising(Table::Pending, &keys::task(task), None, 1), |slice, bytes| {
            let slice = some(keys::read_slice(slice), "the key of a slice")?;
            let names = decode::<Vec<Cow<'_, str>>>(bytes)?;
            let devices = names.iter().map(|name| some(DeviceId::parse(name).ok(), "a device's name"));
            Ok((slice, devices.collect::<Result<_, _>>()?))
        })?;
        Ok(first.into_iter().next())
    }

    /// Actions for which something is due at `now`, the most overdue first.
    pub fn due(self, now: Time, limit: usize) -> Result<Vec<(Time, TenantId, ActionId)>, StoreError> {
        let mut due = Vec::new();
        let mut bad = None;
        self.0.scan(Table::Due, &[], None, false, &mut |key, _| match keys::read_due(key) {
            Some(row) if row.0 <= now && due.len() < limit => {
                due.push(row);
                ControlFlow::Continue(())
            }
            Some(_) => ControlFlow::Break(()),
            None => {
                bad = Some(some::<()>(None, "the key of a moment"));
                ControlFlow::Break(())
            }
        })?;
        bad.unwrap_or(Ok(())).map(|()| due).map_err(|bad| bad.in_table(Table::Due))
    }

    /// The secret that operators' sessions are made with; none before the engine has started once.
    pub fn session_secret(self) -> Result<Option<Digest>, StoreError> {
        self.row(Table::Meta, keys::SESSION_SECRET, |bytes| decode::<Sum<32>>(bytes).map(|sum| Digest(sum.0)))
    }

    /// How far a counter is; 0 before its first use.
    pub fn counter(self, counter: Counter<'_>) -> Result<u64, StoreError> {
        Ok(self.row(Table::Meta, &keys::counter(counter), decode::<u64>)?.unwrap_or(0))
    }

    /// One row.
    pub(super) fn row<T>(
        self,
        table: Table,
        key: &[u8],
        read: impl FnOnce(&[u8]) -> Result<T, Bad>,
    ) -> Result<Option<T>, StoreError> {
        let bytes = self.0.get(table, key)?;
        bytes.map(|bytes| read(&bytes)).transpose().map_err(|bad| bad.in_table(table))
    }

    /// As [`View::page`], but a row that cannot be read is said and left out: for lists on which the work of many devices
    /// depends.
    pub(super) fn readable_page<T>(
        self,
        page: Page<'_>,
        read: impl Fn(&[u8], &[u8]) -> Result<T, Bad>,
    ) -> Result<Vec<T>, StoreError> {
        let mut rows = Vec::new();
        let mut visit = |key: &[u8], value: &[u8]| {
            if rows.len() == page.limit {
                return ControlFlow::Break(());
            }
            match read(&key[page.prefix.len()..], value) {
                Ok(row) => rows.push(row),
                Err(bad) => {
                    tracing::error!(table = ?page.table, ?bad, "a row cannot be read, and is left out")
                }
            }
            ControlFlow::Continue(())
        };
        self.0.scan(page.table, page.prefix, page.after.as_deref(), page.newest_first, &mut visit)?;
        Ok(rows)
    }

    /// The rows of a list; `read` gets what follows the prefix in the key, and the value.
    pub(super) fn page<T>(
        self,
        page: Page<'_>,
        read: impl Fn(&[u8], &[u8]) -> Result<T, Bad>,
    ) -> Result<Vec<T>, StoreError> {
        let mut rows = Vec::new();
        let mut bad = None;
        let mut visit = |key: &[u8], value: &[u8]| {
            if rows.len() == page.limit {
                return ControlFlow::Break(());
            }
            match read(&key[page.prefix.len()..], value) {
                Ok(row) => rows.push(row),
                Err(why) => bad = Some(why),
            }
            if bad.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        self.0.scan(page.table, page.prefix, page.after.as_deref(), page.newest_first, &mut visit)?;
        match bad {
            Some(bad) => Err(bad.in_table(page.table)),
            None => Ok(rows),
        }
    }
}

/// The rows behind `after`, in the order of their keys.
pub(super) fn rising(table: Table, prefix: &[u8], after: Option<Vec<u8>>, limit: usize) -> Page<'_> {
    Page { table, prefix, after, newest_first: false, limit }
}

pub(super) fn falling(table: Table, prefix: &[u8], before: Option<Vec<u8>>, limit: usize) -> Page<'_> {
    Page { table, prefix, after: before, newest_first: true, limit }
}
