//! The decision: facts, event and moment in; what changes, what to tell and what to answer out.

mod attributes;
mod feedback;
mod orders;
mod outcome;
mod policy;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use self::orders::{Course, Plan, Way};
use super::action::{self, Action, Component, Failure, Origin, Signal, State};
use super::deployment::Target;
use super::device::{
    ATTRIBUTE_VALUE_MAX, ATTRIBUTES_MAX, Arrival, Device, Ended, Failures, Installed, Penalty, Refused,
    Reported, SeqWindow,
};
use super::eligibility::{self, Candidate, Reason};
use super::event::{Event, Hello, Report};
use super::ids::{ActionId, FirmwareType, Time};
use super::image::Image;
use super::offer::Offer;
use super::terms::{Force, Terms};
use super::version::{Running, Version};

pub use outcome::{Changed, Entry, Note, Order, Outcome, Reject, Tell, Verdict};
pub use policy::Policy;

/// Everything that the decision needs, loaded before it.
#[derive(Debug, Clone)]
pub struct Facts {
    /// The device.
    pub device: Device,
    /// Whether the device has a session now, so that it can be told.
    pub connected: bool,
    /// The device's actions under way and the one that the event names, if it is the device's own.
    pub actions: Vec<Action>,
    /// The standing offers that the event needs, each with its image.
    pub offers: Vec<(Offer, Arc<Image>)>,
    /// Images that may be brought first, where a device must pass through versions on the way to what is offered or is
    /// under way.
    pub steps: Vec<Arc<Image>>,
    /// Targets that actions under way are steps to, with their images.
    pub onward: Vec<(Target, Vec<Arc<Image>>)>,
    /// The version texts of numbers that the event reports without one, where the images are known.
    pub names: BTreeMap<(FirmwareType, u64), Version>,
    /// The id of the next action; ids after it are free too.
    pub next_action: ActionId,
    /// Actions of rollouts that are paused: a device that has not been told of one is not told now.
    pub paused: BTreeSet<ActionId>,
    /// Whether a new action ends those before it at once, instead of waiting for the device to let them go.
    pub closes: bool,
    /// What the operator has set.
    pub policy: Policy,
}

/// Decides what `event` at `now` does, given the facts.
pub fn decide(facts: Facts, event: &Event, now: Time) -> Outcome {
    let mut desk = Desk::new(facts, now);
    let verdict = match event {
        Event::Hello(hello) => desk.hello(hello),
        Event::Report(report) => desk.report(report),
        Event::Attribute { id, value } => desk.attribute(*id, value),
        Event::Feedback { action, feedback } => desk.feedback(*action, feedback),
        Event::Unreadable { code, message } => {
            desk.seen();
            Verdict::Rejected(Reject::Unreadable { code, message: message.clone() })
        }
        Event::CancelAnswer { action, feedback } => desk.cancel_answer(*action, feedback),
        Event::Configure(new) => desk.configure(new),
        Event::Poll => desk.poll(),
        Event::Retrieved { action } => desk.retrieved(*action),
        Event::Get => desk.get(),
        Event::Presence { online } => desk.presence(*online),
        Event::Confirm { action, consent } => desk.confirm(*action, consent),
        Event::AutoConfirm(new) => desk.auto_confirm(new.as_ref()),
        Event::Fetching { action, what } => desk.fetching(*action, what),
        Event::Runs { target, images, by } => desk.runs(*target, images, by),
        Event::Assign { origin, target, images, steps, allow_downgrade, terms, by, attempt } => {
            let (origin, target, attempt) = (*origin, *target, *attempt);
            let plan = Plan { origin, target, images, terms, by, attempt, onward: None };
            desk.assign(plan, Way { steps, allow_downgrade: *allow_downgrade, gone: 0 })
        }
        Event::Offered { kind } => desk.offered(&[*kind]),
        Event::Force { action } => desk.force(*action),
        Event::Opened { action } => desk.opened(*action),
        Event::Cancel { action, how } => desk.cancel(*action, *how),
        Event::CancelExpired { action } => desk.cancel_expired(*action),
        Event::Overdue { action } => desk.overdue(*action),
    };
    desk.close(verdict)
}

