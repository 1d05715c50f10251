//! The engine from the doors' side: what it answers, what it tells, and that nothing leaves before the commit.

#![allow(clippy::unwrap_used)]

mod changes;
mod clocks;
mod matching;
mod rehearsal;
mod rollouts;
mod why;
mod windows;
mod world;

use std::sync::atomic::Ordering;
use std::sync::{Arc, mpsc};

use updraft::domain::action::HISTORY_MAX;
use updraft::domain::decide::{Note, Order};
use updraft::domain::deployment::{Counters, Target};
use updraft::domain::event::{Event, Withdrawal};
use updraft::domain::feedback::{Feedback, Finished, Word};
use updraft::domain::ids::{DeviceId, TenantId};
use updraft::domain::image::{Image, Sha256};
use updraft::domain::offer::Rules;
use updraft::engine::access::{Principal, Role};
use updraft::engine::call::{Call, CallError, Outcome, Receipt, Reply, Stamp};
use updraft::engine::query::Reader;
use updraft::engine::{self};
use updraft::store::StoreError;

use world::*;

#[test]
fn a_receipt_leaves_after_its_commit_and_in_order() {
    let world = World::new();
    let lamp = world.device("lamp-1");
    let before = world.commits.load(Ordering::SeqCst);
    world.heard_at.lock().unwrap().clear();
    for seq in 1..=100 {
        world.engine.uplink(lamp.clone(), hello(seq, 1), Stamp(u128::from(seq))).unwrap();
    }
    for seq in 1..=100 {
        assert_eq!(world.receipt(), (Stamp(u128::from(seq)), stored(seq)));
    }
    let first = world.heard_at.lock().unwrap()[0];
    assert!(first > before, "a receipt left when no commit had returned");
}

#[test]
fn after_a_failed_commit_nothing_is_acknowledged_and_the_owner_is_told() {
    let world = World::new();
    let lamp = world.device("lamp-1");
    world.broken.store(true, Ordering::SeqCst);
    world.engine.uplink(lamp, hello(1, 1), Stamp(1)).unwrap();
    assert_eq!(world.died.recv_timeout(LONG).unwrap(), "the store cannot commit");
    let left: Vec<_> = world.said.try_iter().collect();
    assert!(left.is_empty(), "said after a failed commit: {left:?}");
    let call = Call::RemoveOperator { name: "nobody".into() };
    assert!(matches!(world.call(call), Err(CallError::Stopping)));
}

#[test]
fn an_unknown_device_is_refused_and_not_kept() {
    let world = World::new();
    world.engine.uplink(key("ghost"), hello(5, 1), Stamp(9)).unwrap();
    let (stamp, receipt) = world.receipt();
    let outcome =
        Outcome::Rejected { code: "no-such-device", message: "there is no device ghost".to_owned() };
    assert_eq!((stamp, receipt), (Stamp(9), Receipt { seq: Some(5), outcome }));
    assert_eq!(world.reader.device(&key("ghost")).unwrap(), None);
}

#[test]
fn a_deployment_larger_than_a_batch_reaches_every_device_and_counts_each_once() {
    let world = World::new();
    let image = world.image("1.0.1");
    let ids: Vec<_> = (0..2500).map(|n| format!("lamp-{n}")).collect();
    for id in &ids {
        world.device(id);
    }
    let devices: Vec<_> = ids.iter().map(|id| DeviceId::parse(id).unwrap()).collect();
    world.deploy(&image, devices).unwrap();
    let mut told: Vec<_> = (0..ids.len()).map(|_| world.command().0.device.to_string()).collect();
    told.sort();
    let mut expected = ids.clone();
    expected.sort();
    assert_eq!(told, expected);
    assert_eq!(world.counters(), Counters { active: 2500, ..Counters::default() });
}

#[test]
fn a_deployment_that_names_an_unknown_device_leaves_nothing() {
    let world = World::new();
    let image = world.image("1.0.1");
    world.device("lamp-1");
    let devices = ["lamp-1", "ghost"].map(|id| DeviceId::parse(id).unwrap()).to_vec();
    let refused = world.deploy(&image, devices).unwrap_err();
    assert_eq!(refused, CallError::NoSuchDevice(DeviceId::parse("ghost").unwrap()));
    assert_eq!(world.reader.deployments(&TenantId::default(), None, 10).unwrap(), []);
    assert_eq!(world.reader.actions(&TenantId::default(), None, None, 10).unwrap(), []);
}

