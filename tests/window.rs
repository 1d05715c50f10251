//! Maintenance windows: what they open, and what is none. Dates are jiff's, against which the arithmetic is held.

#![allow(clippy::unwrap_used)]

use jiff::Timestamp;
use jiff::civil::{DateTime, Weekday, date};
use proptest::prelude::*;
use updraft::domain::ids::Time;
use updraft::domain::window::{Opening, Window};

fn at(text: &str) -> Time {
    Time(u64::try_from(text.parse::<Timestamp>().unwrap().as_millisecond()).unwrap())
}

fn show(time: Time) -> String {
    Timestamp::from_millisecond(i64::try_from(time.0).unwrap()).unwrap().to_string()
}

/// The first `count` openings after `from`, each asked for at the end of the one before.
fn openings(window: &Window, from: &str, count: usize) -> Vec<String> {
    let mut now = at(from);
    let mut found = Vec::new();
    while found.len() < count {
        match window.at(now) {
            Opening::Shut { opens } => {
                found.push(show(opens));
                now = opens;
            }
            Opening::Open { until } => now = until,
            Opening::Lapsed => {
                found.push("lapsed".into());
                break;
            }
        }
    }
    found
}

#[track_caller]
fn check(schedule: &str, zone: &str, expected: &[&str]) {
    let from = "2026-08-31T12:00:00Z";
    let window = Window::parse(schedule, "00:00:30", zone, at(from)).unwrap();
    assert_eq!(openings(&window, from, expected.len()), expected, "{schedule} {zone}");
}

#[test]
fn a_schedule_opens_when_quartz_says() {
    check("0 0 3 * * ?", "+00:00", &["2026-09-01T03:00:00Z", "2026-09-02T03:00:00Z"]);
    check("0 0 3 ? * *", "+02:00", &["2026-09-01T01:00:00Z", "2026-09-02T01:00:00Z"]);
    check("0 0 3 * * ?", "-05:30", &["2026-09-01T08:30:00Z"]);
    check("0 0/20 13 * * ?", "Z", &["2026-08-31T13:00:00Z", "2026-08-31T13:20:00Z", "2026-08-31T13:40:00Z"]);
    check(
        "30 5,10-11 23 * * ?",
        "Z",
        &["2026-08-31T23:05:30Z", "2026-08-31T23:10:30Z", "2026-08-31T23:11:30Z"],
    );
    check(
        "0 0 22-1 ? * MON-FRI",
        "Z",
        &["2026-08-31T22:00:00Z", "2026-08-31T23:00:00Z", "2026-09-01T00:00:00Z"],
    );
    check(
        "0 0 0 ? * fri-mon",
        "Z",
        &["2026-09-04T00:00:00Z", "2026-09-05T00:00:00Z", "2026-09-06T00:00:00Z"],
    );
    check("0 0 0 ? * 1", "Z", &["2026-09-06T00:00:00Z"]);
    check("0 0 0 ? * L", "Z", &["2026-09-05T00:00:00Z"]);
    check("0 0 0 ? * 6L", "Z", &["2026-09-25T00:00:00Z", "2026-10-30T00:00:00Z"]);
    check("0 0 0 ? * TUE#5", "Z", &["2026-09-29T00:00:00Z", "2026-12-29T00:00:00Z"]);
    check("0 0 0 L * ?", "Z", &["2026-09-30T00:00:00Z", "2026-10-31T00:00:00Z"]);
    check("0 0 0 L-3 * ?", "Z", &["2026-09-27T00:00:00Z"]);
    check("0 0 0 LW FEB ?", "Z", &["2027-02-26T00:00:00Z", "2028-02-29T00:00:00Z"]);
    check("0 0 0 15W * ?", "Z", &["2026-09-15T00:00:00Z", "2026-10-15T00:00:00Z", "2026-11-16T00:00:00Z"]);
    check("0 0 0 1W 5 ?", "Z", &["2027-05-03T00:00:00Z", "2028-05-01T00:00:00Z"]);
    check("0 0 0 31 * ?", "Z", &["2026-10-31T00:00:00Z", "2026-12-31T00:00:00Z"]);
    check("0 0 0 29 2 ?", "Z", &["2028-02-29T00:00:00Z", "2032-02-29T00:00:00Z"]);
    check(
        "0 0 0 1/10 JAN-MAR/2 ?",
        "Z",
        &[
            "2027-01-01T00:00:00Z",
            "2027-01-11T00:00:00Z",
            "2027-01-21T00:00:00Z",
            "2027-01-31T00:00:00Z",
            "2027-03-01T00:00:00Z",
        ],
    );
    check(
        "0 0 0 1 1 ? 2027,2030/60",
        "Z",
        &["2027-01-01T00:00:00Z", "2030-01-01T00:00:00Z", "2090-01-01T00:00:00Z", "lapsed"],
    );
    check("59 59 23 31 12 ? 2099", "-18:00", &["2100-01-01T17:59:59Z", "lapsed"]);
}

