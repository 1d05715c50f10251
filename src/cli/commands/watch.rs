//! `updraft watch`: follows deployments until they are done. A bar each on a terminal; elsewhere a line whenever
//! something changes.

use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::thread;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::{Outcome, Session, deploy, print};
use crate::cli::args::Watch;
use crate::cli::client::{ClientError, Order};
use crate::cli::output;
use crate::http::wire::{CountersBody, DeploymentBody, Page};

/// How often the server is asked: people see no more, and a hundred watchers cost it nothing.
const INTERVAL: Duration = Duration::from_millis(500);
/// The newest deployments among which those that are not done are looked for.
const RECENT: usize = 500;

pub(super) fn run(session: &Session, command: Watch) -> Result<Outcome, ClientError> {
    let ids = if command.deployments.is_empty() { unfinished(session)? } else { command.deployments };
    if ids.is_empty() {
        print("no deployment is under way\n")?;
        return Ok(Outcome::Done);
    }
    let mut screen = if session.json || !std::io::stdout().is_terminal() {
        Screen::Lines { json: session.json, last: BTreeMap::new() }
    } else {
        Screen::Bars { all: MultiProgress::new(), bars: BTreeMap::new() }
    };
    follow(session, &ids, &mut screen)
}

fn unfinished(session: &Session) -> Result<Vec<u32>, ClientError> {
    let page: Page<DeploymentBody> = session.client.list("deployments", &[], Order::Newest, RECENT)?;
    let mut ids: Vec<u32> = page.items.iter().filter(|d| !d.done).map(|d| d.id).collect();
    ids.sort_unstable();
    Ok(ids)
}

fn follow(session: &Session, ids: &[u32], screen: &mut Screen) -> Result<Outcome, ClientError> {
    let mut open: Vec<u32> = ids.to_vec();
    let mut failed = false;
    loop {
        let mut still = Vec::new();
        for id in open {
            let deployment: DeploymentBody = session.client.get(&format!("deployments/{id}"), &[])?;
            screen.draw(&deployment)?;
            failed |= deployment.counters.failed > 0;
            if !deployment.done {
                still.push(id);
            }
        }
        if still.is_empty() {
            return Ok(if failed { Outcome::Failed } else { Outcome::Done });
        }
        open = still;
        thread::sleep(INTERVAL);
    }
}

/// Where the progress is shown.
enum Screen {
    Bars { all: MultiProgress, bars: BTreeMap<u32, ProgressBar> },
    Lines { json: bool, last: BTreeMap<u32, CountersBody> },
}

impl Screen {
    fn draw(&mut self, deployment: &DeploymentBody) -> Result<(), ClientError> {
        let DeploymentBody { id, counters, .. } = deployment;
        match self {
            Screen::Bars { all, bars } => {
                let bar = bars
                    .entry(*id)
                    .or_insert_with(|| all.add(ProgressBar::new(counters.total).with_style(style())));
                bar.set_prefix(name(deployment));
                bar.set_message(counts(counters));
                bar.set_position(counters.succeeded + counters.failed + counters.cancelled);
                if deployment.done {
                    bar.abandon();
                }
                Ok(())
            }
            Screen::Lines { json, last } => {
                if last.insert(*id, *counters) == Some(*counters) {
                    return Ok(());
                }
                print(&if *json {
                    line(deployment)
                } else {
                    format!("{}: {}\n", name(deployment), counts(counters))
                })
            }
        }
    }
}

/// One JSON document on one line, so that a program can read them as they come.
fn line(deployment: &DeploymentBody) -> String {
    output::json(deployment).lines().map(str::trim_start).collect::<Vec<_>>().concat() + "\n"
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("{prefix} {wide_bar} {pos}/{len} {msg}")
        .expect("the template is a constant that a test draws")
}

fn name(deployment: &DeploymentBody) -> String {
    format!("deployment {} ({})", deployment.id, deploy::target_text(deployment.target))
}

/// The counters that are not zero; what is not there needs no attention.
fn counts(counters: &CountersBody) -> String {
    let CountersBody { pending, active, succeeded, failed, cancelled, total } = counters;
    let named = [
        ("pending", pending),
        ("active", active),
        ("succeeded", succeeded),
        ("failed", failed),
        ("cancelled", cancelled),
    ];
    let shown: Vec<_> =
        named.iter().filter(|(_, n)| **n > 0).map(|(name, n)| format!("{n} {name}")).collect();
    if shown.is_empty() { format!("{total} devices") } else { format!("{} of {total}", shown.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_counters_that_are_not_zero_are_shown() {
        let counters =
            CountersBody { pending: 0, active: 2, succeeded: 5, failed: 1, cancelled: 0, total: 8 };
        assert_eq!(counts(&counters), "2 active, 5 succeeded, 1 failed of 8");
    }

    #[test]
    fn the_bar_can_be_drawn() {
        style();
    }
}
