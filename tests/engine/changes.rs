//! Changes of several things at once: all of them or none.

use updraft::domain::ids::TenantId;
use updraft::domain::image::About;
use updraft::domain::version::Version;
use updraft::engine::call::{Call, CallError, DeviceChange, NewRelease, ReleaseChange, Reply, Secret};

use crate::world::World;

const BY: &str = "admin";

#[test]
fn a_release_that_may_not_have_its_new_name_keeps_everything_else_too() {
    let world = World::new();
    let image = world.image("1.0.1");
    let tenant = TenantId::default();
    let app = updraft::domain::ids::ItemId::new(2);
    let new = |name: &str| NewRelease {
        name: name.into(),
        version: Version::parse("1.0.1").unwrap(),
        images: vec![image.id],
        kind: app,
        about: About::default(),
        required_step: false,
        locked: true,
    };
    let add = Call::AddReleases { tenant: tenant.clone(), releases: vec![new("a"), new("b")], by: BY.into() };
    let Ok(Reply::Releases(made)) = world.call(add) else { panic!("no releases") };
    let rename = ReleaseChange::Describe {
        name: Some("b".into()),
        version: None,
        description: Some("changed".into()),
        required_step: None,
    };
    let change = ReleaseChange::Several(vec![ReleaseChange::Lock(false), rename]);
    let release = made[0].id;
    let refused = world.call(Call::ChangeRelease { tenant: tenant.clone(), release, change, by: BY.into() });
    assert!(matches!(refused, Err(CallError::ReleaseExists { .. })), "{refused:?}");
    assert_eq!(world.reader.release(&tenant, release).unwrap(), Some(made[0].clone()));
}

#[test]
fn a_device_that_may_not_have_its_new_token_keeps_everything_else_too() {
    let world = World::new();
    let key = world.device("lamp-1");
    let taken = Secret::new("taken");
    let other = world.device("lamp-2");
    let give = |key, change| world.call(Call::ChangeDevice { key, change, by: BY.into() });
    give(other, DeviceChange::Token(taken.clone())).unwrap();
    let before = world.reader.device(&key).unwrap();
    let describe = DeviceChange::Describe {
        name: Some("changed".into()),
        description: None,
        address: None,
        group: None,
    };
    let change = DeviceChange::Several(vec![describe, DeviceChange::Token(taken)]);
    assert_eq!(give(key.clone(), change), Err(CallError::TokenTaken));
    assert_eq!(world.reader.device(&key).unwrap(), before);
}
