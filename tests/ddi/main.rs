//! hawkBit's DDI against a running server, told as transcripts: each file beside this one is a script of requests with
//! the whole answer to each.
//!
//! A line at the margin is a request, its header lines and its body, or what an operator does; the indented lines below
//! are what came back. With `UPDATE_TRANSCRIPTS=1` they are written anew, to be read before they are committed.
#![allow(clippy::unwrap_used)]

mod again;
mod example;
#[path = "../support/mod.rs"]
mod support;
#[path = "../support/transcript.rs"]
mod transcript;
#[path = "../support/wire.rs"]
mod wire;
mod zephyr;

use std::collections::BTreeMap;
use std::fs;

use serde_json::{Value, json};
use support::{Server, eventually};
use transcript::{body, shown};
use wire::{Answer, Request};

#[test]
fn every_transcript_goes_as_written() {
    transcript::go_as_written("ddi", 6, |script| {
        let mut world = World::new();
        transcript::play(script, |block| world.happen(block))
    });
}

/// A server with its devices' tokens.
struct World {
    server: Server,
    tokens: BTreeMap<String, String>,
}

impl World {
    fn new() -> World {
        World { server: Server::start(), tokens: BTreeMap::new() }
    }

    fn happen(&mut self, block: &[&str]) -> Vec<String> {
        let words: Vec<&str> = block[0].split_whitespace().collect();
        match words.as_slice() {
            ["operator", method @ ("POST" | "PUT" | "DELETE"), path] => {
                self.manage(method, path, &block[1..].concat());
                Vec::new()
            }
            ["operator", rest @ ..] => self.operator(rest),
            [method, path] => without_moment(self.request(method, path, &block[1..])),
            _ => panic!("no such line: {}", block[0]),
        }
    }

    /// What an operator does at the management door.
    fn manage(&self, method: &str, path: &str, body: &str) {
        let mut request = Request::new(method, path);
        request.header("Authorization", &format!("Bearer {}", self.server.token()));
        request.header("Content-Type", "application/json");
        request.body = body.into();
        let answer = request.send(self.server.http());
        let said = String::from_utf8_lossy(&answer.body);
        assert!((200..300).contains(&answer.status()), "{method} {path}: {} {said}", answer.status());
    }

    /// What an operator does; what there is to see of it.
    fn operator(&mut self, words: &[&str]) -> Vec<String> {
        let client = self.server.client();
        match words {
            ["adds", device, product] => {
                let token = client.add_device(device, product);
                self.tokens.insert((*device).to_owned(), token);
                Vec::new()
            }
            ["uploads", product, kind, version, name, size] => {
                let path = format!(
                    "/api/v1/images?product={product}&type={kind}&version={version}&name={}",
                    name.replace('+', "%20")
                );
                let bytes: Vec<u8> =
                    b"0123456789".iter().copied().cycle().take(size.parse().unwrap()).collect();
                let mut request = Request::new("POST", &path);
                request.header("Authorization", &format!("Bearer {}", self.server.token()));
                request.header("Content-Type", "application/octet-stream");
                request.body = bytes;
                assert_eq!(request.send(self.server.http()).status(), 201);
                Vec::new()
            }
            ["releases", images @ ..] => {
                let images: Vec<u32> = images.iter().map(|id| id.parse().unwrap()).collect();
                let made = client.post("releases", &json!({"name": "r", "version": "1", "images": images}));
                assert_eq!(made.status, 201, "{made:?}");
                Vec::new()
            }
            ["deploys", what, id, device] => {
                let id: u32 = id.parse().unwrap();
                let before = client.get("actions").body["items"].as_array().unwrap().len();
                let made = client.post("deployments", &json!({*what: id, "devices": [device]}));
                assert_eq!(made.status, 201, "{made:?}");
                let count = || client.get("actions").body["items"].as_array().unwrap().len();
                eventually("the action", || (count() > before).then_some(()));
                Vec::new()
            }
            ["cancels", action] => {
                let done = client.post(&format!("actions/{action}/cancel"), &json!({"force": false}));
                assert_eq!(done.status, 200, "{done:?}");
                Vec::new()
            }
            ["sees", "action", id] => {
                let found = client.get(&format!("actions/{id}")).body;
                let mut lines =
                    vec![format!("{} {}", text(&found["state"]), found.get("reason").map_or("", text))];
                for entry in found["history"].as_array().unwrap() {
                    lines.push(format!("{} {}: {}", entry["note"], entry["state"], entry["details"]));
                }
                lines.iter().map(|line| line.trim_end().to_owned()).collect()
            }
            ["sees", "device", id] => {
                let found = client.get(&format!("devices/{id}")).body;
                let seen = found.get("last_seen").is_some();
                let (named, numbered) = (&found["named_attributes"], &found["attributes"]);
                let runs = found["versions"].as_object().unwrap().iter();
                let runs: Vec<String> = runs.map(|(kind, v)| format!("{kind}={}", v["version"])).collect();
                vec![format!("seen {seen}, runs {runs:?}, attributes {numbered} {named}")]
            }
            _ => panic!("no such line: {words:?}"),
        }
    }

