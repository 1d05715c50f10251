//! Events from outside: the stream, the bus, the command line and webhooks of a running server.
#![allow(clippy::unwrap_used)]

mod bus;
#[path = "../support/mqtt.rs"]
mod mqtt;
mod stream;
#[path = "../support/mod.rs"]
mod support;
mod webhooks;
