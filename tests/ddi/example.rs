//! `device-examples/ddi-shell` against a running server.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::support::{Server, eventually};

/// More than one block of every buffer on the way.
const IMAGE_BYTES: usize = 300_001;

/// A server with a deployment for one device.
struct World {
    server: Server,
    token: String,
    image: Vec<u8>,
}

impl World {
    fn new() -> World {
        let server = Server::start();
        let client = server.client();
        let token = client.add_device("lamp-1", "lamp");
        let image: Vec<u8> = (0..IMAGE_BYTES).map(|n| (n * n / 7 % 251) as u8).collect();
        assert_eq!(client.upload("lamp", "1.0.1", &image).status, 201);
        assert_eq!(client.post("deployments", &json!({"image": 1, "devices": ["lamp-1"]})).status, 201);
        eventually("the action", || client.get("actions").body["items"].get(0).cloned());
        World { server, token, image }
    }

    fn flash(&self) -> PathBuf {
        self.server.home().join("flash")
    }

    fn run(&self, report: &str) -> Output {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("device-examples/ddi-shell/device.sh");
        let mut command = Command::new(script);
        for name in ["http_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"] {
            command.env_remove(name);
        }
        command.arg("--once").env("OTA_SERVER", format!("http://{}", self.server.http()));
        command.env("OTA_DEVICE", "lamp-1").env("OTA_TOKEN", &self.token).env("OTA_REPORT", report);
        command.env("OTA_STATE", self.flash()).output().expect("this test needs bash, curl, jq and coreutils")
    }

    /// The state of the only action, and what its history is about.
    fn action(&self) -> (String, Vec<String>) {
        let found = self.server.client().get("actions/1").body;
        let notes = found["history"].as_array().unwrap().iter();
        let notes = notes.map(|entry| entry["note"].as_str().unwrap().to_owned()).collect();
        (found["state"].as_str().unwrap().to_owned(), notes)
    }

    fn running(&self) -> Option<Vec<u8>> {
        let link = fs::read_link(self.flash().join("running")).ok()?;
        let image = link.to_str().unwrap().strip_suffix(".version").unwrap().to_owned();
        Some(fs::read(self.flash().join(image)).unwrap())
    }
}

#[test]
fn a_device_in_shell_is_updated_and_its_word_or_its_version_ends_the_action() {
    let begun = ["created", "told", "retrieved", "download", "fetching"];
    let said = [begun.as_slice(), &["downloaded", "proceeding", "closed: success"]].concat();
    for (report, last) in [("no", None), ("yes", Some("reported"))] {
        let world = World::new();
        let output = world.run(report);
        assert!(output.status.success(), "{output:?}");
        let expected: Vec<String> = said.iter().copied().chain(last).map(str::to_owned).collect();
        assert_eq!(world.action(), ("succeeded".to_owned(), expected));
        assert_eq!(world.running().as_ref(), Some(&world.image));
        let device: Value = world.server.client().get("devices/lamp-1").body;
        assert!(device["named_attributes"]["kernel"].is_string(), "{device}");
    }
}

#[test]
fn an_image_with_a_wrong_sum_is_refused() {
    let world = World::new();
    let found = world.server.client().get("images/1").body;
    let sum = found["artifacts"][0]["sha256"].as_str().unwrap().to_owned();
    let file = world.server.data().join("artifacts").join(&sum[..2]).join(&sum);
    let mut bytes = world.image.clone();
    bytes[IMAGE_BYTES / 2] ^= 1;
    fs::remove_file(&file).unwrap();
    fs::write(file, bytes).unwrap();
    assert_eq!(world.run("no").status.code(), Some(1));
    assert_eq!((world.action().0.as_str(), world.running()), ("failed", None));
}

#[test]
fn a_cancel_is_confirmed() {
    let world = World::new();
    let client = world.server.client();
    // It is told before it comes, so that the cancel waits for it.
    let mut poll = crate::wire::Request::new("GET", "/default/controller/v1/lamp-1");
    poll.header("Authorization", &format!("TargetToken {}", world.token));
    assert_eq!(poll.send(world.server.http()).status(), 200);
    assert_eq!(client.post("actions/1/cancel", &json!({"force": false})).status, 200);
    let output = world.run("no");
    assert!(output.status.success(), "{output:?}");
    let notes = ["created", "told", "cancel-asked", "to the cancel: closed: success"];
    assert_eq!(world.action(), ("cancelled".to_owned(), notes.map(str::to_owned).to_vec()));
    assert_eq!(world.running(), None);
}
