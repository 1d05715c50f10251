//! The same bytes through another implementation, rumqttc's.

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;
use rumqttc::mqttbytes as their4;
use rumqttc::v5::mqttbytes as their5;

use super::super::*;
use super::arbitrary::packet;
use super::encoded;

/// Above any packet of these tests.
const MAX: usize = 1 << 20;

fn read4(bytes: &Bytes) -> their4::v4::Packet {
    their4::v4::Packet::read(&mut BytesMut::from(bytes.as_ref()), MAX).expect("rumqttc reads what we write")
}

fn read5(bytes: &Bytes) -> their5::v5::Packet {
    their5::v5::Packet::read(&mut BytesMut::from(bytes.as_ref()), None).expect("rumqttc reads what we write")
}

fn written4(packet: &their4::v4::Packet) -> Bytes {
    let mut out = BytesMut::new();
    packet.write(&mut out, MAX).expect("rumqttc writes its packet");
    out.freeze()
}

fn written5(packet: &their5::v5::Packet) -> Bytes {
    let mut out = BytesMut::new();
    packet.write(&mut out, None).expect("rumqttc writes its packet");
    out.freeze()
}

fn qos4(qos: QoS) -> their4::QoS {
    their4::qos(qos.byte()).expect("three levels")
}

fn qos5(qos: QoS) -> their5::QoS {
    their5::qos(qos.byte()).expect("three levels")
}

/// The packet in rumqttc's types for 3.1.1, for those whose fields could be confused; `None` for the others.
fn their4(packet: &Packet) -> Option<their4::v4::Packet> {
    use their4::v4;
    match packet {
        Packet::Connect(connect) => Some(v4::Packet::Connect(v4::Connect {
            protocol: their4::Protocol::V4,
            keep_alive: connect.keep_alive,
            client_id: connect.client_id.clone(),
            clean_session: connect.clean_start,
            last_will: connect.will.as_ref().map(|will| v4::LastWill {
                topic: will.topic.clone(),
                message: will.payload.clone(),
                qos: qos4(will.qos),
                retain: will.retain,
            }),
            login: login(connect).map(|(username, password)| v4::Login { username, password }),
        })),
        Packet::Publish(publish) => Some(v4::Packet::Publish(v4::Publish {
            dup: publish.dup,
            qos: qos4(publish.qos),
            retain: publish.retain,
            topic: publish.topic.to_string(),
            pkid: publish.packet_id,
            payload: publish.payload.clone(),
        })),
        Packet::Subscribe(subscribe) => Some(v4::Packet::Subscribe(v4::Subscribe {
            pkid: subscribe.packet_id,
            filters: subscribe
                .filters
                .iter()
                .map(|filter| v4::SubscribeFilter { path: filter.path.clone(), qos: qos4(filter.qos) })
                .collect(),
        })),
        _ => None,
    }
}

/// As [`their4`], for MQTT 5.
fn their5(packet: &Packet) -> Option<their5::v5::Packet> {
    use their5::v5;
    match packet {
        Packet::Connect(connect) => Some(connect5(connect)),
        Packet::Publish(publish) => Some(v5::Packet::Publish(v5::Publish {
            dup: publish.dup,
            qos: qos5(publish.qos),
            retain: publish.retain,
            topic: publish.topic.clone().into_bytes(),
            pkid: publish.packet_id,
            payload: publish.payload.clone(),
            properties: publish.properties.as_deref().map(properties5),
        })),
        Packet::Subscribe(subscribe) => Some(v5::Packet::Subscribe(v5::Subscribe {
            pkid: subscribe.packet_id,
            filters: subscribe.filters.iter().map(filter5).collect(),
            properties: subscribe
                .subscription_identifier
                .map(|id| v5::SubscribeProperties { id: Some(id as usize), user_properties: vec![] }),
        })),
        _ => None,
    }
}

fn properties5(properties: &PublishProperties) -> their5::v5::PublishProperties {
    their5::v5::PublishProperties {
        payload_format_indicator: properties.payload_format,
        message_expiry_interval: properties.message_expiry_s,
        topic_alias: properties.topic_alias,
        response_topic: properties.response_topic.clone(),
        correlation_data: properties.correlation_data.clone(),
        user_properties: properties.user.clone(),
        subscription_identifiers: properties.subscription_identifiers.iter().map(|id| *id as usize).collect(),
        content_type: properties.content_type.clone(),
    }
}

fn filter5(filter: &Filter) -> their5::v5::Filter {
    their5::v5::Filter {
        path: filter.path.clone(),
        qos: qos5(filter.qos),
        nolocal: filter.no_local,
        preserve_retain: filter.retain_as_published,
        retain_forward_rule: match filter.retain_handling {
            RetainHandling::AtSubscribe => their5::v5::RetainForwardRule::OnEverySubscribe,
            RetainHandling::AtNewSubscribe => their5::v5::RetainForwardRule::OnNewSubscribe,
            RetainHandling::Never => their5::v5::RetainForwardRule::Never,
        },
    }
}

