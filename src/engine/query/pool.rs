//! Questions about a pool of images: records by their numbers, files that wait for their image, and whether a device may
//! be told to take one.

use super::{Reader, StoreError, active_actions};
use crate::domain::action::Action;
use crate::domain::device::Device;
use crate::domain::eligibility::{self, Candidate, Finding};
use crate::domain::ids::{DeviceKey, FirmwareType, ImageId, TenantId};
use crate::domain::image::{Image, Sha256};
use crate::engine::call::NewArtifact;
use crate::engine::now;

/// How many images are looked at in one go: a few hundred kilobytes.
const PAGE: usize = 256;

/// An image held against a device, as an order to install it would be.
#[derive(Debug)]
pub struct Held {
    /// The device.
    pub device: Device,
    /// Every rule, in order.
    pub findings: Vec<Finding>,
    /// The action under way that brings the image.
    pub active: Option<Action>,
}

/// All functions fail with [`StoreError`] when the database cannot be read.
#[allow(clippy::missing_errors_doc)]
impl Reader {
    /// The image of a firmware type that has this number, unless it was removed.
    pub fn image_numbered(
        &self,
        tenant: &TenantId,
        kind: FirmwareType,
        number: u64,
    ) -> Result<Option<Image>, StoreError> {
        self.ask(|view| match view.image_numbered(tenant, kind, number)? {
            Some(id) => Ok(view.image(tenant, id)?.filter(|image| !image.deleted)),
            None => Ok(None),
        })
    }

    /// Every image of the tenant that was not removed and that `keep` wants, oldest first.
    pub fn images_where(
        &self,
        tenant: &TenantId,
        keep: impl Fn(&Image) -> bool,
    ) -> Result<Vec<Image>, StoreError> {
        self.ask(|view| {
            let (mut found, mut after) = (Vec::new(), None);
            loop {
                let page = view.images(tenant, after, PAGE)?;
                let full = page.len() == PAGE;
                after = page.last().map(|image| image.id).or(after);
                found.extend(page.into_iter().filter(|image| !image.deleted && keep(image)));
                if !full {
                    return Ok(found);
                }
            }
        })
    }

    /// A file that images of the tenant can have: one that was moved into the repository, or that another image has.
    pub fn repository_file(
        &self,
        tenant: &TenantId,
        sha256: &Sha256,
    ) -> Result<Option<NewArtifact>, StoreError> {
        self.ask(|view| {
            let waiting = view.upload(tenant, sha256)?.filter(|u| u.moved && !u.has_expired(now()));
            if let Some(upload) = waiting {
                let (size, sha1, md5) = (upload.size, upload.sha1, upload.md5);
                return Ok(Some(NewArtifact { name: "".into(), size, sha256: *sha256, sha1, md5 }));
            }
            let image = view.image_with(tenant, sha256)?;
            let file = image.and_then(|i| i.artifacts.into_iter().find(|a| a.sha256 == *sha256));
            Ok(file.map(|file| NewArtifact {
                name: "".into(),
                size: file.size,
                sha256: *sha256,
                sha1: file.sha1,
                md5: file.md5,
            }))
        })
    }

    /// An image held against a device, as if it were ordered without a way back to older versions. None without both.
    pub fn held(&self, key: &DeviceKey, image: ImageId) -> Result<Option<Held>, StoreError> {
        self.ask(|view| {
            let pair = view.device(key)?.zip(view.image(&key.tenant, image)?);
            let Some((device, image)) = pair else { return Ok(None) };
            let actions = active_actions(view, &device)?;
            let order = Candidate::ordered(&image, false);
            let findings = eligibility::findings(&device, order, &actions, self.policy.attempts, now());
            let brings = |action: &Action| action.components.iter().any(|c| c.image == image.id);
            let active = actions.into_iter().find(|action| brings(action) && !action.cancelling);
            Ok(Some(Held { device, findings, active }))
        })
    }
}
