//! What operators want: each call checked against the store and carried out whole, or refused with a reason.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::access::{digest, new_token};
use super::apply::{Batch, SLICE};
use super::call::{Call, CallError, DEPLOYMENT_DEVICES_MAX, NewArtifact, NewImage, Reply, Secret};
use super::query::active_actions;
use crate::domain::decide::Verdict;
use crate::domain::deployment::{Counters, Deployment, Target};
use crate::domain::device::Device;
use crate::domain::event::Event;
use crate::domain::ids::{
    ActionId, ArtifactId, DeploymentId, DeviceId, DeviceKey, FirmwareType, ImageId, ProductId, ReleaseId,
    TenantId, Time,
};
use crate::domain::image::{Artifact, Image, Release, Sha256};
use crate::domain::offer::{Offer, Rules};
use crate::domain::version::Version;
use crate::store::StoreError;
use crate::store::tables::{Counter, Operator, Principal, Role, Task};

/// Artifact ids start here: below are the firmware types, so that one number names either.
const FIRST_ARTIFACT: u64 = 1000;
/// The most images that are looked at to find one that is in use or exists already, at a time.
const PAGE: usize = 500;

/// Why a call was not carried out.
#[derive(Debug)]
pub(super) enum Failed {
    /// The call is refused; the batch goes on.
    Call(CallError),
    /// The store fails; the batch ends.
    Store(StoreError),
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        Failed::Store(error)
    }
}

impl From<CallError> for Failed {
    fn from(error: CallError) -> Self {
        Failed::Call(error)
    }
}

