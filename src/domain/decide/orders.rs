//! What operators and filters want of a device: targets, cancels, consent.

use std::sync::Arc;

use super::{Desk, Entry, Note, Order, Reject, Verdict, record};
use crate::domain::action::{self, Action, Component, Onward, Origin, Refusal, Signal, State, Step};
use crate::domain::deployment::Target;
use crate::domain::device::{AutoConfirm, Ended};
use crate::domain::eligibility::{Candidate, LEGS_MAX, Reason};
use crate::domain::event::{Consent, Withdrawal};
use crate::domain::ids::ActionId;
use crate::domain::image::Image;
use crate::domain::terms::{Force, Terms};
use crate::domain::window::Opening;

/// What an action is made of.
#[derive(Clone, Copy)]
pub(super) struct Plan<'a> {
    pub(super) origin: Origin,
    pub(super) target: Target,
    pub(super) images: &'a [Arc<Image>],
    pub(super) terms: &'a Terms,
    pub(super) by: &'a str,
    pub(super) attempt: u32,
    pub(super) onward: Option<Onward>,
}

/// How a device may come to a target.
#[derive(Clone, Copy)]
pub(super) struct Way<'a> {
    pub(super) steps: &'a [Arc<Image>],
    pub(super) allow_downgrade: bool,
    /// How many updates of the way there have been.
    pub(super) gone: u8,
}

/// What an image comes to on a device.
pub(super) enum Course {
    /// The device may have it.
    Open,
    /// This image comes first.
    Step(Arc<Image>),
    /// The device may not have it.
    Refused(Reason),
}

impl Desk {
    pub(super) fn assign(&mut self, plan: Plan<'_>, way: Way<'_>) -> Verdict {
        let courses: Vec<_> = plan.images.iter().map(|image| self.course_of(image, plan, way)).collect();
        if courses.is_empty() {
            let details = vec!["what was to be installed is gone".into()];
            self.create(plan, State::NotCompatible, details);
            return Verdict::Stored;
        }
        if courses.iter().all(|course| matches!(course, Course::Refused(Reason::AlreadyInstalled))) {
            self.create(plan, State::AlreadyInstalled, Vec::new());
            return Verdict::Stored;
        }
        let (mut hold, mut step) = (None, None);
        for course in courses {
            match course {
                Course::Open | Course::Refused(Reason::AlreadyInstalled) => {}
                Course::Step(image) => step = step.or(Some(image)),
                Course::Refused(reason) if reason.is_hold() => hold = hold.or(Some(reason)),
                Course::Refused(reason) => {
                    self.create(plan, State::NotCompatible, vec![reason.to_string().into()]);
                    return Verdict::Stored;
                }
            }
        }
        if let Some(reason) = hold {
            return Verdict::Held(reason);
        }
        self.begin(plan, step, way)
    }

    fn course_of(&self, image: &Image, plan: Plan<'_>, way: Way<'_>) -> Course {
        // A rollout that has begun with a device brings it to the end.
        let gives_way = matches!(plan.origin, Origin::Rollout(_, _)) && way.gone == 0;
        // What is only fetched takes a device no nearer.
        let steps = if plan.terms.force == Force::DownloadOnly { &[] } else { way.steps };
        let gives_way = gives_way.then_some(plan.terms.weight);
        self.course(Candidate { gives_way, steps, ..Candidate::ordered(image, way.allow_downgrade) })
    }

    /// Brings the target, or the step that comes before it.
    fn begin(&mut self, plan: Plan<'_>, step: Option<Arc<Image>>, way: Way<'_>) -> Verdict {
        let leg = way.gone + 1;
        if step.is_some() && leg >= LEGS_MAX {
            let details = vec![format!("there are {LEGS_MAX} updates on the way, and it goes on").into()];
            self.create(plan, State::NotCompatible, details);
            return Verdict::Stored;
        }
        self.supersede(plan.images);
        for image in plan.images {
            self.device.failures.remove(&image.kind);
        }
        match step {
            Some(image) => {
                let onward = Onward { target: plan.target, allow_downgrade: way.allow_downgrade, leg };
                let target = Target::Image(image.id);
                let details = vec![format!("a step on the way: {} comes first", image.version).into()];
                let plan = Plan { target, images: &[image], onward: Some(onward), ..plan };
                self.create(plan, State::Queued, details);
            }
            None => self.create(plan, State::Queued, Vec::new()),
        }
        Verdict::Stored
    }

