//! Every packet but CONNECT, read from exactly one frame.

use bytes::Bytes;

use super::connect::decode_connect;
use super::packets::*;
use super::read::Reader;
use super::reason::{Allowed, ReasonCode};
use super::text::checked_topic;
use super::{PacketError, kind, properties};

/// Reads one packet; `bytes` is exactly one frame, as `frame` measures it.
///
/// Topic, payload and binary properties are slices of the frame. A PUBLISH without properties is read without an
/// allocation when the frame's bytes are shared already, as those that `BytesMut::split_to` cuts are. A CONNECT is
/// read as the version it names itself.
pub fn decode(version: Version, bytes: Bytes) -> Result<Packet, PacketError> {
    let first = bytes.first().copied().unwrap_or(0);
    if first >> 4 == kind::CONNECT {
        return decode_connect(bytes).map(|connect| Packet::Connect(Box::new(connect)));
    }
    let (header, mut reader) = Reader::open(bytes)?;
    if header.first >> 4 == kind::PUBLISH {
        return publish(version, header.first, reader).map(Packet::Publish);
    }
    let packet = body(version, header.first >> 4, &mut reader)?;
    reader.finish()?;
    Ok(packet)
}

fn body(version: Version, kind: u8, reader: &mut Reader) -> Result<Packet, PacketError> {
    match (kind, version) {
        (kind::CONNACK, _) => connack(version, reader).map(Packet::ConnAck),
        (kind::PUBACK, _) => acknowledgement(version, Allowed::PUBACK, reader).map(Packet::PubAck),
        (kind::PUBREC, _) => acknowledgement(version, Allowed::PUBACK, reader).map(Packet::PubRec),
        (kind::PUBREL, _) => acknowledgement(version, Allowed::PUBREL, reader).map(Packet::PubRel),
        (kind::PUBCOMP, _) => acknowledgement(version, Allowed::PUBREL, reader).map(Packet::PubComp),
        (kind::SUBSCRIBE, _) => subscribe(version, reader).map(Packet::Subscribe),
        (kind::SUBACK, _) => suback(version, reader).map(Packet::SubAck),
        (kind::UNSUBSCRIBE, _) => unsubscribe(version, reader).map(Packet::Unsubscribe),
        (kind::UNSUBACK, _) => unsuback(version, reader).map(Packet::UnsubAck),
        (kind::PINGREQ, _) => Ok(Packet::PingReq),
        (kind::PINGRESP, _) => Ok(Packet::PingResp),
        (kind::DISCONNECT, _) => disconnect(version, reader).map(Packet::Disconnect),
        (kind::AUTH, Version::V5) => auth(reader).map(Packet::Auth),
        (_, _) => Err(PacketError::Malformed("a packet type that this version does not have")),
    }
}

fn publish(version: Version, first: u8, mut reader: Reader) -> Result<Publish, PacketError> {
    let qos = QoS::from_byte(first >> 1 & 0x03).ok_or(PacketError::Malformed("QoS 3"))?;
    let topic = reader.text()?;
    let packet_id = match qos {
        QoS::AtMostOnce => 0,
        QoS::AtLeastOnce | QoS::ExactlyOnce => reader.packet_id()?,
    };
    let properties = match version {
        Version::V4 => None,
        Version::V5 => properties::publish(&mut reader)?,
    };
    let aliased = properties.as_ref().is_some_and(|properties| properties.topic_alias.is_some());
    if !(topic.as_bytes().is_empty() && aliased) {
        checked_topic(topic.as_bytes())?;
    }
    let (dup, retain) = (first & 0x08 != 0, first & 0x01 != 0);
    Ok(Publish { dup, qos, retain, topic, packet_id, payload: reader.into_rest(), properties })
}

fn connack(version: Version, reader: &mut Reader) -> Result<ConnAck, PacketError> {
    let flags = reader.u8()?;
    if flags & 0xFE != 0 {
        return Err(PacketError::Malformed("the reserved connack flags"));
    }
    let byte = reader.u8()?;
    let code = match version {
        Version::V4 => ReasonCode::from_v4_connect_byte(byte).ok_or(BAD_REASON)?,
        Version::V5 => Allowed::CONNACK.code(byte).ok_or(BAD_REASON)?,
    };
    let session_present = flags == 1;
    if session_present && code.is_failure() {
        return Err(PacketError::Protocol("session present beside a failure"));
    }
    let properties = match version {
        Version::V4 => ConnAckProperties::default(),
        Version::V5 => properties::connack(reader)?,
    };
    Ok(ConnAck { session_present, code, properties })
}

fn acknowledgement(version: Version, allowed: Allowed, reader: &mut Reader) -> Result<PubAck, PacketError> {
    let mut ack = PubAck::new(reader.packet_id()?, ReasonCode::Success);
    if version == Version::V5 && !reader.is_empty() {
        ack.reason = reason(&allowed, reader)?;
        if !reader.is_empty() {
            ack.reason_string = properties::acknowledgement(reader)?;
        }
    }
    Ok(ack)
}

