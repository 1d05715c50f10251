//! Bugs of other brokers that must stay impossible here, against the real program over real sockets. In each test the
//! server has to stay up and two bystanders, one for each version of MQTT, have to go on undisturbed.
//!
//! The rest of the list of first-party bugs stands in `tests/gate`: one packet that breaks a rule, the limit of
//! connections, a silent connection on the TLS port, takeovers, messages that are not acknowledged.
#![allow(clippy::unwrap_used)]

mod actions;
mod clients;
#[path = "../support/mqtt.rs"]
mod mqtt;
#[path = "../support/mod.rs"]
mod support;

use mqtt::{Mqtt, topic};
use serde_json::json;
use support::Server;
use updraft::mqtt::packet::{ReasonCode, Version};

/// A server with two devices that have been there all the time.
struct Scene {
    server: Server,
    pid: u32,
    bystanders: [(&'static str, Mqtt); 2],
    counter: u64,
}

impl Scene {
    fn new() -> Scene {
        Scene::with(&[])
    }

    /// A scene with further variables in the server's environment.
    fn with(environment: &[(&str, &str)]) -> Scene {
        let server = Server::with(&[], environment);
        let bystanders = [("old", Version::V4), ("new", Version::V5)].map(|(id, version)| {
            let token = server.client().add_device(id, "bystander");
            (id, Mqtt::device(server.mqtt(), version, id, &token))
        });
        let pid = server.pid();
        Scene { server, pid, bystanders, counter: 0 }
    }

    /// A device of its own for a test; returns its token.
    fn device(&self, id: &str) -> String {
        self.server.client().add_device(id, "lamp")
    }

    /// The server is the process that it was, the bystanders' words are still stored, they heard nothing but the
    /// answers to them, and somebody new is let in.
    fn undisturbed(&mut self) {
        self.counter += 1;
        let value = format!("round {}", self.counter);
        for (id, bystander) in &mut self.bystanders {
            let code = bystander.say(&topic(id, "attr/300"), &value).unwrap();
            assert_eq!(code, ReasonCode::Success);
            assert_eq!(bystander.told("/ack"), json!({"status": "stored", "topic": "attr/300"}));
            assert_eq!(bystander.all().unwrap(), [], "{id}");
            let device = self.server.client().get(&format!("devices/{id}")).body;
            assert_eq!(device["attributes"], json!({"300": value}));
        }
        let id = format!("newcomer-{}", self.counter);
        let token = self.device(&id);
        let mut newcomer = Mqtt::device(self.server.mqtt(), Version::V5, &id, &token);
        assert_eq!(newcomer.say(&topic(&id, "state"), "online").unwrap(), ReasonCode::Success);
        assert_eq!(self.server.pid(), self.pid);
    }
}
