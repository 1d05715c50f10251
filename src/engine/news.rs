//! News of what a batch changed: gathered while it decides, numbered when it closes, told after its commit.

use super::apply::Batch;
use crate::domain::deployment::Deployment;
use crate::domain::device::Device;
use crate::domain::ids::TenantId;
use crate::domain::news::{Happened, News, Presence};
use crate::store::StoreError;

/// How often the bell has rung, and for what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rung {
    /// Commits with news.
    pub news: u64,
    /// Commits in which people changed a webhook.
    pub webhooks: u64,
}

impl Batch<'_> {
    /// Notes that something happened. It is told once it is on disk.
    pub(super) fn news(&mut self, tenant: &TenantId, what: Happened) {
        self.effects.news.push(News { id: 0, tenant: tenant.clone(), at: self.now, what });
    }

    pub(super) fn tell_of_device(&mut self, device: &Device, presence: Presence) {
        let (id, product) = (device.key.device.clone(), device.product.clone());
        self.news(&device.key.tenant, Happened::Device { device: id, product, presence });
    }

    /// A deployment that this batch touched may have come to its end, which is told once: whoever has ended stays so.
    pub(super) fn tell_of_end(&mut self, deployment: &Deployment) -> Result<(), StoreError> {
        if !deployment.counters.is_done() {
            return Ok(());
        }
        let before = self.draft.view().deployment(&deployment.tenant, deployment.id)?;
        if before.is_none_or(|before| !before.counters.is_done()) {
            self.news(&deployment.tenant, Happened::deployment(deployment));
        }
        Ok(())
    }

    /// Numbers the news of the batch and keeps them, tenant by tenant, each in the order in which it happened.
    pub(super) fn number_news(&mut self) -> Result<(), StoreError> {
        let news = &mut self.effects.news;
        // Stable: the order within a tenant stays.
        news.sort_by(|a, b| a.tenant.cmp(&b.tenant));
        for own in news.chunk_by_mut(|a, b| a.tenant == b.tenant) {
            let tenant = own[0].tenant.clone();
            self.draft.add_news(&tenant, own)?;
        }
        Ok(())
    }
}
