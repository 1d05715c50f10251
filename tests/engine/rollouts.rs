//! Rollouts through the running engine: waves, gates, pause, retries, leases, rollback, and that counters are exact.

use std::time::Instant;

use updraft::domain::action::State;
use updraft::domain::deployment::Target;
use updraft::domain::event::Event;
use updraft::domain::feedback::{Feedback, Finished, Word};
use updraft::domain::filter::Moment;
use updraft::domain::ids::{DeviceId, DeviceKey, RolloutId, TenantId, Time};
use updraft::domain::image::Image;
use updraft::domain::rollout::{
    BadEnd, Command, Ending, InFlight, NewRollout, NewWave, Pace, Place, Remedy, Retries, Rollout, Selection,
    Share, Size, Status, StopRule, Tally, Wave, WaveStatus, Who,
};
use updraft::domain::terms::Terms;
use updraft::engine::call::{Call, CallError, Reply, Stamp};
use updraft::store::Table;

use crate::world::{LONG, World, hello, lamp};

pub fn tenant() -> TenantId {
    TenantId::default()
}

pub fn moment() -> Moment {
    Moment { now: Time(0), overdue_before: Time(0) }
}

pub fn plan(image: &Image, waves: Vec<NewWave>) -> NewRollout {
    NewRollout {
        name: "the rollout".into(),
        description: None,
        target: Target::Image(image.id),
        selection: Selection { who: Who::Product(lamp()), share: Share::ALL, seed: 1, continuous: false },
        waves,
        may_overlap: false,
        terms: Terms::default(),
        allow_downgrade: false,
        pace: Pace::Unbounded,
        in_flight: None,
        retries: Retries::default(),
        start_at: None,
        end: None,
        stops: Vec::new(),
        canary: None,
    }
}

pub fn fleet(world: &World, count: usize) -> Vec<DeviceKey> {
    let devices: Vec<_> = (0..count).map(|n| world.device(&format!("dev-{n:03}"))).collect();
    for (n, key) in devices.iter().enumerate() {
        world.engine.uplink(key.clone(), hello(1, 0), Stamp(n as u128)).unwrap();
        world.receipt();
    }
    devices
}

pub fn make(world: &World, new: NewRollout) -> RolloutId {
    let members = world.reader.muster(&tenant(), &new, &[], moment()).unwrap().unwrap();
    let add = Call::AddRollout { tenant: tenant(), rollout: Box::new(new), members, by: "admin".into() };
    let Reply::Rollout { rollout, .. } = world.call(add).unwrap() else { panic!("no rollout") };
    wait(world, rollout.id, |rollout, _| rollout.status == Status::Ready);
    rollout.id
}

pub fn command(world: &World, id: RolloutId, command: Command) -> Result<Reply, CallError> {
    world.call(Call::CommandRollout { tenant: tenant(), rollout: id, command, by: "admin".into() })
}

/// Waits until the rollout is as it should be; the counters must equal a recount at every look.
pub fn wait(world: &World, id: RolloutId, done: impl Fn(&Rollout, &[Wave]) -> bool) -> (Rollout, Vec<Wave>) {
    let started = Instant::now();
    loop {
        let (rollout, waves) = world.reader.rollout(&tenant(), id).unwrap().unwrap();
        if done(&rollout, &waves) {
            let tallies: Vec<Tally> = waves.iter().map(|wave| wave.tally).collect();
            assert_eq!(world.reader.recount(&tenant(), id).unwrap(), tallies);
            return (rollout, waves);
        }
        assert!(started.elapsed() < LONG, "{rollout:?} {waves:#?}");
        std::thread::yield_now();
    }
}

fn active(world: &World, id: RolloutId) -> Vec<(DeviceId, updraft::domain::ids::ActionId)> {
    let (rollout, _) = world.reader.rollout(&tenant(), id).unwrap().unwrap();
    let members =
        (1..=rollout.waves).flat_map(|n| world.reader.members(&tenant(), id, n, None, 1000).unwrap());
    let active = members.filter(|member| member.place == Place::Active);
    active.map(|member| (member.device, member.action.unwrap())).collect()
}