#[test]
fn a_changed_offer_reaches_the_devices_that_are_there() {
    let world = World::new();
    let image = world.image("1.0.1");
    let lamp = world.device("lamp-1");
    world.engine.uplink(lamp.clone(), hello(1, 0), Stamp(1)).unwrap();
    assert_eq!(world.receipt(), (Stamp(1), stored(1)));
    let tenant = TenantId::default();
    let offer = Call::SetOffer {
        tenant,
        image: image.id,
        product: None,
        rules: Rules::default(),
        allow_downgrade: false,
    };
    world.call(offer).unwrap();
    assert_eq!(world.command(), (lamp.clone(), Order::Deploy));
    let grants = world.reader.grants(&lamp).unwrap();
    assert_eq!(grants.iter().map(|g| &g.artifact).collect::<Vec<_>>(), [&image.artifacts[0]]);
}

#[test]
fn a_cancel_that_nobody_answers_ends_at_the_tick() {
    let world = World::new();
    let image = world.image("1.0.1");
    let lamp = world.device("lamp-1");
    world.engine.uplink(lamp.clone(), hello(1, 0), Stamp(1)).unwrap();
    world.deploy(&image, vec![lamp.device.clone()]).unwrap();
    assert_eq!(world.command(), (lamp.clone(), Order::Deploy));
    let action = world.reader.actions(&TenantId::default(), None, None, 1).unwrap()[0].id;
    world.call(Call::Cancel { tenant: TenantId::default(), action, how: Withdrawal::Plain }).unwrap();
    let deadline = std::time::Instant::now() + LONG;
    while world.counters() != (Counters { cancelled: 1, ..Counters::default() }) {
        assert!(std::time::Instant::now() < deadline, "still {:?}", world.counters());
        std::thread::yield_now();
    }
    assert_eq!(world.reader.grants(&lamp).unwrap(), []);
}

#[test]
fn an_image_in_use_stays_and_one_that_is_not_names_its_files() {
    let world = World::new();
    let (first, second) = (world.image("1.0.1"), world.image("1.0.2"));
    assert_eq!((first.number, second.number), (1, 2));
    let tenant = TenantId::default();
    let offer = Call::SetOffer {
        product: None,
        tenant: tenant.clone(),
        image: first.id,
        rules: Rules::default(),
        allow_downgrade: false,
    };
    world.call(offer).unwrap();
    let remove = |image: &Image| Call::RemoveImage { tenant: tenant.clone(), image: image.id, mark: false };
    let by = "offered to product lamp as type 3".to_owned();
    assert_eq!(world.call(remove(&first)).unwrap_err(), CallError::ImageInUse { image: first.id, by });
    // Both images have the same file: it goes with the last of them.
    let Reply::Removed { files } = world.call(remove(&second)).unwrap() else { panic!("not removed") };
    assert_eq!(files, []);
    world.call(Call::RemoveOffer { tenant: tenant.clone(), product: lamp(), kind: first.kind }).unwrap();
    let Reply::Removed { files } = world.call(remove(&first)).unwrap() else { panic!("not removed") };
    assert_eq!(files, [Sha256([7; 32])]);
    let third = world.image("1.0.3");
    assert_eq!(third.number, 3, "numbers are never issued twice");
}

#[test]
fn a_device_whose_token_ends_is_evicted() {
    let world = World::new();
    let lamp = world.device("lamp-1");
    for call in [Call::RenewToken { key: lamp.clone() }, Call::RemoveDevice { key: lamp.clone() }] {
        world.call(call).unwrap();
        match world.said.recv_timeout(LONG).unwrap() {
            Said::Evicted(principal) => assert_eq!(principal, Principal::Device(lamp.clone())),
            other => panic!("not evicted: {other:?}"),
        }
    }
}

#[test]
fn nobody_is_online_who_was_not_heard_of_since_the_start() {
    let world = World::new();
    let lamp = world.device("lamp-1");
    world.engine.uplink(lamp.clone(), hello(1, 0), Stamp(1)).unwrap();
    assert_eq!(world.receipt(), (Stamp(1), stored(1)));
    assert!(world.reader.device(&lamp).unwrap().unwrap().online);
    // The clock counts milliseconds: the next reader starts in a later one.
    let before = engine::now();
    while engine::now() == before {
        std::thread::yield_now();
    }
    let after_a_restart = Reader::new(Arc::clone(&world.store), POLICY);
    assert!(!after_a_restart.device(&lamp).unwrap().unwrap().online);
    world.engine.link(lamp.clone(), false).unwrap();
    let deadline = std::time::Instant::now() + LONG;
    while world.reader.device(&lamp).unwrap().unwrap().online {
        assert!(std::time::Instant::now() < deadline, "still online");
        std::thread::yield_now();
    }
}

