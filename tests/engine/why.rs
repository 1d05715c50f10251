//! Why a device has, or has not, what rollouts bring: asked of the running engine.

use updraft::domain::decide::Note;
use updraft::domain::event::Event;
use updraft::domain::feedback::{Feedback, Finished, Word};
use updraft::domain::ids::{ActionId, DeviceKey, RolloutId};
use updraft::domain::rollout::{
    Command, InFlight, NewRollout, NewWave, Place, Selection, Share, Size, Status, Tally, Who, bucket,
};
use updraft::engine::call::Stamp;

use crate::rollouts::{command, fleet, make, moment, plan, tenant};
use crate::world::{LONG, World, hello};

/// What the reader says of a device's rollouts: the rollout, its wave, the code and the sentence.
fn standings(world: &World, key: &DeviceKey) -> Vec<(u32, Option<u16>, &'static str, String)> {
    let found = world.reader.explain_rollouts(key, moment()).unwrap().unwrap();
    found.iter().map(|own| (own.rollout.get(), own.wave, own.hold.code(), own.hold.to_string())).collect()
}

/// The place of a device once it is there, with its action.
fn placed(world: &World, id: RolloutId, key: &DeviceKey, place: Place) -> Option<ActionId> {
    let started = std::time::Instant::now();
    loop {
        let (_, member) = world.reader.member(&tenant(), id, &key.device).unwrap().unwrap();
        if member.place == place {
            return member.action;
        }
        assert!(started.elapsed() < LONG, "{member:?}");
        std::thread::yield_now();
    }
}

fn fail(world: &World, key: &DeviceKey, action: ActionId) {
    let feedback = Feedback {
        word: Word::Closed(Finished::Failure),
        code: Some(5),
        progress: None,
        details: Vec::new(),
        time: None,
        settles_cancel: true,
        fingerprint: 7,
    };
    world.engine.uplink(key.clone(), Event::Feedback { action, feedback }, Stamp(0)).unwrap();
    world.receipt();
}

#[test]
fn a_device_is_told_where_it_stands_in_each_rollout() {
    let world = World::new();
    let keys = fleet(&world, 3);
    let image = world.image("1.0.1");
    let id = make(&world, plan(&image, vec![NewWave::new(Size::Count(1)), NewWave::new(Size::Rest)]));
    let waits = "the rollout waits until somebody starts it";
    for key in &keys {
        let wave = world.reader.member(&tenant(), id, &key.device).unwrap().unwrap().0;
        assert_eq!(standings(&world, key), [(1, Some(wave), "not-started", waits.to_owned())]);
    }
    command(&world, id, Command::Start).unwrap();
    let first = |key: &&DeviceKey| world.reader.member(&tenant(), id, &key.device).unwrap().unwrap().0 == 1;
    let (first, others): (Vec<_>, Vec<_>) = keys.iter().partition(first);
    let action = placed(&world, id, first[0], Place::Active).unwrap();
    let behind = "wave 2 has not begun: wave 1 must first have 1 of its 1 devices on the target, and has 0";
    assert_eq!(standings(&world, others[0]), [(1, Some(2), "wave-not-begun", behind.to_owned())]);
    fail(&world, first[0], action);
    placed(&world, id, first[0], Place::Failed);
    let failed = format!("action {action} failed: device code 5");
    assert_eq!(standings(&world, first[0]), [(1, Some(1), "failed", failed)]);
    let missed = "the rollout pauses until somebody resumes it: \
                  wave 1 has ended with 0 of 1, and 100% were wanted";
    let started = std::time::Instant::now();
    while world.reader.rollout(&tenant(), id).unwrap().unwrap().0.status != Status::Paused {
        assert!(started.elapsed() < LONG);
        std::thread::yield_now();
    }
    assert_eq!(standings(&world, others[0]), [(1, Some(2), "paused", missed.to_owned())]);
    let (_, why) = world.reader.explain_rollout(&tenant(), id).unwrap().unwrap();
    assert_eq!(why.to_string(), missed);
}

#[test]
fn a_newer_action_that_took_the_place_of_a_rollout_s_is_named() {
    let world = World::new();
    let key = fleet(&world, 1).remove(0);
    let (image, other) = (world.image("1.0.1"), world.image("1.0.2"));
    let id = make(&world, plan(&image, vec![NewWave::new(Size::Rest)]));
    command(&world, id, Command::Start).unwrap();
    let action = placed(&world, id, &key, Place::Active).unwrap();
    world.deploy(&other, vec![key.device.clone()]).unwrap();
    world.engine.uplink(key.clone(), hello(2, 0), Stamp(0)).unwrap();
    world.receipt();
    let newer = world.reader.actions(&tenant(), Some(&key.device), None, 1).unwrap().remove(0).id;
    assert!(newer > action);
    let last = world.reader.history(&tenant(), action, 0, 100).unwrap().pop().unwrap();
    assert_eq!(last.note, Note::Superseded);
    let (_, wave, code, text) = standings(&world, &key).remove(0);
    assert_eq!(wave, Some(1));
    assert!(["superseded", "cancelling"].contains(&code), "{code}");
    assert!(text.ends_with(&format!("action {newer}")), "{text}");
}

#[test]
fn a_device_that_is_in_no_wave_is_told_why() {
    let world = World::new();
    let keys = fleet(&world, 8);
    let image = world.image("1.0.1");
    let share = Share::percent(50).unwrap();
    let outside = |key: &&DeviceKey| bucket(&key.device, 1) >= share.hundredths();
    let out = keys.iter().find(outside).expect("half of eight devices are not in a half").clone();
    let who = Who::Filter("name==dev-*".into());
    let half = Selection { who, share, seed: 1, continuous: false };
    let id = make(&world, NewRollout { selection: half, ..plan(&image, vec![NewWave::new(Size::Rest)]) });
    assert_eq!(standings(&world, &out)[0].2, "outside-share");
    let stranger = world.device("stranger");
    assert_eq!(standings(&world, &stranger), []);
    let own = world.reader.explain_member(&stranger, id, moment()).unwrap().unwrap();
    let text = "the rollout is not for it: the device does not match its filter name==dev-*";
    assert_eq!((own.wave, own.hold.code(), own.hold.to_string()), (None, "not-selected", text.to_owned()));
    let devices = (0..1000).map(|n| format!("dev-late-{n}"));
    let inside = |id: &String| bucket(&crate::world::key(id).device, 1) < share.hundredths();
    let late = world.device(&devices.into_iter().find(inside).unwrap());
    assert_eq!(standings(&world, &late)[0].2, "too-late");
}

#[test]
fn a_full_rollout_says_how_many_hold_its_places() {
    let world = World::new();
    let keys = fleet(&world, 2);
    let image = world.image("1.0.1");
    let in_flight = Some(InFlight { limit: 1, lease_ms: 3_600_000 });
    let id = make(&world, NewRollout { in_flight, ..plan(&image, vec![NewWave::new(Size::Rest)]) });
    command(&world, id, Command::Start).unwrap();
    let started = std::time::Instant::now();
    let held = || Tally::sum(&world.reader.rollout(&tenant(), id).unwrap().unwrap().1).leased;
    while held() != 1 {
        assert!(started.elapsed() < LONG);
        std::thread::yield_now();
    }
    let waits = |key: &&DeviceKey| standings(&world, key)[0].2 == "in-flight-limit";
    let waiting = keys.iter().find(waits).unwrap();
    let text = "1 devices are under way and hold all 1 places; it waits for one of them";
    assert_eq!(standings(&world, waiting)[0].3, text);
}
