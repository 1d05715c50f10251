//! The store's port and its typed tables, held against both stores, and redb held against crashes.

#![allow(clippy::unwrap_used, missing_docs)]
// Expected lists and tables read best as they are written.
#![allow(clippy::cloned_ref_to_slice_refs, clippy::type_complexity)]

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use redb::backends::InMemoryBackend;
use updraft::store::memory::MemoryStore;
use updraft::store::redb::{Commits, RedbStore};
use updraft::store::tables::{Draft, View};
use updraft::store::{Read, Store, StoreError, Table};

mod arbitrary;
mod artifacts;
mod catalog;
mod crash;
mod equal;
mod file;
mod port;
mod tables;
mod uploads;

/// Every row of every table.
type Dump = Vec<(Table, Vec<u8>, Vec<u8>)>;

/// Holds a claim against both stores, each empty.
fn on_both(claim: impl Fn(&dyn Store)) {
    claim(&MemoryStore::new());
    claim(&redb_in_memory());
}

fn redb_in_memory() -> RedbStore {
    RedbStore::with_backend(InMemoryBackend::new(), Commits::Durable).expect("memory is a fine disk")
}

fn change(store: &dyn Store, mut work: impl FnMut(&mut Draft<'_>) -> Result<(), StoreError>) {
    store.write(&mut |write| work(&mut Draft(write))).expect("a commit");
}

fn look<T>(store: &dyn Store, work: impl Fn(View<'_>) -> Result<T, StoreError>) -> T {
    let mut found = None;
    let mut read = |read: &dyn Read| {
        found = Some(work(View(read))?);
        Ok(())
    };
    store.read(&mut read).expect("a look");
    found.expect("the look ran")
}

fn dump(read: &dyn Read) -> Dump {
    let mut rows = Dump::new();
    for table in Table::ALL {
        let mut visit = |key: &[u8], value: &[u8]| {
            rows.push((table, key.to_vec(), value.to_vec()));
            std::ops::ControlFlow::Continue(())
        };
        read.scan(table, &[], None, false, &mut visit).expect("a scan");
    }
    rows
}

fn dump_store(store: &dyn Store) -> Dump {
    look(store, |view| Ok(dump(view.0)))
}

/// Transactions of a busy day, the same in every run.
fn a_busy_day(transactions: usize) -> Vec<Vec<equal::Op>> {
    let mut runner = TestRunner::deterministic();
    let day = proptest::collection::vec(proptest::collection::vec(equal::op(), 1..12), transactions);
    day.new_tree(&mut runner).expect("a day").current()
}
