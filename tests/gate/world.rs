//! A server in a box: the memory store, the engine and the gate, on free ports of the loopback.

use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use updraft::domain::decide::Policy;
use updraft::domain::eligibility::AttemptLimit;
use updraft::domain::ids::{DeviceId, DeviceKey, ProductId, TenantId};
use updraft::engine::call::{Call, Reply};
use updraft::engine::query::Reader;
use updraft::engine::{self, Engine, EngineThread};
use updraft::mqtt::packet::Version;
use updraft::mqtt::{Death, Gate, Limits, Settings, Tls, prepare};
use updraft::store::Store;
use updraft::store::artifacts::Artifacts;
use updraft::store::memory::MemoryStore;
use updraft::store::tables::Role;

use super::client::{Client, login};

/// Longer than any wait that succeeds.
pub const PATIENCE: Duration = Duration::from_secs(10);

pub struct World {
    pub engine: Engine,
    pub reader: Reader,
    pub address: SocketAddr,
    pub tls: Option<SocketAddr>,
    pub gate: Option<Gate>,
    pub deaths: Mutex<Receiver<Death>>,
    pub artifacts: Arc<Artifacts>,
    running: Option<EngineThread>,
    runtime: tokio::runtime::Runtime,
    _folder: tempfile::TempDir,
}

/// What a test changes of the usual settings.
pub struct Plan {
    pub workers: usize,
    pub limits: Limits,
    pub tls: Option<Tls>,
    pub probe_timeout: Duration,
}

impl Default for Plan {
    fn default() -> Plan {
        Plan { workers: 1, limits: Limits::default(), tls: None, probe_timeout: Duration::from_secs(30) }
    }
}

impl World {
    pub fn new() -> World {
        World::with(Plan::default())
    }

    pub fn with(plan: Plan) -> World {
        let (died, deaths) = channel();
        let died = Mutex::new(died);
        let settings = Settings {
            listen: "127.0.0.1:0".parse().unwrap(),
            tls: plan.tls,
            workers: plan.workers,
            base_url: "http://127.0.0.1:1".into(),
            limits: plan.limits,
            probe_every: Duration::from_millis(500),
            probe_timeout: plan.probe_timeout,
            epoch: 7,
        };
        let fatal = Arc::new(move |death| died.lock().unwrap().send(death).unwrap_or_default());
        let (outlet, prepared) = prepare(settings, fatal).unwrap();
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let policy = Policy {
            attempts: AttemptLimit(3),
            cancel_timeout_ms: 60_000,
            penalty_after: 3,
            penalty_ms: 3_600_000,
        };
        let engine_settings =
            engine::Settings { policy, command_expiry_ms: 60_000, reserve_bytes: 1000, poll_s: 300 };
        let (engine, running) =
            engine::start(Arc::clone(&store), engine_settings, outlet, Box::new(|_| {})).unwrap();
        let reader = Reader::new(store, policy);
        let folder = tempfile::tempdir().unwrap();
        let artifacts = Arc::new(Artifacts::open(folder.path()).unwrap());
        let gate = prepared.start(engine.clone(), reader.clone(), Arc::clone(&artifacts)).unwrap();
        World {
            engine,
            reader,
            address: gate.local_addr(),
            tls: gate.tls_addr(),
            gate: Some(gate),
            deaths: Mutex::new(deaths),
            artifacts,
            running: Some(running),
            runtime: tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap(),
            _folder: folder,
        }
    }

    pub fn call(&self, call: Call) -> Reply {
        self.runtime.block_on(self.engine.call(call)).unwrap()
    }

    /// Registers a device of the default tenant and returns its token.
    pub fn device(&self, name: &str) -> String {
        self.device_of("default", name)
    }

    pub fn device_of(&self, tenant: &str, name: &str) -> String {
        let product = ProductId::parse("lamp").unwrap();
        match self.call(Call::AddDevice { key: key(tenant, name), product, by: "admin".into() }) {
            Reply::Device { token, .. } => token.reveal().to_owned(),
            other => panic!("{other:?}"),
        }
    }

    pub fn operator(&self, name: &str, tenant: Option<&str>) -> String {
        let tenant = tenant.map(|t| TenantId::parse(t).unwrap());
        match self.call(Call::AddOperator { name: name.into(), tenant, role: Role::Observer }) {
            Reply::Operator { token, .. } => token.reveal().to_owned(),
            other => panic!("{other:?}"),
        }
    }

    /// A device of the default tenant, registered and connected.
    pub fn connected(&self, version: Version, name: &str) -> Client {
        let token = self.device(name);
        Client::connect(self.address, login(version, name, &token))
    }

    /// Waits until the gate counts so many connections.
    pub fn wait_for_connections(&self, count: usize) {
        let gate = self.gate.as_ref().unwrap();
        wait(|| gate.stats().connections == count, || format!("{:?}, not {count}", gate.stats()));
    }

    /// Ends the engine under the gate.
    pub fn stop_engine(&mut self) {
        self.running.take().unwrap().stop().unwrap();
    }

    pub fn stop(&mut self) {
        if let Some(gate) = self.gate.take() {
            gate.stop();
        }
        if let Some(running) = self.running.take() {
            running.stop().unwrap();
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.stop();
        }
    }
}

pub fn key(tenant: &str, device: &str) -> DeviceKey {
    DeviceKey { tenant: TenantId::parse(tenant).unwrap(), device: DeviceId::parse(device).unwrap() }
}

/// Waits for a condition.
pub fn wait(condition: impl Fn() -> bool, what: impl Fn() -> String) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "{}", what());
        std::thread::sleep(Duration::from_millis(5));
    }
}
