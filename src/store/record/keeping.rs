//! Records of what only the store and the engine know: who holds a token, and operators.

use std::borrow::Cow;

use crate::domain::ids::{DeviceKey, Time};
use crate::store::tables::{Digest, Operator, Principal, Role};

use super::{Bad, Sum, device, record, some, tenant, text};

record! {
    /// Whose a token is: a device's where there is a tenant, else an operator's.
    PrincipalRecord<'a> {
        tenant: Option<Cow<'a, str>>,
        name: Cow<'a, str>,
    }
}

record! {
    /// An operator; the name is the key.
    OperatorRecord<'a> {
        tenant: Option<Cow<'a, str>>,
        role: u8,
        digest: Sum<32>,
        created: u64,
    }
}

impl<'a> PrincipalRecord<'a> {
    /// The record of a token's owner.
    pub(in crate::store) fn of(principal: &'a Principal) -> Self {
        match principal {
            Principal::Device(key) => {
                PrincipalRecord { tenant: Some(key.tenant.as_str().into()), name: key.device.as_str().into() }
            }
            Principal::Operator(name) => PrincipalRecord { tenant: None, name: Cow::Borrowed(name) },
        }
    }

    /// The token's owner.
    pub(in crate::store) fn principal(self) -> Result<Principal, Bad> {
        match self.tenant {
            Some(owner) => {
                Ok(Principal::Device(DeviceKey { tenant: tenant(&owner)?, device: device(&self.name)? }))
            }
            None => Ok(Principal::Operator(text(self.name))),
        }
    }
}

impl<'a> OperatorRecord<'a> {
    /// The record of an operator.
    pub(in crate::store) fn of(operator: &'a Operator) -> Self {
        OperatorRecord {
            tenant: operator.tenant.as_ref().map(|t| t.as_str().into()),
            role: match operator.role {
                Role::Admin => 0,
                Role::Observer => 1,
            },
            digest: Sum(operator.digest.0),
            created: operator.created.0,
        }
    }

    /// The operator of that name.
    pub(in crate::store) fn operator(self, name: &str) -> Result<Operator, Bad> {
        let role = match self.role {
            0 => Role::Admin,
            1 => Role::Observer,
            _ => return some(None, "an operator's role is unknown"),
        };
        Ok(Operator {
            name: name.into(),
            tenant: self.tenant.map(|t| tenant(&t)).transpose()?,
            role,
            digest: Digest(self.digest.0),
            created: Time(self.created),
        })
    }
}
