//! Operators: who may order.

use super::{Failed, fresh_token};
use crate::domain::ids::TenantId;
use crate::domain::seeds::SYSTEM;
use crate::engine::access::digest;
use crate::engine::apply::Batch;
use crate::engine::call::{CallError, Reply};
use crate::store::tables::{Operator, Principal, Role};

impl Batch<'_> {
    pub(super) fn add_operator(
        &mut self,
        name: Box<str>,
        tenant: Option<TenantId>,
        role: Role,
    ) -> Result<Reply, Failed> {
        if self.draft.view().operator(&name)?.is_some() {
            return Err(CallError::OperatorExists(name).into());
        }
        if let Some(tenant) = &tenant {
            self.know_tenant(tenant, SYSTEM)?;
        }
        let token = fresh_token()?;
        let operator = Operator { name, tenant, role, digest: digest(token.reveal()), created: self.now };
        self.draft.put_operator(&operator)?;
        Ok(Reply::Operator { operator, token })
    }

    pub(super) fn renew_operator(&mut self, name: Box<str>) -> Result<Reply, Failed> {
        let Some(operator) = self.draft.view().operator(&name)? else {
            return Err(CallError::NoSuchOperator(name).into());
        };
        let token = fresh_token()?;
        let operator = Operator { digest: digest(token.reveal()), ..operator };
        self.draft.put_operator(&operator)?;
        self.effects.evicted.push(Principal::Operator(name));
        Ok(Reply::Operator { operator, token })
    }

    pub(super) fn remove_operator(&mut self, name: Box<str>) -> Result<Reply, Failed> {
        let Some(operator) = self.draft.view().operator(&name)? else {
            return Err(CallError::NoSuchOperator(name).into());
        };
        let governs = |o: &Operator| o.role == Role::Admin && o.tenant.is_none();
        let others = self.draft.view().operators()?;
        if governs(&operator) && !others.iter().any(|o| o.name != name && governs(o)) {
            return Err(CallError::LastAdministrator(name).into());
        }
        self.draft.remove_operator(&name)?;
        self.draft.put_password(&name, None)?;
        self.effects.evicted.push(Principal::Operator(name));
        Ok(Reply::Removed { files: Vec::new() })
    }

    pub(super) fn set_password(&mut self, name: &str, hash: Option<&str>) -> Result<Reply, Failed> {
        let Some(operator) = self.draft.view().operator(name)? else {
            return Err(CallError::NoSuchOperator(name.into()).into());
        };
        self.draft.put_password(name, hash)?;
        Ok(Reply::Password(operator))
    }
}
