//! Front door one: devices over MQTT.

pub mod acl;
pub mod packet;
pub mod topic;
