//! The JSON of rollouts: what is asked for and what is answered. Types only; `rollout_answers` makes the answers.
//!
//! Percentages are numbers with at most two decimals, durations whole seconds, moments RFC 3339.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Number;

use super::TargetBody;

/// `POST /api/v1/rollouts`: an image or a release, and exactly one of a filter, a product and a list of devices.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewRolloutBody {
    /// What people call it.
    pub name: String,
    /// What people say about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<u32>,
    /// The release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<u32>,
    /// The devices that match, in RSQL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
    /// The devices of a product.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product: Option<String>,
    /// These devices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub devices: Option<Vec<String>>,
    /// The part of them, always the same one for the same seed; all without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<Number>,
    /// Which part, and who comes first: 0 to 2^53-1; 0 without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// Whether devices that come to match later join the last wave.
    #[serde(default)]
    pub continuous: bool,
    /// The waves, in order; one with everybody without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waves: Option<Vec<NewWaveBody>>,
    /// In place of `waves`: so many of the same size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wave_count: Option<u16>,
    /// The gate of success of the waves that say nothing; 100 without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub success_percent: Option<Number>,
    /// The gate of failure of the waves that say nothing; none without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure_percent: Option<Number>,
    /// How fast; as fast as the server can without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pace: Option<PaceBody>,
    /// How many at once; all without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_flight: Option<InFlightBody>,
    /// How failed devices are tried again; not at all without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retries: Option<RetriesBody>,
    /// When it starts by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_at: Option<Timestamp>,
    /// When it ends in any case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_at: Option<Timestamp>,
    /// What then happens to what is under way; `stop` without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_end: Option<EndingBody>,
    /// When devices may install; at any time without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<WindowBody>,
    /// Which of a device's actions comes first, 0 to 1000; 1000 without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<u64>,
    /// How hard it presses; `forced` without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<ModeBody>,
    /// Since when it presses: for `time-forced`, and only for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub force_at: Option<Timestamp>,
    /// Whether somebody at the device has to agree first.
    #[serde(default)]
    pub consent: bool,
    /// Whether devices may fetch before their window opens, and install once it is open.
    #[serde(default)]
    pub prefetch: bool,
    /// How long a device may be silent; the defaults of [`TimeoutsBody`] without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeouts: Option<TimeoutsBody>,
    /// When it stops by itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stop_rules: Vec<StopRuleBody>,
    /// The first wave held against the others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canary: Option<CanaryBody>,
    /// Also to devices that run something newer.
    #[serde(default)]
    pub allow_downgrade: bool,
    /// Start as soon as it is ready and approved of; not together with `start_at`.
    #[serde(default)]
    pub start: bool,
}

/// A wave that is to be made: so many devices, a part of all, or what is left; what is left without any of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewWaveBody {
    /// What people call it; `wave N` without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What people say about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// So many devices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub devices: Option<u64>,
    /// This part of all devices of the rollout, or of those that match the wave's own filter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<Number>,
    /// All that no wave before has.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rest: bool,
    /// What its devices match beyond the rollout's own filter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
    /// It has succeeded once at least this part runs the target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub success_percent: Option<Number>,
    /// It has failed once more than this part ended badly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure_percent: Option<Number>,
    /// What happens when it has succeeded; `next` without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<AfterBody>,
    /// Whether somebody at the device has to agree; as the rollout without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent: Option<bool>,
}

/// What comes after a success.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AfterBody {
    /// The next one begins.
    Next,
    /// The rollout pauses.
    Pause,
}

/// How fast devices are taken on: `per_minute`, or the other members.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PaceBody {
    /// Always so many devices a minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_minute: Option<u32>,
    /// So many devices a minute at first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_per_minute: Option<u32>,
    /// By how much it grows, with at most two decimals.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub factor: Option<Number>,
    /// It grows each time that so many devices more are counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<u64>,
    /// Which devices are counted; `notified` without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<CountedBody>,
    /// Devices a minute at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_per_minute: Option<u32>,
}

/// Which devices let a pace grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CountedBody {
    /// Those that the rollout has reached.
    Notified,
    /// Those that run the target.
    Succeeded,
}

