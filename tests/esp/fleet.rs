//! One fleet at several doors: what ESP8266 devices say is heard where all devices are, and nobody speaks here for a
//! device that proves itself there.

use serde_json::{Value, json};
use updraft::mqtt::packet::Version;

use crate::device::ask;
use crate::mqtt::{Mqtt, login, topic};
use crate::support::Server;
use crate::uploads::upload;

fn poll(server: &Server, device: &str, version: &str, token: &str) -> String {
    let head = format!(
        "GET /firmware/lamp/versions HTTP/1.0\r\nHost: o\r\nuuid: {device}\r\nversion: {version}\r\n"
    );
    let token = if token.is_empty() { String::new() } else { format!("token: {token}\r\n") };
    let answer = ask(server.http(), &format!("{head}{token}\r\n"));
    let (first, rest) = answer.split_once("\r\n").unwrap();
    let body: Value = serde_json::from_str(rest.split_once("\r\n\r\n").unwrap().1).unwrap();
    format!("{} {}", first.split(' ').nth(1).unwrap(), body["last"]["version"].as_str().unwrap_or_default())
}

#[test]
fn a_poll_is_heard_by_whoever_listens_to_reports() {
    let server = Server::start();
    assert_eq!(upload(&server, "lamp", json!({"version": "1.0.1", "user1": 1, "user2": 1})).status(), 201);
    let mut observer = Mqtt::connect(server.mqtt(), login(Version::V4, "admin", &server.token()));
    observer.subscribe(&["ota/v1/+/d/+/report"]).unwrap();
    poll(&server, "esp-1", "1.0.0", "");
    let heard = observer.heard("/report");
    let report: Value = serde_json::from_slice(&heard.payload).unwrap();
    assert_eq!((&*heard.topic, report), ("ota/v1/default/d/esp-1/report", json!({"v": {"3": "1.0.0"}})));
}

#[test]
fn a_device_that_proves_itself_elsewhere_does_so_here_and_keeps_its_record() {
    let server = Server::start();
    assert_eq!(upload(&server, "lamp", json!({"version": "1.0.1", "user1": 1, "user2": 1})).status(), 201);
    let token = server.client().add_device("lamp-1", "lamp");
    // Before it speaks anywhere, anybody may: an operator may have registered a device that has no token.
    assert_eq!(poll(&server, "lamp-1", "1.0.0", ""), "200 1.0.1");
    let mut lamp = Mqtt::device(server.mqtt(), Version::V4, "lamp-1", &token);
    let hello = r#"{"seq":1,"boot":"b1","product":"lamp","attrs":{"2003":"1.0.0"}}"#;
    lamp.say(&topic("lamp-1", "hello"), hello).unwrap();
    assert_eq!(lamp.told("/desired")["comps"][0]["action"], 1);
    assert_eq!(poll(&server, "lamp-1", "1.0.1", ""), "401 ");
    assert_eq!(poll(&server, "lamp-1", "1.0.1", "wrong"), "401 ");
    assert_eq!(server.client().get("actions/1").body["state"], "offered");
    assert_eq!(poll(&server, "lamp-1", "1.0.1", &token), "200 1.0.1");
    assert_eq!(server.client().get("actions/1").body["state"], "succeeded");
}

#[test]
fn without_newcomers_an_unknown_device_is_answered_and_not_recorded() {
    let server = Server::with(&[], &[("UPDRAFT_HTTP_NEWCOMERS", "false")]);
    assert_eq!(upload(&server, "lamp", json!({"version": "1.0.1", "user1": 1, "user2": 1})).status(), 201);
    server.client().add_device("esp-1", "lamp");
    for device in ["esp-1", "esp-2"] {
        assert_eq!(poll(&server, device, "1.0.0", ""), "200 1.0.1");
    }
    let known = server.client().get("devices").body["items"].clone();
    let known: Vec<&str> = known.as_array().unwrap().iter().map(|d| d["id"].as_str().unwrap()).collect();
    assert_eq!(known, ["esp-1"]);
}
