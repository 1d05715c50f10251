//! The devices of `device-examples`, each against a running server: updated byte for byte, also when the download
//! breaks; never with a wrong image; and called off in the middle.
#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use support::{Server, eventually};

/// Two thirds of it come before the first break; long enough for blocks, buffers and ranges to matter.
const IMAGE_BYTES: usize = 900_001;
/// Where the first download breaks.
const BREAK: usize = 600_000;
/// The variables with which people send HTTP through a proxy, which is not the way to this machine.
const PROXIES: [&str; 6] =
    ["http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"];

/// A device of `device-examples`.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Example {
    /// Blocks over MQTT.
    Python,
    Shell,
    Rust,
}

const ALL: [Example; 3] = [Example::Python, Example::Shell, Example::Rust];
const OVER_HTTP: [Example; 2] = [Example::Shell, Example::Rust];

#[test]
fn every_example_is_updated_byte_for_byte() {
    for example in ALL {
        let world = World::new(Fault::None);
        let mut device = world.start(example);
        assert_eq!(ended(&mut device).code(), Some(0), "{example:?}");
        assert_eq!(world.action(), ended_as("succeeded"), "{example:?}");
        assert_eq!(running(example, &world.flash()), Some(world.image.clone()), "{example:?}");
    }
}

#[test]
fn a_broken_download_goes_on_where_it_broke() {
    for example in OVER_HTTP {
        let world = World::new(Fault::Break);
        let mut device = world.start(example);
        assert_eq!(ended(&mut device).code(), Some(0), "{example:?}");
        assert_eq!(running(example, &world.flash()), Some(world.image.clone()), "{example:?}");
        let asked = world.proxy.ranges.lock().unwrap().clone();
        let resumed: Vec<usize> = asked.iter().skip(1).map(|range| first_byte(range.as_deref())).collect();
        assert!(matches!(resumed[..], [at] if (1..=BREAK).contains(&at)), "{example:?} asked for {asked:?}");
    }
}

#[test]
fn a_stalled_download_goes_on_where_it_stalled() {
    let world = World::new(Fault::Stall);
    let mut device = world.start(Example::Rust);
    assert_eq!(ended(&mut device).code(), Some(0));
    assert_eq!(running(Example::Rust, &world.flash()), Some(world.image.clone()));
    let asked = world.proxy.ranges.lock().unwrap().clone();
    let resumed: Vec<usize> = asked.iter().skip(1).map(|range| first_byte(range.as_deref())).collect();
    assert!(matches!(resumed[..], [at] if (1..=BREAK).contains(&at)), "asked for {asked:?}");
}

#[test]
fn blocks_that_came_before_the_connection_broke_are_not_asked_for_again() {
    let world = World::new(Fault::Break);
    let mut device = world.start(Example::Python);
    assert_eq!(ended(&mut device).code(), Some(0));
    assert_eq!(running(Example::Python, &world.flash()), Some(world.image.clone()));
    let carried = world.mqtt.carried.load(Ordering::SeqCst);
    assert!((IMAGE_BYTES..IMAGE_BYTES + BREAK).contains(&carried), "{carried} bytes for {IMAGE_BYTES}");
}

#[test]
fn an_image_with_a_wrong_sum_is_refused() {
    for example in ALL {
        let world = World::new(Fault::None);
        world.spoil_artifact();
        let mut device = world.start(example);
        assert_eq!(ended(&mut device).code(), Some(1), "{example:?}");
        let failed = json!({"state": "failed", "reason": "reported by the device"});
        assert_eq!(world.action(), failed, "{example:?}");
        assert_eq!(running(example, &world.flash()), None, "{example:?}");
    }
}

#[test]
fn a_download_that_is_called_off_is_cancelled_by_the_device() {
    for example in ALL {
        let world = World::new(Fault::Trickle);
        let mut device = world.start(example);
        eventually("the download", || world.downloading(example).then_some(()));
        let client = world.server.client();
        let id = client.get("actions").body["items"][0]["id"].clone();
        assert_eq!(client.post(&format!("actions/{id}/cancel"), &json!({"force": false})).status, 200);
        assert_eq!(ended(&mut device).code(), Some(0), "{example:?}");
        assert_eq!(world.action(), ended_as("cancelled"), "{example:?}");
        assert_eq!(running(example, &world.flash()), None, "{example:?}");
    }
}

fn ended_as(state: &str) -> Value {
    json!({"state": state, "reason": null})
}

/// A server with a device, an image for it, and a deployment that waits for it to come.
struct World {
    server: Server,
    proxy: Proxy,
    mqtt: Wire,
    token: String,
    image: Vec<u8>,
}

impl World {
    fn new(fault: Fault) -> World {
        let proxy = Proxy::start(fault);
        let server = Server::with(&[], &[("UPDRAFT_HTTP_PUBLIC_URL", &format!("http://{}", proxy.address))]);
        proxy.target.set(server.http()).unwrap();
        let mqtt = Wire::start(fault, server.mqtt());
        let client = server.client();
        let token = client.add_device("lamp-1", "lamp");
        let image: Vec<u8> = (0..IMAGE_BYTES).map(|n| (n * n / 7 % 251) as u8).collect();
        assert_eq!(client.upload("lamp", "1.0.1", &image).status, 201);
        assert_eq!(client.post("deployments", &json!({"image": 1, "devices": ["lamp-1"]})).status, 201);
        eventually("the action", || client.get("actions").body["items"].get(0).cloned());
        World { server, proxy, mqtt, token, image }
    }

