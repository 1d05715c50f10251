//! `updraft rollout`: a target brought to many devices, wave by wave.

mod chart;
mod create;
mod explain;
mod plan;

use std::collections::BTreeMap;

use super::{Outcome, Session, deploy};
use crate::cli::args::Rollout;
use crate::cli::client::{ClientError, Order};
use crate::cli::output::{self, Grid};
use crate::http::wire::{
    MemberBody, Page, RemarkBody, RetryBody, RolloutBody, RolloutPatch, StopBody, TallyBody,
};

pub(super) fn run(session: &Session, command: Rollout) -> Result<Outcome, ClientError> {
    match command {
        Rollout::Create(new) => create::run(session, *new)?,
        Rollout::Plan(planned) => return plan::run(session, *planned),
        Rollout::List { limit } => list(session, limit)?,
        Rollout::Show { id, watch: false } => {
            let rollout: RolloutBody = session.client.get(&format!("rollouts/{id}"), &[])?;
            session.show(&rollout, describe)?;
        }
        Rollout::Show { id, watch: true } => return chart::watch(session, id),
        Rollout::Start { id, watch } => {
            order(session, id, "start", &nothing())?;
            if watch {
                return chart::watch(session, id);
            }
        }
        Rollout::Pause { id } => order(session, id, "pause", &nothing())?,
        Rollout::Resume { id } => order(session, id, "resume", &nothing())?,
        Rollout::Stop { id, ending } => order(session, id, "stop", &StopBody { ending: ending.into() })?,
        Rollout::Approve { id, remark } => order(session, id, "approve", &RemarkBody { remark })?,
        Rollout::Deny { id, remark } => order(session, id, "deny", &RemarkBody { remark })?,
        Rollout::Next { id } => order(session, id, "next", &nothing())?,
        Rollout::Retry { id, start } => order(session, id, "retry", &RetryBody { start })?,
        Rollout::Rename { id, name, description } => {
            let patch = RolloutPatch { name, description };
            let rollout: RolloutBody = session.client.patch(&format!("rollouts/{id}"), &patch)?;
            session.show(&rollout, line)?;
        }
        Rollout::Remove { id } => session.client.delete(&format!("rollouts/{id}"))?,
        Rollout::Explain { id, device } => explain::run(session, id, device)?,
        Rollout::Devices { id, wave, place } => devices(session, id, wave, place.as_deref())?,
    }
    Ok(Outcome::Done)
}

fn nothing() -> BTreeMap<String, String> {
    BTreeMap::new()
}

fn order<B: serde::Serialize>(session: &Session, id: u32, verb: &str, body: &B) -> Result<(), ClientError> {
    let rollout: RolloutBody = session.client.post(&format!("rollouts/{id}/{verb}"), body)?;
    session.show(&rollout, line)
}

/// One line about a rollout.
fn line(rollout: &RolloutBody) -> String {
    let RolloutBody { id, name, status, .. } = rollout;
    let cause = rollout.cause.as_ref().map(|cause| format!(" ({})", cause.text)).unwrap_or_default();
    let name = output::printable(name);
    format!("rollout {id}, {name}: {status}{}: {}\n", output::printable(&cause), counts(&rollout.devices))
}

/// The places where devices are.
fn counts(tally: &TallyBody) -> String {
    let shown: Vec<String> = places(tally)
        .iter()
        .filter(|(_, count)| *count > 0)
        .map(|(name, count)| format!("{count} {name}"))
        .collect();
    let total = tally.total;
    if shown.is_empty() { format!("{total} devices") } else { format!("{} of {total}", shown.join(", ")) }
}

