//! The packets of MQTT as data: one shape for 3.1.1 and 5, in which what 3.1.1 lacks has MQTT 5's default.

use std::fmt;

use bytes::Bytes;

use super::reason::ReasonCode;
use super::text::Text;

/// The protocol a connection speaks, settled by its CONNECT.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Version {
    /// MQTT 3.1.1, protocol level 4.
    V4,
    /// MQTT 5, protocol level 5.
    V5,
}

/// Quality of service (4.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum QoS {
    /// QoS 0.
    #[default]
    AtMostOnce = 0,
    /// QoS 1.
    AtLeastOnce = 1,
    /// QoS 2.
    ExactlyOnce = 2,
}

impl QoS {
    /// 0, 1 or 2.
    pub fn byte(self) -> u8 {
        self as u8
    }

    /// The QoS of two bits; `None` for 3.
    pub fn from_byte(byte: u8) -> Option<QoS> {
        match byte {
            0 => Some(QoS::AtMostOnce),
            1 => Some(QoS::AtLeastOnce),
            2 => Some(QoS::ExactlyOnce),
            _ => None,
        }
    }

    /// The SUBACK code that grants this QoS.
    pub fn granted(self) -> ReasonCode {
        match self {
            QoS::AtMostOnce => ReasonCode::GRANTED_QOS_0,
            QoS::AtLeastOnce => ReasonCode::GrantedQos1,
            QoS::ExactlyOnce => ReasonCode::GrantedQos2,
        }
    }
}

/// One control packet (chapter 3), of either version and either direction.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Packet {
    Connect(Box<Connect>),
    ConnAck(ConnAck),
    Publish(Publish),
    PubAck(PubAck),
    PubRec(PubAck),
    PubRel(PubAck),
    PubComp(PubAck),
    Subscribe(Subscribe),
    SubAck(SubAck),
    Unsubscribe(Unsubscribe),
    UnsubAck(UnsubAck),
    PingReq,
    PingResp,
    Disconnect(Disconnect),
    /// MQTT 5 only.
    Auth(Auth),
}

/// CONNECT (3.1). User properties and authentication data are checked and dropped: nothing here reads them.
#[derive(Clone, PartialEq, Eq)]
pub struct Connect {
    /// The version that the packet's protocol level asks for.
    pub version: Version,
    /// Clean Start; Clean Session in 3.1.1.
    pub clean_start: bool,
    /// Seconds; 0 is none.
    pub keep_alive: u16,
    /// May be empty: whether that is allowed is the reader's decision.
    pub client_id: String,
    /// The user name, if one was sent.
    pub user_name: Option<String>,
    /// Never shown by `Debug`.
    pub password: Option<Bytes>,
    /// What is to be published when the connection is lost.
    pub will: Option<Will>,
    /// Seconds. Default 0. In 3.1.1 it follows from Clean Session: 0, or `u32::MAX` (never), as MQTT 5 explains
    /// the old flag (3.1.2.11.2).
    pub session_expiry: u32,
    /// How many QoS 1 and 2 messages the client takes un-acked. Default 65,535, never 0.
    pub receive_maximum: u16,
    /// Bytes of the largest packet the client takes. Never 0.
    pub maximum_packet_size: Option<u32>,
    /// The highest topic alias the client takes. Default 0.
    pub topic_alias_maximum: u16,
    /// Whether reason strings may be sent outside CONNACK, DISCONNECT and PUBLISH. Default true.
    pub request_problem_information: bool,
    /// Default false.
    pub request_response_information: bool,
    /// The method of an extended authentication, if one was asked for.
    pub authentication_method: Option<String>,
}

impl Connect {
    /// A clean CONNECT with nothing optional in it and a keep-alive of 60 s.
    pub fn new(version: Version, client_id: impl Into<String>) -> Connect {
        Connect {
            version,
            clean_start: true,
            keep_alive: 60,
            client_id: client_id.into(),
            user_name: None,
            password: None,
            will: None,
            session_expiry: 0,
            receive_maximum: u16::MAX,
            maximum_packet_size: None,
            topic_alias_maximum: 0,
            request_problem_information: true,
            request_response_information: false,
            authentication_method: None,
        }
    }
}

