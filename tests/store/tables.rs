//! The typed tables: what is put comes back whole, lists are in order and can be walked page by page, and rows that
//! somebody else wrote are an error and never a panic.

use std::collections::BTreeSet;
use std::fmt::Debug;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use updraft::domain::ids::*;
use updraft::store::tables::{Counter, Digest, Principal, View};
use updraft::store::{Read, Store, StoreError, Table};

use super::arbitrary::*;
use super::{change, dump_store, look, on_both};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_put_comes_back_whole(
        device in device(), digest in digest(), action in action(), entry in entry(), image in image(),
        release in release(), offer in offer(), deployment in deployment(), operator in operator(), task in task(),
    ) {
        on_both(|store| {
            change(store, |draft| {
                draft.put_device(&device)?;
                draft.put_credential(&device.key, &digest)?;
                draft.add_action(&action)?;
                draft.add_history(&action.device.tenant, action.id, 1, &entry)?;
                draft.put_image(&image)?;
                draft.put_release(&release)?;
                draft.put_offer(&offer)?;
                draft.put_deployment(&deployment)?;
                draft.put_operator(&operator)?;
                draft.put_task(7, &task)?;
                draft.add_pending(7, 0, &[device.key.device.clone()])?;
                draft.add_due(action.created, &action.device.tenant, action.id)
            });
            let read = |view: View<'_>| {
                assert_eq!(view.device(&device.key)?, Some(device.clone()));
                assert_eq!(view.devices(&device.key.tenant, None, 9)?, [device.clone()]);
                let listed = view.product_devices(&device.key.tenant, &device.product, None, 9)?;
                assert_eq!(listed, [device.key.device.clone()]);
                assert_eq!(view.credential(&device.key)?, Some(digest));
                assert_eq!(view.token_owner(&digest)?, Some(Principal::Device(device.key.clone())));
                assert_eq!(view.action(&action.device.tenant, action.id)?, Some(action.clone()));
                assert_eq!(view.actions(&action.device.tenant, None, 9)?, [action.clone()]);
                assert_eq!(view.device_actions(&action.device, None, 9)?, [action.clone()]);
                assert_eq!(view.history(&action.device.tenant, action.id, 0, 9)?, [entry.clone()]);
                assert_eq!(view.image(&image.tenant, image.id)?, Some(image.clone()));
                assert_eq!(view.images(&image.tenant, None, 9)?, [image.clone()]);
                let sums: BTreeSet<_> = image.artifacts.iter().map(|a| a.sha256).collect();
                assert_eq!(view.all_artifacts()?, sums);
                assert_eq!(view.release(&release.tenant, release.id)?, Some(release.clone()));
                assert_eq!(view.releases(&release.tenant, None, 9)?, [release.clone()]);
                assert_eq!(view.offer(&offer.tenant, &offer.product, offer.kind)?, Some(offer.clone()));
                assert_eq!(view.offers(&offer.tenant, None)?, [offer.clone()]);
                assert_eq!(view.offers(&offer.tenant, Some(&offer.product))?, [offer.clone()]);
                assert_eq!(view.deployment(&deployment.tenant, deployment.id)?, Some(deployment.clone()));
                assert_eq!(view.deployments(&deployment.tenant, None, 9)?, [deployment.clone()]);
                assert_eq!(view.operator(&operator.name)?, Some(operator.clone()));
                assert_eq!(view.operators()?, [operator.clone()]);
                assert_eq!(view.token_owner(&operator.digest)?, Some(Principal::Operator(operator.name.clone())));
                assert_eq!(view.tasks(9)?, [(7, task.clone())]);
                assert_eq!(view.pending(7)?, Some((0, vec![device.key.device.clone()])));
                let due = (action.created, action.device.tenant.clone(), action.id);
                assert_eq!(view.due(action.created, 9)?, [due]);
                Ok(())
            };
            look(store, read);
        });
    }

    #[test]
    fn bytes_of_somebody_else_are_an_error_and_never_a_panic(
        device in device(), action in action(), image in image(), task in task(),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in any::<prop::sample::Index>(), noise in prop::collection::vec(any::<u8>(), 0..80),
    ) {
        on_both(|store| {
            change(store, |draft| {
                draft.put_device(&device)?;
                draft.add_action(&action)?;
                draft.put_image(&image)?;
                draft.put_task(1, &task)
            });
            for (table, key, value) in dump_store(store) {
                let mut bent = value.clone();
                for (at, byte) in flips.iter().filter(|_| !value.is_empty()) {
                    bent[at.index(value.len())] = *byte;
                }
                let short = value.get(..cut.index(value.len() + 1)).unwrap_or_default().to_vec();
                let coated = [&[1u8][..], &noise].concat();
                for bytes in [bent, short, noise.clone(), coated] {
                    store.write(&mut |write| write.put(table, &key, &bytes)).expect("a commit");
                    read_everything(store, &device.key.tenant, &action.device, &image.tenant);
                }
            }
        });
    }
}