fn say(world: &World, device: &DeviceId, action: updraft::domain::ids::ActionId, word: Word) {
    let feedback = Feedback {
        word,
        code: None,
        progress: None,
        details: Vec::new(),
        time: None,
        settles_cancel: true,
        fingerprint: 7,
    };
    let key = DeviceKey { tenant: tenant(), device: device.clone() };
    world.engine.uplink(key, Event::Feedback { action, feedback }, Stamp(0)).unwrap();
    world.receipt();
}

fn succeed(world: &World, device: &DeviceId, image: &Image) {
    let key = DeviceKey { tenant: tenant(), device: device.clone() };
    world.engine.uplink(key, hello(9, image.number), Stamp(0)).unwrap();
    world.receipt();
}

const FAILED: Word = Word::Closed(Finished::Failure);

pub fn part(percent: u64) -> Share {
    Share::percent(percent).unwrap()
}

#[test]
fn waves_follow_each_other_until_all_is_done() {
    let world = World::new();
    fleet(&world, 20);
    let image = world.image("1.0.1");
    let waves =
        vec![NewWave::new(Size::Count(2)), NewWave::new(Size::Part(part(50))), NewWave::new(Size::Rest)];
    let id = make(&world, plan(&image, waves));
    assert_eq!(active(&world, id), Vec::new());
    command(&world, id, Command::Start).unwrap();
    for expected in [2, 10, 8] {
        wait(&world, id, |_, waves| Tally::sum(waves).active == expected);
        for (device, _) in active(&world, id) {
            succeed(&world, &device, &image);
        }
    }
    let (rollout, waves) = wait(&world, id, |rollout, _| rollout.status == Status::Finished);
    assert!(rollout.ended.is_some());
    assert_eq!(
        waves.iter().map(|wave| (wave.status, wave.tally.succeeded)).collect::<Vec<_>>(),
        vec![(WaveStatus::Finished, 2), (WaveStatus::Finished, 10), (WaveStatus::Finished, 8)]
    );
    assert_eq!(
        command(&world, id, Command::Start).unwrap_err().to_string(),
        format!("rollout {id}: a rollout that is finished cannot be started")
    );
}

#[test]
fn a_pause_keeps_what_was_queued_from_a_device_that_comes_back() {
    let world = World::new();
    let key = fleet(&world, 1).remove(0);
    world.engine.link(key.clone(), false).unwrap();
    let image = world.image("1.0.1");
    let id = make(&world, plan(&image, vec![NewWave::new(Size::Rest)]));
    command(&world, id, Command::Start).unwrap();
    wait(&world, id, |_, waves| waves[0].tally.active == 1);
    command(&world, id, Command::Pause).unwrap();
    world.engine.link(key.clone(), true).unwrap();
    world.engine.uplink(key.clone(), hello(2, 0), Stamp(0)).unwrap();
    world.receipt();
    let state = |world: &World| world.reader.actions(&tenant(), None, None, 10).unwrap()[0].state;
    assert_eq!(state(&world), State::Queued);
    assert_eq!(world.reader.work(&key).unwrap().unwrap().1, Vec::new());
    command(&world, id, Command::Resume).unwrap();
    wait(&world, id, |_, _| state(&world) == State::Offered);
}

#[test]
fn a_failed_device_is_tried_again_and_counted_once() {
    let world = World::new();
    fleet(&world, 2);
    let image = world.image("1.0.1");
    let retries = Retries { limit: 1, backoff_ms: 1 };
    let id = make(&world, NewRollout { retries, ..plan(&image, vec![NewWave::new(Size::Rest)]) });
    command(&world, id, Command::Start).unwrap();
    wait(&world, id, |_, waves| waves[0].tally.active == 2);
    let (device, action) = active(&world, id).remove(0);
    say(&world, &device, action, FAILED);
    wait(&world, id, |_, waves| waves[0].tally.active == 2);
    let (again, second) = active(&world, id).into_iter().find(|own| own.0 == device).unwrap();
    assert!(second > action);
    say(&world, &again, second, FAILED);
    let (_, waves) = wait(&world, id, |_, waves| waves[0].tally.failed == 1);
    assert_eq!(waves[0].tally.total(), 2);
}

