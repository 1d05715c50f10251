//! A rollout: a release brought to many devices, wave by wave, that finishes and stops by itself.
//!
//! What a rollout is stands here. What its clock and its counters make of it is in `advance`, what operators may ask of
//! it in `command`, whether it may be made at all in `draft`. Nothing here knows a device's own state: a member of a
//! wave is counted by where its action stands.

mod advance;
mod command;
mod draft;
mod hold;
mod interval;
mod pace;
mod place;
mod share;
mod why;

use std::fmt;

use super::catalog::Trail;
use super::deployment::Target;
use super::ids::{ImageId, ProductId, RolloutId, TenantId, Time};
use super::terms::Terms;

pub(crate) use advance::difference;
pub use advance::{Advance, Take, advance};
pub use command::{Command, Consequence, Refusal, command};
pub use draft::{Fault, NewRollout, NewWave, Size, WAVES_MAX, check, check_names};
pub use hold::{Hold, Known, hold};
pub use interval::{Difference, Interval};
pub use place::{Member, Place, Tally};
pub use share::{Share, bucket, places};
pub use why::{Arithmetic, Bird, Counter, Gates, Rule, Throttle, Why, why};

/// Which devices a rollout is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// Those that match a filter (RSQL over the fields of devices).
    Filter(Box<str>),
    /// Those of a product.
    Product(ProductId),
    /// Those that were named when it was made.
    Listed,
}

/// Which devices a rollout is for, and which part of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// Which devices.
    pub who: Who,
    /// The part of them: those whose [`bucket`] is below it.
    pub share: Share,
    /// What the buckets are made with: another seed takes another part.
    pub seed: u64,
    /// Whether devices that come to match later join its last wave.
    pub continuous: bool,
}

/// How fast devices are taken on. After a wait, what ten seconds allow is taken on at once, or one device where that is
/// less than one: so much more than the pace may fall into one minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// As fast as the server can.
    Unbounded,
    /// So many devices a minute.
    Constant {
        /// Devices a minute, at least 1.
        per_minute: u32,
    },
    /// So many devices a minute at first, and `factor` times as many after each `every` devices.
    Exponential {
        /// Devices a minute at first, at least 1.
        base: u32,
        /// By how much it grows, in hundredths: 150 is 1.5 times; more than 100.
        factor_hundredths: u32,
        /// It grows each time that so many devices more are counted, at least 1.
        every: u64,
        /// Which devices are counted.
        counted: Counted,
        /// Devices a minute at most.
        at_most: u32,
    },
}

/// Which devices let an exponential pace grow (AWS IoT Jobs: `rateIncreaseCriteria`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// Those that the rollout has reached.
    Notified,
    /// Those that run the target.
    Succeeded,
}

/// How many devices may be under way at once. A device holds its place by a lease: one that falls silent gives it back
/// when the lease ends, although its action goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InFlight {
    /// How many, at least 1.
    pub limit: u64,
    /// How long a place is held after the device's newest sign, in milliseconds.
    pub lease_ms: u64,
}

/// How a failed device is tried again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Retries {
    /// How many times beyond the first.
    pub limit: u32,
    /// How long after the first failure, in milliseconds; twice as long after each further one.
    pub backoff_ms: u64,
}

/// What happens to open actions when a rollout ends before they do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// They go on; nothing new begins.
    Stop,
    /// They are cancelled, and devices are asked to let go.
    Cancel,
    /// They are cancelled without waiting for the devices.
    Force,
}

/// When a rollout ends in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    /// The moment.
    pub at: Time,
    /// What then happens to open actions.
    pub then: Ending,
}

/// Which bad ends a stop rule counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadEnd {
    /// Failed: by the device's word, or by another version than the target.
    Failed,
    /// Refused: by somebody at the device, or because the device cannot take it.
    Rejected,
    /// Silent for too long.
    TimedOut,
    /// Any of them.
    Any,
}

/// What a rollout does when it stops by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// It pauses: what is under way goes on, nothing new begins, and an operator may resume it.
    Pause,
    /// It stops, and cancels what is under way.
    Cancel,
    /// It stops, cancels what is under way, and brings an earlier image back under a new number to every device that it
    /// has reached.
    RollBack(ImageId),
}

/// A rule by which a rollout stops itself (AWS IoT Jobs: `abortConfig`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StopRule {
    /// What is counted.
    pub on: BadEnd,
    /// Of those that have ended, this part at least.
    pub share: Share,
    /// Only once so many have ended.
    pub sample: u64,
    /// What happens then.
    pub then: Remedy,
}

