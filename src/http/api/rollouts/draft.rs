//! From the JSON of a new rollout to the domain's. What is wrong is said with its field, as the domain says it.

use jiff::Timestamp;
use serde_json::Number;

use crate::domain::deployment::Target;
use crate::domain::ids::{DeviceId, ImageId, ProductId, ReleaseId, Time};
use crate::domain::rollout::{
    AfterSuccess, Canary, End, Ending, Fault, InFlight, NewRollout, NewWave, Pace, Remedy, Retries,
    Selection, Share, Size, StopRule, WAVES_MAX, Who,
};
use crate::domain::terms::{Force, Terms, Timeouts, Weight};
use crate::domain::window::{Window, WindowError};
use crate::http::wire::{
    AfterBody, CanaryBody, CountedBody, InFlightBody, ModeBody, NewRolloutBody, NewWaveBody, PaceBody,
    RemedyBody, RetriesBody, StopRuleBody, TimeoutsBody, WindowBody,
};

/// The largest number that every JSON reader keeps exact (RFC 8259, 6).
const SEED_MAX: u64 = (1 << 53) - 1;
/// How long a silent device holds its place where nothing is said: as long as one step may take.
const LEASE_S: u64 = 3600;
/// How long the first retry waits where nothing is said.
const BACKOFF_S: u64 = 60;
/// How long a device may take to its first sign where nothing is said: it may be switched off over night.
const FIRST_SIGN_S: u64 = 86_400;
/// How long it may take for each step: the slowest downloads are done.
const STEP_S: u64 = 3600;
/// How long it may take in all: it may be in use for days.
const TOTAL_S: u64 = 7 * 86_400;
/// The longest duration, a hundred years: sums of moments stay far from their bound.
const DURATION_MAX_S: u64 = 100 * 366 * 86_400;

/// A new rollout as it was asked for, with its devices where they are named.
#[derive(Debug)]
pub(super) struct Draft {
    pub new: NewRollout,
    pub listed: Vec<DeviceId>,
    /// The member of the body that names the target.
    pub target: &'static str,
}

/// Reads a new rollout.
///
/// # Errors
/// The first [`Fault`].
pub(super) fn read(body: NewRolloutBody, now: Time) -> Result<Draft, Fault> {
    let (target, target_field) = target(&body)?;
    let (who, listed) = who(&body)?;
    let selection = Selection {
        who,
        share: body.percent.as_ref().map_or(Ok(Share::ALL), |number| share("percent", number))?,
        seed: seed(body.seed)?,
        continuous: body.continuous,
    };
    let start_at = match (body.start, body.start_at) {
        (true, Some(_)) => return Err(Fault::new("start", "give either `start` or `start_at`")),
        (true, None) => Some(now),
        (false, at) => at.map(|at| moment("start_at", at)).transpose()?,
    };
    let new = NewRollout {
        target,
        selection,
        waves: waves(&body)?,
        may_overlap: false,
        terms: terms(&body, now)?,
        allow_downgrade: body.allow_downgrade,
        pace: body.pace.as_ref().map_or(Ok(Pace::Unbounded), pace)?,
        in_flight: body.in_flight.map(in_flight).transpose()?,
        retries: body.retries.map_or(Ok(Retries::default()), retries)?,
        start_at,
        end: end(&body)?,
        stops: (0..).zip(&body.stop_rules).map(stop_rule).collect::<Result<_, _>>()?,
        canary: body.canary.as_ref().map(canary).transpose()?,
        name: body.name.into(),
        description: body.description.map(Into::into),
    };
    Ok(Draft { new, listed, target: target_field })
}

fn target(body: &NewRolloutBody) -> Result<(Target, &'static str), Fault> {
    let (found, field) = match (body.image, body.release) {
        (Some(id), None) => (ImageId::new(id.into()).map(Target::Image), "image"),
        (None, Some(id)) => (ReleaseId::new(id.into()).map(Target::Release), "release"),
        (Some(_), Some(_)) | (None, None) => {
            return Err(Fault::new("image", "name either an `image` or a `release`"));
        }
    };
    found.map(|target| (target, field)).ok_or_else(|| Fault::new(field, "is 1 to 2147483647"))
}

