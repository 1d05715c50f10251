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

use updraft::domain::action::{Action, Origin};
use updraft::domain::catalog::Trail;
use updraft::domain::decide::{Facts, Note, Policy, Tell, Verdict, decide};
use updraft::domain::deployment::Target;
use updraft::domain::device::{AutoConfirm, Capabilities, Device, Hardware};
use updraft::domain::eligibility::{self, AttemptLimit};
use updraft::domain::event::{Configuration, Consent, Event, Hello, Mode, Needed, Report, Withdrawal};
use updraft::domain::feedback::{Feedback, Finished, Progress, Word};
use updraft::domain::ids::{
    ActionId, AttributeId, DeploymentId, DeviceId, DeviceKey, FirmwareType, ImageId, ProductId, ReleaseId,
    TenantId, Time,
};
use updraft::domain::image::Image;
use updraft::domain::offer::{HardwareMatch, Offer, Rules};
use updraft::domain::terms::{Force, Terms, Weight};
use updraft::domain::version::{Running, Version, VersionPattern};
use updraft::domain::window::Window;

#[test]
fn every_story_goes_as_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stories");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|f| f.unwrap().path()).collect();
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

/// A fleet small enough to keep in maps.
struct World {
    now: Time,
    policy: Policy,
    /// Whether a new action ends those before it at once.
    closes: bool,
    terms: Terms,
    images: BTreeMap<u32, Arc<Image>>,
    offers: BTreeMap<(ProductId, FirmwareType), Offer>,
    devices: BTreeMap<String, (Device, bool)>,
    actions: BTreeMap<ActionId, Action>,
}

