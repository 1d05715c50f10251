//! The news of a tenant, read on from where a listener stopped, and the webhooks that they are sent to.

use super::{Reader, StoreError};
use crate::domain::ids::{TenantId, WebhookId};
use crate::domain::news::News;
use crate::domain::webhook::Webhook;
use crate::store::tables::View;

/// News that a listener asked for are not there: they are too old, or never were.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// The number behind which the listener wanted to read on.
    pub after: u64,
    /// The number with which it goes on. What lies between was missed; where it is not above `after`, the log has begun
    /// anew, because an older copy of the store was put in its place.
    pub next: u64,
}

/// What a listener gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// What was missed before the first.
    pub gap: Option<Gap>,
    /// The news, in their order.
    pub news: Vec<News>,
}

/// All functions fail with [`StoreError`] when the database cannot be read.
#[allow(clippy::missing_errors_doc)]
impl Reader {
    /// The number of the tenant's newest news; 0 before there are any.
    pub fn newest_news(&self, tenant: &TenantId) -> Result<u64, StoreError> {
        self.ask(|view| view.newest_news(tenant))
    }

    /// A webhook.
    pub fn webhook(&self, tenant: &TenantId, id: WebhookId) -> Result<Option<Webhook>, StoreError> {
        self.ask(|view| view.webhook(tenant, id))
    }

    /// The webhooks of a tenant.
    pub fn webhooks(&self, tenant: &TenantId) -> Result<Vec<Webhook>, StoreError> {
        self.ask(|view| view.webhooks(tenant))
    }

    /// The webhooks of all tenants.
    pub fn all_webhooks(&self) -> Result<Vec<Webhook>, StoreError> {
        self.ask(|view| view.all_webhooks())
    }

    /// News after the number `after`; about `limit` of them, for they lie in rows. None at all when there are no more
    /// yet: then it is time to listen for the engine's bell.
    pub fn news(&self, tenant: &TenantId, after: u64, limit: usize) -> Result<Heard, StoreError> {
        self.ask(|view| {
            let newest = view.newest_news(tenant)?;
            if after == newest {
                return Ok(Heard { gap: None, news: Vec::new() });
            }
            let next = if after > newest { newest + 1 } else { first_after(view, tenant, after)? };
            let gap = (after.checked_add(1) != Some(next)).then_some(Gap { after, next });
            let news = view.news(tenant, next - 1, limit)?;
            Ok(Heard { gap, news })
        })
    }
}

/// The number of the first news behind `after` that are kept.
fn first_after(view: View<'_>, tenant: &TenantId, after: u64) -> Result<u64, StoreError> {
    Ok(view.oldest_news(tenant)?.max(after + 1))
}
