//! Questions that change nothing, answered from a snapshot beside the writer.

mod catalog;
mod news;
pub mod pool;
mod rollouts;
mod select;
mod versions;
mod why;

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::domain::action::{Action, State};
use crate::domain::decide::{Entry, Policy};
use crate::domain::deployment::Deployment;
use crate::domain::device::{Device, Reported};
use crate::domain::eligibility::{self, Finding};
use crate::domain::ids::{
    ActionId, DeploymentId, DeviceId, DeviceKey, FirmwareType, ImageId, ProductId, ReleaseId, TenantId, Time,
};
use crate::domain::image::{Image, Release, Sha256};
use crate::domain::offer::Offer;
use crate::domain::version::Version;
use crate::store::Store;
use crate::store::tables::{Operator, Principal, View};

// The doors answer when the store cannot be read, and may not know the store.
pub use crate::store::StoreError;
pub use news::{Gap, Heard};
pub use select::{Selected, Selection};
pub use why::Standing;

use super::access::{self, Identity};
use super::call::{Grant, Secret};
use super::now;
use super::session::{self, Holder, Session};
use super::steps::steps;

/// Answers from snapshots. Cheap to clone; reads block for as long as a disk read takes.
#[derive(Clone)]
pub struct Reader {
    store: Arc<dyn Store>,
    policy: Policy,
    started: Time,
}

/// Why a device has, or does not have, the standing offer of a firmware type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The firmware type.
    pub kind: FirmwareType,
    /// What the device reports for it.
    pub reported: Option<Reported>,
    /// The offered image.
    pub image: Option<Image>,
    /// Every rule, in order.
    pub findings: Vec<Finding>,
    /// The action under way for the type.
    pub active: Option<(ActionId, State)>,
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").field("policy", &self.policy).finish_non_exhaustive()
    }
}

/// All functions fail with [`StoreError`] when the database cannot be read.
#[allow(clippy::missing_errors_doc)]
impl Reader {
    /// Reads from `store`, explaining by `policy`.
    pub fn new(store: Arc<dyn Store>, policy: Policy) -> Self {
        Reader { store, policy, started: now() }
    }

