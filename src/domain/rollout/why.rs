//! Why a rollout stands where it stands: every gate, rule and bound that moves it, with the numbers on either side.
//!
//! What comes next is asked of [`advance`] itself, on a copy: there is no second opinion about it here.

use std::fmt;

use super::advance::{CANARY, advance, difference};
use super::hold::{standstill, throttled};
use super::pace::rate;
use super::{BadEnd, Difference, Hold, Interval, Remedy, Rollout, Share, Status, Tally, Wave, WaveStatus};
use crate::domain::ids::Time;

/// How the first wave and the others were held against each other: Newcombe's interval, with the Wilson intervals that
/// it is made of, and the margin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arithmetic<'a> {
    /// The two, and how far they are apart.
    pub found: &'a Difference,
    /// How far they may be.
    pub margin: Share,
}

/// So many of so many, and what that is held against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counter {
    /// How many.
    pub count: u64,
    /// Of how many.
    pub of: u64,
    /// The part that counts.
    pub against: Share,
}

/// The gates of a wave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gates {
    /// The wave.
    pub wave: u16,
    /// What people call it.
    pub name: Box<str>,
    /// Where it stands.
    pub status: WaveStatus,
    /// Whether it has succeeded.
    pub passed: bool,
    /// Those that run the target, and the part that has to.
    pub success: Counter,
    /// Those that ended badly, and the part that may; none where any part may.
    pub failure: Option<Counter>,
    /// Those that have not ended.
    pub open: u64,
}

/// A stop rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// Its place in the list, from 1.
    pub number: u16,
    /// What it counts.
    pub on: BadEnd,
    /// Those that ended as it counts, of all that ended, and the part at which it acts.
    pub counter: Counter,
    /// It acts only once so many have ended.
    pub sample: u64,
    /// What happens then.
    pub then: Remedy,
    /// Somebody resumed the rollout after it had paused it: it counts no more.
    pub excused: bool,
}

/// The canary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bird {
    /// How many of the first wave have ended.
    pub first: u64,
    /// How many of the others have ended.
    pub others: u64,
    /// It acts only once so many have ended on either side.
    pub sample: u64,
    /// How far the two may be apart.
    pub margin: Share,
    /// How far they are apart, once enough have ended.
    pub found: Option<Difference>,
    /// What happens when that is too far.
    pub then: Remedy,
    /// Somebody resumed the rollout after it had paused it: it counts no more.
    pub excused: bool,
}

/// What bounds the taking on of devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Throttle {
    /// How many devices a minute now; none where there is no bound.
    pub per_minute: Option<u64>,
    /// How many may be under way at once, and how many hold a place; none where there is no bound.
    pub in_flight: Option<(u64, u64)>,
}

/// Why a rollout stands where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Why {
    /// Where it stands.
    pub status: Status,
    /// What keeps it from taking the next device on, if something does.
    pub hold: Option<Hold>,
    /// Devices that may be taken on.
    pub waiting: u64,
    /// Each wave.
    pub waves: Vec<Gates>,
    /// Each stop rule.
    pub rules: Vec<Rule>,
    /// The canary.
    pub canary: Option<Bird>,
    /// What bounds the taking on of devices.
    pub throttle: Throttle,
    /// The next moment at which time alone changes something.
    pub next: Option<Time>,
}

/// Why a rollout stands where it stands.
pub fn why(rollout: &Rollout, waves: &[Wave], now: Time) -> Why {
    let all = Tally::sum(waves);
    let (mut next, mut then) = (rollout.clone(), waves.to_vec());
    let wake = advance(&mut next, &mut then, 0, now).wake;
    let open = |wave: &&Wave| matches!(wave.status, WaveStatus::Running | WaveStatus::Failed);
    let waiting = waves.iter().filter(open).map(|wave| wave.tally.waiting).sum();
    let throttled = || throttled(rollout, waves, now).filter(|_| waiting > 0);
    Why {
        status: rollout.status,
        hold: standstill(rollout).or_else(throttled),
        waiting,
        waves: waves.iter().map(gates).collect(),
        rules: rules(rollout, &all),
        canary: bird(rollout, waves),
        throttle: Throttle {
            per_minute: rate(rollout.pace, &all),
            in_flight: rollout.in_flight.map(|bound| (bound.limit, all.leased)),
        },
        next: wake,
    }
}

fn gates(wave: &Wave) -> Gates {
    let of = wave.tally.total();
    let bad = wave.tally.bad(BadEnd::Any);
    Gates {
        wave: wave.number,
        name: wave.name.clone(),
        status: wave.status,
        passed: wave.passed,
        success: Counter { count: wave.tally.succeeded, of, against: wave.success },
        failure: wave.failure.map(|against| Counter { count: bad, of, against }),
        open: of - wave.tally.ended(),
    }
}

fn rules(rollout: &Rollout, all: &Tally) -> Vec<Rule> {
    let rules = (1..).zip(&rollout.stops).map(|(number, rule)| Rule {
        number,
        on: rule.on,
        counter: Counter { count: all.bad(rule.on), of: all.ended(), against: rule.share },
        sample: rule.sample,
        then: rule.then,
        excused: rollout.excused.contains(&number),
    });
    rules.collect()
}

