//! `updraft watch`: follows deployments until they are done. A bar each on a terminal; elsewhere a line whenever
//! something changes.

use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::thread;
use std::time::{Duration, Instant};

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
/// How long a server may be away: longer than a restart or a reboot of a small machine takes.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) fn run(session: &Session, command: Watch) -> Result<Outcome, ClientError> {
    let ids = if command.deployments.is_empty() { unfinished(session)? } else { command.deployments };
    if ids.is_empty() {
        let none: Page<DeploymentBody> = Page { items: Vec::new(), next: None };
        session.show(&none, |_| "no deployment is under way\n".into())?;
        return Ok(Outcome::Done);
    }
    let mut screen = if session.json || !std::io::stdout().is_terminal() {
        Screen::Lines { json: session.json, last: BTreeMap::new() }
    } else {
        Screen::Bars { all: MultiProgress::new(), bars: BTreeMap::new() }
    };
    let outcome = follow(session, &ids, &mut screen);
    screen.close()?;
    outcome
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
            let deployment = ask(session, id, screen)?;
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

/// Asks for a deployment until the server answers: the deployment outlives a restart, and so does who watches it.
fn ask(session: &Session, id: u32, screen: &Screen) -> Result<DeploymentBody, ClientError> {
    let mut away: Option<Instant> = None;
    loop {
        let error = match session.client.get(&format!("deployments/{id}"), &[]) {
            Err(error) if error.may_pass() => error,
            answer => return answer,
        };
        let since = *away.get_or_insert_with(|| {
            screen.note(&format!("updraft: {error}; trying for {} s", PATIENCE.as_secs()));
            Instant::now()
        });
        if since.elapsed() >= PATIENCE {
            return Err(ClientError::Lost { id, cause: Box::new(error) });
        }
        thread::sleep(INTERVAL);
    }
}

/// Where the progress is shown.
enum Screen {
    /// A bar for each deployment, with the line that stays when the bars go.
    Bars {
        all: MultiProgress,
        bars: BTreeMap<u32, (ProgressBar, String)>,
    },
    Lines {
        json: bool,
        last: BTreeMap<u32, CountersBody>,
    },
}

impl Screen {
    fn draw(&mut self, deployment: &DeploymentBody) -> Result<(), ClientError> {
        let DeploymentBody { id, counters, .. } = deployment;
        match self {
            Screen::Bars { all, bars } => {
                let (bar, last) = bars.entry(*id).or_insert_with(|| {
                    (all.add(ProgressBar::new(counters.total).with_style(style())), String::new())
                });
                bar.set_prefix(name(deployment));
                bar.set_message(deploy::counts(counters));
                bar.set_position(counters.succeeded + counters.failed + counters.cancelled);
                *last = summary(deployment);
                Ok(())
            }
            Screen::Lines { json, last } => {
                if last.insert(*id, *counters) == Some(*counters) {
                    return Ok(());
                }
                print(&if *json { line(deployment) } else { summary(deployment) })
            }
        }
    }

    /// Says something to people, above the bars where there are some.
    fn note(&self, text: &str) {
        match self {
            Screen::Bars { all, .. } => all.suspend(|| eprintln!("{text}")),
            Screen::Lines { .. } => eprintln!("{text}"),
        }
    }

    /// Takes the bars away and leaves their last state as lines, so that the prompt begins on a line of its own.
    fn close(self) -> Result<(), ClientError> {
        match self {
            Screen::Bars { bars, .. } => {
                bars.values().for_each(|(bar, _)| bar.finish_and_clear());
                print(&bars.into_values().map(|(_, last)| last).collect::<String>())
            }
            Screen::Lines { .. } => Ok(()),
        }
    }
}

/// One JSON document on one line, so that a program can read them as they come.
fn line(deployment: &DeploymentBody) -> String {
    let text = output::json(deployment);
    let lines = text.lines().map(str::trim_start);
    lines.map(|l| if l.ends_with(',') { format!("{l} ") } else { l.to_owned() }).collect::<String>() + "\n"
}

fn summary(deployment: &DeploymentBody) -> String {
    format!("{}: {}\n", name(deployment), deploy::counts(&deployment.counters))
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("{prefix} {wide_bar} {pos}/{len} {msg}")
        .expect("the template is a constant that a test draws")
}

fn name(deployment: &DeploymentBody) -> String {
    format!("deployment {} ({})", deployment.id, deploy::target_text(deployment.target))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_one_line_with_a_blank_behind_every_colon_and_comma() {
        let deployment = DeploymentBody {
            id: 4,
            target: crate::http::wire::TargetBody::Image(7),
            allow_downgrade: false,
            counters: CountersBody { pending: 0, active: 1, succeeded: 0, failed: 0, cancelled: 0, total: 1 },
            done: false,
            created: jiff::Timestamp::UNIX_EPOCH,
        };
        let text = "{\"id\": 4, \"target\": {\"image\": 7}, \"allow_downgrade\": false, \"counters\": {\"pending\": 0, \
                    \"active\": 1, \"succeeded\": 0, \"failed\": 0, \"cancelled\": 0, \"total\": 1}, \"done\": false, \
                    \"created\": \"1970-01-01T00:00:00Z\"}\n";
        assert_eq!(line(&deployment), text);
    }

    #[test]
    fn the_bar_can_be_drawn() {
        style();
    }
}