/// Reads all that there is; an unreadable row is refused as such.
fn read_everything(store: &dyn Store, devices: &TenantId, actions: &DeviceKey, images: &TenantId) {
    let attempts: [fn(View<'_>, &TenantId, &DeviceKey, &TenantId) -> Result<(), StoreError>; 5] = [
        |view, tenant, _, _| view.devices(tenant, None, 9).map(drop),
        |view, _, key, _| view.actions(&key.tenant, None, 9).map(drop),
        |view, _, key, _| view.device_actions(key, None, 9).map(drop),
        |view, _, _, tenant| view.images(tenant, None, 9).map(drop),
        |view, _, _, _| view.tasks(9).map(drop),
    ];
    for attempt in attempts {
        match store.read(&mut |read: &dyn Read| attempt(View(read), devices, actions, images)) {
            Ok(()) | Err(StoreError::Corrupt { .. }) => {}
            Err(other) => panic!("not a matter of records: {other}"),
        }
    }
}

#[test]
fn an_unknown_format_a_missing_byte_and_one_too_many_are_told_apart() {
    on_both(|store| {
        let key = device_named("t", "d");
        let device = updraft::domain::device::Device::new(key.clone(), product("p"), "admin", Time(1));
        change(store, |draft| draft.put_device(&device));
        let good = dump_store(store).into_iter().find(|row| row.0 == Table::Devices).expect("the device").2;
        let check = |bytes: &[u8], expected: &str| {
            store.write(&mut |write| write.put(Table::Devices, b"t\0d", bytes)).expect("a commit");
            let read = store.read(&mut |read: &dyn Read| View(read).device(&key).map(drop));
            let found = read.expect_err("unreadable").to_string();
            assert_eq!(found, format!("table Devices holds a record that cannot be read: {expected}"));
        };
        check(b"", "the record is empty");
        check(&[&[9], &good[1..]].concat(), "format 9 is unknown, 1 is known");
        check(&[&good[..], &[0]].concat(), "the record has bytes after its end");
    });
}

fn name_list() -> Vec<&'static str> {
    // In byte order; the neighbours would be mixed up by keys without an end mark.
    vec!["a", "a-b", "a.b", "a:b", "aa", "ab", "b"]
}

fn tenant_named(name: &str) -> TenantId {
    TenantId::parse(name).unwrap()
}

fn device_named(tenant: &str, device: &str) -> DeviceKey {
    DeviceKey { tenant: tenant_named(tenant), device: DeviceId::parse(device).unwrap() }
}

fn product(name: &str) -> ProductId {
    ProductId::parse(name).unwrap()
}

/// One value of a strategy, the same in every run.
fn sample<S: Strategy>(strategy: S) -> S::Value {
    strategy.new_tree(&mut TestRunner::deterministic()).unwrap().current()
}

/// Walks a list in pages of `limit` and compares the whole walk.
fn check_walk<T: PartialEq + Debug, C>(
    expected: &[T],
    cursor: impl Fn(&T) -> C,
    fetch: impl Fn(Option<&C>, usize) -> Vec<T>,
) {
    assert_eq!(fetch(None, 0), []);
    for limit in [1, 2, 3, 100] {
        let mut walked = Vec::new();
        loop {
            let last = walked.last().map(&cursor);
            let page = fetch(last.as_ref(), limit);
            assert!(page.len() <= limit);
            let done = page.len() < limit;
            walked.extend(page);
            if done {
                break;
            }
        }
        assert_eq!(walked, expected, "in pages of {limit}");
    }
}

