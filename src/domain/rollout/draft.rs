//! A rollout before it is made, and whether it may be.

use super::{
    AfterSuccess, Canary, Counted, Credit, End, InFlight, Pace, Retries, Rollout, Selection, Share, Status,
    StopRule, Tally, Wave, WaveStatus, Who,
};
use crate::domain::catalog::Trail;
use crate::domain::deployment::Target;
use crate::domain::filter::Filter;
use crate::domain::ids::{RolloutId, TenantId, Time};
use crate::domain::terms::Terms;
use crate::domain::window::Opening;

/// The most waves of a rollout (hawkBit's quota for groups).
pub const WAVES_MAX: usize = 500;
/// The most stop rules: each is held against the counters at every tick.
pub const STOPS_MAX: usize = 16;
/// The longest name of a rollout or a wave, in characters (hawkBit's bound).
const NAME_MAX: usize = 128;
/// The longest description, in characters (hawkBit's bound).
const DESCRIPTION_MAX: usize = 512;
/// The most devices a minute that can be asked for: more than a server of this kind reaches.
const PACE_MAX: u32 = 10_000_000;
/// The most retries: with the back-off doubling, the last of them is a thousand times as late as the first.
const RETRIES_MAX: u32 = 10;

/// How many devices a wave is to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// So many, or as many as are left.
    Count(u64),
    /// This part of all devices of the rollout that the wave may have.
    Part(Share),
    /// This part of those that no wave before has (hawkBit: `targetPercentage`).
    PartOfRest(Share),
    /// All that are left.
    Rest,
}

/// A wave that is to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewWave {
    /// What people call it; `wave N` where nothing is said.
    pub name: Option<Box<str>>,
    /// What people say about it.
    pub description: Option<Box<str>>,
    /// What its devices match beyond the rollout's own filter.
    pub filter: Option<Box<str>>,
    /// How many it has.
    pub size: Size,
    /// It has succeeded once this part runs the target.
    pub success: Share,
    /// What happens then.
    pub after: AfterSuccess,
    /// It has failed once more than this part ended badly.
    pub failure: Option<Share>,
    /// Whether somebody at the device has to agree.
    pub consent: Option<bool>,
}

impl NewWave {
    /// A wave of this size that is passed when all of it succeeded.
    pub fn new(size: Size) -> Self {
        NewWave {
            name: None,
            description: None,
            filter: None,
            size,
            success: Share::ALL,
            after: AfterSuccess::Next,
            failure: None,
            consent: None,
        }
    }
}

/// A rollout that is to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRollout {
    /// What people call it.
    pub name: Box<str>,
    /// What people say about it.
    pub description: Option<Box<str>>,
    /// What it brings.
    pub target: Target,
    /// To whom.
    pub selection: Selection,
    /// In which waves; the devices of the first ones are taken out before those of later ones are looked for.
    pub waves: Vec<NewWave>,
    /// A device that fits the filters of two waves goes to the first of them; without this the rollout is refused.
    pub may_overlap: bool,
    /// On which terms.
    pub terms: Terms,
    /// Whether devices may be taken back to an older version.
    pub allow_downgrade: bool,
    /// How fast.
    pub pace: Pace,
    /// How many at once.
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
}

/// What is wrong with a rollout that is to be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct Fault {
    /// Where: a path into the request, such as `waves[1].success`.
    pub field: Box<str>,
    /// What is wrong with it.
    pub reason: Box<str>,
}

impl Fault {
    /// Something wrong with a field.
    pub fn new(field: impl Into<Box<str>>, reason: impl Into<Box<str>>) -> Fault {
        Fault { field: field.into(), reason: reason.into() }
    }
}

/// Whether a rollout may be made at `now`, as far as it can be said without looking at devices.
///
/// # Errors
/// The first [`Fault`].
pub fn check(new: &NewRollout, now: Time) -> Result<(), Fault> {
    check_names(Some(&new.name), new.description.as_deref())?;
    check_selection(&new.selection)?;
    if new.waves.is_empty() || new.waves.len() > WAVES_MAX {
        return Err(Fault::new("waves", format!("there are 1 to {WAVES_MAX} of them")));
    }
    for (place, wave) in new.waves.iter().enumerate() {
        check_wave(wave)
            .map_err(|fault| Fault::new(format!("waves[{place}].{}", fault.field), fault.reason))?;
    }
    check_parts(&new.waves)?;
    check_pace(new.pace)?;
    check_limits(new)?;
    check_moments(new, now)?;
    check_stops(new)
}

