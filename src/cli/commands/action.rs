//! `updraft action`: one device, one update, and what happened to it.

use super::{Outcome, Session, deploy, print};
use crate::cli::args::Action;
use crate::cli::client::{ClientError, Order, segment};
use crate::cli::output::{self, Grid};
use crate::http::wire::{ActionBody, Cancel, DeviceBody, OfferBody, OriginBody, Page};

pub(super) fn run(session: &Session, command: Action) -> Result<Outcome, ClientError> {
    match command {
        Action::List { device, limit } => list(session, device, limit)?,
        Action::Show { id } => {
            let action: ActionBody = session.client.get(&format!("actions/{id}"), &[])?;
            session.show(&action, describe)?;
        }
        Action::Cancel { id, force } => {
            let action: ActionBody =
                session.client.post(&format!("actions/{id}/cancel"), &Cancel { force })?;
            session
                .show(&action, |action| format!("action {id} of {}: {}\n", action.device, state(action)))?;
            if action.origin == OriginBody::Offer && !session.json {
                print(&standing_offer(session, &action)?)?;
            }
        }
    }
    Ok(Outcome::Done)
}

/// That the offer of a cancelled action stands, where it does, and how to take it back.
fn standing_offer(session: &Session, action: &ActionBody) -> Result<String, ClientError> {
    let device: DeviceBody = session.client.get(&format!("devices/{}", segment(&action.device)), &[])?;
    let offers: Page<OfferBody> = session.client.get("offers", &[("product", device.product)])?;
    let brought = |offer: &&OfferBody| action.components.iter().any(|c| c.image == offer.image);
    let lines = offers.items.iter().filter(brought).map(|offer| {
        let OfferBody { product, kind, image, .. } = offer;
        format!("The offer of image {image} stands; `updraft offer rm {product} {kind}` takes it back.\n")
    });
    Ok(lines.collect())
}

fn list(session: &Session, device: Option<String>, limit: usize) -> Result<(), ClientError> {
    let query: Vec<_> = device.map(|device| ("device", device)).into_iter().collect();
    let page: Page<ActionBody> = session.client.list("actions", &query, Order::Newest, limit)?;
    session.show(&page, |page| {
        let mut grid = Grid::new(&["ACTION", "DEVICE", "TARGET", "FROM", "STATE", "CHANGED"]);
        for action in &page.items {
            grid.add(vec![
                action.id.to_string(),
                action.device.clone(),
                deploy::target_text(action.target),
                origin(action.origin),
                state(action),
                output::moment(action.changed),
            ]);
        }
        let more = page.next.as_ref().map(|_| "There are older ones: --limit 0 lists all.\n");
        grid.render() + more.unwrap_or_default()
    })
}

fn describe(action: &ActionBody) -> String {
    let components: Vec<_> =
        action.components.iter().map(|c| format!("{}:{}#{}", c.kind, c.version, c.number)).collect();
    let mut text = Grid::pairs(&[
        ("action", action.id.to_string()),
        ("device", action.device.clone()),
        ("target", deploy::target_text(action.target)),
        ("brings", components.join(" ")),
        ("from", origin(action.origin)),
        ("state", state(action)),
        ("attempt", action.attempt.to_string()),
        ("created", output::moment(action.created)),
        ("changed", output::moment(action.changed)),
    ])
    .render();
    let history = action.history.as_deref().unwrap_or_default();
    if !history.is_empty() {
        let mut grid = Grid::new(&["AT", "STATE", "WHAT HAPPENED"]);
        for entry in history {
            let code = entry.code.map(|code| format!(" (code {code})")).unwrap_or_default();
            let details: String = entry.details.iter().map(|detail| format!("; {detail}")).collect();
            let note = format!("{}{code}{details}", entry.note);
            grid.add(vec![output::moment(entry.at), entry.state.clone(), note]);
        }
        text.push('\n');
        text.push_str(&grid.render());
    }
    text
}

fn origin(origin: OriginBody) -> String {
    match origin {
        OriginBody::Offer => "offer".into(),
        OriginBody::Filter(id) => format!("filter {id}"),
        OriginBody::Device => "said to run it".into(),
        OriginBody::Deployment(id) => format!("deployment {id}"),
        OriginBody::Rollout { rollout, wave } => format!("rollout {rollout}, wave {wave}"),
    }
}

/// The state with all that qualifies it.
pub(super) fn state(action: &ActionBody) -> String {
    let mut text = action.state.clone();
    if let Some(progress) = action.progress.filter(|_| !action.done) {
        text.push_str(&format!(" {}/{}", progress.done, progress.of));
    }
    if let Some(reason) = &action.reason {
        text.push_str(&format!(" ({reason})"));
    }
    if action.warning {
        text.push_str(", warning");
    }
    if action.cancelling {
        text.push_str(", cancelling");
    }
    text
}