#[test]
fn a_silent_device_gives_its_place_back_when_its_lease_ends() {
    let world = World::new();
    fleet(&world, 3);
    let image = world.image("1.0.1");
    let in_flight = Some(InFlight { limit: 1, lease_ms: 1 });
    let id = make(&world, NewRollout { in_flight, ..plan(&image, vec![NewWave::new(Size::Rest)]) });
    command(&world, id, Command::Start).unwrap();
    let (_, waves) = wait(&world, id, |_, waves| waves[0].tally.active == 3);
    assert!(waves[0].tally.leased <= 1);
}

#[test]
fn too_many_failures_stop_it_and_bring_the_earlier_image_back() {
    let world = World::new();
    fleet(&world, 4);
    let (old, new) = (world.image("1.0.0"), world.image("1.0.1"));
    let rule = StopRule { on: BadEnd::Failed, share: part(50), sample: 2, then: Remedy::RollBack(old.id) };
    let id = make(&world, NewRollout { stops: vec![rule], ..plan(&new, vec![NewWave::new(Size::Rest)]) });
    command(&world, id, Command::Start).unwrap();
    wait(&world, id, |_, waves| waves[0].tally.active == 4);
    let devices = active(&world, id);
    succeed(&world, &devices[0].0, &new);
    say(&world, &devices[1].0, devices[1].1, FAILED);
    let (rollout, _) = wait(&world, id, |rollout, _| rollout.status == Status::Stopping);
    assert_eq!(rollout.cause.unwrap().to_string(), "stop rule 1: 1 of 2 ended badly");
    let started = Instant::now();
    let deployment = loop {
        match world.reader.deployments(&tenant(), None, 1).unwrap().pop() {
            Some(deployment) if deployment.counters.total() == 4 && deployment.counters.pending == 0 => {
                break deployment;
            }
            other => assert!(started.elapsed() < LONG, "{other:?}"),
        }
    };
    let Target::Image(back) = deployment.target else { panic!("no image") };
    let back = world.reader.image(&tenant(), back).unwrap().unwrap();
    assert_eq!((back.version.clone(), back.number), (old.version, new.number + 1));
    assert_eq!(back.artifacts[0].sha256, old.artifacts[0].sha256);
}

#[test]
fn a_stop_cancels_what_is_under_way() {
    let world = World::new();
    fleet(&world, 3);
    let image = world.image("1.0.1");
    let id = make(&world, plan(&image, vec![NewWave::new(Size::Count(2)), NewWave::new(Size::Rest)]));
    command(&world, id, Command::Start).unwrap();
    wait(&world, id, |_, waves| waves[0].tally.active == 2);
    command(&world, id, Command::Stop(Ending::Force)).unwrap();
    let (_, waves) = wait(&world, id, |rollout, _| rollout.status == Status::Stopped);
    assert_eq!((waves[0].tally.cancelled, waves[1].tally.waiting), (2, 1));
}

#[test]
fn a_device_that_comes_later_joins_a_continuous_rollout() {
    let world = World::new();
    fleet(&world, 2);
    let image = world.image("1.0.1");
    let mut new = plan(&image, vec![NewWave::new(Size::Rest)]);
    new.selection = Selection { who: Who::Filter("name==dev-*".into()), continuous: true, ..new.selection };
    let id = make(&world, new);
    command(&world, id, Command::Start).unwrap();
    wait(&world, id, |_, waves| waves[0].tally.active == 2);
    world.device("dev-later");
    world.device("other");
    let (_, waves) = wait(&world, id, |_, waves| waves[0].tally.active == 3);
    assert_eq!(waves[0].tally.total(), 3);
}