/// The first wave held against all that have ended in the others: where the failures of the two differ by more than
/// `margin`, beyond doubt at the stated confidence, the rollout stops. The interval is Newcombe's, made of two of
/// Wilson's scores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Canary {
    /// How far apart the two may be.
    pub margin: Share,
    /// The confidence of the interval: 9000, 9500 or 9900.
    pub confidence: Share,
    /// Only once so many have ended on either side.
    pub sample: u64,
    /// What happens then.
    pub then: Remedy,
}

/// What happens when a wave has succeeded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AfterSuccess {
    /// The next wave begins.
    #[default]
    Next,
    /// The rollout pauses until an operator resumes it.
    Pause,
}

/// Where a rollout stands (hawkBit: rollout statuses).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// Its members are being written down.
    Creating,
    /// It waits until somebody who may approves of it.
    WaitingForApproval,
    /// Somebody did not approve of it.
    Denied,
    /// It can be started, or starts by itself at its time.
    Ready,
    /// It takes devices on.
    Running,
    /// It takes nobody on.
    Paused,
    /// It has been stopped, and what was under way is being called off.
    Stopping,
    /// It ended before its time.
    Stopped,
    /// Everybody has been reached, and every action has ended.
    Finished,
}

impl Status {
    /// Its name at every door.
    pub fn name(self) -> &'static str {
        match self {
            Status::Creating => "creating",
            Status::WaitingForApproval => "waiting-for-approval",
            Status::Denied => "denied",
            Status::Ready => "ready",
            Status::Running => "running",
            Status::Paused => "paused",
            Status::Stopping => "stopping",
            Status::Stopped => "stopped",
            Status::Finished => "finished",
        }
    }

    /// Whether time and counters can still move it.
    pub fn is_live(self) -> bool {
        match self {
            Status::Creating
            | Status::WaitingForApproval
            | Status::Ready
            | Status::Running
            | Status::Paused
            | Status::Stopping => true,
            Status::Denied | Status::Stopped | Status::Finished => false,
        }
    }
}

/// Why a rollout paused or stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// An operator said so.
    Operator(Box<str>),
    /// Too many of a wave ended badly.
    Wave {
        /// The wave.
        wave: u16,
        /// How many ended badly.
        bad: u64,
        /// Of how many.
        of: u64,
        /// The part that it had to stay at or below.
        allowed: Share,
    },
    /// A wave succeeded, after which it was to pause.
    WaveDone(u16),
    /// All of a wave have ended, and too few of them run the target.
    WaveMissed {
        /// The wave.
        wave: u16,
        /// How many run the target.
        succeeded: u64,
        /// Of how many.
        of: u64,
        /// The part that was wanted.
        wanted: Share,
    },
    /// A stop rule.
    Rule {
        /// Its place in the list, from 1.
        rule: u16,
        /// How many ended as it counts.
        bad: u64,
        /// Of how many.
        of: u64,
    },
    /// The first wave and the others differ.
    Canary(Difference),
    /// Its end came.
    End,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cause::Operator(name) => write!(f, "{name} said so"),
            Cause::Wave { wave, bad, of, allowed } => {
                write!(f, "in wave {wave} {bad} of {of} ended badly, more than {allowed}")
            }
            Cause::WaveDone(wave) => write!(f, "wave {wave} has succeeded, after which it pauses"),
            Cause::WaveMissed { wave, succeeded, of, wanted } => {
                write!(f, "wave {wave} has ended with {succeeded} of {of}, and {wanted} were wanted")
            }
            Cause::Rule { rule, bad, of } => write!(f, "stop rule {rule}: {bad} of {of} ended badly"),
            Cause::Canary(difference) => write!(f, "the first wave and the others differ: {difference}"),
            Cause::End => write!(f, "its end came"),
        }
    }
}

/// What somebody said to a rollout that waits for approval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Who.
    pub by: Box<str>,
    /// What they said about it.
    pub remark: Option<Box<str>>,
}

/// How many devices may be taken on now, at a pace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Credit {
    /// Sixty-thousandths of a device: what a pace of one device a minute gains in a millisecond.
    pub parts: u64,
    /// As of when.
    pub at: Time,
}