    /// Runs `ask` on one snapshot.
    pub(super) fn ask<T>(&self, ask: impl Fn(View<'_>) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let mut answer = None;
        self.store.read(&mut |read| {
            answer = Some(ask(View(read))?);
            Ok(())
        })?;
        Ok(answer.expect("a store that returns without an error has run the work"))
    }

    /// What the operator has set.
    pub(super) fn policy(&self) -> Policy {
        self.policy
    }

    /// Nobody is online who has not been heard of since the start: a restart ends every session.
    fn present(&self, mut device: Device) -> Device {
        device.online &= device.last_seen >= Some(self.started);
        device
    }

    /// How many commits there were; none when nobody counts. An answer that was asked for after this number was read
    /// still holds while the number is the same.
    pub fn commits(&self) -> Option<u64> {
        self.store.commits()
    }

    /// Who a token belongs to.
    pub fn authenticate(&self, token: &str) -> Result<Option<Identity>, StoreError> {
        let digest = access::digest(token);
        if let Some(session) = Session::parse(token) {
            let operator = self.ask(|view| session_owner(view, &session))?;
            if operator.is_some() {
                return Ok(operator);
            }
        }
        self.ask(|view| match view.token_owner(&digest)? {
            None => Ok(None),
            Some(Principal::Device(key)) => {
                let current = view.credential(&key)?;
                Ok(current.is_some_and(|own| access::same(&own, &digest)).then_some(Identity::Device(key)))
            }
            Some(Principal::Operator(name)) => {
                let operator = view.operator(&name)?.filter(|o| access::same(&o.digest, &digest));
                Ok(operator.map(|o| Identity::Operator { name: o.name, tenant: o.tenant, role: o.role }))
            }
        })
    }

    /// A session for an operator who has been proven, of so many seconds. None without the operator.
    pub fn open_session(&self, operator: &str, seconds: u32) -> Result<Option<Secret>, StoreError> {
        let ends = now().plus_ms(u64::from(seconds) * 1000);
        self.ask(|view| {
            let Some((operator, secret)) = view.operator(operator)?.zip(view.session_secret()?) else {
                return Ok(None);
            };
            let password = view.password(&operator.name)?;
            let holder = Holder { operator: &operator, password: password.as_deref() };
            Ok(Some(session::open(holder, &secret, ends)))
        })
    }

    /// One device.
    pub fn device(&self, key: &DeviceKey) -> Result<Option<Device>, StoreError> {
        Ok(self.ask(|view| view.device(key))?.map(|device| self.present(device)))
    }

    /// A device's token, where it may be read again.
    pub fn open_token(&self, key: &DeviceKey) -> Result<Option<Box<str>>, StoreError> {
        self.ask(|view| view.open_token(key))
    }

    /// Devices in id order, from the first after `after`.
    pub fn devices(
        &self,
        tenant: &TenantId,
        after: Option<&DeviceId>,
        limit: usize,
    ) -> Result<Vec<Device>, StoreError> {
        let devices = self.ask(|view| view.devices(tenant, after, limit))?;
        Ok(devices.into_iter().map(|device| self.present(device)).collect())
    }

    /// One image.
    pub fn image(&self, tenant: &TenantId, id: ImageId) -> Result<Option<Image>, StoreError> {
        self.ask(|view| view.image(tenant, id))
    }

    /// Images in id order, from the first after `after`.
    pub fn images(
        &self,
        tenant: &TenantId,
        after: Option<ImageId>,
        limit: usize,
    ) -> Result<Vec<Image>, StoreError> {
        self.ask(|view| view.images(tenant, after, limit))
    }

    /// One release.
    pub fn release(&self, tenant: &TenantId, id: ReleaseId) -> Result<Option<Release>, StoreError> {
        self.ask(|view| view.release(tenant, id))
    }

    /// The release of that name and version.
    pub fn release_named(
        &self,
        tenant: &TenantId,
        name: &str,
        version: &Version,
    ) -> Result<Option<Release>, StoreError> {
        self.ask(|view| match view.release_named(tenant, name, version)? {
            Some(id) => view.release(tenant, id),
            None => Ok(None),
        })
    }

    /// Releases in id order, from the first after `after`.
    pub fn releases(
        &self,
        tenant: &TenantId,
        after: Option<ReleaseId>,
        limit: usize,
    ) -> Result<Vec<Release>, StoreError> {
        self.ask(|view| view.releases(tenant, after, limit))
    }

    /// The standing offers, of one product or of all.
    pub fn offers(&self, tenant: &TenantId, product: Option<&ProductId>) -> Result<Vec<Offer>, StoreError> {
        self.ask(|view| view.offers(tenant, product))
    }

    /// One action.
    pub fn action(&self, tenant: &TenantId, id: ActionId) -> Result<Option<Action>, StoreError> {
        self.ask(|view| view.action(tenant, id))
    }

    /// Actions of the tenant, or of one of its devices, newest first, from the first before `before`.
    pub fn actions(
        &self,
        tenant: &TenantId,
        device: Option<&DeviceId>,
        before: Option<ActionId>,
        limit: usize,
    ) -> Result<Vec<Action>, StoreError> {
        self.ask(|view| match device {
            None => view.actions(tenant, before, limit),
            Some(device) => {
                let key = DeviceKey { tenant: tenant.clone(), device: device.clone() };
                view.device_actions(&key, before, limit)
            }
        })
    }

    /// History entries of an action, oldest first, after the first `after` ones.
    pub fn history(
        &self,
        tenant: &TenantId,
        id: ActionId,
        after: u32,
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        self.ask(|view| view.history(tenant, id, after, limit))
    }

    /// One deployment.
    pub fn deployment(&self, tenant: &TenantId, id: DeploymentId) -> Result<Option<Deployment>, StoreError> {
        self.ask(|view| view.deployment(tenant, id))
    }

    /// Deployments, newest first, from the first before `before`.
    pub fn deployments(
        &self,
        tenant: &TenantId,
        before: Option<DeploymentId>,
        limit: usize,
    ) -> Result<Vec<Deployment>, StoreError> {
        self.ask(|view| view.deployments(tenant, before, limit))
    }

    /// Operators in name order.
    pub fn operators(&self) -> Result<Vec<Operator>, StoreError> {
        self.ask(|view| view.operators())
    }

    /// Why the device has, or does not have, the standing offer of a firmware type: of one, or of every type that it
    /// reports, can install or is offered. None without the device.
    pub fn explain(
        &self,
        key: &DeviceKey,
        kind: Option<FirmwareType>,
    ) -> Result<Option<Vec<Explanation>>, StoreError> {
        self.ask(|view| {
            let Some(device) = view.device(key)? else { return Ok(None) };
            let active = active_actions(view, &device)?;
            let kinds = match kind {
                Some(kind) => BTreeSet::from([kind]),
                None => kinds_of(view, &device)?,
            };
            let explained = kinds.into_iter().map(|kind| self.explain_one(view, &device, &active, kind));
            explained.collect::<Result<_, _>>().map(Some)
        })
    }

    fn explain_one(
        &self,
        view: View<'_>,
        device: &Device,
        active: &[Action],
        kind: FirmwareType,
    ) -> Result<Explanation, StoreError> {
        let key = &device.key;
        let offer = view.offer(&key.tenant, &device.product, kind)?;
        let image = match &offer {
            Some(offer) => view.image(&key.tenant, offer.image)?,
            None => None,
        };
        let pair = offer.as_ref().zip(image.as_ref());
        let rules = offer.as_ref().map(|offer| &offer.rules);
        let steps = steps(view, &key.tenant, image.as_ref(), rules)?;
        let findings = eligibility::explain(device, pair, &steps, active, self.policy.attempts, now());
        let busy = active.iter().find(|a| a.component(kind).is_some());
        Ok(Explanation {
            kind,
            reported: device.versions.get(&kind).cloned(),
            active: busy.map(|a| (a.id, a.state)),
            image,
            findings,
        })
    }

    /// Whether an image of the tenant has the file, or is to have it.
    pub fn has_artifact(&self, tenant: &TenantId, sha256: &Sha256) -> Result<bool, StoreError> {
        self.ask(|view| Ok(view.upload(tenant, sha256)?.is_some() || view.has_artifact(tenant, sha256)?))
    }

    /// The files of all images of all tenants, and those that wait for their image.
    pub fn artifacts(&self) -> Result<BTreeSet<Sha256>, StoreError> {
        self.ask(|view| view.all_artifacts())
    }

    /// The device with its actions under way, in id order, without those that it is not to hear of because their rollouts
    /// are paused. None without the device.
    pub fn work(&self, key: &DeviceKey) -> Result<Option<(Device, Vec<Action>)>, StoreError> {
        self.ask(|view| {
            let Some(device) = view.device(key)? else { return Ok(None) };
            let mut actions = active_actions(view, &device)?;
            let held = rollouts::held(view, &actions)?;
            actions.retain(|action| !held.contains(&action.id));
            Ok(Some((device, actions)))
        })
    }

    /// An action of this device with its images, in the order of the components. None when it is not the device's.
    pub fn assigned(
        &self,
        key: &DeviceKey,
        id: ActionId,
    ) -> Result<Option<(Action, Vec<Image>)>, StoreError> {
        self.ask(|view| {
            let Some(action) = view.action(&key.tenant, id)?.filter(|a| a.device == *key) else {
                return Ok(None);
            };
            let mut images = Vec::with_capacity(action.components.len());
            for component in &action.components {
                images.extend(view.image(&key.tenant, component.image)?);
            }
            Ok(Some((action, images)))
        })
    }

    /// Whether the device is not to hear of this action of it, because the rollout is paused.
    pub fn is_held(&self, action: &Action) -> Result<bool, StoreError> {
        self.ask(|view| Ok(!rollouts::held(view, std::slice::from_ref(action))?.is_empty()))
    }

    /// The files that the device may fetch now: those of its actions under way.
    pub fn grants(&self, key: &DeviceKey) -> Result<Vec<Grant>, StoreError> {
        self.ask(|view| {
            let Some(device) = view.device(key)? else { return Ok(Vec::new()) };
            let mut grants = Vec::new();
            for action in active_actions(view, &device)?.iter().filter(|a| !a.cancelling) {
                for component in &action.components {
                    let image = view.image(&key.tenant, component.image)?;
                    let files = image.into_iter().flat_map(|i| i.artifacts);
                    grants.extend(files.map(|artifact| Grant {
                        action: action.id,
                        image: component.image,
                        kind: component.kind,
                        artifact,
                    }));
                }
            }
            Ok(grants)
        })
    }
}

/// Who a session is of, while it lasts.
fn session_owner(view: View<'_>, session: &Session<'_>) -> Result<Option<Identity>, StoreError> {
    let Some((operator, secret)) = view.operator(session.operator)?.zip(view.session_secret()?) else {
        return Ok(None);
    };
    let password = view.password(&operator.name)?;
    let holder = Holder { operator: &operator, password: password.as_deref() };
    let proven = session.proves(holder, &secret, now());
    Ok(proven.then_some(Identity::Operator {
        name: operator.name,
        tenant: operator.tenant,
        role: operator.role,
    }))
}

/// The firmware types that matter to a device.
fn kinds_of(view: View<'_>, device: &Device) -> Result<BTreeSet<FirmwareType>, StoreError> {
    let offered = view.offers(&device.key.tenant, Some(&device.product))?;
    let mut kinds: BTreeSet<FirmwareType> = offered.iter().map(|offer| offer.kind).collect();
    kinds.extend(device.versions.keys().chain(&device.capabilities.types));
    Ok(kinds)
}

/// The device's actions under way.
pub(super) fn active_actions(view: View<'_>, device: &Device) -> Result<Vec<Action>, StoreError> {
    let ids: BTreeSet<_> = device.active.values().chain(&device.leaving).copied().collect();
    let mut actions = Vec::with_capacity(ids.len());
    for id in ids {
        actions.extend(view.action(&device.key.tenant, id)?);
    }
    Ok(actions)
}
