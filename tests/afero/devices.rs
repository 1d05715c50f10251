//! What a push comes to: the command, the version that ends it, and a device that never gets there.

use serde_json::{Value, json};
use updraft::mqtt::packet::{ReasonCode, Version};

use crate::mqtt::{Mqtt, topic};
use crate::support::eventually;
use crate::world::{PARTNER, World};

/// A device with a session, which says version 0 of type 3 by its attribute as it would on linking.
fn linked(world: &mut World, id: &str, product: &str) -> Mqtt {
    let token = world.device(id, product);
    let mut device = Mqtt::device(world.server.mqtt(), Version::V4, id, &token);
    assert_eq!(device.say(&topic(id, "attr/2003"), "0").unwrap(), ReasonCode::Success);
    device
}

fn state(world: &World, action: u64) -> (String, String) {
    let found = world.server.client().get(&format!("actions/{action}")).body;
    let text = |name: &str| found[name].as_str().unwrap_or_default().to_owned();
    (text("state"), text("reason"))
}

fn await_state(world: &World, action: u64, wanted: &str) {
    eventually(wanted, || (state(world, action).0 == wanted).then_some(()));
}

#[test]
fn a_push_reaches_the_device_and_its_version_attribute_ends_it() {
    let mut world = World::new();
    let record = world.record("hub", "1.0.1");
    let number = record["versionNumber"].as_str().unwrap().to_owned();
    let mut hub = linked(&mut world, "hub-1", "hub");
    assert_eq!(world.push("hub", &record, "hub-1"), (202, Value::Null));
    assert_eq!(world.push("hub", &record, "hub-1"), (202, Value::Null));
    let command = hub.told("/cmd");
    assert_eq!(command["action"], json!(1), "{command}");
    let device = |expansions: &str| {
        world
            .ask("GET", &format!("/v1/accounts/default/devices/hub-1?expansions={expansions}"), Value::Null)
            .1
    };
    assert_eq!(
        (&device("state")["updating"], &device("state")["deviceState"]["updating"]),
        (&json!(true), &json!(true))
    );
    assert_eq!(hub.say(&topic("hub-1", "attr/2003"), &number).unwrap(), ReasonCode::Success);
    await_state(&world, 1, "succeeded");
    assert_eq!(device("state")["updating"], json!(false));
    let attribute = &device("attributes")["attributes"][0];
    let data = number.parse::<u64>().unwrap().to_le_bytes().map(|byte| format!("{byte:02x}")).concat();
    assert_eq!((&attribute["id"], &attribute["data"]), (&json!(2003), &json!(data)));
    assert_eq!(world.server.client().get("actions").body["items"].as_array().unwrap().len(), 1);
    // The same again is no update, and neither is anything older.
    let (status, refused) = world.push("hub", &record, "hub-1");
    assert_eq!((status, &refused["error"]), (409, &json!("already-installed")));
}

#[test]
fn an_older_number_is_a_downgrade_and_the_same_bytes_anew_are_none() {
    let mut world = World::new();
    let (old, new) = (world.record("hub", "1.0.1"), world.record("hub", "1.0.2"));
    let mut hub = linked(&mut world, "hub-1", "hub");
    let running = new["versionNumber"].as_str().unwrap();
    assert_eq!(hub.say(&topic("hub-1", "attr/2003"), running).unwrap(), ReasonCode::Success);
    let (status, refused) = world.push("hub", &old, "hub-1");
    assert_eq!(
        (status, &refused["error"], &refused["error_description"]),
        (409, &json!("downgrade"), &json!("downgrade"))
    );
    let url = world.binary(b"1.0.1");
    assert_eq!(url, old["url"].as_str().unwrap());
    let anew = json!({"name": "app again", "type": 3, "version": "1.0.1-again", "url": url});
    let (status, anew) = world.ask("POST", &format!("{PARTNER}/pool"), anew);
    assert_eq!((status, &anew["versionNumber"]), (201, &json!("3")));
    let images = format!("{PARTNER}/deviceTypes/hub/firmwareImages");
    assert_eq!(world.ask("POST", &images, anew.clone()).0, 201);
    assert_eq!(world.push("hub", &anew, "hub-1").0, 202);
}

/// The Linux hub whose header file was not copied: it installs, and reports the old version for ever.
#[test]
fn a_device_that_never_reports_the_new_version_has_failed_and_is_not_told_again() {
    let mut world = World::new();
    let record = world.record("hub", "1.0.1");
    let mut hub = linked(&mut world, "hub-1", "hub");
    assert_eq!(world.push("hub", &record, "hub-1").0, 202);
    hub.told("/cmd");
    let closed = json!({"status": {"execution": "closed", "result": {"finished": "success"}}}).to_string();
    assert_eq!(hub.say(&topic("hub-1", "fb/1"), closed).unwrap(), ReasonCode::Success);
    await_state(&world, 1, "verifying");
    for _ in 0..5 {
        assert_eq!(hub.say(&topic("hub-1", "attr/2003"), "0").unwrap(), ReasonCode::Success);
    }
    await_state(&world, 1, "failed");
    assert_eq!(state(&world, 1).1, "not converged");
    let told: Vec<_> = hub.all().unwrap().into_iter().filter(|p| p.topic.ends_with("/cmd")).collect();
    assert_eq!(told.len(), 0, "{told:?}");
    assert_eq!(world.server.client().get("actions").body["items"].as_array().unwrap().len(), 1);
    // Somebody who has mended it may try again.
    assert_eq!(world.push("hub", &record, "hub-1").0, 202);
    assert_eq!(hub.told("/cmd")["action"], json!(2));
}

