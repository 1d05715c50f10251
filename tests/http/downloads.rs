//! Devices get the bytes of their actions, whole or in ranges, and nothing else.

use serde_json::json;
use updraft::store::tables::Role;

use crate::world::{Answer, Lines, World};

struct Shop {
    world: World,
    token: String,
    path: String,
    content: Vec<u8>,
}

/// A lamp with an action for an image of two and a bit blocks.
fn shop() -> Shop {
    let world = World::with(|settings| settings.upload_max_bytes = 1_000_000);
    let token = world.lamp("l1");
    let content: Vec<u8> = (0..300_000u32).map(|n| (n % 251) as u8).collect();
    let image = world.image("1.1.0", &content);
    let path = format!("/artifacts/{}", image["artifacts"][0]["sha256"].as_str().unwrap());
    assert_eq!(world.post("/api/v1/offers", json!({"image": 1})).status, 201);
    world.report("l1", "1.0.0");
    Shop { world, token, path, content }
}

impl Shop {
    fn fetch(&self, method: &str, headers: &[(&str, &str)]) -> Answer {
        self.world.ask(method, &self.path, &self.token, "", b"", headers)
    }
}

#[test]
fn a_device_gets_the_whole_file_with_its_headers() {
    let shop = shop();
    let answer = shop.fetch("GET", &[]);
    assert_eq!((answer.status, answer.body == shop.content), (200, true));
    let expected = [
        ("accept-ranges", "bytes".to_owned()),
        ("content-length", "300000".into()),
        ("content-type", "application/octet-stream".into()),
        ("etag", format!("\"{}\"", shop.path.trim_start_matches("/artifacts/"))),
        ("x-content-type-options", "nosniff".into()),
    ];
    for (name, value) in expected {
        assert_eq!(answer.headers.get(name), Some(&value), "{name}");
    }
}

#[test]
fn head_says_what_get_would() {
    let shop = shop();
    let table: &[Lines<'_>] = &[
        &[],
        &[("range", "bytes=5-9")],
        &[("range", "bytes=0-9,5000-5009")],
        &[("if-match", "\"x\"")],
        &[("range", "bytes=400000-")],
        &[("if-none-match", "*")],
    ];
    for headers in table {
        let (mut get, mut head) = (shop.fetch("GET", headers), shop.fetch("HEAD", headers));
        get.headers.remove("date");
        head.headers.remove("date");
        assert_eq!((head.status, &head.headers), (get.status, &get.headers), "{headers:?}");
        assert_eq!(head.body, b"");
    }
}

#[test]
fn ranges_carry_exactly_their_bytes() {
    let shop = shop();
    let table: &[(&str, usize, usize)] = &[
        ("bytes=0-0", 0, 1),
        ("bytes=131071-131072", 131_071, 131_073),
        ("bytes=100-299999", 100, 300_000),
        ("bytes=299990-", 299_990, 300_000),
        ("bytes=-10", 299_990, 300_000),
        ("bytes=10-19,15-40", 10, 41),
    ];
    for (range, first, end) in table {
        let answer = shop.fetch("GET", &[("range", range)]);
        assert_eq!((answer.status, answer.body == shop.content[*first..*end]), (206, true), "{range}");
        assert_eq!(answer.headers["content-range"], format!("bytes {first}-{}/300000", end - 1));
    }
}

#[test]
fn several_ranges_come_in_parts() {
    let shop = shop();
    let answer = shop.fetch("GET", &[("range", "bytes=5000-5003,0-3")]);
    assert_eq!(answer.status, 206);
    let media = &answer.headers["content-type"];
    let boundary = media.strip_prefix("multipart/byteranges; boundary=").unwrap();
    let mut expected = Vec::new();
    for (start, range) in [("", 5000..5004usize), ("\r\n", 0..4)] {
        let head = format!(
            "{start}--{boundary}\r\nContent-Type: application/octet-stream\r\n\
             Content-Range: bytes {}-{}/300000\r\n\r\n",
            range.start,
            range.end - 1
        );
        expected.extend(head.bytes());
        expected.extend(&shop.content[range]);
    }
    expected.extend(format!("\r\n--{boundary}--\r\n").bytes());
    assert_eq!(answer.body, expected);
}

#[test]
fn conditions_are_honoured() {
    let shop = shop();
    let etag = format!("\"{}\"", shop.path.trim_start_matches("/artifacts/"));
    let table: &[(Lines<'_>, u16, usize)] = &[
        (&[("if-none-match", &etag)], 304, 0),
        (&[("if-range", &etag), ("range", "bytes=0-9")], 206, 10),
        (&[("if-range", "\"old\""), ("range", "bytes=0-9")], 200, 300_000),
        (&[("if-match", &etag)], 200, 300_000),
    ];
    for (headers, status, length) in table {
        let answer = shop.fetch("GET", headers);
        assert_eq!((answer.status, answer.body.len()), (*status, *length), "{headers:?}");
    }
    let outside = shop.fetch("GET", &[("range", "bytes=300000-")]);
    assert_eq!((outside.status, outside.headers["content-range"].as_str()), (416, "bytes */300000"));
    assert_eq!(shop.fetch("GET", &[("if-match", "\"old\"")]).status, 412);
}

#[test]
fn only_who_is_offered_a_file_gets_it() {
    let shop = shop();
    let stranger = shop.world.lamp("l2");
    let confined = shop.world.operator("ann", Some("acme"), Role::Admin);
    let observer = shop.world.operator("bob", None, Role::Observer);
    let unknown = format!("/artifacts/{}", "0".repeat(64));
    let table: &[(&str, &str, u16)] = &[
        (&shop.token, &shop.path, 200),
        (&stranger, &shop.path, 404),
        ("", &shop.path, 401),
        (&shop.world.admin, &shop.path, 200),
        (&observer, &shop.path, 200),
        (&confined, &shop.path, 404),
        (&shop.token, &unknown, 404),
        (&shop.token, "/artifacts/..%2f..%2fetc", 404),
    ];
    for (token, path, status) in table {
        assert_eq!(shop.world.ask("GET", path, token, "", b"", &[]).status, *status, "{path}");
    }
    let cancelled = shop.world.post("/api/v1/actions/1/cancel", json!({"force": true}));
    assert_eq!((cancelled.status, shop.fetch("GET", &[]).status), (200, 404));
}

#[test]
fn a_device_may_name_itself_in_either_way() {
    use base64::Engine as _;
    let shop = shop();
    for (name, status) in [("l1", 200), ("default/l1", 200), ("l2", 401), ("acme/l1", 401), ("", 401)] {
        let pair = base64::engine::general_purpose::STANDARD.encode(format!("{name}:{}", shop.token));
        let header = format!("Basic {pair}");
        let answer = shop.world.ask("GET", &shop.path, "", "", b"", &[("authorization", &header)]);
        assert_eq!(answer.status, status, "{name}");
    }
}