fn who(body: &NewRolloutBody) -> Result<(Who, Vec<DeviceId>), Fault> {
    match (&body.filter, &body.product, &body.devices) {
        (Some(query), None, None) => Ok((Who::Filter(query.as_str().into()), Vec::new())),
        (None, Some(product), None) => {
            let product = ProductId::parse(product);
            let product = product.map_err(|error| Fault::new("product", error.to_string()))?;
            Ok((Who::Product(product), Vec::new()))
        }
        (None, None, Some(ids)) => {
            let device = |(place, id): (usize, &String)| {
                DeviceId::parse(id)
                    .map_err(|error| Fault::new(format!("devices[{place}]"), error.to_string()))
            };
            Ok((Who::Listed, ids.iter().enumerate().map(device).collect::<Result<_, _>>()?))
        }
        _ => Err(Fault::new("filter", "name exactly one of `filter`, `product` and `devices`")),
    }
}

fn seed(seed: Option<u64>) -> Result<u64, Fault> {
    match seed.unwrap_or(0) {
        seed if seed > SEED_MAX => Err(Fault::new("seed", format!("is at most {SEED_MAX}"))),
        seed => Ok(seed),
    }
}

/// What waves have that say nothing about their gates.
struct Gates {
    success: Share,
    failure: Option<Share>,
}

fn waves(body: &NewRolloutBody) -> Result<Vec<NewWave>, Fault> {
    let success = body.success_percent.as_ref().map_or(Ok(Share::ALL), |n| share("success_percent", n))?;
    let failure = body.failure_percent.as_ref().map(|n| share("failure_percent", n)).transpose()?;
    let gates = Gates { success, failure };
    let plain = |size| NewWave { success, failure, ..NewWave::new(size) };
    match (&body.waves, body.wave_count) {
        (Some(_), Some(_)) => Err(Fault::new("wave_count", "give either `waves` or `wave_count`")),
        (Some(waves), None) => (0..).zip(waves).map(|(place, own)| wave(place, own, &gates)).collect(),
        (None, None) => Ok(vec![plain(Size::Rest)]),
        (None, Some(count)) if count == 0 || usize::from(count) > WAVES_MAX => {
            Err(Fault::new("wave_count", format!("is 1 to {WAVES_MAX}")))
        }
        (None, Some(count)) => Ok((1..=count).rev().map(|left| plain(equal(left))).collect()),
    }
}

/// The size of the first of so many waves of the same size.
fn equal(left: u16) -> Size {
    // Rounded down: a part of the devices is rounded up.
    match Share::new(10_000 / u64::from(left)) {
        Some(part) if left > 1 => Size::PartOfRest(part),
        Some(_) | None => Size::Rest,
    }
}

fn wave(place: usize, body: &NewWaveBody, gates: &Gates) -> Result<NewWave, Fault> {
    let at = |field: &str| format!("waves[{place}].{field}");
    let part = |field: &str, number: &Number| share(&at(field), number);
    let size = match (body.devices, &body.percent, body.rest) {
        (Some(count), None, false) => Size::Count(count),
        (None, Some(number), false) => Size::Part(part("percent", number)?),
        (None, None, _) => Size::Rest,
        _ => return Err(Fault::new(at("devices"), "give one of `devices`, `percent` and `rest`")),
    };
    let success = body.success_percent.as_ref();
    let failure = body.failure_percent.as_ref();
    Ok(NewWave {
        name: body.name.as_deref().map(Into::into),
        description: body.description.as_deref().map(Into::into),
        filter: body.filter.as_deref().map(Into::into),
        size,
        success: success.map_or(Ok(gates.success), |number| part("success_percent", number))?,
        after: match body.after {
            Some(AfterBody::Pause) => AfterSuccess::Pause,
            Some(AfterBody::Next) | None => AfterSuccess::Next,
        },
        failure: failure.map_or(Ok(gates.failure), |number| part("failure_percent", number).map(Some))?,
        consent: body.consent,
    })
}

