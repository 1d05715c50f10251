//! The decision, told as stories: each file under `tests/stories` is a script of what happens and what comes of it.
//!
//! A line at the margin happens; the indented lines below it are everything that the pure core makes of it. With
//! `UPDATE_STORIES=1` the indented lines are written anew, to be read before they are committed.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use updraft::domain::action::{Action, Origin, State};
use updraft::domain::catalog::Trail;
use updraft::domain::decide::{Facts, Policy, Verdict, decide};
use updraft::domain::deployment::Target;
use updraft::domain::device::Device;
use updraft::domain::eligibility::{self, AttemptLimit};
use updraft::domain::event::{Event, Needed, Withdrawal};
use updraft::domain::ids::{
    ActionId, DeploymentId, DeviceId, DeviceKey, FirmwareType, ImageId, ProductId, ReleaseId, RolloutId,
    TenantId, Time,
};
use updraft::domain::image::Image;
use updraft::domain::offer::Offer;
use updraft::domain::terms::Terms;
use updraft::domain::version::Version;
use words::{device_event, kind_of, moment_of, note, rules_of, tell, terms_of};

#[path = "stories/words.rs"]
mod words;

#[test]
fn every_story_goes_as_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stories");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|f| f.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|own| own == "story"));
    files.sort();
    assert!(files.len() >= 8, "the stories are missing");
    for file in files {
        let written = fs::read_to_string(&file).unwrap();
        let played = play(&written);
        if std::env::var_os("UPDATE_STORIES").is_some() {
            fs::write(&file, &played).unwrap();
            continue;
        }
        assert_eq!(written, played, "{}", file.display());
    }
}

/// Plays the lines at the margin and writes what comes of each below it.
fn play(script: &str) -> String {
    let mut world = World::new();
    let mut out = String::new();
    for line in script.lines().filter(|line| !line.starts_with("    ")) {
        out.push_str(line);
        out.push('\n');
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        for effect in world.line(line) {
            writeln!(out, "    {effect}").unwrap();
        }
    }
    out
}

fn deployment() -> Origin {
    Origin::Deployment(DeploymentId::new(1).unwrap())
}

fn rollout() -> Origin {
    Origin::Rollout(RolloutId::new(1).unwrap(), 1)
}

/// A fleet small enough to keep in maps.
struct World {
    now: Time,
    policy: Policy,
    /// Whether a new action ends those before it at once.
    closes: bool,
    /// Whether rollouts are paused.
    paused: bool,
    terms: Terms,
    /// Images of the release that was last deployed.
    release: Vec<u32>,
    images: BTreeMap<u32, Arc<Image>>,
    offers: BTreeMap<(ProductId, FirmwareType), Offer>,
    devices: BTreeMap<String, (Device, bool)>,
    actions: BTreeMap<ActionId, Action>,
}

impl World {
    fn new() -> Self {
        World {
            now: Time(0),
            policy: Policy {
                attempts: AttemptLimit(2),
                cancel_timeout_ms: 600_000,
                penalty_after: 3,
                penalty_ms: 3_600_000,
            },
            closes: true,
            paused: false,
            terms: Terms::default(),
            release: Vec::new(),
            images: BTreeMap::new(),
            offers: BTreeMap::new(),
            devices: BTreeMap::new(),
            actions: BTreeMap::new(),
        }
    }

