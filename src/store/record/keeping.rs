//! Records of what only the store and the engine know: who holds a token, operators, and unfinished work.

use std::borrow::Cow;

use crate::domain::ids::{DeploymentId, DeviceKey, Time};
use crate::store::tables::{Digest, Operator, Principal, Role, Task};

use super::{Bad, Sum, device, firmware_type, item, product, record, some, tenant, text};

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

record! {
    /// Work that takes more than one commit: exactly one of deployment, offer and filter.
    TaskRecord<'a> {
        tenant: Cow<'a, str>,
        deployment: Option<u32>,
        offer: Option<OfferTaskRecord<'a>>,
        filter: Option<(u32, Option<Cow<'a, str>>)>,
    }
}

record! {
    OfferTaskRecord<'a> {
        product: Cow<'a, str>,
        kind: u8,
        at: u64,
        after: Option<Cow<'a, str>>,
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

impl<'a> TaskRecord<'a> {
    /// The record of a task.
    pub(in crate::store) fn of(task: &'a Task) -> Self {
        match task {
            Task::Deploy { tenant, deployment } => {
                let (tenant, deployment) = (tenant.as_str().into(), Some(deployment.get()));
                TaskRecord { tenant, deployment, offer: None, filter: None }
            }
            Task::Offer { tenant, product, kind, at, after } => TaskRecord {
                tenant: tenant.as_str().into(),
                deployment: None,
                offer: Some(OfferTaskRecord {
                    product: product.as_str().into(),
                    kind: kind.get(),
                    at: at.0,
                    after: after.as_ref().map(|d| d.as_str().into()),
                }),
                filter: None,
            },
            Task::Match { tenant, filter, after } => TaskRecord {
                tenant: tenant.as_str().into(),
                deployment: None,
                offer: None,
                filter: Some((filter.get(), after.as_ref().map(|d| d.as_str().into()))),
            },
        }
    }

    /// The task.
    pub(in crate::store) fn task(self) -> Result<Task, Bad> {
        let tenant = tenant(&self.tenant)?;
        match (self.deployment, self.offer, self.filter) {
            (Some(id), None, None) => {
                let deployment = DeploymentId::new(u64::from(id));
                Ok(Task::Deploy {
                    tenant,
                    deployment: some(deployment, "a deployment's id is out of range")?,
                })
            }
            (None, Some(offer), None) => Ok(Task::Offer {
                tenant,
                product: product(&offer.product)?,
                kind: firmware_type(offer.kind)?,
                at: Time(offer.at),
                after: offer.after.map(|d| device(&d)).transpose()?,
            }),
            (None, None, Some((filter, after))) => Ok(Task::Match {
                tenant,
                filter: item(filter)?,
                after: after.map(|d| device(&d)).transpose()?,
            }),
            (_, _, _) => some(None, "a task is not exactly one of deployment, offer and filter"),
        }
    }
}
