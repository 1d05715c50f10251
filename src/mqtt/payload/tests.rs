//! What the payloads mean, and which are refused.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::domain::catalog::Trail;
use crate::domain::decide::Order;
use crate::domain::device::{Capabilities, Hardware, Reported};
use crate::domain::eligibility::{Finding, Reason, Rule};
use crate::domain::event::{Hello, Report};
use crate::domain::feedback::{Feedback, Finished, Progress, Word};
use crate::domain::ids::{ActionId, ArtifactId, AttributeId, ImageId, ProductId, TenantId, Time};
use crate::domain::image::{Artifact, Image, Sha256};
use crate::domain::terms::Force;
use crate::domain::version::{Running, Version};
use crate::engine::call::{Command, Desired, Message, Outcome, Receipt, Wanted};
use crate::engine::query::Explanation;
use crate::mqtt::chunks::{ChunkRefusal, Plan};

fn kind(number: u64) -> FirmwareType {
    FirmwareType::new(number).unwrap()
}

fn attr(number: u64) -> AttributeId {
    AttributeId::new(number).unwrap()
}

fn action() -> ActionId {
    ActionId::new(101).unwrap()
}

fn version(text: &str) -> Version {
    Version::parse(text).unwrap()
}

fn cid(text: &str) -> Option<Cid> {
    Some(Cid::new(text).unwrap())
}

fn to_cbor(json: &str) -> Vec<u8> {
    let value: serde_json::Value = serde_json::from_str(json).unwrap();
    let mut cbor = Vec::new();
    ciborium::into_writer(&value, &mut cbor).unwrap();
    cbor
}

/// The text means the same as JSON and, written as CBOR, as CBOR.
fn check(leaf: Leaf, json: &str, seq: Option<u64>, body: Body) {
    let expected = |format| Ok(Decoded { format, seq, body: body.clone() });
    let found = decode(leaf, Some("application/json"), json.as_bytes());
    assert_eq!(found, expected(Format::Json), "{leaf} {json}");
    let found = decode(leaf, Some("application/cbor"), &to_cbor(json));
    assert_eq!(found, expected(Format::Cbor), "{leaf} {json} in CBOR");
}

fn check_event(leaf: Leaf, json: &str, seq: Option<u64>, event: Event) {
    check(leaf, json, seq, Body::Event(event));
}

#[test]
fn a_hello_is_the_whole_state_of_the_device() {
    let sample = r#"{"seq":41,"boot":"b3f1","product":"lamp","hw":{"model":"esp32-c3","rev":"B"},
        "caps":{"types":[1,3,105],"mtu":4096,"formats":["cbor","json"],"verify":["sha256","ed25519"]},
        "attrs":{"2001":"88","2003":"7112","2105":"12"}}"#;
    let versions = [(1, 88), (3, 7112), (105, 12)].map(|(k, n)| (kind(k), Running::numbered(n)));
    let full = Hello {
        seq: 41,
        boot: Some("b3f1".into()),
        product: Some(ProductId::parse("lamp").unwrap()),
        hardware: Some(Hardware { model: "esp32-c3".into(), revision: Some("B".into()) }),
        capabilities: Some(Capabilities {
            types: vec![kind(1), kind(3), kind(105)],
            mtu: Some(4096),
            formats: vec![Format::Cbor, Format::Json],
            verify: vec!["sha256".into(), "ed25519".into()],
        }),
        versions: BTreeMap::from(versions),
        attributes: BTreeMap::new(),
    };
    check_event(Leaf::Hello, sample, Some(41), Event::Hello(full.clone()));
    let odd = r#"{"seq":"18446744073709551615","boot":7,"hw":{"model":"x","rev":2,"colour":[]},
        "caps":{"types":[3,1,3],"formats":["xml","cbor","cbor"],"new":{"deep":[{}]}},"later":null,
        "attrs":{"1":"on","2":-5,"3":true,"2000":12,"2003":"1.0.1","2004":{"number":"9","version":"2.0"}},
        "actions":[{"id":101,"state":"downloading"}]}"#;
    let expected = Hello {
        seq: u64::MAX,
        boot: Some("7".into()),
        product: None,
        hardware: Some(Hardware { model: "x".into(), revision: Some("2".into()) }),
        capabilities: Some(Capabilities {
            types: vec![kind(1), kind(3)],
            formats: vec![Format::Cbor],
            ..Capabilities::default()
        }),
        versions: BTreeMap::from([
            (kind(3), Running::named(version("1.0.1"))),
            (kind(4), Running { number: Some(9), version: Some(version("2.0")) }),
        ]),
        attributes: [(1, "on"), (2, "-5"), (3, "true"), (2000, "12")]
            .map(|(id, text)| (attr(id), text.into()))
            .into(),
    };
    check_event(Leaf::Hello, odd, Some(u64::MAX), Event::Hello(expected));
    let bare = Hello {
        seq: 1,
        boot: None,
        product: None,
        hardware: None,
        capabilities: None,
        versions: BTreeMap::new(),
        attributes: BTreeMap::new(),
    };
    check_event(Leaf::Hello, r#"{"seq":1}"#, Some(1), Event::Hello(bare));
}