/// The facts while they are being changed.
struct Desk {
    device: Device,
    connected: bool,
    actions: Vec<Action>,
    offers: Vec<(Offer, Arc<Image>)>,
    steps: Vec<Arc<Image>>,
    onward: Vec<(Target, Vec<Arc<Image>>)>,
    names: BTreeMap<(FirmwareType, u64), Version>,
    next_action: ActionId,
    paused: BTreeSet<ActionId>,
    closes: bool,
    policy: Policy,
    now: Time,
    changed: BTreeMap<ActionId, (Option<State>, Vec<Entry>)>,
    commands: Vec<Tell>,
    desired: bool,
}

impl Desk {
    fn new(facts: Facts, now: Time) -> Self {
        Desk {
            device: facts.device,
            connected: facts.connected,
            actions: facts.actions,
            offers: facts.offers,
            steps: facts.steps,
            onward: facts.onward,
            names: facts.names,
            next_action: facts.next_action,
            policy: facts.policy,
            closes: facts.closes,
            paused: facts.paused,
            now,
            changed: BTreeMap::new(),
            commands: Vec::new(),
            desired: false,
        }
    }

    // ---- what the device says

    fn hello(&mut self, hello: &Hello) -> Verdict {
        if let Some(reject) = self.refuse_hello(hello) {
            return Verdict::Rejected(reject);
        }
        // Without a name for its boots, a device shows a new one by counting from the start again.
        let recounts = hello.boot.is_none() && hello.seq < self.device.window.newest;
        let new_boot = self.device.boot != hello.boot || recounts;
        if new_boot {
            self.device.boot = hello.boot.clone();
            self.device.window = SeqWindow::default();
        }
        let repeated = self.device.window.note(hello.seq) == Arrival::Repeated;
        self.describe(hello);
        // A birth is the device's word on its whole state now: an older boot's versions do not outlive it.
        self.take_versions(&hello.versions, hello.seq, new_boot);
        self.judge(&hello.versions);
        self.offered_all();
        self.remind();
        self.seen();
        if repeated { Verdict::Repeated } else { Verdict::Stored }
    }

    fn refuse_hello(&self, hello: &Hello) -> Option<Reject> {
        if let Some(claimed) = hello.product.as_ref().filter(|claimed| **claimed != self.device.product) {
            let registered = self.device.product.clone();
            return Some(Reject::WrongProduct { claimed: claimed.clone(), registered });
        }
        if hello.attributes.len() > ATTRIBUTES_MAX {
            return Some(Reject::TooManyAttributes);
        }
        let long = hello.attributes.iter().find(|(_, value)| value.len() > ATTRIBUTE_VALUE_MAX);
        long.map(|(id, _)| Reject::ValueTooLong(*id))
    }

    fn describe(&mut self, hello: &Hello) {
        if let Some(hardware) = &hello.hardware {
            self.device.hardware = Some(hardware.clone());
        }
        if let Some(capabilities) = &hello.capabilities {
            self.device.capabilities = capabilities.clone();
        }
        if !hello.attributes.is_empty() {
            self.device.attributes = hello.attributes.clone();
        }
        self.device.online = true;
    }

    fn report(&mut self, report: &Report) -> Verdict {
        let arrival = match report.seq {
            Some(seq) => self.device.window.note(seq),
            None => Arrival::New { missing: 0 },
        };
        self.seen();
        match arrival {
            Arrival::Repeated => return Verdict::Repeated,
            Arrival::New { missing: 0 } => {}
            Arrival::New { missing: _ } => self.command(Order::Report, None, 0),
        }
        let seq = report.seq.unwrap_or(self.device.window.newest);
        let fresh = self.take_versions(&report.versions, seq, false);
        self.judge(&fresh);
        let kinds: Vec<_> = fresh.keys().copied().collect();
        self.offered(&kinds)
    }

    /// Stores the versions that are not older than what is known; returns those.
    fn take_versions(
        &mut self,
        versions: &BTreeMap<FirmwareType, Running>,
        seq: u64,
        new_boot: bool,
    ) -> BTreeMap<FirmwareType, Running> {
        let mut fresh = BTreeMap::new();
        for (kind, running) in versions {
            let overtaken = self.device.versions.get(kind).is_some_and(|known| known.seq > seq);
            if overtaken && !new_boot {
                continue;
            }
            let reported = Reported { running: self.named(*kind, running), seq, at: self.now };
            self.device.versions.insert(*kind, reported);
            fresh.insert(*kind, running.clone());
        }
        fresh
    }

