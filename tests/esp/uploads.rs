//! Uploads: what is wrong with them and what is left of them, which is nothing.

use std::fs;
use std::io::Write as _;
use std::net::TcpStream;
use std::path::Path;

use bson::spec::BinarySubtype;
use bson::{Binary, Bson, Document, doc};
use serde_json::Value;

use crate::legacy::digits;
use crate::support::{Server, eventually};
use crate::wire::{Answer, Request};

/// Uploads a version; a number stands for so many bytes.
pub fn upload(server: &Server, app: &str, members: Value) -> Answer {
    let value = |value: &Value| match value.as_u64() {
        Some(count) => binary(&digits(usize::try_from(count).unwrap())),
        None => Bson::String(value.as_str().unwrap().into()),
    };
    let members = members.as_object().unwrap();
    let document: Document = members.iter().map(|(name, own)| (name.clone(), value(own))).collect();
    post(server, app, document.to_vec().unwrap())
}

fn post(server: &Server, app: &str, body: Vec<u8>) -> Answer {
    let mut request = Request::new("POST", &format!("/firmware/{app}/versions"));
    request.header("Authentication", &server.token());
    request.header("Content-Type", "application/bson");
    request.body = body;
    request.send(server.http())
}

fn binary(bytes: &[u8]) -> Bson {
    Bson::Binary(Binary { subtype: BinarySubtype::Generic, bytes: bytes.to_vec() })
}

/// What is in the folder of the artifacts, but for empty folders.
fn files(server: &Server) -> Vec<String> {
    fn walk(folder: &Path, found: &mut Vec<String>) {
        for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            match entry.is_dir() {
                true => walk(&entry, found),
                false => found.push(entry.display().to_string()),
            }
        }
    }
    let mut found = Vec::new();
    walk(&server.data().join("artifacts"), &mut found);
    found
}

fn error(answer: &Answer) -> (u16, String) {
    let body: Value = serde_json::from_slice(&answer.body).unwrap();
    (answer.status(), body["error"].as_str().unwrap().to_owned())
}

#[test]
fn a_wrong_upload_is_named_and_leaves_nothing() {
    let server = Server::start();
    let bytes = |document: Document| document.to_vec().unwrap();
    let good = bytes(doc! {"user1": binary(b"one"), "user2": binary(b"two")});
    let changed = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        bytes
    };
    let nested = bytes(doc! {"user1": {"user1": binary(b"one")}, "user2": binary(b"two")});
    let table: Vec<(Vec<u8>, &str)> = vec![
        (bytes(doc! {"user1": binary(b"one")}), "user2.bin is missing"),
        (bytes(doc! {"user2": binary(b"two")}), "user1.bin is missing"),
        (bytes(doc! {"user1": "one", "user2": binary(b"two")}), "user1 is not binary"),
        (bytes(doc! {"user1": binary(b""), "user2": binary(b"two")}), "user1 is empty"),
        (nested, "user1 is not binary"),
        (
            bytes(doc! {"version": 1, "user1": binary(b"one"), "user2": binary(b"two")}),
            "version is not a short string",
        ),
        (
            bytes(doc! {"version": "1.0", "user1": binary(b"one"), "user2": binary(b"two")}),
            "the version is not semantic",
        ),
        (
            bytes(doc! {"type": "huge", "user1": binary(b"one"), "user2": binary(b"two")}),
            "the type is major, minor or patch",
        ),
        (b"{\"user1\": 1}".to_vec(), "it does not have the length that it declares"),
        (changed(0, 200), "it does not have the length that it declares"),
        (good[..good.len() - 3].to_vec(), "it does not have the length that it declares"),
        ([&good[..], b"x"].concat(), "it does not have the length that it declares"),
        // The length of the first binary.
        (changed(11, 200), "longer than the document"),
        (changed(4, 0x55), "a type that there is not"),
    ];
    for (body, expected) in table {
        let (status, error) = error(&post(&server, "lamp", body));
        assert_eq!((status, error.contains(expected)), (400, true), "{expected}: {error}");
        assert_eq!(files(&server), Vec::<String>::new(), "{expected}");
    }
    assert_eq!(error(&post(&server, "lamp", Vec::new())).0, 400);
    let twice = {
        let two = bytes(doc! {"user1": binary(b"one"), "user1x": binary(b"two")});
        let at = two.windows(7).position(|name| name == b"user1x\0").unwrap();
        // The second name loses its last letter, and the document a byte.
        let mut bytes = [&two[..at + 5], &two[at + 6..]].concat();
        bytes[0] -= 1;
        bytes
    };
    assert_eq!(error(&post(&server, "lamp", twice)), (400, "user1 is there twice".to_owned()));
    assert_eq!(files(&server), Vec::<String>::new());
    assert_eq!(server.client().get("images").body["items"], serde_json::json!([]));
}

