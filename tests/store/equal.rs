//! One random sequence of changes on both stores: they must hold the same rows after every step.

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;

use updraft::domain::action::Action;
use updraft::domain::decide::Entry;
use updraft::domain::deployment::Deployment;
use updraft::domain::device::Device;
use updraft::domain::ids::*;
use updraft::domain::image::{Image, Release};
use updraft::domain::offer::Offer;
use updraft::store::memory::MemoryStore;
use updraft::store::tables::{Counter, Digest, Draft, Operator, Principal, Task};
use updraft::store::{Store, StoreError, Table};

use super::arbitrary::*;
use super::{Dump, dump, dump_store, look, redb_in_memory};

#[derive(Debug, Clone)]
pub enum Op {
    PutDevice(Box<Device>),
    RemoveDevice(Box<Device>),
    PutCredential(DeviceKey, Digest),
    PutOperator(Operator),
    RemoveOperator(Box<str>),
    PutImage(Image),
    RemoveImage(TenantId, ImageId),
    PutRelease(Release),
    RemoveRelease(Release),
    PutOffer(Offer),
    RemoveOffer(Offer),
    PutAction(Box<Action>),
    AddHistory(TenantId, ActionId, u32, Entry),
    PutDeployment(Deployment),
    PutTask(u64, Task),
    RemoveTask(u64),
    AddAction(Box<Action>),
    AddPending(u64, u32, Vec<DeviceId>),
    RemovePending(u64, u32),
    AddDue(Time, TenantId, ActionId),
    RemoveDue(Time, TenantId, ActionId),
    Next(TenantId, FirmwareType),
}

pub fn op() -> impl Strategy<Value = Op> {
    let time = || (0..3u64).prop_map(Time);
    prop_oneof![
        4 => device().prop_map(|d| Op::PutDevice(Box::new(d))),
        2 => device().prop_map(|d| Op::RemoveDevice(Box::new(d))),
        2 => (device_key(), digest()).prop_map(|(k, d)| Op::PutCredential(k, d)),
        2 => operator().prop_map(Op::PutOperator),
        1 => "[ab]".prop_map(|n| Op::RemoveOperator(n.into())),
        2 => image().prop_map(Op::PutImage),
        1 => (tenant(), image_id()).prop_map(|(t, i)| Op::RemoveImage(t, i)),
        1 => release().prop_map(Op::PutRelease),
        1 => release().prop_map(Op::RemoveRelease),
        1 => offer().prop_map(Op::PutOffer),
        1 => offer().prop_map(Op::RemoveOffer),
        3 => action().prop_map(|a| Op::PutAction(Box::new(a))),
        1 => (tenant(), action_id(), any::<u32>(), entry()).prop_map(|(t, a, n, e)| Op::AddHistory(t, a, n, e)),
        1 => deployment().prop_map(Op::PutDeployment),
        1 => (0..3u64, task()).prop_map(|(id, task)| Op::PutTask(id, task)),
        1 => (0..3u64).prop_map(Op::RemoveTask),
        1 => action().prop_map(|a| Op::AddAction(Box::new(a))),
        1 => (0..3u64, 0..3u32, vec(device_id(), 0..4)).prop_map(|(id, n, d)| Op::AddPending(id, n, d)),
        1 => (0..3u64, 0..3u32).prop_map(|(id, slice)| Op::RemovePending(id, slice)),
        1 => (time(), tenant(), action_id()).prop_map(|(at, t, a)| Op::AddDue(at, t, a)),
        1 => (time(), tenant(), action_id()).prop_map(|(at, t, a)| Op::RemoveDue(at, t, a)),
        1 => (tenant(), kind()).prop_map(|(t, k)| Op::Next(t, k)),
    ]
}

