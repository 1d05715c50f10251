//! A device that comes back at another door is the device that it was.

use serde_json::{Value, json};

use crate::devices::{Arkors, Ddi, Esp, Native};
use crate::world::{NEW, PRODUCT, World};

/// What has to be as it was.
fn record(world: &World, device: &str) -> Value {
    let found = world.sees(&format!("/api/v1/devices/{device}"));
    json!([found["created"], found["product"], found["named_attributes"], world.action(device)])
}

/// The device goes on over MQTT with the action that it had at the door where it was.
fn goes_on(world: &World, device: &'static str, token: String) {
    let before = record(world, device);
    let action = Native::with(world, device, token).update(world);
    world.await_state(device, "succeeded");
    assert_eq!(action, world.action(device));
    assert_eq!(record(world, device), before);
    let versions = &world.sees(&format!("/api/v1/devices/{device}"))["versions"];
    assert_eq!(versions["3"]["version"], json!(NEW));
}

#[test]
fn a_ddi_device_goes_on_over_mqtt_with_its_token() {
    let world = World::new();
    let ddi = Ddi::born(&world, "lamp-1");
    world.release();
    let poll = ddi.ask(&world, "GET", "", Value::Null).1;
    assert!(poll["_links"]["deploymentBase"].is_object(), "{poll}");
    goes_on(&world, ddi.id, ddi.token.clone());
    // And back: where it was, what it has done is known.
    let poll = ddi.ask(&world, "GET", "", Value::Null).1;
    assert_eq!(poll["_links"]["deploymentBase"], Value::Null);
    let (status, installed) = ddi.ask(&world, "GET", "/installedBase/1", Value::Null);
    assert_eq!((status, &installed["deployment"]["chunks"][0]["version"]), (200, &json!(NEW)));
}

#[test]
fn an_esp_device_that_is_given_a_token_goes_on_over_mqtt() {
    let world = World::new();
    let esp = Esp::born(&world, "esp-1");
    world.release();
    assert_eq!(esp.poll(&world, "1.0.0", ""), (200, NEW.into()));
    let made = world.server.client().post("devices/esp-1/token", &Value::Null);
    let token = made.body["token"].as_str().unwrap_or_else(|| panic!("{made:?}")).to_owned();
    goes_on(&world, "esp-1", token.clone());
    // From now on nobody speaks for it without the token.
    assert_eq!(esp.poll(&world, NEW, ""), (401, String::new()));
    assert_eq!(esp.poll(&world, NEW, &token), (200, NEW.into()));
    assert_eq!(world.sees("/api/v1/devices/esp-1")["product"], json!(PRODUCT));
}

#[test]
fn an_arkors_client_goes_on_over_mqtt_and_comes_back_with_its_token() {
    let world = World::new();
    let arkors = Arkors::born(&world, "and-1");
    world.release();
    assert_eq!(arkors.ask(&world, 1).0, 200);
    goes_on(&world, arkors.id, arkors.token.clone());
    assert_eq!(arkors.ask(&world, 2).0, 401);
    let bearer = |token: &str| arkors.ask_with(&world, 2, &[("Authorization", &format!("Bearer {token}"))]);
    assert_eq!(bearer("wrong").0, 401);
    assert_eq!(bearer(&arkors.token), (404, json!({"error": "The application version is newest!"})));
}

#[test]
fn nobody_speaks_at_an_open_door_for_a_device_that_has_proven_itself() {
    let world = World::new();
    let ddi = Ddi::born(&world, "lamp-1");
    world.release();
    world.await_state("lamp-1", "queued");
    let before = world.sees("/api/v1/devices/lamp-1");
    let stranger = Esp::named("lamp-1");
    assert_eq!(stranger.poll(&world, NEW, ""), (401, String::new()));
    assert_eq!(world.sees("/api/v1/devices/lamp-1"), before);
    assert_eq!(stranger.poll(&world, NEW, &ddi.token), (200, NEW.into()));
}
