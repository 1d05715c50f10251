//! A device as strict as the one in the field: HTTP/1.0, an answer that is read when its connection ends, a body of less
//! than 200 bytes, and a parser that knows strings alone for what it needs (apps/fota of esp8266-dev).

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::legacy::digits;
use crate::support::{Server, eventually};
use crate::uploads::upload;

/// The time that a device gives an answer.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// The body's buffer, with its end.
const BUFFER: usize = 200;
/// The keys that both clients of the field need are these and one for the place.
const NEEDED: [&str; 3] = ["version", "host", "protocol"];

/// What a device reads off an answer.
#[derive(Debug, PartialEq, Eq)]
struct Last {
    version: String,
    host: String,
    place: String,
}

/// Asks as the device does: all that is written is written, and all that is read is read until the end.
pub fn ask(address: SocketAddr, head: &str) -> String {
    let began = Instant::now();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(REQUEST_TIMEOUT)).unwrap();
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("the connection ends in time");
    assert!(began.elapsed() < REQUEST_TIMEOUT);
    String::from_utf8(answer).unwrap()
}

/// The request of the device's own source.
fn poll(address: SocketAddr, uuid: &str, version: &str, http: &str) -> String {
    ask(
        address,
        &format!(
            "GET /firmware/lamp/versions {http}\r\nHost: ota.example\r\nConnection: keep-alive\r\n\
             Cache-Control: no-cache\r\nUUID: {uuid}\r\nToken: {}\r\nClient: ESP8266\r\nImage: user1.bin\r\n\
             Version: {version}\r\n\r\n",
            "t".repeat(161)
        ),
    )
}

/// Reads an answer as the device does.
fn read(answer: &str, place: &str) -> Option<Last> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    assert!(head.starts_with("HTTP/1.0 200 "), "{head}");
    assert!(body.len() < BUFFER, "{} bytes: {body}", body.len());
    assert!(!body.contains([' ', '\n', '\\']), "{body}");
    let last = body.split_once("\"last\":{")?.1.split_once('}')?.0;
    // Pairs are counted: nothing may nest.
    assert!(!last.contains(['{', '[']), "{last}");
    let string = |key: &str| {
        let value = last.split_once(&format!("\"{key}\":\""))?.1;
        Some(value.split_once('"')?.0.to_owned())
    };
    for key in NEEDED {
        string(key)?;
    }
    Some(Last { version: string("version")?, host: string("host")?, place: string(place)? })
}

/// Three numbers of at most 255; all else is refused.
fn number(version: &str) -> Option<u32> {
    let parts: Vec<u8> = version.split('.').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let [a, b, c] = parts.as_slice() else { return None };
    Some(u32::from_be_bytes([0, *a, *b, *c]))
}

/// Fetches an image whole.
fn fetch(address: SocketAddr, path: &str) -> Vec<u8> {
    let answer =
        ask(address, &format!("GET {path} HTTP/1.1\r\nHost: ota.example\r\nConnection: close\r\n\r\n"));
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    let head = head.to_lowercase();
    assert!(!head.contains("transfer-encoding") && !head.contains("location"), "{head}");
    assert!(head.contains(&format!("content-length: {}", body.len())), "{head}");
    body.as_bytes().to_vec()
}

#[test]
fn a_device_goes_from_boot_to_its_new_version() {
    let server = Server::start();
    assert_eq!(upload(&server, "lamp", json!({"version": "1.0.1", "user1": 10, "user2": 20})).status(), 201);
    let answer = poll(server.http(), "esp-0001", "1.0.0", "HTTP/1.0");
    let last = read(&answer, "url").expect("an answer that a device can read");
    let expected = Last {
        version: "1.0.1".into(),
        host: "ota.example".into(),
        place: "/firmware/lamp/versions/1.0.1".into(),
    };
    assert_eq!(last, expected);
    assert!(number(&last.version) > number("1.0.0"));
    assert_eq!(fetch(server.http(), &format!("{}/user1.bin", last.place)), digits(10));
    assert_eq!(fetch(server.http(), &format!("{}/user2.bin", last.place)), digits(20));
    let client = server.client();
    let action = || client.get("actions/1").body["state"].clone();
    assert_eq!(action(), "offered");
    read(&poll(server.http(), "esp-0001", "1.0.1", "HTTP/1.0"), "url").unwrap();
    assert_eq!(action(), "succeeded");
    assert_eq!(client.get("devices/esp-0001").body["versions"]["3"]["version"], "1.0.1");
}

