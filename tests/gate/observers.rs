//! Operators listen with wildcards inside their tenant; nothing internal reaches them.

use updraft::mqtt::packet::{
    Connect, Disconnect, Packet, Publish, PublishProperties, QoS, ReasonCode, Unsubscribe, Version,
};

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
        assert_eq!(&*root.message().topic, "ota/v1/default/events/device/added");
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
fn an_observer_hears_numbered_topics_as_the_device_said_them() {
    let world = World::new();
    let token = world.operator("ops", None);
    let mut ops = Client::connect(world.address, login(Version::V5, "ops", &token));
    let filters = [("ota/v1/+/d/+/attr/2003", QoS::AtMostOnce), ("ota/v1/+/d/+/fb/+", QoS::AtMostOnce)];
    assert_eq!(ops.subscribe(&filters), [ReasonCode::Success; 2]);
    let mut lamp = world.connected(Version::V5, "lamp");
    let said = [("attr/7", "1"), ("attr/2003", "2"), ("fb/12", "{}")];
    for (id, (leaf, payload)) in (1..).zip(said) {
        lamp.publish(&format!("ota/v1/default/d/lamp/{leaf}"), id, payload);
        lamp.puback(id);
    }
    for (leaf, payload) in &said[1..] {
        let heard = ops.message();
        assert_eq!(&*heard.topic, format!("ota/v1/default/d/lamp/{leaf}"));
        assert_eq!(heard.payload, payload.as_bytes());
    }
    ops.quiet();
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

#[test]
fn an_observer_may_change_its_mind_as_often_as_it_likes() {
    let world = World::new();
    let token = world.operator("ops", Some("default"));
    let mut ops = Client::connect(world.address, login(Version::V5, "ops", &token));
    for n in 0..300 {
        let filter = format!("ota/v1/default/d/lamp-{n}/state");
        assert_eq!(ops.subscribe(&[(&filter, QoS::AtMostOnce)]), [ReasonCode::Success], "{n}");
        let filters = vec![filter.as_str().into()];
        ops.send(&Packet::Unsubscribe(Unsubscribe { packet_id: 3, filters }));
        assert!(matches!(ops.next(), Packet::UnsubAck(_)));
    }
    let mut lamp = world.connected(Version::V5, "lamp");
    assert_eq!(ops.subscribe(&[("ota/v1/default/d/lamp/state", QoS::AtMostOnce)]), [ReasonCode::Success]);
    lamp.publish("ota/v1/default/d/lamp/state", 1, "online");
    assert_eq!(&*ops.message().topic, "ota/v1/default/d/lamp/state");
    ops.quiet();
}

#[test]
fn more_tenants_are_observed_than_the_bus_has_logs_and_none_hears_another() {
    let world = World::new();
    let mut observers: Vec<Client> = Vec::new();
    for n in 0..140 {
        let tenant = format!("tenant-{n}");
        let token = world.operator(&format!("ops-{n}"), Some(&tenant));
        let mut ops = Client::connect(world.address, login(Version::V5, &format!("ops-{n}"), &token));
        let filter = format!("ota/v1/{tenant}/#");
        assert_eq!(ops.subscribe(&[(&filter, QoS::AtMostOnce)]), [ReasonCode::Success]);
        observers.push(ops);
    }
    let token = world.device_of("tenant-139", "lamp");
    let mut lamp = Client::connect(world.address, login(Version::V5, "tenant-139/lamp", &token));
    lamp.publish("ota/v1/tenant-139/d/lamp/state", 1, "online");
    assert_eq!(lamp.puback(1), ReasonCode::Success);
    let mut last = observers.pop().unwrap();
    assert_eq!(&*last.message().topic, "ota/v1/tenant-139/events/device/added");
    assert_eq!(&*last.message().topic, "ota/v1/tenant-139/d/lamp/state");
    last.quiet();
    observers.iter_mut().for_each(Client::quiet);
}

#[test]
fn an_observer_that_comes_twice_is_taken_over_and_another_client_of_its_name_is_not() {
    let world = World::new();
    let token = world.operator("ops", Some("default"));
    let connect = |client: &str| {
        let connect = Connect { client_id: client.into(), ..login(Version::V5, "ops", &token) };
        let mut ops = Client::connect(world.address, connect);
        let codes = ops.subscribe(&[("ota/v1/default/d/+/state", QoS::AtMostOnce)]);
        assert_eq!(codes, [ReasonCode::Success]);
        ops
    };
    let (mut nobody, mut other, mut old) = (connect(""), connect("b"), connect("a"));
    let mut hears = [connect("a"), connect("")];
    assert_eq!(old.rest(), [Packet::Disconnect(Disconnect::new(ReasonCode::SessionTakenOver))]);
    let mut lamp = world.connected(Version::V5, "lamp");
    lamp.publish("ota/v1/default/d/lamp/state", 1, "online");
    for ops in hears.iter_mut().chain([&mut nobody, &mut other]) {
        assert_eq!(&*ops.message().topic, "ota/v1/default/d/lamp/state");
        ops.quiet();
    }
}
