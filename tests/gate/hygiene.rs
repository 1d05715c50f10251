//! What breaks the protocol ends one connection, with a reason where the version has one, and no other.

use std::io::Write;

use bytes::Bytes;
use updraft::mqtt::packet::{
    ConnAck, Connect, Disconnect, Packet, PubAck, Publish, PublishProperties, QoS, ReasonCode, SubAck,
    Version,
};

use super::client::{Client, login};
use super::world::World;

/// Sends `bytes` on a fresh connection of a device; what comes back until the connection ends. A neighbour notices
/// nothing.
fn check(version: Version, cases: &[(&str, Vec<u8>, Option<ReasonCode>)]) {
    let world = World::new();
    let mut neighbour = world.connected(Version::V5, "neighbour");
    let token = world.device("lamp");
    for (what, bytes, expected) in cases {
        let mut lamp = Client::connect(world.address, login(version, "lamp", &token));
        lamp.socket.write_all(bytes).unwrap();
        let expected: Vec<_> =
            expected.iter().map(|reason| Packet::Disconnect(Disconnect::new(*reason))).collect();
        assert_eq!(lamp.rest(), expected, "{what}");
        neighbour.quiet();
    }
}

fn encoded(version: Version, packet: &Packet) -> Vec<u8> {
    let mut out = Vec::new();
    updraft::mqtt::packet::encode(version, packet, &mut out);
    out
}

fn publish(qos: QoS, retain: bool) -> Packet {
    let publish =
        Publish::new("ota/v1/default/d/lamp/state", qos, u16::from(qos != QoS::AtMostOnce), "online");
    Packet::Publish(Publish { retain, ..publish })
}

fn aliased(topic: &'static str, alias: u16) -> Packet {
    let properties = PublishProperties { topic_alias: Some(alias), ..PublishProperties::default() };
    let publish = Publish::new(topic, QoS::AtMostOnce, 0, "online");
    Packet::Publish(Publish { properties: Some(Box::new(properties)), ..publish })
}

#[test]
fn a_device_that_breaks_mqtt_5_is_told_which_rule() {
    use ReasonCode::*;
    let v5 = |packet: &Packet| encoded(Version::V5, packet);
    let connack = ConnAck { session_present: false, code: Success, properties: Default::default() };
    let suback = SubAck { packet_id: 1, codes: vec![Success] };
    check(
        Version::V5,
        &[
            (
                "a second CONNECT",
                v5(&Packet::Connect(Box::new(Connect::new(Version::V5, "lamp")))),
                Some(ProtocolError),
            ),
            ("a CONNACK", v5(&Packet::ConnAck(connack)), Some(ProtocolError)),
            ("a SUBACK", v5(&Packet::SubAck(suback)), Some(ProtocolError)),
            ("a PINGRESP", v5(&Packet::PingResp), Some(ProtocolError)),
            ("PUBREL without QoS 2", v5(&Packet::PubRel(PubAck::new(1, Success))), Some(ProtocolError)),
            ("QoS 2 without PUBREL", v5(&publish(QoS::ExactlyOnce, false)), Some(QosNotSupported)),
            ("retain", v5(&publish(QoS::AtLeastOnce, true)), Some(RetainNotSupported)),
            ("packet id 0", vec![0x32, 6, 0, 1, b'a', 0, 0, 0], Some(ProtocolError)),
            ("QoS 3", vec![0x36, 6, 0, 1, b'a', 0, 1, 0], Some(MalformedPacket)),
            ("reserved flags", vec![0xC1, 0], Some(MalformedPacket)),
            ("packet type 0", vec![0x00, 0], Some(MalformedPacket)),
            ("a length of five bytes", vec![0x30, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F], Some(MalformedPacket)),
            ("256 MiB declared", vec![0x30, 0xFF, 0xFF, 0xFF, 0x7F], Some(PacketTooLarge)),
            (
                "an alias above the maximum",
                v5(&aliased("ota/v1/default/d/lamp/state", 9)),
                Some(TopicAliasInvalid),
            ),
            ("an alias that was never set", v5(&aliased("", 1)), Some(ProtocolError)),
            ("goodbye", v5(&Packet::Disconnect(Disconnect::new(Success))), None),
        ],
    );
}

#[test]
fn a_device_that_breaks_mqtt_3_1_1_is_hung_up_on() {
    let v4 = |packet: &Packet| encoded(Version::V4, packet);
    let elsewhere = Publish::new("\u{e9}/x", QoS::AtLeastOnce, 1, "boom");
    check(
        Version::V4,
        &[
            ("a second CONNECT", v4(&Packet::Connect(Box::new(Connect::new(Version::V4, "lamp")))), None),
            ("QoS 2", v4(&publish(QoS::ExactlyOnce, false)), None),
            ("retain", v4(&publish(QoS::AtLeastOnce, true)), None),
            ("packet id 0", vec![0x32, 5, 0, 1, b'a', 0, 0], None),
            ("AUTH", vec![0xF0, 0], None),
            (
                "a topic that is not its own, beginning with a multi-byte character",
                v4(&Packet::Publish(elsewhere)),
                None,
            ),
        ],
    );
}

