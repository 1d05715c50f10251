//! The property blocks of MQTT 5 (2.2.2): which packet takes which property, each at most once, with its bounds.

use super::PacketError;
use super::packets::{ConnAckProperties, Connect, PublishProperties, QoS, Will};
use super::read::Reader;

/// Property identifiers (2.2.2.2). All are one byte.
pub(super) mod id {
    pub(in super::super) const PAYLOAD_FORMAT: u8 = 0x01;
    pub(in super::super) const MESSAGE_EXPIRY: u8 = 0x02;
    pub(in super::super) const CONTENT_TYPE: u8 = 0x03;
    pub(in super::super) const RESPONSE_TOPIC: u8 = 0x08;
    pub(in super::super) const CORRELATION_DATA: u8 = 0x09;
    pub(in super::super) const SUBSCRIPTION_IDENTIFIER: u8 = 0x0B;
    pub(in super::super) const SESSION_EXPIRY: u8 = 0x11;
    pub(in super::super) const ASSIGNED_CLIENT_ID: u8 = 0x12;
    pub(in super::super) const SERVER_KEEP_ALIVE: u8 = 0x13;
    pub(in super::super) const AUTHENTICATION_METHOD: u8 = 0x15;
    pub(in super::super) const AUTHENTICATION_DATA: u8 = 0x16;
    pub(in super::super) const REQUEST_PROBLEM_INFORMATION: u8 = 0x17;
    pub(in super::super) const WILL_DELAY: u8 = 0x18;
    pub(in super::super) const REQUEST_RESPONSE_INFORMATION: u8 = 0x19;
    pub(in super::super) const RESPONSE_INFORMATION: u8 = 0x1A;
    pub(in super::super) const SERVER_REFERENCE: u8 = 0x1C;
    pub(in super::super) const REASON_STRING: u8 = 0x1F;
    pub(in super::super) const RECEIVE_MAXIMUM: u8 = 0x21;
    pub(in super::super) const TOPIC_ALIAS_MAXIMUM: u8 = 0x22;
    pub(in super::super) const TOPIC_ALIAS: u8 = 0x23;
    pub(in super::super) const MAXIMUM_QOS: u8 = 0x24;
    pub(in super::super) const RETAIN_AVAILABLE: u8 = 0x25;
    pub(in super::super) const USER: u8 = 0x26;
    pub(in super::super) const MAXIMUM_PACKET_SIZE: u8 = 0x27;
    pub(in super::super) const WILDCARD_AVAILABLE: u8 = 0x28;
    pub(in super::super) const SUBSCRIPTION_IDS_AVAILABLE: u8 = 0x29;
    pub(in super::super) const SHARED_AVAILABLE: u8 = 0x2A;
}

/// The properties of a CONNECT (3.1.2.11), into `connect`.
pub(super) fn connect(reader: &mut Reader, connect: &mut Connect) -> Result<(), PacketError> {
    let mut data = false;
    each(reader, ONCE, |property, block| {
        match property {
            id::SESSION_EXPIRY => connect.session_expiry = block.u32()?,
            id::RECEIVE_MAXIMUM => connect.receive_maximum = receive_maximum(block)?,
            id::MAXIMUM_PACKET_SIZE => connect.maximum_packet_size = Some(maximum_packet_size(block)?),
            id::TOPIC_ALIAS_MAXIMUM => connect.topic_alias_maximum = block.u16()?,
            id::REQUEST_RESPONSE_INFORMATION => connect.request_response_information = flag(block)?,
            id::REQUEST_PROBLEM_INFORMATION => connect.request_problem_information = flag(block)?,
            id::AUTHENTICATION_METHOD => connect.authentication_method = Some(block.string()?),
            id::AUTHENTICATION_DATA => data = block.binary().map(|_| true)?,
            id::USER => skip_user(block)?,
            _ => return Err(MISPLACED),
        }
        Ok(())
    })?;
    match (data, &connect.authentication_method) {
        (true, None) => Err(PacketError::Protocol("authentication data without a method")),
        (true | false, _) => Ok(()),
    }
}