impl fmt::Debug for Connect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connect")
            .field("version", &self.version)
            .field("clean_start", &self.clean_start)
            .field("keep_alive", &self.keep_alive)
            .field("client_id", &self.client_id)
            .field("user_name", &self.user_name)
            .field("password", &self.password.as_ref().map(|_| "(secret)"))
            .field("will", &self.will)
            .field("session_expiry", &self.session_expiry)
            .field("receive_maximum", &self.receive_maximum)
            .field("maximum_packet_size", &self.maximum_packet_size)
            .field("topic_alias_maximum", &self.topic_alias_maximum)
            .field("request_problem_information", &self.request_problem_information)
            .field("request_response_information", &self.request_response_information)
            .field("authentication_method", &self.authentication_method)
            .finish()
    }
}

/// The will of a CONNECT (3.1.2.5). Its user properties and payload format are checked and dropped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Will {
    /// A topic name, without wildcards.
    pub topic: String,
    /// At most 65,535 bytes.
    pub payload: Bytes,
    /// QoS of the will.
    pub qos: QoS,
    /// Whether it is to be retained.
    pub retain: bool,
    /// Seconds between the loss of the connection and the will. Default 0.
    pub delay_s: u32,
    /// Seconds the will lives once published.
    pub message_expiry: Option<u32>,
    /// MIME type of the payload.
    pub content_type: Option<String>,
    /// A topic name, without wildcards.
    pub response_topic: Option<String>,
    /// To be returned with the response.
    pub correlation_data: Option<Bytes>,
}

/// CONNACK (3.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnAck {
    /// Always false beside a failure.
    pub session_present: bool,
    /// In 3.1.1 mapped to the nearest of its six return codes.
    pub code: ReasonCode,
    /// MQTT 5 only.
    pub properties: ConnAckProperties,
}

/// What a server says about itself in an MQTT 5 CONNACK (3.2.2.3). `None` is not sent and means the default there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConnAckProperties {
    /// Seconds.
    pub session_expiry: Option<u32>,
    /// Never 0.
    pub receive_maximum: Option<u16>,
    /// QoS 2 is the default and has no encoding: it is sent as nothing.
    pub maximum_qos: Option<QoS>,
    /// Default true.
    pub retain_available: Option<bool>,
    /// Bytes. Never 0.
    pub maximum_packet_size: Option<u32>,
    /// The id given to a client that sent none.
    pub assigned_client_id: Option<String>,
    /// Default 0.
    pub topic_alias_maximum: Option<u16>,
    /// For people and logs.
    pub reason_string: Option<String>,
    /// Default true.
    pub wildcard_available: Option<bool>,
    /// Default true.
    pub subscription_ids_available: Option<bool>,
    /// Default true.
    pub shared_available: Option<bool>,
    /// Seconds; replaces what the client asked for.
    pub server_keep_alive: Option<u16>,
}

/// PUBLISH (3.3).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Publish {
    /// Sent before; never with QoS 0.
    pub dup: bool,
    /// QoS of this delivery.
    pub qos: QoS,
    /// Whether the message is, or is to be, retained.
    pub retain: bool,
    /// Without wildcards; empty only in MQTT 5 beside a topic alias.
    pub topic: Text,
    /// 0 for QoS 0, else 1 to 65,535.
    pub packet_id: u16,
    /// A slice of the frame.
    pub payload: Bytes,
    /// MQTT 5 only; `None` when there are none.
    pub properties: Option<Box<PublishProperties>>,
}

impl Publish {
    /// A message without properties, not a duplicate and not retained; `packet_id` is 0 for QoS 0.
    pub fn new(topic: impl Into<Text>, qos: QoS, packet_id: u16, payload: impl Into<Bytes>) -> Publish {
        Publish { qos, topic: topic.into(), packet_id, payload: payload.into(), ..Publish::default() }
    }
}

