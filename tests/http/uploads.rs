//! Files are on disk exactly as long as an image needs them.

use std::io::Write as _;

use serde_json::json;

use crate::world::{Answer, World};

const UPLOAD: &str = "/api/v1/images?product=lamp&type=3&version=1&name=a";

/// The head of an upload that promises 50,000 bytes.
fn head(world: &World) -> Vec<u8> {
    format!(
        "POST {UPLOAD} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\
         content-type: application/octet-stream\r\ncontent-length: 50000\r\n\r\n",
        world.admin
    )
    .into_bytes()
}

#[test]
fn half_an_upload_leaves_nothing() {
    let world = World::new();
    let mut stream = world.connect();
    stream.write_all(&head(&world)).unwrap();
    stream.write_all(&[7; 25_000]).unwrap();
    world.await_files(1);
    drop(stream);
    world.await_files(0);
    assert_eq!(world.get("/api/v1/images").json(), json!({"items": []}));
}

#[test]
fn an_upload_that_crawls_is_cut_and_leaves_nothing() {
    let world = World::new();
    let mut stream = world.connect();
    stream.write_all(&head(&world)).unwrap();
    stream.write_all(&[7; 900]).unwrap();
    let answer = Answer::read(stream, "POST");
    assert_eq!((answer.status, &answer.json()["error"]["code"]), (408, &json!("body-too-slow")));
    world.await_files(0);
}

#[test]
fn a_refused_upload_takes_back_only_what_nothing_refers_to() {
    let world = World::new();
    world.image("1", b"shared");
    for content in [&b"shared"[..], b"new"] {
        assert_eq!(world.admin("POST", UPLOAD, "application/octet-stream", content).status, 409);
        world.await_files(1);
    }
    let sum = world.get("/api/v1/images/1").json()["artifacts"][0]["sha256"].as_str().unwrap().to_owned();
    assert_eq!(world.get(&format!("/artifacts/{sum}")).body, b"shared");
}

#[test]
fn a_shared_file_stays_until_its_last_image_goes() {
    let world = World::new();
    world.image("1", b"shared");
    world.image("2", b"shared");
    assert_eq!(world.admin("DELETE", "/api/v1/images/1", "", b"").status, 204);
    world.await_files(1);
    assert_eq!(world.admin("DELETE", "/api/v1/images/2", "", b"").status, 204);
    world.await_files(0);
}

#[test]
fn a_client_that_is_refused_in_the_middle_of_its_upload_sees_why() {
    let world = World::new();
    // Larger than what sockets hold, so that the client is still writing when it is refused.
    const LEN: usize = 16 << 20;
    let head = format!(
        "POST {UPLOAD} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer wrong\r\n\
         content-type: application/octet-stream\r\ncontent-length: {LEN}\r\n\r\n",
    );
    let mut stream = world.connect();
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&vec![7; LEN]).unwrap();
    let answer = Answer::read(stream, "POST");
    assert_eq!((answer.status, &answer.json()["error"]["code"]), (401, &json!("unauthenticated")));
    world.await_files(0);
}
