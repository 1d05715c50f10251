//! Any packet there is, written and read again; and any bytes there are.

use bytes::Bytes;
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;

use super::super::reason::Allowed;
use super::super::*;
use super::encoded;

fn string() -> impl Strategy<Value = String> {
    "[ -~é漢🚀]{0,20}"
}

fn topic() -> impl Strategy<Value = String> {
    "[a-z0-9/$é漢]{1,40}"
}

fn data() -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..200).prop_map(Bytes::from)
}

fn qos() -> impl Strategy<Value = QoS> {
    select(vec![QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce])
}

fn code(allowed: &Allowed) -> impl Strategy<Value = ReasonCode> + use<> {
    select(allowed.codes())
}

/// What only MQTT 5 has: `None` in 3.1.1.
fn of_5<T>(version: Version, value: impl Strategy<Value = T> + 'static) -> BoxedStrategy<Option<T>>
where
    T: Clone + std::fmt::Debug + 'static,
{
    match version {
        Version::V4 => Just(None).boxed(),
        Version::V5 => of(value).boxed(),
    }
}

fn will(version: Version) -> impl Strategy<Value = Will> {
    let delay_s = of_5(version, any::<u32>()).prop_map(Option::unwrap_or_default);
    let message_expiry = of_5(version, any::<u32>());
    let (content_type, response_topic) = (of_5(version, string()), of_5(version, topic()));
    let rest = (delay_s, message_expiry, content_type, response_topic, of_5(version, data()));
    (topic(), data(), qos(), any::<bool>(), rest).prop_map(|(topic, payload, qos, retain, rest)| {
        let (delay_s, message_expiry, content_type, response_topic, correlation_data) = rest;
        Will {
            topic,
            payload,
            qos,
            retain,
            delay_s,
            message_expiry,
            content_type,
            response_topic,
            correlation_data,
        }
    })
}

fn connect(version: Version) -> impl Strategy<Value = Connect> {
    let who = (string(), of(string()), of(data()), of(will(version)), any::<bool>(), any::<u16>());
    let numbers = (
        of_5(version, any::<u32>()),
        of_5(version, 1..=u16::MAX),
        of_5(version, 1..=u32::MAX),
        of_5(version, any::<u16>()),
        of_5(version, any::<(bool, bool)>()),
        of_5(version, string()),
    );
    (who, numbers).prop_map(move |(who, numbers)| {
        let (client_id, user_name, password, will, clean_start, keep_alive) = who;
        let (expiry, receive_maximum, maximum_packet_size, aliases, information, method) = numbers;
        let (request_problem_information, request_response_information) =
            information.unwrap_or((true, false));
        let kept_for_ever = version == Version::V4 && !clean_start;
        Connect {
            version,
            clean_start,
            keep_alive,
            client_id,
            password: password.filter(|_| version == Version::V5 || user_name.is_some()),
            user_name,
            will,
            session_expiry: if kept_for_ever { u32::MAX } else { expiry.unwrap_or(0) },
            receive_maximum: receive_maximum.unwrap_or(u16::MAX),
            maximum_packet_size,
            topic_alias_maximum: aliases.unwrap_or(0),
            request_problem_information,
            request_response_information,
            authentication_method: method,
        }
    })
}

fn connack(version: Version) -> BoxedStrategy<ConnAck> {
    let v4 = (0..=5u8).prop_filter_map("a return code", ReasonCode::from_v4_connect_byte);
    let code = match version {
        Version::V4 => v4.boxed(),
        Version::V5 => code(&Allowed::CONNACK).boxed(),
    };
    let properties = match version {
        Version::V4 => Just(ConnAckProperties::default()).boxed(),
        Version::V5 => connack_properties().boxed(),
    };
    (any::<bool>(), code, properties)
        .prop_map(|(present, code, properties)| ConnAck {
            session_present: present && !code.is_failure(),
            code,
            properties,
        })
        .boxed()
}

fn connack_properties() -> impl Strategy<Value = ConnAckProperties> {
    let sizes = (of(any::<u32>()), of(1..=u16::MAX), of(1..=u32::MAX), any::<(Option<u16>, Option<u16>)>());
    let flags = any::<(Option<bool>, Option<bool>, Option<bool>, Option<bool>, Option<bool>)>();
    (sizes, flags, of(string()), of(string())).prop_map(
        |(sizes, flags, assigned_client_id, reason_string)| {
            let (
                session_expiry,
                receive_maximum,
                maximum_packet_size,
                (topic_alias_maximum, server_keep_alive),
            ) = sizes;
            let (qos, retain_available, wildcard_available, subscription_ids_available, shared_available) =
                flags;
            ConnAckProperties {
                session_expiry,
                receive_maximum,
                maximum_qos: qos.and_then(|one| QoS::from_byte(u8::from(one))),
                retain_available,
                maximum_packet_size,
                assigned_client_id,
                topic_alias_maximum,
                reason_string,
                wildcard_available,
                subscription_ids_available,
                shared_available,
                server_keep_alive,
            }
        },
    )
}

pub(super) fn publish(version: Version) -> impl Strategy<Value = Publish> {
    let flags = any::<(bool, bool)>();
    (flags, qos(), topic(), 1..=u16::MAX, data(), of_5(version, properties()), any::<bool>()).prop_map(
        |((dup, retain), qos, topic, packet_id, payload, properties, aliased)| {
            let properties = properties.filter(|found| *found != PublishProperties::default());
            let aliased = aliased && properties.as_ref().is_some_and(|found| found.topic_alias.is_some());
            Publish {
                dup: dup && qos != QoS::AtMostOnce,
                qos,
                retain,
                topic: Text::from(if aliased { String::new() } else { topic }),
                packet_id: if qos == QoS::AtMostOnce { 0 } else { packet_id },
                payload,
                properties: properties.map(Box::new),
            }
        },
    )
}

fn properties() -> impl Strategy<Value = PublishProperties> {
    let texts = (of(topic()), of(data()), of(string()), vec((string(), string()), 0..8));
    let numbers = (of(0..=1u8), of(any::<u32>()), of(1..=u16::MAX), vec(1..=268_435_455u32, 0..8));
    (texts, numbers).prop_map(|(texts, numbers)| {
        let (response_topic, correlation_data, content_type, user) = texts;
        let (payload_format, message_expiry_s, topic_alias, subscription_identifiers) = numbers;
        PublishProperties {
            payload_format,
            message_expiry_s,
            topic_alias,
            response_topic,
            correlation_data,
            content_type,
            subscription_identifiers,
            user,
        }
    })
}

fn ack(version: Version, allowed: &Allowed) -> impl Strategy<Value = PubAck> + use<> {
    (1..=u16::MAX, of_5(version, code(allowed)), of_5(version, string())).prop_map(
        |(packet_id, reason, reason_string)| PubAck {
            packet_id,
            reason: reason.unwrap_or(ReasonCode::Success),
            reason_string,
        },
    )
}

fn filter(version: Version) -> impl Strategy<Value = Filter> {
    let handling = vec![RetainHandling::AtSubscribe, RetainHandling::AtNewSubscribe, RetainHandling::Never];
    let options = of_5(version, (any::<(bool, bool)>(), select(handling)));
    ("[a-z/+#]{1,20}", qos(), options).prop_map(|(path, qos, options)| {
        let ((no_local, retain_as_published), retain_handling) = options.unwrap_or_default();
        Filter { path, qos, no_local, retain_as_published, retain_handling }
    })
}

fn subscribe(version: Version) -> impl Strategy<Value = Subscribe> {
    (1..=u16::MAX, vec(filter(version), 1..8), of_5(version, 1..=268_435_455u32)).prop_map(
        |(packet_id, filters, subscription_identifier)| Subscribe {
            packet_id,
            filters,
            subscription_identifier,
        },
    )
}

fn subacks(version: Version) -> BoxedStrategy<Packet> {
    let (granted, removed) = match version {
        Version::V4 => (vec(code(&Allowed::SUBACK_V4), 1..40).boxed(), Just(Vec::new()).boxed()),
        Version::V5 => {
            (vec(code(&Allowed::SUBACK), 1..200).boxed(), vec(code(&Allowed::UNSUBACK), 1..200).boxed())
        }
    };
    let suback = |(packet_id, codes)| Packet::SubAck(SubAck { packet_id, codes });
    let unsuback = |(packet_id, codes)| Packet::UnsubAck(UnsubAck { packet_id, codes });
    prop_oneof![(1..=u16::MAX, granted).prop_map(suback), (1..=u16::MAX, removed).prop_map(unsuback)].boxed()
}

fn disconnect(version: Version) -> impl Strategy<Value = Disconnect> {
    let reason =
        of_5(version, code(&Allowed::DISCONNECT)).prop_map(|code| code.unwrap_or(ReasonCode::Success));
    (reason, of_5(version, string()), of_5(version, any::<u32>())).prop_map(
        |(reason, reason_string, session_expiry)| Disconnect { reason, reason_string, session_expiry },
    )
}

fn auth() -> impl Strategy<Value = Auth> {
    (code(&Allowed::AUTH), string(), of(data())).prop_map(|(reason, method, authentication_data)| Auth {
        reason,
        authentication_method: Some(method),
        authentication_data,
    })
}

/// Any packet that this version has.
pub(super) fn packet(version: Version) -> BoxedStrategy<Packet> {
    let last = match version {
        Version::V4 => Just(Packet::PingResp).boxed(),
        Version::V5 => auth().prop_map(Packet::Auth).boxed(),
    };
    let unsubscribe = (1..=u16::MAX, vec("[a-z/+#]{1,20}", 1..8));
    prop_oneof![
        2 => connect(version).prop_map(|connect| Packet::Connect(Box::new(connect))),
        1 => connack(version).prop_map(Packet::ConnAck),
        3 => publish(version).prop_map(Packet::Publish),
        1 => ack(version, &Allowed::PUBACK).prop_map(Packet::PubAck),
        1 => ack(version, &Allowed::PUBACK).prop_map(Packet::PubRec),
        1 => ack(version, &Allowed::PUBREL).prop_map(Packet::PubRel),
        1 => ack(version, &Allowed::PUBREL).prop_map(Packet::PubComp),
        1 => subscribe(version).prop_map(Packet::Subscribe),
        2 => subacks(version),
        1 => unsubscribe.prop_map(|(packet_id, filters)| Packet::Unsubscribe(Unsubscribe { packet_id, filters })),
        1 => disconnect(version).prop_map(Packet::Disconnect),
        1 => Just(Packet::PingReq),
        1 => last,
    ]
    .boxed()
}

pub(super) fn version() -> impl Strategy<Value = Version> {
    select(vec![Version::V4, Version::V5])
}

fn versioned() -> impl Strategy<Value = (Version, Packet)> {
    version().prop_flat_map(|version| (Just(version), packet(version)))
}

/// The heap that a packet's own vectors and strings hold, what they reserved included.
fn held(packet: &Packet) -> usize {
    let text = |text: &Option<String>| text.as_ref().map_or(0, String::capacity);
    match packet {
        Packet::Publish(Publish { properties: Some(found), .. }) => {
            let user = found.user.iter().map(|(key, value)| key.capacity() + value.capacity());
            size_of::<PublishProperties>()
                + text(&found.response_topic)
                + text(&found.content_type)
                + found.subscription_identifiers.capacity() * size_of::<u32>()
                + found.user.capacity() * size_of::<(String, String)>()
                + user.sum::<usize>()
        }
        Packet::Subscribe(subscribe) => {
            let paths = subscribe.filters.iter().map(|filter| filter.path.capacity());
            subscribe.filters.capacity() * size_of::<Filter>() + paths.sum::<usize>()
        }
        Packet::Unsubscribe(unsubscribe) => {
            let paths = unsubscribe.filters.iter().map(String::capacity);
            unsubscribe.filters.capacity() * size_of::<String>() + paths.sum::<usize>()
        }
        Packet::SubAck(suback) => suback.codes.capacity(),
        Packet::UnsubAck(unsuback) => unsuback.codes.capacity(),
        Packet::Connect(connect) => {
            let will = connect.will.as_ref();
            let will = will.map_or(0, |will| {
                will.topic.capacity() + text(&will.content_type) + text(&will.response_topic)
            });
            size_of::<Connect>() + connect.client_id.capacity() + text(&connect.user_name) + will
        }
        Packet::ConnAck(connack) => {
            text(&connack.properties.assigned_client_id) + text(&connack.properties.reason_string)
        }
        Packet::PubAck(ack) | Packet::PubRec(ack) | Packet::PubRel(ack) | Packet::PubComp(ack) => {
            text(&ack.reason_string)
        }
        Packet::Disconnect(disconnect) => text(&disconnect.reason_string),
        Packet::Auth(auth) => text(&auth.authentication_method),
        Packet::Publish(_) | Packet::PingReq | Packet::PingResp => 0,
    }
}

/// 24 times: an empty user property is 5 bytes on the wire and 48 in a vector that may be twice as long as it is
/// filled. 768 for what a packet of a few bytes may hold: its box and a first reservation of four.
fn check_held(bytes: &Bytes, packet: &Packet) {
    let bound = 768 + 24 * bytes.len();
    assert!(held(packet) <= bound, "{} bytes of heap for {} of wire", held(packet), bytes.len());
}

fn read_all_ways(bytes: &Bytes) {
    for version in [Version::V4, Version::V5] {
        if let Ok(packet) = decode(version, bytes.clone()) {
            check_held(bytes, &packet);
        }
    }
    let _either = (frame(bytes, 1_024), decode_connect(bytes.clone()));
}

proptest! {
    #[test]
    fn what_is_written_is_read_as_the_same((version, packet) in versioned()) {
        let bytes = encoded(version, &packet);
        prop_assert_eq!(frame(&bytes, bytes.len()), Ok(Some(bytes.len())));
        prop_assert_eq!(encoded_len(version, &packet), bytes.len());
        prop_assert_eq!(decode(version, bytes), Ok(packet));
    }

    #[test]
    fn a_packet_cut_short_is_never_read((version, packet) in versioned(), at in any::<prop::sample::Index>()) {
        let bytes = encoded(version, &packet);
        let cut = bytes.slice(..at.index(bytes.len()));
        prop_assert!(decode(version, cut).is_err());
    }

    #[test]
    fn a_packet_with_other_bytes_in_it_is_read_or_refused(
        (version, packet) in versioned(),
        edits in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = encoded(version, &packet).to_vec();
        for (at, byte) in edits {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        read_all_ways(&bytes.into());
    }

    #[test]
    fn what_is_read_from_any_body_is_written_and_read_as_the_same(
        version in version(), first in any::<u8>(), body in vec(prop_oneof![0..4u8, any::<u8>()], 0..100),
    ) {
        let mut bytes = vec![first, body.len() as u8];
        bytes.extend(body);
        let bytes = Bytes::from(bytes);
        read_all_ways(&bytes);
        if let Ok(packet) = decode(version, bytes) {
            let version = if let Packet::Connect(connect) = &packet { connect.version } else { version };
            prop_assert_eq!(decode(version, encoded(version, &packet)), Ok(packet));
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in vec(any::<u8>(), 0..300)) {
        read_all_ways(&bytes.into());
    }
}

#[test]
fn the_packets_that_blow_up_most_stay_within_the_bound() {
    let subscribe = Filter::new("a", QoS::AtMostOnce);
    let publish = |count| PublishProperties {
        user: vec![(String::new(), String::new()); count],
        ..PublishProperties::default()
    };
    for count in [1, 5, 1_025, 13_000] {
        let filters = vec![subscribe.clone(); count];
        let properties = Some(Box::new(publish(count)));
        let packets = [
            Packet::Subscribe(Subscribe { packet_id: 1, filters, subscription_identifier: None }),
            Packet::Unsubscribe(Unsubscribe { packet_id: 1, filters: vec!["a".into(); count] }),
            Packet::Publish(Publish { properties, ..Publish::new("a", QoS::AtMostOnce, 0, "") }),
        ];
        for packet in packets {
            let bytes = encoded(Version::V5, &packet);
            check_held(&bytes, &decode(Version::V5, bytes.clone()).unwrap());
        }
    }
}
