//! One rollout to a fleet of every kind of device, while the server is killed, the rollout paused and actions called off.
//!
//! `UPDRAFT_FLEET=n` sets the number of devices, `UPDRAFT_CRASHES=n` the number of kills, `UPDRAFT_CRASH_SEED=n` the
//! choices of everyone who takes part.

mod pollers;
mod sockets;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::api::Api;
use super::dice::Dice;
use super::process::{Home, Running};
use super::{Findings, recount, report, seed, setting};
use pollers::{Dialect, Poller};
use sockets::Socket;

/// What all devices are: applications of arkors are numbers.
const PRODUCT: &str = "232";
/// What they come with, and what they are to have.
const OLD: &str = "1.0.0";
const NEW: &str = "1.1.0";
/// Devices of a run that nobody asked more of.
const FLEET: u64 = 200;
/// Its kills.
const KILLS: u32 = 3;
/// Threads that polling devices share, each of which waits for its answer; all sockets are on one more.
const POLLERS: usize = 3;
/// Of a hundred devices, how many fail once, and how many never say anything.
const FAIL: u64 = 5;
const SILENT: u64 = 2;
/// A device that does not answer a cancel is waited for so long.
const ENVIRONMENT: &[(&str, &str)] = &[("UPDRAFT_ENGINE_CANCEL_TIMEOUT_MS", "2000")];
/// Longer than a rollout to this many devices takes: each waits for its turn, and the silent ones for their timeouts.
const PER_DEVICE: Duration = Duration::from_millis(300);
const PER_KILL: Duration = Duration::from_secs(2);
const SOME_TIME: Duration = Duration::from_secs(120);

/// A start that takes longer is looked at: the goal is two seconds.
const SLOW: Duration = Duration::from_secs(2);

enum Kind {
    Socket(Socket),
    Poller(Poller),
}

struct Unit {
    kind: Kind,
    silent: bool,
    again: Instant,
}

impl Unit {
    fn step(&mut self, agent: &ureq::Agent, running: &Doors, every: Duration) {
        if self.silent || self.again > Instant::now() {
            return;
        }
        match &mut self.kind {
            Kind::Socket(socket) => socket.step(running.mqtt),
            Kind::Poller(poller) => {
                self.again = Instant::now() + every;
                // The server dies now and then; it is asked again later.
                let _ = poller.step(agent, running.http);
            }
        }
    }

    fn end(self) -> (String, Ended) {
        let silent = self.silent;
        match self.kind {
            Kind::Socket(Socket { id, new, violations, acknowledged, .. }) => {
                (id, Ended { new, silent, violations, acknowledged })
            }
            Kind::Poller(Poller { id, new, violations, answered, .. }) => {
                (id, Ended { new, silent, violations, acknowledged: answered })
            }
        }
    }
}

/// What became of a device, as it knows itself.
struct Ended {
    new: bool,
    silent: bool,
    violations: Vec<String>,
    acknowledged: u64,
}

/// Where the server listens now.
#[derive(Clone, Copy)]
struct Doors {
    mqtt: std::net::SocketAddr,
    http: std::net::SocketAddr,
}

impl Doors {
    fn of(running: &Running) -> Option<Doors> {
        Some(Doors { mqtt: running.mqtt, http: running.http })
    }
}

/// The operator and whoever kills the server.
struct Stage<'a> {
    home: &'a Home,
    running: Option<Running>,
    doors: &'a Mutex<Option<Doors>>,
    size: u64,
    kills: u32,
    pauses: u32,
    cancels: u64,
    dice: Dice,
    findings: Findings,
}