    fn line(&mut self, line: &str) -> Vec<String> {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["at", moment] => {
                self.now = moment_of(moment);
                Vec::new()
            }
            ["terms", words @ ..] => {
                self.terms = terms_of(words, self.now);
                Vec::new()
            }
            ["asks", "before", "it", "closes"] => {
                self.closes = false;
                Vec::new()
            }
            [what @ ("pause" | "resume"), "rollouts"] => {
                self.paused = *what == "pause";
                Vec::new()
            }
            ["force", action] => self.on_action(action, |action| Event::Force { action }),
            ["opened", action] => self.on_action(action, |action| Event::Opened { action }),
            ["image", id, product, kind, number, version, rules @ ..] => {
                self.image(id, product, kind, number, version, rules);
                Vec::new()
            }
            ["offer", image, rules @ ..] => self.offer(image, rules),
            ["withdraw", product, kind] => {
                self.offers.remove(&(ProductId::parse(product).unwrap(), kind_of(kind)));
                Vec::new()
            }
            ["device", id, product] => {
                let key = DeviceKey { tenant: TenantId::default(), device: DeviceId::parse(id).unwrap() };
                let device = Device::new(key, ProductId::parse(product).unwrap(), "admin", self.now);
                self.devices.insert((*id).into(), (device, false));
                Vec::new()
            }
            ["connect", id] => {
                self.devices.get_mut(*id).unwrap().1 = true;
                Vec::new()
            }
            ["drop", id] => {
                self.devices.get_mut(*id).unwrap().1 = false;
                Vec::new()
            }
            ["deploy", target, "to", ids @ .., "downgrade"] => self.assign(deployment(), target, ids, true),
            ["deploy", target, "to", ids @ ..] => self.assign(deployment(), target, ids, false),
            ["roll", "out", target, "to", ids @ ..] => self.assign(rollout(), target, ids, false),
            ["cancel", action] => self.cancel(action, false),
            ["cancel", action, "force"] => self.cancel(action, true),
            ["tick"] => self.tick(),
            ["windows"] => self.windows(),
            ["explain", id, kind] => self.explain(id, kind),
            ["stands", id] => self.stands(id),
            ["show", id] => self.show(id),
            [id, what, rest @ ..] => {
                let event = device_event(what, rest);
                self.happen(id, &event)
            }
            [_] | [] => panic!("no such line: {line}"),
        }
    }

    fn image(&mut self, id: &str, product: &str, kind: &str, number: &str, version: &str, rules: &[&str]) {
        let (id, product) = (ImageId::parse(id).unwrap(), ProductId::parse(product).unwrap());
        let number = (kind_of(kind), number.trim_start_matches('#').parse().unwrap());
        let (version, trail) = (Version::parse(version).unwrap(), Trail::new("admin", self.now));
        let plain = Image::new(TenantId::default(), id, product, number, version, trail);
        let image = Image { rules: rules_of(rules), ..plain };
        self.images.insert(image.id.get(), Arc::new(image));
    }

    fn offer(&mut self, image: &str, rules: &[&str]) -> Vec<String> {
        let image = Arc::clone(&self.images[&image.parse::<u32>().unwrap()]);
        let offer = Offer {
            tenant: TenantId::default(),
            product: image.products.first().unwrap().clone(),
            kind: image.kind,
            image: image.id,
            rules: rules_of(rules),
            allow_downgrade: rules.contains(&"downgrade"),
            created: self.now,
        };
        self.offers.insert((offer.product.clone(), offer.kind), offer);
        let mut said = Vec::new();
        let ids: Vec<_> = self.devices.keys().cloned().collect();
        for id in &ids {
            if !image.products.contains(&self.devices[id].0.product) {
                continue;
            }
            let effects = self.happen(id, &Event::Offered { kind: image.kind });
            said.extend(effects.into_iter().filter(|e| e != "stored").map(|e| format!("{id}: {e}")));
        }
        said
    }

    fn assign(&mut self, origin: Origin, target: &str, ids: &[&str], allow_downgrade: bool) -> Vec<String> {
        let numbers: Vec<u32> = target.split('+').map(|n| n.parse().unwrap()).collect();
        let target = match numbers.as_slice() {
            [one] => Target::Image(ImageId::new(u64::from(*one)).unwrap()),
            _ => Target::Release(ReleaseId::new(1).unwrap()),
        };
        self.release = numbers.clone();
        let images: Vec<_> = numbers.iter().map(|n| Arc::clone(&self.images[n])).collect();
        let mut said = Vec::new();
        for id in ids {
            let images = images.clone();
            let event = Event::Assign {
                origin,
                target,
                images,
                steps: self.images.values().cloned().collect(),
                allow_downgrade,
                terms: self.terms.clone(),
                by: "admin".into(),
                attempt: 1,
            };
            let effects = self.happen(id, &event);
            said.extend(effects.into_iter().filter(|e| e != "stored").map(|e| format!("{id}: {e}")));
        }
        said
    }

    /// Which actions their devices may carry out now.
    fn windows(&self) -> Vec<String> {
        let open = self.actions.values().filter(|a| !a.state.is_terminal() && !a.is_held(self.now));
        open.map(|action| format!("open for {}", action.device.device)).collect()
    }

    fn on_action(&mut self, action: &str, event: impl Fn(ActionId) -> Event) -> Vec<String> {
        let id = ActionId::parse(action).unwrap();
        let device = self.actions[&id].device.device.as_str().to_owned();
        self.happen(&device, &event(id))
    }

    fn cancel(&mut self, action: &str, force: bool) -> Vec<String> {
        let how = if force { Withdrawal::Forced } else { Withdrawal::Plain };
        self.on_action(action, |action| Event::Cancel { action, how })
    }

    fn tick(&mut self) -> Vec<String> {
        let now = self.now;
        let due = self.actions.values().filter(|a| a.cancelling && a.cancel_by.is_some_and(|by| by <= now));
        let due: Vec<_> = due.map(|a| (a.id, a.device.device.as_str().to_owned())).collect();
        let mut said = Vec::new();
        for (action, device) in due {
            said.extend(self.happen(&device, &Event::CancelExpired { action }));
        }
        // Whatever the engine has noted for this moment, and nothing else.
        let due = self.actions.values().filter(|a| a.due_at.is_some_and(|at| at <= now));
        let due = due.filter(|a| a.deadline().is_some_and(|deadline| deadline.at <= now));
        let due: Vec<_> = due.map(|a| (a.id, a.device.device.as_str().to_owned())).collect();
        for (action, device) in due {
            said.extend(self.happen(&device, &Event::Overdue { action }));
        }
        said
    }

    fn happen(&mut self, id: &str, event: &Event) -> Vec<String> {
        let (device, connected) = self.devices[id].clone();
        let outcome = decide(self.facts(device, connected, event), event, self.now);
        let mut said = vec![match &outcome.verdict {
            Verdict::Stored => "stored".to_owned(),
            Verdict::Repeated => "repeated".to_owned(),
            Verdict::Rejected(reject) => format!("rejected {}: {reject}", reject.code()),
            Verdict::Held(reason) => format!("held {}: {reason}", reason.code()),
        }];
        for changed in &outcome.changed {
            let action = &changed.action;
            let before = changed.before.map_or("-", |s| s.name());
            let reason = action.state.reason().map_or(String::new(), |r| format!(" ({r})"));
            let flags = [
                (action.warning, " warning"),
                (action.cancelling, " cancelling"),
                (action.unconfirmed, " unconfirmed"),
            ];
            let flags: String = flags.iter().filter(|(set, _)| *set).map(|(_, name)| *name).collect();
            let entries: Vec<_> = changed.entries.iter().map(|e| note(&e.note, &e.details)).collect();
            let (id, state) = (action.id, action.state.name());
            said.push(format!("action {id}: {before} -> {state}{reason}{flags} [{}]", entries.join("; ")));
        }
        said.extend(outcome.tells.iter().map(tell));
        for changed in outcome.changed {
            self.actions.insert(changed.action.id, changed.action);
        }
        self.devices.insert(id.to_owned(), (outcome.device, connected));
        said
    }

    fn facts(&self, device: Device, connected: bool, event: &Event) -> Facts {
        let named = event.action();
        let own = |a: &&Action| a.device == device.key && (!a.state.is_terminal() || Some(a.id) == named);
        let needed = event.offers_needed();
        let wanted = |offer: &&Offer| {
            offer.product == device.product
                && match &needed {
                    Needed::All => true,
                    Needed::Kinds(kinds) => kinds.contains(&offer.kind),
                }
        };
        let offers = self.offers.values().filter(wanted);
        let names = self.images.values().map(|i| ((i.kind, i.number), i.version.clone()));
        Facts {
            connected,
            actions: self.actions.values().filter(own).cloned().collect(),
            offers: offers.map(|o| (o.clone(), Arc::clone(&self.images[&o.image.get()]))).collect(),
            steps: self.images.values().cloned().collect(),
            onward: self.onward(),
            names: names.collect(),
            paused: self.actions.values().filter(|a| self.is_paused(a)).map(|a| a.id).collect(),
            next_action: ActionId::new(self.actions.len() as u64 + 1).unwrap(),
            policy: self.policy,
            closes: self.closes,
            device,
        }
    }

    fn is_paused(&self, action: &Action) -> bool {
        self.paused && matches!(action.origin, Origin::Rollout(_, _)) && action.state == State::Queued
    }

    /// The targets that actions are steps to.
    fn onward(&self) -> Vec<(Target, Vec<Arc<Image>>)> {
        let images = |target| match target {
            Target::Image(id) => vec![Arc::clone(&self.images[&id.get()])],
            Target::Release(_) => self.release.iter().map(|n| Arc::clone(&self.images[n])).collect(),
        };
        let targets = self.actions.values().filter_map(|action| Some(action.onward?.target));
        targets.map(|target| (target, images(target))).collect()
    }

    fn explain(&self, id: &str, kind: &str) -> Vec<String> {
        let (device, _) = &self.devices[id];
        let offer = self.offers.get(&(device.product.clone(), kind_of(kind)));
        let pair = offer.map(|o| (o, &*self.images[&o.image.get()]));
        let active: Vec<_> = self
            .actions
            .values()
            .filter(|a| a.device == device.key && !a.state.is_terminal())
            .cloned()
            .collect();
        let steps: Vec<_> = self.images.values().cloned().collect();
        let findings = eligibility::explain(device, pair, &steps, &active, self.policy.attempts, self.now);
        let line = |f: &eligibility::Finding| match &f.failed {
            None => format!("pass {}", f.rule.name()),
            Some(reason) => format!("FAIL {}: {} ({reason})", f.rule.name(), reason.code()),
        };
        findings.iter().map(line).collect()
    }

    /// How the device stands to what it was assigned.
    fn stands(&self, id: &str) -> Vec<String> {
        let (device, _) = &self.devices[id];
        let brought = |target: Option<Target>| match target {
            None => "nothing".to_owned(),
            Some(Target::Image(id)) => format!("image {id}"),
            Some(Target::Release(id)) => format!("release {id}"),
        };
        let installed = brought(device.installed.map(|own| own.target));
        let wanted = if device.attributes_wanted { ", attributes wanted" } else { "" };
        let (standing, assigned) = (device.standing(), brought(device.assigned));
        vec![format!("{standing:?}: assigned {assigned}, installed {installed}{wanted}")]
    }

    fn show(&self, id: &str) -> Vec<String> {
        let (device, _) = &self.devices[id];
        let versions = device.versions.iter().map(|(kind, r)| format!("type {kind}: {}", r.running));
        let attributes = device.attributes.iter().map(|(id, value)| format!("attribute {id}: {value}"));
        let named = device.named.iter().map(|(name, value)| format!("attribute {name}: {value}"));
        let failures = device.failures.iter();
        let failures = failures.map(|(k, f)| format!("type {k}: image {} failed {} times", f.image, f.count));
        let active = device.active.iter().map(|(kind, action)| format!("type {kind}: action {action}"));
        let refused = device.refused.iter().map(|r| format!("refused: {}", r.message));
        versions.chain(attributes).chain(named).chain(failures).chain(active).chain(refused).collect()
    }
}
