//! Why devices have, or have not, what rollouts bring, and why rollouts stand where they stand. Everything is found by key:
//! no question here walks the devices or the members of a rollout.

use std::collections::{BTreeSet, HashSet};

use super::{Reader, StoreError, active_actions, rollouts};
use crate::domain::action::{Action, Origin, State};
use crate::domain::catalog::Trail;
use crate::domain::decide::{Entry, Note};
use crate::domain::deployment::Target;
use crate::domain::device::Device;
use crate::domain::filter::{Filter, Moment};
use crate::domain::ids::{ActionId, DeviceKey, FirmwareType, RolloutId, TenantId};
use crate::domain::rollout::{Hold, Known, Rollout, Who, Why, hold, why};
use crate::domain::tenant::Tenant;
use crate::engine::subject::{DeviceSubject, Names};
use crate::store::tables::View;

/// How many rollouts of a tenant are looked through for those that can still move, the newest first: reading so many
/// takes milliseconds. Those of which the device has an action are found however old they are.
const ROLLOUTS_LOOKED_AT: usize = 1000;
/// How many rollouts are read in one go: a few hundred kilobytes.
const STRIDE: usize = 128;
/// How many of a device's newest actions are looked through for rollouts, and for what took an action's place.
const ACTIONS_LOOKED_AT: usize = 100;

/// How a device stands in a rollout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The rollout.
    pub rollout: RolloutId,
    /// What people call it.
    pub name: Box<str>,
    /// The device's wave; none where it is not in the rollout.
    pub wave: Option<u16>,
    /// Why it has, or has not, what the rollout brings.
    pub hold: Hold,
}

/// What is known of a device, whichever rollout is asked about.
struct About<'a> {
    view: View<'a>,
    device: &'a Device,
    /// Actions under way.
    active: Vec<Action>,
    /// The newest actions, newest first.
    newest: Vec<Action>,
    at: Moment,
}

/// All functions fail with [`StoreError`] when the database cannot be read.
#[allow(clippy::missing_errors_doc)]
impl Reader {
    /// How a device stands in every rollout that can still move and that it is in or could be in, newest first, and in the
    /// newest that has ended and reached it. None without the device.
    pub fn explain_rollouts(&self, key: &DeviceKey, at: Moment) -> Result<Option<Vec<Standing>>, StoreError> {
        self.ask(|view| {
            let Some(device) = view.device(key)?.map(|device| self.present(device)) else { return Ok(None) };
            let about = About::new(view, &device, at)?;
            let names = Names::new(view, &key.tenant);
            let mut standings = Vec::new();
            for rollout in about.rollouts()? {
                let standing = about.standing(&rollout, &names)?;
                let outside = matches!(standing.hold, Hold::NotSelected(_));
                standings.extend((!outside).then_some(standing));
            }
            Ok(Some(standings))
        })
    }

    /// How a device stands in one rollout, whether it is in it or not. None without the device or the rollout.
    pub fn explain_member(
        &self,
        key: &DeviceKey,
        id: RolloutId,
        at: Moment,
    ) -> Result<Option<Standing>, StoreError> {
        self.ask(|view| {
            let device = view.device(key)?.map(|device| self.present(device));
            let Some((device, rollout)) = device.zip(view.rollout(&key.tenant, id)?) else { return Ok(None) };
            let names = Names::new(view, &key.tenant);
            About::new(view, &device, at)?.standing(&rollout, &names).map(Some)
        })
    }

    /// The moments that a filter may speak of; devices of the tenant are to poll every so many seconds where it says
    /// nothing else.
    pub fn moment(&self, tenant: &TenantId, poll_s: u32) -> Result<Moment, StoreError> {
        let now = super::now();
        let row = self.ask(|view| view.tenant(tenant))?;
        let row = row.unwrap_or_else(|| Tenant::new(tenant.clone(), Trail::new("", now)));
        Ok(Moment { now, overdue_before: row.polling(poll_s).overdue_before(now) })
    }

    /// Why a rollout stands where it stands. None without the rollout.
    pub fn explain_rollout(
        &self,
        tenant: &TenantId,
        id: RolloutId,
    ) -> Result<Option<(Rollout, Why)>, StoreError> {
        let found = self.rollout(tenant, id)?;
        Ok(found.map(|(rollout, waves)| {
            let found = why(&rollout, &waves, super::now());
            (rollout, found)
        }))
    }
}

impl<'a> About<'a> {
    fn new(view: View<'a>, device: &'a Device, at: Moment) -> Result<Self, StoreError> {
        let active = active_actions(view, device)?;
        let newest = view.device_actions(&device.key, None, ACTIONS_LOOKED_AT)?;
        Ok(About { view, device, active, newest, at })
    }

