//! `updraft deployment`: what was ordered, and what came of it on each device.

use serde::Serialize;

use super::{Outcome, Session, action, deploy};
use crate::cli::args::Deployment;
use crate::cli::client::{ClientError, Order};
use crate::cli::output::{self, Grid};
use crate::http::wire::{ActionBody, DeploymentBody, OriginBody, Page};

/// How many actions are asked for at once; the server may give fewer.
const PAGE: usize = 500;

pub(super) fn run(session: &Session, command: Deployment) -> Result<Outcome, ClientError> {
    match command {
        Deployment::List { limit } => list(session, limit)?,
        Deployment::Show { id } => {
            let deployment: DeploymentBody = session.client.get(&format!("deployments/{id}"), &[])?;
            let actions = actions(session, &deployment)?;
            session.show(&Shown { deployment, actions }, describe)?;
        }
    }
    Ok(Outcome::Done)
}

fn list(session: &Session, limit: usize) -> Result<(), ClientError> {
    let page: Page<DeploymentBody> = session.client.list("deployments", &[], Order::Newest, limit)?;
    session.show(&page, |page| {
        let mut grid = Grid::new(&[
            "DEPLOYMENT",
            "TARGET",
            "PENDING",
            "ACTIVE",
            "SUCCEEDED",
            "FAILED",
            "CANCELLED",
            "OF",
            "CREATED",
        ]);
        for deployment in &page.items {
            let counters = &deployment.counters;
            grid.add(vec![
                deployment.id.to_string(),
                deploy::target_text(deployment.target),
                counters.pending.to_string(),
                counters.active.to_string(),
                counters.succeeded.to_string(),
                counters.failed.to_string(),
                counters.cancelled.to_string(),
                counters.total.to_string(),
                output::moment(deployment.created),
            ]);
        }
        let more = page.next.as_ref().map(|_| "There are older ones: --limit 0 lists all.\n");
        grid.render() + more.unwrap_or_default()
    })
}

/// A deployment with its actions, as one document.
#[derive(Serialize)]
struct Shown {
    deployment: DeploymentBody,
    actions: Vec<ActionBody>,
}

/// Its actions, newest first: all actions are gone through until a whole page is older than the deployment.
fn actions(session: &Session, deployment: &DeploymentBody) -> Result<Vec<ActionBody>, ClientError> {
    let mut found = Vec::new();
    let mut before: Option<String> = None;
    loop {
        let mut query = vec![("limit", PAGE.to_string())];
        query.extend(before.take().map(|at| ("before", at)));
        let page: Page<ActionBody> = session.client.get("actions", &query)?;
        let older = page.items.iter().all(|action| action.created < deployment.created);
        found.extend(page.items.into_iter().filter(|a| a.origin == OriginBody::Deployment(deployment.id)));
        before = page.next;
        if older || before.is_none() {
            return Ok(found);
        }
    }
}

fn describe(shown: &Shown) -> String {
    let Shown { deployment, actions } = shown;
    let mut text = Grid::pairs(&[
        ("deployment", deployment.id.to_string()),
        ("target", deploy::target_text(deployment.target)),
        ("downgrade", if deployment.allow_downgrade { "allowed" } else { "no" }.into()),
        ("devices", deploy::counts(&deployment.counters)),
        ("created", output::moment(deployment.created)),
    ])
    .render();
    if !actions.is_empty() {
        let mut grid = Grid::new(&["ACTION", "DEVICE", "STATE", "CHANGED"]);
        for own in actions {
            grid.add(vec![
                own.id.to_string(),
                own.device.clone(),
                action::state(own),
                output::moment(own.changed),
            ]);
        }
        text.push('\n');
        text.push_str(&grid.render());
    }
    text
}
