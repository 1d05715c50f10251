//! What is refused, each with its error.

use super::super::*;
use super::wire;
use PacketError::{Malformed, Protocol, TopicAlias, TopicName, UnsupportedVersion};
use Version::{V4, V5};

const OVERRUN: PacketError = Malformed("a field that runs past the end");
const TRAILING: PacketError = Malformed("trailing bytes");
const FLAGS: PacketError = Malformed("header flags");
const REASON: PacketError = Malformed("a reason code that this packet does not have");
const MISPLACED: PacketError = Malformed("a property that this packet does not have");
const TWICE: PacketError = Protocol("a property twice");
const NUL: PacketError = Malformed("a string with NUL");
const UTF8: PacketError = Malformed("a string that is not UTF-8");
const FLAG: PacketError = Protocol("a flag that is neither 0 nor 1");

#[track_caller]
fn check(cases: &[(Version, &str, PacketError)]) {
    for (version, text, expected) in cases {
        assert_eq!(decode(*version, wire(text)), Err(*expected), "{text}");
    }
}

#[test]
fn headers_that_are_refused() {
    check(&[
        (V4, "", Malformed("an incomplete header")),
        (V4, "c0", Malformed("an incomplete header")),
        (V4, "00 00", Malformed("packet type 0")),
        (V4, "c0 80 80 80 80 00", Malformed("a length of five bytes")),
        (V4, "c0 80 00", Malformed("a padded length")),
        (V4, "c0 00 00", Malformed("a frame that is not its declared length")),
        (V4, "c0 01", Malformed("a frame that is not its declared length")),
        (V4, "c0 01 00", TRAILING),
        (V4, "11 00", FLAGS),
        (V4, "21 02 00 00", FLAGS),
        (V4, "36 05 00 01 'a' 00 01", Malformed("QoS 3")),
        (V4, "38 03 00 01 'a'", Malformed("DUP with QoS 0")),
        (V4, "41 02 00 01", FLAGS),
        (V4, "52 02 00 01", FLAGS),
        (V4, "60 02 00 01", FLAGS),
        (V4, "63 02 00 01", FLAGS),
        (V4, "72 02 00 01", FLAGS),
        (V4, "80 06 00 01 00 01 'a' 00", FLAGS),
        (V4, "92 03 00 01 00", FLAGS),
        (V4, "a0 05 00 01 00 01 'a'", FLAGS),
        (V4, "b2 02 00 01", FLAGS),
        (V4, "c1 00", FLAGS),
        (V4, "d8 00", FLAGS),
        (V4, "e1 00", FLAGS),
        (V4, "f1 00", FLAGS),
        (V4, "f0 00", Malformed("a packet type that this version does not have")),
    ]);
}

