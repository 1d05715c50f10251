//! The reason codes of MQTT 5 (2.4), under the names of the specification, and which packet may carry which.
//! Inside updraft they are the only words for an outcome; 3.1.1 return codes exist only on its wire.

use std::fmt;

macro_rules! reason_codes {
    ($($name:ident = $byte:literal, $text:literal;)*) => {
        /// A reason code of MQTT 5 (2.4, table 2-6). Below 0x80 is success, from 0x80 failure.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum ReasonCode { $(#[doc = $text] $name = $byte,)* }

        impl ReasonCode {
            /// Every code, in the order of its byte.
            pub const ALL: &'static [ReasonCode] = &[$(ReasonCode::$name,)*];

            /// The code for a byte of the wire, or `None` where MQTT 5 defines none.
            pub fn from_byte(byte: u8) -> Option<ReasonCode> {
                match byte { $($byte => Some(ReasonCode::$name),)* _ => None }
            }

            /// The specification's name of the code, in lower case, for logs and answers.
            pub fn name(self) -> &'static str {
                match self { $(ReasonCode::$name => $text,)* }
            }
        }
    };
}

reason_codes! {
    Success = 0x00, "success";
    GrantedQos1 = 0x01, "granted QoS 1";
    GrantedQos2 = 0x02, "granted QoS 2";
    DisconnectWithWillMessage = 0x04, "disconnect with will message";
    NoMatchingSubscribers = 0x10, "no matching subscribers";
    NoSubscriptionExisted = 0x11, "no subscription existed";
    ContinueAuthentication = 0x18, "continue authentication";
    ReAuthenticate = 0x19, "re-authenticate";
    UnspecifiedError = 0x80, "unspecified error";
    MalformedPacket = 0x81, "malformed packet";
    ProtocolError = 0x82, "protocol error";
    ImplementationSpecificError = 0x83, "implementation specific error";
    UnsupportedProtocolVersion = 0x84, "unsupported protocol version";
    ClientIdentifierNotValid = 0x85, "client identifier not valid";
    BadUserNameOrPassword = 0x86, "bad user name or password";
    NotAuthorized = 0x87, "not authorized";
    ServerUnavailable = 0x88, "server unavailable";
    ServerBusy = 0x89, "server busy";
    Banned = 0x8A, "banned";
    ServerShuttingDown = 0x8B, "server shutting down";
    BadAuthenticationMethod = 0x8C, "bad authentication method";
    KeepAliveTimeout = 0x8D, "keep alive timeout";
    SessionTakenOver = 0x8E, "session taken over";
    TopicFilterInvalid = 0x8F, "topic filter invalid";
    TopicNameInvalid = 0x90, "topic name invalid";
    PacketIdentifierInUse = 0x91, "packet identifier in use";
    PacketIdentifierNotFound = 0x92, "packet identifier not found";
    ReceiveMaximumExceeded = 0x93, "receive maximum exceeded";
    TopicAliasInvalid = 0x94, "topic alias invalid";
    PacketTooLarge = 0x95, "packet too large";
    MessageRateTooHigh = 0x96, "message rate too high";
    QuotaExceeded = 0x97, "quota exceeded";
    AdministrativeAction = 0x98, "administrative action";
    PayloadFormatInvalid = 0x99, "payload format invalid";
    RetainNotSupported = 0x9A, "retain not supported";
    QosNotSupported = 0x9B, "QoS not supported";
    UseAnotherServer = 0x9C, "use another server";
    ServerMoved = 0x9D, "server moved";
    SharedSubscriptionsNotSupported = 0x9E, "shared subscriptions not supported";
    ConnectionRateExceeded = 0x9F, "connection rate exceeded";
    MaximumConnectTime = 0xA0, "maximum connect time";
    SubscriptionIdentifiersNotSupported = 0xA1, "subscription identifiers not supported";
    WildcardSubscriptionsNotSupported = 0xA2, "wildcard subscriptions not supported";
}

impl ReasonCode {
    /// 0x00 as a DISCONNECT means it.
    pub const NORMAL_DISCONNECTION: ReasonCode = ReasonCode::Success;
    /// 0x00 as a SUBACK means it.
    pub const GRANTED_QOS_0: ReasonCode = ReasonCode::Success;

    /// The byte on an MQTT 5 wire.
    pub fn byte(self) -> u8 {
        self as u8
    }

