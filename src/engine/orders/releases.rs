//! Releases: images that are installed together.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Failed, PAGE};
use crate::domain::catalog::{Section, Trail, What};
use crate::domain::deployment::Target;
use crate::domain::device::Device;
use crate::domain::event::{Event, Withdrawal};
use crate::domain::ids::{ActionId, FirmwareType, ImageId, ItemId, ReleaseId, TenantId};
use crate::domain::image::{Image, METADATA_MAX, Metadata, Release};
use crate::domain::news::{Happened, Presence};
use crate::domain::tenant::Setting;
use crate::engine::apply::Batch;
use crate::engine::call::{CallError, NewRelease, ReleaseChange, Reply};
use crate::store::StoreError;
use crate::store::tables::Counter;

/// The most images of a release and the most releases in one request.
const IMAGES_MAX: usize = 255;

impl Batch<'_> {
    pub(super) fn add_releases(
        &mut self,
        tenant: &TenantId,
        new: Vec<NewRelease>,
        by: &str,
    ) -> Result<Reply, Failed> {
        if new.is_empty() || new.len() > IMAGES_MAX {
            return Err(CallError::Count { what: "releases", max: IMAGES_MAX }.into());
        }
        let mut fresh = BTreeSet::new();
        for release in &new {
            self.refuse_taken_release(tenant, release)?;
            self.check_images(tenant, release.kind, &release.images)?;
            if !fresh.insert((release.name.clone(), release.version.clone())) {
                return Err(CallError::Twice(format!("{} {}", release.name, release.version)).into());
            }
        }
        let made = new.into_iter().map(|release| self.add_release(tenant, release, by));
        Ok(Reply::Releases(made.collect::<Result<_, Failed>>()?))
    }

    fn add_release(&mut self, tenant: &TenantId, new: NewRelease, by: &str) -> Result<Release, Failed> {
        let id = ReleaseId::new(self.draft.next(Counter::Release)?).ok_or(CallError::Busy)?;
        let release = Release {
            id,
            tenant: tenant.clone(),
            name: new.name,
            version: new.version,
            images: new.images,
            kind: new.kind,
            about: new.about,
            tags: BTreeSet::new(),
            required_step: new.required_step,
            locked: new.locked,
            invalid: false,
            deleted: false,
            trail: Trail::new(by, self.now),
        };
        self.draft.put_release(&release)?;
        self.news(tenant, Happened::release(&release, Presence::Added));
        Ok(release)
    }

    /// Only releases with a kind have a name of their own; ours may share one, as they always could.
    fn refuse_taken_release(&self, tenant: &TenantId, new: &NewRelease) -> Result<(), Failed> {
        let taken = self.draft.view().release_named(tenant, &new.name, &new.version)?;
        match taken.filter(|_| new.kind.is_some()) {
            Some(release) => {
                let (name, version) = (new.name.clone(), new.version.clone());
                Err(CallError::ReleaseExists { name, version, release }.into())
            }
            None => Ok(()),
        }
    }

    fn check_images(
        &mut self,
        tenant: &TenantId,
        kind: Option<ItemId>,
        ids: &[ImageId],
    ) -> Result<(), Failed> {
        if (kind.is_none() && ids.is_empty()) || ids.len() > IMAGES_MAX {
            return Err(CallError::Count { what: "images", max: IMAGES_MAX }.into());
        }
        let mut images: Vec<Arc<Image>> = Vec::with_capacity(ids.len());
        for id in ids {
            let image = self.image(tenant, *id)?.filter(|i| !i.deleted).ok_or(CallError::NoSuchImage(*id))?;
            let clash = images.iter().find(|other| {
                other.id == image.id
                    || (kind.is_none() && other.kind == image.kind)
                    || !other.products.meets(&image.products)
            });
            if let Some(other) = clash {
                return Err(CallError::ReleaseConflict(other.id, image.id).into());
            }
            images.push(image);
        }
        self.check_places(tenant, kind, &images)
    }

    /// Whether a release of this kind has a place for each of the images.
    fn check_places(
        &self,
        tenant: &TenantId,
        kind: Option<ItemId>,
        images: &[Arc<Image>],
    ) -> Result<(), Failed> {
        let Some(kind) = kind else { return Ok(()) };
        let missing = || CallError::NoSuchItem(format!("release type {kind}"));
        let item = self.draft.view().item(tenant, Section::ReleaseTypes, kind)?.ok_or_else(missing)?;
        let What::ReleaseType { mandatory, optional, .. } = item.what else { return Err(missing().into()) };
        for image in images {
            let same = images.iter().filter(|other| other.kind == image.kind).count();
            let known = mandatory.contains(&image.kind) || optional.contains(&image.kind);
            if !known || same > self.most_of(tenant, image.kind)? {
                return Err(CallError::NoPlace(image.id).into());
            }
        }
        Ok(())
    }

    /// How many images of a type one release may hold.
    fn most_of(&self, tenant: &TenantId, kind: FirmwareType) -> Result<usize, StoreError> {
        let id = ItemId::new(u64::from(kind.get())).expect("a firmware type is 1 to 200");
        match self.draft.view().item(tenant, Section::Types, id)?.map(|item| item.what) {
            Some(What::Type { max, .. }) if max > 0 => Ok(max as usize),
            Some(_) | None => Ok(usize::MAX),
        }
    }

    pub(super) fn change_release(
        &mut self,
        tenant: &TenantId,
        id: ReleaseId,
        change: ReleaseChange,
        by: &str,
    ) -> Result<Reply, Failed> {
        let old = self.draft.view().release(tenant, id)?.filter(|release| !release.deleted);
        let old = old.ok_or(CallError::NoSuchRelease(id))?;
        let mut release = old.clone();
        self.apply_release_change(&old, &mut release, change, by)?;
        release.trail.touch(by, self.now);
        self.put_changed_release(&old, &release)?;
        self.release_changed(&release)?;
        Ok(Reply::Releases(vec![release]))
    }

    fn apply_release_change(
        &mut self,
        old: &Release,
        release: &mut Release,
        change: ReleaseChange,
        by: &str,
    ) -> Result<(), Failed> {
        if needs_unlocked(&change) && release.locked {
            return Err(CallError::Locked(format!("release {}", release.id)).into());
        }
        match change {
            ReleaseChange::Several(changes) => {
                for change in changes {
                    self.apply_release_change(old, release, change, by)?;
                }
            }
            ReleaseChange::Describe { name, version, description, required_step } => {
                release.name = name.unwrap_or_else(|| release.name.clone());
                release.version = version.unwrap_or_else(|| release.version.clone());
                release.about.description = description.or(release.about.description.take());
                release.required_step = required_step.unwrap_or(release.required_step);
                self.refuse_renamed(old, release)?;
            }
            ReleaseChange::AddImages(images) => {
                let new = images.into_iter().filter(|image| !old.images.contains(image));
                release.images.extend(new);
                self.check_images(&release.tenant, release.kind, &release.images)?;
            }
            ReleaseChange::RemoveImage(image) => {
                let place = release.images.iter().position(|own| *own == image);
                release.images.remove(place.ok_or(CallError::NoSuchImage(image))?);
            }
            ReleaseChange::Metadata(name, None) => drop(release.about.metadata.remove(&name)),
            ReleaseChange::Metadata(name, Some(value)) => {
                release.about.metadata.insert(name, Metadata { value, visible: false });
                if release.about.metadata.len() > METADATA_MAX {
                    return Err(CallError::Count { what: "metadata entries", max: METADATA_MAX }.into());
                }
            }
            ReleaseChange::Tag(tag, true) => drop(release.tags.insert(tag)),
            ReleaseChange::Tag(tag, false) => drop(release.tags.remove(&tag)),
            ReleaseChange::Lock(locked) => release.locked = locked,
            ReleaseChange::Invalidate { cancel, stop } => {
                release.invalid = true;
                if stop {
                    self.stop_rollouts_of(&release.tenant, Target::Release(release.id), by)?;
                }
                self.withdraw(&release.tenant, release.id, cancel)?;
            }
        }
        Ok(())
    }

    fn refuse_renamed(&self, old: &Release, new: &Release) -> Result<(), Failed> {
        let same = (&old.name, &old.version) == (&new.name, &new.version);
        let taken = self.draft.view().release_named(&new.tenant, &new.name, &new.version)?;
        match taken.filter(|_| !same && new.kind.is_some()) {
            Some(release) => {
                let (name, version) = (new.name.clone(), new.version.clone());
                Err(CallError::ReleaseExists { name, version, release }.into())
            }
            None => Ok(()),
        }
    }

    fn put_changed_release(&mut self, old: &Release, release: &Release) -> Result<(), Failed> {
        self.draft.remove_release_name(old)?;
        self.draft.put_release(release)?;
        Ok(())
    }

    /// Calls the actions of a release off. Walks the tenant's actions: for the rare invalidations only.
    fn withdraw(&mut self, tenant: &TenantId, id: ReleaseId, cancel: Option<bool>) -> Result<(), Failed> {
        let Some(force) = cancel else { return Ok(()) };
        let how = if force { Withdrawal::Forced } else { Withdrawal::Asked };
        for action in self.active_of(tenant, Target::Release(id))? {
            self.on_action(tenant, action, Event::Cancel { action, how }).map(drop).or_else(|failed| {
                match failed {
                    // Its cancel is pending already.
                    Failed::Call(_) => Ok(()),
                    Failed::Store(error) => Err(Failed::Store(error)),
                }
            })?;
        }
        Ok(())
    }

    fn active_of(&self, tenant: &TenantId, target: Target) -> Result<Vec<ActionId>, StoreError> {
        let (mut found, mut before) = (Vec::new(), None);
        loop {
            let page = self.draft.view().actions(tenant, before, PAGE)?;
            let open = page.iter().filter(|a| !a.state.is_terminal() && a.target == target);
            found.extend(open.map(|a| a.id));
            if page.len() < PAGE {
                return Ok(found);
            }
            before = page.last().map(|a| a.id);
        }
    }

    pub(super) fn remove_release(
        &mut self,
        tenant: &TenantId,
        id: ReleaseId,
        mark: bool,
    ) -> Result<Reply, Failed> {
        let release = self.draft.view().release(tenant, id)?.filter(|release| mark || !release.deleted);
        let release = release.ok_or(CallError::NoSuchRelease(id))?;
        let wanted = |target| target == Target::Release(id);
        // What was ever assigned is in the history of its devices, and those who keep it by mark want to see it there.
        let used = self.pending_deployment(tenant, wanted)?.is_some()
            || self.has_rollout(tenant, wanted, mark)?
            || self.first_action(tenant, |a| wanted(a.target) && (mark || !a.state.is_terminal()))?.is_some();
        match used {
            true if mark => {
                let marked = Release { deleted: true, ..release.clone() };
                self.put_changed_release(&release, &marked)?;
            }
            true => return Err(CallError::ReleaseInUse(id).into()),
            false => self.draft.remove_release(tenant, id)?,
        }
        self.news(tenant, Happened::release(&release, Presence::Removed));
        Ok(Reply::Removed { files: Vec::new() })
    }

    /// Whether a rollout brings the target: one that can still move, or any where `ever` counts.
    fn has_rollout(
        &self,
        tenant: &TenantId,
        wanted: impl Fn(Target) -> bool,
        ever: bool,
    ) -> Result<bool, StoreError> {
        if !self.live_rollouts_where(tenant, |rollout| wanted(rollout.target)).is_empty() {
            return Ok(true);
        }
        if !ever {
            return Ok(false);
        }
        let mut before = None;
        loop {
            let page = self.draft.view().rollouts(tenant, before, PAGE)?;
            if page.iter().any(|rollout| wanted(rollout.target)) {
                return Ok(true);
            }
            if page.len() < PAGE {
                return Ok(false);
            }
            before = page.last().map(|rollout| rollout.id);
        }
    }

    /// Whether the release has an image of every type that its kind asks for; one without a kind has what it has.
    pub(in crate::engine) fn is_complete(&mut self, release: &Release) -> Result<bool, StoreError> {
        let Some(kind) = release.kind else { return Ok(!release.images.is_empty()) };
        let item = self.draft.view().item(&release.tenant, Section::ReleaseTypes, kind)?;
        let Some(What::ReleaseType { mandatory, .. }) = item.map(|item| item.what) else { return Ok(false) };
        let images = self.images_of(&release.tenant, Target::Release(release.id))?;
        let has = |kind: &FirmwareType| images.iter().any(|image| image.kind == *kind);
        Ok(!images.is_empty() && mandatory.iter().all(has))
    }

    /// Whether the product of the device takes releases of this kind.
    pub(super) fn check_kind(&mut self, device: &Device, target: Target) -> Result<(), Failed> {
        match self.takes_kind(device, target)? {
            true => Ok(()),
            false => Err(CallError::WrongKind(device.product.clone()).into()),
        }
    }

    /// As [`Batch::check_kind`], as a question.
    pub(in crate::engine) fn takes_kind(
        &mut self,
        device: &Device,
        target: Target,
    ) -> Result<bool, StoreError> {
        let Target::Release(id) = target else { return Ok(true) };
        let (view, tenant) = (self.draft.view(), &device.key.tenant);
        let kind = view.release(tenant, id)?.and_then(|release| release.kind);
        let product = view.item_keyed(tenant, Section::Products, device.product.as_str())?;
        match (kind, product.map(|item| item.what)) {
            (Some(kind), Some(What::Product { release_types, .. })) => {
                Ok(release_types.is_empty() || release_types.contains(&kind))
            }
            (_, _) => Ok(true),
        }
    }

    /// Whether what is assigned is locked in this tenant.
    pub(super) fn locks_implicitly(&mut self, tenant: &TenantId) -> Result<bool, StoreError> {
        self.flag(tenant, Setting::ImplicitLock)
    }

    /// The images of a target, in its order; none when one of them is gone.
    pub(in crate::engine) fn images_of(
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
}

fn needs_unlocked(change: &ReleaseChange) -> bool {
    match change {
        ReleaseChange::Describe { name, version, description: _, required_step } => {
            name.is_some() || version.is_some() || required_step.is_some()
        }
        ReleaseChange::AddImages(_) | ReleaseChange::RemoveImage(_) => true,
        ReleaseChange::Several(_)
        | ReleaseChange::Metadata(..)
        | ReleaseChange::Tag(..)
        | ReleaseChange::Lock(_)
        | ReleaseChange::Invalidate { .. } => false,
    }
}