impl Stage<'_> {
    fn api(&self) -> Api {
        self.home.api(self.running.as_ref().expect("it runs between two kills"))
    }

    /// Looks after the rollout until it has finished.
    fn conduct(&mut self) {
        let deadline = Instant::now()
            + SOME_TIME
            + PER_KILL * self.kills
            + PER_DEVICE * u32::try_from(self.size).unwrap();
        while Instant::now() < deadline {
            let shown = self.api().get("rollouts/1").map(|answer| answer.body).unwrap_or_default();
            let devices = &shown["devices"];
            let open =
                ["waiting", "deferred", "active"].map(|place| devices[place].as_u64().unwrap_or_default());
            let ended = devices["total"].as_u64().unwrap_or_default() - open.iter().sum::<u64>();
            let next = u64::from(self.findings.kills + 1) * self.size / u64::from(self.kills + 1);
            match shown["status"].as_str() {
                Some("finished") => return,
                _ if self.findings.kills < self.kills && ended >= next => self.kill(),
                Some("paused") if self.dice.chance(40) => self.command("resume"),
                Some("running") if self.dice.chance(4) => {
                    self.pauses += 1;
                    self.command("pause");
                }
                Some("running") if self.dice.chance(20) && self.cancels < self.size / 40 => self.cancel(),
                Some("running" | "paused" | "creating" | "ready") => {}
                _ => return self.findings.losses.push(format!("the rollout: {shown}")),
            }
            thread::sleep(Duration::from_millis(20 + self.dice.below(200)));
        }
        self.findings.losses.push("the rollout does not finish".into());
    }

    fn command(&mut self, verb: &str) {
        let answer = self.api().post(&format!("rollouts/1/{verb}"), &Value::Null);
        // It may have finished, or a gate may have made it pause meanwhile.
        if !answer.as_ref().is_ok_and(|answer| [200, 409].contains(&answer.status)) {
            self.findings.losses.push(format!("{verb} is answered with {answer:?}"));
        }
    }

    /// Calls off one of the newest actions.
    fn cancel(&mut self) {
        let newest = self.api().get("actions?limit=50").map(|answer| answer.body).unwrap_or_default();
        let open = newest["items"].as_array().into_iter().flatten().filter(|own| own["done"] == false);
        let open: Vec<u64> = open.filter_map(|own| own["id"].as_u64()).collect();
        if open.is_empty() {
            return;
        }
        let id = open[self.dice.below(open.len() as u64) as usize];
        let body = json!({"force": self.dice.chance(30)});
        let answer = self.api().post(&format!("actions/{id}/cancel"), &body);
        self.cancels += u64::from(answer.is_ok_and(|answer| answer.status == 200));
    }

    fn kill(&mut self) {
        thread::sleep(Duration::from_millis(self.dice.below(300)));
        *self.doors.lock().unwrap() = None;
        let running = self.running.take().expect("it runs between two kills");
        if let Some(status) = running.kill() {
            self.findings.losses.push(format!("the server ended by itself: {status}; {}", self.home.log()));
        }
        self.findings.kills += 1;
        self.look();
        if self.dice.chance(25) {
            self.home.start_and_kill(Duration::from_millis(self.dice.below(80)));
            self.look();
        }
        let begun = Instant::now();
        let running = self.home.start().expect("it starts after a crash");
        let serving = begun.elapsed();
        if serving > SLOW {
            let log = self.home.log();
            let tail = log.len().saturating_sub(1000);
            println!(
                "serving again took {serving:.1?}: {}",
                String::from_utf8_lossy(&log.as_bytes()[tail..])
            );
        }
        self.findings.serving.push(serving);
        *self.doors.lock().unwrap() = Doors::of(&running);
        self.running = Some(running);
    }

    fn look(&mut self) {
        self.findings.losses.extend(recount::check(self.home, None));
    }
}

/// Registers the fleet: half MQTT, a quarter DDI, the rest Afero, arkors and ESP8266.
fn enlist(api: &Api, size: u64, dice: &mut Dice) -> Vec<Unit> {
    (0..size)
        .map(|number| {
            let id = format!("lamp-{number}");
            let made = api.post("devices", &json!({"id": id, "product": PRODUCT})).unwrap();
            let token = made.body["token"].as_str().unwrap_or_else(|| panic!("{made:?}")).to_owned();
            let failures = u32::from(dice.chance(FAIL));
            let poller = |dialect| Kind::Poller(Poller::new(id.clone(), token.clone(), dialect, failures));
            let socket = |afero| Kind::Socket(Socket::new(id.clone(), token.clone(), afero, failures));
            let kind = match number % 8 {
                0..4 => socket(false),
                4 | 5 => poller(Dialect::Ddi),
                6 => socket(true),
                _ if number % 16 == 7 => poller(Dialect::Arkors),
                _ => poller(Dialect::Esp),
            };
            Unit { kind, silent: dice.chance(SILENT), again: Instant::now() }
        })
        .collect()
}

/// Who acts on which thread.
fn divide(units: Vec<Unit>) -> Vec<Vec<Unit>> {
    let mut parts: Vec<Vec<Unit>> = (0..=POLLERS).map(|_| Vec::new()).collect();
    for (number, unit) in units.into_iter().enumerate() {
        let part = match unit.kind {
            Kind::Socket(_) => POLLERS,
            Kind::Poller(_) => number / 8 % POLLERS,
        };
        parts[part].push(unit);
    }
    parts
}

/// Four waves, a limit, one retry, and a stop rule that does not hold.
fn rollout(size: u64, kills: u32) -> Value {
    // A device that is well says something in time, whatever the machine is busy with and however often the server dies.
    let patience = if size > 500 { 30 } else { 8 } + u64::from(kills / 4);
    json!({
        "name": "mixed", "image": 2, "product": PRODUCT, "seed": 7, "start": true, "success_percent": 60,
        "waves": [{"percent": 5}, {"percent": 15}, {"percent": 30}, {"rest": true}],
        "in_flight": {"limit": (size / 5).max(20), "lease_s": 3}, "retries": {"limit": 1, "backoff_s": 1},
        "timeouts": {"first_sign_s": patience, "step_s": patience, "total_s": 4 * patience},
        "stop_rules": [{"on": "any", "percent": 50, "min_sample": size / 4, "then": "cancel"}],
    })
}

