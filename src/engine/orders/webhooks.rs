//! Webhooks: made, changed, and how far each has come.

use super::Failed;
use crate::domain::catalog::Trail;
use crate::domain::ids::{TenantId, WebhookId};
use crate::domain::news::Wanted;
use crate::domain::webhook::{Attempt, SigningKey, WEBHOOKS_MAX, Webhook};
use crate::engine::access;
use crate::engine::apply::Batch;
use crate::engine::call::{CallError, Reply};
use crate::store::tables::Counter;

/// What is changed of a webhook.
pub(super) struct Changes {
    pub(super) url: Option<Box<str>>,
    pub(super) wanted: Option<Wanted>,
    pub(super) enabled: Option<bool>,
}

impl Batch<'_> {
    pub(super) fn add_webhook(
        &mut self,
        tenant: TenantId,
        url: Box<str>,
        wanted: Wanted,
        by: &str,
    ) -> Result<Reply, Failed> {
        if self.draft.view().webhooks(&tenant)?.len() >= WEBHOOKS_MAX {
            return Err(CallError::Count { what: "webhooks", max: WEBHOOKS_MAX }.into());
        }
        let key = access::new_secret().map_err(|error| {
            tracing::error!(%error, "the system has no randomness");
            CallError::Busy
        })?;
        self.know_tenant(&tenant, by)?;
        let id = self.draft.next(Counter::Webhook(&tenant))?;
        let hook = Webhook {
            id: WebhookId::new(id).ok_or(CallError::Busy)?,
            url,
            // 24 bytes, as the specification of Standard Webhooks has it at least.
            key: SigningKey(key.0[..24].into()),
            wanted,
            enabled: true,
            given_up: None,
            cursor: self.draft.view().newest_news(&tenant)?,
            failures: 0,
            failing_since: None,
            last: None,
            trail: Trail::new(by, self.now),
            tenant,
        };
        self.put_webhook(hook)
    }

    pub(super) fn change_webhook(
        &mut self,
        tenant: &TenantId,
        id: WebhookId,
        changes: Changes,
        by: &str,
    ) -> Result<Reply, Failed> {
        let mut hook = self.webhook(tenant, id)?;
        hook.url = changes.url.unwrap_or(hook.url);
        hook.wanted = changes.wanted.unwrap_or(hook.wanted);
        hook.enable(changes.enabled.unwrap_or(hook.enabled));
        hook.trail.touch(by, self.now);
        self.put_webhook(hook)
    }

    pub(super) fn remove_webhook(&mut self, tenant: &TenantId, id: WebhookId) -> Result<Reply, Failed> {
        self.webhook(tenant, id)?;
        self.draft.remove_webhook(tenant, id)?;
        self.effects.webhooks = true;
        Ok(Reply::Removed { files: Vec::new() })
    }

    pub(super) fn note_webhook(
        &mut self,
        tenant: &TenantId,
        id: WebhookId,
        cursor: u64,
        attempt: Option<Attempt>,
    ) -> Result<Reply, Failed> {
        let mut hook = self.webhook(tenant, id)?;
        hook.cursor = cursor;
        if let Some(attempt) = attempt {
            hook.note(attempt);
        }
        self.draft.put_webhook(&hook)?;
        Ok(Reply::Webhook(Box::new(hook)))
    }

    fn webhook(&self, tenant: &TenantId, id: WebhookId) -> Result<Webhook, Failed> {
        let found = self.draft.view().webhook(tenant, id)?;
        found.ok_or_else(|| CallError::NoSuchWebhook(id).into())
    }

    fn put_webhook(&mut self, hook: Webhook) -> Result<Reply, Failed> {
        self.draft.put_webhook(&hook)?;
        self.effects.webhooks = true;
        Ok(Reply::Webhook(Box::new(hook)))
    }
}
