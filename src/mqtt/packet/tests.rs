//! Bytes written by hand from the two specifications, beside the packets they are.
#![allow(clippy::unwrap_used)]

mod arbitrary;
mod malformed;
mod oracle;

use bytes::Bytes;

use super::*;

/// Bytes from hexadecimal pairs and 'quoted' text, apart by spaces.
fn wire(text: &str) -> Bytes {
    let token = |token: &str| match token.strip_prefix('\'') {
        Some(quoted) => quoted.trim_end_matches('\'').as_bytes().to_vec(),
        None => vec![u8::from_str_radix(token, 16).unwrap()],
    };
    text.split_whitespace().flat_map(token).collect::<Vec<u8>>().into()
}

fn encoded(version: Version, packet: &Packet) -> Bytes {
    let mut out = Vec::new();
    encode(version, packet, &mut out);
    out.into()
}

/// `text` is the packet's one encoding, in both directions.
#[track_caller]
fn check(version: Version, text: &str, packet: Packet) {
    let bytes = wire(text);
    assert_eq!(frame(&bytes, bytes.len()), Ok(Some(bytes.len())), "{text}");
    assert_eq!(decode(version, bytes.clone()), Ok(packet.clone()), "{text}");
    assert_eq!(encoded(version, &packet), bytes, "{text}");
    assert_eq!(encoded_len(version, &packet), bytes.len(), "{text}");
}

/// `text` is read as the packet, although we write it shorter.
#[track_caller]
fn check_reads(version: Version, text: &str, packet: Packet) {
    assert_eq!(decode(version, wire(text)), Ok(packet), "{text}");
}

fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[test]
fn connect_of_3_1_1() {
    let minimal = Connect::new(Version::V4, "lamp");
    check(Version::V4, "10 10 00 04 'MQTT' 04 02 00 3c 00 04 'lamp'", Packet::Connect(Box::new(minimal)));
    let full = Connect {
        clean_start: false,
        session_expiry: u32::MAX,
        keep_alive: 10,
        user_name: text("u"),
        password: Some(Bytes::from_static(&[0xFF, 0x00])),
        will: Some(Will {
            topic: "w/t".into(),
            payload: Bytes::from_static(b"off"),
            qos: QoS::AtLeastOnce,
            retain: true,
            ..Will::default()
        }),
        ..Connect::new(Version::V4, "")
    };
    let bytes = "10 1d 00 04 'MQTT' 04 ec 00 0a 00 00 00 03 'w/t' 00 03 'off' 00 01 'u' 00 02 ff 00";
    check(Version::V4, bytes, Packet::Connect(Box::new(full)));
}

#[test]
fn connect_of_5() {
    let minimal = Connect::new(Version::V5, "lamp");
    check(Version::V5, "10 11 00 04 'MQTT' 05 02 00 3c 00 00 04 'lamp'", Packet::Connect(Box::new(minimal)));
    let full = Connect {
        session_expiry: 300,
        receive_maximum: 32,
        maximum_packet_size: Some(65_536),
        topic_alias_maximum: 7,
        request_response_information: true,
        request_problem_information: false,
        authentication_method: text("m"),
        password: Some(Bytes::from_static(b"secret")),
        will: Some(Will {
            topic: "w".into(),
            payload: Bytes::from_static(b"off"),
            qos: QoS::ExactlyOnce,
            retain: false,
            delay_s: 5,
            message_expiry: Some(60),
            content_type: text("a/b"),
            response_topic: text("r"),
            correlation_data: Some(Bytes::from_static(&[1, 2])),
        }),
        ..Connect::new(Version::V5, "c")
    };
    let bytes = "10 50 00 04 'MQTT' 05 56 00 3c \
        18 11 00 00 01 2c 21 00 20 27 00 01 00 00 22 00 07 19 01 17 00 15 00 01 'm' 00 01 'c' \
        19 18 00 00 00 05 02 00 00 00 3c 03 00 03 'a/b' 08 00 01 'r' 09 00 02 01 02 00 01 'w' 00 03 'off' \
        00 06 'secret'";
    check(Version::V5, bytes, Packet::Connect(Box::new(full.clone())));
    assert_eq!(decode_connect(wire(bytes)), Ok(full.clone()));
    assert!(!format!("{full:?}").contains("secret\""), "a password is never shown");
}