fn subscribe(version: Version, reader: &mut Reader) -> Result<Subscribe, PacketError> {
    let packet_id = reader.packet_id()?;
    let subscription_identifier = match version {
        Version::V4 => None,
        Version::V5 => properties::subscribe(reader)?,
    };
    let mut filters = Vec::new();
    while !reader.is_empty() {
        let path = filter_path(reader)?;
        filters.push(filter(version, path, reader.u8()?)?);
    }
    if filters.is_empty() {
        return Err(PacketError::Protocol("SUBSCRIBE without a filter"));
    }
    Ok(Subscribe { packet_id, filters, subscription_identifier })
}

/// One filter with its options (MQTT 5, 3.8.3.1; only the QoS in 3.1.1).
fn filter(version: Version, path: String, options: u8) -> Result<Filter, PacketError> {
    let reserved = match version {
        Version::V4 => 0xFC,
        Version::V5 => 0xC0,
    };
    if options & reserved != 0 {
        return Err(PacketError::Malformed("the reserved subscription options"));
    }
    let filter = Filter {
        path,
        qos: QoS::from_byte(options & 0x03).ok_or(PacketError::Protocol("QoS 3"))?,
        no_local: options & 0x04 != 0,
        retain_as_published: options & 0x08 != 0,
        retain_handling: retain_handling(options >> 4)?,
    };
    if filter.no_local && filter.path.starts_with("$share/") {
        return Err(PacketError::Protocol("no local on a shared subscription"));
    }
    Ok(filter)
}

fn retain_handling(bits: u8) -> Result<RetainHandling, PacketError> {
    match bits {
        0 => Ok(RetainHandling::AtSubscribe),
        1 => Ok(RetainHandling::AtNewSubscribe),
        2 => Ok(RetainHandling::Never),
        _ => Err(PacketError::Protocol("retain handling 3")),
    }
}

fn filter_path(reader: &mut Reader) -> Result<String, PacketError> {
    let path = reader.string()?;
    if path.is_empty() { Err(PacketError::Malformed("an empty topic filter")) } else { Ok(path) }
}

fn suback(version: Version, reader: &mut Reader) -> Result<SubAck, PacketError> {
    let packet_id = reader.packet_id()?;
    let codes = match version {
        Version::V4 => reasons(&Allowed::SUBACK_V4, reader)?,
        Version::V5 => {
            properties::acknowledgement(reader)?;
            reasons(&Allowed::SUBACK, reader)?
        }
    };
    Ok(SubAck { packet_id, codes })
}

fn unsubscribe(version: Version, reader: &mut Reader) -> Result<Unsubscribe, PacketError> {
    let packet_id = reader.packet_id()?;
    if version == Version::V5 {
        properties::unsubscribe(reader)?;
    }
    let mut filters = Vec::new();
    while !reader.is_empty() {
        filters.push(filter_path(reader)?);
    }
    if filters.is_empty() {
        return Err(PacketError::Protocol("UNSUBSCRIBE without a filter"));
    }
    Ok(Unsubscribe { packet_id, filters })
}

fn unsuback(version: Version, reader: &mut Reader) -> Result<UnsubAck, PacketError> {
    let packet_id = reader.packet_id()?;
    let codes = match version {
        Version::V4 => Vec::new(),
        Version::V5 => {
            properties::acknowledgement(reader)?;
            reasons(&Allowed::UNSUBACK, reader)?
        }
    };
    Ok(UnsubAck { packet_id, codes })
}

fn disconnect(version: Version, reader: &mut Reader) -> Result<Disconnect, PacketError> {
    let mut disconnect = Disconnect::new(ReasonCode::NORMAL_DISCONNECTION);
    if version == Version::V5 && !reader.is_empty() {
        disconnect.reason = reason(&Allowed::DISCONNECT, reader)?;
        if !reader.is_empty() {
            (disconnect.reason_string, disconnect.session_expiry) = properties::disconnect(reader)?;
        }
    }
    Ok(disconnect)
}

fn auth(reader: &mut Reader) -> Result<Auth, PacketError> {
    if reader.is_empty() {
        let reason = ReasonCode::Success;
        return Ok(Auth { reason, authentication_method: None, authentication_data: None });
    }
    let reason = reason(&Allowed::AUTH, reader)?;
    let (method, authentication_data) = properties::auth(reader)?;
    Ok(Auth { reason, authentication_method: Some(method), authentication_data })
}

/// The list of reasons that ends a SUBACK or UNSUBACK: at least one.
fn reasons(allowed: &Allowed, reader: &mut Reader) -> Result<Vec<ReasonCode>, PacketError> {
    let mut codes = Vec::new();
    while !reader.is_empty() {
        codes.push(reason(allowed, reader)?);
    }
    if codes.is_empty() {
        Err(PacketError::Protocol("an acknowledgement without a reason"))
    } else {
        Ok(codes)
    }
}

fn reason(allowed: &Allowed, reader: &mut Reader) -> Result<ReasonCode, PacketError> {
    allowed.code(reader.u8()?).ok_or(BAD_REASON)
}

const BAD_REASON: PacketError = PacketError::Malformed("a reason code that this packet does not have");