    /// The next update on the way to a target, once a step has ended well.
    pub(super) fn go_on(&mut self, step: &Action, onward: Onward, called_off: bool) {
        let known = self.onward.iter().find(|(target, _)| *target == onward.target);
        let images = known.map_or(Vec::new(), |(_, images)| images.clone());
        // Whoever agreed to the first step agreed to where it leads.
        let terms = Terms { consent: false, ..step.terms.clone() };
        let plan = Plan {
            origin: step.origin,
            target: onward.target,
            images: &images,
            terms: &terms,
            by: &step.by,
            attempt: step.attempt,
            onward: None,
        };
        if called_off {
            let details = vec!["it was called off on the way".into()];
            return self.create(plan, State::Cancelled, details);
        }
        let steps = self.steps.clone();
        let way = Way { steps: &steps, allow_downgrade: onward.allow_downgrade, gone: onward.leg };
        self.assign(plan, way);
    }

    /// Makes way for new images. Where the tenant has it so, a device that was told of the old action is asked to let it
    /// go first (DDI: cancelAction before deploymentBase).
    fn supersede(&mut self, images: &[Arc<Image>]) {
        let overlaps = |a: &Action| images.iter().any(|image| a.component(image.kind).is_some());
        // What is being called off already is not forgotten, although another is about to hold its types.
        let going = self.actions.iter().filter(|a| !a.state.is_terminal() && a.cancelling && overlaps(a));
        self.device.leaving.extend(going.map(|a| a.id));
        let open = self.actions.iter().filter(|a| !a.state.is_terminal() && !a.cancelling && overlaps(a));
        let old: Vec<_> = open.map(|a| (a.id, a.attempt, a.state != State::Queued)).collect();
        for (id, attempt, told) in old {
            match told && !self.closes {
                true => {
                    let by = self.now.plus_ms(self.policy.cancel_timeout_ms);
                    let signal = Signal::CancelAsked { by, ask: true };
                    self.signal(id, signal, Note::Superseded, Vec::new());
                    self.device.leaving.insert(id);
                    self.command(Order::Cancel, Some(id), attempt);
                }
                false => self.signal(id, Signal::Superseded, Note::Superseded, Vec::new()),
            }
        }
    }

    pub(super) fn create(&mut self, plan: Plan<'_>, state: State, details: Vec<Box<str>>) {
        let attempt = plan.attempt;
        let id = self.next_action;
        // Ids end at 2^31-1; a server that issues a thousand a second reaches that after 24 days of nothing else.
        self.next_action = ActionId::new(u64::from(id.get()) + 1).unwrap_or(id);
        let components = plan.images.iter().map(|image| Component {
            kind: image.kind,
            image: image.id,
            number: image.number,
            version: image.version.clone(),
        });
        let mut components: Vec<Component> = components.collect();
        // One reboot for all of them: the order is the device's only word on which comes first.
        components.sort_by_key(|component| component.kind.update_rank());
        let mut terms = plan.terms.clone();
        if let Some(window) = &mut terms.window {
            window.settle(self.device.timezone());
        }
        let mut action = Action {
            id,
            device: self.device.key.clone(),
            target: plan.target,
            onward: plan.onward,
            components,
            origin: plan.origin,
            terms,
            by: plan.by.into(),
            unconfirmed: !state.is_terminal()
                && plan.terms.consent
                && self.device.profile.auto_confirm.is_none(),
            state,
            last_code: None,
            read: false,
            warning: false,
            cancelling: false,
            cancel_by: None,
            attempt,
            verified_in: None,
            progress: None,
            fingerprints: Vec::new(),
            entries: 0,
            created: self.now,
            changed: self.now,
            commanded: None,
            stepped: self.now,
            due_at: None,
        };
        let entry = Entry { at: self.now, state, note: Note::Created, code: None, details };
        record(&mut self.changed, &mut action, None, entry);
        for component in action.components.iter().filter(|_| !state.is_terminal()) {
            self.device.active.insert(component.kind, id);
        }
        match state.is_terminal() {
            true if state == State::AlreadyInstalled => self.installed(&action),
            true => {}
            false => {
                self.device.assigned = Some(plan.onward.map_or(plan.target, |onward| onward.target));
                self.device.ended = Ended::Nothing;
            }
        }
        let hidden = action.is_hidden(self.now);
        self.actions.push(action);
        if !state.is_terminal() && !hidden {
            self.desired = true;
            self.tell_deploy(id, attempt);
        }
    }

