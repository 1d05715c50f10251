//! The life of an action: one device, what it is to receive, one state machine.

mod deadline;

use super::deployment::Target;
use super::device::{Convergence, Device};
use super::feedback::{Feedback, Finished, Progress, Word};
use super::ids::{ActionId, DeploymentId, DeviceKey, FirmwareType, ImageId, ItemId, RolloutId, Time};
use super::terms::{Force, Terms};
use super::version::Version;

pub use deadline::{Clock, Deadline};

/// The fingerprints kept to recognise repeated feedback: a session has at most 32 unacknowledged messages, so a
/// repeat is never further back.
pub const FINGERPRINTS_MAX: usize = 32;
/// The most history entries of one action before only its end is still recorded (hawkBit's quota).
pub const HISTORY_MAX: u32 = 1000;

/// Why an action failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Failure {
    /// The device said so, perhaps with a code of its own.
    Reported(Option<i32>),
    /// The device said "success" and then reported another version.
    NotConverged,
}

/// Where an action stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// Decided, and the device has not been told.
    Queued,
    /// The device has been told.
    Offered,
    /// The device gave a sign that it will do it.
    Accepted,
    /// The device is fetching the image.
    Downloading,
    /// The device has the image.
    Downloaded,
    /// The device will install later.
    Waiting,
    /// The device is installing.
    Installing,
    /// The device is starting the new image.
    Rebooting,
    /// The device said "success"; its version report decides.
    Verifying,
    /// The device reports the target version.
    Succeeded,
    /// The device ran the target version before it was told anything.
    AlreadyInstalled,
    /// It did not work.
    Failed(Failure),
    /// Somebody refused it.
    Rejected,
    /// The device was silent for too long.
    TimedOut,
    /// It was called off.
    Cancelled,
    /// A newer action took its place.
    Superseded,
    /// The device cannot take it.
    NotCompatible,
}

impl State {
    /// Every state that an action can end in is final.
    pub fn is_terminal(self) -> bool {
        self.rank().is_none()
    }

    /// How far an active action is; states only move forward.
    fn rank(self) -> Option<u8> {
        match self {
            State::Queued => Some(0),
            State::Offered => Some(1),
            State::Accepted => Some(2),
            State::Downloading => Some(3),
            State::Downloaded => Some(4),
            State::Waiting => Some(5),
            State::Installing => Some(6),
            State::Rebooting => Some(7),
            State::Verifying => Some(8),
            State::Succeeded
            | State::AlreadyInstalled
            | State::Failed(_)
            | State::Rejected
            | State::TimedOut
            | State::Cancelled
            | State::Superseded
            | State::NotCompatible => None,
        }
    }

    /// The state's name at every door.
    pub fn name(self) -> &'static str {
        match self {
            State::Queued => "queued",
            State::Offered => "offered",
            State::Accepted => "accepted",
            State::Downloading => "downloading",
            State::Downloaded => "downloaded",
            State::Waiting => "waiting",
            State::Installing => "installing",
            State::Rebooting => "rebooting",
            State::Verifying => "verifying",
            State::Succeeded => "succeeded",
            State::AlreadyInstalled => "already-installed",
            State::Failed(_) => "failed",
            State::Rejected => "rejected",
            State::TimedOut => "timed-out",
            State::Cancelled => "cancelled",
            State::Superseded => "superseded",
            State::NotCompatible => "not-compatible",
        }
    }

    /// Why, for the states that have a reason.
    pub fn reason(self) -> Option<String> {
        match self {
            State::Failed(Failure::NotConverged) => Some("not converged".into()),
            State::Failed(Failure::Reported(Some(code))) => Some(format!("device code {code}")),
            State::Failed(Failure::Reported(None)) => Some("reported by the device".into()),
            State::Queued
            | State::Offered
            | State::Accepted
            | State::Downloading
            | State::Downloaded
            | State::Waiting
            | State::Installing
            | State::Rebooting
            | State::Verifying
            | State::Succeeded
            | State::AlreadyInstalled
            | State::Rejected
            | State::TimedOut
            | State::Cancelled
            | State::Superseded
            | State::NotCompatible => None,
        }
    }
}

