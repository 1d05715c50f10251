//! Arbitrary domain values: anything that the types allow.

use std::collections::BTreeMap;

use proptest::collection::{btree_map, btree_set, vec};
use proptest::option::of;
use proptest::prelude::*;

use updraft::domain::action::{Action, Clock, Component, Failure, Onward, Origin, State};
use updraft::domain::catalog::Trail;
use updraft::domain::decide::{Entry, Note};
use updraft::domain::deployment::{Counters, Deployment, Target};
use updraft::domain::device::{
    AutoConfirm, Capabilities, Device, Ended, Failures, Format, Hardware, Installed, Penalty, Profile,
    Refused, Reported, SeqWindow,
};
use updraft::domain::feedback::{Finished, Progress, Word};
use updraft::domain::ids::*;
use updraft::domain::image::{About, Artifact, Image, Metadata, Products, Release, Sha256};
use updraft::domain::offer::{HardwareMatch, Offer, Rules};
use updraft::domain::terms::{Force, Terms, Timeouts, Weight};
use updraft::domain::version::{Running, Version, VersionPattern};
use updraft::domain::window::Window;
use updraft::store::tables::{Digest, Operator, Role, Task};

/// Few names often, so that rows meet, and every name sometimes.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![3 => "[ab]", 1 => "[A-Za-z0-9][A-Za-z0-9._:-]{0,127}"]
}

/// Any text, sometimes one that is longer than the buffer of the CBOR reader.
fn text() -> impl Strategy<Value = Box<str>> {
    prop_oneof![30 => ".{0,20}", 1 => Just("x".repeat(5000))].prop_map(String::into_boxed_str)
}

fn number() -> impl Strategy<Value = u64> {
    prop_oneof![3 => 1..4u64, 1 => 1..=u64::from(ActionId::MAX)]
}

pub fn time() -> impl Strategy<Value = Time> {
    any::<u64>().prop_map(Time)
}

pub fn tenant() -> impl Strategy<Value = TenantId> {
    name().prop_map(|n| TenantId::parse(&n).unwrap())
}

pub fn product() -> impl Strategy<Value = ProductId> {
    name().prop_map(|n| ProductId::parse(&n).unwrap())
}

pub fn device_id() -> impl Strategy<Value = DeviceId> {
    name().prop_map(|n| DeviceId::parse(&n).unwrap())
}

pub fn device_key() -> impl Strategy<Value = DeviceKey> {
    (tenant(), device_id()).prop_map(|(tenant, device)| DeviceKey { tenant, device })
}

pub fn kind() -> impl Strategy<Value = FirmwareType> {
    (1..=200u64).prop_map(|n| FirmwareType::new(n).unwrap())
}

pub fn action_id() -> impl Strategy<Value = ActionId> {
    number().prop_map(|n| ActionId::new(n).unwrap())
}

pub fn image_id() -> impl Strategy<Value = ImageId> {
    number().prop_map(|n| ImageId::new(n).unwrap())
}

fn release_id() -> impl Strategy<Value = ReleaseId> {
    number().prop_map(|n| ReleaseId::new(n).unwrap())
}

fn deployment_id() -> impl Strategy<Value = DeploymentId> {
    number().prop_map(|n| DeploymentId::new(n).unwrap())
}

fn version() -> impl Strategy<Value = Version> {
    "[!-~]{1,128}".prop_map(|v| Version::parse(&v).unwrap())
}

pub fn digest() -> impl Strategy<Value = Digest> {
    any::<[u8; 32]>().prop_map(Digest)
}

fn reported() -> impl Strategy<Value = Reported> {
    (of(any::<u64>()), of(version()), any::<u64>(), time()).prop_map(|(number, version, seq, at)| Reported {
        running: Running { number, version },
        seq,
        at,
    })
}

fn capabilities() -> impl Strategy<Value = Capabilities> {
    let format = prop_oneof![Just(Format::Json), Just(Format::Cbor)];
    (vec(kind(), 0..4), of(any::<u32>()), vec(format, 0..3), vec(text(), 0..3))
        .prop_map(|(types, mtu, formats, verify)| Capabilities { types, mtu, formats, verify })
}

