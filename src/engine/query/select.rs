//! Lists that are filtered, sorted and cut, each walked once in one snapshot and never held as a whole.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use super::{Reader, StoreError};
use crate::domain::action::Action;
use crate::domain::deployment::Target;
use crate::domain::device::Device;
use crate::domain::filter::sort::{Direction, Sort};
use crate::domain::filter::{Filter, Moment, Subject};
use crate::domain::ids::{ActionId, DeviceId, DeviceKey, ReleaseId, TenantId};
use crate::engine::subject::{ActionSubject, DeviceSubject, Names, action_status};
use crate::store::tables::View;

/// How many rows are read in one go: a few hundred kilobytes.
const STRIDE: usize = 256;

/// Which rows of a list are wanted, in which order, and which part of them.
#[derive(Debug, Clone)]
pub struct Selection {
    /// The condition; without one all are wanted.
    pub filter: Option<Filter>,
    /// The order; without one it is the list's own.
    pub sort: Option<Sort>,
    /// How many rows are left out at the start.
    pub offset: usize,
    /// The most rows.
    pub limit: usize,
    /// The moments that the condition may speak of.
    pub at: Moment,
}

impl Selection {
    fn admits(&self, subject: &dyn Subject) -> bool {
        self.filter.as_ref().is_none_or(|filter| filter.matches(subject, self.at))
    }
}

/// The part of a list that was wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selected<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// How many rows there are in all parts.
    pub total: usize,
}

/// All functions fail with [`StoreError`] when the database cannot be read.
#[allow(clippy::missing_errors_doc)]
impl Reader {
    /// Devices in the order of their ids, or as it is wanted, those that are `own` only.
    pub fn select_devices(
        &self,
        tenant: &TenantId,
        selection: &Selection,
        own: impl Fn(&Device) -> bool,
    ) -> Result<Selected<Device>, StoreError> {
        let found = self.ask(|view| {
            let names = Names::new(view, tenant);
            let mut kept = Kept::new(selection, &names, is_by_id(selection.sort.as_ref()));
            let mut after: Option<DeviceId> = None;
            loop {
                let stride = view.devices(tenant, after.as_ref(), STRIDE)?;
                let is_last = stride.len() < STRIDE;
                after = stride.last().map(|device| device.key.device.clone());
                stride.into_iter().filter(&own).for_each(|device| kept.take(device));
                if is_last {
                    return Ok(kept.end());
                }
            }
        })?;
        let rows = found.rows.into_iter().map(|device| self.present(device)).collect();
        Ok(Selected { rows, total: found.total })
    }

    /// The ids of the actions that a condition finds, newest first, of the tenant or of one of its devices.
    pub fn select_action_ids(
        &self,
        tenant: &TenantId,
        device: Option<&DeviceId>,
        selection: &Selection,
        own: impl Fn(&Action) -> bool,
    ) -> Result<Vec<ActionId>, StoreError> {
        self.ask(|view| {
            let names = Names::new(view, tenant);
            let (mut ids, mut before) = (Vec::new(), None);
            loop {
                let stride = actions(view, tenant, device, before)?;
                let is_last = stride.len() < STRIDE;
                before = stride.last().map(|action| action.id);
                let fits = |action: &&Action| own(action) && selection.admits(&*names.show(*action));
                ids.extend(stride.iter().filter(fits).map(|action| action.id));
                if is_last {
                    return Ok(ids);
                }
            }
        })
    }

    /// The ids of the devices that a condition finds, in their order.
    pub fn select_device_ids(
        &self,
        tenant: &TenantId,
        selection: &Selection,
    ) -> Result<Vec<DeviceId>, StoreError> {
        self.ask(|view| {
            let names = Names::new(view, tenant);
            let (mut ids, mut after) = (Vec::new(), None);
            loop {
                let stride = view.devices(tenant, after.as_ref(), STRIDE)?;
                let is_last = stride.len() < STRIDE;
                after = stride.last().map(|device| device.key.device.clone());
                let fits = stride.into_iter().filter(|device| selection.admits(&*names.show(device)));
                ids.extend(fits.map(|device| device.key.device));
                if is_last {
                    return Ok(ids);
                }
            }
        })
    }

    /// The first devices of all, or those that follow, and how many there are: without reading the others.
    pub fn all_devices(
        &self,
        tenant: &TenantId,
        offset: usize,
        limit: usize,
    ) -> Result<Selected<Device>, StoreError> {
        let (rows, total) = self.ask(|view| view.devices_from(tenant, offset, limit))?;
        Ok(Selected { rows: rows.into_iter().map(|device| self.present(device)).collect(), total })
    }

    /// Actions of the tenant or of one of its devices, newest first or as it is wanted, those that are `own` only.
    pub fn select_actions(
        &self,
        tenant: &TenantId,
        device: Option<&DeviceId>,
        selection: &Selection,
        own: impl Fn(&Action) -> bool,
    ) -> Result<Selected<Action>, StoreError> {
        self.ask(|view| {
            let names = Names::new(view, tenant);
            let mut kept = Kept::new(selection, &names, false);
            let mut before = None;
            loop {
                let stride = actions(view, tenant, device, before)?;
                let is_last = stride.len() < STRIDE;
                before = stride.last().map(|action| action.id);
                stride.into_iter().filter(&own).for_each(|action| kept.take(action));
                if is_last {
                    return Ok(kept.end());
                }
            }
        })
    }