/// One image that an action installs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Component {
    /// The firmware type.
    pub kind: FirmwareType,
    /// The image.
    pub image: ImageId,
    /// The image's number.
    pub number: u64,
    /// The image's version.
    pub version: Version,
}

/// Where an action came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// An operator's deployment.
    Deployment(DeploymentId),
    /// The standing offer of the product.
    Offer,
    /// A stored filter that the device came to match.
    Filter(ItemId),
    /// A wave of a rollout.
    Rollout(RolloutId, u16),
    /// The device says that it runs the target already.
    Device,
}

/// What comes after a step on the way to a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Onward {
    /// The target.
    pub target: Target,
    /// Whether the device may be taken back to an older version on the way.
    pub allow_downgrade: bool,
    /// How many updates of the way there have been, this one among them.
    pub leg: u8,
}

/// One device is to receive one target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Action {
    /// The public id.
    pub id: ActionId,
    /// The device.
    pub device: DeviceKey,
    /// What is brought.
    pub target: Target,
    /// The target that this is a step on the way to: another action follows when this one has ended well.
    pub onward: Option<Onward>,
    /// The images of the target, each with what the device will report when it runs it.
    pub components: Vec<Component>,
    /// Where it came from.
    pub origin: Origin,
    /// On which terms.
    pub terms: Terms,
    /// Who ordered it: an operator, or nobody where an offer stood.
    pub by: Box<str>,
    /// It waits until somebody agrees; the device is not told before.
    pub unconfirmed: bool,
    /// Where it stands.
    pub state: State,
    /// The code of the device's newest word, if it had one.
    pub last_code: Option<i32>,
    /// Whether the newest line of its history is that the device has read it.
    pub read: bool,
    /// The device warned that something is wrong, and goes on.
    pub warning: bool,
    /// A cancel was asked for and has not ended yet.
    pub cancelling: bool,
    /// The moment at which a pending cancel ends without the device's word.
    pub cancel_by: Option<Time>,
    /// Counts from 1: how many times this device has been asked to install this target.
    pub attempt: u32,
    /// The boot in which the device said "success": what it reports before the next one says nothing.
    pub verified_in: Option<Box<str>>,
    /// How far the device says it is.
    pub progress: Option<Progress>,
    /// Fingerprints of the newest feedback, oldest first, at most [`FINGERPRINTS_MAX`].
    pub fingerprints: Vec<u64>,
    /// How many history entries it has.
    pub entries: u32,
    /// When it was created.
    pub created: Time,
    /// When it last changed.
    pub changed: Time,
    /// When the device was first to act on it: nobody has to agree any more, and the window is open.
    pub commanded: Option<Time>,
    /// When its state last moved.
    pub stepped: Time,
    /// The last moment that was noted for looking at its clocks.
    pub due_at: Option<Time>,
}

impl Action {
    /// Whether the device is not to be told yet: somebody has to agree first, or its window is shut.
    pub fn is_held(&self, now: Time) -> bool {
        self.unconfirmed || self.terms.window.as_ref().is_some_and(|window| !window.is_open(now))
    }

    /// Whether a device with a session is told nothing of it yet. What it may fetch before the window opens it is told, as
    /// something that is not to be installed.
    pub fn is_hidden(&self, now: Time) -> bool {
        self.is_held(now) && (self.unconfirmed || !self.terms.prefetch)
    }

    /// What ends it well on its device, which has a session now or has none. Devices with a session speak MQTT, where
    /// every device reports what it runs; one that is only to fetch the image has nothing to report.
    pub fn convergence(&self, device: &Device, connected: bool) -> Convergence {
        match connected {
            _ if self.terms.force == Force::DownloadOnly => Convergence::ByFeedback,
            true => Convergence::ByReport,
            false => device.convergence(self.components.iter().map(|component| component.kind)),
        }
    }

    /// Whether it has ended well and another one follows.
    pub fn goes_on(&self) -> bool {
        self.state == State::Succeeded && self.onward.is_some()
    }

