//! A device that updates itself with updraft: the whole walk in one file. The environment says who it is:
//! `OTA_DEVICE=lamp-1 OTA_TOKEN=... cargo run -- --once`, and if need be OTA_SERVER (host:port of the MQTT door),
//! OTA_TENANT, OTA_PRODUCT, OTA_VERSION (what the factory installed) and OTA_STATE (the "flash", a folder).
//! It says hello, fetches what `desired` names by HTTP (a broken or stalled download goes on where it was, also
//! after a restart), checks size and sum, swaps its slots, reboots, and says hello with the new version: only that
//! ends the action. With `--once` it ends when nothing is left to do, with 1 if the last update failed. See topics.md.

use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver};
use std::thread::{self, sleep};
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result, bail, ensure};
use rumqttc::{
    Client, ConnectionError, Event, MqttOptions, Outgoing, Packet, QoS::AtLeastOnce, SubscribeFilter,
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// The application; attribute 2003 is its version.
const FIRMWARE_TYPE: u16 = 3;
/// Attempts at a download, how long it may stall, and the pause before the next attempt.
const TRIES: u32 = 20;
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_secs(1);

/// One boot. The flash is a folder with the slots `a.bin` and `b.bin`, of which the running one is never written
/// to, and `state.json`, which says which one runs and what it is.
struct Device {
    flash: PathBuf,
    root: String,
    boot: String,
    seq: u64,
    client: Client,
    events: Receiver<Result<Event, ConnectionError>>,
    last_cancelled: Value,
}

fn main() -> Result<()> {
    while Device::boot()?.live()? {}
    Ok(())
}

fn setting(name: &str, default: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| default.to_owned())
}

impl Device {
    fn boot() -> Result<Device> {
        let (id, tenant) = (setting("OTA_DEVICE", ""), setting("OTA_TENANT", "default"));
        let (server, root) = (setting("OTA_SERVER", "127.0.0.1:1883"), format!("ota/v1/{tenant}/d/{id}/"));
        let (host, port) = server.rsplit_once(':').context("OTA_SERVER is host:port")?;
        let mut options = MqttOptions::new(&id, host, port.parse()?);
        options.set_credentials(format!("{tenant}/{id}"), setting("OTA_TOKEN", ""));
        let ((client, mut connection), (sender, events)) = (Client::new(options, 16), mpsc::channel());
        // The iterator connects again when the connection breaks. It ends with the boot, which drops `events`.
        thread::spawn(move || {
            connection.iter().all(|event| {
                sleep(if event.is_err() { PAUSE } else { Duration::ZERO });
                sender.send(event).is_ok()
            })
        });
        let boot = format!("{:x}", SystemTime::UNIX_EPOCH.elapsed()?.as_millis());
        let flash = PathBuf::from(setting("OTA_STATE", "device-state"));
        fs::create_dir_all(&flash)?;
        Ok(Device { flash, root, boot, seq: 0, client, events, last_cancelled: Value::Null })
    }

    /// Lives until the device has to start anew (true), or until there is nothing left to do (false).
    fn live(mut self) -> Result<bool> {
        println!("boot {}, running {}", self.boot, self.state()["version"]);
        let (once, mut newest, mut failed) = (std::env::args().any(|arg| arg == "--once"), None, false);
        let reboot = loop {
            let desired = self.attend(self.events.recv()?)?.filter(|new| new["seq"].as_u64() > newest);
            let Some(desired) = desired else { continue };
            newest = desired["seq"].as_u64();
            let mut components = desired["comps"].as_array().into_iter().flatten();
            let Some(component) = components.find(|component| component["type"] == FIRMWARE_TYPE) else {
                if once { break false } else { continue }
            };
            let Err(error) = self.install(component) else { break true };
            if self.last_cancelled != component["action"] {
                failed = true;
                self.feedback(&component["action"], "closed", "failure", &error.to_string())?;
            }
        };
        self.client.disconnect()?;
        // What was said before goes out first.
        while !matches!(self.events.recv()?, Err(_) | Ok(Event::Outgoing(Outgoing::Disconnect))) {}
        ensure!(reboot || !failed, "the last update has failed");
        Ok(reboot)
    }

    /// Does what has to be done at any time. What the device should run is handed on.
    fn attend(&mut self, event: Result<Event, ConnectionError>) -> Result<Option<Value>> {
        let message = match event {
            Ok(Event::Incoming(Packet::Publish(message))) => message,
            Ok(Event::Incoming(Packet::ConnAck(_))) => return self.hello().map(|()| None),
            Err(ConnectionError::ConnectionRefused(code)) => bail!("the server refuses: {code:?}"),
            Ok(_) | Err(_) => return Ok(None),
        };
        let content: Value = serde_json::from_slice(&message.payload)?;
        match (message.topic.trim_start_matches(&self.root), content["cmd"].as_str()) {
            ("desired", _) => return Ok(Some(content)),
            ("ack", _) if content["status"] == "rejected" => println!("not taken: {content}"),
            ("cmd", Some("report")) => self.hello()?,
            ("cmd", Some("cancel")) => {
                self.last_cancelled = content["action"].clone();
                self.feedback(&content["action"], "canceled", "none", "")?;
            }
            _ => {}
        }
        Ok(None)
    }

