//! Stored filters that bring something: a device that comes to match one gets its release, once.
//!
//! Decided on the event, never by walking the fleet: when a device changes, the tenant's filters are held against it; when
//! a filter or its release changes, a task walks the devices a slice a commit.

use std::sync::Arc;

use super::apply::{Batch, Decided, SLICE};
use super::subject::{DeviceSubject, Names};
use crate::domain::action::{Action, Origin};
use crate::domain::catalog::{AutoAssign, Item, Section, Trail, What};
use crate::domain::decide::Verdict;
use crate::domain::deployment::Target;
use crate::domain::device::Device;
use crate::domain::event::Event;
use crate::domain::filter::{Filter, Moment};
use crate::domain::ids::{DeviceId, ItemId, TenantId};
use crate::domain::image::Release;
use crate::domain::seeds::SYSTEM;
use crate::domain::tenant::{Setting, Tenant};
use crate::store::StoreError;
use crate::store::tables::{Counter, Task};

/// How many actions of a device are looked at for one that brought the release before, at a time.
const PAGE: usize = 64;

/// A filter that brings a release.
#[derive(Debug)]
pub(super) struct Bringing {
    id: ItemId,
    filter: Filter,
    auto: AutoAssign,
}

/// Whether anything changed that a filter can speak of.
pub(super) fn differs(before: &Device, now: &Device) -> bool {
    before.versions != now.versions
        || before.attributes != now.attributes
        || before.named != now.named
        || before.profile != now.profile
        || before.product != now.product
        || before.installed != now.installed
        || before.assigned != now.assigned
        || before.standing() != now.standing()
        || before.seen_at != now.seen_at
        || before.online != now.online
}