fn bird(rollout: &Rollout, waves: &[Wave]) -> Option<Bird> {
    let canary = rollout.canary?;
    let (first, others) = waves.split_first()?;
    Some(Bird {
        first: first.tally.ended(),
        others: Tally::sum(others).ended(),
        sample: canary.sample,
        margin: canary.margin,
        found: difference(&canary, waves),
        then: canary.then,
        excused: rollout.excused.contains(&CANARY),
    })
}

impl fmt::Display for Counter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counter { count, of, .. } = self;
        match of {
            0 => write!(f, "{count} of 0"),
            _ => write!(f, "{count} of {of} ({})", Percent(count.saturating_mul(1000) / of)),
        }
    }
}

/// Tenths of a percent.
struct Percent(u64);

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}%", self.0 / 10, self.0 % 10)
    }
}

impl fmt::Display for Gates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Gates { wave, status, success, open, .. } = self;
        let passed = if self.passed { ", passed" } else { "" };
        let status = status.name();
        write!(
            f,
            "wave {wave} is {status}{passed}: {success} run the target, {} are wanted",
            success.against
        )?;
        if let Some(failure) = &self.failure {
            write!(f, "; {failure} ended badly, {} are allowed", failure.against)?;
        }
        write!(f, "; {open} have not ended")
    }
}

impl fmt::Display for BadEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BadEnd::Failed => "failed",
            BadEnd::Rejected => "were rejected",
            BadEnd::TimedOut => "timed out",
            BadEnd::Any => "ended badly",
        })
    }
}

impl fmt::Display for Remedy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Remedy::Pause => write!(f, "it pauses"),
            Remedy::Cancel => write!(f, "it stops and cancels what is under way"),
            Remedy::RollBack(image) => write!(f, "it stops and brings image {image} back"),
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Rule { number, on, counter, sample, then, excused } = self;
        write!(
            f,
            "stop rule {number}: {counter} {on}; at {}, once {sample} have ended, {then}",
            counter.against
        )?;
        if *excused { write!(f, " (excused: it counts no more)") } else { Ok(()) }
    }
}

impl fmt::Display for Bird {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Bird { first, others, sample, margin, found, then, excused } = self;
        match found {
            Some(found) => write!(f, "canary: {}; beyond it {then}", Arithmetic { found, margin: *margin })?,
            None => write!(
                f,
                "canary: {first} of the first wave and {others} of the others have ended, and {sample} are needed on either side"
            )?,
        }
        if *excused { write!(f, " (excused: it counts no more)") } else { Ok(()) }
    }
}

impl fmt::Display for Throttle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.per_minute {
            Some(rate) => write!(f, "pace: {rate} a minute"),
            None => write!(f, "pace: unbounded"),
        }?;
        match self.in_flight {
            Some((limit, held)) => write!(f, "; in flight: {held} of {limit} places are held"),
            None => write!(f, "; in flight: unbounded"),
        }
    }
}

/// Where it stands, in a sentence.
impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.status, &self.hold) {
            (Status::Finished, _) => write!(f, "the rollout has finished"),
            (Status::Stopped, Some(Hold::Stopped(Some(cause)))) => {
                write!(f, "the rollout was stopped: {cause}")
            }
            (Status::Stopped, _) => write!(f, "the rollout was stopped"),
            (_, Some(Hold::InFlight { limit, held })) => {
                write!(f, "the rollout takes nobody on: {held} devices under way hold all {limit} places")
            }
            (_, Some(hold)) => write!(f, "{hold}"),
            (_, None) if self.waiting > 0 => write!(f, "the rollout takes devices on: {} wait", self.waiting),
            (_, None) => {
                write!(f, "the rollout waits for its devices: everybody in the waves that run was reached")
            }
        }
    }
}

impl fmt::Display for Arithmetic<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Difference { first, others, confidence, interval } = self.found;
        let (a, b) = self.found.sides();
        side(f, *first, "in the first wave", a)?;
        f.write_str(", ")?;
        side(f, *others, "in the others", b)?;
        let points = |share: f64| share * 100.0;
        let (d, low, high) = (points(interval.seen), points(interval.low), points(interval.high));
        write!(f, "; by Newcombe at {confidence} the difference is {d:+.1} points, at least ")?;
        let (a_down, b_up) = (points(a.seen - a.low), points(b.high - b.seen));
        let (a_up, b_down) = (points(a.high - a.seen), points(b.seen - b.low));
        write!(f, "{d:.1} - sqrt({a_down:.2}² + {b_up:.2}²) = {low:+.1} and at most ")?;
        write!(f, "{d:.1} + sqrt({a_up:.2}² + {b_down:.2}²) = {high:+.1}, ")?;
        let margin = f64::from(self.margin.hundredths()) / 100.0;
        match self.found.exceeds(self.margin) {
            true => write!(f, "all of it beyond the margin of {margin} points"),
            false => write!(f, "which is not beyond the margin of {margin} points"),
        }
    }
}

/// One side of the comparison.
fn side(f: &mut fmt::Formatter<'_>, (bad, of): (u64, u64), place: &str, own: Interval) -> fmt::Result {
    let [seen, low, high] = [own.seen, own.low, own.high].map(|share| share * 100.0);
    write!(f, "{bad} of {of} ended badly {place} ({seen:.1}%, by Wilson {low:.1} to {high:.1}%)")
}
