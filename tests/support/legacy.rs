//! What the transcripts of doors share whose devices have no token of ours: a server, what an operator does beside
//! them, and requests with what is different each time taken out of their answers.

#![allow(dead_code, clippy::unwrap_used)]

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::{Server, eventually};
use crate::transcript::{body, shown};
use crate::wire::Request;

/// A server with the tokens and ids that it has given out.
pub struct World {
    pub server: Server,
    /// What `$name` stands for.
    names: BTreeMap<String, String>,
    /// The header in which an operator's token goes where the block does not say otherwise.
    token_in: &'static str,
    /// How many files were kept without a version.
    kept: usize,
}

impl World {
    pub fn new(environment: &[(&str, &str)], token_in: &'static str) -> World {
        let server = Server::with(&[], environment);
        let names = BTreeMap::from([("admin".to_owned(), server.token())]);
        World { server, names, token_in, kept: 0 }
    }

    pub fn happen(&mut self, block: &[&str]) -> Vec<String> {
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
                self.names.insert((*device).to_owned(), token);
                Vec::new()
            }
            ["registers", name, role] => {
                let made = client.post("operators", &json!({"name": name, "role": role}));
                self.names.insert((*name).to_owned(), made.body["token"].as_str().unwrap().to_owned());
                Vec::new()
            }
            ["deploys", image, device] => {
                let id: u32 = image.parse().unwrap();
                let made = client.post("deployments", &json!({"image": id, "devices": [device]}));
                assert_eq!(made.status, 201, "{made:?}");
                eventually("the deployment", || {
                    let counters = client.get("deployments/1").body["counters"].clone();
                    (counters["pending"] == 0).then_some(())
                });
                Vec::new()
            }
            ["offers", image] => {
                let id: u32 = image.parse().unwrap();
                let made = client.post("offers", &json!({"image": id}));
                assert!((200..300).contains(&made.status), "{made:?}");
                Vec::new()
            }
            ["withdraws", product] => {
                assert_eq!(client.delete(&format!("offers/{product}/3")).status, 204);
                Vec::new()
            }
            ["removes", "image", id] => {
                assert_eq!(client.delete(&format!("images/{id}")).status, 204);
                Vec::new()
            }
            ["crashes", "the", "server"] => {
                self.server.kill9();
                self.server.resume();
                Vec::new()
            }
            ["sees", "device", id] => {
                let found = client.get(&format!("devices/{id}"));
                if found.status != 200 {
                    return vec![format!("{} {}", found.status, found.body["error"]["code"])];
                }
                let runs = found.body["versions"].as_object().unwrap().iter();
                let runs: Vec<String> = runs.map(|(kind, v)| format!("{kind}={}", v["version"])).collect();
                let hardware = &found.body["hardware"]["model"];
                vec![format!("{} runs {runs:?}, hardware {hardware}", found.body["product"])]
            }
            ["sees", "actions"] => {
                let found = client.get("actions").body;
                let lines = found["items"].as_array().unwrap().iter().rev();
                let line = |a: &Value| format!("{} {} {}", a["id"], a["device"], a["state"]);
                lines.map(line).collect()
            }
            ["sees", "offers"] => {
                let found = client.get("offers").body;
                let lines = found["items"].as_array().unwrap().iter();
                let line = |o: &Value| {
                    format!("{} type {} image {} {}", o["product"], o["type"], o["image"], o["rules"])
                };
                lines.map(line).collect()
            }
            _ => panic!("no such line: {words:?}"),
        }
    }

    /// Sends a request as it is written, with `Host` and an operator's token where it writes and does not say
    /// otherwise; a header without a value is left out.
    fn request(&mut self, method: &str, path: &str, rest: &[&str]) -> Vec<String> {
        let mut request = Request::new(method, path);
        let mut given = BTreeMap::new();
        for line in rest {
            match line.split_once(": ").or_else(|| Some((line.strip_suffix(':')?, ""))) {
                Some((name, value))
                    if !line.starts_with(['{', '[', '=', '"']) && !line.starts_with("bson") =>
                {
                    given.insert(name.to_owned(), self.with_names(value));
                }
                _ if line.starts_with("bson ") => request.body = bson(&line[5..]),
                _ if line.starts_with("form ") => request.body = form(&line[5..]),
                _ => request.body = body(&self.with_names(line)),
            }
        }
        given.entry("Host".into()).or_insert_with(|| "ota.example".into());
        if matches!(method, "POST" | "PUT" | "DELETE") {
            let scheme = if self.token_in == "Authorization" { "Bearer " } else { "" };
            given.entry(self.token_in.into()).or_insert_with(|| format!("{scheme}{}", self.names["admin"]));
        }
        for (name, value) in given.iter().filter(|(_, value)| !value.is_empty()) {
            request.header(name, value);
        }
        let mut lines = shown(&request.send(self.server.http()));
        // The order of header lines says nothing.
        let end = lines.iter().position(|line| line == "--").unwrap_or(lines.len());
        lines[1..end].sort();
        lines.into_iter().map(|line| self.settled(line)).collect()
    }

    fn with_names(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (name, value) in &self.names {
            text = text.replace(&format!("${name}"), value);
        }
        text
    }

    /// A line without what is different each time.
    fn settled(&mut self, line: String) -> String {
        let mut line = line;
        if let Some((name, id)) = line.split_once(": ").filter(|(name, _)| name.ends_with("-log")) {
            let digits = id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit());
            return format!("{name}: {}", if digits { "(a new id)" } else { id });
        }
        if let Some(id) = line.split_once("/api/firmware/").map(|(_, rest)| rest[..32].to_owned()) {
            self.kept += 1;
            self.names.insert(format!("kept{}", self.kept), id.clone());
            line = line.replace(&id, &format!("$kept{}", self.kept));
        }
        for name in ["\"created\":", "\"timestamp\":"] {
            let Some(at) = line.find(name).map(|at| at + name.len()) else { continue };
            let end = at + line[at..].find([',', '}']).unwrap();
            let shape = if line[at..].starts_with('"') { "\"(a moment)\"" } else { "(seconds)" };
            line.replace_range(at..end, shape);
        }
        line
    }
}

