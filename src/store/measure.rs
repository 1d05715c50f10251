//! How long a device's record takes, and how many commits a disk takes. Run by hand, with optimisation:
//! `cargo test --release --lib store::measure -- --ignored --nocapture`.

#![allow(clippy::unwrap_used)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use crate::domain::device::{Capabilities, Device, Format, Hardware, Reported};
use crate::domain::ids::{AttributeId, DeviceId, DeviceKey, FirmwareType, ProductId, TenantId, Time};
use crate::domain::version::{Running, Version};

use super::Store;
use super::record::device::DeviceRecord;
use super::record::{decode, encode};
use super::redb::RedbStore;
use super::tables::{Draft, View};

/// A device that has said everything: three versions, five attributes, hardware, capabilities.
fn device(number: usize) -> Device {
    let device = DeviceId::parse(&format!("lamp-{number:06}")).unwrap();
    let key = DeviceKey { tenant: TenantId::default(), device };
    let mut device = Device::new(key, ProductId::parse("lamp").unwrap(), "admin", Time(1_731_600_000_000));
    device.hardware = Some(Hardware { model: "esp32-c3".into(), revision: Some("B".into()) });
    device.capabilities = Capabilities {
        types: [1, 3, 105].map(|n| FirmwareType::new(n).unwrap()).to_vec(),
        mtu: Some(4096),
        formats: vec![Format::Cbor, Format::Json],
        verify: vec!["sha256".into(), "ed25519".into()],
    };
    for kind in [1, 3, 105] {
        let running = Running { number: Some(7112), version: Version::parse("1.0.3") };
        let reported = Reported { running, seq: 41, at: Time(1_731_600_000_000) };
        device.versions.insert(FirmwareType::new(kind).unwrap(), reported);
    }
    for id in 1..=5 {
        device.attributes.insert(AttributeId::new(id).unwrap(), "a value of some length".into());
    }
    device.boot = Some("b3f1".into());
    device.last_seen = Some(Time(1_731_600_000_000));
    device
}

#[test]
#[ignore = "a measurement"]
fn a_device_record() {
    const ROUNDS: u32 = 200_000;
    let device = device(1);
    let bytes = encode(&DeviceRecord::of(&device));
    let began = Instant::now();
    for _ in 0..ROUNDS {
        black_box(encode(&DeviceRecord::of(black_box(&device))));
    }
    let encoding = began.elapsed() / ROUNDS;
    let began = Instant::now();
    for _ in 0..ROUNDS {
        let record: DeviceRecord<'_> = decode(black_box(&bytes)).unwrap();
        black_box(record.device(device.key.clone()).unwrap());
    }
    let decoding = began.elapsed() / ROUNDS;
    println!("{} bytes, encode {encoding:?}, decode {decoding:?}", bytes.len());
}

/// Loads and keeps `batch` devices of 20,000 in each commit, as the engine does for reports.
#[test]
#[ignore = "a measurement"]
fn commits_on_this_disk() {
    const FLEET: usize = 20_000;
    let folder = tempfile::tempdir_in(std::env::var("UPDRAFT_MEASURE_DIR").unwrap_or("/tmp".into())).unwrap();
    let store = RedbStore::open(&folder.path().join("store.redb")).unwrap();
    let register = |draft: &mut Draft<'_>| (0..FLEET).try_for_each(|n| draft.put_device(&device(n)));
    store.write(&mut |write| register(&mut Draft(write))).unwrap();
    for batch in [1, 128, 1024] {
        let (began, mut commits) = (Instant::now(), 0);
        while began.elapsed() < Duration::from_secs(5) {
            store
                .write(&mut |write| {
                    let mut draft = Draft(write);
                    for n in 0..batch {
                        let key = device((commits * batch + n * 7919) % FLEET).key;
                        let mut loaded = draft.view().device(&key)?.unwrap();
                        loaded.window.newest += 1;
                        draft.put_device(&loaded)?;
                    }
                    Ok(())
                })
                .unwrap();
            commits += 1;
        }
        let rate = commits as f64 / began.elapsed().as_secs_f64();
        println!("{batch} devices a commit: {rate:.0} commits/s, {:.0} devices/s", rate * batch as f64);
    }
    let began = Instant::now();
    for n in 0..FLEET {
        let key = device(n).key;
        let mut look = |read: &dyn super::Read| View(read).device(&key).map(|found| drop(black_box(found)));
        store.read(&mut look).unwrap();
    }
    println!("a read transaction with one device: {:?}", began.elapsed() / FLEET as u32);
}