fn connect5(connect: &Connect) -> their5::v5::Packet {
    use their5::v5;
    let properties = v5::ConnectProperties {
        session_expiry_interval: Some(connect.session_expiry).filter(|seconds| *seconds != 0),
        receive_maximum: Some(connect.receive_maximum).filter(|count| *count != u16::MAX),
        max_packet_size: connect.maximum_packet_size,
        topic_alias_max: Some(connect.topic_alias_maximum).filter(|count| *count != 0),
        request_response_info: connect.request_response_information.then_some(1),
        request_problem_info: (!connect.request_problem_information).then_some(0),
        user_properties: vec![],
        authentication_method: connect.authentication_method.clone(),
        authentication_data: None,
    };
    let will = connect.will.as_ref().map(|will| v5::LastWill {
        topic: Bytes::from(will.topic.clone()),
        message: will.payload.clone(),
        qos: qos5(will.qos),
        retain: will.retain,
        properties: will_properties5(will),
    });
    let theirs = v5::Connect {
        keep_alive: connect.keep_alive,
        client_id: connect.client_id.clone(),
        clean_start: connect.clean_start,
        properties: (properties != v5::ConnectProperties::default()).then_some(properties),
    };
    let login = login(connect).map(|(username, password)| v5::Login { username, password });
    v5::Packet::Connect(theirs, will, login)
}

fn will_properties5(will: &Will) -> Option<their5::v5::LastWillProperties> {
    let properties = their5::v5::LastWillProperties {
        delay_interval: Some(will.delay_s).filter(|seconds| *seconds != 0),
        payload_format_indicator: None,
        message_expiry_interval: will.message_expiry,
        content_type: will.content_type.clone(),
        response_topic: will.response_topic.clone(),
        correlation_data: will.correlation_data.clone(),
        user_properties: vec![],
    };
    let empty = will.delay_s == 0
        && (&will.message_expiry, &will.content_type) == (&None, &None)
        && (&will.response_topic, &will.correlation_data) == (&None, &None);
    (!empty).then_some(properties)
}

fn login(connect: &Connect) -> Option<(String, String)> {
    let password = connect.password.as_ref().map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    connect.user_name.clone().zip(password)
}

/// What rumqttc cannot hold is brought down to what it can: a login is a name and a password of text, both there
/// and neither empty; it miscounts subscription identifiers in a PUBLISH; it has no AUTH to read, and no DISCONNECT
/// of two bytes in MQTT 5.
fn known_to_them(version: Version, packet: Packet) -> Option<Packet> {
    match packet {
        Packet::Connect(connect) => {
            let both = connect.user_name.is_some() && connect.password.is_some();
            let (user_name, password) = (Some("user".to_owned()), Some(Bytes::from_static(b"word")));
            let (user_name, password) = if both { (user_name, password) } else { (None, None) };
            Some(Packet::Connect(Box::new(Connect { user_name, password, ..*connect })))
        }
        Packet::Publish(mut publish) => {
            if let Some(properties) = &mut publish.properties {
                properties.subscription_identifiers.clear();
            }
            publish.properties = publish.properties.filter(|left| **left != PublishProperties::default());
            Some(Packet::Publish(publish))
        }
        Packet::Auth(_) => None,
        Packet::Disconnect(disconnect) if version == Version::V5 => {
            let bare = disconnect == Disconnect::new(ReasonCode::Success);
            (!bare).then_some(Packet::Disconnect(disconnect))
        }
        other => Some(other),
    }
}

/// rumqttc 0.25 declares one byte for a DISCONNECT that has only a reason, and writes two.
fn miswritten_by_them(packet: &Packet) -> bool {
    matches!(packet, Packet::Disconnect(Disconnect { reason_string: None, session_expiry: None, .. }))
}

fn known(version: Version) -> impl Strategy<Value = Packet> {
    packet(version)
        .prop_filter_map("rumqttc has no such packet", move |packet| known_to_them(version, packet))
}

proptest! {
    #[test]
    fn rumqttc_and_we_agree_on_3_1_1(packet in known(Version::V4)) {
        let theirs = read4(&encoded(Version::V4, &packet));
        if let Some(expected) = their4(&packet) {
            prop_assert_eq!(&theirs, &expected);
        }
        prop_assert_eq!(decode(Version::V4, written4(&theirs)), Ok(packet));
    }

    #[test]
    fn rumqttc_and_we_agree_on_5(packet in known(Version::V5)) {
        let theirs = read5(&encoded(Version::V5, &packet));
        if let Some(expected) = their5(&packet) {
            prop_assert_eq!(&theirs, &expected);
        }
        if !miswritten_by_them(&packet) {
            prop_assert_eq!(decode(Version::V5, written5(&theirs)), Ok(packet));
        }
    }
}
