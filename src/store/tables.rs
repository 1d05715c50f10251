//! Placeholder for the typed tables.
#![allow(missing_docs, unused_variables, clippy::unimplemented)]
use super::{Read, StoreError, Write};
use crate::domain::action::Action;
use crate::domain::decide::Entry;
use crate::domain::deployment::Deployment;
use crate::domain::device::Device;
use crate::domain::ids::*;
use crate::domain::image::{Image, Release, Sha256};
use crate::domain::offer::Offer;
use std::collections::BTreeSet;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Principal {
    Device(DeviceKey),
    Operator(Box<str>),
}
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Admin,
    Observer,
}
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operator {
    pub name: Box<str>,
    pub tenant: Option<TenantId>,
    pub role: Role,
    pub digest: Digest,
    pub created: Time,
}
pub enum Counter<'a> {
    Action,
    Image,
    Artifact,
    Release,
    Deployment,
    Task,
    Epoch,
    Probe,
    ImageNumber(&'a TenantId, FirmwareType),
}
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Task {
    Deploy { tenant: TenantId, deployment: DeploymentId },
    Offer { tenant: TenantId, product: ProductId, kind: FirmwareType, after: Option<DeviceId> },
}
type R<T> = Result<T, StoreError>;
#[derive(Clone, Copy)]
pub struct View<'a>(pub &'a dyn Read);
impl View<'_> {
    pub fn device(&self, k: &DeviceKey) -> R<Option<Device>> {
        unimplemented!()
    }
    pub fn has_device(&self, k: &DeviceKey) -> R<bool> {
        unimplemented!()
    }
    pub fn devices(&self, t: &TenantId, after: Option<&DeviceId>, limit: usize) -> R<Vec<Device>> {
        unimplemented!()
    }
    pub fn product_devices(
        &self,
        t: &TenantId,
        p: &ProductId,
        after: Option<&DeviceId>,
        limit: usize,
    ) -> R<Vec<DeviceId>> {
        unimplemented!()
    }
    pub fn token_owner(&self, d: &Digest) -> R<Option<Principal>> {
        unimplemented!()
    }
    pub fn credential(&self, k: &DeviceKey) -> R<Option<Digest>> {
        unimplemented!()
    }
    pub fn operator(&self, name: &str) -> R<Option<Operator>> {
        unimplemented!()
    }
    pub fn operators(&self) -> R<Vec<Operator>> {
        unimplemented!()
    }
    pub fn image(&self, t: &TenantId, i: ImageId) -> R<Option<Image>> {
        unimplemented!()
    }
    pub fn images(&self, t: &TenantId, after: Option<ImageId>, limit: usize) -> R<Vec<Image>> {
        unimplemented!()
    }
    pub fn all_artifacts(&self) -> R<BTreeSet<Sha256>> {
        unimplemented!()
    }
    pub fn release(&self, t: &TenantId, i: ReleaseId) -> R<Option<Release>> {
        unimplemented!()
    }
    pub fn releases(&self, t: &TenantId, after: Option<ReleaseId>, limit: usize) -> R<Vec<Release>> {
        unimplemented!()
    }
    pub fn offer(&self, t: &TenantId, p: &ProductId, k: FirmwareType) -> R<Option<Offer>> {
        unimplemented!()
    }
    pub fn offers(&self, t: &TenantId, p: Option<&ProductId>) -> R<Vec<Offer>> {
        unimplemented!()
    }
    pub fn action(&self, t: &TenantId, i: ActionId) -> R<Option<Action>> {
        unimplemented!()
    }
    pub fn actions(&self, t: &TenantId, before: Option<ActionId>, limit: usize) -> R<Vec<Action>> {
        unimplemented!()
    }
    pub fn device_actions(&self, k: &DeviceKey, before: Option<ActionId>, limit: usize) -> R<Vec<Action>> {
        unimplemented!()
    }
    pub fn history(&self, t: &TenantId, i: ActionId, after: u32, limit: usize) -> R<Vec<Entry>> {
        unimplemented!()
    }
    pub fn deployment(&self, t: &TenantId, i: DeploymentId) -> R<Option<Deployment>> {
        unimplemented!()
    }
    pub fn deployments(
        &self,
        t: &TenantId,
        before: Option<DeploymentId>,
        limit: usize,
    ) -> R<Vec<Deployment>> {
        unimplemented!()
    }
    pub fn tasks(&self, limit: usize) -> R<Vec<(u64, Task)>> {
        unimplemented!()
    }
    pub fn pending(&self, task: u64, limit: usize) -> R<Vec<DeviceId>> {
        unimplemented!()
    }
    pub fn due(&self, now: Time, limit: usize) -> R<Vec<(Time, TenantId, ActionId)>> {
        unimplemented!()
    }
    pub fn counter(&self, c: Counter<'_>) -> R<u64> {
        unimplemented!()
    }
}
pub struct Draft<'a>(pub &'a mut dyn Write);
impl Draft<'_> {
    pub fn view(&self) -> View<'_> {
        unimplemented!()
    }
    pub fn put_device(&mut self, d: &Device) -> R<()> {
        unimplemented!()
    }
    pub fn remove_device(&mut self, d: &Device) -> R<()> {
        unimplemented!()
    }
    pub fn put_credential(&mut self, k: &DeviceKey, d: &Digest) -> R<()> {
        unimplemented!()
    }
    pub fn put_operator(&mut self, o: &Operator) -> R<()> {
        unimplemented!()
    }
    pub fn remove_operator(&mut self, o: &Operator) -> R<()> {
        unimplemented!()
    }
    pub fn put_image(&mut self, i: &Image) -> R<()> {
        unimplemented!()
    }
    pub fn remove_image(&mut self, t: &TenantId, i: ImageId) -> R<()> {
        unimplemented!()
    }
    pub fn put_release(&mut self, r: &Release) -> R<()> {
        unimplemented!()
    }
    pub fn remove_release(&mut self, t: &TenantId, i: ReleaseId) -> R<()> {
        unimplemented!()
    }
    pub fn put_offer(&mut self, o: &Offer) -> R<()> {
        unimplemented!()
    }
    pub fn remove_offer(&mut self, t: &TenantId, p: &ProductId, k: FirmwareType) -> R<()> {
        unimplemented!()
    }
    pub fn put_action(&mut self, a: &Action) -> R<()> {
        unimplemented!()
    }
    pub fn add_history(&mut self, t: &TenantId, i: ActionId, n: u32, e: &Entry) -> R<()> {
        unimplemented!()
    }
    pub fn put_deployment(&mut self, d: &Deployment) -> R<()> {
        unimplemented!()
    }
    pub fn put_task(&mut self, n: u64, t: &Task) -> R<()> {
        unimplemented!()
    }
    pub fn remove_task(&mut self, n: u64) -> R<()> {
        unimplemented!()
    }
    pub fn add_pending(&mut self, task: u64, d: &DeviceId) -> R<()> {
        unimplemented!()
    }
    pub fn remove_pending(&mut self, task: u64, d: &DeviceId) -> R<()> {
        unimplemented!()
    }
    pub fn add_due(&mut self, at: Time, t: &TenantId, a: ActionId) -> R<()> {
        unimplemented!()
    }
    pub fn remove_due(&mut self, at: Time, t: &TenantId, a: ActionId) -> R<()> {
        unimplemented!()
    }
    pub fn next(&mut self, c: Counter<'_>) -> R<u64> {
        unimplemented!()
    }
}
