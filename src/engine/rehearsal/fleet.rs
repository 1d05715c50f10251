//! The devices of a rehearsal: they hear what the engine tells them, and do what the model says.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use super::model::{Fate, Model};
use crate::domain::decide::Order;
use crate::domain::event::{Event, Report};
use crate::domain::feedback::{Feedback, Finished, Word};
use crate::domain::ids::{ActionId, DeviceId, DeviceKey, TenantId, Time};
use crate::domain::version::Running;
use crate::engine::call::{Downlink, Message};
use crate::store::tables::View;
use crate::store::{Store, StoreError};

/// What a device does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Does {
    /// It comes back, and asks what it should run.
    ComesBack,
    /// It gives its first sign.
    Begins(ActionId),
    /// It reports the new version.
    Succeeds(ActionId),
    /// It says that it failed.
    Fails(ActionId),
    /// It lets an action go.
    LetsGo(ActionId),
}

/// The simulated devices.
pub(super) struct Fleet<'a> {
    model: &'a Model,
    tenant: TenantId,
    /// What is to be done, by moment and then in the order in which it was decided.
    agenda: BinaryHeap<Reverse<(Time, u64, DeviceId, Does)>>,
    /// How much was ever put on the agenda.
    written: u64,
    called_off: BTreeSet<ActionId>,
    /// Actions that a device has heard of.
    known: BTreeSet<ActionId>,
}

impl<'a> Fleet<'a> {
    pub(super) fn new(model: &'a Model, tenant: TenantId) -> Self {
        let (called_off, known) = (BTreeSet::new(), BTreeSet::new());
        Fleet { model, tenant, agenda: BinaryHeap::new(), written: 0, called_off, known }
    }

    /// A device of the fleet, which brings to its end what it has under way. Returns whether it is connected.
    pub(super) fn join(&mut self, view: View<'_>, key: &DeviceKey, from: Time) -> Result<bool, StoreError> {
        let away = self.model.away_ms(&key.device);
        let there = from.plus_ms(away.unwrap_or(0));
        if away.is_some() {
            self.plan(there, &key.device, Does::ComesBack);
        }
        let Some(device) = view.device(key)? else { return Ok(away.is_none()) };
        let open: BTreeSet<_> = device.active.values().chain(&device.leaving).copied().collect();
        for id in open {
            match view.action(&key.tenant, id)? {
                Some(action) if action.cancelling => {
                    self.known.insert(id);
                    self.call_off(&key.device, id, there);
                }
                // The engine tells it when somebody has agreed or the window has opened.
                Some(action) if action.is_hidden(from) => {}
                Some(action) => self.take_up(&key.device, id, action.attempt, there),
                None => {}
            }
        }
        Ok(away.is_none())
    }

    fn plan(&mut self, at: Time, device: &DeviceId, does: Does) {
        self.written += 1;
        self.agenda.push(Reverse((at, self.written, device.clone(), does)));
    }

    /// When a device does something next.
    pub(super) fn next(&self) -> Option<Time> {
        self.agenda.peek().map(|Reverse((at, ..))| *at)
    }

    /// Whether no device will do anything more.
    pub(super) fn is_idle(&self) -> bool {
        self.agenda.is_empty()
    }

    /// Hears what the engine tells.
    pub(super) fn hear(&mut self, downlinks: Vec<Downlink>, now: Time) {
        for Downlink { device, message, .. } in downlinks {
            let Message::Command(command) = message else { continue };
            match (command.order, command.action) {
                (Order::Deploy, Some(action)) => self.take_up(&device.device, action, command.attempt, now),
                (Order::Cancel, Some(action)) => self.call_off(&device.device, action, now),
                (Order::Deploy | Order::Cancel | Order::Report, _) => {}
            }
        }
    }

    fn take_up(&mut self, device: &DeviceId, action: ActionId, attempt: u32, now: Time) {
        // A command that is said again changes nothing.
        if !self.known.insert(action) {
            return;
        }
        let act = self.model.act(device, attempt);
        let sign = now.plus_ms(act.sign_ms);
        self.plan(sign, device, Does::Begins(action));
        match act.fate {
            Fate::Succeeds => self.plan(sign.plus_ms(act.install_ms), device, Does::Succeeds(action)),
            Fate::Fails => self.plan(sign.plus_ms(act.install_ms), device, Does::Fails(action)),
            Fate::Silent => {}
        }
    }

    fn call_off(&mut self, device: &DeviceId, action: ActionId, now: Time) {
        if self.called_off.insert(action) && self.known.contains(&action) {
            let act = self.model.act(device, 0);
            if act.fate != Fate::Silent {
                self.plan(now.plus_ms(act.sign_ms), device, Does::LetsGo(action));
            }
        }
    }

    /// What devices say at this moment, and whether they connect before they do.
    pub(super) fn say(
        &mut self,
        now: Time,
        store: &dyn Store,
    ) -> Result<Vec<(DeviceKey, bool, Event)>, StoreError> {
        let mut due = Vec::new();
        while let Some(Reverse((at, ..))) = self.agenda.peek()
            && *at <= now
            && let Some(Reverse((_, serial, device, does))) = self.agenda.pop()
        {
            due.push((serial, device, does));
        }
        let mut said = Vec::with_capacity(due.len());
        store.read(&mut |read| {
            for (serial, device, does) in due.drain(..) {
                let key = DeviceKey { tenant: self.tenant.clone(), device };
                if let Some((linked, event)) = self.event(View(read), serial, does)? {
                    said.push((key, linked, event));
                }
            }
            Ok(())
        })?;
        Ok(said)
    }

    fn event(&self, view: View<'_>, serial: u64, does: Does) -> Result<Option<(bool, Event)>, StoreError> {
        let fb = |action, word| Some((false, Event::Feedback { action, feedback: feedback(word, serial) }));
        let goes_on = |action: ActionId| !self.called_off.contains(&action);
        Ok(match does {
            Does::ComesBack => Some((true, Event::Get)),
            Does::LetsGo(action) => fb(action, Word::Canceled),
            Does::Begins(action) if goes_on(action) => fb(action, Word::Proceeding),
            Does::Fails(action) if goes_on(action) => fb(action, Word::Closed(Finished::Failure)),
            Does::Succeeds(action) if goes_on(action) => match view.action(&self.tenant, action)? {
                Some(action) => {
                    let running = |number, version| Running { number: Some(number), version: Some(version) };
                    let parts = action.components.into_iter();
                    let versions: BTreeMap<_, _> =
                        parts.map(|part| (part.kind, running(part.number, part.version))).collect();
                    Some((false, Event::Report(Report { seq: None, versions })))
                }
                None => None,
            },
            Does::Begins(_) | Does::Fails(_) | Does::Succeeds(_) => None,
        })
    }
}

/// What a device says of its own accord. The serial makes it different from all that was said before.
fn feedback(word: Word, serial: u64) -> Feedback {
    Feedback {
        word,
        code: None,
        progress: None,
        details: Vec::new(),
        time: None,
        settles_cancel: true,
        fingerprint: serial,
    }
}