    /// Adds the version text to a bare number, so that rules about texts can be held against it.
    fn named(&self, kind: FirmwareType, running: &Running) -> Running {
        let known = running.number.and_then(|number| self.names.get(&(kind, number)));
        let version = running.version.as_ref().or(known).cloned();
        Running { number: running.number, version }
    }

    /// Holds the reported versions against the actions under way: the target closes an action, another version
    /// after "success" fails it, once the device has had the chance to start the new image.
    fn judge(&mut self, versions: &BTreeMap<FirmwareType, Running>) {
        let touched = |action: &Action| versions.keys().any(|kind| action.component(*kind).is_some());
        let under_way: Vec<_> =
            self.actions.iter().filter(|a| !a.state.is_terminal() && touched(a)).map(|a| a.id).collect();
        for id in under_way {
            if self.runs_target(id) {
                self.signal(id, Signal::Converged, Note::Reported, Vec::new());
            } else if self.has_booted(id) && self.runs_another(id, versions) {
                let running = versions.iter().map(|(kind, r)| format!("type {kind} runs {r}").into());
                self.signal(id, Signal::NotConverged, Note::Reported, running.collect());
            }
        }
    }

    /// Whether the device has started since it said "success". One that does not name its boots is taken at its word.
    fn has_booted(&self, id: ActionId) -> bool {
        let action = self.actions.iter().find(|a| a.id == id);
        self.device.boot.is_none() || action.is_some_and(|a| a.verified_in != self.device.boot)
    }

    fn runs_target(&self, id: ActionId) -> bool {
        let versions = &self.device.versions;
        self.actions.iter().find(|a| a.id == id).is_some_and(|action| {
            let runs =
                |c: &Component| versions.get(&c.kind).is_some_and(|r| r.running.is(c.number, &c.version));
            action.components.iter().all(runs)
        })
    }

    /// Whether one of the reported versions is not the action's: a part that is still missing says nothing.
    fn runs_another(&self, id: ActionId, versions: &BTreeMap<FirmwareType, Running>) -> bool {
        self.actions
            .iter()
            .filter(|a| a.id == id)
            .flat_map(|a| &a.components)
            .any(|c| versions.get(&c.kind).is_some_and(|running| !running.is(c.number, &c.version)))
    }

    fn get(&mut self) -> Verdict {
        self.seen();
        self.offered_all();
        self.remind();
        Verdict::Stored
    }

    fn presence(&mut self, online: bool) -> Verdict {
        self.device.online = online;
        self.seen();
        Verdict::Stored
    }

    fn seen(&mut self) {
        self.device.last_seen = Some(self.now);
    }

    // ---- what operators want

    /// Evaluates the standing offers of every type that the device has.
    fn offered_all(&mut self) {
        let kinds: Vec<_> = self.device.versions.keys().copied().collect();
        self.offered(&kinds);
    }

    /// Evaluates the standing offers of these types, and takes up those that the device may have.
    fn offered(&mut self, kinds: &[FirmwareType]) -> Verdict {
        let offers: Vec<_> = self.offers.iter().filter(|(o, _)| kinds.contains(&o.kind)).cloned().collect();
        for (offer, image) in offers {
            let candidate = Candidate { steps: &self.steps, ..Candidate::standing(&offer, &image) };
            let image = match self.course(candidate) {
                Course::Open => image,
                // The offer is taken up again when the device reports the step.
                Course::Step(step) => step,
                Course::Refused(_) => continue,
            };
            let attempt = self.device.failures_of(image.kind, image.id) + 1;
            let (origin, target, terms) = (Origin::Offer, Target::Image(image.id), Terms::default());
            let images = &[image];
            let plan = Plan { origin, target, images, terms: &terms, by: "", attempt, onward: None };
            self.create(plan, State::Queued, Vec::new());
        }
        Verdict::Stored
    }

