//! The operator's API, `/api/v1`: one codec over `Call` and `Reader`. It translates and decides nothing.

mod actions;
mod deployments;
mod devices;
pub(super) mod events;
mod images;
mod offers;
mod operators;
mod releases;
pub(super) mod rollouts;
mod rules;
mod status;
mod tenants;
mod webhooks;

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post, put};

use super::Door;
use super::error::ApiError;
use super::wire::Page;
use crate::engine::call::Reply;

/// Every path below `/api/v1`.
pub(super) fn routes() -> Router<Arc<Door>> {
    Router::new()
        .route("/status", get(status::show))
        .route("/devices", get(devices::list).post(devices::add))
        .route("/devices/{id}", get(devices::show).delete(devices::remove))
        .route("/devices/{id}/token", post(devices::renew_token))
        .route("/devices/{id}/explain", get(devices::explain))
        .route("/events", get(events::stream))
        .route("/images", get(images::list).post(images::upload))
        .route("/images/{id}", get(images::show).delete(images::remove))
        .route("/releases", get(releases::list).post(releases::add))
        .route("/releases/{id}", get(releases::show).delete(releases::remove))
        .route("/offers", get(offers::list).post(offers::set))
        .route("/offers/{product}/{type}", delete(offers::remove))
        .route("/deployments", get(deployments::list).post(deployments::add))
        .route("/deployments/{id}", get(deployments::show))
        .route("/actions", get(actions::list))
        .route("/actions/{id}", get(actions::show))
        .route("/actions/{id}/cancel", post(actions::cancel))
        .route("/rollouts", get(rollouts::list).post(rollouts::add))
        .route("/rollouts/plan", post(rollouts::plan))
        .route("/rollouts/{id}", get(rollouts::show).patch(rollouts::rename).delete(rollouts::remove))
        .route("/rollouts/{id}/start", post(rollouts::start))
        .route("/rollouts/{id}/pause", post(rollouts::pause))
        .route("/rollouts/{id}/resume", post(rollouts::resume))
        .route("/rollouts/{id}/stop", post(rollouts::stop))
        .route("/rollouts/{id}/approve", post(rollouts::approve))
        .route("/rollouts/{id}/deny", post(rollouts::deny))
        .route("/rollouts/{id}/next", post(rollouts::begin_next))
        .route("/rollouts/{id}/retry", post(rollouts::retry))
        .route("/rollouts/{id}/explain", get(rollouts::explain))
        .route("/rollouts/{id}/waves", get(rollouts::waves))
        .route("/rollouts/{id}/waves/{wave}/devices", get(rollouts::devices))
        .route("/operators", get(operators::list).post(operators::add))
        .route("/operators/{name}", delete(operators::remove))
        .route("/operators/{name}/password", put(operators::set_password).delete(operators::remove_password))
        .route("/webhooks", get(webhooks::list).post(webhooks::add))
        .route("/webhooks/{id}", get(webhooks::show).patch(webhooks::change).delete(webhooks::remove))
        .route("/webhooks/{id}/test", post(webhooks::test))
        .route("/tenants", get(tenants::list).post(tenants::add))
        .route("/tenants/{id}", get(tenants::show))
        .route("/tenants/{id}/settings", get(tenants::settings).patch(tenants::configure))
}

/// Makes a page of what was read with one item more than the page may have; `mark` names an item for the next page.
fn page<I, T>(
    mut found: Vec<I>,
    limit: usize,
    mark: impl Fn(&I) -> String,
    show: impl Fn(&I) -> T,
) -> Page<T> {
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(mark);
    Page { items: found.iter().map(show).collect(), next }
}

/// The answer to something that was removed.
fn removed() -> Response {
    StatusCode::NO_CONTENT.into_response()
}

/// The engine answers every call with its own kind of reply.
pub(super) fn unexpected(reply: &Reply) -> ApiError {
    #[derive(Debug, thiserror::Error)]
    #[error("the engine answered with another kind of reply: {0}")]
    struct Unexpected(String);
    // The kind alone: what is in it may be secret.
    let text = format!("{reply:?}");
    let kind = text.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
    ApiError::internal(&Unexpected(kind.to_owned()))
}
