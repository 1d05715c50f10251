//! Front door one: devices over MQTT.

pub mod acl;
pub mod chunks;
pub mod packet;
pub mod payload;
pub mod topic;
