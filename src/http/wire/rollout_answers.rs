//! From a rollout to its JSON.

use serde_json::Number;

use super::{
    AfterBody, BadEndBody, CanaryBody, CauseBody, CountedBody, DecisionBody, DifferenceBody, EndingBody,
    InFlightBody, MemberBody, ModeBody, PaceBody, RemedyBody, RetriesBody, RolloutBody, StopRuleBody,
    TallyBody, TimeoutsBody, WaveBody, WindowBody, timestamp,
};
use crate::domain::rollout::{
    AfterSuccess, BadEnd, Canary, Cause, Counted, Decision, Difference, Ending, InFlight, Member, Pace,
    Remedy, Retries, Rollout, Share, StopRule, Tally, Wave, Who, difference,
};
use crate::domain::terms::{Force, Timeouts};
use crate::domain::window::Window;

impl RolloutBody {
    /// A rollout with its waves as members of their own.
    pub fn whole(rollout: &Rollout, waves: &[Wave]) -> Self {
        RolloutBody {
            waves: Some(waves.iter().map(WaveBody::from).collect()),
            ..RolloutBody::brief(rollout, waves)
        }
    }

    /// A rollout with what its waves come to.
    pub fn brief(rollout: &Rollout, waves: &[Wave]) -> Self {
        let selection = &rollout.selection;
        let (filter, product) = match &selection.who {
            Who::Filter(query) => (Some(query.to_string()), None),
            Who::Product(product) => (None, Some(product.to_string())),
            Who::Listed => (None, None),
        };
        let (mode, force_at) = mode(rollout.terms.force);
        RolloutBody {
            id: rollout.id.get(),
            name: rollout.name.to_string(),
            description: rollout.description.as_deref().map(str::to_owned),
            target: rollout.target.into(),
            status: rollout.status.name().into(),
            done: !rollout.status.is_live(),
            cause: rollout.cause.as_ref().map(CauseBody::from),
            ending: rollout.ending.map(EndingBody::from),
            decision: rollout.decision.as_ref().map(DecisionBody::from),
            devices: Tally::sum(waves).into(),
            wave_count: rollout.waves,
            waves: None,
            filter,
            product,
            percent: percent(selection.share),
            seed: selection.seed,
            continuous: selection.continuous,
            pace: pace(rollout.pace),
            in_flight: rollout.in_flight.map(InFlightBody::from),
            retries: (rollout.retries.limit > 0).then(|| rollout.retries.into()),
            start_at: rollout.start_at.map(timestamp),
            end_at: rollout.end.map(|end| timestamp(end.at)),
            at_end: rollout.end.map(|end| end.then.into()),
            window: rollout.terms.window.as_ref().map(WindowBody::from),
            weight: rollout.terms.weight.get(),
            mode,
            force_at,
            consent: rollout.terms.consent,
            prefetch: rollout.terms.prefetch,
            timeouts: rollout.terms.timeouts.into(),
            stop_rules: rollout.stops.iter().map(StopRuleBody::from).collect(),
            canary: rollout.canary.as_ref().map(CanaryBody::from),
            difference: compared(rollout, waves),
            allow_downgrade: rollout.allow_downgrade,
            created: timestamp(rollout.trail.created),
            created_by: rollout.trail.by.to_string(),
            changed: timestamp(rollout.trail.changed),
            changed_by: rollout.trail.changed_by.to_string(),
            started: rollout.started.map(timestamp),
            ended: rollout.ended.map(timestamp),
        }
    }
}

/// The comparison that stopped the rollout, else that of now.
fn compared(rollout: &Rollout, waves: &[Wave]) -> Option<DifferenceBody> {
    let canary = rollout.canary.as_ref()?;
    match &rollout.cause {
        Some(Cause::Canary(found)) => Some(DifferenceBody::new(found, canary.margin)),
        Some(_) | None => difference(canary, waves).map(|found| DifferenceBody::new(&found, canary.margin)),
    }
}