pub fn device() -> impl Strategy<Value = Device> {
    let hardware = of((text(), of(text())).prop_map(|(model, revision)| Hardware { model, revision }));
    let attribute = (1..=65535u64).prop_map(|n| AttributeId::new(n).unwrap());
    let failures = (image_id(), any::<u32>()).prop_map(|(image, count)| Failures { image, count });
    let who = (device_key(), product(), hardware, capabilities());
    let named = (btree_map(text(), text(), 0..3), any::<bool>());
    let runs = (btree_map(kind(), reported(), 0..4), btree_map(attribute, text(), 0..5), of(text()), named);
    let installed =
        (target(), time(), of(action_id())).prop_map(|(target, at, action)| Installed { target, at, action });
    let ended = proptest::sample::select(vec![Ended::Nothing, Ended::Well, Ended::Failed]);
    let standing = (of(target()), of(installed), ended, btree_set(action_id(), 0..3));
    let told = (any::<(u64, u64)>(), any::<u64>(), btree_map(kind(), action_id(), 0..3), standing);
    let refused = (time(), text(), text()).prop_map(|(at, code, message)| Refused { at, code, message });
    let rest = (btree_map(kind(), failures, 0..3), any::<bool>(), trail(), of(time()), of(refused));
    let penalty = (any::<u32>(), of(time())).prop_map(|(count, until)| Penalty { count, until });
    let rest = (rest, of(text()), profile(), of(penalty));
    // On the heap: together they are more than the stack of a test's thread has room for.
    (who.boxed(), runs.boxed(), told.boxed(), rest.boxed()).prop_map(|(who, runs, told, rest)| Device {
        key: who.0,
        product: who.1,
        hardware: who.2,
        capabilities: who.3,
        versions: runs.0,
        attributes: runs.1,
        named: runs.3.0,
        attributes_wanted: runs.3.1,
        boot: runs.2,
        window: SeqWindow { newest: told.0.0, seen: told.0.1 },
        desired_seq: told.1,
        active: told.2,
        leaving: told.3.3,
        assigned: told.3.0,
        installed: told.3.1,
        ended: told.3.2,
        failures: rest.0.0,
        penalty: rest.3,
        refused: rest.0.4,
        proven: rest.0.1,
        online: rest.0.1,
        trail: rest.0.2,
        last_seen: rest.0.3,
        seen_at: rest.1,
        profile: rest.2,
    })
}

fn profile() -> impl Strategy<Value = Profile> {
    let auto_confirm = (of(text()), of(text()), time()).prop_map(|(initiator, remark, since)| AutoConfirm {
        initiator,
        remark,
        since,
    });
    let texts = (of(text()), of(text()), of(text()), of(text()));
    let arranged = (btree_set(item_id(), 0..3), btree_map(text(), text(), 0..3), of(auto_confirm));
    (texts, arranged).prop_map(|(texts, arranged)| Profile {
        name: texts.0,
        description: texts.1,
        address: texts.2,
        group: texts.3,
        tags: arranged.0,
        metadata: arranged.1,
        auto_confirm: arranged.2,
    })
}

fn item_id() -> impl Strategy<Value = ItemId> {
    (1..=u64::from(ItemId::MAX)).prop_map(|n| ItemId::new(n).unwrap())
}

fn trail() -> impl Strategy<Value = Trail> {
    (time(), text(), time(), text()).prop_map(|(created, by, changed, changed_by)| Trail {
        created,
        by,
        changed,
        changed_by,
    })
}

fn terms() -> impl Strategy<Value = Terms> {
    let force = prop_oneof![
        Just(Force::Forced),
        Just(Force::Soft),
        Just(Force::DownloadOnly),
        time().prop_map(Force::From),
    ];
    let weight = (0..=1000u64).prop_map(|n| Weight::new(n).unwrap());
    let window = (text(), any::<u64>(), any::<i16>(), any::<bool>()).prop_map(
        |(schedule, duration_ms, offset_min, of_device)| Window {
            schedule,
            duration_ms,
            offset_min,
            of_device,
        },
    );
    let timeouts = (of(any::<u64>()), of(any::<u64>()), of(any::<u64>()))
        .prop_map(|(first_ms, step_ms, total_ms)| Timeouts { first_ms, step_ms, total_ms });
    (force, weight, of(window), any::<(bool, bool)>(), of(text()), timeouts).prop_map(
        |(force, weight, window, (consent, prefetch), reference, timeouts)| Terms {
            prefetch,
            force,
            weight,
            window,
            consent,
            reference,
            timeouts,
        },
    )
}

fn about() -> impl Strategy<Value = About> {
    let metadata = (text(), any::<bool>()).prop_map(|(value, visible)| Metadata { value, visible });
    (of(text()), of(text()), btree_map(text(), metadata, 0..3))
        .prop_map(|(description, vendor, metadata)| About { description, vendor, metadata })
}

fn products() -> impl Strategy<Value = Products> {
    prop_oneof![Just(Products::Any), btree_set(product(), 0..3).prop_map(Products::Only)]
}

