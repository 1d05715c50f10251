//! Records of webhooks.

use std::borrow::Cow;

use crate::domain::ids::{TenantId, Time, WebhookId};
use crate::domain::news::Wanted;
use crate::domain::webhook::{Attempt, SigningKey, Webhook};

use super::terms::TrailRecord;
use super::{Bad, record, some, text};

record! {
    /// A webhook; tenant and id are the key.
    WebhookRecord<'a> {
        url: Cow<'a, str>,
        key: Vec<u8>,
        types: Vec<Cow<'a, str>>,
        enabled: bool,
        given_up: Option<Cow<'a, str>>,
        cursor: u64,
        failures: u32,
        failing_since: Option<u64>,
        last: Option<(u64, Option<u16>, Option<Cow<'a, str>>)>,
        trail: TrailRecord<'a>,
    }
}

impl<'a> WebhookRecord<'a> {
    /// The record of a webhook.
    pub(in crate::store) fn of(hook: &'a Webhook) -> Self {
        let last = |last: &'a Attempt| (last.at.0, last.status, last.error.as_deref().map(Cow::Borrowed));
        WebhookRecord {
            url: Cow::Borrowed(&hook.url),
            key: hook.key.0.to_vec(),
            types: hook.wanted.types().map(Cow::Borrowed).collect(),
            enabled: hook.enabled,
            given_up: hook.given_up.as_deref().map(Cow::Borrowed),
            cursor: hook.cursor,
            failures: hook.failures,
            failing_since: hook.failing_since.map(|since| since.0),
            last: hook.last.as_ref().map(last),
            trail: TrailRecord::of(&hook.trail),
        }
    }

    /// The webhook under that key.
    pub(in crate::store) fn webhook(self, tenant: TenantId, id: WebhookId) -> Result<Webhook, Bad> {
        let wanted = Wanted::parse(self.types.iter().map(|own| &**own)).ok();
        Ok(Webhook {
            id,
            tenant,
            url: text(self.url),
            key: SigningKey(self.key.into()),
            wanted: some(wanted, "an event type breaks the grammar")?,
            enabled: self.enabled,
            given_up: self.given_up.map(text),
            cursor: self.cursor,
            failures: self.failures,
            failing_since: self.failing_since.map(Time),
            last: self.last.map(|(at, status, error)| Attempt {
                at: Time(at),
                status,
                error: error.map(text),
            }),
            trail: self.trail.trail(),
        })
    }
}
