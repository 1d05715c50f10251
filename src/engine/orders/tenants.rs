//! Tenants and their settings.

use std::collections::BTreeSet;

use super::Failed;
use crate::domain::catalog::Trail;
use crate::domain::ids::TenantId;
use crate::domain::tenant::{Set, Setting, Tenant};
use crate::engine::apply::Batch;
use crate::engine::call::{CallError, Reply};

impl Batch<'_> {
    /// Makes a tenant. Names that differ in upper and lower case only are one: doors of other servers write them in
    /// either.
    pub(super) fn add_tenant(&mut self, id: TenantId, by: &str) -> Result<Reply, Failed> {
        if let Some(known) = self.draft.view().tenant_like(id.as_str())? {
            return Err(CallError::TenantExists(known.id).into());
        }
        let tenant = Tenant::new(id, Trail::new(by, self.now));
        self.draft.put_tenant(&tenant)?;
        Ok(Reply::Tenant(tenant))
    }

    /// Makes a tenant that is only now heard of: whoever registers something in it need not make it first.
    pub(super) fn know_tenant(&mut self, id: &TenantId, by: &str) -> Result<(), Failed> {
        if self.draft.view().tenant(id)?.is_none() {
            self.draft.put_tenant(&Tenant::new(id.clone(), Trail::new(by, self.now)))?;
        }
        Ok(())
    }

    pub(super) fn configure(
        &mut self,
        id: &TenantId,
        settings: Vec<(Setting, Option<Box<str>>)>,
        by: &str,
    ) -> Result<Reply, Failed> {
        let found = self.draft.view().tenant(id)?;
        let mut tenant = found.ok_or_else(|| CallError::NoSuchTenant(id.clone()))?;
        check(&settings)?;
        for (setting, value) in settings {
            match value {
                None => drop(tenant.settings.remove(&setting)),
                Some(value) => self.set(&mut tenant, setting, value, by),
            }
        }
        tenant.trail.touch(by, self.now);
        self.draft.put_tenant(&tenant)?;
        // What was looked up before in this batch may be another now.
        self.flags.clear();
        Ok(Reply::Tenant(tenant))
    }

    fn set(&self, tenant: &mut Tenant, setting: Setting, value: Box<str>, by: &str) {
        let trail = match tenant.settings.remove(&setting) {
            Some(Set { mut trail, .. }) => {
                trail.touch(by, self.now);
                trail
            }
            None => Trail::new(by, self.now),
        };
        tenant.settings.insert(setting, Set { value, trail });
    }
}

fn check(settings: &[(Setting, Option<Box<str>>)]) -> Result<(), CallError> {
    let mut seen = BTreeSet::new();
    for (setting, value) in settings {
        if !seen.insert(setting) {
            return Err(CallError::Twice(setting.key().to_owned()));
        }
        if let Some(value) = value.as_ref().filter(|value| !setting.takes(value)) {
            return Err(CallError::BadSetting { setting: setting.key(), value: value.clone() });
        }
    }
    Ok(())
}
