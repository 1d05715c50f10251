//! Devices: registering, describing, hearing and forgetting them.

use std::collections::BTreeSet;

use super::{Failed, fresh_token};
use crate::domain::decide::Verdict;
use crate::domain::device::Device;
use crate::domain::event::{Event, Withdrawal};
use crate::domain::ids::{DeviceKey, ProductId, TenantId};
use crate::domain::image::METADATA_MAX;
use crate::domain::news::Presence;
use crate::engine::access::digest;
use crate::engine::apply::Batch;
use crate::engine::call::{ASSIGNMENTS_MAX, CallError, DeviceChange, NewDevice, Reply, Secret};
use crate::store::tables::{Counter, Principal};

/// Who registers a device that nobody has heard of.
const SELF: &str = "device";
/// The most devices that register themselves: half a GiB of records, which a server of a large fleet has, and far more
/// than one server is asked by at once. Beyond it they are answered and not kept.
const NEWCOMERS_MAX: u64 = 1_000_000;

/// Who speaks at a door that answers.
pub(super) struct Speaker {
    /// An IP address.
    pub(super) from: Option<Box<str>>,
    /// Whether it has proven who it is.
    pub(super) proven: bool,
    /// As which product it is registered if nobody has heard of it.
    pub(super) newcomer: Option<ProductId>,
}