/// A rollout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rollout {
    /// The public id.
    pub id: RolloutId,
    /// The tenant.
    pub tenant: TenantId,
    /// What people call it.
    pub name: Box<str>,
    /// What people say about it.
    pub description: Option<Box<str>>,
    /// What it brings.
    pub target: Target,
    /// To whom.
    pub selection: Selection,
    /// On which terms.
    pub terms: Terms,
    /// Whether devices may be taken back to an older version.
    pub allow_downgrade: bool,
    /// How fast.
    pub pace: Pace,
    /// How many at once; no bound without one.
    pub in_flight: Option<InFlight>,
    /// How failed devices are tried again.
    pub retries: Retries,
    /// When it starts by itself.
    pub start_at: Option<Time>,
    /// When it ends in any case.
    pub end: Option<End>,
    /// When it stops by itself.
    pub stops: Vec<StopRule>,
    /// The first wave held against the others.
    pub canary: Option<Canary>,
    /// Where it stands.
    pub status: Status,
    /// Why it paused or stopped.
    pub cause: Option<Cause>,
    /// Stop rules after whose pause somebody resumed it, by their place in the list from 1, and 0 for the canary: they
    /// count no more.
    pub excused: Vec<u16>,
    /// What happens to open actions while it stops.
    pub ending: Option<Ending>,
    /// Who approved of it, or did not.
    pub decision: Option<Decision>,
    /// What its pace allows now.
    pub credit: Credit,
    /// How many waves it has.
    pub waves: u16,
    /// It was removed, and is kept for the records.
    pub deleted: bool,
    /// When it started.
    pub started: Option<Time>,
    /// When it ended.
    pub ended: Option<Time>,
    /// Who made it and who changed it.
    pub trail: Trail,
}

impl Rollout {
    /// Whether it brings this image, or brings it back when it stops itself.
    pub fn needs(&self, image: ImageId) -> bool {
        let rules = self.stops.iter().map(|rule| rule.then);
        let mut remedies = rules.chain(self.canary.map(|canary| canary.then));
        self.target == Target::Image(image) || remedies.any(|remedy| remedy == Remedy::RollBack(image))
    }
}

impl Rollout {
    /// Whether a device that has not heard of its action is not to hear of it now.
    pub fn holds_back(&self) -> bool {
        match (self.status, self.ending) {
            (Status::Paused, _) | (Status::Stopping, Some(Ending::Cancel | Ending::Force)) => true,
            (Status::Stopping, Some(Ending::Stop) | None) => false,
            (
                Status::Creating
                | Status::WaitingForApproval
                | Status::Denied
                | Status::Ready
                | Status::Running
                | Status::Stopped
                | Status::Finished,
                _,
            ) => false,
        }
    }

    /// Gives back what a device cost that could not be taken on.
    pub fn give_back(&mut self) {
        self.credit = self.credit.refunded();
    }
}

/// Where a wave stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WaveStatus {
    /// Its turn has not come.
    Scheduled,
    /// Its devices are taken on.
    Running,
    /// All of them have ended, or the rollout has.
    Finished,
    /// Too many of them ended badly.
    Failed,
}

impl WaveStatus {
    /// Its name at every door.
    pub fn name(self) -> &'static str {
        match self {
            WaveStatus::Scheduled => "scheduled",
            WaveStatus::Running => "running",
            WaveStatus::Finished => "finished",
            WaveStatus::Failed => "failed",
        }
    }
}

/// A wave: devices of a rollout that are taken on together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wave {
    /// Its place, from 1.
    pub number: u16,
    /// What people call it.
    pub name: Box<str>,
    /// What people say about it.
    pub description: Option<Box<str>>,
    /// What its devices match beyond the rollout's own filter.
    pub filter: Option<Box<str>>,
    /// The part of the devices that it was to have, where one was stated.
    pub share: Option<Share>,
    /// It has succeeded once this part of its devices runs the target (hawkBit: `>=`).
    pub success: Share,
    /// What happens then.
    pub after: AfterSuccess,
    /// It has failed once more than this part ended badly (hawkBit: strictly `>`); it never fails without one.
    pub failure: Option<Share>,
    /// Whether somebody at the device has to agree; the rollout's terms say where nothing is said here.
    pub consent: Option<bool>,
    /// Whether devices that come later join it.
    pub continuous: bool,
    /// Where it stands.
    pub status: WaveStatus,
    /// Whether it has succeeded, and what comes after has been done.
    pub passed: bool,
    /// Where its devices are.
    pub tally: Tally,
    /// When it started.
    pub started: Option<Time>,
    /// When it ended.
    pub ended: Option<Time>,
}
