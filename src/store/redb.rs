//! The store in one redb file: commits that are on disk when they return.
//!
//! The only file that names redb. It knows tables and bytes; what the bytes mean is never its business.

use std::cell::OnceCell;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use redb::{
    Database, DatabaseError, Durability, ReadOnlyTable, ReadTransaction, ReadableDatabase, ReadableTable,
    StorageBackend, TableDefinition, WriteTransaction,
};

use super::{Read, Store, StoreError, Table, Write, end_of, ends, room};

/// redb's page cache. A device with its index rows takes about half a KiB, so this holds the working set of
/// 200,000 devices; what does not fit is read again from the system's own cache. redb would take 1 GiB.
const CACHE_BYTES: usize = 128 * 1024 * 1024;

/// The tables as redb names them.
const fn definition(table: Table) -> TableDefinition<'static, &'static [u8], &'static [u8]> {
    TableDefinition::new(match table {
        Table::Meta => "meta",
        Table::Devices => "devices",
        Table::ProductDevices => "product_devices",
        Table::Credentials => "credentials",
        Table::OpenTokens => "open_tokens",
        Table::Tokens => "tokens",
        Table::Operators => "operators",
        Table::Passwords => "passwords",
        Table::Images => "images",
        Table::ImageNumbers => "image_numbers",
        Table::ImageNames => "image_names",
        Table::Uploads => "uploads",
        Table::Releases => "releases",
        Table::ReleaseNames => "release_names",
        Table::Offers => "offers",
        Table::Actions => "actions",
        Table::DeviceActions => "device_actions",
        Table::History => "history",
        Table::Deployments => "deployments",
        Table::Rollouts => "rollouts",
        Table::Waves => "waves",
        Table::Members => "members",
        Table::Deferred => "deferred",
        Table::Events => "events",
        Table::Webhooks => "webhooks",
        Table::Pending => "pending",
        Table::Tasks => "tasks",
        Table::Due => "due",
        Table::Catalog => "catalog",
        Table::CatalogNames => "catalog_names",
        Table::Tenants => "tenants",
    })
}

/// When a commit is on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Commits {
    /// Before `write` returns.
    Durable,
    /// Some time later, or never. Exists only to prove that the crash test can fail: a server that acknowledges
    /// such commits must be caught by it.
    Late,
}

/// A store in one file, which one process has open at a time.
#[derive(Debug)]
pub struct RedbStore {
    database: Database,
    commits: Commits,
    /// How many there were.
    count: AtomicU64,
    /// Where its file is; none on a backend of its own.
    path: Option<PathBuf>,
}

impl RedbStore {
    /// Opens the file, or makes it. A file that was left behind by a crash opens without help.
    ///
    /// # Errors
    /// [`StoreError::InUse`] when another process has it open, [`StoreError::Backend`] when it cannot be read.
    pub fn open(path: &Path) -> Result<RedbStore, StoreError> {
        RedbStore::open_with(path, Commits::Durable)
    }

    /// Opens the file with a choice of when commits are on disk; see [`Commits::Late`] for why there is a choice.
    ///
    /// # Errors
    /// Those of [`RedbStore::open`].
    pub fn open_with(path: &Path, commits: Commits) -> Result<RedbStore, StoreError> {
        let opened = Database::builder().set_cache_size(CACHE_BYTES).create(path);
        let store = RedbStore::prepare(opened, commits)?;
        Ok(RedbStore { path: Some(path.to_path_buf()), ..store })
    }

    /// Opens a store on a backend of its own, such as one that simulates crashes.
    ///
    /// # Errors
    /// Those of [`RedbStore::open`].
    pub fn with_backend(backend: impl StorageBackend, commits: Commits) -> Result<RedbStore, StoreError> {
        let opened = Database::builder().set_cache_size(CACHE_BYTES).create_with_backend(backend);
        RedbStore::prepare(opened, commits)
    }

    /// Makes the tables that are missing, so that readers find all of them.
    fn prepare(opened: Result<Database, DatabaseError>, commits: Commits) -> Result<RedbStore, StoreError> {
        let database = match opened {
            Ok(database) => database,
            Err(DatabaseError::DatabaseAlreadyOpen) => return Err(StoreError::InUse),
            Err(cause) => return Err(backend("open its file")(cause)),
        };
        let known = database
            .begin_read()
            .map_err(backend("begin a read"))?
            .list_tables()
            .map_err(backend("list its tables"))?
            .count();
        if known < Table::ALL.len() {
            let transaction = database.begin_write().map_err(backend("begin a write"))?;
            for table in Table::ALL {
                transaction.open_table(definition(table)).map_err(backend("open a table"))?;
            }
            transaction.commit().map_err(backend("commit"))?;
        }
        Ok(RedbStore { database, commits, count: AtomicU64::new(0), path: None })
    }

