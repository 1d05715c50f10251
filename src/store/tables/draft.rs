//! What can be changed.

use crate::domain::action::Action;
use crate::domain::decide::Entry;
use crate::domain::deployment::Deployment;
use crate::domain::device::Device;
use crate::domain::ids::{
    ActionId, DeviceId, DeviceKey, FirmwareType, ImageId, ProductId, ReleaseId, TenantId, Time,
};
use crate::domain::image::{Image, Release};
use crate::domain::offer::Offer;
use crate::store::record::action::{ActionRecord, DeploymentRecord, EntryRecord};
use crate::store::record::device::DeviceRecord;
use crate::store::record::image::{ImageRecord, OfferRecord, ReleaseRecord};
use crate::store::record::keeping::{OperatorRecord, PrincipalRecord};
use crate::store::record::task::TaskRecord;
use crate::store::record::{Sum, encode};
use crate::store::{StoreError, Table, Write};

use super::{Counter, Digest, Operator, Principal, Task, View, keys};

/// A transaction. Every method fails with [`StoreError::Backend`] where the database refuses, and those that look at
/// the row before also with [`StoreError::Corrupt`]. Putting replaces; removing what is not there does nothing.
pub struct Draft<'a>(pub &'a mut dyn Write);

impl Draft<'_> {
    /// What can be looked up, with the changes so far.
    pub fn view(&self) -> View<'_> {
        View(&*self.0)
    }

    /// Keeps a device, and its place among the devices of its product.
    pub fn put_device(&mut self, device: &Device) -> Result<(), StoreError> {
        let DeviceKey { tenant, device: id } = &device.key;
        let index = keys::product_device(tenant, &device.product, id);
        // A report does not change the product: where the index is right, nobody has to read the old record.
        if self.0.get(Table::ProductDevices, &index)?.is_none() {
            self.remove_index(&device.key)?;
            self.0.put(Table::ProductDevices, &index, &[])?;
        }
        self.0.put(Table::Devices, &keys::device(tenant, id), &encode(&DeviceRecord::of(device)))
    }

    /// Removes a device, its place among the devices of its product, and its credential. Its actions stay.
    pub fn remove_device(&mut self, device: &Device) -> Result<(), StoreError> {
        self.remove_index(&device.key)?;
        self.remove_credential(&device.key)?;
        self.0.remove(Table::Devices, &keys::device(&device.key.tenant, &device.key.device))
    }

    fn remove_index(&mut self, key: &DeviceKey) -> Result<(), StoreError> {
        match self.view().device(key)? {
            Some(old) => {
                let index = keys::product_device(&key.tenant, &old.product, &key.device);
                self.0.remove(Table::ProductDevices, &index)
            }
            None => Ok(()),
        }
    }

    /// Gives a device a token; the one before is worth nothing from then on.
    pub fn put_credential(&mut self, key: &DeviceKey, digest: &Digest) -> Result<(), StoreError> {
        self.remove_credential(key)?;
        let owner = Principal::Device(key.clone());
        self.0.put(Table::Tokens, &digest.0, &encode(&PrincipalRecord::of(&owner)))?;
        self.0.put(Table::Credentials, &keys::device(&key.tenant, &key.device), &encode(&Sum(digest.0)))
    }

    /// As [`Draft::put_credential`], for a token that operators may read again.
    pub fn put_open_credential(
        &mut self,
        key: &DeviceKey,
        digest: &Digest,
        token: &str,
    ) -> Result<(), StoreError> {
        self.put_credential(key, digest)?;
        self.0.put(Table::OpenTokens, &keys::device(&key.tenant, &key.device), &encode(&token))
    }

    fn remove_credential(&mut self, key: &DeviceKey) -> Result<(), StoreError> {
        if let Some(old) = self.view().credential(key)? {
            self.0.remove(Table::Tokens, &old.0)?;
        }
        self.0.remove(Table::OpenTokens, &keys::device(&key.tenant, &key.device))?;
        self.0.remove(Table::Credentials, &keys::device(&key.tenant, &key.device))
    }

    /// Keeps an operator with the token; the token before is worth nothing from then on.
    pub fn put_operator(&mut self, operator: &Operator) -> Result<(), StoreError> {
        self.remove_operator(&operator.name)?;
        let owner = Principal::Operator(operator.name.clone());
        self.0.put(Table::Tokens, &operator.digest.0, &encode(&PrincipalRecord::of(&owner)))?;
        self.0.put(Table::Operators, operator.name.as_bytes(), &encode(&OperatorRecord::of(operator)))
    }

    /// Removes an operator with the token.
    pub fn remove_operator(&mut self, name: &str) -> Result<(), StoreError> {
        if let Some(old) = self.view().operator(name)? {
            self.0.remove(Table::Tokens, &old.digest.0)?;
        }
        self.0.remove(Table::Operators, name.as_bytes())
    }

    /// Keeps an image; its artifacts are kept apart, and must be there first.
    pub fn put_image(&mut self, image: &Image) -> Result<(), StoreError> {
        let key = keys::numbered(&image.tenant, image.id.get());
        let number = keys::image_number(&image.tenant, image.kind, image.number);
        self.0.put(Table::ImageNumbers, &number, &image.id.get().to_be_bytes())?;
        // The name of a removed image is free again.
        if !image.deleted {
            let name = keys::image_name(&image.tenant, image.kind, &image.name, &image.version);
            self.0.put(Table::ImageNames, &name, &image.id.get().to_be_bytes())?;
        }
        self.0.put(Table::Images, &key, &encode(&ImageRecord::of(image)))
    }

    /// Removes an image.
    pub fn remove_image(&mut self, tenant: &TenantId, id: ImageId) -> Result<(), StoreError> {
        if let Some(old) = self.view().image(tenant, id)? {
            self.0.remove(Table::ImageNumbers, &keys::image_number(tenant, old.kind, old.number))?;
            self.remove_image_name(&old)?;
        }
        self.0.remove(Table::Images, &keys::numbered(tenant, id.get()))
    }

    /// Frees the name of an image, which is about to have another or to go.
    pub fn remove_image_name(&mut self, image: &Image) -> Result<(), StoreError> {
        let holder = self.view().image_named(&image.tenant, image.kind, &image.name, &image.version)?;
        match holder == Some(image.id) {
            true => {
                let key = keys::image_name(&image.tenant, image.kind, &image.name, &image.version);
                self.0.remove(Table::ImageNames, &key)
            }
            false => Ok(()),
        }
    }

    /// Keeps a release.
    pub fn put_release(&mut self, release: &Release) -> Result<(), StoreError> {
        if !release.deleted {
            let name = keys::release_name(&release.tenant, &release.name, &release.version);
            self.0.put(Table::ReleaseNames, &name, &release.id.get().to_be_bytes())?;
        }
        let key = keys::numbered(&release.tenant, release.id.get());
        self.0.put(Table::Releases, &key, &encode(&ReleaseRecord::of(release)))
    }

    /// Frees the name of a release, which is about to have another or to go.
    pub fn remove_release_name(&mut self, release: &Release) -> Result<(), StoreError> {
        let holder = self.view().release_named(&release.tenant, &release.name, &release.version)?;
        match holder == Some(release.id) {
            true => {
                let key = keys::release_name(&release.tenant, &release.name, &release.version);
                self.0.remove(Table::ReleaseNames, &key)
            }
            false => Ok(()),
        }
    }

    /// Removes a release.
    pub fn remove_release(&mut self, tenant: &TenantId, id: ReleaseId) -> Result<(), StoreError> {
        if let Some(old) = self.view().release(tenant, id)? {
            self.remove_release_name(&old)?;
        }
        self.0.remove(Table::Releases, &keys::numbered(tenant, id.get()))
    }

    /// Keeps a standing offer in place of the one before.
    pub fn put_offer(&mut self, offer: &Offer) -> Result<(), StoreError> {
        let key = keys::offer(&offer.tenant, &offer.product, offer.kind);
        self.0.put(Table::Offers, &key, &encode(&OfferRecord::of(offer)))
    }

    /// Removes a standing offer.
    pub fn remove_offer(
        &mut self,
        tenant: &TenantId,
        product: &ProductId,
        kind: FirmwareType,
    ) -> Result<(), StoreError> {
        self.0.remove(Table::Offers, &keys::offer(tenant, product, kind))
    }

    /// Keeps a new action, and its place among those of its device.
    pub fn add_action(&mut self, action: &Action) -> Result<(), StoreError> {
        self.0.put(Table::DeviceActions, &keys::device_action(&action.device, action.id), &[])?;
        self.put_action(action)
    }

    /// Keeps an action that has changed. Its device never changes.
    pub fn put_action(&mut self, action: &Action) -> Result<(), StoreError> {
        let key = keys::numbered(&action.device.tenant, action.id.get());
        self.0.put(Table::Actions, &key, &encode(&ActionRecord::of(action)))
    }

    /// Removes an action that has ended, with its history.
    pub fn remove_action(&mut self, action: &Action) -> Result<(), StoreError> {
        let tenant = &action.device.tenant;
        for number in 1..=action.entries {
            self.0.remove(Table::History, &keys::history(tenant, action.id, number))?;
        }
        self.0.remove(Table::DeviceActions, &keys::device_action(&action.device, action.id))?;
        self.0.remove(Table::Actions, &keys::numbered(tenant, action.id.get()))
    }

    /// Adds an entry to an action's history; entries are numbered from 1.
    pub fn add_history(
        &mut self,
        tenant: &TenantId,
        action: ActionId,
        number: u32,
        entry: &Entry,
    ) -> Result<(), StoreError> {
        let key = keys::history(tenant, action, number);
        self.0.put(Table::History, &key, &encode(&EntryRecord::of(entry)))
    }

    /// Keeps a deployment.
    pub fn put_deployment(&mut self, deployment: &Deployment) -> Result<(), StoreError> {
        let key = keys::numbered(&deployment.tenant, deployment.id.get());
        self.0.put(Table::Deployments, &key, &encode(&DeploymentRecord::of(deployment)))
    }

    /// Keeps a task.
    pub fn put_task(&mut self, id: u64, task: &Task) -> Result<(), StoreError> {
        self.0.put(Table::Tasks, &keys::task(id), &encode(&TaskRecord::of(task)))
    }

    /// Removes a task; its pending rows are removed slice by slice as they are reached.
    pub fn remove_task(&mut self, id: u64) -> Result<(), StoreError> {
        self.0.remove(Table::Tasks, &keys::task(id))
    }

    /// Notes the devices that a task has yet to reach. They are kept, and later reached, a slice at a time: one row
    /// for a thousand devices costs a thousandth of a row for each.
    pub fn add_pending(&mut self, task: u64, slice: u32, devices: &[DeviceId]) -> Result<(), StoreError> {
        let names: Vec<_> = devices.iter().map(DeviceId::as_str).collect();
        self.0.put(Table::Pending, &keys::pending(task, slice), &encode(&names))
    }

    /// Notes that a task has reached the devices of a slice.
    pub fn remove_pending(&mut self, task: u64, slice: u32) -> Result<(), StoreError> {
        self.0.remove(Table::Pending, &keys::pending(task, slice))
    }

    /// Notes that something is due for an action at a moment.
    pub fn add_due(&mut self, at: Time, tenant: &TenantId, action: ActionId) -> Result<(), StoreError> {
        self.0.put(Table::Due, &keys::due(at, tenant, action), &[])
    }

    /// Notes that nothing is due any more at that moment.
    pub fn remove_due(&mut self, at: Time, tenant: &TenantId, action: ActionId) -> Result<(), StoreError> {
        self.0.remove(Table::Due, &keys::due(at, tenant, action))
    }

    /// Keeps the secret that operators' sessions are made with.
    pub fn put_session_secret(&mut self, secret: &Digest) -> Result<(), StoreError> {
        self.0.put(Table::Meta, keys::SESSION_SECRET, &encode(&Sum(secret.0)))
    }

    /// Moves a counter on by one and returns where it is then; the first number is 1.
    pub fn next(&mut self, counter: Counter<'_>) -> Result<u64, StoreError> {
        // One number a nanosecond would take five centuries to reach the end, where the counter would stay.
        let next = self.view().counter(counter)?.saturating_add(1);
        self.put_counter(counter, next)?;
        Ok(next)
    }

    /// Sets a counter that its owner has moved on in memory.
    pub fn put_counter(&mut self, counter: Counter<'_>, number: u64) -> Result<(), StoreError> {
        self.0.put(Table::Meta, &keys::counter(counter), &encode(&number))
    }
}