pub fn run(draft: &mut Draft<'_>, op: &Op) -> Result<(), StoreError> {
    match op {
        Op::PutDevice(device) => draft.put_device(device),
        Op::RemoveDevice(device) => draft.remove_device(device),
        Op::PutCredential(key, digest) => draft.put_credential(key, digest),
        Op::PutOperator(operator) => draft.put_operator(operator),
        Op::RemoveOperator(name) => draft.remove_operator(name),
        Op::PutImage(image) => draft.put_image(image),
        Op::RemoveImage(tenant, id) => draft.remove_image(tenant, *id),
        Op::PutRelease(release) => draft.put_release(release),
        Op::RemoveRelease(release) => draft.remove_release(&release.tenant, release.id),
        Op::PutOffer(offer) => draft.put_offer(offer),
        Op::RemoveOffer(offer) => draft.remove_offer(&offer.tenant, &offer.product, offer.kind),
        // Only an action that is there can have changed.
        Op::PutAction(action) => match draft.view().action(&action.device.tenant, action.id)? {
            Some(old) if old.device == action.device => draft.put_action(action),
            Some(_) => Ok(()),
            None => draft.add_action(action),
        },
        Op::AddHistory(tenant, action, number, entry) => draft.add_history(tenant, *action, *number, entry),
        Op::PutDeployment(deployment) => draft.put_deployment(deployment),
        Op::PutTask(id, task) => draft.put_task(*id, task),
        Op::RemoveTask(id) => draft.remove_task(*id),
        Op::AddAction(action) => run(draft, &Op::PutAction(action.clone())),
        Op::AddPending(task, slice, devices) => draft.add_pending(*task, *slice, devices),
        Op::RemovePending(task, slice) => draft.remove_pending(*task, *slice),
        Op::AddDue(at, tenant, action) => draft.add_due(*at, tenant, *action),
        Op::RemoveDue(at, tenant, action) => draft.remove_due(*at, tenant, *action),
        Op::Next(tenant, kind) => draft.next(Counter::ImageNumber(tenant, *kind)).map(|_| ()),
    }
}

/// Runs a transaction and returns what it saw after each step. With `fails`, its last step fails.
fn transact(store: &dyn Store, ops: &[Op], fails: bool) -> Vec<Dump> {
    let mut seen = Vec::new();
    let result = store.write(&mut |write| {
        for op in ops {
            run(&mut Draft(write), op)?;
            seen.push(dump(&*write));
        }
        if fails { Err(StoreError::InUse) } else { Ok(()) }
    });
    assert_eq!(result.is_err(), fails);
    seen
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn both_stores_hold_the_same_after_every_step(
        transactions in vec((vec(op(), 1..8), prop::bool::weighted(0.2)), 1..8),
    ) {
        let (memory, redb) = (MemoryStore::new(), redb_in_memory());
        for (ops, fails) in transactions {
            let before = dump_store(&redb);
            let (expected, found) = (transact(&memory, &ops, fails), transact(&redb, &ops, fails));
            assert_eq!(found, expected);
            let after = dump_store(&redb);
            assert_eq!(after, dump_store(&memory));
            assert_eq!(&after, if fails { &before } else { expected.last().expect("at least one step") });
        }
    }

    #[test]
    fn indexes_say_what_the_rows_say(ops in vec(op(), 1..60)) {
        let store = MemoryStore::new();
        transact(&store, &ops, false);
        let count = |table| dump_store(&store).iter().filter(|row| row.0 == table).count();
        let tenants: BTreeSet<TenantId> = ops.iter().filter_map(|op| match op {
            Op::PutDevice(device) => Some(device.key.tenant.clone()),
            _ => None,
        }).collect();
        let devices: Vec<Device> =
            tenants.iter().flat_map(|t| look(&store, |view| view.devices(t, None, 99))).collect();
        for device in &devices {
            let DeviceKey { tenant, device: id } = &device.key;
            let listed = look(&store, |view| view.product_devices(tenant, &device.product, None, 99));
            assert!(listed.contains(id), "{} is among those of its product", device.key);
        }
        assert_eq!(count(Table::ProductDevices), devices.len());
        assert_eq!(count(Table::DeviceActions), count(Table::Actions));
        assert_eq!(count(Table::Tokens), count(Table::Credentials) + count(Table::Operators));
        for operator in look(&store, |view| view.operators()) {
            let owner = look(&store, |view| view.token_owner(&operator.digest));
            assert_eq!(owner, Some(Principal::Operator(operator.name)));
        }
    }
}
