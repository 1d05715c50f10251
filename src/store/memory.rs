//! The store in memory: what every other store is compared with, and what tests of the engine run on.
//!
//! Nothing here survives the process.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Read, Store, StoreError, Table, Write, end_of, ends};

/// The rows of one table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Rows(BTreeMap<Vec<u8>, Vec<u8>>);

/// Every table, in the order of [`Table::ALL`].
#[derive(Debug, Clone, Default)]
struct Tables([Rows; Table::ALL.len()]);

/// A store in memory.
#[derive(Debug, Default)]
pub struct MemoryStore {
    /// What is committed. Readers hold the `Arc`, so a commit copies the tables only while somebody reads.
    committed: Mutex<Arc<Tables>>,
    /// Held by the one writer.
    writer: Mutex<()>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> MemoryStore {
        MemoryStore::default()
    }
}

/// Locks although another thread panicked: what is behind these locks changes in one step, so it is whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Store for MemoryStore {
    fn read(&self, work: &mut dyn FnMut(&dyn Read) -> Result<(), StoreError>) -> Result<(), StoreError> {
        let snapshot = Arc::clone(&lock(&self.committed));
        work(&*snapshot)
    }

    fn write(
        &self,
        work: &mut dyn FnMut(&mut dyn Write) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let _writer = lock(&self.writer);
        let base = Arc::clone(&lock(&self.committed));
        let mut draft = Draft { base, changes: Default::default() };
        work(&mut draft)?;
        let Draft { base, changes } = draft;
        drop(base);
        let mut committed = lock(&self.committed);
        let tables = Arc::make_mut(&mut committed);
        for (rows, changes) in tables.0.iter_mut().zip(changes) {
            for (key, value) in changes {
                match value {
                    Some(value) => rows.0.insert(key, value),
                    None => rows.0.remove(&key),
                };
            }
        }
        Ok(())
    }
}

impl Read for Tables {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.0[table.index()].0.get(key).cloned())
    }

    fn scan(
        &self,
        table: Table,
        prefix: &[u8],
        after: Option<&[u8]>,
        reverse: bool,
        visit: &mut dyn FnMut(&[u8], &[u8]) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let end = end_of(prefix);
        let Some(between) = ends(prefix, end.as_deref(), after, reverse) else { return Ok(()) };
        let mut rows = self.0[table.index()].0.range::<[u8], _>(between);
        while let Some((key, value)) = if reverse { rows.next_back() } else { rows.next() } {
            if visit(key, value).is_break() {
                break;
            }
        }
        Ok(())
    }
}

/// What a transaction changes: the new value of each key, none where it is removed.
struct Draft {
    base: Arc<Tables>,
    changes: [BTreeMap<Vec<u8>, Option<Vec<u8>>>; Table::ALL.len()],
}

impl Read for Draft {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        match self.changes[table.index()].get(key) {
            Some(changed) => Ok(changed.clone()),
            None => self.base.get(table, key),
        }
    }

    /// Walks base and changes side by side; where both have a key, the change counts.
    fn scan(
        &self,
        table: Table,
        prefix: &[u8],
        after: Option<&[u8]>,
        reverse: bool,
        visit: &mut dyn FnMut(&[u8], &[u8]) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let end = end_of(prefix);
        let Some(between) = ends(prefix, end.as_deref(), after, reverse) else { return Ok(()) };
        let mut base = self.base.0[table.index()].0.range::<[u8], _>(between);
        let mut changes = self.changes[table.index()].range::<[u8], _>(between);
        let mut old = if reverse { base.next_back() } else { base.next() };
        let mut new = if reverse { changes.next_back() } else { changes.next() };
        loop {
            let changed_first = match (old, new) {
                (None, None) => return Ok(()),
                (Some(_), None) => false,
                (None, Some(_)) => true,
                (Some((old, _)), Some((new, _))) if reverse => new >= old,
                (Some((old, _)), Some((new, _))) => new <= old,
            };
            let row = match (changed_first, old, new) {
                (true, _, Some((key, value))) => value.as_ref().map(|value| (key, value)),
                (_, row, _) => row,
            };
            if row.is_some_and(|(key, value)| visit(key, value).is_break()) {
                return Ok(());
            }
            let same = old.map(|(key, _)| key) == new.map(|(key, _)| key);
            if changed_first {
                new = if reverse { changes.next_back() } else { changes.next() };
            }
            if !changed_first || same {
                old = if reverse { base.next_back() } else { base.next() };
            }
        }
    }
}

impl Write for Draft {
    fn put(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        self.changes[table.index()].insert(key.to_vec(), Some(value.to_vec()));
        Ok(())
    }

    fn remove(&mut self, table: Table, key: &[u8]) -> Result<(), StoreError> {
        self.changes[table.index()].insert(key.to_vec(), None);
        Ok(())
    }
}