    /// The component of a firmware type.
    pub fn component(&self, kind: FirmwareType) -> Option<&Component> {
        self.components.iter().find(|c| c.kind == kind)
    }
}

/// What happens to an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal<'a> {
    /// The device has been told.
    Told,
    /// The device has read what it is to do.
    Retrieved,
    /// The device begins to fetch a file.
    Fetching,
    /// Somebody agrees, or does not.
    Confirmed(bool),
    /// An operator makes it press.
    Forced,
    /// The device says something; what ends the action well there decides whether "success" is the end.
    Said(&'a Feedback, Convergence),
    /// The device answers a cancel.
    Answered(&'a Feedback),
    /// The device reports exactly the target.
    Converged,
    /// The device reports something else, at a moment when the target should run.
    NotConverged,
    /// An operator calls it off; `by` is when the cancel ends without the device.
    CancelAsked {
        /// The moment at which the cancel ends in any case.
        by: Time,
        /// The device is asked even where it was told nothing.
        ask: bool,
    },
    /// An operator calls it off without waiting for the device.
    CancelForced,
    /// The device did not answer the cancel in time.
    CancelExpired,
    /// A newer action takes its place.
    Superseded,
    /// One of its clocks ran out.
    TimedOut,
}

/// Why a signal changes nothing and is worth telling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The action has ended, and the signal would continue it.
    Finished,
    /// The action has ended, and the signal says that it ended otherwise.
    Contradicts,
    /// A cancel is pending already.
    CancelPending,
    /// There is no cancel to end.
    NoCancelPending,
    /// It does not wait for anybody to agree.
    NotWaiting,
    /// It waits until somebody agrees.
    Waiting,
}

/// What a signal does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The action is now in this state.
    Moved(State),
    /// The action stays in its state, and the signal is worth recording (progress, a warning, a cancel).
    Noted,
    /// A repeat: nothing to record.
    Unchanged,
    /// The signal is refused.
    Refused(Refusal),
}

/// The state machine: what `signal` does to `action`.
pub fn step(action: &Action, signal: Signal<'_>) -> Step {
    if action.state.is_terminal() {
        return step_ended(action, signal);
    }
    match signal {
        Signal::Told => match action.state {
            State::Queued => Step::Moved(State::Offered),
            _ => Step::Unchanged,
        },
        Signal::Retrieved => match action.state {
            State::Queued | State::Offered if !action.cancelling => Step::Moved(State::Accepted),
            _ if action.read => Step::Unchanged,
            _ => Step::Noted,
        },
        Signal::Fetching => forward(action.state, State::Downloading),
        Signal::Confirmed(true) if action.unconfirmed => Step::Noted,
        Signal::Confirmed(true) => Step::Refused(Refusal::NotWaiting),
        // Whoever agreed may think again, as long as nobody calls the action off.
        Signal::Confirmed(false) if action.cancelling => Step::Refused(Refusal::NotWaiting),
        Signal::Confirmed(false) if action.unconfirmed || action.terms.consent => Step::Noted,
        Signal::Confirmed(false) => Step::Refused(Refusal::NotWaiting),
        Signal::Forced => match action.terms.force {
            Force::Soft | Force::From(_) => Step::Noted,
            Force::Forced | Force::DownloadOnly => Step::Unchanged,
        },
        Signal::Said(_, _) if action.unconfirmed => Step::Refused(Refusal::Waiting),
        Signal::Said(feedback, convergence) => step_said(action, feedback, convergence),
        Signal::Answered(feedback) => step_answered(action, feedback),
        Signal::Converged => Step::Moved(State::Succeeded),
        Signal::NotConverged => match action.state {
            State::Verifying => Step::Moved(State::Failed(Failure::NotConverged)),
            _ => Step::Unchanged,
        },
        Signal::CancelAsked { ask, .. } => match (action.state, action.cancelling) {
            (State::Queued, false) if !ask => Step::Moved(State::Cancelled),
            (_, true) => Step::Refused(Refusal::CancelPending),
            (_, false) => Step::Noted,
        },
        Signal::CancelForced => Step::Moved(State::Cancelled),
        Signal::CancelExpired if action.cancelling => Step::Moved(State::Cancelled),
        Signal::CancelExpired => Step::Refused(Refusal::NoCancelPending),
        Signal::Superseded => Step::Moved(State::Superseded),
        Signal::TimedOut => Step::Moved(State::TimedOut),
    }
}