#[test]
fn the_longest_names_still_fit_the_buffer() {
    let server = Server::start();
    for version in ["200.200.200", "255.255.255"] {
        let made = upload(&server, "lamp", json!({"version": version, "user1": 10, "user2": 20}));
        assert_eq!((made.status(), made.header("warning")), (201, None));
        read(&poll(server.http(), "esp-0000000001", "1.0.0", "HTTP/1.0"), "url").unwrap();
    }
    // Beyond them an uploader is told.
    let app = "a".repeat(60);
    let made = upload(&server, &app, json!({"version": "1.0.0", "user1": 1, "user2": 1}));
    let warning = made.header("warning").unwrap_or_default().to_owned();
    assert_eq!((made.status(), warning.contains("longer than 199 bytes")), (201, true));
    for (version, warned) in [("256.0.0", "above 255"), ("256.0.1-rc1", "above 255"), ("1.0.0", "")] {
        let made =
            upload(&server, &format!("b{version}"), json!({"version": version, "user1": 1, "user2": 1}));
        let warning = made.header("warning").unwrap_or_default().to_owned();
        assert_eq!((made.status(), warning.contains(warned)), (201, true), "{version} {warning}");
    }
}

#[test]
fn both_kinds_of_http_are_answered_with_a_length_and_closed_as_they_ask() {
    let server = Server::start();
    assert_eq!(upload(&server, "lamp", json!({"version": "1.0.1", "user1": 1, "user2": 1})).status(), 201);
    let old = poll(server.http(), "esp-1", "1.0.0", "HTTP/1.0").to_lowercase();
    assert!(old.contains("connection: close") && old.contains("content-length: "), "{old}");
    // Without a host there is still one in the answer.
    let bare = ask(server.http(), "GET /firmware/lamp/versions HTTP/1.0\r\n\r\n");
    assert_eq!(read(&bare, "url").unwrap().host, server.http().to_string());
    // HTTP/1.1 keeps the connection for a second question.
    let one = "GET /firmware/lamp/versions HTTP/1.1\r\nHost: o\r\n";
    let two = ask(server.http(), &format!("{one}\r\n{one}Connection: close\r\n\r\n"));
    assert_eq!(two.matches("\"last\"").count(), 2, "{two}");
    assert!(!two.to_lowercase().contains("transfer-encoding"), "{two}");
}

#[test]
fn what_a_device_says_is_on_the_bus_and_survives_a_crash() {
    let mut server = Server::start();
    assert_eq!(upload(&server, "lamp", json!({"version": "1.0.1", "user1": 1, "user2": 1})).status(), 201);
    poll(server.http(), "esp-1", "1.0.0", "HTTP/1.0");
    server.kill9();
    server.resume();
    let found = server.client().get("devices/esp-1").body;
    assert_eq!((&found["product"], &found["versions"]["3"]["version"]), (&json!("lamp"), &json!("1.0.0")));
    assert_eq!(server.client().get("actions/1").body["state"], "offered");
}

#[test]
fn on_a_full_disk_polls_and_downloads_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("own.toml");
    let reserve =
        |bytes: u64| std::fs::write(&config, format!("[store]\nreserve_bytes = {bytes}\n")).unwrap();
    reserve(0);
    let mut server = Server::with(&["--config", config.to_str().unwrap()], &[]);
    assert_eq!(upload(&server, "lamp", json!({"version": "1.0.1", "user1": 10, "user2": 20})).status(), 201);
    poll(server.http(), "esp-1", "1.0.0", "HTTP/1.0");
    server.kill9();
    // More than the disk has: to the server it is full.
    reserve(1 << 40);
    server.resume();
    let tried = json!({"user1": 1, "user2": 1});
    eventually("the full disk", || (upload(&server, "lamp", tried.clone()).status() == 507).then_some(()));
    for device in ["esp-1", "esp-2"] {
        let last = read(&poll(server.http(), device, "1.0.0", "HTTP/1.0"), "url").unwrap();
        assert_eq!(last.version, "1.0.1", "{device}");
    }
    assert_eq!(fetch(server.http(), "/firmware/lamp/versions/1.0.1/user1.bin"), digits(10));
    assert_eq!(server.client().get("devices/esp-2").body["error"]["code"], Value::from("no-such-device"));
}
