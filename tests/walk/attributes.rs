//! `attr/2003`, in every spelling that `topics.md` allows.

use serde_json::{Value, json};
use updraft::mqtt::packet::{PublishProperties, ReasonCode, Version};

use super::mqtt::{Mqtt, topic};
use super::support::Server;
use super::{firmware, upload};

/// One spelling of the version and how it is said.
struct Spelling {
    version: Version,
    content_type: Option<&'static str>,
    payload: &'static [u8],
    /// What the server knows of it: number and text.
    reported: (Option<&'static str>, Option<&'static str>),
}

const SPELLINGS: &[Spelling] = &[
    spelling(Version::V4, None, b"1", (Some("1"), Some("1.0.1"))),
    spelling(Version::V5, Some("text/plain"), b"7155", (Some("7155"), None)),
    spelling(Version::V4, None, br#""7156""#, (Some("7156"), None)),
    spelling(Version::V5, Some("application/json"), b"7157", (Some("7157"), None)),
    spelling(Version::V4, None, b"1.0.1", (None, Some("1.0.1"))),
    spelling(Version::V4, None, br#"{"number":"7158","version":"1.0.3"}"#, (Some("7158"), Some("1.0.3"))),
    // {"number": 1}
    spelling(Version::V4, None, b"\xa1\x66number\x01", (Some("1"), Some("1.0.1"))),
    // 7159 and "1.0.4" alone, which only a content type tells from text
    spelling(Version::V5, Some("application/cbor"), b"\x19\x1b\xf7", (Some("7159"), None)),
    spelling(Version::V5, Some("application/cbor"), b"\x651.0.4", (None, Some("1.0.4"))),
    spelling(Version::V5, Some("application/octet-stream"), b"\xf8\x1b\0\0\0\0\0\0", (Some("7160"), None)),
    spelling(
        Version::V5,
        Some("application/octet-stream"),
        b"\xff\xff\xff\xff\xff\xff\xff\xff",
        (Some("18446744073709551615"), None),
    ),
];

const fn spelling(
    version: Version,
    content_type: Option<&'static str>,
    payload: &'static [u8],
    reported: (Option<&'static str>, Option<&'static str>),
) -> Spelling {
    Spelling { version, content_type, payload, reported }
}

fn check(server: &Server, lamp: &mut Mqtt, spelling: &Spelling) {
    let properties = spelling
        .content_type
        .map(|kind| PublishProperties { content_type: Some(kind.into()), ..PublishProperties::default() });
    let id = lamp.publish_with(&topic("lamp", "attr/2003"), spelling.payload, properties).unwrap();
    assert_eq!(lamp.puback(id).unwrap(), ReasonCode::Success);
    let mut reported = server.client().get("devices/lamp").body["versions"]["3"].take();
    reported.as_object_mut().unwrap().remove("at").expect("a report has a moment");
    let mut expected = json!({"number": spelling.reported.0, "version": spelling.reported.1});
    expected.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    assert_eq!(reported, expected, "{:?}", String::from_utf8_lossy(spelling.payload));
}

#[test]
fn a_version_may_be_text_json_cbor_or_eight_bytes() {
    let server = Server::start();
    // The first image has the number 1, so a bare 1 has a name.
    upload(&server, "lamp", "1.0.1", &firmware(3, 100));
    let token = server.client().add_device("lamp", "lamp");
    for version in [Version::V4, Version::V5] {
        let mut lamp = Mqtt::device(server.mqtt(), version, "lamp", &token);
        for spelling in SPELLINGS.iter().filter(|spelling| spelling.version == version) {
            check(&server, &mut lamp, spelling);
        }
    }
}

/// What cannot be read is answered with its code, stores nothing, and costs nothing.
#[test]
fn a_version_that_cannot_be_read_is_refused_with_its_code() {
    let cases: &[(Option<&str>, &[u8], &str)] = &[
        (Some("application/octet-stream"), b"\x01\x02", "wrong-length"),
        (Some("application/xml"), b"<1/>", "unknown-content-type"),
        (Some("application/json"), b"{", "malformed-json"),
        (Some("application/cbor"), b"\xa1", "malformed-cbor"),
        (Some("application/cbor"), b"\x01\x01", "trailing-bytes"),
        (None, b"\xc3\x28", "not-utf8"),
        (None, b"1 0", "bad-value"),
    ];
    let server = Server::start();
    let token = server.client().add_device("lamp", "lamp");
    let mut lamp = Mqtt::device(server.mqtt(), Version::V5, "lamp", &token);
    for (content_type, payload, code) in cases {
        let properties =
            PublishProperties { content_type: content_type.map(Into::into), ..Default::default() };
        let id = lamp.publish_with(&topic("lamp", "attr/2003"), payload, Some(properties)).unwrap();
        assert_eq!(lamp.puback(id).unwrap(), ReasonCode::PayloadFormatInvalid, "{code}");
        let mut ack = lamp.told("/ack");
        assert!(ack.as_object_mut().unwrap().remove("message").is_some_and(|m| m.is_string()), "{ack}");
        assert_eq!(ack, json!({"status": "rejected", "code": code, "topic": "attr/2003"}));
    }
    assert_eq!(server.client().get("devices/lamp").body["versions"], Value::Object(Default::default()));
}