/// What the device's words do to an active action.
fn step_said(action: &Action, feedback: &Feedback, convergence: Convergence) -> Step {
    if action.fingerprints.contains(&feedback.fingerprint) {
        return Step::Unchanged;
    }
    match feedback.word {
        Word::Proceeding => match action.state {
            State::Queued | State::Offered => Step::Moved(State::Accepted),
            State::Downloaded | State::Waiting => Step::Moved(State::Installing),
            _ => Step::Noted,
        },
        Word::Scheduled => forward(action.state, State::Waiting),
        Word::Resumed => forward(action.state, State::Installing),
        Word::Download => forward(action.state, State::Downloading),
        // To fetch it was all that was asked.
        Word::Downloaded if action.terms.force == Force::DownloadOnly => Step::Moved(State::Succeeded),
        Word::Downloaded => forward(action.state, State::Downloaded),
        Word::Rejected => Step::Noted,
        Word::Canceled if action.cancelling && feedback.settles_cancel => Step::Moved(State::Cancelled),
        Word::Canceled => Step::Noted,
        Word::Closed(Finished::Success | Finished::None) => match convergence {
            Convergence::ByReport => forward(action.state, State::Verifying),
            Convergence::ByFeedback => Step::Moved(State::Succeeded),
        },
        Word::Closed(Finished::Failure) => Step::Moved(State::Failed(Failure::Reported(feedback.code))),
    }
}

/// What the device's answer to a cancel does to an active action (DDI: `cancelAction/{actionId}/feedback`).
fn step_answered(action: &Action, feedback: &Feedback) -> Step {
    let repeated = action.fingerprints.contains(&feedback.fingerprint);
    match feedback.word {
        _ if !action.cancelling && repeated => Step::Unchanged,
        _ if !action.cancelling => Step::Refused(Refusal::NoCancelPending),
        Word::Closed(Finished::Success | Finished::None) => Step::Moved(State::Cancelled),
        // The cancel failed or is refused, and the action goes on. A second cancel may get the same words as the
        // first: taken for a repeat, they would leave the action cancelling.
        Word::Closed(Finished::Failure) | Word::Rejected => Step::Noted,
        _ if repeated => Step::Unchanged,
        // All else is news about the cancel.
        Word::Canceled
        | Word::Proceeding
        | Word::Scheduled
        | Word::Resumed
        | Word::Download
        | Word::Downloaded => Step::Noted,
    }
}

/// A move that never goes back: progress that arrives late is recorded and changes nothing.
fn forward(from: State, to: State) -> Step {
    if from.rank() < to.rank() { Step::Moved(to) } else { Step::Noted }
}

/// Ends are final: a repeat of what ended it is no news, anything that says otherwise is refused.
fn step_ended(action: &Action, signal: Signal<'_>) -> Step {
    let feedback = match signal {
        Signal::Said(feedback, _) => feedback,
        Signal::Answered(feedback) => return step_ended_answered(action, feedback),
        Signal::Told
        | Signal::Retrieved
        | Signal::Fetching
        | Signal::Converged
        | Signal::NotConverged
        | Signal::CancelForced
        | Signal::CancelExpired
        | Signal::Superseded
        | Signal::TimedOut => return Step::Unchanged,
        Signal::CancelAsked { .. } | Signal::Confirmed(_) | Signal::Forced => {
            return Step::Refused(Refusal::Finished);
        }
    };
    if action.fingerprints.contains(&feedback.fingerprint) {
        return Step::Unchanged;
    }
    match (feedback.word, action.state) {
        // DDI: to fetch it was all that was asked, and whatever comes after is about something else.
        (_, State::Succeeded) if action.terms.force == Force::DownloadOnly => {
            Step::Refused(Refusal::Finished)
        }
        (Word::Closed(Finished::Success | Finished::None), State::Succeeded | State::AlreadyInstalled)
        | (Word::Closed(Finished::Failure), State::Failed(Failure::Reported(_)))
        | (Word::Canceled, State::Cancelled) => Step::Unchanged,
        (Word::Closed(_) | Word::Canceled, _) => Step::Refused(Refusal::Contradicts),
        (
            Word::Proceeding
            | Word::Scheduled
            | Word::Resumed
            | Word::Download
            | Word::Downloaded
            | Word::Rejected,
            _,
        ) => Step::Refused(Refusal::Finished),
    }
}