    fn begin_write(&self) -> Result<WriteTransaction, StoreError> {
        let mut transaction = self.database.begin_write().map_err(backend("begin a write"))?;
        match self.commits {
            Commits::Durable => {
                transaction.set_durability(Durability::Immediate).map_err(backend("begin a write"))?;
                // The state of the allocator goes with each commit, so that opening after a crash is a matter of
                // milliseconds however large the file is.
                transaction.set_quick_repair(true);
            }
            Commits::Late => {
                transaction.set_durability(Durability::None).map_err(backend("begin a write"))?;
            }
        }
        Ok(transaction)
    }
}

impl Store for RedbStore {
    fn room(&self) -> u64 {
        self.path.as_deref().map_or(u64::MAX, room)
    }

    fn commits(&self) -> Option<u64> {
        Some(self.count.load(Ordering::Acquire))
    }

    fn read(&self, work: &mut dyn FnMut(&dyn Read) -> Result<(), StoreError>) -> Result<(), StoreError> {
        let transaction = self.database.begin_read().map_err(backend("begin a read"))?;
        work(&Snapshot { transaction, tables: Default::default() })
    }

    fn write(
        &self,
        work: &mut dyn FnMut(&mut dyn Write) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let transaction = self.begin_write()?;
        let mut draft = Draft { tables: Vec::with_capacity(Table::ALL.len()) };
        for table in Table::ALL {
            draft.tables.push(transaction.open_table(definition(table)).map_err(backend("open a table"))?);
        }
        work(&mut draft)?;
        drop(draft);
        transaction.commit().map_err(backend("commit"))?;
        self.count.fetch_add(1, Ordering::Release);
        Ok(())
    }
}

/// A read transaction. Most look at two or three tables, so each is opened when it is first asked for.
struct Snapshot {
    transaction: ReadTransaction,
    tables: [OnceCell<ReadOnlyTable<&'static [u8], &'static [u8]>>; Table::ALL.len()],
}

impl Snapshot {
    fn table(&self, table: Table) -> Result<&ReadOnlyTable<&'static [u8], &'static [u8]>, StoreError> {
        let cell = &self.tables[table.index()];
        if let Some(opened) = cell.get() {
            return Ok(opened);
        }
        let opened = self.transaction.open_table(definition(table)).map_err(backend("open a table"))?;
        Ok(cell.get_or_init(|| opened))
    }
}

impl Read for Snapshot {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        get(self.table(table)?, key)
    }

    fn scan(
        &self,
        table: Table,
        prefix: &[u8],
        after: Option<&[u8]>,
        reverse: bool,
        visit: &mut dyn FnMut(&[u8], &[u8]) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        scan(self.table(table)?, prefix, after, reverse, visit)
    }
}

/// A write transaction with every table open, in the order of [`Table::ALL`].
struct Draft<'t> {
    tables: Vec<redb::Table<'t, &'static [u8], &'static [u8]>>,
}

impl Read for Draft<'_> {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        get(&self.tables[table.index()], key)
    }

    fn scan(
        &self,
        table: Table,
        prefix: &[u8],
        after: Option<&[u8]>,
        reverse: bool,
        visit: &mut dyn FnMut(&[u8], &[u8]) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        scan(&self.tables[table.index()], prefix, after, reverse, visit)
    }
}

impl Write for Draft<'_> {
    fn put(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        self.tables[table.index()].insert(key, value).map(|_| ()).map_err(backend("set a value"))
    }

    fn remove(&mut self, table: Table, key: &[u8]) -> Result<(), StoreError> {
        self.tables[table.index()].remove(key).map(|_| ()).map_err(backend("remove a value"))
    }
}

fn get(
    table: &impl ReadableTable<&'static [u8], &'static [u8]>,
    key: &[u8],
) -> Result<Option<Vec<u8>>, StoreError> {
    let found = table.get(key).map_err(backend("read a value"))?;
    Ok(found.map(|value| value.value().to_vec()))
}

#[allow(clippy::type_complexity)] // The visitor of `Read::scan`.
fn scan(
    table: &impl ReadableTable<&'static [u8], &'static [u8]>,
    prefix: &[u8],
    after: Option<&[u8]>,
    reverse: bool,
    visit: &mut dyn FnMut(&[u8], &[u8]) -> ControlFlow<()>,
) -> Result<(), StoreError> {
    let end = end_of(prefix);
    let Some(between) = ends(prefix, end.as_deref(), after, reverse) else { return Ok(()) };
    let mut rows = table.range::<&[u8]>(between).map_err(backend("read a range"))?;
    while let Some(row) = if reverse { rows.next_back() } else { rows.next() } {
        let (key, value) = row.map_err(backend("read a range"))?;
        if visit(key.value(), value.value()).is_break() {
            break;
        }
    }
    Ok(())
}

/// Wraps what redb says.
fn backend<E: std::error::Error + Send + Sync + 'static>(
    doing: &'static str,
) -> impl FnOnce(E) -> StoreError {
    move |cause| StoreError::Backend { doing, cause: Box::new(cause) }
}
