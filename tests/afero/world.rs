//! A server with a partner and those who act for it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::{Server, eventually};
use crate::transcript::{body, shown};
use crate::wire::{Answer, Request};

/// The partner of most tests.
pub const PARTNER: &str = "/v1/ota/partners/default";

pub struct World {
    pub server: Server,
    /// Tokens of operators and devices by their names.
    pub tokens: BTreeMap<String, String>,
}

impl World {
    /// A server with `root` and `watch` of the whole server, and `ann` and `eve` of the tenants acme and evil.
    pub fn new() -> World {
        World::on(Server::start())
    }

    /// The same people on a server of another configuration.
    pub fn on(server: Server) -> World {
        let mut world = World { server, tokens: BTreeMap::new() };
        world.tokens.insert("root".into(), world.server.token());
        for (name, tenant, role) in
            [("watch", None, "observer"), ("ann", Some("acme"), "admin"), ("eve", Some("evil"), "observer")]
        {
            let mut new = json!({"name": name, "role": role});
            if let Some(tenant) = tenant {
                new["tenant"] = tenant.into();
            }
            let made = world.server.client().post("operators", &new);
            assert_eq!(made.status, 201, "{made:?}");
            world.tokens.insert(name.into(), made.body["token"].as_str().unwrap().into());
        }
        world
    }

    /// Registers a device.
    pub fn device(&mut self, id: &str, product: &str) -> String {
        let token = self.server.client().add_device(id, product);
        self.tokens.insert(id.to_owned(), token.clone());
        token
    }

    /// A request of `root` with JSON.
    pub fn ask(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        self.ask_as("root", method, path, body)
    }

    /// A request with JSON; null is no body.
    pub fn ask_as(&self, who: &str, method: &str, path: &str, body: Value) -> (u16, Value) {
        let mut request = Request::new(method, path);
        if let Some(token) = self.tokens.get(who) {
            request.header("Authorization", &format!("Bearer {token}"));
        }
        if !body.is_null() {
            request.header("Content-Type", "application/json");
            request.body = body.to_string().into_bytes();
        }
        parsed(&request.send(self.server.http()))
    }

    /// Sends a binary and moves it into the repository; its URL.
    pub fn binary(&self, bytes: &[u8]) -> String {
        let mut request = Request::new("POST", &format!("{PARTNER}/binaries"));
        request.header("Authorization", &format!("Bearer {}", self.tokens["root"]));
        request.header("Content-Type", "application/octet-stream");
        request.body = bytes.to_vec();
        let (status, kept) = parsed(&request.send(self.server.http()));
        assert_eq!(status, 200, "{kept}");
        let (status, moved) = self.ask("POST", &format!("{PARTNER}/binaries/moveToRepository"), kept);
        assert_eq!(status, 200, "{moved}");
        moved["value"].as_str().unwrap().to_owned()
    }

    /// A record with a file that devices of a product may have; the whole record.
    pub fn record(&self, product: &str, version: &str) -> Value {
        let url = self.binary(version.as_bytes());
        let new = json!({"name": "app", "type": 3, "version": version, "url": url});
        let (status, record) = self.ask("POST", &format!("{PARTNER}/pool"), new);
        assert_eq!(status, 201, "{record}");
        let path = format!("{PARTNER}/deviceTypes/{product}/firmwareImages");
        assert_eq!(self.ask("POST", &path, record.clone()).0, 201);
        record
    }

    /// Pushes a record to a device.
    pub fn push(&self, product: &str, record: &Value, device: &str) -> (u16, Value) {
        let id = record["id"].as_str().unwrap();
        let path = format!("{PARTNER}/deviceTypes/{product}/firmwareImages/{id}/push");
        self.ask("PUT", &path, json!({"value": device}))
    }