/// The properties of a will (3.1.3.2), into `will`.
pub(super) fn will(reader: &mut Reader, will: &mut Will) -> Result<(), PacketError> {
    each(reader, ONCE, |property, block| {
        match property {
            id::WILL_DELAY => will.delay_s = block.u32()?,
            id::PAYLOAD_FORMAT => drop(payload_format(block)?),
            id::MESSAGE_EXPIRY => will.message_expiry = Some(block.u32()?),
            id::CONTENT_TYPE => will.content_type = Some(block.string()?),
            id::RESPONSE_TOPIC => will.response_topic = Some(block.topic()?),
            id::CORRELATION_DATA => will.correlation_data = Some(block.binary()?),
            id::USER => skip_user(block)?,
            _ => return Err(MISPLACED),
        }
        Ok(())
    })
}

/// The properties of a CONNACK (3.2.2.3).
pub(super) fn connack(reader: &mut Reader) -> Result<ConnAckProperties, PacketError> {
    let mut said = ConnAckProperties::default();
    each(reader, ONCE, |property, block| {
        match property {
            id::SESSION_EXPIRY => said.session_expiry = Some(block.u32()?),
            id::RECEIVE_MAXIMUM => said.receive_maximum = Some(receive_maximum(block)?),
            id::MAXIMUM_QOS => said.maximum_qos = QoS::from_byte(u8::from(flag(block)?)),
            id::RETAIN_AVAILABLE => said.retain_available = Some(flag(block)?),
            id::MAXIMUM_PACKET_SIZE => said.maximum_packet_size = Some(maximum_packet_size(block)?),
            id::ASSIGNED_CLIENT_ID => said.assigned_client_id = Some(block.string()?),
            id::TOPIC_ALIAS_MAXIMUM => said.topic_alias_maximum = Some(block.u16()?),
            id::REASON_STRING => said.reason_string = Some(block.string()?),
            id::WILDCARD_AVAILABLE => said.wildcard_available = Some(flag(block)?),
            id::SUBSCRIPTION_IDS_AVAILABLE => said.subscription_ids_available = Some(flag(block)?),
            id::SHARED_AVAILABLE => said.shared_available = Some(flag(block)?),
            id::SERVER_KEEP_ALIVE => said.server_keep_alive = Some(block.u16()?),
            id::RESPONSE_INFORMATION | id::SERVER_REFERENCE | id::AUTHENTICATION_METHOD => {
                drop(block.string()?)
            }
            id::AUTHENTICATION_DATA => drop(block.binary()?),
            id::USER => skip_user(block)?,
            _ => return Err(MISPLACED),
        }
        Ok(())
    })?;
    Ok(said)
}

/// The properties of a PUBLISH (3.3.2.3); `None` for an empty block.
pub(super) fn publish(reader: &mut Reader) -> Result<Option<Box<PublishProperties>>, PacketError> {
    let mut found: Option<Box<PublishProperties>> = None;
    each(reader, ONCE | bit(id::SUBSCRIPTION_IDENTIFIER), |property, block| {
        let properties = found.get_or_insert_default();
        match property {
            id::PAYLOAD_FORMAT => properties.payload_format = Some(payload_format(block)?),
            id::MESSAGE_EXPIRY => properties.message_expiry_s = Some(block.u32()?),
            id::TOPIC_ALIAS => properties.topic_alias = Some(topic_alias(block)?),
            id::RESPONSE_TOPIC => properties.response_topic = Some(block.topic()?),
            id::CORRELATION_DATA => properties.correlation_data = Some(block.binary()?),
            id::CONTENT_TYPE => properties.content_type = Some(block.string()?),
            id::SUBSCRIPTION_IDENTIFIER => {
                properties.subscription_identifiers.push(subscription_identifier(block)?);
            }
            id::USER => properties.user.push((block.string()?, block.string()?)),
            _ => return Err(MISPLACED),
        }
        Ok(())
    })?;
    Ok(found)
}

/// The reason string of an acknowledgement (3.4.2.2 and its like).
pub(super) fn acknowledgement(reader: &mut Reader) -> Result<Option<String>, PacketError> {
    let mut reason_string = None;
    each(reader, ONCE, |property, block| match property {
        id::REASON_STRING => block.string().map(|text| reason_string = Some(text)),
        id::USER => skip_user(block),
        _ => Err(MISPLACED),
    })?;
    Ok(reason_string)
}

