//! An engine over a store that can be watched and broken.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use updraft::domain::decide::{Order, Policy};
use updraft::domain::deployment::{Counters, Target};
use updraft::domain::eligibility::AttemptLimit;
use updraft::domain::event::{Event, Hello};
use updraft::domain::ids::{DeviceId, DeviceKey, FirmwareType, ProductId, TenantId};
use updraft::domain::image::{Image, Sha256};
use updraft::domain::offer::Rules;
use updraft::domain::terms::Terms;
use updraft::domain::version::{Running, Version};
use updraft::engine::access::Principal;
use updraft::engine::call::{
    Call, CallError, Downlink, Message, NewArtifact, NewImage, Outcome, Receipt, Reply, Stamp,
};
use updraft::engine::query::Reader;
use updraft::engine::{self, Engine, Outlet, Settings};
use updraft::store::memory::MemoryStore;
use updraft::store::{Read, Store, StoreError, Write};

/// Longer than anything here takes; a test that waits this long has failed.
pub const LONG: Duration = Duration::from_secs(20);
pub const POLICY: Policy =
    Policy { attempts: AttemptLimit(3), cancel_timeout_ms: 0, penalty_after: 3, penalty_ms: 3_600_000 };
pub const SETTINGS: Settings =
    Settings { policy: POLICY, command_expiry_ms: 60_000, reserve_bytes: 1000, poll_s: 300 };

/// What an outlet was given, in order.
#[derive(Debug)]
pub enum Said {
    Receipt(Stamp, Receipt),
    Downlink(Downlink),
    Evicted(Principal),
}

pub struct Ear {
    pub said: mpsc::Sender<Said>,
    /// Commits that had returned when something was said.
    pub commits: Arc<AtomicUsize>,
    pub heard_at: Arc<Mutex<Vec<usize>>>,
}

impl Outlet for Ear {
    fn receipts(&mut self, receipts: Vec<(Stamp, Receipt)>) {
        self.heard_at.lock().unwrap().push(self.commits.load(Ordering::SeqCst));
        for (stamp, receipt) in receipts {
            let _ = self.said.send(Said::Receipt(stamp, receipt));
        }
    }

    fn heard(&mut self, _heard: Vec<(DeviceKey, Event)>) {}

    fn evict(&mut self, devices: Vec<Principal>) {
        for principal in devices {
            let _ = self.said.send(Said::Evicted(principal));
        }
    }

    fn downlinks(&mut self, downlinks: Vec<Downlink>) {
        for downlink in downlinks {
            let _ = self.said.send(Said::Downlink(downlink));
        }
    }
}

/// A store that counts commits once they have returned, and can refuse the next one.
pub struct Watched {
    pub inner: MemoryStore,
    pub commits: Arc<AtomicUsize>,
    pub broken: Arc<AtomicBool>,
    pub full: Arc<AtomicBool>,
    /// How often the engine has asked for the room: once a tick.
    pub ticks: Arc<AtomicUsize>,
}

impl Store for Watched {
    fn room(&self) -> u64 {
        self.ticks.fetch_add(1, Ordering::SeqCst);
        if self.full.load(Ordering::SeqCst) { SETTINGS.reserve_bytes - 1 } else { SETTINGS.reserve_bytes }
    }

    fn read(&self, work: &mut dyn FnMut(&dyn Read) -> Result<(), StoreError>) -> Result<(), StoreError> {
        self.inner.read(work)
    }

