//! What doors ask whose devices know versions of a product and no actions.

use super::Reader;
use crate::domain::device::Device;
use crate::domain::eligibility::{self, Candidate, Reason};
use crate::domain::ids::{DeviceKey, FirmwareType, ProductId, TenantId};
use crate::domain::image::Image;
use crate::domain::offer::{Offer, Rules};
use crate::domain::version::Version;
use crate::engine::now;
use crate::store::StoreError;

/// How many images are looked at in one go: a few hundred kilobytes.
const PAGE: usize = 256;

/// All functions fail with [`StoreError`] when the database cannot be read.
#[allow(clippy::missing_errors_doc)]
impl Reader {
    /// The images of a firmware type that devices of a product can take, in id order. Walks the tenant's images.
    pub fn product_images(
        &self,
        tenant: &TenantId,
        product: &ProductId,
        kind: FirmwareType,
    ) -> Result<Vec<Image>, StoreError> {
        self.ask(|view| {
            let (mut found, mut after) = (Vec::new(), None);
            loop {
                let page = view.images(tenant, after, PAGE)?;
                let more = page.len() == PAGE;
                after = page.last().map(|image| image.id);
                let own =
                    |image: &Image| image.kind == kind && !image.deleted && image.products.contains(product);
                found.extend(page.into_iter().filter(own));
                if !more {
                    return Ok(found);
                }
            }
        })
    }

    /// The image that people call so.
    pub fn image_called(
        &self,
        tenant: &TenantId,
        kind: FirmwareType,
        name: &str,
        version: &Version,
    ) -> Result<Option<Image>, StoreError> {
        self.ask(|view| match view.image_named(tenant, kind, name, version)? {
            Some(id) => Ok(view.image(tenant, id)?.filter(|image| !image.deleted)),
            None => Ok(None),
        })
    }

    /// What is offered to the devices of a product, with its image.
    pub fn offered(
        &self,
        tenant: &TenantId,
        product: &ProductId,
        kind: FirmwareType,
    ) -> Result<Option<(Offer, Image)>, StoreError> {
        self.ask(|view| match view.offer(tenant, product, kind)? {
            Some(offer) => Ok(view.image(tenant, offer.image)?.map(|image| (offer, image))),
            None => Ok(None),
        })
    }

    /// Whether the device has a token with which it could prove itself.
    pub fn has_token(&self, key: &DeviceKey) -> Result<bool, StoreError> {
        self.ask(|view| Ok(view.credential(key)?.is_some()))
    }

    /// Why the device may not have an image on these rules beside the image's own. What is under way does not count:
    /// this is for doors where nothing is, or where what is under way is what is asked about. Which version is above
    /// another is the door's matter too.
    pub fn refusal(&self, device: &Device, image: &Image, rules: &Rules) -> Option<Reason> {
        let ordered = Candidate::ordered(image, true);
        let candidate = Candidate { rules: Some(rules), standing: true, ..ordered };
        let findings = eligibility::findings(device, candidate, &[], self.policy.attempts, now());
        eligibility::refusal(&findings).cloned()
    }
}
