//! Sessions: takeover, resumption, wills, keep-alive, bounds, and the end of the server.

use std::io::Write;
use std::time::{Duration, Instant};

use updraft::mqtt::packet::{Connect, Disconnect, Packet, PubAck, Publish, QoS, ReasonCode, Version, Will};
use updraft::mqtt::{Death, Limits};

use super::HELLO;
use super::client::{Client, login};
use super::world::{PATIENCE, Plan, World, key, wait};

const DESIRED: &str = "ota/v1/default/d/lamp/desired";
const HELLO_TOPIC: &str = "ota/v1/default/d/lamp/hello";
const RESP: &str = "ota/v1/default/d/lamp/resp";
const STATE: &str = "ota/v1/default/d/lamp/state";

/// A session of an hour.
fn lasting(version: Version, token: &str) -> Connect {
    Connect { clean_start: false, session_expiry: 3600, ..login(version, "lamp", token) }
}

fn disconnect(reason: ReasonCode) -> Packet {
    Packet::Disconnect(Disconnect::new(reason))
}

#[test]
fn a_takeover_tells_the_old_connection_and_keeps_the_session() {
    let world = World::new();
    let token = world.device("lamp");
    let (mut old, connack) = Client::try_connect(world.address, lasting(Version::V5, &token));
    assert!(!connack.session_present);
    old.subscribe(&[(DESIRED, QoS::AtLeastOnce)]);
    let (mut new, connack) = Client::try_connect(world.address, lasting(Version::V5, &token));
    assert!(connack.session_present);
    assert_eq!(old.rest(), [disconnect(ReasonCode::SessionTakenOver)]);
    new.publish(HELLO_TOPIC, 1, HELLO);
    assert_eq!(new.puback(1), ReasonCode::Success);
    assert_eq!(&*new.message().topic, DESIRED);
    let (mut clean, connack) = Client::try_connect(world.address, login(Version::V5, "lamp", &token));
    assert!(!connack.session_present);
    clean.publish("ota/v1/default/d/lamp/get", 1, "{}");
    assert_eq!(clean.puback(1), ReasonCode::Success);
    clean.quiet();
}

#[test]
fn another_credential_does_not_disturb_the_session() {
    let world = World::new();
    let mut lamp = world.connected(Version::V5, "lamp");
    let other = world.device("other");
    let (_, connack) = Client::try_connect(world.address, login(Version::V5, "lamp", &other));
    assert_eq!(connack.code, ReasonCode::BadUserNameOrPassword);
    lamp.quiet();
}

#[test]
fn takeovers_while_the_old_socket_drains_leave_one_session() {
    let world = World::new();
    let token = world.device("lamp");
    let mut all: Vec<_> =
        (0..20).map(|_| Client::connect(world.address, lasting(Version::V5, &token))).collect();
    let mut last = all.pop().unwrap();
    for mut old in all {
        assert_eq!(old.rest(), [disconnect(ReasonCode::SessionTakenOver)]);
    }
    last.quiet();
    world.wait_for_connections(1);
    assert_eq!(world.gate.as_ref().unwrap().stats().sessions, 1);
}

#[test]
fn a_message_that_was_not_acknowledged_comes_again_at_each_return() {
    for version in [Version::V4, Version::V5] {
        let world = World::new();
        let token = world.device("lamp");
        let mut lamp = Client::connect(world.address, lasting(version, &token));
        lamp.subscribe(&[(DESIRED, QoS::AtLeastOnce)]);
        lamp.publish(HELLO_TOPIC, 1, HELLO);
        assert_eq!(lamp.puback(1), ReasonCode::Success);
        let Packet::Publish(first) = lamp.next() else { panic!("no desired document") };
        drop(lamp);
        for _ in 0..3 {
            let (mut lamp, connack) = Client::try_connect(world.address, lasting(version, &token));
            assert!(connack.session_present);
            assert_eq!(lamp.next(), Packet::Publish(Publish { dup: true, ..first.clone() }));
        }
        let mut lamp = Client::connect(world.address, lasting(version, &token));
        assert!(lamp.message().dup);
        lamp.quiet();
        drop(lamp);
        Client::connect(world.address, lasting(version, &token)).quiet();
    }
}

