//! Time in the engine: silent devices, steps on the way to a target, and what is due for whom.

use std::collections::BTreeMap;
use std::time::Instant;

use updraft::domain::action::State;
use updraft::domain::decide::Order;
use updraft::domain::deployment::{Counters, Target};
use updraft::domain::event::{Event, Report};
use updraft::domain::feedback::{Feedback, Finished, Word};
use updraft::domain::ids::{ActionId, DeviceKey, FirmwareType, ImageId, TenantId, Time};
use updraft::domain::image::{Image, Sha256};
use updraft::domain::offer::Rules;
use updraft::domain::tenant::Setting;
use updraft::domain::terms::{Terms, Timeouts};
use updraft::domain::version::{Running, Version};
use updraft::engine::call::{Call, NewArtifact, NewImage, Reply, Stamp};
use updraft::store::tables::View;

use crate::world::*;

/// Longer than any test runs.
const HOUR: Option<u64> = Some(3_600_000);

fn order(image: ImageId, lamp: &DeviceKey, timeouts: Timeouts) -> Call {
    Call::Deploy {
        tenant: TenantId::default(),
        target: Target::Image(image),
        devices: vec![lamp.device.clone()],
        allow_downgrade: false,
        terms: Terms { timeouts, ..Terms::default() },
        by: "admin".into(),
    }
}

fn said(action: ActionId, word: Word, fingerprint: u64) -> Event {
    let feedback = Feedback {
        word,
        code: None,
        progress: None,
        details: Vec::new(),
        time: None,
        settles_cancel: true,
        fingerprint,
    };
    Event::Feedback { action, feedback }
}

/// Waits for the deployment to stand so.
fn await_counters(world: &World, expected: Counters) {
    let deadline = Instant::now() + LONG;
    while world.counters() != expected {
        assert!(Instant::now() < deadline, "still {:?}", world.counters());
        std::thread::yield_now();
    }
}

/// How many rows there are of moments to come.
fn due(world: &World) -> usize {
    let mut rows = 0;
    let count = &mut |read: &dyn updraft::store::Read| {
        rows = View(read).due(Time(u64::MAX), usize::MAX)?.len();
        Ok(())
    };
    world.store.read(count).unwrap();
    rows
}

#[test]
fn a_silent_device_is_given_up_and_asked_to_stop() {
    let world = World::new();
    let image = world.image("1.0.1");
    let lamp = world.device("lamp-1");
    world.engine.uplink(lamp.clone(), hello(1, 0), Stamp(1)).unwrap();
    world.call(order(image.id, &lamp, Timeouts { first_ms: Some(200), ..Timeouts::default() })).unwrap();
    assert_eq!(world.command(), (lamp.clone(), Order::Deploy));
    assert_eq!(world.command(), (lamp, Order::Cancel));
    await_counters(&world, Counters { failed: 1, ..Counters::default() });
    let tenant = TenantId::default();
    let action = world.reader.actions(&tenant, None, None, 1).unwrap().remove(0);
    let history = world.reader.history(&tenant, action.id, 0, 10).unwrap();
    let last = history.last().unwrap();
    assert_eq!((action.state, last.state), (State::TimedOut, State::TimedOut));
    assert_eq!(&*last.details[0], "no sign within 200 ms of the command, still offered");
    assert_eq!(due(&world), 0);
}

#[test]
fn what_is_due_is_noted_once_however_often_the_device_speaks() {
    let world = World::new();
    let image = world.image("1.0.1");
    let lamp = world.device("lamp-1");
    world.engine.uplink(lamp.clone(), hello(1, 0), Stamp(1)).unwrap();
    world.call(order(image.id, &lamp, Timeouts::default())).unwrap();
    assert_eq!(world.command(), (lamp.clone(), Order::Deploy));
    assert_eq!(due(&world), 0);
    world.call(order(image.id, &lamp, Timeouts { first_ms: HOUR, step_ms: HOUR, total_ms: HOUR })).unwrap();
    assert_eq!(world.command(), (lamp.clone(), Order::Deploy));
    assert_eq!(due(&world), 1);
    let action = world.reader.actions(&TenantId::default(), None, None, 1).unwrap()[0].id;
    for (n, word) in (2..).zip([Word::Proceeding, Word::Download, Word::Downloaded, Word::Proceeding]) {
        world.engine.uplink(lamp.clone(), said(action, word, n), Stamp(n.into())).unwrap();
        while world.receipt().0 != Stamp(n.into()) {}
    }
    assert_eq!(world.reader.action(&TenantId::default(), action).unwrap().unwrap().state, State::Installing);
    assert_eq!(due(&world), 1);
}

