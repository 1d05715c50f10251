//! The catalog and the tenants. What every tenant has from the start has no rows until somebody changes it: readers
//! see it all the same.

use crate::domain::catalog::{Item, Section};
use crate::domain::ids::{ItemId, TenantId};
use crate::domain::seeds::{first_tenant, seeds};
use crate::domain::tenant::Tenant;
use crate::store::record::catalog::{ItemRecord, TenantRecord};
use crate::store::record::{decode, encode, some};
use crate::store::{StoreError, Table};

use super::view::rising;
use super::{Draft, View, keys};

impl View<'_> {
    /// An item, removed or not.
    pub fn item(self, tenant: &TenantId, section: Section, id: ItemId) -> Result<Option<Item>, StoreError> {
        let row = self.item_row(tenant, section, id)?;
        Ok(row.or_else(|| seeds(tenant, section).into_iter().find(|seed| seed.id == id)))
    }

    fn item_row(self, tenant: &TenantId, section: Section, id: ItemId) -> Result<Option<Item>, StoreError> {
        let read = |bytes: &[u8]| decode::<ItemRecord>(bytes)?.item(tenant.clone(), section, id);
        self.row(Table::Catalog, &keys::item(tenant, section, id), read)
    }

    /// Items of a section in the order of their ids, removed ones among them.
    pub fn items(
        self,
        tenant: &TenantId,
        section: Section,
        after: Option<ItemId>,
        limit: usize,
    ) -> Result<Vec<Item>, StoreError> {
        let behind = after.map(|id| keys::item(tenant, section, id));
        let prefix = keys::section(tenant, section);
        let mut items = self.page(rising(Table::Catalog, &prefix, behind, limit), |id, bytes| {
            let id = some(keys::read_number(id).and_then(ItemId::new), "an item's key")?;
            decode::<ItemRecord>(bytes)?.item(tenant.clone(), section, id)
        })?;
        for seed in seeds(tenant, section).into_iter().filter(|seed| Some(seed.id) > after) {
            match items.binary_search_by_key(&seed.id, |item| item.id) {
                Ok(_) => {}
                Err(place) => items.insert(place, seed),
            }
        }
        items.truncate(limit);
        Ok(items)
    }

    /// The item of that name which is not removed.
    pub fn item_named(
        self,
        tenant: &TenantId,
        section: Section,
        name: &str,
    ) -> Result<Option<Item>, StoreError> {
        let row = keys::item_name(tenant, section, name);
        self.item_indexed(tenant, section, &row, |seed| *seed.label.name == *name)
    }

    /// The item with that key which is not removed.
    pub fn item_keyed(
        self,
        tenant: &TenantId,
        section: Section,
        key: &str,
    ) -> Result<Option<Item>, StoreError> {
        let row = keys::item_key(tenant, section, key);
        self.item_indexed(tenant, section, &row, |seed| seed.what.key() == Some(key))
    }

    fn item_indexed(
        self,
        tenant: &TenantId,
        section: Section,
        row: &[u8],
        is_seed: impl Fn(&Item) -> bool,
    ) -> Result<Option<Item>, StoreError> {
        let read = |bytes: &[u8]| some(keys::read_number(bytes).and_then(ItemId::new), "an item's id");
        if let Some(id) = self.row(Table::CatalogNames, row, read)? {
            return self.item_row(tenant, section, id);
        }
        let Some(seed) = seeds(tenant, section).into_iter().find(is_seed) else { return Ok(None) };
        // A row in the place of the seed has another name, or is removed: else the index had led to it.
        Ok(self.item_row(tenant, section, seed.id)?.is_none().then_some(seed))
    }

    /// A tenant. That of a server with only one is there from the start.
    pub fn tenant(self, id: &TenantId) -> Result<Option<Tenant>, StoreError> {
        let read = |bytes: &[u8]| decode::<TenantRecord>(bytes)?.tenant(id.clone());
        let row = self.row(Table::Tenants, id.as_str().as_bytes(), read)?;
        Ok(row.or_else(|| (*id == TenantId::default()).then(first_tenant)))
    }

    /// The tenant of that name in whatever case its letters are: as written where there is one, else the first. Walks
    /// the tenants, who are few, for a name that none of them has as it is written.
    pub fn tenant_like(self, name: &str) -> Result<Option<Tenant>, StoreError> {
        let Ok(id) = TenantId::parse(name) else { return Ok(None) };
        match self.tenant(&id)? {
            Some(tenant) => Ok(Some(tenant)),
            None => {
                let like = |tenant: &Tenant| tenant.id.as_str().eq_ignore_ascii_case(name);
                Ok(self.tenants(None, usize::MAX)?.into_iter().find(like))
            }
        }
    }

    /// Tenants in the order of their ids.
    pub fn tenants(self, after: Option<&TenantId>, limit: usize) -> Result<Vec<Tenant>, StoreError> {
        let behind = after.map(|id| id.as_str().as_bytes().to_vec());
        let mut tenants = self.page(rising(Table::Tenants, &[], behind, limit), |id, bytes| {
            let id = std::str::from_utf8(id).ok().and_then(|id| TenantId::parse(id).ok());
            decode::<TenantRecord>(bytes)?.tenant(some(id, "a tenant's key")?)
        })?;
        let first = first_tenant();
        if after.is_none_or(|after| first.id > *after)
            && let Err(place) = tenants.binary_search_by(|tenant| tenant.id.cmp(&first.id))
        {
            tenants.insert(place, first);
            tenants.truncate(limit);
        }
        Ok(tenants)
    }
}

impl Draft<'_> {
    /// Keeps an item, and its name and key while it is not removed. Whether they are free is for the caller to know.
    pub fn put_item(&mut self, item: &Item) -> Result<(), StoreError> {
        let section = item.what.section();
        self.remove_item_index(&item.tenant, section, item.id)?;
        if !item.deleted {
            for row in index(item) {
                self.0.put(Table::CatalogNames, &row, &item.id.get().to_be_bytes())?;
            }
        }
        let key = keys::item(&item.tenant, section, item.id);
        self.0.put(Table::Catalog, &key, &encode(&ItemRecord::of(item)))
    }

    /// Removes an item. One that every tenant has from the start is as it was at the start then.
    pub fn remove_item(&mut self, tenant: &TenantId, section: Section, id: ItemId) -> Result<(), StoreError> {
        self.remove_item_index(tenant, section, id)?;
        self.0.remove(Table::Catalog, &keys::item(tenant, section, id))
    }

    fn remove_item_index(
        &mut self,
        tenant: &TenantId,
        section: Section,
        id: ItemId,
    ) -> Result<(), StoreError> {
        // A removed item has given its name up, and another may have taken it.
        let old = self.view().item_row(tenant, section, id)?.filter(|old| !old.deleted);
        for row in old.iter().flat_map(index) {
            self.0.remove(Table::CatalogNames, &row)?;
        }
        Ok(())
    }

    /// Keeps a tenant.
    pub fn put_tenant(&mut self, tenant: &Tenant) -> Result<(), StoreError> {
        self.0.put(Table::Tenants, tenant.id.as_str().as_bytes(), &encode(&TenantRecord::of(tenant)))
    }
}

/// The rows by which an item is found.
fn index(item: &Item) -> impl Iterator<Item = Vec<u8>> {
    let section = item.what.section();
    let key = item.what.key().map(|key| keys::item_key(&item.tenant, section, key));
    [keys::item_name(&item.tenant, section, &item.label.name)].into_iter().chain(key)
}