/// The answer to a cancel that has ended; an action that ended otherwise has no cancel to answer.
fn step_ended_answered(action: &Action, feedback: &Feedback) -> Step {
    if action.fingerprints.contains(&feedback.fingerprint) {
        return Step::Unchanged;
    }
    match (action.state, feedback.word) {
        (State::Cancelled, Word::Closed(Finished::Success | Finished::None)) => Step::Unchanged,
        (State::Cancelled, Word::Closed(Finished::Failure) | Word::Rejected) => {
            Step::Refused(Refusal::Contradicts)
        }
        (State::Cancelled, _) => Step::Refused(Refusal::Finished),
        (_, _) => Step::Refused(Refusal::NoCancelPending),
    }
}

/// Applies what [`step`] found to the action's fields. Returns whether anything is to be recorded.
pub fn apply(action: &mut Action, signal: Signal<'_>, step: Step, now: Time) -> bool {
    let state = match step {
        Step::Moved(state) => state,
        Step::Noted => action.state,
        Step::Unchanged | Step::Refused(_) => return false,
    };
    if action.state != state {
        action.stepped = now;
    }
    action.state = state;
    action.changed = now;
    match signal {
        Signal::Said(feedback, _) => apply_feedback(action, feedback),
        Signal::Answered(feedback) => apply_answer(action, feedback),
        Signal::Confirmed(agreed) => action.unconfirmed = !agreed,
        Signal::Forced => action.terms.force = Force::Forced,
        Signal::CancelAsked { by, ask: _ } => {
            action.cancelling = !state.is_terminal();
            action.cancel_by = action.cancelling.then_some(by);
        }
        Signal::Told
        | Signal::Retrieved
        | Signal::Fetching
        | Signal::Converged
        | Signal::NotConverged
        | Signal::CancelForced
        | Signal::CancelExpired
        | Signal::Superseded
        | Signal::TimedOut => {}
    }
    if state.is_terminal() {
        action.unconfirmed = false;
        action.cancelling = false;
        action.cancel_by = None;
    }
    true
}

fn remember(action: &mut Action, feedback: &Feedback) {
    if action.fingerprints.len() == FINGERPRINTS_MAX {
        action.fingerprints.remove(0);
    }
    action.fingerprints.push(feedback.fingerprint);
}

fn apply_answer(action: &mut Action, feedback: &Feedback) {
    remember(action, feedback);
    match feedback.word {
        Word::Closed(_) | Word::Rejected => end_cancel(action),
        // DDI: the word for a cancel of the device's own is out of place here.
        Word::Canceled => action.warning = true,
        Word::Proceeding | Word::Scheduled | Word::Resumed | Word::Download | Word::Downloaded => {}
    }
}

fn apply_feedback(action: &mut Action, feedback: &Feedback) {
    remember(action, feedback);
    if feedback.progress.is_some() {
        action.progress = feedback.progress;
    }
    match feedback.word {
        // Rejecting while a cancel is pending rejects the cancel; otherwise it is a warning (DDI).
        Word::Rejected if action.cancelling && feedback.settles_cancel => end_cancel(action),
        Word::Rejected => action.warning = true,
        // Confirming a cancel that nobody asked for is odd; confirming one that was asked for is not.
        Word::Canceled => action.warning |= !action.state.is_terminal(),
        // The installation won the race: there is nothing left to call off.
        Word::Closed(_) => end_cancel(action),
        Word::Proceeding | Word::Scheduled | Word::Resumed | Word::Download | Word::Downloaded => {}
    }
}

fn end_cancel(action: &mut Action) {
    action.cancelling = false;
    action.cancel_by = None;
}