#[test]
fn a_window_is_open_from_its_first_moment_to_its_last() {
    let window = Window::parse("0 0 3 1 9 ? 2026", "01:30:00", "+02:00", at("2026-08-31T00:00:00Z")).unwrap();
    let (opens, until) = (at("2026-09-01T01:00:00Z"), at("2026-09-01T02:30:00Z"));
    let table = [
        ("2026-01-01T00:00:00Z", Opening::Shut { opens }),
        ("2026-09-01T00:59:59.999Z", Opening::Shut { opens }),
        ("2026-09-01T01:00:00Z", Opening::Open { until }),
        ("2026-09-01T01:00:00.001Z", Opening::Open { until }),
        ("2026-09-01T02:29:59.999Z", Opening::Open { until }),
        ("2026-09-01T02:30:00Z", Opening::Lapsed),
        ("1970-01-01T00:00:00Z", Opening::Shut { opens }),
    ];
    for (now, expected) in table {
        assert_eq!(window.at(at(now)), expected, "{now}");
        assert_eq!(window.is_open(at(now)), matches!(expected, Opening::Open { .. }), "{now}");
    }
    assert_eq!((window.duration(), window.zone()), ("01:30:00".into(), "+02:00".into()));
}

#[test]
fn what_is_no_window_is_refused_with_the_reason() {
    let table = [
        ("0 0 3 * *", "01:00:00", "+00:00", "it has 5 fields"),
        ("", "01:00:00", "+00:00", "it has 0 fields"),
        ("0 0 3 * * ? 2030 1", "01:00:00", "+00:00", "it has 8 fields"),
        ("60 0 3 * * ?", "01:00:00", "+00:00", "\"60\" is no second"),
        ("0 -1 3 * * ?", "01:00:00", "+00:00", "\"-1\" is no minute"),
        ("0 0 24 * * ?", "01:00:00", "+00:00", "\"24\" is no hour"),
        ("0 0/0 3 * * ?", "01:00:00", "+00:00", "\"0/0\" is no minute"),
        ("0 0 3 0 * ?", "01:00:00", "+00:00", "\"0\" is no day of the month"),
        ("0 0 3 L-31 * ?", "01:00:00", "+00:00", "\"L-31\" is no day of the month"),
        ("0 0 3 1,,2 * ?", "01:00:00", "+00:00", "\"1,,2\" is no day of the month"),
        ("0 0 3 ? * 8", "01:00:00", "+00:00", "\"8\" is no day of the week"),
        ("0 0 3 ? * 2#6", "01:00:00", "+00:00", "\"2#6\" is no day of the week"),
        ("0 0 3 ? SPRING *", "01:00:00", "+00:00", "\"SPRING\" is no month"),
        ("0 0 3 ? * * 1969", "01:00:00", "+00:00", "\"1969\" is no year"),
        ("0 0 3 ? * * 2031-2030", "01:00:00", "+00:00", "\"2031-2030\" is no year"),
        ("0 0 3 ? * * 2+30", "01:00:00", "+00:00", "\"2+30\" is no year"),
        ("0 0 3 ? * ?", "01:00:00", "+00:00", "must be ?"),
        ("0 0 3 1 * MON", "01:00:00", "+00:00", "must be ?"),
        ("0 0 3 * * *", "01:00:00", "+00:00", "must be ?"),
        ("0 0 3 * * ?", "24:00:00", "+00:00", "duration"),
        ("0 0 3 * * ?", "00:00:00", "+00:00", "duration"),
        ("0 0 3 * * ?", "PT1H", "+00:00", "duration"),
        ("0 0 3 * * ?", "01:00:00", "Europe/Berlin", "time zone"),
        ("0 0 3 * * ?", "01:00:00", "+18:01", "time zone"),
        ("0 0 3 * * ?", "01:00:00", "02:00", "time zone"),
        ("0 0 3 * * ?", "01:00:00", "device 02:00", "time zone"),
        ("0 0 3 * * ?", "01:00:00", "+2:00", "time zone"),
        ("0 0 3 30 2 ?", "01:00:00", "+00:00", "no maintenance window after"),
        ("0 0 3 * * ? 2025", "01:00:00", "+00:00", "no maintenance window after"),
        ("0 0 3 * * ? 1990", "01:00:00", "+00:00", "no maintenance window after"),
    ];
    for (schedule, duration, zone, expected) in table {
        let error = Window::parse(schedule, duration, zone, at("2026-08-31T12:00:00Z")).unwrap_err();
        assert!(error.to_string().contains(expected), "{schedule:?} {duration} {zone}: {error}");
    }
}

