//! Images: numbers for uploads, changes before they are locked, removal.

use std::collections::BTreeSet;

use super::{Failed, PAGE};
use crate::domain::action::{Action, State};
use crate::domain::catalog::Trail;
use crate::domain::deployment::Target;
use crate::domain::event::{Event, Withdrawal};
use crate::domain::ids::{ActionId, ArtifactId, DeploymentId, FirmwareType, ImageId, ProductId, TenantId};
use crate::domain::image::{Artifact, FIRST_ARTIFACT, Image, METADATA_MAX, Products, Sha256};
use crate::domain::news::{Happened, Presence};
use crate::domain::offer::Rules;
use crate::domain::version::Version;
use crate::engine::apply::Batch;
use crate::engine::call::{CallError, ImageChange, NewArtifact, NewImage, Reply};
use crate::store::StoreError;
use crate::store::tables::{Counter, Task};

/// The most images in one request, and the most files of an image (hawkBit's quota is 50 files).
const IMAGES_MAX: usize = 255;

impl Batch<'_> {
    pub(super) fn add_images(
        &mut self,
        tenant: &TenantId,
        new: Vec<NewImage>,
        by: &str,
    ) -> Result<Reply, Failed> {
        if new.is_empty() || new.len() > IMAGES_MAX {
            return Err(CallError::Count { what: "images", max: IMAGES_MAX }.into());
        }
        let mut fresh = BTreeSet::new();
        for image in &new {
            let name = name_of(image);
            self.refuse_taken(tenant, image.kind, &name, &image.version)?;
            refuse_twice(image.files.iter().map(|file| &file.name))?;
            if !fresh.insert((image.kind, name.clone(), image.version.clone())) {
                return Err(CallError::Twice(format!("{name} {}", image.version)).into());
            }
        }
        self.know_tenant(tenant, by)?;
        let made = new.into_iter().map(|image| self.add_image(tenant, image, by));
        let images = made.collect::<Result<_, Failed>>()?;
        Ok(Reply::Images { images, files: Vec::new() })
    }

    fn add_image(&mut self, tenant: &TenantId, new: NewImage, by: &str) -> Result<Image, Failed> {
        let offered = new.offered;
        let id = ImageId::new(self.draft.next(Counter::Image)?).ok_or(CallError::Busy)?;
        let number = self.draft.next(Counter::ImageNumber(tenant, new.kind))?;
        let image = Image {
            id,
            tenant: tenant.clone(),
            name: name_of(&new),
            products: new.products,
            kind: new.kind,
            number,
            version: new.version,
            artifacts: self.artifacts(new.files)?,
            rules: new.rules,
            about: new.about,
            tags: new.tags,
            encrypted: new.encrypted,
            locked: false,
            deleted: false,
            trail: Trail::new(by, self.now),
        };
        self.draft.put_image(&image)?;
        self.news(tenant, Happened::image(&image, Presence::Added));
        if offered {
            self.set_offer(tenant.clone(), id, None, Rules::default(), false)?;
        }
        Ok(image)
    }

    fn artifacts(&mut self, files: Vec<NewArtifact>) -> Result<Vec<Artifact>, Failed> {
        let mut artifacts = Vec::with_capacity(files.len());
        for file in files {
            let number = FIRST_ARTIFACT + self.draft.next(Counter::Artifact)?;
            let id = ArtifactId::new(number).ok_or(CallError::Busy)?;
            let NewArtifact { name, size, sha256, sha1, md5 } = file;
            artifacts.push(Artifact { id, name, size, sha256, sha1, md5 });
        }
        Ok(artifacts)
    }

    fn refuse_taken(
        &self,
        tenant: &TenantId,
        kind: FirmwareType,
        name: &str,
        version: &Version,
    ) -> Result<(), Failed> {
        match self.draft.view().image_named(tenant, kind, name, version)? {
            Some(image) => {
                let version = version.clone();
                Err(CallError::VersionExists { name: name.into(), kind, version, image }.into())
            }
            None => Ok(()),
        }
    }

    pub(super) fn change_image(
        &mut self,
        tenant: &TenantId,
        id: ImageId,
        change: ImageChange,
        by: &str,
    ) -> Result<Reply, Failed> {
        let old = self.draft.view().image(tenant, id)?.filter(|image| !image.deleted);
        let old = old.ok_or(CallError::NoSuchImage(id))?;
        let mut image = old.clone();
        let lost = lost_products(&change);
        self.apply_change(tenant, &mut image, change)?;
        image.trail.touch(by, self.now);
        self.put_changed_image(&old, &image)?;
        for product in lost {
            self.call_off(tenant, id, &product)?;
        }
        let files = self.unneeded(old.artifacts)?;
        Ok(Reply::Images { images: vec![image], files })
    }

    fn apply_change(
        &mut self,
        tenant: &TenantId,
        image: &mut Image,
        change: ImageChange,
    ) -> Result<(), Failed> {
        if needs_unlocked(&change) && image.locked {
            return Err(CallError::Locked(format!("image {}", image.id)).into());
        }
        match change {
            ImageChange::Describe { description, vendor } => {
                image.about.description = description.or(image.about.description.take());
                image.about.vendor = vendor.or(image.about.vendor.take());
            }
            ImageChange::Rename { name, version } => {
                if (&name, &version) != (&image.name, &image.version) {
                    self.refuse_taken(tenant, image.kind, &name, &version)?;
                }
                (image.name, image.version) = (name, version);
            }
            ImageChange::AddFile(file) => {
                refuse_twice(image.artifacts.iter().map(|a| &a.name).chain([&file.name]))?;
                image.artifacts.append(&mut self.artifacts(vec![file])?);
            }
            ImageChange::RemoveFile(file) => {
                let place = image.artifacts.iter().position(|a| a.id == file);
                image.artifacts.remove(place.ok_or(CallError::NoSuchArtifact(file))?);
            }
            ImageChange::ReplaceFiles(files) => {
                refuse_twice(files.iter().map(|file| &file.name))?;
                image.artifacts = self.artifacts(files)?;
            }
            ImageChange::Metadata(name, None) => drop(image.about.metadata.remove(&name)),
            ImageChange::Metadata(name, Some(value)) => {
                image.about.metadata.insert(name, value);
                if image.about.metadata.len() > METADATA_MAX {
                    return Err(CallError::Count { what: "metadata entries", max: METADATA_MAX }.into());
                }
            }
            ImageChange::Tags(tags) => image.tags = tags,
            ImageChange::Product(product, takes) => {
                let Products::Only(products) = &mut image.products else {
                    return Err(CallError::BadItem(format!("image {} is for every product", image.id)).into());
                };
                match takes {
                    true => drop(products.insert(product)),
                    false => drop(products.remove(&product)),
                }
            }
            ImageChange::Lock => image.locked = true,
            ImageChange::Several(changes) => {
                for change in changes {
                    self.apply_change(tenant, image, change)?;
                }
            }
        }
        Ok(())
    }

    /// Calls off what waits on devices of a product that may not have the image any more. What is under way goes on.
    fn call_off(&mut self, tenant: &TenantId, image: ImageId, product: &ProductId) -> Result<(), Failed> {
        let waits = |a: &Action| {
            matches!(a.state, State::Queued | State::Offered)
                && a.components.iter().any(|component| component.image == image)
        };
        let mut before = None;
        loop {
            let page = self.draft.view().actions(tenant, before, PAGE)?;
            for action in page.iter().filter(|action| waits(action)) {
                let device = self.draft.view().device(&action.device)?;
                if let Some(device) = device.filter(|device| device.product == *product) {
                    let event = Event::Cancel { action: action.id, how: Withdrawal::Plain };
                    self.decide_for(device, &event)?;
                }
            }
            if page.len() < PAGE {
                return Ok(());
            }
            before = page.last().map(|a| a.id);
        }
    }

    /// Writes a changed image; nobody is to go on with the old one.
    pub(super) fn put_changed_image(&mut self, old: &Image, image: &Image) -> Result<(), Failed> {
        self.draft.remove_image_name(old)?;
        self.draft.put_image(image)?;
        self.forget_image(&image.tenant, image.id);
        Ok(())
    }

    /// Those of the files that no image refers to any more.
    fn unneeded(&self, artifacts: Vec<Artifact>) -> Result<Vec<Sha256>, StoreError> {
        if artifacts.is_empty() {
            return Ok(Vec::new());
        }
        let kept = self.draft.view().all_artifacts()?;
        Ok(artifacts.into_iter().map(|a| a.sha256).filter(|sum| !kept.contains(sum)).collect())
    }

    pub(super) fn remove_image(
        &mut self,
        tenant: &TenantId,
        id: ImageId,
        mark: bool,
    ) -> Result<Reply, Failed> {
        let image = self.draft.view().image(tenant, id)?.filter(|image| mark || !image.deleted);
        let image = image.ok_or(CallError::NoSuchImage(id))?;
        match self.image_in_use(tenant, id)? {
            Some(_) if mark => {
                let marked = Image { deleted: true, ..image.clone() };
                self.put_changed_image(&image, &marked)?;
                self.news(tenant, Happened::image(&image, Presence::Removed));
                return Ok(Reply::Removed { files: Vec::new() });
            }
            Some(by) => return Err(CallError::ImageInUse { image: id, by }.into()),
            None => {}
        }
        self.draft.remove_image(tenant, id)?;
        self.forget_image(tenant, id);
        self.news(tenant, Happened::image(&image, Presence::Removed));
        let files = self.unneeded(image.artifacts)?;
        Ok(Reply::Removed { files })
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
        if let Some(rollout) = self.live_rollouts_where(tenant, |rollout| rollout.needs(id)).first() {
            return Ok(Some(format!("rollout {rollout} brings it")));
        }
        let installs = |action: &Action| !action.state.is_terminal() && action.target == Target::Image(id);
        Ok(self.first_action(tenant, installs)?.map(|action| format!("action {action} installs it")))
    }

    /// A deployment of a target that has not reached all its devices; it may have been ordered in this very batch.
    pub(super) fn pending_deployment(
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

    /// The newest action that is wanted. Walks the tenant's actions: for the rare removals only.
    pub(super) fn first_action(
        &self,
        tenant: &TenantId,
        wanted: impl Fn(&Action) -> bool,
    ) -> Result<Option<ActionId>, StoreError> {
        let mut before = None;
        loop {
            let page = self.draft.view().actions(tenant, before, PAGE)?;
            let found = page.iter().find(|action| wanted(action));
            if found.is_some() || page.len() < PAGE {
                return Ok(found.map(|a| a.id));
            }
            before = page.last().map(|a| a.id);
        }
    }
}