/// Lets devices act until all is over.
fn work(mut units: Vec<Unit>, doors: &Mutex<Option<Doors>>, over: &AtomicBool, every: Duration) -> Vec<Unit> {
    let config = ureq::Agent::config_builder().http_status_as_error(false).proxy(None);
    let agent = config.timeout_global(Some(Duration::from_secs(10))).build().into();
    while !over.load(Ordering::Acquire) {
        // While there is no server the next one waits, so that everybody has a turn however often it dies.
        for unit in &mut units {
            if let Some(doors) = await_doors(doors, over) {
                unit.step(&agent, &doors, every);
            }
        }
        thread::sleep(Duration::from_millis(5));
    }
    units
}

/// Where the server is, once there is one; none when all is over.
fn await_doors(doors: &Mutex<Option<Doors>>, over: &AtomicBool) -> Option<Doors> {
    loop {
        let now = *doors.lock().unwrap();
        if now.is_some() || over.load(Ordering::Acquire) {
            return now;
        }
        thread::sleep(Duration::from_millis(2));
    }
}

/// Every device at an end, and what succeeded runs the target, as the server knows it and as the device does.
fn check_ends(api: &Api, ended: BTreeMap<String, Ended>, losses: &mut Vec<String>) -> BTreeMap<String, u64> {
    let rows = api.list("devices", "after").unwrap();
    let rows: BTreeMap<&str, &Value> =
        rows.iter().filter_map(|row| Some((row["id"].as_str()?, row))).collect();
    let mut places: BTreeMap<String, u64> = BTreeMap::new();
    let mut left = ended;
    for wave in 1..=4 {
        for member in api.list(&format!("rollouts/1/waves/{wave}/devices"), "after").unwrap() {
            let (id, place) = (member["device"].as_str().unwrap(), member["place"].as_str().unwrap());
            *places.entry(place.to_owned()).or_default() += 1;
            let Some(own) = left.remove(id) else {
                losses.push(format!("{id} is a member twice, or nobody's"));
                continue;
            };
            losses.extend(own.violations);
            let runs = &rows[id]["versions"]["3"]["version"];
            let right = match place {
                "succeeded" => runs == NEW && own.new,
                "cancelled" | "timed-out" => true,
                "failed" => !own.new,
                _ => false,
            };
            if !right || (own.silent && place == "succeeded") {
                losses.push(format!(
                    "{id} runs {runs} (as it knows itself, the new one: {}): {member}",
                    own.new
                ));
            }
        }
    }
    losses.extend(left.keys().map(|id| format!("{id} is no member")));
    places
}

#[test]
fn a_mixed_fleet_is_updated_through_kills_pauses_and_cancels() {
    let size = setting("UPDRAFT_FLEET").unwrap_or(FLEET);
    let kills = setting("UPDRAFT_CRASHES").map_or(KILLS, |kills| kills as u32);
    let seed = seed();
    println!("seed {seed}");
    let mut dice = Dice::new(seed);
    let home = Home::with(Path::new(env!("CARGO_BIN_EXE_updraft")), ENVIRONMENT);
    let running = home.start().unwrap();
    let api = home.api(&running);
    for version in [OLD, NEW] {
        let files: &[(&str, &[u8])] = &[("user1.bin", version.as_bytes()), ("user2.bin", version.as_bytes())];
        assert_eq!(api.upload_for(PRODUCT, version, files).unwrap().status, 201);
    }
    let parts = divide(enlist(&api, size, &mut dice));
    let (doors, over) = (Mutex::new(Doors::of(&running)), AtomicBool::new(false));
    let every = Duration::from_millis((2 * size).max(600));
    let begun = Instant::now();
    let findings = Findings::default();
    let (running, pauses, cancels) = (Some(running), 0, 0);
    let mut stage =
        Stage { home: &home, running, doors: &doors, size, kills, pauses, cancels, dice, findings };
    let ended: BTreeMap<String, Ended> = thread::scope(|scope| {
        let (doors, over) = (&doors, &over);
        let threads: Vec<_> =
            parts.into_iter().map(|units| scope.spawn(move || work(units, doors, over, every))).collect();
        let made = api.post("rollouts", &rollout(size, kills)).unwrap();
        match made.status {
            201 => stage.conduct(),
            _ => stage.findings.losses.push(format!("the rollout is not made: {made:?}")),
        }
        over.store(true, Ordering::Release);
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).map(Unit::end).collect()
    });
    let lasted = begun.elapsed();
    let mut losses = std::mem::take(&mut stage.findings.losses);
    stage.findings.acknowledged = ended.values().map(|own| own.acknowledged).sum();
    let places = check_ends(&stage.api(), ended, &mut losses);
    stage.running = None;
    stage.look();
    losses.append(&mut stage.findings.losses);
    stage.findings.losses = losses;
    stage.findings.serving.sort();
    let Stage { findings, pauses, cancels, .. } = stage;
    println!("{size} devices in {lasted:.1?}, {pauses} pauses, {cancels} cancels: {places:?}");
    report(&findings);
    assert_eq!(findings.losses, Vec::<String>::new(), "{}", home.log());
    assert_eq!(findings.kills, kills);
    let succeeded = places.get("succeeded").copied().unwrap_or_default();
    assert!(succeeded * 10 > size * 8, "hardly anybody was updated: {places:?}");
}