    /// What the candidate comes to: itself, a step on the way to it, or why not.
    fn course(&self, candidate: Candidate<'_>) -> Course {
        let limit = self.policy.attempts;
        let findings = eligibility::findings(&self.device, candidate, &self.actions, limit, self.now);
        let mut reasons = findings.into_iter().filter_map(|finding| finding.failed).collect::<Vec<_>>();
        let step = reasons.iter().find_map(|reason| match reason {
            Reason::PassThrough { step, .. } => *step,
            _ => None,
        });
        let step = step.and_then(|id| candidate.steps.iter().find(|image| image.id == id));
        if step.is_some() {
            // The step answers for both.
            reasons.retain(|r| !matches!(r, Reason::PassThrough { .. } | Reason::NotCompatible));
        }
        match (reasons.into_iter().next(), step) {
            (Some(reason), _) => Course::Refused(reason),
            (None, Some(step)) => Course::Step(Arc::clone(step)),
            (None, None) => Course::Open,
        }
    }

    // ---- what they have in common

    /// Runs a signal through the state machine, records it and keeps the device's books.
    fn signal(&mut self, id: ActionId, signal: Signal<'_>, note: Note, details: Vec<Box<str>>) {
        let Some(action) = self.actions.iter_mut().find(|a| a.id == id) else { return };
        let (before, cancelling) = (action.state, action.cancelling);
        let step = action::step(action, signal);
        if !action::apply(action, signal, step, self.now) {
            return;
        }
        if action.state == State::Verifying && before != State::Verifying {
            action.verified_in = self.device.boot.clone();
        }
        let feedback = match signal {
            Signal::Said(feedback, _) | Signal::Answered(feedback) => Some(feedback),
            Signal::Told
            | Signal::Retrieved
            | Signal::Fetching
            | Signal::Confirmed(_)
            | Signal::Forced
            | Signal::Converged
            | Signal::NotConverged
            | Signal::CancelAsked { .. }
            | Signal::CancelForced
            | Signal::CancelExpired
            | Signal::Superseded
            | Signal::TimedOut => None,
        };
        let code = feedback.and_then(|feedback| feedback.code);
        if feedback.is_some() {
            action.last_code = code;
        }
        let entry = Entry { at: self.now, state: action.state, note, code, details };
        record(&mut self.changed, action, Some(before), entry);
        // A cancel that the device refuses brings the action back into what it should run.
        self.desired |= cancelling && !action.cancelling && feedback.is_some();
        // The software is about to be another: the attributes may be too.
        let installed = matches!(action.state, State::Verifying | State::Succeeded) && feedback.is_some();
        self.device.attributes_wanted |= installed && before != action.state;
        if action.state.is_terminal() {
            self.desired = true;
            let ended = action.clone();
            self.release(&ended, before);
            if let Some(onward) = ended.onward.filter(|_| ended.goes_on()) {
                self.go_on(&ended, onward, cancelling);
            }
        }
    }

    /// Frees the firmware types of an ended action and keeps the books on how it ended.
    fn release(&mut self, action: &Action, before: State) {
        self.device.active.retain(|_, active| *active != action.id);
        self.device.leaving.remove(&action.id);
        self.note_penalty(action, before);
        match action.state {
            State::Failed(Failure::Reported(_) | Failure::NotConverged) | State::TimedOut => {
                for component in &action.components {
                    let count = self.device.failures_of(component.kind, component.image) + 1;
                    let failures = Failures { image: component.image, count };
                    self.device.failures.insert(component.kind, failures);
                }
                self.device.assigned = None;
                self.device.ended = Ended::Failed;
            }
            State::Succeeded if action.terms.force == Force::DownloadOnly => self.device.ended = Ended::Well,
            State::Succeeded | State::AlreadyInstalled => self.installed(action),
            State::Cancelled => self.fall_back(),
            _ => {}
        }
    }

    /// A device that says that it has installed something and then does not come up with it, time after time, is left
    /// alone for longer and longer.
    fn note_penalty(&mut self, action: &Action, before: State) {
        let silent = action.state == State::TimedOut && matches!(before, State::Rebooting | State::Verifying);
        if silent || action.state == State::Failed(Failure::NotConverged) {
            let count = self.device.penalty.map_or(0, |penalty| penalty.count).saturating_add(1);
            let until = self.policy.penalty_ms_after(count).map(|ms| self.now.plus_ms(ms));
            self.device.penalty = Some(Penalty { count, until });
        } else if action.state == State::Succeeded && action.terms.force != Force::DownloadOnly {
            self.device.penalty = None;
        }
    }

    fn installed(&mut self, action: &Action) {
        for component in &action.components {
            self.device.failures.remove(&component.kind);
        }
        let installed = Installed { target: action.target, at: self.now, action: Some(action.id) };
        self.device.installed = Some(installed);
        // What came after it is still on its way.
        if self.device.active.is_empty() {
            self.device.assigned = Some(action.target);
        }
        self.device.ended = Ended::Well;
    }

