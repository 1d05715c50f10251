//! CONNECT (3.1), read: the only packet that says itself which version it is, and the first that a stranger sends.

use bytes::Bytes;

use super::packets::{Connect, QoS, Version, Will};
use super::read::Reader;
use super::{PacketError, kind, properties};

/// Reads a frame that must be a CONNECT, of either version.
///
/// A protocol level that is not spoken is found before anything after it is read, so that the answer can be a
/// CONNACK that says so.
pub fn decode_connect(frame: Bytes) -> Result<Connect, PacketError> {
    let (header, mut reader) = Reader::open(frame)?;
    if header.first >> 4 != kind::CONNECT {
        return Err(PacketError::Protocol("a packet before CONNECT"));
    }
    let connect = body(&mut reader)?;
    reader.finish()?;
    Ok(connect)
}

fn body(reader: &mut Reader) -> Result<Connect, PacketError> {
    let version = version(reader)?;
    let flags = Flags::parse(version, reader.u8()?)?;
    let mut connect = Connect::new(version, "");
    connect.clean_start = flags.clean_start;
    connect.keep_alive = reader.u16()?;
    match version {
        Version::V4 if flags.clean_start => connect.session_expiry = 0,
        Version::V4 => connect.session_expiry = u32::MAX,
        Version::V5 => properties::connect(reader, &mut connect)?,
    }
    connect.client_id = reader.string()?;
    if let Some((qos, retain)) = flags.will {
        connect.will = Some(will(version, reader, qos, retain)?);
    }
    if flags.user_name {
        connect.user_name = Some(reader.string()?);
    }
    if flags.password {
        connect.password = Some(reader.binary()?);
    }
    Ok(connect)
}

fn version(reader: &mut Reader) -> Result<Version, PacketError> {
    let name = reader.binary()?;
    let level = reader.u8()?;
    match (name.as_ref(), level) {
        (b"MQTT", 4) => Ok(Version::V4),
        (b"MQTT", 5) => Ok(Version::V5),
        (b"MQTT" | b"MQIsdp", level) => Err(PacketError::UnsupportedVersion(level)),
        (_, _) => Err(PacketError::ProtocolName),
    }
}

/// The connect flags (3.1.2.3), checked against each other.
struct Flags {
    clean_start: bool,
    will: Option<(QoS, bool)>,
    user_name: bool,
    password: bool,
}

impl Flags {
    fn parse(version: Version, byte: u8) -> Result<Flags, PacketError> {
        let set = |bit: u8| byte & bit != 0;
        let flags = Flags {
            clean_start: set(0x02),
            will: will_flags(byte)?,
            user_name: set(0x80),
            password: set(0x40),
        };
        if set(0x01) {
            return Err(PacketError::Malformed("the reserved connect flag"));
        }
        if version == Version::V4 && flags.password && !flags.user_name {
            return Err(PacketError::Malformed("a password without a user name"));
        }
        Ok(flags)
    }
}

fn will_flags(byte: u8) -> Result<Option<(QoS, bool)>, PacketError> {
    let qos = QoS::from_byte(byte >> 3 & 0x03).ok_or(PacketError::Malformed("QoS 3"))?;
    let retain = byte & 0x20 != 0;
    match byte & 0x04 != 0 {
        true => Ok(Some((qos, retain))),
        false if retain || qos != QoS::AtMostOnce => Err(PacketError::Malformed("will flags without a will")),
        false => Ok(None),
    }
}

fn will(version: Version, reader: &mut Reader, qos: QoS, retain: bool) -> Result<Will, PacketError> {
    let mut will = Will { qos, retain, ..Will::default() };
    if version == Version::V5 {
        properties::will(reader, &mut will)?;
    }
    will.topic = reader.topic()?;
    will.payload = reader.binary()?;
    Ok(will)
}