    fn write(
        &self,
        work: &mut dyn FnMut(&mut dyn Write) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.inner.write(&mut |write| {
            work(write)?;
            match self.broken.load(Ordering::SeqCst) {
                true => Err(StoreError::Backend { doing: "commit", cause: "the disk is full".into() }),
                false => Ok(()),
            }
        })?;
        self.commits.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

pub struct World {
    pub engine: Engine,
    pub thread: Option<engine::EngineThread>,
    pub reader: Reader,
    pub store: Arc<dyn Store>,
    pub said: mpsc::Receiver<Said>,
    pub commits: Arc<AtomicUsize>,
    pub heard_at: Arc<Mutex<Vec<usize>>>,
    pub broken: Arc<AtomicBool>,
    pub full: Arc<AtomicBool>,
    pub ticks: Arc<AtomicUsize>,
    pub died: mpsc::Receiver<String>,
    pub runtime: tokio::runtime::Runtime,
}

pub fn deploy(tenant: TenantId, target: Target, devices: Vec<DeviceId>) -> Call {
    let (terms, by) = (Terms::default(), "admin".into());
    Call::Deploy { tenant, target, devices, allow_downgrade: false, terms, by }
}

impl World {
    pub fn new() -> Self {
        let (commits, broken, heard_at) = (Arc::default(), Arc::default(), Arc::default());
        let (full, ticks): (Arc<AtomicBool>, Arc<AtomicUsize>) = (Arc::default(), Arc::default());
        let store: Arc<dyn Store> = Arc::new(Watched {
            inner: MemoryStore::default(),
            commits: Arc::clone(&commits),
            broken: Arc::clone(&broken),
            full: Arc::clone(&full),
            ticks: Arc::clone(&ticks),
        });
        let (says, said) = mpsc::channel();
        let (dies, died) = mpsc::channel();
        let ear = Ear { said: says, commits: Arc::clone(&commits), heard_at: Arc::clone(&heard_at) };
        let failed = Box::new(move |error: &StoreError| dies.send(error.to_string()).unwrap());
        let (engine, thread) = engine::start(Arc::clone(&store), SETTINGS, Box::new(ear), failed).unwrap();
        World {
            engine,
            thread: Some(thread),
            reader: Reader::new(Arc::clone(&store), POLICY),
            store,
            said,
            commits,
            heard_at,
            broken,
            full,
            ticks,
            died,
            runtime: tokio::runtime::Builder::new_current_thread().build().unwrap(),
        }
    }

    pub fn call(&self, call: Call) -> Result<Reply, CallError> {
        self.runtime.block_on(self.engine.call(call))
    }

    pub fn device(&self, id: &str) -> DeviceKey {
        let key = key(id);
        self.call(Call::AddDevice { key: key.clone(), product: lamp(), by: "admin".into() }).unwrap();
        self.engine.link(key.clone(), true).unwrap();
        key
    }

    pub fn image(&self, version: &str) -> Image {
        let version = Version::parse(version).unwrap();
        let image = NewImage {
            files: vec![NewArtifact {
                name: "fw.bin".into(),
                size: 3,
                sha256: Sha256([7; 32]),
                sha1: [1; 20],
                md5: [2; 16],
            }],
            ..NewImage::plain(lamp(), FirmwareType::APPLICATION, version, Rules::default())
        };
        let add = Call::AddImages { tenant: TenantId::default(), images: vec![image], by: "admin".into() };
        match self.call(add).unwrap() {
            Reply::Images { mut images, .. } => images.remove(0),
            other => panic!("not an image: {other:?}"),
        }
    }

    pub fn deploy(&self, image: &Image, devices: Vec<DeviceId>) -> Result<Reply, CallError> {
        let tenant = TenantId::default();
        let target = Target::Image(image.id);
        self.call(deploy(tenant, target, devices))
    }

    pub fn receipt(&self) -> (Stamp, Receipt) {
        loop {
            if let Said::Receipt(stamp, receipt) = self.said.recv_timeout(LONG).unwrap() {
                return (stamp, receipt);
            }
        }
    }

    /// The next command, past everything else.
    pub fn command(&self) -> (DeviceKey, Order) {
        loop {
            match self.said.recv_timeout(LONG).unwrap() {
                Said::Downlink(Downlink { device, message: Message::Command(command), .. }) => {
                    return (device, command.order);
                }
                Said::Downlink(_) | Said::Receipt(..) | Said::Evicted(_) => {}
            }
        }
    }

    pub fn counters(&self) -> Counters {
        self.reader.deployments(&TenantId::default(), None, 1).unwrap()[0].counters
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let thread = self.thread.take().unwrap();
        let failed = self.broken.load(Ordering::SeqCst);
        assert_eq!(thread.stop().is_err(), failed, "the engine ended otherwise than it should have");
    }
}

pub fn key(id: &str) -> DeviceKey {
    DeviceKey { tenant: TenantId::default(), device: DeviceId::parse(id).unwrap() }
}

pub fn lamp() -> ProductId {
    ProductId::parse("lamp").unwrap()
}

pub fn hello(seq: u64, number: u64) -> Event {
    Event::Hello(Hello {
        seq,
        boot: Some("a".into()),
        product: None,
        hardware: None,
        capabilities: None,
        versions: BTreeMap::from([(FirmwareType::APPLICATION, Running::numbered(number))]),
        attributes: BTreeMap::new(),
    })
}

pub fn stored(seq: u64) -> Receipt {
    Receipt { seq: Some(seq), outcome: Outcome::Stored }
}
