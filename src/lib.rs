//! updraft updates the software of a fleet of IoT devices, MQTT first.

pub mod cli;
pub mod domain;
pub mod engine;
pub mod http;
pub mod mqtt;
pub mod sim;
pub mod store;
