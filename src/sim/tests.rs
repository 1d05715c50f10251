#![allow(clippy::unwrap_used)]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use bytes::Bytes;

use crate::mqtt::packet::{
    ConnAck, ConnAckProperties, Packet, PubAck, Publish, QoS, ReasonCode, SubAck, Version, decode, encode,
    frame,
};

use super::*;

const LIMIT: Duration = Duration::from_secs(10);

/// Answers every packet; a `hello` is followed by a `cmd`. Devices named `bad-...` are refused.
fn server(version: Version) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            thread::spawn(move || serve(version, stream.unwrap()));
        }
    });
    addr
}

fn serve(version: Version, mut stream: TcpStream) -> Option<()> {
    let mut buffer = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        while let Some(len) = frame(&buffer, 4096).unwrap().filter(|len| *len <= buffer.len()) {
            let packet = decode(version, Bytes::from(buffer.drain(..len).collect::<Vec<u8>>())).unwrap();
            let mut out = Vec::new();
            answers(packet).iter().for_each(|answer| encode(version, answer, &mut out));
            // Byte by byte, so that the fleet must put packets together.
            out.iter().try_for_each(|byte| stream.write_all(&[*byte])).ok()?;
        }
        let len = stream.read(&mut chunk).ok().filter(|len| *len > 0)?;
        buffer.extend_from_slice(&chunk[..len]);
    }
}

fn answers(packet: Packet) -> Vec<Packet> {
    match packet {
        Packet::Connect(connect) => {
            let bad = connect.client_id.starts_with("bad-")
                || connect.user_name.as_deref() != Some(&connect.client_id)
                || connect.password != Some("secret".into());
            let code = if bad { ReasonCode::NotAuthorized } else { ReasonCode::Success };
            vec![Packet::ConnAck(ConnAck {
                session_present: false,
                code,
                properties: ConnAckProperties::default(),
            })]
        }
        Packet::Subscribe(subscribe) => {
            let codes = subscribe.filters.iter().map(|_| ReasonCode::GrantedQos1).collect();
            vec![Packet::SubAck(SubAck { packet_id: subscribe.packet_id, codes })]
        }
        Packet::Publish(publish) => {
            let ack = Packet::PubAck(PubAck::new(publish.packet_id, ReasonCode::Success));
            match publish.topic.strip_suffix("hello") {
                Some(stem) => {
                    let topic = format!("{stem}cmd");
                    vec![ack, Packet::Publish(Publish::new(topic, QoS::AtLeastOnce, 7, "go"))]
                }
                None => vec![ack],
            }
        }
        Packet::PubAck(_) => Vec::new(),
        other => panic!("a device sent {other:?}"),
    }
}

fn fleet(version: Version) -> Fleet {
    let leaves = vec!["cmd".to_owned()];
    Fleet::new(Plan { version, tenant: "default".to_owned(), leaves, keep_alive_s: 600 }).unwrap()
}

fn login(id: &str) -> Login {
    Login { id: id.to_owned(), token: "secret".to_owned() }
}

#[test]
fn a_fleet_connects_greets_hears_its_command_and_reports_in_either_version() {
    for version in [Version::V4, Version::V5] {
        let addr = server(version);
        let mut fleet = fleet(version);
        let logins = ["a", "b", "c", "bad-d", "e"].map(login).into_iter();
        let connected = fleet.connect(addr, logins, 2, LIMIT).unwrap();
        let faults = Faults { refused: 1, ..Faults::default() };
        assert_eq!((connected.count, fleet.live(), fleet.faults()), (4, 4, faults));

        let hello = fleet.publish_on_all("hello", &|seq| seq.to_string().into_bytes(), 1, LIMIT).unwrap();
        assert_eq!((hello.count, hello.refused, hello.unanswered), (4, 0, 0));

        let storm = Storm {
            leaf: "report",
            in_flight: 3,
            warm_up: Duration::from_millis(20),
            lasting: Duration::from_millis(100),
            payload: &|seq| seq.to_string().into_bytes(),
        };
        let acks = fleet.storm(&storm).unwrap();
        assert!(acks.count > 12 && acks.elapsed >= storm.lasting, "{acks:?}");
        assert_eq!((acks.refused, acks.unanswered, fleet.faults()), (0, 0, faults));
    }
}

#[test]
fn a_command_counts_once_for_each_device_and_the_silent_are_missing() {
    let addr = server(Version::V4);
    let mut fleet = fleet(Version::V4);
    fleet.connect(addr, ["a", "b"].map(login).into_iter(), 2, LIMIT).unwrap();
    // With no window for a second publish only the first device says hello, and its command waits in the socket.
    fleet.publish_on_all("hello", &|_| Vec::new(), 1, Duration::ZERO).unwrap();
    let arrivals = fleet.await_on_all("cmd", Duration::from_millis(500)).unwrap();
    assert_eq!((arrivals.at.len(), arrivals.missing, arrivals.sample), (1, 1, Bytes::from("go")));
}

#[test]
fn a_port_where_nobody_listens_is_counted_and_not_waited_for() {
    let addr = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut fleet = fleet(Version::V4);
    let connected = fleet.connect(addr, ["a", "b"].map(login).into_iter(), 1, LIMIT).unwrap();
    assert_eq!(connected.count, 0);
    assert_eq!(fleet.faults(), Faults { unreachable: 2, ..Faults::default() });
}
