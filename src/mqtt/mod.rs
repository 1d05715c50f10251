//! Front door one: devices over MQTT.

pub mod packet;