fn terms(body: &NewRolloutBody, now: Time) -> Result<Terms, Fault> {
    let force = match (body.mode.unwrap_or_default(), body.force_at) {
        (ModeBody::TimeForced, Some(at)) => Force::From(moment("force_at", at)?),
        (ModeBody::TimeForced, None) => {
            return Err(Fault::new("force_at", "is needed with the mode `time-forced`"));
        }
        (_, Some(_)) => return Err(Fault::new("force_at", "is only for the mode `time-forced`")),
        (ModeBody::Forced, None) => Force::Forced,
        (ModeBody::Soft, None) => Force::Soft,
        (ModeBody::DownloadOnly, None) => Force::DownloadOnly,
    };
    let weight =
        body.weight.map(|number| Weight::new(number).ok_or_else(|| Fault::new("weight", "is 0 to 1000")));
    Ok(Terms {
        force,
        weight: weight.transpose()?.unwrap_or_default(),
        window: body.window.as_ref().map(|window| self::window(window, now)).transpose()?,
        consent: body.consent,
        prefetch: body.prefetch,
        reference: None,
        timeouts: timeouts(body.timeouts.unwrap_or_default())?,
    })
}

fn timeouts(body: TimeoutsBody) -> Result<Timeouts, Fault> {
    let read = |field: &str, seconds: Option<u64>, usual: u64| match seconds.unwrap_or(usual) {
        0 => Ok(None),
        seconds => duration(field, seconds).map(Some),
    };
    Ok(Timeouts {
        first_ms: read("timeouts.first_sign_s", body.first_sign_s, FIRST_SIGN_S)?,
        step_ms: read("timeouts.step_s", body.step_s, STEP_S)?,
        total_ms: read("timeouts.total_s", body.total_s, TOTAL_S)?,
    })
}

fn window(body: &WindowBody, now: Time) -> Result<Window, Fault> {
    let zone = body.zone.as_deref().unwrap_or("Z");
    Window::parse(&body.schedule, &body.duration, zone, now).map_err(|error| {
        let field = match error {
            WindowError::Schedule(_) => "window.schedule",
            WindowError::Duration(_) => "window.duration",
            WindowError::Zone(_) => "window.zone",
            WindowError::Lapsed => "window",
        };
        Fault::new(field, error.to_string())
    })
}

fn pace(body: &PaceBody) -> Result<Pace, Fault> {
    let grows = body.base_per_minute.is_some()
        || body.factor.is_some()
        || body.every.is_some()
        || body.count.is_some()
        || body.max_per_minute.is_some();
    let needed = |field: &str| Fault::new(field, "is needed beside `base_per_minute`");
    match body.per_minute {
        Some(_) if grows => Err(Fault::new("pace.per_minute", "is alone, or not there")),
        Some(per_minute) => Ok(Pace::Constant { per_minute }),
        None => {
            let base = body
                .base_per_minute
                .ok_or_else(|| Fault::new("pace.base_per_minute", "is needed without `per_minute`"))?;
            let factor = body.factor.as_ref().ok_or_else(|| needed("pace.factor"))?;
            let factor = hundredths(factor).and_then(|number| u32::try_from(number).ok());
            Ok(Pace::Exponential {
                base,
                factor_hundredths: factor
                    .ok_or_else(|| Fault::new("pace.factor", "is a number with at most two decimals"))?,
                every: body.every.ok_or_else(|| needed("pace.every"))?,
                counted: body.count.unwrap_or(CountedBody::Notified).into(),
                at_most: body.max_per_minute.ok_or_else(|| needed("pace.max_per_minute"))?,
            })
        }
    }
}

fn in_flight(body: InFlightBody) -> Result<InFlight, Fault> {
    let lease_ms = duration("in_flight.lease_s", body.lease_s.unwrap_or(LEASE_S))?;
    Ok(InFlight { limit: body.limit, lease_ms })
}

fn retries(body: RetriesBody) -> Result<Retries, Fault> {
    let backoff_ms = duration("retries.backoff_s", body.backoff_s.unwrap_or(BACKOFF_S))?;
    Ok(Retries { limit: body.limit, backoff_ms })
}

fn end(body: &NewRolloutBody) -> Result<Option<End>, Fault> {
    match (body.end_at, body.at_end) {
        (Some(at), then) => {
            let then = then.map_or(Ending::Stop, Ending::from);
            Ok(Some(End { at: moment("end_at", at)?, then }))
        }
        (None, Some(_)) => Err(Fault::new("at_end", "says nothing without `end_at`")),
        (None, None) => Ok(None),
    }
}

