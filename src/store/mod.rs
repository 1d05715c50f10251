//! What is kept: the store's port, its tables, and the artifact files.
//!
//! The port is five methods over ordered tables of bytes, so that a second store is one file; what the bytes mean
//! is written once, in `tables` and `record`. Nothing here decides anything.

use std::ops::{Bound, ControlFlow};
use std::path::Path;

pub mod artifacts;
#[cfg(test)]
mod measure;
pub mod memory;
mod record;
pub mod redb;
pub mod tables;

/// Why the store cannot do what it is asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process has the folder open.
    #[error("another process is using this folder")]
    InUse,
    /// A record cannot be read back: the disk or an older program wrote something else.
    #[error("table {table:?} holds a record that cannot be read: {what}")]
    Corrupt {
        /// The table.
        table: Table,
        /// What is wrong with the record.
        what: String,
    },
    /// The disk or the database refuses.
    #[error("the store cannot {doing}")]
    Backend {
        /// What was being done.
        doing: &'static str,
        /// Why it failed.
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// The tables. Keys are bytes in an order that `tables` defines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    /// Counters and facts about the store itself.
    Meta,
    /// Tenant, device -> device.
    Devices,
    /// Tenant, product, device -> nothing: the devices of a product.
    ProductDevices,
    /// Tenant, device -> digest of its token.
    Credentials,
    /// Tenant, device -> its token, where the tools of another server read it back.
    OpenTokens,
    /// Digest of a token -> whose it is.
    Tokens,
    /// Operator name -> operator.
    Operators,
    /// Operator name -> what a password is checked against.
    Passwords,
    /// Tenant, image -> image.
    Images,
    /// Tenant, firmware type, number -> image: which image a reported number is.
    ImageNumbers,
    /// Tenant, firmware type, version, name -> image.
    ImageNames,
    /// Tenant, SHA-256 sum -> a file that no image has yet.
    Uploads,
    /// Tenant, release -> release.
    Releases,
    /// Tenant, version, name -> the newest release of that name and version.
    ReleaseNames,
    /// Tenant, product, firmware type -> standing offer.
    Offers,
    /// Tenant, action -> action.
    Actions,
    /// Tenant, device, action -> nothing: the actions of a device.
    DeviceActions,
    /// Tenant, action, number -> history entry.
    History,
    /// Tenant, deployment -> deployment.
    Deployments,
    /// Tenant, rollout -> rollout.
    Rollouts,
    /// Tenant, rollout, wave -> wave.
    Waves,
    /// Tenant, rollout, wave, whether it was reached, device -> member.
    Members,
    /// Moment, tenant, rollout, wave, device -> nothing: members that are reached again later.
    Deferred,
    /// Tenant, number -> what changed in one commit.
    Events,
    /// Tenant, webhook -> webhook.
    Webhooks,
    /// Task, slice -> devices: those that a task has not reached.
    Pending,
    /// Task -> work that takes more than one commit.
    Tasks,
    /// Moment, tenant, action -> nothing: actions for which something is due.
    Due,
    /// Tenant, section, item -> item of the catalog.
    Catalog,
    /// Tenant, section, name or key -> item.
    CatalogNames,
    /// Tenant -> tenant.
    Tenants,
}

impl Table {
    /// Every table, in the order of the variants.
    pub const ALL: [Table; 31] = [
        Table::Meta,
        Table::Devices,
        Table::ProductDevices,
        Table::Credentials,
        Table::OpenTokens,
        Table::Tokens,
        Table::Operators,
        Table::Passwords,
        Table::Images,
        Table::ImageNumbers,
        Table::ImageNames,
        Table::Uploads,
        Table::Releases,
        Table::ReleaseNames,
        Table::Offers,
        Table::Actions,
        Table::DeviceActions,
        Table::History,
        Table::Deployments,
        Table::Rollouts,
        Table::Waves,
        Table::Members,
        Table::Deferred,
        Table::Events,
        Table::Webhooks,
        Table::Pending,
        Table::Tasks,
        Table::Due,
        Table::Catalog,
        Table::CatalogNames,
        Table::Tenants,
    ];

