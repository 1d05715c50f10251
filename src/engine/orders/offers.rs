//! Standing offers: made, and taken back.

use super::Failed;
use crate::domain::ids::{FirmwareType, ImageId, ProductId, TenantId, Time};
use crate::domain::news::Happened;
use crate::domain::offer::{Offer, Rules};
use crate::engine::apply::Batch;
use crate::engine::call::{CallError, Reply};
use crate::store::StoreError;
use crate::store::tables::{Counter, Task};

impl Batch<'_> {
    pub(super) fn set_offer(
        &mut self,
        tenant: TenantId,
        id: ImageId,
        product: Option<ProductId>,
        rules: Rules,
        allow_downgrade: bool,
    ) -> Result<Reply, Failed> {
        let image = self.image(&tenant, id)?.ok_or(CallError::NoSuchImage(id))?;
        let product = product.or_else(|| image.products.first().cloned());
        let product = product.filter(|product| image.products.contains(product));
        let product = product.ok_or(CallError::OtherProduct(id))?;
        let kind = image.kind;
        let offer = Offer { tenant, product, kind, image: id, rules, allow_downgrade, created: self.now };
        self.draft.put_offer(&offer)?;
        let product = offer.product.clone();
        self.news(&offer.tenant, Happened::Offer { product, kind, image: Some(id) });
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

    pub(super) fn remove_offer(
        &mut self,
        tenant: &TenantId,
        product: ProductId,
        kind: FirmwareType,
    ) -> Result<Reply, Failed> {
        if self.draft.view().offer(tenant, &product, kind)?.is_none() {
            return Err(CallError::NoSuchOffer(product, kind).into());
        }
        self.draft.remove_offer(tenant, &product, kind)?;
        self.news(tenant, Happened::Offer { product, kind, image: None });
        Ok(Reply::Removed { files: Vec::new() })
    }
}