#[test]
fn the_devices_of_a_wave_are_read_by_their_ids_whether_they_were_reached_or_wait() {
    let world = World::new();
    let devices = fleet(&world, 6);
    let image = world.image("1.0.1");
    let in_flight = Some(InFlight { limit: 2, lease_ms: 3_600_000 });
    let id = make(&world, NewRollout { in_flight, ..plan(&image, vec![NewWave::new(Size::Rest)]) });
    command(&world, id, Command::Start).unwrap();
    wait(&world, id, |_, waves| waves[0].tally.active == 2);
    let all: Vec<_> = devices.into_iter().map(|key| key.device).collect();
    for offset in 0..=all.len() {
        let page: Vec<_> = all.iter().skip(offset).take(2).cloned().collect();
        assert_eq!(world.reader.members_by_id(&tenant(), id, 1, offset, 2).unwrap(), page, "{offset}");
    }
}

#[test]
fn a_retry_is_for_those_that_are_still_there() {
    let world = World::new();
    let devices = fleet(&world, 3);
    let image = world.image("1.0.1");
    let id = make(&world, plan(&image, vec![NewWave::new(Size::Rest)]));
    command(&world, id, Command::Start).unwrap();
    wait(&world, id, |_, waves| waves[0].tally.active == 3);
    command(&world, id, Command::Stop(Ending::Force)).unwrap();
    wait(&world, id, |rollout, _| rollout.status == Status::Stopped);
    let failed = || world.reader.failed_members(&tenant(), id).unwrap();
    let mut all: Vec<_> = devices.into_iter().map(|key| key.device).collect();
    assert_eq!(failed(), all);
    let key = DeviceKey { tenant: tenant(), device: all.remove(1) };
    world.call(Call::RemoveDevice { key }).unwrap();
    assert_eq!(failed(), all);
}

#[test]
fn a_member_that_cannot_be_read_stops_nobody_else() {
    let world = World::new();
    fleet(&world, 3);
    let image = world.image("1.0.1");
    let id = make(&world, plan(&image, vec![NewWave::new(Size::Rest)]));
    let mut rows = Vec::new();
    let find = &mut |key: &[u8], _: &[u8]| {
        rows.push(key.to_vec());
        std::ops::ControlFlow::Continue(())
    };
    world.store.read(&mut |read| read.scan(Table::Members, &[], None, false, find)).unwrap();
    assert_eq!(rows.len(), 3);
    world.store.write(&mut |write| write.put(Table::Members, &rows[0], b"no record")).unwrap();
    command(&world, id, Command::Start).unwrap();
    let (_, waves) = wait(&world, id, |_, waves| waves[0].tally.active == 2 && waves[0].tally.waiting == 0);
    for (device, _) in active(&world, id) {
        succeed(&world, &device, &image);
    }
    assert_eq!(waves[0].tally.total(), 2);
    wait(&world, id, |rollout, _| rollout.status == Status::Finished);
}

#[test]
fn a_removed_device_keeps_no_rollout_from_its_end() {
    let world = World::new();
    let devices = fleet(&world, 2);
    let image = world.image("1.0.1");
    let id = make(&world, plan(&image, vec![NewWave::new(Size::Rest)]));
    command(&world, id, Command::Start).unwrap();
    wait(&world, id, |_, waves| waves[0].tally.active == 2);
    command(&world, id, Command::Stop(Ending::Cancel)).unwrap();
    world.call(Call::RemoveDevice { key: devices[0].clone() }).unwrap();
    let other = active(&world, id).into_iter().find(|own| own.0 == devices[1].device);
    if let Some((device, action)) = other {
        say(&world, &device, action, Word::Canceled);
    }
    let (_, waves) = wait(&world, id, |rollout, _| rollout.status == Status::Stopped);
    assert_eq!(waves[0].tally.cancelled, 2);
}
