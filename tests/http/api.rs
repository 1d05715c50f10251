//! Every route's happy path, whole answers compared.

use serde_json::{Value, json};
use updraft::store::tables::Role;

use crate::world::World;

#[track_caller]
fn check(world: &World, method: &str, path: &str, body: Value, expected: (u16, Value)) {
    let answer = match body {
        Value::Null => world.admin(method, path, "", b""),
        body => world.admin(method, path, "application/json", body.to_string().as_bytes()),
    };
    assert_eq!((answer.status, answer.plain_json()), expected, "{method} {path}");
}

fn device(id: &str) -> Value {
    json!({"id": id, "product": "lamp", "types": [], "versions": {}, "attributes": {}, "online": false,
           "active": {}, "created": "T"})
}

fn artifact(id: u32) -> Value {
    json!({"id": id, "name": "app.bin", "size": 5,
           "sha256": "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
           "sha1": "aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d", "md5": "5d41402abc4b2a76b9719d911017c592"})
}

fn image(id: u32, version: &str, rules: Value) -> Value {
    json!({"id": id, "product": "lamp", "type": 3, "number": id.to_string(), "version": version,
           "artifacts": [artifact(1000 + id)], "rules": rules, "created": "T"})
}

fn no_rules() -> Value {
    json!({"compatible": [], "hardware": []})
}

#[test]
fn the_front_page_and_the_health_check_need_no_token() {
    let world = World::new();
    let (front, health) =
        (world.ask("GET", "/", "", "", b"", &[]), world.ask("GET", "/healthz", "", "", b"", &[]));
    assert_eq!((front.status, health.status, health.text().as_str()), (200, 200, "ok\n"));
    assert!(front.text().contains("/api/v1/"), "{}", front.text());
    assert_eq!(front.headers["x-content-type-options"], "nosniff");
}

#[test]
fn the_status_says_what_server_this_is() {
    let expected = json!({"version": env!("CARGO_PKG_VERSION"), "uptime_s": 0, "started": "T", "epoch": "7",
                          "operator": "root", "upload_max_bytes": 100_000});
    check(&World::new(), "GET", "/api/v1/status", Value::Null, (200, expected));
}

#[test]
fn devices_are_registered_listed_and_forgotten() {
    let world = World::new();
    let new = |id: &str| json!({"id": id, "product": "lamp"});
    for id in ["l1", "l2", "l3"] {
        let expected = (201, json!({"device": device(id), "token": "<token>"}));
        check(&world, "POST", "/api/v1/devices", new(id), expected);
    }
    let none = || Value::Null;
    check(&world, "GET", "/api/v1/devices/l2", none(), (200, device("l2")));
    let two = json!({"items": [device("l1"), device("l2")], "next": "l2"});
    check(&world, "GET", "/api/v1/devices?limit=2", none(), (200, two));
    let rest = json!({"items": [device("l3")]});
    check(&world, "GET", "/api/v1/devices?limit=2&after=l2", none(), (200, rest));
    check(&world, "GET", "/api/v1/devices?tenant=acme", none(), (200, json!({"items": []})));
    let renewed = json!({"device": device("l1"), "token": "<token>"});
    check(&world, "POST", "/api/v1/devices/l1/token", none(), (200, renewed));
    check(&world, "DELETE", "/api/v1/devices/l1", none(), (204, none()));
    let missing = json!({"error": {"code": "no-such-device", "message": "there is no device l1"}});
    check(&world, "GET", "/api/v1/devices/l1", none(), (404, missing));
}