/// One field, as it is written and as it is understood.
fn field(min: i16, max: i16) -> impl Strategy<Value = (String, Vec<i16>)> {
    let all = (min..=max).collect::<Vec<_>>();
    let number = min..=max;
    prop_oneof![
        Just(("*".to_owned(), all)),
        number.clone().prop_map(|n| (n.to_string(), vec![n])),
        (number.clone(), number.clone()).prop_map(|(a, b)| {
            let (a, b) = (a.min(b), a.max(b));
            (format!("{a}-{b}"), (a..=b).collect())
        }),
        (number.clone(), 1..=max).prop_map(move |(a, step)| {
            (format!("{a}/{step}"), (a..=max).step_by(usize::try_from(step).unwrap()).collect())
        }),
        (number.clone(), number).prop_map(|(a, b)| (format!("{a},{b}"), vec![a, b])),
    ]
}

/// Days as they are written and as they are understood.
#[derive(Debug, Clone)]
enum Rule {
    Days(Vec<i16>),
    Weekdays(Vec<i16>),
    FromEnd(i8),
    Nth(i8, i8),
}

impl Rule {
    fn fits(&self, day: DateTime) -> bool {
        let weekday = |which: i8| Weekday::from_sunday_one_offset(which).unwrap();
        let nth = |n: i8, which: i8| day.date().nth_weekday_of_month(n, weekday(which));
        match self {
            Rule::Days(days) => days.contains(&i16::from(day.day())),
            Rule::Weekdays(days) => days.contains(&i16::from(day.weekday().to_sunday_one_offset())),
            Rule::FromEnd(n) => day.date().last_of_month().day() - day.day() == *n,
            Rule::Nth(n, which) => nth(*n, *which).is_ok_and(|found| found == day.date()),
        }
    }
}

fn day() -> impl Strategy<Value = (String, Rule)> {
    prop_oneof![
        field(1, 31).prop_map(|(text, days)| (format!("{text} * ?"), Rule::Days(days))),
        field(1, 7).prop_map(|(text, days)| (format!("? * {text}"), Rule::Weekdays(days))),
        (0..=5_i8).prop_map(|n| (format!("L-{n} * ?"), Rule::FromEnd(n))),
        (1..=7_i8, 1..=5_i8).prop_map(|(which, n)| (format!("? * {which}#{n}"), Rule::Nth(n, which))),
        (1..=7_i8).prop_map(|which| (format!("? * {which}L"), Rule::Nth(-1, which))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn the_next_opening_is_the_first_minute_that_a_naive_reading_finds(
        (minute, minutes) in field(0, 59),
        (hour, hours) in field(0, 23),
        (day, rule) in day(),
        start in 0..1000_i32,
    ) {
        let start = date(2024, 1, 15).at(13, 37, 0, 0).checked_add(jiff::Span::new().days(start)).unwrap();
        let utc = |moment: DateTime| Time(u64::try_from(moment.to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp().as_millisecond()).unwrap());
        let window = Window { schedule: format!("0 {minute} {hour} {day}").into(), duration_ms: 1000, offset_min: 0, of_device: false };
        let mut moment = start;
        let fits = |m: DateTime| minutes.contains(&i16::from(m.minute())) && hours.contains(&i16::from(m.hour())) && rule.fits(m);
        // A fifth Saturday may be months away.
        for _ in 0..200 * 1440 {
            if fits(moment) {
                break;
            }
            let step = if rule.fits(moment) { jiff::Span::new().minutes(1) } else { jiff::Span::new().days(1) };
            moment = match rule.fits(moment) {
                true => moment.checked_add(step).unwrap(),
                false => moment.date().to_datetime(jiff::civil::Time::midnight()).checked_add(step).unwrap(),
            };
        }
        let expected = if moment == start {
            Opening::Open { until: utc(start).plus_ms(1000) }
        } else {
            Opening::Shut { opens: utc(moment) }
        };
        prop_assert_eq!(window.at(utc(start)), expected, "0 {} {} {} from {}", minute, hour, day, start);
    }
}

#[test]
fn a_window_may_go_by_the_clock_of_the_device() {
    let table = [
        ("+02:00", Some("-05:00"), "+02:00", "+02:00"),
        ("device", None, "device+00:00", "+00:00"),
        ("device", Some(" -05:00 "), "device+00:00", "-05:00"),
        ("device+02:00", Some("Z"), "device+02:00", "+00:00"),
        ("device+02:00", Some("Europe/Berlin"), "device+02:00", "+02:00"),
        ("device-02:30", None, "device-02:30", "-02:30"),
    ];
    for (stated, own, shown, settled) in table {
        let mut window =
            Window::parse("0 0 3 * * ?", "01:00:00", stated, at("2026-08-31T12:00:00Z")).unwrap();
        assert_eq!(window.zone(), shown);
        assert_eq!(
            Window::parse("0 0 3 * * ?", "01:00:00", shown, at("2026-08-31T12:00:00Z")),
            Ok(window.clone())
        );
        window.settle(own);
        assert_eq!(window.zone(), settled, "{stated} on a device at {own:?}");
    }
}
