//! Every packet, written. Total: whatever the packet, what comes out has consistent lengths.
//!
//! A version never carries what it does not have: properties, reasons and options of MQTT 5 are left out of 3.1.1.

use bytes::Bytes;

use super::kind;
use super::packets::*;
use super::properties::id;
use super::reason::ReasonCode;

/// Appends `packet` to `out`.
///
/// The caller has checked sizes: a packet above 268,435,460 bytes has no encoding, and a string or a will above
/// 65,535 bytes is cut there. AUTH does not exist in 3.1.1 and writes nothing.
pub fn encode(version: Version, packet: &Packet, out: &mut Vec<u8>) {
    match packet {
        Packet::Connect(connect) => encode_connect(connect, out),
        Packet::ConnAck(connack) => encode_connack(version, connack, out),
        Packet::Publish(publish) => encode_publish(version, publish, out),
        Packet::PubAck(ack) => acknowledgement(version, kind::PUBACK << 4, ack, out),
        Packet::PubRec(ack) => acknowledgement(version, kind::PUBREC << 4, ack, out),
        Packet::PubRel(ack) => acknowledgement(version, kind::PUBREL << 4 | 0x02, ack, out),
        Packet::PubComp(ack) => acknowledgement(version, kind::PUBCOMP << 4, ack, out),
        Packet::Subscribe(subscribe) => encode_subscribe(version, subscribe, out),
        Packet::SubAck(suback) => encode_suback(version, suback, out),
        Packet::Unsubscribe(unsubscribe) => encode_unsubscribe(version, unsubscribe, out),
        Packet::UnsubAck(unsuback) => encode_unsuback(version, unsuback, out),
        Packet::PingReq => out.extend_from_slice(&[kind::PINGREQ << 4, 0]),
        Packet::PingResp => out.extend_from_slice(&[kind::PINGRESP << 4, 0]),
        Packet::Disconnect(disconnect) => encode_disconnect(version, disconnect, out),
        Packet::Auth(auth) => encode_auth(version, auth, out),
    }
}

/// Appends a PUBLISH, for a sender that has no [`Packet`] around it.
pub fn encode_publish(version: Version, publish: &Publish, out: &mut Vec<u8>) {
    let remaining = publish_remaining(version, publish);
    let dup = u8::from(publish.dup && publish.qos != QoS::AtMostOnce);
    out.reserve(1 + varint_len(remaining) + remaining);
    out.push(kind::PUBLISH << 4 | dup << 3 | publish.qos.byte() << 1 | u8::from(publish.retain));
    put_varint(out, remaining);
    put_binary(out, cut(publish.topic.as_bytes()));
    if publish.qos != QoS::AtMostOnce {
        put_u16(out, publish.packet_id);
    }
    if version == Version::V5 {
        put_varint(out, publish.properties.as_deref().map_or(0, properties_len));
        if let Some(properties) = publish.properties.as_deref() {
            put_publish_properties(out, properties);
        }
    }
    out.extend_from_slice(&publish.payload);
}

/// The bytes that [`encode_publish`] will write, to be held against the receiver's Maximum Packet Size.
pub fn publish_len(version: Version, publish: &Publish) -> usize {
    let remaining = publish_remaining(version, publish);
    1 + varint_len(remaining) + remaining
}

/// The bytes that [`encode`] will write. For all but PUBLISH it finds out by writing them.
pub fn encoded_len(version: Version, packet: &Packet) -> usize {
    match packet {
        Packet::Publish(publish) => publish_len(version, publish),
        other => {
            let mut out = Vec::new();
            encode(version, other, &mut out);
            out.len()
        }
    }
}

fn encode_connect(connect: &Connect, out: &mut Vec<u8>) {
    out.push(kind::CONNECT << 4);
    sized(out, |out| {
        put_string(out, "MQTT");
        out.push(match connect.version {
            Version::V4 => 4,
            Version::V5 => 5,
        });
        out.push(connect_flags(connect));
        put_u16(out, connect.keep_alive);
        if connect.version == Version::V5 {
            sized(out, |out| put_connect_properties(out, connect));
        }
        put_string(out, &connect.client_id);
        if let Some(will) = &connect.will {
            put_will(connect.version, out, will);
        }
        if let Some(user_name) = &connect.user_name {
            put_string(out, user_name);
        }
        if let Some(password) = connect_password(connect) {
            put_binary(out, cut(password));
        }
    });
}

/// 3.1.1 has no password without a user name [MQTT-3.1.2-22].
fn connect_password(connect: &Connect) -> Option<&Bytes> {
    let allowed = connect.version == Version::V5 || connect.user_name.is_some();
    connect.password.as_ref().filter(|_| allowed)
}