#[test]
fn connects_that_are_refused() {
    check(&[
        (V4, "10 00", OVERRUN),
        (V4, "10 0c 00 04 'MQTX' 04 02 00 3c 00 00", PacketError::ProtocolName),
        (V4, "10 0c 00 04 'mqtt' 04 02 00 3c 00 00", PacketError::ProtocolName),
        (V4, "10 0e 00 06 'MQIsdp' 03 02 00 3c 00 00", UnsupportedVersion(3)),
        (V4, "10 07 00 04 'MQTT' 06", UnsupportedVersion(6)),
        (V4, "10 07 00 04 'MQTT' 84", UnsupportedVersion(0x84)),
        (V4, "10 0c 00 04 'MQTT' 04 03 00 3c 00 00", Malformed("the reserved connect flag")),
        (V4, "10 0c 00 04 'MQTT' 04 42 00 3c 00 00", Malformed("a password without a user name")),
        (V4, "10 0c 00 04 'MQTT' 04 1e 00 3c 00 00", Malformed("QoS 3")),
        (V4, "10 0c 00 04 'MQTT' 04 0a 00 3c 00 00", Malformed("will flags without a will")),
        (V4, "10 0c 00 04 'MQTT' 04 22 00 3c 00 00", Malformed("will flags without a will")),
        (V4, "10 0c 00 04 'MQTT' 04 82 00 3c 00 00", OVERRUN),
        (V4, "10 0c 00 04 'MQTT' 04 06 00 3c 00 00", OVERRUN),
        (V4, "10 0d 00 04 'MQTT' 04 02 00 3c 00 00 00", TRAILING),
        (V4, "10 0c 00 04 'MQTT' 04 02 00 3c ff ff", OVERRUN),
        (V4, "10 0d 00 04 'MQTT' 04 02 00 3c 00 01 00", NUL),
        (V4, "10 0d 00 04 'MQTT' 04 02 00 3c 00 01 ff", UTF8),
        (V4, "10 0f 00 04 'MQTT' 04 02 00 3c 00 03 ed a0 80", UTF8),
        (V4, "10 0e 00 04 'MQTT' 04 02 00 3c 00 02 c0 af", UTF8),
        (V4, "10 10 00 04 'MQTT' 04 06 00 3c 00 00 00 00 00 00", TopicName("empty")),
        (V4, "10 11 00 04 'MQTT' 04 06 00 3c 00 00 00 01 '#' 00 00", TopicName("a wildcard")),
        (V5, "10 0c 00 04 'MQTT' 05 02 00 3c 05 00", OVERRUN),
        (V5, "10 10 00 04 'MQTT' 05 02 00 3c 03 21 00 00 00 00", Protocol("receive maximum 0")),
        (V5, "10 12 00 04 'MQTT' 05 02 00 3c 05 27 00 00 00 00 00 00", Protocol("maximum packet size 0")),
        (V5, "10 13 00 04 'MQTT' 05 02 00 3c 06 22 00 01 22 00 01 00 00", TWICE),
        (V5, "10 0f 00 04 'MQTT' 05 02 00 3c 02 17 02 00 00", FLAG),
        (V5, "10 0f 00 04 'MQTT' 05 02 00 3c 02 19 02 00 00", FLAG),
        (V5, "10 10 00 04 'MQTT' 05 02 00 3c 03 23 00 01 00 00", MISPLACED),
        (V5, "10 0f 00 04 'MQTT' 05 02 00 3c 02 7f 00 00 00", Malformed("an unknown property")),
        (V5, "10 0f 00 04 'MQTT' 05 02 00 3c 02 00 00 00 00", MISPLACED),
        (
            V5,
            "10 10 00 04 'MQTT' 05 02 00 3c 03 16 00 00 00 00",
            Protocol("authentication data without a method"),
        ),
        (V5, "10 12 00 04 'MQTT' 05 02 00 3c 05 26 00 01 00 00 00 00", NUL),
        (V5, "10 0f 00 04 'MQTT' 05 02 00 3c 02 11 00 00 00", OVERRUN),
        (V5, "10 16 00 04 'MQTT' 05 06 00 3c 00 00 00 03 23 00 01 00 01 'w' 00 00", MISPLACED),
        (V5, "10 15 00 04 'MQTT' 05 06 00 3c 00 00 00 02 01 02 00 01 'w' 00 00", FLAG),
        (
            V5,
            "10 17 00 04 'MQTT' 05 06 00 3c 00 00 00 04 08 00 01 '+' 00 01 'w' 00 00",
            TopicName("a wildcard"),
        ),
    ]);
    assert_eq!(decode_connect(wire("c0 00")), Err(Protocol("a packet before CONNECT")));
}

#[test]
fn publishes_that_are_refused() {
    check(&[
        (V4, "30 00", OVERRUN),
        (V4, "30 01 00", OVERRUN),
        (V4, "30 04 00 03 'ab'", OVERRUN),
        (V4, "30 02 00 00", TopicName("empty")),
        (V4, "30 03 00 01 '+'", TopicName("a wildcard")),
        (V4, "30 05 00 03 'a/#'", TopicName("a wildcard")),
        (V4, "30 05 00 03 'a' 00 'b'", NUL),
        (V4, "30 05 00 03 ed bf bf", UTF8),
        (V4, "32 05 00 01 'a' 00 00", Protocol("packet id 0")),
        (V4, "34 05 00 01 'a' 00 00", Protocol("packet id 0")),
        (V4, "32 04 00 01 'a' 00", OVERRUN),
        (V5, "30 03 00 00 00", TopicName("empty")),
        (V5, "30 06 00 00 03 23 00 00", TopicAlias),
        (V5, "30 0a 00 01 'a' 06 23 00 01 23 00 02", TWICE),
        (V5, "30 03 00 01 'a'", OVERRUN),
        (V5, "30 06 00 01 'a' 02 01 02", FLAG),
        (V5, "30 06 00 01 'a' 02 0b 00", Protocol("subscription identifier 0")),
        (V5, "30 09 00 01 'a' 05 0b 80 80 80 80", Malformed("a length of five bytes")),
        (V5, "30 07 00 01 'a' 03 08 00 00", TopicName("empty")),
        (V5, "30 09 00 01 'a' 05 11 00 00 00 01", MISPLACED),
        (V5, "30 05 00 01 'a' 05 01", OVERRUN),
        (V5, "30 09 00 01 'a' 05 26 00 01 'k' 00", OVERRUN),
        (V5, "30 05 00 01 'a' 80 00", Malformed("a padded length")),
    ]);
}

