//! Clients that brought others down.

use std::thread;

use serde_json::json;
use updraft::mqtt::packet::{
    Connect, Packet, PubAck, Publish, PublishProperties, QoS, ReasonCode, SubAck, Version, encode,
};

use super::Scene;
use super::mqtt::{Mqtt, login, topic};

fn bytes(version: Version, packet: &Packet) -> Vec<u8> {
    let mut out = Vec::new();
    encode(version, packet, &mut out);
    out
}

/// rumqttd 0.20: a topic that begins with a character of two bytes panics the router's only thread.
#[test]
fn a_publish_to_a_topic_that_begins_with_a_multi_byte_character_kills_nothing() {
    let mut scene = Scene::new();
    let token = scene.device("lamp");
    for version in [Version::V4, Version::V5] {
        for name in ["\u{e9}/x", "\u{1F980}", "\u{e9}", "ota/v1/default/d/\u{e9}/state"] {
            let mut lamp = Mqtt::device(scene.server.mqtt(), version, "lamp", &token);
            let answer = lamp.say(name, "boom");
            match version {
                Version::V5 => assert_eq!(answer.unwrap(), ReasonCode::NotAuthorized, "{name}"),
                Version::V4 => assert!(answer.is_err(), "{name}"),
            }
        }
        scene.undisturbed();
    }
}

/// rumqttd 0.20: two CONNECTs with a client id that has a wildcard poison a lock, and nobody gets in any more.
#[test]
fn a_client_id_with_a_wildcard_is_refused_as_often_as_it_comes() {
    let mut scene = Scene::new();
    let token = scene.device("lamp");
    for id in ["a+b", "a#b", "+", "#", "$SYS", "a/b", "\u{e9}", "", "lamp+"] {
        for version in [Version::V4, Version::V5] {
            for _ in 0..2 {
                let connect = Connect { client_id: id.into(), ..login(version, "lamp", &token) };
                let (mut client, connack) = Mqtt::meet(scene.server.mqtt(), connect).unwrap();
                assert_eq!(connack.code, ReasonCode::ClientIdentifierNotValid, "{id}");
                assert_eq!(client.rest(), []);
            }
        }
    }
    scene.undisturbed();
}