fn places(tally: &TallyBody) -> [(&'static str, u64); 9] {
    [
        ("waiting", tally.waiting),
        ("deferred", tally.deferred),
        ("active", tally.active),
        ("succeeded", tally.succeeded),
        ("failed", tally.failed),
        ("rejected", tally.rejected),
        ("timed-out", tally.timed_out),
        ("not-compatible", tally.not_compatible),
        ("cancelled", tally.cancelled),
    ]
}

fn list(session: &Session, limit: usize) -> Result<(), ClientError> {
    let page: Page<RolloutBody> = session.client.list("rollouts", &[], Order::Newest, limit)?;
    session.show(&page, |page| {
        let mut grid = Grid::new(&["ROLLOUT", "NAME", "TARGET", "STATUS", "WAVES", "DEVICES", "CREATED"]);
        for rollout in &page.items {
            grid.add(vec![
                rollout.id.to_string(),
                rollout.name.clone(),
                deploy::target_text(rollout.target),
                rollout.status.clone(),
                rollout.wave_count.to_string(),
                counts(&rollout.devices),
                output::moment(rollout.created),
            ]);
        }
        let more = page.next.as_ref().map(|_| "There are older ones: --limit 0 lists all.\n");
        grid.render() + more.unwrap_or_default()
    })
}

fn describe(rollout: &RolloutBody) -> String {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let moment = |at: Option<jiff::Timestamp>| at.map(output::moment).unwrap_or_default();
    let decision = rollout.decision.as_ref().map(|own| {
        let remark = own.remark.as_ref().map(|text| format!(": {text}")).unwrap_or_default();
        format!("by {}{remark}", own.by)
    });
    let mut shown = Grid::pairs(&[
        ("rollout", rollout.id.to_string()),
        ("name", rollout.name.clone()),
        ("description", text(&rollout.description)),
        ("target", deploy::target_text(rollout.target)),
        ("for", whom(rollout)),
        ("status", rollout.status.clone()),
        ("because", rollout.cause.as_ref().map(|cause| cause.text.clone()).unwrap_or_default()),
        ("decided", decision.unwrap_or_default()),
        ("canary", rollout.difference.as_ref().map(|own| own.text.clone()).unwrap_or_default()),
        ("devices", counts(&rollout.devices)),
        ("starts at", moment(rollout.start_at.filter(|_| rollout.started.is_none()))),
        ("started", moment(rollout.started)),
        ("ends at", moment(rollout.end_at.filter(|_| rollout.ended.is_none()))),
        ("ended", moment(rollout.ended)),
        ("created", format!("{} by {}", output::moment(rollout.created), rollout.created_by)),
    ])
    .render();
    shown.push('\n');
    shown.push_str(&chart::draw(rollout));
    shown
}

fn whom(rollout: &RolloutBody) -> String {
    let who = match (&rollout.filter, &rollout.product) {
        (Some(query), _) => format!("devices with {query}"),
        (None, Some(product)) => format!("devices of product {product}"),
        (None, None) => "devices that were named".into(),
    };
    let part = match rollout.percent.as_u64() {
        Some(100) => String::new(),
        Some(_) | None => format!(", {}% of them (seed {})", rollout.percent, rollout.seed),
    };
    let later = if rollout.continuous { ", also later" } else { "" };
    format!("{who}{part}{later}")
}

/// A device with its wave.
#[derive(serde::Serialize)]
struct Placed {
    wave: u16,
    member: MemberBody,
}

fn devices(session: &Session, id: u32, wave: Option<u16>, place: Option<&str>) -> Result<(), ClientError> {
    let waves = match wave {
        Some(wave) => wave..=wave,
        None => {
            let rollout: RolloutBody = session.client.get(&format!("rollouts/{id}"), &[])?;
            1..=rollout.wave_count
        }
    };
    let mut found = Vec::new();
    for wave in waves {
        let path = format!("rollouts/{id}/waves/{wave}/devices");
        let page: Page<MemberBody> = session.client.list(&path, &[], Order::Rising, 0)?;
        let members = page.items.into_iter().filter(|own| place.is_none_or(|place| own.place == place));
        found.extend(members.map(|member| Placed { wave, member }));
    }
    session.show(&found, |found| {
        let mut grid = Grid::new(&["WAVE", "DEVICE", "PLACE", "ACTION", "TRIES", "AGAIN"]);
        for Placed { wave, member } in found {
            grid.add(vec![
                wave.to_string(),
                member.device.clone(),
                member.place.clone(),
                member.action.map(|action| action.to_string()).unwrap_or_default(),
                member.tries.to_string(),
                member.again.map(output::moment).unwrap_or_default(),
            ]);
        }
        grid.render()
    })
}
