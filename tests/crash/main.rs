//! The server is killed with SIGKILL at random moments while a fleet talks to it, and started again on its folder.
//! What it acknowledged has to be there; the same test has to catch a server that acknowledges too early.
//!
//! `UPDRAFT_CRASHES=n` sets the number of kills, `UPDRAFT_CRASH_SEED=n` the choices of everyone who takes part.
#![allow(clippy::unwrap_used)]

mod api;
mod check;
mod device;
mod dice;
mod disk;
mod mixed;
#[path = "../support/mqtt.rs"]
mod mqtt;
mod operator;
mod process;
mod recount;
mod rollouts;
#[path = "../support/mod.rs"]
mod support;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use device::Device;
use dice::Dice;
use operator::Operator;
use process::{Home, Running};

/// Devices that talk; half of them MQTT 3.1.1, half MQTT 5.
const FLEET: u64 = 24;
/// Kills of a run that nobody asked more of.
const KILLS: u32 = 30;
/// By then a server whose commits are late has to be caught. Each kill catches it with some luck.
const CONTROL_KILLS: u32 = 30;
/// The longest that the server lives under traffic.
const LIFE_MS: u64 = 400;

/// What came of a trial.
#[derive(Debug, Default)]
struct Findings {
    kills: u32,
    acknowledged: u64,
    serving: Vec<Duration>,
    losses: Vec<String>,
}

/// Kills the server `kills` times, or until something is lost.
fn trial(home: &Home, kills: u32, seed: u64) -> Findings {
    println!("seed {seed}");
    let mut dice = Dice::new(seed);
    let mut findings = Findings::default();
    let mut operator = Operator::new(dice.other(1000));
    let mut running = home.start().unwrap();
    let mut devices = register(home, &running, &mut operator, &dice);
    while findings.kills < kills && findings.losses.is_empty() {
        let before_end = Duration::from_millis(20 + dice.below(LIFE_MS));
        if let Some(status) = talk(home, running, &mut devices, &mut operator, before_end) {
            findings.losses.push(format!("the server ended by itself: {status}; {}", home.log()));
        }
        findings.kills += 1;
        findings.losses.extend(recount::check(home, Some(&mut operator.rollouts)));
        if dice.chance(25) {
            home.start_and_kill(Duration::from_millis(dice.below(80)));
            findings.kills += 1;
            findings.losses.extend(recount::check(home, Some(&mut operator.rollouts)));
        }
        let begun = Instant::now();
        running = match home.start() {
            Ok(running) => running,
            Err(error) => {
                findings.losses.push(error);
                break;
            }
        };
        findings.serving.push(begun.elapsed());
        let found = check::check(&home.api(&running), &mut devices, &mut operator);
        findings
            .losses
            .extend(found.unwrap_or_else(|error| vec![format!("the server does not tell: {error}")]));
        findings.losses.append(&mut operator.violations);
        devices.iter_mut().for_each(|device| findings.losses.append(&mut device.violations));
    }
    findings.acknowledged =
        operator.acknowledged + devices.iter().map(|device| device.acknowledged).sum::<u64>();
    findings.serving.sort();
    println!("rollouts: {:?}; their members: {:?}", operator.rollouts.statuses(), operator.rollouts.members);
    findings
}

fn register(home: &Home, running: &Running, operator: &mut Operator, dice: &Dice) -> Vec<Device> {
    let api = home.api(running);
    operator.upload(&api).unwrap();
    let device = |number| {
        let id = format!("lamp-{number}");
        let token = operator.enlist(&api, &id).unwrap();
        Device::new(number, id, token, dice.other(number))
    };
    (0..FLEET).map(device).collect()
}

/// Lets everyone talk until the server is killed. Tells how it ended, if it was not killed.
fn talk(
    home: &Home,
    running: Running,
    devices: &mut [Device],
    operator: &mut Operator,
    before_end: Duration,
) -> Option<std::process::ExitStatus> {
    let (mqtt, api) = (running.mqtt, home.api(&running));
    thread::scope(|scope| {
        for device in devices {
            // It talks until the connection breaks, which is what the test is about.
            scope.spawn(move || drop(device.live(mqtt)));
        }
        scope.spawn(move || drop(operator.work(&api)));
        thread::sleep(before_end);
        running.kill()
    })
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number"))
}

fn seed() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is past 1970");
    setting("UPDRAFT_CRASH_SEED").unwrap_or(now.as_nanos() as u64)
}

fn report(findings: &Findings) {
    let Findings { kills, acknowledged, serving, losses } = findings;
    let at = |part: usize| serving.get(serving.len() * part / 100).copied().unwrap_or_default();
    let (median, p99, worst) = (at(50), at(99), serving.last().copied().unwrap_or_default());
    println!(
        "{kills} kills, {acknowledged} messages and requests acknowledged, {} losses; serving again after \
         {median:.1?} (median), {p99:.1?} (p99), {worst:.1?} (worst)",
        losses.len()
    );
}

#[test]
fn nothing_that_was_acknowledged_is_lost_when_the_server_is_killed() {
    let kills = setting("UPDRAFT_CRASHES").map_or(KILLS, |kills| kills as u32);
    let findings = trial(&Home::new(Path::new(env!("CARGO_BIN_EXE_updraft"))), kills, seed());
    report(&findings);
    assert_eq!(findings.losses, Vec::<String>::new());
    assert!(findings.acknowledged > u64::from(kills) * FLEET, "hardly anything was said: {findings:?}");
}

/// All is lost at the first kill; or, which is harder to see, what the last few commits brought.
#[test]
fn a_server_that_acknowledges_before_the_commit_is_caught() {
    let program = late_commits();
    let some: &[(&str, &str)] = &[("LATE_SYNCS", "6")];
    for environment in [&[], some] {
        let findings = trial(&Home::with(&program, environment), CONTROL_KILLS, seed());
        report(&findings);
        assert!(!findings.losses.is_empty(), "{environment:?}: {findings:?}");
        println!("{:#?}", findings.losses.iter().take(3).collect::<Vec<_>>());
    }
}

/// Builds the server whose commits are late, in the profile of this test; the same folder has it already when all
/// targets were built.
fn late_commits() -> PathBuf {
    let folder = Path::new(env!("CARGO_BIN_EXE_updraft")).parent().unwrap();
    let mut command = Command::new(env!("CARGO"));
    command.args(["build", "--quiet", "--example", "late_commits"]).current_dir(env!("CARGO_MANIFEST_DIR"));
    command.env("CARGO_TARGET_DIR", folder.parent().unwrap());
    // What cargo tells a test about its package makes build scripts of dependencies run anew.
    let names = std::env::vars_os().map(|(name, _)| name);
    let told = |name: &std::ffi::OsString| {
        let name = name.to_string_lossy();
        name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")
    };
    for name in names.filter(told) {
        command.env_remove(name);
    }
    if folder.ends_with("release") {
        command.arg("--release");
    }
    assert!(command.status().unwrap().success());
    folder.join("examples/late_commits")
}
