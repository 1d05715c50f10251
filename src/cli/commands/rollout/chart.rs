//! Waves as bars, and a rollout that is followed until it ends.

use std::io::IsTerminal as _;
use std::thread;
use std::time::{Duration, Instant};

use super::super::{Outcome, Session, print};
use super::{counts, line};
use crate::cli::client::ClientError;
use crate::cli::output::{self, Grid};
use crate::http::wire::{RolloutBody, TallyBody};

/// How many characters a bar has: beside it there is room for the rest on a terminal of 100.
const WIDTH: u64 = 40;
/// How often the server is asked: a rollout takes minutes at least.
const INTERVAL: Duration = Duration::from_secs(1);
/// How long a server may be away: longer than a restart or a reboot of a small machine takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// The waves, a bar each, with what the signs mean.
pub(super) fn draw(rollout: &RolloutBody) -> String {
    let mut grid = Grid::new(&["WAVE", "NAME", "STATUS", "", "DEVICES"]);
    for wave in rollout.waves.iter().flatten() {
        grid.add(vec![
            wave.number.to_string(),
            wave.name.clone(),
            wave.status.clone(),
            bar(&wave.devices),
            counts(&wave.devices),
        ]);
    }
    grid.render() + "# succeeded   x ended badly   - cancelled   > active   ~ deferred   . waiting\n"
}

/// A bar whose parts are as long as there are devices, each at least one character where there is a device.
pub(super) fn bar(tally: &TallyBody) -> String {
    let bad = tally.failed + tally.rejected + tally.timed_out + tally.not_compatible;
    let parts = [
        ('#', tally.succeeded),
        ('x', bad),
        ('-', tally.cancelled),
        ('>', tally.active),
        ('~', tally.deferred),
        ('.', tally.waiting),
    ];
    let width = |count: u64| match count {
        0 => 0,
        // A fleet is far below 2^64 / 40.
        count => (count * WIDTH / tally.total.max(1)).max(1),
    };
    let mut widths = parts.map(|(_, count)| width(count));
    // What rounding took or gave is the longest part's.
    let (used, longest) = (widths.iter().sum::<u64>(), (0..widths.len()).max_by_key(|at| widths[*at]));
    if let Some(at) = longest.filter(|_| used > 0) {
        widths[at] = (widths[at] + WIDTH).saturating_sub(used);
    }
    parts.iter().zip(widths).flat_map(|((sign, _), width)| (0..width).map(|_| *sign)).collect()
}

/// Follows a rollout until it ends. Whether it has failed is said by the devices that ended badly, or that it stopped.
pub(super) fn watch(session: &Session, id: u32) -> Result<Outcome, ClientError> {
    let redraws = !session.json && std::io::stdout().is_terminal();
    let mut last: Option<(String, TallyBody)> = None;
    let mut lines = 0;
    loop {
        let rollout = ask(session, id)?;
        let seen = (rollout.status.clone(), rollout.devices);
        if last.as_ref() != Some(&seen) {
            last = Some(seen);
            let text = if session.json { json_line(&rollout) } else { line(&rollout) };
            if redraws {
                let text = text + &draw(&rollout);
                // The cursor goes up to where the chart before began, and everything below is cleared.
                let up = if lines > 0 { format!("\x1b[{lines}A\x1b[J") } else { String::new() };
                print(&(up + &text))?;
                lines = text.lines().count();
            } else {
                print(&text)?;
            }
        }
        if rollout.done {
            return Ok(if went_well(&rollout) { Outcome::Done } else { Outcome::Failed });
        }
        thread::sleep(INTERVAL);
    }
}

fn went_well(rollout: &RolloutBody) -> bool {
    let TallyBody { failed, rejected, timed_out, not_compatible, .. } = rollout.devices;
    rollout.status == "finished" && failed + rejected + timed_out + not_compatible == 0
}

/// Asks for the rollout until the server answers: the rollout outlives a restart, and so does who watches it.
fn ask(session: &Session, id: u32) -> Result<RolloutBody, ClientError> {
    let mut away: Option<Instant> = None;
    loop {
        match session.client.get(&format!("rollouts/{id}"), &[]) {
            Err(error) if error.may_pass() && away.is_none_or(|since| since.elapsed() < PATIENCE) => {
                if away.is_none() {
                    eprintln!("updraft: {error}; trying for {} s", PATIENCE.as_secs());
                    away = Some(Instant::now());
                }
            }
            answer => return answer,
        }
        thread::sleep(INTERVAL);
    }
}

/// One JSON document on one line, so that a program can read them as they come.
fn json_line(rollout: &RolloutBody) -> String {
    let text = output::json(rollout);
    text.lines().map(str::trim_start).collect::<String>() + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_has_its_width_and_every_place_that_has_a_device() {
        let none = TallyBody::default();
        let table = [
            (none, String::new()),
            (TallyBody { waiting: 3, total: 3, ..none }, ".".repeat(40)),
            (
                TallyBody { succeeded: 1, active: 1, waiting: 2, total: 4, ..none },
                "#".repeat(10) + &">".repeat(10) + &".".repeat(20),
            ),
            (TallyBody { succeeded: 999, failed: 1, total: 1000, ..none }, "#".repeat(39) + "x"),
        ];
        for (tally, expected) in table {
            assert_eq!(bar(&tally), expected, "{tally:?}");
        }
    }
}