    /// Whether the code says that the thing asked for did not happen (2.4: 0x80 or greater).
    pub fn is_failure(self) -> bool {
        self.byte() >= 0x80
    }

    /// The CONNACK return code of 3.1.1 (3.2.2.3) that says most nearly the same. What may pass by itself is
    /// 3, so that a device comes back; what will not is 5.
    pub(super) fn v4_connect_byte(self) -> u8 {
        match self {
            ReasonCode::Success => 0,
            ReasonCode::UnsupportedProtocolVersion => 1,
            ReasonCode::ClientIdentifierNotValid => 2,
            ReasonCode::UnspecifiedError
            | ReasonCode::ImplementationSpecificError
            | ReasonCode::ServerUnavailable
            | ReasonCode::ServerBusy
            | ReasonCode::ServerShuttingDown
            | ReasonCode::MessageRateTooHigh
            | ReasonCode::QuotaExceeded
            | ReasonCode::UseAnotherServer
            | ReasonCode::ServerMoved
            | ReasonCode::ConnectionRateExceeded => 3,
            ReasonCode::BadUserNameOrPassword | ReasonCode::BadAuthenticationMethod => 4,
            _ => 5,
        }
    }

    /// The meaning of a CONNACK return code of 3.1.1; 6 and above are reserved.
    pub(super) fn from_v4_connect_byte(byte: u8) -> Option<ReasonCode> {
        match byte {
            0 => Some(ReasonCode::Success),
            1 => Some(ReasonCode::UnsupportedProtocolVersion),
            2 => Some(ReasonCode::ClientIdentifierNotValid),
            3 => Some(ReasonCode::ServerUnavailable),
            4 => Some(ReasonCode::BadUserNameOrPassword),
            5 => Some(ReasonCode::NotAuthorized),
            _ => None,
        }
    }
}

impl fmt::Display for ReasonCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (0x{:02x})", self.name(), self.byte())
    }
}

/// Which bytes a packet may carry as its reason: the tables of MQTT 5 chapter 3.
pub(super) struct Allowed(&'static [u8]);

impl Allowed {
    /// 3.2.2.2
    pub(super) const CONNACK: Allowed = Allowed(&[
        0x00, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8A, 0x8C, 0x90, 0x95, 0x97, 0x99,
        0x9A, 0x9B, 0x9C, 0x9D, 0x9F,
    ]);
    /// 3.4.2.1 and 3.5.2.1
    pub(super) const PUBACK: Allowed = Allowed(&[0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99]);
    /// 3.6.2.1 and 3.7.2.1
    pub(super) const PUBREL: Allowed = Allowed(&[0x00, 0x92]);
    /// 3.9.3
    pub(super) const SUBACK: Allowed =
        Allowed(&[0x00, 0x01, 0x02, 0x80, 0x83, 0x87, 0x8F, 0x91, 0x97, 0x9E, 0xA1, 0xA2]);
    /// 3.9.3 of 3.1.1
    pub(super) const SUBACK_V4: Allowed = Allowed(&[0x00, 0x01, 0x02, 0x80]);
    /// 3.11.3
    pub(super) const UNSUBACK: Allowed = Allowed(&[0x00, 0x11, 0x80, 0x83, 0x87, 0x8F, 0x91]);
    /// 3.14.2.1
    pub(super) const DISCONNECT: Allowed = Allowed(&[
        0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8B, 0x8D, 0x8E, 0x8F, 0x90, 0x93, 0x94, 0x95, 0x96,
        0x97, 0x98, 0x99, 0x9A, 0x9B, 0x9C, 0x9D, 0x9E, 0x9F, 0xA0, 0xA1, 0xA2,
    ]);
    /// 3.15.2.1
    pub(super) const AUTH: Allowed = Allowed(&[0x00, 0x18, 0x19]);

    /// The code of `byte`, when this packet may carry it.
    pub(super) fn code(&self, byte: u8) -> Option<ReasonCode> {
        if self.0.contains(&byte) { ReasonCode::from_byte(byte) } else { None }
    }

    /// Every code of the table.
    #[cfg(test)]
    pub(super) fn codes(&self) -> Vec<ReasonCode> {
        self.0.iter().filter_map(|byte| ReasonCode::from_byte(*byte)).collect()
    }
}
