//! The plan against a table, and against a naive reading of RFC 9110 that marks bytes one by one.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use proptest::prelude::*;

use super::{GAP_MAX, Plan, Span, plan};

const ETAG: &str = "\"abc\"";

fn headers(lines: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(HeaderName::try_from(*name).unwrap(), HeaderValue::try_from(*value).unwrap());
    }
    headers
}

fn check(lines: &[(&str, &str)], size: u64, expected: Plan) {
    assert_eq!(plan(&headers(lines), size, ETAG), expected, "{lines:?} of {size} bytes");
}

fn part(first: u64, last: u64) -> Plan {
    Plan::Part(Span { first, last })
}

fn parts(spans: &[(u64, u64)]) -> Plan {
    Plan::Parts(spans.iter().map(|(first, last)| Span { first: *first, last: *last }).collect())
}

#[test]
fn ranges_are_read_as_rfc_9110_says() {
    let table: &[(&str, u64, Plan)] = &[
        ("bytes=0-0", 1000, part(0, 0)),
        ("bytes=0-999", 1000, part(0, 999)),
        ("bytes=0-", 1000, part(0, 999)),
        ("bytes=500-", 1000, part(500, 999)),
        ("bytes=990-5000", 1000, part(990, 999)),
        ("bytes=-1", 1000, part(999, 999)),
        ("bytes=-1000", 1000, part(0, 999)),
        ("bytes=-5000", 1000, part(0, 999)),
        ("bytes=-0", 1000, Plan::NotSatisfiable),
        ("bytes=1000-", 1000, Plan::NotSatisfiable),
        ("bytes=0-", 0, Plan::NotSatisfiable),
        ("bytes=-1", 0, Plan::NotSatisfiable),
        ("bytes=0-1, 2000-", 1000, part(0, 1)),
        ("bytes=0-99,50-149", 1000, part(0, 149)),
        ("bytes=500-599,0-550", 1000, part(0, 599)),
        ("bytes=0-9,800-809", 1000, parts(&[(0, 9), (800, 809)])),
        ("bytes=800-809,0-9", 1000, parts(&[(800, 809), (0, 9)])),
        ("bytes=0-9,20-29", 1000, part(0, 29)),
        ("bytes=0-0,200-200,100-100", 1000, part(0, 200)),
        ("bytes=0-0,1-1,2-2,3-3,4-4,5-5,6-6,7-7", 1000, part(0, 7)),
        ("bytes=0-0,1-1,2-2,3-3,4-4,5-5,6-6,7-7,8-8", 1000, Plan::NotSatisfiable),
        ("bytes=5-1", 1000, Plan::Whole),
        ("bytes=", 1000, Plan::Whole),
        ("bytes=a-b", 1000, Plan::Whole),
        ("lines=0-5", 1000, Plan::Whole),
        ("bytes=0-18446744073709551615", 1000, part(0, 999)),
        ("bytes=18446744073709551615-", 1000, Plan::NotSatisfiable),
        ("bytes=0-99999999999999999999999", 1000, Plan::Whole),
    ];
    for (range, size, expected) in table {
        check(&[("range", range)], *size, expected.clone());
    }
}

#[test]
fn conditions_come_before_ranges() {
    let table: &[(&[(&str, &str)], Plan)] = &[
        (&[], Plan::Whole),
        (&[("range", "bytes=0-1"), ("range", "bytes=4-5")], Plan::Whole),
        (&[("if-none-match", ETAG)], Plan::NotModified),
        (&[("if-none-match", "W/\"abc\"")], Plan::NotModified),
        (&[("if-none-match", "\"x\", \"abc\"")], Plan::NotModified),
        (&[("if-none-match", "*"), ("range", "bytes=0-1")], Plan::NotModified),
        (&[("if-none-match", "\"x\"")], Plan::Whole),
        (&[("if-match", ETAG)], Plan::Whole),
        (&[("if-match", "*")], Plan::Whole),
        (&[("if-match", "W/\"abc\"")], Plan::PreconditionFailed),
        (&[("if-match", "\"x\""), ("if-none-match", ETAG)], Plan::PreconditionFailed),
        (&[("if-range", ETAG), ("range", "bytes=0-1")], part(0, 1)),
        (&[("if-range", "\"x\""), ("range", "bytes=0-1")], Plan::Whole),
        (&[("if-range", "W/\"abc\""), ("range", "bytes=0-1")], Plan::Whole),
        (&[("if-range", "Sat, 29 Oct 1994 19:43:31 GMT"), ("range", "bytes=0-1")], Plan::Whole),
        (&[("if-range", "\"x\""), ("range", "bytes=5000-")], Plan::Whole),
    ];
    for (lines, expected) in table {
        check(lines, 1000, expected.clone());
    }
}

/// Every byte that the ranges name, one by one.
fn naive(ranges: &[(Option<u64>, Option<u64>)], size: u64) -> BTreeSet<u64> {
    let named = |byte: u64| {
        ranges.iter().any(|range| match *range {
            (Some(first), Some(last)) => first <= byte && byte <= last,
            (Some(first), None) => first <= byte,
            (None, Some(count)) => byte + count >= size,
            (None, None) => false,
        })
    };
    (0..size).filter(|byte| named(*byte)).collect()
}

fn a_range() -> impl Strategy<Value = (Option<u64>, Option<u64>)> {
    let number = 0u64..1400;
    prop_oneof![
        (number.clone(), number.clone()).prop_map(|(a, b)| (Some(a.min(b)), Some(a.max(b)))),
        number.clone().prop_map(|first| (Some(first), None)),
        (1u64..1400).prop_map(|count| (None, Some(count))),
    ]
}

proptest! {
    #[test]
    fn a_plan_covers_the_named_bytes_and_little_else(
        ranges in proptest::collection::vec(a_range(), 1..=8),
        size in 0u64..1200,
    ) {
        let show = |n: Option<u64>| n.map(|n| n.to_string()).unwrap_or_default();
        let list: Vec<_> = ranges.iter().map(|(a, b)| format!("{}-{}", show(*a), show(*b))).collect();
        let spans = match plan(&headers(&[("range", &format!("bytes={}", list.join(",")))]), size, ETAG) {
            Plan::Part(span) => vec![span],
            Plan::Parts(spans) => spans,
            Plan::NotSatisfiable => vec![],
            other => panic!("{other:?} for {list:?}"),
        };
        let wanted = naive(&ranges, size);
        let mut sent = BTreeSet::new();
        for span in &spans {
            for byte in span.first..=span.last {
                prop_assert!(byte < size && sent.insert(byte), "byte {} twice or outside", byte);
            }
        }
        prop_assert!(wanted.is_subset(&sent));
        for extra in sent.difference(&wanted) {
            let near = wanted.iter().any(|byte| byte.abs_diff(*extra) <= GAP_MAX);
            prop_assert!(near, "byte {} was not asked for", extra);
        }
    }
}
