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
        self.copy_rows(from, Table::Tenants, tenant.as_str().as_bytes())?;
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
