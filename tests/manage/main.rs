//! hawkBit's management API against a running server, told as transcripts: each file beside this one is a script of
//! requests with the whole answer to each (see `support/transcript.rs`).
#![allow(clippy::unwrap_used)]

mod quotas;
#[path = "../support/mod.rs"]
mod support;
#[path = "../support/transcript.rs"]
mod transcript;
#[path = "../support/wire.rs"]
mod wire;

use std::collections::BTreeMap;

use serde_json::json;
use support::{Server, eventually};
use wire::Request;

/// Members whose values are another each time: moments, and tokens that the server made.
const CHANGING: [&str; 10] = [
    "createdAt",
    "lastModifiedAt",
    "timestamp",
    "reportedAt",
    "lastControllerRequestAt",
    "installedAt",
    "lastRequestAt",
    "nextExpectedRequestAt",
    "activatedAt",
    "nextStartAt",
];
/// What separates the parts of a form.
const BOUNDARY: &str = "b0undary";

#[test]
fn every_transcript_goes_as_written() {
    transcript::go_as_written("manage", 1, |script| {
        let mut world = World::new();
        transcript::play(script, |block| world.happen(block))
    });
}

/// A server with the tokens of its operators.
struct World {
    server: Server,
    tokens: BTreeMap<String, String>,
}

impl World {
    fn new() -> World {
        let server = Server::start();
        let tokens = BTreeMap::from([("admin".to_owned(), server.token())]);
        World { server, tokens }
    }

    fn happen(&mut self, block: &[&str]) -> Vec<String> {
        let words: Vec<&str> = block[0].split_whitespace().collect();
        match words.as_slice() {
            ["operator", name, role] => self.add_operator(name, role, None),
            ["operator", name, role, tenant] => self.add_operator(name, role, Some(tenant)),
            // What devices are told is told in the transcripts of their own door.
            ["device", method, path] => {
                let mut shown = self.request(method, path, &block[1..]);
                shown.truncate(1);
                shown
            }
            ["until", path, text] => self.wait(path, text),
            [method, path] => self.request(method, path, &block[1..]),
            _ => panic!("no such line: {}", block[0]),
        }
    }

    /// Asks until the answer has this text in it.
    fn wait(&self, path: &str, text: &str) -> Vec<String> {
        eventually(&format!("{text} at {path}"), || {
            let shown = self.request("GET", path, &[]);
            shown.iter().any(|line| line.contains(text)).then(Vec::new)
        })
    }

    fn add_operator(&mut self, name: &str, role: &str, tenant: Option<&str>) -> Vec<String> {
        let client = self.server.client();
        let made = client.post("operators", &json!({"name": name, "role": role, "tenant": tenant}));
        assert_eq!(made.status, 201, "{made:?}");
        self.tokens.insert(name.to_owned(), made.body["token"].as_str().unwrap().to_owned());
        Vec::new()
    }

    /// Sends a request as it is written, with `Host`, the administrator's token and the type of a JSON body where the
    /// block does not say otherwise; a header without a value is left out.
    fn request(&self, method: &str, path: &str, rest: &[&str]) -> Vec<String> {
        let mut request = Request::new(method, path);
        let mut given = BTreeMap::new();
        for line in rest {
            match line.split_once(": ").or_else(|| Some((line.strip_suffix(':')?, ""))) {
                Some((name, value)) if !line.starts_with(['{', '[', '=']) => {
                    given.insert(name.to_owned(), self.with_tokens(value));
                }
                _ => request.body = self.body(line, &mut given),
            }
        }
        given.entry("Authorization".into()).or_insert_with(|| format!("Bearer {}", self.server.token()));
        given.entry("Host".into()).or_insert_with(|| "ota.example:8080".into());
        if !request.body.is_empty() {
            given.entry("Content-Type".into()).or_insert_with(|| "application/json".into());
        }
        for (name, value) in given.iter().filter(|(_, value)| !value.is_empty()) {
            request.header(name, value);
        }
        let mut shown = transcript::shown(&request.send(self.server.http()));
        // The order of header lines means nothing, and is another with each layer of the server.
        let end = shown.iter().position(|line| line == "--").unwrap_or(shown.len());
        shown[1..end].sort();
        shown.iter().map(|line| masked(line)).collect()
    }

    /// `=form file app.bin hello; md5sum 5d41...` is a form with a file of that name and content and a field.
    fn body(&self, line: &str, given: &mut BTreeMap<String, String>) -> Vec<u8> {
        let Some(parts) = line.strip_prefix("=form ") else { return transcript::body(line) };
        let media = format!("multipart/form-data; boundary={BOUNDARY}");
        given.entry("Content-Type".into()).or_insert(media);
        let mut body = String::new();
        for part in parts.split("; ") {
            let words: Vec<&str> = part.splitn(3, ' ').collect();
            let (head, content) = match words.as_slice() {
                ["file", name, content] => (format!("name=\"file\"; filename=\"{name}\""), *content),
                [name, content] => (format!("name=\"{name}\""), *content),
                _ => panic!("no such part: {part}"),
            };
            body += &format!("--{BOUNDARY}\r\nContent-Disposition: form-data; {head}\r\n\r\n{content}\r\n");
        }
        body += &format!("--{BOUNDARY}--\r\n");
        body.into_bytes()
    }

    /// `$admin` is that operator's token; `Basic name:token` is written in base64.
    fn with_tokens(&self, text: &str) -> String {
        use base64::Engine as _;
        let mut text = text.to_owned();
        for (name, token) in &self.tokens {
            text = text.replace(&format!("${name}"), token);
        }
        match text.strip_prefix("Basic ").filter(|rest| rest.contains(':')) {
            Some(pair) => format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair)),
            None => text,
        }
    }
}

/// The line with what is another each time replaced by what it is.
fn masked(line: &str) -> String {
    let mut line = line.to_owned();
    for name in CHANGING {
        let start = format!("\"{name}\":");
        let parts: Vec<&str> = line.split(&start).collect();
        let rest = parts[1..].iter().map(|part| {
            let digits = part.bytes().take_while(u8::is_ascii_digit).count();
            // What every tenant has from the start was made at the start of time.
            let shown = if digits > 1 { "(ms)" } else { &part[..digits] };
            format!("{start}{shown}{}", &part[digits..])
        });
        line = [parts[0].to_owned()].into_iter().chain(rest).collect();
    }
    line
}