    /// The groups that devices are in.
    pub fn groups(&self, tenant: &TenantId) -> Result<BTreeSet<Box<str>>, StoreError> {
        self.ask(|view| {
            let (mut groups, mut after) = (BTreeSet::new(), None);
            loop {
                let stride = view.devices(tenant, after.as_ref(), STRIDE)?;
                let is_last = stride.len() < STRIDE;
                after = stride.last().map(|device| device.key.device.clone());
                groups.extend(stride.into_iter().filter_map(|device| device.profile.group));
                if is_last {
                    return Ok(groups);
                }
            }
        })
    }

    /// How many actions bring a release, by hawkBit's words for how they stand.
    pub fn count_actions(
        &self,
        tenant: &TenantId,
        release: ReleaseId,
    ) -> Result<BTreeMap<&'static str, usize>, StoreError> {
        self.ask(|view| {
            let (mut counts, mut before) = (BTreeMap::new(), None);
            loop {
                let stride = actions(view, tenant, None, before)?;
                for action in stride.iter().filter(|action| action.target == Target::Release(release)) {
                    *counts.entry(action_status(action)).or_default() += 1;
                }
                match stride.last() {
                    Some(last) if stride.len() == STRIDE => before = Some(last.id),
                    Some(_) | None => return Ok(counts),
                }
            }
        })
    }
}

fn actions(
    view: View<'_>,
    tenant: &TenantId,
    device: Option<&DeviceId>,
    before: Option<ActionId>,
) -> Result<Vec<Action>, StoreError> {
    match device {
        None => view.actions(tenant, before, STRIDE),
        Some(device) => {
            let key = DeviceKey { tenant: tenant.clone(), device: device.clone() };
            view.device_actions(&key, before, STRIDE)
        }
    }
}

/// Whether devices come in this order anyway.
fn is_by_id(sort: Option<&Sort>) -> bool {
    let mut keys = sort.into_iter().flat_map(Sort::keys);
    let first = keys.next().is_some_and(|(field, direction)| {
        direction == Direction::Ascending
            && ["id", "controllerid"].iter().any(|id| id.eq_ignore_ascii_case(field))
    });
    first && keys.next().is_none()
}

/// Shows rows to filters.
trait Show<T> {
    fn show<'r>(&'r self, row: &'r T) -> Box<dyn Subject + 'r>;
}

impl Show<Device> for Names<'_> {
    fn show<'r>(&'r self, device: &'r Device) -> Box<dyn Subject + 'r> {
        Box::new(DeviceSubject { device, names: self })
    }
}

impl Show<Action> for Names<'_> {
    fn show<'r>(&'r self, action: &'r Action) -> Box<dyn Subject + 'r> {
        Box::new(ActionSubject::new(action, self))
    }
}

/// The rows that may still be in the wanted part, while a list is walked.
struct Kept<'s, T> {
    selection: &'s Selection,
    sort: Option<&'s Sort>,
    names: &'s dyn Show<T>,
    rows: Vec<T>,
    total: usize,
}

impl<'s, T> Kept<'s, T> {
    /// `sorted` says that the rows come in the wanted order already.
    fn new(selection: &'s Selection, names: &'s dyn Show<T>, sorted: bool) -> Self {
        let sort = selection.sort.as_ref().filter(|_| !sorted);
        Kept { selection, sort, names, rows: Vec::new(), total: 0 }
    }

    fn take(&mut self, row: T) {
        let Selection { offset, limit, .. } = self.selection;
        if !self.selection.admits(&*self.names.show(&row)) {
            return;
        }
        self.total += 1;
        match self.sort {
            // In the list's own order, rows before and behind the part are only counted.
            None if self.total <= *offset || self.rows.len() >= *limit => {}
            None => self.rows.push(row),
            Some(_) => {
                self.rows.push(row);
                self.thin();
            }
        }
    }

    /// Drops what cannot be in the part any more, once that is as much as the part and what is before it.
    fn thin(&mut self) {
        let end = self.selection.offset.saturating_add(self.selection.limit);
        if self.rows.len() >= end.saturating_mul(2).max(2 * STRIDE) {
            self.order();
            self.rows.truncate(end);
        }
    }

    /// Equal rows stay in the list's own order.
    fn order(&mut self) {
        if let Some(sort) = self.sort {
            let names = self.names;
            self.rows.sort_by(|a, b| sort.compare(&*names.show(a), &*names.show(b)));
        }
    }

    fn end(mut self) -> Selected<T> {
        if self.sort.is_some() {
            self.order();
            let Selection { offset, limit, .. } = self.selection;
            self.rows = self.rows.into_iter().skip(*offset).take(*limit).collect();
        }
        Selected { rows: self.rows, total: self.total }
    }
}