#[test]
fn an_offer_becomes_an_action_that_can_be_watched_and_called_off() {
    let world = World::new();
    world.lamp("l1");
    assert_eq!(world.image("1.1.0", b"hello")["version"], "1.1.0");
    let wish = json!({"image": 1, "rules": {"compatible": ["1.x"], "not_before": "2020-01-01T00:00:00Z"}});
    let offer = json!({"product": "lamp", "type": 3, "image": 1, "allow_downgrade": false, "created": "T",
        "rules": {"compatible": ["1.x"], "not_before": "2020-01-01T00:00:00Z", "hardware": []}});
    check(&world, "POST", "/api/v1/offers", wish, (201, offer.clone()));
    check(&world, "GET", "/api/v1/offers?product=lamp", Value::Null, (200, json!({"items": [offer]})));
    world.report("l1", "1.0.0");
    let action = |history: Option<Value>| {
        let mut body = json!({"id": 1, "device": "l1", "target": {"image": 1}, "origin": "offer",
            "components": [{"type": 3, "image": 1, "number": "1", "version": "1.1.0"}], "state": "queued",
            "done": false, "warning": false, "cancelling": false, "attempt": 1, "created": "T", "changed": "T"});
        if let Some(history) = history {
            body["history"] = history;
            body["closes_by"] = json!("report");
        }
        body
    };
    let created = json!([{"at": "T", "state": "queued", "note": "created", "details": []}]);
    check(&world, "GET", "/api/v1/actions/1", Value::Null, (200, action(Some(created))));
    let listed = json!({"items": [action(None)]});
    check(&world, "GET", "/api/v1/actions?device=l1", Value::Null, (200, listed.clone()));
    check(&world, "GET", "/api/v1/actions?before=2&limit=1", Value::Null, (200, listed));
    let rule = |name: &str| json!({"rule": name, "pass": true});
    let names =
        ["offered", "product", "type", "reported", "not-installed", "no-downgrade", "compatible", "through"];
    let mut rules: Vec<Value> =
        names.into_iter().chain(["hardware", "window", "attempts", "penalty", "weight"]).map(rule).collect();
    let busy = "action 1 is under way for this type";
    rules.push(json!({"rule": "free", "pass": false, "code": "action-active", "message": busy}));
    let explained = json!({"items": [{"device": "l1", "type": 3, "reported": {"version": "1.0.0", "at": "T"},
        "image": image(1, "1.1.0", no_rules()), "rules": rules,
        "verdict": {"eligible": false, "code": "action-active", "message": busy},
        "active": {"action": 1, "state": "queued"}}]});
    check(&world, "GET", "/api/v1/devices/l1/explain", Value::Null, (200, explained.clone()));
    check(&world, "GET", "/api/v1/devices/l1/explain?type=3", Value::Null, (200, explained));
    check(&world, "DELETE", "/api/v1/offers/lamp/3", Value::Null, (204, Value::Null));
    let mut ended = action(None);
    ended["state"] = json!("cancelled");
    ended["done"] = json!(true);
    check(&world, "POST", "/api/v1/actions/1/cancel", json!({"force": true}), (200, ended));
}

#[test]
fn a_deployment_counts_its_devices() {
    let world = World::new();
    world.lamp("l1");
    world.image("1.1.0", b"hello");
    let release = json!({"id": 1, "name": "spring", "version": "2", "images": [1], "created": "T"});
    let new = json!({"name": "spring", "version": "2", "images": [1]});
    check(&world, "POST", "/api/v1/releases", new, (201, release.clone()));
    check(&world, "GET", "/api/v1/releases/1", Value::Null, (200, release.clone()));
    check(&world, "GET", "/api/v1/releases", Value::Null, (200, json!({"items": [release]})));
    let answer = world.post("/api/v1/deployments", json!({"release": 1, "devices": ["l1"]}));
    let mut body = answer.plain_json();
    assert_eq!((answer.status, body["counters"]["total"].clone()), (201, json!(1)));
    body["counters"] = Value::Null;
    let expected = json!({"id": 1, "target": {"release": 1}, "allow_downgrade": false, "done": false,
                          "counters": null, "created": "T"});
    assert_eq!(body, expected);
    let shown = world.get("/api/v1/deployments/1");
    assert_eq!((shown.status, shown.json()["id"].clone()), (200, json!(1)));
    assert_eq!(world.get("/api/v1/deployments").json()["items"].as_array().unwrap().len(), 1);
}

#[test]
fn an_unused_release_and_image_can_be_removed() {
    let world = World::new();
    world.image("1.1.0", b"hello");
    assert_eq!(
        world.post("/api/v1/releases", json!({"name": "r", "version": "1", "images": [1]})).status,
        201
    );
    assert_eq!(world.admin("DELETE", "/api/v1/images/1", "", b"").status, 409);
    check(&world, "DELETE", "/api/v1/releases/1", Value::Null, (204, Value::Null));
    check(&world, "DELETE", "/api/v1/images/1", Value::Null, (204, Value::Null));
    world.await_files(0);
}