/// How many devices may be under way at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InFlightBody {
    /// How many, at least 1.
    pub limit: u64,
    /// How long a silent device holds its place, in seconds; an hour without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease_s: Option<u64>,
}

/// How failed devices are tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetriesBody {
    /// How many times beyond the first, at most 10.
    pub limit: u32,
    /// How long after the first failure, in seconds; twice as long after each further one. A minute without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backoff_s: Option<u64>,
}

/// What happens to open actions when a rollout ends before they do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EndingBody {
    /// They go on.
    #[default]
    Stop,
    /// They are cancelled, and devices are asked to let go.
    Cancel,
    /// They are cancelled without waiting for the devices.
    Force,
}

/// When devices may install.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WindowBody {
    /// Quartz cron expression, such as `0 0 2 * * ?`.
    pub schedule: String,
    /// How long each opening lasts, `HH:mm:ss`.
    pub duration: String,
    /// The schedule's offset from UTC, such as `+02:00`, or `device` for the device's own zone; UTC without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
}

/// How long a device may be silent, in seconds; 0 is for ever.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimeoutsBody {
    /// From the command to the first sign of the device; a day without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_sign_s: Option<u64>,
    /// At each step after that; an hour without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step_s: Option<u64>,
    /// From the command to the end; a week without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_s: Option<u64>,
}

/// How hard an action presses the device.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ModeBody {
    /// It is to install at once.
    #[default]
    Forced,
    /// It may choose its own moment.
    Soft,
    /// Soft until `force_at`, forced from then on.
    TimeForced,
    /// It is to fetch the image and not to install it.
    DownloadOnly,
}

/// A rule by which a rollout stops itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StopRuleBody {
    /// What is counted.
    pub on: BadEndBody,
    /// At least this part of those that have ended.
    pub percent: Number,
    /// Only once so many have ended; 1 without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_sample: Option<u64>,
    /// What happens then; `pause` without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub then: Option<RemedyBody>,
    /// The image that is brought back: for `roll-back`, and only for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<u32>,
}

/// Which bad ends are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BadEndBody {
    /// Failed.
    Failed,
    /// Refused, or not compatible.
    Rejected,
    /// Silent for too long.
    TimedOut,
    /// Any of them.
    Any,
}

/// What a rollout does when it stops by itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RemedyBody {
    /// It pauses.
    #[default]
    Pause,
    /// It stops, and cancels what is under way.
    Cancel,
    /// It stops, cancels what is under way, and brings an earlier image back under a new number.
    RollBack,
}

/// The first wave held against the others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CanaryBody {
    /// How far apart the two may be, in percentage points.
    pub margin_percent: Number,
    /// The confidence of the interval: 90, 95 or 99; 95 without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence_percent: Option<Number>,
    /// Only once so many have ended on either side; 1 without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_sample: Option<u64>,
    /// What happens then; `pause` without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub then: Option<RemedyBody>,
    /// The image that is brought back: for `roll-back`, and only for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<u32>,
}

/// Where devices are: every one of them is at one place.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TallyBody {
    /// Not reached yet.
    pub waiting: u64,
    /// To be reached later.
    pub deferred: u64,
    /// Under way.
    pub active: u64,
    /// Run the target.
    pub succeeded: u64,
    /// Failed.
    pub failed: u64,
    /// Refused.
    pub rejected: u64,
    /// Silent for too long.
    pub timed_out: u64,
    /// Cannot take the target, or are gone.
    pub not_compatible: u64,
    /// Called off or superseded.
    pub cancelled: u64,
    /// All of them.
    pub total: u64,
    /// Of those under way: how many hold a place of the in-flight limit.
    pub leased: u64,
}

/// Why a rollout paused or stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CauseBody {
    /// `operator`, `wave`, `wave-done`, `wave-missed`, `rule`, `canary` or `end`.
    pub kind: String,
    /// A sentence for people, with its numbers.
    pub text: String,
}

/// What somebody said to a rollout that waited for approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecisionBody {
    /// Who.
    pub by: String,
    /// What they said about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remark: Option<String>,
}

