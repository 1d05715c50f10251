//! Who speaks for a device, as its tenant has it: its own token, the gateway's key, or a certificate that a proxy saw.

use std::net::IpAddr;

use super::super::{Claim, No, Proof};
use crate::domain::ids::{DeviceId, DeviceKey, ProductId};
use crate::domain::tenant::{Setting, Tenant};
use crate::engine::access::{Identity, digest, same};
use crate::http::Door;
use crate::http::auth::{self, Peer};

/// Somebody who may speak for a device.
#[derive(Debug)]
pub(in super::super) struct Asker {
    /// The device.
    pub(super) key: DeviceKey,
    /// Its tenant, with what is set there.
    pub(super) tenant: Tenant,
    /// Where it is.
    pub(super) from: Option<Box<str>>,
    /// The product as which a device is registered that nobody has heard of; none may be with a token of its own.
    pub(super) newcomer: Option<ProductId>,
}

/// Tries every proof of a claim. Tenants are compared without regard to case, as hawkBit's devices write them.
pub(in super::super) fn prove(door: &Door, peer: Option<Peer>, claim: Claim) -> Result<Asker, No> {
    let address = peer.map(|Peer(address)| address);
    for proof in &claim.proofs {
        let own = matches!(proof, Proof::Device(_));
        let tenant = match proof {
            Proof::Device(_) => owner(door, &claim, proof)?,
            Proof::Gateway(_) | Proof::Certificate { .. } => tenant_of(door, &claim.tenant)?,
        };
        let Some(tenant) = tenant.filter(|tenant| accepts(tenant, proof)) else { continue };
        let newcomer = (!own).then(ProductId::default);
        return Ok(asker(tenant, claim.device, address, newcomer));
    }
    // hawkBit's clients are told apart by it: a wrong tenant is a wrong address, not a wrong token.
    if tenant_of(door, &claim.tenant)?.is_none() {
        return Err(No::UnknownTenant);
    }
    // Who proves nothing has guessed nothing.
    if claim.proofs.is_empty() {
        return Err(No::NotProven);
    }
    match auth::unproven(door, peer) {
        error if error.code() == "unauthenticated" => Err(No::NotProven),
        error => Err(error.into()),
    }
}

fn asker(tenant: Tenant, device: DeviceId, address: Option<IpAddr>, newcomer: Option<ProductId>) -> Asker {
    let key = DeviceKey { tenant: tenant.id.clone(), device };
    Asker { key, tenant, from: address.map(|address| address.to_string().into()), newcomer }
}

/// The tenant of the device whose token it is.
fn owner(door: &Door, claim: &Claim, proof: &Proof) -> Result<Option<Tenant>, No> {
    let Proof::Device(token) = proof else { return Ok(None) };
    let found = door.look(|reader| match reader.authenticate(token.reveal())? {
        Some(Identity::Device(key)) if is_claimed(&key, claim) => reader.tenant(&key.tenant),
        Some(Identity::Device(_) | Identity::Operator { .. }) | None => Ok(None),
    })?;
    Ok(found)
}

fn is_claimed(key: &DeviceKey, claim: &Claim) -> bool {
    key.device == claim.device && key.tenant.as_str().eq_ignore_ascii_case(&claim.tenant)
}

fn tenant_of(door: &Door, name: &str) -> Result<Option<Tenant>, No> {
    Ok(door.look(|reader| reader.tenant_like(name))?)
}

/// Whether the tenant takes such a proof, and this one. That a token is the device's was looked at before.
fn accepts(tenant: &Tenant, proof: &Proof) -> bool {
    match proof {
        Proof::Device(_) => tenant.flag(Setting::TargetTokenEnabled),
        Proof::Gateway(token) => {
            let key = tenant.text(Setting::GatewayTokenKey);
            let is_key = !key.is_empty() && same(&digest(key), &digest(token.reveal()));
            tenant.flag(Setting::GatewayTokenEnabled) && is_key
        }
        Proof::Certificate { authorities } => {
            let known = tenant.text(Setting::HeaderAuthority).split([',', ';']).map(str::trim);
            let mut known = known.filter(|own| !own.is_empty());
            let named = |own: &str| authorities.iter().any(|authority| authority.eq_ignore_ascii_case(own));
            tenant.flag(Setting::HeaderEnabled) && known.any(named)
        }
    }
}
