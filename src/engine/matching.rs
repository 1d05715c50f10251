//! Stored filters that bring something: a device that comes to match one gets its release, once.
//!
//! Decided on the event, never by walking the fleet: when a device changes, the tenant's filters are held against it; when
//! a filter or its release changes, a task walks the devices a slice a commit.

use super::apply::{Batch, Decided};
use crate::domain::device::Device;
use crate::domain::ids::TenantId;
use crate::domain::image::Release;
use crate::store::StoreError;

/// Whether anything changed that a filter can speak of.
pub(super) fn differs(before: &Device, now: &Device) -> bool {
    before.versions != now.versions
        || before.attributes != now.attributes
        || before.named != now.named
        || before.profile != now.profile
        || before.product != now.product
        || before.installed != now.installed
        || before.standing() != now.standing()
        || before.seen_at != now.seen_at
}

impl Batch<'_> {
    pub(super) fn has_filters(&mut self, _tenant: &TenantId) -> Result<bool, StoreError> {
        Ok(false)
    }

    /// Holds the filters against a device that is new or was changed by an operator; returns it as it is then.
    pub(super) fn match_filters(&mut self, device: Device) -> Result<Device, StoreError> {
        Ok(device)
    }

    pub(super) fn match_filters_again(&mut self, _decided: &mut Decided) -> Result<(), StoreError> {
        Ok(())
    }

    /// A release that filters bring has changed: it may be complete now.
    pub(super) fn release_changed(&mut self, _release: &Release) -> Result<(), StoreError> {
        Ok(())
    }
}