    fn flash(&self) -> PathBuf {
        self.server.home().join("flash")
    }

    fn start(&self, example: Example) -> Device {
        let mut command = example.command();
        for name in PROXIES {
            command.env_remove(name);
        }
        command
            .arg("--once")
            .env("OTA_SERVER", self.mqtt.address.to_string())
            .env("OTA_DEVICE", "lamp-1")
            .env("OTA_TOKEN", &self.token)
            .env("OTA_STATE", self.flash())
            .stdin(Stdio::null());
        Device(command.spawn().unwrap())
    }

    /// Whether a part of the image is on its way.
    fn downloading(&self, example: Example) -> bool {
        match example {
            Example::Python => self.mqtt.carried.load(Ordering::SeqCst) > IMAGE_BYTES / 10,
            Example::Shell | Example::Rust => !self.proxy.ranges.lock().unwrap().is_empty(),
        }
    }

    /// Where the only action stands.
    fn action(&self) -> Value {
        let actions = self.server.client().get("actions").body;
        let items = actions["items"].as_array().unwrap();
        assert_eq!(items.len(), 1, "{actions}");
        json!({"state": items[0]["state"], "reason": items[0].get("reason")})
    }

    /// Changes a byte of the file behind the server's back, as a dying disk would.
    fn spoil_artifact(&self) {
        let images = self.server.client().get("images/1").body;
        let sum = images["artifacts"][0]["sha256"].as_str().unwrap().to_owned();
        let mut bytes = self.image.clone();
        bytes[IMAGE_BYTES / 2] ^= 1;
        let file = self.server.data().join("artifacts").join(&sum[..2]).join(&sum);
        fs::remove_file(&file).unwrap();
        fs::write(file, bytes).unwrap();
    }
}

/// A device's process. Dropping it kills it.
struct Device(Child);

impl Drop for Device {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to kill.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn ended(device: &mut Device) -> ExitStatus {
    eventually("the device's end", || device.0.try_wait().unwrap())
}

impl Example {
    fn command(self) -> Command {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("device-examples");
        match self {
            Example::Python => {
                let mut command = Command::new(python());
                command.arg(root.join("python/device.py"));
                command
            }
            Example::Shell => {
                for tool in ["bash", "mosquitto_pub", "mosquitto_rr", "curl", "jq", "sha256sum"] {
                    need(Command::new(tool).arg("--help"), tool);
                }
                Command::new(root.join("shell/device.sh"))
            }
            Example::Rust => Command::new(rust()),
        }
    }
}

fn need(command: &mut Command, what: &str) {
    let started = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    assert!(
        started.is_ok(),
        "this test needs {what}: `apt-get install bash mosquitto-clients curl jq coreutils`, or run .ci/run"
    );
}

/// The Python that has paho-mqtt.
fn python() -> String {
    let python = std::env::var("UPDRAFT_PYTHON").unwrap_or_else(|_| "python3".into());
    let check = ["-c", "from paho.mqtt.client import CallbackAPIVersion"];
    let found = Command::new(&python).args(check).stderr(Stdio::null()).status();
    assert!(
        found.is_ok_and(|status| status.success()),
        "this test needs paho-mqtt 2 for {python}: `python3 -m venv target/python && target/python/bin/pip install \
         'paho-mqtt>=2'`, then set UPDRAFT_PYTHON to the path of target/python/bin/python, or run .ci/run"
    );
    python
}

/// The Rust example, built once.
fn rust() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let build = || {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("device-examples");
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("device-examples/rust/Cargo.toml");
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.args(["build", "--locked", "--quiet", "--manifest-path"]).arg(manifest);
        cargo.arg("--target-dir").arg(&target);
        assert!(cargo.status().unwrap().success(), "device-examples/rust does not build");
        target.join("debug/updraft-device")
    };
    BUILT.get_or_init(build).clone()
}

/// The image that the device runs, or none while it runs the factory's.
fn running(example: Example, flash: &Path) -> Option<Vec<u8>> {
    let image = match example {
        Example::Python => record(&flash.join("running.json"))?["image"].as_str()?.to_owned(),
        Example::Rust => format!("{}.bin", record(&flash.join("state.json"))?["slot"].as_str()?),
        Example::Shell => {
            let link = fs::read_link(flash.join("running")).ok()?;
            link.to_str().unwrap().strip_suffix(".version").unwrap().to_owned()
        }
    };
    Some(fs::read(flash.join(image)).unwrap())
}

fn record(file: &Path) -> Option<Value> {
    serde_json::from_slice(&fs::read(file).ok()?).ok()
}

