//! A server, and a client that says exactly what it is told to.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use updraft::domain::decide::Policy;
use updraft::domain::eligibility::AttemptLimit;
use updraft::domain::event::{Event, Report};
use updraft::domain::ids::{DeviceId, DeviceKey, FirmwareType, TenantId};
use updraft::domain::version::{Running, Version};
use updraft::engine::access::Principal;
use updraft::engine::call::{Call, Downlink, Receipt, Reply, Stamp};
use updraft::engine::query::Reader;
use updraft::engine::{self, Engine, EngineThread, Outlet};
use updraft::http::{self, Http, Pace, Settings};
use updraft::store::Store;
use updraft::store::artifacts::Artifacts;
use updraft::store::memory::MemoryStore;
use updraft::store::tables::Role;

/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(20);
const POLICY: Policy =
    Policy { attempts: AttemptLimit(3), cancel_timeout_ms: 60_000, penalty_after: 3, penalty_ms: 3_600_000 };

/// Header lines.
pub type Lines<'l> = &'l [(&'l str, &'l str)];

struct Nobody;

impl Outlet for Nobody {
    fn receipts(&mut self, _: Vec<(Stamp, Receipt)>) {}
    fn downlinks(&mut self, _: Vec<Downlink>) {}
    fn heard(&mut self, _heard: Vec<(DeviceKey, Event)>) {}

    fn evict(&mut self, _: Vec<Principal>) {}
}

pub struct World {
    pub engine: Engine,
    pub admin: String,
    pub address: SocketAddr,
    pub http: Option<Http>,
    pub runtime: Runtime,
    thread: Option<EngineThread>,
    folder: TempDir,
}

pub struct Answer {
    pub status: u16,
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

impl World {
    pub fn new() -> Self {
        World::with(|_| {})
    }

    /// A server with other settings than the usual ones.
    pub fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
        let settings =
            engine::Settings { policy: POLICY, command_expiry_ms: 60_000, reserve_bytes: 1000, poll_s: 300 };
        let failed = Box::new(|error: &_| panic!("{error:?}"));
        let (engine, thread) = engine::start(Arc::clone(&store), settings, Box::new(Nobody), failed).unwrap();
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let mut settings = Settings {
            upload_max_bytes: 100_000,
            epoch: 7,
            body_pace: Pace { bytes: 1000, window: Duration::from_millis(500) },
            ..Settings::default()
        };
        change(&mut settings);
        let artifacts = Arc::new(Artifacts::open(&folder.path().join("artifacts")).unwrap());
        let listener = http::Listener::bind(([127, 0, 0, 1], 0).into()).unwrap();
        let opening = http::start(listener, settings, engine.clone(), Reader::new(store, POLICY), artifacts);
        let http = runtime.block_on(opening).unwrap();
        let mut world = World {
            address: http.local_addr(),
            admin: String::new(),
            http: Some(http),
            thread: Some(thread),
            engine,
            runtime,
            folder,
        };
        world.admin = world.operator("root", None, Role::Admin);
        world
    }

    /// Registers an operator and returns its token.
    pub fn operator(&self, name: &str, tenant: Option<&str>, role: Role) -> String {
        let tenant = tenant.map(|tenant| TenantId::parse(tenant).unwrap());
        match self.runtime.block_on(self.engine.call(Call::AddOperator { name: name.into(), tenant, role })) {
            Ok(Reply::Operator { token, .. }) => token.reveal().to_owned(),
            other => panic!("{other:?}"),
        }
    }

    /// Registers a lamp and returns its token.
    pub fn lamp(&self, id: &str) -> String {
        let answer = self.post("/api/v1/devices", json!({"id": id, "product": "lamp"}));
        assert_eq!(answer.status, 201, "{}", answer.text());
        answer.json()["token"].as_str().unwrap().to_owned()
    }

    /// Uploads one file as an image for lamps and returns the image.
    pub fn image(&self, version: &str, content: &[u8]) -> Value {
        let path = format!("/api/v1/images?product=lamp&type=3&version={version}&name=app.bin");
        let answer = self.admin("POST", &path, "application/octet-stream", content);
        assert_eq!(answer.status, 201, "{}", answer.text());
        answer.json()
    }