#[test]
fn what_is_not_a_connect_gets_no_answer_before_one() {
    let world = World::new();
    let mut neighbour = world.connected(Version::V4, "neighbour");
    for bytes in [
        &[0xC0, 0][..],                              // PINGREQ
        &[0x30, 3, 0, 1, b'a'],                      // PUBLISH
        &[0x11, 0],                                  // CONNECT with a reserved flag
        b"GET / HTTP/1.1\r\n\r\n",                   // another protocol
        &[0x10, 0xFF, 0xFF, 0xFF, 0x7F, 0],          // a CONNECT of 256 MiB
        &[0x10, 0x81, 0x20],                         // a CONNECT of more than 4 KiB
        &[0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00], // TLS on the plain port
    ] {
        let mut client = Client::open(world.address, Version::V5);
        client.socket.write_all(bytes).unwrap();
        assert_eq!(client.rest(), [], "{bytes:02x?}");
        neighbour.quiet();
    }
}

#[test]
fn a_protocol_level_that_is_not_spoken_is_named() {
    let world = World::new();
    for (level, version) in [(3, Version::V4), (6, Version::V5)] {
        let mut client = Client::open(world.address, version);
        client.socket.write_all(&[0x10, 12, 0, 4, b'M', b'Q', b'T', b'T', level, 2, 0, 60, 0, 0]).unwrap();
        match &client.rest()[..] {
            [Packet::ConnAck(connack)] => assert_eq!(connack.code, ReasonCode::UnsupportedProtocolVersion),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_denied_publish_is_answered_in_mqtt_5_and_in_its_turn() {
    let world = World::new();
    let mut lamp = world.connected(Version::V5, "lamp");
    let table = [
        (1, "ota/v1/default/d/lamp/state", ReasonCode::Success),
        (2, "ota/v1/default/d/other/state", ReasonCode::NotAuthorized),
        (3, "ota/v1/default/d/lamp/desired", ReasonCode::NotAuthorized),
        (4, "\u{e9}/x", ReasonCode::NotAuthorized),
        (5, "$SYS/x", ReasonCode::NotAuthorized),
        (6, "ota/v1/default/d/lamp/state", ReasonCode::Success),
    ];
    for (id, topic, _) in table {
        lamp.publish(topic, id, "online");
    }
    for (id, topic, code) in table {
        assert_eq!(lamp.puback(id), code, "{topic}");
    }
}

#[test]
fn an_alias_stands_for_its_topic() {
    let world = World::new();
    let mut lamp = world.connected(Version::V5, "lamp");
    for (id, topic) in [(1, "ota/v1/default/d/lamp/state"), (2, "")] {
        let properties = PublishProperties { topic_alias: Some(8), ..PublishProperties::default() };
        lamp.publish_with(Publish::new(topic, QoS::AtLeastOnce, id, "online"), properties);
        assert_eq!(lamp.puback(id), ReasonCode::Success);
    }
}

#[test]
fn a_response_topic_elsewhere_is_denied() {
    let world = World::new();
    let mut lamp = world.connected(Version::V5, "lamp");
    let properties = PublishProperties {
        response_topic: Some("ota/v1/default/d/other/resp".into()),
        correlation_data: Some(Bytes::from_static(b"x")),
        ..PublishProperties::default()
    };
    lamp.publish_with(Publish::new("ota/v1/default/d/lamp/get", QoS::AtLeastOnce, 1, "{}"), properties);
    assert_eq!(lamp.puback(1), ReasonCode::NotAuthorized);
}

#[test]
fn a_payload_that_cannot_be_read_is_refused_and_the_connection_stays() {
    let world = World::new();
    for version in [Version::V4, Version::V5] {
        let name = format!("lamp-{version:?}");
        let mut lamp = world.connected(version, &name);
        lamp.subscribe(&[(&format!("ota/v1/default/d/{name}/ack"), QoS::AtMostOnce)]);
        lamp.publish(&format!("ota/v1/default/d/{name}/hello"), 1, "{\"seq\":");
        let expected = match version {
            Version::V4 => ReasonCode::Success,
            Version::V5 => ReasonCode::PayloadFormatInvalid,
        };
        assert_eq!(lamp.puback(1), expected);
        let ack = String::from_utf8(lamp.message().payload.to_vec()).unwrap();
        assert!(ack.contains(r#""status":"rejected","code":"malformed-json""#), "{ack}");
        lamp.quiet();
    }
}
