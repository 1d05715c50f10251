//! The whole walk of an update over real sockets: from an operator's first word to the version that a device
//! reports, with foreign clients (paho-mqtt, mosquitto) and with our own codec, in MQTT 3.1.1 and 5.
#![allow(clippy::unwrap_used)]

mod acl;
mod attributes;
mod mosquitto;
#[path = "../support/mqtt.rs"]
mod mqtt;
mod orders;
mod paho;
mod restart;
#[path = "../support/mod.rs"]
mod support;

use serde_json::{Value, json};
use support::Server;

/// Some firmware that no two calls confuse: its size is not a multiple of any block.
fn firmware(seed: u32, size: usize) -> Vec<u8> {
    let mut state = seed | 1;
    let next = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..size).map(next).collect()
}

/// Uploads an image of type 3 and offers it to all devices of its product; returns its body.
fn offer(server: &Server, product: &str, version: &str, bytes: &[u8]) -> Value {
    let image = upload(server, product, version, bytes);
    let offered = server.client().post("offers", &json!({"image": image["id"]}));
    assert_eq!(offered.status, 201, "{offered:?}");
    image
}

fn upload(server: &Server, product: &str, version: &str, bytes: &[u8]) -> Value {
    let uploaded = server.client().upload(product, version, bytes);
    assert_eq!(uploaded.status, 201, "{uploaded:?}");
    uploaded.body
}

/// Orders an image for devices; returns the deployment.
fn deploy(server: &Server, image: &Value, devices: &[&str]) -> Value {
    let ordered = server.client().post("deployments", &json!({"image": image["id"], "devices": devices}));
    assert_eq!(ordered.status, 201, "{ordered:?}");
    ordered.body
}

/// An action with its history, without the moments, which differ from run to run. Each moment is checked to be
/// one, and the history to be in order.
fn action(server: &Server, id: u32) -> Value {
    let mut body = server.client().get(&format!("actions/{id}")).body;
    let created = moment(body.as_object_mut().and_then(|fields| fields.remove("created")));
    let changed = moment(body.as_object_mut().and_then(|fields| fields.remove("changed")));
    let history = body["history"].as_array_mut().unwrap();
    let times = history.iter_mut().map(|entry| moment(entry.as_object_mut().unwrap().remove("at")));
    let times: Vec<_> = times.collect();
    assert!(times.is_sorted(), "{times:?}");
    assert_eq!((times.first(), times.last()), (Some(&created), Some(&changed)));
    body
}

fn moment(value: Option<Value>) -> jiff::Timestamp {
    value.unwrap().as_str().unwrap().parse().unwrap()
}

/// One line of a history.
fn entry(state: &str, note: &str, details: &[&str]) -> Value {
    json!({"state": state, "note": note, "details": details})
}