fn connect_flags(connect: &Connect) -> u8 {
    let will =
        connect.will.as_ref().map_or(0, |will| 0x04 | will.qos.byte() << 3 | u8::from(will.retain) << 5);
    will | u8::from(connect.clean_start) << 1
        | u8::from(connect_password(connect).is_some()) << 6
        | u8::from(connect.user_name.is_some()) << 7
}

fn put_connect_properties(out: &mut Vec<u8>, connect: &Connect) {
    let unless = |default: u16, value: u16| (value != default).then_some(value);
    property_u32(out, id::SESSION_EXPIRY, (connect.session_expiry != 0).then_some(connect.session_expiry));
    property_u16(out, id::RECEIVE_MAXIMUM, unless(u16::MAX, connect.receive_maximum));
    property_u32(out, id::MAXIMUM_PACKET_SIZE, connect.maximum_packet_size);
    property_u16(out, id::TOPIC_ALIAS_MAXIMUM, unless(0, connect.topic_alias_maximum));
    property_u8(out, id::REQUEST_RESPONSE_INFORMATION, connect.request_response_information.then_some(1));
    property_u8(out, id::REQUEST_PROBLEM_INFORMATION, (!connect.request_problem_information).then_some(0));
    property_string(out, id::AUTHENTICATION_METHOD, connect.authentication_method.as_deref());
}

fn put_will(version: Version, out: &mut Vec<u8>, will: &Will) {
    if version == Version::V5 {
        sized(out, |out| {
            property_u32(out, id::WILL_DELAY, (will.delay_s != 0).then_some(will.delay_s));
            property_u32(out, id::MESSAGE_EXPIRY, will.message_expiry);
            property_string(out, id::CONTENT_TYPE, will.content_type.as_deref());
            property_string(out, id::RESPONSE_TOPIC, will.response_topic.as_deref());
            property_binary(out, id::CORRELATION_DATA, will.correlation_data.as_deref());
        });
    }
    put_string(out, &will.topic);
    put_binary(out, cut(&will.payload));
}

fn encode_connack(version: Version, connack: &ConnAck, out: &mut Vec<u8>) {
    let present = u8::from(connack.session_present && !connack.code.is_failure());
    out.push(kind::CONNACK << 4);
    match version {
        Version::V4 => out.extend_from_slice(&[2, present, connack.code.v4_connect_byte()]),
        Version::V5 => sized(out, |out| {
            out.extend_from_slice(&[present, connack.code.byte()]);
            sized(out, |out| put_connack_properties(out, &connack.properties));
        }),
    }
}

fn put_connack_properties(out: &mut Vec<u8>, said: &ConnAckProperties) {
    let below_2 = said.maximum_qos.filter(|qos| *qos != QoS::ExactlyOnce);
    property_u32(out, id::SESSION_EXPIRY, said.session_expiry);
    property_u16(out, id::RECEIVE_MAXIMUM, said.receive_maximum);
    property_u8(out, id::MAXIMUM_QOS, below_2.map(QoS::byte));
    property_u8(out, id::RETAIN_AVAILABLE, said.retain_available.map(u8::from));
    property_u32(out, id::MAXIMUM_PACKET_SIZE, said.maximum_packet_size);
    property_string(out, id::ASSIGNED_CLIENT_ID, said.assigned_client_id.as_deref());
    property_u16(out, id::TOPIC_ALIAS_MAXIMUM, said.topic_alias_maximum);
    property_string(out, id::REASON_STRING, said.reason_string.as_deref());
    property_u8(out, id::WILDCARD_AVAILABLE, said.wildcard_available.map(u8::from));
    property_u8(out, id::SUBSCRIPTION_IDS_AVAILABLE, said.subscription_ids_available.map(u8::from));
    property_u8(out, id::SHARED_AVAILABLE, said.shared_available.map(u8::from));
    property_u16(out, id::SERVER_KEEP_ALIVE, said.server_keep_alive);
}

fn put_publish_properties(out: &mut Vec<u8>, properties: &PublishProperties) {
    property_u8(out, id::PAYLOAD_FORMAT, properties.payload_format);
    property_u32(out, id::MESSAGE_EXPIRY, properties.message_expiry_s);
    property_u16(out, id::TOPIC_ALIAS, properties.topic_alias);
    property_string(out, id::RESPONSE_TOPIC, properties.response_topic.as_deref());
    property_binary(out, id::CORRELATION_DATA, properties.correlation_data.as_deref());
    property_string(out, id::CONTENT_TYPE, properties.content_type.as_deref());
    for identifier in &properties.subscription_identifiers {
        out.push(id::SUBSCRIPTION_IDENTIFIER);
        put_varint(out, *identifier as usize);
    }
    for (key, value) in &properties.user {
        out.push(id::USER);
        put_string(out, key);
        put_string(out, value);
    }
}