#[test]
fn an_answer_may_be_bson() {
    let server = Server::start();
    let mut request = Request::new("POST", "/firmware/lamp/versions");
    request.header("Authentication", &server.token());
    request.header("Accept", "application/json;q=0.5, application/bson");
    let old = Binary { subtype: BinarySubtype::BinaryOld, bytes: digits(10) };
    request.body = doc! {"user1": Bson::Binary(old), "user2": binary(b"two")}.to_vec().unwrap();
    let answer = request.send(server.http());
    assert_eq!((answer.status(), answer.header("content-type")), (201, Some("application/bson")));
    let mut read = Document::from_reader(answer.body.as_slice()).unwrap();
    assert!(matches!(read.remove("timestamp"), Some(Bson::Int64(1_700_000_000..))));
    assert_eq!(read, doc! {"version": "0.0.1", "url": "/firmware/lamp/versions/0.0.1"});
}

#[test]
fn images_over_the_limit_are_refused_before_they_come() {
    let server = Server::with(&[], &[("UPDRAFT_HTTP_UPLOAD_BYTES", "1000")]);
    let sizes = |user1: u64, user2: u64| serde_json::json!({"user1": user1, "user2": user2});
    assert_eq!(upload(&server, "lamp", sizes(500, 501)).status(), 413);
    assert_eq!(upload(&server, "lamp", sizes(100_000, 1)).status(), 413);
    assert_eq!(files(&server), Vec::<String>::new());
    assert_eq!(upload(&server, "lamp", sizes(500, 500)).status(), 201);
    // Equal content is a new version, and one file.
    assert_eq!(upload(&server, "lamp", sizes(500, 500)).status(), 201);
    assert_eq!(
        (files(&server).len(), server.client().get("images").body["items"].as_array().unwrap().len()),
        (1, 2)
    );
}

#[test]
fn an_upload_that_breaks_off_leaves_nothing_and_neither_does_a_crash() {
    let mut server = Server::start();
    let body = doc! {"user1": binary(&digits(300_000)), "user2": binary(&digits(300_000))}.to_vec().unwrap();
    let head = format!(
        "POST /firmware/lamp/versions HTTP/1.1\r\nHost: o\r\nAuthentication: {}\r\nContent-Length: {}\r\n\r\n",
        server.token(),
        body.len()
    );
    let begin = |server: &Server| {
        let mut stream = TcpStream::connect(server.http()).unwrap();
        stream.write_all(head.as_bytes()).unwrap();
        // The whole first image and a part of the second.
        stream.write_all(&body[..450_000]).unwrap();
        eventually("both files", || (files(server).len() == 2).then_some(()));
        stream
    };
    drop(begin(&server));
    eventually("the end of both files", || files(&server).is_empty().then_some(()));
    let half = begin(&server);
    server.kill9();
    drop(half);
    server.resume();
    assert_eq!(files(&server), Vec::<String>::new());
    assert_eq!(server.client().get("images").body["items"], serde_json::json!([]));
    assert_eq!(post(&server, "lamp", body).status(), 201);
}