impl DifferenceBody {
    pub(super) fn new(found: &Difference, margin: Share) -> Self {
        DifferenceBody {
            first_bad: found.first.0,
            first_ended: found.first.1,
            others_bad: found.others.0,
            others_ended: found.others.1,
            seen: points(found.interval.seen),
            low: points(found.interval.low),
            high: points(found.interval.high),
            exceeds: found.exceeds(margin),
            text: found.to_string(),
        }
    }
}

/// Percentage points with two decimals.
fn points(share: f64) -> f64 {
    (share * 10_000.0).round() / 100.0
}

/// A share in percent: whole where it is.
pub(super) fn percent(share: Share) -> Number {
    hundredths(share.hundredths())
}

fn hundredths(count: impl Into<u32>) -> Number {
    let count = count.into();
    let decimal = || Number::from_f64(f64::from(count) / 100.0);
    if count % 100 == 0 { (count / 100).into() } else { decimal().unwrap_or_else(|| (count / 100).into()) }
}

fn mode(force: Force) -> (ModeBody, Option<jiff::Timestamp>) {
    match force {
        Force::Forced => (ModeBody::Forced, None),
        Force::Soft => (ModeBody::Soft, None),
        Force::From(moment) => (ModeBody::TimeForced, Some(timestamp(moment))),
        Force::DownloadOnly => (ModeBody::DownloadOnly, None),
    }
}

fn pace(pace: Pace) -> Option<PaceBody> {
    match pace {
        Pace::Unbounded => None,
        Pace::Constant { per_minute } => {
            Some(PaceBody { per_minute: Some(per_minute), ..PaceBody::default() })
        }
        Pace::Exponential { base, factor_hundredths, every, counted, at_most } => Some(PaceBody {
            per_minute: None,
            base_per_minute: Some(base),
            factor: Some(hundredths(factor_hundredths)),
            every: Some(every),
            count: Some(counted.into()),
            max_per_minute: Some(at_most),
        }),
    }
}

impl From<&Wave> for WaveBody {
    fn from(wave: &Wave) -> Self {
        WaveBody {
            number: wave.number,
            name: wave.name.to_string(),
            description: wave.description.as_deref().map(str::to_owned),
            filter: wave.filter.as_deref().map(str::to_owned),
            percent: wave.share.map(percent),
            success_percent: percent(wave.success),
            failure_percent: wave.failure.map(percent),
            after: match wave.after {
                AfterSuccess::Next => AfterBody::Next,
                AfterSuccess::Pause => AfterBody::Pause,
            },
            consent: wave.consent,
            continuous: wave.continuous,
            status: wave.status.name().into(),
            passed: wave.passed,
            devices: wave.tally.into(),
            started: wave.started.map(timestamp),
            ended: wave.ended.map(timestamp),
        }
    }
}

impl From<Tally> for TallyBody {
    fn from(tally: Tally) -> Self {
        let total = tally.total();
        let Tally { waiting, deferred, active, leased, succeeded, .. } = tally;
        let Tally { failed, rejected, timed_out, not_compatible, cancelled, .. } = tally;
        TallyBody {
            waiting,
            deferred,
            active,
            succeeded,
            failed,
            rejected,
            timed_out,
            not_compatible,
            cancelled,
            total,
            leased,
        }
    }
}

impl From<&Member> for MemberBody {
    fn from(member: &Member) -> Self {
        MemberBody {
            device: member.device.to_string(),
            place: member.place.name().into(),
            action: member.action.map(|action| action.get()),
            tries: member.tries,
            leased: member.leased,
            again: member.again.map(timestamp),
        }
    }
}

impl From<&Cause> for CauseBody {
    fn from(cause: &Cause) -> Self {
        let kind = match cause {
            Cause::Operator(_) => "operator",
            Cause::Wave { .. } => "wave",
            Cause::WaveDone(_) => "wave-done",
            Cause::WaveMissed { .. } => "wave-missed",
            Cause::Rule { .. } => "rule",
            Cause::Canary(_) => "canary",
            Cause::End => "end",
        };
        CauseBody { kind: kind.into(), text: cause.to_string() }
    }
}

