//! A rollout to a whole fleet: from the request to the last device's action on disk, while devices go on reporting.
//!
//! `cargo bench --bench rollouts -- [DEVICES] [--rehearse]`; the store is a file under the system's temporary folder. The
//! rollout is made of five waves that begin at once, so that nothing waits for devices. Beside it a thread reports
//! versions, five hundred a second, and measures from the uplink to its receipt, which follows the commit.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use updraft::domain::decide::Policy;
use updraft::domain::deployment::Target;
use updraft::domain::device::Profile;
use updraft::domain::eligibility::AttemptLimit;
use updraft::domain::event::{Event, Report};
use updraft::domain::filter::Moment;
use updraft::domain::ids::{
    DeviceId, DeviceKey, FirmwareType, ImageId, ProductId, RolloutId, TenantId, Time,
};
use updraft::domain::image::Sha256;
use updraft::domain::offer::Rules;
use updraft::domain::rollout::{
    Command, NewRollout, NewWave, Pace, Retries, Selection, Share, Size, Status, Tally, Who,
};
use updraft::domain::terms::Terms;
use updraft::domain::version::{Running, Version};
use updraft::engine::access::Principal;
use updraft::engine::call::{Call, Downlink, NewArtifact, NewDevice, NewImage, Receipt, Reply, Stamp};
use updraft::engine::query::Reader;
use updraft::engine::rehearsal::{Model, Span};
use updraft::engine::{self, Engine, Outlet, Settings};
use updraft::store::redb::RedbStore;

const POLICY: Policy =
    Policy { attempts: AttemptLimit(3), cancel_timeout_ms: 600_000, penalty_after: 3, penalty_ms: 3_600_000 };
const SETTINGS: Settings =
    Settings { policy: POLICY, command_expiry_ms: 3_600_000, reserve_bytes: 0, poll_s: 300 };
/// Devices that one call registers.
const CHUNK: usize = 5000;
/// Between two reports.
const REPORT_EVERY: Duration = Duration::from_millis(2);
const BY: &str = "bench";

/// Hands receipts to the thread that reports.
struct Receipts(mpsc::Sender<Stamp>);

impl Outlet for Receipts {
    fn receipts(&mut self, receipts: Vec<(Stamp, Receipt)>) {
        for (stamp, _) in receipts {
            // The bench is over when nobody listens.
            let _ = self.0.send(stamp);
        }
    }
    fn downlinks(&mut self, _downlinks: Vec<Downlink>) {}
    fn heard(&mut self, _heard: Vec<(DeviceKey, Event)>) {}
    fn evict(&mut self, _principals: Vec<Principal>) {}
}

struct Bench {
    runtime: tokio::runtime::Runtime,
    engine: Engine,
    reader: Reader,
    devices: usize,
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let devices = arguments.iter().filter_map(|a| a.parse().ok()).next().unwrap_or(140_000);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = Arc::new(RedbStore::open(&folder.path().join("bench.redb")).expect("a store"));
    let failed = Box::new(|error: &updraft::store::StoreError| panic!("{error}"));
    let reader = Reader::new(store.clone(), POLICY);
    let (says, receipts) = mpsc::channel();
    let (engine, thread) =
        engine::start(store, SETTINGS, Box::new(Receipts(says)), failed).expect("an engine");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let bench = Bench { runtime, engine, reader, devices };
    bench.register();
    let image = bench.image();
    if arguments.iter().any(|a| a == "--rehearse") {
        bench.rehearse(image);
    }
    let over = Arc::new(AtomicBool::new(false));
    let reports = {
        let (engine, over) = (bench.engine.clone(), Arc::clone(&over));
        std::thread::spawn(move || report(&engine, devices, &receipts, &over))
    };
    bench.roll_out(image);
    over.store(true, Ordering::Release);
    let mut waits = reports.join().expect("a thread that reports");
    waits.sort_unstable();
    let at = |part: usize| waits[(waits.len() - 1) * part / 1000];
    println!(
        "{} reports meanwhile: acknowledged after {:.1?} (median), {:.1?} (p99), {:.1?} (worst)",
        waits.len(),
        at(500),
        at(990),
        at(1000)
    );
    println!("peak memory of the whole process: {} MiB", peak_mib());
    drop(bench);
    thread.stop().expect("a good end");
}

fn key(n: usize) -> DeviceKey {
    let device = DeviceId::parse(&format!("device-{n:07}")).expect("a name");
    DeviceKey { tenant: TenantId::default(), device }
}

/// Reports versions one after the other, and how long each took to be acknowledged.
fn report(
    engine: &Engine,
    devices: usize,
    receipts: &mpsc::Receiver<Stamp>,
    over: &AtomicBool,
) -> Vec<Duration> {
    let mut waits = Vec::new();
    let versions = BTreeMap::from([(FirmwareType::APPLICATION, Running::numbered(0))]);
    for n in 0.. {
        let begun = Instant::now();
        let event = Event::Report(Report { seq: None, versions: versions.clone() });
        let stamp = Stamp(n as u128);
        engine.uplink(key(n * 7919 % devices), event, stamp).expect("an engine that runs");
        while receipts.recv().expect("an engine that runs") != stamp {}
        waits.push(begun.elapsed());
        if over.load(Ordering::Acquire) {
            return waits;
        }
        std::thread::sleep(REPORT_EVERY.saturating_sub(begun.elapsed()));
    }
    waits
}