#[test]
fn no_more_is_in_flight_than_the_client_takes() {
    let world = World::new();
    let token = world.device("lamp");
    let connect = Connect { receive_maximum: 1, ..login(Version::V5, "lamp", &token) };
    let mut lamp = Client::connect(world.address, connect);
    lamp.subscribe(&[(DESIRED, QoS::AtLeastOnce)]);
    for id in 1..=3 {
        lamp.publish("ota/v1/default/d/lamp/get", id, "{}");
    }
    let mut desired = 0;
    let mut pubacks = 0;
    while pubacks < 3 || desired < 1 {
        match lamp.next() {
            Packet::PubAck(_) => pubacks += 1,
            Packet::Publish(_) => desired += 1,
            other => panic!("{other:?}"),
        }
    }
    lamp.quiet();
    assert_eq!(desired, 1);
}

#[test]
fn no_more_comes_again_than_the_client_takes() {
    let world = World::new();
    let token = world.device("lamp");
    let mut lamp = Client::connect(world.address, lasting(Version::V5, &token));
    lamp.subscribe(&[(RESP, QoS::AtLeastOnce)]);
    let mut first = Vec::new();
    for id in 1..=5 {
        lamp.publish("ota/v1/default/d/lamp/get", id, "{}");
        assert_eq!(lamp.puback(id), ReasonCode::Success);
        let Packet::Publish(publish) = lamp.next() else { panic!("no answer") };
        first.push(publish);
    }
    drop(lamp);
    for round in 0..2 {
        let few = Connect { receive_maximum: 2, ..lasting(Version::V5, &token) };
        let mut lamp = Client::connect(world.address, few);
        for publish in &first[..2] {
            assert_eq!(lamp.next(), Packet::Publish(Publish { dup: true, ..publish.clone() }), "{round}");
        }
        lamp.quiet();
    }
    let few = Connect { receive_maximum: 1, ..lasting(Version::V5, &token) };
    let mut lamp = Client::connect(world.address, few);
    lamp.publish("ota/v1/default/d/lamp/get", 6, "{}");
    let mut said = Vec::new();
    while said.len() < 6 {
        match lamp.next() {
            Packet::Publish(publish) => {
                lamp.send(&Packet::PubAck(PubAck::new(publish.packet_id, ReasonCode::Success)));
                said.push(publish);
            }
            other => assert!(matches!(other, Packet::PubAck(_)), "{other:?}"),
        }
    }
    assert!(!said.pop().unwrap().dup);
    let again: Vec<_> = first.into_iter().map(|publish| Publish { dup: true, ..publish }).collect();
    assert_eq!(said, again);
    lamp.quiet();
}

#[test]
fn a_session_that_was_to_end_with_its_connection_does_not_survive_a_takeover() {
    let world = World::new();
    let token = world.device("lamp");
    let online = || world.reader.device(&key("default", "lamp")).unwrap().unwrap().online;
    let will = Will { topic: STATE.into(), payload: "offline".into(), delay_s: 3600, ..Will::default() };
    let ending = Connect { will: Some(will), session_expiry: 0, ..lasting(Version::V5, &token) };
    let mut old = Client::connect(world.address, ending);
    old.subscribe(&[(DESIRED, QoS::AtLeastOnce)]);
    old.publish(STATE, 1, "online");
    assert_eq!(old.puback(1), ReasonCode::Success);
    assert!(online());
    let (mut new, connack) = Client::try_connect(world.address, lasting(Version::V5, &token));
    assert!(!connack.session_present);
    wait(|| !online(), || "the will of the session that has ended".into());
    new.publish(HELLO_TOPIC, 1, HELLO);
    assert_eq!(new.puback(1), ReasonCode::Success);
    new.quiet();
}

#[test]
fn a_disconnect_may_prolong_a_session_that_lasts_and_no_other() {
    let world = World::new();
    let token = world.device("lamp");
    let mut bye = Disconnect::new(ReasonCode::NORMAL_DISCONNECTION);
    bye.session_expiry = Some(3600);
    let short = |name: &str, token: &str| Connect { session_expiry: 1, ..login(Version::V5, name, token) };
    let mut lamp = Client::connect(world.address, short("lamp", &token));
    lamp.send(&Packet::Disconnect(bye.clone()));
    assert_eq!(lamp.rest(), []);
    drop(Client::connect(world.address, short("other", &world.device("other"))));
    let sessions = || world.gate.as_ref().unwrap().stats().sessions;
    wait(|| sessions() == 1, || format!("{} sessions after the shorter one", sessions()));
    let last = Connect { session_expiry: 0, ..lasting(Version::V5, &token) };
    let (mut lamp, connack) = Client::try_connect(world.address, last);
    assert!(connack.session_present);
    lamp.send(&Packet::Disconnect(bye));
    assert_eq!(lamp.rest(), [disconnect(ReasonCode::ProtocolError)]);
}

