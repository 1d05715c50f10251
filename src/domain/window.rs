//! Maintenance windows: a schedule, a length and a zone (hawkBit management API: `maintenanceWindow`).

mod cron;

use self::cron::Schedule;
use super::ids::Time;
use super::tenant::seconds;

pub use self::cron::ScheduleError;
pub(super) use self::cron::civil;

/// The furthest zones are 18 hours from UTC (Java: `ZoneOffset`), in minutes.
const OFFSET_MAX: i16 = 18 * 60;

/// The zone of windows that go by the device's own clock.
const OF_DEVICE: &str = "device";

/// Recurring times in which a device may install.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// Quartz cron expression: seconds, minutes, hours, day of month, month, day of week and perhaps the year.
    pub schedule: Box<str>,
    /// How long each opening lasts, in milliseconds.
    pub duration_ms: u64,
    /// The schedule's offset from UTC, in minutes.
    pub offset_min: i16,
    /// The schedule goes by the device's own clock; the offset is for devices that do not say where they are.
    pub of_device: bool,
}

/// How a window stands at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opening {
    /// It is open.
    Open {
        /// It closes at this moment, unless it opens again before.
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

/// Why there is no such window (hawkBit: `maintenanceScheduleInvalid`).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WindowError {
    /// The schedule cannot be read.
    #[error("the schedule is no Quartz cron expression: {0}")]
    Schedule(#[from] ScheduleError),
    /// The length cannot be read, or is nothing.
    #[error("the duration {0:?} is not HH:mm:ss and more than nothing")]
    Duration(Box<str>),
    /// The zone cannot be read.
    #[error("the time zone {0:?} is no offset such as +02:00")]
    Zone(Box<str>),
    /// It does not open after this moment.
    #[error("there is no maintenance window after the current time")]
    Lapsed,
}

impl Window {
    /// Reads a window as operators write it: a Quartz cron expression, `HH:mm:ss` and `+02:00`, or `device` for the
    /// device's own zone, perhaps with an offset for devices that do not say theirs: `device+02:00`.
    ///
    /// # Errors
    /// [`WindowError`] says which of them cannot be read; a window that does not open after `now` is none.
    pub fn parse(schedule: &str, duration: &str, zone: &str, now: Time) -> Result<Window, WindowError> {
        Schedule::parse(schedule)?;
        let length = seconds(duration.trim()).filter(|seconds| *seconds > 0);
        let length = length.ok_or_else(|| WindowError::Duration(duration.into()))?;
        let own = zone.trim().strip_prefix(OF_DEVICE);
        let stated = own.unwrap_or(zone.trim());
        let utc = own == Some("");
        let offset_min = if utc { Some(0) } else { offset(stated) };
        let offset_min = offset_min.ok_or_else(|| WindowError::Zone(zone.into()))?;
        let schedule = schedule.trim().into();
        let window =
            Window { schedule, duration_ms: u64::from(length) * 1000, offset_min, of_device: own.is_some() };
        if window.at(now) == Opening::Lapsed { Err(WindowError::Lapsed) } else { Ok(window) }
    }

    /// Takes the device's zone where the schedule goes by it, and the stated one where the device says none that can be
    /// read.
    pub fn settle(&mut self, zone: Option<&str>) {
        if self.of_device {
            self.offset_min = zone.and_then(|text| offset(text.trim())).unwrap_or(self.offset_min);
            self.of_device = false;
        }
    }

    /// How the window stands at `now`. One whose schedule cannot be read never opens.
    pub fn at(&self, now: Time) -> Opening {
        let Ok(schedule) = Schedule::parse(&self.schedule) else { return Opening::Lapsed };
        let (now_ms, duration_ms) = (signed(now.0), signed(self.duration_ms));
        let offset_s = i64::from(self.offset_min) * 60;
        // The first opening that has not closed: it may have begun before.
        let earliest = now_ms.saturating_sub(duration_ms).div_euclid(1000) + 1;
        let Some(begin) = schedule.next(earliest + offset_s) else { return Opening::Lapsed };
        let begin = Time(u64::try_from((begin - offset_s) * 1000).unwrap_or(0));
        match begin <= now {
            true => Opening::Open { until: begin.plus_ms(self.duration_ms) },
            false => Opening::Shut { opens: begin },
        }
    }

    /// Whether the device may install at `now`.
    pub fn is_open(&self, now: Time) -> bool {
        matches!(self.at(now), Opening::Open { .. })
    }

    /// The length as it is read: `HH:mm:ss`.
    pub fn duration(&self) -> String {
        let seconds = self.duration_ms / 1000;
        format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
    }

    /// The zone as it is read: `+02:00`, or `device+02:00`.
    pub fn zone(&self) -> String {
        let sign = if self.offset_min < 0 { '-' } else { '+' };
        let minutes = self.offset_min.unsigned_abs();
        let own = if self.of_device { OF_DEVICE } else { "" };
        format!("{own}{sign}{:02}:{:02}", minutes / 60, minutes % 60)
    }
}

fn signed(ms: u64) -> i64 {
    i64::try_from(ms).unwrap_or(i64::MAX)
}

/// The minutes of `+02:00`, `+0200`, `+02` or `Z`.
fn offset(text: &str) -> Option<i16> {
    let sign = match text.as_bytes() {
        [b'Z' | b'z'] => return Some(0),
        [b'+', ..] => 1,
        [b'-', ..] => -1,
        _ => return None,
    };
    let (hours, minutes) = match text.get(1..)?.split_once(':') {
        Some(parts) => parts,
        None if text.len() == 5 => (text.get(1..3)?, text.get(3..)?),
        None => (text.get(1..)?, "00"),
    };
    let number = |text: &str, most: i16| {
        let digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<i16>().ok().filter(|number| digits && *number <= most)
    };
    let minutes = number(hours, 18)? * 60 + number(minutes, 59)?;
    (minutes <= OFFSET_MAX).then_some(sign * minutes)
}