#[test]
fn what_was_installed_and_is_gone_again_can_be_pushed_again() {
    let mut world = World::new();
    let record = world.record("hub", "1.0.1");
    let mut hub = linked(&mut world, "hub-1", "hub");
    assert_eq!(world.push("hub", &record, "hub-1").0, 202);
    let number = record["versionNumber"].as_str().unwrap();
    for version in [number, "0"] {
        assert_eq!(hub.say(&topic("hub-1", "attr/2003"), version).unwrap(), ReasonCode::Success);
    }
    await_state(&world, 1, "succeeded");
    assert_eq!(world.push("hub", &record, "hub-1").0, 202);
    assert_eq!(world.newest_action(2)["id"], json!(2));
}

#[test]
fn an_attribute_written_over_rest_is_the_devices_own_report() {
    let mut world = World::new();
    let record = world.record("hub", "1.0.1");
    world.device("hub-1", "hub");
    assert_eq!(world.push("hub", &record, "hub-1").0, 202);
    let number: u64 = record["versionNumber"].as_str().unwrap().parse().unwrap();
    let data = number.to_le_bytes().map(|byte| format!("{byte:02x}")).concat();
    let write = json!({"type": "attribute_write", "attrId": 2003, "data": data});
    let (status, answer) = world.ask("POST", "/v1/accounts/default/devices/hub-1/actions", write);
    assert_eq!(
        (status, &answer["type"], &answer["sender"]),
        (200, &json!("attribute_write"), &json!("admin"))
    );
    assert_eq!(state(&world, 1).0, "succeeded");
}

#[test]
fn taking_an_association_away_calls_off_what_has_not_begun() {
    let mut world = World::new();
    let record = world.record("hub", "1.0.1");
    world.device("hub-1", "hub");
    let mut busy = linked(&mut world, "hub-2", "hub");
    assert_eq!(world.push("hub", &record, "hub-1").0, 202);
    assert_eq!(world.push("hub", &record, "hub-2").0, 202);
    let begun = json!({"status": {"execution": "download", "result": {"finished": "none"}}}).to_string();
    assert_eq!(busy.say(&topic("hub-2", "fb/2"), begun).unwrap(), ReasonCode::Success);
    await_state(&world, 2, "downloading");
    let path = format!(
        "{PARTNER}/deviceTypes/hub/firmwareImages/types/3/versionNumbers/{}",
        record["versionNumber"].as_str().unwrap()
    );
    assert_eq!(world.ask("DELETE", &path, Value::Null), (204, Value::Null));
    assert_eq!(world.ask("DELETE", &path, Value::Null).0, 404);
    assert_eq!((state(&world, 1).0.as_str(), state(&world, 2).0.as_str()), ("cancelled", "downloading"));
    assert_eq!(world.push("hub", &record, "hub-1").0, 404);
}

#[test]
fn parts_of_one_release_come_in_the_order_of_their_update() {
    let mut world = World::new();
    world.device("hub-1", "hub");
    let client = world.server.client();
    let mut images = Vec::new();
    for (kind, name) in [(105, "assets"), (3, "application"), (2, "soft-device"), (1, "bootloader")] {
        if kind > 100 {
            let own = json!({"name": name, "type": kind});
            assert_eq!(world.ask("POST", &format!("{PARTNER}/types"), own).0, 201);
        }
        let url = world.binary(name.as_bytes());
        let new = json!({"name": name, "type": kind, "version": "1.0.0", "url": url});
        let (status, record) = world.ask("POST", &format!("{PARTNER}/pool"), new);
        assert_eq!(status, 201, "{record}");
        let path = format!("{PARTNER}/deviceTypes/hub/firmwareImages");
        assert_eq!(world.ask("POST", &path, record.clone()).0, 201);
        images.push(record["id"].as_str().unwrap().parse::<u32>().unwrap());
    }
    let made = client.post("releases", &json!({"name": "all", "version": "1", "images": images}));
    assert_eq!(made.status, 201, "{made:?}");
    assert_eq!(client.post("deployments", &json!({"release": 1, "devices": ["hub-1"]})).status, 201);
    let action = world.newest_action(1);
    let kinds: Vec<_> = action["components"].as_array().unwrap().iter().map(|c| c["type"].clone()).collect();
    assert_eq!(kinds, [json!(1), json!(2), json!(3), json!(105)]);
}
