//! Operators listen with wildcards inside their tenant; nothing internal reaches them.

use updraft::mqtt::packet::{Packet, Publish, PublishProperties, QoS, ReasonCode, Version};

use super::HELLO;
use super::client::{Client, login};
use super::world::World;

#[test]
fn an_observer_hears_its_tenant_and_nothing_of_the_gates_own() {
    let world = World::new();
    let token = world.operator("ops", Some("default"));
    let everything = world.operator("root", None);
    for version in [Version::V4, Version::V5] {
        let name = format!("lamp-{version:?}");
        let mut ops = Client::connect(world.address, login(version, "ops", &token));
        let mut root = Client::connect(world.address, login(version, "root", &everything));
        let codes = ops.subscribe(&[
            ("ota/v1/default/d/+/#", QoS::AtLeastOnce),
            ("ota/v1/acme/#", QoS::AtLeastOnce),
            ("#", QoS::AtLeastOnce),
        ]);
        let refused =
            if version == Version::V4 { ReasonCode::UnspecifiedError } else { ReasonCode::NotAuthorized };
        assert_eq!(codes, [ReasonCode::GrantedQos1, refused, refused]);
        assert_eq!(root.subscribe(&[("ota/v1/+/#", QoS::AtMostOnce)]), [ReasonCode::Success]);

        let mut lamp = world.connected(Version::V5, &name);
        let hello = format!("ota/v1/default/d/{name}/hello");
        let properties = PublishProperties {
            content_type: Some("application/json".into()),
            user: vec![("a".into(), "b".into())],
            ..PublishProperties::default()
        };
        lamp.publish_with(Publish::new(&*hello, QoS::AtLeastOnce, 1, HELLO), properties);
        assert_eq!(lamp.puback(1), ReasonCode::Success);
        for (observer, qos) in [(&mut ops, QoS::AtLeastOnce), (&mut root, QoS::AtMostOnce)] {
            let heard = observer.message();
            let told = heard.properties.map(|p| *p);
            let expected = PublishProperties {
                content_type: Some("application/json".into()),
                ..PublishProperties::default()
            };
            assert_eq!((&*heard.topic, &*heard.payload, heard.qos), (&*hello, HELLO.as_bytes(), qos));
            assert_eq!(told, (version == Version::V5).then_some(expected));
            assert_eq!(&*observer.message().topic, format!("ota/v1/default/d/{name}/desired"));
            observer.quiet();
        }
    }
}

#[test]
fn an_observer_may_not_speak() {
    let world = World::new();
    let token = world.operator("ops", Some("default"));
    let mut ops = Client::connect(world.address, login(Version::V5, "ops", &token));
    ops.publish("ota/v1/default/d/lamp/hello", 1, HELLO);
    assert_eq!(ops.puback(1), ReasonCode::NotAuthorized);
    let mut ops = Client::connect(world.address, login(Version::V4, "ops", &token));
    ops.publish("ota/v1/default/d/lamp/hello", 1, HELLO);
    assert_eq!(ops.rest(), [] as [Packet; 0]);
}

#[test]
fn observers_come_and_go_without_using_up_the_bus() {
    let world = World::new();
    let token = world.operator("ops", Some("default"));
    for _ in 0..600 {
        let mut ops = Client::connect(world.address, login(Version::V5, "ops", &token));
        let codes = ops.subscribe(&[("ota/v1/default/d/+/hello", QoS::AtMostOnce)]);
        assert_eq!(codes, [ReasonCode::Success]);
    }
}