    /// The table's place in [`Table::ALL`].
    fn index(self) -> usize {
        self as usize
    }
}

/// Bytes that the disk under `path` still has room for; no bound where the system does not say.
fn room(path: &Path) -> u64 {
    rustix::fs::statvfs(path).map_or(u64::MAX, |disk| disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// A consistent look at the tables.
pub trait Read {
    /// The value under a key.
    ///
    /// # Errors
    /// [`StoreError::Backend`] when the database cannot be read.
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// Visits keys that start with `prefix`, in order, from the first that is greater than `after` (from the
    /// first of all without it), until `visit` breaks. With `reverse`, in falling order from the last that is
    /// smaller than `after`.
    ///
    /// # Errors
    /// [`StoreError::Backend`] when the database cannot be read.
    #[allow(clippy::type_complexity)] // A visitor is as long as it is; an alias would only hide it.
    fn scan(
        &self,
        table: Table,
        prefix: &[u8],
        after: Option<&[u8]>,
        reverse: bool,
        visit: &mut dyn FnMut(&[u8], &[u8]) -> ControlFlow<()>,
    ) -> Result<(), StoreError>;
}

/// A transaction, which sees its own writes.
pub trait Write: Read {
    /// Sets a value.
    ///
    /// # Errors
    /// [`StoreError::Backend`] when the database refuses.
    fn put(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<(), StoreError>;

    /// Removes a value, if there is one.
    ///
    /// # Errors
    /// [`StoreError::Backend`] when the database refuses.
    fn remove(&mut self, table: Table, key: &[u8]) -> Result<(), StoreError>;
}

/// A store.
pub trait Store: Send + Sync {
    /// Runs `work` on a snapshot. Readers never wait for the writer.
    ///
    /// # Errors
    /// Those of `work`, or [`StoreError::Backend`].
    fn read(&self, work: &mut dyn FnMut(&dyn Read) -> Result<(), StoreError>) -> Result<(), StoreError>;

    /// Bytes that the disk still has room for. The engine stops writing well before there are none, because a commit
    /// that fails is the end of the process.
    fn room(&self) -> u64 {
        u64::MAX
    }

    /// How many commits there were since the store was opened: as long as the number stays, so does every answer. It
    /// has moved when [`Store::write`] returns. None where the store does not count, and nothing may be remembered.
    fn commits(&self) -> Option<u64> {
        None
    }

    /// Runs `work` in a transaction and commits it. When this returns without an error, the effect is on disk;
    /// when `work` fails, nothing of it remains.
    ///
    /// # Errors
    /// Those of `work`, or [`StoreError::Backend`]: then it is not known what is on disk, and the process must end.
    fn write(&self, work: &mut dyn FnMut(&mut dyn Write) -> Result<(), StoreError>)
    -> Result<(), StoreError>;
}

/// The first key after all keys that start with `prefix`; none when there is no such key.
fn end_of(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|byte| *byte != 0xff)?;
    let mut end = prefix[..=last].to_vec();
    end[last] += 1;
    Some(end)
}

/// The keys that a [`Read::scan`] visits, `end` being [`end_of`] the prefix; none when there can be no such key.
#[allow(clippy::type_complexity)] // The two ends of a range, as the standard library takes them.
fn ends<'k>(
    prefix: &'k [u8],
    end: Option<&'k [u8]>,
    after: Option<&'k [u8]>,
    reverse: bool,
) -> Option<(Bound<&'k [u8]>, Bound<&'k [u8]>)> {
    let lowest = Bound::Included(prefix);
    let highest = end.map_or(Bound::Unbounded, Bound::Excluded);
    match after {
        None => Some((lowest, highest)),
        Some(after) if reverse && after <= prefix => None,
        Some(after) if reverse && end.is_none_or(|end| after < end) => Some((lowest, Bound::Excluded(after))),
        Some(_) if reverse => Some((lowest, highest)),
        Some(after) if after < prefix => Some((lowest, highest)),
        Some(after) if end.is_none_or(|end| after < end) => Some((Bound::Excluded(after), highest)),
        Some(_) => None,
    }
}
