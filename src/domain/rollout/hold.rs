//! Why a member of a rollout does not have its update now, or never will: what it waits for, until when, and how much
//! is missing.
//!
//! The nearest hold is told: what the rollout waits for before what the wave waits for, and that before what the device
//! waits for. Nothing here counts members; what the counters of the waves do not know is not said.

#[cfg(test)]
mod tests;
mod text;

use super::pace::rate;
use super::{Decision, Member, Place, Rollout, Share, Status, Tally, Wave, WaveStatus, Who, bucket};
use crate::domain::action::{Action, Clock, Deadline, State};
use crate::domain::decide::{Entry, Note};
use crate::domain::ids::{ActionId, DeviceId, Time};
use crate::domain::window::Opening;

pub use text::cause_in_full;

/// Where a device stands in a rollout, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hold {
    /// The rollout is being made.
    Creating,
    /// Somebody has to approve of the rollout.
    WaitsForApproval,
    /// Somebody did not approve of the rollout.
    Denied(Option<Decision>),
    /// The rollout has not been started; it starts by itself at this moment, if there is one.
    NotStarted(Option<Time>),
    /// The rollout pauses, for this cause.
    Paused(Option<Box<str>>),
    /// The rollout is being stopped, for this cause, and takes nobody on any more.
    Stopping(Option<Box<str>>),
    /// The rollout was stopped, for this cause, before the device's turn.
    Stopped(Option<Box<str>>),
    /// The rollout has ended without the device.
    Finished,
    /// The wave of the device has not begun.
    WaveNotBegun {
        /// The wave.
        wave: u16,
        /// The wave that has to succeed first.
        after: u16,
        /// How many of that one have to run the target.
        needs: u64,
        /// How many devices it has.
        of: u64,
        /// How many of them run the target.
        has: u64,
    },
    /// As many devices are under way as may be.
    InFlight {
        /// How many may be.
        limit: u64,
        /// How many hold a place.
        held: u64,
    },
    /// The pace allows no device before this moment.
    Pace {
        /// Devices a minute, now.
        per_minute: u64,
        /// When it allows the next one.
        next: Time,
    },
    /// Its turn has not come; that it does is a matter of the next commits.
    Turn {
        /// The wave.
        wave: u16,
        /// How many of the wave wait.
        waiting: u64,
    },
    /// It failed, and is tried again.
    Retry {
        /// How many times it was tried.
        tried: u32,
        /// How many times it may be tried.
        of: u32,
        /// What became of its last action.
        was: State,
        /// When it is tried again.
        until: Time,
    },
    /// It failed to come up with updates too often in a row, and is left alone until this moment.
    PenaltyBox(Time),
    /// It is busy with something that weighs more.
    Outweighed {
        /// The action.
        action: ActionId,
        /// When the rollout comes back to it.
        until: Time,
    },
    /// Something had to pass; the rollout comes back to it at this moment.
    Deferred(Time),
    /// The maintenance window is shut.
    Window {
        /// The action.
        action: ActionId,
        /// When the window opens.
        opens: Time,
        /// The device may fetch the images before.
        prefetch: bool,
    },
    /// The maintenance window does not open again.
    Lapsed(ActionId),
    /// Somebody at the device has to agree.
    Consent {
        /// The action.
        action: ActionId,
        /// Somebody has said no, and may think again.
        refused: bool,
    },
    /// The device has not been told, because it has no session.
    Offline {
        /// The action.
        action: ActionId,
        /// When it times out.
        deadline: Option<Deadline>,
    },
    /// The device has a session and is about to be told.
    Untold(ActionId),
    /// The device was told, and is at it.
    UnderWay {
        /// The action.
        action: ActionId,
        /// Where it stands.
        state: State,
        /// Since when.
        since: Time,
        /// When it times out.
        deadline: Option<Deadline>,
    },
    /// Its action is being called off.
    Cancelling {
        /// The action.
        action: ActionId,
        /// When it ends without the device's word.
        until: Option<Time>,
        /// The action that takes its place.
        newer: Option<ActionId>,
    },
    /// It runs the target.
    Succeeded {
        /// The action.
        action: Option<ActionId>,
        /// It ran the target before.
        already: bool,
    },
    /// It failed.
    Failed {
        /// The action.
        action: Option<ActionId>,
        /// Why.
        why: Option<Box<str>>,
        /// How many times it was tried.
        tried: u32,
    },
    /// It was refused.
    Rejected {
        /// The action.
        action: Option<ActionId>,
        /// What was said.
        why: Option<Box<str>>,
    },
    /// It was silent for too long.
    TimedOut {
        /// The action.
        action: Option<ActionId>,
        /// Which clock ran out.
        clock: Option<Clock>,
        /// At which step, and how long was waited.
        why: Option<Box<str>>,
    },
    /// It cannot take the target; without an action the device is gone.
    NotCompatible {
        /// The action.
        action: Option<ActionId>,
        /// Why.
        why: Option<Box<str>>,
    },
    /// Its action was called off.
    Cancelled {
        /// The action.
        action: Option<ActionId>,
        /// What was said.
        why: Option<Box<str>>,
    },
    /// Another action took its place.
    Superseded {
        /// The action.
        action: Option<ActionId>,
        /// The one that took its place.
        newer: Option<ActionId>,
    },
    /// The rollout is not for it.
    NotSelected(Who),
    /// It is not in the part of the devices that the rollout is for.
    OutsideShare {
        /// Its bucket among 10,000.
        bucket: u16,
        /// The part.
        share: Share,
    },
    /// It came to match after the devices were picked, at this moment.
    TooLate(Time),
    /// It matches a continuous rollout, and has yet to be added to its last wave.
    Joining,
}

