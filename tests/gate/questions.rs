//! Questions and their answers: `get`, `explain`, and the blocks of a file.

use std::collections::BTreeSet;
use std::io::Write;

use bytes::Bytes;
use updraft::domain::deployment::Target;
use updraft::domain::ids::{FirmwareType, ProductId, TenantId};
use updraft::domain::offer::Rules;
use updraft::domain::terms::Terms;
use updraft::domain::version::Version;
use updraft::engine::call::{Call, NewArtifact, NewImage, Reply};
use updraft::mqtt::Limits;
use updraft::mqtt::packet::{self as wire, Connect, Packet, Publish, PublishProperties, QoS, ReasonCode};

use super::HELLO;
use super::client::{Client, login};
use super::world::{Plan, World, key};

const RESP: &str = "ota/v1/default/d/lamp/resp";
const GET: &str = "ota/v1/default/d/lamp/get";
const CHUNK_GET: &str = "ota/v1/default/d/lamp/chunk/get";
const SIZE: usize = 100_000;

fn content() -> Vec<u8> {
    (0..SIZE).map(|n| (n / 7) as u8).collect()
}

/// Uploads an application and deploys it to the lamp.
fn deploy(world: &World) {
    deploy_to(world, "lamp");
}

fn deploy_to(world: &World, name: &str) {
    let mut upload = world.artifacts.begin(SIZE as u64).unwrap();
    upload.write(&content()).unwrap();
    let stored = upload.finish().unwrap();
    let (product, version) = (ProductId::parse("lamp").unwrap(), Version::parse(&format!("1.0.1-{name}")));
    let image = NewImage {
        files: vec![NewArtifact {
            name: "lamp.bin".into(),
            size: stored.size,
            sha256: stored.sha256,
            sha1: stored.sha1,
            md5: stored.md5,
        }],
        ..NewImage::plain(product, FirmwareType::APPLICATION, version.unwrap(), Rules::default())
    };
    let (tenant, by) = (TenantId::default(), "admin");
    let add = Call::AddImages { tenant: tenant.clone(), images: vec![image], by: by.into() };
    let Reply::Images { images, .. } = world.call(add) else { panic!("no image") };
    let devices = vec![key("default", name).device];
    let target = Target::Image(images[0].id);
    let (terms, by) = (Terms::default(), by.into());
    world.call(Call::Deploy { tenant, target, devices, allow_downgrade: false, terms, by });
}

fn text(publish: &Publish) -> String {
    String::from_utf8(publish.payload.to_vec()).unwrap()
}