    /// Without the cancelled action the device is to run what the other one brings, or what it runs.
    fn fall_back(&mut self) {
        let active = self.device.active.values().next_back();
        let other = active.and_then(|id| self.actions.iter().find(|a| a.id == *id)).map(|a| a.target);
        let installed = self.device.installed.map(|installed| installed.target);
        self.device.assigned = other.or(installed);
        // hawkBit: nothing is left to do, so the device is in sync, even with nothing.
        self.device.ended = Ended::Well;
    }

    /// Sends the desired document again, and the commands that the device has not answered yet.
    fn remind(&mut self) {
        self.desired = true;
        let open: Vec<_> = self
            .actions
            .iter()
            .filter(|a| !a.state.is_terminal() && !self.changed.contains_key(&a.id))
            .filter(|a| a.cancelling || !self.is_hidden(a))
            .map(|a| (a.id, a.attempt, a.cancelling, a.state))
            .collect();
        for (id, attempt, cancelling, state) in open {
            if cancelling {
                self.command(Order::Cancel, Some(id), attempt);
            } else if matches!(state, State::Queued | State::Offered) {
                self.tell_deploy(id, attempt);
            }
        }
    }

    fn tell_deploy(&mut self, id: ActionId, attempt: u32) {
        if self.connected {
            self.command(Order::Deploy, Some(id), attempt);
            self.signal(id, Signal::Told, Note::Told, Vec::new());
        }
    }

    fn command(&mut self, order: Order, action: Option<ActionId>, attempt: u32) {
        self.commands.push(Tell::Command { order, action, attempt });
    }

    /// Gathers the outcome; a device without a session is told nothing, because it asks when it comes back.
    fn close(mut self, verdict: Verdict) -> Outcome {
        if let Verdict::Rejected(reject) = &verdict {
            let refused =
                Refused { at: self.now, code: reject.code().into(), message: reject.to_string().into() };
            self.device.refused = Some(refused);
        }
        let mut tells = Vec::new();
        if self.connected {
            if self.desired {
                self.device.desired_seq += 1;
                tells.push(Tell::Desired { seq: self.device.desired_seq, actions: self.wanted() });
            }
            tells.append(&mut self.commands);
        }
        let now = self.now;
        let changed = self
            .changed
            .into_iter()
            .filter_map(|(id, (before, entries))| {
                let action = self.actions.iter_mut().find(|a| a.id == id)?;
                if !action.state.is_terminal() {
                    action.note_command(now);
                }
                let due = action.arm(now);
                Some(Changed { before, action: action.clone(), entries, due })
            })
            .collect();
        self.actions.retain(|a| !a.state.is_terminal());
        self.actions.sort_by_key(|a| a.id);
        Outcome { device: self.device, changed, under_way: self.actions, tells, verdict }
    }

    /// Whether the device is not to hear of it now.
    fn is_hidden(&self, action: &Action) -> bool {
        let untold = action.state == State::Queued && self.paused.contains(&action.id);
        untold || action.is_hidden(self.now)
    }

    fn wanted(&self) -> Vec<Action> {
        let due = |a: &&Action| !a.state.is_terminal() && !a.cancelling && !self.is_hidden(a);
        let mut wanted: Vec<_> = self.actions.iter().filter(due).cloned().collect();
        wanted.sort_by_key(|a| a.id);
        wanted
    }
}

/// Adds a history entry, within the quota; the end of an action is always recorded.
fn record(
    changed: &mut BTreeMap<ActionId, (Option<State>, Vec<Entry>)>,
    action: &mut Action,
    before: Option<State>,
    entry: Entry,
) {
    let (_, entries) = changed.entry(action.id).or_insert((before, Vec::new()));
    // Created and told in one decision is one line, whose state says both.
    if let (Note::Told, Some(created)) = (entry.note, entries.last_mut()) {
        created.state = entry.state;
        return;
    }
    let ends = action.state.is_terminal() && before.is_none_or(|state| !state.is_terminal());
    if action.entries < action::HISTORY_MAX || ends {
        action.entries += 1;
        action.read = entry.note == Note::Retrieved;
        entries.push(entry);
    }
}