    /// The device reports a version of type 3; returns after the commit.
    pub fn report(&self, id: &str, version: &str) {
        let device = DeviceKey { tenant: TenantId::default(), device: DeviceId::parse(id).unwrap() };
        let running = Running::named(Version::parse(version).unwrap());
        let report = Report { seq: None, versions: BTreeMap::from([(FirmwareType::APPLICATION, running)]) };
        self.engine.uplink(device, Event::Report(report), Stamp(1)).unwrap();
        // Jobs are done in order and answered after their commit.
        let refused = self.runtime.block_on(self.engine.call(Call::RemoveOperator { name: "nobody".into() }));
        assert!(refused.is_err());
    }

    pub fn get(&self, path: &str) -> Answer {
        self.admin("GET", path, "", b"")
    }

    pub fn post(&self, path: &str, body: Value) -> Answer {
        self.admin("POST", path, "application/json", body.to_string().as_bytes())
    }

    pub fn admin(&self, method: &str, path: &str, media: &str, body: &[u8]) -> Answer {
        self.ask(method, path, &self.admin, media, body, &[])
    }

    pub fn ask(
        &self,
        method: &str,
        path: &str,
        token: &str,
        media: &str,
        body: &[u8],
        more: &[(&str, &str)],
    ) -> Answer {
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n");
        let mut add = |name: &str, value: &str| head += &format!("{name}: {value}\r\n");
        if !token.is_empty() {
            add("authorization", &format!("Bearer {token}"));
        }
        if !media.is_empty() {
            add("content-type", media);
        }
        if !body.is_empty() || method == "POST" {
            add("content-length", &body.len().to_string());
        }
        more.iter().for_each(|(name, value)| add(name, value));
        let mut stream = self.connect();
        stream.write_all(format!("{head}\r\n").as_bytes()).unwrap();
        // A server that refuses early may close before it has read everything; its answer still counts.
        let _ = stream.write_all(body);
        Answer::read(stream, method)
    }

    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        stream
    }

    /// Every file below the artifacts' folder.
    pub fn files(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut folders = vec![self.folder.path().join("artifacts")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() { folders.push(path) } else { found.push(path) }
            }
        }
        found
    }

    /// Waits until there are so many files.
    pub fn await_files(&self, count: usize) {
        let deadline = std::time::Instant::now() + LONG;
        while self.files().len() != count {
            assert!(std::time::Instant::now() < deadline, "{:?} instead of {count}", self.files());
            std::thread::yield_now();
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(http) = self.http.take() {
            self.runtime.block_on(http.stop(Duration::ZERO));
        }
        if let Some(thread) = self.thread.take() {
            // A test that has failed already says more than the engine can.
            let _ = thread.stop();
        }
    }
}

impl Answer {
    pub fn read(mut stream: TcpStream, method: &str) -> Answer {
        let mut all = Vec::new();
        // Bytes that came before a reset are the answer.
        let _ = stream.read_to_end(&mut all);
        let split = all.windows(4).position(|w| w == b"\r\n\r\n").expect("an answer has a head");
        let head = String::from_utf8(all[..split].to_vec()).unwrap();
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let mut headers = BTreeMap::new();
        for line in lines {
            let (name, value) = line.split_once(": ").unwrap();
            headers
                .entry(name.to_owned())
                .and_modify(|v| *v = format!("{v}, {value}"))
                .or_insert(value.into());
        }
        let body = all[split + 4..].to_vec();
        assert_eq!(headers.get("transfer-encoding"), None, "nothing is chunked");
        if let Some(length) = headers.get("content-length").filter(|_| method != "HEAD") {
            assert_eq!(*length, body.len().to_string(), "{head}");
        }
        Answer { status, headers, body }
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body, with `T` for moments and `<token>` for tokens; null without one.
    pub fn json(&self) -> Value {
        match self.body.is_empty() {
            true => Value::Null,
            false => serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.text())),
        }
    }

    pub fn plain_json(&self) -> Value {
        let mut value = self.json();
        veil(&mut value);
        value
    }
}

fn veil(value: &mut Value) {
    match value {
        Value::Object(members) => members.iter_mut().for_each(|(name, value)| match name.as_str() {
            "created" | "changed" | "at" | "last_seen" | "started" => {
                assert!(value.as_str().unwrap().ends_with('Z'), "{value}");
                *value = json!("T");
            }
            "token" => *value = json!("<token>"),
            "uptime_s" => *value = json!(0),
            _ => veil(value),
        }),
        Value::Array(items) => items.iter_mut().for_each(veil),
        _ => {}
    }
}
