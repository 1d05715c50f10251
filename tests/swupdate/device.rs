//! A server with a device that runs SWUpdate, and the images that are made for it.

use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value, json};

use crate::support::{Server, eventually};

/// More than SWUpdate reads at once, and no multiple of a block of cpio.
const PAYLOAD_BYTES: usize = 300_001;
/// How long SWUpdate may take to end its own processes; now and then its last one does not hear the signal.
const GRACE: Duration = Duration::from_secs(3);
/// Variables with which people send HTTP through a proxy, which is not the way to this machine.
const PROXIES: [&str; 4] = ["http_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"];

/// How an image was made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Made {
    /// As it should be.
    Well,
    /// The payload is another than the one that was signed.
    Tampered,
    /// The description is another than the one that was signed.
    DescribedAnew,
    /// Signed with a key that the device does not know.
    ByAStranger,
    /// Its end is missing.
    Truncated,
}

/// A server with one device.
pub struct World {
    pub server: Server,
    pub payload: Vec<u8>,
    token: String,
}

impl World {
    pub fn new() -> World {
        World::with_payload(PAYLOAD_BYTES)
    }

    pub fn with_payload(bytes: usize) -> World {
        for tool in ["swupdate", "swupdate-ipc", "cpio", "openssl"] {
            need(tool);
        }
        let server = Server::start();
        let token = server.client().add_device("lamp-1", "lamp");
        let payload = (0..bytes).map(|n| (n * n / 7 % 251) as u8).collect();
        let world = World { server, payload, token };
        fs::create_dir_all(world.flash().join("tmp")).unwrap();
        world.make("keys");
        world
    }

    /// Where the device keeps its files.
    pub fn flash(&self) -> PathBuf {
        self.server.home().join("flash")
    }

    /// What stands where the payload belongs.
    pub fn installed(&self) -> Option<Vec<u8>> {
        fs::read(self.target()).ok()
    }

    fn target(&self) -> PathBuf {
        self.flash().join("app.bin")
    }

    /// Uploads the image and orders it for the device.
    pub fn deploy(&self, made: Made) {
        self.bring(made, "deployments", &json!({"image": 1, "devices": ["lamp-1"]}));
    }

    /// Uploads the image and offers it to whoever runs something older.
    pub fn offer(&self, made: Made) {
        self.bring(made, "offers", &json!({"image": 1}));
    }

    /// Uploads the image and assigns it at hawkBit's management door, to be downloaded and not installed.
    pub fn assign_download(&self, made: Made) {
        self.upload(made);
        let client = self.server.client();
        let set = json!({"name": "lamp", "version": "1.0.1", "images": [1]});
        assert_eq!(client.post("releases", &set).status, 201);
        let url = format!("http://{}/rest/v1/targets/lamp-1/assignedDS", self.server.http());
        let request = agent().post(url).header("authorization", format!("Bearer {}", self.server.token()));
        let answer = request.send_json(json!({"id": 1, "type": "downloadonly"})).unwrap();
        assert_eq!(answer.status().as_u16(), 200);
        eventually("the action", || client.get("actions").body["items"].get(0).cloned());
    }

    fn bring(&self, made: Made, path: &str, body: &Value) {
        self.upload(made);
        let client = self.server.client();
        assert_eq!(client.post(path, body).status, 201);
        eventually("the action", || client.get("actions").body["items"].get(0).cloned());
    }

    fn upload(&self, made: Made) {
        let path = "images?product=lamp&type=3&version=1.0.1&name=lamp.swu";
        let url = format!("http://{}/api/v1/{path}", self.server.http());
        let request = agent().post(url).header("authorization", format!("Bearer {}", self.server.token()));
        let answer = request.content_type("application/octet-stream").send(&self.image(made)).unwrap();
        assert_eq!(answer.status().as_u16(), 201);
    }

    fn image(&self, made: Made) -> Vec<u8> {
        let mut image = self.make(if made == Made::ByAStranger { "stranger" } else { "keys" });
        match made {
            Made::Well | Made::ByAStranger => {}
            Made::Tampered => change(&mut image, &self.payload[..64]),
            Made::DescribedAnew => change(&mut image, b"1.0.1"),
            Made::Truncated => image.truncate(self.payload.len() / 2),
        }
        image
    }