fn stop_rule((place, body): (usize, &StopRuleBody)) -> Result<StopRule, Fault> {
    let at = |field: &str| format!("stop_rules[{place}].{field}");
    Ok(StopRule {
        on: body.on.into(),
        share: share(&at("percent"), &body.percent)?,
        sample: body.min_sample.unwrap_or(1),
        then: remedy(&at("image"), body.then, body.image)?,
    })
}

fn canary(body: &CanaryBody) -> Result<Canary, Fault> {
    let confidence = body.confidence_percent.as_ref();
    let confidence = confidence.map(|number| share("canary.confidence_percent", number)).transpose()?;
    Ok(Canary {
        margin: share("canary.margin_percent", &body.margin_percent)?,
        confidence: confidence.or(Share::percent(95)).unwrap_or(Share::ALL),
        sample: body.min_sample.unwrap_or(1),
        then: remedy("canary.image", body.then, body.image)?,
    })
}

fn remedy(field: &str, then: Option<RemedyBody>, image: Option<u32>) -> Result<Remedy, Fault> {
    match (then.unwrap_or_default(), image) {
        (RemedyBody::RollBack, Some(id)) => ImageId::new(id.into())
            .map(Remedy::RollBack)
            .ok_or_else(|| Fault::new(field, "is 1 to 2147483647")),
        (RemedyBody::RollBack, None) => Err(Fault::new(field, "is needed to roll back")),
        (_, Some(_)) => Err(Fault::new(field, "is only for `roll-back`")),
        (RemedyBody::Pause, None) => Ok(Remedy::Pause),
        (RemedyBody::Cancel, None) => Ok(Remedy::Cancel),
    }
}

/// A percentage of 0 to 100 with at most two decimals.
pub(super) fn share(field: &str, number: &Number) -> Result<Share, Fault> {
    let share = hundredths(number).and_then(Share::new);
    share.ok_or_else(|| Fault::new(field, format!("{number} is not 0 to 100 with at most two decimals")))
}

/// A number of at most two decimals in hundredths.
fn hundredths(number: &Number) -> Option<u64> {
    if let Some(whole) = number.as_u64() {
        return whole.checked_mul(100);
    }
    let hundredths = number.as_f64()? * 100.0;
    let near = hundredths.round();
    // A decimal fraction is not exact in binary; three decimals are at least a tenth of a hundredth away. What is
    // beyond a million percent is no share and no factor.
    let fits = (hundredths - near).abs() < 1e-6 && (0.0..1e8).contains(&near);
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // Between 0 and 1e8.
    fits.then_some(near as u64)
}

pub(super) fn duration(field: &str, seconds: u64) -> Result<u64, Fault> {
    match seconds {
        0..=DURATION_MAX_S => Ok(seconds * 1000),
        _ => Err(Fault::new(field, format!("is at most {DURATION_MAX_S} seconds"))),
    }
}

fn moment(field: &str, at: Timestamp) -> Result<Time, Fault> {
    u64::try_from(at.as_millisecond()).map(Time).map_err(|_| Fault::new(field, "is before 1970"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_percentage_has_at_most_two_decimals() {
        let table = [
            ("0", Some(0)),
            ("12", Some(1200)),
            ("12.5", Some(1250)),
            ("0.07", Some(7)),
            ("33.33", Some(3333)),
            ("99.99", Some(9999)),
            ("100", Some(10_000)),
            ("100.0", Some(10_000)),
            ("100.01", None),
            ("12.345", None),
            ("-1", None),
            ("-0.5", None),
            ("1e300", None),
        ];
        for (text, expected) in table {
            let number: Number = serde_json::from_str(text).unwrap();
            let found = share("percent", &number).ok().map(Share::hundredths);
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn waves_of_one_size_take_equal_parts_of_what_is_left() {
        let part = |n| Size::PartOfRest(Share::new(n).unwrap());
        let sizes: Vec<Size> = (1..=4).rev().map(equal).collect();
        assert_eq!(sizes, [part(2500), part(3333), part(5000), Size::Rest]);
    }
}
