//! Parts of a fleet, and how far two parts are apart.

use updraft::domain::ids::DeviceId;
use updraft::domain::rollout::{Difference, Interval, Share, bucket, places};

use super::plain::share;

/// Made by another program. These values never change: devices would change sides in every rollout that runs.
#[test]
fn a_device_is_in_the_same_bucket_for_ever() {
    let table: &[(&str, u64, u16, u64)] = &[
        ("a", 0, 1490, 0xd38d3c8a628cc82),
        ("a", 1, 354, 0x64966df3071c52da),
        ("a", 42, 4616, 0xfe21a1ccbcc7f27f),
        ("a", u64::MAX, 1388, 0x77f5e5a72d77836c),
        ("lamp-1", 0, 2083, 0x961acc02e2adb083),
        ("lamp-1", 1, 5067, 0xc9d79bdc4f73e1bd),
        ("lamp-1", 42, 9403, 0x65c7dd161b18214a),
        ("lamp-1", u64::MAX, 122, 0xd646a8a36acd501a),
        ("lamp-2", 0, 2937, 0x419929a7cbdd2ba9),
        ("lamp-2", 1, 1983, 0xd35c2b1e7a3bb5e0),
        ("lamp-2", 42, 6326, 0xdb36602a1e66a87),
        ("lamp-2", u64::MAX, 2747, 0xf03c43a1838f8d3b),
        ("3c:71:bf:00:00:01", 0, 4470, 0x493b1fd320a61796),
        ("3c:71:bf:00:00:01", 1, 7406, 0x78721d5268f790f8),
        ("3c:71:bf:00:00:01", 42, 2457, 0x5805966390be0c2f),
        ("3c:71:bf:00:00:01", u64::MAX, 2989, 0x9d074c75b888b85d),
        (&"x".repeat(64), 0, 4279, 0xd63e124b47196b07),
        (&"x".repeat(64), 1, 5322, 0x4679166b84851540),
        (&"x".repeat(64), 42, 5331, 0xa8548bdae2de5c6b),
        (&"x".repeat(64), u64::MAX, 8898, 0x3ea80eb83e4d54a2),
    ];
    for (device, seed, bucketed, placed) in table {
        let id = DeviceId::parse(device).unwrap();
        assert_eq!((bucket(&id, *seed), places(&id, *seed)), (*bucketed, *placed), "{device} {seed}");
    }
}

/// The counts of 100 bins of 1,000 expected devices each have a deviation of 31.5: six of them are 189.
#[test]
fn buckets_are_even_and_another_seed_takes_other_devices() {
    for seed in [0, 1, 7, 0xdead_beef] {
        let mut bins = [0_u32; 100];
        let mut both = 0;
        for number in 0..100_000 {
            let id = DeviceId::parse(&format!("device-{number}")).unwrap();
            bins[usize::from(bucket(&id, seed)) / 100] += 1;
            both += u32::from(bucket(&id, seed) < 1000 && bucket(&id, seed + 1) < 1000);
        }
        let uneven: Vec<_> = bins.iter().filter(|count| count.abs_diff(1000) > 189).collect();
        assert_eq!(uneven, Vec::<&u32>::new(), "seed {seed}");
        assert!((820..1180).contains(&both), "{both} devices are in both parts of a tenth");
    }
}

#[test]
fn a_share_says_when_it_is_reached_and_when_exceeded() {
    // The share, the part, the whole, whether it is reached, whether it is exceeded.
    let table: &[(&str, u64, u64, bool, bool)] = &[
        ("50%", 1, 2, true, false),
        ("50%", 49, 100, false, false),
        ("50%", 51, 100, true, true),
        ("33.33%", 1, 3, true, true),
        ("33.34%", 1, 3, false, false),
        ("0%", 0, 0, true, false),
        ("100%", 0, 0, true, false),
        ("0%", 0, 5, true, false),
        ("0%", 1, u64::MAX, true, true),
        ("100%", u64::MAX, u64::MAX, true, false),
        ("99.99%", u64::MAX, u64::MAX, true, true),
    ];
    for (text, part, whole, reached, exceeded) in table {
        let share = share(text);
        let found = (share.reached_by(*part, *whole), share.exceeded_by(*part, *whole));
        assert_eq!(found, (*reached, *exceeded), "{text} by {part} of {whole}");
    }
}

#[test]
fn a_share_of_a_fleet_is_rounded_up() {
    let table =
        [("0%", 10, 0), ("0.01%", 10, 1), ("10%", 10, 1), ("10%", 11, 2), ("100%", 7, 7), ("50%", 0, 0)];
    for (text, whole, part) in table {
        assert_eq!(share(text).of(whole), part, "{text} of {whole}");
    }
}

#[test]
fn a_share_is_written_without_needless_digits() {
    for text in ["0%", "0.01%", "0.1%", "12.5%", "33.33%", "100%"] {
        assert_eq!(share(text).to_string(), text);
    }
    let outside = [Share::new(10_001), Share::percent(101), Share::percent(u64::MAX)];
    assert_eq!(outside, [None, None, None]);
    assert_eq!(Share::percent(100), Some(Share::ALL));
}

/// Four digits, as the papers print them.
fn rounded(interval: Interval) -> (String, String) {
    (format!("{:.4}", interval.low), format!("{:.4}", interval.high))
}

/// R. G. Newcombe, Statistics in Medicine 17 (1998), 857-872, table I, method 3.
#[test]
fn wilsons_score_is_as_published() {
    let table = [
        (81, 263, "0.2553", "0.3662"),
        (15, 148, "0.0624", "0.1605"),
        (0, 20, "0.0000", "0.1611"),
        (1, 29, "0.0061", "0.1718"),
    ];
    for (bad, all, low, high) in table {
        let found = rounded(Interval::wilson(bad, all, share("95%")));
        assert_eq!(found, (low.to_owned(), high.to_owned()), "{bad} of {all}");
    }
    let nothing = Interval::wilson(0, 0, share("95%"));
    assert_eq!(nothing, Interval { seen: 0.0, low: 0.0, high: 1.0 });
}

/// R. G. Newcombe, Statistics in Medicine 17 (1998), 873-890, table II, method 10.
#[test]
fn newcombes_difference_is_as_published() {
    let table = [
        ((56, 70), (48, 80), "0.0524", "0.3339"),
        ((9, 10), (3, 10), "0.1705", "0.8090"),
        ((10, 10), (0, 20), "0.6791", "1.0000"),
        ((10, 10), (0, 10), "0.6075", "1.0000"),
    ];
    for (first, others, low, high) in table {
        let found = rounded(Difference::of(first, others, share("95%")).interval);
        assert_eq!(found, (low.to_owned(), high.to_owned()), "{first:?} less {others:?}");
    }
}

#[test]
fn a_difference_counts_only_beyond_doubt_and_to_either_side() {
    let table = [
        ((56, 70), (48, 80), "95%", "5%", true),
        ((56, 70), (48, 80), "95%", "6%", false),
        ((56, 70), (48, 80), "99%", "5%", false),
        ((48, 80), (56, 70), "95%", "5%", true),
        ((0, 20), (0, 20), "90%", "0%", false),
        ((0, 0), (20, 20), "90%", "0%", false),
    ];
    for (first, others, confidence, margin, exceeds) in table {
        let difference = Difference::of(first, others, share(confidence));
        assert_eq!(difference.exceeds(share(margin)), exceeds, "{difference}, margin {margin}");
    }
}
