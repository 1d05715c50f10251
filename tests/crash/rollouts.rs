//! The operator's rollouts: made, started, paused, resumed, stopped and removed at random, and what was acknowledged of
//! it. The server moves them on meanwhile, so the journal says where each may stand and not where it does.

use std::collections::BTreeMap;
use std::io;

use serde_json::{Value, json};
use updraft::domain::rollout::Tally;

use super::api::{Answer, Api};
use super::operator::Operator;

/// Rollouts that are looked after; older ones are left to themselves.
const NEWEST: usize = 6;
/// With more devices than this, a rollout to the whole product takes a tenth of them.
const CROWD: usize = 100;
const FROM_RUNNING: &[&str] = &["running", "paused", "finished"];
const FROM_STOPPING: &[&str] = &["stopping", "stopped"];

/// A rollout that was asked for.
#[derive(Debug, Default, Clone)]
pub struct Asked {
    /// Somebody wanted it to start.
    starts: bool,
    /// It has a rule by which it stops itself.
    stops: bool,
}

/// A rollout that is there.
#[derive(Debug, Default, Clone)]
pub struct Known {
    pub name: String,
    /// Where it stood when that was last heard.
    status: String,
    /// A command that was sent and not answered.
    open: Option<&'static str>,
    asked: Asked,
    /// Its removal was acknowledged.
    removed: bool,
}

impl Known {
    /// What is wrong with a rollout that is found like this; takes over how it stands.
    pub fn meet(&mut self, name: &str, status: &str, removed: bool) -> Option<String> {
        let fits = self.may_be(status) && self.name == name;
        let gone = removed == self.removed || (removed && self.open == Some("remove"));
        let wrong = !(fits && gone);
        let before = self.clone();
        (self.status, self.removed, self.open) = (status.to_owned(), removed, None);
        wrong.then(|| format!("{name} is {status} (removed: {removed}), the journal has {before:?}"))
    }

    /// Whether the server alone, or the command that was not answered, leads to a status.
    fn may_be(&self, found: &str) -> bool {
        let led = match self.open {
            Some("pause") => found == "paused",
            Some("resume" | "start") => self.follows("running").contains(&found),
            Some("stop" | "remove") => FROM_STOPPING.contains(&found),
            Some(_) | None => false,
        };
        led || self.follows(&self.status).contains(&found)
    }

    /// Where the server alone takes it.
    fn follows(&self, status: &str) -> Vec<&'static str> {
        let mut follows: Vec<&str> = match status {
            "creating" => vec!["creating", "ready"],
            "ready" => vec!["ready"],
            "running" => FROM_RUNNING.to_vec(),
            "paused" => vec!["paused"],
            "stopping" => FROM_STOPPING.to_vec(),
            "stopped" => vec!["stopped"],
            // It is stopped, unless it had ended; where it stands is not told any more.
            "removed" => vec!["stopping", "stopped", "finished"],
            _ => vec!["finished"],
        };
        if self.asked.starts && ["creating", "ready"].contains(&status) {
            follows.extend(FROM_RUNNING);
        }
        if self.asked.stops && follows.contains(&"paused") {
            follows.extend(FROM_STOPPING);
        }
        follows
    }
}

/// The journal of the operator's rollouts.
#[derive(Debug, Default)]
pub struct Rollouts {
    /// By the names that were sent.
    pub sent: BTreeMap<String, Asked>,
    pub known: BTreeMap<u64, Known>,
    /// Where their members were found, over all looks.
    pub members: Tally,
}

impl Rollouts {
    /// Takes in a rollout that was found: acknowledged or not, it was asked for. Returns what is wrong with it.
    pub fn meet(&mut self, id: u64, name: &str, status: &str, removed: bool) -> Option<String> {
        let Some(asked) = self.sent.get(name).cloned() else {
            return Some(format!("nobody made rollout {id}, {name}"));
        };
        let fresh = Known { name: name.into(), status: "creating".into(), asked, ..Known::default() };
        let found = self.known.entry(id).or_insert(fresh).meet(name, status, removed);
        found.map(|wrong| format!("rollout {id}: {wrong}"))
    }

    /// How many stand where.
    pub fn statuses(&self) -> BTreeMap<&str, usize> {
        let mut counts = BTreeMap::new();
        for known in self.known.values() {
            *counts.entry(known.status.as_str()).or_default() += 1;
        }
        counts
    }
}

impl Operator {
    /// Makes a rollout, or has one of the newest do something.
    pub fn roll_out(&mut self, api: &Api) -> io::Result<()> {
        if self.dice.chance(40) { self.make_rollout(api) } else { self.command_rollout(api) }
    }