/// The bytes of what [`put_publish_properties`] writes; the tests hold the two together.
fn properties_len(properties: &PublishProperties) -> usize {
    let string = |text: &Option<String>| text.as_ref().map_or(0, |text| 3 + cut_string(text).len());
    let identifiers = properties.subscription_identifiers.iter().map(|value| 1 + varint_len(*value as usize));
    let user = properties.user.iter().map(|(key, value)| 5 + cut_string(key).len() + cut_string(value).len());
    properties.payload_format.map_or(0, |_| 2)
        + properties.message_expiry_s.map_or(0, |_| 5)
        + properties.topic_alias.map_or(0, |_| 3)
        + string(&properties.response_topic)
        + properties.correlation_data.as_ref().map_or(0, |data| 3 + cut(data).len())
        + string(&properties.content_type)
        + identifiers.sum::<usize>()
        + user.sum::<usize>()
}

fn publish_remaining(version: Version, publish: &Publish) -> usize {
    let properties = match version {
        Version::V4 => 0,
        Version::V5 => {
            let len = publish.properties.as_deref().map_or(0, properties_len);
            varint_len(len) + len
        }
    };
    let packet_id = if publish.qos == QoS::AtMostOnce { 0 } else { 2 };
    2 + cut(publish.topic.as_bytes()).len() + packet_id + properties + publish.payload.len()
}

fn acknowledgement(version: Version, first: u8, ack: &PubAck, out: &mut Vec<u8>) {
    let [high, low] = ack.packet_id.to_be_bytes();
    match (version, ack.reason, &ack.reason_string) {
        (Version::V4, _, _) | (Version::V5, ReasonCode::Success, None) => {
            out.extend_from_slice(&[first, 2, high, low]);
        }
        (Version::V5, reason, None) => out.extend_from_slice(&[first, 3, high, low, reason.byte()]),
        (Version::V5, reason, Some(text)) => {
            out.push(first);
            sized(out, |out| {
                out.extend_from_slice(&[high, low, reason.byte()]);
                sized(out, |out| property_string(out, id::REASON_STRING, Some(text)));
            });
        }
    }
}

fn encode_subscribe(version: Version, subscribe: &Subscribe, out: &mut Vec<u8>) {
    out.push(kind::SUBSCRIBE << 4 | 0x02);
    sized(out, |out| {
        put_u16(out, subscribe.packet_id);
        if version == Version::V5 {
            sized(out, |out| {
                if let Some(identifier) = subscribe.subscription_identifier {
                    out.push(id::SUBSCRIPTION_IDENTIFIER);
                    put_varint(out, identifier as usize);
                }
            });
        }
        for filter in &subscribe.filters {
            put_string(out, &filter.path);
            out.push(filter_options(version, filter));
        }
    });
}

fn filter_options(version: Version, filter: &Filter) -> u8 {
    match version {
        Version::V4 => filter.qos.byte(),
        Version::V5 => {
            filter.qos.byte()
                | u8::from(filter.no_local) << 2
                | u8::from(filter.retain_as_published) << 3
                | (filter.retain_handling as u8) << 4
        }
    }
}

fn encode_suback(version: Version, suback: &SubAck, out: &mut Vec<u8>) {
    out.push(kind::SUBACK << 4);
    sized(out, |out| {
        put_u16(out, suback.packet_id);
        match version {
            Version::V4 => out.extend(suback.codes.iter().map(|code| code.byte().min(0x80))),
            Version::V5 => {
                out.push(0);
                out.extend(suback.codes.iter().map(|code| code.byte()));
            }
        }
    });
}

fn encode_unsubscribe(version: Version, unsubscribe: &Unsubscribe, out: &mut Vec<u8>) {
    out.push(kind::UNSUBSCRIBE << 4 | 0x02);
    sized(out, |out| {
        put_u16(out, unsubscribe.packet_id);
        if version == Version::V5 {
            out.push(0);
        }
        for path in &unsubscribe.filters {
            put_string(out, path);
        }
    });
}

fn encode_unsuback(version: Version, unsuback: &UnsubAck, out: &mut Vec<u8>) {
    out.push(kind::UNSUBACK << 4);
    sized(out, |out| {
        put_u16(out, unsuback.packet_id);
        if version == Version::V5 {
            out.push(0);
            out.extend(unsuback.codes.iter().map(|code| code.byte()));
        }
    });
}