/// What has to be known to say how a device stands in a rollout.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// The rollout.
    pub rollout: &'a Rollout,
    /// Its waves, in their order.
    pub waves: &'a [Wave],
    /// The device.
    pub device: &'a DeviceId,
    /// Its wave and its place; none where it is not in the rollout.
    pub member: Option<(u16, &'a Member)>,
    /// Its newest action in the rollout.
    pub action: Option<&'a Action>,
    /// The newest line of that action's history.
    pub last: Option<&'a Entry>,
    /// The action that took the place of that one.
    pub newer: Option<ActionId>,
    /// An action of the device that weighs more than the rollout, for one of the same types.
    pub heavier: Option<ActionId>,
    /// Until when rollouts leave the device alone.
    pub penalty: Option<Time>,
    /// Whether it has a session.
    pub online: bool,
    /// Whether the filter of the rollout matches it, or it is of the product.
    pub matches: bool,
}

/// Where a device stands in a rollout, and why.
pub fn hold(known: &Known<'_>, now: Time) -> Hold {
    let Some((wave, member)) = known.member else { return outside(known) };
    match member.place {
        Place::Waiting => standstill(known.rollout).unwrap_or_else(|| waiting(known, wave, now)),
        Place::Deferred => standstill(known.rollout).unwrap_or_else(|| deferred(known, member, now)),
        Place::Active => under_way(known, wave, now),
        Place::Succeeded => {
            let already = known.action.is_some_and(|action| action.state == State::AlreadyInstalled);
            Hold::Succeeded { action: member.action, already }
        }
        Place::Failed => {
            let why = known.action.and_then(|action| action.state.reason()).map(Into::into);
            Hold::Failed { action: member.action, why, tried: member.tries }
        }
        Place::Rejected => Hold::Rejected { action: member.action, why: said(known) },
        Place::TimedOut => timed_out(known, member),
        Place::NotCompatible => Hold::NotCompatible { action: member.action, why: said(known) },
        Place::Cancelled => called_off(known, member),
    }
}

/// What the newest line of the history says.
fn said(known: &Known<'_>) -> Option<Box<str>> {
    known.last.and_then(|entry| entry.details.first().cloned())
}

/// A device that is not in the rollout.
fn outside(known: &Known<'_>) -> Hold {
    let Known { rollout, device, matches, .. } = *known;
    let selection = &rollout.selection;
    if !matches {
        return Hold::NotSelected(selection.who.clone());
    }
    let own = bucket(device, selection.seed);
    if own >= selection.share.hundredths() {
        return Hold::OutsideShare { bucket: own, share: selection.share };
    }
    match rollout.status {
        Status::Creating => Hold::Creating,
        Status::WaitingForApproval | Status::Ready | Status::Running | Status::Paused
            if selection.continuous =>
        {
            Hold::Joining
        }
        Status::WaitingForApproval
        | Status::Denied
        | Status::Ready
        | Status::Running
        | Status::Paused
        | Status::Stopping
        | Status::Stopped
        | Status::Finished => Hold::TooLate(rollout.trail.created),
    }
}

/// Why the rollout takes nobody on, if it does not.
pub(super) fn standstill(rollout: &Rollout) -> Option<Hold> {
    let cause = || cause_in_full(rollout);
    match rollout.status {
        Status::Creating => Some(Hold::Creating),
        Status::WaitingForApproval => Some(Hold::WaitsForApproval),
        Status::Denied => Some(Hold::Denied(rollout.decision.clone())),
        Status::Ready => Some(Hold::NotStarted(rollout.start_at)),
        Status::Running => None,
        Status::Paused => Some(Hold::Paused(cause())),
        Status::Stopping => Some(Hold::Stopping(cause())),
        Status::Stopped => Some(Hold::Stopped(cause())),
        Status::Finished => Some(Hold::Finished),
    }
}