    /// An image that is signed with the key in this folder.
    fn make(&self, keys: &str) -> Vec<u8> {
        let home = self.server.home();
        fs::write(home.join("payload"), &self.payload).unwrap();
        let mut command = Command::new(example("image.sh"));
        command.current_dir(home).env("KEYS", keys);
        command.args(["1.0.1", "payload"]).arg(self.target()).arg("lamp.swu");
        let output = command.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        fs::read(home.join("lamp.swu")).unwrap()
    }

    /// The only action, with its history.
    pub fn action(&self) -> Value {
        self.server.client().get("actions/1").body
    }

    pub fn cancel(&self) {
        let done = self.server.client().post("actions/1/cancel", &json!({"force": false}));
        assert_eq!(done.status, 200, "{done:?}");
    }

    /// Asks as the device would, so that it has been told of its action.
    pub fn poll(&self) {
        let url = format!("http://{}/default/controller/v1/lamp-1", self.server.http());
        let token = format!("TargetToken {}", self.token);
        assert_eq!(agent().get(url).header("authorization", token).call().unwrap().status().as_u16(), 200);
    }

    /// Starts SWUpdate with further arguments for its suricatta.
    pub fn start(&self, arguments: &str) -> Device {
        let (http, token) = (self.server.http(), &self.token);
        let mut command = Command::new("swupdate");
        command.args(["--hwrevision", "lamp:1.0", "--loglevel", "5", "--key"]);
        command.arg(self.server.home().join("keys/cert.pem")).arg("--suricatta");
        command.arg(format!("-t default -u http://{http} -i lamp-1 -k {token} -w 1 {arguments}"));
        command.env("TMPDIR", self.flash().join("tmp"));
        self.spawn(command)
    }

    /// Starts `device-examples/swupdate`.
    pub fn start_example(&self) -> Device {
        let mut command = Command::new(example("device.sh"));
        command.env("OTA_SERVER", format!("http://{}", self.server.http()));
        command.env("OTA_DEVICE", "lamp-1").env("OTA_TOKEN", &self.token);
        command.env("OTA_STATE", self.flash()).env("OTA_CERT", self.server.home().join("keys/cert.pem"));
        self.spawn(command)
    }

    fn spawn(&self, mut command: Command) -> Device {
        for name in PROXIES {
            command.env_remove(name);
        }
        let log = self.flash().join("log");
        let file = File::create(&log).unwrap();
        command.stdin(Stdio::null()).stdout(file.try_clone().unwrap()).stderr(file);
        let child = command.process_group(0).spawn().unwrap();
        Device { child, log, sockets: self.flash().join("tmp") }
    }
}

/// A device's processes. Dropping it ends them.
pub struct Device {
    child: Child,
    log: PathBuf,
    sockets: PathBuf,
}

impl Device {
    /// What it has printed so far.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap()).into_owned()
    }

    /// Makes it poll at once, and each second from then on: by itself it would wait as long as the server said.
    pub fn poll_each_second(&self) {
        for arguments in [&["-p", "1"][..], &["-t"]] {
            let mut command = Command::new("swupdate-ipc");
            command.arg("hawkbitcfg").args(arguments).env("TMPDIR", &self.sockets);
            let output = command.output().unwrap();
            assert!(output.status.success(), "{output:?}");
        }
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        let group = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).unwrap();
        let deadline = Instant::now() + GRACE;
        // SWUpdate asks its own processes to end and waits for them; who has ended already needs no signal.
        let _ = kill_process_group(group, Signal::TERM);
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(20));
        }
        let _ = kill_process_group(group, Signal::KILL);
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("the device said:\n{}", self.log());
        }
    }
}

/// Swaps two bytes of a known text, which leaves the sum of all bytes as it was: that is cpio's checksum.
fn change(image: &mut [u8], text: &[u8]) {
    let at = image.windows(text.len()).position(|window| window == text).unwrap();
    let differs = (at..at + text.len() - 1).find(|at| image[*at] != image[*at + 1]).unwrap();
    image.swap(differs, differs + 1);
}

/// What `uname -r` prints.
pub fn kernel() -> String {
    let output = Command::new("uname").arg("-r").output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder().proxy(None).build().into()
}

fn example(script: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("device-examples/swupdate").join(script)
}

fn need(tool: &str) {
    let started = Command::new(tool).arg("--help").stdout(Stdio::null()).stderr(Stdio::null()).status();
    assert!(
        started.is_ok(),
        "this test needs {tool}: `apt-get install swupdate cpio openssl`, or run .ci/run"
    );
}