#[test]
fn a_reported_version_is_a_number_a_text_or_both() {
    let table: &[(&str, Running)] = &[
        ("7112", Running::numbered(7112)),
        (r#""7112""#, Running::numbered(7112)),
        (r#""18446744073709551615""#, Running::numbered(u64::MAX)),
        ("18446744073709551615", Running::numbered(u64::MAX)),
        ("0", Running::numbered(0)),
        (r#""1.0.1""#, Running::named(version("1.0.1"))),
        (r#""007""#, Running::named(version("007"))),
        ("1.5", Running::named(version("1.5"))),
        (r#"{"number":7}"#, Running::numbered(7)),
        (r#"{"version":"7"}"#, Running::named(version("7"))),
        (
            r#"{"number":"7","version":"1.0","x":1}"#,
            Running { number: Some(7), version: Some(version("1.0")) },
        ),
    ];
    for (value, running) in table {
        let versions = BTreeMap::from([(kind(3), running.clone())]);
        let report = |seq| Event::Report(Report { seq, versions: versions.clone() });
        check_event(Leaf::Report, &format!(r#"{{"seq":9,"v":{{"3":{value}}}}}"#), Some(9), report(Some(9)));
        check_event(Leaf::Report, &format!(r#"{{"v":{{"3":{value}}}}}"#), None, report(None));
        check_event(Leaf::Attr(attr(2003)), value, None, report(None));
    }
    let integer_keys = [0xA1, 0x61, b'v', 0xA1, 0x03, 0x19, 0x1B, 0xC8];
    let versions = BTreeMap::from([(kind(3), Running::numbered(7112))]);
    let body = Body::Event(Event::Report(Report { seq: None, versions }));
    let found = decode(Leaf::Report, None, &integer_keys);
    assert_eq!(found, Ok(Decoded { format: Format::Cbor, seq: None, body }));
}

#[test]
#[allow(clippy::type_complexity)]
fn an_attribute_is_read_by_its_content_type_or_its_first_byte() {
    let octets = Some("application/octet-stream");
    let json = Some("Application/JSON; charset=utf-8");
    let table: &[(u64, Option<&str>, &[u8], Format, Result<Running, &str>)] = &[
        (2003, None, b"7112", Format::Json, Ok(Running::numbered(7112))),
        (2003, None, b"7112\n", Format::Json, Ok(Running::numbered(7112))),
        (2003, None, b"1.0.1", Format::Json, Ok(Running::named(version("1.0.1")))),
        (2003, None, b"\"7112\"", Format::Json, Ok(Running::numbered(7112))),
        (2003, None, b" {\"number\":7112}", Format::Json, Ok(Running::numbered(7112))),
        (2003, None, &[0xA1, 0x66, b'n', b'u', b'm', b'b', b'e', b'r', 7], Format::Cbor, {
            Ok(Running::numbered(7))
        }),
        (2003, json, b"7112", Format::Json, Ok(Running::numbered(7112))),
        (2003, Some("text/plain"), b"v2", Format::Json, Ok(Running::named(version("v2")))),
        (2003, Some("application/cbor"), &[0x19, 0x1B, 0xC8], Format::Cbor, Ok(Running::numbered(7112))),
        (2003, octets, &[0xC8, 0x1B, 0, 0, 0, 0, 0, 0], Format::Json, Ok(Running::numbered(7112))),
        (2003, octets, &[0xFF; 8], Format::Json, Ok(Running::numbered(u64::MAX))),
        (7, octets, &[0xFF; 8], Format::Json, Err("18446744073709551615")),
        (7, None, b"7112", Format::Json, Err("7112")),
        (7, None, b"", Format::Json, Err("")),
        (7, None, b"in the hall ", Format::Json, Err("in the hall ")),
        (7, json, b"-1.5", Format::Json, Err("-1.5")),
        (7, json, b"false", Format::Json, Err("false")),
        (2201, None, b"1", Format::Json, Err("1")),
    ];
    for (id, content_type, payload, format, expected) in table {
        let id = attr(*id);
        let event = match expected {
            Ok(running) => {
                let versions = BTreeMap::from([(id.firmware_type().unwrap(), running.clone())]);
                Event::Report(Report { seq: None, versions })
            }
            Err(text) => Event::Attribute { id, value: (*text).into() },
        };
        let expected = Decoded { format: *format, seq: None, body: Body::Event(event) };
        assert_eq!(decode(Leaf::Attr(id), *content_type, payload), Ok(expected), "{id} {payload:?}");
    }
}

#[test]
fn feedback_speaks_hawkbits_words() {
    let sample = r#"{"id":"101","time":"20240511T121314","status":{"execution":"proceeding","result":
        {"finished":"none","progress":{"cnt":2,"of":5}},"details":["checking hash sums"]}}"#;
    let said = |word, time, code, progress, details: &[&str]| {
        (word, time, code, progress, details.iter().map(|d| Box::from(*d)).collect::<Vec<_>>())
    };
    let at = Some(Time(1_715_429_594_000));
    let progress = Some(Progress { done: 2, of: 5 });
    let closed = |finished| said(Word::Closed(finished), None, None, None, &[]);
    let table = [
        (sample, said(Word::Proceeding, at, None, progress, &["checking hash sums"])),
        (
            r#"{"id":101,"time":1715429594,"status":{"execution":"DOWNLOAD"}}"#,
            said(Word::Download, at, None, None, &[]),
        ),
        (
            r#"{"timestamp":1715429594000,"status":{"execution":"downloaded","code":-3}}"#,
            said(Word::Downloaded, at, Some(-3), None, &[]),
        ),
        (
            r#"{"time":"2024-05-11T12:13:14Z","status":{"execution":"Canceled","result":{}}}"#,
            said(Word::Canceled, at, None, None, &[]),
        ),
        (
            r#"{"time":"yesterday","status":{"execution":"rejected","details":null}}"#,
            said(Word::Rejected, None, None, None, &[]),
        ),
        (r#"{"status":{"execution":"resumed"}}"#, said(Word::Resumed, None, None, None, &[])),
        (r#"{"status":{"execution":"scheduled"}}"#, said(Word::Scheduled, None, None, None, &[])),
        (r#"{"status":{"execution":"closed"}}"#, closed(Finished::None)),
        (r#"{"status":{"execution":"closed","result":{"finished":"SUCCESS"}}}"#, closed(Finished::Success)),
        (
            r#"{"status":{"execution":"closed","result":{"finished":"failure","x":1}},"y":2}"#,
            closed(Finished::Failure),
        ),
    ];
    for (json, (word, time, code, progress, details)) in table {
        let fingerprint = fingerprint(json);
        let feedback = Feedback { word, code, progress, details, time, settles_cancel: true, fingerprint };
        check_event(Leaf::Fb(action()), json, None, Event::Feedback { action: action(), feedback });
    }
}

fn fingerprint(json: &str) -> u64 {
    match decode(Leaf::Fb(action()), None, json.as_bytes()).unwrap().body {
        Body::Event(Event::Feedback { feedback, .. }) => feedback.fingerprint,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_fingerprint_is_equal_for_a_repeat_and_only_for_a_repeat() {
    let same = [
        r#"{"time":"20240511T121314","status":{"execution":"proceeding","details":["a"]}}"#,
        r#"{"time":1715429594,"status":{"execution":"Proceeding","details":["b"]},"id":"101"}"#,
        r#"{"timestamp":1715429594000,"status":{"execution":"proceeding","result":{"finished":"none"}}}"#,
    ];
    let different = [
        same[0],
        r#"{"time":"20240511T121315","status":{"execution":"proceeding"}}"#,
        r#"{"time":"20240511T121314","status":{"execution":"download"}}"#,
        r#"{"time":"20240511T121314","status":{"execution":"closed"}}"#,
        r#"{"time":"20240511T121314","status":{"execution":"closed","result":{"finished":"success"}}}"#,
        r#"{"time":"today","status":{"execution":"proceeding"}}"#,
        r#"{"time":"yesterday","status":{"execution":"proceeding"}}"#,
        r#"{"status":{"execution":"proceeding"}}"#,
        r#"{"status":{"execution":"proceeding","code":0}}"#,
        r#"{"status":{"execution":"proceeding","result":{"progress":{"cnt":1}}}}"#,
        r#"{"status":{"execution":"proceeding","details":["a"]}}"#,
        r#"{"status":{"execution":"proceeding","details":["a","b"]}}"#,
        r#"{"status":{"execution":"proceeding","details":["ab"]}}"#,
    ];
    assert_eq!(same.map(fingerprint), [fingerprint(same[0]); 3]);
    let distinct: std::collections::BTreeSet<u64> = different.iter().map(|json| fingerprint(json)).collect();
    assert_eq!(distinct.len(), different.len());
    // Fingerprints are kept on disk: this number may not change.
    assert_eq!(fingerprint(r#"{"time":0,"status":{"execution":"closed"}}"#), KEPT);
}

#[test]
fn over_http_all_that_is_said_in_one_second_is_kept_and_only_the_same_again_is_a_repeat() {
    let said = |detail: &str| {
        let status =
            format!(r#"{{"execution":"proceeding","result":{{"finished":"none"}},"details":["{detail}"]}}"#);
        let body = format!(r#"{{"id":101,"time":"20240511T121314","status":{status}}}"#);
        ddi_feedback(action(), Format::Json, body.as_bytes()).unwrap().fingerprint
    };
    assert_eq!(said("installing"), said("installing"));
    assert_ne!(said("installing"), said("installed"));
}

/// The first eight bytes of the SHA-256 of `08 03` and the time in eight bytes.
const KEPT: u64 = 1_266_596_882_805_200_826;

#[test]
fn questions_and_presence_are_read() {
    let chunk = |bitmap: &[u8]| {
        Body::ChunkGet(ChunkRequest {
            cid: cid("1"),
            file: 3,
            length: 4096,
            offset: 20,
            count: Some(16),
            bitmap: bitmap.into(),
        })
    };
    let least = ChunkRequest { cid: None, file: 1201, length: 512, offset: 0, count: None, bitmap: vec![] };
    check(Leaf::Get, r#"{"cid":"a-1"}"#, None, Body::Get { cid: cid("a-1") });
    check(Leaf::Get, r#"{"cid":17}"#, None, Body::Get { cid: cid("17") });
    check(Leaf::Get, "{}", None, Body::Get { cid: None });
    check(
        Leaf::Explain,
        r#"{"cid":"x","type":3}"#,
        None,
        Body::Explain { cid: cid("x"), kind: Some(kind(3)) },
    );
    let sample = r#"{"c":"1","f":3,"l":4096,"o":20,"n":16,"b":"130080"}"#;
    check(Leaf::ChunkGet, sample, None, chunk(&[0x13, 0, 0x80]));
    check(Leaf::ChunkGet, r#"{"f":1201,"l":512}"#, None, Body::ChunkGet(least));
    check_event(Leaf::State, r#""online""#, None, Event::Presence { online: true });
    check_event(Leaf::State, r#"{"state":"offline","boot":"b3f1"}"#, None, Event::Presence { online: false });

    let bytes =
        [&to_cbor(r#"{"c":"1","f":3,"l":4096,"o":20,"n":16}"#)[1..], b"\x61b\x43\x13\x00\x80"].concat();
    let bytes = [&[0xA6][..], &bytes].concat();
    let plain: &[(Leaf, &[u8], Format, Body)] = &[
        (Leaf::ChunkGet, &bytes, Format::Cbor, chunk(&[0x13, 0, 0x80])),
        (Leaf::Get, b"", Format::Json, Body::Get { cid: None }),
        (Leaf::Explain, b"", Format::Json, Body::Explain { cid: None, kind: None }),
        (Leaf::State, b"offline", Format::Json, Body::Event(Event::Presence { online: false })),
        (Leaf::State, b"online\n", Format::Json, Body::Event(Event::Presence { online: true })),
    ];
    for (leaf, payload, format, body) in plain {
        let expected = Decoded { format: *format, seq: None, body: body.clone() };
        assert_eq!(decode(*leaf, None, payload), Ok(expected), "{leaf} {payload:?}");
    }
}

#[test]
fn what_cannot_be_read_is_refused_with_a_code() {
    let fb = Leaf::Fb(action());
    let app = Leaf::Attr(attr(2003));
    let (json, cbor, octets) =
        (Some("application/json"), Some("application/cbor"), Some("application/octet-stream"));
    let details =
        format!(r#"{{"status":{{"execution":"closed","details":[{}]}}}}"#, vec![r#""x""#; 51].join(","));
    let long = format!(r#"{{"cid":"{}"}}"#, "x".repeat(CID_MAX + 1));
    let boot = format!(r#"{{"seq":1,"boot":"{}"}}"#, "x".repeat(TEXT_MAX + 1));
    let table: &[(Leaf, Option<&str>, &[u8], &str)] = &[
        (Leaf::Report, json, &[b' '; PAYLOAD_MAX + 1], "too-large"),
        (Leaf::Report, Some("application/xml"), b"{}", "unknown-content-type"),
        (Leaf::Report, octets, &[0; 8], "unknown-content-type"),
        (Leaf::State, octets, &[0; 8], "unknown-content-type"),
        (Leaf::Report, None, b"v=3", "unknown-format"),
        (Leaf::Report, None, b"", "unknown-format"),
        (Leaf::Report, None, b"{", "malformed-json"),
        (Leaf::Report, None, b"{}", "malformed-json"),
        (Leaf::Report, None, b"[]", "malformed-json"),
        (Leaf::Report, None, br#"{"v":{}} {}"#, "malformed-json"),
        (Leaf::Report, None, br#"{"v":{},"v":{}}"#, "malformed-json"),
        (Leaf::Report, None, br#"{"v":{"x":1}}"#, "malformed-json"),
        (Leaf::Report, None, br#"{"seq":-1,"v":{}}"#, "malformed-json"),
        (Leaf::Report, None, br#"{"seq":1.5,"v":{}}"#, "malformed-json"),
        (Leaf::Report, None, br#"{"v":{"0":1}}"#, "bad-value"),
        (Leaf::Report, None, br#"{"v":{"201":1}}"#, "bad-value"),
        (Leaf::Report, None, br#"{"v":{"3":{}}}"#, "bad-value"),
        (Leaf::Report, None, br#"{"v":{"3":"a b"}}"#, "bad-value"),
        (Leaf::Report, None, br#"{"v":{"3":""}}"#, "bad-value"),
        (Leaf::Report, json, b"\xEF\xBB\xBF{}", "malformed-json"),
        (Leaf::Report, cbor, &[], "malformed-cbor"),
        (Leaf::Report, cbor, &[0xA1, 0x61, b'v', 0xA0, 0x00], "trailing-bytes"),
        (Leaf::Report, cbor, &[0x9B, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], "malformed-cbor"),
        (Leaf::Report, cbor, &[0xBB, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], "malformed-cbor"),
        (Leaf::Get, cbor, &[0x81; 60_000], "malformed-cbor"),
        (Leaf::Get, cbor, &[&[0xA1, 0x61, b'x'][..], &[0x81; 60_000]].concat(), "malformed-cbor"),
        (Leaf::Get, json, &[b'['; 60_000], "malformed-json"),
        (Leaf::Get, None, long.as_bytes(), "bad-value"),
        (Leaf::Explain, None, br#"{"type":0}"#, "bad-value"),
        (Leaf::Hello, None, br#"{"boot":"b3f1"}"#, "malformed-json"),
        (Leaf::Hello, None, boot.as_bytes(), "bad-value"),
        (Leaf::Hello, None, br#"{"seq":1,"product":"a/b"}"#, "bad-value"),
        (Leaf::Hello, None, br#"{"seq":1,"attrs":{"0":1}}"#, "bad-value"),
        (Leaf::Hello, None, br#"{"seq":1,"attrs":{"65536":1}}"#, "bad-value"),
        (Leaf::Hello, None, br#"{"seq":1,"attrs":{"7":{}}}"#, "bad-value"),
        (Leaf::Hello, None, br#"{"seq":1,"caps":{"types":[201]}}"#, "bad-value"),
        (Leaf::Hello, None, br#"{"seq":1,"caps":{"mtu":4294967296}}"#, "malformed-json"),
        (app, None, b"", "bad-value"),
        (app, None, b"-1 0", "bad-value"),
        (app, None, b"\xFF\xFE", "not-utf8"),
        (app, octets, &[0; 7], "wrong-length"),
        (app, octets, &[0; 9], "wrong-length"),
        (app, json, b"1.0.1", "malformed-json"),
        (app, json, b"[1]", "malformed-json"),
        (fb, None, details.as_bytes(), "too-many"),
        (fb, None, br#"{"id":"102","status":{"execution":"closed"}}"#, "other-action"),
        (fb, None, br#"{"id":"x","status":{"execution":"closed"}}"#, "other-action"),
        (fb, None, br#"{"status":{"execution":"done"}}"#, "bad-value"),
        (fb, None, br#"{"status":{"execution":"closed","result":{"finished":"maybe"}}}"#, "bad-value"),
        (fb, None, br#"{"status":{}}"#, "malformed-json"),
        (Leaf::ChunkGet, None, br#"{"f":3}"#, "malformed-json"),
        (Leaf::ChunkGet, None, br#"{"f":3,"l":-1}"#, "malformed-json"),
        (Leaf::ChunkGet, None, br#"{"f":3,"l":1,"b":"1"}"#, "malformed-json"),
        (Leaf::ChunkGet, None, br#"{"f":3,"l":1,"b":"+1"}"#, "malformed-json"),
        (Leaf::State, None, b"away", "bad-value"),
        (Leaf::State, None, br#"{"boot":"b3f1"}"#, "malformed-json"),
        (Leaf::Desired, None, b"{}", "server-speaks"),
        (Leaf::Chunk { file: 3, block: 0 }, None, b"{}", "server-speaks"),
    ];
    for (leaf, content_type, payload, code) in table {
        let found = decode(*leaf, *content_type, payload).map_err(|error| error.code());
        let shown = String::from_utf8_lossy(&payload[..payload.len().min(80)]);
        assert_eq!(found, Err(*code), "{leaf} {shown}");
    }
}

fn image() -> Arc<Image> {
    let (id, product) = (ImageId::new(12).unwrap(), ProductId::parse("lamp").unwrap());
    let trail = Trail::new("admin", Time(0));
    Arc::new(Image {
        artifacts: vec![Artifact {
            id: ArtifactId::new(1201).unwrap(),
            name: "lamp \"3\".bin".into(),
            size: 387_808,
            sha256: Sha256([0xAB; 32]),
            sha1: [0x01; 20],
            md5: [0xF0; 16],
        }],
        ..Image::new(TenantId::default(), id, product, (kind(3), 7155), version("1.0.3"), trail)
    })
}

/// The message is this JSON, and the same in CBOR but for numbers that JSON writes as text.
fn check_down(encode: impl Fn(Format) -> Vec<u8>, json: &str) {
    assert_eq!(String::from_utf8(encode(Format::Json)).unwrap(), json);
    let cbor: serde_json::Value = ciborium::from_reader(&*encode(Format::Cbor)).unwrap();
    let json = json.replace(r#""number":"7155""#, r#""number":7155"#);
    let json = json.replace(r#""id":"18446744073709551615""#, r#""id":18446744073709551615"#);
    assert_eq!(cbor, serde_json::from_str::<serde_json::Value>(&json).unwrap());
}

#[test]
fn a_component_that_is_not_to_be_installed_at_once_says_so() {
    let table = [
        (Force::Forced, ""),
        (Force::Soft, r#","mode":"soft""#),
        (Force::From(Time(1)), r#","mode":"soft""#),
        (Force::DownloadOnly, r#","mode":"download-only""#),
    ];
    for (force, expected) in table {
        let components = vec![Wanted { action: action(), image: image(), force }];
        let desired = Message::Desired(Desired { seq: 9, expires: Time(0), components });
        let text = String::from_utf8(encode_message(&desired, Format::Json, "")).unwrap();
        let end = text.split(r#""name":"lamp \"3\".bin""#).nth(1).unwrap();
        assert_eq!(end, format!("{expected}}}]}}"), "{force:?}");
    }
}

#[test]
fn the_desired_document_and_the_hint_are_written() {
    let components = vec![Wanted { action: action(), image: image(), force: Force::Forced }];
    let desired = Desired { seq: 9, expires: Time(1_731_600_000_999), components };
    let (sha256, sha1, md5) = ("ab".repeat(32), "01".repeat(20), "f0".repeat(16));
    let json = format!(
        r#"{{"seq":9,"exp":1731600000,"comps":[{{"type":3,"number":"7155","version":"1.0.3","size":387808,"sha256":"{sha256}","sha1":"{sha1}","md5":"{md5}","chunk":4096,"file":1201,"url":"https://ota.example/artifacts/{sha256}","action":101,"name":"lamp \"3\".bin"}}]}}"#
    );
    let base = "https://ota.example";
    check_down(|format| encode_message(&Message::Desired(desired.clone()), format, base), &json);
    let command = |id, order, action| {
        Message::Command(Command { id, order, action, attempt: 2, deadline: Time(1_731_600_000_000) })
    };
    check_down(
        |format| encode_message(&command(5, Order::Deploy, Some(action())), format, base),
        r#"{"id":5,"cmd":"deploy","action":101,"attempt":2,"deadline":1731600000,"mode":"forced"}"#,
    );
    check_down(
        |format| encode_message(&command(u64::MAX, Order::Report, None), format, base),
        r#"{"id":"18446744073709551615","cmd":"report","attempt":2,"deadline":1731600000,"mode":"forced"}"#,
    );
}

#[test]
fn receipts_and_answers_are_written() {
    let rejected = || Outcome::Rejected { code: "action-finished", message: "the action has ended".into() };
    let acks = [
        (Leaf::Hello, Some(41), Outcome::Stored, r#"{"seq":41,"status":"stored"}"#),
        (Leaf::Attr(attr(2003)), None, Outcome::Stored, r#"{"status":"stored","topic":"attr/2003"}"#),
        (
            Leaf::Fb(action()),
            None,
            rejected(),
            r#"{"status":"rejected","code":"action-finished","message":"the action has ended","topic":"fb/101"}"#,
        ),
    ];
    for (leaf, seq, outcome, json) in acks {
        let receipt = Receipt { seq, outcome };
        check_down(|format| encode_ack(leaf, &receipt, format), json);
    }
    let plan = Plan { length: 4096, blocks: vec![20, 21, 43] };
    let found = [Explanation {
        kind: kind(3),
        reported: Some(Reported { running: Running::named(version("1.0.1")), seq: 4, at: Time(0) }),
        image: Some((*image()).clone()),
        findings: vec![
            Finding { rule: Rule::Product, failed: None },
            Finding { rule: Rule::NotInstalled, failed: Some(Reason::AlreadyInstalled) },
        ],
        active: Some((action(), crate::domain::action::State::Verifying)),
    }];
    let busy = Answer::Rejected { code: "busy", message: "too much is waiting", retry_after_s: Some(5) };
    let chunks = Answer::Chunks { file: 3, size: 387_808, plan: &plan };
    let too_long = Answer::ChunksRefused(ChunkRefusal::BlockTooLong { max: 16_384 });
    let answers = [
        (cid("1"), Answer::Accepted, r#"{"cid":"1","accepted":{}}"#),
        (None, Answer::Accepted, r#"{"accepted":{}}"#),
        (cid("2"), Answer::Explained { types: &found, rollouts: &[] }, EXPLAINED),
        (
            cid("3"),
            chunks,
            r#"{"cid":"3","accepted":{"file":3,"length":4096,"size":387808,"blocks":[20,21,43]}}"#,
        ),
        (
            cid("4"),
            too_long,
            r#"{"cid":"4","rejected":{"code":"block-too-long","message":"a block may have at most 16384 bytes","max":16384}}"#,
        ),
        (
            cid("5"),
            busy,
            r#"{"cid":"5","rejected":{"code":"busy","message":"too much is waiting","retryAfter":5}}"#,
        ),
    ];
    for (cid, answer, json) in answers {
        check_down(|format| encode_resp(cid.as_ref(), answer, format), json);
    }
}

const EXPLAINED: &str = r#"{"cid":"2","accepted":[{"type":3,"reported":{"version":"1.0.1"},"image":{"number":"7155","version":"1.0.3"},"rules":[{"rule":"product","pass":true},{"rule":"not-installed","pass":false,"code":"already-installed","message":"the device runs this image"}],"verdict":"already-installed","active":{"action":101,"state":"verifying"}}]}"#;

const UPLINKS: [&str; 6] = [
    r#"{"seq":41,"boot":"b3f1","hw":{"model":"m"},"caps":{"types":[1],"mtu":1},"attrs":{"2001":"88"}}"#,
    r#"{"seq":1,"v":{"3":{"number":"7","version":"1.0"}}}"#,
    r#"{"id":101,"time":"20240511T121314","status":{"execution":"closed","result":{"progress":{"of":5}}}}"#,
    r#"{"cid":"1","type":3}"#,
    r#"{"c":"1","f":3,"l":4096,"o":20,"n":16,"b":"130080"}"#,
    r#"{"state":"online"}"#,
];

fn decode_everywhere(payload: &[u8]) {
    let leaves = [
        Leaf::Hello,
        Leaf::Report,
        Leaf::Attr(attr(2003)),
        Leaf::Attr(attr(7)),
        Leaf::Fb(action()),
        Leaf::Get,
        Leaf::Explain,
        Leaf::ChunkGet,
        Leaf::State,
    ];
    let types = [None, Some("application/json"), Some("application/cbor"), Some("application/octet-stream")];
    for leaf in leaves {
        for content_type in types {
            if let Err(error) = decode(leaf, content_type, payload) {
                assert!(!error.code().is_empty() && !error.to_string().is_empty());
            }
        }
    }
}

proptest! {
    #[test]
    fn no_bytes_make_a_decoder_panic(payload in proptest::collection::vec(any::<u8>(), 0..200)) {
        decode_everywhere(&payload);
    }

    #[test]
    fn no_change_to_a_good_message_makes_a_decoder_panic(
        which in 0..UPLINKS.len(), cbor: bool, at: proptest::sample::Index, put: Vec<u8>, cut in 0usize..4
    ) {
        let text = UPLINKS[which];
        let mut payload = if cbor { to_cbor(text) } else { text.as_bytes().to_vec() };
        let at = at.index(payload.len());
        let end = payload.len().min(at + cut);
        payload.splice(at..end, put.into_iter().take(16));
        decode_everywhere(&payload);
    }

    #[test]
    fn a_report_reads_the_same_in_both_formats(
        seq: Option<u64>, versions in proptest::collection::btree_map(1u64..=200, any::<u64>(), 0..20), text: bool
    ) {
        let value = |n: &u64| if text { format!(r#""{n}""#) } else { n.to_string() };
        let pairs: Vec<_> = versions.iter().map(|(k, n)| format!(r#""{k}":{}"#, value(n))).collect();
        let seq_text = seq.map_or("null".into(), |s| s.to_string());
        let json = format!(r#"{{"seq":{seq_text},"v":{{{}}}}}"#, pairs.join(","));
        let versions = versions.iter().map(|(k, n)| (kind(*k), Running::numbered(*n))).collect();
        check_event(Leaf::Report, &json, seq, Event::Report(Report { seq, versions }));
    }
}
