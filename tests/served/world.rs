//! A server, its operator, and devices; and the lines of a story that they understand.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::link::Links;
use crate::support::{Server, eventually};
use crate::text::{names, with_moments, words};
use crate::wire::Request;

/// The world of one story. Its server starts at the first line that needs it.
#[derive(Default)]
pub struct World {
    pub server: Option<Server>,
    /// The connections of devices that speak MQTT.
    pub links: Links,
    /// The settings that the server is started with.
    environment: Vec<(String, String)>,
    /// The administrator's token.
    token: String,
    /// The tokens of devices.
    pub tokens: BTreeMap<String, String>,
}

impl World {
    /// Does what a line says. Returns what came of it.
    pub fn happen(&mut self, line: &str) -> Vec<String> {
        let line = &with_moments(line);
        if let Some((verb, body)) = line.split_once(" {") {
            let body = serde_json::from_str(&format!("{{{body}")).unwrap_or_else(|e| panic!("{e}: {line}"));
            return self.send(verb, &body);
        }
        let words = words(line);
        match words.as_slice() {
            ["server", settings @ ..] => {
                for (key, value) in settings.iter().filter_map(|word| word.split_once('=')) {
                    let name = format!("UPDRAFT_{}", key.replace('.', "_").to_uppercase());
                    self.environment.push((name, value.to_owned()));
                }
                Vec::new()
            }
            ["devices", ids, rest @ ..] => self.add_devices(&names(ids), rest),
            ["await", rest @ .., "has", text] => self.wait(&rest.join(" "), text),
            [count, "of", "wave", wave, rest @ ..] => {
                let ids = self.some_of(count.parse().unwrap(), wave);
                self.act(&ids, rest)
            }
            [ids, rest @ ..] if ids.contains('-') && !rest.is_empty() => self.act(&names(ids), rest),
            words => self.ask(words),
        }
    }

    /// Repeats a question until the answer has a text in it.
    fn wait(&mut self, question: &str, text: &str) -> Vec<String> {
        let mut last = Vec::new();
        let found = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            eventually(&format!("{text:?} in {question}"), || {
                last = self.happen(question);
                last.iter().any(|line| line.contains(text)).then_some(())
            });
        }));
        assert!(found.is_ok(), "{question} has no {text:?}: {last:#?}");
        Vec::new()
    }

    /// The first so many members of a wave, such as `1.2`, that are active, once there are so many.
    fn some_of(&mut self, count: usize, wave: &str) -> Vec<String> {
        let (rollout, wave) = wave.split_once('.').expect("a wave such as 1.2");
        let path = format!("rollouts/{rollout}/waves/{wave}/devices?limit=500");
        eventually(&format!("{count} active of {path}"), || {
            let (_, page) = self.api("GET", &path, None);
            let active = page["items"].as_array().unwrap().iter().filter(|own| own["place"] == "active");
            let mut ids: Vec<_> = active.map(|own| own["device"].as_str().unwrap().to_owned()).collect();
            ids.sort_by_key(|id| (id.len(), id.clone()));
            ids.truncate(count);
            (ids.len() == count).then_some(ids)
        })
    }

    /// A request of the operator.
    pub fn api(&mut self, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        self.start();
        let mut request = Request::new(method, &format!("/api/v1/{path}"));
        request.header("Authorization", &format!("Bearer {}", self.token));
        self.exchange(request, body.as_ref())
    }

    /// A request of a device.
    pub fn ddi(&mut self, id: &str, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        let mut request = Request::new(method, &format!("/default/controller/v1/{id}{path}"));
        request.header("Authorization", &format!("TargetToken {}", self.tokens[id]));
        self.exchange(request, body)
    }

    /// An image with one file: `image lamp 3 1.0.1 through=1.0.0`.
    pub fn upload(&mut self, product: &str, kind: &str, version: &str, rules: &[&str]) -> (u16, Value) {
        self.start();
        let rule = |word: &&str| {
            let (name, value) = word.split_once('=').unwrap();
            (name.to_owned(), json!([value]))
        };
        let rules = Value::Object(rules.iter().map(rule).collect()).to_string();
        let mut body = String::new();
        for (name, value) in [("product", product), ("type", kind), ("version", version), ("rules", &rules)] {
            body += &format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        }
        body += "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"app.bin\"\r\n\r\nnew\r\n--b--\r\n";
        let mut request = Request::new("POST", "/api/v1/images");
        request.header("Authorization", &format!("Bearer {}", self.token));
        request.header("Content-Type", "multipart/form-data; boundary=b");
        request.body = body.into_bytes();
        self.exchange(request, None)
    }

    fn exchange(&self, mut request: Request, body: Option<&Value>) -> (u16, Value) {
        if let Some(body) = body {
            request.header("Content-Type", "application/json");
            request.body = body.to_string().into_bytes();
        }
        let answer = request.send(self.server.as_ref().expect("a server").http());
        (answer.status(), serde_json::from_slice(&answer.body).unwrap_or(Value::Null))
    }

    fn start(&mut self) {
        if self.server.is_none() {
            let own = self.environment.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            // Such a place may be small, and these stories fill it with a few megabytes.
            let environment: Vec<_> = own.chain([("UPDRAFT_STORE_RESERVE_BYTES", "0")]).collect();
            let server = Server::in_memory(&environment);
            self.token = server.token();
            self.server = Some(server);
        }
    }

    /// Kills the server as a crash does, and starts it again on its folder.
    pub fn crash(&mut self) {
        self.server.as_mut().expect("a server").restart();
    }
}
