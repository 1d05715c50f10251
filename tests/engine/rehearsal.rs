//! A rehearsal foresees what the real engine then does, and the same seed foresees the same.

use std::collections::BTreeMap;
use std::time::Instant;

use updraft::domain::decide::Order;
use updraft::domain::event::{Event, Report};
use updraft::domain::feedback::{Feedback, Finished, Word};
use updraft::domain::ids::{ActionId, DeviceId, DeviceKey};
use updraft::domain::news::Happened;
use updraft::domain::rollout::{
    BadEnd, Command, NewRollout, NewWave, Place, Remedy, Retries, Share, Size, Status, StopRule,
};
use updraft::domain::terms::{Terms, Weight};
use updraft::domain::version::Running;
use updraft::engine::call::{Downlink, Message, Stamp};
use updraft::engine::rehearsal::{Fate, Model, Plan, Span};

use crate::rollouts::{command, fleet, make, moment, part, plan, tenant, wait};
use crate::world::{LONG, Said, World};

fn model(seed: u64, fails: u64) -> Model {
    let span = |least_ms, most_ms| Span { least_ms, most_ms };
    Model {
        seed,
        fails: part(fails),
        silent: Share::NONE,
        away: Share::NONE,
        sign: span(1000, 5000),
        install: span(10_000, 60_000),
        back: span(0, 0),
        horizon_ms: 24 * 60 * 60 * 1000,
    }
}

fn rehearse(world: &World, new: &NewRollout, model: &Model) -> Plan {
    world.reader.rehearse(&tenant(), new.clone(), &[], model, moment()).unwrap().unwrap()
}

/// Plays the fleet against the real engine, each device as the model says, without its delays.
fn play(world: &World, model: &Model, until: impl Fn(&World) -> bool) {
    let started = Instant::now();
    let mut serial = 0;
    while !until(world) {
        assert!(started.elapsed() < LONG, "{:#?}", world.reader.rollouts(&tenant(), None, 1));
        let Ok(said) = world.said.recv_timeout(std::time::Duration::from_millis(50)) else { continue };
        let Said::Downlink(Downlink { device, message: Message::Command(command), .. }) = said else {
            continue;
        };
        let (Order::Deploy, Some(action)) = (command.order, command.action) else { continue };
        serial += 1;
        let event = match model.act(&device.device, command.attempt).fate {
            Fate::Succeeds => success(world, &device, action),
            Fate::Fails => failure(action, serial),
            Fate::Silent => continue,
        };
        world.engine.uplink(device, event, Stamp(0)).unwrap();
    }
}

fn success(world: &World, device: &DeviceKey, action: ActionId) -> Event {
    let action = world.reader.action(&device.tenant, action).unwrap().unwrap();
    let parts = action.components.into_iter();
    let running = |number, version| Running { number: Some(number), version: Some(version) };
    let versions =
        parts.map(|part| (part.kind, running(part.number, part.version))).collect::<BTreeMap<_, _>>();
    Event::Report(Report { seq: None, versions })
}

fn failure(action: ActionId, fingerprint: u64) -> Event {
    let feedback = Feedback {
        word: Word::Closed(Finished::Failure),
        code: None,
        progress: None,
        details: Vec::new(),
        time: None,
        settles_cancel: true,
        fingerprint,
    };
    Event::Feedback { action, feedback }
}

fn foreseen(plan: &Plan) -> Vec<(DeviceId, u16, Place, u32)> {
    plan.devices.iter().map(|own| (own.device.clone(), own.wave, own.place, own.tries)).collect()
}

fn real(world: &World, plan: &Plan) -> Vec<(DeviceId, u16, Place, u32)> {
    let mut devices = Vec::new();
    for wave in &plan.waves {
        let id = world.reader.rollouts(&tenant(), None, 1).unwrap()[0].0.id;
        let mut members = world.reader.members(&tenant(), id, wave.number, None, 10_000).unwrap();
        members.sort_by(|a, b| a.device.cmp(&b.device));
        devices.extend(members.into_iter().map(|own| (own.device, wave.number, own.place, own.tries)));
    }
    devices
}

