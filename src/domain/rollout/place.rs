//! Where the members of waves are, one by one and counted.

use super::{BadEnd, Wave};
use crate::domain::action::State;
use crate::domain::ids::{ActionId, DeviceId, Time};

/// Where a member of a wave is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// It has not been reached.
    Waiting,
    /// It is to be tried again, or something has to pass before it can be reached.
    Deferred,
    /// Its action is under way.
    Active,
    /// It runs the target.
    Succeeded,
    /// It failed.
    Failed,
    /// Somebody refused.
    Rejected,
    /// It was silent for too long.
    TimedOut,
    /// It cannot take the target.
    NotCompatible,
    /// Its action was called off, or another took its place.
    Cancelled,
}

impl Place {
    /// Every place.
    pub const ALL: [Place; 9] = [
        Place::Waiting,
        Place::Deferred,
        Place::Active,
        Place::Succeeded,
        Place::Failed,
        Place::Rejected,
        Place::TimedOut,
        Place::NotCompatible,
        Place::Cancelled,
    ];

    /// Its name at every door.
    pub fn name(self) -> &'static str {
        match self {
            Place::Waiting => "waiting",
            Place::Deferred => "deferred",
            Place::Active => "active",
            Place::Succeeded => "succeeded",
            Place::Failed => "failed",
            Place::Rejected => "rejected",
            Place::TimedOut => "timed-out",
            Place::NotCompatible => "not-compatible",
            Place::Cancelled => "cancelled",
        }
    }

    /// The place of a member whose action is in this state.
    pub fn of(state: State) -> Place {
        match state {
            State::Queued
            | State::Offered
            | State::Accepted
            | State::Downloading
            | State::Downloaded
            | State::Waiting
            | State::Installing
            | State::Rebooting
            | State::Verifying => Place::Active,
            State::Succeeded | State::AlreadyInstalled => Place::Succeeded,
            State::Failed(_) => Place::Failed,
            State::Rejected => Place::Rejected,
            State::TimedOut => Place::TimedOut,
            State::NotCompatible => Place::NotCompatible,
            State::Cancelled | State::Superseded => Place::Cancelled,
        }
    }

    /// Whether a member may be tried again from here.
    pub fn may_retry(self) -> bool {
        match self {
            Place::Failed | Place::TimedOut => true,
            Place::Waiting
            | Place::Deferred
            | Place::Active
            | Place::Succeeded
            | Place::Rejected
            | Place::NotCompatible
            | Place::Cancelled => false,
        }
    }
}

/// How many members are where. A recount of the members gives the same numbers at any moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Not reached yet.
    pub waiting: u64,
    /// To be reached later.
    pub deferred: u64,
    /// Under way.
    pub active: u64,
    /// Of these, how many hold a place of the in-flight limit.
    pub leased: u64,
    /// Run the target.
    pub succeeded: u64,
    /// Failed.
    pub failed: u64,
    /// Refused.
    pub rejected: u64,
    /// Silent for too long.
    pub timed_out: u64,
    /// Cannot take the target.
    pub not_compatible: u64,
    /// Called off or superseded.
    pub cancelled: u64,
}

impl Tally {
    /// The number that counts a place.
    pub fn at(&mut self, place: Place) -> &mut u64 {
        match place {
            Place::Waiting => &mut self.waiting,
            Place::Deferred => &mut self.deferred,
            Place::Active => &mut self.active,
            Place::Succeeded => &mut self.succeeded,
            Place::Failed => &mut self.failed,
            Place::Rejected => &mut self.rejected,
            Place::TimedOut => &mut self.timed_out,
            Place::NotCompatible => &mut self.not_compatible,
            Place::Cancelled => &mut self.cancelled,
        }
    }

    /// Moves one member.
    pub fn shift(&mut self, from: Option<Place>, to: Place) {
        if let Some(from) = from {
            let source = self.at(from);
            *source = source.saturating_sub(1);
        }
        *self.at(to) += 1;
    }

    /// All members.
    pub fn total(&self) -> u64 {
        self.waiting + self.deferred + self.active + self.ended()
    }

    /// Members whose end is known.
    pub fn ended(&self) -> u64 {
        self.succeeded + self.bad(BadEnd::Any) + self.cancelled
    }

    /// Members that have been reached, and are not to be reached again.
    pub fn begun(&self) -> u64 {
        self.total() - self.waiting - self.deferred
    }

    /// Members that ended badly.
    pub fn bad(&self, on: BadEnd) -> u64 {
        match on {
            BadEnd::Failed => self.failed,
            BadEnd::Rejected => self.rejected + self.not_compatible,
            BadEnd::TimedOut => self.timed_out,
            BadEnd::Any => self.failed + self.rejected + self.not_compatible + self.timed_out,
        }
    }

    /// Whether nothing can move any more.
    pub fn is_done(&self) -> bool {
        self.waiting == 0 && self.deferred == 0 && self.active == 0
    }

    /// The sum of two.
    #[must_use]
    pub fn plus(self, other: Tally) -> Tally {
        Tally {
            waiting: self.waiting + other.waiting,
            deferred: self.deferred + other.deferred,
            active: self.active + other.active,
            leased: self.leased + other.leased,
            succeeded: self.succeeded + other.succeeded,
            failed: self.failed + other.failed,
            rejected: self.rejected + other.rejected,
            timed_out: self.timed_out + other.timed_out,
            not_compatible: self.not_compatible + other.not_compatible,
            cancelled: self.cancelled + other.cancelled,
        }
    }

    /// The sum over waves.
    pub fn sum<'a>(waves: impl IntoIterator<Item = &'a Wave>) -> Tally {
        waves.into_iter().fold(Tally::default(), |sum, wave| sum.plus(wave.tally))
    }
}

/// A device in a wave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The device.
    pub device: DeviceId,
    /// Where it is.
    pub place: Place,
    /// Its newest action in this rollout.
    pub action: Option<ActionId>,
    /// How many times it has been tried.
    pub tries: u32,
    /// Whether it holds a place of the in-flight limit.
    pub leased: bool,
    /// When a deferred one is reached again.
    pub again: Option<Time>,
}

impl Member {
    /// A member that has not been reached.
    pub fn waiting(device: DeviceId) -> Self {
        Member { device, place: Place::Waiting, action: None, tries: 0, leased: false, again: None }
    }
}
