//! `/openapi.json` against what is really served: every route of the document answers, no path has a method that the
//! document does not name, and no route of the source is missing from it.
#![allow(clippy::unwrap_used)]

#[path = "support/mod.rs"]
mod support;
#[path = "support/wire.rs"]
mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::Value;
use support::Server;
use wire::{Answer, Request};

const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];

/// A server with a device, and what it says that it serves.
struct World {
    server: Server,
    device_token: String,
    /// The methods of each path.
    paths: BTreeMap<String, BTreeSet<String>>,
}

impl World {
    fn start() -> World {
        let server = Server::start();
        let device_token = server.client().add_device("lamp-1", "lamp");
        let document = Request::new("GET", "/openapi.json").send(server.http());
        assert_eq!((document.status(), document.header("content-type")), (200, Some("application/json")));
        let document: Value = serde_json::from_slice(&document.body).unwrap();
        let methods = |item: &Value| item.as_object().unwrap().keys().map(|m| m.to_uppercase()).collect();
        let paths = document["paths"].as_object().unwrap();
        let paths = paths.iter().map(|(path, item)| (path.clone(), methods(item))).collect();
        World { server, device_token, paths }
    }

    /// What comes of a request to a path whose places name nothing that is there.
    fn ask(&self, method: &str, path: &str) -> Answer {
        let is_device = path.contains("/controller/v1/");
        let mut filled = String::new();
        for (at, part) in path.split(['{', '}']).enumerate() {
            filled += match (at % 2, part) {
                (0, text) => text,
                (_, "tenant" | "partner" | "account") => "default",
                (_, "device") if is_device => "lamp-1",
                (_, "image") if path.starts_with("/api/{application}") => "image1",
                (_, "version") if path.starts_with("/firmware") => "1.0.0",
                (_, "file") => "user1.bin",
                (_, _) => "77",
            };
        }
        // A stream has no end: asked wrongly it answers all the same.
        if path == "/api/v1/events" {
            filled += "?after=none";
        }
        let mut request = Request::new(method, &filled);
        let scheme = if is_device { "TargetToken" } else { "Bearer" };
        let token = if is_device { self.device_token.clone() } else { self.server.token() };
        request.header("Authorization", &format!("{scheme} {token}"));
        // arkors looks at these before anything else.
        request.header("X-Arkors-Application-Log", &"0".repeat(32));
        request.header("X-Arkors-Application-Client", "77,web");
        if method != "GET" {
            request.header("Content-Length", "0");
        }
        request.send(self.server.http())
    }
}

/// Whether the answer says that there is nothing at the path, in the words of any door.
fn is_nowhere(answer: &Answer) -> bool {
    let text = String::from_utf8_lossy(&answer.body);
    let words = ["no-such-path", "NoResourceFoundException", "There is nothing at this path"];
    answer.status() == 404 && words.iter().any(|words| text.contains(words))
}

#[test]
fn every_path_is_served_with_the_methods_that_the_document_names() {
    let world = World::start();
    let mut wrong = Vec::new();
    for (path, methods) in &world.paths {
        for method in METHODS {
            let answer = world.ask(method, path);
            let served = answer.status() != 405 && !is_nowhere(&answer);
            if served != methods.contains(method) || answer.status() >= 500 {
                wrong.push(format!("{method} {path}: {}", answer.first));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn every_route_of_the_source_is_in_the_document() {
    let world = World::start();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http");
    let mut missing = Vec::new();
    for (folder, base) in [("api", "/api/v1"), ("manage", "/rest/v1"), ("mod.rs", "")] {
        for route in routes(&source.join(folder)) {
            // A slash at the end is the same path to hawkBit.
            let path =
                format!("{base}{}", route.strip_suffix('/').filter(|p| !p.is_empty()).unwrap_or(&route));
            if !world.paths.contains_key(&path) {
                missing.push(path);
            }
        }
    }
    assert_eq!(missing, Vec::<String>::new());
}

/// The paths of all `.route("...")` in a file, or in the files of a folder.
fn routes(place: &Path) -> Vec<String> {
    if place.is_dir() {
        let files = fs::read_dir(place).unwrap().map(|entry| entry.unwrap().path());
        return files.flat_map(|file| routes(&file)).collect();
    }
    let text = fs::read_to_string(place).unwrap();
    let calls = text.split(".route(").skip(1).filter_map(|rest| rest.trim_start().strip_prefix('"'));
    calls.map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
}

#[test]
fn the_page_may_run_its_own_script_and_nothing_else() {
    let server = Server::start();
    let page = Request::new("GET", "/docs").send(server.http());
    let policy = page.header("content-security-policy").unwrap();
    assert_eq!((page.status(), page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    let rules: Vec<&str> = policy.split("; ").map(|rule| rule.split(' ').next().unwrap()).collect();
    let known = [
        "default-src",
        "script-src",
        "style-src",
        "connect-src",
        "frame-ancestors",
        "base-uri",
        "form-action",
    ];
    assert_eq!(rules, known);
    assert!(!policy.contains("unsafe") && policy.matches("'sha256-").count() == 2, "{policy}");
}