/// The properties of an MQTT 5 PUBLISH (3.3.2.3).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PublishProperties {
    /// 0 is bytes, 1 is UTF-8.
    pub payload_format: Option<u8>,
    /// Seconds.
    pub message_expiry_s: Option<u32>,
    /// Never 0.
    pub topic_alias: Option<u16>,
    /// A topic name, without wildcards.
    pub response_topic: Option<String>,
    /// To be returned with the response.
    pub correlation_data: Option<Bytes>,
    /// MIME type of the payload.
    pub content_type: Option<String>,
    /// Only from a server to a client; each 1 to 268,435,455.
    pub subscription_identifiers: Vec<u32>,
    /// In the order they were sent.
    pub user: Vec<(String, String)>,
}

/// PUBACK, PUBREC, PUBREL and PUBCOMP (3.4 to 3.7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PubAck {
    /// 1 to 65,535.
    pub packet_id: u16,
    /// 3.1.1 has no place for it and reads as success.
    pub reason: ReasonCode,
    /// MQTT 5 only; for people and logs.
    pub reason_string: Option<String>,
}

impl PubAck {
    /// An acknowledgement without a reason string.
    pub fn new(packet_id: u16, reason: ReasonCode) -> PubAck {
        PubAck { packet_id, reason, reason_string: None }
    }
}

/// SUBSCRIBE (3.8).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscribe {
    /// 1 to 65,535.
    pub packet_id: u16,
    /// At least one.
    pub filters: Vec<Filter>,
    /// MQTT 5 only; 1 to 268,435,455.
    pub subscription_identifier: Option<u32>,
}

/// One filter of a SUBSCRIBE with its options (3.8.3.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// Not empty; whether it is well formed is for `is_topic_filter` to say.
    pub path: String,
    /// The highest QoS wanted.
    pub qos: QoS,
    /// MQTT 5 only: not the client's own messages.
    pub no_local: bool,
    /// MQTT 5 only: keep the retain flag of the publisher.
    pub retain_as_published: bool,
    /// MQTT 5 only.
    pub retain_handling: RetainHandling,
}

impl Filter {
    /// A filter with the options that 3.1.1 implies.
    pub fn new(path: impl Into<String>, qos: QoS) -> Filter {
        Filter {
            path: path.into(),
            qos,
            no_local: false,
            retain_as_published: false,
            retain_handling: RetainHandling::AtSubscribe,
        }
    }
}

/// When retained messages are sent to a new subscription (3.8.3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum RetainHandling {
    /// At each SUBSCRIBE.
    #[default]
    AtSubscribe = 0,
    /// Only if the subscription did not exist.
    AtNewSubscribe = 1,
    /// Never.
    Never = 2,
}

/// SUBACK (3.9).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubAck {
    /// Of the SUBSCRIBE.
    pub packet_id: u16,
    /// One for each filter; in 3.1.1 any failure is 0x80.
    pub codes: Vec<ReasonCode>,
}

/// UNSUBSCRIBE (3.10).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsubscribe {
    /// 1 to 65,535.
    pub packet_id: u16,
    /// At least one.
    pub filters: Vec<String>,
}

/// UNSUBACK (3.11).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnsubAck {
    /// Of the UNSUBSCRIBE.
    pub packet_id: u16,
    /// One for each filter; 3.1.1 carries none.
    pub codes: Vec<ReasonCode>,
}

/// DISCONNECT (3.14). 3.1.1 knows only the client's, without a reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disconnect {
    /// Why the connection ends.
    pub reason: ReasonCode,
    /// For people and logs.
    pub reason_string: Option<String>,
    /// Seconds; only from a client.
    pub session_expiry: Option<u32>,
}

impl Disconnect {
    /// A DISCONNECT that carries nothing but its reason.
    pub fn new(reason: ReasonCode) -> Disconnect {
        Disconnect { reason, reason_string: None, session_expiry: None }
    }
}

/// AUTH (3.15), MQTT 5 only.
#[derive(Clone, PartialEq, Eq)]
pub struct Auth {
    /// 0x00, 0x18 or 0x19.
    pub reason: ReasonCode,
    /// Absent only in the short form of success.
    pub authentication_method: Option<String>,
    /// Never shown by `Debug`.
    pub authentication_data: Option<Bytes>,
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Auth")
            .field("reason", &self.reason)
            .field("authentication_method", &self.authentication_method)
            .field("authentication_data", &self.authentication_data.as_ref().map(|_| "(secret)"))
            .finish()
    }
}
