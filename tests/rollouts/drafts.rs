//! What may not be made, with the field and the reason.

use updraft::domain::ids::Time;
use updraft::domain::rollout::{
    BadEnd, Canary, Counted, End, Ending, InFlight, NewRollout, Pace, Remedy, Retries, Share, Size, StopRule,
    Who, check,
};
use updraft::domain::window::Window;

use super::plain::{draft, share, wave};

const DAY_MS: u64 = 86_400_000;

/// What is wrong with a draft that was right before `spoil`.
fn fault(spoil: impl Fn(&mut NewRollout)) -> String {
    let mut draft = draft();
    draft.waves = vec![wave(1), wave(1)];
    let now = Time(20_000 * DAY_MS);
    assert_eq!(check(&draft, now), Ok(()));
    spoil(&mut draft);
    match check(&draft, now) {
        Ok(()) => "nothing".to_owned(),
        Err(fault) => format!("{} {}", fault.field, fault.reason),
    }
}

fn exponential(base: u32, factor_hundredths: u32, every: u64, at_most: u32) -> Pace {
    Pace::Exponential { base, factor_hundredths, every, counted: Counted::Notified, at_most }
}

fn rule(percent: &str, sample: u64) -> StopRule {
    StopRule { on: BadEnd::Any, share: share(percent), sample, then: Remedy::Pause }
}

fn canary(margin: &str, confidence: &str, sample: u64) -> Option<Canary> {
    let (margin, confidence) = (share(margin), share(confidence));
    Some(Canary { margin, confidence, sample, then: Remedy::Pause })
}

/// An hour of each day that the schedule names, in UTC.
fn window(schedule: &str) -> Option<Window> {
    Some(Window { schedule: schedule.into(), duration_ms: 3_600_000, offset_min: 0, of_device: false })
}

fn end(days: u64) -> Option<End> {
    Some(End { at: Time(days * DAY_MS), then: Ending::Stop })
}

#[test]
fn names_filters_and_waves_that_do_not_fit_are_refused() {
    type Spoil = fn(&mut NewRollout);
    let table: &[(&str, Spoil)] = &[
        ("name is empty", |draft| draft.name = "".into()),
        ("name is empty", |draft| draft.name = " \t".into()),
        ("name has 129 characters, 128 are allowed", |draft| draft.name = "ä".repeat(129).into()),
        ("nothing", |draft| draft.name = "ä".repeat(128).into()),
        ("description has 513 characters, 512 are allowed", |draft| {
            draft.description = Some("a".repeat(513).into());
        }),
        ("percent is nothing: no device would be selected", |draft| draft.selection.share = Share::NONE),
        ("continuous a list of devices does not grow", |draft| {
            draft.selection.who = Who::Listed;
            draft.selection.continuous = true;
        }),
        ("waves there are 1 to 500 of them", |draft| draft.waves.clear()),
        ("waves there are 1 to 500 of them", |draft| draft.waves = vec![wave(1); 501]),
        ("nothing", |draft| draft.waves = vec![wave(1); 500]),
        ("waves[1].name has 129 characters, 128 are allowed", |draft| {
            draft.waves[1].name = Some("a".repeat(129).into());
        }),
        ("waves[0].description has 513 characters, 512 are allowed", |draft| {
            draft.waves[0].description = Some("a".repeat(513).into());
        }),
        ("waves[1].devices a wave has at least one device", |draft| draft.waves[1].size = Size::Count(0)),
        ("waves[0].percent is nothing: the wave would have no device", |draft| {
            draft.waves[0].size = Size::Part(Share::NONE);
        }),
        ("waves[0].percent is nothing: the wave would have no device", |draft| {
            draft.waves[0].size = Size::PartOfRest(Share::NONE);
        }),
        ("waves[1].percent the waves come to more than 100%", |draft| {
            draft.waves[0].size = Size::Part(share("60%"));
            draft.waves[1].size = Size::Part(share("40.01%"));
        }),
        ("nothing", |draft| {
            draft.waves[0].size = Size::Part(share("60%"));
            draft.waves[1].size = Size::Part(share("40%"));
        }),
        ("nothing", |draft| {
            draft.waves[0].size = Size::Part(Share::ALL);
            draft.waves[0].filter = Some("id==a*".into());
            draft.waves[1].size = Size::Part(Share::ALL);
        }),
    ];
    for (expected, spoil) in table {
        assert_eq!(fault(spoil), *expected);
    }
    for field in ["filter", "waves[1].filter"] {
        let found = fault(|draft| match field {
            "filter" => draft.selection.who = Who::Filter("id==".into()),
            _ => draft.waves[1].filter = Some("id==".into()),
        });
        assert!(found.starts_with(&format!("{field} ")), "{found}");
    }
}

