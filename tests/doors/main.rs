//! One fleet behind five doors: devices of one product that speak MQTT, hawkBit's DDI, Afero's API, arkors' and the
//! ESP8266's protocol, one release for all of them, and devices that change doors.
#![allow(clippy::unwrap_used)]

mod devices;
mod ids;
mod moves;
#[path = "../support/mqtt.rs"]
mod mqtt;
mod records;
mod story;
#[path = "../support/mod.rs"]
mod support;
#[path = "../support/wire.rs"]
mod wire;
mod world;