/// What people call an image that they have not named: its product's name.
fn name_of(new: &NewImage) -> Box<str> {
    let product = new.products.first().map_or("image", |product| product.as_str());
    new.name.clone().unwrap_or_else(|| product.into())
}

/// The products whose devices may not have the image after a change.
fn lost_products(change: &ImageChange) -> Vec<ProductId> {
    match change {
        ImageChange::Product(product, false) => vec![product.clone()],
        ImageChange::Several(changes) => changes.iter().flat_map(lost_products).collect(),
        ImageChange::Describe { .. }
        | ImageChange::Rename { .. }
        | ImageChange::AddFile(_)
        | ImageChange::RemoveFile(_)
        | ImageChange::ReplaceFiles(_)
        | ImageChange::Metadata(..)
        | ImageChange::Tags(_)
        | ImageChange::Product(_, true)
        | ImageChange::Lock => Vec::new(),
    }
}

fn needs_unlocked(change: &ImageChange) -> bool {
    match change {
        ImageChange::Rename { .. }
        | ImageChange::AddFile(_)
        | ImageChange::RemoveFile(_)
        | ImageChange::ReplaceFiles(_) => true,
        ImageChange::Describe { .. }
        | ImageChange::Metadata(..)
        | ImageChange::Tags(_)
        | ImageChange::Product(..)
        | ImageChange::Several(_)
        | ImageChange::Lock => false,
    }
}

fn refuse_twice<'n>(names: impl Iterator<Item = &'n Box<str>>) -> Result<(), CallError> {
    let mut seen = BTreeSet::new();
    for name in names {
        if !seen.insert(name) {
            return Err(CallError::Twice(name.to_string()));
        }
    }
    Ok(())
}
