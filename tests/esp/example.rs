//! `device-examples/esp8266`: the part of the sketch that reads answers, built for this machine.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::json;

use crate::device::ask;
use crate::support::Server;
use crate::uploads::upload;

/// Builds the check with the compiler's own checks on.
fn built(folder: &Path) -> PathBuf {
    let sketch = Path::new(env!("CARGO_MANIFEST_DIR")).join("device-examples/esp8266");
    let check = folder.join("check");
    let mut compiler = Command::new("c++");
    compiler.args(["-std=c++17", "-Wall", "-Wextra", "-Werror", "-fsanitize=undefined,address", "-o"]);
    let done = compiler.arg(&check).arg(sketch.join("check.cpp")).status();
    assert!(
        done.as_ref().is_ok_and(|status| status.success()),
        "this test needs a C++ compiler: `apt-get install g++`, or run .ci/run: {done:?}"
    );
    check
}

/// What a device that runs `version` makes of an answer.
fn reads(check: &Path, version: &str, answer: &str) -> String {
    let mut child =
        Command::new(check).arg(version).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(answer.as_bytes()).unwrap();
    String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap()
}

#[test]
fn the_sketch_reads_what_the_server_answers() {
    let folder = tempfile::tempdir().unwrap();
    let check = built(folder.path());
    let table = Command::new(&check).output().unwrap();
    assert!(table.status.success(), "{table:?}");
    let server = Server::start();
    let poll = |app: &str, version: &str| {
        let head = format!("GET /firmware/{app}/versions HTTP/1.0\r\nHost: 10.0.0.1:8080\r\nuuid: esp-1\r\n");
        reads(&check, version, &ask(server.http(), &format!("{head}version: {version}\r\n\r\n")))
    };
    assert_eq!(poll("lamp", "1.0.0"), "unreadable\n");
    assert_eq!(upload(&server, "lamp", json!({"version": "1.0.1", "user1": 10, "user2": 20})).status(), 201);
    assert_eq!(poll("lamp", "1.0.0"), "1.0.1 10.0.0.1:8080/firmware/lamp/versions/1.0.1\n");
    assert_eq!(poll("lamp", "1.0.1"), "current\n");
    assert_eq!(poll("lamp", "0.255.255"), "1.0.1 10.0.0.1:8080/firmware/lamp/versions/1.0.1\n");
}
