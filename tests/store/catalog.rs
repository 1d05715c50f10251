//! The catalog and the tenants: what is put comes back whole, the index follows the items, and what every tenant has
//! from the start is there without rows.

use proptest::collection::{btree_map, btree_set, vec};
use proptest::option::of;
use proptest::prelude::*;

use updraft::domain::catalog::{AutoAssign, Item, Label, Section, Trail, What};
use updraft::domain::ids::*;
use updraft::domain::seeds::{first_tenant, seeds};
use updraft::domain::tenant::{Set, Setting, Tenant};
use updraft::domain::terms::{Force, Terms, Timeouts, Weight};
use updraft::domain::window::Window;
use updraft::store::Table;
use updraft::store::memory::MemoryStore;

use super::arbitrary::{kind, product, tenant, time};
use super::{change, dump_store, look, on_both};

/// Few texts, so that names meet.
fn text() -> impl Strategy<Value = Box<str>> {
    prop_oneof![3 => "[ab]", 1 => ".{0,20}"].prop_map(String::into_boxed_str)
}

fn item_id() -> impl Strategy<Value = ItemId> {
    prop_oneof![3 => 1..12u64, 1 => 1..=u64::from(ItemId::MAX)].prop_map(|n| ItemId::new(n).unwrap())
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
        time().prop_map(Force::From),
        Just(Force::DownloadOnly)
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

fn what() -> impl Strategy<Value = What> {
    let release = (1..9u64).prop_map(|n| ReleaseId::new(n).unwrap());
    let auto = (release, terms(), text()).prop_map(|(release, terms, by)| AutoAssign { release, terms, by });
    prop_oneof![
        Just(What::DeviceTag),
        Just(What::ReleaseTag),
        (text(), any::<u32>()).prop_map(|(key, max)| What::Type { key, max }),
        (text(), btree_set(kind(), 0..4), btree_set(kind(), 0..4))
            .prop_map(|(key, mandatory, optional)| { What::ReleaseType { key, mandatory, optional } }),
        (product(), btree_set(item_id(), 0..4))
            .prop_map(|(product, release_types)| What::Product { product, release_types }),
        (text(), of(auto)).prop_map(|(query, auto)| What::Filter { query, auto }),
    ]
}

fn item() -> impl Strategy<Value = Item> {
    let label = (text(), of(text()), of(text())).prop_map(|(name, description, colour)| Label {
        name,
        description,
        colour,
    });
    (tenant(), item_id(), label, what(), any::<bool>(), trail()).prop_map(
        |(tenant, id, label, what, deleted, trail)| Item { tenant, id, label, what, deleted, trail },
    )
}

fn a_tenant() -> impl Strategy<Value = Tenant> {
    let setting = prop::sample::select(Setting::ALL);
    let set = (text(), trail()).prop_map(|(value, trail)| Set { value, trail });
    (tenant(), btree_map(setting, set, 0..4), trail()).prop_map(|(id, settings, trail)| Tenant {
        id,
        settings,
        trail,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn items_and_tenants_come_back_whole(item in item(), tenant in a_tenant(), hash in text()) {
        on_both(|store| {
            change(store, |draft| {
                draft.put_item(&item)?;
                draft.put_tenant(&tenant)?;
                draft.put_password("root", Some(&hash))
            });
            let section = item.what.section();
            look(store, |view| {
                assert_eq!(view.item(&item.tenant, section, item.id)?, Some(item.clone()));
                let listed = view.items(&item.tenant, section, None, 999)?;
                assert!(listed.contains(&item), "{item:?} is among those of its section");
                let named = view.item_named(&item.tenant, section, &item.label.name)?;
                assert_eq!(named.filter(|found| found.id == item.id), (!item.deleted).then(|| item.clone()));
                assert_eq!(view.tenant(&tenant.id)?, Some(tenant.clone()));
                assert!(view.tenants(None, 9)?.contains(&tenant), "{tenant:?} is listed");
                assert_eq!((view.password("root")?, view.password("roo")?), (Some(hash.clone()), None));
                Ok(())
            });
            change(store, |draft| draft.put_password("root", None));
            assert_eq!(look(store, |view| view.password("root")), None);
        });
    }

    #[test]
    fn the_index_says_what_the_items_say(steps in vec((item(), any::<bool>()), 1..40)) {
        let store = MemoryStore::new();
        for (item, keep) in &steps {
            let section = item.what.section();
            change(&store, |draft| {
                // Whether a name is free is for the caller to know.
                let named = draft.view().item_named(&item.tenant, section, &item.label.name)?;
                let keyed = match item.what.key() {
                    Some(key) => draft.view().item_keyed(&item.tenant, section, key)?,
                    None => None,
                };
                let free = named.iter().chain(&keyed).all(|other| other.id == item.id);
                match keep {
                    true if free || item.deleted => draft.put_item(item),
                    true => Ok(()),
                    false => draft.remove_item(&item.tenant, section, item.id),
                }
            });
        }
        let (mut rows, mut expected) = (0, 0);
        for (table, _, _) in dump_store(&store) {
            rows += usize::from(table == Table::CatalogNames);
        }
        for tenant in steps.iter().map(|(item, _)| &item.tenant).collect::<std::collections::BTreeSet<_>>() {
            for section in Section::ALL {
                for item in look(&store, |view| view.items(tenant, section, None, 999)) {
                    let named = look(&store, |view| view.item_named(tenant, section, &item.label.name));
                    if item.deleted {
                        assert_ne!(named, Some(item), "a removed item is not found");
                        continue;
                    }
                    if !seeds(tenant, section).contains(&item) {
                        expected += 1 + usize::from(item.what.key().is_some());
                    }
                    assert_eq!(named, Some(item));
                }
            }
        }
        assert_eq!(rows, expected);
    }
}

fn ids(items: &[Item]) -> Vec<u32> {
    items.iter().map(|item| item.id.get()).collect()
}

#[test]
fn the_types_that_every_tenant_has_are_listed_in_pages_among_its_own() {
    on_both(|store| {
        let tenant = TenantId::default();
        let own = |id: u64, name: &str| Item {
            id: ItemId::new(id).unwrap(),
            label: Label { name: name.into(), ..Label::default() },
            what: What::Type { key: name.into(), max: 1 },
            ..seeds(&tenant, Section::Types).remove(0)
        };
        change(store, |draft| {
            draft.put_item(&own(101, "sensor"))?;
            draft.put_item(&own(3, "program"))?;
            draft.put_item(&own(50, "radio"))
        });
        let page = |after: Option<u64>, limit| {
            let after = after.and_then(ItemId::new);
            look(store, |view| view.items(&tenant, Section::Types, after, limit))
        };
        assert_eq!(ids(&page(None, 99)), [1, 2, 3, 4, 5, 6, 7, 8, 9, 50, 101]);
        assert_eq!(ids(&page(None, 4)), [1, 2, 3, 4]);
        assert_eq!(ids(&page(Some(4), 4)), [5, 6, 7, 8]);
        assert_eq!(ids(&page(Some(8), 4)), [9, 50, 101]);
        assert_eq!(page(Some(2), 1), [own(3, "program")]);
        let named =
            |name| look(store, |view| view.item_named(&tenant, Section::Types, name)).map(|i| i.id.get());
        let keyed =
            |key| look(store, |view| view.item_keyed(&tenant, Section::Types, key)).map(|i| i.id.get());
        assert_eq!((named("program"), named("Application"), keyed("application")), (Some(3), None, None));
        assert_eq!((named("OS"), keyed("os"), keyed("sensor")), (Some(9), Some(9), Some(101)));
        change(store, |draft| draft.remove_item(&tenant, Section::Types, ItemId::new(3).unwrap()));
        assert_eq!((named("program"), named("Application"), keyed("application")), (None, Some(3), Some(3)));
    });
}

#[test]
fn the_first_tenant_is_there_without_a_row() {
    on_both(|store| {
        let known = |id: &str| Tenant { id: TenantId::parse(id).unwrap(), ..first_tenant() };
        assert_eq!(look(store, |view| view.tenants(None, 9)), [first_tenant()]);
        assert_eq!(look(store, |view| view.tenant(&TenantId::default())), Some(first_tenant()));
        assert_eq!(look(store, |view| view.tenant(&known("acme").id)), None);
        change(store, |draft| ["zeta", "acme"].iter().try_for_each(|id| draft.put_tenant(&known(id))));
        assert_eq!(look(store, |view| view.tenants(None, 9)), [known("acme"), first_tenant(), known("zeta")]);
        assert_eq!(look(store, |view| view.tenants(None, 2)), [known("acme"), first_tenant()]);
        assert_eq!(look(store, |view| view.tenants(Some(&TenantId::default()), 2)), [known("zeta")]);
    });
}