/// The variables that a script asks for: `# with NAME=value`.
pub fn environment(script: &str) -> Vec<(&str, &str)> {
    let asked = script.lines().filter_map(|line| line.strip_prefix("# with ")?.split_once('='));
    asked.collect()
}

/// A BSON document from JSON, in which `"=12"` stands for twelve bytes.
fn bson(text: &str) -> Vec<u8> {
    let members: serde_json::Map<String, Value> = serde_json::from_str(text).unwrap();
    let value = |value: &Value| match value {
        Value::String(text) => match text.strip_prefix('=') {
            Some(count) => {
                let bytes = digits(count.parse().unwrap());
                bson::Bson::Binary(bson::Binary { subtype: bson::spec::BinarySubtype::Generic, bytes })
            }
            None => bson::Bson::String(text.clone()),
        },
        Value::Number(number) => bson::Bson::Int64(number.as_i64().unwrap()),
        _ => bson::Bson::Null,
    };
    let document: bson::Document = members.iter().map(|(name, own)| (name.clone(), value(own))).collect();
    document.to_vec().unwrap()
}

/// A form with a file of so many bytes, of a boundary `b`.
fn form(count: &str) -> Vec<u8> {
    let head = "--b\r\nContent-Disposition: form-data; name=\"description\"\r\n\r\na lamp\r\n\
                --b\r\nContent-Disposition: form-data; name=\"tags\"\r\n\r\ntag1,tag2\r\n\
                --b\r\nContent-Disposition: form-data; name=\"data\"; filename=\"x\"\r\n\r\n";
    [head.as_bytes(), &digits(count.parse().unwrap()), b"\r\n--b--\r\n"].concat()
}

pub fn digits(count: usize) -> Vec<u8> {
    b"0123456789".iter().copied().cycle().take(count).collect()
}