#[test]
fn connect_properties_that_are_dropped_are_still_read() {
    let connect = Connect { authentication_method: text("m"), ..Connect::new(Version::V5, "") };
    let bytes = "10 21 00 04 'MQTT' 05 02 00 3c 14 15 00 01 'm' 16 00 01 ff \
        26 00 01 'a' 00 00 26 00 01 'b' 00 00 00 00";
    check_reads(Version::V5, bytes, Packet::Connect(Box::new(connect)));
}

#[test]
fn connack_in_both_versions() {
    let ack =
        |session_present, code| ConnAck { session_present, code, properties: ConnAckProperties::default() };
    check(Version::V4, "20 02 01 00", Packet::ConnAck(ack(true, ReasonCode::Success)));
    check(Version::V4, "20 02 00 05", Packet::ConnAck(ack(false, ReasonCode::NotAuthorized)));
    check(Version::V4, "20 02 00 04", Packet::ConnAck(ack(false, ReasonCode::BadUserNameOrPassword)));
    check(Version::V4, "20 02 00 03", Packet::ConnAck(ack(false, ReasonCode::ServerUnavailable)));
    check(Version::V4, "20 02 00 02", Packet::ConnAck(ack(false, ReasonCode::ClientIdentifierNotValid)));
    check(Version::V4, "20 02 00 01", Packet::ConnAck(ack(false, ReasonCode::UnsupportedProtocolVersion)));
    check(Version::V5, "20 03 00 87 00", Packet::ConnAck(ack(false, ReasonCode::NotAuthorized)));
    let properties = ConnAckProperties {
        session_expiry: Some(1),
        receive_maximum: Some(32),
        maximum_qos: Some(QoS::AtLeastOnce),
        retain_available: Some(false),
        maximum_packet_size: Some(65_536),
        assigned_client_id: text("x"),
        topic_alias_maximum: Some(8),
        reason_string: text("y"),
        wildcard_available: Some(true),
        subscription_ids_available: Some(false),
        shared_available: Some(false),
        server_keep_alive: Some(30),
    };
    let bytes = "20 28 01 00 25 11 00 00 00 01 21 00 20 24 01 25 00 27 00 01 00 00 12 00 01 'x' 22 00 08 \
        1f 00 01 'y' 28 01 29 00 2a 00 13 00 1e";
    check(Version::V5, bytes, Packet::ConnAck(ConnAck { properties, ..ack(true, ReasonCode::Success) }));
}

#[test]
fn publish_in_both_versions() {
    let plain = Publish::new("a/b", QoS::AtMostOnce, 0, "hi");
    check(Version::V4, "30 07 00 03 'a/b' 'hi'", Packet::Publish(plain.clone()));
    check(Version::V5, "30 08 00 03 'a/b' 00 'hi'", Packet::Publish(plain));
    let again = Publish { dup: true, retain: true, ..Publish::new("é", QoS::ExactlyOnce, 10, "") };
    check(Version::V4, "3d 06 00 02 c3 a9 00 0a", Packet::Publish(again.clone()));
    check(Version::V5, "3d 07 00 02 c3 a9 00 0a 00", Packet::Publish(again));
    let properties = PublishProperties {
        payload_format: Some(1),
        message_expiry_s: Some(30),
        topic_alias: Some(3),
        response_topic: text("r"),
        correlation_data: Some(Bytes::from_static(&[9])),
        content_type: text("t"),
        subscription_identifiers: vec![1, 268_435_455],
        user: vec![("k".into(), "v".into()), ("k".into(), "".into())],
    };
    let aliased =
        Publish { properties: Some(Box::new(properties)), ..Publish::new("", QoS::AtLeastOnce, 1, vec![0]) };
    let bytes = "32 30 00 00 00 01 2a 01 01 02 00 00 00 1e 23 00 03 08 00 01 'r' 09 00 01 09 03 00 01 't' \
        0b 01 0b ff ff ff 7f 26 00 01 'k' 00 01 'v' 26 00 01 'k' 00 00 00";
    check(Version::V5, bytes, Packet::Publish(aliased));
}

#[test]
fn a_publish_to_a_3_1_1_subscriber_carries_no_property() {
    let properties = PublishProperties { content_type: text("t"), ..PublishProperties::default() };
    let publish =
        Publish { properties: Some(Box::new(properties)), ..Publish::new("a/b", QoS::AtMostOnce, 0, "hi") };
    assert_eq!(encoded(Version::V4, &Packet::Publish(publish.clone())), wire("30 07 00 03 'a/b' 'hi'"));
    assert_eq!(publish_len(Version::V4, &publish), 9);
}