#[test]
fn a_question_is_answered_with_the_token_that_it_came_with() {
    let world = World::new();
    let mut lamp = world.connected(wire::Version::V5, "lamp");
    lamp.publish("ota/v1/default/d/lamp/hello", 1, HELLO);
    assert_eq!(lamp.puback(1), ReasonCode::Success);
    let properties = PublishProperties {
        response_topic: Some(RESP.into()),
        correlation_data: Some(Bytes::from_static(b"here")),
        ..PublishProperties::default()
    };
    let table = [
        (GET, r#"{"cid":"a"}"#, ReasonCode::Success, r#"{"cid":"a","accepted":{}}"#),
        (GET, r#"{"cid":"#, ReasonCode::PayloadFormatInvalid, r#"{"rejected":{"code":"malformed-json""#),
        (
            "ota/v1/default/d/lamp/explain",
            r#"{"cid":"b"}"#,
            ReasonCode::Success,
            r#"{"cid":"b","accepted":[{"#,
        ),
        ("ota/v1/default/d/lamp/explain", r#"["#, ReasonCode::PayloadFormatInvalid, r#"{"rejected":{"#),
        (
            CHUNK_GET,
            r#"{"c":"c","f":3,"l":4096,"o":0,"n":1,"b":""}"#,
            ReasonCode::ImplementationSpecificError,
            r#"{"cid":"c","rejected":{"code":"not-offered""#,
        ),
    ];
    for (topic, payload, code, answer) in table {
        lamp.publish_with(Publish::new(topic, QoS::AtLeastOnce, 2, payload), properties.clone());
        assert_eq!(lamp.puback(2), code, "{payload}");
        let said = lamp.message();
        assert_eq!(&*said.topic, RESP);
        assert!(text(&said).starts_with(answer), "{payload} {}", text(&said));
        assert_eq!(said.properties.unwrap().correlation_data.as_deref(), Some(&b"here"[..]));
    }
}

#[test]
fn a_file_arrives_in_blocks_that_are_its_own_bytes() {
    for version in [wire::Version::V4, wire::Version::V5] {
        let world = World::new();
        let mut lamp = world.connected(version, "lamp");
        deploy(&world);
        lamp.subscribe(&[(RESP, QoS::AtMostOnce)]);
        let mut file = vec![0; SIZE];
        let mut missing: BTreeSet<usize> = (0..SIZE.div_ceil(4096)).collect();
        while let Some(first) = missing.first().copied() {
            lamp.publish(CHUNK_GET, 1, &format!(r#"{{"c":"x","f":3,"l":4096,"o":{first},"n":10,"b":""}}"#));
            assert_eq!(lamp.puback(1), ReasonCode::Success);
            let answer = lamp.message();
            assert!(text(&answer).starts_with(r#"{"cid":"x","accepted":{"#), "{}", text(&answer));
            for _ in 0..missing.len().min(10) {
                let block = lamp.message();
                let number: usize = block.topic.rsplit('/').next().unwrap().parse().unwrap();
                assert_eq!(block.qos, QoS::AtMostOnce);
                assert_eq!(&*block.topic, format!("ota/v1/default/d/lamp/chunk/3/{number}"));
                file[number * 4096..][..block.payload.len()].copy_from_slice(&block.payload);
                assert!(missing.remove(&number));
            }
        }
        assert!(file == content());
        lamp.quiet();
    }
}

#[test]
fn a_second_request_while_one_is_answered_is_told_when_to_come_again() {
    let world = World::new();
    let mut lamp = world.connected(wire::Version::V4, "lamp");
    deploy(&world);
    lamp.subscribe(&[(RESP, QoS::AtMostOnce)]);
    // In one write, so that the second is there before the first is answered.
    let mut both = Vec::new();
    for id in 1..=2 {
        let request = format!(r#"{{"c":"{id}","f":3,"l":4096,"o":0,"n":25,"b":""}}"#);
        let publish = Publish::new(CHUNK_GET, QoS::AtLeastOnce, id, request);
        wire::encode_publish(wire::Version::V4, &publish, &mut both);
    }
    lamp.socket.write_all(&both).unwrap();
    let mut answers = Vec::new();
    while answers.len() < 2 {
        match lamp.next() {
            Packet::Publish(publish) if &*publish.topic == RESP => answers.push(text(&publish)),
            Packet::Publish(_) | Packet::PubAck(_) => {}
            other => panic!("{other:?}"),
        }
    }
    answers.sort();
    assert!(answers[0].starts_with(r#"{"cid":"1","accepted""#), "{answers:?}");
    assert!(
        answers[1].contains(r#""code":"busy""#) && answers[1].contains(r#""retryAfter":2"#),
        "{answers:?}"
    );
}

#[test]
fn blocks_beyond_the_budget_or_the_packet_are_refused_with_what_is_allowed() {
    let limits = Limits { chunk_budget_bytes: 32 << 10, ..Limits::default() };
    let world = World::with(Plan { limits, ..Plan::default() });
    let token = world.device("lamp");
    let connect = Connect { maximum_packet_size: Some(1344), ..login(wire::Version::V5, "lamp", &token) };
    let mut lamp = Client::connect(world.address, connect);
    deploy(&world);
    lamp.subscribe(&[(RESP, QoS::AtMostOnce)]);
    lamp.publish(CHUNK_GET, 1, r#"{"c":"x","f":3,"l":4096,"o":0,"n":1,"b":""}"#);
    assert_eq!(lamp.puback(1), ReasonCode::ImplementationSpecificError);
    let answer = text(&lamp.message());
    assert!(answer.contains(r#""code":"block-too-long""#) && answer.contains(r#""max":1024"#), "{answer}");
}

#[test]
fn a_deployment_reaches_a_device_that_listens() {
    let world = World::new();
    for version in [wire::Version::V4, wire::Version::V5] {
        let name = format!("lamp-{version:?}");
        let mut lamp = world.connected(version, &name);
        let topic = |leaf: &str| format!("ota/v1/default/d/{name}/{leaf}");
        lamp.subscribe(&[(&topic("cmd"), QoS::AtLeastOnce)]);
        // It says no version: image number 1 would be installed already.
        lamp.publish(&topic("hello"), 1, r#"{"seq":1,"boot":"b1","product":"lamp"}"#);
        assert_eq!(lamp.puback(1), ReasonCode::Success);
        deploy_to(&world, &name);
        let command = lamp.message();
        assert_eq!(&*command.topic, topic("cmd"));
        assert!(text(&command).contains(r#""cmd":"deploy""#), "{}", text(&command));
        let expiry = command.properties.and_then(|p| p.message_expiry_s);
        assert_eq!(expiry.is_some(), version == wire::Version::V5);
    }
}
