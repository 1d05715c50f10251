//! Maintenance windows: a schedule, a length and a zone (hawkBit management API: `maintenanceWindow`).

use super::ids::Time;

/// Recurring times in which a device may install.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// Quartz cron expression: seconds, minutes, hours, day of month, month, day of week and perhaps the year.
    pub schedule: Box<str>,
    /// How long each opening lasts, in milliseconds.
    pub duration_ms: u64,
    /// The schedule's offset from UTC, in minutes.
    pub offset_min: i16,
}

/// How a window stands at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opening {
    /// It is open.
    Open {
        /// It closes at this moment.
        until: Time,
    },
    /// It is closed.
    Shut {
        /// It opens at this moment.
        opens: Time,
    },
    /// It never opens again.
    Lapsed,
}

impl Window {
    /// How the window stands at `now`.
    pub fn at(&self, now: Time) -> Opening {
        Opening::Open { until: now.plus_ms(self.duration_ms) }
    }

    /// Whether the device may install at `now`.
    pub fn is_open(&self, now: Time) -> bool {
        matches!(self.at(now), Opening::Open { .. })
    }
}