#[test]
fn topic_and_payload_are_slices_of_the_frame() {
    let bytes = wire("30 08 00 03 'a/b' 00 'hi'");
    let Ok(Packet::Publish(publish)) = decode(Version::V5, bytes.clone()) else { panic!("not a PUBLISH") };
    assert_eq!(publish.topic.as_bytes().as_ptr(), bytes[4..].as_ptr());
    assert_eq!(publish.payload.as_ptr(), bytes[8..].as_ptr());
}

#[test]
fn acknowledgements_of_a_publish() {
    let plain = PubAck::new(0x1234, ReasonCode::Success);
    for version in [Version::V4, Version::V5] {
        check(version, "40 02 12 34", Packet::PubAck(plain.clone()));
        check(version, "50 02 12 34", Packet::PubRec(plain.clone()));
        check(version, "62 02 12 34", Packet::PubRel(plain.clone()));
        check(version, "70 02 12 34", Packet::PubComp(plain.clone()));
    }
    let refused = PubAck::new(1, ReasonCode::NotAuthorized);
    check(Version::V5, "40 03 00 01 87", Packet::PubAck(refused.clone()));
    check(
        Version::V5,
        "62 03 00 01 92",
        Packet::PubRel(PubAck::new(1, ReasonCode::PacketIdentifierNotFound)),
    );
    assert_eq!(encoded(Version::V4, &Packet::PubAck(refused.clone())), wire("40 02 00 01"));
    check_reads(Version::V5, "40 04 00 01 87 00", Packet::PubAck(refused.clone()));
    let why = PubAck { reason_string: text("no"), ..refused };
    check(Version::V5, "40 09 00 01 87 05 1f 00 02 'no'", Packet::PubAck(why.clone()));
    check_reads(Version::V5, "40 0e 00 01 87 0a 26 00 00 00 00 1f 00 02 'no'", Packet::PubAck(why));
}

#[test]
fn subscribe_and_its_acknowledgement() {
    let filters = vec![Filter::new("a/+", QoS::AtLeastOnce), Filter::new("#", QoS::ExactlyOnce)];
    let plain = Subscribe { packet_id: 10, filters, subscription_identifier: None };
    check(Version::V4, "82 0c 00 0a 00 03 'a/+' 01 00 01 '#' 02", Packet::Subscribe(plain.clone()));
    check(Version::V5, "82 0d 00 0a 00 00 03 'a/+' 01 00 01 '#' 02", Packet::Subscribe(plain));
    let mut filter = Filter::new("a", QoS::AtLeastOnce);
    (filter.no_local, filter.retain_as_published) = (true, true);
    filter.retain_handling = RetainHandling::Never;
    let rich = Subscribe { packet_id: 1, filters: vec![filter], subscription_identifier: Some(128) };
    check(Version::V5, "82 0a 00 01 03 0b 80 01 00 01 'a' 2d", Packet::Subscribe(rich));

    let codes = vec![ReasonCode::GRANTED_QOS_0, ReasonCode::GrantedQos1, ReasonCode::NotAuthorized];
    let suback = SubAck { packet_id: 10, codes };
    check(Version::V5, "90 06 00 0a 00 00 01 87", Packet::SubAck(suback.clone()));
    assert_eq!(encoded(Version::V4, &Packet::SubAck(suback)), wire("90 05 00 0a 00 01 80"));
    let failed = SubAck { packet_id: 10, codes: vec![ReasonCode::UnspecifiedError] };
    check(Version::V4, "90 03 00 0a 80", Packet::SubAck(failed));
}

#[test]
fn unsubscribe_and_its_acknowledgement() {
    let unsubscribe = Unsubscribe { packet_id: 2, filters: vec!["a".into(), "b/#".into()] };
    check(Version::V4, "a2 0a 00 02 00 01 'a' 00 03 'b/#'", Packet::Unsubscribe(unsubscribe.clone()));
    check(Version::V5, "a2 0b 00 02 00 00 01 'a' 00 03 'b/#'", Packet::Unsubscribe(unsubscribe));
    check(Version::V4, "b0 02 00 02", Packet::UnsubAck(UnsubAck { packet_id: 2, codes: vec![] }));
    let codes = vec![ReasonCode::Success, ReasonCode::NoSubscriptionExisted];
    check(Version::V5, "b0 05 00 02 00 00 11", Packet::UnsubAck(UnsubAck { packet_id: 2, codes }));
}

