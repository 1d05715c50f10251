//! The clocks of an action: when the device has been silent for too long.
//!
//! All of them count from the command, whether or not the device is connected. While somebody has yet to agree, while
//! the window is shut, while a paused rollout keeps the action from the device and while a cancel is pending no clock
//! runs: the device is not being waited for.

use super::{Action, State};
use crate::domain::ids::Time;

/// Which clock of an action ran out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// From the command to the first sign of the device.
    First,
    /// From one state to the next, once the first sign was there.
    Step,
    /// From the command to the end.
    Total,
}

/// When an action times out, if nothing moves it before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadline {
    /// The moment.
    pub at: Time,
    /// The clock that runs out then.
    pub clock: Clock,
}

impl Action {
    /// When the action times out as it stands now, and by which clock.
    pub fn deadline(&self) -> Option<Deadline> {
        if self.state.is_terminal() || self.cancelling {
            return None;
        }
        let (commanded, timeouts) = (self.commanded?, self.terms.timeouts);
        let (from, wait, clock) = match self.state {
            State::Queued | State::Offered => (commanded, timeouts.first_ms, Clock::First),
            // What a device did before its window opened is no step of carrying the command out.
            _ => (self.stepped.max(commanded), timeouts.step_ms, Clock::Step),
        };
        let near = wait.map(|ms| Deadline { at: from.plus_ms(ms), clock });
        let total = timeouts.total_ms.map(|ms| Deadline { at: commanded.plus_ms(ms), clock: Clock::Total });
        [near, total].into_iter().flatten().min_by_key(|deadline| deadline.at)
    }

    /// Notes the moment of the command: the first at which the action is not held. A window that shuts takes the command
    /// back, unless the device is installing already.
    pub fn note_command(&mut self, now: Time) {
        let installing = matches!(self.state, State::Installing | State::Rebooting | State::Verifying);
        match self.is_held(now) {
            false => self.commanded = self.commanded.or(Some(now)),
            true if installing && !self.unconfirmed => {}
            true => self.commanded = None,
        }
    }

    /// The moment at which somebody has to look at the clocks, where that is not noted yet. One that is noted for an
    /// earlier moment does: who looks then sees how long it is still.
    pub fn arm(&mut self, now: Time) -> Option<Time> {
        let at = self.deadline()?.at;
        let armed = self.due_at.is_some_and(|due| due > now && due <= at);
        self.due_at = if armed { self.due_at } else { Some(at) };
        (!armed).then_some(at)
    }

    /// What the history says when this clock has run out: how long was waited, and at which step the action was.
    pub fn overdue(&self, clock: Clock) -> String {
        let (timeouts, step) = (self.terms.timeouts, self.state.name());
        let after = |ms: Option<u64>| span(ms.unwrap_or(0));
        match clock {
            Clock::First => {
                format!("no sign within {} of the command, still {step}", after(timeouts.first_ms))
            }
            Clock::Step => format!("still {step} after {}", after(timeouts.step_ms)),
            Clock::Total => {
                format!("not done within {} of the command, still {step}", after(timeouts.total_ms))
            }
        }
    }
}

/// A length of time in the largest unit that it is whole in.
fn span(ms: u64) -> String {
    let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1000, "s")];
    // A day is 24 h to people.
    let whole = units
        .iter()
        .find(|(unit, name)| ms.is_multiple_of(*unit) && ms >= *unit && (*name != "d" || ms > *unit));
    whole.map_or_else(|| format!("{ms} ms"), |(unit, name)| format!("{} {name}", ms / unit))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_length_of_time_is_said_in_the_largest_whole_unit() {
        let table: &[(u64, &str)] = &[
            (0, "0 ms"),
            (1, "1 ms"),
            (1500, "1500 ms"),
            (1000, "1 s"),
            (90_000, "90 s"),
            (5_400_000, "90 min"),
            (3_600_000, "1 h"),
            (86_400_000, "24 h"),
            (172_800_000, "2 d"),
            (90_000_000, "25 h"),
        ];
        for (ms, expected) in table {
            assert_eq!(span(*ms), *expected, "{ms}");
        }
    }
}