    /// Who the device is and what it runs: after every connect, and whenever the server asks.
    fn hello(&mut self) -> Result<()> {
        let filter = |leaf| SubscribeFilter::new(format!("{}{leaf}", self.root), AtLeastOnce);
        self.client.subscribe_many(["ack", "desired", "cmd"].map(filter))?;
        self.seq += 1;
        let who = json!({
            "seq": self.seq, "boot": self.boot, "product": setting("OTA_PRODUCT", "lamp"),
            "caps": {"types": [FIRMWARE_TYPE], "formats": ["json"], "verify": ["sha256"]},
            "attrs": {"2003": self.state()["version"]},
        });
        Ok(self.client.publish(format!("{}hello", self.root), AtLeastOnce, false, who.to_string())?)
    }

    /// Tells how an action goes. Should the connection break before the PUBACK, the next `hello` makes it good.
    fn feedback(&self, action: &Value, execution: &str, finished: &str, detail: &str) -> Result<()> {
        println!("action {action}: {execution} {finished} {detail}");
        let topic = format!("{}fb/{action}", self.root);
        let status = json!({"execution": execution, "result": {"finished": finished}, "details": [detail]});
        Ok(self.client.publish(topic, AtLeastOnce, false, json!({"status": status}).to_string())?)
    }

    /// Fetches an image, checks it, and makes it the running one: with the last rename, and not before.
    fn install(&mut self, component: &Value) -> Result<()> {
        let (action, sum) = (&component["action"], component["sha256"].as_str().context("no sha256")?);
        self.feedback(action, "download", "none", "")?;
        // Named by its sum, so that a later attempt goes on with the right one.
        let part = self.flash.join(format!("{sum}.part"));
        self.fetch(component, &part)?;
        self.feedback(action, "downloaded", "none", "")?;
        let image = fs::read(&part)?;
        let found: String = Sha256::digest(&image).iter().map(|byte| format!("{byte:02x}")).collect();
        if component["size"] != image.len() || found != sum {
            fs::remove_file(&part)?;
            bail!("the image is not the one with sha256 {sum}");
        }
        self.feedback(action, "proceeding", "none", "installing")?;
        let slot = if self.state()["slot"] == "a" { "b" } else { "a" };
        fs::rename(&part, self.flash.join(format!("{slot}.bin")))?;
        let version = json!({"number": component["number"], "version": component["version"]});
        let next = self.flash.join("state.new");
        fs::write(&next, json!({"slot": slot, "version": version}).to_string())?;
        File::open(&next)?.sync_all()?;
        fs::rename(&next, self.flash.join("state.json"))?;
        File::open(&self.flash)?.sync_all()?;
        self.feedback(action, "closed", "success", "")
    }

    /// What `state.json` says, or what the factory did.
    fn state(&self) -> Value {
        let factory = json!({"slot": "a", "version": setting("OTA_VERSION", "1.0.0")});
        let read = fs::read(self.flash.join("state.json")).unwrap_or_default();
        serde_json::from_slice(&read).unwrap_or(factory)
    }

    /// Fetches what is missing of the image, until nothing is.
    fn fetch(&mut self, component: &Value, part: &Path) -> Result<()> {
        let (url, size) = (component["url"].as_str().context("a url")?, component["size"].as_u64());
        let mut file = OpenOptions::new().create(true).append(true).open(part)?;
        for _ in 0..TRIES {
            let have = file.metadata()?.len();
            if Some(have) >= size {
                return Ok(file.sync_all()?);
            }
            println!("fetching from byte {have}");
            let request = ureq::get(url).config().timeout_per_read(Some(PATIENCE)).build();
            let request = request.header("authorization", format!("Bearer {}", setting("OTA_TOKEN", "")));
            if let Ok(mut answer) = request.header("range", format!("bytes={have}-")).call() {
                ensure!(answer.status() == 206, "asked for a range, got {}", answer.status());
                let (mut body, mut block) = (answer.body_mut().as_reader(), [0; 4 << 10]);
                while let Ok(read @ 1..) = body.read(&mut block) {
                    file.write_all(&block[..read])?;
                    while let Ok(event) = self.events.try_recv() {
                        self.attend(event)?;
                        ensure!(self.last_cancelled != component["action"], "called off");
                    }
                }
            }
            sleep(PAUSE);
        }
        bail!("the image cannot be fetched")
    }
}