    /// Sends a request as it is written, with `Host`, the device's own token and the type of a JSON body where the
    /// block does not say otherwise; a header without a value is left out.
    fn request(&self, method: &str, path: &str, rest: &[&str]) -> Vec<String> {
        let mut request = Request::new(method, path);
        let mut given = BTreeMap::new();
        for line in rest {
            match line.split_once(": ").or_else(|| Some((line.strip_suffix(':')?, ""))) {
                Some((name, value)) if !line.starts_with(['{', '[', '=']) => {
                    given.insert(name.to_owned(), self.with_tokens(value));
                }
                _ => request.body = body(line),
            }
        }
        let device = path.split(['/', '?']).nth(4).unwrap_or_default();
        if let Some(token) = self.tokens.get(device) {
            given.entry("Authorization".into()).or_insert_with(|| format!("TargetToken {token}"));
        }
        given.entry("Host".into()).or_insert_with(|| "ota.example:8080".into());
        if !request.body.is_empty() {
            given.entry("Content-Type".into()).or_insert_with(|| "application/json".into());
        }
        for (name, value) in given.iter().filter(|(_, value)| !value.is_empty()) {
            request.header(name, value);
        }
        shown(&request.send(self.server.http()))
    }

    /// `$lamp-1` is that device's token.
    fn with_tokens(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (device, token) in &self.tokens {
            text = text.replace(&format!("${device}"), token);
        }
        text
    }
}

