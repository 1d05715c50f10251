//! What simulated devices do: stated by the operator, drawn from a seed, the same every time.

use crate::domain::ids::DeviceId;
use crate::domain::rollout::{Share, places};

/// How long something takes: any time between the two, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// At least.
    pub least_ms: u64,
    /// At most.
    pub most_ms: u64,
}

/// A model of a fleet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Model {
    /// What everything is drawn from.
    pub seed: u64,
    /// The part of the tries that fail.
    pub fails: Share,
    /// The part of the tries of which nothing more is heard after the first sign.
    pub silent: Share,
    /// The part of the devices that are away when they are reached.
    pub away: Share,
    /// From the command to the first sign.
    pub sign: Span,
    /// From the first sign to the end.
    pub install: Span,
    /// How long a device that is away stays away.
    pub back: Span,
    /// For how long the fleet is watched, in milliseconds.
    pub horizon_ms: u64,
}

/// How a try ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// The device reports the new version.
    Succeeds,
    /// The device says that it failed.
    Fails,
    /// Nothing more is heard.
    Silent,
}

/// What a device does when it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Act {
    /// After this time it gives its first sign, in milliseconds.
    pub sign_ms: u64,
    /// So long after that it ends, in milliseconds.
    pub install_ms: u64,
    /// How.
    pub fate: Fate,
}

/// Independent draws of one device.
#[derive(Clone, Copy)]
enum Draw {
    Fate = 1,
    Sign = 2,
    Install = 3,
    Away = 4,
    Back = 5,
}

impl Model {
    /// What the device does when it is told for the `attempt`-th time.
    pub fn act(&self, device: &DeviceId, attempt: u32) -> Act {
        let lot = self.draw(device, attempt, Draw::Fate) % 10_000;
        let fails = u64::from(self.fails.hundredths());
        let silent = fails + u64::from(self.silent.hundredths());
        let fate = match lot {
            lot if lot < fails => Fate::Fails,
            lot if lot < silent => Fate::Silent,
            _ => Fate::Succeeds,
        };
        let sign_ms = self.within(self.sign, device, attempt, Draw::Sign);
        Act { sign_ms, install_ms: self.within(self.install, device, attempt, Draw::Install), fate }
    }

    /// When the device comes back, if it is away at the start, in milliseconds from then.
    pub fn away_ms(&self, device: &DeviceId) -> Option<u64> {
        let away = self.draw(device, 0, Draw::Away) % 10_000 < u64::from(self.away.hundredths());
        away.then(|| self.within(self.back, device, 0, Draw::Back))
    }

    fn within(&self, span: Span, device: &DeviceId, attempt: u32, draw: Draw) -> u64 {
        let width = span.most_ms.saturating_sub(span.least_ms);
        span.least_ms + self.draw(device, attempt, draw) % width.saturating_add(1)
    }

    fn draw(&self, device: &DeviceId, attempt: u32, draw: Draw) -> u64 {
        let salt = (u64::from(attempt) << 8 | draw as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        places(device, self.seed ^ salt)
    }
}