#[test]
fn devices_are_listed_in_order_within_their_tenant_and_product() {
    on_both(|store| {
        for tenant in name_list() {
            for name in name_list().into_iter().rev() {
                for product_name in ["a", "a-b"] {
                    let mut value = sample(device());
                    value.key = device_named(tenant, &format!("{name}-{product_name}"));
                    value.product = product(product_name);
                    change(store, |draft| draft.put_device(&value));
                }
            }
        }
        for tenant in name_list().into_iter().map(tenant_named) {
            let mut names: Vec<String> =
                name_list().iter().flat_map(|d| [format!("{d}-a"), format!("{d}-a-b")]).collect();
            names.sort();
            let all: Vec<DeviceId> = names.iter().map(|n| DeviceId::parse(n).unwrap()).collect();
            check_walk(&all, DeviceId::clone, |after, limit| {
                let page = look(store, |view| view.devices(&tenant, after, limit));
                assert!(page.iter().all(|d| d.key.tenant == tenant));
                page.into_iter().map(|d| d.key.device).collect()
            });
            let of_a: Vec<DeviceId> = all.into_iter().filter(|d| d.as_str().ends_with("-a")).collect();
            check_walk(&of_a, DeviceId::clone, |after, limit| {
                look(store, |view| view.product_devices(&tenant, &product("a"), after, limit))
            });
        }
    });
}

#[test]
fn numbered_rows_are_listed_by_number_within_their_tenant() {
    let numbers = [1u64, 2, 255, 256, 65_536, 16_777_216, 2_147_483_647];
    on_both(|store| {
        for tenant in ["a", "a-b", "b"].map(tenant_named) {
            for n in [3usize, 0, 6, 2, 5, 1, 4].map(|i| numbers[i]) {
                let (mut image, mut release) = (sample(image()), sample(release()));
                let (mut action, mut deployment) = (sample(action()), sample(deployment()));
                (image.tenant, release.tenant) = (tenant.clone(), tenant.clone());
                (action.device.tenant, deployment.tenant) = (tenant.clone(), tenant.clone());
                (image.id, release.id) = (ImageId::new(n).unwrap(), ReleaseId::new(n).unwrap());
                (action.id, deployment.id) = (ActionId::new(n).unwrap(), DeploymentId::new(n).unwrap());
                change(store, |draft| {
                    draft.put_image(&image)?;
                    draft.put_release(&release)?;
                    draft.add_action(&action)?;
                    draft.put_deployment(&deployment)
                });
            }
        }
        let tenant = &tenant_named("a");
        let oldest = numbers.map(|n| ImageId::new(n).unwrap());
        check_walk(
            &oldest,
            |id| *id,
            |after, limit| {
                look(store, |view| view.images(tenant, after.copied(), limit)).iter().map(|i| i.id).collect()
            },
        );
        let oldest = numbers.map(|n| ReleaseId::new(n).unwrap());
        check_walk(
            &oldest,
            |id| *id,
            |after, limit| {
                look(store, |view| view.releases(tenant, after.copied(), limit))
                    .iter()
                    .map(|i| i.id)
                    .collect()
            },
        );
        let mut newest = numbers.map(|n| DeploymentId::new(n).unwrap());
        newest.reverse();
        check_walk(
            &newest,
            |id| *id,
            |before, limit| {
                look(store, |view| view.deployments(tenant, before.copied(), limit))
                    .iter()
                    .map(|d| d.id)
                    .collect()
            },
        );
        let mut newest = numbers.map(|n| ActionId::new(n).unwrap());
        newest.reverse();
        check_walk(
            &newest,
            |id| *id,
            |before, limit| {
                look(store, |view| view.actions(tenant, before.copied(), limit))
                    .iter()
                    .map(|a| a.id)
                    .collect()
            },
        );
        let key = DeviceKey { tenant: tenant.clone(), device: sample(action()).device.device };
        check_walk(
            &newest,
            |id| *id,
            |before, limit| {
                look(store, |view| view.device_actions(&key, before.copied(), limit))
                    .iter()
                    .map(|a| a.id)
                    .collect()
            },
        );
    });
}