/// rumqttd 0.20: one retry beyond `max_connections` poisons a lock.
#[test]
fn clients_beyond_the_limit_may_retry_for_as_long_as_they_like() {
    // The bystanders have two places, the newcomer one, and one is left for the crowd.
    let mut scene = Scene::with(&[("UPDRAFT_MQTT_CONNECTIONS_MAX", "4")]);
    let token = scene.device("lamp");
    let address = scene.server.mqtt();
    let lamp = Mqtt::device(address, Version::V5, "lamp", &token);
    let crowd: Vec<_> = (0..8).map(|n| (format!("crowd-{n}"), scene.device(&format!("crowd-{n}")))).collect();
    let turned_away = thread::scope(|scope| {
        let retry = |(id, token): &(String, String)| {
            (0..20).filter(|_| Mqtt::meet(address, login(Version::V4, id, token)).is_err()).count()
        };
        let threads: Vec<_> = crowd.iter().map(|one| scope.spawn(move || retry(one))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum::<usize>()
    });
    assert!(turned_away > 0, "there is one place for eight");
    drop(lamp);
    super::support::eventually("a place", || {
        Mqtt::meet(address, login(Version::V4, &crowd[0].0, &crowd[0].1)).ok()
    });
    scene.undisturbed();
}

/// rumqttd 0.20: a publisher of MQTT 5 with any property kills the task of every subscriber of MQTT 3.1.1.
#[test]
fn a_property_of_mqtt_5_does_not_reach_a_subscriber_of_mqtt_3_1_1() {
    let mut scene = Scene::new();
    let token = scene.device("lamp");
    let address = scene.server.mqtt();
    let made = scene.server.client().post("operators", &json!({"name": "eye", "role": "observer"}));
    let mut eyes = [Version::V4, Version::V5].map(|version| {
        let connect = Connect {
            client_id: format!("eye-{version:?}"),
            ..login(version, "eye", made.body["token"].as_str().unwrap())
        };
        let mut eye = Mqtt::connect(address, connect);
        assert_eq!(eye.subscribe(&["ota/v1/default/d/lamp/+"]).unwrap(), [ReasonCode::GrantedQos1]);
        eye
    });
    let mut lamp = Mqtt::device(address, Version::V5, "lamp", &token);
    for n in 0..20 {
        let payload = format!(r#"{{"seq":{n},"v":{{"3":"1.0.{n}"}}}}"#);
        let properties = PublishProperties {
            payload_format: Some(1),
            message_expiry_s: Some(60),
            response_topic: Some(topic("lamp", "resp")),
            correlation_data: Some("c".into()),
            content_type: Some("application/json".into()),
            user: vec![("name".into(), "value".into()); 3],
            ..PublishProperties::default()
        };
        let id = lamp.publish_with(&topic("lamp", "report"), payload.as_bytes(), Some(properties)).unwrap();
        assert_eq!(lamp.puback(id).unwrap(), ReasonCode::Success);
        for eye in &mut eyes {
            let seen = eye.heard("/report");
            assert_eq!(seen.payload, payload.as_bytes());
            assert!(seen.properties.is_none() || eye.version == Version::V5, "{seen:?}");
        }
    }
    scene.undisturbed();
}

/// rumqttd 0.20 keeps every QoS 2 message whose PUBREL never comes. Here there is no QoS 2.
#[test]
fn qos_2_is_refused_before_anything_is_kept() {
    let mut scene = Scene::new();
    let token = scene.device("lamp");
    for version in [Version::V4, Version::V5] {
        for n in 1..=50 {
            let mut lamp = Mqtt::device(scene.server.mqtt(), version, "lamp", &token);
            let publish = Publish::new(topic("lamp", "attr/300"), QoS::ExactlyOnce, n, "twice");
            lamp.send(&Packet::Publish(publish)).unwrap();
            let said: Vec<_> = lamp.rest();
            let refused = |packet: &Packet| matches!(packet, Packet::Disconnect(d) if d.reason == ReasonCode::QosNotSupported);
            assert!(
                said.iter().all(refused) && said.len() == usize::from(version == Version::V5),
                "{said:?}"
            );
        }
    }
    let device = scene.server.client().get("devices/lamp").body;
    assert_eq!(device["attributes"], json!({}));
    scene.undisturbed();
}

/// One packet that breaks a rule, from inside a session and instead of a CONNECT, from many sockets at once.
#[test]
fn a_crowd_that_breaks_every_rule_disturbs_nobody() {
    let mut scene = Scene::new();
    let suback = SubAck { packet_id: 1, codes: vec![ReasonCode::Success] };
    let connect = Packet::Connect(Box::new(Connect::new(Version::V5, "lamp-0")));
    let broken: Vec<Vec<u8>> = vec![
        bytes(Version::V5, &connect),
        bytes(Version::V5, &Packet::SubAck(suback)),
        bytes(Version::V5, &Packet::PingResp),
        bytes(Version::V5, &Packet::PubRel(PubAck::new(1, ReasonCode::Success))),
        vec![0x32, 6, 0, 1, b'a', 0, 0, 0],
        vec![0xC1, 0],
        vec![0x00, 0],
        vec![0x30, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F],
        vec![0x30, 0xFF, 0xFF, 0xFF, 0x7F],
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
    ];
    let tokens: Vec<_> = (0..4).map(|n| scene.device(&format!("lamp-{n}"))).collect();
    let address = scene.server.mqtt();
    thread::scope(|scope| {
        for (n, token) in tokens.iter().enumerate() {
            let (id, broken) = (format!("lamp-{n}"), &broken);
            scope.spawn(move || {
                for packet in broken.iter().cycle().take(60) {
                    let mut inside = Mqtt::device(address, Version::V5, &id, token);
                    inside.raw(packet).unwrap();
                    inside.rest();
                }
                // A CONNECT that is first is a CONNECT.
                for packet in broken.iter().skip(1).cycle().take(60) {
                    let mut outside = Mqtt::open(address, Version::V5).unwrap();
                    outside.raw(packet).unwrap();
                    assert_eq!(outside.rest(), [], "{packet:02x?}");
                }
            });
        }
    });
    scene.undisturbed();
}

/// A subscriber that keeps its session, takes one message, does not acknowledge it and drops; again and again, and
/// at the end in the middle of a takeover.
#[test]
fn a_subscriber_that_takes_and_drops_gets_its_message_again_and_again() {
    let mut scene = Scene::new();
    let token = scene.device("lamp");
    let address = scene.server.mqtt();
    let connect =
        |clean| Connect { clean_start: clean, session_expiry: 600, ..login(Version::V5, "lamp", &token) };
    let mut lamp = Mqtt::connect(address, connect(true));
    lamp.subscribe(&[&topic("lamp", "ack")]).unwrap();
    lamp.publish(&topic("lamp", "attr/300"), b"once").unwrap();
    let first = unacknowledged(&mut lamp);
    assert_eq!(first.payload, br#"{"status":"stored","topic":"attr/300"}"#[..]);
    for _ in 0..10 {
        drop(lamp);
        lamp = Mqtt::connect(address, connect(false));
        let again = unacknowledged(&mut lamp);
        assert_eq!((again.dup, &again.payload), (true, &first.payload));
    }
    let mut heir = Mqtt::connect(address, connect(false));
    assert_eq!(unacknowledged(&mut heir).payload, first.payload);
    heir.send(&Packet::PubAck(PubAck::new(first.packet_id, ReasonCode::Success))).unwrap();
    assert_eq!(heir.all().unwrap(), []);
    let told = lamp.rest();
    assert!(
        matches!(&told[..], [Packet::Disconnect(d)] if d.reason == ReasonCode::SessionTakenOver),
        "{told:?}"
    );
    scene.undisturbed();
}

/// The next message, which is not acknowledged.
fn unacknowledged(client: &mut Mqtt) -> Publish {
    loop {
        match client.next().unwrap() {
            Packet::Publish(publish) => return publish,
            Packet::PubAck(_) => {}
            other => panic!("{other:?}"),
        }
    }
}
