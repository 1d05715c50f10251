//! hawkBit's DDI against a running server, told as transcripts: each file beside this one is a script of requests with
//! the whole answer to each.
//!
//! A line at the margin is a request, its header lines and its body, or what an operator does; the indented lines below
//! are what came back. With `UPDATE_TRANSCRIPTS=1` they are written anew, to be read before they are committed.
#![allow(clippy::unwrap_used)]

#[path = "../support/mod.rs"]
mod support;
mod wire;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use support::{Server, eventually};
use wire::{Answer, Request};

#[test]
fn every_transcript_goes_as_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ddi");
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let mut files: Vec<_> = files.filter(|path| path.extension().is_some_and(|e| e == "txt")).collect();
    files.sort();
    assert!(files.len() >= 6, "the transcripts are missing");
    for file in files {
        let written = fs::read_to_string(&file).unwrap();
        let played = play(&written);
        if std::env::var_os("UPDATE_TRANSCRIPTS").is_some() {
            fs::write(&file, &played).unwrap();
            continue;
        }
        assert_eq!(written, played, "{}", file.display());
    }
}

/// Plays the blocks at the margin and writes what comes of each below it.
fn play(script: &str) -> String {
    let mut world = World::new();
    let mut out = String::new();
    let script: Vec<&str> = script.lines().filter(|line| !line.starts_with("    ")).collect();
    for block in script.split(|line| line.is_empty()) {
        if !out.is_empty() {
            out.push('\n');
        }
        for line in block {
            out += &format!("{line}\n");
        }
        let said: Vec<&str> = block.iter().copied().filter(|line| !line.starts_with('#')).collect();
        if !said.is_empty() {
            world.happen(&said).iter().for_each(|line| out += &format!("    {line}\n"));
        }
    }
    out
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
            ["operator", rest @ ..] => self.operator(rest),
            [method, path] => self.request(method, path, &block[1..]),
            _ => panic!("no such line: {}", block[0]),
        }
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
                let bytes: Vec<u8> = b"0123456789".iter().copied().cycle().take(size.parse().unwrap()).collect();
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
                let mut lines = vec![format!("{} {}", text(&found["state"]), found.get("reason").map_or("", text))];
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

/// A body as it is, or `=` and hexadecimal digits, or `=` and a number of blanks to be sent.
fn body(line: &str) -> Vec<u8> {
    match line.strip_prefix('=') {
        None => line.as_bytes().to_vec(),
        Some(count) if count.ends_with(" blanks") => {
            vec![b' '; count.trim_end_matches(" blanks").parse().unwrap()]
        }
        Some(hex) => {
            let pairs = hex.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
            pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
        }
    }
}

/// The whole answer but for moments and the headers that HTTP itself writes.
fn shown(answer: &Answer) -> Vec<String> {
    let mut lines = vec![answer.first.clone()];
    for (name, value) in &answer.headers {
        match name.as_str() {
            "date" | "connection" => {}
            "last-modified" => lines.push(format!("{name}: (a date)")),
            "retry-after" => lines.push(format!("{name}: (seconds)")),
            _ => lines.push(format!("{name}: {value}")),
        }
    }
    if !answer.body.is_empty() {
        lines.push("--".into());
        match String::from_utf8(answer.body.clone()) {
            Ok(text) => lines.extend(text.lines().map(str::to_owned)),
            Err(_) => lines.push(answer.body.iter().map(|byte| format!("{byte:02x}")).collect()),
        }
    }
    lines
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
