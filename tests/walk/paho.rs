//! The walk as a device on paho-mqtt goes it, in both versions of MQTT and both formats of payloads.

use std::process::Command;

use serde_json::{Value, json};

use super::support::Server;
use super::{action, entry, firmware, offer};

/// What the script prints.
fn walk(server: &Server, device: &str, version: &str, format: &str) -> Value {
    let token = server.client().add_device(device, "lamp");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients/device.py");
    let port = server.mqtt().port().to_string();
    let arguments = [script, "127.0.0.1", &port, device, &token, version, format];
    let output = Command::new("python3").args(arguments).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{device}: {error}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// All that the device heard of its update to `image`, and all that the server wrote down about it.
fn check(server: &Server, image: &Value, number: u32, version: &str, format: &str) {
    let device = format!("lamp-{number}");
    let mut told = walk(server, &device, version, format);
    let artifact = &image["artifacts"][0];
    // The moments at which things expire; the same for the hint and for the truth.
    let expires = told["desired"]["exp"].as_u64().unwrap();
    assert_eq!(told["cmd"]["deadline"], told["desired"]["exp"]);
    assert!(told["after"]["exp"].as_u64().unwrap() >= expires);
    told["after"]["exp"] = expires.into();
    let stored = |leaf: &str| json!({"status": "stored", "topic": leaf});
    let feedback = stored(&format!("fb/{number}"));
    let hello = json!({"seq": 1, "status": "stored"});
    // Numbers are text in JSON, which cannot carry them all, and integers in CBOR.
    let image_number = if format == "json" { json!("1") } else { json!(1) };
    let sha256 = artifact["sha256"].as_str().unwrap();
    let component = json!({
        "type": 3, "number": image_number, "version": "1.0.1", "size": artifact["size"], "sha256": sha256,
        "sha1": artifact["sha1"], "md5": artifact["md5"], "chunk": 4096, "file": artifact["id"],
        "url": format!("http://{}/artifacts/{sha256}", server.http()), "action": number, "name": "firmware.bin",
    });
    let command = json!({
        "id": number, "cmd": "deploy", "action": number, "attempt": 1, "deadline": expires, "mode": "forced",
    });
    let expected = json!({
        "present": [false, false],
        "acks": [hello, feedback, feedback, feedback, feedback, hello],
        "desired": {"seq": 1, "exp": expires, "comps": [component]},
        "cmd": command,
        "after": {"seq": 2, "exp": expires, "comps": []},
    });
    assert_eq!(told, expected, "{device}");
    let history = [
        entry("offered", "created", &[]),
        entry("accepted", "proceeding", &["I say proceeding"]),
        entry("downloading", "download", &["I say download"]),
        entry("downloaded", "downloaded", &["I say downloaded"]),
        entry("verifying", "closed: success", &["I say closed"]),
        entry("succeeded", "reported", &[]),
    ];
    let expected = json!({
        "id": number, "device": device, "target": {"image": 1},
        "components": [{"type": 3, "image": 1, "number": "1", "version": "1.0.1"}],
        "origin": "offer", "state": "succeeded", "done": true, "warning": false, "cancelling": false,
        "attempt": 1, "history": history,
    });
    assert_eq!(action(server, number), expected);
}

#[test]
fn a_paho_device_is_updated_in_both_versions_and_both_formats() {
    let server = Server::start();
    let image = offer(&server, "lamp", "1.0.1", &firmware(1, 50_001));
    let cases = [("3.1.1", "json"), ("3.1.1", "cbor"), ("5", "json"), ("5", "cbor")];
    for (number, (version, format)) in (1..).zip(cases) {
        check(&server, &image, number, version, format);
    }
}
