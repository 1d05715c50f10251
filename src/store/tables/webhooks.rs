//! Webhooks.

use crate::domain::ids::{TenantId, WebhookId};
use crate::domain::webhook::Webhook;
use crate::store::record::webhook::WebhookRecord;
use crate::store::record::{decode, encode, some};
use crate::store::{StoreError, Table};

use super::view::rising;
use super::{Draft, View, keys};

impl View<'_> {
    /// A webhook.
    pub fn webhook(self, tenant: &TenantId, id: WebhookId) -> Result<Option<Webhook>, StoreError> {
        let read = |bytes: &[u8]| decode::<WebhookRecord<'_>>(bytes)?.webhook(tenant.clone(), id);
        self.row(Table::Webhooks, &keys::numbered(tenant, id.get()), read)
    }

    /// The webhooks of a tenant, which are few.
    pub fn webhooks(self, tenant: &TenantId) -> Result<Vec<Webhook>, StoreError> {
        self.page(rising(Table::Webhooks, &keys::tenant(tenant), None, usize::MAX), |id, bytes| {
            let id = some(keys::read_number(id).and_then(WebhookId::new), "a webhook's key")?;
            decode::<WebhookRecord<'_>>(bytes)?.webhook(tenant.clone(), id)
        })
    }

    /// The webhooks of all tenants.
    pub fn all_webhooks(self) -> Result<Vec<Webhook>, StoreError> {
        self.page(rising(Table::Webhooks, &[], None, usize::MAX), |key, bytes| {
            let (tenant, id) = some(keys::read_numbered(key), "a webhook's key")?;
            let id = some(WebhookId::new(id), "a webhook's key")?;
            decode::<WebhookRecord<'_>>(bytes)?.webhook(tenant, id)
        })
    }
}

impl Draft<'_> {
    /// Keeps a webhook.
    pub fn put_webhook(&mut self, hook: &Webhook) -> Result<(), StoreError> {
        let key = keys::numbered(&hook.tenant, hook.id.get());
        self.0.put(Table::Webhooks, &key, &encode(&WebhookRecord::of(hook)))
    }

    /// Forgets a webhook.
    pub fn remove_webhook(&mut self, tenant: &TenantId, id: WebhookId) -> Result<(), StoreError> {
        self.0.remove(Table::Webhooks, &keys::numbered(tenant, id.get()))
    }
}