#[test]
fn paces_limits_and_rules_out_of_range_are_refused() {
    type Spoil = fn(&mut NewRollout);
    let table: &[(&str, Spoil)] = &[
        ("pace.per_minute is not in 1..=10000000 devices a minute", |draft| {
            draft.pace = Pace::Constant { per_minute: 0 };
        }),
        ("pace.per_minute is not in 1..=10000000 devices a minute", |draft| {
            draft.pace = Pace::Constant { per_minute: 10_000_001 };
        }),
        ("pace.base_per_minute is not in 1..=10000000 devices a minute", |draft| {
            draft.pace = exponential(0, 150, 1, 10);
        }),
        ("pace.max_per_minute is not in 1..=10000000 devices a minute", |draft| {
            draft.pace = exponential(1, 150, 1, 0);
        }),
        ("pace.factor is not more than 1 and at most 10", |draft| draft.pace = exponential(1, 100, 1, 10)),
        ("pace.factor is not more than 1 and at most 10", |draft| draft.pace = exponential(1, 1001, 1, 10)),
        ("pace.every is at least 1", |draft| draft.pace = exponential(1, 150, 0, 10)),
        ("pace.max_per_minute is less than the base", |draft| draft.pace = exponential(11, 150, 1, 10)),
        ("nothing", |draft| draft.pace = exponential(10, 1000, 1, 10)),
        ("in_flight.limit is at least 1", |draft| {
            draft.in_flight = Some(InFlight { limit: 0, lease_ms: 1 });
        }),
        ("in_flight.lease is more than nothing", |draft| {
            draft.in_flight = Some(InFlight { limit: 1, lease_ms: 0 });
        }),
        ("retries.limit is at most 10", |draft| draft.retries = Retries { limit: 11, backoff_ms: 1 }),
        ("stop_rules there are at most 16 of them", |draft| draft.stops = vec![rule("1%", 1); 17]),
        ("stop_rules[1].percent is more than nothing", |draft| {
            draft.stops = vec![rule("1%", 1), rule("0%", 1)];
        }),
        ("stop_rules[0].min_sample is at least 1", |draft| draft.stops = vec![rule("1%", 0)]),
        ("canary there is no second wave to hold the first one against", |draft| {
            draft.waves.truncate(1);
            draft.canary = canary("1%", "95%", 1);
        }),
        ("canary.confidence is 90, 95 or 99", |draft| draft.canary = canary("1%", "95.01%", 1)),
        ("canary.min_sample is at least 1", |draft| draft.canary = canary("1%", "95%", 0)),
        ("canary.margin is all there is: nothing can be further apart", |draft| {
            draft.canary = canary("100%", "95%", 1);
        }),
        ("nothing", |draft| draft.canary = canary("0%", "99%", 1)),
    ];
    for (expected, spoil) in table {
        assert_eq!(fault(spoil), *expected);
    }
}

/// Drafts are made on 2024-10-04, day 20,000.
#[test]
fn moments_that_never_come_are_refused() {
    type Spoil = fn(&mut NewRollout);
    let table: &[(&str, Spoil)] = &[
        ("end_at is in the past", |draft| draft.end = end(20_000)),
        ("nothing", |draft| draft.end = end(20_001)),
        ("end_at is not after the start", |draft| {
            draft.start_at = Some(Time(20_001 * DAY_MS));
            draft.end = end(20_001);
        }),
        ("nothing", |draft| draft.start_at = Some(Time(0))),
        ("window never opens", |draft| draft.terms.window = window("0 0 0 1 1 ? 2024")),
        ("nothing", |draft| draft.terms.window = window("0 0 0 6 10 ? 2024")),
        // It opens before the start and never after it.
        ("window never opens", |draft| {
            draft.start_at = Some(Time(20_003 * DAY_MS));
            draft.terms.window = window("0 0 0 6 10 ? 2024");
        }),
        ("window does not open before the end", |draft| {
            draft.end = end(20_002);
            draft.terms.window = window("0 0 0 6 10 ? 2024");
        }),
        ("nothing", |draft| {
            draft.end = end(20_003);
            draft.terms.window = window("0 0 0 6 10 ? 2024");
        }),
        ("window never opens", |draft| draft.terms.window = window("no schedule")),
    ];
    for (expected, spoil) in table {
        assert_eq!(fault(spoil), *expected);
    }
}