/// What the way to the server does to a download.
#[derive(Debug, Clone, Copy)]
enum Fault {
    None,
    /// The first answer, or the first connection, ends after [`BREAK`] bytes.
    Break,
    /// The first answer stalls after [`BREAK`] bytes.
    Stall,
    /// Bytes come a few at a time, so that an image takes long.
    Trickle,
}

/// The way from devices to the server's HTTP door; it carries one request for each connection.
struct Proxy {
    address: SocketAddr,
    /// Known when the server has been started with the proxy's address as its own.
    target: Arc<OnceLock<SocketAddr>>,
    /// The `Range` of each request.
    ranges: Arc<Mutex<Vec<Option<String>>>>,
}

impl Proxy {
    fn start(fault: Fault) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let proxy = Proxy { address, target: Arc::default(), ranges: Arc::default() };
        let (target, ranges) = (Arc::clone(&proxy.target), Arc::clone(&proxy.ranges));
        // The thread waits in `accept` until the test's process ends.
        thread::spawn(move || {
            for client in listener.incoming() {
                let (client, target) = (client.unwrap(), *target.get().unwrap());
                let ranges = Arc::clone(&ranges);
                thread::spawn(move || carry(client, target, fault, &ranges));
            }
        });
        proxy
    }
}

/// The way from devices to the server's MQTT door.
struct Wire {
    address: SocketAddr,
    /// How many bytes the server has sent.
    carried: Arc<AtomicUsize>,
}

impl Wire {
    fn start(fault: Fault, target: SocketAddr) -> Wire {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let wire = Wire { address: listener.local_addr().unwrap(), carried: Arc::default() };
        let carried = Arc::clone(&wire.carried);
        // The thread waits in `accept` until the test's process ends.
        thread::spawn(move || {
            for device in listener.incoming() {
                let (device, carried) = (device.unwrap(), Arc::clone(&carried));
                thread::spawn(move || both_ways(device, target, fault, &carried));
            }
        });
        wire
    }
}

/// Carries what both sides say, until one hangs up, or [`BREAK`] bytes of the server have passed on a wire that
/// breaks.
fn both_ways(mut device: TcpStream, target: SocketAddr, fault: Fault, carried: &AtomicUsize) -> Option<()> {
    let mut server = TcpStream::connect(target).ok()?;
    let (mut from, mut to) = (device.try_clone().ok()?, server.try_clone().ok()?);
    thread::spawn(move || {
        let copied = io::copy(&mut from, &mut to);
        to.shutdown(Shutdown::Both).and(copied)
    });
    let whole = carried.load(Ordering::SeqCst) >= BREAK || !matches!(fault, Fault::Break);
    let mut block = [0; 4 << 10];
    while whole || carried.load(Ordering::SeqCst) < BREAK {
        let Some(read) = server.read(&mut block).ok().filter(|read| *read > 0) else { break };
        carried.fetch_add(read, Ordering::SeqCst);
        if device.write_all(&block[..read]).is_err() {
            break;
        }
        if matches!(fault, Fault::Trickle) {
            thread::sleep(Duration::from_millis(30));
        }
    }
    server.shutdown(Shutdown::Both).and(device.shutdown(Shutdown::Both)).ok()
}

/// Carries a request and its answer. Errors mean that one side hung up, and then there is nothing left to carry.
fn carry(
    client: TcpStream,
    target: SocketAddr,
    fault: Fault,
    ranges: &Mutex<Vec<Option<String>>>,
) -> Option<()> {
    let mut server = TcpStream::connect(target).ok()?;
    let mut request = BufReader::new(client);
    let mut range = None;
    loop {
        let mut line = String::new();
        request.read_line(&mut line).ok()?;
        server.write_all(line.as_bytes()).ok()?;
        if line.trim().is_empty() {
            break;
        }
        let (name, value) = line.split_once(':').unwrap_or_default();
        range = name.eq_ignore_ascii_case("range").then(|| value.trim().to_owned()).or(range);
    }
    let first = {
        let mut ranges = ranges.lock().unwrap();
        ranges.push(range);
        ranges.len() == 1
    };
    let mut client = request.into_inner();
    answer(&mut server, &mut client, fault, first);
    if first && matches!(fault, Fault::Stall) {
        // The device hangs up when it has waited long enough; then this ends.
        let _ = client.read(&mut [0]);
    }
    client.shutdown(Shutdown::Both).ok()
}

fn answer(server: &mut TcpStream, client: &mut TcpStream, fault: Fault, first: bool) -> Option<()> {
    let mut left = if first && matches!(fault, Fault::Break | Fault::Stall) { BREAK } else { usize::MAX };
    let mut block = [0; 16 << 10];
    let room = if matches!(fault, Fault::Trickle) { 1 << 10 } else { block.len() };
    while left > 0 {
        let read = server.read(&mut block[..room.min(left)]).ok().filter(|read| *read > 0)?;
        client.write_all(&block[..read]).ok()?;
        left -= read;
        if matches!(fault, Fault::Trickle) {
            thread::sleep(Duration::from_millis(60));
        }
    }
    Some(())
}

/// The first byte of `bytes=N-`.
fn first_byte(range: Option<&str>) -> usize {
    range.and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()).unwrap_or(0)
}