#[test]
fn operators_are_registered_and_do_what_their_role_and_tenant_allow() {
    let world = World::new();
    let expected = json!({"operator": {"name": "eve", "tenant": "acme", "role": "observer", "created": "T"},
                          "token": "<token>"});
    let new = json!({"name": "eve", "tenant": "acme", "role": "observer"});
    check(&world, "POST", "/api/v1/operators", new, (201, expected));
    let ann = world.operator("ann", Some("acme"), Role::Admin);
    let bob = world.operator("bob", None, Role::Observer);
    world.lamp("l1");
    let names = |answer: crate::world::Answer| -> Vec<Value> {
        answer.json()["items"].as_array().unwrap().iter().map(|o| o["name"].clone()).collect()
    };
    assert_eq!(names(world.get("/api/v1/operators")), ["ann", "bob", "eve", "root"]);
    let table: &[(&str, &str, &str, u16)] = &[
        (&ann, "GET", "/api/v1/devices", 200),
        (&ann, "GET", "/api/v1/devices?tenant=acme", 200),
        (&ann, "GET", "/api/v1/devices?tenant=default", 404),
        (&ann, "GET", "/api/v1/devices/l1", 404),
        (&ann, "GET", "/api/v1/devices/l1?tenant=default", 404),
        (&ann, "DELETE", "/api/v1/devices/l1", 404),
        (&ann, "GET", "/api/v1/operators", 403),
        (&ann, "DELETE", "/api/v1/operators/root", 403),
        (&bob, "GET", "/api/v1/devices/l1", 200),
        (&bob, "DELETE", "/api/v1/devices/l1", 403),
        (&bob, "POST", "/api/v1/devices/l1/token", 403),
    ];
    for (token, method, path, status) in table {
        assert_eq!(world.ask(method, path, token, "", b"", &[]).status, *status, "{method} {path}");
    }
    check(&world, "DELETE", "/api/v1/operators/bob", Value::Null, (204, Value::Null));
    assert_eq!(world.ask("GET", "/api/v1/devices/l1", &bob, "", b"", &[]).status, 401);
}

#[test]
fn both_forms_of_upload_make_the_same_image() {
    let world = World::new();
    let path = "/api/v1/images?product=lamp&type=3&version=1.0.0&name=app.bin&compatible=0.x\
                &compatible=%3E%3D1.0.0,%20%3C2.0.0";
    let rules = json!({"compatible": ["0.x", ">=1.0.0, <2.0.0"], "hardware": []});
    let answer = world.admin("POST", path, "application/octet-stream", b"hello");
    assert_eq!((answer.status, answer.plain_json()), (201, image(1, "1.0.0", rules)));
    let rules = json!({"compatible": ["0.x"], "not_after": "2030-01-01T00:00:00Z",
                       "hardware": [{"model": "esp32"}, {"model": "c3", "revision": "B"}]});
    let form = form(&[
        ("product", "", b"lamp"),
        ("file", "app.bin", b"hello"),
        ("version", "", b"1.0.1"),
        ("rules", "", rules.to_string().as_bytes()),
        ("type", "", b"3"),
    ]);
    let answer = world.admin("POST", "/api/v1/images", "multipart/form-data; boundary=b", &form);
    assert_eq!((answer.status, answer.plain_json()), (201, image(2, "1.0.1", rules)));
    assert_eq!(world.get("/api/v1/images/2").plain_json(), answer.plain_json());
    assert_eq!(world.get("/api/v1/images?after=1").plain_json(), json!({"items": [answer.plain_json()]}));
    world.await_files(1);
}

/// A form with the boundary `b`.
pub fn form(parts: &[(&str, &str, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, file, content) in parts {
        let file = if *name == "file" { format!("; filename=\"{file}\"") } else { String::new() };
        body.extend(format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n").bytes());
        body.extend(*content);
        body.extend(b"\r\n");
    }
    body.extend(b"--b--\r\n");
    body
}
