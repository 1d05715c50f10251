//! Events on the bus.

use serde_json::{Value, json};
use updraft::mqtt::packet::{ReasonCode, Version};

use crate::mqtt::{Mqtt, login};
use crate::support::Server;

#[test]
fn operators_hear_events_on_the_bus_and_devices_do_not() {
    let server = Server::start();
    let client = server.client();
    let device = client.add_device("lamp-1", "lamp");
    let made = client.post("operators", &json!({"name": "eye", "role": "observer", "tenant": "default"}));
    let token = made.body["token"].as_str().unwrap();
    let mut eye = Mqtt::connect(server.mqtt(), login(Version::V5, "eye", token));
    assert_eq!(eye.subscribe(&["ota/v1/default/events/#"]).unwrap(), [ReasonCode::GrantedQos1]);
    let mut lamp = Mqtt::connect(server.mqtt(), login(Version::V5, "lamp-1", &device));
    let refused = lamp.subscribe(&["ota/v1/default/events/device/added"]).unwrap();
    assert_eq!(refused, [ReasonCode::NotAuthorized]);
    client.add_device("lamp-2", "lamp");
    let heard = eye.heard("events/device/added");
    let body: Value = serde_json::from_slice(&heard.payload).unwrap();
    assert_eq!(
        (&body["id"], &body["type"], &body["device"], &body["product"]),
        (&json!("2"), &json!("device.added"), &json!("lamp-2"), &json!("lamp"))
    );
    let said = lamp.say("ota/v1/default/events/device/added", "{}").unwrap();
    assert_eq!(said, ReasonCode::NotAuthorized);
}
