//! The gate over real sockets, with the real engine behind it.
#![allow(clippy::unwrap_used)]

mod client;
mod cost;
mod hygiene;
mod identity;
mod observers;
mod questions;
mod sessions;
mod world;

use updraft::mqtt::packet::{QoS, ReasonCode, Version};
use world::World;

const HELLO: &str = r#"{"seq":1,"boot":"b1","product":"lamp","attrs":{"2003":"1"}}"#;

#[test]
fn a_report_is_acknowledged_after_the_commit_and_shows_in_the_store() {
    let world = World::new();
    for version in [Version::V4, Version::V5] {
        let name = format!("lamp-{version:?}");
        let mut lamp = world.connected(version, &name);
        let topic = |leaf: &str| format!("ota/v1/default/d/{name}/{leaf}");
        let codes =
            lamp.subscribe(&[(&topic("ack"), QoS::AtLeastOnce), (&topic("desired"), QoS::AtLeastOnce)]);
        assert_eq!(codes, [ReasonCode::GrantedQos1, ReasonCode::GrantedQos1]);
        lamp.publish(&topic("hello"), 3, HELLO);
        assert_eq!(lamp.puback(3), ReasonCode::Success);
        let ack = lamp.message();
        assert_eq!(&*ack.topic, topic("ack"));
        assert_eq!(&*ack.payload, br#"{"seq":1,"status":"stored"}"#);
        let desired = lamp.message();
        assert_eq!(&*desired.topic, topic("desired"));
        let device = world.reader.device(&world::key("default", &name)).unwrap().unwrap();
        assert_eq!(device.boot.as_deref(), Some("b1"));
    }
}
