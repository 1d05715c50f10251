//! Front door two: the operator's API and the files that devices fetch, over HTTP/1.1.
//!
//! Nothing here decides anything: a request becomes a `Call` or a question to the `Reader`, the answer becomes
//! bytes. Artifact bytes never pass the engine. `serve` and below it `pace`, `request`, `range` and `body` know no
//! dialect; `api` and `downloads` are two of our own, and `dialect` holds those of other servers' devices.

mod accept;
mod api;
mod auth;
mod body;
mod crew;
mod dialect;
mod downloads;
mod error;
mod hawkbit;
mod linger;
mod manage;
mod openapi;
mod pace;
mod passwords;
mod proxies;
pub mod range;
mod request;
mod serve;
mod shelf;
mod site;
mod webhooks;
pub mod wire;

use std::time::{Duration, Instant};

use axum::Router;
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use std::sync::Arc;
use tokio::sync::{Semaphore, watch};

use crate::domain::ids::Time;
use crate::engine::Engine;
use crate::engine::call::{Call, Reply, Secret};
use crate::engine::query::Reader;
use crate::engine::query::StoreError;
use error::ApiError;
use shelf::Shelf;

pub use dialect::{LegacySettings, arkors::Profile as ArkorsProfile, esp::Profile as EspProfile};
pub use pace::Pace;
pub use proxies::Proxies;
pub use serve::{Http, HttpError, Listener, Settings, start};

/// What the requests of one server share.
#[derive(Debug)]
struct Door {
    engine: Engine,
    reader: Reader,
    shelf: Shelf,
    failures: auth::Failures,
    passwords: passwords::Passwords,
    started: Time,
    since: Instant,
    epoch: u64,
    ddi_poll_s: u32,
    legacy: dialect::Legacy,
    /// The only client whose logins are taken, where one is set.
    login_client: Option<Secret>,
    /// What carries the requests of webhooks.
    sender: Arc<webhooks::Sender>,
    /// Places for streams of events.
    streams: Arc<Semaphore>,
    /// The place for a rehearsal.
    stage: Arc<Semaphore>,
    /// Set when the door closes: what would never end by itself ends then.
    closing: watch::Receiver<Option<Duration>>,
}

impl Door {
    /// Asks the store, on a thread that may wait for the disk.
    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Reader) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let reader = self.reader.clone();
        let answer = tokio::task::spawn_blocking(move || question(&reader)).await;
        Ok(answer.map_err(|panic| ApiError::internal(&panic))??)
    }

    /// Asks the store right here. For a few rows by their keys: they take microseconds, and most are in memory, where
    /// a change of threads takes tens. Lists are for [`Door::ask`].
    fn look<T>(&self, question: impl FnOnce(&Reader) -> Result<T, StoreError>) -> Result<T, ApiError> {
        Ok(question(&self.reader)?)
    }

    /// Has the engine carry out a call; returns after its commit.
    async fn call(&self, call: Call) -> Result<Reply, ApiError> {
        Ok(self.engine.call(call).await?)
    }
}

/// Every path that this door has.
fn router(door: Arc<Door>) -> Router {
    Router::new()
        .route("/", get(welcome))
        .route("/healthz", get(healthy))
        .route("/openapi.json", get(openapi::json))
        .route("/docs", get(openapi::page))
        .route("/artifacts/{sha256}", get(downloads::fetch))
        .nest("/api/v1", api::routes())
        .nest(manage::PATH, manage::routes(&door))
        .merge(paths(&dialect::afero::PATHS, || any(dialect::afero::serve)))
        .route(dialect::ddi::PATH, any(dialect::ddi::serve))
        .merge(paths(&dialect::esp::PATHS, || any(dialect::esp::serve)))
        .merge(paths(&dialect::arkors::PATHS, || any(dialect::arkors::serve)))
        .fallback(error::no_such_path)
        .method_not_allowed_fallback(error::no_such_method)
        .layer(axum::middleware::map_response(async |response| harden(response)))
        .with_state(door)
}

/// One method router for several paths.
fn paths(paths: &[&str], answer: impl Fn() -> axum::routing::MethodRouter<Arc<Door>>) -> Router<Arc<Door>> {
    paths.iter().fold(Router::new(), |router, path| router.route(path, answer()))
}

/// No answer is to be sniffed, framed or run as a page, and none is to be kept by a proxy unless it says so itself.
fn harden(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let policy = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
    headers.entry(CONTENT_SECURITY_POLICY).or_insert(policy);
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

async fn welcome() -> Response {
    let text = concat!(
        "updraft ",
        env!("CARGO_PKG_VERSION"),
        "\nUpdates the software of a fleet of devices.\n\n",
        "Operators: the API is below /api/v1/ (start with /api/v1/status and a token),\n",
        "           hawkBit's management API below /rest/v1/; /docs shows all that is served.\n",
        "Devices:   files are below /artifacts/, versions and commands go over MQTT.\n",
    );
    plain(text)
}

async fn healthy() -> Response {
    plain("ok\n")
}

fn plain(text: &'static str) -> Response {
    ([(CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response()
}
