//! The packets of MQTT 3.1.1 and MQTT 5, read and written strictly and without IO.
//!
//! The gate reads what hostile clients send with this, the fleet simulator speaks with it from the other side.
//! What comes out of `decode` is proof: every rule that one packet can break by itself is checked here. What needs
//! more than the packet is left to the reader: which packets this side may receive, whether a subscription
//! identifier may stand in a PUBLISH (not from a client), an empty client id, a malformed topic filter, the range
//! of a topic alias.
//!
//! It must never panic on bytes from outside, never allocate by a declared length before the bytes are there, and
//! never know a socket, a clock or a session.

mod connect;
mod decode;
mod encode;
mod packets;
mod properties;
mod read;
mod reason;
mod text;

#[cfg(test)]
mod tests;

pub use connect::decode_connect;
pub use decode::decode;
pub use encode::{encode, encode_publish, encoded_len, publish_len};
pub use packets::{
    Auth, ConnAck, ConnAckProperties, Connect, Disconnect, Filter, Packet, PubAck, Publish,
    PublishProperties, QoS, RetainHandling, SubAck, Subscribe, UnsubAck, Unsubscribe, Version, Will,
};
pub use reason::ReasonCode;
pub use text::{Text, is_topic_filter};

/// Why bytes are not a packet. A connection that sent them is to be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PacketError {
    /// The bytes do not parse by the grammar of the packet (MQTT 5, 4.13.1).
    #[error("malformed packet: {0}")]
    Malformed(&'static str),
    /// They parse, and say what the protocol forbids.
    #[error("protocol error: {0}")]
    Protocol(&'static str),
    /// The header declares a packet above the bound.
    #[error("a packet of {declared} bytes, {max} are allowed")]
    TooLarge {
        /// Bytes of the whole packet, as declared.
        declared: usize,
        /// The bound that was given to `frame`.
        max: usize,
    },
    /// CONNECT with a protocol level that is not 4 or 5 (3 with the name MQIsdp).
    #[error("protocol level {0} is not spoken here")]
    UnsupportedVersion(u8),
    /// CONNECT with a protocol name that is neither MQTT nor MQIsdp.
    #[error("a protocol name that is not MQTT")]
    ProtocolName,
    /// A topic name that is empty or has a wildcard.
    #[error("invalid topic name: {0}")]
    TopicName(&'static str),
    /// Topic alias 0.
    #[error("topic alias 0")]
    TopicAlias,
}

impl PacketError {
    /// What an MQTT 5 CONNACK or DISCONNECT says about it.
    pub fn reason(&self) -> ReasonCode {
        match self {
            PacketError::Malformed(_) => ReasonCode::MalformedPacket,
            PacketError::Protocol(_) => ReasonCode::ProtocolError,
            PacketError::TooLarge { .. } => ReasonCode::PacketTooLarge,
            PacketError::UnsupportedVersion(_) | PacketError::ProtocolName => {
                ReasonCode::UnsupportedProtocolVersion
            }
            PacketError::TopicName(_) => ReasonCode::TopicNameInvalid,
            PacketError::TopicAlias => ReasonCode::TopicAliasInvalid,
        }
    }
}

/// The first bytes of every packet (2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FixedHeader {
    /// Packet type in the upper four bits, flags in the lower.
    pub first: u8,
    /// Bytes that follow the header; at most 268,435,455.
    pub remaining: usize,
    /// Bytes of the header itself: 2 to 5.
    pub len: usize,
}

impl FixedHeader {
    /// Reads the header at the start of `buf`; `Ok(None)` when it is not complete yet. The type and its flags are
    /// judged by the first byte alone (2.1.3); a length of five bytes, or of more than it needs
    /// [MQTT-1.5.5-1], is malformed.
    pub fn parse(buf: &[u8]) -> Result<Option<FixedHeader>, PacketError> {
        let Some((&first, rest)) = buf.split_first() else { return Ok(None) };
        check_first(first)?;
        let length = read::varint(rest)?;
        Ok(length.map(|(remaining, len)| FixedHeader { first, remaining: remaining as usize, len: 1 + len }))
    }

    /// Bytes of the whole packet.
    pub fn total(&self) -> usize {
        self.len + self.remaining
    }
}

/// How long the packet at the start of `buf` is, header included: `Ok(None)` while the header is not complete. The
/// packet itself may not have arrived yet. A packet above `max_packet` bytes is refused by its header alone.
pub fn frame(buf: &[u8], max_packet: usize) -> Result<Option<usize>, PacketError> {
    match FixedHeader::parse(buf)? {
        Some(header) if header.total() > max_packet => {
            Err(PacketError::TooLarge { declared: header.total(), max: max_packet })
        }
        header => Ok(header.map(|header| header.total())),
    }
}

/// Packet types, the upper four bits of the first byte (2.1.2).
mod kind {
    pub(super) const CONNECT: u8 = 1;
    pub(super) const CONNACK: u8 = 2;
    pub(super) const PUBLISH: u8 = 3;
    pub(super) const PUBACK: u8 = 4;
    pub(super) const PUBREC: u8 = 5;
    pub(super) const PUBREL: u8 = 6;
    pub(super) const PUBCOMP: u8 = 7;
    pub(super) const SUBSCRIBE: u8 = 8;
    pub(super) const SUBACK: u8 = 9;
    pub(super) const UNSUBSCRIBE: u8 = 10;
    pub(super) const UNSUBACK: u8 = 11;
    pub(super) const PINGREQ: u8 = 12;
    pub(super) const PINGRESP: u8 = 13;
    pub(super) const DISCONNECT: u8 = 14;
    pub(super) const AUTH: u8 = 15;
}

/// Type and flags of a first byte: only PUBLISH has flags of its own, all others have fixed ones.
fn check_first(first: u8) -> Result<(), PacketError> {
    let flags = first & 0x0F;
    match first >> 4 {
        0 => Err(PacketError::Malformed("packet type 0")),
        kind::PUBLISH if flags & 0x06 == 0x06 => Err(PacketError::Malformed("QoS 3")),
        kind::PUBLISH if flags & 0x0E == 0x08 => Err(PacketError::Malformed("DUP with QoS 0")),
        kind::PUBLISH => Ok(()),
        kind::PUBREL | kind::SUBSCRIBE | kind::UNSUBSCRIBE if flags == 0x02 => Ok(()),
        kind::PUBREL | kind::SUBSCRIBE | kind::UNSUBSCRIBE => Err(PacketError::Malformed("header flags")),
        _ if flags == 0 => Ok(()),
        _ => Err(PacketError::Malformed("header flags")),
    }
}