/// A member that has not been reached, while the rollout takes devices on.
fn waiting(known: &Known<'_>, number: u16, now: Time) -> Hold {
    let Known { rollout, waves, .. } = *known;
    let Some(wave) = waves.iter().find(|wave| wave.number == number) else { return Hold::Finished };
    match wave.status {
        WaveStatus::Scheduled => {
            let turn = Hold::Turn { wave: number, waiting: wave.tally.waiting };
            waves_before(waves, number).unwrap_or(turn)
        }
        WaveStatus::Running | WaveStatus::Failed => {
            let turn = Hold::Turn { wave: number, waiting: wave.tally.waiting };
            throttled(rollout, waves, now).unwrap_or(turn)
        }
        WaveStatus::Finished => Hold::Finished,
    }
}

/// The wave that has to succeed before this one begins.
fn waves_before(waves: &[Wave], number: u16) -> Option<Hold> {
    let first = waves.iter().find(|wave| wave.number < number && !wave.passed)?;
    let of = first.tally.total();
    Some(Hold::WaveNotBegun {
        wave: number,
        after: first.number,
        needs: first.needs(),
        of,
        has: first.tally.succeeded,
    })
}

/// What keeps a running rollout from taking the next device on.
pub(super) fn throttled(rollout: &Rollout, waves: &[Wave], now: Time) -> Option<Hold> {
    let all = Tally::sum(waves);
    if let Some(bound) = rollout.in_flight.filter(|bound| all.leased >= bound.limit) {
        return Some(Hold::InFlight { limit: bound.limit, held: all.leased });
    }
    let per_minute = rate(rollout.pace, &all)?;
    let purse = rollout.credit.gained(per_minute, now);
    (purse.devices() == 0).then(|| Hold::Pace { per_minute, next: purse.enough_at(per_minute) })
}

/// A member that is to be reached again later.
fn deferred(known: &Known<'_>, member: &Member, now: Time) -> Hold {
    let until = member.again.unwrap_or(now);
    let of = known.rollout.retries.limit + 1;
    let ended = known.action.map(|action| action.state).filter(|state| Place::of(*state).may_retry());
    match (known.penalty, known.heavier, ended) {
        (Some(penalty), _, _) if penalty == until => Hold::PenaltyBox(until),
        (_, Some(action), _) => Hold::Outweighed { action, until },
        (_, None, Some(was)) => Hold::Retry { tried: member.tries, of, was, until },
        (_, None, None) => Hold::Deferred(until),
    }
}

/// A member whose action is open.
fn under_way(known: &Known<'_>, wave: u16, now: Time) -> Hold {
    let Some(action) = known.action else {
        let waiting = known.waves.iter().find(|own| own.number == wave).map_or(0, |own| own.tally.waiting);
        return Hold::Turn { wave, waiting };
    };
    let id = action.id;
    if action.cancelling {
        return Hold::Cancelling { action: id, until: action.cancel_by, newer: known.newer };
    }
    if action.unconfirmed {
        let refused = known.last.is_some_and(|entry| entry.note == Note::Denied);
        return Hold::Consent { action: id, refused };
    }
    if action.state == State::Queued && known.rollout.status == Status::Paused {
        return Hold::Paused(cause_in_full(known.rollout));
    }
    // What a device is installing it goes on installing when the window shuts.
    let installing = matches!(action.state, State::Installing | State::Rebooting | State::Verifying);
    if let Some(window) = action.terms.window.as_ref().filter(|_| !installing) {
        match window.at(now) {
            Opening::Open { until: _ } => {}
            Opening::Shut { opens } => {
                return Hold::Window { action: id, opens, prefetch: action.terms.prefetch };
            }
            Opening::Lapsed => return Hold::Lapsed(id),
        }
    }
    let deadline = action.deadline();
    match (action.state, known.online) {
        (State::Queued, false) => Hold::Offline { action: id, deadline },
        (State::Queued, true) => Hold::Untold(id),
        (state, _) => Hold::UnderWay { action: id, state, since: action.stepped, deadline },
    }
}