fn peak_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) / 1024
}

impl Bench {
    fn call(&self, call: Call) -> Reply {
        self.runtime.block_on(self.engine.call(call)).expect("carried out")
    }

    fn register(&self) {
        let started = Instant::now();
        let keys: Vec<usize> = (0..self.devices).collect();
        for keys in keys.chunks(CHUNK) {
            let new = |n: &usize| NewDevice {
                id: key(*n).device,
                product: None,
                token: None,
                profile: Profile::default(),
            };
            let devices = keys.iter().map(new).collect();
            self.call(Call::AddDevices { tenant: TenantId::default(), devices, by: BY.into() });
        }
        println!("registered {} devices in {:.2?}", self.devices, started.elapsed());
    }

    fn image(&self) -> ImageId {
        let version = Version::parse("1.0.1").expect("a version");
        let file = NewArtifact {
            name: "fw.bin".into(),
            size: 400_000,
            sha256: Sha256([7; 32]),
            sha1: [1; 20],
            md5: [2; 16],
        };
        let image = NewImage {
            files: vec![file],
            ..NewImage::plain(ProductId::default(), FirmwareType::APPLICATION, version, Rules::default())
        };
        let add = Call::AddImages { tenant: TenantId::default(), images: vec![image], by: BY.into() };
        let Reply::Images { images, .. } = self.call(add) else { panic!("no image") };
        images[0].id
    }

    fn plan(&self, image: ImageId) -> NewRollout {
        let part = |percent| Share::percent(percent).expect("a part");
        let sizes = [
            Size::Part(part(1)),
            Size::Part(part(9)),
            Size::Part(part(30)),
            Size::Part(part(30)),
            Size::Rest,
        ];
        let wave = |size| NewWave { success: Share::NONE, ..NewWave::new(size) };
        NewRollout {
            name: "bench".into(),
            description: None,
            target: Target::Image(image),
            selection: Selection {
                who: Who::Filter("id==device-*".into()),
                share: Share::ALL,
                seed: 1,
                continuous: false,
            },
            waves: sizes.map(wave).into(),
            may_overlap: false,
            terms: Terms::default(),
            allow_downgrade: false,
            pace: Pace::Unbounded,
            in_flight: None,
            retries: Retries::default(),
            start_at: None,
            end: None,
            stops: Vec::new(),
            canary: None,
        }
    }

    fn moment() -> Moment {
        Moment { now: Time(0), overdue_before: Time(0) }
    }

    fn roll_out(&self, image: ImageId) {
        let tenant = TenantId::default();
        let started = Instant::now();
        let new = self.plan(image);
        let members =
            self.reader.muster(&tenant, &new, &[], Self::moment()).expect("a store").expect("members");
        println!("{:>8.2?} mustered", started.elapsed());
        let add = Call::AddRollout { tenant: tenant.clone(), rollout: Box::new(new), members, by: BY.into() };
        let Reply::Rollout { rollout, .. } = self.call(add) else { panic!("no rollout") };
        println!("{:>8.2?} created", started.elapsed());
        self.wait(rollout.id, |status, _| status == Status::Ready);
        println!("{:>8.2?} ready", started.elapsed());
        let (command, by) = (Command::Start, BY.into());
        self.call(Call::CommandRollout { tenant, rollout: rollout.id, command, by });
        let devices = self.devices as u64;
        self.wait(rollout.id, |_, tally| tally.waiting == 0 && tally.active == devices);
        println!("{:>8.2?} until all of {devices} devices had their action on disk", started.elapsed());
    }

    fn wait(&self, id: RolloutId, done: impl Fn(Status, Tally) -> bool) {
        loop {
            let found = self.reader.rollout(&TenantId::default(), id).expect("readable");
            let (rollout, waves) = found.expect("a rollout");
            if done(rollout.status, Tally::sum(&waves)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn rehearse(&self, image: ImageId) {
        let started = Instant::now();
        let span = |least_ms, most_ms| Span { least_ms, most_ms };
        let model = Model {
            seed: 1,
            fails: Share::percent(2).expect("a part"),
            silent: Share::percent(1).expect("a part"),
            away: Share::percent(10).expect("a part"),
            sign: span(1_000, 60_000),
            install: span(30_000, 600_000),
            back: span(60_000, 3_600_000),
            horizon_ms: 7 * 24 * 3_600_000,
        };
        let plan = self.reader.rehearse(&TenantId::default(), self.plan(image), &[], &model, Self::moment());
        let plan = plan.expect("a store").expect("a plan");
        println!(
            "rehearsed in {:.2?}: {} moments, {} until {}",
            started.elapsed(),
            plan.moments.len(),
            plan.rollout.status.name(),
            plan.until.0 / 1000
        );
    }
}
