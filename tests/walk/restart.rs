//! What a restart of the server looks like from outside: sessions are gone, the truth is not.

use serde_json::json;
use updraft::mqtt::packet::{Connect, ReasonCode, Version};

use super::mqtt::{Mqtt, login, topic};
use super::support::Server;
use super::{action, entry, firmware, offer};

/// A CONNECT that asks to keep the session.
fn lasting(version: Version, token: &str) -> Connect {
    Connect { clean_start: false, session_expiry: 3600, ..login(version, "lamp", token) }
}

fn subscribe(lamp: &mut Mqtt) {
    let topics = ["ack", "desired", "cmd"].map(|leaf| topic("lamp", leaf));
    let codes = lamp.subscribe(&topics.each_ref().map(String::as_str)).unwrap();
    assert_eq!(codes, [ReasonCode::GrantedQos1; 3]);
}

fn check(version: Version) {
    let mut server = Server::start();
    offer(&server, "lamp", "1.0.1", &firmware(7, 3000));
    let token = server.client().add_device("lamp", "lamp");
    let hello = br#"{"seq":1,"boot":"b1","attrs":{"2003":"1.0.0"}}"#;

    let (mut lamp, connack) = Mqtt::meet(server.mqtt(), lasting(version, &token)).unwrap();
    assert_eq!((connack.code, connack.session_present), (ReasonCode::Success, false));
    subscribe(&mut lamp);
    assert_eq!(lamp.say(&topic("lamp", "hello"), hello).unwrap(), ReasonCode::Success);
    let wanted = lamp.told("/desired")["comps"].clone();
    drop(lamp);
    let (lamp, connack) = Mqtt::meet(server.mqtt(), lasting(version, &token)).unwrap();
    assert!(connack.session_present, "while the server lives, so does the session");
    let before = server.client().get("status").body["epoch"].clone();

    server.restart();
    drop(lamp);
    let (mut lamp, connack) = Mqtt::meet(server.mqtt(), lasting(version, &token)).unwrap();
    assert_eq!((connack.code, connack.session_present), (ReasonCode::Success, false));
    assert_ne!(server.client().get("status").body["epoch"], before);
    subscribe(&mut lamp);
    // The device does not know whether its hello arrived: it says the same again, and is told the same again.
    assert_eq!(lamp.say(&topic("lamp", "hello"), hello).unwrap(), ReasonCode::Success);
    assert_eq!(lamp.told("/ack"), json!({"seq": 1, "status": "stored"}));
    assert_eq!(lamp.told("/desired")["comps"], wanted);
    assert_eq!(wanted[0]["action"], 1);
    let found = action(&server, 1);
    let history = [entry("offered", "created", &[])];
    assert_eq!((&found["state"], &found["history"]), (&json!("offered"), &json!(history)));
}

#[test]
fn after_a_restart_no_session_is_present_and_the_desired_state_is_sent_again() {
    check(Version::V4);
    check(Version::V5);
}
