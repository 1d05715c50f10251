//! `/api/v1/webhooks`. Only administrators: an address may hold a secret, and whoever sets one makes this server speak.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::sync::oneshot;

use super::{removed, unexpected};
use crate::domain::ids::WebhookId;
use crate::domain::news::Wanted;
use crate::domain::webhook::{URL_MAX, Webhook};
use crate::engine::access::Role;
use crate::engine::call::{Call, CallError, Reply};
use crate::engine::now;
use crate::http::Door;
use crate::http::auth::Caller;
use crate::http::error::ApiError;
use crate::http::request::{self, JSON_MAX, Places};
use crate::http::wire::{AttemptBody, NewWebhook, Page, WebhookBody, WebhookPatch, WebhookWithSecret};
use crate::mqtt::payload::NewsBody;

pub(super) async fn list(
    State(door): State<Arc<Door>>,
    caller: Caller,
) -> Result<Json<Page<WebhookBody>>, ApiError> {
    let caller = admin(caller)?;
    let found = door.ask(move |reader| reader.webhooks(&caller.tenant)).await?;
    Ok(Json(Page { items: found.iter().map(WebhookBody::from).collect(), next: None }))
}

pub(super) async fn add(
    State(door): State<Arc<Door>>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let caller = admin(caller)?;
    let new: NewWebhook = request::json(&headers, body, JSON_MAX).await?;
    let (url, wanted) = (address(&new.url)?, wanted(&new.types)?);
    match door.call(Call::AddWebhook { tenant: caller.tenant, url, wanted, by: caller.name }).await? {
        Reply::Webhook(hook) => {
            let secret = format!("whsec_{}", STANDARD.encode(&hook.key.0));
            let body = WebhookWithSecret { webhook: (&*hook).into(), secret };
            Ok((StatusCode::CREATED, Json(body)).into_response())
        }
        other => Err(unexpected(&other)),
    }
}

pub(super) async fn show(
    State(door): State<Arc<Door>>,
    caller: Caller,
    Places(id): Places<String>,
) -> Result<Json<WebhookBody>, ApiError> {
    let caller = admin(caller)?;
    Ok(Json((&find(&door, &caller, &id)?).into()))
}

pub(super) async fn change(
    State(door): State<Arc<Door>>,
    caller: Caller,
    Places(id): Places<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<WebhookBody>, ApiError> {
    let caller = admin(caller)?;
    let patch: WebhookPatch = request::json(&headers, body, JSON_MAX).await?;
    let call = Call::ChangeWebhook {
        tenant: caller.tenant,
        webhook: number(&id)?,
        url: patch.url.as_deref().map(address).transpose()?,
        wanted: patch.types.as_deref().map(wanted).transpose()?,
        enabled: patch.enabled,
        by: caller.name,
    };
    match door.call(call).await? {
        Reply::Webhook(hook) => Ok(Json((&*hook).into())),
        other => Err(unexpected(&other)),
    }
}

pub(super) async fn remove(
    State(door): State<Arc<Door>>,
    caller: Caller,
    Places(id): Places<String>,
) -> Result<Response, ApiError> {
    let caller = admin(caller)?;
    door.call(Call::RemoveWebhook { tenant: caller.tenant, webhook: number(&id)? }).await?;
    Ok(removed())
}

/// Sends an event that is no news, and says what came of it. It leaves no trace in the webhook.
pub(super) async fn test(
    State(door): State<Arc<Door>>,
    caller: Caller,
    Places(id): Places<String>,
) -> Result<Json<AttemptBody>, ApiError> {
    let caller = admin(caller)?;
    let hook = find(&door, &caller, &id)?;
    let slot = Arc::clone(&door.streams).try_acquire_owned().map_err(|_| ApiError::busy())?;
    let (done, attempt) = oneshot::channel();
    let sender = Arc::clone(&door.sender);
    // A thread of its own, which a stopping server does not wait for.
    let work = move || {
        let at = now();
        let id = format!("msg_{}_{}_test-{}", hook.tenant, hook.id, at.0);
        // Whoever asked may have gone.
        let _ = done.send(sender.send(&hook, &id, &[NewsBody::said(at, "test".into())]));
        drop(slot);
    };
    let started = std::thread::Builder::new().name("webhook".into()).spawn(work);
    started.map_err(|error| ApiError::internal(&error))?;
    let attempt = attempt.await.map_err(|error| ApiError::internal(&error))?;
    Ok(Json((&attempt).into()))
}

fn admin(mut caller: Caller) -> Result<Caller, ApiError> {
    std::mem::replace(&mut caller.params, request::Params::none()).done()?;
    match caller.role {
        Role::Admin => Ok(caller),
        Role::Observer => {
            Err(ApiError::forbidden("not-an-administrator", "webhooks are for administrators; ask one"))
        }
    }
}

fn find(door: &Door, caller: &Caller, id: &str) -> Result<Webhook, ApiError> {
    let id = number(id)?;
    let found = door.look(|reader| reader.webhook(&caller.tenant, id))?;
    Ok(found.ok_or(CallError::NoSuchWebhook(id))?)
}

fn number(id: &str) -> Result<WebhookId, ApiError> {
    WebhookId::parse(id).ok_or_else(|| request::bad_number("id"))
}

fn wanted(types: &[String]) -> Result<Wanted, ApiError> {
    let wanted = Wanted::parse(types.iter().map(String::as_str));
    wanted.map_err(|error| ApiError::bad("bad-event-type", "types", error.to_string()))
}

/// An address to which news can be sent.
fn address(url: &str) -> Result<Box<str>, ApiError> {
    let bad = |what: &str| Err(ApiError::bad("bad-url", "url", format!("`url` {what}")));
    if url.len() > URL_MAX {
        return bad("may have 2048 bytes at most");
    }
    let Ok(uri) = url.parse::<Uri>() else { return bad("is not a URL") };
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    match uri.scheme_str() {
        Some("http" | "https") if authority.contains('@') => {
            bad("must not hold credentials; the signature says who sends")
        }
        Some("http" | "https") if !uri.host().unwrap_or_default().is_empty() => Ok(url.into()),
        Some("http" | "https") => bad("has no host"),
        Some(_) | None => bad("must begin with http:// or https://"),
    }
}