    fn make_rollout(&mut self, api: &Api) -> io::Result<()> {
        let Some(image) = self.images.keys().next_back().copied() else { return Ok(()) };
        let name = format!("rollout-{}", self.rollouts.sent.len());
        let body = self.draw(&name, image);
        let stops = body["stop_rules"][0]["then"] == "cancel";
        let asked = Asked { starts: body["start"] == true, stops };
        self.rollouts.sent.insert(name.clone(), asked.clone());
        let answer = api.post("rollouts", &body)?;
        if self.is_ack(&answer, 201) {
            let status = answer.body["status"].as_str().unwrap_or_default().to_owned();
            let known = Known { name, status, asked, ..Known::default() };
            self.rollouts.known.insert(answer.body["id"].as_u64().unwrap_or_default(), known);
        }
        Ok(())
    }

    /// A rollout as the dice want it.
    fn draw(&mut self, name: &str, image: u64) -> Value {
        let mut body = json!({"name": name, "image": image, "seed": self.dice.below(1000)});
        body["start"] = json!(self.dice.chance(75));
        body["success_percent"] = json!(50 * self.dice.below(3));
        match self.dice.below(4) {
            0 => {
                body["product"] = json!("lamp");
                body["percent"] = json!(if self.devices.len() > CROWD { 10 } else { 100 });
            }
            _ => body["devices"] = json!(self.pick(self.fleet.len() as u64)),
        }
        match self.dice.below(4) {
            0 => body["wave_count"] = json!(1 + self.dice.below(4)),
            1 => {
                let first = json!({"devices": 1 + self.dice.below(3), "after": "pause"});
                body["waves"] = json!([first, {"percent": 30, "failure_percent": 50}, {"rest": true}]);
            }
            _ => {}
        }
        let pace = match self.dice.below(4) {
            0 => json!({"per_minute": 600}),
            1 => json!({"base_per_minute": 300, "factor": 2, "every": 5, "max_per_minute": 6000}),
            _ => Value::Null,
        };
        let count = 1 + self.dice.below(6);
        let then = if self.dice.chance(50) { "cancel" } else { "pause" };
        let parts = [
            ("pace", pace),
            ("in_flight", json!({"limit": count, "lease_s": 1})),
            ("retries", json!({"limit": 1 + self.dice.below(2), "backoff_s": 1})),
            ("timeouts", json!({"first_sign_s": 1, "step_s": 2, "total_s": 5})),
            ("stop_rules", json!([{"on": "any", "percent": 50, "min_sample": count, "then": then}])),
        ];
        for (member, value) in parts {
            if !value.is_null() && self.dice.chance(50) {
                body[member] = value;
            }
        }
        body
    }

    fn command_rollout(&mut self, api: &Api) -> io::Result<()> {
        let known = self.rollouts.known.iter().rev().filter(|(_, known)| !known.removed).take(NEWEST);
        let known: Vec<_> = known.map(|(id, known)| (*id, known.status.clone())).collect();
        if known.is_empty() {
            return Ok(());
        }
        let (id, status) = &known[self.dice.below(known.len() as u64) as usize];
        let verbs: &[&str] = match status.as_str() {
            "creating" | "ready" => &["start", "start", "start", "pause", "stop", "remove"],
            "paused" => &["resume", "resume", "resume", "resume", "stop", "remove"],
            "running" => &["pause", "pause", "pause", "next", "stop", "remove"],
            "stopping" => &["stop", "pause", "remove"],
            _ => &["remove"],
        };
        let verb = verbs[self.dice.below(verbs.len() as u64) as usize];
        self.command(api, *id, verb)
    }

    fn command(&mut self, api: &Api, id: u64, verb: &'static str) -> io::Result<()> {
        let Some(known) = self.rollouts.known.get_mut(&id) else { return Ok(()) };
        known.open = Some(verb);
        known.asked.starts |= verb == "start";
        let ending = ["stop", "cancel", "force"][self.dice.below(3) as usize];
        let answer = match verb {
            "remove" => api.delete(&format!("rollouts/{id}"))?,
            "stop" => api.post(&format!("rollouts/{id}/stop"), &json!({"ending": ending}))?,
            _ => api.post(&format!("rollouts/{id}/{verb}"), &Value::Null)?,
        };
        if answer.status != 409 && self.is_ack(&answer, if verb == "remove" { 204 } else { 200 }) {
            self.note(id, verb, &answer);
        } else if let Some(known) = self.rollouts.known.get_mut(&id) {
            known.open = None;
        }
        Ok(())
    }

    /// Takes down where an acknowledged command led to.
    fn note(&mut self, id: u64, verb: &str, answer: &Answer) {
        let Some(known) = self.rollouts.known.get_mut(&id) else { return };
        known.open = None;
        if verb == "remove" {
            known.removed = true;
            known.status = "removed".into();
            return;
        }
        let status = answer.body["status"].as_str().unwrap_or_default();
        let wanted = match verb {
            "pause" => status == "paused",
            "resume" => status == "running",
            "stop" => FROM_STOPPING.contains(&status),
            "start" => ["creating", "running"].contains(&status),
            _ => true,
        };
        known.status = status.to_owned();
        if !wanted {
            self.violations.push(format!("rollout {id} is {status} after {verb}"));
        }
    }
}
