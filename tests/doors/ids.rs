//! An id that one door gives out is good at every other.

use serde_json::{Value, json};

use crate::devices::{Ddi, Native};
use crate::world::{NEW, PRODUCT, World};

/// Every name by which a door calls a thing is in its answer.
fn check(world: &World, path: &str, pointer: &str, expected: Value) {
    let found = world.sees(path);
    assert_eq!(found.pointer(pointer), Some(&expected), "{path}: {found}");
}

#[test]
fn ids_of_one_door_are_valid_at_all() {
    let world = World::new();
    let native = Native::born(&world, "lamp-1");
    drop(native);
    world.release();
    let action = world.action("lamp-1");
    let device = ("lamp-1", json!("lamp-1"));
    check(&world, &format!("/api/v1/actions/{action}"), "/device", device.1.clone());
    check(&world, &format!("/rest/v1/actions/{action}"), "/id", json!(action));
    check(&world, &format!("/rest/v1/targets/{}/actions/{action}", device.0), "/id", json!(action));
    check(&world, "/api/v1/devices/lamp-1", "/id", device.1.clone());
    check(&world, "/rest/v1/targets/lamp-1", "/controllerId", device.1.clone());
    check(&world, "/v1/accounts/default/devices/lamp-1", "/deviceId", device.1.clone());
    check(&world, "/api/v1/images/2", "/version", json!(NEW));
    check(&world, "/rest/v1/softwaremodules/2", "/version", json!(NEW));
    let pool = "/v1/ota/partners/default/deviceTypes/232/firmwareImages";
    check(&world, &format!("{pool}/types/3/versionNumbers/2"), "/id", json!("2"));

    // The device of MQTT finds the same at hawkBit's door.
    let made = world.server.client().post("devices/lamp-1/token", &Value::Null);
    let ddi = Ddi { id: "lamp-1", token: made.body["token"].as_str().unwrap().to_owned() };
    let (status, base) = ddi.ask(&world, "GET", &format!("/deploymentBase/{action}"), Value::Null);
    assert_eq!((status, &base["id"]), (200, &json!(action.to_string())), "{base}");
    let (status, artifacts) = ddi.ask(&world, "GET", "/softwaremodules/2/artifacts", Value::Null);
    assert_eq!((status, &artifacts[0]["filename"]), (200, &json!("user1.bin")), "{artifacts}");
    assert_eq!(base["deployment"]["chunks"][0]["name"], json!(PRODUCT));
}
