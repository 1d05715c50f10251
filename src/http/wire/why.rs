//! Why a device has, or has not, what rollouts bring, and why a rollout stands where it stands.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Number;

use super::rollout_answers::percent;
use super::{DifferenceBody, ExplanationBody, timestamp};
use crate::domain::rollout::{Bird, Gates, Rollout, Rule, Throttle, Why};
use crate::engine::query::Standing;

/// `GET /api/v1/devices/{id}/explain`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExplainedBody {
    /// One for each firmware type.
    pub items: Vec<ExplanationBody>,
    /// How the device stands in the rollouts that it is in or could be in, newest first; absent without any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rollouts: Vec<StandingBody>,
}

/// How a device stands in a rollout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StandingBody {
    /// The rollout.
    pub rollout: u32,
    /// What people call it.
    pub name: String,
    /// The wave of the device; absent where it is not in the rollout.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wave: Option<u16>,
    /// A stable code for machines.
    pub code: String,
    /// A sentence for people.
    pub message: String,
    /// When it passes, or something is done about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// `GET /api/v1/rollouts/{id}/explain`. Each part has its numbers and a sentence of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RolloutWhyBody {
    /// The rollout.
    pub rollout: u32,
    /// What people call it.
    pub name: String,
    /// Where it stands.
    pub status: String,
    /// Why it takes nobody on: a stable code; absent while it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Where it stands and why, as a sentence.
    pub message: String,
    /// The next moment at which time alone changes something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Timestamp>,
    /// The waves, in their order.
    pub waves: Vec<GatesBody>,
    /// The stop rules, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stop_rules: Vec<RuleWhyBody>,
    /// The first wave held against the others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canary: Option<CanaryWhyBody>,
    /// What bounds the taking on of devices.
    pub throttle: ThrottleBody,
    /// How the device stands that was asked about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<StandingBody>,
}

/// The gates of a wave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GatesBody {
    /// The wave.
    pub wave: u16,
    /// What people call it.
    pub name: String,
    /// Where it stands.
    pub status: String,
    /// Whether it has succeeded.
    pub passed: bool,
    /// How many run the target.
    pub succeeded: u64,
    /// Of how many.
    pub total: u64,
    /// The part that has to.
    pub success_percent: Number,
    /// How many ended badly; absent where any part may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bad: Option<u64>,
    /// The part that may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure_percent: Option<Number>,
    /// How many have not ended.
    pub open: u64,
    /// All of it in a sentence.
    pub text: String,
}

/// A stop rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleWhyBody {
    /// Its place in the list, from 1.
    pub rule: u16,
    /// How many ended as it counts.
    pub bad: u64,
    /// Of how many that ended.
    pub ended: u64,
    /// The part at which it acts.
    pub percent: Number,
    /// It acts only once so many have ended.
    pub min_sample: u64,
    /// Somebody resumed the rollout after it: it counts no more.
    pub excused: bool,
    /// All of it in a sentence.
    pub text: String,
}

/// The first wave held against the others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CanaryWhyBody {
    /// How many of the first wave have ended.
    pub first_ended: u64,
    /// How many of the others have ended.
    pub others_ended: u64,
    /// It acts only once so many have ended on either side.
    pub min_sample: u64,
    /// How far the two may be apart, in points.
    pub margin_percent: Number,
    /// How far they are apart; absent until enough have ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub difference: Option<DifferenceBody>,
    /// Somebody resumed the rollout after it: it counts no more.
    pub excused: bool,
    /// All of it in a sentence, the whole reckoning included.
    pub text: String,
}

/// What bounds the taking on of devices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThrottleBody {
    /// Devices a minute, now; absent without a bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_minute: Option<u64>,
    /// How many may be under way at once; absent without a bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// How many hold a place of these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<u64>,
    /// All of it in a sentence.
    pub text: String,
}

impl From<&Standing> for StandingBody {
    fn from(standing: &Standing) -> Self {
        let Standing { rollout, name, wave, hold } = standing;
        StandingBody {
            rollout: rollout.get(),
            name: name.to_string(),
            wave: *wave,
            code: hold.code().into(),
            message: hold.to_string(),
            until: hold.until().map(timestamp),
        }
    }
}

impl RolloutWhyBody {
    /// Why a rollout stands where it stands, without a device.
    pub fn new(rollout: &Rollout, why: &Why) -> Self {
        RolloutWhyBody {
            rollout: rollout.id.get(),
            name: rollout.name.to_string(),
            status: why.status.name().into(),
            code: why.hold.as_ref().map(|hold| hold.code().into()),
            message: why.to_string(),
            next: why.next.map(timestamp),
            waves: why.waves.iter().map(GatesBody::from).collect(),
            stop_rules: why.rules.iter().map(RuleWhyBody::from).collect(),
            canary: why.canary.as_ref().map(CanaryWhyBody::from),
            throttle: ThrottleBody::from(&why.throttle),
            device: None,
        }
    }
}

impl From<&Gates> for GatesBody {
    fn from(gates: &Gates) -> Self {
        GatesBody {
            wave: gates.wave,
            name: gates.name.to_string(),
            status: gates.status.name().into(),
            passed: gates.passed,
            succeeded: gates.success.count,
            total: gates.success.of,
            success_percent: percent(gates.success.against),
            bad: gates.failure.map(|counter| counter.count),
            failure_percent: gates.failure.map(|counter| percent(counter.against)),
            open: gates.open,
            text: gates.to_string(),
        }
    }
}

impl From<&Rule> for RuleWhyBody {
    fn from(rule: &Rule) -> Self {
        RuleWhyBody {
            rule: rule.number,
            bad: rule.counter.count,
            ended: rule.counter.of,
            percent: percent(rule.counter.against),
            min_sample: rule.sample,
            excused: rule.excused,
            text: rule.to_string(),
        }
    }
}

impl From<&Bird> for CanaryWhyBody {
    fn from(bird: &Bird) -> Self {
        CanaryWhyBody {
            first_ended: bird.first,
            others_ended: bird.others,
            min_sample: bird.sample,
            margin_percent: percent(bird.margin),
            difference: bird.found.as_ref().map(|found| DifferenceBody::new(found, bird.margin)),
            excused: bird.excused,
            text: bird.to_string(),
        }
    }
}

impl From<&Throttle> for ThrottleBody {
    fn from(throttle: &Throttle) -> Self {
        ThrottleBody {
            per_minute: throttle.per_minute,
            limit: throttle.in_flight.map(|(limit, _)| limit),
            held: throttle.in_flight.map(|(_, held)| held),
            text: throttle.to_string(),
        }
    }
}