/// Whether a rollout may be called so.
///
/// # Errors
/// The first [`Fault`].
pub fn check_names(name: Option<&str>, description: Option<&str>) -> Result<(), Fault> {
    if let Some(name) = name {
        check_text("name", name, NAME_MAX)?;
    }
    if name.is_some_and(|name| name.trim().is_empty()) {
        return Err(Fault::new("name", "is empty"));
    }
    description.map_or(Ok(()), |text| check_text("description", text, DESCRIPTION_MAX))
}

fn check_text(field: &'static str, text: &str, max: usize) -> Result<(), Fault> {
    match text.chars().count() {
        count if count > max => Err(Fault::new(field, format!("has {count} characters, {max} are allowed"))),
        _ => Ok(()),
    }
}

fn check_filter(field: &'static str, query: &str) -> Result<(), Fault> {
    Filter::parse(query).map(drop).map_err(|error| Fault::new(field, error.to_string()))
}

fn check_selection(selection: &Selection) -> Result<(), Fault> {
    if let Who::Filter(query) = &selection.who {
        check_filter("filter", query)?;
    }
    if selection.share == Share::NONE {
        return Err(Fault::new("percent", "is nothing: no device would be selected"));
    }
    if selection.continuous && selection.who == Who::Listed {
        return Err(Fault::new("continuous", "a list of devices does not grow"));
    }
    Ok(())
}

fn check_wave(wave: &NewWave) -> Result<(), Fault> {
    if let Some(name) = &wave.name {
        check_text("name", name, NAME_MAX)?;
    }
    if let Some(description) = &wave.description {
        check_text("description", description, DESCRIPTION_MAX)?;
    }
    if let Some(query) = &wave.filter {
        check_filter("filter", query)?;
    }
    match wave.size {
        Size::Count(0) => return Err(Fault::new("devices", "a wave has at least one device")),
        Size::Part(Share::NONE) | Size::PartOfRest(Share::NONE) => {
            return Err(Fault::new("percent", "is nothing: the wave would have no device"));
        }
        Size::Count(_) | Size::Part(_) | Size::PartOfRest(_) | Size::Rest => {}
    }
    Ok(())
}

/// Parts of all devices are parts of the same ones, unless a wave has a filter of its own.
fn check_parts(waves: &[NewWave]) -> Result<(), Fault> {
    let mut sum = 0;
    for (place, wave) in waves.iter().enumerate() {
        let Size::Part(share) = wave.size else { continue };
        if wave.filter.is_some() {
            continue;
        }
        sum += u64::from(share.hundredths());
        if sum > u64::from(Share::ALL.hundredths()) {
            return Err(Fault::new(format!("waves[{place}].percent"), "the waves come to more than 100%"));
        }
    }
    Ok(())
}

fn check_pace(pace: Pace) -> Result<(), Fault> {
    let in_range = |field: &'static str, rate: u32| match rate {
        1..=PACE_MAX => Ok(()),
        _ => Err(Fault::new(field, format!("is not in 1..={PACE_MAX} devices a minute"))),
    };
    match pace {
        Pace::Unbounded => Ok(()),
        Pace::Constant { per_minute } => in_range("pace.per_minute", per_minute),
        Pace::Exponential {
            base,
            factor_hundredths,
            every,
            counted: Counted::Notified | Counted::Succeeded,
            at_most,
        } => {
            in_range("pace.base_per_minute", base)?;
            in_range("pace.max_per_minute", at_most)?;
            if !(101..=1000).contains(&factor_hundredths) {
                return Err(Fault::new("pace.factor", "is not more than 1 and at most 10"));
            }
            if every == 0 {
                return Err(Fault::new("pace.every", "is at least 1"));
            }
            if at_most < base {
                return Err(Fault::new("pace.max_per_minute", "is less than the base"));
            }
            Ok(())
        }
    }
}

