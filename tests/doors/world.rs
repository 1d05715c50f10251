//! A server with the product `232` (arkors' applications are numbers) and the operator who looks after it.

use serde_json::{Value, json};

use crate::support::{Server, eventually};
use crate::wire::{Answer, Request};

/// What all devices here are.
pub const PRODUCT: &str = "232";
/// What they come with, and what they are to have.
pub const OLD: &str = "1.0.0";
pub const NEW: &str = "1.1.0";

pub struct World {
    pub server: Server,
}

impl World {
    /// A server that knows the version which devices come with: image 1 with the number 1.
    pub fn new() -> World {
        let world = World { server: Server::start() };
        assert_eq!(world.upload(OLD), json!([1, "1"]));
        world
    }

    /// Uploads a version with the two files that ESP8266 devices need; its id and number.
    pub fn upload(&self, version: &str) -> Value {
        let mut body = String::new();
        for (name, value) in [("product", PRODUCT), ("type", "3"), ("version", version)] {
            body += &format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        }
        for name in ["user1.bin", "user2.bin"] {
            body +=
                &format!("--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n");
            body += &format!("{}\r\n", content(version, name));
        }
        body += "--b--\r\n";
        let media = ("Content-Type", "multipart/form-data; boundary=b");
        let (status, made) = self.admin("POST", "/api/v1/images", &[media], body.as_bytes());
        assert_eq!(status, 201, "{made}");
        json!([made["id"], made["number"]])
    }

    /// The new version, and the one order that brings it to everybody.
    pub fn release(&self) {
        self.release_on(json!({}));
    }

    /// The same under rules.
    pub fn release_on(&self, rules: Value) {
        assert_eq!(self.upload(NEW), json!([2, "2"]));
        let offer = json!({"image": 2, "rules": rules}).to_string();
        let json = ("Content-Type", "application/json");
        let (status, made) = self.admin("POST", "/api/v1/offers", &[json], offer.as_bytes());
        assert_eq!((status, &made["product"]), (201, &json!(PRODUCT)), "{made}");
    }

    /// The one action that a device has; waits until there is one.
    pub fn action(&self, device: &str) -> u64 {
        eventually(&format!("an action of {device}"), || {
            let found = self.server.client().get(&format!("actions?device={device}")).body;
            let actions = found["items"].as_array().unwrap().clone();
            assert!(actions.len() < 2, "{actions:?}");
            actions.first().map(|action| action["id"].as_u64().unwrap())
        })
    }

    /// Waits for the state of a device's one action.
    pub fn await_state(&self, device: &str, wanted: &str) {
        let id = self.action(device);
        let state = || self.server.client().get(&format!("actions/{id}")).body["state"].clone();
        eventually(&format!("{wanted} of {device}"), || (state() == wanted).then_some(()));
    }

    /// A request of the administrator.
    pub fn admin(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> (u16, Value) {
        let bearer = format!("Bearer {}", self.server.token());
        let headers = [&[("Authorization", &*bearer)], headers].concat();
        parsed(&self.send(method, path, &headers, body))
    }

    /// `GET` of the administrator, which has to succeed.
    pub fn sees(&self, path: &str) -> Value {
        let (status, found) = self.admin("GET", path, &[], b"");
        assert_eq!(status, 200, "{path}: {found}");
        found
    }

    /// A request as it is written.
    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut request = Request::new(method, path);
        for (name, value) in headers {
            request.header(name, value);
        }
        request.body = body.to_vec();
        request.send(self.server.http())
    }
}

/// What is in a file of a version.
pub fn content(version: &str, name: &str) -> String {
    format!("{name} of {version}")
}

/// The status and the JSON of an answer; null where there is none.
pub fn parsed(answer: &Answer) -> (u16, Value) {
    (answer.status(), serde_json::from_slice(&answer.body).unwrap_or(Value::Null))
}