fn target() -> impl Strategy<Value = Target> {
    prop_oneof![image_id().prop_map(Target::Image), release_id().prop_map(Target::Release)]
}

fn state() -> impl Strategy<Value = State> {
    let plain = proptest::sample::select(vec![
        State::Queued,
        State::Offered,
        State::Accepted,
        State::Downloading,
        State::Downloaded,
        State::Waiting,
        State::Installing,
        State::Rebooting,
        State::Verifying,
        State::Succeeded,
        State::AlreadyInstalled,
        State::Failed(Failure::NotConverged),
        State::Rejected,
        State::TimedOut,
        State::Cancelled,
        State::Superseded,
        State::NotCompatible,
    ]);
    let reported = of(any::<i32>()).prop_map(|code| State::Failed(Failure::Reported(code)));
    prop_oneof![6 => plain, 1 => reported]
}

fn component() -> impl Strategy<Value = Component> {
    (kind(), image_id(), any::<u64>(), version()).prop_map(|(kind, image, number, version)| Component {
        kind,
        image,
        number,
        version,
    })
}

pub fn action() -> impl Strategy<Value = Action> {
    let origin = prop_oneof![
        Just(Origin::Offer),
        Just(Origin::Device),
        deployment_id().prop_map(Origin::Deployment),
        item_id().prop_map(Origin::Filter),
    ];
    let ordered = (terms(), text(), any::<(bool, bool)>(), of(any::<i32>()));
    let progress = of(any::<(u32, u32)>().prop_map(|(done, of)| Progress { done, of }));
    let what = (action_id(), device_key(), target(), vec(component(), 0..3), origin, state());
    let cancel = (any::<(bool, bool)>(), of(time()), any::<u32>(), progress);
    let rest = (vec(any::<u64>(), 0..32), any::<u32>(), time(), time(), of(text()));
    let onward = (target(), any::<bool>(), any::<u8>()).prop_map(|(target, allow_downgrade, leg)| Onward {
        target,
        allow_downgrade,
        leg,
    });
    let clock = (of(time()), time(), of(time()), of(onward));
    let parts = (what.boxed(), ordered.boxed(), cancel.boxed(), rest.boxed(), clock.boxed());
    parts.prop_map(|(what, ordered, cancel, rest, clock)| Action {
        terms: ordered.0,
        by: ordered.1,
        unconfirmed: ordered.2.0,
        read: ordered.2.1,
        last_code: ordered.3,
        id: what.0,
        device: what.1,
        target: what.2,
        onward: clock.3,
        components: what.3,
        origin: what.4,
        state: what.5,
        warning: cancel.0.0,
        cancelling: cancel.0.1,
        cancel_by: cancel.1,
        attempt: cancel.2,
        verified_in: rest.4,
        progress: cancel.3,
        fingerprints: rest.0,
        entries: rest.1,
        created: rest.2,
        changed: rest.3,
        commanded: clock.0,
        stepped: clock.1,
        due_at: clock.2,
    })
}

fn note() -> impl Strategy<Value = Note> {
    let word = proptest::sample::select(vec![
        Word::Proceeding,
        Word::Scheduled,
        Word::Resumed,
        Word::Download,
        Word::Downloaded,
        Word::Rejected,
        Word::Canceled,
        Word::Closed(Finished::Success),
        Word::Closed(Finished::Failure),
        Word::Closed(Finished::None),
    ]);
    prop_oneof![
        Just(Note::Created),
        Just(Note::Told),
        Just(Note::Reported),
        Just(Note::CancelAsked),
        Just(Note::CancelEnded),
        Just(Note::Superseded),
        Just(Note::Retrieved),
        Just(Note::Fetching),
        Just(Note::Confirmed),
        Just(Note::Denied),
        Just(Note::Forced),
        Just(Note::TimedOut(Clock::First)),
        Just(Note::TimedOut(Clock::Step)),
        Just(Note::TimedOut(Clock::Total)),
        word.clone().prop_map(Note::Said),
        word.clone().prop_map(Note::Answered),
        word.prop_map(Note::Drift),
    ]
}

pub fn entry() -> impl Strategy<Value = Entry> {
    (time(), state(), note(), of(any::<i32>()), vec(text(), 0..4))
        .prop_map(|(at, state, note, code, details)| Entry { at, state, note, code, details })
}

