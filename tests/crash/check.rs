//! The journals against what the server has after its restart: nothing acknowledged is lost, and nothing is there
//! that nobody sent.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use serde_json::Value;
use sha2::{Digest as _, Sha256};
use updraft::http::wire::hex;

use super::api::Api;
use super::device::{Device, Life};
use super::operator::Operator;
use super::support::eventually;

/// States of an action under way, in their order.
const STATES: [&str; 9] = [
    "queued",
    "offered",
    "accepted",
    "downloading",
    "downloaded",
    "waiting",
    "installing",
    "rebooting",
    "verifying",
];

/// What is lost, or there without cause; empty when all is well.
pub fn check(api: &Api, devices: &mut [Device], operator: &mut Operator) -> io::Result<Vec<String>> {
    let mut losses = Vec::new();
    let rows = by(api.list("devices", "after")?, "id");
    check_registered(&rows, operator, &mut losses);
    let actions = settled_actions(api)?;
    for device in devices {
        check_device(rows.get(&device.id).unwrap_or(&Value::Null), device, &mut losses);
        for (id, life) in &mut device.actions {
            check_action(api, actions.get(&id.to_string()), (*id, life), &device.id, &mut losses)?;
        }
    }
    check_images(api, operator, &mut losses)?;
    check_deployments(api, operator, &mut losses)?;
    check_cancels(api, operator, &mut losses)?;
    Ok(losses)
}

/// Items by the text of a member.
fn by(items: Vec<Value>, member: &str) -> BTreeMap<String, Value> {
    let key = |item: &Value| item[member].as_str().map_or_else(|| item[member].to_string(), str::to_owned);
    items.into_iter().map(|item| (key(&item), item)).collect()
}

/// All actions, once every deployment has been carried out and every rollout is made: what was ordered before the crash
/// goes on after it.
fn settled_actions(api: &Api) -> io::Result<BTreeMap<String, Value>> {
    let settled = || {
        let deployments = api.list("deployments", "before").ok()?;
        let rollouts = api.list("rollouts", "before").ok()?;
        let made = rollouts.iter().all(|rollout| rollout["status"] != "creating");
        (made && deployments.iter().all(|d| d["counters"]["pending"] == 0)).then_some(())
    };
    eventually("the deployments to be carried out and the rollouts to be made", settled);
    Ok(by(api.list("actions", "before")?, "id"))
}

fn check_registered(rows: &BTreeMap<String, Value>, operator: &Operator, losses: &mut Vec<String>) {
    let there: BTreeSet<String> = rows.keys().cloned().collect();
    losses.extend(operator.devices.difference(&there).map(|id| format!("device {id} is lost")));
    losses
        .extend(there.difference(&operator.devices_sent).map(|id| format!("nobody registered device {id}")));
}

fn check_device(row: &Value, device: &Device, losses: &mut Vec<String>) {
    let number = |text: Option<&str>, prefix: &str| text?.strip_prefix(prefix)?.parse::<u64>().ok();
    let attribute = number(row["attributes"]["300"].as_str(), "n");
    let counter = number(row["versions"]["7"]["version"].as_str(), "0.0.");
    let boot = number(row["boot"].as_str(), "b");
    for (what, growing, found) in [
        ("attribute", device.attribute, attribute),
        ("version", device.counter, counter),
        ("boot", device.boot, boot),
    ] {
        if !growing.allows(found) {
            losses.push(format!("{}: the {what} is {found:?}, the journal has {growing:?}", device.id));
        }
    }
    for (kind, action) in row["active"].as_object().into_iter().flatten() {
        let life = action.as_u64().and_then(|id| device.actions.get(&(id as u32)));
        if life.is_some_and(|life| life.ended.is_some()) {
            losses.push(format!("{}: action {action} of type {kind} is active again", device.id));
        }
    }
}

