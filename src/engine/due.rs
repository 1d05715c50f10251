//! What becomes due: cancels and clocks that run out, windows that open or shut, leases.

use super::apply::{Batch, readable};
use crate::domain::action::{self, Action, Deadline, Origin, Signal};
use crate::domain::decide::{Changed, Entry, Note};
use crate::domain::event::Event;
use crate::domain::ids::Time;
use crate::domain::window::Opening;
use crate::store::StoreError;

/// How many due actions one tick takes; the rest follow a second later.
const DUE: usize = 1024;

/// When the action times out. A window that shut while nobody looked has taken the command back.
fn waited_for(action: &Action, now: Time) -> Option<Deadline> {
    let mut seen = action.clone();
    seen.note_command(now);
    seen.deadline()
}

impl Batch<'_> {
    /// Notes when an action's window changes next, so that the device is told, or the action ended, at that moment.
    pub(super) fn await_window(&mut self, action: &Action) -> Result<(), StoreError> {
        let Some(window) = action.terms.window.as_ref().filter(|_| !action.state.is_terminal()) else {
            return Ok(());
        };
        match window.at(self.now) {
            Opening::Open { until: at } | Opening::Shut { opens: at } => {
                self.draft.add_due(at, &action.device.tenant, action.id)
            }
            Opening::Lapsed => self.draft.add_due(self.now, &action.device.tenant, action.id),
        }
    }

    /// Notes when the action's clocks run out as they stand now.
    pub(super) fn await_clock(&mut self, action: &Action) -> Result<(), StoreError> {
        match action.deadline() {
            Some(deadline) => self.draft.add_due(deadline.at, &action.device.tenant, action.id),
            None => Ok(()),
        }
    }

    /// Ends the cancels and the actions whose time is up, and looks at the windows that have opened or shut. A clock that
    /// was set back since is looked at again when it runs out.
    /// Returns whether there may be more.
    pub(super) fn expire(&mut self) -> Result<bool, StoreError> {
        let mut more = self.end_deferrals(DUE)?;
        let due = self.draft.view().due(self.now, DUE)?;
        more |= due.len() == DUE;
        for (at, tenant, id) in due {
            self.draft.remove_due(at, &tenant, id)?;
            let Some(action) = readable(self.draft.view().action(&tenant, id))? else { continue };
            if action.state.is_terminal() {
                continue;
            }
            if let Origin::Rollout(rollout, wave) = action.origin {
                self.renew_lease(&action, rollout, wave)?;
            }
            if !self.draft.view().has_device(&action.device)? {
                self.end_orphan(action)?;
                continue;
            }
            let Some(device) = readable(self.draft.view().device(&action.device))? else { continue };
            let over = action.cancelling && action.cancel_by.is_some_and(|by| by <= self.now);
            let deadline = waited_for(&action, self.now).map(|deadline| deadline.at);
            if over {
                self.decide_for(device, &Event::CancelExpired { action: id })?;
            } else if deadline.is_some_and(|at| at <= self.now) {
                self.decide_for(device, &Event::Overdue { action: id })?;
            } else if action.terms.window.is_some() && !action.cancelling {
                let decided = self.decide_for(device, &Event::Opened { action: id })?;
                if let Some(action) = decided.under_way.iter().find(|a| a.id == id) {
                    self.await_window(action)?;
                    self.await_clock(action)?;
                }
            } else {
                self.await_clock(&action)?;
            }
        }
        Ok(more)
    }

    /// Ends an action whose device is gone: nobody is left who could.
    fn end_orphan(&mut self, mut action: Action) -> Result<(), StoreError> {
        let before = action.state;
        let step = action::step(&action, Signal::CancelForced);
        if action::apply(&mut action, Signal::CancelForced, step, self.now) {
            let (at, note) = (self.now, Note::CancelEnded);
            action.entries += 1;
            let entry = Entry {
                at,
                state: action.state,
                note,
                code: None,
                details: vec!["its device is gone".into()],
            };
            self.put_changed(&Changed { before: Some(before), action, entries: vec![entry], due: None })?;
        }
        Ok(())
    }
}