fn status(world: &World) -> Status {
    world.reader.rollouts(&tenant(), None, 1).unwrap()[0].0.status
}

#[test]
fn the_real_rollout_decides_as_the_rehearsal_foresaw() {
    let world = World::new();
    fleet(&world, 60);
    let image = world.image("1.0.1");
    let waves =
        vec![NewWave::new(Size::Count(5)), NewWave::new(Size::Part(part(30))), NewWave::new(Size::Rest)];
    let waves = waves.into_iter().map(|wave| NewWave { success: part(50), ..wave }).collect();
    let retries = Retries { limit: 1, backoff_ms: 10 };
    let new = NewRollout { retries, ..plan(&image, waves) };
    let model = model(7, 20);
    let foresaw = rehearse(&world, &new, &model);
    assert_eq!((foresaw.rollout.status, foresaw.cut_short), (Status::Finished, false));
    // Nothing real was touched.
    assert_eq!(world.reader.rollouts(&tenant(), None, 10).unwrap(), Vec::new());
    let id = make(&world, new);
    command(&world, id, Command::Start).unwrap();
    play(&world, &model, |world| status(world) == Status::Finished);
    assert_eq!(real(&world, &foresaw), foreseen(&foresaw));
    let tallies =
        |waves: &[updraft::domain::rollout::Wave]| waves.iter().map(|wave| wave.tally).collect::<Vec<_>>();
    let (_, waves) = world.reader.rollout(&tenant(), id).unwrap().unwrap();
    assert_eq!(tallies(&waves), tallies(&foresaw.waves));
}

#[test]
fn a_rehearsal_foresees_when_it_would_stop_and_the_same_seed_foresees_the_same() {
    let world = World::new();
    fleet(&world, 100);
    let image = world.image("1.0.1");
    let rule = StopRule { on: BadEnd::Any, share: part(50), sample: 10, then: Remedy::Pause };
    let waves = vec![NewWave::new(Size::Count(20)), NewWave::new(Size::Rest)];
    let new = NewRollout { stops: vec![rule], ..plan(&image, waves) };
    let model = model(1, 90);
    let first = rehearse(&world, &new, &model);
    assert_eq!(first.rollout.status, Status::Paused);
    assert!(first.rollout.cause.as_ref().unwrap().to_string().starts_with("stop rule 1: "));
    let reached = first.devices.iter().filter(|own| own.reached.is_some()).count();
    assert_eq!(reached, 20);
    assert!(first.until > first.from && first.until.0 - first.from.0 <= 70_000);
    let paused =
        |(_, what): &&(_, Happened)| matches!(what, Happened::Rollout { status: Status::Paused, .. });
    assert_eq!(first.moments.iter().filter(paused).count(), 1);
    assert_eq!(rehearse(&world, &new, &model), first);
    let other = rehearse(&world, &new, &Model { seed: 2, ..model });
    assert_ne!(foreseen(&other), foreseen(&first));
}

#[test]
fn what_devices_have_under_way_ends_in_a_rehearsal_and_makes_room_for_the_rollout() {
    let world = World::new();
    fleet(&world, 10);
    let (heavy, light) = (world.image("1.0.1"), world.image("1.0.2"));
    let waves = || vec![NewWave::new(Size::Rest)];
    let new = plan(&heavy, waves());
    let terms = Terms { weight: Weight::new(900).unwrap(), ..new.terms.clone() };
    let id = make(&world, NewRollout { name: "heavy".into(), terms, ..new });
    command(&world, id, Command::Start).unwrap();
    wait(&world, id, |_, waves| waves[0].tally.active == 10);
    let new = plan(&light, waves());
    let terms = Terms { weight: Weight::new(100).unwrap(), ..new.terms.clone() };
    let foresaw = rehearse(&world, &NewRollout { terms, ..new }, &model(3, 0));
    assert_eq!((foresaw.rollout.status, foresaw.cut_short), (Status::Finished, false));
    assert_eq!(foresaw.waves[0].tally.succeeded, 10);
}
