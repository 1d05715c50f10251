//! `updraft webhook`: where events are sent.

use super::{Outcome, Session, print};
use crate::cli::args::Webhook;
use crate::cli::client::ClientError;
use crate::cli::output::{self, Grid};
use crate::http::wire::{AttemptBody, NewWebhook, Page, WebhookBody, WebhookPatch, WebhookWithSecret};

pub(super) fn run(session: &Session, command: Webhook) -> Result<Outcome, ClientError> {
    let client = &session.client;
    match command {
        Webhook::Add { url, types } => {
            let made: WebhookWithSecret = client.post("webhooks", &NewWebhook { url, types })?;
            session.show(&made, |made| {
                format!(
                    "webhook {} sends to {}\nIts secret, which is not shown again:\n{}\n",
                    made.webhook.id, made.webhook.url, made.secret
                )
            })?;
        }
        Webhook::List => {
            let page: Page<WebhookBody> = client.get("webhooks", &[])?;
            session.show(&page, |page| table(&page.items))?;
        }
        Webhook::Show { id } => {
            let hook: WebhookBody = client.get(&format!("webhooks/{id}"), &[])?;
            session.show(&hook, pairs)?;
        }
        Webhook::Enable { id } => enable(session, id, true)?,
        Webhook::Disable { id } => enable(session, id, false)?,
        Webhook::Remove { id } => {
            client.delete(&format!("webhooks/{id}"))?;
            print(&format!("webhook {id} is removed\n"))?;
        }
        Webhook::Test { id } => {
            let empty = serde_json::Map::new();
            let attempt: AttemptBody = client.post(&format!("webhooks/{id}/test"), &empty)?;
            session.show(&attempt, |attempt| format!("{}\n", said(attempt)))?;
            return Ok(if attempt.ok { Outcome::Done } else { Outcome::Failed });
        }
    }
    Ok(Outcome::Done)
}

fn enable(session: &Session, id: u32, enabled: bool) -> Result<(), ClientError> {
    let patch = WebhookPatch { enabled: Some(enabled), ..WebhookPatch::default() };
    let hook: WebhookBody = session.client.patch(&format!("webhooks/{id}"), &patch)?;
    session.show(&hook, pairs)
}

fn table(hooks: &[WebhookBody]) -> String {
    let mut grid = Grid::new(&["ID", "URL", "EVENTS", "STATE", "LAST"]);
    for hook in hooks {
        let last = hook.last.as_ref().map_or_else(|| "never".into(), said);
        grid.add(vec![hook.id.to_string(), hook.url.clone(), types(hook), state(hook), last]);
    }
    grid.render()
}

fn pairs(hook: &WebhookBody) -> String {
    Grid::pairs(&[
        ("webhook", hook.id.to_string()),
        ("url", hook.url.clone()),
        ("events", types(hook)),
        ("state", state(hook)),
        ("sent up to", hook.cursor.clone()),
        ("last", hook.last.as_ref().map_or_else(|| "never".into(), said)),
        ("created", output::moment(hook.created)),
    ])
    .render()
}

fn types(hook: &WebhookBody) -> String {
    if hook.types.is_empty() { "all".into() } else { hook.types.join(", ") }
}

fn state(hook: &WebhookBody) -> String {
    match (&hook.given_up, hook.enabled, hook.failures) {
        (Some(why), _, _) => format!("given up: {why}"),
        (None, false, _) => "off".into(),
        (None, true, 0) => "on".into(),
        (None, true, failures) => format!("failing ({failures})"),
    }
}

fn said(attempt: &AttemptBody) -> String {
    let what = match (&attempt.error, attempt.status) {
        (Some(error), _) => error.clone(),
        (None, Some(status)) => format!("it answered {status}"),
        (None, None) => "no answer".into(),
    };
    format!("{}: {what}", output::moment(attempt.at))
}
