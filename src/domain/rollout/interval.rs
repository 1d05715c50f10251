//! How far two shares of failures are apart, beyond doubt: Wilson's score interval for one share, and Newcombe's hybrid
//! score interval for the difference of two (R. G. Newcombe, Statistics in Medicine 17, 1998, method 10).
//!
//! Both hold for small samples and for none or all failing, where the textbook's interval has no width.

use std::fmt;

use super::Share;

/// What a share of failures may really be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// What was seen.
    pub seen: f64,
    /// At least.
    pub low: f64,
    /// At most.
    pub high: f64,
}

/// The first wave held against the others.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// Failures and all of the first wave.
    pub first: (u64, u64),
    /// Failures and all of the others.
    pub others: (u64, u64),
    /// The confidence of the interval.
    pub confidence: Share,
    /// Share of the first less share of the others.
    pub interval: Interval,
}

// The numbers come from divisions and square roots of counts, never from nothing by nothing.
impl Eq for Difference {}

impl Interval {
    /// Wilson's score interval for `bad` of `all` failing. Of nothing, everything is possible.
    pub fn wilson(bad: u64, all: u64, confidence: Share) -> Interval {
        if all == 0 {
            return Interval { seen: 0.0, low: 0.0, high: 1.0 };
        }
        let (z, n) = (quantile(confidence), real(all));
        let p = real(bad.min(all)) / n;
        let z2 = z * z;
        let middle = (p + z2 / (2.0 * n)) / (1.0 + z2 / n);
        let half = z / (1.0 + z2 / n) * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt();
        Interval { seen: p, low: (middle - half).max(0.0), high: (middle + half).min(1.0) }
    }
}

impl Difference {
    /// Newcombe's interval for the share of `first` less that of `others`, each (bad, all).
    pub fn of(first: (u64, u64), others: (u64, u64), confidence: Share) -> Difference {
        let (a, b) = (
            Interval::wilson(first.0, first.1, confidence),
            Interval::wilson(others.0, others.1, confidence),
        );
        let seen = a.seen - b.seen;
        let below = ((a.seen - a.low).powi(2) + (b.high - b.seen).powi(2)).sqrt();
        let above = ((a.high - a.seen).powi(2) + (b.seen - b.low).powi(2)).sqrt();
        Difference {
            first,
            others,
            confidence,
            interval: Interval { seen, low: seen - below, high: seen + above },
        }
    }

    /// Wilson's intervals of the first wave and of the others, which the difference is made of.
    pub fn sides(&self) -> (Interval, Interval) {
        let side = |(bad, all)| Interval::wilson(bad, all, self.confidence);
        (side(self.first), side(self.others))
    }

    /// Whether the two differ by more than `margin`, beyond doubt.
    pub fn exceeds(&self, margin: Share) -> bool {
        let margin = f64::from(margin.hundredths()) / 10_000.0;
        self.interval.low > margin || self.interval.high < -margin
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Interval { seen, low, high } = self.interval;
        write!(
            f,
            "{} of {} failed in the first wave, {} of {} in the others: {:+.1} points, {} interval {:+.1} to {:+.1}",
            self.first.0,
            self.first.1,
            self.others.0,
            self.others.1,
            seen * 100.0,
            self.confidence,
            low * 100.0,
            high * 100.0,
        )
    }
}

/// The two-sided quantile of the normal distribution.
fn quantile(confidence: Share) -> f64 {
    match confidence.hundredths() {
        ..9500 => 1.644_853_626_951_472_7,
        9500..9900 => 1.959_963_984_540_054,
        _ => 2.575_829_303_548_901,
    }
}

#[allow(clippy::cast_precision_loss)] // Fleets are far below 2^53.
fn real(count: u64) -> f64 {
    count as f64
}