    pub(super) fn cancel(&mut self, id: ActionId, how: Withdrawal) -> Verdict {
        self.call_off(id, how, Vec::new())
    }

    fn call_off(&mut self, id: ActionId, how: Withdrawal, details: Vec<Box<str>>) -> Verdict {
        let Some(action) = self.actions.iter().find(|a| a.id == id) else {
            return Verdict::Rejected(Reject::NoSuchAction(id));
        };
        let attempt = action.attempt;
        let by = self.now.plus_ms(self.policy.cancel_timeout_ms);
        let signal = match how {
            Withdrawal::Forced => Signal::CancelForced,
            Withdrawal::Plain => Signal::CancelAsked { by, ask: false },
            Withdrawal::Asked => Signal::CancelAsked { by, ask: true },
        };
        match action::step(action, signal) {
            Step::Refused(refusal) => return Verdict::Rejected(Reject::Action(refusal)),
            Step::Unchanged => return Verdict::Rejected(Reject::Action(Refusal::Finished)),
            Step::Moved(_) | Step::Noted => {}
        }
        let told = action.state != State::Queued;
        self.signal(id, signal, Note::CancelAsked, details);
        if told {
            self.command(Order::Cancel, Some(id), attempt);
            self.desired = true;
        }
        Verdict::Stored
    }

    pub(super) fn cancel_expired(&mut self, id: ActionId) -> Verdict {
        self.signal(id, Signal::CancelExpired, Note::CancelEnded, Vec::new());
        Verdict::Stored
    }

    /// Somebody agrees to an action, or does not.
    pub(super) fn confirm(&mut self, id: ActionId, consent: &Consent) -> Verdict {
        let Some(action) = self.actions.iter().find(|a| a.id == id) else {
            return Verdict::Rejected(Reject::NoSuchAction(id));
        };
        let (signal, attempt) = (Signal::Confirmed(consent.agreed), action.attempt);
        if let Step::Refused(refusal) = action::step(action, signal) {
            return Verdict::Rejected(Reject::Action(refusal));
        }
        let code = consent.code.map(|code| format!("Confirmation status code: {code}").into());
        let details = consent.details.iter().cloned().chain(code).collect();
        self.signal(id, signal, if consent.agreed { Note::Confirmed } else { Note::Denied }, details);
        self.desired = true;
        if consent.agreed {
            self.tell_unless_hidden(id, attempt);
        }
        Verdict::Stored
    }

    /// Agrees to everything from now on, or no longer.
    pub(super) fn auto_confirm(&mut self, new: Option<&AutoConfirm>) -> Verdict {
        if new.is_some() && self.device.profile.auto_confirm.is_some() {
            return Verdict::Rejected(Reject::AutoConfirmActive);
        }
        self.device.profile.auto_confirm = new.cloned();
        let waiting: Vec<_> = self.actions.iter().filter(|a| a.unconfirmed).map(|a| a.id).collect();
        for id in waiting.into_iter().filter(|_| new.is_some()) {
            let details = vec!["auto-confirmation is active".into()];
            self.confirm(id, &Consent { agreed: true, code: None, details });
        }
        Verdict::Stored
    }

    /// Makes an action press that did not.
    pub(super) fn force(&mut self, id: ActionId) -> Verdict {
        let Some(action) = self.actions.iter().find(|a| a.id == id) else {
            return Verdict::Rejected(Reject::NoSuchAction(id));
        };
        match action::step(action, Signal::Forced) {
            Step::Refused(refusal) => Verdict::Rejected(Reject::Action(refusal)),
            Step::Unchanged => Verdict::Repeated,
            Step::Moved(_) | Step::Noted => {
                self.signal(id, Signal::Forced, Note::Forced, Vec::new());
                Verdict::Stored
            }
        }
    }