    /// The newest action's state and reason, once there are so many actions.
    pub fn newest_action(&self, count: usize) -> Value {
        eventually("the action", || {
            let actions = self.server.client().get("actions").body["items"].clone();
            (actions.as_array().unwrap().len() == count).then(|| actions[0].clone())
        })
    }

    /// One block of a transcript.
    pub fn happen(&mut self, block: &[&str]) -> Vec<String> {
        let words: Vec<&str> = block[0].split_whitespace().collect();
        match words.as_slice() {
            ["operator", "adds", device, product] => {
                self.device(device, product);
                Vec::new()
            }
            ["operator", "sees", "action", id] => {
                let found = self.server.client().get(&format!("actions/{id}")).body;
                vec![format!("{} {}", found["state"], found["components"])]
            }
            [method, path] => self.request(method, path, &block[1..]),
            _ => panic!("no such line: {}", block[0]),
        }
    }

    /// Sends a request as it is written, as `root` where it does not say otherwise. `$ann` is that one's token.
    fn request(&self, method: &str, path: &str, rest: &[&str]) -> Vec<String> {
        let mut request = Request::new(method, path);
        let mut given = BTreeMap::from([
            ("Host".to_owned(), "ota.example:8080".to_owned()),
            ("Authorization".to_owned(), "Bearer $root".to_owned()),
        ]);
        for line in rest {
            match line.split_once(": ").or_else(|| Some((line.strip_suffix(':')?, ""))) {
                Some((name, value)) if !line.starts_with(['{', '[', '=', '-']) => {
                    given.insert(name.to_owned(), value.to_owned());
                }
                _ => request.body.extend(body(line)),
            }
        }
        if !request.body.is_empty() {
            given.entry("Content-Type".into()).or_insert_with(|| "application/json".into());
        }
        for (name, value) in given.iter().filter(|(_, value)| !value.is_empty()) {
            let mut value = value.clone();
            for (who, token) in &self.tokens {
                value = value.replace(&format!("${who}"), token);
            }
            request.header(name, &value);
        }
        let answer = request.send(self.server.http());
        shown(&Answer { body: veiled(&answer.body), ..answer }).into_iter().filter(|l| !is_usual(l)).collect()
    }
}

/// What every answer says, and lengths that change with moments.
fn is_usual(line: &str) -> bool {
    ["x-content-type-options:", "content-security-policy:", "cache-control:", "content-length:"]
        .iter()
        .any(|name| line.starts_with(name))
}

/// The body with `0` for moments and `""` for tokens, which are never the same.
fn veiled(body: &[u8]) -> Vec<u8> {
    let Ok(mut value) = serde_json::from_slice::<Value>(body) else { return body.to_vec() };
    veil(&mut value);
    value.to_string().into_bytes()
}

fn veil(value: &mut Value) {
    match value {
        Value::Object(members) => members.iter_mut().for_each(|(name, value)| match name.as_str() {
            "timestamp" | "createdTimestamp" | "updatedTimestamp" | "timestampMs" | "requestId" => {
                assert!(value.is_u64(), "{name}: {value}");
                *value = json!(0);
            }
            "access_token" => *value = json!(""),
            _ => veil(value),
        }),
        Value::Array(items) => items.iter_mut().for_each(veil),
        Value::Null => panic!("null in an answer"),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The status and the JSON; null without a body. Whatever is no success is what the tools can read.
pub fn parsed(answer: &Answer) -> (u16, Value) {
    let status = answer.status();
    if answer.body.is_empty() {
        assert!(status < 300, "{status} without a body");
        return (status, Value::Null);
    }
    let body: Value = serde_json::from_slice(&answer.body).unwrap();
    if status >= 300 {
        assert_eq!(body["status"], json!(status), "{body}");
        for name in ["error", "error_description", "service_name", "region", "trace"] {
            assert!(body[name].as_str().is_some_and(|text| !text.is_empty()), "{name} in {body}");
        }
        assert!(body["timestamp"].is_u64());
    }
    (status, body)
}
