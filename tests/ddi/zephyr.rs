//! What Zephyr's `subsys/mgmt/hawkbit` takes and no more: small buffers, fixed places in links, HTTP by its own reader.
//!
//! Versions up to 4.0 ask for `/default/...` and look for `/DEFAULT/...` in the links to files, because hawkBit
//! spells tenants in capitals.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::support::{Server, eventually};

/// `RECV_BUFFER_SIZE`: what it reads at once.
const RECEIVE: usize = 640;
/// `RESPONSE_BUFFER_SIZE`, with the NUL behind the text: a longer body needs memory that there may not be.
const BODY_MAX: usize = 1100 - 1;
/// `DEPLOYMENT_BASE_SIZE` and `CANCEL_BASE_SIZE`, with the NUL.
const TAIL_MAX: usize = 50 - 1;
/// `DOWNLOAD_HTTP_SIZE`, with the NUL.
const DOWNLOAD_MAX: usize = 200 - 1;
/// `CONFIG_BOARD` and sixteen hexadecimal digits, as long as boards are.
const DEVICE: &str = "nucleo_h743zi2_stm32h743xx_m7-0011223344556677";
const FILE: &str = "zephyr-1.0.1-signed-confirmed.bin";

#[derive(Deserialize)]
struct Base {
    config: Config,
    #[serde(rename = "_links")]
    links: Links,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    polling: Polling,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Polling {
    sleep: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Links {
    deployment_base: Option<Href>,
    cancel_action: Option<Href>,
    config_data: Option<Href>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Href {
    href: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Resource {
    id: String,
    deployment: Deployment,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Deployment {
    download: String,
    update: String,
    /// Its array has room for one.
    chunks: [Chunk; 1],
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Chunk {
    part: String,
    #[serde(rename = "version")]
    _version: String,
    #[serde(rename = "name")]
    _name: String,
    artifacts: [Artifact; 1],
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Artifact {
    filename: String,
    hashes: Hashes,
    size: i32,
    #[serde(rename = "_links")]
    links: Files,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Hashes {
    #[serde(rename = "sha1")]
    _sha1: String,
    #[serde(rename = "md5")]
    _md5: String,
    sha256: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Files {
    download_http: Href,
    #[serde(rename = "md5sum-http")]
    _md5sum_http: Href,
}

/// A device that keeps one connection for all that it asks.
struct Device {
    stream: TcpStream,
    /// `/default/controller/v1/<device>`
    root: String,
    head: String,
}

impl Device {
    fn new(server: &Server, tenant: &str, token: &str) -> Device {
        let stream = TcpStream::connect(server.http()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let head = format!("Host: {}\r\nAuthorization: TargetToken {token}\r\n", server.http());
        Device { stream, root: format!("/{tenant}/controller/v1/{DEVICE}"), head }
    }

    /// Sends a request and returns the body of the answer, which must be as long as announced.
    fn ask(&mut self, method: &str, path: &str, body: &str) -> Vec<u8> {
        let mut request = format!("{method} {path} HTTP/1.1\r\n{}", self.head);
        if !body.is_empty() {
            let length = body.len();
            request += "Content-Type: application/json;charset=UTF-8\r\n";
            request += &format!("Content-Length: {length}\r\n");
        }
        self.stream.write_all(format!("{request}\r\n{body}").as_bytes()).unwrap();
        let (head, mut found) = self.head_of_answer();
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap();
        assert_eq!(status.split(' ').nth(1), Some("200"), "{method} {path}: {status}");
        let fields: Vec<(String, &str)> = lines
            .map(|line| line.split_once(": ").unwrap())
            .map(|(name, value)| (name.to_lowercase(), value))
            .filter(|(name, _)| ["content-length", "transfer-encoding"].contains(&name.as_str()))
            .collect();
        // Exactly one length, and nothing chunked.
        let [(name, length)] = fields.as_slice() else { panic!("{head}") };
        assert_eq!(name, "content-length", "{head}");
        let length: usize = length.parse().unwrap();
        while found.len() < length {
            let mut part = [0; RECEIVE];
            let read = self.stream.read(&mut part).unwrap();
            assert!(read > 0, "{} bytes of {length}", found.len());
            found.extend_from_slice(&part[..read]);
        }
        assert_eq!(found.len(), length, "more than announced");
        found
    }

    /// The head of the next answer, and what came behind it.
    fn head_of_answer(&mut self) -> (String, Vec<u8>) {
        let mut found = Vec::new();
        loop {
            if let Some(end) = found.windows(4).position(|four| four == b"\r\n\r\n") {
                let rest = found.split_off(end + 4);
                return (String::from_utf8(found[..end].to_vec()).unwrap(), rest);
            }
            let mut part = [0; RECEIVE];
            let read = self.stream.read(&mut part).unwrap();
            assert!(read > 0, "the connection ends in a head");
            found.extend_from_slice(&part[..read]);
        }
    }

    /// Reads a body as its JSON library does.
    fn json(&mut self, path: &str) -> Vec<u8> {
        let body = self.ask("GET", path, "");
        assert!(body.len() <= BODY_MAX, "{} bytes", body.len());
        assert!(is_compact(&body), "{}", String::from_utf8_lossy(&body));
        body
    }

    fn poll(&mut self) -> Base {
        let base: Base = serde_json::from_slice(&self.json(&self.root.clone())).unwrap();
        // strlen(sleep) != HAWKBIT_SLEEP_LENGTH
        assert_eq!(base.config.polling.sleep.len(), 8);
        base
    }

    /// What it keeps of a link: from the resource's name on. The longest id has nine digits more than ours, and a
    /// hash may have ten signs more than one.
    fn tail(href: &Href, resource: &str) -> String {
        let tail = href.href[href.href.find(resource).unwrap()..].to_owned();
        let longest = tail.len() + 9 + if tail.contains('?') { 10 } else { 0 };
        assert!(longest <= TAIL_MAX, "{tail}");
        tail
    }
}

/// Whether there are no blanks outside of texts. There is no text with a quote in it here.
fn is_compact(json: &[u8]) -> bool {
    let outside = json.split(|byte| *byte == b'"').step_by(2);
    outside.flatten().all(|byte| !byte.is_ascii_whitespace())
}

/// A server with the device and an image for it; what is in the image.
fn world() -> (Server, String, Vec<u8>) {
    let server = Server::start();
    let token = server.client().add_device(DEVICE, "lamp");
    let image: Vec<u8> = (0..100_003_u32).map(|n| (n * 7 % 251) as u8).collect();
    let path = format!("/api/v1/images?product=lamp&type=3&version=1.0.1&name={FILE}");
    let mut request = crate::wire::Request::new("POST", &path);
    request.header("Authorization", &format!("Bearer {}", server.token()));
    request.header("Content-Type", "application/octet-stream");
    request.body = image.clone();
    assert_eq!(request.send(server.http()).status(), 201);
    let client = server.client();
    assert_eq!(client.post("deployments", &json!({"image": 1, "devices": [DEVICE]})).status, 201);
    eventually("the action", || client.get("actions").body["items"].get(0).cloned());
    (server, token, image)
}

#[test]
fn zephyr_is_updated_whichever_way_it_spells_its_tenant() {
    for tenant in ["default", "DEFAULT"] {
        let (server, token, image) = world();
        let mut device = Device::new(&server, tenant, &token);
        let base = device.poll();
        assert!(base.links.config_data.is_some());
        let (path, data) = (format!("{}/configData", device.root), json!({"VIN": DEVICE, "hwRevision": "3"}));
        let status = json!({"execution": "closed", "result": {"finished": "success"}});
        let attributes = json!({"mode": "merge", "data": data, "id": "", "time": "", "status": status});
        assert_eq!(device.ask("PUT", &path, &attributes.to_string()), b"");
        let tail = Device::tail(&base.links.deployment_base.unwrap(), "deploymentBase/");
        let path = format!("{}/{tail}", device.root);
        let found: Resource = serde_json::from_slice(&device.json(&path)).unwrap();
        let [chunk] = found.deployment.chunks;
        let [file] = chunk.artifacts;
        let said = [&found.deployment.download, &found.deployment.update, &chunk.part, &file.filename];
        assert_eq!(said, ["forced", "forced", "bApp", FILE]);
        assert_eq!(usize::try_from(file.size).unwrap(), image.len());
        let href = &file.links.download_http.href;
        let download = &href[href.find("/DEFAULT/controller/v1").expect("a tenant in capitals")..];
        assert!(download.len() <= DOWNLOAD_MAX, "{download}");
        let bytes = device.ask("GET", download, "");
        let sum: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!((bytes == image, sum), (true, file.hashes.sha256));
        let path = format!("{}/deploymentBase/{}/feedback", device.root, found.id);
        assert_eq!(device.ask("POST", &path, &json!({"id": found.id, "status": status}).to_string()), b"");
        assert_eq!(server.client().get("actions/1").body["state"], "succeeded");
        let kept = server.client().get(&format!("devices/{DEVICE}")).body["named_attributes"].clone();
        assert_eq!(kept, data);
        let base = device.poll();
        // After each success attributes are asked for anew.
        assert!(base.links.deployment_base.is_none() && base.links.config_data.is_some());
    }
}

#[test]
fn zephyr_confirms_a_cancel_with_an_empty_time() {
    let (server, token, _) = world();
    let mut device = Device::new(&server, "default", &token);
    assert!(device.poll().links.deployment_base.is_some());
    let done = server.client().post("actions/1/cancel", &json!({"force": false}));
    assert_eq!(done.status, 200, "{done:?}");
    let base = device.poll();
    assert!(base.links.deployment_base.is_none());
    let tail = Device::tail(&base.links.cancel_action.unwrap(), "cancelAction/");
    let status = json!({"execution": "closed", "result": {"finished": "success"}});
    let body = json!({"id": "1", "time": "", "status": status}).to_string();
    let path = format!("{}/{tail}/feedback", device.root);
    assert_eq!(device.ask("POST", &path, &body), b"");
    assert_eq!(server.client().get("actions/1").body["state"], "cancelled");
}
