//! A filter that brings a release to a fleet that is there: from the order to the last device's action on disk.
//!
//! `cargo bench --bench matching -- [DEVICES]`; the store is a file under the system's temporary folder. Half of the
//! devices carry the attribute that the filter asks for in a second run, so that both all and some match.

use std::sync::Arc;
use std::time::{Duration, Instant};

use updraft::domain::catalog::{AutoAssign, Label, What};
use updraft::domain::decide::Policy;
use updraft::domain::device::Profile;
use updraft::domain::eligibility::AttemptLimit;
use updraft::domain::event::Event;
use updraft::domain::ids::{DeviceId, DeviceKey, FirmwareType, ProductId, ReleaseId, TenantId};
use updraft::domain::image::{About, Sha256};
use updraft::domain::offer::Rules;
use updraft::domain::terms::Terms;
use updraft::domain::version::Version;
use updraft::engine::access::Principal;
use updraft::engine::call::{
    Call, Downlink, NewArtifact, NewDevice, NewImage, NewItem, NewRelease, Receipt, Reply, Stamp,
};
use updraft::engine::query::Reader;
use updraft::engine::{self, Engine, Outlet, Settings};
use updraft::store::redb::RedbStore;

const POLICY: Policy =
    Policy { attempts: AttemptLimit(3), cancel_timeout_ms: 600_000, penalty_after: 3, penalty_ms: 3_600_000 };
const SETTINGS: Settings =
    Settings { policy: POLICY, command_expiry_ms: 3_600_000, reserve_bytes: 0, poll_s: 300 };
/// Devices that one call registers.
const CHUNK: usize = 5000;
const BY: &str = "bench";

struct Nobody;

impl Outlet for Nobody {
    fn receipts(&mut self, _receipts: Vec<(Stamp, Receipt)>) {}
    fn downlinks(&mut self, _downlinks: Vec<Downlink>) {}
    fn heard(&mut self, _heard: Vec<(DeviceKey, Event)>) {}
    fn evict(&mut self, _principals: Vec<Principal>) {}
}

struct Bench {
    runtime: tokio::runtime::Runtime,
    engine: Engine,
    reader: Reader,
    keys: Vec<DeviceKey>,
}

fn main() {
    let devices = std::env::args().filter_map(|a| a.parse().ok()).next().unwrap_or(140_000);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = Arc::new(RedbStore::open(&folder.path().join("bench.redb")).expect("a store"));
    let failed = Box::new(|error: &updraft::store::StoreError| panic!("{error}"));
    let reader = Reader::new(store.clone(), POLICY);
    let (engine, thread) = engine::start(store, SETTINGS, Box::new(Nobody), failed).expect("an engine");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let keys: Vec<_> = (0..devices).map(key).collect();
    let bench = Bench { runtime, engine, reader, keys };
    bench.register();
    for (query, version) in [("name==*-*5", "1.0.1"), ("name==device-*", "1.0.2"), ("id==*", "1.0.3")] {
        let release = bench.release(version);
        println!(
            "{query:>16}: {:>8.2?} until all of {devices} had their action on disk",
            bench.bring(query, release)
        );
    }
    drop(bench);
    thread.stop().expect("a good end");
}

fn key(n: usize) -> DeviceKey {
    let device = DeviceId::parse(&format!("device-{n:06}")).expect("a name");
    DeviceKey { tenant: TenantId::default(), device }
}

impl Bench {
    fn call(&self, call: Call) -> Reply {
        self.runtime.block_on(self.engine.call(call)).expect("carried out")
    }

    fn register(&self) {
        let started = Instant::now();
        for keys in self.keys.chunks(CHUNK) {
            let new = |key: &DeviceKey| NewDevice {
                id: key.device.clone(),
                product: None,
                token: None,
                profile: Profile::default(),
            };
            let devices = keys.iter().map(new).collect();
            self.call(Call::AddDevices { tenant: TenantId::default(), devices, by: BY.into() });
        }
        println!("registered {} devices in {:.2?}", self.keys.len(), started.elapsed());
    }

    fn release(&self, version: &str) -> ReleaseId {
        let version = Version::parse(version).expect("a version");
        let file = NewArtifact {
            name: "fw.bin".into(),
            size: 400_000,
            sha256: Sha256([7; 32]),
            sha1: [1; 20],
            md5: [2; 16],
        };
        let product = ProductId::default();
        let image = NewImage {
            files: vec![file],
            ..NewImage::plain(product, FirmwareType::APPLICATION, version.clone(), Rules::default())
        };
        let add = Call::AddImages { tenant: TenantId::default(), images: vec![image], by: BY.into() };
        let Reply::Images { images, .. } = self.call(add) else { panic!("no image") };
        let release = NewRelease {
            name: "release".into(),
            version,
            images: vec![images[0].id],
            kind: None,
            about: About::default(),
            required_step: false,
            locked: false,
        };
        let add = Call::AddReleases { tenant: TenantId::default(), releases: vec![release], by: BY.into() };
        let Reply::Releases(releases) = self.call(add) else { panic!("no release") };
        releases[0].id
    }

    /// Makes a filter and waits until the last of the devices that match it has its action.
    fn bring(&self, query: &str, release: ReleaseId) -> Duration {
        let auto = AutoAssign { release, terms: Terms::default(), by: BY.into() };
        let label = Label { name: query.into(), ..Label::default() };
        let what = What::Filter { query: query.into(), auto: Some(auto) };
        let items = vec![NewItem { id: None, label, what }];
        let started = Instant::now();
        self.call(Call::AddItems { tenant: TenantId::default(), items, by: BY.into() });
        // Devices are reached in the order of their ids, so the last has its action after all others.
        let last =
            self.keys.iter().rev().find(|key| query != "name==*-*5" || key.device.as_str().ends_with('5'));
        let last = last.expect("a device that matches");
        let target = updraft::domain::deployment::Target::Release(release);
        loop {
            let device = self.reader.device(last).expect("readable").expect("registered");
            if device.assigned == Some(target) {
                return started.elapsed();
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}
