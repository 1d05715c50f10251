//! The engine alone, without sockets: decided and durably committed reports a second, and a deployment to a fleet.
//!
//! `cargo bench --bench engine -- [DEVICES] [SECONDS]`; the store is a file under the system's temporary folder.

use std::collections::BTreeMap;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use updraft::domain::decide::Policy;
use updraft::domain::deployment::Target;
use updraft::domain::eligibility::AttemptLimit;
use updraft::domain::event::{Event, Report};
use updraft::domain::ids::{DeviceId, DeviceKey, FirmwareType, ProductId, TenantId};
use updraft::domain::image::Sha256;
use updraft::domain::offer::Rules;
use updraft::domain::terms::Terms;
use updraft::domain::version::{Running, Version};
use updraft::engine::access::Principal;
use updraft::engine::call::{Call, Downlink, Message, NewArtifact, NewImage, Receipt, Reply, Stamp};
use updraft::engine::{self, Engine, Outlet, Settings};
use updraft::store::redb::RedbStore;

const SETTINGS: Settings = Settings {
    policy: Policy {
        attempts: AttemptLimit(3),
        cancel_timeout_ms: 600_000,
        penalty_after: 3,
        penalty_ms: 3_600_000,
    },
    command_expiry_ms: 3_600_000,
    reserve_bytes: 0,
    poll_s: 300,
};

/// How many receipts and commands came in a batch.
enum Said {
    Receipts(usize),
    Commands(usize),
}

struct Ear(mpsc::Sender<Said>);

impl Outlet for Ear {
    fn receipts(&mut self, receipts: Vec<(Stamp, Receipt)>) {
        let _ = self.0.send(Said::Receipts(receipts.len()));
    }

    fn downlinks(&mut self, downlinks: Vec<Downlink>) {
        let commands = downlinks.iter().filter(|d| matches!(d.message, Message::Command(_))).count();
        let _ = self.0.send(Said::Commands(commands));
    }

    fn heard(&mut self, _heard: Vec<(DeviceKey, Event)>) {}

    fn evict(&mut self, _devices: Vec<Principal>) {}
}

fn main() {
    let numbers: Vec<u64> = std::env::args().filter_map(|a| a.parse().ok()).collect();
    let devices = numbers.first().copied().unwrap_or(19_000);
    let seconds = numbers.get(1).copied().unwrap_or(5);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = Arc::new(RedbStore::open(&folder.path().join("bench.redb")).expect("a store"));
    let (says, said) = mpsc::channel();
    let failed = Box::new(|error: &updraft::store::StoreError| panic!("{error}"));
    let (engine, thread) = engine::start(store, SETTINGS, Box::new(Ear(says)), failed).expect("an engine");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let keys = register(&runtime, &engine, devices);
    for in_flight in [1, 128, 1024, 4096] {
        let rate = reports(&engine, &said, &keys, in_flight, Duration::from_secs(seconds));
        println!("reports, {in_flight:>5} waiting: {rate:>9.0} /s decided and committed");
    }
    let elapsed = deployment(&runtime, &engine, &said, &keys);
    println!("deployment to {devices} connected devices: {elapsed:.2?} to the last command");
    drop(engine);
    thread.stop().expect("a good end");
}

fn register(runtime: &tokio::runtime::Runtime, engine: &Engine, devices: u64) -> Vec<DeviceKey> {
    let started = Instant::now();
    let product = ProductId::parse("lamp").expect("a name");
    let keys: Vec<_> = (0..devices).map(|n| key(&format!("device-{n:06}"))).collect();
    runtime.block_on(async {
        for chunk in keys.chunks(1024) {
            let calls = chunk.iter().map(|key| {
                let (engine, key, product) = (engine.clone(), key.clone(), product.clone());
                async move {
                    engine
                        .call(Call::AddDevice { key, product, by: "admin".into() })
                        .await
                        .expect("registered")
                }
            });
            futures_join(calls.collect()).await;
        }
    });
    println!("registered {devices} devices in {:.2?}", started.elapsed());
    keys
}

/// Runs the calls side by side, so that they share commits.
async fn futures_join<F: Future<Output = Reply> + 'static>(calls: Vec<F>) {
    let local = tokio::task::LocalSet::new();
    let tasks: Vec<_> = calls.into_iter().map(|call| local.spawn_local(call)).collect();
    local.await;
    drop(tasks);
}

fn reports(
    engine: &Engine,
    said: &mpsc::Receiver<Said>,
    keys: &[DeviceKey],
    in_flight: usize,
    time: Duration,
) -> f64 {
    let started = Instant::now();
    let (mut sent, mut done) = (0usize, 0usize);
    while started.elapsed() < time {
        while sent - done < in_flight {
            let key = keys[sent % keys.len()].clone();
            engine.uplink(key, report(sent as u64), Stamp(sent as u128)).expect("running");
            sent += 1;
        }
        if let Said::Receipts(count) = said.recv().expect("running") {
            done += count;
        }
    }
    let rate = done as f64 / started.elapsed().as_secs_f64();
    while done < sent {
        if let Said::Receipts(count) = said.recv().expect("running") {
            done += count;
        }
    }
    rate
}

fn deployment(
    runtime: &tokio::runtime::Runtime,
    engine: &Engine,
    said: &mpsc::Receiver<Said>,
    keys: &[DeviceKey],
) -> Duration {
    for key in keys {
        engine.link(key.clone(), true).expect("running");
    }
    let tenant = TenantId::default();
    let files = vec![NewArtifact {
        name: "fw.bin".into(),
        size: 400_000,
        sha256: Sha256([7; 32]),
        sha1: [1; 20],
        md5: [2; 16],
    }];
    let image = NewImage {
        files,
        ..NewImage::plain(
            ProductId::parse("lamp").expect("a name"),
            FirmwareType::APPLICATION,
            Version::parse("1.0.1").expect("a version"),
            Rules::default(),
        )
    };
    let add = Call::AddImages { tenant: tenant.clone(), images: vec![image], by: "admin".into() };
    let added = runtime.block_on(engine.call(add));
    let Ok(Reply::Images { images, .. }) = added else { panic!("not added: {added:?}") };
    let devices: Vec<DeviceId> = keys.iter().map(|key| key.device.clone()).collect();
    let target = Target::Image(images[0].id);
    let started = Instant::now();
    let call = Call::Deploy {
        tenant,
        target,
        devices,
        allow_downgrade: true,
        terms: Terms::default(),
        by: "admin".into(),
    };
    runtime.block_on(engine.call(call)).expect("deployed");
    println!("deployment accepted after {:.2?}", started.elapsed());
    let mut told = 0;
    while told < keys.len() {
        if let Said::Commands(count) = said.recv().expect("running") {
            told += count;
        }
    }
    started.elapsed()
}

fn key(id: &str) -> DeviceKey {
    DeviceKey { tenant: TenantId::default(), device: DeviceId::parse(id).expect("a name") }
}

fn report(number: u64) -> Event {
    let versions = BTreeMap::from([(FirmwareType::APPLICATION, Running::numbered(0))]);
    Event::Report(Report { seq: Some(number), versions })
}