#[test]
fn a_message_larger_than_the_client_takes_is_not_sent() {
    let world = World::new();
    let token = world.device("lamp");
    let connect = Connect { maximum_packet_size: Some(40), ..login(Version::V5, "lamp", &token) };
    let mut lamp = Client::connect(world.address, connect);
    lamp.subscribe(&[(DESIRED, QoS::AtLeastOnce)]);
    lamp.publish("ota/v1/default/d/lamp/get", 1, "{}");
    assert_eq!(lamp.puback(1), ReasonCode::Success);
    lamp.quiet();
}

#[test]
fn a_will_is_said_for_the_lost_and_not_for_those_who_say_goodbye() {
    let world = World::new();
    let token = world.device("lamp");
    let online = || world.reader.device(&key("default", "lamp")).unwrap().unwrap().online;
    let will =
        |delay_s| Some(Will { topic: STATE.into(), payload: "offline".into(), delay_s, ..Will::default() });
    let arrive = |connect: Connect| {
        let mut lamp = Client::connect(world.address, connect);
        lamp.publish(STATE, 1, "online");
        assert_eq!(lamp.puback(1), ReasonCode::Success);
        assert!(online());
        lamp
    };
    let login = || login(Version::V5, "lamp", &token);
    drop(arrive(Connect { will: will(0), ..login() }));
    wait(|| !online(), || "the will of a lost device".into());

    let mut polite = arrive(Connect { will: will(0), ..login() });
    polite.send(&disconnect(ReasonCode::NORMAL_DISCONNECTION));
    assert_eq!(polite.rest(), []);
    world.wait_for_connections(0);

    let mut bitter = arrive(Connect { will: will(0), ..login() });
    assert!(online());
    bitter.send(&disconnect(ReasonCode::DisconnectWithWillMessage));
    wait(|| !online(), || "the will of DISCONNECT 0x04".into());

    drop(arrive(Connect { will: will(1), session_expiry: 60, ..login() }));
    wait(|| !online(), || "the delayed will".into());
}

#[test]
fn a_device_that_falls_silent_is_cut_after_one_and_a_half_keep_alives() {
    let world = World::new();
    let token = world.device("lamp");
    let connect = Connect { keep_alive: 1, ..login(Version::V5, "lamp", &token) };
    let mut lamp = Client::connect(world.address, connect);
    assert_eq!(lamp.rest(), [disconnect(ReasonCode::KeepAliveTimeout)]);
}

#[test]
fn half_a_packet_is_no_sign_of_life_whatever_is_sent_meanwhile() {
    let world = World::new();
    let token = world.operator("ops", Some("default"));
    let mut lamp = world.connected(Version::V5, "lamp");
    let connect = Connect { keep_alive: 1, ..login(Version::V5, "ops", &token) };
    let mut ops = Client::connect(world.address, connect);
    ops.subscribe(&[("ota/v1/default/d/lamp/state", QoS::AtMostOnce)]);
    ops.socket.write_all(&[0x82, 40, 0]).unwrap();
    let deadline = Instant::now() + PATIENCE;
    let end = loop {
        assert!(Instant::now() < deadline, "the connection goes on");
        lamp.publish(STATE, 1, "online");
        assert_eq!(lamp.puback(1), ReasonCode::Success);
        match ops.next() {
            Packet::Publish(_) => {}
            end => break end,
        }
    };
    assert_eq!(end, disconnect(ReasonCode::KeepAliveTimeout));
}

#[test]
fn the_server_shortens_a_keep_alive_that_is_too_long_and_says_so() {
    let limits = Limits { keep_alive_s: 100, session_expiry_s: 50, ..Limits::default() };
    let world = World::with(Plan { limits, ..Plan::default() });
    let token = world.device("lamp");
    for (wanted, said) in [(0, Some(100)), (101, Some(100)), (100, None)] {
        let connect = Connect { keep_alive: wanted, ..lasting(Version::V5, &token) };
        let (_, connack) = Client::try_connect(world.address, connect);
        assert_eq!(connack.properties.server_keep_alive, said);
        assert_eq!(connack.properties.session_expiry, Some(50));
        assert_eq!(connack.properties.maximum_qos, Some(QoS::AtMostOnce.max(QoS::AtLeastOnce)));
    }
}

