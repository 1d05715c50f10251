//! What is wrong with a request is said in one shape, with a code, a sentence and the field.

use serde_json::json;

use crate::api::form;
use crate::world::{Lines, World};

const JSON: &str = "application/json";
const BYTES: &str = "application/octet-stream";
const FORM: &str = "multipart/form-data; boundary=b";

/// Method, path, content type, body; status, code, field.
type Row<'r> = (&'r str, &'r str, &'r str, &'r [u8], u16, &'r str, Option<&'r str>);

#[track_caller]
fn check(world: &World, rows: &[Row<'_>]) {
    for (method, path, media, body, status, code, field) in rows {
        let answer = world.admin(method, path, media, body);
        let error = answer.json()["error"].clone();
        let found = (answer.status, error["code"].as_str().unwrap().to_owned(), error.get("field").cloned());
        let expected = (*status, (*code).to_owned(), field.map(|field| json!(field)));
        assert_eq!(found, expected, "{method} {path} {}: {error}", String::from_utf8_lossy(body));
        assert!(error["message"].as_str().is_some_and(|text| text.len() > 10), "{error}");
    }
}

#[test]
fn malformed_requests_name_what_is_wrong() {
    let devices = "/api/v1/devices";
    let deep = [b"{\"id\":".to_vec(), b"[".repeat(5000)].concat();
    let large = format!("{{\"id\":\"{}\"}}", "a".repeat(70_000));
    check(
        &World::new(),
        &[
            ("GET", "/nowhere", "", b"", 404, "no-such-path", None),
            ("GET", "/api/v1/nowhere", "", b"", 404, "no-such-path", None),
            ("GET", "/api/v1", "", b"", 404, "no-such-path", None),
            ("PUT", devices, "", b"", 405, "no-such-method", None),
            ("PATCH", "/", "", b"", 405, "no-such-method", None),
            ("GET", "/api/v1/devices/%2e%2e%2fl1", "", b"", 400, "bad-name", Some("id")),
            ("GET", "/api/v1/devices/%ff", "", b"", 400, "bad-path", Some("path")),
            ("GET", "/api/v1/devices/%D9%A1", "", b"", 400, "bad-name", Some("id")),
            ("GET", "/api/v1/images/0", "", b"", 400, "bad-id", Some("id")),
            ("GET", "/api/v1/images/01", "", b"", 400, "bad-id", Some("id")),
            ("GET", "/api/v1/actions/2147483648", "", b"", 400, "bad-id", Some("id")),
            ("GET", "/api/v1/devices?limit=0", "", b"", 400, "bad-limit", Some("limit")),
            ("GET", "/api/v1/devices?limit=501", "", b"", 400, "bad-limit", Some("limit")),
            ("GET", "/api/v1/devices?limit=x", "", b"", 400, "bad-limit", Some("limit")),
            ("GET", "/api/v1/devices?limit=1&limit=2", "", b"", 400, "bad-query", Some("limit")),
            ("GET", "/api/v1/devices?after=%20", "", b"", 400, "bad-name", Some("after")),
            ("GET", "/api/v1/devices?offset=1", "", b"", 400, "unknown-parameter", Some("offset")),
            ("GET", "/api/v1/devices?tenant=a/b", "", b"", 400, "bad-name", Some("tenant")),
            ("GET", "/api/v1/devices/l1/explain?type=201", "", b"", 400, "bad-type", Some("type")),
            ("DELETE", "/api/v1/offers/lamp/x", "", b"", 400, "bad-type", Some("type")),
            ("POST", devices, "", b"{}", 415, "wrong-content-type", Some("content-type")),
            ("POST", devices, "text/plain", b"{}", 415, "wrong-content-type", Some("content-type")),
            ("POST", devices, JSON, b"", 400, "bad-json", Some("body")),
            ("POST", devices, JSON, br#"["a","lamp"]"#, 400, "bad-json", Some("body")),
            ("POST", devices, JSON, b"{", 400, "bad-json", Some("body")),
            ("POST", devices, JSON, b"[]", 400, "bad-json", Some("body")),
            ("POST", devices, JSON, b"{\"id\":\"a\"}", 400, "bad-json", Some("product")),
            ("POST", devices, JSON, b"{\"id\":1,\"product\":\"p\"}", 400, "bad-json", Some("id")),
            ("POST", devices, JSON, b"{\"id\":\"a\",\"color\":1}", 400, "bad-json", Some("color")),
            ("POST", devices, JSON, b"{\"id\":\"a\",\"product\":\"p\"}x", 400, "bad-json", Some("body")),
            ("POST", devices, JSON, b"{\"id\":\"/\",\"product\":\"p\"}", 400, "bad-name", Some("id")),
            ("POST", devices, JSON, b"{\"id\":\"\xff\",\"product\":\"p\"}", 400, "bad-json", Some("id")),
            ("POST", devices, JSON, &deep, 400, "bad-json", Some("id")),
            ("POST", devices, JSON, large.as_bytes(), 413, "body-too-large", None),
        ],
    );
}

#[test]
fn what_the_engine_refuses_has_its_status() {
    let world = World::new();
    world.lamp("l1");
    world.image("1.0.0", b"hello");
    let upload = "/api/v1/images?product=lamp&type=3&version=1.0.0&name=a";
    let deploy = "/api/v1/deployments";
    check(
        &world,
        &[
            ("GET", "/api/v1/devices/l9", "", b"", 404, "no-such-device", None),
            ("DELETE", "/api/v1/devices/l9", "", b"", 404, "no-such-device", None),
            ("GET", "/api/v1/devices/l9/explain", "", b"", 404, "no-such-device", None),
            ("POST", "/api/v1/devices/l9/token", "", b"", 404, "no-such-device", None),
            ("GET", "/api/v1/images/9", "", b"", 404, "no-such-image", None),
            ("DELETE", "/api/v1/images/9", "", b"", 404, "no-such-image", None),
            ("GET", "/api/v1/releases/9", "", b"", 404, "no-such-release", None),
            ("DELETE", "/api/v1/releases/9", "", b"", 404, "no-such-release", None),
            ("DELETE", "/api/v1/offers/lamp/3", "", b"", 404, "no-such-offer", None),
            ("GET", "/api/v1/deployments/9", "", b"", 404, "no-such-deployment", None),
            ("GET", "/api/v1/actions/9", "", b"", 404, "no-such-action", None),
            ("POST", "/api/v1/actions/9/cancel", "", b"", 404, "no-such-action", None),
            ("POST", "/api/v1/actions/9/cancel", "", b"x", 415, "wrong-content-type", Some("content-type")),
            ("DELETE", "/api/v1/operators/nobody", "", b"", 404, "no-such-operator", None),
            ("POST", "/api/v1/devices", JSON, br#"{"id":"l1","product":"p"}"#, 409, "device-exists", None),
            ("POST", upload, BYTES, b"other", 409, "version-exists", None),
            ("POST", "/api/v1/offers", JSON, br#"{"image":9}"#, 422, "no-such-image", Some("image")),
            ("POST", "/api/v1/offers", JSON, br#"{"image":0}"#, 400, "bad-id", Some("image")),
            (
                "POST",
                "/api/v1/offers",
                JSON,
                br#"{"image":1,"rules":{"compatible":[">=x"]}}"#,
                400,
                "bad-pattern",
                Some("rules.compatible"),
            ),
            (
                "POST",
                "/api/v1/offers",
                JSON,
                br#"{"image":1,"rules":{"not_before":"tomorrow"}}"#,
                400,
                "bad-json",
                Some("rules.not_before"),
            ),
            (
                "POST",
                "/api/v1/offers",
                JSON,
                br#"{"image":1,"rules":{"not_before":"1960-01-01T00:00:00Z"}}"#,
                400,
                "bad-time",
                Some("rules.not_before"),
            ),
            ("POST", deploy, JSON, br#"{"devices":["l1"]}"#, 400, "bad-target", Some("image")),
            (
                "POST",
                deploy,
                JSON,
                br#"{"image":1,"release":1,"devices":[]}"#,
                400,
                "bad-target",
                Some("image"),
            ),
            ("POST", deploy, JSON, br#"{"image":1,"devices":[]}"#, 422, "wrong-count", None),
            ("POST", deploy, JSON, br#"{"image":1,"devices":["l1","l1"]}"#, 422, "named-twice", None),
            (
                "POST",
                deploy,
                JSON,
                br#"{"release":9,"devices":["l1"]}"#,
                422,
                "no-such-release",
                Some("release"),
            ),
            ("POST", deploy, JSON, br#"{"image":9,"devices":["l1"]}"#, 422, "no-such-image", Some("image")),
            (
                "POST",
                deploy,
                JSON,
                br#"{"image":1,"devices":["l9"]}"#,
                422,
                "no-such-device",
                Some("devices"),
            ),
            ("POST", deploy, JSON, br#"{"image":1,"devices":["a b"]}"#, 400, "bad-name", Some("devices")),
        ],
    );
    world.await_files(1);
}

#[test]
fn uploads_that_are_no_images_are_refused_and_leave_nothing() {
    let world = World::new();
    let path = "/api/v1/images";
    let lamp: &[(&str, &str, &[u8])] = &[("product", "", b"lamp"), ("type", "", b"3"), ("version", "", b"1")];
    let with = |more: &[(&str, &str, &[u8])]| form(&[lamp, more].concat());
    let query = |text: &str| format!("/api/v1/images?product=lamp&type=3&version=1{text}");
    let too_large = vec![0; 100_001];
    check(
        &world,
        &[
            ("POST", path, JSON, b"{}", 415, "wrong-content-type", Some("content-type")),
            ("POST", path, BYTES, b"x", 400, "missing-parameter", Some("name")),
            ("POST", &query(""), BYTES, b"x", 400, "missing-parameter", Some("name")),
            ("POST", &query("&name=a/b"), BYTES, b"x", 400, "bad-file-name", Some("name")),
            ("POST", &query("&name=a&x=1"), BYTES, b"x", 400, "unknown-parameter", Some("x")),
            ("POST", &query("&name=a"), BYTES, &too_large, 413, "body-too-large", None),
            ("POST", path, "multipart/form-data", b"x", 400, "bad-form", Some("content-type")),
            ("POST", path, FORM, b"x", 400, "bad-form", Some("body")),
            ("POST", path, FORM, &with(&[]), 422, "wrong-count", None),
            ("POST", path, FORM, &with(&[("file", "../x", b"x")]), 400, "bad-file-name", Some("file")),
            ("POST", path, FORM, &with(&[("type", "", b"3")]), 400, "bad-form", Some("type")),
            ("POST", path, FORM, &with(&[("color", "", b"3")]), 400, "unknown-field", Some("color")),
            ("POST", path, FORM, &with(&[("rules", "", b"{")]), 400, "bad-json", Some("rules")),
            ("POST", path, FORM, &form(&[("file", "a", b"x")]), 400, "missing-field", Some("product")),
            ("POST", path, FORM, &with(&[("file", "a", &too_large)]), 413, "body-too-large", None),
        ],
    );
    world.await_files(0);
}

#[test]
fn whoever_proves_nothing_gets_nothing() {
    let world = World::new();
    let device = world.lamp("l1");
    let table: &[(Lines<'_>, &str, u16, &str)] = &[
        (&[], "", 401, "unauthenticated"),
        (&[], "0123456789abcdef0123456789abcdef", 401, "unauthenticated"),
        (&[], &device, 403, "not-an-operator"),
        (&[("authorization", "Basic !")], "", 400, "bad-authorization"),
        (&[("authorization", "Digest x")], "", 401, "unauthenticated"),
    ];
    for (headers, token, status, code) in table {
        for path in ["/api/v1/status", "/api/v1/devices/l1", "/api/v1/operators"] {
            let answer = world.ask("GET", path, token, "", b"", headers);
            assert_eq!((answer.status, &answer.json()["error"]["code"]), (*status, &json!(code)), "{path}");
            assert_eq!(answer.headers.contains_key("www-authenticate"), *status == 401);
        }
    }
}

#[test]
fn an_address_that_keeps_guessing_has_to_wait_and_valid_tokens_behind_it_do_not() {
    let world = World::new();
    for _ in 0..60 {
        assert_eq!(world.ask("GET", "/api/v1/status", "guess", "", b"", &[]).status, 401);
    }
    assert_eq!(world.get("/api/v1/status").status, 200);
    let answer = world.ask("GET", "/api/v1/status", "guess", "", b"", &[]);
    assert_eq!((answer.status, &answer.json()["error"]["code"]), (429, &json!("too-many-failures")));
    assert!(answer.headers["retry-after"].parse::<u32>().unwrap() <= 61);
}
