//! hawkBit's management API, `/rest/v1`, as hawkBit 1.1 speaks it and the tools of its users expect it.
//!
//! A resource is one file: what its requests look like, what its answers look like, and a function for each method in
//! between. None of them sees the engine, the reader or the shelf: all that is asked of those stands in `carry`.
//! Besides that, `desk` is who asks, `sent` what a body holds, `shape` what an answer looks like, and `list` how a
//! list is filtered, sorted and cut.

mod actions;
mod artifacts;
mod assign;
mod carry;
mod configs;
mod deploygroups;
mod desk;
mod fields;
mod items;
mod list;
mod metadata;
mod modules;
mod newrollout;
mod rollouts;
mod sent;
mod sets;
mod settags;
mod settypes;
mod shape;
mod targetactions;
mod targetfilters;
mod targetgroups;
mod targetmetadata;
mod targets;
mod targettags;
mod targettypes;
mod types;

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::http::Method;

use super::Door;
use super::hawkbit::Fault;

/// Where this door is.
pub(super) const PATH: &str = "/rest/v1";

/// Every path below `/rest/v1`. Nobody gets further than the desk without having proven who asks.
pub(super) fn routes(door: &Arc<Door>) -> Router<Arc<Door>> {
    Router::new()
        .merge(modules::routes())
        .merge(artifacts::routes())
        .merge(types::routes())
        .merge(settypes::routes())
        .merge(targettypes::routes())
        .merge(sets::routes())
        .merge(settags::routes())
        .merge(configs::routes())
        .merge(targets::routes())
        .merge(targetmetadata::routes())
        .merge(targetactions::routes())
        .merge(actions::routes())
        .merge(assign::routes())
        .merge(targettags::routes())
        .merge(targetfilters::routes())
        .merge(targetgroups::routes())
        .merge(rollouts::routes())
        .merge(deploygroups::routes())
        .fallback(no_path)
        .method_not_allowed_fallback(no_method)
        .layer(axum::middleware::from_fn_with_state(Arc::clone(door), desk::admit))
}

async fn no_path() -> Fault {
    Fault::no_path()
}

/// axum adds `Allow`.
async fn no_method(method: Method, _: Request) -> Fault {
    Fault::no_method(&method, None)
}
