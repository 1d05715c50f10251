//! The terms on which an action is carried out: how hard it presses, when, and whether somebody has to agree.

use super::ids::Time;
use super::window::Window;

/// How hard an action presses the device (hawkBit management API: `type` of an assignment).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Force {
    /// The device is to install at once.
    #[default]
    Forced,
    /// The device may choose its own moment.
    Soft,
    /// Soft until this moment, forced from then on.
    From(Time),
    /// The device is to fetch the image and not to install it.
    DownloadOnly,
}

impl Force {
    /// Whether the device is to act at once.
    pub fn presses(self, now: Time) -> bool {
        match self {
            Force::Forced => true,
            Force::From(moment) => now >= moment,
            Force::Soft | Force::DownloadOnly => false,
        }
    }
}

/// Which action of a device comes first: the highest weight, then the lowest id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Weight(u16);

impl Weight {
    /// The weight, if `number` is in 0..=1000 (hawkBit management API: `weight`).
    pub fn new(number: u64) -> Option<Self> {
        u16::try_from(number).ok().filter(|n| *n <= 1000).map(Weight)
    }

    /// The number.
    pub fn get(self) -> u16 {
        self.0
    }
}

impl Default for Weight {
    /// What hawkBit takes where nothing is said.
    fn default() -> Self {
        Weight(1000)
    }
}

/// How long a device may be silent, in milliseconds; for ever where nothing is said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Timeouts {
    /// From the command to the first sign of the device.
    pub first_ms: Option<u64>,
    /// In each state, once the first sign was there.
    pub step_ms: Option<u64>,
    /// From the command to the end.
    pub total_ms: Option<u64>,
}

/// The terms of an action.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Terms {
    /// How hard it presses.
    pub force: Force,
    /// Which of a device's actions comes first.
    pub weight: Weight,
    /// When the device may install; any time without one.
    pub window: Option<Window>,
    /// Whether somebody at the device has to agree first.
    pub consent: bool,
    /// The operator's own name for it, shown and never read.
    pub reference: Option<Box<str>>,
    /// Whether the device may fetch the images while the window is shut.
    pub prefetch: bool,
    /// How long the device may be silent.
    pub timeouts: Timeouts,
}