#[test]
fn on_a_full_disk_nothing_is_taken_in_until_there_is_room() {
    let world = World::new();
    let image = world.image("1.0.1");
    let lamp = world.device("lamp-1");
    world.full.store(true, Ordering::SeqCst);
    let add = || Call::AddDevice { key: key("late"), product: self::lamp(), by: "admin".into() };
    let deadline = std::time::Instant::now() + LONG;
    // The engine looks at the disk at each tick: registering the same device again changes nothing before that.
    while world.call(Call::AddDevice { key: lamp.clone(), product: self::lamp(), by: "admin".into() })
        != refused(CallError::DiskFull)
    {
        assert!(std::time::Instant::now() < deadline, "the engine does not notice");
    }
    let before = world.commits.load(Ordering::SeqCst);
    assert_eq!(world.call(add()), refused(CallError::DiskFull));
    world.engine.uplink(lamp.clone(), hello(1, 0), Stamp(1)).unwrap();
    assert_eq!(world.receipt(), (Stamp(1), Receipt { seq: Some(1), outcome: Outcome::NoRoom }));
    assert_eq!(world.commits.load(Ordering::SeqCst), before, "something was written");
    assert_eq!(world.reader.device(&lamp).unwrap().unwrap().last_seen, None);
    // What takes things away goes on.
    world.call(Call::RemoveImage { tenant: TenantId::default(), image: image.id, mark: false }).unwrap();
    world.full.store(false, Ordering::SeqCst);
    while world.call(add()) == refused(CallError::DiskFull) {
        assert!(std::time::Instant::now() < deadline, "the engine does not notice");
    }
    world.engine.uplink(lamp, hello(2, 0), Stamp(2)).unwrap();
    assert_eq!(world.receipt(), (Stamp(2), stored(2)));
}

fn refused(error: CallError) -> Result<Reply, CallError> {
    Err(error)
}

#[test]
fn an_idle_server_leaves_the_disk_alone() {
    let world = World::new();
    world.device("lamp-1");
    let deadline = std::time::Instant::now() + LONG;
    let wait_for_tick = || {
        let ticks = world.ticks.load(Ordering::SeqCst);
        while world.ticks.load(Ordering::SeqCst) == ticks {
            assert!(std::time::Instant::now() < deadline, "time stands still");
            std::thread::yield_now();
        }
    };
    // What registering the device has left to do is done by the tick after the next.
    wait_for_tick();
    wait_for_tick();
    let commits = world.commits.load(Ordering::SeqCst);
    wait_for_tick();
    wait_for_tick();
    assert_eq!(world.commits.load(Ordering::SeqCst), commits);
}

#[test]
fn a_device_is_told_when_the_window_of_an_offer_opens() {
    let world = World::new();
    let image = world.image("1.0.1");
    let lamp = world.device("lamp-1");
    world.engine.uplink(lamp.clone(), hello(1, 0), Stamp(1)).unwrap();
    assert_eq!(world.receipt(), (Stamp(1), stored(1)));
    let opens = engine::now().plus_ms(1500);
    let rules = Rules { not_before: Some(opens), ..Rules::default() };
    let tenant = TenantId::default();
    world
        .call(Call::SetOffer { tenant, image: image.id, product: None, rules, allow_downgrade: false })
        .unwrap();
    assert_eq!(world.command(), (lamp, Order::Deploy));
    assert!(engine::now() >= opens, "told before the window opened");
}

#[test]
fn a_deployment_goes_on_after_the_engine_has_ended_in_its_middle() {
    let world = World::new();
    let image = world.image("1.0.1");
    let ids: Vec<_> = (0..2500).map(|n| format!("lamp-{n}")).collect();
    for id in &ids {
        world.device(id);
    }
    let devices = ids.iter().map(|id| DeviceId::parse(id).unwrap()).collect();
    world.deploy(&image, devices).unwrap();
    // The order's own commit takes the first slice; the next one fails.
    world.broken.store(true, Ordering::SeqCst);
    world.died.recv_timeout(LONG).unwrap();
    let tenant = TenantId::default();
    let removed = Call::RemoveImage { tenant: tenant.clone(), image: image.id, mark: false };
    let before = world.counters();
    assert_eq!(before.total(), 2500);
    assert!(before.pending > 0, "the deployment was too quick for this test: {before:?}");

    world.broken.store(false, Ordering::SeqCst);
    let (says, _said) = mpsc::channel();
    let ear = Ear { said: says, commits: Arc::default(), heard_at: Arc::default() };
    let failed = Box::new(|error: &StoreError| panic!("{error}"));
    let (engine, thread) = engine::start(Arc::clone(&world.store), SETTINGS, Box::new(ear), failed).unwrap();
    let refused = world.runtime.block_on(engine.call(removed));
    assert!(matches!(refused, Err(CallError::ImageInUse { .. })), "{refused:?}");
    let deadline = std::time::Instant::now() + LONG;
    while world.counters() != (Counters { active: 2500, ..Counters::default() }) {
        assert!(std::time::Instant::now() < deadline, "still {:?}", world.counters());
        std::thread::yield_now();
    }
    thread.stop().unwrap();
    world.broken.store(true, Ordering::SeqCst);
}