/// The arithmetic of the first wave held against the others, in percentage points.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DifferenceBody {
    /// How many of the first wave ended badly.
    pub first_bad: u64,
    /// Of how many that have ended.
    pub first_ended: u64,
    /// How many of the others ended badly.
    pub others_bad: u64,
    /// Of how many that have ended.
    pub others_ended: u64,
    /// The share of the first less that of the others.
    pub seen: f64,
    /// At least.
    pub low: f64,
    /// At most.
    pub high: f64,
    /// Whether they differ by more than the margin, beyond doubt.
    pub exceeds: bool,
    /// The same as a sentence.
    pub text: String,
}

/// A wave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaveBody {
    /// Its place, from 1.
    pub number: u16,
    /// What people call it.
    pub name: String,
    /// What people say about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What its devices match beyond the rollout's own filter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
    /// The part that it was to have, where one was stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<Number>,
    /// It has succeeded once at least this part runs the target.
    pub success_percent: Number,
    /// It has failed once more than this part ended badly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure_percent: Option<Number>,
    /// What happens when it has succeeded.
    pub after: AfterBody,
    /// Whether somebody at the device has to agree, where it says otherwise than the rollout.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent: Option<bool>,
    /// Whether devices that come later join it.
    pub continuous: bool,
    /// `scheduled`, `running`, `finished` or `failed`.
    pub status: String,
    /// Whether its turn is over and the next one's has come.
    pub passed: bool,
    /// Where its devices are.
    pub devices: TallyBody,
    /// When it started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<Timestamp>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Timestamp>,
}

/// A rollout.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RolloutBody {
    /// The id.
    pub id: u32,
    /// What people call it.
    pub name: String,
    /// What people say about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What it brings.
    pub target: TargetBody,
    /// Where it stands, by the name of the domain's status.
    pub status: String,
    /// Whether nothing can move it any more.
    pub done: bool,
    /// Why it paused or stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<CauseBody>,
    /// What happens to open actions while it stops.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ending: Option<EndingBody>,
    /// Who approved of it, or did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<DecisionBody>,
    /// Where its devices are, over all waves.
    pub devices: TallyBody,
    /// How many waves it has.
    pub wave_count: u16,
    /// The waves; only where one rollout is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waves: Option<Vec<WaveBody>>,
    /// The filter of its devices; without it and without `product` they were named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
    /// The product of its devices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product: Option<String>,
    /// The part of them.
    pub percent: Number,
    /// Which part.
    pub seed: u64,
    /// Whether devices join later.
    pub continuous: bool,
    /// How fast.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pace: Option<PaceBody>,
    /// How many at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_flight: Option<InFlightBody>,
    /// How failed devices are tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retries: Option<RetriesBody>,
    /// When it starts by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_at: Option<Timestamp>,
    /// When it ends in any case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_at: Option<Timestamp>,
    /// What then happens to what is under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_end: Option<EndingBody>,
    /// When devices may install.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<WindowBody>,
    /// Which of a device's actions comes first.
    pub weight: u16,
    /// How hard it presses.
    pub mode: ModeBody,
    /// Since when it presses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub force_at: Option<Timestamp>,
    /// Whether somebody at the device has to agree first.
    pub consent: bool,
    /// Whether devices may fetch before their window opens.
    pub prefetch: bool,
    /// How long a device may be silent; what is not there has no bound.
    pub timeouts: TimeoutsBody,
    /// When it stops by itself.
    #[serde(default)]
    pub stop_rules: Vec<StopRuleBody>,
    /// The first wave held against the others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canary: Option<CanaryBody>,
    /// How the first wave compares now, or when it was the reason to stop; once either side has enough that ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub difference: Option<DifferenceBody>,
    /// Also to devices that run something newer.
    pub allow_downgrade: bool,
    /// When it was made.
    pub created: Timestamp,
    /// Who made it.
    pub created_by: String,
    /// When an operator last changed it.
    pub changed: Timestamp,
    /// Who changed it.
    pub changed_by: String,
    /// When it started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<Timestamp>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Timestamp>,
}

/// A device in a wave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberBody {
    /// The device.
    pub device: String,
    /// Where it is: a name of [`TallyBody`], with `-` for `_`.
    pub place: String,
    /// Its newest action in this rollout.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<u32>,
    /// How many times it has been tried.
    pub tries: u32,
    /// Whether it holds a place of the in-flight limit.
    pub leased: bool,
    /// When a deferred one is reached again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<Timestamp>,
}