#[test]
fn a_device_may_have_so_many_filters_and_none_that_is_not_its_own() {
    use ReasonCode::*;
    let limits = Limits { filters: 6, ..Limits::default() };
    let world = World::with(Plan { limits, ..Plan::default() });
    let mut lamp = world.connected(Version::V5, "lamp");
    let q1 = QoS::AtLeastOnce;
    let codes = lamp.subscribe(&[
        ("ota/v1/default/d/lamp/ack", QoS::ExactlyOnce),
        ("ota/v1/default/d/lamp/cmd", QoS::AtMostOnce),
        ("ota/v1/default/d/lamp/hello", q1),
        ("ota/v1/default/d/other/cmd", q1),
        ("ota/v1/default/d/+/cmd", q1),
        ("#", q1),
        ("$SYS/#", q1),
        ("$share/g/ota/v1/default/d/lamp/cmd", q1),
        ("ota/v1/acme/server", q1),
        ("ota/v1/default/g/a/announce", q1),
        ("ota/v1/default/g/b/announce", q1),
        ("ota/v1/default/g/c/announce", q1),
        ("ota/v1/default/g/d/announce", q1),
        ("ota/v1/default/g/e/announce", q1),
        ("ota/v1/default/g/a/announce", q1),
    ]);
    let denied = NotAuthorized;
    assert_eq!(
        codes,
        [
            GrantedQos1,
            Success,
            denied,
            denied,
            denied,
            denied,
            denied,
            SharedSubscriptionsNotSupported,
            denied,
            GrantedQos1,
            GrantedQos1,
            GrantedQos1,
            GrantedQos1,
            QuotaExceeded,
            GrantedQos1,
        ]
    );
}

#[test]
fn whoever_listens_to_the_server_hears_its_epoch_at_once() {
    let world = World::new();
    let mut lamp = world.connected(Version::V4, "lamp");
    assert_eq!(lamp.subscribe(&[("ota/v1/default/server", QoS::AtLeastOnce)]), [ReasonCode::GrantedQos1]);
    let said = lamp.message();
    assert_eq!(
        (&*said.topic, &*said.payload),
        ("ota/v1/default/server", &br#"{"epoch":7,"state":"online"}"#[..])
    );
}

#[test]
fn a_burst_beyond_the_window_is_answered_whole_and_in_order() {
    let world = World::with(Plan { workers: 3, ..Plan::default() });
    let mut lamp = world.connected(Version::V5, "lamp");
    let mut burst = Vec::new();
    for id in 1..=500 {
        let publish = Publish::new(STATE, QoS::AtLeastOnce, id, "online");
        updraft::mqtt::packet::encode(Version::V5, &Packet::Publish(publish), &mut burst);
    }
    lamp.socket.write_all(&burst).unwrap();
    for id in 1..=500 {
        assert_eq!(lamp.puback(id), ReasonCode::Success);
    }
    wait(|| world.gate.as_ref().unwrap().stats().uplinks == 0, || "uplinks are left".into());
}

#[test]
fn a_client_that_takes_nothing_is_cut() {
    let limits = Limits { write_stall: Duration::from_secs(1), ..Limits::default() };
    let world = World::with(Plan { limits, ..Plan::default() });
    let mut lamp = world.connected(Version::V4, "lamp");
    lamp.socket.set_write_timeout(Some(PATIENCE)).unwrap();
    let pings = [0xC0, 0].repeat(1 << 20);
    while lamp.socket.write_all(&pings).is_ok() {}
    world.wait_for_connections(0);
}

#[test]
fn a_server_that_stops_tells_everyone() {
    let mut world = World::new();
    let mut new = world.connected(Version::V5, "new");
    let mut old = world.connected(Version::V4, "old");
    world.stop();
    assert_eq!(new.rest(), [disconnect(ReasonCode::ServerShuttingDown)]);
    assert_eq!(old.rest(), []);
}

#[test]
fn a_broken_line_to_the_engine_is_noticed() {
    let mut world = World::with(Plan { probe_timeout: Duration::from_secs(2), ..Plan::default() });
    let _lamp = world.connected(Version::V5, "lamp");
    world.stop_engine();
    let death = world.deaths.lock().unwrap().recv_timeout(PATIENCE).unwrap();
    assert_eq!(death, Death::LineBroken);
}
