//! Figures: medians over the rounds, the two servers beside each other, and whether the targets are met.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde_json::{Value, json};

use super::server::Kind;

/// The figures of one round by name, in the order of measuring.
#[derive(Debug, Default)]
pub struct Round(Vec<(String, f64)>);

impl Round {
    /// Adds a figure.
    pub fn set(&mut self, name: &str, value: f64) {
        self.0.push((name.to_owned(), value));
    }

    fn value(&self, name: &str) -> Option<f64> {
        self.0.iter().find(|(own, _)| own == name).map(|(_, value)| *value)
    }
}

/// All rounds, by size and server.
#[derive(Debug, Default)]
pub struct Figures(BTreeMap<(usize, Kind), Vec<Round>>);

/// The figures that say how busy the machine was with something else begin with this.
pub const OTHERS: &str = "cores taken by others";

/// More than this and a table is marked. Chosen, not derived: a twentieth of two cores, above what a resting system
/// takes.
const OTHERS_MAX: f64 = 0.1;

/// What is to be reached.
struct Target {
    figure: &'static str,
    bound: Bound,
}

enum Bound {
    /// At most so many times mosquitto's.
    RatioUpTo(f64),
    /// At least so many times mosquitto's.
    RatioFrom(f64),
    /// At most so much.
    UpTo(f64),
}

const TARGETS: &[Target] = &[
    Target { figure: "fan-out to the last device, ms", bound: Bound::RatioUpTo(1.0) },
    Target { figure: "reports acked /s, 1 in flight", bound: Bound::RatioFrom(0.7) },
    Target { figure: "reports acked /s, 4 in flight", bound: Bound::RatioFrom(0.7) },
    Target { figure: "bytes per idle connection", bound: Bound::UpTo(3072.0) },
];

impl Bound {
    /// Whether it is kept, and the bound in words; `None` when there is nothing to hold against.
    fn verdict(&self, ours: Option<f64>, theirs: Option<f64>) -> Option<(bool, String)> {
        let ours = ours?;
        Some(match self {
            Bound::RatioUpTo(times) => (ours <= times * theirs?, format!("<= {times} x")),
            Bound::RatioFrom(times) => (ours >= times * theirs?, format!(">= {times} x")),
            Bound::UpTo(most) => (ours <= *most, format!("<= {most}")),
        })
    }
}

impl Figures {
    /// Adds a round.
    pub fn add(&mut self, kind: Kind, devices: usize, round: Round) {
        self.0.entry((devices, kind)).or_default().push(round);
    }

    /// Both servers at one size: medians, ratio, verdict.
    pub fn table(&self, devices: usize) -> String {
        let mut out = String::new();
        let runs = self.rounds(devices, Kind::Updraft).len().max(self.rounds(devices, Kind::Mosquitto).len());
        // Writing to a String cannot fail.
        let _ = writeln!(out, "\n{devices} devices, medians of {runs} (lowest..highest)\n");
        let _ = writeln!(out, "{:<40} {:>26} {:>26} {:>7}  target", "", "updraft", "mosquitto", "ratio");
        for name in self.names(devices) {
            let [ours, theirs] =
                [Kind::Updraft, Kind::Mosquitto].map(|kind| self.values(devices, kind, &name));
            let (us, them) = (median(&ours), median(&theirs));
            let ratio = us.zip(them).map_or(String::new(), |(us, them)| format!("{:.2}", us / them));
            let target = TARGETS.iter().find(|target| target.figure == name);
            let verdict = target.and_then(|target| target.bound.verdict(us, them));
            let verdict = verdict.map_or(String::new(), |(kept, bound)| {
                format!("{bound}: {}", if kept { "reached" } else { "MISSED" })
            });
            let _ = writeln!(
                out,
                "{name:<40} {:>26} {:>26} {ratio:>7}  {verdict}",
                spread(&ours),
                spread(&theirs)
            );
        }
        let others = self.others(devices);
        if others > OTHERS_MAX {
            let _ = writeln!(
                out,
                "\nNOT QUIET: others took up to {others:.2} cores. These figures decide nothing."
            );
        }
        out
    }

    /// Everything that was measured.
    pub fn json(&self, machine: &str) -> Value {
        let rounds = self.0.iter().flat_map(|((devices, kind), rounds)| {
            rounds.iter().enumerate().map(move |(run, round)| {
                let figures: BTreeMap<&str, f64> = round.0.iter().map(|(name, value)| (&**name, *value)).collect();
                json!({"server": format!("{kind:?}").to_lowercase(), "devices": devices, "run": run + 1, "figures": figures})
            })
        });
        json!({"machine": machine, "rounds": rounds.collect::<Vec<_>>()})
    }

    /// The most that anything outside the bench took in any round of a size.
    fn others(&self, devices: usize) -> f64 {
        let kinds = [Kind::Updraft, Kind::Mosquitto];
        let figures =
            kinds.into_iter().flat_map(|kind| self.rounds(devices, kind)).flat_map(|round| &round.0);
        figures.filter(|(name, _)| name.starts_with(OTHERS)).map(|(_, value)| *value).fold(0.0, f64::max)
    }

    fn rounds(&self, devices: usize, kind: Kind) -> &[Round] {
        self.0.get(&(devices, kind)).map_or(&[], Vec::as_slice)
    }

    fn values(&self, devices: usize, kind: Kind, name: &str) -> Vec<f64> {
        let mut values: Vec<f64> =
            self.rounds(devices, kind).iter().filter_map(|round| round.value(name)).collect();
        values.sort_by(f64::total_cmp);
        values
    }

    /// The names of both servers' figures, in the order of measuring.
    fn names(&self, devices: usize) -> Vec<String> {
        let kinds = [Kind::Updraft, Kind::Mosquitto];
        let rounds = kinds.into_iter().flat_map(|kind| self.rounds(devices, kind));
        let mut seen = BTreeSet::new();
        let all = rounds.flat_map(|round| &round.0).map(|(name, _)| name);
        all.filter(|name| seen.insert(name.as_str())).cloned().collect()
    }
}

/// A round on one line.
pub fn line(round: &Round) -> String {
    let figures: Vec<String> =
        round.0.iter().map(|(name, value)| format!("{name} {}", number(*value))).collect();
    figures.join("; ")
}

/// The middle of sorted values; of two middles, their mean.
fn median(sorted: &[f64]) -> Option<f64> {
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        len if len % 2 == 1 => Some(sorted[middle]),
        _ => Some(f64::midpoint(sorted[middle - 1], sorted[middle])),
    }
}

fn spread(sorted: &[f64]) -> String {
    match (median(sorted), sorted) {
        (None, _) => "-".to_owned(),
        (Some(median), [_]) => number(median),
        (Some(median), [low, .., high]) => {
            format!("{} ({}..{})", number(median), number(*low), number(*high))
        }
        (Some(median), []) => number(median),
    }
}

fn number(value: f64) -> String {
    if value.abs() < 100.0 { format!("{value:.2}") } else { format!("{value:.0}") }
}
