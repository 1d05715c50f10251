//! A part of a store in another: what a rehearsal plays with.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use crate::domain::ids::{DeviceId, DeviceKey, TenantId};
use crate::store::{StoreError, Table};

use super::{Draft, View, keys};

/// What belongs to a tenant and no device: images, releases, offers, the catalog.
const ARRANGED: [Table; 8] = [
    Table::Images,
    Table::ImageNumbers,
    Table::ImageNames,
    Table::Releases,
    Table::ReleaseNames,
    Table::Offers,
    Table::Catalog,
    Table::CatalogNames,
];

impl Draft<'_> {
    /// Copies what a tenant has arranged, its settings and the counters.
    pub fn copy_arranged(&mut self, from: View<'_>, tenant: &TenantId) -> Result<(), StoreError> {
        for table in ARRANGED {
            self.copy_rows(from, table, &keys::tenant(tenant))?;
        }
        // Not by its prefix, which may be the whole name of another.
        let key = tenant.as_str().as_bytes();
        if let Some(row) = from.0.get(Table::Tenants, key)? {
            self.0.put(Table::Tenants, key, &row)?;
        }
        self.copy_rows(from, Table::Meta, &[])
    }

    /// Copies a device with its actions under way. Its history stays where it is.
    pub fn copy_device(
        &mut self,
        from: View<'_>,
        tenant: &TenantId,
        id: &DeviceId,
    ) -> Result<(), StoreError> {
        let key = DeviceKey { tenant: tenant.clone(), device: id.clone() };
        let Some(device) = from.device(&key)? else { return Ok(()) };
        self.put_device(&device)?;
        let open: BTreeSet<_> = device.active.values().chain(&device.leaving).collect();
        for id in open {
            if let Some(action) = from.action(tenant, *id)? {
                self.add_action(&action)?;
            }
        }
        Ok(())
    }

    fn copy_rows(&mut self, from: View<'_>, table: Table, prefix: &[u8]) -> Result<(), StoreError> {
        let mut rows = Vec::new();
        from.0.scan(table, prefix, None, false, &mut |key, value| {
            rows.push((key.to_vec(), value.to_vec()));
            ControlFlow::Continue(())
        })?;
        rows.iter().try_for_each(|(key, value)| self.0.put(table, key, value))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::domain::catalog::Trail;
    use crate::domain::ids::Time;
    use crate::domain::tenant::Tenant;
    use crate::store::Store;
    use crate::store::memory::MemoryStore;

    #[test]
    fn a_tenant_is_copied_without_those_whose_names_begin_with_its_own() {
        let tenant = |name| Tenant::new(TenantId::parse(name).unwrap(), Trail::new("admin", Time(1)));
        let (own, other) = (tenant("a"), tenant("ab"));
        let (from, to) = (MemoryStore::new(), MemoryStore::new());
        let put = |write: &mut dyn crate::store::Write| {
            [&own, &other].into_iter().try_for_each(|tenant| Draft(write).put_tenant(tenant))
        };
        from.write(&mut |write| put(write)).unwrap();
        from.read(&mut |read| to.write(&mut |write| Draft(write).copy_arranged(View(read), &own.id)))
            .unwrap();
        let mut found = Vec::new();
        let look = &mut |read: &dyn crate::store::Read| {
            found = [&own, &other]
                .map(|tenant| View(read).tenant(&tenant.id))
                .into_iter()
                .collect::<Result<_, _>>()?;
            Ok(())
        };
        to.read(look).unwrap();
        assert_eq!(found, [Some(own.clone()), None]);
    }
}