/// An image that is reached over others.
fn image_through(world: &World, version: &str, through: &[&str]) -> Image {
    let parse = |text: &str| Version::parse(text).unwrap();
    let rules = Rules { through: through.iter().map(|text| parse(text)).collect(), ..Rules::default() };
    let file =
        NewArtifact { name: "fw.bin".into(), size: 3, sha256: Sha256([7; 32]), sha1: [1; 20], md5: [2; 16] };
    let plain = NewImage::plain(lamp(), FirmwareType::APPLICATION, parse(version), rules);
    let image = NewImage { files: vec![file], ..plain };
    let add = Call::AddImages { tenant: TenantId::default(), images: vec![image], by: "admin".into() };
    match world.call(add).unwrap() {
        Reply::Images { mut images, .. } => images.remove(0),
        other => panic!("not an image: {other:?}"),
    }
}

#[test]
fn a_deployment_counts_a_device_once_however_many_steps_it_takes() {
    let world = World::new();
    let steps = ["1.0.0", "2.0.0", "3.0.0"].map(|version| image_through(&world, version, &[]));
    let target = image_through(&world, "4.0.0", &["2.0.0", "3.0.0"]);
    let lamp = world.device("lamp-1");
    world.engine.uplink(lamp.clone(), hello(1, steps[0].number), Stamp(1)).unwrap();
    world.deploy(&target, vec![lamp.device.clone()]).unwrap();
    let mut brought = Vec::new();
    for seq in 2..=4u64 {
        assert_eq!(world.command(), (lamp.clone(), Order::Deploy));
        assert_eq!(world.counters(), Counters { active: 1, ..Counters::default() });
        let action = world.reader.actions(&TenantId::default(), None, None, 1).unwrap().remove(0);
        let Target::Image(id) = action.target else { panic!("no image") };
        brought.push(id);
        let number = action.components[0].number;
        world
            .engine
            .uplink(lamp.clone(), said(action.id, Word::Closed(Finished::Success), seq), Stamp(seq.into()))
            .unwrap();
        let versions = BTreeMap::from([(FirmwareType::APPLICATION, Running::numbered(number))]);
        world
            .engine
            .uplink(
                lamp.clone(),
                Event::Report(Report { seq: Some(seq), versions }),
                Stamp((10 + seq).into()),
            )
            .unwrap();
    }
    assert_eq!(brought, [steps[1].id, steps[2].id, target.id]);
    await_counters(&world, Counters { succeeded: 1, ..Counters::default() });
}

#[test]
fn a_removed_device_lets_everything_go_at_once() {
    let world = World::new();
    let tenant = TenantId::default();
    let settings = vec![(Setting::ActionsAutoclose, Some("false".into()))];
    let (first, second) = (world.image("1.0.1"), world.image("1.0.2"));
    let lamp = world.device("lamp-1");
    world.call(Call::Configure { tenant: tenant.clone(), settings, by: "admin".into() }).unwrap();
    world.engine.uplink(lamp.clone(), hello(1, 0), Stamp(1)).unwrap();
    world.deploy(&first, vec![lamp.device.clone()]).unwrap();
    assert_eq!(world.command(), (lamp.clone(), Order::Deploy));
    world.deploy(&second, vec![lamp.device.clone()]).unwrap();
    while world.command() != (lamp.clone(), Order::Cancel) {}
    world.call(Call::RemoveDevice { key: lamp }).unwrap();
    let actions = world.reader.actions(&tenant, None, None, 10).unwrap();
    let states: Vec<_> = actions.iter().map(|action| action.state).collect();
    assert_eq!(states, [State::Cancelled, State::Cancelled]);
}