/// An action is at least as far as its device was told that it is, and every word that was stored is in its history.
fn check_action(
    api: &Api,
    found: Option<&Value>,
    (id, life): (u32, &mut Life),
    device: &str,
    losses: &mut Vec<String>,
) -> io::Result<()> {
    let Some(found) = found else {
        losses.push(format!("{device}: action {id} is lost"));
        return Ok(());
    };
    let state = found["state"].as_str().unwrap_or_default();
    let rank = STATES.iter().position(|name| *name == state);
    let due = life.acked.iter().map(|word| least(word)).max().unwrap_or(0);
    let failed = life.acked.contains(&"closed: failure");
    let ended = failed || life.acked.contains(&"installed");
    if found["device"] != device
        || rank.is_some_and(|rank| rank < due || ended)
        || (failed && state != "failed")
    {
        losses.push(format!("{device}: action {id} is {state}, the journal has {life:?}"));
    }
    if life.read == Some(life.acked.len()) {
        return Ok(());
    }
    life.read = rank.is_none().then_some(life.acked.len());
    let shown = api.get(&format!("actions/{id}"))?;
    let notes = shown.body["history"].as_array().into_iter().flatten().filter_map(|e| e["note"].as_str());
    let notes: Vec<&str> = notes.collect();
    // A report is no word; and to repeat how an action has ended already is harmless, and not written down.
    let silent = |word: &str| match word {
        "canceled" => state == "cancelled",
        "closed: success" => life.refused && state == "succeeded",
        _ => word == "installed",
    };
    let words = life.acked.iter().filter(|word| !silent(word));
    let lost = words
        .filter(|word| !notes.contains(word))
        .map(|word| format!("{device}: {word:?} about action {id} is lost; its history is {notes:?}"));
    losses.extend(lost);
    Ok(())
}

/// The least state after a word.
fn least(word: &str) -> usize {
    let state = match word {
        "proceeding" => "accepted",
        "download" => "downloading",
        "downloaded" => "downloaded",
        "closed: success" => "verifying",
        _ => "queued",
    };
    STATES.iter().position(|name| *name == state).unwrap_or(0)
}

fn check_images(api: &Api, operator: &mut Operator, losses: &mut Vec<String>) -> io::Result<()> {
    let there = by(api.list("images", "after")?, "id");
    for (id, sum) in &operator.images {
        if there.get(&id.to_string()).is_none_or(|image| image["artifacts"][0]["sha256"] != sum.as_str()) {
            losses.push(format!("image {id} ({sum}) is lost"));
        }
    }
    for image in there.values() {
        let sum = image["artifacts"][0]["sha256"].as_str().unwrap_or_default();
        if !operator.images_sent.contains(sum) {
            losses.push(format!("nobody uploaded {image}"));
        }
    }
    for sum in operator.unread.drain(..) {
        let bytes = api.download(&sum)?.unwrap_or_default();
        if hex(&Sha256::digest(&bytes)) != sum {
            losses.push(format!("artifact {sum} has {} other bytes", bytes.len()));
        }
    }
    Ok(())
}

/// Every order is there, and none that nobody sent.
fn check_deployments(api: &Api, operator: &Operator, losses: &mut Vec<String>) -> io::Result<()> {
    let there = by(api.list("deployments", "before")?, "id");
    for (id, ordered) in &operator.deployments {
        let found = there.get(&id.to_string()).unwrap_or(&Value::Null);
        if found["target"]["image"] != ordered.image || found["counters"]["total"] != ordered.total {
            losses.push(format!("deployment {id} should be {ordered:?} and is {found}"));
        }
    }
    if there.len() as u64 > operator.deployments_sent {
        losses.push(format!(
            "{} deployments were sent, {} are there",
            operator.deployments_sent,
            there.len()
        ));
    }
    Ok(())
}

/// A cancel that was acknowledged stands in the history of its action.
fn check_cancels(api: &Api, operator: &mut Operator, losses: &mut Vec<String>) -> io::Result<()> {
    for id in std::mem::take(&mut operator.cancels) {
        let shown = api.get(&format!("actions/{id}"))?;
        let mut notes = shown.body["history"].as_array().into_iter().flatten();
        let cancelled =
            notes.any(|entry| entry["note"].as_str().is_some_and(|note| note.starts_with("cancel")));
        if !cancelled {
            losses.push(format!("the cancel of action {id} is lost: {}", shown.body));
        }
    }
    Ok(())
}
