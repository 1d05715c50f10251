//! Questions about what operators name and arrange, about tenants, and about those who look after them.

use super::{Reader, StoreError};
use crate::domain::catalog::{Item, Section};
use crate::domain::ids::{ItemId, ProductId, TenantId};
use crate::domain::tenant::Tenant;
use crate::store::tables::Operator;

/// All functions fail with [`StoreError`] when the database cannot be read.
#[allow(clippy::missing_errors_doc)]
impl Reader {
    /// One item, removed or not.
    pub fn item(&self, tenant: &TenantId, section: Section, id: ItemId) -> Result<Option<Item>, StoreError> {
        self.ask(|view| view.item(tenant, section, id))
    }

    /// Items in id order, from the first after `after`. Removed ones that something still shows are among them.
    pub fn items(
        &self,
        tenant: &TenantId,
        section: Section,
        after: Option<ItemId>,
        limit: usize,
    ) -> Result<Vec<Item>, StoreError> {
        self.ask(|view| view.items(tenant, section, after, limit))
    }

    /// The item of that name which is not removed.
    pub fn item_named(
        &self,
        tenant: &TenantId,
        section: Section,
        name: &str,
    ) -> Result<Option<Item>, StoreError> {
        self.ask(|view| view.item_named(tenant, section, name))
    }

    /// The item with that key (a product's is its id) which is not removed.
    pub fn item_keyed(
        &self,
        tenant: &TenantId,
        section: Section,
        key: &str,
    ) -> Result<Option<Item>, StoreError> {
        self.ask(|view| view.item_keyed(tenant, section, key))
    }

    /// Whether there is a device of the product.
    pub fn has_devices(&self, tenant: &TenantId, product: &ProductId) -> Result<bool, StoreError> {
        Ok(!self.ask(|view| view.product_devices(tenant, product, None, 1))?.is_empty())
    }

    /// A tenant. That of a server with only one is always there; others when somebody has made them, or registered
    /// something in them.
    pub fn tenant(&self, id: &TenantId) -> Result<Option<Tenant>, StoreError> {
        self.ask(|view| view.tenant(id))
    }

    /// The tenant of that name, in whatever case its letters are: as written where there is one, else the first.
    pub fn tenant_like(&self, name: &str) -> Result<Option<Tenant>, StoreError> {
        self.ask(|view| view.tenant_like(name))
    }

    /// Tenants in id order, from the first after `after`.
    pub fn tenants(&self, after: Option<&TenantId>, limit: usize) -> Result<Vec<Tenant>, StoreError> {
        self.ask(|view| view.tenants(after, limit))
    }

    /// The operator of that name.
    pub fn operator(&self, name: &str) -> Result<Option<Operator>, StoreError> {
        self.ask(|view| view.operator(name))
    }

    /// What an operator's password is checked against, a PHC string; none where it has no password.
    pub fn operator_hash(&self, name: &str) -> Result<Option<Box<str>>, StoreError> {
        self.ask(|view| match view.operator(name)? {
            Some(_) => view.password(name),
            None => Ok(None),
        })
    }
}