impl Batch<'_> {
    /// Whether the tenant has a filter that brings anything: most have none, and pay nothing for it.
    pub(super) fn has_filters(&mut self, tenant: &TenantId) -> Result<bool, StoreError> {
        Ok(!self.filters(tenant)?.is_empty())
    }

    /// The filters of a tenant that bring something; kept at hand, because every change of a device needs them.
    fn filters(&mut self, tenant: &TenantId) -> Result<Arc<Vec<Bringing>>, StoreError> {
        if let Some(known) = self.memory.filters.get(tenant) {
            return Ok(Arc::clone(known));
        }
        let items = self.draft.view().items(tenant, Section::Filters, None, usize::MAX)?;
        let found = Arc::new(items.into_iter().filter_map(bringing).collect::<Vec<_>>());
        self.memory.filters.insert(tenant.clone(), Arc::clone(&found));
        Ok(found)
    }

    /// A filter was made, changed or removed: the devices that match it now are looked for.
    pub(super) fn filters_changed(
        &mut self,
        tenant: &TenantId,
        id: Option<ItemId>,
    ) -> Result<(), StoreError> {
        self.memory.filters.remove(tenant);
        let changed = self.filters(tenant)?.iter().find(|own| Some(own.id) == id).map(|own| own.id);
        match changed {
            Some(filter) => self.walk_for(tenant, filter),
            None => Ok(()),
        }
    }

    /// A release that filters bring has changed: it may be complete now.
    pub(super) fn release_changed(&mut self, release: &Release) -> Result<(), StoreError> {
        let filters = self.filters(&release.tenant)?;
        let brings = filters.iter().filter(|own| own.auto.release == release.id).map(|own| own.id);
        brings.collect::<Vec<_>>().into_iter().try_for_each(|filter| self.walk_for(&release.tenant, filter))
    }

    fn walk_for(&mut self, tenant: &TenantId, filter: ItemId) -> Result<(), StoreError> {
        let number = self.draft.next(Counter::Task)?;
        self.draft.put_task(number, &Task::Match { tenant: tenant.clone(), filter, after: None })
    }

    /// Takes the next slice of devices that a changed filter is held against. Returns whether it was the last.
    pub(super) fn advance_match(
        &mut self,
        number: u64,
        tenant: &TenantId,
        filter: ItemId,
        after: Option<DeviceId>,
    ) -> Result<bool, StoreError> {
        let filters = self.filters(tenant)?;
        let Some(own) = filters.iter().find(|own| own.id == filter) else { return Ok(true) };
        if !self.can_bring(tenant, &own.auto)? {
            return Ok(true);
        }
        let slice = self.draft.view().devices(tenant, after.as_ref(), SLICE)?;
        let (done, last) = (slice.len() < SLICE, slice.last().map(|device| device.key.device.clone()));
        let matching = {
            let at = self.moment(tenant)?;
            let names = Names::new(self.draft.view(), tenant);
            let fits = |device: &Device| own.filter.matches(&DeviceSubject { device, names: &names }, at);
            slice.into_iter().filter(fits).collect::<Vec<_>>()
        };
        for device in matching {
            self.bring(device, own)?;
        }
        if !done {
            self.draft.put_task(number, &Task::Match { tenant: tenant.clone(), filter, after: last })?;
        }
        Ok(done)
    }

    /// Holds the filters against a device that is new or was changed by an operator; returns it as it is then.
    pub(super) fn match_filters(&mut self, device: Device) -> Result<Device, StoreError> {
        let mut decided =
            Decided { device, under_way: Vec::new(), created: Vec::new(), verdict: Verdict::Stored };
        self.match_filters_again(&mut decided)?;
        self.join_rollouts(&decided.device)?;
        Ok(decided.device)
    }

    /// Holds the filters against a device that an event changed, in the order of their ids.
    pub(super) fn match_filters_again(&mut self, decided: &mut Decided) -> Result<(), StoreError> {
        let tenant = decided.device.key.tenant.clone();
        for own in self.filters(&tenant)?.iter() {
            let fits = {
                let at = self.moment(&tenant)?;
                let names = Names::new(self.draft.view(), &tenant);
                own.filter.matches(&DeviceSubject { device: &decided.device, names: &names }, at)
            };
            if fits
                && self.can_bring(&tenant, &own.auto)?
                && let Some(more) = self.bring(decided.device.clone(), own)?
            {
                decided.device = more.device;
                decided.under_way = more.under_way;
                decided.created.extend(more.created);
            }
        }
        Ok(())
    }

    /// The moments that a filter may speak of.
    pub(super) fn moment(&self, tenant: &TenantId) -> Result<Moment, StoreError> {
        let row = self.draft.view().tenant(tenant)?;
        let row = row.unwrap_or_else(|| Tenant::new(tenant.clone(), Trail::new(SYSTEM, self.now)));
        let polling = row.polling(self.settings.poll_s);
        Ok(Moment { now: self.now, overdue_before: polling.overdue_before(self.now) })
    }

    fn can_bring(&mut self, tenant: &TenantId, auto: &AutoAssign) -> Result<bool, StoreError> {
        let release = self.draft.view().release(tenant, auto.release)?;
        match release.filter(|release| !release.deleted && !release.invalid) {
            Some(release) => self.is_complete(&release),
            None => Ok(false),
        }
    }

    /// Assigns what the filter brings, unless the device has, or ever had, an action for it.
    fn bring(&mut self, device: Device, own: &Bringing) -> Result<Option<Decided>, StoreError> {
        let target = Target::Release(own.auto.release);
        if device.assigned == Some(target) || self.had(&device, target)? {
            return Ok(None);
        }
        if !self.takes_kind(&device, target)? {
            return Ok(None);
        }
        let tenant = device.key.tenant.clone();
        self.lock_target(&tenant, target)?;
        let mut terms = own.auto.terms.clone();
        terms.consent &= self.flag(&tenant, Setting::ConfirmationFlow)?;
        let images = self.images_of(&tenant, target)?;
        let event = Event::Assign {
            origin: Origin::Filter(own.id),
            target,
            steps: self.steps_to(&tenant, &images)?,
            images,
            allow_downgrade: true,
            terms,
            by: own.auto.by.clone(),
            attempt: 1,
        };
        self.decide_once(device, &event).map(Some)
    }

    fn had(&self, device: &Device, target: Target) -> Result<bool, StoreError> {
        let mut before = None;
        loop {
            let page = self.draft.view().device_actions(&device.key, before, PAGE)?;
            let leads_there = |action: &Action| action.onward.is_some_and(|onward| onward.target == target);
            if page.iter().any(|action| action.target == target || leads_there(action)) {
                return Ok(true);
            }
            if page.len() < PAGE {
                return Ok(false);
            }
            before = page.last().map(|action| action.id);
        }
    }

    /// A flag that the tenant has set. Looked up once a batch: a deployment asks for each of its devices.
    pub(super) fn flag(&mut self, tenant: &TenantId, setting: Setting) -> Result<bool, StoreError> {
        let known = self.flags.iter().find(|(of, own, _)| *own == setting && of == tenant);
        if let Some((_, _, value)) = known {
            return Ok(*value);
        }
        let row = self.draft.view().tenant(tenant)?;
        let value = row.map_or(setting.default() == "true", |tenant| tenant.flag(setting));
        self.flags.push((tenant.clone(), setting, value));
        Ok(value)
    }
}

/// The filter of an item that brings something. A door parsed it before it was kept.
fn bringing(item: Item) -> Option<Bringing> {
    let What::Filter { query, auto: Some(auto) } = item.what else { return None };
    match Filter::parse(&query) {
        Ok(filter) if !item.deleted => Some(Bringing { id: item.id, filter, auto }),
        Ok(_) => None,
        Err(error) => {
            tracing::error!(filter = %item.id, %error, "a stored filter is passed over");
            None
        }
    }
}
