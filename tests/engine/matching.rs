//! Filters that bring a release: who gets it, when, and how often.

use std::time::Instant;

use updraft::domain::catalog::{AutoAssign, Item, Label, What};
use updraft::domain::deployment::Target;
use updraft::domain::event::{Configuration, Event, Mode};
use updraft::domain::ids::{DeviceKey, ReleaseId, TenantId};
use updraft::domain::image::About;
use updraft::domain::terms::Terms;
use updraft::engine::call::{Call, NewItem, NewRelease, Reply};

use crate::world::{LONG, World, lamp};

const BY: &str = "admin";

fn release(world: &World, version: &str) -> ReleaseId {
    let image = world.image(version);
    let release = NewRelease {
        name: "lamp".into(),
        version: image.version.clone(),
        images: vec![image.id],
        kind: None,
        about: About::default(),
        required_step: false,
        locked: false,
    };
    let add = Call::AddReleases { tenant: TenantId::default(), releases: vec![release], by: BY.into() };
    match world.call(add).unwrap() {
        Reply::Releases(releases) => releases[0].id,
        other => panic!("not a release: {other:?}"),
    }
}

fn what(query: &str, release: ReleaseId) -> What {
    let auto = AutoAssign { release, terms: Terms::default(), by: BY.into() };
    What::Filter { query: query.into(), auto: Some(auto) }
}

fn filter(world: &World, query: &str, release: ReleaseId) -> Item {
    let label = Label { name: "the filter".into(), ..Label::default() };
    let item = NewItem { id: None, label, what: what(query, release) };
    let add = Call::AddItems { tenant: TenantId::default(), items: vec![item], by: BY.into() };
    match world.call(add).unwrap() {
        Reply::Items(mut items) => items.remove(0),
        other => panic!("not an item: {other:?}"),
    }
}

/// Every action of the device: what it brings, oldest first.
fn brought(world: &World, key: &DeviceKey) -> Vec<Target> {
    let actions = world.reader.actions(&key.tenant, Some(&key.device), None, 100).unwrap();
    actions.into_iter().rev().map(|action| action.target).collect()
}

/// Waits until the device has been brought so many targets.
fn await_brought(world: &World, key: &DeviceKey, expected: &[Target]) {
    let started = Instant::now();
    while brought(world, key) != expected {
        assert!(started.elapsed() < LONG, "{:?} instead of {expected:?}", brought(world, key));
        std::thread::yield_now();
    }
}

fn attribute(world: &World, key: &DeviceKey, name: &str, value: &str) {
    let event = Event::Configure(Configuration {
        mode: Mode::Merge,
        numbered: [].into(),
        hardware: None,
        named: [(name.into(), Some(value.into()))].into(),
        versions: [].into(),
    });
    world.call(Call::Hear { key: key.clone(), event, from: None, proven: false, newcomer: None }).unwrap();
}

#[test]
fn devices_that_are_there_get_what_a_new_filter_brings() {
    let world = World::new();
    let (one, other) = (world.device("lamp-1"), world.device("door-1"));
    let release = release(&world, "1.0.1");
    filter(&world, "name==lamp-*", release);
    await_brought(&world, &one, &[Target::Release(release)]);
    assert_eq!(brought(&world, &other), []);
}

#[test]
fn a_device_that_comes_later_gets_it_in_the_commit_that_registers_it() {
    let world = World::new();
    let release = release(&world, "1.0.1");
    filter(&world, "product==lamp", release);
    let key = world.device("lamp-1");
    assert_eq!(brought(&world, &key), [Target::Release(release)]);
}

#[test]
fn a_device_that_comes_to_match_gets_it_in_the_commit_of_its_word_and_only_once() {
    let world = World::new();
    let release = release(&world, "1.0.1");
    filter(&world, "attribute.site==north", release);
    let key = world.device("lamp-1");
    assert_eq!(brought(&world, &key), []);
    attribute(&world, &key, "site", "north");
    assert_eq!(brought(&world, &key), [Target::Release(release)]);
    attribute(&world, &key, "site", "south");
    attribute(&world, &key, "site", "north");
    assert_eq!(brought(&world, &key), [Target::Release(release)]);
}

#[test]
fn a_changed_filter_is_held_against_everybody_again() {
    let world = World::new();
    let key = world.device("lamp-1");
    let (first, second) = (release(&world, "1.0.1"), release(&world, "1.0.2"));
    let item = filter(&world, "name==door-*", first);
    let changed = Item { what: what("name==lamp-*", second), ..item };
    world.call(Call::PutItem { item: changed, by: BY.into() }).unwrap();
    await_brought(&world, &key, &[Target::Release(second)]);
}

#[test]
fn a_filter_that_is_gone_brings_nothing() {
    let world = World::new();
    let release = release(&world, "1.0.1");
    let item = filter(&world, "product==lamp", release);
    let (tenant, section) = (TenantId::default(), item.what.section());
    world.call(Call::RemoveItem { tenant, section, id: item.id }).unwrap();
    assert_eq!(lamp().as_str(), "lamp");
    let key = world.device("lamp-1");
    assert_eq!(brought(&world, &key), []);
}

#[test]
fn a_filter_of_more_devices_than_a_batch_reaches_them_all() {
    let world = World::new();
    let keys: Vec<_> = (0..2100).map(|n| world.device(&format!("lamp-{n:04}"))).collect();
    let release = release(&world, "1.0.1");
    filter(&world, "name==*", release);
    await_brought(&world, &keys[2099], &[Target::Release(release)]);
    for key in &keys {
        assert_eq!(brought(&world, key), [Target::Release(release)], "{key}");
    }
}

#[test]
fn a_device_that_was_just_heard_of_is_not_overdue() {
    let world = World::new();
    let key = world.device("lamp-1");
    let release = release(&world, "1.0.1");
    filter(&world, "lastcontrollerrequestat=le=${overdue_ts}", release);
    attribute(&world, &key, "site", "north");
    assert_eq!(brought(&world, &key), []);
}
