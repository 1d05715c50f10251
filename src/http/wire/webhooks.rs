//! The JSON of webhooks.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::timestamp;
use crate::domain::webhook::{Attempt, Webhook};

/// A webhook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookBody {
    /// The id.
    pub id: u32,
    /// Where events are sent.
    pub url: String,
    /// Which events; empty for all.
    pub types: Vec<String>,
    /// Whether any are sent.
    pub enabled: bool,
    /// Why it was switched off without anybody asking for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given_up: Option<String>,
    /// The newest event that has arrived, or is not wanted.
    pub cursor: String,
    /// Attempts that failed since the last that did not.
    pub failures: u32,
    /// The newest attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<AttemptBody>,
    /// When it was made.
    pub created: Timestamp,
}

/// What became of a request to a webhook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptBody {
    /// When.
    pub at: Timestamp,
    /// Whether it was a success.
    pub ok: bool,
    /// The status of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// What went wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// `POST /api/v1/webhooks`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewWebhook {
    /// Where events are sent: http or https.
    pub url: String,
    /// Which events, such as `action` or `action.failed`; empty for all.
    #[serde(default)]
    pub types: Vec<String>,
}

/// `PATCH /api/v1/webhooks/{id}`: what is given is changed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookPatch {
    /// Where events are sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Which events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub types: Option<Vec<String>>,
    /// Whether any are sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
}

/// A new webhook. The secret is shown only here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookWithSecret {
    /// The webhook.
    pub webhook: WebhookBody,
    /// What its requests are signed with: `whsec_` and base64, as Standard Webhooks writes it.
    pub secret: String,
}

impl From<&Webhook> for WebhookBody {
    fn from(hook: &Webhook) -> Self {
        WebhookBody {
            id: hook.id.get(),
            url: hook.url.to_string(),
            types: hook.wanted.types().map(str::to_owned).collect(),
            enabled: hook.enabled,
            given_up: hook.given_up.as_deref().map(str::to_owned),
            cursor: hook.cursor.to_string(),
            failures: hook.failures,
            last: hook.last.as_ref().map(AttemptBody::from),
            created: timestamp(hook.trail.created),
        }
    }
}

impl From<&Attempt> for AttemptBody {
    fn from(attempt: &Attempt) -> Self {
        AttemptBody {
            at: timestamp(attempt.at),
            ok: attempt.succeeded(),
            status: attempt.status,
            error: attempt.error.as_deref().map(str::to_owned),
        }
    }
}