fn encode_disconnect(version: Version, disconnect: &Disconnect, out: &mut Vec<u8>) {
    let bare = disconnect.reason_string.is_none() && disconnect.session_expiry.is_none();
    out.push(kind::DISCONNECT << 4);
    match (version, disconnect.reason) {
        (Version::V4, _) => out.push(0),
        (Version::V5, ReasonCode::NORMAL_DISCONNECTION) if bare => out.push(0),
        // The property length could be left out too (3.14.2.2.1), but rumqttc 0.25 does not read that.
        (Version::V5, reason) if bare => out.extend_from_slice(&[2, reason.byte(), 0]),
        (Version::V5, reason) => sized(out, |out| {
            out.push(reason.byte());
            sized(out, |out| {
                property_u32(out, id::SESSION_EXPIRY, disconnect.session_expiry);
                property_string(out, id::REASON_STRING, disconnect.reason_string.as_deref());
            });
        }),
    }
}

fn encode_auth(version: Version, auth: &Auth, out: &mut Vec<u8>) {
    let bare = auth.authentication_method.is_none() && auth.authentication_data.is_none();
    match (version, auth.reason) {
        (Version::V4, _) => {}
        (Version::V5, ReasonCode::Success) if bare => out.extend_from_slice(&[kind::AUTH << 4, 0]),
        (Version::V5, reason) => {
            out.push(kind::AUTH << 4);
            sized(out, |out| {
                out.push(reason.byte());
                sized(out, |out| {
                    property_string(out, id::AUTHENTICATION_METHOD, auth.authentication_method.as_deref());
                    property_binary(out, id::AUTHENTICATION_DATA, auth.authentication_data.as_deref());
                });
            });
        }
    }
}

/// Writes a length in front of what `body` writes. Nearly always it is one byte; else the rest moves up.
fn sized(out: &mut Vec<u8>, body: impl FnOnce(&mut Vec<u8>)) {
    let at = out.len();
    out.push(0);
    body(out);
    let len = out.len() - at - 1;
    match u8::try_from(len) {
        Ok(byte) if byte < 0x80 => out[at] = byte,
        Ok(_) | Err(_) => {
            let mut varint = Vec::with_capacity(5);
            put_varint(&mut varint, len);
            out.splice(at..=at, varint);
        }
    }
}

fn varint_len(value: usize) -> usize {
    match value {
        0..=0x7F => 1,
        0x80..=0x3FFF => 2,
        0x4000..=0x1F_FFFF => 3,
        _ => 4,
    }
}

fn put_varint(out: &mut Vec<u8>, mut value: usize) {
    while value > 0x7F {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn put_u16(out: &mut Vec<u8>, value: u16) {
    out.extend_from_slice(&value.to_be_bytes());
}

fn put_string(out: &mut Vec<u8>, text: &str) {
    put_binary(out, cut_string(text).as_bytes());
}

/// Appends bytes that [`cut`] or [`cut_string`] has bounded, after their length.
fn put_binary(out: &mut Vec<u8>, bytes: &[u8]) {
    put_u16(out, bytes.len() as u16);
    out.extend_from_slice(bytes);
}

/// The bytes that a 16-bit length can announce.
fn cut(bytes: &[u8]) -> &[u8] {
    &bytes[..bytes.len().min(usize::from(u16::MAX))]
}

/// As [`cut`], at the end of a character.
fn cut_string(text: &str) -> &str {
    let mut len = text.len().min(usize::from(u16::MAX));
    while !text.is_char_boundary(len) {
        len -= 1;
    }
    &text[..len]
}

fn property_u8(out: &mut Vec<u8>, property: u8, value: Option<u8>) {
    if let Some(value) = value {
        out.extend_from_slice(&[property, value]);
    }
}

fn property_u16(out: &mut Vec<u8>, property: u8, value: Option<u16>) {
    if let Some(value) = value {
        out.push(property);
        put_u16(out, value);
    }
}

fn property_u32(out: &mut Vec<u8>, property: u8, value: Option<u32>) {
    if let Some(value) = value {
        out.push(property);
        out.extend_from_slice(&value.to_be_bytes());
    }
}

fn property_string(out: &mut Vec<u8>, property: u8, value: Option<&str>) {
    if let Some(value) = value {
        out.push(property);
        put_string(out, value);
    }
}

fn property_binary(out: &mut Vec<u8>, property: u8, value: Option<&[u8]>) {
    if let Some(value) = value {
        out.push(property);
        put_binary(out, cut(value));
    }
}