impl World {
    fn new() -> Self {
        World {
            now: Time(0),
            policy: Policy { attempts: AttemptLimit(2), cancel_timeout_ms: 600_000 },
            closes: true,
            terms: Terms::default(),
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
            ["deploy", target, "to", ids @ .., "downgrade"] => self.deploy(target, ids, true),
            ["deploy", target, "to", ids @ ..] => self.deploy(target, ids, false),
            ["cancel", action] => self.cancel(action, false),
            ["cancel", action, "force"] => self.cancel(action, true),
            ["tick"] => self.tick(),
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

    fn deploy(&mut self, target: &str, ids: &[&str], allow_downgrade: bool) -> Vec<String> {
        let numbers: Vec<u32> = target.split('+').map(|n| n.parse().unwrap()).collect();
        let target = match numbers.as_slice() {
            [one] => Target::Image(ImageId::new(u64::from(*one)).unwrap()),
            _ => Target::Release(ReleaseId::new(1).unwrap()),
        };
        let images: Vec<_> = numbers.iter().map(|n| Arc::clone(&self.images[n])).collect();
        let deployment = DeploymentId::new(1).unwrap();
        let mut said = Vec::new();
        for id in ids {
            let images = images.clone();
            let event = Event::Assign {
                origin: Origin::Deployment(deployment),
                target,
                images,
                allow_downgrade,
                terms: self.terms.clone(),
                by: "admin".into(),
            };
            let effects = self.happen(id, &event);
            said.extend(effects.into_iter().filter(|e| e != "stored").map(|e| format!("{id}: {e}")));
        }
        said
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
        said
    }

    fn happen(&mut self, id: &str, event: &Event) -> Vec<String> {
        let (device, connected) = self.devices[id].clone();
        let outcome = decide(self.facts(device, connected, event), event, self.now);
        let mut said = vec![match &outcome.verdict {
            Verdict::Stored => "stored".to_owned(),
            Verdict::Repeated => "repeated".to_owned(),
            Verdict::Rejected(reject) => format!("rejected {}: {reject}", reject.code()),
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
            names: names.collect(),
            paused: std::collections::BTreeSet::new(),
            next_action: ActionId::new(self.actions.len() as u64 + 1).unwrap(),
            policy: self.policy,
            closes: self.closes,
            device,
        }
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
        let findings = eligibility::explain(device, pair, &active, self.policy.attempts, self.now);
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

fn device_event(what: &str, rest: &[&str]) -> Event {
    let fields: BTreeMap<&str, &str> = rest.iter().filter_map(|w| w.split_once('=')).collect();
    let versions = || {
        let kinds =
            fields.iter().filter_map(|(k, v)| Some((FirmwareType::new(k.parse().ok()?)?, running(v))));
        kinds.collect::<BTreeMap<_, _>>()
    };
    match what {
        "hello" => Event::Hello(Hello {
            seq: fields["seq"].parse().unwrap(),
            boot: fields.get("boot").map(|b| (*b).into()),
            product: fields.get("product").map(|p| ProductId::parse(p).unwrap()),
            hardware: fields.get("hw").map(|model| Hardware { model: (*model).into(), revision: None }),
            capabilities: fields.get("types").map(|types| Capabilities {
                types: types.split(',').map(kind_of).collect(),
                ..Capabilities::default()
            }),
            versions: versions(),
            attributes: BTreeMap::new(),
        }),
        "report" => {
            let seq = fields.get("seq").map(|s| s.parse().unwrap());
            Event::Report(Report { seq, versions: versions() })
        }
        "attr" => {
            let id = AttributeId::parse(rest[0]).unwrap();
            Event::Attribute { id, value: rest[1..].join(" ").into() }
        }
        "get" => Event::Get,
        "poll" => Event::Poll,
        "retrieved" => Event::Retrieved { action: ActionId::parse(rest[0]).unwrap() },
        "configure" => configure(rest),
        "confirms" | "denies" => {
            let details = rest[1..].iter().filter(|word| !word.contains('=')).map(|word| (*word).into());
            let code = fields.get("code").map(|code| code.parse().unwrap());
            let consent = Consent { agreed: what == "confirms", code, details: details.collect() };
            Event::Confirm { action: ActionId::parse(rest[0]).unwrap(), consent }
        }
        "auto-confirms" => {
            let (initiator, remark) = (Some(rest[0].into()), None);
            Event::AutoConfirm(Some(AutoConfirm { initiator, remark, since: Time(0) }))
        }
        "asks-again" => Event::AutoConfirm(None),
        "fetches" => Event::Fetching { action: ActionId::parse(rest[0]).unwrap(), what: rest[1].into() },
        "offline" => Event::Presence { online: false },
        "fb" => {
            let (action, feedback) = feedback(rest, &fields);
            Event::Feedback { action, feedback }
        }
        // At DDI an answer to a cancel has a path of its own.
        "ddi" => {
            let (action, feedback) = feedback(rest, &fields);
            Event::Feedback { action, feedback: Feedback { settles_cancel: false, ..feedback } }
        }
        "answer" => {
            let (action, feedback) = feedback(rest, &fields);
            Event::CancelAnswer { action, feedback }
        }
        other => panic!("no such event: {other}"),
    }
}

/// Words are the mode, then `name=value`, or `name` alone for one without a value.
fn configure(rest: &[&str]) -> Event {
    let mode = match rest[0] {
        "merge" => Mode::Merge,
        "replace" => Mode::Replace,
        "remove" => Mode::Remove,
        other => panic!("no such mode: {other}"),
    };
    let (mut numbered, mut named, mut versions) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    for word in &rest[1..] {
        let (name, value) = word.split_once('=').map_or((*word, None), |(name, value)| (name, Some(value)));
        let id = AttributeId::parse(name);
        match (id, id.and_then(AttributeId::firmware_type)) {
            (_, Some(kind)) => drop(versions.insert(kind, running(value.unwrap()))),
            (Some(id), None) => drop(numbered.insert(id, value.map(Into::into))),
            (None, None) => drop(named.insert(name.into(), value.map(Into::into))),
        }
    }
    Event::Configure(Configuration { mode, numbered, named, hardware: None, versions })
}

fn feedback(rest: &[&str], fields: &BTreeMap<&str, &str>) -> (ActionId, Feedback) {
    let word = match rest[1] {
        "proceeding" => Word::Proceeding,
        "scheduled" => Word::Scheduled,
        "resumed" => Word::Resumed,
        "download" => Word::Download,
        "downloaded" => Word::Downloaded,
        "rejected" => Word::Rejected,
        "canceled" => Word::Canceled,
        "success" => Word::Closed(Finished::Success),
        "none" => Word::Closed(Finished::None),
        "failure" => Word::Closed(Finished::Failure),
        other => panic!("no such word: {other}"),
    };
    // A story gives a time to say "the same feedback again"; without one each line is a new one.
    let time = fields.get("time").map(|t| t.parse::<u64>().unwrap());
    let fingerprint = time.map_or_else(unique, |t| t * 100 + rest[1].len() as u64);
    let feedback = Feedback {
        word,
        code: fields.get("code").map(|c| c.parse().unwrap()),
        progress: fields.get("progress").map(|p| {
            let (done, of) = p.split_once('/').unwrap();
            Progress { done: done.parse().unwrap(), of: of.parse().unwrap() }
        }),
        details: fields.get("say").map(|s| (*s).into()).into_iter().collect(),
        time: time.map(Time),
        settles_cancel: true,
        fingerprint,
    };
    (ActionId::parse(rest[0]).unwrap(), feedback)
}

fn unique() -> u64 {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(1_000_000);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

fn running(text: &str) -> Running {
    match text.split_once('#') {
        Some(("", number)) => Running::numbered(number.parse().unwrap()),
        Some((version, number)) => {
            Running { number: Some(number.parse().unwrap()), version: Version::parse(version) }
        }
        None => Running::named(Version::parse(text).unwrap()),
    }
}

fn kind_of(text: &str) -> FirmwareType {
    FirmwareType::new(text.parse().unwrap()).unwrap()
}

fn rules_of(words: &[&str]) -> Rules {
    let mut rules = Rules::default();
    for (key, value) in words.iter().filter_map(|w| w.split_once(':')) {
        match key {
            "from" => rules.compatible.push(VersionPattern::parse(value).unwrap()),
            "through" => rules.through.push(Version::parse(value).unwrap()),
            "opens" => rules.not_before = Some(Time(value.parse::<u64>().unwrap() * 60_000)),
            "closes" => rules.not_after = Some(Time(value.parse::<u64>().unwrap() * 60_000)),
            "hw" => rules.hardware.push(HardwareMatch { model: value.into(), revision: None }),
            other => panic!("no such rule: {other}"),
        }
    }
    rules
}

fn note(note: &Note, details: &[Box<str>]) -> String {
    let details = if details.is_empty() { String::new() } else { format!(": {}", details.join(", ")) };
    match note {
        Note::Created => format!("created{details}"),
        Note::Told => "told".into(),
        Note::Said(word) => format!("said {word:?}{details}"),
        Note::Retrieved => "retrieved".into(),
        Note::Fetching => "fetching".into(),
        Note::Confirmed => "confirmed".into(),
        Note::Denied => "denied".into(),
        Note::Forced => "forced".into(),
        Note::Answered(word) => format!("answered {word:?}{details}"),
        Note::Reported => format!("reported{details}"),
        Note::CancelAsked => "cancel asked".into(),
        Note::CancelEnded => "cancel ended".into(),
        Note::Superseded => "superseded".into(),
        Note::Drift(word) => format!("drift {word:?}{details}"),
    }
}

fn tell(tell: &Tell) -> String {
    match tell {
        Tell::Desired { seq, actions } => {
            let part = |a: &Action| {
                let parts = a.components.iter().map(|c| format!("{}={}#{}", c.kind, c.version, c.number));
                format!("{}: {}", a.id, parts.collect::<Vec<_>>().join(" "))
            };
            format!("tell desired {seq} [{}]", actions.iter().map(part).collect::<Vec<_>>().join(", "))
        }
        Tell::Command { order, action, attempt } => {
            let action = action.map_or(String::new(), |a| format!(" action {a} attempt {attempt}"));
            format!("tell {order:?}{action}")
        }
    }
}

/// Minutes since 1970, or a moment of RFC 3339.
fn moment_of(text: &str) -> Time {
    match text.parse::<jiff::Timestamp>() {
        Ok(stamp) => Time(u64::try_from(stamp.as_millisecond()).unwrap()),
        Err(_) => Time(text.parse::<u64>().unwrap() * 60_000),
    }
}

/// `forced`, `soft`, `download-only` or `from:<moment>`, `consent`, `weight:<number>` and `window:<schedule>` of an hour
/// in UTC, with `_` for blanks.
fn terms_of(words: &[&str], now: Time) -> Terms {
    let mut terms = Terms::default();
    for word in words {
        match word.split_once(':') {
            None if *word == "forced" => terms.force = Force::Forced,
            None if *word == "soft" => terms.force = Force::Soft,
            None if *word == "download-only" => terms.force = Force::DownloadOnly,
            None if *word == "consent" => terms.consent = true,
            Some(("from", moment)) => terms.force = Force::From(moment_of(moment)),
            Some(("weight", number)) => terms.weight = Weight::new(number.parse().unwrap()).unwrap(),
            Some(("window", schedule)) => {
                let schedule = schedule.replace('_', " ");
                terms.window = Some(Window::parse(&schedule, "01:00:00", "+00:00", now).unwrap());
            }
            None | Some(_) => panic!("no such term: {word}"),
        }
    }
    terms
}