    /// The rollouts that are worth a look: those that can still move, and the newest that has ended of those that the
    /// newest actions are from.
    fn rollouts(&self) -> Result<Vec<Rollout>, StoreError> {
        let tenant = &self.device.key.tenant;
        let mut seen = HashSet::new();
        let mut found = Vec::new();
        let mut ended = false;
        for action in &self.newest {
            let Origin::Rollout(id, _) = action.origin else { continue };
            if !seen.insert(id) {
                continue;
            }
            let Some(rollout) = self.view.rollout(tenant, id)? else { continue };
            if rollout.status.is_live() || !std::mem::replace(&mut ended, true) {
                found.push(rollout);
            }
        }
        let (mut before, mut read) = (None, 0);
        while read < ROLLOUTS_LOOKED_AT {
            let page = self.view.rollouts(tenant, before, STRIDE)?;
            let full = page.len() == STRIDE;
            read += page.len();
            before = page.last().map(|rollout| rollout.id);
            found.extend(
                page.into_iter()
                    .filter(|own| own.status.is_live() && !own.deleted && !seen.contains(&own.id)),
            );
            if !full {
                break;
            }
        }
        found.sort_by_key(|rollout| std::cmp::Reverse(rollout.id));
        Ok(found)
    }

    fn standing(&self, rollout: &Rollout, names: &Names<'_>) -> Result<Standing, StoreError> {
        let (tenant, device) = (&self.device.key.tenant, &self.device.key.device);
        let waves = self.view.waves(tenant, rollout.id)?;
        let member = rollouts::member_of(self.view, tenant, rollout.id, device)?;
        let action = member.as_ref().and_then(|(_, member)| member.action);
        let action = match action {
            Some(id) => self.view.action(tenant, id)?,
            None => None,
        };
        let last = match &action {
            Some(action) => self.last_entry(action)?,
            None => None,
        };
        let known = Known {
            rollout,
            waves: &waves,
            device,
            member: member.as_ref().map(|(wave, member)| (*wave, member)),
            newer: action.as_ref().and_then(|action| self.newer_than(action, last.as_ref())),
            action: action.as_ref(),
            last: last.as_ref(),
            heavier: self.heavier_than(rollout)?,
            penalty: self.device.penalty.and_then(|own| own.until),
            online: self.device.online,
            matches: member.is_some() || self.matches(rollout, names),
        };
        let hold = hold(&known, self.at.now);
        let wave = member.as_ref().map(|(wave, _)| *wave);
        Ok(Standing { rollout: rollout.id, name: rollout.name.clone(), wave, hold })
    }

    /// The line of its history that says why an action stands where it stands: the newest, apart from what was said after
    /// it had ended.
    fn last_entry(&self, action: &Action) -> Result<Option<Entry>, StoreError> {
        /// What is said after the end is little: a few words that were on their way.
        const BACK: u32 = 16;
        let tenant = &action.device.tenant;
        let after = action.entries.saturating_sub(BACK);
        let lines = self.view.history(tenant, action.id, after, BACK as usize)?;
        Ok(lines.into_iter().rfind(|entry| !matches!(entry.note, Note::Drift(_))))
    }

    /// The action that took the place of one: the first after it that is for one of the same types.
    fn newer_than(&self, action: &Action, last: Option<&Entry>) -> Option<ActionId> {
        let left = last.is_some_and(|entry| entry.note == Note::Superseded);
        if action.state != State::Superseded && !left {
            return None;
        }
        let overlaps =
            |own: &&Action| own.components.iter().any(|part| action.component(part.kind).is_some());
        let after = self.newest.iter().take_while(|own| own.id > action.id);
        after.filter(overlaps).last().map(|own| own.id)
    }

    /// An action under way that weighs more than the rollout, for one of the types that it brings.
    fn heavier_than(&self, rollout: &Rollout) -> Result<Option<ActionId>, StoreError> {
        let heavy = |action: &&Action| {
            let own = matches!(action.origin, Origin::Rollout(id, _) if id == rollout.id);
            !own && !action.state.is_terminal() && action.terms.weight > rollout.terms.weight
        };
        if !self.active.iter().any(|action| heavy(&action)) {
            return Ok(None);
        }
        let kinds = kinds_of(self.view, &rollout.tenant, rollout.target)?;
        let same = |action: &&Action| kinds.iter().any(|kind| action.component(*kind).is_some());
        Ok(self.active.iter().filter(heavy).find(same).map(|action| action.id))
    }

    fn matches(&self, rollout: &Rollout, names: &Names<'_>) -> bool {
        match &rollout.selection.who {
            Who::Filter(query) => {
                let subject = DeviceSubject { device: self.device, names };
                Filter::parse(query).is_ok_and(|filter| filter.matches(&subject, self.at))
            }
            Who::Product(product) => self.device.product == *product,
            Who::Listed => false,
        }
    }
}

/// The firmware types of a target.
fn kinds_of(view: View<'_>, tenant: &TenantId, target: Target) -> Result<BTreeSet<FirmwareType>, StoreError> {
    let ids = match target {
        Target::Image(id) => vec![id],
        Target::Release(id) => view.release(tenant, id)?.map_or_else(Vec::new, |release| release.images),
    };
    let mut kinds = BTreeSet::new();
    for id in ids {
        kinds.extend(view.image(tenant, id)?.map(|image| image.kind));
    }
    Ok(kinds)
}