    /// The window of an action has opened, or will not open again.
    pub(super) fn opened(&mut self, id: ActionId) -> Verdict {
        self.end_lapsed();
        let now = self.now;
        let open = self.actions.iter_mut().find(|a| a.id == id && !a.state.is_terminal());
        if let Some(action) = open {
            let (commanded, attempt) = (action.commanded, action.attempt);
            action.note_command(now);
            // Held by a paused rollout, it was commanded, and the device has not heard of it.
            let untold = action.state == State::Queued && action.commanded.is_some();
            // What a paused rollout kept back is commanded now. Where there is a window, this is said at each look.
            let kept = untold && commanded.is_some() && !self.paused.contains(&id);
            if kept && action.terms.window.is_none() {
                action.commanded = Some(now);
            }
            if action.commanded != commanded || untold {
                self.changed.entry(id).or_insert((Some(action.state), Vec::new()));
                let opened = action.commanded.is_some();
                self.desired = true;
                if opened {
                    self.tell_unless_hidden(id, attempt);
                }
            }
        }
        Verdict::Stored
    }

    /// A device that has been silent for too long is asked to stop, in case it still hears it.
    pub(super) fn overdue(&mut self, id: ActionId) -> Verdict {
        let (now, paused) = (self.now, self.paused.contains(&id));
        let Some(action) = self.actions.iter_mut().find(|a| a.id == id) else { return Verdict::Stored };
        let Some(deadline) = action.deadline().filter(|deadline| deadline.at <= now) else {
            return Verdict::Stored;
        };
        if paused && action.state == State::Queued {
            // Nobody may tell the device: its clocks begin anew, and are looked at again.
            action.commanded = Some(now);
            self.changed.entry(id).or_insert((Some(action.state), Vec::new()));
            return Verdict::Stored;
        }
        let (told, attempt) = (action.state != State::Queued, action.attempt);
        let details = vec![action.overdue(deadline.clock).into()];
        self.signal(id, Signal::TimedOut, Note::TimedOut(deadline.clock), details);
        if told {
            self.command(Order::Cancel, Some(id), attempt);
        }
        Verdict::Stored
    }

    /// Calls off what can never be installed any more, as an operator would (hawkBit: a lapsed maintenance schedule).
    pub(super) fn end_lapsed(&mut self) {
        let now = self.now;
        let lapsed = |a: &Action| a.terms.window.as_ref().is_some_and(|w| w.at(now) == Opening::Lapsed);
        let open = |a: &&Action| !a.state.is_terminal() && !a.cancelling && lapsed(a);
        let ids: Vec<_> = self.actions.iter().filter(open).map(|a| a.id).collect();
        for id in ids {
            let details = vec!["the maintenance window does not open again".into()];
            self.call_off(id, Withdrawal::Plain, details);
        }
    }

    /// The device runs a target that nothing brought; what was under way is of no use any more.
    pub(super) fn runs(&mut self, target: Target, images: &[Arc<Image>], by: &str) -> Verdict {
        if self.device.installed.is_some_and(|own| own.target == target) && self.device.active.is_empty() {
            return Verdict::Repeated;
        }
        let active: Vec<_> = self.actions.iter().filter(|a| !a.state.is_terminal()).map(|a| a.id).collect();
        for id in active {
            self.signal(id, Signal::Superseded, Note::Superseded, Vec::new());
        }
        let terms = Terms { force: Force::Soft, ..Terms::default() };
        let origin = Origin::Device;
        let plan = Plan { origin, target, images, terms: &terms, by, attempt: 1, onward: None };
        self.create(plan, State::AlreadyInstalled, Vec::new());
        Verdict::Stored
    }

    fn tell_unless_hidden(&mut self, id: ActionId, attempt: u32) {
        if self.actions.iter().any(|a| a.id == id && !self.is_hidden(a)) {
            self.tell_deploy(id, attempt);
        }
    }
}
