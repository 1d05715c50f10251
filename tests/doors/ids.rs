//! An id that one door gives out is good at every other.

use serde_json::{Value, json};
use updraft::mqtt::packet::ReasonCode;

use crate::devices::{Ddi, Native};
use crate::world::{NEW, PRODUCT, World};

#[test]
fn ids_of_one_door_are_valid_at_all() {
    let world = World::new();
    drop(Native::born(&world, "lamp-1"));
    world.release();
    let action = world.action("lamp-1");
    let release = json!({"name": "spring", "version": "1", "images": [2]});
    assert_eq!(world.server.client().post("releases", &release).body["id"], json!(1));
    let pool = "/v1/ota/partners/default/deviceTypes/232/firmwareImages";
    let table = [
        (format!("/api/v1/actions/{action}"), "device", json!("lamp-1")),
        (format!("/rest/v1/actions/{action}"), "id", json!(action)),
        (format!("/rest/v1/targets/lamp-1/actions/{action}"), "id", json!(action)),
        ("/api/v1/devices/lamp-1".into(), "id", json!("lamp-1")),
        ("/rest/v1/targets/lamp-1".into(), "controllerId", json!("lamp-1")),
        ("/v1/accounts/default/devices/lamp-1".into(), "deviceId", json!("lamp-1")),
        ("/api/v1/images/2".into(), "version", json!(NEW)),
        ("/rest/v1/softwaremodules/2".into(), "version", json!(NEW)),
        (format!("{pool}/types/3/versionNumbers/2"), "id", json!("2")),
        ("/api/v1/releases/1".into(), "name", json!("spring")),
        ("/rest/v1/distributionsets/1".into(), "name", json!("spring")),
    ];
    for (path, member, expected) in table {
        assert_eq!(world.sees(&path)[member], expected, "{path}");
    }

    // The device of MQTT finds the same at hawkBit's door.
    let made = world.server.client().post("devices/lamp-1/token", &Value::Null);
    let ddi = Ddi { id: "lamp-1", token: made.body["token"].as_str().unwrap().to_owned() };
    let (status, base) = ddi.ask(&world, "GET", &format!("/deploymentBase/{action}"), Value::Null);
    assert_eq!((status, &base["id"]), (200, &json!(action.to_string())), "{base}");
    let (status, artifacts) = ddi.ask(&world, "GET", "/softwaremodules/2/artifacts", Value::Null);
    assert_eq!((status, &artifacts[0]["filename"]), (200, &json!("user1.bin")), "{artifacts}");
    assert_eq!(base["deployment"]["chunks"][0]["name"], json!(PRODUCT));

    // And says over MQTT what it learned there.
    let mut line = Native::with(&world, ddi.id, ddi.token);
    assert_eq!(line.says(action, "download"), ReasonCode::Success);
    world.await_state("lamp-1", "downloading");
}
