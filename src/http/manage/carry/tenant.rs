//! A tenant's settings.

use super::other;
use crate::domain::tenant::{Setting, Tenant};
use crate::engine::call::{Call, Reply};
use crate::http::hawkbit::{Fault, Kind};
use crate::http::manage::desk::Desk;

impl Desk {
    /// The tenant with its settings.
    pub async fn settings(&self) -> Result<Tenant, Fault> {
        let found = self.ask(|reader, tenant| reader.tenant(tenant)).await?;
        found.ok_or_else(|| Fault::new(Kind::NoTenant, format!("there is no tenant {}", self.tenant)))
    }

    /// Sets settings, all or none; one without a value has its default again.
    pub async fn configure(&self, settings: Vec<(Setting, Option<Box<str>>)>) -> Result<Tenant, Fault> {
        let (tenant, by) = (self.tenant.clone(), self.by.clone());
        match self.call(Call::Configure { tenant, settings, by }).await? {
            Reply::Tenant(tenant) => Ok(tenant),
            reply => Err(other(&reply)),
        }
    }

    /// How often hawkBit devices poll, in seconds, where the tenant says nothing.
    pub fn default_poll_s(&self) -> u32 {
        self.door.ddi_poll_s
    }
}