fn timed_out(known: &Known<'_>, member: &Member) -> Hold {
    let ran_out = |entry: &Entry| match entry.note {
        Note::TimedOut(clock) => Some((clock, entry.details.first().cloned())),
        // A device that speaks afterwards adds lines of its own.
        Note::Created
        | Note::Told
        | Note::Said(_)
        | Note::Retrieved
        | Note::Fetching
        | Note::Confirmed
        | Note::Denied
        | Note::Forced
        | Note::Answered(_)
        | Note::Reported
        | Note::CancelAsked
        | Note::CancelEnded
        | Note::Superseded
        | Note::Drift(_) => None,
    };
    let found = known.last.and_then(ran_out);
    let (clock, why) = found.map_or((None, None), |(clock, why)| (Some(clock), why));
    Hold::TimedOut { action: member.action, clock, why }
}

fn called_off(known: &Known<'_>, member: &Member) -> Hold {
    let superseded = known.action.is_some_and(|action| action.state == State::Superseded);
    // Where devices let go of what is replaced, the action ends as cancelled.
    match superseded || known.newer.is_some() {
        true => Hold::Superseded { action: member.action, newer: known.newer },
        false => Hold::Cancelled { action: member.action, why: said(known) },
    }
}

impl Wave {
    /// How many of its devices have to run the target before it has succeeded.
    pub fn needs(&self) -> u64 {
        let share = u128::from(self.success.hundredths());
        let needs = (u128::from(self.tally.total()) * share).div_ceil(10_000);
        u64::try_from(needs).unwrap_or(u64::MAX)
    }
}

impl Hold {
    /// A stable code for machines.
    pub fn code(&self) -> &'static str {
        match self {
            Hold::Creating => "creating",
            Hold::WaitsForApproval => "waiting-for-approval",
            Hold::Denied(_) => "denied",
            Hold::NotStarted(_) => "not-started",
            Hold::Paused(_) => "paused",
            Hold::Stopping(_) => "stopping",
            Hold::Stopped(_) => "stopped",
            Hold::Finished => "finished",
            Hold::WaveNotBegun { .. } => "wave-not-begun",
            Hold::InFlight { .. } => "in-flight-limit",
            Hold::Pace { .. } => "pace",
            Hold::Turn { .. } => "turn",
            Hold::Retry { .. } => "retry",
            Hold::PenaltyBox(_) => "penalty-box",
            Hold::Outweighed { .. } => "outweighed",
            Hold::Deferred(_) => "deferred",
            Hold::Window { .. } => "window-closed",
            Hold::Lapsed(_) => "window-lapsed",
            Hold::Consent { .. } => "consent",
            Hold::Offline { .. } => "offline",
            Hold::Untold(_) => "untold",
            Hold::UnderWay { .. } => "under-way",
            Hold::Cancelling { .. } => "cancelling",
            Hold::Succeeded { .. } => "succeeded",
            Hold::Failed { .. } => "failed",
            Hold::Rejected { .. } => "rejected",
            Hold::TimedOut { .. } => "timed-out",
            Hold::NotCompatible { .. } => "not-compatible",
            Hold::Cancelled { .. } => "cancelled",
            Hold::Superseded { .. } => "superseded",
            Hold::NotSelected(_) => "not-selected",
            Hold::OutsideShare { .. } => "outside-share",
            Hold::TooLate(_) => "too-late",
            Hold::Joining => "joining",
        }
    }

    /// The moment at which it passes, or at which something is done about it, where that is known.
    pub fn until(&self) -> Option<Time> {
        match self {
            Hold::NotStarted(starts) => *starts,
            Hold::Pace { next: at, .. }
            | Hold::Retry { until: at, .. }
            | Hold::Outweighed { until: at, .. }
            | Hold::PenaltyBox(at)
            | Hold::Deferred(at)
            | Hold::Window { opens: at, .. } => Some(*at),
            Hold::Offline { deadline, .. } | Hold::UnderWay { deadline, .. } => deadline.map(|own| own.at),
            Hold::Cancelling { until, .. } => *until,
            Hold::Creating
            | Hold::WaitsForApproval
            | Hold::Denied(_)
            | Hold::Paused(_)
            | Hold::Stopping(_)
            | Hold::Stopped(_)
            | Hold::Finished
            | Hold::WaveNotBegun { .. }
            | Hold::InFlight { .. }
            | Hold::Turn { .. }
            | Hold::Lapsed(_)
            | Hold::Consent { .. }
            | Hold::Untold(_)
            | Hold::Succeeded { .. }
            | Hold::Failed { .. }
            | Hold::Rejected { .. }
            | Hold::TimedOut { .. }
            | Hold::NotCompatible { .. }
            | Hold::Cancelled { .. }
            | Hold::Superseded { .. }
            | Hold::NotSelected(_)
            | Hold::OutsideShare { .. }
            | Hold::TooLate(_)
            | Hold::Joining => None,
        }
    }
}
