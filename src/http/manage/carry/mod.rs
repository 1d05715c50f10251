//! What this door asks of the engine, the reader and the shelf: the one place where it meets them. A change is
//! answered after its commit.

mod actions;
mod catalog;
mod devices;
mod images;
mod releases;
mod rollouts;
mod tenant;

pub(super) use actions::{Assigned, REMOVED_MAX};
pub(super) use images::refused;

use super::desk::Desk;
use super::list::{Row, Slice, Wanted};
use crate::domain::filter::Moment;
use crate::domain::ids::TenantId;
use crate::engine::call::{Call, Reply};
use crate::engine::now;
use crate::engine::query::{Reader, StoreError};
use crate::http::api::unexpected;
use crate::http::hawkbit::Fault;
use std::convert::Infallible;

impl Desk {
    /// Asks the store about the tenant, on a thread that may wait for the disk.
    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Reader, &TenantId) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Fault> {
        let tenant = self.tenant.clone();
        Ok(self.door.ask(move |reader| question(reader, &tenant)).await?)
    }

    /// Has the engine carry out a call; returns after its commit.
    async fn call(&self, call: Call) -> Result<Reply, Fault> {
        Ok(self.door.engine.call(call).await?)
    }

    /// The part of a list that the request asks for. `next` reads some rows behind a mark, and gives the mark behind
    /// which there may be more.
    async fn list<R: Row, M: 'static>(
        &self,
        wanted: Wanted,
        next: impl Fn(&Reader, &TenantId, Option<M>) -> Result<(Vec<R>, Option<M>), StoreError> + Send + 'static,
    ) -> Result<Slice<R>, Fault> {
        let at = self.moment().await?;
        self.ask(move |reader, tenant| wanted.walk(at, |mark| next(reader, tenant, mark))).await
    }

    /// The part that the request asks for of a list which is all here.
    pub async fn pick<R: Row>(&self, rows: Vec<R>) -> Result<Slice<R>, Fault> {
        let (at, mut rows) = (self.moment().await?, Some(rows));
        let all = |_: Option<()>| Ok::<_, Infallible>((rows.take().unwrap_or_default(), None));
        Ok(Wanted::of::<R>(self)?.walk(at, all).unwrap_or_else(|never| match never {}))
    }

    /// Now, and since when a device that has not been heard of is overdue.
    pub async fn moment(&self) -> Result<Moment, Fault> {
        let now = now();
        let polling = self.settings().await?.polling(self.default_poll_s());
        Ok(Moment { now, overdue_before: polling.overdue_before(now) })
    }
}

/// The engine answers every call with its own kind of reply.
fn other(reply: &Reply) -> Fault {
    unexpected(reply).into()
}
