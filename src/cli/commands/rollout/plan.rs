//! `updraft rollout plan`: what a rollout would do, as a chart and tables.

use super::super::{Outcome, Session};
use super::{chart, counts, create};
use crate::cli::args::PlannedRollout;
use crate::cli::client::ClientError;
use crate::cli::output::{self, Grid};
use crate::http::wire::{ForeseenBody, ModelBody, NewPlanBody, PlanBody, PointBody};

/// How many characters wide the curve is: beside its scale it fits a terminal of 80.
const WIDTH: usize = 64;
/// How many lines high it is.
const HEIGHT: usize = 10;

pub(super) fn run(session: &Session, planned: PlannedRollout) -> Result<Outcome, ClientError> {
    let model = ModelBody {
        seed: planned.model_seed,
        fail_percent: planned.fail,
        silent_percent: planned.silent,
        away_percent: planned.away,
        sign: planned.sign,
        install: planned.install,
        back: planned.back,
        horizon_s: planned.horizon,
    };
    let (rollout, devices) = (create::request(planned.new)?, planned.list_devices);
    let plan: PlanBody = session.client.post("rollouts/plan", &NewPlanBody { rollout, model, devices })?;
    session.show(&plan, describe)?;
    Ok(if plan.status == "finished" { Outcome::Done } else { Outcome::Failed })
}

fn describe(plan: &PlanBody) -> String {
    let mut text = verdict(plan);
    text.push('\n');
    text.push_str(&curve(plan));
    text.push('\n');
    text.push_str(&waves(plan));
    text.push('\n');
    text.push_str(&moments(plan));
    if let Some(devices) = &plan.devices {
        text.push('\n');
        text.push_str(&table(devices));
    }
    text
}

fn verdict(plan: &PlanBody) -> String {
    let why = plan.cause.as_ref().map(|cause| format!(": {}", cause.text)).unwrap_or_default();
    let end = match plan.cut_short {
        true => format!("it would not be over after {}, and {}", time(plan.lasts_s), plan.status),
        false => format!("it would be {} after {}", plan.status, time(plan.lasts_s)),
    };
    format!("{end}{}\n{}\n", output::printable(&why), counts(&plan.totals))
}

fn waves(plan: &PlanBody) -> String {
    let mut grid = Grid::new(&["WAVE", "NAME", "BEGINS", "ENDS", "STATUS", "", "DEVICES"]);
    for wave in &plan.waves {
        grid.add(vec![
            wave.number.to_string(),
            wave.name.clone(),
            wave.begins_s.map(time).unwrap_or_default(),
            wave.ends_s.map(time).unwrap_or_default(),
            wave.status.clone(),
            chart::bar(&wave.devices),
            counts(&wave.devices),
        ]);
    }
    grid.render()
}

fn moments(plan: &PlanBody) -> String {
    let mut grid = Grid::new(&["AFTER", "WHAT", "STATUS", "WHY"]);
    for moment in &plan.moments {
        grid.add(vec![
            time(moment.after_s),
            moment.wave.map_or_else(|| "rollout".into(), |wave| format!("wave {wave}")),
            moment.status.clone(),
            moment.cause.clone().unwrap_or_default(),
        ]);
    }
    grid.render()
}

fn table(devices: &[ForeseenBody]) -> String {
    let mut grid = Grid::new(&["DEVICE", "WAVE", "REACHED", "ENDED", "PLACE", "TRIES"]);
    for device in devices {
        grid.add(vec![
            device.device.clone(),
            device.wave.to_string(),
            device.reached_s.map(time).unwrap_or_default(),
            device.ended_s.map(time).unwrap_or_default(),
            device.place.clone(),
            device.tries.to_string(),
        ]);
    }
    grid.render()
}

/// Devices over time: those that run the target, and above them those that ended badly and those under way.
fn curve(plan: &PlanBody) -> String {
    let (all, span) = (plan.totals.total.max(1), plan.lasts_s.max(1));
    let columns: Vec<PointBody> =
        (0..WIDTH).map(|column| at(plan, span * (column as u64 + 1) / WIDTH as u64)).collect();
    let mut text = String::new();
    for line in (0..HEIGHT).rev() {
        // A sign stands where the count reaches the middle of the line's share.
        let reaches = |count: u64| count * 2 * HEIGHT as u64 >= all * (2 * line as u64 + 1);
        let sign = |point: &PointBody| match () {
            () if reaches(point.succeeded) => '#',
            () if reaches(point.succeeded + point.bad) => 'x',
            () if reaches(point.reached) => '>',
            () => ' ',
        };
        let row: String = columns.iter().map(sign).collect();
        let scale = all * (line as u64 + 1) / HEIGHT as u64;
        text.push_str(format!("{scale:>9} |{row}").trim_end());
        text.push('\n');
    }
    let axis = "-".repeat(WIDTH);
    let end = time(plan.lasts_s);
    format!(
        "{text}{:>9} +{axis}\n{:>width$}\n# succeeded   x ended badly or called off   > under way\n",
        0,
        end,
        width = WIDTH + 11
    )
}

/// How many devices are where at a moment.
fn at(plan: &PlanBody, after_s: u64) -> PointBody {
    let before = plan.curve.iter().rev().find(|point| point.after_s <= after_s);
    before.copied().unwrap_or(PointBody { after_s, reached: 0, succeeded: 0, bad: 0 })
}

/// A length of time as people say it.
fn time(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, minutes) => format!("{minutes}m{:02}s", seconds % 60),
        (0, hours, minutes) => format!("{hours}h{minutes:02}m"),
        (days, hours, _) => format!("{days}d{hours:02}h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::wire::TallyBody;

    #[test]
    fn times_are_said_as_people_say_them() {
        let table = [(0, "0s"), (59, "59s"), (61, "1m01s"), (3600, "1h00m"), (90_061, "1d01h")];
        for (seconds, expected) in table {
            assert_eq!(time(seconds), expected);
        }
    }

    #[test]
    fn the_curve_shows_who_is_where_over_time() {
        let point = |after_s, reached, succeeded, bad| PointBody { after_s, reached, succeeded, bad };
        let plan = PlanBody {
            status: "finished".into(),
            cause: None,
            cut_short: false,
            from: jiff::Timestamp::UNIX_EPOCH,
            lasts_s: 64,
            totals: TallyBody { succeeded: 8, failed: 2, total: 10, ..TallyBody::default() },
            waves: Vec::new(),
            moments: Vec::new(),
            curve: vec![point(1, 10, 0, 0), point(33, 10, 5, 1), point(64, 10, 8, 2)],
            devices: None,
        };
        let text = curve(&plan);
        let lines: Vec<&str> = text.lines().collect();
        let row = |scale: u64, signs: [(char, usize); 3]| {
            let signs: String =
                signs.iter().flat_map(|(sign, count)| std::iter::repeat_n(*sign, *count)).collect();
            format!("{scale:>9} |{signs}")
        };
        assert_eq!(lines[0], row(10, [('>', 63), ('x', 1), (' ', 0)]));
        assert_eq!(lines[4], row(6, [('>', 32), ('x', 31), ('#', 1)]));
        assert_eq!(lines[9], row(1, [('>', 32), ('#', 32), (' ', 0)]));
        assert_eq!(lines[10], format!("{:>9} +{}", 0, "-".repeat(64)));
    }
}