/// The subscription identifier of a SUBSCRIBE (3.8.2.1).
pub(super) fn subscribe(reader: &mut Reader) -> Result<Option<u32>, PacketError> {
    let mut identifier = None;
    each(reader, ONCE, |property, block| match property {
        id::SUBSCRIPTION_IDENTIFIER => subscription_identifier(block).map(|value| identifier = Some(value)),
        id::USER => skip_user(block),
        _ => Err(MISPLACED),
    })?;
    Ok(identifier)
}

/// An UNSUBSCRIBE has none but user properties (3.10.2.1).
pub(super) fn unsubscribe(reader: &mut Reader) -> Result<(), PacketError> {
    each(reader, ONCE, |property, block| match property {
        id::USER => skip_user(block),
        _ => Err(MISPLACED),
    })
}

/// Reason string and session expiry of a DISCONNECT (3.14.2.2).
pub(super) fn disconnect(reader: &mut Reader) -> Result<(Option<String>, Option<u32>), PacketError> {
    let (mut reason_string, mut session_expiry) = (None, None);
    each(reader, ONCE, |property, block| match property {
        id::REASON_STRING => block.string().map(|text| reason_string = Some(text)),
        id::SESSION_EXPIRY => block.u32().map(|seconds| session_expiry = Some(seconds)),
        id::SERVER_REFERENCE => block.string().map(drop),
        id::USER => skip_user(block),
        _ => Err(MISPLACED),
    })?;
    Ok((reason_string, session_expiry))
}

/// Method and data of an AUTH (3.15.2.2): the method must be there.
pub(super) fn auth(reader: &mut Reader) -> Result<(String, Option<bytes::Bytes>), PacketError> {
    let (mut method, mut data) = (None, None);
    each(reader, ONCE, |property, block| match property {
        id::AUTHENTICATION_METHOD => block.string().map(|text| method = Some(text)),
        id::AUTHENTICATION_DATA => block.binary().map(|bytes| data = Some(bytes)),
        id::REASON_STRING => block.string().map(drop),
        id::USER => skip_user(block),
        _ => Err(MISPLACED),
    })?;
    Ok((method.ok_or(PacketError::Protocol("AUTH without a method"))?, data))
}

const MISPLACED: PacketError = PacketError::Malformed("a property that this packet does not have");

/// The properties that may repeat in every packet, as a set of bits: only the user property.
const ONCE: u64 = bit(id::USER);

const fn bit(property: u8) -> u64 {
    1 << property
}

/// Walks one property block, giving each identifier to `take` with the reader that stands at its value.
fn each(
    reader: &mut Reader,
    repeatable: u64,
    mut take: impl FnMut(u8, &mut Reader) -> Result<(), PacketError>,
) -> Result<(), PacketError> {
    let len = reader.varint()? as usize;
    if len == 0 {
        return Ok(());
    }
    let mut block = reader.block(len)?;
    let mut seen = 0u64;
    while !block.is_empty() {
        let property = block.u8()?;
        if property > id::SHARED_AVAILABLE {
            return Err(PacketError::Malformed("an unknown property"));
        }
        if seen & !repeatable & bit(property) != 0 {
            return Err(PacketError::Protocol("a property twice"));
        }
        seen |= bit(property);
        take(property, &mut block)?;
    }
    Ok(())
}

fn skip_user(block: &mut Reader) -> Result<(), PacketError> {
    block.text()?;
    block.text()?;
    Ok(())
}

fn flag(block: &mut Reader) -> Result<bool, PacketError> {
    match block.u8()? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(PacketError::Protocol("a flag that is neither 0 nor 1")),
    }
}

fn payload_format(block: &mut Reader) -> Result<u8, PacketError> {
    flag(block).map(u8::from)
}

fn receive_maximum(block: &mut Reader) -> Result<u16, PacketError> {
    match block.u16()? {
        0 => Err(PacketError::Protocol("receive maximum 0")),
        value => Ok(value),
    }
}

fn maximum_packet_size(block: &mut Reader) -> Result<u32, PacketError> {
    match block.u32()? {
        0 => Err(PacketError::Protocol("maximum packet size 0")),
        value => Ok(value),
    }
}

fn topic_alias(block: &mut Reader) -> Result<u16, PacketError> {
    match block.u16()? {
        0 => Err(PacketError::TopicAlias),
        value => Ok(value),
    }
}

fn subscription_identifier(block: &mut Reader) -> Result<u32, PacketError> {
    match block.varint()? {
        0 => Err(PacketError::Protocol("subscription identifier 0")),
        value => Ok(value),
    }
}
