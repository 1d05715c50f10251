//! Front door one: devices over MQTT.
//!
//! `packet` is the protocol; `topic`, `acl`, `payload` and `chunks` are translation; `gate` holds the sessions and all
//! IO; `bus` is the only file that names rumqttd.

pub mod acl;
mod bus;
pub mod chunks;
mod gate;
pub mod packet;
pub mod payload;
pub mod topic;

pub use gate::{Death, Fatal, Gate, Limits, MqttError, Prepared, Settings, Stats, Tls, prepare};
