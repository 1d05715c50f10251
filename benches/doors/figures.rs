//! Figures: medians over the rounds, the two servers beside each other, and whether the targets are met.

use std::fmt::Write as _;

use serde_json::{Value, json};

/// Whose figure it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// The server of this repository.
    Updraft,
    /// The one to be held against.
    Nginx,
}

/// One figure with its values of all rounds.
#[derive(Debug, Default)]
struct Row {
    name: String,
    ours: Vec<f64>,
    theirs: Vec<f64>,
}

/// All figures, in the order of measuring.
#[derive(Debug, Default)]
pub struct Figures(Vec<Row>);

/// What is to be reached.
enum Target {
    /// At least so many times nginx's.
    RatioFrom(f64),
    /// At least so much.
    From(f64),
}

const TARGETS: &[(&str, Target)] = &[
    ("polls /s", Target::From(20_000.0)),
    ("whole, MB/s", Target::RatioFrom(0.8)),
    ("ranges /s", Target::RatioFrom(0.8)),
];

impl Target {
    /// Whether it is reached, in words; nothing where there is nothing to hold against.
    fn verdict(&self, ours: Option<f64>, theirs: Option<f64>) -> Option<String> {
        let (reached, bound) = match self {
            Target::RatioFrom(times) => (ours? >= times * theirs?, format!(">= {times} x")),
            Target::From(least) => (ours? >= *least, format!(">= {least}")),
        };
        Some(format!("{bound}: {}", if reached { "reached" } else { "MISSED" }))
    }
}

impl Figures {
    /// Adds a figure of updraft's.
    pub fn ours(&mut self, name: &str, value: f64) {
        self.set(Who::Updraft, name, value);
    }

    /// Adds a figure.
    pub fn set(&mut self, who: Who, name: &str, value: f64) {
        eprintln!("{who:?}: {name} {}", number(value));
        let at = match self.0.iter().position(|row| row.name == name) {
            Some(at) => at,
            None => {
                self.0.push(Row { name: name.to_owned(), ..Row::default() });
                self.0.len() - 1
            }
        };
        match who {
            Who::Updraft => self.0[at].ours.push(value),
            Who::Nginx => self.0[at].theirs.push(value),
        }
    }

    /// Both servers: medians, ratio, verdict.
    pub fn table(&self) -> String {
        let mut out = String::new();
        // Writing to a String cannot fail.
        let _ = writeln!(out, "\nmedians (lowest..highest)\n");
        let _ = writeln!(out, "{:<56} {:>24} {:>24} {:>6}  target", "", "updraft", "nginx", "ratio");
        for row in &self.0 {
            let (us, them) = (median(&row.ours), median(&row.theirs));
            let ratio = us.zip(them).map_or(String::new(), |(us, them)| format!("{:.2}", us / them));
            let target = TARGETS.iter().find(|(name, _)| *name == row.name);
            let verdict = target.and_then(|(_, target)| target.verdict(us, them)).unwrap_or_default();
            let (us, them) = (spread(&row.ours), spread(&row.theirs));
            let _ = writeln!(out, "{:<56} {us:>24} {them:>24} {ratio:>6}  {verdict}", row.name);
        }
        out
    }

    /// Everything that was measured.
    pub fn json(&self, machine: &str) -> Value {
        let rows = self.0.iter();
        let rows = rows.map(|row| json!({"figure": row.name, "updraft": row.ours, "nginx": row.theirs}));
        json!({"machine": machine, "figures": rows.collect::<Vec<_>>()})
    }
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

/// The middle; of two middles, their mean.
fn median(values: &[f64]) -> Option<f64> {
    let sorted = sorted(values);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        len if len % 2 == 1 => Some(sorted[middle]),
        _ => Some(f64::midpoint(sorted[middle - 1], sorted[middle])),
    }
}

fn spread(values: &[f64]) -> String {
    match (median(values), sorted(values).as_slice()) {
        (Some(median), [low, .., high]) => {
            format!("{} ({}..{})", number(median), number(*low), number(*high))
        }
        (Some(median), _) => number(median),
        (None, _) => "-".to_owned(),
    }
}

fn number(value: f64) -> String {
    if value.abs() < 100.0 { format!("{value:.2}") } else { format!("{value:.0}") }
}