#[test]
fn acknowledgements_that_are_refused() {
    check(&[
        (V4, "20 02 02 00", Malformed("the reserved connack flags")),
        (V4, "20 02 00 06", REASON),
        (V4, "20 02 01 05", Protocol("session present beside a failure")),
        (V4, "20 03 00 00 00", TRAILING),
        (V4, "20 01 00", OVERRUN),
        (V5, "20 02 00 00", OVERRUN),
        (V5, "20 03 00 01 00", REASON),
        (V5, "20 06 00 00 03 21 00 00", Protocol("receive maximum 0")),
        (V5, "20 05 00 00 02 24 02", FLAG),
        (V5, "20 06 00 00 03 23 00 01", MISPLACED),
        (V4, "40 02 00 00", Protocol("packet id 0")),
        (V4, "40 03 00 01 00", TRAILING),
        (V4, "40 01 00", OVERRUN),
        (V5, "40 03 00 01 8e", REASON),
        (V5, "40 03 00 01 ff", REASON),
        (V5, "62 03 00 01 87", REASON),
        (V5, "40 05 00 01 00 00 00", TRAILING),
        (V5, "40 0a 00 01 00 06 1f 00 00 1f 00 00", TWICE),
        (V5, "40 09 00 01 00 05 11 00 00 00 00", MISPLACED),
        (V4, "90 02 00 01", Protocol("an acknowledgement without a reason")),
        (V4, "90 03 00 01 87", REASON),
        (V4, "90 03 00 00 00", Protocol("packet id 0")),
        (V5, "90 04 00 01 00 11", REASON),
        (V5, "90 03 00 01 00", Protocol("an acknowledgement without a reason")),
        (V4, "b0 03 00 01 00", TRAILING),
        (V5, "b0 04 00 01 00 01", REASON),
        (V5, "b0 02 00 01", OVERRUN),
    ]);
}

#[test]
fn subscriptions_and_ends_that_are_refused() {
    check(&[
        (V4, "82 02 00 01", Protocol("SUBSCRIBE without a filter")),
        (V5, "82 03 00 01 00", Protocol("SUBSCRIBE without a filter")),
        (V4, "82 06 00 00 00 01 'a' 00", Protocol("packet id 0")),
        (V4, "82 05 00 01 00 01 'a'", OVERRUN),
        (V4, "82 05 00 01 00 00 00", Malformed("an empty topic filter")),
        (V4, "82 06 00 01 00 01 00 00", NUL),
        (V4, "82 06 00 01 00 01 'a' 04", Malformed("the reserved subscription options")),
        (V4, "82 06 00 01 00 01 'a' 03", Protocol("QoS 3")),
        (V5, "82 07 00 01 00 00 01 'a' 03", Protocol("QoS 3")),
        (V5, "82 07 00 01 00 00 01 'a' 40", Malformed("the reserved subscription options")),
        (V5, "82 07 00 01 00 00 01 'a' 30", Protocol("retain handling 3")),
        (V5, "82 10 00 01 00 00 0a '$share/g/a' 04", Protocol("no local on a shared subscription")),
        (V5, "82 09 00 01 02 0b 00 00 01 'a' 00", Protocol("subscription identifier 0")),
        (V5, "82 0b 00 01 04 0b 01 0b 02 00 01 'a' 00", TWICE),
        (V5, "82 09 00 01 02 01 00 00 01 'a' 00", MISPLACED),
        (V4, "a2 02 00 01", Protocol("UNSUBSCRIBE without a filter")),
        (V5, "a2 03 00 01 00", Protocol("UNSUBSCRIBE without a filter")),
        (V4, "a2 04 00 01 00 00", Malformed("an empty topic filter")),
        (V4, "a2 05 00 00 00 01 'a'", Protocol("packet id 0")),
        (V5, "a2 08 00 01 02 0b 01 00 01 'a'", MISPLACED),
        (V4, "e0 01 00", TRAILING),
        (V5, "e0 01 01", REASON),
        (V5, "e0 03 00 00 00", TRAILING),
        (V5, "e0 07 00 05 21 00 01 00 00", MISPLACED),
        (V5, "e0 0c 00 0a 11 00 00 00 01 11 00 00 00 01", TWICE),
        (V5, "f0 02 00 00", Protocol("AUTH without a method")),
        (V5, "f0 01 18", OVERRUN),
        (V5, "f0 02 80 00", REASON),
    ]);
}

#[test]
fn each_error_says_what_a_disconnect_should_carry() {
    let cases = [
        (OVERRUN, ReasonCode::MalformedPacket),
        (TWICE, ReasonCode::ProtocolError),
        (PacketError::TooLarge { declared: 2, max: 1 }, ReasonCode::PacketTooLarge),
        (UnsupportedVersion(3), ReasonCode::UnsupportedProtocolVersion),
        (PacketError::ProtocolName, ReasonCode::UnsupportedProtocolVersion),
        (TopicName("empty"), ReasonCode::TopicNameInvalid),
        (TopicAlias, ReasonCode::TopicAliasInvalid),
    ];
    for (error, reason) in cases {
        assert_eq!(error.reason(), reason, "{error}");
    }
}
