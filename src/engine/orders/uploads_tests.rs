#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use super::*;
use crate::domain::decide::Policy;
use crate::domain::eligibility::AttemptLimit;
use crate::domain::event::Event;
use crate::domain::ids::{DeviceKey, FirmwareType, ImageId, Time};
use crate::domain::image::{About, Artifact, Image, Products};
use crate::domain::offer::Rules;
use crate::domain::version::Version;
use crate::engine::access::Principal;
use crate::engine::call::{Call, Downlink, Receipt, Stamp};
use crate::engine::{Engine, EngineThread, Outlet, Settings, now, start};
use crate::store::Store;
use crate::store::memory::MemoryStore;
use crate::store::tables::{Draft, View};

struct Nobody;

impl Outlet for Nobody {
    fn receipts(&mut self, _: Vec<(Stamp, Receipt)>) {}
    fn downlinks(&mut self, _: Vec<Downlink>) {}
    fn heard(&mut self, _: Vec<(DeviceKey, Event)>) {}
    fn evict(&mut self, _: Vec<Principal>) {}
}

/// An engine over a store with these uploads and an image that has the file of nines.
struct World {
    store: Arc<MemoryStore>,
    engine: Engine,
    thread: EngineThread,
}

impl World {
    fn with(uploads: &[KeptUpload]) -> World {
        let store = Arc::new(MemoryStore::new());
        store
            .write(&mut |write| {
                let mut draft = Draft(write);
                draft.put_image(&image(9))?;
                uploads.iter().try_for_each(|upload| draft.put_upload(upload))
            })
            .unwrap();
        let policy = Policy {
            attempts: AttemptLimit(3),
            cancel_timeout_ms: 0,
            penalty_after: 3,
            penalty_ms: 3_600_000,
        };
        let settings = Settings { policy, command_expiry_ms: 1000, reserve_bytes: 0, poll_s: 300 };
        let kept: Arc<dyn Store> = Arc::clone(&store) as Arc<dyn Store>;
        let (engine, thread) = start(kept, settings, Box::new(Nobody), Box::new(|_| {})).unwrap();
        World { store, engine, thread }
    }

    fn call(&self, call: Call) -> Result<Reply, CallError> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(self.engine.call(call))
    }

    fn uploads(&self) -> Vec<KeptUpload> {
        let mut found = Vec::new();
        self.store
            .read(&mut |read| {
                found = View(read).uploads()?;
                Ok(())
            })
            .unwrap();
        found
    }

    fn end(self) {
        drop(self.engine);
        self.thread.stop().unwrap();
    }
}

fn upload(byte: u8, moved: bool, at: Time) -> KeptUpload {
    let (tenant, sha256) = (TenantId::default(), Sha256([byte; 32]));
    KeptUpload { tenant, sha256, size: 1, sha1: [0; 20], md5: [0; 16], moved, at }
}

fn image(byte: u8) -> Image {
    let file = Artifact {
        id: crate::domain::ids::ArtifactId::new(1001).unwrap(),
        name: "f".into(),
        size: 1,
        sha256: Sha256([byte; 32]),
        sha1: [0; 20],
        md5: [0; 16],
    };
    Image {
        id: ImageId::new(1).unwrap(),
        tenant: TenantId::default(),
        name: "app".into(),
        products: Products::Any,
        kind: FirmwareType::APPLICATION,
        number: 1,
        version: Version::parse("1").unwrap(),
        artifacts: vec![file],
        rules: Rules::default(),
        about: About::default(),
        tags: BTreeSet::new(),
        encrypted: false,
        locked: false,
        deleted: false,
        trail: crate::domain::catalog::Trail::new("t", Time(0)),
    }
}

#[test]
fn what_nobody_came_for_is_given_up_and_what_an_image_has_is_left_to_it() {
    let (long_ago, now) = (Time(1), now());
    let fresh = [upload(1, false, now), upload(2, true, now), upload(9, false, now)];
    let gone = [upload(3, false, long_ago), upload(4, true, long_ago)];
    let taken = upload(9, true, now);
    let mut all = [fresh.as_slice(), &gone].concat();
    let world = World::with(&all);
    let files = gone.iter().map(|upload| upload.sha256).collect();
    assert_eq!(world.call(Call::SweepUploads), Ok(Reply::Removed { files }));
    assert_eq!(world.uploads(), fresh);
    assert_eq!(world.call(Call::SweepUploads), Ok(Reply::Removed { files: Vec::new() }));
    world.end();
    all[2] = taken;
    let world = World::with(&all[..3]);
    // The image has the file: it goes when the image does.
    assert_eq!(world.call(Call::SweepUploads), Ok(Reply::Removed { files: Vec::new() }));
    assert_eq!(world.uploads(), fresh[..2]);
    world.end();
}

#[test]
fn an_upload_is_moved_once_stays_moved_and_starts_anew_when_it_is_sent_again() {
    let world = World::with(&[upload(1, false, now()), upload(3, false, Time(1)), upload(4, true, Time(1))]);
    let tenant = TenantId::default();
    let moves = |byte: u8| Call::MoveUpload { tenant: tenant.clone(), sha256: Sha256([byte; 32]) };
    let sends = |byte: u8| {
        let sha256 = Sha256([byte; 32]);
        let file = NewArtifact { name: "".into(), size: 1, sha256, sha1: [0; 20], md5: [0; 16] };
        Call::KeepUpload { tenant: tenant.clone(), file }
    };
    let moved = |reply| match reply {
        Ok(Reply::Upload(upload)) => Some(upload.moved),
        Ok(_) | Err(_) => None,
    };
    let first = world.call(moves(1));
    assert_eq!(world.call(moves(1)), first);
    let table = [
        (world.call(sends(1)), Some(true)),
        (world.call(moves(3)), None),
        (world.call(sends(3)), Some(false)),
        (world.call(moves(3)), Some(true)),
        (world.call(sends(4)), Some(false)),
        (world.call(moves(7)), None),
    ];
    for (step, (reply, expected)) in table.into_iter().enumerate() {
        assert_eq!(moved(reply), expected, "step {step}");
    }
    world.end();
}