fn rules() -> impl Strategy<Value = Rules> {
    let range = proptest::sample::select(vec![">=1.0.0, <2.0.0", "^1.2", "~0.3", "=1.2.3-rc.1", ">=1, 2.*"])
        .prop_map(String::from);
    let pattern = prop_oneof![range, "[0-9x*]{1,3}(\\.[0-9xX*]{1,3}){0,3}"];
    let pattern = pattern.prop_map(|p| VersionPattern::parse(&p).expect("a pattern"));
    let hardware = (text(), of(text())).prop_map(|(model, revision)| HardwareMatch { model, revision });
    (vec(pattern, 0..4), vec(version(), 0..3), of(time()), of(time()), vec(hardware, 0..3)).prop_map(
        |(compatible, through, not_before, not_after, hardware)| Rules {
            compatible,
            through,
            not_before,
            not_after,
            hardware,
        },
    )
}

fn artifact() -> impl Strategy<Value = Artifact> {
    let id = (1..=u64::from(ArtifactId::MAX)).prop_map(|n| ArtifactId::new(n).unwrap());
    (id, text(), any::<u64>(), any::<[u8; 32]>(), any::<[u8; 20]>(), any::<[u8; 16]>()).prop_map(
        |(id, name, size, sha256, sha1, md5)| Artifact { id, name, size, sha256: Sha256(sha256), sha1, md5 },
    )
}

pub fn image() -> impl Strategy<Value = Image> {
    let what = (image_id(), tenant(), products(), kind(), any::<u64>(), version());
    let written = (text(), about(), btree_set(text(), 0..3), any::<[bool; 3]>(), trail());
    (what, vec(artifact(), 0..3), rules(), written).prop_map(|(what, artifacts, rules, written)| Image {
        id: what.0,
        tenant: what.1,
        name: written.0,
        products: what.2,
        kind: what.3,
        number: what.4,
        version: what.5,
        artifacts,
        rules,
        about: written.1,
        tags: written.2,
        encrypted: written.3[0],
        locked: written.3[1],
        deleted: written.3[2],
        trail: written.4,
    })
}

pub fn release() -> impl Strategy<Value = Release> {
    let what = (release_id(), tenant(), text(), version(), vec(image_id(), 0..4));
    let written = (of(item_id()), about(), btree_set(item_id(), 0..3), any::<[bool; 4]>(), trail());
    (what, written).prop_map(|(what, written)| Release {
        id: what.0,
        tenant: what.1,
        name: what.2,
        version: what.3,
        images: what.4,
        kind: written.0,
        about: written.1,
        tags: written.2,
        required_step: written.3[0],
        locked: written.3[1],
        invalid: written.3[2],
        deleted: written.3[3],
        trail: written.4,
    })
}

pub fn offer() -> impl Strategy<Value = Offer> {
    (tenant(), product(), kind(), image_id(), rules(), any::<bool>(), time()).prop_map(
        |(tenant, product, kind, image, rules, allow_downgrade, created)| Offer {
            tenant,
            product,
            kind,
            image,
            rules,
            allow_downgrade,
            created,
        },
    )
}

pub fn deployment() -> impl Strategy<Value = Deployment> {
    (deployment_id(), tenant(), target(), any::<bool>(), any::<[u64; 5]>(), time(), terms(), text()).prop_map(
        |(id, tenant, target, allow_downgrade, counts, created, terms, by)| {
            let [pending, active, succeeded, failed, cancelled] = counts;
            let counters = Counters { pending, active, succeeded, failed, cancelled };
            Deployment { id, tenant, target, allow_downgrade, terms, by, counters, created }
        },
    )
}

pub fn operator() -> impl Strategy<Value = Operator> {
    let role = prop_oneof![Just(Role::Admin), Just(Role::Observer)];
    let name = prop_oneof!["[ab]".prop_map(String::into_boxed_str), text()];
    (name, of(tenant()), role, digest(), time()).prop_map(|(name, tenant, role, digest, created)| Operator {
        name,
        tenant,
        role,
        digest,
        created,
    })
}

pub fn task() -> impl Strategy<Value = Task> {
    prop_oneof![
        (tenant(), deployment_id()).prop_map(|(tenant, deployment)| Task::Deploy { tenant, deployment }),
        (tenant(), product(), kind(), time(), of(device_id()))
            .prop_map(|(tenant, product, kind, at, after)| Task::Offer { tenant, product, kind, at, after }),
    ]
}

/// A key of few letters, so that keys share prefixes; 0xff is where prefixes end otherwise.
pub fn raw_key() -> impl Strategy<Value = Vec<u8>> {
    vec(proptest::sample::select(vec![0u8, 1, 0xfe, 0xff]), 0..4)
}

pub fn raw_rows() -> impl Strategy<Value = BTreeMap<Vec<u8>, Vec<u8>>> {
    btree_map(raw_key(), vec(any::<u8>(), 0..3), 0..40)
}