#[test]
fn ping_disconnect_and_auth() {
    for version in [Version::V4, Version::V5] {
        check(version, "c0 00", Packet::PingReq);
        check(version, "d0 00", Packet::PingResp);
        check(version, "e0 00", Packet::Disconnect(Disconnect::new(ReasonCode::NORMAL_DISCONNECTION)));
    }
    let taken = Disconnect::new(ReasonCode::SessionTakenOver);
    check(Version::V5, "e0 02 8e 00", Packet::Disconnect(taken.clone()));
    check_reads(Version::V5, "e0 01 8e", Packet::Disconnect(taken.clone()));
    check_reads(Version::V5, "e0 06 8e 04 1c 00 01 's'", Packet::Disconnect(taken));
    let full = Disconnect { reason: ReasonCode::Success, reason_string: text("b"), session_expiry: Some(9) };
    check(Version::V5, "e0 0b 00 09 11 00 00 00 09 1f 00 01 'b'", Packet::Disconnect(full));

    let short = Auth { reason: ReasonCode::Success, authentication_method: None, authentication_data: None };
    check(Version::V5, "f0 00", Packet::Auth(short.clone()));
    let data = Some(Bytes::from_static(&[7]));
    let step = Auth {
        reason: ReasonCode::ContinueAuthentication,
        authentication_method: text("m"),
        authentication_data: data,
    };
    check(Version::V5, "f0 0a 18 08 15 00 01 'm' 16 00 01 07", Packet::Auth(step));
    assert_eq!(encoded(Version::V4, &Packet::Auth(short)), Bytes::new());
}

#[test]
fn frame_waits_for_the_header_and_for_nothing_else() {
    let cases: &[(&str, Result<Option<usize>, PacketError>)] = &[
        ("", Ok(None)),
        ("30", Ok(None)),
        ("30 80", Ok(None)),
        ("30 ff ff ff", Ok(None)),
        ("30 05", Ok(Some(7))),
        ("30 80 01", Ok(Some(131))),
        ("30 7f 'begun'", Ok(Some(129))),
        ("30 fd 07", Ok(Some(1_024))),
        ("30 fe 07", Err(PacketError::TooLarge { declared: 1_025, max: 1_024 })),
        ("10 ff ff ff 7f", Err(PacketError::TooLarge { declared: 268_435_460, max: 1_024 })),
        ("30 ff ff ff ff", Err(PacketError::Malformed("a length of five bytes"))),
        ("30 80 00", Err(PacketError::Malformed("a padded length"))),
        ("00", Err(PacketError::Malformed("packet type 0"))),
        ("36", Err(PacketError::Malformed("QoS 3"))),
    ];
    for (text, expected) in cases {
        assert_eq!(frame(&wire(text), 1_024), *expected, "{text}");
    }
}

#[test]
fn a_topic_filter_has_its_wildcards_where_they_belong() {
    for good in ["a", "/", "+", "#", "a/+/b", "a/#", "+/+", "/+", "$share/g/a", "é/#"] {
        assert!(is_topic_filter(good), "{good}");
    }
    for bad in ["", "a+", "+a", "a#", "#/a", "a/#/b", "a/b#", "a/+b/c", "##", "++"] {
        assert!(!is_topic_filter(bad), "{bad}");
    }
}

#[test]
fn every_reason_is_its_byte() {
    for byte in 0..=255u8 {
        let code = ReasonCode::from_byte(byte);
        assert_eq!(code.map(ReasonCode::byte).unwrap_or(byte), byte);
        assert_eq!(code.is_some(), ReasonCode::ALL.iter().any(|code| code.byte() == byte), "{byte:#x}");
    }
    assert_eq!(ReasonCode::ALL.len(), 43);
    assert_eq!(ReasonCode::SessionTakenOver.to_string(), "session taken over (0x8e)");
}

#[test]
fn a_string_too_long_for_its_length_is_cut_at_a_character() {
    let filters = vec![format!("a{}", "é".repeat(40_000))];
    let bytes = encoded(Version::V4, &Packet::Unsubscribe(Unsubscribe { packet_id: 1, filters }));
    let Ok(Packet::Unsubscribe(read)) = decode(Version::V4, bytes) else { panic!("not an UNSUBSCRIBE") };
    assert_eq!(read.filters, vec![format!("a{}", "é".repeat(32_767))]);
}
