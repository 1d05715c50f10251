//! Rehearsals of rollouts: what devices are said to do, and what is foreseen.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Number;

use super::{CauseBody, NewRolloutBody, TallyBody, timestamp};
use crate::domain::ids::Time;
use crate::domain::news::Happened;
use crate::domain::rollout::{Tally, Wave};
use crate::engine::rehearsal::{Foreseen, Plan, Point};

/// A rollout to be played through.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewPlanBody {
    /// The rollout, as it would be asked for.
    pub rollout: NewRolloutBody,
    /// What devices do.
    #[serde(default)]
    pub model: ModelBody,
    /// Whether every device is listed in the answer.
    #[serde(default)]
    pub devices: bool,
}

/// How long something takes: any time between the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpanBody {
    /// At least, in seconds.
    pub least_s: u64,
    /// At most, in seconds.
    pub most_s: u64,
}

/// What devices do; everything is drawn from the seed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelBody {
    /// Another seed is another fleet; 0 without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// The part of the tries that fail; 0 without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fail_percent: Option<Number>,
    /// The part of the tries of which nothing is heard after the first sign; 0 without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silent_percent: Option<Number>,
    /// The part of the devices that are away at the start; 0 without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub away_percent: Option<Number>,
    /// From the command to the first sign; 1 to 60 seconds without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sign: Option<SpanBody>,
    /// From the first sign to the end; 30 to 600 seconds without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub install: Option<SpanBody>,
    /// How long a device that is away stays away; a minute to a day without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub back: Option<SpanBody>,
    /// For how long the fleet is watched, in seconds; 30 days without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub horizon_s: Option<u64>,
}

/// What is foreseen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanBody {
    /// Where the rollout would stand at the end.
    pub status: String,
    /// Why it would pause or stop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<CauseBody>,
    /// Whether something was still to happen when the time was over.
    pub cut_short: bool,
    /// When the play began.
    pub from: Timestamp,
    /// When the last thing would happen, in seconds from then.
    pub lasts_s: u64,
    /// Where all devices would be at the end.
    pub totals: TallyBody,
    /// The waves, in their order.
    pub waves: Vec<PlannedWaveBody>,
    /// Changes of the rollout and its waves, in their order.
    pub moments: Vec<MomentBody>,
    /// How it would go on.
    pub curve: Vec<PointBody>,
    /// Every device, where it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub devices: Option<Vec<ForeseenBody>>,
}

/// A wave as it would go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedWaveBody {
    /// Its place, from 1.
    pub number: u16,
    /// What people call it.
    pub name: String,
    /// Where it would stand at the end.
    pub status: String,
    /// When it would begin, in seconds from the start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begins_s: Option<u64>,
    /// When the last of its devices would end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_s: Option<u64>,
    /// Where its devices would be at the end.
    pub devices: TallyBody,
}

/// A change of the rollout or of a wave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MomentBody {
    /// In seconds from the start.
    pub after_s: u64,
    /// The wave; the rollout itself without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wave: Option<u16>,
    /// Where it stands then.
    pub status: String,
    /// Why the rollout paused or stopped, as a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
}

/// How many devices would be where at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PointBody {
    /// In seconds from the start.
    pub after_s: u64,
    /// Devices that were reached.
    pub reached: u64,
    /// Devices that run the target.
    pub succeeded: u64,
    /// Devices that ended badly or were called off.
    pub bad: u64,
}

/// What a device would get, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForeseenBody {
    /// The device.
    pub device: String,
    /// Its wave.
    pub wave: u16,
    /// Where it would be at the end.
    pub place: String,
    /// When it would be reached, in seconds from the start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reached_s: Option<u64>,
    /// When its last action would end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_s: Option<u64>,
    /// How many times it would be tried.
    pub tries: u32,
}

impl PlanBody {
    /// The answer to a rehearsal, with every device or without.
    pub fn of(plan: &Plan, devices: bool) -> Self {
        let seconds = |at: Time| at.0.saturating_sub(plan.from.0) / 1000;
        let device = |own: &Foreseen| ForeseenBody {
            device: own.device.to_string(),
            wave: own.wave,
            place: own.place.name().into(),
            reached_s: own.reached.map(seconds),
            ended_s: own.ended.map(seconds),
            tries: own.tries,
        };
        let wave = |own: &Wave| PlannedWaveBody {
            number: own.number,
            name: own.name.to_string(),
            status: own.status.name().into(),
            begins_s: own.started.map(seconds),
            ends_s: own.ended.map(seconds),
            devices: own.tally.into(),
        };
        let point = |own: &Point| PointBody {
            after_s: seconds(own.at),
            reached: own.reached,
            succeeded: own.succeeded,
            bad: own.bad,
        };
        let moments = plan.moments.iter().filter_map(|(at, what)| moment(seconds(*at), what));
        PlanBody {
            status: plan.rollout.status.name().into(),
            cause: plan.rollout.cause.as_ref().map(CauseBody::from),
            cut_short: plan.cut_short,
            from: timestamp(plan.from),
            lasts_s: seconds(plan.until),
            totals: Tally::sum(&plan.waves).into(),
            waves: plan.waves.iter().map(wave).collect(),
            moments: moments.collect(),
            curve: plan.curve.iter().map(point).collect(),
            devices: devices.then(|| plan.devices.iter().map(device).collect()),
        }
    }

    /// How many devices would end badly.
    pub fn bad(&self) -> u64 {
        let TallyBody { failed, rejected, timed_out, not_compatible, .. } = self.totals;
        failed + rejected + timed_out + not_compatible
    }
}

fn moment(after_s: u64, what: &Happened) -> Option<MomentBody> {
    match what {
        Happened::Rollout { status, cause, .. } => Some(MomentBody {
            after_s,
            wave: None,
            status: status.name().into(),
            cause: cause.as_deref().map(str::to_owned),
        }),
        Happened::Wave { wave, status, .. } => {
            Some(MomentBody { after_s, wave: Some(*wave), status: status.name().into(), cause: None })
        }
        Happened::Action { .. }
        | Happened::Device { .. }
        | Happened::Image { .. }
        | Happened::Release { .. }
        | Happened::Offer { .. }
        | Happened::Deployment { .. } => None,
    }
}
