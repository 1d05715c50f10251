//! Actions: looked at, called off, agreed to, made to press, removed.

use super::other;
use crate::domain::action::{Action, HISTORY_MAX, Origin};
use crate::domain::decide::Entry;
use crate::domain::deployment::Target;
use crate::domain::event::{Consent, Withdrawal};
use crate::domain::filter::Filter;
use crate::domain::ids::{ActionId, DeviceId, DeviceKey, ReleaseId, TenantId};
use crate::engine::call::{Assignment, Call, Reply};
use crate::engine::query::{Reader, Selection, StoreError};
use crate::http::hawkbit::Fault;
use crate::http::manage::actions::Act;
use crate::http::manage::desk::Desk;
use crate::http::manage::list::{Slice, Wanted};
use std::collections::BTreeMap;

/// As many actions as one request may remove: each is a handful of rows in one commit.
pub const REMOVED_MAX: usize = 1000;

/// What came of an assignment.
#[derive(Debug)]
pub struct Assigned {
    /// The new actions with their devices.
    pub actions: Vec<(ActionId, DeviceId)>,
    /// How many devices had been assigned it before.
    pub already: usize,
}

impl Desk {
    /// The actions that the request asks for, of one device or of all.
    pub async fn actions(&self, wanted: Wanted, device: Option<DeviceId>) -> Result<Slice<Act>, Fault> {
        let selection = wanted.selection(self.moment().await?);
        self.ask(move |reader, tenant| {
            let found = reader.select_actions(tenant, device.as_ref(), &selection, |_| true)?;
            let rows = found.rows.into_iter().map(|action| named(reader, tenant, action));
            Ok(Slice { rows: rows.collect::<Result<_, _>>()?, total: found.total })
        })
        .await
    }

    /// An action.
    pub async fn act(&self, id: ActionId) -> Result<Act, Fault> {
        let found = self
            .ask(move |reader, tenant| match reader.action(tenant, id)? {
                Some(action) => named(reader, tenant, action).map(Some),
                None => Ok(None),
            })
            .await?;
        found.ok_or_else(|| Fault::missing("Action", id))
    }

    /// An action of one device; one of another looks as if it were not there.
    pub async fn act_of(&self, device: &DeviceId, id: ActionId) -> Result<Act, Fault> {
        let act = self.act(id).await?;
        match act.action.device.device == *device {
            true => Ok(act),
            false => Err(Fault::missing("Action", id)),
        }
    }

    /// The history of an action, oldest first.
    pub async fn history(&self, id: ActionId) -> Result<Vec<Entry>, Fault> {
        // One more than the quota: the end of an action always finds room.
        self.ask(move |reader, tenant| reader.history(tenant, id, 0, HISTORY_MAX as usize + 1)).await
    }

    /// The actions that have ended, newest first, of one device or of all, under a condition.
    pub async fn ended_actions(
        &self,
        device: Option<DeviceId>,
        filter: Option<Filter>,
    ) -> Result<Vec<ActionId>, Fault> {
        let at = self.moment().await?;
        let selection = Selection { filter, sort: None, offset: 0, limit: usize::MAX, at };
        self.ask(move |reader, tenant| {
            let ended = |action: &Action| action.state.is_terminal();
            reader.select_action_ids(tenant, device.as_ref(), &selection, ended)
        })
        .await
    }

    /// How many actions a release has, by hawkBit's words for how they stand.
    pub async fn count_actions(&self, release: ReleaseId) -> Result<BTreeMap<&'static str, usize>, Fault> {
        self.ask(move |reader, tenant| reader.count_actions(tenant, release)).await
    }

    /// Removes actions that have ended, so many a commit.
    pub async fn remove_actions(&self, ids: Vec<ActionId>) -> Result<(), Fault> {
        for actions in ids.chunks(REMOVED_MAX) {
            let call = Call::RemoveActions { tenant: self.tenant.clone(), actions: actions.to_vec() };
            match self.call(call).await? {
                Reply::Removed { .. } => {}
                reply => return Err(other(&reply)),
            }
        }
        Ok(())
    }

    /// Calls an action off.
    pub async fn cancel(&self, action: ActionId, how: Withdrawal) -> Result<(), Fault> {
        self.on_action(Call::Cancel { tenant: self.tenant.clone(), action, how }).await
    }

    /// Makes an action press.
    pub async fn force(&self, action: ActionId) -> Result<(), Fault> {
        self.on_action(Call::Force { tenant: self.tenant.clone(), action, by: self.by.clone() }).await
    }

    /// Agrees to an action, or does not.
    pub async fn confirm(&self, action: ActionId, answer: Consent) -> Result<(), Fault> {
        let (tenant, by) = (self.tenant.clone(), self.by.clone());
        self.on_action(Call::Confirm { tenant, action, answer, by }).await
    }

    async fn on_action(&self, call: Call) -> Result<(), Fault> {
        match self.call(call).await? {
            Reply::Action(_) => Ok(()),
            reply => Err(other(&reply)),
        }
    }

    /// Assigns releases to devices. Devices that are not there are left out.
    pub async fn assign(&self, orders: Vec<Assignment>, offline: bool) -> Result<Assigned, Fault> {
        // The engine refuses an empty list; to hawkBit it is nothing to do.
        if orders.is_empty() {
            return Ok(Assigned { actions: Vec::new(), already: 0 });
        }
        let (tenant, by) = (self.tenant.clone(), self.by.clone());
        // Whoever assigns a set by hand means it, whatever the device runs.
        let call = Call::Assign { tenant, orders, offline, allow_downgrade: true, by };
        let (actions, already) = match self.call(call).await? {
            Reply::Assigned { actions, already } => (actions, already),
            reply => return Err(other(&reply)),
        };
        let devices = self.ask(move |reader, tenant| {
            let found = actions.into_iter().filter_map(|id| reader.action(tenant, id).transpose());
            found.map(|action| action.map(|action| (action.id, action.device.device))).collect()
        });
        Ok(Assigned { actions: devices.await?, already })
    }
}

fn named(reader: &Reader, tenant: &TenantId, action: Action) -> Result<Act, StoreError> {
    let key: &DeviceKey = &action.device;
    let name = reader.device(key)?.and_then(|device| device.profile.name);
    let set = match action.target {
        Target::Release(id) => reader.release(tenant, id)?,
        Target::Image(_) => None,
    };
    let rollout = match action.origin {
        Origin::Rollout(id, _) => reader.rollout(tenant, id)?.map(|(rollout, _)| (id, rollout.name)),
        Origin::Deployment(_) | Origin::Offer | Origin::Filter(_) | Origin::Device => None,
    };
    Ok(Act {
        rollout,
        target_name: name.unwrap_or_else(|| key.device.as_str().into()),
        set: set.map(|set| (set.id, format!("{}:{}", set.name, set.version.as_str()).into())),
        action,
    })
}
