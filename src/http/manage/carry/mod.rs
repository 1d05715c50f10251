//! What this door asks of the engine, the reader and the shelf: the one place where it meets them. A change is
//! answered after its commit.

use super::desk::Desk;
use super::list::{Row, Slice, Wanted};
use crate::domain::filter::Moment;
use crate::domain::ids::TenantId;
use crate::engine::call::{Call, Reply};
use crate::engine::now;
use crate::engine::query::{Reader, StoreError};
use crate::http::api::unexpected;
use crate::http::hawkbit::Fault;

/// How long after its poll a device is overdue where nothing is set: hawkBit's polling time and as much again.
const OVERDUE_MS: u64 = 2 * 300_000;

impl Desk {
    /// Asks the store about the tenant, on a thread that may wait for the disk.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Reader, &TenantId) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Fault> {
        let tenant = self.tenant.clone();
        Ok(self.door.ask(move |reader| question(reader, &tenant)).await?)
    }

    /// Has the engine carry out a call; returns after its commit.
    pub(super) async fn call(&self, call: Call) -> Result<Reply, Fault> {
        Ok(self.door.engine.call(call).await?)
    }

    /// The part of a list that the request asks for. `next` reads the rows behind a mark, at most as many as it is
    /// told.
    pub(super) async fn list<R: Row>(
        &self,
        wanted: Wanted,
        next: impl Fn(&Reader, &TenantId, Option<R::Mark>) -> Result<Vec<R>, StoreError> + Send + 'static,
    ) -> Result<Slice<R>, Fault> {
        let at = Moment {
            now: now(),
            overdue_before: crate::domain::ids::Time(now().0.saturating_sub(OVERDUE_MS)),
        };
        self.ask(move |reader, tenant| wanted.walk(at, |mark| next(reader, tenant, mark))).await
    }
}

/// The engine answers every call with its own kind of reply.
pub(super) fn other(reply: &Reply) -> Fault {
    unexpected(reply).into()
}
