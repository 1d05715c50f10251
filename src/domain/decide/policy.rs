//! What the operator has set for every decision.

use crate::domain::eligibility::AttemptLimit;

/// What the operator has set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// How often an image may fail on a device before it is no longer offered there.
    pub attempts: AttemptLimit,
    /// How long a cancel waits for the device, in milliseconds.
    pub cancel_timeout_ms: u64,
    /// How often in a row a device may fail to come up with updates before it is left alone.
    pub penalty_after: u32,
    /// For how long at first, in milliseconds; twice as long after each further failure.
    pub penalty_ms: u64,
}

/// The longest that a device is left alone, unless the operator has set more for the first time: a week is how long it
/// takes until somebody has come by and repaired it, and what is repaired must not wait for months.
const PENALTY_MAX_MS: u64 = 7 * 24 * 60 * 60 * 1000;

impl Policy {
    /// For how long a device is left alone that failed to come up so many times in a row.
    pub(super) fn penalty_ms_after(&self, count: u32) -> Option<u64> {
        let doubled = count.checked_sub(self.penalty_after)?;
        let ms = self.penalty_ms.saturating_mul(1u64.checked_shl(doubled).unwrap_or(u64::MAX));
        Some(ms.min(PENALTY_MAX_MS.max(self.penalty_ms)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_left_alone_for_longer_each_time_and_never_for_more_than_a_week() {
        const HOUR: u64 = 3_600_000;
        let table: &[(u64, u32, Option<u64>)] = &[
            (HOUR, 0, None),
            (HOUR, 2, None),
            (HOUR, 3, Some(HOUR)),
            (HOUR, 4, Some(2 * HOUR)),
            (HOUR, 10, Some(128 * HOUR)),
            (HOUR, 11, Some(168 * HOUR)),
            (HOUR, u32::MAX, Some(168 * HOUR)),
            (1000 * HOUR, 3, Some(1000 * HOUR)),
            (1000 * HOUR, 4, Some(1000 * HOUR)),
        ];
        for (penalty_ms, count, expected) in table {
            let attempts = AttemptLimit(3);
            let policy = Policy { attempts, cancel_timeout_ms: 0, penalty_after: 3, penalty_ms: *penalty_ms };
            assert_eq!(policy.penalty_ms_after(*count), *expected, "{count} times {penalty_ms} ms");
        }
    }
}