impl From<&Decision> for DecisionBody {
    fn from(decision: &Decision) -> Self {
        DecisionBody { by: decision.by.to_string(), remark: decision.remark.as_deref().map(str::to_owned) }
    }
}

impl From<&StopRule> for StopRuleBody {
    fn from(rule: &StopRule) -> Self {
        let (then, image) = remedy(rule.then);
        StopRuleBody {
            on: rule.on.into(),
            percent: percent(rule.share),
            min_sample: Some(rule.sample),
            then: Some(then),
            image,
        }
    }
}

impl From<&Canary> for CanaryBody {
    fn from(canary: &Canary) -> Self {
        let (then, image) = remedy(canary.then);
        CanaryBody {
            margin_percent: percent(canary.margin),
            confidence_percent: Some(percent(canary.confidence)),
            min_sample: Some(canary.sample),
            then: Some(then),
            image,
        }
    }
}

fn remedy(remedy: Remedy) -> (RemedyBody, Option<u32>) {
    match remedy {
        Remedy::Pause => (RemedyBody::Pause, None),
        Remedy::Cancel => (RemedyBody::Cancel, None),
        Remedy::RollBack(image) => (RemedyBody::RollBack, Some(image.get())),
    }
}

impl From<BadEnd> for BadEndBody {
    fn from(on: BadEnd) -> Self {
        match on {
            BadEnd::Failed => BadEndBody::Failed,
            BadEnd::Rejected => BadEndBody::Rejected,
            BadEnd::TimedOut => BadEndBody::TimedOut,
            BadEnd::Any => BadEndBody::Any,
        }
    }
}

impl From<BadEndBody> for BadEnd {
    fn from(on: BadEndBody) -> Self {
        match on {
            BadEndBody::Failed => BadEnd::Failed,
            BadEndBody::Rejected => BadEnd::Rejected,
            BadEndBody::TimedOut => BadEnd::TimedOut,
            BadEndBody::Any => BadEnd::Any,
        }
    }
}

impl From<Ending> for EndingBody {
    fn from(ending: Ending) -> Self {
        match ending {
            Ending::Stop => EndingBody::Stop,
            Ending::Cancel => EndingBody::Cancel,
            Ending::Force => EndingBody::Force,
        }
    }
}

impl From<EndingBody> for Ending {
    fn from(ending: EndingBody) -> Self {
        match ending {
            EndingBody::Stop => Ending::Stop,
            EndingBody::Cancel => Ending::Cancel,
            EndingBody::Force => Ending::Force,
        }
    }
}

impl From<Counted> for CountedBody {
    fn from(counted: Counted) -> Self {
        match counted {
            Counted::Notified => CountedBody::Notified,
            Counted::Succeeded => CountedBody::Succeeded,
        }
    }
}

impl From<CountedBody> for Counted {
    fn from(counted: CountedBody) -> Self {
        match counted {
            CountedBody::Notified => Counted::Notified,
            CountedBody::Succeeded => Counted::Succeeded,
        }
    }
}

impl From<InFlight> for InFlightBody {
    fn from(bound: InFlight) -> Self {
        InFlightBody { limit: bound.limit, lease_s: Some(bound.lease_ms / 1000) }
    }
}

impl From<Retries> for RetriesBody {
    fn from(retries: Retries) -> Self {
        RetriesBody { limit: retries.limit, backoff_s: Some(retries.backoff_ms / 1000) }
    }
}

impl From<Timeouts> for TimeoutsBody {
    fn from(timeouts: Timeouts) -> Self {
        let seconds = |ms: Option<u64>| ms.map(|ms| ms / 1000);
        TimeoutsBody {
            first_sign_s: seconds(timeouts.first_ms),
            step_s: seconds(timeouts.step_ms),
            total_s: seconds(timeouts.total_ms),
        }
    }
}

impl From<&Window> for WindowBody {
    fn from(window: &Window) -> Self {
        let (duration, zone) = (window.duration(), Some(window.zone()));
        WindowBody { schedule: window.schedule.to_string(), duration, zone }
    }
}