#[test]
fn the_last_administrator_stays() {
    let world = World::new();
    let add = |name: &str| Call::AddOperator { name: name.into(), tenant: None, role: Role::Admin };
    let remove = |name: &str| Call::RemoveOperator { name: name.into() };
    world.call(add("ada")).unwrap();
    assert_eq!(world.call(remove("ada")), refused(CallError::LastAdministrator("ada".into())));
    world.call(add("bob")).unwrap();
    world.call(remove("ada")).unwrap();
    match world.said.recv_timeout(LONG).unwrap() {
        Said::Evicted(principal) => assert_eq!(principal, Principal::Operator("ada".into())),
        other => panic!("not evicted: {other:?}"),
    }
}

#[test]
fn an_image_stays_while_a_deployment_still_brings_it() {
    let world = World::new();
    let image = world.image("1.0.1");
    let keys: Vec<_> = (0..3000).map(|n| world.device(&format!("lamp-{n}"))).collect();
    for (stamp, key) in (0..).zip(&keys) {
        world.engine.uplink(key.clone(), hello(1, image.number), Stamp(stamp)).unwrap();
    }
    for _ in &keys {
        assert_eq!(world.receipt().1, stored(1));
    }
    // Every device runs the image, so no action ever holds it: only what is pending does.
    let tenant = TenantId::default();
    let devices = keys.iter().map(|key| key.device.clone()).collect();
    let target = Target::Image(image.id);
    let deploy = deploy(tenant.clone(), target, devices);
    let remove = || Call::RemoveImage { tenant: tenant.clone(), image: image.id, mark: false };
    let (ordered, removed) = world
        .runtime
        .block_on(async { tokio::join!(world.engine.call(deploy), world.engine.call(remove())) });
    ordered.unwrap();
    let by = "deployment 1 is being carried out".to_owned();
    assert_eq!(removed, refused(CallError::ImageInUse { image: image.id, by }));
    let deadline = std::time::Instant::now() + LONG;
    while world.counters() != (Counters { succeeded: 3000, ..Counters::default() }) {
        assert!(std::time::Instant::now() < deadline, "still {:?}", world.counters());
        std::thread::yield_now();
    }
    world.call(remove()).unwrap();
}

#[test]
fn a_full_history_still_takes_the_end_and_nothing_after_it() {
    let world = World::new();
    let image = world.image("1.0.1");
    let lamp = world.device("lamp-1");
    world.deploy(&image, vec![lamp.device.clone()]).unwrap();
    assert_eq!(world.command(), (lamp.clone(), Order::Deploy));
    let action = world.reader.actions(&TenantId::default(), None, None, 1).unwrap()[0].id;
    let most = u64::from(HISTORY_MAX);
    let say = |word: Word, fingerprint: u64| {
        let feedback = Feedback {
            word,
            code: None,
            progress: None,
            details: Vec::new(),
            time: None,
            settles_cancel: true,
            fingerprint,
        };
        let event = Event::Feedback { action, feedback };
        world.engine.uplink(lamp.clone(), event, Stamp(u128::from(fingerprint))).unwrap();
        world.receipt().1.outcome
    };
    // Its creation is the first entry.
    for fingerprint in 1..most {
        assert_eq!(say(Word::Proceeding, fingerprint), Outcome::Stored);
    }
    let one_more = say(Word::Proceeding, most);
    assert!(matches!(one_more, Outcome::Rejected { code: "too-many-entries", .. }), "{one_more:?}");
    let history = || world.reader.history(&TenantId::default(), action, 0, usize::MAX).unwrap();
    assert_eq!(history().len() as u64, most);
    assert_eq!(say(Word::Closed(Finished::Failure), most + 10), Outcome::Stored);
    assert_eq!(history().last().map(|entry| entry.note), Some(Note::Said(Word::Closed(Finished::Failure))));
    for fingerprint in most + 11..most + 14 {
        assert!(matches!(say(Word::Canceled, fingerprint), Outcome::Rejected { code: "contradicts", .. }));
    }
    assert_eq!(history().len() as u64, most + 1);
}