impl Batch<'_> {
    pub(super) fn add_device(
        &mut self,
        key: DeviceKey,
        product: ProductId,
        by: &str,
    ) -> Result<Reply, Failed> {
        if self.draft.view().has_device(&key)? {
            return Err(CallError::DeviceExists(key.device).into());
        }
        self.know_tenant(&key.tenant, by)?;
        let device = Device::new(key, product, by, self.now);
        self.draft.put_device(&device)?;
        self.tell_of_device(&device, Presence::Added);
        let token = fresh_token()?;
        self.draft.put_credential(&device.key, &digest(token.reveal()))?;
        let device = self.match_filters(device)?;
        Ok(Reply::Device { device: Box::new(device), token })
    }

    pub(super) fn add_devices(
        &mut self,
        tenant: &TenantId,
        new: Vec<NewDevice>,
        by: &str,
    ) -> Result<Reply, Failed> {
        // As many as one request may assign.
        if new.is_empty() || new.len() > ASSIGNMENTS_MAX {
            return Err(CallError::Count { what: "devices", max: ASSIGNMENTS_MAX }.into());
        }
        let (mut ids, mut tokens) = (BTreeSet::new(), BTreeSet::new());
        for device in &new {
            let key = DeviceKey { tenant: tenant.clone(), device: device.id.clone() };
            if self.draft.view().has_device(&key)? || !ids.insert(&device.id) {
                return Err(CallError::DeviceExists(key.device).into());
            }
            let digests = device.token.iter().map(|token| digest(token.reveal()));
            for digest in digests {
                if self.draft.view().token_owner(&digest)?.is_some() || !tokens.insert(digest) {
                    return Err(CallError::TokenTaken.into());
                }
            }
        }
        self.know_tenant(tenant, by)?;
        let made = new.into_iter().map(|device| self.register(tenant, device, by));
        Ok(Reply::Devices(made.collect::<Result<_, Failed>>()?))
    }

    fn register(&mut self, tenant: &TenantId, new: NewDevice, by: &str) -> Result<Device, Failed> {
        let key = DeviceKey { tenant: tenant.clone(), device: new.id };
        let mut device = Device::new(key, new.product.unwrap_or_default(), by, self.now);
        device.profile = new.profile;
        self.draft.put_device(&device)?;
        self.tell_of_device(&device, Presence::Added);
        let token = match new.token {
            Some(token) => token,
            None => fresh_token()?,
        };
        self.draft.put_open_credential(&device.key, &digest(token.reveal()), token.reveal())?;
        Ok(self.match_filters(device)?)
    }

    pub(super) fn change_device(
        &mut self,
        key: &DeviceKey,
        change: DeviceChange,
        by: &str,
    ) -> Result<Reply, Failed> {
        let mut device = self.device(key)?;
        self.apply_device_change(&mut device, change)?;
        device.trail.touch(by, self.now);
        self.draft.put_device(&device)?;
        let device = self.match_filters(device)?;
        Ok(Reply::Devices(vec![device]))
    }

    fn apply_device_change(&mut self, device: &mut Device, change: DeviceChange) -> Result<(), Failed> {
        match change {
            DeviceChange::Several(changes) => {
                for change in changes {
                    self.apply_device_change(device, change)?;
                }
            }
            DeviceChange::AutoConfirm(new) => {
                let heard = self.decide_for(device.clone(), &Event::AutoConfirm(new))?;
                if let Verdict::Rejected(reject) = heard.verdict {
                    return Err(CallError::NotNow(reject).into());
                }
                *device = heard.device;
            }
            DeviceChange::Describe { name, description, address, group } => {
                let profile = &mut device.profile;
                for (place, new) in [
                    (&mut profile.name, name),
                    (&mut profile.description, description),
                    (&mut profile.address, address),
                    (&mut profile.group, group),
                ] {
                    // An empty text takes the old one away.
                    *place = new.or_else(|| place.take()).filter(|text| !text.is_empty());
                }
            }
            DeviceChange::WantAttributes(wanted) => device.attributes_wanted = wanted,
            DeviceChange::Token(token) => self.set_token(&device.key, &token)?,
            DeviceChange::Product(product) => device.product = product,
            DeviceChange::Tag(tag, true) => drop(device.profile.tags.insert(tag)),
            DeviceChange::Tag(tag, false) => drop(device.profile.tags.remove(&tag)),
            DeviceChange::Metadata(name, None) => drop(device.profile.metadata.remove(&name)),
            DeviceChange::Metadata(name, Some(value)) => {
                device.profile.metadata.insert(name, value);
                if device.profile.metadata.len() > METADATA_MAX {
                    return Err(CallError::Count { what: "metadata entries", max: METADATA_MAX }.into());
                }
            }
        }
        Ok(())
    }

    fn set_token(&mut self, key: &DeviceKey, token: &Secret) -> Result<(), Failed> {
        let digest = digest(token.reveal());
        let owner = self.draft.view().token_owner(&digest)?;
        if owner.is_some_and(|owner| owner != Principal::Device(key.clone())) {
            return Err(CallError::TokenTaken.into());
        }
        self.draft.put_open_credential(key, &digest, token.reveal())?;
        self.effects.evicted.push(Principal::Device(key.clone()));
        Ok(())
    }

    pub(super) fn renew_token(&mut self, key: &DeviceKey) -> Result<Reply, Failed> {
        let device = self.device(key)?;
        self.effects.evicted.push(Principal::Device(key.clone()));
        let token = fresh_token()?;
        self.draft.put_credential(&device.key, &digest(token.reveal()))?;
        Ok(Reply::Device { device: Box::new(device), token })
    }

    pub(super) fn remove_device(&mut self, key: &DeviceKey) -> Result<Reply, Failed> {
        let mut device = self.device(key)?;
        // What another action took the place of is let go too: nobody is left who could.
        let active: BTreeSet<_> = device.active.values().chain(&device.leaving).copied().collect();
        for action in active {
            device = self.decide_for(device, &Event::Cancel { action, how: Withdrawal::Forced })?.device;
        }
        self.draft.remove_device(&device)?;
        self.tell_of_device(&device, Presence::Removed);
        if &*device.trail.by == SELF {
            let others = self.draft.view().counter(Counter::Newcomers)?.saturating_sub(1);
            self.draft.put_counter(Counter::Newcomers, others)?;
        }
        self.effects.evicted.push(Principal::Device(key.clone()));
        Ok(Reply::Removed { files: Vec::new() })
    }

    /// What a device says at a door that answers it. Whoever is new is registered in the same commit.
    pub(super) fn hear(
        &mut self,
        key: DeviceKey,
        event: &Event,
        Speaker { from, proven, newcomer }: Speaker,
    ) -> Result<Reply, Failed> {
        let known = self.draft.view().device(&key)?;
        let mut device = match (known, newcomer) {
            (Some(device), _) => device,
            (None, Some(product)) => {
                self.know_tenant(&key.tenant, SELF)?;
                if self.draft.next(Counter::Newcomers)? > NEWCOMERS_MAX {
                    self.draft.put_counter(Counter::Newcomers, NEWCOMERS_MAX)?;
                    return Err(CallError::NoSuchDevice(key.device).into());
                }
                let new = Device::new(key, product, SELF, self.now);
                self.tell_of_device(&new, Presence::Added);
                self.match_filters(new)?
            }
            (None, None) => return Err(CallError::NoSuchDevice(key.device).into()),
        };
        if from.is_some() {
            device.seen_at = from;
        }
        device.proven |= proven;
        let heard = self.decide_for(device, event)?;
        if heard.verdict == Verdict::Stored {
            self.effects.heard.push((heard.device.key.clone(), event.clone()));
        }
        let held = self.memory.rollouts.held(&heard.under_way);
        let actions = heard.under_way.into_iter().filter(|action| !held.contains(&action.id)).collect();
        Ok(Reply::Heard { verdict: heard.verdict, device: Box::new(heard.device), actions })
    }

    pub(super) fn device(&mut self, key: &DeviceKey) -> Result<Device, Failed> {
        let found = self.draft.view().device(key)?;
        found.ok_or_else(|| CallError::NoSuchDevice(key.device.clone()).into())
    }
}