#[test]
fn history_tasks_pending_and_due_are_listed_in_order() {
    on_both(|store| {
        let (tenant, action) = (tenant_named("a"), ActionId::new(5).unwrap());
        let entries: Vec<_> = (1..=300u32)
            .map(|n| updraft::domain::decide::Entry { at: Time(u64::from(n)), ..sample(entry()) })
            .collect();
        change(store, |draft| {
            // Not in their order, which must not matter.
            for (number, entry) in (1..).zip(&entries).skip(1) {
                draft.add_history(&tenant, action, number, entry)?;
            }
            draft.add_history(&tenant, action, 1, &entries[0])?;
            draft.add_history(&tenant, ActionId::new(6).unwrap(), 1, &entries[0])?;
            for id in [256u64, 1, 2] {
                draft.put_task(id, &sample(task()))?;
                for (slice, device) in (0..).zip(name_list()) {
                    draft.add_pending(id, slice, &[DeviceId::parse(device).unwrap()])?;
                }
            }
            for at in [300u64, 1, 256, 2] {
                draft.add_due(Time(at), &tenant_named("b"), action)?;
                draft.add_due(Time(at), &tenant_named("a"), action)?;
            }
            Ok(())
        });
        check_walk(
            &entries,
            |e| e.at.0 as u32,
            |after, limit| {
                look(store, |view| view.history(&tenant, action, after.copied().unwrap_or(0), limit))
            },
        );
        let tasks = [1, 2, 256].map(|id| (id, sample(task())));
        assert_eq!(look(store, |view| view.tasks(9)), tasks);
        assert_eq!(look(store, |view| view.tasks(2)), tasks[..2]);
        for (slice, device) in (0..).zip(name_list()) {
            let expected = Some((slice, vec![DeviceId::parse(device).unwrap()]));
            assert_eq!(look(store, |view| view.pending(1)), expected);
            change(store, |draft| draft.remove_pending(1, slice));
        }
        assert_eq!(look(store, |view| view.pending(1)), None);
        let due = |at, t| (Time(at), tenant_named(t), action);
        let expected = [due(1, "a"), due(1, "b"), due(2, "a"), due(2, "b"), due(256, "a"), due(256, "b")];
        assert_eq!(look(store, |view| view.due(Time(256), 99)), expected);
        assert_eq!(look(store, |view| view.due(Time(299), 3)), expected[..3]);
        assert_eq!(look(store, |view| view.due(Time(0), 99)), []);
        change(store, |draft| draft.remove_due(Time(1), &tenant, action));
        assert_eq!(look(store, |view| view.due(Time(1), 99)), [due(1, "b")]);
    });
}

#[test]
fn offers_are_listed_by_product_and_type() {
    on_both(|store| {
        let mut all = Vec::new();
        for (product_name, kind) in [("a", 1u64), ("a", 200), ("a-b", 1), ("aa", 3)] {
            let mut value = sample(offer());
            value.tenant = tenant_named("t");
            value.product = product(product_name);
            value.kind = FirmwareType::new(kind).unwrap();
            change(store, |draft| draft.put_offer(&value));
            all.push(value);
        }
        let tenant = &tenant_named("t");
        assert_eq!(look(store, |view| view.offers(tenant, None)), all);
        assert_eq!(look(store, |view| view.offers(tenant, Some(&product("a")))), all[..2]);
        assert_eq!(look(store, |view| view.offers(tenant, Some(&product("b")))), []);
        assert_eq!(look(store, |view| view.offers(&tenant_named("tt"), None)), []);
    });
}

#[test]
fn a_device_leaves_with_its_token_and_its_actions_stay() {
    on_both(|store| {
        let (mut device, mut action) = (sample(device()), sample(action()));
        action.device = device.key.clone();
        device.product = product("old");
        change(store, |draft| {
            draft.add_action(&action)?;
            draft.put_device(&device)?;
            draft.put_credential(&device.key, &Digest([1; 32]))?;
            draft.put_credential(&device.key, &Digest([2; 32]))
        });
        assert_eq!(look(store, |view| view.token_owner(&Digest([1; 32]))), None);
        device.product = product("new");
        change(store, |draft| draft.put_device(&device));
        let tenant = &device.key.tenant;
        assert_eq!(look(store, |view| view.product_devices(tenant, &product("old"), None, 9)), []);
        change(store, |draft| draft.remove_device(&device));
        let left = dump_store(store);
        assert_eq!(left.iter().map(|row| row.0).collect::<Vec<_>>(), [Table::Actions, Table::DeviceActions]);
        assert_eq!(look(store, |view| view.device_actions(&device.key, None, 9)), [action.clone()]);
    });
}

#[test]
fn counters_start_at_one_and_count_apart() {
    on_both(|store| {
        let (a, b) = (tenant_named("a"), tenant_named("b"));
        let kind = |n| FirmwareType::new(n).unwrap();
        let counters = [
            Counter::Action,
            Counter::Image,
            Counter::Release,
            Counter::Deployment,
            Counter::Task,
            Counter::Epoch,
            Counter::ImageNumber(&a, kind(1)),
            Counter::ImageNumber(&a, kind(2)),
            Counter::ImageNumber(&b, kind(1)),
        ];
        for (times, counter) in (0..).zip(counters) {
            change(store, |draft| {
                for expected in 1..=times {
                    assert_eq!(draft.next(counter)?, expected);
                }
                Ok(())
            });
        }
        for (times, counter) in (0..).zip(counters) {
            assert_eq!(look(store, |view| view.counter(counter)), times);
        }
    });
}
