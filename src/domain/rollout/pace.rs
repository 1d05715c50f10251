//! How fast devices are taken on: credit that time adds to, and that each device takes from.

use super::{Counted, Credit, Pace, Tally};
use crate::domain::ids::Time;

/// What a device costs: a pace of one device a minute gains 1 in a millisecond, so that no time is ever lost.
const DEVICE: u64 = 60_000;
/// How much a pace may save up, in milliseconds: after a wait, so much is taken on at once. A tick that comes late by
/// less than this costs nothing.
const SAVED_MS: u64 = 10_000;

impl Credit {
    /// Enough for one device.
    pub(super) fn for_one(at: Time) -> Credit {
        Credit { parts: DEVICE, at }
    }

    /// With what a pace of `rate` devices a minute has added by `now`.
    pub(super) fn gained(self, rate: u64, now: Time) -> Credit {
        let most = rate.saturating_mul(SAVED_MS).max(DEVICE);
        let gained = rate.saturating_mul(now.0.saturating_sub(self.at.0));
        Credit { parts: self.parts.saturating_add(gained).min(most), at: self.at.max(now) }
    }

    /// Without what so many devices cost.
    pub(super) fn spent(self, devices: u64) -> Credit {
        Credit { parts: self.parts.saturating_sub(devices.saturating_mul(DEVICE)), at: self.at }
    }

    /// With what one device cost.
    pub(super) fn refunded(self) -> Credit {
        Credit { parts: self.parts.saturating_add(DEVICE), at: self.at }
    }

    /// For how many devices it is enough.
    pub(super) fn devices(self) -> u64 {
        self.parts / DEVICE
    }

    /// When it is enough for a device, at a pace of `rate` devices a minute.
    pub(super) fn enough_at(self, rate: u64) -> Time {
        self.at.plus_ms(DEVICE.saturating_sub(self.parts).div_ceil(rate.max(1)))
    }
}

/// How many devices a minute may be taken on; none where there is no bound.
pub(super) fn rate(pace: Pace, all: &Tally) -> Option<u64> {
    match pace {
        Pace::Unbounded => None,
        Pace::Constant { per_minute } => Some(u64::from(per_minute.max(1))),
        Pace::Exponential { base, factor_hundredths, every, counted, at_most } => {
            let count = match counted {
                Counted::Notified => all.begun(),
                Counted::Succeeded => all.succeeded,
            };
            Some(grown(base, factor_hundredths, count / every.max(1), at_most))
        }
    }
}

/// `base` times the factor, so many times over (AWS IoT Jobs: `incrementFactor`). It is rounded down at the end only.
fn grown(base: u32, factor_hundredths: u32, times: u64, at_most: u32) -> u64 {
    const FINE: u128 = 1_000_000_000_000;
    let most = u128::from(at_most.max(1));
    let mut rate = u128::from(base.max(1)) * FINE;
    for _ in 0..times {
        if rate >= most * FINE {
            break;
        }
        rate = rate * u128::from(factor_hundredths.max(101)) / 100;
    }
    u64::try_from((rate / FINE).clamp(1, most)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::grown;

    #[test]
    fn a_pace_grows_by_its_factor_and_stops_at_its_bound() {
        #[allow(clippy::type_complexity)] // A table: base, factor, bound, and the pace after so many steps.
        let table: &[(u32, u32, u32, &[(u64, u64)])] = &[
            (1, 150, 1000, &[(0, 1), (1, 1), (2, 2), (3, 3), (4, 5), (10, 57), (17, 985), (18, 1000)]),
            (50, 200, 1000, &[(0, 50), (1, 100), (4, 800), (5, 1000), (u64::MAX, 1000)]),
            // 1.01 to the power of 1000 is 20,959: rounding on the way would leave 1 for ever.
            (1, 101, 10_000_000, &[(69, 1), (70, 2), (100, 2), (1000, 20_959)]),
            (10, 1000, 10, &[(0, 10), (7, 10)]),
        ];
        for (base, factor, most, steps) in table {
            let seen: Vec<_> = steps.iter().map(|(n, _)| (*n, grown(*base, *factor, *n, *most))).collect();
            assert_eq!(seen, *steps, "{base} times {factor}%");
        }
    }
}