fn check_limits(new: &NewRollout) -> Result<(), Fault> {
    if let Some(bound) = new.in_flight {
        if bound.limit == 0 {
            return Err(Fault::new("in_flight.limit", "is at least 1"));
        }
        if bound.lease_ms == 0 {
            return Err(Fault::new("in_flight.lease", "is more than nothing"));
        }
    }
    if new.retries.limit > RETRIES_MAX {
        return Err(Fault::new("retries.limit", format!("is at most {RETRIES_MAX}")));
    }
    Ok(())
}

fn check_moments(new: &NewRollout, now: Time) -> Result<(), Fault> {
    if let Some(end) = new.end {
        if end.at <= now {
            return Err(Fault::new("end_at", "is in the past"));
        }
        if new.start_at.is_some_and(|start| start >= end.at) {
            return Err(Fault::new("end_at", "is not after the start"));
        }
    }
    let Some(window) = &new.terms.window else { return Ok(()) };
    let starts = new.start_at.map_or(now, |start| start.max(now));
    let opens = match window.at(starts) {
        Opening::Open { until: _ } => starts,
        Opening::Shut { opens } => opens,
        Opening::Lapsed => return Err(Fault::new("window", "never opens")),
    };
    match new.end {
        Some(end) if opens >= end.at => Err(Fault::new("window", "does not open before the end")),
        Some(_) | None => Ok(()),
    }
}

fn check_stops(new: &NewRollout) -> Result<(), Fault> {
    if new.stops.len() > STOPS_MAX {
        return Err(Fault::new("stop_rules", format!("there are at most {STOPS_MAX} of them")));
    }
    for (place, rule) in new.stops.iter().enumerate() {
        if rule.share == Share::NONE {
            return Err(Fault::new(format!("stop_rules[{place}].percent"), "is more than nothing"));
        }
        if rule.sample == 0 {
            return Err(Fault::new(format!("stop_rules[{place}].min_sample"), "is at least 1"));
        }
    }
    let Some(canary) = new.canary else { return Ok(()) };
    if new.waves.len() < 2 {
        return Err(Fault::new("canary", "there is no second wave to hold the first one against"));
    }
    if !matches!(canary.confidence.hundredths(), 9000 | 9500 | 9900) {
        return Err(Fault::new("canary.confidence", "is 90, 95 or 99"));
    }
    if canary.sample == 0 {
        return Err(Fault::new("canary.min_sample", "is at least 1"));
    }
    if canary.margin == Share::ALL {
        return Err(Fault::new("canary.margin", "is all there is: nothing can be further apart"));
    }
    Ok(())
}

impl NewRollout {
    /// The rollout and its waves, `sizes` devices in each, as it stands while its members are being written down.
    pub fn rollout(
        self,
        id: RolloutId,
        tenant: TenantId,
        sizes: &[u64],
        by: &str,
        now: Time,
    ) -> (Rollout, Vec<Wave>) {
        let continuous = self.selection.continuous;
        let count = self.waves.len();
        let waves = self.waves.into_iter().zip(1..).zip(sizes);
        let waves: Vec<Wave> = waves
            .map(|((new, number), size)| Wave {
                number,
                name: new.name.unwrap_or_else(|| format!("wave {number}").into()),
                description: new.description,
                filter: new.filter,
                share: match new.size {
                    Size::Part(share) | Size::PartOfRest(share) => Some(share),
                    Size::Count(_) | Size::Rest => None,
                },
                success: new.success,
                after: new.after,
                failure: new.failure,
                consent: new.consent,
                continuous: continuous && usize::from(number) == count,
                status: WaveStatus::Scheduled,
                passed: false,
                tally: Tally { waiting: *size, ..Tally::default() },
                started: None,
                ended: None,
            })
            .collect();
        let rollout = Rollout {
            id,
            tenant,
            name: self.name,
            description: self.description,
            target: self.target,
            selection: self.selection,
            terms: self.terms,
            allow_downgrade: self.allow_downgrade,
            pace: self.pace,
            in_flight: self.in_flight,
            retries: self.retries,
            start_at: self.start_at,
            end: self.end,
            stops: self.stops,
            canary: self.canary,
            status: Status::Creating,
            cause: None,
            excused: Vec::new(),
            ending: None,
            decision: None,
            credit: Credit { parts: 0, at: now },
            waves: u16::try_from(waves.len()).unwrap_or(u16::MAX),
            deleted: false,
            started: None,
            ended: None,
            trail: Trail::new(by, now),
        };
        (rollout, waves)
    }
}