impl Batch<'_> {
    /// Carries out a call. Every check comes before the first write, so that a refusal leaves nothing.
    pub(super) fn call(&mut self, call: Call) -> Result<Reply, Failed> {
        match call {
            Call::AddDevice { key, product } => self.add_device(key, product),
            Call::RenewToken { key } => self.renew_token(&key),
            Call::RemoveDevice { key } => self.remove_device(&key),
            Call::AddImage { tenant, image } => self.add_image(tenant, image),
            Call::RemoveImage { tenant, image } => self.remove_image(&tenant, image),
            Call::AddRelease { tenant, name, version, images } => {
                self.add_release(tenant, name, version, images)
            }
            Call::RemoveRelease { tenant, release } => self.remove_release(&tenant, release),
            Call::SetOffer { tenant, image, rules, allow_downgrade } => {
                self.set_offer(tenant, image, rules, allow_downgrade)
            }
            Call::RemoveOffer { tenant, product, kind } => self.remove_offer(&tenant, product, kind),
            Call::Deploy { tenant, target, devices, allow_downgrade } => {
                self.deploy(tenant, target, &devices, allow_downgrade)
            }
            Call::Cancel { tenant, action, force } => self.cancel(&tenant, action, force),
            Call::Hear { key, event } => {
                let device = self.device(&key)?;
                Ok(Reply::Heard(self.decide_for(device, &event)?))
            }
            Call::Ask { key, event } => {
                let device = self.device(&key)?;
                let (device, verdict) = self.decide_on(device, &event)?;
                let actions = active_actions(self.draft.view(), &device)?;
                Ok(Reply::Work { verdict, device: Box::new(device), actions })
            }
            Call::AddOperator { name, tenant, role } => self.add_operator(name, tenant, role),
            Call::RenewOperator { name } => self.renew_operator(name),
            Call::RemoveOperator { name } => self.remove_operator(name),
        }
    }

    // ---- devices

    fn add_device(&mut self, key: DeviceKey, product: ProductId) -> Result<Reply, Failed> {
        if self.draft.view().device(&key)?.is_some() {
            return Err(CallError::DeviceExists(key.device).into());
        }
        let device = Device::new(key, product, self.now);
        self.draft.put_device(&device)?;
        self.with_new_token(device)
    }

    fn renew_token(&mut self, key: &DeviceKey) -> Result<Reply, Failed> {
        let device = self.device(key)?;
        self.effects.evicted.push(Principal::Device(key.clone()));
        self.with_new_token(device)
    }

    fn with_new_token(&mut self, device: Device) -> Result<Reply, Failed> {
        let token = fresh_token()?;
        self.draft.put_credential(&device.key, &digest(token.reveal()))?;
        Ok(Reply::Device { device: Box::new(device), token })
    }

    fn remove_device(&mut self, key: &DeviceKey) -> Result<Reply, Failed> {
        let device = self.device(key)?;
        let active: BTreeSet<_> = device.active.values().copied().collect();
        for action in active {
            let device = self.device(key)?;
            self.decide_for(device, &Event::Cancel { action, force: true })?;
        }
        let device = self.device(key)?;
        self.draft.remove_device(&device)?;
        self.effects.evicted.push(Principal::Device(key.clone()));
        Ok(Reply::Removed { files: Vec::new() })
    }

    fn device(&mut self, key: &DeviceKey) -> Result<Device, Failed> {
        let found = self.draft.view().device(key)?;
        found.ok_or_else(|| CallError::NoSuchDevice(key.device.clone()).into())
    }

    // ---- images and releases

    fn add_image(&mut self, tenant: TenantId, new: NewImage) -> Result<Reply, Failed> {
        if new.files.is_empty() {
            return Err(CallError::Count { what: "files", max: usize::from(u8::MAX) }.into());
        }
        self.refuse_twice(new.files.iter().map(|f| &f.name))?;
        if let Some(image) = self.same_version(&tenant, &new)? {
            let NewImage { product, kind, version, .. } = new;
            return Err(CallError::VersionExists { product, kind, version, image }.into());
        }
        let id = ImageId::new(self.draft.next(Counter::Image)?).ok_or(CallError::Busy)?;
        let number = self.draft.next(Counter::ImageNumber(&tenant, new.kind))?;
        let mut artifacts = Vec::with_capacity(new.files.len());
        for file in new.files {
            let number = FIRST_ARTIFACT + self.draft.next(Counter::Artifact)?;
            artifacts.push(artifact(ArtifactId::new(number).ok_or(CallError::Busy)?, file));
        }
        let image = Image {
            id,
            tenant,
            product: new.product,
            kind: new.kind,
            number,
            version: new.version,
            artifacts,
            rules: new.rules,
            created: self.now,
        };
        self.draft.put_image(&image)?;
        Ok(Reply::Image(image))
    }

    fn refuse_twice<'n>(&self, names: impl Iterator<Item = &'n Box<str>>) -> Result<(), CallError> {
        let mut seen = BTreeSet::new();
        for name in names {
            if !seen.insert(name) {
                return Err(CallError::Twice(name.to_string()));
            }
        }
        Ok(())
    }

    fn same_version(&self, tenant: &TenantId, new: &NewImage) -> Result<Option<ImageId>, StoreError> {
        let same = |i: &Image| i.product == new.product && i.kind == new.kind && i.version == new.version;
        Ok(self.all_images(tenant)?.into_iter().find(same).map(|i| i.id))
    }

    fn all_images(&self, tenant: &TenantId) -> Result<Vec<Image>, StoreError> {
        let mut all: Vec<Image> = Vec::new();
        loop {
            let page = self.draft.view().images(tenant, all.last().map(|i| i.id), PAGE)?;
            let full = page.len() == PAGE;
            all.extend(page);
            if !full {
                return Ok(all);
            }
        }
    }

    fn remove_image(&mut self, tenant: &TenantId, id: ImageId) -> Result<Reply, Failed> {
        let image = self.draft.view().image(tenant, id)?.ok_or(CallError::NoSuchImage(id))?;
        if let Some(by) = self.image_in_use(tenant, id)? {
            return Err(CallError::ImageInUse { image: id, by }.into());
        }
        self.draft.remove_image(tenant, id)?;
        self.forget_image(tenant, id);
        let kept = self.draft.view().all_artifacts()?;
        let files = image.artifacts.into_iter().map(|a| a.sha256).filter(|sum| !kept.contains(sum));
        Ok(Reply::Removed { files: files.collect() })
    }

    fn image_in_use(&mut self, tenant: &TenantId, id: ImageId) -> Result<Option<String>, StoreError> {
        let view = self.draft.view();
        if let Some(offer) = view.offers(tenant, None)?.into_iter().find(|o| o.image == id) {
            return Ok(Some(format!("offered to product {} as type {}", offer.product, offer.kind)));
        }
        let releases = view.releases(tenant, None, usize::MAX)?;
        if let Some(release) = releases.into_iter().find(|r| r.images.contains(&id)) {
            return Ok(Some(format!("in release {}", release.id)));
        }
        if let Some(deployment) = self.pending_deployment(tenant, |target| target == Target::Image(id))? {
            return Ok(Some(format!("deployment {deployment} is being carried out")));
        }
        let active = self.first_active(tenant, |target| target == Target::Image(id))?;
        Ok(active.map(|action| format!("action {action} installs it")))
    }

    /// A deployment of a target that has not reached all its devices; it may have been ordered in this very batch.
    fn pending_deployment(
        &mut self,
        tenant: &TenantId,
        wanted: impl Fn(Target) -> bool,
    ) -> Result<Option<DeploymentId>, StoreError> {
        for (_, task) in self.draft.view().tasks(usize::MAX)? {
            let Task::Deploy { tenant: owner, deployment } = task else { continue };
            let found = self.deployment(owner.clone(), deployment)?;
            if owner == *tenant && found.is_some_and(|d| wanted(d.target)) {
                return Ok(Some(deployment));
            }
        }
        Ok(None)
    }

    /// The newest action under way for a target. Walks the tenant's actions: for the rare removals only.
    fn first_active(
        &self,
        tenant: &TenantId,
        wanted: impl Fn(Target) -> bool,
    ) -> Result<Option<ActionId>, StoreError> {
        let mut before = None;
        loop {
            let page = self.draft.view().actions(tenant, before, PAGE)?;
            let found = page.iter().find(|a| !a.state.is_terminal() && wanted(a.target));
            if found.is_some() || page.len() < PAGE {
                return Ok(found.map(|a| a.id));
            }
            before = page.last().map(|a| a.id);
        }
    }

    fn add_release(
        &mut self,
        tenant: TenantId,
        name: Box<str>,
        version: Version,
        ids: Vec<ImageId>,
    ) -> Result<Reply, Failed> {
        if ids.is_empty() || ids.len() > usize::from(u8::MAX) {
            return Err(CallError::Count { what: "images", max: usize::from(u8::MAX) }.into());
        }
        let mut images: Vec<Image> = Vec::with_capacity(ids.len());
        for id in &ids {
            let image = self.draft.view().image(&tenant, *id)?.ok_or(CallError::NoSuchImage(*id))?;
            let clash = images.iter().find(|i| i.kind == image.kind || i.product != image.product);
            if let Some(other) = clash {
                return Err(CallError::ReleaseConflict(other.id, image.id).into());
            }
            images.push(image);
        }
        let id = ReleaseId::new(self.draft.next(Counter::Release)?).ok_or(CallError::Busy)?;
        let release = Release { id, tenant, name, version, images: ids, created: self.now };
        self.draft.put_release(&release)?;
        Ok(Reply::Release(release))
    }

    fn remove_release(&mut self, tenant: &TenantId, id: ReleaseId) -> Result<Reply, Failed> {
        self.draft.view().release(tenant, id)?.ok_or(CallError::NoSuchRelease(id))?;
        let wanted = |target| target == Target::Release(id);
        let pending = self.pending_deployment(tenant, wanted)?;
        if pending.is_some() || self.first_active(tenant, wanted)?.is_some() {
            return Err(CallError::ReleaseInUse(id).into());
        }
        self.draft.remove_release(tenant, id)?;
        Ok(Reply::Removed { files: Vec::new() })
    }

    /// The images of a target, in its order; none when one of them is gone.
    pub(super) fn images_of(
        &mut self,
        tenant: &TenantId,
        target: Target,
    ) -> Result<Vec<Arc<Image>>, StoreError> {
        let ids = match target {
            Target::Image(id) => vec![id],
            Target::Release(id) => self.draft.view().release(tenant, id)?.map_or(Vec::new(), |r| r.images),
        };
        let mut images = Vec::with_capacity(ids.len());
        for id in ids {
            match self.image(tenant, id)? {
                Some(image) => images.push(image),
                None => return Ok(Vec::new()),
            }
        }
        Ok(images)
    }

    // ---- offers, deployments, actions

    fn set_offer(
        &mut self,
        tenant: TenantId,
        id: ImageId,
        rules: Rules,
        allow_downgrade: bool,
    ) -> Result<Reply, Failed> {
        let image = self.image(&tenant, id)?.ok_or(CallError::NoSuchImage(id))?;
        let (product, kind) = (image.product.clone(), image.kind);
        let offer = Offer { tenant, product, kind, image: id, rules, allow_downgrade, created: self.now };
        self.draft.put_offer(&offer)?;
        self.offer_at(&offer, self.now)?;
        let opens = [offer.rules.not_before, image.rules.not_before].into_iter().flatten().max();
        if let Some(opens) = opens.filter(|opens| *opens > self.now) {
            self.offer_at(&offer, opens)?;
        }
        Ok(Reply::Offer(offer))
    }

    /// Has the devices of the product look at the offer: when it is made, and when its window opens.
    fn offer_at(&mut self, offer: &Offer, at: Time) -> Result<(), StoreError> {
        let (tenant, product) = (offer.tenant.clone(), offer.product.clone());
        let number = self.draft.next(Counter::Task)?;
        self.draft.put_task(number, &Task::Offer { tenant, product, kind: offer.kind, at, after: None })
    }

    fn remove_offer(
        &mut self,
        tenant: &TenantId,
        product: ProductId,
        kind: FirmwareType,
    ) -> Result<Reply, Failed> {
        if self.draft.view().offer(tenant, &product, kind)?.is_none() {
            return Err(CallError::NoSuchOffer(product, kind).into());
        }
        self.draft.remove_offer(tenant, &product, kind)?;
        Ok(Reply::Removed { files: Vec::new() })
    }

    fn deploy(
        &mut self,
        tenant: TenantId,
        target: Target,
        devices: &[DeviceId],
        allow_downgrade: bool,
    ) -> Result<Reply, Failed> {
        self.check_target(&tenant, target)?;
        self.check_devices(&tenant, devices)?;
        let id = DeploymentId::new(self.draft.next(Counter::Deployment)?).ok_or(CallError::Busy)?;
        let task = self.draft.next(Counter::Task)?;
        for (slice, devices) in (0..).zip(devices.chunks(SLICE)) {
            self.draft.add_pending(task, slice, devices)?;
        }
        self.draft.put_task(task, &Task::Deploy { tenant: tenant.clone(), deployment: id })?;
        let pending = devices.len() as u64;
        let counters = Counters { pending, ..Counters::default() };
        let deployment = Deployment { id, tenant, target, allow_downgrade, counters, created: self.now };
        self.put_new_deployment(deployment.clone());
        Ok(Reply::Deployment(deployment))
    }

    fn check_target(&mut self, tenant: &TenantId, target: Target) -> Result<(), Failed> {
        let known = match target {
            Target::Image(id) => self.image(tenant, id)?.map(|_| ()).ok_or(CallError::NoSuchImage(id)),
            Target::Release(id) => {
                self.draft.view().release(tenant, id)?.map(|_| ()).ok_or(CallError::NoSuchRelease(id))
            }
        };
        Ok(known?)
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

    fn cancel(&mut self, tenant: &TenantId, id: ActionId, force: bool) -> Result<Reply, Failed> {
        let action = self.draft.view().action(tenant, id)?.ok_or(CallError::NoSuchAction(id))?;
        let device = self.device(&action.device)?;
        match self.decide_for(device, &Event::Cancel { action: id, force })? {
            Verdict::Stored | Verdict::Repeated => {}
            Verdict::Rejected(reject) => return Err(CallError::Refused { action: id, reject }.into()),
        }
        let action = self.draft.view().action(tenant, id)?.ok_or(CallError::NoSuchAction(id))?;
        Ok(Reply::Action(action))
    }

    // ---- operators

    fn add_operator(
        &mut self,
        name: Box<str>,
        tenant: Option<TenantId>,
        role: Role,
    ) -> Result<Reply, Failed> {
        if self.draft.view().operator(&name)?.is_some() {
            return Err(CallError::OperatorExists(name).into());
        }
        let token = fresh_token()?;
        let operator = Operator { name, tenant, role, digest: digest(token.reveal()), created: self.now };
        self.draft.put_operator(&operator)?;
        Ok(Reply::Operator { operator, token })
    }

    fn renew_operator(&mut self, name: Box<str>) -> Result<Reply, Failed> {
        let Some(operator) = self.draft.view().operator(&name)? else {
            return Err(CallError::NoSuchOperator(name).into());
        };
        let token = fresh_token()?;
        let operator = Operator { digest: digest(token.reveal()), ..operator };
        self.draft.put_operator(&operator)?;
        self.effects.evicted.push(Principal::Operator(name));
        Ok(Reply::Operator { operator, token })
    }

    fn remove_operator(&mut self, name: Box<str>) -> Result<Reply, Failed> {
        let Some(operator) = self.draft.view().operator(&name)? else {
            return Err(CallError::NoSuchOperator(name).into());
        };
        let governs = |o: &Operator| o.role == Role::Admin && o.tenant.is_none();
        let others = self.draft.view().operators()?;
        if governs(&operator) && !others.iter().any(|o| o.name != name && governs(o)) {
            return Err(CallError::LastAdministrator(name).into());
        }
        self.draft.remove_operator(&name)?;
        self.effects.evicted.push(Principal::Operator(name));
        Ok(Reply::Removed { files: Vec::new() })
    }
}

fn fresh_token() -> Result<Secret, CallError> {
    new_token().map_err(|error| {
        tracing::error!(%error, "the system has no randomness");
        CallError::Busy
    })
}

fn artifact(id: ArtifactId, file: NewArtifact) -> Artifact {
    let NewArtifact { name, size, sha256, sha1, md5 } = file;
    let sha256: Sha256 = sha256;
    Artifact { id, name, size, sha256, sha1, md5 }
}