/// Since when somebody has agreed to everything differs from run to run, and so does the sum of the answer.
fn without_moment(mut lines: Vec<String>) -> Vec<String> {
    let name = "\"activatedAt\":";
    if !lines.iter().any(|line| line.contains(name)) {
        return lines;
    }
    for line in &mut lines {
        if line.starts_with("etag: ") {
            *line = "etag: (a sum)".into();
        } else if let Some((before, after)) = line.clone().split_once(name) {
            let rest = after.trim_start_matches(|sign: char| sign.is_ascii_digit());
            *line = format!("{before}{name}(ms){rest}");
        }
    }
    lines
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// A device with an action, and what it takes to speak for it.
fn lamp(server: &Server) -> String {
    let client = server.client();
    let token = client.add_device("lamp-1", "lamp");
    assert_eq!(client.upload("lamp", "1.0.1", b"image").status, 201);
    assert_eq!(client.post("deployments", &json!({"image": 1, "devices": ["lamp-1"]})).status, 201);
    eventually("the action", || client.get("actions").body["items"].get(0).cloned());
    token
}

fn ask(server: &Server, token: &str, method: &str, tail: &str, body: &str) -> Answer {
    let mut request = Request::new(method, &format!("/default/controller/v1/lamp-1{tail}"));
    request.header("Authorization", &format!("TargetToken {token}"));
    request.header("Content-Type", "application/json");
    request.body = body.into();
    request.send(server.http())
}

#[test]
fn what_is_answered_survives_a_crash() {
    let mut server = Server::with(&[], &[("UPDRAFT_HTTP_DDI_POLL_S", "3661")]);
    let token = lamp(&server);
    assert_eq!(ask(&server, &token, "GET", "", "").status(), 200);
    server.kill9();
    server.resume();
    let client = server.client();
    assert_eq!(client.get("actions/1").body["state"], "offered");
    assert!(client.get("devices/lamp-1").body["last_seen"].is_string());
    let closed = r#"{"status":{"execution":"closed","result":{"finished":"success"}}}"#;
    assert_eq!(ask(&server, &token, "POST", "/deploymentBase/1/feedback", closed).status(), 200);
    let attributes = r#"{"data":{"site":"b12"}}"#;
    assert_eq!(ask(&server, &token, "PUT", "/configData", attributes).status(), 200);
    server.kill9();
    server.resume();
    let client = server.client();
    assert_eq!(client.get("actions/1").body["state"], "succeeded");
    assert_eq!(client.get("devices/lamp-1").body["named_attributes"], json!({"site": "b12"}));
    let poll = ask(&server, &token, "GET", "", "");
    let poll: Value = serde_json::from_slice(&poll.body).unwrap();
    let links: Vec<_> = poll["_links"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(
        (links, &poll["config"]["polling"]["sleep"]),
        (vec!["installedBase".into()], &json!("01:01:01"))
    );
}

#[test]
fn only_a_trusted_proxy_may_say_who_a_device_is_and_where() {
    // What is told of a device that a proxy names, what its links begin with, and where it is.
    let outcome = |trusted: &str| {
        let server = Server::with(&[], &[("UPDRAFT_HTTP_TRUSTED_PROXIES", trusted)]);
        let token = lamp(&server);
        let send = |method: &str, path: &str, headers: &[(&str, &str)], body: &str| {
            let mut request = Request::new(method, path);
            headers.iter().for_each(|(name, value)| request.header(name, value));
            request.body = body.into();
            request.send(server.http())
        };
        let operator = format!("Bearer {}", server.token());
        let operator = [("Authorization", operator.as_str()), ("Content-Type", "application/json")];
        let settings =
            json!({"authentication.header.enabled": true, "authentication.header.authority": "ca"});
        let set = send("PUT", "/rest/v1/system/configs", &operator, &settings.to_string());
        assert!(set.status() < 300, "{}", set.first);
        let named = [("X-Controller-Id", "lamp-9"), ("X-Authority", "ca")];
        let named = send("GET", "/default/controller/v1/lamp-9", &named, "").status();
        let token = format!("TargetToken {token}");
        let proven = [("Authorization", token.as_str()), ("Host", "ota.example")];
        let proven = [proven.as_slice(), &[("X-Forwarded-Proto", "https")]].concat();
        let proven = [proven.as_slice(), &[("X-Forwarded-For", "203.0.113.9, 198.51.100.7")]].concat();
        let poll = send("GET", "/default/controller/v1/lamp-1", &proven, "");
        let poll: Value = serde_json::from_slice(&poll.body).unwrap();
        let link = text(&poll["_links"]["deploymentBase"]["href"]).split('/').next().unwrap().to_owned();
        let target = send("GET", "/rest/v1/targets/lamp-1", &operator, "");
        let target: Value = serde_json::from_slice(&target.body).unwrap();
        (named, link, text(&target["ipAddress"]).to_owned())
    };
    assert_eq!(outcome("10.0.0.0/8"), (401, "http:".into(), "127.0.0.1".into()));
    assert_eq!(outcome(""), (401, "http:".into(), "127.0.0.1".into()));
    assert_eq!(outcome("127.0.0.1,::1"), (200, "https:".into(), "198.51.100.7".into()));
}

#[test]
fn a_full_history_takes_only_the_end_of_the_action() {
    let server = Server::start();
    let token = lamp(&server);
    let say = |n: u32, execution: &str, finished: &str| {
        let status = json!({"execution": execution, "result": {"finished": finished}});
        let body = json!({"timestamp": n, "status": status}).to_string();
        ask(&server, &token, "POST", "/deploymentBase/1/feedback", &body).status()
    };
    // The first entry says that the action was created.
    let taken = (1..=1001).find(|n| say(*n, "proceeding", "none") != 200);
    assert_eq!(taken, Some(1000));
    assert_eq!(say(2000, "proceeding", "none"), 429);
    assert_eq!(say(2001, "closed", "success"), 200);
    assert_eq!(server.client().get("actions/1").body["state"], "succeeded");
}

#[test]
fn too_many_attributes_and_too_many_wrong_tokens_are_refused() {
    let server = Server::start();
    let token = lamp(&server);
    let attributes = |from: u32, to: u32| {
        let data: BTreeMap<String, &str> = (from..to).map(|n| (format!("key-{n}"), "v")).collect();
        ask(&server, &token, "PUT", "/configData", &json!({"data": data}).to_string())
    };
    let long = json!({"data": {"key": "v".repeat(256)}}).to_string();
    let code = |answer: &Answer| {
        let body: Value = serde_json::from_slice(&answer.body).unwrap();
        (answer.status(), body["errorCode"].as_str().unwrap().to_owned())
    };
    assert_eq!(attributes(0, 100).status(), 200);
    let quota = (429, "hawkbit.server.error.quota.tooManyEntries".to_owned());
    assert_eq!(code(&attributes(100, 101)), quota);
    let invalid = (400, "hawkbit.server.error.repo.invalidTargetAttributes".to_owned());
    assert_eq!(code(&ask(&server, &token, "PUT", "/configData", &long)), invalid);
    let long = json!({"mode": "replace", "data": {"k".repeat(129): "v"}}).to_string();
    assert_eq!(code(&ask(&server, &token, "PUT", "/configData", &long)), invalid);
    let kept = server.client().get("devices/lamp-1").body["named_attributes"].as_object().unwrap().len();
    assert_eq!(kept, 100);
    let refused: Vec<u16> = (0..62).map(|_| ask(&server, "0", "GET", "", "").status()).collect();
    assert_eq!((refused[0], refused[59], refused[60], refused[61]), (401, 401, 429, 429));
}

#[test]
fn on_a_full_disk_polls_and_downloads_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("own.toml");
    let reserve = |bytes: u64| fs::write(&config, format!("[store]\nreserve_bytes = {bytes}\n")).unwrap();
    reserve(0);
    let mut server = Server::with(&["--config", config.to_str().unwrap()], &[]);
    let token = lamp(&server);
    server.kill9();
    // More than the disk has: to the server it is full.
    reserve(1 << 40);
    server.resume();
    let closed = r#"{"status":{"execution":"closed","result":{"finished":"success"}}}"#;
    // It looks at the disk with its first tick.
    let status = || ask(&server, &token, "POST", "/deploymentBase/9/feedback", closed).status();
    eventually("the full disk", || (status() == 507).then_some(()));
    let poll = ask(&server, &token, "GET", "", "");
    let poll: Value = serde_json::from_slice(&poll.body).unwrap();
    assert!(poll["_links"]["deploymentBase"].is_object(), "{poll}");
    let deployment = ask(&server, &token, "GET", "/deploymentBase/1", "");
    let deployment: Value = serde_json::from_slice(&deployment.body).unwrap();
    assert_eq!(deployment["deployment"]["chunks"][0]["artifacts"][0]["size"], 5);
    let file = ask(&server, &token, "GET", "/softwaremodules/1/artifacts/firmware.bin", "");
    assert_eq!((file.status(), file.body), (200, b"image".to_vec()));
    assert_eq!(ask(&server, &token, "POST", "/deploymentBase/1/feedback", closed).status(), 507);
    assert_eq!(server.client().get("actions/1").body["state"], "queued");
}
