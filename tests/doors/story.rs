//! One release reaches devices at all five doors.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use updraft::mqtt::packet::Version;

use crate::devices::{Afero, Arkors, Ddi, Esp, Native};
use crate::mqtt::{Mqtt, login};
use crate::support::eventually;
use crate::world::World;

const FLEET: [&str; 5] = ["afero-1", "arkors-1", "ddi-1", "esp-1", "mqtt-1"];

/// The versions that an observer sees reported, by device, once there are so many.
fn reports(observer: &mut Mqtt, count: usize) -> BTreeMap<String, Vec<Value>> {
    let (mut reports, mut seen) = (BTreeMap::<String, Vec<Value>>::new(), 0);
    eventually("all reports", || {
        for heard in observer.all().unwrap() {
            let Some(device) = heard.topic.strip_prefix("ota/v1/default/d/") else { continue };
            if let Some(device) = device.strip_suffix("/report") {
                let report: Value = serde_json::from_slice(&heard.payload).unwrap();
                reports.entry(device.to_owned()).or_default().push(report["v"].clone());
                seen += 1;
            }
        }
        (seen >= count).then_some(())
    });
    reports
}

/// What became of a device: its action, as the native API and hawkBit's tell it, with its history; what is said of it.
fn fate(world: &World, device: &str) -> Value {
    let id = world.action(device);
    let action = world.sees(&format!("/api/v1/actions/{id}"));
    let theirs = world.sees(&format!("/rest/v1/actions/{id}"));
    let explained = world.sees(&format!("/api/v1/devices/{device}/explain?type=3"))["items"][0].clone();
    let notes: Vec<&Value> =
        action["history"].as_array().unwrap().iter().map(|entry| &entry["note"]).collect();
    json!({
        "device": action["device"],
        "state": action["state"],
        "origin": action["origin"],
        "hawkbit": theirs["status"],
        "explain": explained["verdict"]["code"],
        "image": explained["image"]["id"],
        "history": notes,
    })
}

#[test]
fn one_release_reaches_devices_at_all_five_doors() {
    let world = World::new();
    let mut observer = Mqtt::connect(world.server.mqtt(), login(Version::V4, "admin", &world.server.token()));
    observer.subscribe(&["ota/v1/default/#"]).unwrap();
    let mut native = Native::born(&world, "mqtt-1");
    let ddi = Ddi::born(&world, "ddi-1");
    let mut afero = Afero::born(&world, "afero-1");
    let arkors = Arkors::born(&world, "arkors-1");
    let esp = Esp::born(&world, "esp-1");
    world.release();
    let told = [native.update(&world), ddi.update(&world), afero.update(&world)];
    assert_eq!(told, ["mqtt-1", "ddi-1", "afero-1"].map(|device| world.action(device)));
    arkors.update(&world);
    esp.update(&world);
    FLEET.iter().for_each(|device| world.await_state(device, "succeeded"));

    let history = |device: &str| match device {
        "ddi-1" => {
            json!(["created", "told", "retrieved", "fetching", "fetching", "closed: success", "reported"])
        }
        "esp-1" => json!(["created", "told", "retrieved", "reported"]),
        "arkors-1" => json!(["created", "told", "reported"]),
        // Who listens is told as the action is created.
        _ => json!(["created", "reported"]),
    };
    let expected = FLEET.map(|device| {
        json!({
            "device": device, "state": "succeeded", "origin": "offer", "hawkbit": "finished",
            "explain": "already-installed", "image": 2, "history": history(device),
        })
    });
    assert_eq!(FLEET.map(|device| fate(&world, device)), expected);
    // The device of MQTT was born with a `hello`, the one of Afero with an attribute.
    let expected = [
        ("afero-1", vec![json!({"3": "2"})]),
        ("arkors-1", vec![json!({"3": "1.0.0"}), json!({"3": "1.0.0"}), json!({"3": "1.1.0"})]),
        ("ddi-1", vec![json!({"3": "1.0.0"}), json!({"3": "1.1.0"})]),
        ("esp-1", vec![json!({"3": "1.0.0"}), json!({"3": "1.0.0"}), json!({"3": "1.1.0"})]),
        ("mqtt-1", vec![json!({"3": "1.1.0"})]),
    ];
    let expected = expected.map(|(device, reports)| (device.to_owned(), reports));
    assert_eq!(reports(&mut observer, 10), BTreeMap::from(expected));
}
